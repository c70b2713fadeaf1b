//! L1, L2, I3, B1: schedules of the protocol model (`sim/model`) carried out with real cosigners: random walks, and the ways that
//! break the model without one of its checks. What can be signed in the end stays within the limit.

use super::limits::limit_policy;
use super::permit_at;
use ringi_model::bounds::*;
use ringi_model::check::{Bounds, SLOTS, SUM};
use ringi_model::state::{Blob, Flaw, Outcome, Step};
use ringi_model::walk::walk;
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::wire::{FromCosigner, RecordKind, Tag, ToCosigner};
use ringi_sim::requests::Standard;
use ringi_sim::twin::Twin;
use ringi_sim::world::{Frame, World, party};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Walks of one run; SCHEDULES asks for more. A failure names its number: SCHEDULE repeats it alone.
const WALKS: u64 = 200;
/// Steps of a walk.
const STEPS: usize = 60;
/// What each intent costs.
const COST: u64 = 100;
/// The place of a second copy.
const SECOND: u8 = 3;

type Records = Vec<(u64, RecordKind, Vec<u8>)>;

struct Attempt {
    tag: Tag,
    intent: u8,
    slot: u8,
    copies: [u8; 2],
}

/// Real cosigners under the model's host.
struct Stage {
    world: World,
    twin: Option<Twin>,
    requests: BTreeMap<(u8, u8), Vec<u8>>,
    links: BTreeMap<(PartyIndex, PartyIndex), VecDeque<Frame>>,
    attempts: BTreeMap<u8, Attempt>,
    saved: Option<(u8, Records)>,
    /// Whose last message is out, by attempt.
    released: BTreeMap<Tag, BTreeSet<PartyIndex>>,
    /// Every attempt's intent and slot.
    asked: BTreeMap<Tag, (u8, u8)>,
    /// Slots signed for each intent.
    signed: BTreeMap<u8, BTreeSet<u8>>,
}

impl Stage {
    fn new(bounds: &Bounds, number: u64) -> Stage {
        let (mut world, mut standard) = Standard::world(1_000 + number);
        standard.amend(&mut world, |policy| limit_policy(policy, COST * u64::from(bounds.cap)));
        let slots = |intent: u8| if bounds.slots == 0 { intent..intent + 1 } else { 0..bounds.slots };
        let all = (0..bounds.intents).flat_map(|intent| slots(intent).map(move |slot| (intent, slot)));
        let request = |(intent, slot): (u8, u8)| permit_at(&world, &standard, intent + 1, COST, 3_600_000, slot + 1);
        let requests = all.map(|key| (key, request(key))).collect();
        world.parties().into_iter().for_each(|p| drop(world.take_said(p)));
        world.acknowledges = false;
        Stage {
            world,
            twin: None,
            requests,
            links: BTreeMap::new(),
            attempts: BTreeMap::new(),
            saved: None,
            released: BTreeMap::new(),
            asked: BTreeMap::new(),
            signed: BTreeMap::new(),
        }
    }

    fn who(&self, copy: u8) -> PartyIndex {
        self.twin.as_ref().filter(|_| copy == SECOND).map_or_else(|| party(copy + 1), Twin::party)
    }

    fn tell(&mut self, copy: u8, frame: ToCosigner) {
        let now = self.world.now;
        match (&mut self.twin, copy == SECOND) {
            (Some(twin), true) => twin.tell(frame, now),
            (None, true) => {}
            _ => self.world.tell(party(copy + 1), frame),
        }
        self.collect();
    }

    /// What was said and sent since.
    fn collect(&mut self) {
        let sent = self.twin.iter_mut().flat_map(Twin::take_frames).chain(self.world.take_frames());
        let sent: Vec<Frame> = sent.collect();
        sent.into_iter().for_each(|f| self.links.entry((f.from, f.to)).or_default().push_back(f));
        let mut said: Vec<FromCosigner> = self.twin.iter_mut().flat_map(Twin::take_said).collect();
        said.extend(self.world.parties().into_iter().flat_map(|p| self.world.take_said(p)));
        for word in said {
            if let FromCosigner::Signed { tag, .. } = word {
                let (intent, slot) = self.asked[&tag];
                self.signed.entry(intent).or_default().insert(slot);
            }
        }
    }

    /// Delivers all that waits from one cosigner to a copy of another, in order.
    fn deliver(&mut self, from: PartyIndex, copy: u8) {
        let to = self.who(copy);
        for frame in self.links.remove(&(from, to)).into_iter().flatten() {
            self.tell(copy, ToCosigner::Peer { from, frame: frame.bytes.into() });
        }
    }

    /// Carries messages between two copies until they have nothing more to say.
    fn exchange(&mut self, [a, b]: [u8; 2]) {
        let (one, two) = (self.who(a), self.who(b));
        for _ in 0..32 {
            self.deliver(one, b);
            self.deliver(two, a);
            if [(one, two), (two, one)].iter().all(|link| self.links.get(link).is_none_or(VecDeque::is_empty)) {
                break;
            }
        }
    }

    fn acknowledge(&mut self, copy: u8) {
        let now = self.world.now;
        match (&mut self.twin, copy == SECOND) {
            (Some(twin), true) => twin.acknowledge(now),
            (None, true) => {}
            _ => self.world.acknowledge(party(copy + 1)),
        }
    }

    fn begin(&mut self, intent: u8, slot: u8, copies: [u8; 2]) -> u8 {
        let tag = self.world.tag();
        self.asked.insert(tag, (intent, slot));
        // The model names an attempt by the first number that is free there; here the newest of that name counts.
        let number = (0..).find(|n| !self.attempts.contains_key(n)).unwrap_or_default();
        self.attempts.insert(number, Attempt { tag, intent, slot, copies });
        self.open(number, 0);
        number
    }

    fn open(&mut self, attempt: u8, side: usize) {
        let Some(Attempt { tag, intent, slot, copies }) = self.attempts.get(&attempt) else { return };
        let (copy, request) = (copies[side], self.requests[&(*intent, *slot)].clone());
        let mut signers = copies.map(|c| self.who(c)).to_vec();
        signers.sort();
        let frame = ToCosigner::Sign { tag: *tag, request: request.into(), signers };
        self.tell(copy, frame);
    }

    /// The record is durable; whether the last message leaves is seen from what goes to the peer.
    fn release(&mut self, attempt: u8, side: usize) {
        let Some(Attempt { tag, copies, .. }) = self.attempts.get(&attempt) else { return };
        let (tag, mine, copies) = (*tag, copies[side], *copies);
        self.exchange(copies);
        let link = (self.who(mine), self.who(copies[1 - side]));
        self.acknowledge(mine);
        self.collect();
        if self.links.get(&link).is_some_and(|waiting| !waiting.is_empty()) {
            let released = self.released.entry(tag).or_default();
            released.insert(link.0);
            if released.len() == 2 {
                let (intent, slot) = self.asked[&tag];
                self.signed.entry(intent).or_default().insert(slot);
            }
        }
    }

    fn heard(&mut self, attempt: u8, side: usize) {
        if let Some(Attempt { copies, .. }) = self.attempts.get(&attempt) {
            let (mine, peer) = (copies[side], self.who(copies[1 - side]));
            self.deliver(peer, mine);
        }
    }

    fn abort(&mut self, attempt: u8, side: usize) {
        if let Some(Attempt { tag, copies, .. }) = self.attempts.get(&attempt) {
            let (tag, copy) = (*tag, copies[side]);
            self.tell(copy, ToCosigner::Abort { tag });
        }
    }

    fn end(&mut self, attempt: u8, outcome: Outcome) {
        let sides: &[usize] = match outcome {
            Outcome::Signed | Outcome::Unheard => &[0, 1],
            Outcome::FirstReleased => &[0],
            Outcome::SecondReleased => &[1],
            Outcome::GivenBack => &[],
        };
        sides.iter().for_each(|side| self.release(attempt, *side));
        for side in [0, 1] {
            if outcome == Outcome::Signed {
                self.heard(attempt, side);
            }
            self.abort(attempt, side);
        }
    }

    fn records(&self, who: u8, blob: Blob) -> Records {
        let saved = self.saved.as_ref().filter(|(of, _)| *of == who && blob == Blob::Saved);
        saved.map_or_else(|| self.world.blob(party(who + 1)), |(_, records)| records.clone())
    }

    fn restart(&mut self, who: u8, records: Records) {
        let p = party(who + 1);
        self.world.kill(p);
        self.world.set_blob(p, records);
        self.world.start(p).expect("it starts from its own records");
        self.acknowledge(who);
        self.collect();
    }

    fn double(&mut self, who: u8, records: Records) {
        let seed = 77 + u64::from(who);
        self.twin = Some(Twin::start(party(who + 1), records, seed, self.world.now).expect("a copy starts"));
        self.acknowledge(SECOND);
        self.collect();
    }

    /// The question is asked again from time to time; storage holds the number.
    fn ask(&mut self, copies: [u8; 2]) {
        self.world.now = self.world.now.plus_ms(600);
        self.world.tick();
        let now = self.world.now;
        self.twin.iter_mut().for_each(|twin| twin.tick(now));
        self.collect();
        self.exchange(copies);
        self.acknowledge(copies[0]);
        self.collect();
        self.exchange(copies);
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Begin { intent, slot, copies } => drop(self.begin(intent, slot, copies)),
            Step::Reserve { intent, slot, copies } => {
                let attempt = self.begin(intent, slot, copies);
                self.open(attempt, 1);
                self.exchange(copies);
            }
            Step::Open { attempt, side } => self.open(attempt, side.into()),
            Step::Merge { attempt, side } | Step::Commit { attempt, side } | Step::Finish { attempt, side } => {
                self.heard(attempt, side.into());
            }
            Step::Release { attempt, side } => self.release(attempt, side.into()),
            Step::Abort { attempt, side } => self.abort(attempt, side.into()),
            Step::End { attempt, outcome } => self.end(attempt, outcome),
            Step::Save { who } => self.saved = Some((who, self.world.blob(party(who + 1)))),
            Step::Restart { who, blob } => self.restart(who, self.records(who, blob)),
            Step::Double { who, blob } => self.double(who, self.records(who, blob)),
            Step::Ask { copy, granter } | Step::Admit { copy, granter } => self.ask([copy, granter]),
            Step::Take { copy, from } => self.deliver(party(from + 1), copy),
        }
    }
}

/// Carries a schedule of a model within these bounds out. How many intents can be signed: never more than the limit, none for two slots.
fn carried_out(bounds: &Bounds, number: u64, steps: &[Step]) -> usize {
    let mut stage = Stage::new(bounds, number);
    let mut state = stateright::Model::init_states(bounds).remove(0);
    for step in steps {
        stage.step(step);
        if let Some(next) = stateright::Model::next_state(bounds, &state, step.clone()) {
            state = next;
            let runs: BTreeSet<u8> = state.attempts.iter().map(|a| a.number).collect();
            stage.attempts.retain(|number, _| runs.contains(number));
        }
    }
    // What waits still arrives, and is durable.
    for pair in [[0, 1], [1, 2], [0, 2], [SECOND, 1], [SECOND, 2], [SECOND, 0]] {
        pair.iter().for_each(|copy| stage.acknowledge(*copy));
        stage.collect();
        stage.exchange(pair);
    }
    let within = stage.signed.len() <= bounds.cap as usize && stage.signed.values().all(|slots| slots.len() == 1);
    assert!(within, "schedule {number}: {:?} signed after {steps:?}", stage.signed);
    stage.signed.len()
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// The bounds of a walk, by its number.
fn bounds_of(number: u64) -> Bounds {
    let all =
        [one_after_the_other(), side_by_side(), message_by_message(), with_starts(), with_more_starts(), with_slots()];
    all[usize::try_from(number).unwrap() % all.len()].clone()
}

#[test]
fn l1_l2_i3_b1_schedules_of_the_model_stay_within_the_limit() {
    let walks: Vec<u64> = match number("SCHEDULE") {
        Some(one) => vec![one],
        None => (0..number("SCHEDULES").unwrap_or(WALKS)).collect(),
    };
    let [next, signed, used_up] = [0; 3].map(AtomicU64::new);
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(number) = walks.get(usize::try_from(next.fetch_add(1, Ordering::SeqCst)).unwrap()) {
                    let bounds = bounds_of(*number);
                    let (steps, _) = walk(&bounds, *number, STEPS);
                    let done = std::panic::catch_unwind(|| carried_out(&bounds, *number, &steps));
                    let Ok(done) = done else { return failed.lock().unwrap().push(*number) };
                    signed.fetch_add(done as u64, Ordering::SeqCst);
                    used_up.fetch_add(u64::from(done == bounds.cap as usize), Ordering::SeqCst);
                }
            });
        }
    });
    assert!(failed.lock().unwrap().is_empty(), "schedules {:?}", failed.lock().unwrap());
    let (signed, used_up, all) = (signed.into_inner(), used_up.into_inner(), walks.len() as u64);
    println!("{all} schedules, {signed} intents signed, {used_up} limits used up");
    assert!(all == 1 || (signed > all / 2 && used_up > all / 10), "too little is signed to prove anything");
}

/// The shortest ways past the limit without a check lead nowhere with it.
#[test]
fn l1_l2_i3_b1_ways_past_the_limit_lead_nowhere() {
    let ways = [
        (one_after_the_other(), Flaw::OwnCountersOnly, SUM),
        (one_after_the_other(), Flaw::PeerHoldsFromReservation, SUM),
        (side_by_side(), Flaw::NoLock, SUM),
        (message_by_message(), Flaw::GivesBackAfterRelease, SUM),
        (with_more_starts(), Flaw::NoFence, SUM),
        (with_more_starts(), Flaw::NoGrant, SUM),
        (with_more_starts(), Flaw::OneGrant, SUM),
        (with_more_starts(), Flaw::NoAdoption, SUM),
        (with_slots(), Flaw::NoPins, SLOTS),
    ];
    for (number, (bounds, flaw, property)) in (0..).zip(&ways) {
        let steps = counterexample(bounds, *flaw, property).expect("the model falls without it");
        let signed = carried_out(&bounds.without(*flaw), number, &steps);
        println!("{flaw:?}: {signed} signed in {} steps", steps.len());
    }
}
