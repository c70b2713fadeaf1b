//! n cosigners, a relay and storage in one process. The script decides what the relay does with each frame.

use crate::people::{Someone, signed};
use minicbor::bytes::ByteVec;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use ringi_cosigner::core::{Cosigner, Fatal};
use ringi_cosigner::journal::SealingKey;
use ringi_primitives::certificate::SignedCertificate;
use ringi_primitives::digest::{Digest, Domain};
use ringi_primitives::genesis::{Admin, Assurance, CosignerIdentity, Genesis, GenesisChain};
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

/// A frame on its way.
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
}

/// A world as files would hold it, so that key generation need not be repeated in every test.
#[derive(minicbor::Encode, minicbor::Decode)]
pub struct Kept {
    /// Genesis as signed.
    #[n(0)]
    pub genesis: Vec<Signed>,
    /// Each cosigner's sealed records.
    #[n(1)]
    pub records: Vec<(PartyIndex, Vec<(u64, RecordKind, ByteVec)>)>,
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
    seed: u64,
    starts: u64,
    tags: u8,
    /// The admins; the quorum is two of three.
    pub admins: [Someone; 3],
    genesis: Vec<Signed>,
}

/// The cosigner of this number.
pub fn party(n: u8) -> PartyIndex {
    PartyIndex::new(n).expect("1 to 9")
}

impl World {
    /// n started cosigners with an installed genesis of threshold t; boots granted.
    pub fn new(t: u8, n: u8, seed: u64) -> World {
        let mut world = World::empty((1..=n).map(party), seed);
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
    pub fn restore(kept: &Kept, seed: u64) -> Option<World> {
        let mut world = World::empty(kept.records.iter().map(|(p, _)| *p), seed);
        world.genesis.clone_from(&kept.genesis);
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
            seed,
            starts: 0,
            tags: 0,
            admins: [Someone::number(201, "Ada"), Someone::number(202, "Ben"), Someone::number(203, "Cleo")],
            genesis: Vec::new(),
        }
    }

    fn make_genesis(&mut self, t: u8) -> Genesis {
        let mut cosigners = Vec::new();
        for p in self.parties() {
            let said = self.take_said(p);
            let identity = said.iter().find_map(|f| match f {
                FromCosigner::Identity { channel_key, identity_key, .. } => Some((*channel_key, *identity_key)),
                _ => None,
            });
            let (channel_key, identity_key) = identity.expect("a started cosigner says its keys");
            cosigners.push(CosignerIdentity { index: p, name: format!("cosigner {p}"), channel_key, identity_key });
        }
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
            measurements: vec![],
            trust_roots: vec![],
            relying_parties: vec![],
            kms_keys: vec![],
            recovery: vec![],
            assurance: Assurance::Process,
        }
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
        self.starts += 1;
        let rng = ChaCha20Rng::seed_from_u64(self.seed.wrapping_mul(1000).wrapping_add(self.starts));
        let key = SealingKey::new(Zeroizing::new([p.number(); 32]));
        let node = self.nodes.entry(p).or_default();
        let records = node.records.iter().map(|(_, _, r)| ByteVec::from(r.clone())).collect();
        let first = ToCosigner::Start { version: VERSION, me: p, records };
        let (cosigner, out) = Cosigner::start(&key, Box::new(rng), first, self.now)?;
        node.cosigner = Some(cosigner);
        self.take(p, out);
        Ok(())
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
        let now = self.now;
        let Some(cosigner) = self.nodes.get_mut(&p).and_then(|n| n.cosigner.as_mut()) else { return };
        match cosigner.handle(frame, now) {
            Ok(out) => self.take(p, out),
            Err(_) => self.kill(p),
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
                    if kind == RecordKind::Snapshot {
                        node.records.clear();
                    }
                    node.records.push((sequence, kind, record.to_vec()));
                    if self.acknowledges {
                        self.tell(p, ToCosigner::Stored { sequence });
                    }
                }
                other => self.nodes.entry(p).or_default().said.push(other),
            }
        }
    }

    /// Carries frames until none is left.
    pub fn run(&mut self) {
        while let Some(frame) = self.queue.pop_front() {
            for f in (self.relay)(frame) {
                self.tell(f.to, ToCosigner::Peer { from: f.from, frame: f.bytes.into() });
            }
        }
    }

    /// Moves the clock and lets every cosigner notice.
    pub fn pass(&mut self, ms: u64) {
        self.now = self.now.plus_ms(ms);
        let now = self.now;
        for p in self.parties() {
            let ticked = self.nodes.get_mut(&p).and_then(|n| n.cosigner.as_mut()).map(|c| c.tick(now));
            match ticked {
                Some(Ok(out)) => self.take(p, out),
                Some(Err(_)) => self.kill(p),
                None => {}
            }
        }
        self.run();
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
            id: OrderId::from_bytes([self.tags; 16]),
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
        Tag([self.tags; 16])
    }

    /// Asks these signers to sign these bytes and carries frames until all is quiet.
    pub fn sign(&mut self, request: &[u8], signers: &[u8]) -> Vec<(PartyIndex, FromCosigner)> {
        let tag = self.tag();
        let signers: Vec<PartyIndex> = signers.iter().map(|n| party(*n)).collect();
        for p in &signers {
            self.tell(*p, ToCosigner::Sign { tag, request: request.to_vec().into(), signers: signers.clone() });
        }
        self.run();
        self.answers(tag, &signers)
    }

    /// What these signers said of an attempt.
    pub fn answers(&mut self, tag: Tag, signers: &[PartyIndex]) -> Vec<(PartyIndex, FromCosigner)> {
        let mut answers = Vec::new();
        for p in signers {
            let of_tag = |f: &FromCosigner| matches!(f, FromCosigner::Signed { tag: t, .. } | FromCosigner::Refused { tag: t, .. } if *t == tag);
            answers.extend(self.take_said(*p).into_iter().filter(of_tag).map(|f| (*p, f)));
        }
        answers
    }
}
