//! The memory of brakes (rule P1): freezes in force, freezes that were lifted and never come back, vetoes, withdrawals.
//!
//! Freezes only join and lifted ones only leave, each by its digest: whatever comes in whatever order, twice or late, two
//! cosigners that have heard the same documents hold the same freezes. An old lift names no newer freeze.

use crate::refusal::Code;
use crate::state::StateError;
use ringi_primitives::brake::{Brake, BrakeAction, SignedBrake, head_of};
use ringi_primitives::digest::Digest;
use ringi_primitives::id::{IntentId, OrderId, PersonId};
use ringi_primitives::limits;
use ringi_primitives::order::{Order, OrderAction};
use ringi_primitives::signed::Signed;
use ringi_primitives::time::UnixMs;
use ringi_primitives::wallet::WalletRef;
use std::collections::{BTreeMap, BTreeSet};

/// Vetoes and withdrawals that stop nothing any more are looked for once an hour: nothing depends on when.
const FORGET_EVERY_MS: u64 = 3_600_000;

/// A brake with its proof.
struct Held {
    brake: Brake,
    signed: SignedBrake,
}

/// What stops an intent: a veto, whoever asked for it, or the withdrawal of this initiator.
type Stop = (IntentId, Option<PersonId>);

/// Every brake.
#[derive(Default)]
pub struct BrakeBook {
    freezes: BTreeMap<Digest, Held>,
    lifted: BTreeSet<Digest>,
    lifts: BTreeMap<OrderId, Signed>,
    stops: BTreeMap<Stop, Held>,
    /// How many of the above are each person's.
    count_of: BTreeMap<PersonId, usize>,
    forgot_at: UnixMs,
}

/// What a brake would stop, of a veto or withdrawal.
fn stop_of(brake: &Brake) -> Option<Stop> {
    match brake.action {
        BrakeAction::Freeze { .. } => None,
        BrakeAction::Veto { intent } => Some((intent, None)),
        BrakeAction::Withdraw { intent } => Some((intent, Some(brake.by))),
    }
}

impl BrakeBook {
    /// Takes a brake in. A lifted freeze stays lifted.
    ///
    /// # Errors
    /// [`StateError`] if it does not decode: a record of our own does.
    pub fn enter(&mut self, signed: &SignedBrake) -> Result<(), StateError> {
        let brake = signed.read_unverified().map_err(|_| StateError("brake"))?;
        if self.has(&signed.digest(), &brake) || self.is_lifted(&signed.digest()) {
            return Ok(());
        }
        let count = self.count_of.entry(brake.by).or_default();
        *count = count.saturating_add(1);
        let held = Held { brake, signed: signed.clone() };
        match stop_of(&brake) {
            Some(stop) => self.stops.insert(stop, held),
            None => self.freezes.insert(signed.digest(), held),
        };
        Ok(())
    }

    /// Takes an order in that lifts freezes, those too that have not come yet.
    ///
    /// # Errors
    /// [`StateError`] if it is no such order: a record of our own is.
    pub fn lift(&mut self, signed: &Signed) -> Result<OrderId, StateError> {
        let (id, freezes) = read_lift(signed).ok_or(StateError("lift"))?;
        for digest in freezes {
            self.lifted.insert(digest);
            if let Some(held) = self.freezes.remove(&digest) {
                self.forget_one_of(held.brake.by);
            }
        }
        self.lifts.insert(id, signed.clone());
        Ok(id)
    }

    fn forget_one_of(&mut self, person: PersonId) {
        if let Some(count) = self.count_of.get_mut(&person) {
            *count = count.saturating_sub(1);
        }
    }

    /// Whether what it says holds here already.
    pub fn has(&self, digest: &Digest, brake: &Brake) -> bool {
        stop_of(brake).map_or_else(|| self.freezes.contains_key(digest), |stop| self.stops.contains_key(&stop))
    }

    /// Whether it is a freeze that was lifted.
    pub fn is_lifted(&self, digest: &Digest) -> bool {
        self.lifted.contains(digest)
    }

    /// Whether this person has as many as one may have.
    pub fn is_full_of(&self, person: PersonId) -> bool {
        self.count_of.get(&person).is_some_and(|count| *count >= limits::BRAKES_PER_PERSON)
    }

    /// P1: what stops this intent of this initiator from this wallet, if anything does.
    pub fn stopped(&self, intent: IntentId, initiator: PersonId, wallet: &WalletRef) -> Option<Code> {
        if self.stops.contains_key(&(intent, None)) {
            return Some(Code::BrakeVetoed);
        }
        if self.stops.contains_key(&(intent, Some(initiator))) {
            return Some(Code::BrakeWithdrawn);
        }
        self.freezes.values().any(|held| freezes(&held.brake, wallet)).then_some(Code::BrakeFrozen)
    }

    /// Digests of the freezes in force, ascending.
    pub fn freezes(&self) -> impl Iterator<Item = Digest> + '_ {
        self.freezes.keys().copied()
    }

    /// The head of the freezes in force.
    pub fn head(&self) -> Digest {
        head_of(self.freezes())
    }

    /// What somebody lacks who holds exactly these freezes: freezes, and orders that lift some of theirs.
    pub fn news_for(&self, theirs: &BTreeSet<Digest>) -> (Vec<SignedBrake>, Vec<Signed>) {
        let lacks = self.freezes.iter().filter(|(digest, _)| !theirs.contains(*digest));
        let brakes = lacks.map(|(_, held)| held.signed.clone()).collect();
        let lifts_some = |signed: &&Signed| {
            read_lift(signed).is_some_and(|(_, freezes)| freezes.iter().any(|digest| theirs.contains(digest)))
        };
        (brakes, self.lifts.values().filter(lifts_some).cloned().collect())
    }

    /// Drops vetoes and withdrawals of intents that have expired, at this cosigner's own time.
    pub fn forget_old(&mut self, now: UnixMs) {
        if now.distance_ms(self.forgot_at) < FORGET_EVERY_MS {
            return;
        }
        self.forgot_at = now;
        let old = self.stops.extract_if(.., |_, held| held.brake.outlived_at() < now);
        let people: Vec<PersonId> = old.map(|(_, held)| held.brake.by).collect();
        people.into_iter().for_each(|person| self.forget_one_of(person));
    }

    /// Every brake that holds, for a peer that boots and for snapshots.
    pub fn all(&self) -> impl Iterator<Item = &SignedBrake> {
        self.freezes.values().chain(self.stops.values()).map(|held| &held.signed)
    }

    /// Every order that lifted freezes, likewise.
    pub fn lifts(&self) -> impl Iterator<Item = &Signed> {
        self.lifts.values()
    }

    /// Whether this order has lifted what it names.
    pub fn has_lift(&self, order: &OrderId) -> bool {
        self.lifts.contains_key(order)
    }
}

fn freezes(brake: &Brake, wallet: &WalletRef) -> bool {
    matches!(brake.action, BrakeAction::Freeze { target } if target.covers(wallet))
}

/// What an order lifts; `None` for another order. Says nothing about its signatures.
pub fn read_lift(signed: &Signed) -> Option<(OrderId, Vec<Digest>)> {
    let order: Order = signed.decode_unverified(limits::GENESIS_BYTES).ok()?;
    match order.action {
        OrderAction::Unfreeze { freezes } if (1..=limits::LIFTED).contains(&freezes.len()) => Some((order.id, freezes)),
        _ => None,
    }
}
