//! The cosigner: holds shares, decodes the very bytes, checks its own policy, limits and pins, and only then signs.
//!
//! It knows no file, no socket and no clock: frames in, frames out ([`core::Cosigner::handle`]), time and randomness handed
//! in. One straight line leads to a signature: [`judge`] (bytes to judged request) -> [`permit`] (policy over merged memory)
//! -> committed permit (recorded by all signers) -> [`sign`] (the one file that hands digests to the threshold machines).

pub mod bans;
pub mod boot;
pub mod brakes;
mod braking;
pub mod ceremony;
pub mod channel;
pub mod core;
pub mod counters;
pub mod enclosure;
pub mod facts;
mod intake;
pub mod journal;
pub mod judge;
pub mod keys;
pub mod message;
pub mod permit;
pub mod pins;
mod proofs;
mod recovery;
pub mod refusal;
pub mod session;
pub mod sign;
pub mod spending;
pub mod state;
pub mod upgrade;
