//! The inputs that a rule decides, found by search over all of them and not by sampling: where none is found, there is none.
//!
//! A rule decides an effect where its own conditions hold, no earlier rule's do, and no block's do. The search keeps, for each
//! property of an input, the values that are still possible, and makes every earlier rule and every block fail in one of the
//! conditions it has. Properties that depend on memory or on what else is in the intent (limits that are full, sums of other
//! assets, arguments of calls, coins) are taken to be free. Times are all from now on ([`times`]).

use crate::FileError;
use ringi_primitives::amount::Amount;
use ringi_primitives::asset::AssetKey;
use ringi_primitives::id::{PersonId, WalletId};
use ringi_primitives::network::NetworkId;
use ringi_primitives::policy_set::{
    AllowEntry, Band, Conditions, DANGEROUS, Destination, Initiator, KeyPurpose, Measure, Person, PolicySet, Rule,
    Ruling, Source, Vault,
};
use ringi_primitives::time::UnixMs;
use std::collections::{BTreeMap, BTreeSet};

mod bits;
pub(crate) mod times;

use bits::Bits;
use times::Times;

/// What rules see of an effect of a kind by which an asset may move.
#[derive(Clone, Copy)]
pub(crate) struct Sort {
    /// Its kind.
    pub kind: &'static str,
    /// The asset that may move by it, and the network.
    pub asset: AssetKey,
    /// The asset that rules see it take; `None`: they see none.
    pub takes: Option<AssetKey>,
    /// Whom they see gain.
    pub gains: Gains,
}

/// Whom rules see gain by an effect.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gains {
    /// Who is paid.
    Payee,
    /// A contract that is called, approved or delegated to.
    Contract,
    /// A contract or nobody that can be told; whom the bytes pay is another question.
    Unknown,
    /// Nobody but the wallet.
    Nobody,
}

impl Sort {
    /// Of a kind as policy sets spell it.
    pub fn of(kind: &'static str, asset: AssetKey) -> Sort {
        let native = Some(AssetKey::native(asset.network));
        let (takes, gains) = match kind {
            "transfer" | "transfer_from" => (Some(asset), Gains::Payee),
            "approve" | "permit" => (Some(asset), Gains::Contract),
            "call" => (native, Gains::Contract),
            "delegate" | "typed_message" => (None, Gains::Contract),
            "self_cancel" | "ownership_proof" => (None, Gains::Nobody),
            _ => (native, Gains::Unknown),
        };
        Sort { kind, asset, takes, gains }
    }
}

/// Who gains, by everything that a rule can tell of an address: one of each sort stands for all of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// Allow-lists that it is on.
    pub lists: BTreeSet<String>,
    /// Tags of these and of its wallet.
    pub tags: BTreeSet<String>,
    /// Whether it is a known wallet's.
    pub internal: bool,
    /// The address itself, only where a rule names it.
    pub address: Option<AllowEntry>,
}

impl Place {
    /// Whom the set does not know.
    pub fn nobody() -> Place {
        Place { lists: BTreeSet::new(), tags: BTreeSet::new(), internal: false, address: None }
    }

    /// Of an address; with it where a rule `names` it.
    pub fn of(set: &PolicySet, entry: AllowEntry, named: Named) -> Place {
        let lists = || set.allow_lists.iter().filter(|l| l.entries.contains(&entry));
        let wallet = set.wallet_at(&entry);
        let tags = lists().flat_map(|l| &l.tags).chain(wallet.into_iter().flat_map(|w| &w.tags));
        Place {
            lists: lists().map(|l| l.name.clone()).collect(),
            tags: tags.cloned().collect(),
            internal: wallet.is_some(),
            address: (named == Named::ByRule).then_some(entry),
        }
    }

    fn is(&self, destination: &Destination, gains: Gains) -> bool {
        match destination {
            Destination::List(name) => self.lists.contains(name),
            Destination::Tag(tag) => self.tags.contains(tag),
            Destination::Internal => self.internal,
            Destination::Unlisted => !self.internal && self.lists.is_empty(),
            Destination::Contract(entry) => gains != Gains::Payee && self.address == Some(*entry),
        }
    }
}

/// Whether a rule tells an address from all others.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Named {
    /// One does.
    ByRule,
    /// None does.
    ByNone,
}

/// What inputs can be at all in a vault on a network, and for which of them each rule's conditions hold.
pub(crate) struct Ground {
    people: Vec<PersonId>,
    wallets: Vec<Option<WalletId>>,
    places: Vec<Place>,
    times: Vec<UnixMs>,
    /// Of each rule, in policy order.
    marks: Vec<Marks>,
}

/// For which values of each property a rule's conditions hold.
struct Marks {
    people: Bits,
    wallets: Bits,
    /// Places, of effects that pay, and of effects that call or approve.
    paid: Bits,
    called: Bits,
    times: Bits,
    /// Limits that must have room.
    within: BTreeSet<String>,
    /// Conditions that are taken to hold or fail as they please, by their encoding.
    free: BTreeSet<Vec<u8>>,
}

impl Ground {
    /// Of the people who can ask, the wallets and addresses that rules can tell apart, an address `to` that is asked for, and these
    /// times.
    pub fn of(set: &PolicySet, vault: &Vault, network: NetworkId, to: Option<AllowEntry>, times: &Times) -> Ground {
        let initiates = |p: &&Person| p.keys.iter().any(|k| k.purpose == KeyPurpose::Initiate);
        let people: Vec<PersonId> = set.people.iter().filter(initiates).map(|p| p.id).collect();
        let known = set.wallets.iter().filter(|w| w.wallet.vault == vault.index).map(|w| w.wallet.wallet);
        let named = vault.rules.iter().flat_map(|r| &r.when.sources).filter_map(|s| match s {
            Source::Wallet(id) => Some(*id),
            Source::Tag(_) => None,
        });
        let wallets: BTreeSet<Option<WalletId>> = known.chain(named).map(Some).chain([None]).collect();
        let wallets: Vec<Option<WalletId>> = wallets.into_iter().collect();
        let places = places(set, vault, network, to);
        let marks = vault.rules.iter().zip(&times.holds).map(|(rule, at)| {
            let when = &rule.when;
            let gained = |gains| Bits::of(&places, |place| gained_by(when, place, gains));
            Marks {
                people: Bits::of(&people, |person| asks(set, when, person)),
                wallets: Bits::of(&wallets, |wallet| acts(set, vault, when, wallet)),
                paid: gained(Gains::Payee),
                called: gained(Gains::Contract),
                times: at.clone(),
                within: when.within.iter().cloned().collect(),
                free: free(when),
            }
        });
        Ground { marks: marks.collect(), people, wallets, places, times: times.instants.clone() }
    }

    /// Which of these people are still possible.
    pub fn people<'a>(&'a self, inputs: &'a Inputs) -> impl Iterator<Item = &'a PersonId> {
        inputs.people.among(&self.people)
    }

    /// Which wallets are; `None`: one that no rule and no tag names.
    #[cfg(test)]
    pub fn wallets<'a>(&'a self, inputs: &'a Inputs) -> impl Iterator<Item = &'a Option<WalletId>> {
        inputs.wallets.among(&self.wallets)
    }

    /// Which places are.
    pub fn places<'a>(&'a self, inputs: &'a Inputs) -> impl Iterator<Item = &'a Place> {
        inputs.places.among(&self.places)
    }

    /// Which times are.
    #[cfg(test)]
    pub fn times<'a>(&'a self, inputs: &'a Inputs) -> impl Iterator<Item = &'a UnixMs> {
        inputs.times.among(&self.times)
    }
}

/// Everything that rules can tell of addresses; each sort once.
fn places(set: &PolicySet, vault: &Vault, network: NetworkId, to: Option<AllowEntry>) -> Vec<Place> {
    let contracts = vault.rules.iter().flat_map(|r| &r.when.destinations).filter_map(|d| match d {
        Destination::Contract(entry) => Some(*entry).filter(|e| e.network == network),
        _ => None,
    });
    let contracts: BTreeSet<AllowEntry> = contracts.chain(to).collect();
    let listed = set.allow_lists.iter().flat_map(|l| &l.entries);
    let own = set.wallets.iter().flat_map(|w| &w.addresses);
    let entries = listed.chain(own).filter(|e| e.network == network).chain(&contracts);
    let place = |e: &AllowEntry| Place::of(set, *e, if contracts.contains(e) { Named::ByRule } else { Named::ByNone });
    let all: BTreeSet<Place> = entries.map(place).chain([Place::nobody()]).collect();
    all.into_iter().collect()
}

/// More than `over`, and at most `most`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Range {
    /// More than this.
    pub over: Option<Amount>,
    /// At most this.
    pub most: Amount,
}

impl Range {
    const ALL: Range = Range { over: None, most: Amount::MAX };

    fn within(self, band: &Band) -> Range {
        let most = band.at_most.map_or(self.most, |most| most.min(self.most));
        Range { over: self.over.max(band.above), most }
    }

    fn is_empty(&self) -> bool {
        self.over.is_some_and(|over| over >= self.most)
    }
}

/// The inputs that are still possible: every combination of these values.
#[derive(Clone, Debug)]
pub(crate) struct Inputs {
    people: Bits,
    wallets: Bits,
    places: Bits,
    times: Bits,
    /// What the intent takes in all.
    pub sums: BTreeMap<Measure, Range>,
    /// Limits that must have room.
    pub room: BTreeSet<String>,
    /// Limits that must be full.
    pub full: BTreeSet<String>,
    /// Conditions on calls, messages and coins that must hold, and that must not.
    holds: BTreeSet<Vec<u8>>,
    fails: BTreeSet<Vec<u8>>,
}

impl Inputs {
    /// Whether there is any.
    pub fn possible(&self) -> bool {
        [&self.people, &self.wallets, &self.places, &self.times].iter().all(|bits| !bits.is_empty())
            && self.sums.values().all(|range| !range.is_empty())
            && self.room.is_disjoint(&self.full)
            && self.holds.is_disjoint(&self.fails)
    }

    /// Only those whose sum lies within this band.
    pub fn narrow(&mut self, band: &Band) {
        let range = self.sums.entry(band.measure).or_insert(Range::ALL);
        *range = range.within(band);
    }

    fn has_none_in(&self, band: &Band) -> bool {
        self.sums.get(&band.measure).unwrap_or(&Range::ALL).within(band).is_empty()
    }
}

/// A vault's rules and one sort of effects.
pub(crate) struct World<'a> {
    /// The vault.
    pub vault: &'a Vault,
    /// What can be at all.
    pub ground: &'a Ground,
    /// The effect.
    pub sort: Sort,
}

impl<'a> World<'a> {
    /// Every input.
    pub fn all(&self) -> Inputs {
        let ground = self.ground;
        Inputs {
            people: Bits::of(&ground.people, |_| true),
            wallets: Bits::of(&ground.wallets, |_| true),
            places: Bits::of(&ground.places, |_| true),
            times: Bits::of(&ground.times, |_| true),
            sums: BTreeMap::new(),
            room: BTreeSet::new(),
            full: BTreeSet::new(),
            holds: BTreeSet::new(),
            fails: BTreeSet::new(),
        }
    }

    /// Only those in which one of these people asks.
    pub fn asked_by(&self, inputs: &Inputs, people: &BTreeSet<PersonId>) -> Inputs {
        let among = Bits::of(&self.ground.people, |person| people.contains(person));
        Inputs { people: inputs.people.and(&among), ..inputs.clone() }
    }

    /// Only those in which this place gains.
    pub fn gained_by(&self, inputs: Inputs, place: &Place) -> Inputs {
        let there = Bits::of(&self.ground.places, |other| other == place);
        Inputs { places: inputs.places.and(&there), ..inputs }
    }

    /// The rules that one at this place yields to, by theirs: allowing rules before it, and blocks wherever they stand.
    pub fn obstacles(&self, at: usize) -> Vec<usize> {
        let rules = self.vault.rules.iter().enumerate().filter(|(_, rule)| self.speaks_of(rule));
        let stands = |(other, rule): &(usize, &Rule)| rule.then == Ruling::Block || *other < at;
        rules.filter(stands).map(|(other, _)| other).collect()
    }

    /// Restricts the inputs to those that meet the rule's conditions. `None` if there are none.
    pub fn require(&self, inputs: Inputs, at: usize) -> Option<Inputs> {
        let (rule, marks) = (self.vault.rules.get(at)?, self.ground.marks.get(at)?);
        let mut met = Inputs {
            people: inputs.people.and(&marks.people),
            wallets: inputs.wallets.and(&marks.wallets),
            places: inputs.places.and(&self.gaining(rule, marks)),
            times: inputs.times.and(&marks.times),
            ..inputs
        };
        rule.when.amounts.iter().for_each(|band| met.narrow(band));
        met.room.extend(marks.within.iter().cloned());
        met.holds.extend(marks.free.iter().cloned());
        (self.speaks_of(rule) && met.possible()).then_some(met)
    }

    /// Makes every obstacle fail in one of its conditions; the first way to do so is enough. Each step restricts one property;
    /// `steps` is how many obstacles may be looked at in all.
    ///
    /// # Errors
    /// If that does not suffice: then nothing is known.
    pub fn avoid(&self, inputs: Inputs, obstacles: &[usize], steps: &mut u32) -> Result<Option<Inputs>, FileError> {
        // A list of what is still to be tried, and not a call for each step: there may be thousands of obstacles.
        let mut untried = vec![(inputs, obstacles)];
        while let Some((inputs, mut ahead)) = untried.pop() {
            if !inputs.possible() {
                continue;
            }
            loop {
                let Some((at, rest)) = ahead.split_first() else { return Ok(Some(inputs)) };
                *steps = steps.checked_sub(1).ok_or_else(|| {
                    FileError(format!("the rules of vault `{}` are too entangled to be searched", self.vault.name))
                })?;
                // What fails for all that is left needs no choice.
                if !self.fails(&inputs, *at) {
                    untried.extend(self.failures(&inputs, *at).into_iter().rev().map(|failing| (failing, rest)));
                    break;
                }
                ahead = rest;
            }
        }
        Ok(None)
    }

    /// Whether one of the rule's conditions fails for all of these inputs.
    pub fn fails(&self, inputs: &Inputs, at: usize) -> bool {
        let (Some(rule), Some(marks)) = (self.vault.rules.get(at), self.ground.marks.get(at)) else { return true };
        inputs.people.misses(&marks.people)
            || inputs.wallets.misses(&marks.wallets)
            || inputs.places.misses(&self.gaining(rule, marks))
            || inputs.times.misses(&marks.times)
            || rule.when.amounts.iter().any(|band| inputs.has_none_in(band))
            || !marks.within.is_disjoint(&inputs.full)
            || !marks.free.is_disjoint(&inputs.fails)
    }

    /// The inputs for which a rule's conditions do not hold: for each condition those for which that one fails.
    fn failures(&self, inputs: &Inputs, at: usize) -> Vec<Inputs> {
        let (Some(rule), Some(marks)) = (self.vault.rules.get(at), self.ground.marks.get(at)) else { return vec![] };
        let mut ways = Vec::new();
        let mut with = |change: &dyn Fn(&mut Inputs)| {
            let mut changed = inputs.clone();
            change(&mut changed);
            if changed.possible() {
                ways.push(changed);
            }
        };
        with(&|i| i.people = i.people.without(&marks.people));
        with(&|i| i.wallets = i.wallets.without(&marks.wallets));
        with(&|i| i.places = i.places.without(&self.gaining(rule, marks)));
        with(&|i| i.times = i.times.without(&marks.times));
        for band in &rule.when.amounts {
            if let Some(above) = band.above {
                with(&|i| i.narrow(&Band { above: None, at_most: Some(above), ..*band }));
            }
            if let Some(most) = band.at_most {
                with(&|i| i.narrow(&Band { above: Some(most), at_most: None, ..*band }));
            }
        }
        for name in &marks.within {
            with(&|i| drop(i.full.replace(name.clone())));
        }
        for condition in &marks.free {
            with(&|i| drop(i.fails.replace(condition.clone())));
        }
        ways
    }

    /// Whether the conditions hold that the sort of effect fixes: the kind, the chain, the asset.
    pub fn speaks_of(&self, rule: &Rule) -> bool {
        let (when, kind) = (&rule.when, self.sort.kind);
        let named = if when.kinds.is_empty() {
            rule.then == Ruling::Block || !DANGEROUS.contains(&kind)
        } else {
            when.kinds.iter().any(|k| k == kind)
        };
        named
            && (when.calls.is_empty() || kind == "call")
            && (when.messages.is_empty() || kind == "typed_message")
            && (when.networks.is_empty() || when.networks.contains(&self.sort.asset.network))
            && (when.assets.is_empty() || self.sort.takes.is_some_and(|asset| when.assets.contains(&asset)))
    }

    /// The places by which a rule is met. By a cancel nobody gains: an allowing rule passes it, a block does not speak of it.
    fn gaining(&self, rule: &Rule, marks: &'a Marks) -> std::borrow::Cow<'a, Bits> {
        use std::borrow::Cow;
        let everywhere = rule.when.destinations.is_empty() || rule.then != Ruling::Block;
        match self.sort.gains {
            Gains::Nobody => Cow::Owned(Bits::of(&self.ground.places, |_| everywhere)),
            Gains::Payee => Cow::Borrowed(&marks.paid),
            Gains::Contract | Gains::Unknown => Cow::Borrowed(&marks.called),
        }
    }
}

fn asks(set: &PolicySet, when: &Conditions, person: &PersonId) -> bool {
    let is = |i: &Initiator| match i {
        Initiator::Group(name) => set.group(name).is_some_and(|g| g.members.contains(person)),
        Initiator::Person(id) => id == person,
    };
    when.initiators.is_empty() || when.initiators.iter().any(is)
}

fn acts(set: &PolicySet, vault: &Vault, when: &Conditions, wallet: &Option<WalletId>) -> bool {
    let known = |id: &WalletId| set.wallets.iter().find(|w| w.wallet.vault == vault.index && w.wallet.wallet == *id);
    let is = |source: &Source| match (source, wallet) {
        (_, None) => false,
        (Source::Wallet(named), Some(id)) => named == id,
        (Source::Tag(tag), Some(id)) => known(id).is_some_and(|w| w.tags.contains(tag)),
    };
    when.sources.is_empty() || when.sources.iter().any(is)
}

fn gained_by(when: &Conditions, place: &Place, gains: Gains) -> bool {
    when.destinations.is_empty() || when.destinations.iter().any(|d| place.is(d, gains))
}

fn free(when: &Conditions) -> BTreeSet<Vec<u8>> {
    let calls = (!when.calls.is_empty()).then(|| ringi_primitives::cbor::encode(&when.calls));
    let messages = (!when.messages.is_empty()).then(|| ringi_primitives::cbor::encode(&when.messages));
    let coins = when.coins.as_ref().map(ringi_primitives::cbor::encode);
    calls.into_iter().chain(messages).chain(coins).collect()
}
