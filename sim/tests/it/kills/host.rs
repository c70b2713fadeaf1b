//! The host of the kill runs: it keeps records, carries frames badly, and asks for more than it may have.

use super::copies::Copies;
use super::office::{Office, cost_of};
use super::payments::{Ask, COIN_CAP, COINS, Kind, PAYMENTS, Pick, Place, amend};
use super::points::{KillPoint, Loss};
use super::promises::{Memory, Promises, Signature};
use super::refresh::Refreshes;
use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore, SeedableRng};
use ringi_cosigner::state::Record;
use ringi_orchestrator::ports::{CosignerHealth, CrashPoint};
use ringi_primitives::asset::AssetKey;
use ringi_primitives::cbor;
use ringi_primitives::id::IntentId;
use ringi_primitives::intent::Intent;
use ringi_primitives::receipt::{SignedBoot, SignedVerdict};
use ringi_primitives::request::SigningRequest;
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::wire::{CosignerStatus, FromCosigner, Tag, ToCosigner};
use ringi_sim::inside::opened_from;
use ringi_sim::requests::{BITCOIN, DAY_CAP, EVM, Standard};
use ringi_sim::world::{Frame, World, party};
use std::collections::{BTreeMap, BTreeSet};

/// What an attempt asked for.
#[derive(Clone)]
pub struct Asked {
    /// The intent, its chain's first, and what it costs if the script made it.
    pub intent: IntentId,
    pub root: IntentId,
    pub cost: Option<u64>,
    /// The number of the attempt.
    pub number: u64,
}

/// How often what happens, by seed: a calm host that asks for too much, one that likes second copies, one whose admins refresh
/// keys, and a wild one. Frames carried, records acknowledged, attempts, time, kills, refreshes, deaths of the orchestrator,
/// second copies.
const CHANCES: [[u64; 8]; 4] = [
    [580, 140, 36, 28, 2, 0, 6, 0],
    [580, 140, 36, 28, 2, 0, 2, 10],
    [580, 140, 24, 28, 4, 6, 2, 0],
    [580, 140, 36, 28, 8, 2, 2, 4],
];

/// Everything the host does in one run.
pub struct Host {
    pub world: World,
    pub standard: Standard,
    pub rng: ChaCha20Rng,
    pub seed: u64,
    /// How many of each cosigner's records are durable.
    pub durable: BTreeMap<PartyIndex, usize>,
    pub asked: BTreeMap<Tag, Asked>,
    pub attempts: u64,
    pub promises: Promises,
    pub copies: Copies,
    pub refreshes: Refreshes,
    pub office: Office,
    /// Boot certificates of those whose boot was granted.
    boots: BTreeMap<PartyIndex, SignedBoot>,
    /// Which intents the script asked for under which nonce.
    pub tried: BTreeMap<u64, BTreeSet<Ask>>,
    /// Nonces below are given away.
    pub fresh: u64,
    /// The points at which a cosigner was killed.
    pub reached: BTreeSet<KillPoint>,
}

impl Host {
    /// A standard workspace whose storage acknowledges only when the host says so.
    pub fn new(seed: u64) -> Host {
        let (mut world, mut standard) = Standard::world(seed);
        amend(&mut world, &mut standard);
        world.acknowledges = false;
        let durable = world.parties().into_iter().map(|p| (p, world.blob(p).len())).collect();
        let caps = [(EVM, DAY_CAP), (BITCOIN, COIN_CAP)].map(|(network, cap)| (AssetKey::native(network), cap));
        let promises = Promises::new(seed, caps.into());
        let copies = Copies::new(&world);
        let rng = ChaCha20Rng::seed_from_u64(seed);
        let (asked, refreshes, tried, reached) = Default::default();
        let (attempts, fresh, boots) = (0, 0, BTreeMap::new());
        let office = Office::open(&world, &standard);
        Host {
            world,
            standard,
            rng,
            seed,
            durable,
            asked,
            attempts,
            promises,
            copies,
            refreshes,
            office,
            boots,
            tried,
            fresh,
            reached,
        }
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.rng.next_u64() % bound
    }

    pub fn anybody(&mut self) -> PartyIndex {
        party(u8::try_from(self.below(3)).unwrap() + 1)
    }

    /// One thing, by chance.
    pub fn step(&mut self) {
        let chances = CHANCES[usize::try_from(self.seed).unwrap() % CHANCES.len()];
        let mut chance = self.below(chances.iter().sum());
        let event = chances.iter().position(|weight| {
            let here = chance < *weight;
            chance = chance.saturating_sub(*weight);
            here
        });
        match event.expect("one of them") {
            0 => self.carry(),
            1 => {
                let p = self.anybody();
                self.acknowledge(p);
            }
            2 => self.ask(),
            3 => {
                let ms = self.below(900);
                self.pass(ms);
            }
            4 => self.kill(),
            5 => self.refresh(),
            6 => self.doom(),
            _ => self.double(),
        }
        self.hear();
        self.serve();
    }

    /// Lets the orchestrator work, and brings its attempts to the cosigners.
    pub fn serve(&mut self) {
        // Until the faults stop.
        if !self.world.acknowledges && !self.office.is_doomed() {
            self.office.crash_at(self.next_point().map(|point| (point, 1)));
        }
        self.office.work();
        let (attempts, aborts) = self.office.take_mail();
        for attempt in attempts {
            let request: SigningRequest =
                cbor::decode(&attempt.request, usize::MAX).expect("the orchestrator's own request");
            let intent = Intent::parse(&request.intent).expect("our own intent").id;
            self.note(attempt.tag, intent, intent, cost_of(intent));
            self.send(attempt.tag, &attempt.request, &attempt.signers);
        }
        for (tag, signers) in aborts {
            for p in signers {
                self.world.tell(p, ToCosigner::Abort { tag });
                self.copies.tell(p, ToCosigner::Abort { tag }, self.world.now);
            }
        }
    }

    /// The next point of this seed's list at which the orchestrator has not died. Two seeds' lists have no point in common, or
    /// all; seven seeds' have every point.
    fn next_point(&self) -> Option<CrashPoint> {
        let first = usize::try_from(self.seed).unwrap();
        let half = CrashPoint::ALL.len() / 2;
        let list = [CrashPoint::ALL[first % half], CrashPoint::ALL[half + first % half]];
        let reached = self.office.reached();
        list.into_iter().find(|point| !reached.contains(point))
    }

    /// The orchestrator dies where it stands, or is to die when it next comes to some point.
    fn doom(&mut self) {
        if self.below(2) == 0 {
            return self.office.kill();
        }
        if let Some(point) = self.next_point() {
            return self.office.crash_at(Some((point, 1)));
        }
        let any = CrashPoint::ALL[usize::try_from(self.below(CrashPoint::ALL.len() as u64)).unwrap()];
        let times = 1 + self.below(2);
        self.office.crash_at(Some((any, times)));
    }

    /// Time passes for everybody.
    pub fn pass(&mut self, ms: u64) {
        self.world.now = self.world.now.plus_ms(ms);
        self.world.tick();
        self.copies.tick(self.world.now);
        self.keep_office(ms > 300);
    }

    /// The orchestrator sees how cosigners and chain stand.
    pub fn keep_office(&mut self, mine: bool) {
        let parties = self.world.parties();
        let mut health = Vec::new();
        for p in parties {
            let status = self.status(p);
            health.push(CosignerHealth {
                introduction: None,
                party: p,
                connected: status.is_some(),
                status,
                boot: self.boots.get(&p).cloned(),
            });
        }
        self.office.health(health);
        self.office.pass(self.world.now, mine);
    }

    /// Carries one of the frames on their way: mostly faithfully.
    fn carry(&mut self) {
        let mut frames = self.world.take_frames();
        frames.extend(self.copies.take_frames());
        if frames.is_empty() {
            return;
        }
        let at = usize::try_from(self.below(3)).unwrap() % frames.len();
        let channel = |f: &Frame| (f.from, f.to) == (frames[at].from, frames[at].to);
        let fate = self.below(250);
        let mut of_channel = (0..frames.len()).filter(|i| channel(&frames[*i]));
        // A channel's frames come in order, but for the few that a bad relay turns round.
        let first = of_channel.next().expect("the one at hand");
        let turned = if fate == 2 { of_channel.next().unwrap_or(first) } else { first };
        let frame = frames.remove(turned);
        self.world.put_frames(frames);
        match fate {
            0 => {}
            1 => {
                self.deliver(frame.clone());
                self.deliver(frame);
            }
            _ => self.deliver(frame),
        }
    }

    fn acknowledge(&mut self, p: PartyIndex) {
        if self.world.is_up(p) {
            self.durable.insert(p, self.world.blob(p).len());
            self.world.acknowledge(p);
        }
        self.copies.acknowledge(p, self.world.now);
    }

    /// Asks a pair for an intent: again, at another place, by another pair, as it comes.
    fn ask(&mut self) {
        let kind = match self.below(10) {
            0..=3 => Kind::Pay,
            4 => Kind::Faster,
            5 => Kind::Other,
            6 => Kind::Cancel,
            7..=8 => Kind::Coins,
            _ => Kind::Bump,
        };
        let bitcoin = matches!(kind, Kind::Coins | Kind::Bump);
        let numbers = if bitcoin { COINS } else { PAYMENTS };
        let ask = Ask { kind, number: u8::try_from(self.below(numbers.into())).unwrap() + 1 };
        let place = if bitcoin { self.coins() } else { self.nonce(ask) };
        let pairs = [[1, 2], [2, 3], [1, 3]];
        let signers = pairs[usize::try_from(self.below(3)).unwrap()];
        if let Place::Nonce(nonce) = place {
            self.tried.entry(nonce).or_default().insert(ask);
        }
        let bytes = ask.bytes(&self.world, &self.standard, place);
        let tag = self.world.tag();
        self.note(tag, ask.id(), ask.root().id(), Some(ask.cost()));
        self.send(tag, &bytes, &signers.map(party));
    }

    fn nonce(&mut self, ask: Ask) -> Place {
        let account = self.standard.account();
        let honest = self.promises.nonce_of(ask.root().id());
        let next = self.promises.nonces(account).len() as u64;
        match self.below(3) {
            0 => Place::Nonce(self.below(PAYMENTS.into())),
            // The honest host's: the one it had before, or the next.
            _ => Place::Nonce(honest.unwrap_or(next)),
        }
    }

    fn coins(&mut self) -> Place {
        Place::Coins(match self.below(6) {
            0 => Pick::Turned,
            1 => Pick::Second,
            2 => Pick::Neighbour,
            _ => Pick::Own,
        })
    }

    /// Remembers what an attempt is for.
    pub fn note(&mut self, tag: Tag, intent: IntentId, root: IntentId, cost: Option<u64>) {
        self.attempts += 1;
        self.asked.insert(tag, Asked { intent, root, cost, number: self.attempts });
    }

    /// Kills a cosigner where it is and starts it from what is kept.
    fn kill(&mut self) {
        let p = self.anybody();
        let unacknowledged = self.world.blob(p).len() - self.durable[&p];
        let loss = if unacknowledged > 0 && self.below(2) == 0 { Loss::Unacknowledged } else { Loss::Nothing };
        self.see(p, unacknowledged, loss);
        self.restart(p, loss);
    }

    /// Kills it and starts it from what is kept.
    pub fn restart(&mut self, p: PartyIndex, loss: Loss) {
        self.hear_from(p);
        self.world.kill(p);
        let mut records = self.world.blob(p);
        if loss == Loss::Unacknowledged && records.len() > self.durable[&p] {
            records.truncate(self.durable[&p]);
            self.promises.lost(p);
        }
        self.durable.insert(p, records.len());
        self.world.set_blob(p, records);
        self.world.start(p).unwrap_or_else(|e| panic!("seed {}: {p} does not start: {e}", self.seed));
        self.copies.started(p);
        self.boots.remove(&p);
        self.office.gone(p);
        self.relink(p);
    }

    /// The relay reaches this one again.
    pub fn relink(&mut self, p: PartyIndex) {
        for peer in self.world.parties().into_iter().filter(|peer| *peer != p) {
            self.world.tell(p, ToCosigner::PeerUp { peer });
            self.copies.tell(p, ToCosigner::PeerUp { peer }, self.world.now);
            self.world.tell(peer, ToCosigner::PeerUp { peer: p });
        }
    }

    /// What a cosigner says of itself.
    pub fn status(&mut self, p: PartyIndex) -> Option<CosignerStatus> {
        self.hear_from(p);
        self.world.tell(p, ToCosigner::Status);
        self.world.take_said(p).into_iter().find_map(|f| match f {
            FromCosigner::Status { status } => Some(status),
            _ => None,
        })
    }

    /// Which points this kill is at.
    fn see(&mut self, p: PartyIndex, unacknowledged: usize, loss: Loss) {
        let lose = loss == Loss::Unacknowledged;
        let frames = self.world.take_frames();
        let speaking = frames.iter().any(|f| f.from == p);
        let hearing = frames.iter().any(|f| f.to == p);
        self.world.put_frames(frames);
        let (ready, sessions) = self.status(p).map_or((true, 0), |s| (s.ready, s.sessions));
        let refreshing = self.refreshes.runs_at(p);
        let points = [
            (KillPoint::RecordLost, lose),
            (KillPoint::RecordUnacknowledged, unacknowledged > 0 && !lose),
            (KillPoint::InSession, unacknowledged == 0 && sessions > 0),
            (KillPoint::Speaking, speaking),
            (KillPoint::Hearing, hearing),
            (KillPoint::Booting, !ready),
            (KillPoint::Refreshing, refreshing),
            (KillPoint::SharePending, refreshing && self.holds_next_share(p)),
            (KillPoint::Doubled, self.copies.is_doubled(p)),
            (KillPoint::Idle, ready && sessions == 0 && unacknowledged == 0 && !refreshing),
        ];
        self.reached.extend(points.into_iter().filter(|(_, at)| *at).map(|(point, _)| point));
    }

    /// Whether its durable records end with a share that is not in use.
    fn holds_next_share(&mut self, p: PartyIndex) -> bool {
        let records = self.durable_records(p);
        let mut shares = records.iter().filter_map(|r| match r {
            Record::Pending { .. } => Some(true),
            Record::Activated { .. } => Some(false),
            _ => None,
        });
        shares.next_back().unwrap_or(false)
    }

    fn durable_records(&self, p: PartyIndex) -> Vec<Record> {
        let count = if self.world.acknowledges { usize::MAX } else { self.durable[&p] };
        let kept = self.world.blob(p).into_iter().take(count);
        opened_from(p, kept.map(|(_, _, record)| record))
    }

    fn hear(&mut self) {
        for p in self.world.parties() {
            let signed = self.hear_from(p);
            if signed && self.below(4) == 0 {
                self.reached.insert(KillPoint::Signed);
                self.restart(p, Loss::Unacknowledged);
            }
        }
    }

    /// Takes what it and its copy have said; whether it has signed.
    pub fn hear_from(&mut self, p: PartyIndex) -> bool {
        let copy = self.copies.number_of(p);
        let said = self.world.take_said(p);
        let signed = said.iter().any(|f| matches!(f, FromCosigner::Signed { .. }));
        said.into_iter().for_each(|said| self.take(p, copy, said));
        for (copy, said) in self.copies.take_said(p) {
            self.take(p, copy, said);
        }
        signed
    }

    fn take(&mut self, p: PartyIndex, copy: u64, said: FromCosigner) {
        self.office.hear(p, &said);
        match said {
            FromCosigner::Signed { tag, verdict, .. } => self.take_signature(p, copy, tag, &verdict),
            FromCosigner::Ready { boot } => {
                self.promises.ready(p, boot.certificate.boot, copy, self.attempts);
                self.copies.granted(p, boot.certificate.boot, copy);
                self.boots.insert(p, boot);
            }
            FromCosigner::OrderDone { order, certificate } => self.refreshes.done(p, order, certificate),
            FromCosigner::DocumentRefused { order: Some(order), .. } => self.refreshes.refused(p, order),
            _ => {}
        }
    }

    fn take_signature(&mut self, p: PartyIndex, copy: u64, tag: Tag, verdict: &SignedVerdict) {
        let verdict = &verdict.verdict;
        let Some(asked) = self.asked.get(&tag).cloned() else { return };
        assert_eq!(asked.intent, verdict.intent, "seed {}: {p} signed another intent", self.seed);
        let signature = Signature { verdict, root: asked.root, copy, attempt: asked.number };
        self.promises.signed(&signature, asked.cost);
        // S1, L1: every signer holds the permit's spending and pin durably, and this one its verdict.
        for signer in &verdict.signers {
            let own = Memory::of(self.durable_records(*signer));
            let other = self.copies.durable_records(*signer).map(Memory::of);
            let mine = *signer == p;
            let holds = own.holds(&signature, mine) || other.is_some_and(|m| m.holds(&signature, mine));
            assert!(holds, "seed {}: {p} signed before {signer} remembered it durably", self.seed);
        }
    }
}
