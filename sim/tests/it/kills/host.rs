//! The host of the kill runs: it keeps records, carries frames badly, and asks for more than it may have.

use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore, SeedableRng};
use ringi_cosigner::state::Record;
use ringi_primitives::id::IntentId;
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::wire::{FromCosigner, Tag, ToCosigner};
use ringi_sim::inside::opened;
use ringi_sim::requests::{DAY_CAP, Draft, Standard, outcomes};
use ringi_sim::world::{World, party};
use std::collections::{BTreeMap, BTreeSet};

/// What an intent may be charged at most: the amount and the whole fee.
const AMOUNT: u64 = 190_000;
const MAX_FEE: u64 = 42_000;
/// Intents of one run: together they ask for twice the day's cap.
const INTENTS: u8 = 9;

/// Where a cosigner is when it is killed, as the host sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KillPoint {
    /// It handed out a record that was not kept.
    RecordLost,
    /// Its record was kept, and it does not know.
    RecordUnacknowledged,
    /// All its records are durable and it is in a session.
    InSession,
    /// Frames of its own are on their way.
    Speaking,
    /// Frames to it are on their way.
    Hearing,
    /// It has just handed out a signature.
    Signed,
    /// Its boot is not granted yet.
    Booting,
    /// It has nothing to do.
    Idle,
}

impl KillPoint {
    /// All of them.
    pub const ALL: [KillPoint; 8] = [
        KillPoint::RecordLost,
        KillPoint::RecordUnacknowledged,
        KillPoint::InSession,
        KillPoint::Speaking,
        KillPoint::Hearing,
        KillPoint::Signed,
        KillPoint::Booting,
        KillPoint::Idle,
    ];
}

/// What a kill costs of what the host was given to keep.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Loss {
    Nothing,
    /// All that was not acknowledged.
    Unacknowledged,
}

/// What an attempt asked for.
#[derive(Clone)]
struct Asked {
    intent: u8,
    nonce: u64,
    signers: [u8; 2],
}

/// Everything the host does in one run.
pub struct Host {
    world: World,
    standard: Standard,
    rng: ChaCha20Rng,
    seed: u64,
    /// How many of each cosigner's records are durable.
    durable: BTreeMap<PartyIndex, usize>,
    asked: BTreeMap<Tag, Asked>,
    /// Nonces under which each intent was signed by anybody.
    signed: BTreeMap<u8, BTreeSet<u64>>,
    /// The points at which a cosigner was killed.
    pub reached: BTreeSet<KillPoint>,
}

impl Host {
    /// A standard workspace whose storage acknowledges only when the host says so.
    pub fn new(seed: u64) -> Host {
        let (mut world, standard) = Standard::world(seed);
        world.acknowledges = false;
        let durable = world.parties().into_iter().map(|p| (p, world.blob(p).len())).collect();
        let rng = ChaCha20Rng::seed_from_u64(seed);
        let (asked, signed, reached) = Default::default();
        Host { world, standard, rng, seed, durable, asked, signed, reached }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.rng.next_u64() % bound
    }

    fn anybody(&mut self) -> PartyIndex {
        party(u8::try_from(self.below(3)).unwrap() + 1)
    }

    /// One thing, by chance.
    pub fn step(&mut self) {
        match self.below(100) {
            0..=61 => self.carry(),
            62..=85 => {
                let p = self.anybody();
                self.acknowledge(p);
            }
            86..=91 => self.ask(),
            92..=97 => {
                let ms = self.below(900);
                self.world.now = self.world.now.plus_ms(ms);
                self.world.tick();
            }
            _ => self.kill(),
        }
        self.hear();
    }

    /// Carries one of the frames on their way: mostly faithfully.
    fn carry(&mut self) {
        let mut frames = self.world.take_frames();
        if frames.is_empty() {
            return;
        }
        // A channel's frames come in order or not at all: the relay's worst is to hold back or to lose them.
        let at = usize::try_from(self.below(3)).unwrap() % frames.len();
        let first = frames.iter().position(|f| (f.from, f.to) == (frames[at].from, frames[at].to)).unwrap();
        let frame = frames.remove(first);
        let fate = self.below(250);
        self.world.put_frames(frames);
        match fate {
            0 => {}
            1 => {
                self.world.deliver(frame.clone());
                self.world.deliver(frame);
            }
            _ => self.world.deliver(frame),
        }
    }

    fn acknowledge(&mut self, p: PartyIndex) {
        if self.world.is_up(p) {
            self.durable.insert(p, self.world.blob(p).len());
            self.world.acknowledge(p);
        }
    }

    fn draft(&self, intent: u8, nonce: u64) -> Vec<u8> {
        Draft::payment(&self.world, intent, AMOUNT, nonce).bytes(&self.standard)
    }

    /// Asks a pair for an intent: again, under another nonce, by another pair, as it comes.
    fn ask(&mut self) {
        let intent = u8::try_from(self.below(u64::from(INTENTS))).unwrap() + 1;
        let nonce = match self.below(3) {
            0 => self.below(u64::from(INTENTS)),
            // The honest host's: the one it had before, or the next.
            _ => match self.signed.get(&intent).and_then(|n| n.first()) {
                Some(nonce) => *nonce,
                None => self.signed.len() as u64,
            },
        };
        let pairs = [[1, 2], [2, 3], [1, 3]];
        let signers = pairs[usize::try_from(self.below(3)).unwrap()];
        let tag = self.world.open(&self.draft(intent, nonce), &signers);
        self.asked.insert(tag, Asked { intent, nonce, signers });
    }

    /// Kills a cosigner where it is and starts it from what is kept.
    fn kill(&mut self) {
        let p = self.anybody();
        let unacknowledged = self.world.blob(p).len() - self.durable[&p];
        let loss = if unacknowledged > 0 && self.below(2) == 0 { Loss::Unacknowledged } else { Loss::Nothing };
        self.note(p, unacknowledged, loss);
        self.restart(p, loss);
    }

    /// Kills it and starts it from what is kept.
    fn restart(&mut self, p: PartyIndex, loss: Loss) {
        self.world.kill(p);
        let mut records = self.world.blob(p);
        if loss == Loss::Unacknowledged {
            records.truncate(self.durable[&p]);
        }
        self.durable.insert(p, records.len());
        self.world.set_blob(p, records);
        self.world.start(p).unwrap_or_else(|e| panic!("seed {}: {p} does not start: {e}", self.seed));
        for peer in self.world.parties().into_iter().filter(|peer| *peer != p) {
            self.world.tell(p, ToCosigner::PeerUp { peer });
            self.world.tell(peer, ToCosigner::PeerUp { peer: p });
        }
    }

    /// Which points this kill is at.
    fn note(&mut self, p: PartyIndex, unacknowledged: usize, loss: Loss) {
        let lose = loss == Loss::Unacknowledged;
        let frames = self.world.take_frames();
        let speaking = frames.iter().any(|f| f.from == p);
        let hearing = frames.iter().any(|f| f.to == p);
        self.world.put_frames(frames);
        self.world.tell(p, ToCosigner::Status);
        let status = self.world.take_said(p).into_iter().find_map(|f| match f {
            FromCosigner::Status { status } => Some(status),
            _ => None,
        });
        let (ready, sessions) = status.map_or((true, 0), |s| (s.ready, s.sessions));
        let points = [
            (KillPoint::RecordLost, lose),
            (KillPoint::RecordUnacknowledged, unacknowledged > 0 && !lose),
            (KillPoint::InSession, unacknowledged == 0 && sessions > 0),
            (KillPoint::Speaking, speaking),
            (KillPoint::Hearing, hearing),
            (KillPoint::Booting, !ready),
            (KillPoint::Idle, ready && sessions == 0 && unacknowledged == 0),
        ];
        self.reached.extend(points.into_iter().filter(|(_, at)| *at).map(|(point, _)| point));
    }

    fn hear(&mut self) {
        for p in self.world.parties() {
            let said = self.world.take_said(p);
            let signed = said.iter().any(|f| matches!(f, FromCosigner::Signed { .. }));
            said.into_iter().for_each(|said| self.take(p, said));
            if signed && self.below(4) == 0 {
                self.reached.insert(KillPoint::Signed);
                self.restart(p, Loss::Unacknowledged);
            }
        }
    }

    fn take(&mut self, p: PartyIndex, said: FromCosigner) {
        let FromCosigner::Signed { tag, verdict, .. } = said else { return };
        let Some(asked) = self.asked.get(&tag).cloned() else { return };
        // I3: whatever was asked for, and whoever signed, an intent has one nonce.
        let nonces = self.signed.entry(asked.intent).or_default();
        nonces.insert(asked.nonce);
        assert_eq!(nonces.len(), 1, "seed {}: intent {} was signed under {nonces:?}", self.seed, asked.intent);
        let owners = self.signed.iter().filter(|(_, nonces)| nonces.contains(&asked.nonce)).count();
        assert_eq!(owners, 1, "seed {}: nonce {} was signed for two intents", self.seed, asked.nonce);
        // L1: each is charged its amount and its whole fee; the sum stays within the cap.
        let spent = self.signed.len() as u64 * (AMOUNT + MAX_FEE);
        assert!(spent <= DAY_CAP, "seed {}: {spent} were signed under a cap of {DAY_CAP}", self.seed);
        // S1, L1: every signer holds the permit's spending and pin durably, and this one its verdict.
        for signer in asked.signers {
            self.check_durable(party(signer), asked.intent);
        }
        let records = self.durable_records(p);
        let chained = records.iter().any(|r| matches!(r, Record::Verdict { sequence, digest } if *sequence == verdict.verdict.sequence && *digest == verdict.verdict.digest()));
        assert!(chained, "seed {}: {p} signed before its verdict was durable", self.seed);
    }

    fn durable_records(&mut self, p: PartyIndex) -> Vec<Record> {
        let all = self.world.blob(p);
        let mut durable = all.clone();
        durable.truncate(self.durable[&p]);
        self.world.set_blob(p, durable);
        let records = opened(&self.world, p);
        self.world.set_blob(p, all);
        records
    }

    fn check_durable(&mut self, p: PartyIndex, intent: u8) {
        let id = IntentId::from_bytes([intent; 16]);
        let records = self.durable_records(p);
        let pinned =
            records.iter().any(|r| matches!(r, Record::Pinned { pins, .. } if pins.iter().any(|pin| pin.intent == id)));
        let spent = records
            .iter()
            .any(|r| matches!(r, Record::Spent { entries, .. } if entries.iter().any(|e| e.intent == id)));
        assert!(
            pinned && spent,
            "seed {}: signed without what {p} must remember (pin {pinned}, limit {spent})",
            self.seed
        );
    }

    /// The faults stop: everybody comes back, remembers, and signs again.
    pub fn settle(&mut self) {
        self.world.acknowledges = true;
        for p in self.world.parties() {
            self.acknowledge(p);
        }
        self.world.run();
        for _ in 0..40 {
            self.world.pass(1_000);
        }
        for p in self.world.parties() {
            self.durable.insert(p, self.world.blob(p).len());
        }
        for p in self.world.parties() {
            self.world.take_said(p).into_iter().for_each(|said| self.take(p, said));
        }
        let free = self.signed.values().flatten().max().map_or(0, |n| n + 1);
        // I3: what was signed stays at its nonce.
        for (intent, nonces) in self.signed.clone() {
            let nonce = nonces.first().map_or(0, |n| n + 1);
            let other = self.draft(intent, nonce);
            let said = outcomes(&self.world.sign(&other, &[1, 3]));
            assert!(!said.contains(&"signed".into()), "seed {}: {intent} at another nonce: {said:?}", self.seed);
        }
        // A day later the limit is free, and every pair signs.
        self.world.pass(86_400_000);
        for (n, pair) in [(0, [1, 2]), (1, [2, 3]), (2, [1, 3])] {
            let said = self.until_signed(100 + n, free, pair);
            assert_eq!(said, ["signed", "signed"], "seed {}: pair {pair:?}", self.seed);
        }
    }

    /// An attempt at a pair. A nonce that an earlier attempt pinned is first given to its own intent, as an honest host does:
    /// there are no gaps.
    fn until_signed(&mut self, intent: u8, from: u64, pair: [u8; 2]) -> Vec<String> {
        let mut said = Vec::new();
        for nonce in from..from + 2 * u64::from(INTENTS) {
            said = outcomes(&self.world.sign(&self.draft(intent, nonce), &pair));
            if !said.contains(&"pin.slot_taken".into()) {
                break;
            }
            let owners: BTreeSet<u8> = self.asked.values().filter(|a| a.nonce == nonce).map(|a| a.intent).collect();
            for owner in owners {
                self.world.sign(&self.draft(owner, nonce), &pair);
            }
        }
        said
    }

    /// How many intents were signed.
    pub fn signed_intents(&self) -> u64 {
        self.signed.len() as u64
    }
}
