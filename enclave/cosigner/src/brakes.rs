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

#[cfg(test)]
mod tests {
    use super::*;
    use ringi_primitives::approval::Evidence;
    use ringi_primitives::brake::FreezeTarget;
    use ringi_primitives::cbor;
    use ringi_primitives::id::BrakeId;
    use ringi_primitives::key::{PublicKey, SignatureBytes};

    const NOW: UnixMs = UnixMs(2_000_000_000_000);

    fn intent(n: u8) -> IntentId {
        IntentId::from_bytes([n; 16])
    }

    fn person(n: u8) -> PersonId {
        PersonId::from_bytes([n; 16])
    }

    /// By person 1, number `n`; a book looks at no signature.
    fn brake(n: u16, action: BrakeAction) -> SignedBrake {
        let mut id = [0; 16];
        id[..2].copy_from_slice(&n.to_be_bytes());
        let id = BrakeId::from_bytes(id);
        let body = Brake { version: 1, genesis: Digest::ZERO, id, by: person(1), issued_at: NOW, action };
        let evidence = Evidence::Signature { key: PublicKey::Ed25519([1; 32]), signature: SignatureBytes([0; 64]) };
        SignedBrake { body: cbor::encode(&body), evidence }
    }

    fn freeze(n: u16) -> SignedBrake {
        brake(n, BrakeAction::Freeze { target: FreezeTarget::Workspace })
    }

    fn lift(n: u8, freezes: Vec<Digest>) -> Signed {
        let action = OrderAction::Unfreeze { freezes };
        let id = OrderId::from_bytes([n; 16]);
        let order = Order { version: 1, id, genesis: Digest::ZERO, issued_at: NOW, expires_at: NOW, action };
        Signed { body: cbor::encode(&order), signatures: vec![] }
    }

    fn book(brakes: &[SignedBrake]) -> BrakeBook {
        let mut book = BrakeBook::default();
        brakes.iter().for_each(|brake| book.enter(brake).unwrap());
        book
    }

    #[test]
    fn p1_what_is_entered_again_counts_once() {
        let most = u16::try_from(limits::BRAKES_PER_PERSON).unwrap();
        let all: Vec<SignedBrake> = (1..most).chain([1, 1]).map(freeze).collect();
        let mut book = book(&all);
        assert!(!book.is_full_of(person(1)));
        book.enter(&freeze(most)).unwrap();
        assert!(book.is_full_of(person(1)) && !book.is_full_of(person(2)));
        book.lift(&lift(1, vec![freeze(1).digest()])).unwrap();
        assert!(!book.is_full_of(person(1)));
        book.enter(&freeze(1)).unwrap();
        assert!(!book.is_full_of(person(1)), "a lifted one holds no more");
    }

    /// What snapshots and boots are handed makes the same book again; a lifted freeze stays lifted.
    #[test]
    fn p1_a_book_is_made_again_of_what_it_holds() {
        let [one, two, three] = [1, 2, 3].map(freeze);
        let veto = brake(4, BrakeAction::Veto { intent: intent(4) });
        let mut first = book(&[one.clone(), two.clone(), veto]);
        let order = lift(1, vec![one.digest(), three.digest()]);
        first.lift(&order).unwrap();
        let mut again = BrakeBook::default();
        for order in first.lifts() {
            again.lift(order).unwrap();
        }
        first.all().for_each(|brake| again.enter(brake).unwrap());
        [&one, &three].into_iter().for_each(|brake| again.enter(brake).unwrap());
        for book in [&first, &again] {
            assert_eq!(book.freezes().collect::<Vec<_>>(), [two.digest()]);
            assert!(book.is_lifted(&one.digest()) && book.is_lifted(&three.digest()) && !book.is_lifted(&two.digest()));
            let orders = [1, 2].map(|n| book.has_lift(&OrderId::from_bytes([n; 16])));
            assert_eq!((orders, book.stops.len()), ([true, false], 1));
        }
        assert_eq!(first.head(), again.head());
    }

    /// Once an hour: vetoes and withdrawals of intents that have expired go, freezes never do.
    #[test]
    fn p1_what_stops_nothing_any_more_is_forgotten() {
        let withdrawal = brake(2, BrakeAction::Withdraw { intent: intent(2) });
        let outlived = withdrawal.read_unverified().unwrap().outlived_at();
        let left = |times: &[UnixMs]| {
            let mut book = book(&[freeze(1), withdrawal.clone()]);
            times.iter().for_each(|now| book.forget_old(*now));
            (book.freezes.len(), book.stops.len(), book.count_of[&person(1)])
        };
        assert_eq!(left(&[outlived]), (1, 1, 2));
        assert_eq!(left(&[outlived.plus_ms(1)]), (1, 0, 1));
        assert_eq!(left(&[outlived, outlived.plus_ms(FORGET_EVERY_MS - 1)]), (1, 1, 2), "not yet looked for");
        assert_eq!(left(&[outlived, outlived.plus_ms(FORGET_EVERY_MS)]), (1, 0, 1));
    }

    #[test]
    fn p1_a_lift_names_so_many_freezes() {
        let digests = |n: usize| vec![Digest::ZERO; n];
        let read = |n| read_lift(&lift(1, digests(n))).map(|(_, freezes)| freezes.len());
        let most = limits::LIFTED;
        assert_eq!([read(0), read(1), read(most), read(most + 1)], [None, Some(1), Some(most), None]);
    }
}
