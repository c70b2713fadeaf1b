//! The seam between a running enclave and its kind: process, emulator, hardware.

use crate::{KeyService, StartError};
use ringi_primitives::scheme::PartyIndex;
use std::path::Path;
use tokio::io::{AsyncRead, AsyncWrite};

/// A kind of enclave: knows how to bring a cosigner up with its one stream and its sealing key.
#[async_trait::async_trait]
pub trait Enclave: Send + Sync + 'static {
    /// Starts the cosigner. `folder` is its own and kept between starts.
    ///
    /// # Errors
    /// [`StartError`].
    async fn launch(&self, me: PartyIndex, folder: &Path, records: Records) -> Result<Launched, StartError>;

    /// What its cosigners ask for the key that seals their records; `None`: it comes over a descriptor (development).
    fn key_service(&self) -> Option<&KeyService> {
        None
    }

    /// The name operators see: `process`, `qemu`, `nitro`.
    fn kind(&self) -> &'static str;
}

/// Whether a cosigner starts for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Records {
    /// It has none: a new sealing key may be made.
    None,
    /// It has some: without the key that sealed them it must not start.
    Some,
}

/// A started enclave.
pub struct Launched {
    /// Frames from the cosigner.
    pub reader: Box<dyn AsyncRead + Send + Unpin>,
    /// Frames to the cosigner.
    pub writer: Box<dyn AsyncWrite + Send + Unpin>,
    /// Its life. Dropping it kills the cosigner.
    pub life: Box<dyn Lifeline>,
}

/// The life of a started enclave.
#[async_trait::async_trait]
pub trait Lifeline: Send {
    /// Waits for its end: the exit code, or `None` if it was killed or the end is unknown. Cancel-safe.
    async fn ended(&mut self) -> Option<i32>;

    /// Ends it now. [`Lifeline::ended`] resolves afterwards.
    fn kill(&mut self);

    /// What it said last, once it has ended: the lines that tell why.
    fn last_words(&self) -> String;
}
