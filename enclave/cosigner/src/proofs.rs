//! Rule E2: peers prove to each other, inside their channel, that they run an allowed image of this workspace.
//!
//! A document answers the handshakes of both directions, so it is worth nothing in any other channel. Nothing is said to
//! a peer, and nothing is heard of it, before its proof holds; a proof holds for an hour, and not past a new policy.

use crate::core::Cosigner;
use crate::message::PeerMessage;
use ringi_attestation::{CosignerIs, Moment};
use ringi_primitives::cbor;
use ringi_primitives::claim::Claim;
use ringi_primitives::digest::Digest;
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::time::UnixMs;
use std::collections::{BTreeMap, VecDeque};

/// A proof holds so long.
const HOLDS_MS: u64 = 3_600_000;
/// A new one is sent before the old one ends.
const AGAIN_MS: u64 = 50 * 60_000;
/// After a new policy, a peer has so long to prove itself again.
const GRACE_MS: u64 = 10_000;
/// A document is made for the channel and comes at once.
const MAX_AGE_MS: u64 = 300_000;
/// Messages that wait for a peer's proof; more than this and the oldest goes, as if the relay had dropped it.
const WAITING: usize = 256;

/// A proof that nobody heard is sent again: the relay may have lost it.
const UNHEARD_MS: u64 = 2_000;

/// A proof on its way.
struct Sent {
    /// What it answers.
    of: Digest,
    at: UnixMs,
    /// Whether the peer took it.
    heard: bool,
}

/// Who has proved what to whom. Empty for a plain process, where nothing is asked.
#[derive(Default)]
pub struct Proofs {
    /// What was answered to each peer last.
    sent: BTreeMap<PartyIndex, Sent>,
    /// What each peer answered, and until when it holds.
    held: BTreeMap<PartyIndex, (Digest, UnixMs)>,
    waiting: BTreeMap<PartyIndex, VecDeque<Vec<u8>>>,
}

impl Proofs {
    /// A peer took our proof.
    pub(crate) fn heard(&mut self, from: PartyIndex, handshakes: Digest) {
        if let Some(sent) = self.sent.get_mut(&from).filter(|s| s.of == handshakes) {
            sent.heard = true;
        }
    }
}

impl Proofs {
    /// This peer was replaced (rule K3).
    pub(crate) fn forget(&mut self, peer: PartyIndex) {
        self.sent.remove(&peer);
        self.held.remove(&peer);
        self.waiting.remove(&peer);
    }
}

impl Cosigner {
    /// Whether this peer may be spoken with: always in a plain process, else while its proof holds for the live channel.
    pub(crate) fn is_proved(&self, peer: PartyIndex) -> bool {
        if self.enclosure.is_none() {
            return true;
        }
        let live = self.channels.as_ref().and_then(|c| c.handshakes(peer));
        // E2: for this channel, and for an hour at most.
        let holds = |(answered, until): &(Digest, UnixMs)| Some(*answered) == live && self.now < *until;
        self.proofs.held.get(&peer).is_some_and(holds)
    }

    /// Peers whose proof holds.
    pub(crate) fn proved_peers(&self) -> Vec<PartyIndex> {
        if self.enclosure.is_none() {
            return Vec::new();
        }
        self.peers().into_iter().filter(|p| self.is_proved(*p)).collect()
    }

    /// A message that waits until the peer has proved itself.
    pub(crate) fn hold_for_proof(&mut self, peer: PartyIndex, message: Vec<u8>) {
        let waiting = self.proofs.waiting.entry(peer).or_default();
        if waiting.len() >= WAITING {
            waiting.pop_front();
        }
        waiting.push_back(message);
    }

    /// Sends a proof wherever the channel or the hour asks for a new one.
    pub(crate) fn prove_to_peers(&mut self) {
        if self.enclosure.is_none() {
            return;
        }
        for peer in self.peers() {
            let Some(live) = self.channels.as_ref().and_then(|c| c.handshakes(peer)) else { continue };
            let sent = self.proofs.sent.get(&peer);
            let fresh = sent.is_some_and(|s| {
                let again = if s.heard { AGAIN_MS } else { UNHEARD_MS };
                s.of == live && self.now.distance_ms(s.at) < again
            });
            if !fresh && let Some(document) = self.own_document(&live.0) {
                self.proofs.sent.insert(peer, Sent { of: live, at: self.now, heard: false });
                self.send_now(peer, &PeerMessage::Proof { document: document.into() });
            }
        }
    }

    /// E2: a peer's proof: an allowed image, this workspace, its own channel key, answering this very channel.
    pub(crate) fn take_proof(&mut self, from: PartyIndex, document: &[u8]) {
        let (Some(enclosure), Some(genesis)) = (&self.enclosure, &self.state.genesis) else { return };
        let Some(live) = self.channels.as_ref().and_then(|c| c.handshakes(from)) else { return };
        let moment = Moment::Now { max_age_ms: MAX_AGE_MS };
        let is = CosignerIs { genesis, cosigner: from, roots: enclosure.roots(), moment, nonce: &live.0 };
        match is.verify(document, self.now) {
            Ok(_) => {
                let until = UnixMs(self.now.0.saturating_add(HOLDS_MS));
                self.proofs.held.insert(from, (live, until));
                self.send_now(from, &PeerMessage::ProofHeard { handshakes: live });
                let waiting = self.proofs.waiting.remove(&from).unwrap_or_default();
                waiting.into_iter().for_each(|message| self.send_bytes(from, &message));
            }
            Err(error) => {
                self.proofs.held.remove(&from);
                self.event(error.code(), Some(from), None);
            }
        }
    }

    /// E2: a new policy asks for new proofs, soon.
    pub(crate) fn ask_proofs_again(&mut self) {
        let soon = UnixMs(self.now.0.saturating_add(GRACE_MS));
        self.proofs.held.values_mut().for_each(|(_, until)| *until = (*until).min(soon));
        self.proofs.sent.clear();
        self.prove_to_peers();
    }

    /// A document of this cosigner that answers `nonce` and claims what it is; `None` from a plain process.
    pub(crate) fn own_document(&mut self, nonce: &[u8]) -> Option<Vec<u8>> {
        let claim = cbor::encode(&self.claim()?);
        match self.enclosure.as_mut()?.document(Some(nonce), Some(&claim), None) {
            Ok(document) => Some(document),
            Err(_) => {
                self.event("enclosure.module", None, None);
                None
            }
        }
    }

    fn claim(&self) -> Option<Claim> {
        let identity = self.state.identity.as_ref()?;
        Some(Claim {
            version: 1,
            genesis: self.state.genesis.as_ref().map(|g| g.root()),
            cosigner: self.me,
            channel_key: identity.channel_public,
            identity_key: identity.key.public(),
            receipt_key: self.receipt_key.public(),
            boot: self.state.boot,
        })
    }
}
