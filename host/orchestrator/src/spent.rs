//! The host's memory of what limits were charged: advice only, the cosigners' own memory decides (rules L1, L2).

use ringi_policy::Spent;
use ringi_primitives::amount::Amount;
use ringi_primitives::decision::{Charge, LimitKey, Spending};
use ringi_primitives::id::IntentId;
use ringi_primitives::time::UnixMs;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Charges by limit and intent, the dearest version of each.
#[derive(Default)]
pub(crate) struct SpentIndex {
    limits: HashMap<LimitKey, BTreeMap<IntentId, (Amount, UnixMs)>>,
    /// First intents of chains that witnesses call final (rule L3).
    proved: HashSet<IntentId>,
}

impl SpentIndex {
    pub(crate) fn enter(&mut self, spending: &Spending) {
        let limit = self.limits.entry(spending.limit.clone()).or_default();
        let entry = limit.entry(spending.intent).or_default();
        *entry = (entry.0.max(spending.amount), entry.1.max(spending.at));
    }

    /// An intent is proved final.
    pub(crate) fn prove(&mut self, root: IntentId) {
        self.proved.insert(root);
    }

    /// First intents of chains that were charged and are not proved final, oldest ids first.
    pub(crate) fn unproved(&self, most: usize) -> Vec<IntentId> {
        let charged: BTreeSet<IntentId> = self.limits.values().flat_map(|l| l.keys().copied()).collect();
        charged.into_iter().filter(|intent| !self.proved.contains(intent)).take(most).collect()
    }

    /// Forgets a reservation that came to nothing.
    pub(crate) fn forget(&mut self, spending: &Spending) {
        if let Some(limit) = self.limits.get_mut(&spending.limit) {
            limit.remove(&spending.intent);
        }
    }
}

impl Spent for SpentIndex {
    fn in_window(&self, limit: &LimitKey, from: UnixMs, excluding: &IntentId) -> Option<Amount> {
        let entries = self.limits.get(limit).into_iter().flatten();
        entries
            .filter(|(intent, (_, at))| *intent != excluding && *at >= from)
            .try_fold(Amount::ZERO, |sum, (_, (amount, _))| sum.checked_add(*amount))
    }

    fn outstanding(&self, limit: &LimitKey, excluding: &IntentId) -> Option<Amount> {
        let entries = self.limits.get(limit).into_iter().flatten();
        entries
            .filter(|(intent, _)| *intent != excluding && !self.proved.contains(intent))
            .try_fold(Amount::ZERO, |sum, (_, (amount, _))| sum.checked_add(*amount))
    }

    fn of_intent(&self, limit: &LimitKey, intent: &IntentId) -> Amount {
        self.limits.get(limit).and_then(|l| l.get(intent)).map(|(amount, _)| *amount).unwrap_or_default()
    }
}

/// What a decision's charges leave in memory once they are reserved.
pub(crate) fn spendings(charges: &[Charge], root: IntentId, at: UnixMs) -> Vec<Spending> {
    charges.iter().map(|c| Spending { limit: c.limit.clone(), intent: root, amount: c.amount, at }).collect()
}
