//! Bans (rule K2): a counterparty caught by a failed check is excluded durably, and nothing more is signed before enough
//! peers exclude it too. A ban ends only with a refresh under an order.
//!
//! A ban lies in the journal, who else holds it only in memory: after a restart the peers' grants say so again.

use crate::core::Cosigner;
use crate::message::PeerMessage;
use crate::refusal::Code;
use crate::state::Record;
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::time::UnixMs;
use ringi_primitives::wire::Refusal;
use std::collections::{BTreeMap, BTreeSet};

/// A lost acknowledgement must not stall the signers for long.
const TELL_AGAIN_MS: u64 = 500;

/// What peers are known to exclude, learnt in this boot.
#[derive(Default)]
pub struct Bans {
    held_by: BTreeMap<PartyIndex, BTreeSet<PartyIndex>>,
    told_at: UnixMs,
}

impl Cosigner {
    /// K2: excludes cosigners after a failed check: durably, in every session, and at the peers.
    pub(crate) fn ban(&mut self, parties: &[PartyIndex]) {
        self.exclude(parties);
        self.spread_bans();
    }

    /// K2: a peer excluded somebody after a failed check. Nobody can talk us into excluding ourselves.
    pub(crate) fn take_ban(&mut self, from: PartyIndex, parties: &[PartyIndex]) {
        let others: Vec<PartyIndex> = parties.iter().copied().filter(|p| *p != self.me && *p != from).collect();
        self.exclude(&others);
        self.note_bans(from, &others);
        let parties = self.state.banned.iter().copied().collect();
        self.tell(from, &PeerMessage::BanHeard { parties });
    }

    /// A peer says whom it excludes. Signatures that waited for that go on.
    pub(crate) fn note_bans(&mut self, from: PartyIndex, parties: &[PartyIndex]) {
        self.bans.held_by.entry(from).or_default().extend(parties);
        self.advance_stored_sessions();
    }

    fn exclude(&mut self, parties: &[PartyIndex]) {
        let fresh: Vec<PartyIndex> = parties.iter().copied().filter(|p| !self.state.banned.contains(p)).collect();
        if fresh.is_empty() {
            return;
        }
        self.record(&[Record::Banned { parties: fresh.clone() }]);
        for party in fresh {
            self.event("cosigner.banned", Some(party), None);
            self.end_sessions_with(party);
        }
    }

    /// K2: the refusal while a ban held here has not reached n - t + 1 peers, or all that are not banned themselves: those
    /// are not waited for, else they could stop the others for ever.
    pub(crate) fn ban_refusal(&self) -> Option<Refusal> {
        let banned = &self.state.banned;
        let asked: Vec<PartyIndex> = self.peers().into_iter().filter(|p| !banned.contains(p)).collect();
        let holds = |p: &&PartyIndex| self.bans.held_by.get(p).is_some_and(|held| banned.is_subset(held));
        let grant = self.state.genesis.as_ref().map_or(usize::MAX, |g| g.head().grant_size());
        let unheard = !banned.is_empty() && asked.iter().filter(holds).count() < grant.min(asked.len());
        unheard.then(|| Code::BanUnheard.because("too few peers know of a ban (K2)"))
    }

    /// While a ban has not reached enough peers, tells them again from time to time.
    pub(crate) fn retry_bans(&mut self) {
        let waiting = self.boot.is_ready() && self.ban_refusal().is_some();
        if waiting && self.now.distance_ms(self.bans.told_at) >= TELL_AGAIN_MS {
            self.spread_bans();
        }
    }

    fn spread_bans(&mut self) {
        self.bans.told_at = self.now;
        let parties = self.state.banned.iter().copied().collect();
        self.tell_all(&PeerMessage::Ban { parties });
    }
}
