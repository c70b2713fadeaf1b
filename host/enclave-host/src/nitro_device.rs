//! What the `Nitro` back end needs of a parent instance, and the parent instance itself: the driver's device, huge pages, and
//! vsock streams from enclaves.
//!
//! Facts: the kernel's include/uapi/linux/nitro_enclaves.h and drivers/virt/nitro_enclaves.

use crate::StartError;
use crate::calls::{self, HugePage};
pub use crate::calls::{ImageLoadInfo, StartInfo};
use crate::presentation::STREAM_PORT;
use rustix::net::SocketFlags;
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::net::UnixStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Where the kernel's driver puts the device.
const DEVICE: &str = "/dev/nitro_enclaves";
/// Streams kept for enclaves that have not been asked for yet: more than a parent can run.
const STREAMS: usize = 16;
/// After a stream could not be taken.
const PAUSE: Duration = Duration::from_millis(100);

/// The driver's requests, and what they need. An enclave is its descriptor: closing it ends the enclave, and when the enclave
/// ends by itself the descriptor is hung up.
#[async_trait::async_trait]
pub trait NitroParent: Send + Sync + 'static {
    /// Memory that can become an enclave's.
    type Page: NitroPage;

    /// NE_CREATE_VM: an enclave without resources.
    ///
    /// # Errors
    /// The driver's, as of every request.
    fn create_vm(&self) -> io::Result<OwnedFd>;

    /// A huge page of this many bytes, a power of two.
    ///
    /// # Errors
    /// If the kernel has none of this size.
    fn page(&self, bytes: usize) -> io::Result<Self::Page>;

    /// NE_GET_IMAGE_LOAD_INFO: where in the enclave's memory the image begins.
    ///
    /// # Errors
    /// The driver's.
    fn image_load_info(&self, enclave: BorrowedFd<'_>, info: ImageLoadInfo) -> io::Result<ImageLoadInfo>;

    /// NE_SET_USER_MEMORY_REGION: a page becomes the enclave's, and must not be touched any more.
    ///
    /// # Errors
    /// The driver's.
    fn set_user_memory_region(&self, enclave: BorrowedFd<'_>, page: &mut Self::Page) -> io::Result<()>;

    /// NE_ADD_VCPU: a CPU of the pool, 0 for any: which one.
    ///
    /// # Errors
    /// The driver's.
    fn add_vcpu(&self, enclave: BorrowedFd<'_>, cpu: u32) -> io::Result<u32>;

    /// NE_START_ENCLAVE: as it was started.
    ///
    /// # Errors
    /// The driver's.
    fn start_enclave(&self, enclave: BorrowedFd<'_>, info: StartInfo) -> io::Result<StartInfo>;

    /// The stream that the enclave of this address makes to its parent. Waits for it; cancel-safe.
    ///
    /// # Errors
    /// The operating system's.
    async fn stream(&self, cid: u32) -> io::Result<UnixStream>;
}

/// A huge page.
pub trait NitroPage: Send + 'static {
    /// Its bytes, zero at first.
    fn bytes(&mut self) -> &mut [u8];
}

impl NitroPage for HugePage {
    fn bytes(&mut self) -> &mut [u8] {
        HugePage::bytes(self)
    }
}

/// The parent instance that this program runs on.
pub struct NitroDevice {
    device: File,
    streams: Arc<Streams>,
    taking: JoinHandle<()>,
}

impl NitroDevice {
    /// Opens the driver's device and listens for enclaves. One program of a machine can.
    ///
    /// # Errors
    /// [`StartError::NoNitro`] if this machine has no such device, or this user may not open it; [`StartError::Prepare`].
    pub fn open() -> Result<NitroDevice, StartError> {
        NitroDevice::open_at(Path::new(DEVICE))
    }

    fn open_at(path: &Path) -> Result<NitroDevice, StartError> {
        let device = File::options().read(true).write(true).open(path).map_err(StartError::NoNitro)?;
        let listener = calls::vsock_listener(STREAM_PORT).and_then(calls::watched).map_err(StartError::Prepare)?;
        let streams = Arc::new(Streams::default());
        let taking = tokio::spawn(take_streams(listener, streams.clone()));
        Ok(NitroDevice { device, streams, taking })
    }
}

impl Drop for NitroDevice {
    fn drop(&mut self) {
        self.taking.abort();
    }
}

#[async_trait::async_trait]
impl NitroParent for NitroDevice {
    type Page = HugePage;

    fn create_vm(&self) -> io::Result<OwnedFd> {
        let (enclave, slot) = calls::create_vm(self.device.as_fd())?;
        tracing::debug!(slot, "a slot for an enclave");
        Ok(enclave)
    }

    fn page(&self, bytes: usize) -> io::Result<HugePage> {
        HugePage::new(bytes)
    }

    fn image_load_info(&self, enclave: BorrowedFd<'_>, info: ImageLoadInfo) -> io::Result<ImageLoadInfo> {
        calls::image_load_info(enclave, info)
    }

    fn set_user_memory_region(&self, enclave: BorrowedFd<'_>, page: &mut HugePage) -> io::Result<()> {
        calls::set_memory(enclave, page)
    }

    fn add_vcpu(&self, enclave: BorrowedFd<'_>, cpu: u32) -> io::Result<u32> {
        calls::add_vcpu(enclave, cpu)
    }

    fn start_enclave(&self, enclave: BorrowedFd<'_>, info: StartInfo) -> io::Result<StartInfo> {
        calls::start_enclave(enclave, info)
    }

    async fn stream(&self, cid: u32) -> io::Result<UnixStream> {
        let stream = self.streams.of(cid).await?;
        // Reading and writing are the same for every stream socket.
        UnixStream::from_std(std::os::unix::net::UnixStream::from(stream))
    }
}

/// Streams that have come, with the address of the machine that each comes from.
#[derive(Default)]
struct Streams {
    waiting: Mutex<VecDeque<(u32, OwnedFd)>>,
    came: watch::Sender<u64>,
}

impl Streams {
    /// Keeps a stream until it is asked for; the oldest goes when there are too many.
    fn keep(&self, cid: u32, stream: OwnedFd) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() == STREAMS {
            waiting.pop_front();
        }
        waiting.push_back((cid, stream));
        drop(waiting);
        self.came.send_modify(|count| *count += 1);
    }

    /// The first stream of this address.
    async fn of(&self, cid: u32) -> io::Result<OwnedFd> {
        let mut came = self.came.subscribe();
        loop {
            if let Some(stream) = self.take(cid) {
                return Ok(stream);
            }
            came.changed().await.map_err(io::Error::other)?;
        }
    }

    fn take(&self, cid: u32) -> Option<OwnedFd> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let at = waiting.iter().position(|(from, _)| *from == cid)?;
        waiting.remove(at).map(|(_, stream)| stream)
    }
}

/// Every enclave of this machine, and every program on it, reaches this port: a stream counts by its address, and by the document
/// that comes over it.
async fn take_streams(listener: AsyncFd<OwnedFd>, streams: Arc<Streams>) {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    loop {
        let taken = listener.async_io(tokio::io::Interest::READABLE, |socket| {
            let stream = rustix::net::accept_with(socket, flags)?;
            Ok((calls::vsock_peer(stream.as_fd())?, stream))
        });
        match taken.await {
            Ok((cid, stream)) => streams.keep(cid, stream),
            Err(e) => {
                tracing::warn!(code = "enclave.stream", "a stream of an enclave was not taken: {e}");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> (OwnedFd, std::os::unix::net::UnixStream) {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        (ours.into(), theirs)
    }

    #[tokio::test]
    async fn a_stream_goes_to_whoever_started_its_enclave() {
        let streams = Arc::new(Streams::default());
        let asked = tokio::spawn({
            let streams = streams.clone();
            async move { streams.of(18).await }
        });
        tokio::task::yield_now().await;
        let (other, _other) = stream();
        streams.keep(17, other);
        let (wanted, theirs) = stream();
        streams.keep(18, wanted);
        let got = std::os::unix::net::UnixStream::from(asked.await.unwrap().unwrap());
        std::io::Write::write_all(&mut (&theirs), b"x").unwrap();
        let mut byte = [0];
        std::io::Read::read_exact(&mut (&got), &mut byte).unwrap();
        assert!(tokio::time::timeout(PAUSE, streams.of(18)).await.is_err(), "one stream was given twice");
        assert!(streams.of(17).await.is_ok());
    }

    #[tokio::test]
    async fn streams_that_nobody_asks_for_are_bounded() {
        let streams = Streams::default();
        let mut ends = Vec::new();
        for cid in 0..40 {
            let (one, other) = stream();
            streams.keep(cid, one);
            ends.push(other);
        }
        assert_eq!(streams.waiting.lock().unwrap().len(), STREAMS);
        assert!(streams.of(39).await.is_ok());
    }

    #[tokio::test]
    async fn a_machine_without_the_device_says_what_to_do() {
        let none = NitroDevice::open_at(Path::new("/dev/no-such-device")).err().unwrap();
        assert_eq!(none.code(), "enclave.nitro_missing");
        let words = none.to_string();
        assert!(words.contains("EnclaveOptions") && words.contains("nitro-enclaves-allocator"), "{words}");
    }
}
