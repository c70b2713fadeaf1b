//! Nonces of request signatures seen by this process, so that reads and transfers cost no write of their own.
//!
//! Writes are remembered durably besides ([`ringi_orchestrator::ports::RequestMemory::fresh_nonce`]; a transfer's nonce in
//! the transfer's own commit), so a restart forgets only reads.

use ringi_primitives::httpsig::RequestSignature;
use ringi_primitives::limits;
use ringi_primitives::time::UnixMs;
use std::collections::{HashMap, hash_map::Entry};
use std::sync::{Mutex, PoisonError};

/// Nonces at once. At the default rate about 400 busy keys; a full table refuses rather than forgets.
const NONCES: usize = 250_000;

/// What this process has seen of a nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// New; remembered from now on.
    Fresh,
    /// Used before.
    Replayed,
    /// There is no room to remember it.
    Full,
}

/// (key and nonce) -> when it may be forgotten.
#[derive(Default)]
pub(crate) struct ReplayTable {
    nonces: Mutex<HashMap<(String, String), u64>>,
}

impl ReplayTable {
    /// Remembers the signature's nonce until no clock within the skew takes the signature any more.
    pub(crate) fn see(&self, signature: &RequestSignature, now: UnixMs) -> Seen {
        let mut nonces = self.nonces.lock().unwrap_or_else(PoisonError::into_inner);
        if nonces.len() >= NONCES {
            nonces.retain(|_, until| *until > now.0);
        }
        let room = nonces.len() < NONCES;
        match nonces.entry((signature.key.text(), signature.nonce.clone())) {
            Entry::Occupied(_) => Seen::Replayed,
            Entry::Vacant(_) if !room => Seen::Full,
            Entry::Vacant(place) => {
                place.insert(forgettable(signature).0);
                Seen::Fresh
            }
        }
    }
}

/// When a signature's nonce may be forgotten.
pub(crate) fn forgettable(signature: &RequestSignature) -> UnixMs {
    UnixMs(signature.expires_s.saturating_mul(1000).saturating_add(limits::CLOCK_SKEW_MS))
}
