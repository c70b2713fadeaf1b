//! "Is there any transfer like this that nobody of these must approve, and by which rule?" Answered over all inputs of a rule
//! set, by search and not by sampling: where the answer is no, there is none.
//!
//! A rule decides an effect where its own conditions hold, no earlier rule's do, and no block's do. The search keeps, for each
//! property of an input, the values that are still possible, and makes every earlier rule and every block fail in one of the
//! conditions it has. Properties that depend on memory or on what else is in the intent (limits that are full, sums of other
//! assets, arguments of calls, coins) are taken to be free; so an answer may name a way that needs a full limit or a batch,
//! and a `no` holds whatever they are. What an effect does that rules do not see of it (the tokens that a call moves, whom bytes
//! pay) is taken to be what is asked for. Times are all from now on ([`times`]).

use crate::FileError;
use ringi_primitives::amount::Amount;
use ringi_primitives::asset::AssetKey;
use ringi_primitives::id::{PersonId, WalletId};
use ringi_primitives::policy_set::{
    AllowEntry, Approvals, Band, Cap, Conditions, DANGEROUS, Destination, Display, Initiator, KINDS, KeyPurpose,
    Measure, OwnApproval, PolicySet, Rule, Ruling, Seats, Source, Terms, Vault,
};
use ringi_primitives::time::UnixMs;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

mod times;

/// Steps of one search; a rule set that needs more is answered with an error, never with a guess.
const STEPS: u32 = 2_000_000;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Query {
    /// Kinds of effects.
    pub kinds: Vec<String>,
    /// The asset that moves.
    pub asset: AssetKey,
    /// Who gains; `None`: anybody.
    pub to: Option<AllowEntry>,
    /// More than this moves.
    pub above: Amount,
    /// Nobody of these approves.
    pub without: BTreeSet<PersonId>,
    /// Now, for hours and validity.
    pub now: UnixMs,
}

/// A rule that lets such a transfer through, and an input for which it does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Way {
    /// The vault.
    pub vault: String,
    /// The rule that allows it.
    pub rule: String,
    /// Who could ask.
    pub initiator: String,
    /// Who gains, as the set knows them: a list, a wallet, or nobody it knows.
    pub to: String,
    /// The seats that must be taken, none of them by those who were excluded; empty: nobody approves.
    pub approvals: Vec<String>,
    /// Limits that must be full first, so that earlier rules step aside.
    pub full: Vec<String>,
}

/// Every rule that lets such a transfer through; empty: there is none.
///
/// # Errors
/// If the rule set is too entangled to be searched.
pub fn can(set: &PolicySet, query: &Query) -> Result<Vec<Way>, FileError> {
    let mut ways = Vec::new();
    for vault in set.vaults.iter().filter(|v| v.temperature != ringi_primitives::policy_set::Temperature::Cold) {
        let whens: Vec<&Conditions> = vault.rules.iter().map(|r| &r.when).collect();
        let times = times::instants(&whens, query.now);
        let asked = KINDS.into_iter().filter(|k| query.kinds.iter().any(|asked| asked == k));
        let sorts = asked.filter_map(|kind| Sort::of(kind, query));
        let worlds: Vec<World> = sorts.map(|sort| World { set, vault, query, times: &times, sort }).collect();
        for (at, rule) in vault.rules.iter().enumerate() {
            let Ruling::Allow(terms) = &rule.then else { continue };
            for world in &worlds {
                if let Some(way) = world.way(at, rule, terms)? {
                    ways.push(way);
                    break;
                }
            }
        }
    }
    Ok(ways)
}

/// What rules see of an effect of a kind by which the asked asset may move.
#[derive(Clone, Copy)]
struct Sort {
    kind: &'static str,
    /// The asset that rules see it take; `None`: they see none.
    takes: Option<AssetKey>,
    gains: Gains,
}

/// Whom rules see gain by an effect.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gains {
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
    /// `None` where an effect of this kind moves no such asset, or nothing to whom is asked for.
    fn of(kind: &'static str, query: &Query) -> Option<Sort> {
        let native = Some(AssetKey::native(query.asset.network));
        let (takes, gains) = match kind {
            "transfer" | "transfer_from" => (Some(query.asset), Gains::Payee),
            "approve" | "permit" => (Some(query.asset), Gains::Contract),
            "call" => (native, Gains::Contract),
            "delegate" | "typed_message" => (None, Gains::Contract),
            "self_cancel" | "ownership_proof" => (None, Gains::Nobody),
            _ => (native, Gains::Unknown),
        };
        let never = gains == Gains::Nobody && query.to.is_some();
        (!never).then_some(Sort { kind, takes, gains })
    }
}

struct World<'a> {
    set: &'a PolicySet,
    vault: &'a Vault,
    query: &'a Query,
    times: &'a BTreeSet<UnixMs>,
    sort: Sort,
}

/// Who gains, by everything that a rule can tell of an address: one of each sort stands for all of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    lists: BTreeSet<String>,
    tags: BTreeSet<String>,
    internal: bool,
    address: Option<AllowEntry>,
}

/// More than `over`, and at most `most`.
#[derive(Clone, Copy, Debug)]
struct Range {
    over: Option<Amount>,
    most: Amount,
}

impl Range {
    fn is_empty(&self) -> bool {
        self.over.is_some_and(|over| over >= self.most)
    }
}

/// The inputs that are still possible: every combination of these values.
#[derive(Clone, Debug)]
struct Inputs {
    people: BTreeSet<PersonId>,
    /// `None`: a wallet that no rule and no tag names.
    wallets: BTreeSet<Option<WalletId>>,
    places: BTreeSet<Place>,
    times: BTreeSet<UnixMs>,
    sums: BTreeMap<Measure, Range>,
    /// Limits that must have room, and limits that must be full.
    room: BTreeSet<String>,
    full: BTreeSet<String>,
    /// Conditions on calls, messages and coins that must hold, and that must not.
    holds: BTreeSet<Vec<u8>>,
    fails: BTreeSet<Vec<u8>>,
}

impl Inputs {
    fn possible(&self) -> bool {
        !self.people.is_empty()
            && !self.wallets.is_empty()
            && !self.places.is_empty()
            && !self.times.is_empty()
            && self.sums.values().all(|range| !range.is_empty())
            && self.room.is_disjoint(&self.full)
            && self.holds.is_disjoint(&self.fails)
    }

    fn sum(&mut self, measure: Measure) -> &mut Range {
        self.sums.entry(measure).or_insert(Range { over: None, most: Amount::MAX })
    }
}

impl<'a> World<'a> {
    fn way(&self, at: usize, rule: &'a Rule, terms: &'a Terms) -> Result<Option<Way>, FileError> {
        Ok(self.found(at, rule, terms)?.map(|(inputs, seats)| self.told(rule, &inputs, &seats)))
    }

    /// Inputs for which this rule lets such a transfer through, all of them, and the seats that are taken then.
    fn found(&self, at: usize, rule: &'a Rule, terms: &'a Terms) -> Result<Option<(Inputs, Vec<Seats>)>, FileError> {
        let mut inputs = self.all();
        let own = self.require(&mut inputs, rule) && self.bound(&mut inputs, &rule.when, terms);
        if !own || !inputs.possible() {
            return Ok(None);
        }
        let before = self.vault.rules.iter().take(at).filter(|r| matches!(r.then, Ruling::Allow(_)));
        let blocks = self.vault.rules.iter().filter(|r| r.then == Ruling::Block);
        let obstacles: Vec<&Rule> = before.chain(blocks).collect();
        let mut steps = STEPS;
        for (seats, people) in self.approved(terms.approvals.as_ref(), &inputs.people) {
            if let Some(found) = self.avoid(Inputs { people, ..inputs.clone() }, &obstacles, &mut steps)? {
                return Ok(Some((found, seats)));
            }
        }
        Ok(None)
    }

    /// Everything that the query leaves open.
    fn all(&self) -> Inputs {
        let initiates =
            |p: &&ringi_primitives::policy_set::Person| p.keys.iter().any(|k| k.purpose == KeyPurpose::Initiate);
        let people = self.set.people.iter().filter(initiates).map(|p| p.id).collect();
        let tagged = self.set.wallets.iter().filter(|w| w.wallet.vault == self.vault.index).map(|w| w.wallet.wallet);
        let named = self.vault.rules.iter().flat_map(|r| &r.when.sources).filter_map(|s| match s {
            Source::Wallet(id) => Some(*id),
            Source::Tag(_) => None,
        });
        // What rules do not see an effect take, their amounts do not count.
        let moved = Range { over: Some(self.query.above), most: Amount::MAX };
        let seen = (self.sort.takes == Some(self.query.asset)).then_some((Measure::Asset(self.query.asset), moved));
        Inputs {
            people,
            wallets: tagged.chain(named).map(Some).chain([None]).collect(),
            places: self.places(),
            times: self.times.clone(),
            sums: seen.into_iter().collect(),
            room: BTreeSet::new(),
            full: BTreeSet::new(),
            holds: BTreeSet::new(),
            fails: BTreeSet::new(),
        }
    }

    fn places(&self) -> BTreeSet<Place> {
        let network = self.query.asset.network;
        // Bytes may pay whom is asked for, whomever rules see gain by them.
        if let Some(to) = self.query.to.filter(|_| self.sort.gains != Gains::Unknown) {
            return BTreeSet::from([self.place(to, true)]);
        }
        let listed = self.set.allow_lists.iter().flat_map(|l| &l.entries);
        let own = self.set.wallets.iter().flat_map(|w| &w.addresses);
        let named = self.vault.rules.iter().flat_map(|r| &r.when.destinations).filter_map(|d| match d {
            Destination::Contract(entry) => Some(*entry).filter(|e| e.network == network),
            _ => None,
        });
        let contracts: BTreeSet<AllowEntry> = named.collect();
        let nobody = Place { lists: BTreeSet::new(), tags: BTreeSet::new(), internal: false, address: None };
        let known = listed.chain(own).filter(|e| e.network == network).copied().chain(contracts.iter().copied());
        known.map(|entry| self.place(entry, contracts.contains(&entry))).chain([nobody]).collect()
    }

    /// What rules can tell of an address; the address itself only where a rule names it.
    fn place(&self, entry: AllowEntry, named: bool) -> Place {
        let lists = || self.set.allow_lists.iter().filter(|l| l.entries.contains(&entry));
        let wallet = self.set.wallet_at(&entry);
        let tags = lists().flat_map(|l| &l.tags).chain(wallet.into_iter().flat_map(|w| &w.tags));
        Place {
            lists: lists().map(|l| l.name.clone()).collect(),
            tags: tags.cloned().collect(),
            internal: wallet.is_some(),
            address: named.then_some(entry),
        }
    }

    /// Restricts the inputs to those that meet the rule's conditions; `false` if there are none.
    fn require(&self, inputs: &mut Inputs, rule: &Rule) -> bool {
        let when = &rule.when;
        inputs.people.retain(|person| self.asks(when, person));
        inputs.wallets.retain(|wallet| self.acts(when, wallet));
        inputs.places.retain(|place| self.gains(rule, place));
        inputs.times.retain(|at| times::holds(when, *at));
        for band in &when.amounts {
            narrow(inputs, band);
        }
        inputs.room.extend(when.within.iter().cloned());
        inputs.holds.extend(free(when));
        self.speaks_of(rule) && inputs.possible()
    }

    /// Whether the conditions hold that what is asked fixes: the kind, the chain, the asset.
    fn speaks_of(&self, rule: &Rule) -> bool {
        let (when, kind) = (&rule.when, self.sort.kind);
        let named = if when.kinds.is_empty() {
            rule.then == Ruling::Block || !DANGEROUS.contains(&kind)
        } else {
            when.kinds.iter().any(|k| k == kind)
        };
        named
            && (when.calls.is_empty() || kind == "call")
            && (when.messages.is_empty() || kind == "typed_message")
            && (when.networks.is_empty() || when.networks.contains(&self.query.asset.network))
            && (when.assets.is_empty() || self.sort.takes.is_some_and(|asset| when.assets.contains(&asset)))
    }

    fn gains(&self, rule: &Rule, place: &Place) -> bool {
        let is = |d: &Destination| match d {
            Destination::List(name) => place.lists.contains(name),
            Destination::Tag(tag) => place.tags.contains(tag),
            Destination::Internal => place.internal,
            Destination::Unlisted => !place.internal && place.lists.is_empty(),
            Destination::Contract(entry) => self.sort.gains != Gains::Payee && place.address == Some(*entry),
        };
        match self.sort.gains {
            _ if rule.when.destinations.is_empty() => true,
            Gains::Nobody => rule.then != Ruling::Block,
            Gains::Payee | Gains::Contract | Gains::Unknown => rule.when.destinations.iter().any(is),
        }
    }

    fn asks(&self, when: &Conditions, person: &PersonId) -> bool {
        let is = |i: &Initiator| match i {
            Initiator::Group(name) => self.set.group(name).is_some_and(|g| g.members.contains(person)),
            Initiator::Person(id) => id == person,
        };
        when.initiators.is_empty() || when.initiators.iter().any(is)
    }

    fn acts(&self, when: &Conditions, wallet: &Option<WalletId>) -> bool {
        let known = |id: &WalletId| {
            self.set.wallets.iter().find(|w| w.wallet.vault == self.vault.index && w.wallet.wallet == *id)
        };
        let is = |source: &Source| match (source, wallet) {
            (_, None) => false,
            (Source::Wallet(named), Some(id)) => named == id,
            (Source::Tag(tag), Some(id)) => known(id).is_some_and(|w| w.tags.contains(tag)),
        };
        when.sources.is_empty() || when.sources.iter().any(is)
    }

    /// What the terms leave of the sums: caps, and limits of which one intent can take no more than all.
    fn bound(&self, inputs: &mut Inputs, when: &Conditions, terms: &Terms) -> bool {
        for cap in &terms.caps {
            if let Cap::Amount { measure, most } = cap {
                narrow(inputs, &Band { measure: *measure, above: None, at_most: Some(*most) });
            }
        }
        let names = || when.within.iter().chain(&terms.limits);
        for limit in self.vault.limits.iter().filter(|l| names().any(|name| *name == l.name)) {
            match limit.measure {
                Measure::Count if limit.most.is_zero() => return false,
                Measure::Count => {}
                measure => narrow(inputs, &Band { measure, above: None, at_most: Some(limit.most) }),
            }
        }
        inputs.room.extend(names().cloned());
        inputs.possible()
    }

    /// Each way to take seats without those who are excluded, and the people who can ask then.
    fn approved(
        &self,
        approvals: Option<&Approvals>,
        people: &BTreeSet<PersonId>,
    ) -> Vec<(Vec<Seats>, BTreeSet<PersonId>)> {
        let Some(approvals) = approvals else { return vec![(vec![], people.clone())] };
        let can_ask = |way: &Vec<Seats>| -> BTreeSet<PersonId> {
            people.iter().filter(|asks| self.seated(approvals, way, asks)).copied().collect()
        };
        approvals.any_of.iter().map(|way| (way.clone(), can_ask(way))).filter(|(_, who)| !who.is_empty()).collect()
    }

    fn seated(&self, approvals: &Approvals, way: &[Seats], asks: &PersonId) -> bool {
        let approves = |id: &&PersonId| {
            let person = self.set.people.iter().find(|p| p.id == **id);
            let own = person.is_some_and(|p| p.keys.iter().any(|k| k.purpose == KeyPurpose::Approve));
            let any = own || person.is_some_and(|p| !p.passkeys.is_empty());
            let struck = approvals.initiator == OwnApproval::DoesNotCount && *id == asks;
            any && !struck && !self.query.without.contains(*id)
        };
        let members = |seats: &Seats| -> BTreeSet<PersonId> {
            let group = self.set.group(&seats.group);
            group.into_iter().flat_map(|g| &g.members).filter(approves).copied().collect()
        };
        let own_key = |id: &PersonId| {
            let keys = self.set.people.iter().filter(|p| p.id == *id).flat_map(|p| &p.keys);
            keys.into_iter().any(|k| k.purpose == KeyPurpose::Approve)
        };
        let shown = || way.iter().flat_map(members).any(|id| own_key(&id));
        way.iter().all(|seats| usize::try_from(seats.count).is_ok_and(|count| members(seats).len() >= count))
            && (approvals.display == Display::Any || shown())
    }

    /// Makes every obstacle fail in one of its conditions. Each step restricts one property; the first way is enough.
    fn avoid(&self, inputs: Inputs, obstacles: &[&Rule], steps: &mut u32) -> Result<Option<Inputs>, FileError> {
        *steps = steps.checked_sub(1).ok_or_else(|| {
            FileError(format!("the rules of vault `{}` are too entangled to be searched", self.vault.name))
        })?;
        if !inputs.possible() {
            return Ok(None);
        }
        let Some((obstacle, rest)) = obstacles.split_first() else { return Ok(Some(inputs)) };
        if !self.speaks_of(obstacle) {
            return self.avoid(inputs, rest, steps);
        }
        for failing in self.failures(&inputs, obstacle) {
            if let Some(found) = self.avoid(failing, rest, steps)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The inputs for which a rule's conditions do not hold: for each condition those for which that one fails.
    fn failures(&self, inputs: &Inputs, rule: &Rule) -> Vec<Inputs> {
        let when = &rule.when;
        let mut ways = Vec::new();
        let mut with = |change: &dyn Fn(&mut Inputs)| {
            let mut changed = inputs.clone();
            change(&mut changed);
            if changed.possible() {
                ways.push(changed);
            }
        };
        with(&|i| i.people.retain(|person| !self.asks(when, person)));
        with(&|i| i.wallets.retain(|wallet| !self.acts(when, wallet)));
        with(&|i| i.places.retain(|place| !self.gains(rule, place)));
        with(&|i| i.times.retain(|at| !times::holds(when, *at)));
        for band in &when.amounts {
            if let Some(above) = band.above {
                with(&|i| narrow(i, &Band { above: None, at_most: Some(above), ..*band }));
            }
            if let Some(most) = band.at_most {
                with(&|i| narrow(i, &Band { above: Some(most), at_most: None, ..*band }));
            }
        }
        for name in &when.within {
            with(&|i| {
                i.full.insert(name.clone());
            });
        }
        for condition in free(when) {
            with(&|i| {
                i.fails.insert(condition.clone());
            });
        }
        ways
    }

    fn told(&self, rule: &Rule, inputs: &Inputs, seats: &[Seats]) -> Way {
        let initiator = inputs.people.first();
        let initiator = self.set.people.iter().find(|p| Some(&p.id) == initiator).map(|p| p.name.clone());
        let to = inputs.places.first().map_or_else(String::new, |place| match place.lists.first() {
            Some(list) => format!("on list {list}"),
            None if place.internal => "a wallet of the workspace".into(),
            None => "an address on no list".into(),
        });
        Way {
            vault: self.vault.name.clone(),
            rule: rule.name.clone(),
            initiator: initiator.unwrap_or_default(),
            to,
            approvals: seats.iter().map(|s| format!("{} of {}", s.count, s.group)).collect(),
            full: inputs.full.iter().cloned().collect(),
        }
    }
}

fn narrow(inputs: &mut Inputs, band: &Band) {
    let range = inputs.sum(band.measure);
    range.over = range.over.max(band.above);
    range.most = band.at_most.map_or(range.most, |most| most.min(range.most));
}

/// Conditions that are taken to hold or fail as they please, by their encoding.
fn free(when: &Conditions) -> Vec<Vec<u8>> {
    let calls = (!when.calls.is_empty()).then(|| ringi_primitives::cbor::encode(&when.calls));
    let messages = (!when.messages.is_empty()).then(|| ringi_primitives::cbor::encode(&when.messages));
    let coins = when.coins.as_ref().map(ringi_primitives::cbor::encode);
    calls.into_iter().chain(messages).chain(coins).collect()
}

#[cfg(test)]
mod tests;
