//! What the policy set knows of the address that gains by an effect; looked up once, however many rules ask.

use ringi_primitives::policy_set::{AllowEntry, Destination, PolicySet};
use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;

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
    lists: RefCell<BTreeMap<&'a str, bool>>,
    tags: RefCell<BTreeMap<&'a str, bool>>,
    internal: OnceCell<bool>,
    listed: OnceCell<bool>,
}

impl<'a> Place<'a> {
    pub(crate) fn new(policy: &'a PolicySet, gain: Gain, is_contract: bool) -> Place<'a> {
        let (lists, tags) = (RefCell::default(), RefCell::default());
        Place { policy, gain, is_contract, lists, tags, internal: OnceCell::new(), listed: OnceCell::new() }
    }

    pub(crate) fn gain(&self) -> Gain {
        self.gain
    }

    pub(crate) fn policy(&self) -> &'a PolicySet {
        self.policy
    }

    /// Whether it is one of these. Whom nobody knows is on no list.
    pub(crate) fn is_any(&self, destinations: &'a [Destination]) -> bool {
        destinations.iter().any(|d| self.is(d))
    }

    fn is(&self, destination: &'a Destination) -> bool {
        match destination {
            Destination::List(name) => remember(&self.lists, name, || self.on_list(name)),
            Destination::Tag(tag) => remember(&self.tags, tag, || self.tagged(tag)),
            Destination::Internal => self.is_internal(),
            Destination::Unlisted => !self.is_internal() && !*self.listed.get_or_init(|| self.on_any_list()),
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
            || self.policy.wallet_at(&entry).is_some_and(|w| w.tags.contains(tag))
    }

    fn is_internal(&self) -> bool {
        let known = |entry: &AllowEntry| self.policy.wallet_at(entry).is_some();
        *self.internal.get_or_init(|| matches!(&self.gain, Gain::By(entry) if known(entry)))
    }

    fn on_any_list(&self) -> bool {
        let Gain::By(entry) = self.gain else { return false };
        self.policy.allow_lists.iter().any(|l| l.entries.contains(&entry))
    }
}

fn remember<'a>(memory: &RefCell<BTreeMap<&'a str, bool>>, name: &'a str, look: impl FnOnce() -> bool) -> bool {
    *memory.borrow_mut().entry(name).or_insert_with(look)
}
