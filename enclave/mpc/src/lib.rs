//! Distributed keys: generation, signing and refresh for ECDSA secp256k1, BIP-340 and Ed25519 as synchronous state
//! machines without I/O or clock. No key ever exists in one place.
pub mod hd;

mod envelope;
mod fault;
mod quorum;
mod rounds;
mod transcript;

pub use envelope::{Ceremony, Envelope, Progress, SessionId};
pub use fault::Fault;
