//! n cosigners, a relay and storage in one process. The script decides what the relay does with each frame.

use crate::authenticator::{ORIGIN, RP_ID};
use crate::enclaves::Enclaves;
use crate::people::{Someone, signed};
use minicbor::bytes::ByteVec;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use ringi_cosigner::core::{Cosigner, Fatal};
use ringi_cosigner::journal::SealingKey;
use ringi_primitives::certificate::SignedCertificate;
use ringi_primitives::digest::{Digest, Domain};
use ringi_primitives::genesis::{
    Admin, Assurance, CosignerIdentity, Genesis, GenesisChain, RecoveryRecipient, RelyingParty,
};
use ringi_primitives::id::{OrderId, WorkspaceId};
use ringi_primitives::order::{KeyId, Order, OrderAction};
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::signed::Signed;
use ringi_primitives::time::UnixMs;
use ringi_primitives::wire::{FromCosigner, RecordKind, Tag, ToCosigner, VERSION};
use std::collections::{BTreeMap, VecDeque};
use zeroize::Zeroizing;

/// 2026-01-01T00:00:00Z, where the world's clock starts.
pub const START: UnixMs = UnixMs(1_767_225_600_000);
/// Frames carried at once at most: far more than any exchange between few cosigners takes.
const FRAMES: usize = 100_000;

/// A frame on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Sender.
    pub from: PartyIndex,
    /// Receiver.
    pub to: PartyIndex,
    /// The sealed bytes.
    pub bytes: Vec<u8>,
}

/// What the relay does with a frame: the frames it delivers instead.
pub type Relay = Box<dyn FnMut(Frame) -> Vec<Frame>>;

/// One cosigner and what the host keeps for it.
#[derive(Default)]
struct Node {
    cosigner: Option<Cosigner>,
    records: Vec<(u64, RecordKind, Vec<u8>)>,
    said: Vec<FromCosigner>,
    /// Why it ended, if it did so by itself.
    ended: Option<Fatal>,
}

/// A sealed record: its sequence, its kind, its bytes.
pub type KeptRecord = (u64, RecordKind, ByteVec);

/// A world as files would hold it, so that key generation need not be repeated in every test.
#[derive(minicbor::Encode, minicbor::Decode)]
pub struct Kept {
    /// Genesis as signed.
    #[n(0)]
    pub genesis: Vec<Signed>,
    /// Each cosigner's sealed records.
    #[n(1)]
    pub records: Vec<(PartyIndex, Vec<KeptRecord>)>,
    /// Certificates of the keys it made.
    #[n(2)]
    pub certificates: Vec<SignedCertificate>,
}

/// Everything.
pub struct World {
    nodes: BTreeMap<PartyIndex, Node>,
    queue: VecDeque<Frame>,
    /// The clock.
    pub now: UnixMs,
    /// What the relay does.
    pub relay: Relay,
    /// Whether storage acknowledges at once.
    pub acknowledges: bool,
    /// By how many milliseconds a cosigner's clock is ahead of the world's (behind, if negative).
    pub skew_ms: BTreeMap<PartyIndex, i64>,
    seed: u64,
    starts: u64,
    tags: u64,
    /// The admins; the quorum is two of three.
    pub admins: [Someone; 3],
    genesis: Vec<Signed>,
    /// Who can restore the shares (rule K3).
    recipients: Vec<RecoveryRecipient>,
    /// What the cosigners run in; `None` for plain processes.
    pub enclaves: Option<Enclaves>,
    /// Which key seals a cosigner's records, if not its first: an upgraded one has another (rule E1).
    sealing: BTreeMap<PartyIndex, u8>,
}

/// The cosigner of this number.
pub fn party(n: u8) -> PartyIndex {
    PartyIndex::new(n).expect("1 to 9")
}

/// The key that a cosigner's records are sealed with in this world.
pub(crate) fn sealing_key(p: PartyIndex) -> SealingKey {
    SealingKey::new(Zeroizing::new([p.number(); 32]))
}

fn numbered(n: u64) -> [u8; 16] {
    u128::from(n).to_be_bytes()
}

/// The clock of a cosigner.
fn clock(skew_ms: &BTreeMap<PartyIndex, i64>, now: UnixMs, p: PartyIndex) -> UnixMs {
    UnixMs(now.0.saturating_add_signed(skew_ms.get(&p).copied().unwrap_or(0)))
}

impl World {
    /// n started cosigners with an installed genesis of threshold t; boots granted.
    pub fn new(t: u8, n: u8, seed: u64) -> World {
        World::begun(World::empty((1..=n).map(party), seed), t)
    }

    /// The same in emulated enclaves: peers prove to each other what they run (rule E2).
    pub fn attested(t: u8, n: u8, seed: u64, enclaves: Enclaves) -> World {
        let mut world = World::empty((1..=n).map(party), seed);
        // K3: production makes no key that nobody could restore.
        if enclaves.assurance == Assurance::Nitro {
            world.recipients = crate::recipients::recipients();
        }
        world.enclaves = Some(enclaves);
        World::begun(world, t)
    }

    /// The same with recovery recipients (rule K3).
    pub fn recoverable(t: u8, n: u8, seed: u64, recipients: Vec<RecoveryRecipient>) -> World {
        let mut world = World::empty((1..=n).map(party), seed);
        world.recipients = recipients;
        World::begun(world, t)
    }

    fn begun(mut world: World, t: u8) -> World {
        for p in world.parties() {
            world.start(p).expect("a fresh cosigner starts");
        }
        let genesis = world.make_genesis(t);
        let admins: Vec<&Someone> = world.admins.iter().collect();
        world.genesis = vec![signed(Domain::Genesis, &genesis, &admins)];
        for p in world.parties() {
            let versions = world.genesis.clone();
            world.tell(p, ToCosigner::InstallGenesis { versions });
        }
        world.run();
        world
    }

    /// A world whose cosigners restart from what an earlier one kept; `None` if they do not take it.
    pub fn restore(kept: &Kept, seed: u64, enclaves: Option<Enclaves>) -> Option<World> {
        let mut world = World::empty(kept.records.iter().map(|(p, _)| *p), seed);
        world.enclaves = enclaves;
        world.genesis.clone_from(&kept.genesis);
        // The kept world used up the first numbers for its orders.
        world.tags = 1_000_000;
        for (p, records) in &kept.records {
            let stored = records.iter().map(|(s, k, r)| (*s, *k, r.to_vec())).collect();
            world.set_blob(*p, stored);
        }
        for p in world.parties() {
            world.start(p).ok()?;
        }
        world.run();
        world.pass(1000);
        Some(world)
    }

    /// What the host keeps of this world.
    pub fn keep(&self, certificates: Vec<SignedCertificate>) -> Kept {
        let blob = |p: &PartyIndex| self.blob(*p).into_iter().map(|(s, k, r)| (s, k, r.into())).collect();
        let records = self.nodes.keys().map(|p| (*p, blob(p))).collect();
        Kept { genesis: self.genesis.clone(), records, certificates }
    }

    fn empty(parties: impl Iterator<Item = PartyIndex>, seed: u64) -> World {
        World {
            nodes: parties.map(|p| (p, Node::default())).collect(),
            queue: VecDeque::new(),
            now: START,
            relay: Box::new(|frame| vec![frame]),
            acknowledges: true,
            skew_ms: BTreeMap::new(),
            seed,
            starts: 0,
            tags: 0,
            admins: [Someone::number(201, "Ada"), Someone::number(202, "Ben"), Someone::number(203, "Cleo")],
            genesis: Vec::new(),
            recipients: Vec::new(),
            enclaves: None,
            sealing: BTreeMap::new(),
        }
    }

    fn make_genesis(&mut self, t: u8) -> Genesis {
        let cosigners = self.parties().into_iter().map(|p| self.introduction(p)).collect();
        let (measurements, trust_roots) = self.enclaves.as_ref().map(Enclaves::genesis_fields).unwrap_or_default();
        let admin = |s: &Someone| Admin { id: s.id, name: s.name.into(), key: s.public() };
        Genesis {
            version: 1,
            workspace: WorkspaceId::from_bytes([9; 16]),
            sequence: 0,
            previous: None,
            created_at: self.now,
            admins: self.admins.iter().map(admin).collect(),
            admin_quorum: 2,
            threshold: t,
            cosigners,
            measurements,
            trust_roots,
            relying_parties: vec![RelyingParty { id: RP_ID.into(), origins: vec![ORIGIN.into()] }],
            kms_keys: vec![],
            recovery: self.recipients.clone(),
            assurance: self.enclaves.as_ref().map_or(Assurance::Process, |e| e.assurance),
        }
    }

    /// What a started cosigner says of itself.
    fn introduction(&mut self, p: PartyIndex) -> CosignerIdentity {
        let said = self.take_said(p);
        let identity = said.iter().find_map(|f| match f {
            FromCosigner::Identity { channel_key, identity_key, .. } => Some((*channel_key, *identity_key)),
            _ => None,
        });
        let (channel_key, identity_key) = identity.expect("a started cosigner says its keys");
        CosignerIdentity { index: p, name: format!("cosigner {p}"), channel_key, identity_key }
    }

    /// The next version of genesis, signed by two admins and installed at all cosigners.
    pub fn succeed(&mut self, change: impl FnOnce(&mut Genesis)) {
        let chain = self.genesis();
        let mut next = chain.head().clone();
        next.sequence += 1;
        next.previous = Some(chain.head_digest());
        change(&mut next);
        self.genesis.push(signed(Domain::Genesis, &next, &[&self.admins[0], &self.admins[1]]));
        let versions = self.genesis.clone();
        self.tell_all(&ToCosigner::InstallGenesis { versions });
    }

    /// These cosigners lose all that they and their hosts had; others with fresh keys take their places, which the next version
    /// of genesis names (rule K3).
    pub fn replace(&mut self, lost: &[PartyIndex]) {
        let mut fresh = Vec::new();
        for p in lost {
            self.kill(*p);
            self.set_blob(*p, Vec::new());
            self.take_said(*p);
            self.start(*p).expect("a fresh cosigner starts");
            fresh.push(self.introduction(*p));
        }
        self.succeed(|genesis| {
            for cosigner in &mut genesis.cosigners {
                cosigner.clone_from(fresh.iter().find(|f| f.index == cosigner.index).unwrap_or(&cosigner.clone()));
            }
        });
    }

    /// All cosigners.
    pub fn parties(&self) -> Vec<PartyIndex> {
        self.nodes.keys().copied().collect()
    }

    /// The workspace's genesis chain.
    pub fn genesis(&self) -> GenesisChain {
        GenesisChain::verify(&self.genesis).expect("our own genesis verifies")
    }

    /// Genesis as signed.
    pub fn genesis_versions(&self) -> Vec<Signed> {
        self.genesis.clone()
    }

    /// Starts a cosigner from what the host keeps for it.
    ///
    /// # Errors
    /// As [`Cosigner::start`].
    pub fn start(&mut self, p: PartyIndex) -> Result<(), Fatal> {
        let (rng, key) = (self.randomness(), self.key_of(p));
        let node = self.nodes.entry(p).or_default();
        let first = start_frames(p, node.records.iter().map(|(_, _, r)| r.clone()));
        let now = clock(&self.skew_ms, self.now, p);
        let enclosure = self.enclaves.as_ref().map(|e| e.enclosure_at(p, now));
        let (cosigner, out) = Cosigner::start_in(enclosure, Some(&key), Box::new(rng), first, now)?;
        node.cosigner = Some(cosigner);
        node.ended = None;
        self.take(p, out);
        Ok(())
    }

    fn randomness(&mut self) -> ChaCha20Rng {
        self.starts += 1;
        ChaCha20Rng::seed_from_u64(self.seed.wrapping_mul(1000).wrapping_add(self.starts))
    }

    /// The key that seals a cosigner's records.
    fn key_of(&self, p: PartyIndex) -> SealingKey {
        self.sealing.get(&p).map_or_else(|| sealing_key(p), |n| SealingKey::new(Zeroizing::new([*n; 32])))
    }

    /// A cosigner of this number beside the one that runs, without records and without a key.
    ///
    /// # Panics
    /// If it does not start.
    pub fn beside(&mut self, p: PartyIndex) -> Cosigner {
        let rng = self.randomness();
        let now = clock(&self.skew_ms, self.now, p);
        let enclosure = self.enclaves.as_ref().map(|e| e.enclosure_at(p, now));
        Cosigner::start_in(enclosure, None, Box::new(rng), start_frames(p, []), now).expect("a fresh cosigner starts").0
    }

    /// Takes the place of the one that runs: gets a key for its records, and what it says is carried.
    pub fn seat(&mut self, p: PartyIndex, mut cosigner: Cosigner, key: u8) {
        self.kill(p);
        self.sealing.insert(p, key);
        let out = cosigner.seal_with(&self.key_of(p));
        *self.nodes.entry(p).or_default() = Node { cosigner: Some(cosigner), ..Node::default() };
        self.take(p, out);
    }

    /// Which key seals a cosigner's records from now on: of a copy, its first.
    pub fn set_key(&mut self, p: PartyIndex, key: Option<u8>) {
        match key {
            Some(key) => self.sealing.insert(p, key),
            None => self.sealing.remove(&p),
        };
    }

    /// Adds a version of genesis that follows, signed by two admins, and hands it to every cosigner.
    pub fn amend_genesis(&mut self, change: impl FnOnce(&mut Genesis)) {
        let mut next = self.genesis().head().clone();
        (next.sequence, next.previous) = (next.sequence + 1, Some(self.genesis().head_digest()));
        change(&mut next);
        self.genesis.push(signed(Domain::Genesis, &next, &[&self.admins[0], &self.admins[1]]));
        let versions = self.genesis.clone();
        self.tell_all(&ToCosigner::InstallGenesis { versions });
    }

    /// Kills a cosigner at once; what it had not handed out is gone. Frames to it are lost.
    pub fn kill(&mut self, p: PartyIndex) {
        self.nodes.entry(p).or_default().cosigner = None;
        self.queue.retain(|f| f.to != p && f.from != p);
    }

    /// Whether it runs.
    pub fn is_up(&self, p: PartyIndex) -> bool {
        self.nodes.get(&p).is_some_and(|n| n.cosigner.is_some())
    }

    /// What the host keeps for a cosigner.
    pub fn blob(&self, p: PartyIndex) -> Vec<(u64, RecordKind, Vec<u8>)> {
        self.nodes.get(&p).map(|n| n.records.clone()).unwrap_or_default()
    }

    /// Replaces what the host keeps: a hostile host may.
    pub fn set_blob(&mut self, p: PartyIndex, records: Vec<(u64, RecordKind, Vec<u8>)>) {
        self.nodes.entry(p).or_default().records = records;
    }

    /// Sends a frame to a cosigner and queues what it answers.
    pub fn tell(&mut self, p: PartyIndex, frame: ToCosigner) {
        let now = clock(&self.skew_ms, self.now, p);
        self.enclaves.iter().for_each(|e| e.set_time(now));
        let Some(cosigner) = self.nodes.get_mut(&p).and_then(|n| n.cosigner.as_mut()) else { return };
        match cosigner.handle(frame, now) {
            Ok(out) => self.take(p, out),
            Err(fatal) => self.end(p, fatal),
        }
    }

    fn end(&mut self, p: PartyIndex, fatal: Fatal) {
        self.kill(p);
        self.nodes.entry(p).or_default().ended = Some(fatal);
    }

    /// Why a cosigner ended by itself, if it did.
    pub fn ended(&self, p: PartyIndex) -> Option<Fatal> {
        self.nodes.get(&p).and_then(|n| n.ended)
    }

    /// Storage says of everything a cosigner handed out that it is durable.
    pub fn acknowledge(&mut self, p: PartyIndex) {
        if let Some((sequence, _, _)) = self.blob(p).last().cloned() {
            self.tell(p, ToCosigner::Stored { sequence });
        }
    }

    fn take(&mut self, p: PartyIndex, out: Vec<FromCosigner>) {
        for frame in out {
            match frame {
                FromCosigner::Peer { to, frame } => {
                    self.queue.push_back(Frame { from: p, to, bytes: frame.to_vec() });
                }
                FromCosigner::Store { sequence, kind, record } => {
                    let node = self.nodes.entry(p).or_default();
                    node.records.push((sequence, kind, record.to_vec()));
                    if kind == RecordKind::Snapshot {
                        drop_before_snapshot(&mut node.records);
                    }
                    if self.acknowledges {
                        self.tell(p, ToCosigner::Stored { sequence });
                    }
                }
                other => self.nodes.entry(p).or_default().said.push(other),
            }
        }
    }

    /// Carries frames until none is left.
    ///
    /// # Panics
    /// If cosigners answer each other without end.
    pub fn run(&mut self) {
        let rests = (0..FRAMES).any(|_| !self.step());
        assert!(rests, "cosigners do not come to rest");
    }

    /// Carries the oldest frame; false if there is none.
    pub fn step(&mut self) -> bool {
        let Some(frame) = self.queue.pop_front() else { return false };
        for f in (self.relay)(frame) {
            self.deliver(f);
        }
        true
    }

    /// Hands a frame to its receiver, past relay and queue.
    pub fn deliver(&mut self, frame: Frame) {
        self.tell(frame.to, ToCosigner::Peer { from: frame.from, frame: frame.bytes.into() });
    }

    /// Takes all frames on their way out of the queue, to be carried by hand.
    pub fn take_frames(&mut self) -> Vec<Frame> {
        self.queue.drain(..).collect()
    }

    /// Puts frames on their way, behind those that are.
    pub fn put_frames(&mut self, frames: impl IntoIterator<Item = Frame>) {
        self.queue.extend(frames);
    }

    /// Moves the clock and lets every cosigner notice.
    pub fn pass(&mut self, ms: u64) {
        self.now = self.now.plus_ms(ms);
        self.tick();
        self.run();
    }

    /// Lets every cosigner notice the time; carries nothing.
    pub fn tick(&mut self) {
        for p in self.parties() {
            let now = clock(&self.skew_ms, self.now, p);
            let ticked = self.nodes.get_mut(&p).and_then(|n| n.cosigner.as_mut()).map(|c| c.tick(now));
            match ticked {
                Some(Ok(out)) => self.take(p, out),
                Some(Err(fatal)) => self.end(p, fatal),
                None => {}
            }
        }
    }

    /// What a cosigner said to the host since last asked.
    pub fn take_said(&mut self, p: PartyIndex) -> Vec<FromCosigner> {
        std::mem::take(&mut self.nodes.entry(p).or_default().said)
    }

    /// A document for every cosigner.
    pub fn tell_all(&mut self, frame: &ToCosigner) {
        for p in self.parties() {
            self.tell(p, frame.clone());
        }
        self.run();
    }

    /// A fresh order signed by two admins.
    pub fn order(&mut self, action: OrderAction) -> Signed {
        self.tags += 1;
        let order = Order {
            version: 1,
            id: OrderId::from_bytes(numbered(self.tags)),
            genesis: self.root(),
            issued_at: self.now,
            expires_at: self.now.plus_ms(3_600_000),
            action,
        };
        signed(Domain::Order, &order, &[&self.admins[0], &self.admins[1]])
    }

    /// The workspace's digest.
    pub fn root(&self) -> Digest {
        self.genesis().root()
    }

    /// Runs a key generation at all cosigners and returns the certificate all n signed.
    pub fn generate(&mut self, key: KeyId) -> Option<SignedCertificate> {
        let order = self.order(OrderAction::KeyGeneration { key });
        self.carry_out(order)
    }

    /// Hands an order to all cosigners; the certificate if all carried it out.
    pub fn carry_out(&mut self, order: Signed) -> Option<SignedCertificate> {
        self.tell_all(&ToCosigner::Order { order });
        let mut certificates = Vec::new();
        for p in self.parties() {
            certificates.extend(self.take_said(p).into_iter().filter_map(|f| match f {
                FromCosigner::OrderDone { certificate, .. } => certificate,
                _ => None,
            }));
        }
        let first = certificates.first().cloned();
        first.filter(|f| certificates.len() == self.nodes.len() && certificates.iter().all(|c| c == f))
    }

    /// A tag never used before.
    pub fn tag(&mut self) -> Tag {
        self.tags += 1;
        Tag(numbered(self.tags))
    }

    /// Asks these signers to sign these bytes and carries frames until all is quiet.
    pub fn sign(&mut self, request: &[u8], signers: &[u8]) -> Vec<(PartyIndex, FromCosigner)> {
        let tag = self.open(request, signers);
        self.run();
        self.answers_of(tag, signers)
    }

    /// Asks these signers to sign these bytes and carries nothing yet.
    pub fn open(&mut self, request: &[u8], signers: &[u8]) -> Tag {
        let tag = self.tag();
        let signers: Vec<PartyIndex> = signers.iter().map(|n| party(*n)).collect();
        for p in &signers {
            self.tell(*p, ToCosigner::Sign { tag, request: request.to_vec().into(), signers: signers.clone() });
        }
        tag
    }

    /// What these signers, by number, said of an attempt.
    pub fn answers_of(&mut self, tag: Tag, signers: &[u8]) -> Vec<(PartyIndex, FromCosigner)> {
        let signers: Vec<PartyIndex> = signers.iter().map(|n| party(*n)).collect();
        self.answers(tag, &signers)
    }

    /// What these signers said of an attempt.
    pub fn answers(&mut self, tag: Tag, signers: &[PartyIndex]) -> Vec<(PartyIndex, FromCosigner)> {
        let mut answers = Vec::new();
        for p in signers {
            let of_tag = |f: &FromCosigner| matches!(f, FromCosigner::Signed { tag: t, .. } | FromCosigner::Refused { tag: t, .. } if *t == tag);
            let (told, kept) = self.take_said(*p).into_iter().partition::<Vec<_>, _>(of_tag);
            answers.extend(told.into_iter().map(|f| (*p, f)));
            self.nodes.entry(*p).or_default().said = kept;
        }
        answers
    }
}

/// The first frames of a cosigner with these stored records, one record each.
pub fn start_frames(me: PartyIndex, stored: impl IntoIterator<Item = Vec<u8>>) -> Vec<ToCosigner> {
    let records = stored.into_iter().map(|r| ToCosigner::Records { records: vec![r.into()] });
    let records: Vec<ToCosigner> = records.collect();
    let start = ToCosigner::Start { version: VERSION, me, records: records.len() as u64, key_access: None };
    std::iter::once(start).chain(records).collect()
}

/// What a host does when the last record of a snapshot is durable.
pub(crate) fn drop_before_snapshot(records: &mut Vec<(u64, RecordKind, Vec<u8>)>) {
    let parts = records.iter().rev().skip(1).take_while(|(_, kind, _)| *kind == RecordKind::SnapshotPart).count();
    records.drain(..records.len() - parts - 1);
}
