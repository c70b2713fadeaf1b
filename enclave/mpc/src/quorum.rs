//! Who takes part: the sizes that are allowed, and the lists made from them.

use std::collections::BTreeSet;

use ringi_primitives::scheme::PartyIndex;

use crate::Fault;

/// t of n with 2 <= t <= n <= 9 and 2t > n (PROTOCOL.md: two disjoint quorums must not exist).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quorum {
    threshold: u8,
    parties: u8,
}

impl Quorum {
    pub(crate) fn new(threshold: u8, parties: u8) -> Result<Quorum, Fault> {
        if threshold < 2 || threshold > parties || parties > PartyIndex::MAX {
            return Err(Fault::Misuse("quorum outside 2 <= t <= n <= 9"));
        }
        if u16::from(threshold) * 2 <= u16::from(parties) {
            return Err(Fault::Misuse("quorum must satisfy 2t > n"));
        }
        Ok(Quorum { threshold, parties })
    }

    pub(crate) fn threshold(self) -> u8 {
        self.threshold
    }

    pub(crate) fn parties(self) -> u8 {
        self.parties
    }

    pub(crate) fn all(self) -> BTreeSet<PartyIndex> {
        (1..=self.parties).filter_map(PartyIndex::new).collect()
    }

    /// Everyone but `me`; `Misuse` if `me` is not among the parties.
    pub(crate) fn peers_of(self, me: PartyIndex) -> Result<BTreeSet<PartyIndex>, Fault> {
        let mut all = self.all();
        if !all.remove(&me) {
            return Err(Fault::Misuse("own index is not among the parties"));
        }
        Ok(all)
    }

    /// The signer set as a set: exactly t distinct parties, `me` among them.
    pub(crate) fn signers(self, signers: &[PartyIndex], me: PartyIndex) -> Result<BTreeSet<PartyIndex>, Fault> {
        let set: BTreeSet<PartyIndex> = signers.iter().copied().collect();
        if set.len() != signers.len() || set.len() != usize::from(self.threshold) {
            return Err(Fault::Misuse("the signer set must be exactly t distinct parties"));
        }
        if !set.is_subset(&self.all()) || !set.contains(&me) {
            return Err(Fault::Misuse("the signer set must hold us and only parties of the key"));
        }
        Ok(set)
    }
}
