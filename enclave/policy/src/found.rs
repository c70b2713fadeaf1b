//! What matching rules look up in the policy set by name, each name once however many rules use it.

use crate::case::{Case, Gain, Matching};
use ringi_primitives::policy_set::{AllowList, Demand, Group};
use std::collections::{BTreeMap, BTreeSet};

/// Groups and allow-lists, as far as matching rules name them, seen from this case.
pub struct Found<'a> {
    votes: BTreeMap<&'a str, u32>,
    listed: BTreeMap<&'a str, Vec<bool>>,
}

impl<'a> Found<'a> {
    /// Counts and looks up.
    pub fn look_up(case: &Case<'a>, matching: &[Matching<'a>]) -> Found<'a> {
        let mut groups = BTreeSet::new();
        let mut lists = BTreeSet::new();
        for matched in matching {
            match &matched.rule.then {
                Demand::Approvals { group, .. } => groups.extend([group.as_str()]),
                Demand::AllowList { lists: names } => lists.extend(names.iter().map(String::as_str)),
                _ => {}
            }
        }
        let policy = case.question.policy;
        // I1: a set of people, so two keys of one person count once.
        let count = |g: &Group| u32::try_from(case.approvers.intersection(&g.members).count()).unwrap_or(u32::MAX);
        let listed = |l: &AllowList, gain: Gain| match gain {
            Gain::Nobody => true,
            Gain::By(entry) => l.entries.contains(&entry),
            Gain::Unknown => false,
        };
        let gains = |l: &AllowList| case.effects.iter().map(|e| listed(l, e.gain)).collect();
        let groups = policy.groups.iter().filter(|g| groups.contains(g.name.as_str()));
        let lists = policy.allow_lists.iter().filter(|l| lists.contains(l.name.as_str()));
        Found {
            votes: groups.map(|g| (g.name.as_str(), count(g))).collect(),
            listed: lists.map(|l| (l.name.as_str(), gains(l))).collect(),
        }
    }

    /// How many distinct members of the group approved and count; `None` for a group that does not exist.
    pub fn votes(&self, group: &str) -> Option<u32> {
        self.votes.get(group).copied()
    }

    /// For each effect in order, whether nobody gains by it or its beneficiary is on the list; never where the
    /// beneficiary is unknown. `None` for a list that does not exist.
    pub fn listed(&self, list: &str) -> Option<&[bool]> {
        self.listed.get(list).map(Vec::as_slice)
    }
}
