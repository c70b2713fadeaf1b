//! Sessions: hello, merge, commitment, last round, end (rules L1, L2, I3).

use crate::check::Bounds;
use crate::memory::{bit, each};
use crate::state::{Attempt, Copy, Flaw, Half, Outcome, Stage, State};

/// As many attempts as the host likes, one after the other.
pub const ENDLESS: u8 = u8::MAX;

impl State {
    fn attempt_at(&self, number: u8) -> Option<usize> {
        self.attempts.iter().position(|a| a.number == number)
    }

    /// Roots of a copy's reservations that it may yet take back.
    pub(crate) fn unsettled(&self, copy: u8) -> u8 {
        let of = |a: &Attempt| a.halves.iter().any(|h| h.copy == copy && h.is_unsettled()).then_some(bit(a.intent));
        self.attempts.iter().filter_map(of).fold(0, |set, one| set | one)
    }

    /// Begins an attempt and asks its first signer.
    pub(crate) fn begin(&mut self, bounds: &Bounds, intent: u8, slot: u8, copies: [u8; 2]) -> Option<()> {
        let number = (0..).find(|n| self.attempt_at(*n).is_none())?;
        let half = |copy| Half { copy, ..Half::default() };
        self.attempts.push(Attempt { number, intent, slot, halves: copies.map(half) });
        self.asked = self.asked.max(intent + 1);
        if self.budget.attempts != ENDLESS {
            self.budget.attempts -= 1;
        }
        self.open(bounds, number, 0)
    }

    /// A signer is asked: own memory allows it, the limit is free, the hello leaves.
    pub(crate) fn open(&mut self, bounds: &Bounds, number: u8, side: usize) -> Option<()> {
        let at = self.attempt_at(number)?;
        let (intent, slot) = (self.attempts[at].intent, self.attempts[at].slot);
        let (half, peer) = (&self.attempts[at].halves[side], &self.attempts[at].halves[1 - side]);
        let (copy, other) = (half.copy, peer.copy);
        if half.stage != Stage::Unasked || peer.over || !self.copies[usize::from(copy)].ready {
            return None;
        }
        let node = &self.copies[usize::from(copy)];
        if !bounds.allows(node, intent, slot) || self.is_locked(bounds, copy, intent) {
            return None;
        }
        let signers = bit(node.who) | bit(self.copies[usize::from(other)].who);
        let (told, unsettled, boot) = (node.memory.unknown_to(signers), self.unsettled(copy), node.boot());
        let half = &mut self.attempts[at].halves[side];
        (half.stage, half.told, half.unsettled, half.boot) = (Stage::Greeting, told, unsettled & told, boot);
        Some(())
    }

    fn is_locked(&self, bounds: &Bounds, copy: u8, intent: u8) -> bool {
        let locks = |a: &Attempt| {
            let same = |h: &&Half| h.copy == copy && h.is_live();
            let limit = |h: &Half| h.holds_limit() && !bounds.lacks(Flaw::NoLock);
            a.halves.iter().filter(same).any(|h| a.intent == intent || limit(h))
        };
        self.attempts.iter().any(locks)
    }

    /// The peer's hello is merged, policy and pins are asked again, the reservation is recorded.
    pub(crate) fn merge(&mut self, bounds: &Bounds, number: u8, side: usize) -> Option<()> {
        let at = self.attempt_at(number)?;
        let (intent, slot) = (self.attempts[at].intent, self.attempts[at].slot);
        let [mine, theirs] = [side, 1 - side].map(|s| self.attempts[at].halves[s].clone());
        if mine.stage != Stage::Greeting || mine.over || theirs.stage < Stage::Greeting {
            return None;
        }
        let peer = self.copies[usize::from(theirs.copy)].who;
        let node = &mut self.copies[usize::from(mine.copy)];
        let known = node.fenced[usize::from(peer)] == theirs.boot || bounds.lacks(Flaw::NoFence);
        if !known {
            self.close(at, side);
            return Some(());
        }
        let (me, both) = (bit(node.who), bit(node.who) | bit(peer));
        if !bounds.lacks(Flaw::OwnCountersOnly) {
            let open = if bounds.lacks(Flaw::HelloIsKept) { 0 } else { theirs.unsettled };
            node.memory.enter(theirs.told & !open, both);
            node.memory.enter(theirs.told & open, me);
        }
        if !bounds.lacks(Flaw::NoCheckAfterMerge) && !bounds.allows(node, intent, slot) {
            self.close(at, side);
            return Some(());
        }
        let new_entry = node.memory.held & bit(intent) == 0;
        let new_pin = node.memory.pins[usize::from(intent)] == 0;
        node.memory.enter(bit(intent), if bounds.lacks(Flaw::PeerHoldsFromReservation) { both } else { me });
        if new_pin {
            node.memory.pins[usize::from(intent)] = slot + 1;
        }
        let half = &mut self.attempts[at].halves[side];
        (half.stage, half.new_entry, half.new_pin) = (Stage::Committing, new_entry, new_pin);
        Some(())
    }

    /// All have recorded: the limit is free.
    pub(crate) fn commit(&mut self, number: u8, side: usize) -> Option<()> {
        self.advance(number, side, Stage::Committing, Stage::Committing, Stage::Signing)
    }

    /// The last message leaves. With the other's it makes the signature.
    pub(crate) fn release(&mut self, number: u8, side: usize) -> Option<()> {
        self.advance(number, side, Stage::Signing, Stage::Signing, Stage::Released)?;
        let attempt = &self.attempts[self.attempt_at(number)?];
        if attempt.halves[1 - side].stage == Stage::Released {
            self.signed[usize::from(attempt.intent)] |= bit(attempt.slot);
            let later = attempt.halves.iter().filter(|h| h.boot.number > 1);
            self.again |= later.fold(0, |set, h| set | bit(self.copies[usize::from(h.copy)].who));
        }
        Some(())
    }

    fn advance(&mut self, number: u8, side: usize, from: Stage, peer: Stage, to: Stage) -> Option<()> {
        let at = self.attempt_at(number)?;
        let ready = self.attempts[at].halves[1 - side].stage >= peer;
        let half = &mut self.attempts[at].halves[side];
        if half.over || half.stage != from || !ready {
            return None;
        }
        half.stage = to;
        Some(())
    }

    /// The peer's last message is here: it takes its reservation back no more.
    pub(crate) fn finish(&mut self, number: u8, side: usize) -> Option<()> {
        let at = self.attempt_at(number)?;
        let [mine, theirs] = [side, 1 - side].map(|s| self.attempts[at].halves[s].clone());
        if mine.over || mine.stage != Stage::Released || theirs.stage != Stage::Released {
            return None;
        }
        let both = [mine.copy, theirs.copy].map(|c| bit(self.copies[usize::from(c)].who));
        let intent = self.attempts[at].intent;
        self.copies[usize::from(mine.copy)].memory.enter(bit(intent), both[0] | both[1]);
        self.close(at, side);
        Some(())
    }

    /// Ends a signer's part: rule L2 says what it gives back.
    pub(crate) fn abort(&mut self, bounds: &Bounds, number: u8, side: usize) -> Option<()> {
        let at = self.attempt_at(number)?;
        let (intent, half) = (self.attempts[at].intent, self.attempts[at].halves[side].clone());
        if !half.is_live() {
            return None;
        }
        let gives_back = half.is_unsettled() || bounds.lacks(Flaw::GivesBackAfterRelease);
        let memory = &mut self.copies[usize::from(half.copy)].memory;
        if gives_back && half.new_entry {
            memory.put_back(intent);
        }
        if gives_back && half.new_pin {
            memory.pins[usize::from(intent)] = 0;
        }
        self.close(at, side);
        Some(())
    }

    fn close(&mut self, at: usize, side: usize) {
        self.attempts[at].halves[side].over = true;
        self.forget_attempts();
    }

    /// Attempts that nothing more comes of.
    fn forget_attempts(&mut self) {
        self.attempts.retain(|a| a.halves.iter().any(Half::is_live));
    }

    /// From the request to the reservation at both signers, or to a refusal at one.
    pub(crate) fn reserve(&mut self, bounds: &Bounds, intent: u8, slot: u8, copies: [u8; 2]) -> Option<()> {
        self.begin(bounds, intent, slot, copies)?;
        let number = self.attempts.last()?.number;
        self.open(bounds, number, 1)?;
        let merged = [0, 1].map(|side| self.merge(bounds, number, side));
        let committed = [0, 1].map(|side| merged[side].and_then(|()| self.commit(number, side)));
        if committed.contains(&None) {
            for side in [0, 1] {
                self.abort(bounds, number, side);
            }
        }
        Some(())
    }

    /// Ends an attempt that both have recorded.
    pub(crate) fn end(&mut self, bounds: &Bounds, number: u8, outcome: Outcome) -> Option<()> {
        let released = match outcome {
            Outcome::Signed | Outcome::Unheard => [true, true],
            Outcome::FirstReleased => [true, false],
            Outcome::SecondReleased => [false, true],
            Outcome::GivenBack => [false, false],
        };
        for side in [0, 1] {
            let side_ends = !self.attempts[self.attempt_at(number)?].halves[side].over;
            if released[side] && side_ends {
                self.release(number, side)?;
            }
        }
        for side in [0, 1] {
            if outcome == Outcome::Unheard || self.finish(number, side).is_none() {
                self.abort(bounds, number, side);
            }
        }
        Some(())
    }

    /// A copy is gone: its sessions with it, its records not.
    pub(crate) fn lose_sessions(&mut self, copy: u8) {
        let halves = self.attempts.iter_mut().flat_map(|a| &mut a.halves);
        halves.filter(|h| h.copy == copy).for_each(|h| h.over = true);
        self.forget_attempts();
    }

    /// A copy ends its sessions with a peer.
    pub(crate) fn end_sessions(&mut self, bounds: &Bounds, copy: u8, peer: u8) {
        let copies = &self.copies;
        let with = |a: &Attempt, side: usize| {
            let other = &copies[usize::from(a.halves[1 - side].copy)];
            (a.halves[side].copy == copy && a.halves[side].is_live() && other.who == peer).then_some((a.number, side))
        };
        let ended: Vec<(u8, usize)> =
            self.attempts.iter().flat_map(|a| [0, 1].map(|side| with(a, side))).flatten().collect();
        for (number, side) in ended {
            self.abort(bounds, number, side);
        }
    }
}

impl Bounds {
    /// Whether a copy's own memory allows an intent in this slot.
    fn allows(&self, node: &Copy, intent: u8, slot: u8) -> bool {
        let pinned = node.memory.may_pin(intent, slot) || self.lacks(Flaw::NoPins);
        pinned && node.memory.spent_besides(intent) < self.cap
    }
}

/// Intents that were signed.
pub fn signed_intents(state: &State) -> u32 {
    state.signed.iter().filter(|slots| **slots != 0).count() as u32
}

/// Whether an intent was signed for two slots, or two intents for one.
pub fn has_second_slot(state: &State) -> bool {
    let twice = state.signed.iter().any(|slots| slots.count_ones() > 1);
    let shared = (0..8).any(|slot| state.signed.iter().filter(|slots| each(**slots).any(|s| s == slot)).count() > 1);
    twice || shared
}
