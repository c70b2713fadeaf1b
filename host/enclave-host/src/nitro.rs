//! The `Nitro` back end: the image in an AWS Nitro enclave, started through the kernel's driver.
//!
//! **Not yet run on AWS.** It is tested against a driver in memory that answers as the kernel's header says, error numbers
//! included; the stream, the challenge and the cosigner behind it are those that the emulated machines run.
//!
//! The driver is asked directly and not through nitro-cli: that program needs a daemon and log folders of root's, answers in
//! text, and stays in the way of the descriptor whose end is the enclave's. Debug mode, in which a parent reads the console
//! and the registers are zero, has no place in here: the one flag of a start is 0.

use crate::calls;
use crate::nitro_device::{ImageLoadInfo, NitroDevice, NitroPage, NitroParent, StartInfo};
use crate::presentation::{challenge, read_image};
use crate::{Enclave, KeyService, Launched, Lifeline, Records, StartError};
use ringi_attestation::Root;
use ringi_eif::Measurements;
use ringi_nsm::{Clock, SystemClock};
use ringi_primitives::scheme::PartyIndex;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::net::UnixStream;
use tokio::time::timeout;

/// `NE_EIF_IMAGE`.
const EIF: u64 = 1;
/// `NE_ENCLAVE_PRODUCTION_MODE`.
const PRODUCTION: u64 = 0;
/// The driver chooses a CPU.
const ANY_CPU: u32 = 0;
/// The hypervisor chooses an address.
const ANY_CID: u64 = 0;
/// Sizes of huge pages, tried from the largest: an enclave may have few regions.
const PAGES: [usize; 2] = [1 << 30, 2 << 20];
const MIB: usize = 1 << 20;
/// AWS's rule: an image unpacks itself into memory.
const IMAGES_IN_MEMORY: usize = 4;
/// `NE_ERR_ENCLAVE_MEM_MIN_SIZE` is the driver's word below it.
const LEAST_MIB: u32 = 64;
/// From the start to the presentation.
const PATIENCE: Duration = Duration::from_secs(120);
/// Addresses up to this one are the hypervisor's, the local machine's, the host's and the parent's.
const WELL_KNOWN_CIDS: u32 = 3;

/// What each enclave is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NitroSettings {
    /// CPUs of the pool; whole cores, so an even number where a core has two.
    pub cpus: u32,
    /// Memory, MiB; an even number.
    pub memory_mib: u32,
}

/// Runs an enclave image in AWS Nitro enclaves. Not yet run on AWS.
pub struct Nitro<P = NitroDevice> {
    parent: Arc<P>,
    settings: NitroSettings,
    image: Arc<Vec<u8>>,
    measurements: Measurements,
    root: Root,
    clock: Arc<dyn Clock>,
    service: Option<KeyService>,
}

impl Nitro {
    /// For the image in this file, on this machine. Its documents must be AWS's.
    ///
    /// # Errors
    /// [`StartError::NoNitro`] on a machine without the driver's device; [`StartError::Image`].
    pub fn open(settings: NitroSettings, image: &Path) -> Result<Nitro, StartError> {
        Nitro::on(NitroDevice::open()?, settings, image, Root::AWS, Arc::new(SystemClock))
    }
}

impl<P: NitroParent> Nitro<P> {
    /// The same on another parent, whose documents this root vouches for.
    ///
    /// # Errors
    /// [`StartError::Image`] if the file is no image, or the memory is too little for it or no whole number of pages.
    pub fn on(
        parent: P,
        settings: NitroSettings,
        image: &Path,
        root: Root,
        clock: Arc<dyn Clock>,
    ) -> Result<Nitro<P>, StartError> {
        let (bytes, _, measurements) = read_image(image)?;
        let memory = usize::try_from(settings.memory_mib).map_or(usize::MAX, |mib| mib.saturating_mul(MIB));
        let least = bytes.len().saturating_mul(IMAGES_IN_MEMORY);
        if !settings.memory_mib.is_multiple_of(2) || settings.memory_mib < LEAST_MIB || memory < least {
            let least = least.div_ceil(2 * MIB).saturating_mul(2).max(LEAST_MIB as usize);
            let words = format!("this image needs an even number of MiB of memory, at least {least}");
            return Err(StartError::Image(words));
        }
        let image = Arc::new(bytes);
        Ok(Nitro { parent: Arc::new(parent), settings, image, measurements, root, clock, service: None })
    }

    /// With the key service of its cosigners.
    #[must_use]
    pub fn with_service(self, service: KeyService) -> Nitro<P> {
        Nitro { service: Some(service), ..self }
    }

    /// What the image measures.
    pub fn measurements(&self) -> Measurements {
        self.measurements
    }

    async fn start(&self) -> Result<(UnixStream, Running<P::Page>), StartError> {
        let (parent, settings, image) = (self.parent.clone(), self.settings, self.image.clone());
        // Pages are filled, and the driver moves memory and CPUs: it takes its time.
        let started = tokio::task::spawn_blocking(move || start(parent.as_ref(), settings, &image)).await;
        let (enclave, cid, pages) = started.map_err(|e| StartError::Prepare(io::Error::other(e)))??;
        let enclave = calls::watched(enclave).map_err(StartError::Prepare)?;
        let mut running = Running { enclave: Some(enclave), _pages: pages };
        tracing::debug!(cid, "a Nitro enclave is started");
        let presented = async {
            let mut stream = self.parent.stream(cid).await.map_err(StartError::Prepare)?;
            challenge(&mut stream, self.measurements, self.root, self.clock.as_ref()).await?;
            Ok(stream)
        };
        tokio::select! {
            presented = timeout(PATIENCE, presented) => match presented {
                Ok(presented) => presented.map(|stream| (stream, running)),
                Err(_) => Err(StartError::Machine("the enclave is silent".into())),
            },
            _ = running.ended() => Err(StartError::Machine("the enclave ended before it presented itself".into())),
        }
    }
}

#[async_trait::async_trait]
impl<P: NitroParent> Enclave for Nitro<P> {
    /// No development sealing key enters the enclave: the image has no place for one.
    async fn launch(&self, _me: PartyIndex, _folder: &Path, _records: Records) -> Result<Launched, StartError> {
        let (stream, running) = self.start().await?;
        let (reader, writer) = stream.into_split();
        Ok(Launched { reader: Box::new(reader), writer: Box::new(writer), life: Box::new(running) })
    }

    fn key_service(&self) -> Option<&KeyService> {
        self.service.as_ref()
    }

    fn kind(&self) -> &'static str {
        "nitro"
    }
}

/// A started enclave: its descriptor, its address, its memory.
type Started<Page> = (OwnedFd, u32, Vec<Page>);

/// Resources first, then the start: the driver takes them in no other order. What is dropped on an error ends the enclave.
fn start<P: NitroParent>(parent: &P, settings: NitroSettings, image: &[u8]) -> Result<Started<P::Page>, StartError> {
    let enclave = parent.create_vm().map_err(of("NE_CREATE_VM"))?;
    let info = parent.image_load_info(enclave.as_fd(), ImageLoadInfo { flags: EIF, memory_offset: 0 });
    let offset = info.map_err(of("NE_GET_IMAGE_LOAD_INFO"))?.memory_offset;
    let mut pages = take_pages(parent, settings.memory_mib)?;
    load(&mut pages, offset, image)?;
    for page in &mut pages {
        parent.set_user_memory_region(enclave.as_fd(), page).map_err(of("NE_SET_USER_MEMORY_REGION"))?;
    }
    for _ in 0..settings.cpus {
        parent.add_vcpu(enclave.as_fd(), ANY_CPU).map_err(of("NE_ADD_VCPU"))?;
    }
    let started = parent.start_enclave(enclave.as_fd(), StartInfo { flags: PRODUCTION, enclave_cid: ANY_CID });
    let cid = started.map_err(of("NE_START_ENCLAVE"))?.enclave_cid;
    match u32::try_from(cid) {
        Ok(cid) if cid > WELL_KNOWN_CIDS => Ok((enclave, cid, pages)),
        _ => Err(StartError::Machine(format!("the driver gives an enclave the address {cid}"))),
    }
}

/// Memory in as few pages as the kernel has.
fn take_pages<P: NitroParent>(parent: &P, memory_mib: u32) -> Result<Vec<P::Page>, StartError> {
    let mut left = usize::try_from(memory_mib).map_or(usize::MAX, |mib| mib.saturating_mul(MIB));
    let mut pages = Vec::new();
    let mut none = None;
    for size in PAGES {
        while left >= size {
            match parent.page(size) {
                Ok(page) => {
                    pages.push(page);
                    left -= size;
                }
                Err(e) => {
                    none = Some(e);
                    break;
                }
            }
        }
    }
    match none {
        Some(e) if left > 0 => Err(of("huge pages")(e)),
        _ => Ok(pages),
    }
}

/// Writes the image where the driver wants it, over as many pages as it takes.
fn load(pages: &mut [impl NitroPage], offset: u64, image: &[u8]) -> Result<(), StartError> {
    let mut skip = usize::try_from(offset).unwrap_or(usize::MAX);
    let mut rest = image;
    for page in pages {
        let bytes = page.bytes();
        let begin = skip.min(bytes.len());
        skip -= begin;
        let room = &mut bytes[begin..];
        let (part, later) = rest.split_at(rest.len().min(room.len()));
        room[..part.len()].copy_from_slice(part);
        rest = later;
    }
    if rest.is_empty() { Ok(()) } else { Err(StartError::Image("does not fit the enclave's memory".into())) }
}

/// A request that the driver, or the kernel, refused.
fn of(request: &'static str) -> impl Fn(io::Error) -> StartError {
    move |error| StartError::Nitro { request, what: meaning(&error), error }
}

/// What to do about it: the error numbers of include/uapi/linux/nitro_enclaves.h that an operator can mend, in words.
fn meaning(error: &io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(libc::ENOMEM) | Some(263 | 273) => {
            "too few huge pages: raise memory_mib in /etc/nitro_enclaves/allocator.yaml and restart nitro-enclaves-allocator"
        }
        Some(272) => {
            "no CPU is left for enclaves: raise cpu_count in /etc/nitro_enclaves/allocator.yaml and restart \
             nitro-enclaves-allocator, or end other enclaves"
        }
        Some(264) => "memory and CPUs are of two NUMA nodes: let the allocator take both from one",
        Some(265) => "memory is in too many pieces: reserve pages of 1 GiB for enclaves",
        Some(267..=269) => "an enclave takes whole cores and at least 64 MiB: set cpus to an even number",
        Some(270) => "the enclave runs already",
        Some(libc::EACCES | libc::EPERM) => "this user may not: it must be in the group `ne`",
        _ => "look at the kernel's log",
    }
}

/// A started enclave, until it is dropped. Its descriptor goes first: that ends it, then its memory is free.
struct Running<Page> {
    enclave: Option<AsyncFd<OwnedFd>>,
    _pages: Vec<Page>,
}

#[async_trait::async_trait]
impl<Page: NitroPage> Lifeline for Running<Page> {
    /// The driver tells that it ended, and not how.
    async fn ended(&mut self) -> Option<i32> {
        if let Some(enclave) = &self.enclave {
            // The descriptor is never readable: it is hung up (EPOLLHUP), or the wait itself fails.
            let _ = enclave.readable().await;
            self.enclave = None;
        }
        None
    }

    fn kill(&mut self) {
        self.enclave = None;
    }

    /// None: without debug mode an enclave has no console.
    fn last_words(&self) -> String {
        "a Nitro enclave has no console".into()
    }
}
