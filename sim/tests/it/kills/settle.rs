//! The faults stop: everybody comes back, remembers, and signs again, before and after a refresh of every key.

use super::host::Host;
use super::payments::{Ask, Kind, PAYMENTS, Pick, Place};
use super::points::Loss;
use super::refresh::{BIP340, ECDSA};
use ringi_primitives::order::OrderAction;
use ringi_sim::requests::outcomes;
use std::collections::BTreeSet;

/// All pairs.
const PAIRS: [[u8; 2]; 3] = [[1, 2], [2, 3], [1, 3]];
/// Longer than a session or a boot's question takes.
const QUIET_S: u32 = 40;
/// A copy may have used up as many boot numbers as there were restarts beside it.
const ROUNDS: usize = 24;
/// Longer than a ceremony waits for a message.
const CEREMONY_MS: u64 = 125_000;
const DAY_MS: u64 = 86_400_000;

/// Whether every payment is at an end, or waits for the nonce of one that is blocked and must be replaced (rule I3).
fn all_ended(ends: &[String]) -> bool {
    let blocked = ends.iter().any(|end| end.starts_with("blocked"));
    let ended = |end: &String| {
        let waits = ["submitted", "awaiting_approval", "queued", "broadcasting", "confirming"].contains(&end.as_str());
        !waits && (end != "signing" || blocked)
    };
    !ends.is_empty() && ends.iter().all(ended)
}

impl Host {
    /// Ends the run and checks what must hold then.
    pub fn settle(&mut self) {
        self.end_double();
        self.world.acknowledges = true;
        self.come_back();
        for p in self.world.parties() {
            self.hear_from(p);
        }
        self.check_places();
        self.finish_office();
        // A day later the limits are free, and every pair signs on both chains: in the epoch that there is.
        for (number, pair) in (10..).zip(PAIRS) {
            self.tomorrow();
            let said = self.until_signed(Ask { kind: Kind::Pay, number }, pair);
            assert_eq!(said, ["signed", "signed"], "seed {}: EVM, pair {pair:?}", self.seed);
        }
        self.everybody_signs(10);
        let keys = if self.seed.is_multiple_of(6) { vec![BIP340, ECDSA] } else { vec![BIP340] };
        for key in keys {
            let epoch = self.epoch(key) + 1;
            let order = self.world.order(OrderAction::Refresh { key, epoch, clear_bans: vec![] });
            let refreshed = self.world.carry_out(order);
            assert!(refreshed.is_some(), "seed {}: no refresh of {key:?} to epoch {epoch}", self.seed);
        }
        self.tomorrow();
        self.everybody_signs(13);
        for p in self.world.parties() {
            let banned = self.status(p).map(|s| s.banned);
            assert_eq!(banned, Some(vec![]), "seed {}: {p} excludes somebody and nobody cheated", self.seed);
        }
    }

    /// Everything is durable and time passes. Where a second copy took a boot number, peers listen to nobody under it: all
    /// start again, under the next.
    fn come_back(&mut self) {
        for quiet_s in [QUIET_S].into_iter().chain([3; ROUNDS]) {
            for p in self.world.parties() {
                self.durable.insert(p, self.world.blob(p).len());
                self.world.acknowledge(p);
                self.relink(p);
            }
            self.world.run();
            (0..quiet_s).for_each(|_| self.world.pass(1_000));
            self.world.parties().into_iter().for_each(|p| {
                self.durable.insert(p, self.world.blob(p).len());
            });
            if self.world.parties().into_iter().all(|p| self.status(p).is_some_and(|s| s.ready)) {
                return;
            }
            self.world.parties().into_iter().for_each(|p| self.restart(p, Loss::Nothing));
        }
        panic!("seed {}: not everybody was granted a boot", self.seed);
    }

    /// Whatever it died of, every payment of the orchestrator's ends, and those that it says are completed are on the chain:
    /// one transaction each. A day later the limits that the script used up are free again.
    fn finish_office(&mut self) {
        self.office.crash_at(None);
        self.tomorrow();
        let mut ends = Vec::new();
        for _ in 0..300 {
            self.pass(1_000);
            self.serve();
            self.world.run();
            for p in self.world.parties() {
                self.durable.insert(p, self.world.blob(p).len());
                self.hear_from(p);
            }
            ends = self.office.ends();
            if all_ended(&ends) {
                break;
            }
        }
        assert!(all_ended(&ends), "seed {}: the orchestrator's payments stand at {ends:?}", self.seed);
        let completed = ends.iter().filter(|end| *end == "completed").count();
        assert_eq!(self.office.mined(), completed, "seed {}: {ends:?}", self.seed);
        let limits = ends.iter().filter(|end| *end != "completed" && *end != "signing");
        assert!(limits.into_iter().all(|end| end.ends_with("policy.limit_exceeded")), "seed {}: {ends:?}", self.seed);
    }

    fn tomorrow(&mut self) {
        self.world.pass(CEREMONY_MS);
        self.world.pass(DAY_MS);
        self.promises.day_passed();
    }

    fn sign(&mut self, ask: Ask, place: Place, pair: [u8; 2]) -> Vec<String> {
        let bytes = ask.bytes(&self.world, &self.standard, place);
        outcomes(&self.world.sign(&bytes, &pair))
    }

    /// I3: what was signed stays at its nonce.
    fn check_places(&mut self) {
        for number in 1..=PAYMENTS {
            let ask = Ask { kind: Kind::Pay, number };
            if let Some(nonce) = self.promises.nonce_of(ask.id()) {
                let said = self.sign(ask, Place::Nonce(nonce + 1), [1, 3]);
                assert!(!said.contains(&"signed".into()), "seed {}: {number} at another nonce: {said:?}", self.seed);
            }
        }
    }

    /// Every pair signs for coins of both schemes.
    fn everybody_signs(&mut self, from: u8) {
        for (number, pair) in (from..).zip(PAIRS) {
            let said = self.twice(Ask { kind: Kind::Coins, number }, Place::Coins(Pick::Own), pair);
            assert_eq!(said, ["signed", "signed"], "seed {}: Bitcoin, pair {pair:?}", self.seed);
        }
    }

    /// K2: unequal epochs resynchronise with the first attempt.
    fn twice(&mut self, ask: Ask, place: Place, pair: [u8; 2]) -> Vec<String> {
        let said = self.sign(ask, place, pair);
        match said.contains(&"session.epoch_differs".into()) {
            true => self.sign(ask, place, pair),
            false => said,
        }
    }

    /// An attempt at a pair. A nonce that an earlier attempt pinned is first given to its own intent, as an honest host does:
    /// there are no gaps.
    fn until_signed(&mut self, ask: Ask, pair: [u8; 2]) -> Vec<String> {
        let used = self.promises.nonces(self.standard.account());
        let mut said = Vec::new();
        for nonce in (self.fresh.max(used.len() as u64))..64 {
            said = self.twice(ask, Place::Nonce(nonce), pair);
            if said == ["signed", "signed"] {
                self.fresh = nonce + 1;
                break;
            }
            let owners: BTreeSet<Ask> = self.tried.get(&nonce).into_iter().flatten().map(|a| a.root()).collect();
            for owner in owners {
                self.sign(owner, Place::Nonce(nonce), pair);
            }
        }
        said
    }
}
