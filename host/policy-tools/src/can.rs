//! "Is there any transfer like this that nobody of these must approve, and by which rule?" Answered over all inputs of a rule
//! set ([`crate::search`]): where the answer is no, there is none.
//!
//! What depends on memory or on what else is in the intent is free, so an answer may name a way that needs a full limit or a
//! batch, and a `no` holds whatever they are. What an effect does that rules do not see of it (the tokens that a call moves, whom
//! bytes pay) is taken to be what is asked for.

use crate::FileError;
use crate::search::times::Times;
use crate::search::{Gains, Ground, Inputs, Named, Place, Sort, World};
use ringi_primitives::amount::Amount;
use ringi_primitives::asset::AssetKey;
use ringi_primitives::id::PersonId;
use ringi_primitives::policy_set::{
    AllowEntry, Approvals, Band, Cap, Conditions, Display, KINDS, KeyPurpose, Measure, OwnApproval, PolicySet, Rule,
    Ruling, Seats, Temperature, Terms,
};
use ringi_primitives::time::UnixMs;
use serde::Serialize;
use std::collections::BTreeSet;

/// Obstacles that the search for one rule looks at; a rule set that needs more is answered with an error, never with a guess.
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
    for vault in set.vaults.iter().filter(|v| v.temperature != Temperature::Cold) {
        let whens: Vec<&Conditions> = vault.rules.iter().map(|r| &r.when).collect();
        let times = Times::of(&whens, query.now);
        let ground = Ground::of(set, vault, query.asset.network, query.to, &times);
        let asked = KINDS.into_iter().filter(|k| query.kinds.iter().any(|asked| asked == k));
        let sorts = asked.map(|kind| Sort::of(kind, query.asset));
        // Nobody gains by a cancel: there is none to whom is asked for.
        let sorts = sorts.filter(|sort| query.to.is_none() || sort.gains != Gains::Nobody);
        let asked: Vec<Asked> =
            sorts.map(|sort| Asked { world: World { vault, ground: &ground, sort }, set, query }).collect();
        for (at, rule) in vault.rules.iter().enumerate() {
            let Ruling::Allow(terms) = &rule.then else { continue };
            for asked in &asked {
                if let Some((inputs, seats)) = asked.found(at, rule, terms)? {
                    ways.push(asked.told(rule, &inputs, &seats));
                    break;
                }
            }
        }
    }
    Ok(ways)
}

/// What is asked, of one vault and one sort of effects.
struct Asked<'a> {
    world: World<'a>,
    set: &'a PolicySet,
    query: &'a Query,
}

impl<'a> Asked<'a> {
    /// Inputs for which this rule lets such a transfer through, all of them, and the seats that are taken then.
    fn found(&self, at: usize, rule: &'a Rule, terms: &'a Terms) -> Result<Option<(Inputs, Vec<Seats>)>, FileError> {
        let Some(mut inputs) = self.world.require(self.all(), at) else { return Ok(None) };
        if !self.bound(&mut inputs, &rule.when, terms) {
            return Ok(None);
        }
        let obstacles = self.world.obstacles(at);
        let mut steps = STEPS;
        let people = self.world.ground.people(&inputs).copied().collect();
        for (seats, people) in self.approved(terms.approvals.as_ref(), &people) {
            let asked = self.world.asked_by(&inputs, &people);
            if let Some(found) = self.world.avoid(asked, &obstacles, &mut steps)? {
                return Ok(Some((found, seats)));
            }
        }
        Ok(None)
    }

    /// Everything that the query leaves open.
    fn all(&self) -> Inputs {
        let (query, sort) = (self.query, self.world.sort);
        let mut inputs = self.world.all();
        // Bytes may pay whom is asked for, whomever rules see gain by them.
        if let Some(to) = query.to.filter(|_| sort.gains != Gains::Unknown) {
            inputs = self.world.gained_by(inputs, &Place::of(self.set, to, Named::ByRule));
        }
        // What rules do not see an effect take, their amounts do not count.
        if sort.takes == Some(query.asset) {
            inputs.narrow(&Band { measure: Measure::Asset(query.asset), above: Some(query.above), at_most: None });
        }
        inputs
    }

    /// What the terms leave of the sums: caps, and limits of which one intent can take no more than all.
    fn bound(&self, inputs: &mut Inputs, when: &Conditions, terms: &Terms) -> bool {
        for cap in &terms.caps {
            if let Cap::Amount { measure, most } = cap {
                inputs.narrow(&Band { measure: *measure, above: None, at_most: Some(*most) });
            }
        }
        let names = || when.within.iter().chain(&terms.limits);
        for limit in self.world.vault.limits.iter().filter(|l| names().any(|name| *name == l.name)) {
            match limit.measure {
                Measure::Count if limit.most.is_zero() => return false,
                Measure::Count => {}
                measure => inputs.narrow(&Band { measure, above: None, at_most: Some(limit.most) }),
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

    fn told(&self, rule: &Rule, inputs: &Inputs, seats: &[Seats]) -> Way {
        let ground = self.world.ground;
        let initiator = ground.people(inputs).next();
        let initiator = self.set.people.iter().find(|p| Some(&p.id) == initiator).map(|p| p.name.clone());
        let to = ground.places(inputs).next().map_or_else(String::new, |place| match place.lists.first() {
            Some(list) => format!("on list {list}"),
            None if place.internal => "a wallet of the workspace".into(),
            None => "an address on no list".into(),
        });
        Way {
            vault: self.world.vault.name.clone(),
            rule: rule.name.clone(),
            initiator: initiator.unwrap_or_default(),
            to,
            approvals: seats.iter().map(|s| format!("{} of {}", s.count, s.group)).collect(),
            full: inputs.full.iter().cloned().collect(),
        }
    }
}

#[cfg(test)]
mod tests;
