//! Distributed keys: generation, signing and refresh for ECDSA secp256k1, BIP-340 and Ed25519. No key ever exists in one
//! place.
//!
//! Every ceremony is a synchronous machine without I/O or clock: `start` gives the first [`Envelope`]s, then each
//! [`Ceremony::receive`] says what to send and, in the end, what came out. The caller moves envelopes over a confidential
//! channel that proves the sender, keeps time (and asks [`Ceremony::blame_missing`] when it is up), and acts on a [`Fault`].
//!
//! | | ECDSA (dkls23) | BIP-340, Ed25519 (FROST) |
//! |---|---|---|
//! | key generation | 5 rounds, 2 of them echoes | 4 rounds, 2 of them echoes |
//! | refresh | 5 rounds, 2 of them echoes | 3 rounds, 1 of them an echo |
//! | signing | 3 rounds, the last held back | 2 rounds, the last held back |
//!
//! Rules of PROTOCOL.md kept here: K1 (a key has one scheme), K2 (refresh reads the old share and leaves it working), S1 (the
//! session and the hash of all broadcasts are in every message; broadcasts of key generation and refresh are echoed; the
//! last round of signing waits for the caller). Randomness is handed in, but dkls23 takes its own from the operating system.
pub mod hd;
pub mod kit;

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
