//! Distributed keys: generation, signing and refresh for ECDSA secp256k1, BIP-340 and Ed25519 as synchronous state
//! machines without I/O or clock. No key ever exists in one place.
pub mod hd;

mod ecdsa;
mod engine;
mod envelope;
mod fault;
mod frost;
mod fuzz;
mod keygen;
mod quorum;
mod refresh;
mod rounds;
mod share;
mod signing;
mod transcript;

pub use engine::{Engine, Threshold};
pub use envelope::{Ceremony, Envelope, Progress, SessionId};
pub use fault::Fault;
pub use fuzz::{fuzz, fuzz_shares};
pub use keygen::{Keygen, KeygenParams};
pub use refresh::{Refresh, RefreshParams};
pub use share::{KeyFacts, KeyShare, UnsealError};
pub use signing::{MAX_MESSAGE_BYTES, MAX_TASKS, SignTask, Signature, Signing, Tweak};
