//! What the policy set knows of the address that gains by an effect; looked up once, however many rules ask.

use crate::memory::Memory;
use ringi_primitives::policy_set::{AllowEntry, Destination, KnownWallet, PolicySet};
use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

/// Who gains value or power by an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gain {
    /// Nobody but the wallet: a self-cancel, an ownership proof.
    Nobody,
    /// This one.
    By(AllowEntry),
    /// Nobody can tell: bytes without a target that are understood only as bytes.
    Unknown,
}

/// A gain, and what was looked up of it.
pub(crate) struct Place<'a> {
    policy: &'a PolicySet,
    gain: Gain,
    /// Whether a contract is called, approved or delegated to; not for payments.
    is_contract: bool,
    lists: Memory<'a, bool>,
    tags: Memory<'a, bool>,
    wallet: OnceCell<Option<&'a KnownWallet>>,
    listed: OnceCell<bool>,
    named: RefCell<BTreeMap<AllowEntry, Rc<Place<'a>>>>,
}

impl<'a> Place<'a> {
    pub(crate) fn new(policy: &'a PolicySet, gain: Gain, is_contract: bool) -> Place<'a> {
        let (lists, tags) = (Memory::default(), Memory::default());
        let (wallet, listed) = (OnceCell::new(), OnceCell::new());
        Place { policy, gain, is_contract, lists, tags, wallet, listed, named: RefCell::default() }
    }

    pub(crate) fn gain(&self) -> Gain {
        self.gain
    }

    /// What is known of an account that the effect names somewhere in its data.
    pub(crate) fn named(&self, entry: AllowEntry) -> Rc<Place<'a>> {
        let new = || Rc::new(Place::new(self.policy, Gain::By(entry), false));
        self.named.borrow_mut().entry(entry).or_insert_with(new).clone()
    }

    /// Whether it is one of these. Whom nobody knows is on no list.
    pub(crate) fn is_any(&self, destinations: &'a [Destination]) -> bool {
        destinations.iter().any(|d| self.is(d))
    }

    fn is(&self, destination: &'a Destination) -> bool {
        match destination {
            Destination::List(name) => self.lists.of(name, || self.on_list(name)),
            Destination::Tag(tag) => self.tags.of(tag, || self.tagged(tag)),
            Destination::Internal => self.wallet().is_some(),
            Destination::Unlisted => self.wallet().is_none() && !*self.listed.get_or_init(|| self.on_any_list()),
            Destination::Contract(entry) => self.is_contract && self.gain == Gain::By(*entry),
        }
    }

    /// G3: by the lists of the signed set.
    fn on_list(&self, name: &str) -> bool {
        let Gain::By(entry) = self.gain else { return false };
        self.policy.allow_list(name).is_some_and(|l| l.entries.contains(&entry))
    }

    fn tagged(&self, tag: &str) -> bool {
        let Gain::By(entry) = self.gain else { return false };
        self.policy.allow_lists.iter().any(|l| l.tags.contains(tag) && l.entries.contains(&entry))
            || self.wallet().is_some_and(|w| w.tags.contains(tag))
    }

    fn wallet(&self) -> Option<&'a KnownWallet> {
        *self.wallet.get_or_init(|| match &self.gain {
            Gain::By(entry) => self.policy.wallet_at(entry),
            Gain::Nobody | Gain::Unknown => None,
        })
    }

    fn on_any_list(&self) -> bool {
        let Gain::By(entry) = self.gain else { return false };
        self.policy.allow_lists.iter().any(|l| l.entries.contains(&entry))
    }
}
