//! The `Process` back end: a cosigner as an ordinary child process. For development and for trust in the operator.
//!
//! The child gets an empty environment, no arguments and three descriptors: 0 is one end of a socket pair (the stream,
//! both directions), 1 the emulated security module or the read end of a pipe with the 32 bytes of the development sealing
//! key, 2 its log. It confines itself before it becomes the program (confine.rs), or it does not start.

use crate::confine::confine;
use crate::console::Console;
use crate::sealing_key::SealingKey;
use crate::{Enclave, KeyService, Launched, Lifeline, Records, StartError};
use ringi_attestation::{Pcr, PcrIndex};
use ringi_nsm::{Authority, Clock, Module};
use ringi_primitives::scheme::PartyIndex;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

/// An ended child's last lines are waited for so long: a process that it left behind may hold the pipe open.
const LAST_LINES: Duration = Duration::from_millis(500);

/// Runs `ringi-cosigner` as a child process.
#[derive(Clone)]
pub struct Process {
    program: PathBuf,
    emulation: Option<Emulation>,
}

/// What makes a plain process go the attested way: an emulated security module, and a key service that believes it. It
/// protects from nobody who is root on this machine (rule E3).
#[derive(Clone)]
pub struct Emulation {
    /// Vouches for the module's documents.
    pub authority: Arc<Authority>,
    /// What the module says was booted.
    pub measurements: Vec<(PcrIndex, Pcr)>,
    /// Where the cosigner's key comes from.
    pub service: KeyService,
    /// The module's clock.
    pub clock: Arc<dyn Clock>,
}

impl Emulation {
    /// The registers of a program that no hypervisor measured: its bytes as the application, under a boot of its own, so that
    /// they are never an image's.
    ///
    /// # Errors
    /// If the program cannot be read.
    pub fn measure(program: &Path) -> std::io::Result<Vec<(PcrIndex, Pcr)>> {
        let bytes = std::fs::read(program)?;
        Ok(vec![
            (PcrIndex::IMAGE, Pcr::of_image([PROCESS, &bytes])),
            (PcrIndex::BOOT, Pcr::of_image([PROCESS])),
            (PcrIndex::APPLICATION, Pcr::of_image([&bytes[..]])),
        ])
    }
}

/// In the place of a kernel and its ramdisk.
const PROCESS: &[u8] = b"ringi/process/v1";

impl Process {
    /// With the path of the program; its sealing key is the folder's development key.
    pub fn new(program: impl Into<PathBuf>) -> Process {
        Process { program: program.into(), emulation: None }
    }

    /// The same under attestation.
    pub fn attested(program: impl Into<PathBuf>, emulation: Emulation) -> Process {
        Process { program: program.into(), emulation: Some(emulation) }
    }

    /// What becomes the child's descriptor 1.
    fn module_or_key(&self, me: PartyIndex, folder: &Path, records: Records) -> Result<OwnedFd, StartError> {
        match &self.emulation {
            Some(emulation) => emulation.serve(me).map_err(StartError::Prepare),
            None => {
                let key = SealingKey::load_or_make(folder, records)?;
                let (key_reader, mut key_writer) = std::io::pipe().map_err(StartError::Prepare)?;
                // 32 bytes fit every pipe's buffer: this does not wait for the child.
                key_writer.write_all(key.expose()).map_err(StartError::Prepare)?;
                Ok(OwnedFd::from(key_reader))
            }
        }
    }

    fn spawn(&self, me: PartyIndex, folder: &Path, records: Records) -> Result<(Child, UnixStream), StartError> {
        let module = self.module_or_key(me, folder, records)?;
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().map_err(StartError::Prepare)?;
        let mut command = Command::new(&self.program);
        command
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::from(module))
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let report = confine(&mut command, &self.program)?;
        let spawned = command.spawn();
        // With it goes this process' end of the report.
        drop(command);
        let child = report.of(me, spawned)?;
        ours.set_nonblocking(true).map_err(StartError::Prepare)?;
        Ok((child, UnixStream::from_std(ours).map_err(StartError::Prepare)?))
    }
}

#[async_trait::async_trait]
impl Enclave for Process {
    async fn launch(&self, me: PartyIndex, folder: &Path, records: Records) -> Result<Launched, StartError> {
        let (mut child, stream) = self.spawn(me, folder, records)?;
        let console = Console::default();
        let copying = child.stderr.take().map(|log| tokio::spawn(console.clone().copy(me, log)));
        let (reader, writer) = stream.into_split();
        let life = ChildLife { child, console, copying };
        Ok(Launched { reader: Box::new(reader), writer: Box::new(writer), life: Box::new(life) })
    }

    fn key_service(&self) -> Option<&KeyService> {
        self.emulation.as_ref().map(|e| &e.service)
    }

    fn kind(&self) -> &'static str {
        "process"
    }
}

impl Emulation {
    /// A fresh module for one run, on a thread that ends when the child does: registers do not outlive a boot.
    fn serve(&self, me: PartyIndex) -> std::io::Result<OwnedFd> {
        let (mut ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        let name = format!("i-process-enc{me}");
        let mut module = Module::new(&name, &self.measurements, self.authority.clone(), self.clock.clone());
        std::thread::Builder::new().name(name).spawn(move || {
            if let Err(e) = ringi_nsm::socket::serve(&mut module, &mut ours) {
                tracing::warn!(code = "enclave.module", "emulated security module: {e}");
            }
        })?;
        Ok(OwnedFd::from(theirs))
    }
}

struct ChildLife {
    child: Child,
    console: Console,
    copying: Option<JoinHandle<()>>,
}

#[async_trait::async_trait]
impl Lifeline for ChildLife {
    async fn ended(&mut self) -> Option<i32> {
        let status = self.child.wait().await;
        if let Some(copying) = &mut self.copying {
            let _ = tokio::time::timeout(LAST_LINES, copying).await;
            self.copying = None;
        }
        status.ok().and_then(|status| status.code())
    }

    fn kill(&mut self) {
        if let Err(e) = self.child.start_kill() {
            tracing::debug!(code = "enclave.kill", "cosigner had ended already: {e}");
        }
    }

    fn last_words(&self) -> String {
        self.console.last_words()
    }
}
