//! The running hash of everything all participants must agree on (PROTOCOL.md S1).

use std::collections::BTreeMap;

use ringi_primitives::scheme::PartyIndex;
use sha2::{Digest, Sha256};

/// A domain-separated hash over length-prefixed parts, so that no two lists of parts collide.
pub(crate) struct Framed(Sha256);

impl Framed {
    pub(crate) fn new(domain: &'static str) -> Framed {
        Framed(Sha256::new()).part(domain.as_bytes())
    }

    pub(crate) fn part(mut self, bytes: &[u8]) -> Framed {
        self.0.update((bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
        self
    }

    pub(crate) fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// Starts as the hash of the parameters and takes in each round's broadcasts. Two participants hold the same value
/// exactly if they run with the same parameters and saw the same broadcasts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Transcript([u8; 32]);

impl Transcript {
    pub(crate) const LEN: usize = 32;

    pub(crate) fn new(parameters: [u8; 32]) -> Transcript {
        Transcript(parameters)
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Takes in one round's broadcast bodies, ours among them, in the order of the parties.
    pub(crate) fn absorb(&mut self, round: u8, bodies: &BTreeMap<PartyIndex, Vec<u8>>) {
        let mut hash = Framed::new("ringi/mpc/transcript/v1").part(&self.0).part(&[round]);
        for (party, body) in bodies {
            hash = hash.part(&[party.number()]).part(body);
        }
        self.0 = hash.finish();
    }
}
