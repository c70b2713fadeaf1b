//! Starts, second copies, questions and grants (rule B1).

use crate::check::Bounds;
use crate::memory::{COSIGNERS, Memory, bit};
use crate::state::{Blob, Copy, Flaw, Grant, State};

/// Peers whose grant a boot needs: n - t + 1.
const NEEDED: u32 = 2;

impl State {
    /// The host keeps a cosigner's blob.
    pub(crate) fn save(&mut self, who: u8) -> Option<()> {
        self.budget.saves = self.budget.saves.checked_sub(1)?;
        self.saved = Some((who, self.copies[usize::from(who)].memory.clone()));
        Some(())
    }

    fn blob(&self, who: u8, blob: Blob) -> Option<Memory> {
        match (blob, &self.saved) {
            (Blob::Newest, _) => Some(self.copies[usize::from(who)].memory.clone()),
            (Blob::Saved, Some((of, memory))) if *of == who => Some(memory.clone()),
            (Blob::Saved, _) => None,
        }
    }

    /// A copy starts at this place: it takes the next number, and has nothing but its blob.
    pub(crate) fn start(&mut self, bounds: &Bounds, place: usize, who: u8, blob: Blob) -> Option<()> {
        let mut memory = self.blob(who, blob)?;
        self.budget.starts = self.budget.starts.checked_sub(1)?;
        self.lose_sessions(u8::try_from(place).ok()?);
        self.keys += 1;
        memory.boot += 1;
        let ready = bounds.lacks(Flaw::NoGrant);
        self.copies[place] = Copy { who, key: self.keys, memory, ready, ..Copy::default() };
        Some(())
    }

    /// A second copy starts beside the first; one at a time.
    pub(crate) fn double(&mut self, bounds: &Bounds, who: u8, blob: Blob) -> Option<()> {
        if self.copies[COSIGNERS].key != 0 {
            return None;
        }
        self.start(bounds, COSIGNERS, who, blob)
    }

    /// A peer answers a started copy: fences its older boots and hands over what it remembers, or refuses.
    pub(crate) fn ask(&mut self, bounds: &Bounds, asker: u8, granter: u8) -> Option<()> {
        let (asking, peer) = (&self.copies[usize::from(asker)], &self.copies[usize::from(granter)]);
        let (who, asked) = (asking.who, asking.boot());
        let waits = asking.key != 0 && (!asking.ready || bounds.lacks(Flaw::NoGrant));
        if !waits || peer.key == 0 || peer.who == who {
            return None;
        }
        let head = peer.memory.heads[usize::from(who)];
        let second = asked.number == head.number && head != asked;
        if asked.number < head.number || second || !peer.ready {
            return None;
        }
        let fresh = peer.fenced[usize::from(who)] != asked;
        let (from, granter_boot) = (peer.who, peer.boot());
        if fresh {
            let peer = &mut self.copies[usize::from(granter)];
            peer.fenced[usize::from(who)] = asked;
            peer.memory.heads[usize::from(who)] = asked;
            self.end_sessions(bounds, granter, who);
        }
        let (unsettled, memory) = (self.unsettled(granter), &self.copies[usize::from(granter)].memory);
        let grant = Grant {
            from,
            to: who,
            number: asked.number,
            granter: granter_boot,
            held: memory.held,
            unsettled: unsettled & memory.held,
            pins: memory.pins,
        };
        if self.grants.contains(&grant) && !fresh {
            return None;
        }
        self.grants.retain(|g| (g.from, g.to) != (grant.from, grant.to));
        self.grants.push(grant);
        self.grants.sort_by_key(|g| (g.from, g.to));
        Some(())
    }

    /// A copy takes a grant: adopts the union, and is ready with enough of them.
    pub(crate) fn take(&mut self, bounds: &Bounds, copy: u8, from: u8) -> Option<()> {
        let node = &mut self.copies[usize::from(copy)];
        let grant = self.grants.iter().find(|g| g.from == from && g.to == node.who)?;
        if node.key == 0 || grant.number != node.memory.boot || node.granted & bit(from) != 0 {
            return None;
        }
        let head = node.memory.heads[usize::from(from)];
        if grant.granter.number == head.number && head.key != 0 && grant.granter.key != head.key {
            return None;
        }
        let fenced = node.fenced[usize::from(from)];
        if grant.granter.number >= head.number && grant.granter.number > fenced.number {
            node.fenced[usize::from(from)] = grant.granter;
            node.memory.heads[usize::from(from)] = grant.granter;
        }
        if !bounds.lacks(Flaw::NoAdoption) {
            let open = grant.unsettled;
            node.memory.enter(grant.held & !open, bit(node.who) | bit(from));
            node.memory.enter(grant.held & open, bit(node.who));
            node.memory.adopt_pins(&grant.pins);
        }
        node.granted |= bit(from);
        let needed = if bounds.lacks(Flaw::OneGrant) { 1 } else { NEEDED };
        node.ready |= node.granted.count_ones() >= needed;
        Some(())
    }

    /// Question and grant in one.
    pub(crate) fn admit(&mut self, bounds: &Bounds, copy: u8, granter: u8) -> Option<()> {
        self.ask(bounds, copy, granter)?;
        let from = self.copies[usize::from(granter)].who;
        self.take(bounds, copy, from);
        self.grants.clear();
        Some(())
    }
}
