//! The memory of limits, as a decision reads it.

use ringi_primitives::amount::Amount;
use ringi_primitives::decision::{LimitKey, Spending};
use ringi_primitives::id::IntentId;
use ringi_primitives::time::UnixMs;
use std::collections::BTreeMap;

/// What has been signed, or is reserved, under each limit. An intent counts once, with its dearest version, from the
/// time its latest version was signed (rule I3).
pub trait Spent {
    /// The sum charged to `limit` by intents other than `excluding` whose time is `from` or later, in base units.
    /// There is no upper end: an entry from a clock ahead of ours counts. `None` if the sum does not fit 256 bits.
    fn in_window(&self, limit: &LimitKey, from: UnixMs, excluding: &IntentId) -> Option<Amount>;

    /// The sum charged to `limit` by intents other than `excluding` that are not proved final (rule L3), in base units. `None`
    /// if the sum does not fit 256 bits.
    fn outstanding(&self, limit: &LimitKey, excluding: &IntentId) -> Option<Amount>;

    /// The most `intent` was charged to `limit`, at any time; zero if never.
    fn of_intent(&self, limit: &LimitKey, intent: &IntentId) -> Amount;
}

impl<T: AsRef<[Spending]> + ?Sized> Spent for T {
    fn in_window(&self, limit: &LimitKey, from: UnixMs, excluding: &IntentId) -> Option<Amount> {
        let mut dearest: BTreeMap<IntentId, (Amount, UnixMs)> = BTreeMap::new();
        for entry in self.as_ref().iter().filter(|s| s.limit == *limit && s.intent != *excluding) {
            let seen = dearest.entry(entry.intent).or_default();
            *seen = (seen.0.max(entry.amount), seen.1.max(entry.at));
        }
        let counted = dearest.values().filter(|(_, at)| *at >= from);
        counted.map(|(amount, _)| *amount).try_fold(Amount::ZERO, Amount::checked_add)
    }

    /// A bare list knows of no proofs: everything is outstanding.
    fn outstanding(&self, limit: &LimitKey, excluding: &IntentId) -> Option<Amount> {
        self.in_window(limit, UnixMs(0), excluding)
    }

    fn of_intent(&self, limit: &LimitKey, intent: &IntentId) -> Amount {
        let own = self.as_ref().iter().filter(|s| s.limit == *limit && s.intent == *intent);
        own.map(|s| s.amount).max().unwrap_or_default()
    }
}
