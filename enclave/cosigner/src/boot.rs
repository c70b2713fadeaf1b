//! Rule B1: a started cosigner signs nothing until peers grant its boot and hand over what they remember.
//!
//! A grant needs n-t+1 live peers, or the admin quorum's resume. Peers refuse a boot number they have seen and a journal
//! that is shorter than what they know this cosigner recorded: that is a state blob rolled back.

use crate::channel::Channels;
use crate::core::Cosigner;
use crate::message::{BootAsk, BootGrant, PeerMessage};
use crate::refusal::Code;
use crate::state::{PeerHead, Record};
use ringi_primitives::cbor;
use ringi_primitives::genesis::Assurance;
use ringi_primitives::key::PublicKey;
use ringi_primitives::receipt::{BootCertificate, SignedBoot};
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::time::UnixMs;
use ringi_primitives::wire::{FromCosigner, Refusal};
use std::collections::{BTreeMap, BTreeSet};

/// Entries and pins of one message of a grant, encoded bytes: well below what a channel carries at once.
const PART_BYTES: usize = 1024 * 1024;
/// Asking again is cheap; a lost answer must not stall a restart.
const ASK_AGAIN_MS: u64 = 500;

/// Where this boot stands.
#[derive(Default)]
pub struct Boot {
    ready: bool,
    granted: BTreeSet<PartyIndex>,
    /// The next part of each peer's unfinished grant.
    parts: BTreeMap<PartyIndex, u32>,
    refused: Option<Code>,
    asked_at: UnixMs,
    /// The record of this boot's number: peers hear of the number once it cannot be forgotten.
    numbered: u64,
    /// Boots of peers granted here, with their keys; older ones are fenced.
    fenced: BTreeMap<PartyIndex, (u64, PublicKey)>,
}

impl Boot {
    /// Whether this boot may sign.
    pub fn is_ready(&self) -> bool {
        self.ready
    }

    /// E1: this boot does nothing any more.
    pub(crate) fn close(&mut self) {
        (self.ready, self.refused) = (false, Some(Code::HandedOver));
    }

    /// The boot of a peer whose messages are taken.
    pub(crate) fn fenced(&self, peer: PartyIndex) -> Option<u64> {
        self.granted_to(peer).map(|(boot, _)| boot)
    }

    /// The same with its key.
    pub(crate) fn granted_to(&self, peer: PartyIndex) -> Option<(u64, PublicKey)> {
        self.fenced.get(&peer).copied()
    }

    /// This peer was replaced (rule K3): its boots are another's.
    pub(crate) fn forget(&mut self, peer: PartyIndex) {
        self.granted.remove(&peer);
        self.parts.remove(&peer);
        self.fenced.remove(&peer);
    }

    /// B1: the refusal while it may not.
    pub fn refusal(&self) -> Option<Refusal> {
        if self.ready {
            return None;
        }
        Some(match self.refused {
            Some(Code::HandedOver) => Code::HandedOver.because("E1"),
            Some(code) => code.because("B1"),
            None => Code::BootUngranted.because("too few peers have granted this boot (B1)"),
        })
    }
}

impl Cosigner {
    /// Takes the next boot number, opens channels and asks every peer.
    pub(crate) fn begin_boot(&mut self) {
        self.bind_registers();
        let (Some(genesis), Some(identity)) = (&self.state.genesis, &self.state.identity) else { return };
        self.channels = Some(Channels::new(genesis, self.me, &identity.channel_secret));
        let boot = self.state.boot.saturating_add(1);
        // B1: only what a granted boot recorded counts as remembered.
        let whole = if self.state.granted { self.sequence() } else { self.state.whole };
        self.boot.numbered = self.record(&[Record::Boot { boot, whole }]);
        for peer in self.peers() {
            self.reconnect(peer);
        }
    }

    /// The boot's number is durable: a restart will take a higher one, so peers may hear of it.
    pub(crate) fn advance_stored_boot(&mut self) {
        if self.is_ungranted() && self.boot.asked_at == UnixMs::default() {
            self.ask_peers();
        }
    }

    fn is_ungranted(&self) -> bool {
        let numbered = self.channels.is_some() && self.stored >= self.boot.numbered;
        numbered && !self.boot.ready && self.boot.refused.is_none()
    }

    fn ask_peers(&mut self) {
        self.boot.asked_at = self.now;
        let key = self.receipt_key.public();
        let ask = PeerMessage::BootAsk(BootAsk { boot: self.state.boot, sequence: self.state.whole, key });
        for peer in self.peers() {
            if !self.boot.granted.contains(&peer) {
                self.tell(peer, &ask);
            }
        }
    }

    /// While ungranted, asks again from time to time.
    pub(crate) fn retry_boot(&mut self) {
        if self.is_ungranted() && self.now.distance_ms(self.boot.asked_at) >= ASK_AGAIN_MS {
            self.ask_peers();
        }
    }

    /// The relay reaches this peer (again). A channel that is still opening may have lost its first frame.
    pub(crate) fn peer_up(&mut self, peer: PartyIndex) {
        if self.channels.as_ref().is_some_and(|c| !c.is_open(peer)) {
            self.reconnect(peer);
        }
        self.retry_boot();
    }

    /// A peer has started: grant its boot, fence the older one, hand over everything; or refuse.
    pub(crate) fn answer_boot(&mut self, from: PartyIndex, ask: &BootAsk) {
        let head = self.state.peer_heads.get(&from).copied().unwrap_or_default();
        let asked = Some((ask.boot, ask.key));
        let fenced = self.boot.fenced.get(&from).copied();
        // Granted by an earlier boot of ours counts too.
        let granted = fenced.or_else(|| head.key.map(|key| (head.boot, key)));
        // B1: a boot number is granted once, to one key; that key asking again is a lost answer, another is a second copy.
        if ask.boot < head.boot || (ask.boot == head.boot && granted != asked) {
            return self.refuse_boot(from, ask.boot, Code::BootRolledBack);
        }
        // B1: it must hold at least what we know it recorded.
        if ask.sequence < head.sequence {
            self.event("boot.rolled_back", Some(from), None);
            return self.refuse_boot(from, ask.boot, Code::BootRolledBack);
        }
        // B1: only who lived through it knows that it remembers all: records that were rolled back agree with each other.
        if !self.boot.ready && !self.believes_records() {
            return self.refuse_boot(from, ask.boot, Code::BootUngranted);
        }
        if fenced != asked {
            self.boot.fenced.insert(from, (ask.boot, ask.key));
            let head = PeerHead { boot: ask.boot, sequence: ask.sequence, key: Some(ask.key) };
            self.record(&[head.record(from)]);
            self.end_sessions_with(from);
        }
        if self.remembers_nothing() {
            return self.event("boot.nothing_remembered", Some(from), None);
        }
        self.grant_boot(from, ask.boot);
    }

    /// Whether what is recorded counts as remembered while no boot is granted: there is no share to protect yet, or the host
    /// could do anything anyway (rule E3). Else nobody is let in until the admin quorum lets somebody resume.
    fn believes_records(&self) -> bool {
        self.state.keys.is_empty() || self.assurance() != Assurance::Nitro
    }

    /// Hands over everything, in as many messages as it takes; one at a time is in memory.
    fn grant_boot(&mut self, to: PartyIndex, boot: u64) {
        let spending = cuts(self.state.spending.all().map(|(s, _)| s));
        let pins = cuts(self.state.pins.all().map(|(p, _)| p));
        let brakes = cuts(self.state.brakes.all());
        let lifts = cuts(self.state.brakes.lifts());
        let parts = [&spending, &pins, &brakes, &lifts].map(Vec::len).into_iter().max().unwrap_or_default().max(1);
        for part in 0..parts {
            let first = part == 0;
            let (skip, take) = spending.get(part).copied().unwrap_or_default();
            let entries = self.state.spending.all().skip(skip).take(take).map(|(s, _)| s).collect();
            let (skip, take) = pins.get(part).copied().unwrap_or_default();
            let pins = self.state.pins.all().skip(skip).take(take).map(|(p, _)| p).collect();
            let (skip, take) = brakes.get(part).copied().unwrap_or_default();
            let brakes = self.state.brakes.all().skip(skip).take(take).cloned().collect();
            let (skip, take) = lifts.get(part).copied().unwrap_or_default();
            let lifts = self.state.brakes.lifts().skip(skip).take(take).cloned().collect();
            let grant = BootGrant {
                boot,
                brakes,
                lifts,
                spending: entries,
                pins,
                banned: if first { self.state.banned.iter().copied().collect() } else { vec![] },
                orders: if first { self.state.orders.iter().copied().collect() } else { vec![] },
                policy: self.state.policy.as_ref().filter(|_| first).map(|p| p.signed.clone()),
                certificates: self
                    .state
                    .keys
                    .active
                    .values()
                    .filter(|_| first)
                    .map(|k| k.certificate.clone())
                    .collect(),
                now: self.now,
                granter: self.state.boot,
                granter_key: self.receipt_key.public(),
                part: u32::try_from(part).unwrap_or(u32::MAX),
                parts: u32::try_from(parts).unwrap_or(u32::MAX),
                // B1: who has no share was let in by others without one, and may have been rolled back with them.
                live: self.boot.ready && !self.state.keys.is_empty(),
                unsettled: self.sessions.unsettled(),
                // M1: what a restarted one forgot, or never saw, proves itself.
                facts: if first { self.state.facts.all().cloned().collect() } else { vec![] },
            };
            self.tell(to, &PeerMessage::BootGrant(Box::new(grant)));
        }
    }

    fn refuse_boot(&mut self, peer: PartyIndex, boot: u64, code: Code) {
        self.tell(peer, &PeerMessage::BootRefuse { boot, code: code.text().into() });
    }

    pub(crate) fn boot_refused(&mut self, from: PartyIndex, boot: u64, code: &str) {
        if boot == self.state.boot && !self.boot.ready && code == Code::BootRolledBack.text() {
            self.boot.refused = Some(Code::BootRolledBack);
            self.event(Code::BootRolledBack.text(), Some(from), None);
        }
    }

    /// B1: adopts the union of what a peer remembers; ready once n-t+1 have granted.
    pub(crate) fn take_grant(&mut self, from: PartyIndex, grant: BootGrant) {
        if grant.boot != self.state.boot || self.boot.granted.contains(&from) || !self.is_next_part(from, &grant) {
            return;
        }
        // B1: what a second copy of the granter says counts for nothing: its number was granted to another key.
        let head = self.state.peer_heads.get(&from).copied().unwrap_or_default();
        if grant.granter == head.boot && head.key.is_some_and(|key| key != grant.granter_key) {
            return self.event(Code::BootRolledBack.text(), Some(from), None);
        }
        if let Some(set) = &grant.policy {
            // One that is wrong or not due changes nothing; a peer under another set signs nothing with this one.
            let _ = self.take_policy(set);
        }
        // It comes: no need to ask again yet.
        self.boot.asked_at = self.now;
        self.fence_granter(from, grant.granter, grant.granter_key);
        grant.certificates.iter().for_each(|c| self.take_epoch_proof(c));
        // T1: however often a peer says it.
        self.now = self.now.max(grant.now.min(self.clock.plus_ms(ringi_primitives::limits::CLOCK_SKEW_MS)));
        self.note_bans(from, &grant.banned);
        let facts = self.adopt_facts(&grant.facts);
        // What is remembered here already, and known to be there, is not recorded again: a grant is as long as a life.
        // L1: what the granter may yet take back counts here, but is not known to it.
        let mut adopted = self.told(from, grant.spending, grant.pins, &grant.unsettled);
        adopted.extend([
            Record::Banned { parties: grant.banned },
            Record::OrdersUsed { orders: grant.orders },
            facts,
            Record::Time { now: self.now },
        ]);
        self.record(&adopted);
        self.adopt_brakes(from, &grant.brakes, &grant.lifts);
        if grant.part.saturating_add(1) < grant.parts {
            return;
        }
        if !grant.live && !self.believes_records() {
            return;
        }
        self.boot.granted.insert(from);
        let needed = self.state.genesis.as_ref().map_or(usize::MAX, |g| g.head().grant_size());
        if !self.boot.ready && self.boot.refused.is_none() && self.boot.granted.len() >= needed {
            self.become_ready();
        }
    }

    /// Whether a message of a grant continues those before it; a first one begins anew. Only whole grants count.
    fn is_next_part(&mut self, from: PartyIndex, grant: &BootGrant) -> bool {
        let expected = self.boot.parts.remove(&from).unwrap_or(0);
        let continues = grant.part == 0 || grant.part == expected;
        if continues {
            self.boot.parts.insert(from, grant.part.saturating_add(1));
        }
        continues
    }

    /// B1: a granter's boot is learnt from its grant, for it will not ask again; never an older one than is remembered.
    fn fence_granter(&mut self, from: PartyIndex, boot: u64, key: PublicKey) {
        let head = self.state.peer_heads.get(&from).copied().unwrap_or_default();
        let fenced = self.boot.fenced(from).unwrap_or_default();
        if boot >= head.boot && boot > fenced {
            self.boot.fenced.insert(from, (boot, key));
            self.record(&[PeerHead { boot, key: Some(key), ..head }.record(from)]);
        }
    }

    /// A peer says how far its journal reaches. B1: recorded at once, for a restart here must not forget it.
    pub(crate) fn note_head(&mut self, from: PartyIndex, boot: u64, sequence: u64) {
        let head = self.state.peer_heads.get(&from).copied().unwrap_or_default();
        if self.boot.fenced(from) == Some(boot) && sequence > head.sequence {
            self.record(&[PeerHead { sequence, ..head }.record(from)]);
        }
    }

    /// From now on this boot signs.
    pub(crate) fn become_ready(&mut self) {
        self.boot.ready = true;
        self.record(&[Record::Granted]);
        if let Some(boot) = self.boot_certificate() {
            self.emit(FromCosigner::Ready { boot });
        }
        // P1: who was away hears what is in force, and who holds less than it.
        let mine = self.in_force(true);
        self.tell_all(&mine);
    }

    /// R1: the receipt key lives for one boot and is bound to it by the identity key, and by a document that answers all the
    /// rest of the certificate.
    pub(crate) fn boot_certificate(&mut self) -> Option<SignedBoot> {
        let mut certificate = BootCertificate {
            version: 1,
            genesis: self.state.genesis.as_ref()?.root(),
            cosigner: self.me,
            boot: self.state.boot,
            receipt_key: self.receipt_key.public(),
            assurance: self.assurance(),
            attestation: None,
        };
        if self.enclosure.is_some() {
            certificate.attestation = Some(self.own_document(&certificate.digest().0)?);
        }
        let signature = self.state.identity.as_ref()?.key.sign(&certificate.digest());
        Some(SignedBoot { certificate, signature })
    }
}

/// Where to cut a list into pieces of about [`PART_BYTES`]: how many to skip and how many to take.
fn cuts<T: minicbor::Encode<()>>(all: impl Iterator<Item = T>) -> Vec<(usize, usize)> {
    let (mut cuts, mut from, mut count, mut bytes) = (Vec::new(), 0usize, 0usize, 0usize);
    for one in all {
        count = count.saturating_add(1);
        bytes = bytes.saturating_add(cbor::encode(&one).len());
        if bytes >= PART_BYTES {
            cuts.push((from, count));
            (from, count, bytes) = (from.saturating_add(count), 0, 0);
        }
    }
    if count > 0 {
        cuts.push((from, count));
    }
    cuts
}
