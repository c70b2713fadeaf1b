//! The `Qemu` back end: the real image in an emulated machine, for machines without enclaves.
//!
//! As on a Nitro host the image is measured from outside and the measurements stand in the security module before the
//! first instruction runs. Three parts besides QEMU: the emulated module (in this process), `vhost-device-vsock` (a child),
//! and a folder of sockets with a short path, because socket paths are short. The guest connects to us; we speak first.
//! The operator of this machine can do anything here: the module's root is a simulation root (rule E3).

use crate::console::Console;
use crate::presentation::{STREAM_PORT, challenge, random, read_image};
use crate::{Enclave, KeyService, Launched, Lifeline, Records, StartError};
use ringi_attestation::{Attested, PcrIndex};
use ringi_eif::{Image, Measurements};
use ringi_nsm::{Authority, Clock, Module};
use ringi_nsm_device::{Served, VIRTIO_ID};
use ringi_primitives::scheme::PartyIndex;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

/// From QEMU's start to the presentation. An idle machine needs about a second, a busy one many times that.
const PATIENCE: Duration = Duration::from_secs(60);
/// Until a helper's socket is there.
const SOCKET_PATIENCE: Duration = Duration::from_secs(10);

/// What the back end needs besides the image.
#[derive(Clone, Debug)]
pub struct QemuSettings {
    /// QEMU 11 for x86-64 (scripts/qemu.sh prints one).
    pub qemu: PathBuf,
    /// `vhost-device-vsock` (scripts/vhost-vsock.sh prints one).
    pub vsock: PathBuf,
    /// Memory of each machine.
    pub memory_mib: u32,
}

/// Boots an enclave image under QEMU.
pub struct Qemu {
    settings: QemuSettings,
    image: Image,
    measurements: Measurements,
    authority: Arc<Authority>,
    clock: Arc<dyn Clock>,
    service: Option<KeyService>,
}

/// A machine whose image has presented itself.
pub struct Booted {
    /// The one stream, nothing of the cosigner's read yet.
    pub stream: UnixStream,
    /// The document of the image, verified.
    pub attested: Attested,
    /// The document's bytes.
    pub document: Vec<u8>,
    /// The machine's life.
    pub life: Box<dyn Lifeline>,
}

impl Qemu {
    /// For the image in this file.
    ///
    /// # Errors
    /// [`StartError::Image`].
    pub fn new(
        settings: QemuSettings,
        image: &Path,
        authority: Arc<Authority>,
        clock: Arc<dyn Clock>,
    ) -> Result<Qemu, StartError> {
        let (_, image, measurements) = read_image(image)?;
        Ok(Qemu { settings, image, measurements, authority, clock, service: None })
    }

    /// With the key service of its cosigners.
    #[must_use]
    pub fn with_service(self, service: KeyService) -> Qemu {
        Qemu { service: Some(service), ..self }
    }

    /// What the image measures.
    pub fn measurements(&self) -> Measurements {
        self.measurements
    }

    /// Boots the image and has it present itself: the document must be of the machine that was started.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn boot(&self, me: PartyIndex) -> Result<Booted, StartError> {
        let folder = Folder::new()?;
        let listener = UnixListener::bind(folder.path(&format!("vm.vsock_{STREAM_PORT}")));
        let listener = listener.map_err(StartError::Prepare)?;
        let mut machine = self.start(me, folder).await?;
        let presented = async {
            let (mut stream, _) = listener.accept().await.map_err(StartError::Prepare)?;
            let (root, clock) = (self.authority.root(), self.clock.as_ref());
            let (attested, document) = challenge(&mut stream, self.measurements, root, clock).await?;
            Ok::<_, StartError>((stream, attested, document))
        };
        let (stream, attested, document) = tokio::select! {
            presented = timeout(PATIENCE, presented) => match presented {
                Ok(presented) => presented?,
                Err(_) => return Err(StartError::Machine(format!("silent; last: {}", machine.console.last_words()))),
            },
            _ = machine.ended() => {
                return Err(StartError::Machine(format!("it ended; last: {}", machine.console.last_words())));
            }
        };
        Ok(Booted { stream, attested, document, life: Box::new(machine) })
    }

    async fn start(&self, me: PartyIndex, folder: Folder) -> Result<Machine, StartError> {
        let prepare = StartError::Prepare;
        let (kernel, ramdisk) = (folder.path("kernel"), folder.path("ramdisk"));
        std::fs::write(&kernel, &self.image.kernel).map_err(prepare)?;
        std::fs::write(&ramdisk, self.image.ramdisks.concat()).map_err(prepare)?;
        let (vhost, module_socket) = (folder.path("vhost.sock"), folder.path("nsm.sock"));
        let vm = format!("guest-cid=4,socket={},uds-path={}", vhost.display(), folder.path("vm.vsock").display());
        let mut vsock = Command::new(&self.settings.vsock);
        vsock.args(["--vm", &vm]).env_clear().env("RUST_LOG", "error").stdin(Stdio::null()).stdout(Stdio::null());
        let mut vsock = vsock.stderr(Stdio::null()).kill_on_drop(true).spawn().map_err(StartError::Program)?;
        wait_for(&vhost, &mut vsock).await?;
        let module = ringi_nsm_device::serve(&module_socket, self.module()?);
        let module = module.map_err(|e| StartError::Machine(e.to_string()))?;
        let mut qemu = Command::new(&self.settings.qemu);
        qemu.args(self.arguments(&kernel, &ramdisk, &vhost, &module_socket)).env_clear().current_dir("/");
        qemu.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut qemu = qemu.spawn().map_err(StartError::Program)?;
        let console = Console::default();
        if let Some(output) = qemu.stdout.take() {
            tokio::spawn(console.clone().copy(me, output));
        }
        if let Some(errors) = qemu.stderr.take() {
            tokio::spawn(console.clone().copy(me, errors));
        }
        Ok(Machine { qemu, vsock, console, _module: module, _folder: folder })
    }

    /// Without ACPI and PCI the devices are words on the kernel's command line, which QEMU adds behind the measured ones.
    fn arguments(&self, kernel: &Path, ramdisk: &Path, vhost: &Path, module: &Path) -> Vec<String> {
        let memory = self.settings.memory_mib;
        let text = |path: &Path| path.display().to_string();
        let pairs = [
            ("-M", "microvm,acpi=off,pcie=off,memory-backend=mem0".to_owned()),
            ("-accel", "tcg".to_owned()),
            ("-cpu", "max".to_owned()),
            ("-smp", "1".to_owned()),
            ("-m", format!("{memory}M")),
            ("-object", format!("memory-backend-memfd,id=mem0,size={memory}M,share=on")),
            ("-display", "none".to_owned()),
            ("-serial", "stdio".to_owned()),
            ("-kernel", text(kernel)),
            ("-initrd", text(ramdisk)),
            ("-append", self.image.cmdline.clone()),
            ("-chardev", format!("socket,id=vsock,path={}", text(vhost))),
            ("-device", "vhost-user-vsock-device,chardev=vsock".to_owned()),
            ("-chardev", format!("socket,id=nsm,path={}", text(module))),
            ("-device", format!("vhost-user-test-device,chardev=nsm,virtio-id={VIRTIO_ID},num_vqs=1,vq_size=64")),
            ("-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny".to_owned()),
        ];
        let single = ["-nodefaults", "-no-user-config", "-no-reboot"].map(str::to_owned);
        pairs.into_iter().flat_map(|(name, value)| [name.to_owned(), value]).chain(single).collect()
    }

    /// The module of one machine: measured, like the hypervisor does, before it runs.
    fn module(&self) -> Result<Module, StartError> {
        let measured = self.measurements;
        let mut registers = vec![
            (PcrIndex::IMAGE, measured.image),
            (PcrIndex::BOOT, measured.boot),
            (PcrIndex::APPLICATION, measured.application),
        ];
        registers.extend(measured.signer.map(|signer| (PcrIndex::SIGNER, signer)));
        let name = format!("ringi-sim-{}", hex::encode(random::<8>()?));
        Ok(Module::new(&name, &registers, Arc::clone(&self.authority), Arc::clone(&self.clock)))
    }
}

#[async_trait::async_trait]
impl Enclave for Qemu {
    /// No development sealing key enters the machine: the image has no place for one.
    async fn launch(&self, me: PartyIndex, _folder: &Path, _records: Records) -> Result<Launched, StartError> {
        let booted = self.boot(me).await?;
        let (reader, writer) = booted.stream.into_split();
        Ok(Launched { reader: Box::new(reader), writer: Box::new(writer), life: booted.life })
    }

    fn key_service(&self) -> Option<&KeyService> {
        self.service.as_ref()
    }

    fn kind(&self) -> &'static str {
        "qemu"
    }
}

/// Until a child has made its socket.
async fn wait_for(socket: &Path, child: &mut Child) -> Result<(), StartError> {
    let there = async {
        while !socket.exists() {
            sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::select! {
        there = timeout(SOCKET_PATIENCE, there) => {
            there.map_err(|_| StartError::Machine("its stream socket is not there in time".into()))
        }
        _ = child.wait() => Err(StartError::Machine("vhost-device-vsock ended at once".into())),
    }
}

/// A running machine. Fields are dropped in this order: QEMU goes first, its devices after it.
struct Machine {
    qemu: Child,
    vsock: Child,
    console: Console,
    _module: Served,
    _folder: Folder,
}

#[async_trait::async_trait]
impl Lifeline for Machine {
    async fn ended(&mut self) -> Option<i32> {
        let _ = self.qemu.wait().await;
        // The console's last lines may still be on their way.
        sleep(Duration::from_millis(20)).await;
        let _ = self.vsock.start_kill();
        self.console.exit_code()
    }

    fn kill(&mut self) {
        if let Err(e) = self.qemu.start_kill() {
            tracing::debug!(code = "enclave.kill", "the machine had ended already: {e}");
        }
    }

    fn last_words(&self) -> String {
        self.console.last_words()
    }
}

/// A folder of our own for sockets, away when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Folder, StartError> {
        let path = std::env::temp_dir().join(format!("ringi-{}", hex::encode(random::<6>()?)));
        // `sun_path` holds 108 bytes; the longest name in here has 13.
        if path.as_os_str().len() > 90 {
            let long =
                io::Error::new(io::ErrorKind::InvalidInput, "the folder for temporary files has too long a path");
            return Err(StartError::Prepare(long));
        }
        DirBuilder::new().mode(0o700).create(&path).map_err(StartError::Prepare)?;
        Ok(Folder(path))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
