//! Second live copies of cosigners, started by the host from a copy of their records, sometimes an older one (rule B1).
//!
//! Frames and attempts for a cosigner that has two reach one of them, the other, or both. At its end the one that peers
//! granted the newest boot lives on.

use super::host::Host;
use super::promises::Copy;
use ringi_cosigner::state::Record;
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::time::UnixMs;
use ringi_primitives::wire::{FromCosigner, Tag, ToCosigner};
use ringi_sim::inside::opened_from;
use ringi_sim::twin::Twin;
use ringi_sim::world::{Frame, World};
use std::collections::BTreeMap;

/// Which of two a frame reaches.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Line {
    First,
    Second,
    Both,
}

struct Second {
    twin: Twin,
    number: Copy,
    durable: usize,
    line: Line,
}

/// Which starts there were, and the second copy that runs, one at a time.
pub struct Copies {
    numbers: BTreeMap<PartyIndex, Copy>,
    starts: Copy,
    granted: BTreeMap<PartyIndex, (u64, Copy)>,
    second: Option<Second>,
}

impl Copies {
    /// Everybody runs once.
    pub fn new(world: &World) -> Copies {
        let numbers: BTreeMap<PartyIndex, Copy> = world.parties().into_iter().zip(1..).collect();
        Copies { starts: numbers.len() as Copy, numbers, granted: BTreeMap::new(), second: None }
    }

    /// The number of the first copy's present start.
    pub fn number_of(&self, p: PartyIndex) -> Copy {
        self.numbers[&p]
    }

    /// The first copy was started again.
    pub fn started(&mut self, p: PartyIndex) {
        self.starts += 1;
        self.numbers.insert(p, self.starts);
    }

    /// Peers granted a start this boot.
    pub fn granted(&mut self, p: PartyIndex, boot: u64, copy: Copy) {
        let newest = self.granted.entry(p).or_default();
        if boot >= newest.0 {
            *newest = (boot, copy);
        }
    }

    /// Whether a second copy of it runs.
    pub fn is_doubled(&self, p: PartyIndex) -> bool {
        self.of(p).is_some()
    }

    fn of(&self, p: PartyIndex) -> Option<&Second> {
        self.second.as_ref().filter(|s| s.twin.party() == p)
    }

    fn of_mut(&mut self, p: PartyIndex) -> Option<&mut Second> {
        self.second.as_mut().filter(|s| s.twin.party() == p)
    }

    /// Tells the second copy, if there is one.
    pub fn tell(&mut self, p: PartyIndex, frame: ToCosigner, now: UnixMs) {
        if let Some(second) = self.of_mut(p) {
            second.twin.tell(frame, now);
        }
    }

    /// Lets the second copy notice the time.
    pub fn tick(&mut self, now: UnixMs) {
        self.second.iter_mut().for_each(|second| second.twin.tick(now));
    }

    /// Its records are durable.
    pub fn acknowledge(&mut self, p: PartyIndex, now: UnixMs) {
        if let Some(second) = self.of_mut(p) {
            second.durable = second.twin.records().len();
            second.twin.acknowledge(now);
        }
    }

    /// Its frames on their way.
    pub fn take_frames(&mut self) -> Vec<Frame> {
        self.second.iter_mut().flat_map(|second| second.twin.take_frames()).collect()
    }

    /// What it said, with its number.
    pub fn take_said(&mut self, p: PartyIndex) -> Vec<(Copy, FromCosigner)> {
        let Some(second) = self.of_mut(p) else { return Vec::new() };
        let number = second.number;
        second.twin.take_said().into_iter().map(|said| (number, said)).collect()
    }

    /// Its durable records.
    pub fn durable_records(&self, p: PartyIndex) -> Option<Vec<Record>> {
        let second = self.of(p)?;
        let kept = second.twin.records().iter().take(second.durable);
        Some(opened_from(p, kept.map(|(_, _, record)| record.clone())))
    }
}

impl Host {
    /// A second copy appears, the relay turns to the other one, or one of the two ends.
    pub fn double(&mut self) {
        if self.copies.second.is_none() {
            return if self.below(2) == 0 {
                self.begin_double()
            };
        }
        match self.below(4) {
            0 => self.end_double(),
            1 => self.turn(Line::First),
            2 => self.turn(Line::Second),
            _ => self.turn(Line::Both),
        }
    }

    fn begin_double(&mut self) {
        let p = self.anybody();
        let mut records = self.world.blob(p);
        records.truncate(self.durable[&p]);
        if self.below(3) == 0 {
            let less = usize::try_from(self.below(8)).unwrap();
            records.truncate(records.len().saturating_sub(less));
        }
        let durable = records.len();
        self.copies.starts += 1;
        let number = self.copies.starts;
        let seed = self.seed * 1_000_003 + number;
        let twin = Twin::start(p, records, seed, self.world.now);
        let twin = twin.unwrap_or_else(|e| panic!("seed {}: a copy of {p} does not start: {e}", self.seed));
        self.copies.second = Some(Second { twin, number, durable, line: Line::Second });
        self.relink(p);
    }

    fn turn(&mut self, line: Line) {
        let Some(second) = &mut self.copies.second else { return };
        second.line = line;
        let p = second.twin.party();
        self.relink(p);
    }

    /// One of the two ends: the one with the newest boot that peers granted goes on, from its own records.
    pub fn end_double(&mut self) {
        let Some(party) = self.copies.second.as_ref().map(|s| s.twin.party()) else { return };
        self.hear_from(party);
        let Some(second) = self.copies.second.take() else { return };
        if self.copies.granted.get(&party).is_some_and(|(_, copy)| *copy == second.number) {
            let records = second.twin.records()[..second.durable].to_vec();
            self.durable.insert(party, records.len());
            self.world.kill(party);
            self.world.set_blob(party, records);
            self.promises.lost(party);
        }
        self.restart(party, super::points::Loss::Unacknowledged);
    }

    /// Hands a frame to its receiver: to the copies of it that the relay reaches.
    pub fn deliver(&mut self, frame: Frame) {
        let now = self.world.now;
        let line = self.copies.of(frame.to).map_or(Line::First, |s| s.line);
        if line != Line::First {
            let peer = ToCosigner::Peer { from: frame.from, frame: frame.bytes.clone().into() };
            self.copies.tell(frame.to, peer, now);
        }
        if line != Line::Second {
            self.world.deliver(frame);
        }
    }

    /// Hands an attempt to its signers, both copies of one that has two.
    pub fn send(&mut self, tag: Tag, request: &[u8], signers: &[PartyIndex]) {
        let sign = ToCosigner::Sign { tag, request: request.to_vec().into(), signers: signers.to_vec() };
        for p in signers {
            self.world.tell(*p, sign.clone());
            self.copies.tell(*p, sign.clone(), self.world.now);
        }
    }
}
