//! A device that waits at its socket for an emulator.

use crate::backend::Device;
use ringi_nsm::Module;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use vhost_user_backend::VhostUserDaemon;
use vm_memory::{GuestMemoryAtomic, GuestMemoryMmap};

/// The socket is there within this, or never.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why there is no device.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// The operating system.
    #[error("the security module's device: {0}")]
    System(#[from] io::Error),
    /// The vhost-user side.
    #[error("the security module's device: {0}")]
    Backend(String),
}

/// A device at its socket. It serves one emulator, and ends with it or when this is dropped before one came.
pub struct Served {
    socket: PathBuf,
    thread: Option<JoinHandle<Result<(), DeviceError>>>,
}

/// Serves the module at this socket's path, which is there when this returns. A file of that name is replaced.
///
/// # Errors
/// [`DeviceError`].
pub fn serve(socket: &Path, module: Module) -> Result<Served, DeviceError> {
    let device = Arc::new(Mutex::new(Device::new(module)?));
    let memory = GuestMemoryAtomic::new(GuestMemoryMmap::new());
    let backend = |e: vhost_user_backend::Error| DeviceError::Backend(e.to_string());
    let mut daemon = VhostUserDaemon::new("ringi-nsm".into(), device, memory).map_err(backend)?;
    let path = socket.to_owned();
    let thread = std::thread::Builder::new().name("nsm-device".into());
    let thread = thread.spawn(move || daemon.serve(&path).map_err(backend))?;
    let mut served = Served { socket: socket.to_owned(), thread: Some(thread) };
    let until = Instant::now() + PATIENCE;
    while !socket.exists() {
        if served.thread.as_ref().is_none_or(JoinHandle::is_finished) || Instant::now() > until {
            return Err(served.ended().err().unwrap_or_else(|| DeviceError::Backend("it does not listen".into())));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(served)
}

impl Served {
    /// Waits until the emulator has gone.
    ///
    /// # Errors
    /// Why it went, if not by hanging up.
    pub fn ended(&mut self) -> Result<(), DeviceError> {
        match self.thread.take().map(JoinHandle::join) {
            None | Some(Ok(Ok(()))) => Ok(()),
            Some(Ok(Err(e))) => Err(e),
            Some(Err(_)) => Err(DeviceError::Backend("its thread broke".into())),
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if self.thread.as_ref().is_some_and(|thread| !thread.is_finished()) {
            // Whoever waits for an emulator hears one that hangs up at once.
            let _ = UnixStream::connect(&self.socket);
        }
        let _ = std::fs::remove_file(&self.socket);
    }
}
