//! Why an enclave does not boot. Each is one line on the console and the machine's end.

use ringi_attestation::nsm::NsmError;
use std::io;

/// A reason to end the machine.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InitError {
    /// The kernel does not offer what it must.
    #[error("init.mount: {0}: {1}")]
    Mount(&'static str, io::Error),
    /// No security module: this is no enclave.
    #[error("init.module: there is no security module: {0}")]
    Module(io::Error),
    /// The kernel draws randomness from elsewhere.
    #[error("init.random: the kernel's random source is not the security module's")]
    RandomSource,
    /// The module does not answer.
    #[error("init.nsm: {0}")]
    Nsm(#[from] NsmError),
    /// The kernel does not take the seed.
    #[error("init.seed: {0}")]
    Seed(io::Error),
    /// The parent is not there, or does not speak as agreed.
    #[error("init.stream: {0}")]
    Stream(io::Error),
    /// The cosigner cannot be run without privileges, or not at all.
    #[error("init.cosigner: {0}")]
    Cosigner(io::Error),
}
