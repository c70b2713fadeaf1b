//! Pins: which slot an intent was first signed for, and which intent a slot belongs to (rule I3). They outlive expiry.

use crate::refusal::Code;
use crate::spending::Holders;
use minicbor::{Decode, Encode};
use ringi_primitives::address::Address;
use ringi_primitives::digest::Digest;
use ringi_primitives::effects::{Outpoint, Slot};
use ringi_primitives::id::IntentId;
use ringi_primitives::network::{BitcoinNetwork, NetworkId};
use ringi_primitives::order::NextNonce;
use ringi_primitives::request::PayloadKind;
use ringi_primitives::scheme::PartyIndex;
use std::collections::{BTreeMap, BTreeSet};

/// One intent's pin for one kind of payload (a delegation signs an authorization and its transaction).
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Pin {
    /// The intent.
    #[n(0)]
    pub intent: IntentId,
    /// The kind of payload.
    #[n(1)]
    pub kind: PayloadKind,
    /// The first intent of its replacement chain; itself if it replaces nothing.
    #[n(2)]
    pub root: IntentId,
    /// The slot; of outpoints the first is the anchor.
    #[n(3)]
    pub slot: Slot,
}

/// The single places a slot takes. In the form of a slot that is kept: there are as many as pins.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// Chain id, account, nonce.
    Nonce(u64, [u8; 20], u64),
    Outpoint(BitcoinNetwork, Outpoint),
    Other(Box<OtherPlace>),
}

/// Places of no present chain, and messages.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum OtherPlace {
    Nonce(NetworkId, Address, u64),
    Outpoint(NetworkId, Outpoint),
    Message(NetworkId, Digest),
}

impl Place {
    fn nonce(network: NetworkId, account: Address, nonce: u64) -> Place {
        match evm_account(network, &account) {
            Some((chain, account)) => Place::Nonce(chain, account, nonce),
            None => Place::Other(Box::new(OtherPlace::Nonce(network, account, nonce))),
        }
    }

    fn outpoint(network: NetworkId, outpoint: Outpoint) -> Place {
        match network {
            NetworkId::Bitcoin(network) => Place::Outpoint(network, outpoint),
            NetworkId::Evm(_) => Place::Other(Box::new(OtherPlace::Outpoint(network, outpoint))),
        }
    }
}

/// Chain id and account of an EVM chain, without the room that other chains' addresses need.
fn evm_account(network: NetworkId, account: &Address) -> Option<(u64, [u8; 20])> {
    match network {
        NetworkId::Evm(chain) => Some((chain, account.raw().try_into().ok()?)),
        NetworkId::Bitcoin(_) => None,
    }
}

/// A self-sponsored delegation uses up the nonce after its transaction's too (EIP-7702).
fn places(kind: PayloadKind, slot: &Slot) -> Vec<Place> {
    match slot {
        Slot::Nonce { network, account, nonce } => {
            let mut nonces = vec![Place::nonce(*network, *account, *nonce)];
            if kind == PayloadKind::Authorization {
                nonces.extend(nonce.checked_add(1).map(|next| Place::nonce(*network, *account, next)));
            }
            nonces
        }
        Slot::Outpoints { network, outpoints } => outpoints.iter().map(|o| Place::outpoint(*network, *o)).collect(),
        Slot::Message { network, payload } => vec![Place::Other(Box::new(OtherPlace::Message(*network, *payload)))],
    }
}

struct Held {
    root: IntentId,
    slot: KeptSlot,
    holders: Holders,
}

/// A slot as it is kept: a hundred thousand nonces are common, all else is rare.
enum KeptSlot {
    Nonce { chain: u64, account: [u8; 20], nonce: u64 },
    Other(Box<Slot>),
}

impl KeptSlot {
    fn of(slot: &Slot) -> KeptSlot {
        if let Slot::Nonce { network, account, nonce } = slot
            && let Some((chain, account)) = evm_account(*network, account)
        {
            return KeptSlot::Nonce { chain, account, nonce: *nonce };
        }
        KeptSlot::Other(Box::new(slot.clone()))
    }
}

impl Held {
    fn slot(&self) -> Slot {
        match &self.slot {
            KeptSlot::Nonce { chain, account, nonce } => {
                Slot::Nonce { network: NetworkId::Evm(*chain), account: Address::of_evm(*account), nonce: *nonce }
            }
            KeptSlot::Other(slot) => (**slot).clone(),
        }
    }
}

type Key = (IntentId, PayloadKind);

fn pin_of((intent, kind): &Key, held: &Held) -> Pin {
    Pin { intent: *intent, kind: *kind, root: held.root, slot: held.slot() }
}

/// All pins. One of a hundred thousand wallets takes a few hundred bytes: nothing is kept that can be found.
#[derive(Default)]
pub struct PinBook {
    pins: BTreeMap<Key, Held>,
    owners: BTreeMap<Place, IntentId>,
    /// Replacements by the first intent of their chain.
    replacements: BTreeSet<(IntentId, Key)>,
    /// Next nonces of accounts whose past was lost (rule K3).
    begun: BTreeMap<(NetworkId, Address), u64>,
    /// Pins entered since the maps were laid out anew.
    loose: usize,
}

/// So many new pins at least before the maps are laid out anew.
const LOOSE: usize = 4096;

impl PinBook {
    /// The pin this signature would take, if rule I3 allows it. Changes nothing.
    ///
    /// # Errors
    /// The code of the broken part of rule I3.
    pub fn check(
        &self,
        intent: IntentId,
        replaces: Option<IntentId>,
        kind: PayloadKind,
        slot: &Slot,
    ) -> Result<Pin, Code> {
        let root = self.root_of(intent, replaces)?;
        // I3, I4: no other slot is ever signed for an intent, nor for what replaces it, of whatever kind: two would both take
        // effect, and one charge is made for all.
        let mut earlier = self.chain(root).chain(self.of_intent(intent)).map(|(_, held)| held.slot());
        if earlier.clone().any(|held| !same_slot(&held, slot)) {
            return Err(Code::PinOtherSlot);
        }
        let pinned = earlier.next().map_or_else(|| slot.clone(), |first| anchored(&first, slot));
        let pin = Pin { intent, kind, root, slot: pinned };
        // I3: a slot is reused only by its intent's replacement.
        if places(kind, slot).iter().any(|p| self.owners.get(p).is_some_and(|owner| *owner != root)) {
            return Err(Code::PinSlotTaken);
        }
        self.check_gap(slot)?;
        // I3, K3: what an order says is used on chain was somebody's, whom nobody remembers.
        if places(kind, slot).iter().any(|p| self.is_used(p) && !self.owners.contains_key(p)) {
            return Err(Code::PinSlotTaken);
        }
        Ok(pin)
    }

    /// K3: an order says where an account has come to on chain. Never back.
    pub fn begin_at(&mut self, next: &NextNonce) {
        let begun = self.begun.entry((next.network, next.account)).or_default();
        *begun = next.nonce.max(*begun);
    }

    /// What orders have said so.
    pub fn begun(&self) -> impl Iterator<Item = NextNonce> + '_ {
        self.begun.iter().map(|((network, account), nonce)| NextNonce {
            network: *network,
            account: *account,
            nonce: *nonce,
        })
    }

    fn is_used(&self, place: &Place) -> bool {
        let (network, account, nonce) = match place {
            Place::Nonce(chain, account, nonce) => (NetworkId::Evm(*chain), Address::of_evm(*account), *nonce),
            Place::Other(other) => match **other {
                OtherPlace::Nonce(network, account, nonce) => (network, account, nonce),
                OtherPlace::Outpoint(..) | OtherPlace::Message(..) => return false,
            },
            Place::Outpoint(..) => return false,
        };
        self.begun.get(&(network, account)).is_some_and(|begun| nonce < *begun)
    }

    /// What is held of one intent, of every kind.
    fn of_intent(&self, intent: IntentId) -> impl Iterator<Item = (&Key, &Held)> + Clone {
        self.pins.range((intent, PayloadKind::Transaction)..=(intent, PayloadKind::Authorization))
    }

    /// I3: EVM nonces have no gaps.
    fn check_gap(&self, slot: &Slot) -> Result<(), Code> {
        let Slot::Nonce { network, account, nonce } = slot else { return Ok(()) };
        let next = match self.head(*network, *account) {
            Some(head) => head.checked_add(1).ok_or(Code::PinNonceGap)?,
            None => 0,
        };
        let next = self.begun.get(&(*network, *account)).map_or(next, |begun| next.max(*begun));
        if *nonce <= next { Ok(()) } else { Err(Code::PinNonceGap) }
    }

    /// The highest nonce of an account that is pinned.
    fn head(&self, network: NetworkId, account: Address) -> Option<u64> {
        let (low, high) = (Place::nonce(network, account, 0), Place::nonce(network, account, u64::MAX));
        match self.owners.range(low..=high).next_back()?.0 {
            Place::Nonce(_, _, nonce) => Some(*nonce),
            Place::Other(other) => match **other {
                OtherPlace::Nonce(_, _, nonce) => Some(nonce),
                OtherPlace::Outpoint(..) | OtherPlace::Message(..) => None,
            },
            Place::Outpoint(..) => None,
        }
    }

    /// The pins of a replacement chain, its first intent's among them.
    fn chain(&self, root: IntentId) -> impl Iterator<Item = (&Key, &Held)> + Clone {
        let first = self.of_intent(root);
        let later = self.replacements.range((root, (IntentId::NIL, PayloadKind::Transaction))..);
        let later = later.take_while(move |(of, _)| *of == root).filter_map(|(_, key)| self.pins.get_key_value(key));
        first.filter(move |(_, held)| held.root == root).chain(later)
    }

    /// The first intent of the replacement chain.
    pub fn root_of(&self, intent: IntentId, replaces: Option<IntentId>) -> Result<IntentId, Code> {
        match replaces {
            None => Ok(intent),
            Some(other) => {
                let held = self.pins.range((other, PayloadKind::Transaction)..).next();
                held.filter(|((i, _), _)| *i == other).map(|(_, h)| h.root).ok_or(Code::PinUnknownReplaced)
            }
        }
    }

    /// Records a pin; the first slot stays the pinned one. Returns whether it is new here.
    pub fn enter(&mut self, pin: &Pin, holders: Holders) -> bool {
        for place in places(pin.kind, &pin.slot) {
            self.owners.entry(place).or_insert(pin.root);
        }
        match self.pins.get_mut(&(pin.intent, pin.kind)) {
            Some(held) => {
                if held.root == pin.root && held.slot() == pin.slot {
                    held.holders = held.holders.union(holders);
                }
                false
            }
            None => {
                let key = (pin.intent, pin.kind);
                if pin.root != pin.intent {
                    self.replacements.insert((pin.root, key));
                }
                self.pins.insert(key, Held { root: pin.root, slot: KeptSlot::of(&pin.slot), holders });
                self.compact();
                true
            }
        }
    }

    /// Those of these pins that would change anything if `holders` have them.
    pub fn news(&self, pins: Vec<Pin>, holders: Holders) -> Vec<Pin> {
        let known = |pin: &Pin| {
            let held = self.pins.get(&(pin.intent, pin.kind));
            held.is_some_and(|h| h.root == pin.root && h.slot() == pin.slot && h.holders.union(holders) == h.holders)
        };
        pins.into_iter().filter(|p| !known(p)).collect()
    }

    /// Takes back a pin that was made for a session that never sent its last message (rule L2).
    pub fn put_back(&mut self, pin: &Pin) {
        self.pins.remove(&(pin.intent, pin.kind));
        self.replacements.remove(&(pin.root, (pin.intent, pin.kind)));
        let kept: BTreeSet<Place> = self.chain(pin.root).flat_map(|((_, kind), h)| places(*kind, &h.slot())).collect();
        for place in places(pin.kind, &pin.slot).into_iter().filter(|p| !kept.contains(p)) {
            self.owners.remove(&place);
        }
    }

    /// Pins that concern this intent's chain, its slot or the head of its account and that not all of `signers` hold.
    pub fn unknown_to(
        &self,
        intent: IntentId,
        replaces: Option<IntentId>,
        slot: &Slot,
        signers: &[PartyIndex],
    ) -> Vec<Pin> {
        let mut roots: BTreeSet<IntentId> = [Some(intent), replaces].into_iter().flatten().collect();
        roots.extend([intent].iter().chain(&replaces).filter_map(|i| self.root_of(*i, Some(*i)).ok()));
        roots.extend(places(PayloadKind::Authorization, slot).iter().filter_map(|p| self.owners.get(p)));
        if let Slot::Nonce { network, account, .. } = slot
            && let Some(head) = self.head(*network, *account)
        {
            roots.extend(self.owners.get(&Place::nonce(*network, *account, head)));
        }
        let chains = roots.iter().flat_map(|root| self.chain(*root));
        chains.filter(|(_, h)| !h.holders.contain_all(signers)).map(|(key, h)| pin_of(key, h)).collect()
    }

    /// L3: whether a place that is taken for good is where this intent's replacement chain is pinned, all of it.
    pub fn settled_by(&self, intent: IntentId, taken: &Slot) -> Settled {
        let Some(root) = self.of_intent(intent).map(|(_, held)| held.root).next() else { return Settled::Unpinned };
        let covered = |(key, held): (&Key, &Held)| covers(key.1, &held.slot(), taken);
        if self.chain(root).all(covered) { Settled::Chain(root) } else { Settled::Elsewhere }
    }

    /// Whether nothing of this chain is pinned.
    pub fn is_free(&self, root: IntentId) -> bool {
        self.chain(root).next().is_none()
    }

    /// Pins of these chains that not all of `signers` hold.
    pub fn of_chains<'a>(
        &'a self,
        roots: &'a BTreeSet<IntentId>,
        signers: &'a [PartyIndex],
    ) -> impl Iterator<Item = Pin> + 'a {
        let chains = roots.iter().flat_map(|root| self.chain(*root));
        chains.filter(|(_, h)| !h.holders.contain_all(signers)).map(|(key, h)| pin_of(key, h))
    }

    /// Whether the intent already has a pin for this kind of payload.
    pub fn holds(&self, intent: IntentId, kind: PayloadKind) -> bool {
        self.pins.contains_key(&(intent, kind))
    }

    /// How many kinds of payload the intent has a pin for.
    pub fn count_of(&self, intent: IntentId) -> usize {
        self.of_intent(intent).count()
    }

    /// Lays the maps out anew from time to time: entered one by one in order, they leave almost half of their room empty.
    fn compact(&mut self) {
        self.loose = self.loose.saturating_add(1);
        if self.loose < LOOSE.max(self.pins.len() / 10) {
            return;
        }
        self.loose = 0;
        self.pins = std::mem::take(&mut self.pins).into_iter().collect();
        self.owners = std::mem::take(&mut self.owners).into_iter().collect();
    }

    /// Everything, for a peer that boots and for snapshots.
    pub fn all(&self) -> impl Iterator<Item = (Pin, Holders)> {
        self.pins.iter().map(|(key, h)| (pin_of(key, h), h.holders))
    }
}

/// What a place that is taken for good says of an intent (rule L3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// Nothing of the chain with this first intent can be mined any more, or it has been.
    Chain(IntentId),
    /// Nothing: it is pinned elsewhere.
    Elsewhere,
    /// Nobody can tell: it is not pinned here.
    Unpinned,
}

/// L3: whether what is pinned can never be mined (again) once this place is taken for good. An account's nonces are used in
/// order; an authorization may also have the nonce after its transaction's (EIP-7702).
fn covers(kind: PayloadKind, pinned: &Slot, taken: &Slot) -> bool {
    match (pinned, taken) {
        (Slot::Nonce { network: a, account: of, nonce }, Slot::Nonce { network: b, account, nonce: used }) => {
            let last = if kind == PayloadKind::Authorization { nonce.checked_add(1) } else { Some(*nonce) };
            a == b && of == account && last.is_some_and(|last| last <= *used)
        }
        _ => same_slot(pinned, taken),
    }
}

/// A later version takes the same slot: the same nonce or message, or it spends the anchor outpoint.
fn same_slot(pinned: &Slot, now: &Slot) -> bool {
    match (pinned, now) {
        (Slot::Outpoints { network: a, outpoints: first }, Slot::Outpoints { network: b, outpoints }) => {
            a == b && first.first().is_some_and(|anchor| outpoints.contains(anchor))
        }
        _ => pinned == now,
    }
}

/// A later version's slot as it is pinned: the chain's anchor comes first, wherever its transaction spends it.
fn anchored(pinned: &Slot, now: &Slot) -> Slot {
    match (pinned, now) {
        (Slot::Outpoints { outpoints: first, .. }, Slot::Outpoints { network, outpoints }) => {
            let anchor = first.first();
            let others = outpoints.iter().filter(|o| Some(*o) != anchor);
            Slot::Outpoints { network: *network, outpoints: anchor.into_iter().chain(others).copied().collect() }
        }
        _ => now.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn intent(n: u8) -> IntentId {
        IntentId::from_bytes([n; 16])
    }

    fn nonce(n: u64) -> Slot {
        Slot::Nonce { network: NetworkId::Evm(1), account: Address::new(&[7; 20]).unwrap(), nonce: n }
    }

    fn coins(n: &[u8]) -> Slot {
        let outpoints = n.iter().map(|n| Outpoint { txid: [*n; 32], vout: 0 }).collect();
        Slot::Outpoints { network: NetworkId::Evm(1), outpoints }
    }

    const TX: PayloadKind = PayloadKind::Transaction;

    fn pinned(book: &mut PinBook, i: u8, replaces: Option<u8>, slot: Slot) -> Result<(), Code> {
        let pin = book.check(intent(i), replaces.map(intent), TX, &slot)?;
        book.enter(&pin, Holders::default());
        Ok(())
    }

    #[test]
    fn i3_one_slot_per_intent_and_no_gaps() {
        let mut book = PinBook::default();
        assert_eq!(pinned(&mut book, 1, None, nonce(1)), Err(Code::PinNonceGap));
        assert_eq!(pinned(&mut book, 1, None, nonce(0)), Ok(()));
        assert_eq!(pinned(&mut book, 1, None, nonce(0)), Ok(()));
        assert_eq!(pinned(&mut book, 1, None, nonce(1)), Err(Code::PinOtherSlot));
        assert_eq!(pinned(&mut book, 2, None, nonce(0)), Err(Code::PinSlotTaken));
        assert_eq!(pinned(&mut book, 2, Some(1), nonce(0)), Ok(()));
        assert_eq!(pinned(&mut book, 3, Some(2), nonce(1)), Err(Code::PinOtherSlot));
        assert_eq!(pinned(&mut book, 3, Some(9), nonce(1)), Err(Code::PinUnknownReplaced));
        assert_eq!(pinned(&mut book, 3, None, nonce(2)), Err(Code::PinNonceGap));
        assert_eq!(pinned(&mut book, 3, None, nonce(1)), Ok(()));
    }

    /// K3: after a loss an account goes on where the order says it stands; what is below is used, and nothing goes back.
    #[test]
    fn i3_a_lost_account_goes_on_where_an_order_says() {
        let mut book = PinBook::default();
        let Slot::Nonce { network, account, .. } = nonce(0) else { panic!("a nonce") };
        book.begin_at(&NextNonce { network, account, nonce: 7 });
        assert_eq!(pinned(&mut book, 1, None, nonce(8)), Err(Code::PinNonceGap));
        assert_eq!(pinned(&mut book, 1, None, nonce(6)), Err(Code::PinSlotTaken));
        assert_eq!(pinned(&mut book, 1, None, nonce(7)), Ok(()));
        assert_eq!(pinned(&mut book, 2, None, nonce(8)), Ok(()));
        book.begin_at(&NextNonce { network, account, nonce: 3 });
        assert_eq!(pinned(&mut book, 3, None, nonce(6)), Err(Code::PinSlotTaken));
        book.begin_at(&NextNonce { network, account, nonce: 8 });
        assert_eq!(pinned(&mut book, 1, None, nonce(7)), Ok(()), "its own slot again");
        assert_eq!(pinned(&mut book, 3, Some(2), nonce(8)), Ok(()), "a replacement");
    }

    #[test]
    fn i3_a_delegation_uses_up_two_nonces() {
        let mut book = PinBook::default();
        let authorization = book.check(intent(1), None, PayloadKind::Authorization, &nonce(0)).unwrap();
        book.enter(&authorization, Holders::default());
        assert_eq!(pinned(&mut book, 1, None, nonce(0)), Ok(()));
        assert_eq!(pinned(&mut book, 2, None, nonce(1)), Err(Code::PinSlotTaken));
        assert_eq!(pinned(&mut book, 2, None, nonce(2)), Ok(()));
    }

    #[test]
    fn l2_a_pin_taken_back_frees_its_slot() {
        let mut book = PinBook::default();
        pinned(&mut book, 1, None, nonce(0)).unwrap();
        let pin = book.check(intent(2), None, TX, &nonce(1)).unwrap();
        book.enter(&pin, Holders::default());
        book.put_back(&pin);
        assert_eq!(pinned(&mut book, 3, None, nonce(2)), Err(Code::PinNonceGap));
        assert_eq!(pinned(&mut book, 3, None, nonce(1)), Ok(()));
    }

    /// The anchor is the first version's; that a replacement lists another coin first changes nothing.
    #[test]
    fn i3_the_anchor_stays_through_replacements() {
        let mut book = PinBook::default();
        assert_eq!(pinned(&mut book, 1, None, coins(&[1, 2])), Ok(()));
        assert_eq!(pinned(&mut book, 2, Some(1), coins(&[3, 1])), Ok(()));
        assert_eq!(pinned(&mut book, 2, Some(1), coins(&[3, 4])), Err(Code::PinOtherSlot));
        assert_eq!(pinned(&mut book, 2, Some(1), coins(&[4, 1])), Ok(()));
        assert_eq!(pinned(&mut book, 1, None, coins(&[2, 1])), Ok(()));
        assert_eq!(pinned(&mut book, 3, Some(2), coins(&[3])), Err(Code::PinOtherSlot));
    }

    /// A permit and a transaction in its place would both take effect, for one charge.
    #[test]
    fn i3_a_replacement_of_another_kind_is_in_the_same_slot() {
        let mut book = PinBook::default();
        let permit = Slot::Message { network: NetworkId::Evm(1), payload: Digest([1; 32]) };
        let pin = book.check(intent(1), None, PayloadKind::TypedData, &permit).unwrap();
        book.enter(&pin, Holders::default());
        assert_eq!(pinned(&mut book, 2, Some(1), nonce(0)), Err(Code::PinOtherSlot));
        assert_eq!(pinned(&mut book, 1, None, nonce(0)), Err(Code::PinOtherSlot));
        assert_eq!(pinned(&mut book, 2, None, nonce(0)), Ok(()));
        let other = Slot::Message { network: NetworkId::Evm(1), payload: Digest([2; 32]) };
        assert_eq!(book.check(intent(3), Some(intent(2)), PayloadKind::TypedData, &other), Err(Code::PinOtherSlot));
    }

    #[test]
    fn i3_every_bitcoin_version_spends_the_anchor() {
        let mut book = PinBook::default();
        assert_eq!(pinned(&mut book, 1, None, coins(&[1, 2])), Ok(()));
        assert_eq!(pinned(&mut book, 1, None, coins(&[3, 1])), Ok(()));
        assert_eq!(pinned(&mut book, 1, None, coins(&[2, 3])), Err(Code::PinOtherSlot));
        assert_eq!(pinned(&mut book, 2, None, coins(&[2])), Err(Code::PinSlotTaken));
    }

    const BOTH: [u8; 2] = [1, 2];

    fn parties(numbers: &[u8]) -> Vec<PartyIndex> {
        numbers.iter().map(|n| PartyIndex::new(*n).unwrap()).collect()
    }

    fn pin(i: u8, root: u8, slot: Slot) -> Pin {
        Pin { intent: intent(i), kind: TX, root: intent(root), slot }
    }

    fn book(pins: &[(Pin, &[u8])]) -> PinBook {
        let mut book = PinBook::default();
        for (pin, holders) in pins {
            book.enter(pin, Holders::of(parties(holders)));
        }
        book
    }

    /// Whoever holds another pin of this intent is told of the one that is held here.
    #[test]
    fn i3_news_are_pins_that_would_change_anything() {
        let mut book = PinBook::default();
        let [one, two] = [[1], [2]].map(|n| Holders::of(parties(&n)));
        let held = pin(2, 1, nonce(0));
        let others = [pin(2, 1, nonce(1)), pin(2, 2, nonce(0)), pin(3, 1, nonce(0))];
        assert_eq!(book.news(vec![held.clone()], one), std::slice::from_ref(&held));
        assert!(book.enter(&held, one));
        assert!(!book.enter(&held, one), "known");
        assert_eq!(book.news(vec![held.clone()], one), []);
        assert_eq!(book.news(vec![held.clone()], two), std::slice::from_ref(&held));
        assert_eq!(book.news(others.to_vec(), one), others);
        // Neither another slot nor another root is this pin: who has those does not hold it.
        others[..2].iter().for_each(|other| assert!(!book.enter(other, two)));
        assert_eq!(book.all().collect::<Vec<_>>(), [(held.clone(), one)]);
        assert!(!book.enter(&held, two));
        assert_eq!(book.all().collect::<Vec<_>>(), [(held, one.union(two))]);
    }

    /// A peer is told of the chain, of who has the slot and the one after, and of the account's head.
    #[test]
    fn i3_peers_are_told_what_concerns_the_intent() {
        let alone: &[u8] = &[1];
        let [a, b, c] = [pin(1, 1, nonce(0)), pin(2, 1, nonce(0)), pin(3, 3, nonce(1))];
        let [d, e] = [pin(4, 4, nonce(2)), pin(5, 5, nonce(3))];
        let book = book(&[(a.clone(), &BOTH), (b.clone(), alone), (c.clone(), alone), (d, &BOTH), (e.clone(), alone)]);
        let told = |i: u8, replaces: Option<u8>, slot: Slot, signers: &[u8]| {
            book.unknown_to(intent(i), replaces.map(intent), &slot, &parties(signers))
        };
        assert_eq!(told(9, None, nonce(4), &BOTH), std::slice::from_ref(&e), "the head");
        assert_eq!(
            told(9, None, nonce(0), &BOTH),
            [b.clone(), c.clone(), e.clone()],
            "the slot's owner and the next's"
        );
        assert_eq!(told(1, None, nonce(4), &BOTH), [b.clone(), e.clone()], "the intent's own chain");
        assert_eq!(told(2, None, nonce(4), &BOTH), [b.clone(), e.clone()], "by the chain's first");
        assert_eq!(told(9, Some(2), nonce(4), &BOTH), [b.clone(), e.clone()], "what it replaces");
        assert_eq!(told(9, None, nonce(0), alone), [], "all that is held here is held there");
        let message = Slot::Message { network: NetworkId::Evm(1), payload: Digest([1; 32]) };
        assert_eq!(told(9, None, message, &BOTH), []);
        let roots = BTreeSet::from([intent(1), intent(3)]);
        assert_eq!(book.of_chains(&roots, &parties(&BOTH)).collect::<Vec<_>>(), [b, c]);
        assert_eq!(book.of_chains(&roots, &parties(alone)).count(), 0);
        assert_eq!([1, 3, 9].map(|i| book.is_free(intent(i))), [false, false, true]);
    }

    #[test]
    fn i3_an_intent_has_a_pin_for_each_kind() {
        let authorization = Pin { kind: PayloadKind::Authorization, ..pin(1, 1, nonce(0)) };
        let book = book(&[(pin(1, 1, nonce(0)), &BOTH), (authorization, &BOTH), (pin(2, 2, nonce(2)), &BOTH)]);
        assert_eq!([1, 2, 3].map(|i| book.count_of(intent(i))), [2, 1, 0]);
        let kinds = [TX, PayloadKind::Authorization];
        assert_eq!([1, 2].map(|i| kinds.map(|kind| book.holds(intent(i), kind))), [[true, true], [true, false]]);
    }

    /// L3: an account's nonces are used in order; what is proved of another place proves nothing.
    #[test]
    fn l3_a_place_settles_what_is_pinned_at_it_or_before() {
        let place = |network, account: u8, nonce| Slot::Nonce {
            network: NetworkId::Evm(network),
            account: Address::new(&[account; 20]).unwrap(),
            nonce,
        };
        let own = book(&[(pin(1, 1, nonce(3)), &BOTH), (pin(2, 1, nonce(3)), &BOTH)]);
        let chain = Settled::Chain(intent(1));
        for (taken, said) in [
            (place(1, 7, 3), chain),
            (place(1, 7, 4), chain),
            (place(1, 7, 2), Settled::Elsewhere),
            (place(1, 8, 3), Settled::Elsewhere),
            (place(2, 7, 3), Settled::Elsewhere),
            (coins(&[1]), Settled::Elsewhere),
        ] {
            assert_eq!([1, 2].map(|i| own.settled_by(intent(i), &taken)), [said; 2], "{taken:?}");
        }
        assert_eq!(own.settled_by(intent(9), &nonce(3)), Settled::Unpinned);
        let authorization = Pin { kind: PayloadKind::Authorization, ..pin(1, 1, nonce(3)) };
        let delegated = book(&[(authorization, &BOTH)]);
        let said = [3, 4].map(|n| delegated.settled_by(intent(1), &nonce(n)));
        assert_eq!(said, [Settled::Elsewhere, chain], "the nonce after its transaction's may be it too");
        let coined = book(&[(pin(1, 1, coins(&[1, 2])), &BOTH)]);
        let said = [&[1u8, 5] as &[u8], &[2], &[]].map(|n| coined.settled_by(intent(1), &coins(n)));
        assert_eq!(said, [chain, Settled::Elsewhere, Settled::Elsewhere], "the anchor is spent, or is not");
    }

    #[test]
    fn i3_a_slot_is_of_its_network() {
        let coins = |network| Slot::Outpoints {
            network: NetworkId::Bitcoin(network),
            outpoints: vec![Outpoint { txid: [1; 32], vout: 0 }],
        };
        let (test, regtest) = (BitcoinNetwork::Testnet, BitcoinNetwork::Regtest);
        let mut book = PinBook::default();
        assert_eq!(pinned(&mut book, 1, None, coins(test)), Ok(()));
        assert_eq!(pinned(&mut book, 1, None, coins(regtest)), Err(Code::PinOtherSlot));
        assert_eq!(pinned(&mut book, 2, None, coins(test)), Err(Code::PinSlotTaken));
        assert_eq!(pinned(&mut book, 2, None, coins(regtest)), Ok(()));
    }

    /// Slots of no present chain are held to the same rules.
    #[test]
    fn i3_an_account_of_any_form_has_its_nonces_once() {
        let account = Address::new(&[7; 32]).unwrap();
        let network = NetworkId::Evm(1);
        let at = |nonce| Slot::Nonce { network, account, nonce };
        let mut book = PinBook::default();
        assert_eq!(pinned(&mut book, 1, None, at(1)), Err(Code::PinNonceGap));
        assert_eq!(pinned(&mut book, 1, None, at(0)), Ok(()));
        assert_eq!(pinned(&mut book, 2, None, at(0)), Err(Code::PinSlotTaken));
        assert_eq!(pinned(&mut book, 2, None, at(1)), Ok(()));
        book.begin_at(&NextNonce { network, account, nonce: 9 });
        book.begin_at(&NextNonce { network, account, nonce: 5 });
        let begun: Vec<_> = book.begun().map(|n| (n.network, n.account, n.nonce)).collect();
        assert_eq!(begun, [(network, account, 9)]);
        assert_eq!(pinned(&mut book, 3, None, at(8)), Err(Code::PinSlotTaken));
        assert_eq!(pinned(&mut book, 2, None, at(1)), Ok(()), "its own again");
        assert_eq!(pinned(&mut book, 3, None, at(9)), Ok(()));
        let slots: Vec<Slot> = book.all().map(|(pin, _)| pin.slot).collect();
        assert_eq!(slots, [at(0), at(1), at(9)]);
    }

    /// L2: of a chain whose later version is taken back, the first keeps the slot.
    #[test]
    fn l2_a_replacement_taken_back_leaves_the_slot_to_the_first() {
        let mut book = PinBook::default();
        pinned(&mut book, 1, None, coins(&[1])).unwrap();
        let pin = book.check(intent(2), Some(intent(1)), TX, &coins(&[1, 2])).unwrap();
        book.enter(&pin, Holders::default());
        assert_eq!(pinned(&mut book, 3, None, coins(&[2])), Err(Code::PinSlotTaken));
        book.put_back(&pin);
        assert_eq!(pinned(&mut book, 3, None, coins(&[1])), Err(Code::PinSlotTaken));
        assert_eq!(pinned(&mut book, 3, None, coins(&[2])), Ok(()));
        assert_eq!(pinned(&mut book, 4, Some(2), coins(&[1])), Err(Code::PinUnknownReplaced));
    }
}
