//! `cap_per_window`: at most so much of an asset signed in any window of this length, fees included (rules L1, L2, I3).
//!
//! A spending at time `at` counts while `now < at + window`: exactly one window later it no longer does. What a
//! replacement takes the place of is not counted besides it; the intent counts once, with its dearest version, however
//! long ago that was signed (rule I3). An intent that takes nothing of the asset is charged nothing and never denied here.

use super::Finding;
use crate::case::Case;
use ringi_primitives::amount::Amount;
use ringi_primitives::asset::AssetKey;
use ringi_primitives::decision::{Charge, DenyReason, LimitKey, Subject};
use ringi_primitives::policy_set::Scope;
use ringi_primitives::time::UnixMs;

/// The rule's demand, by name.
pub(crate) struct Window<'a> {
    /// The rule's name; the limit is counted under it.
    pub rule: &'a str,
    /// Counted asset.
    pub asset: &'a AssetKey,
    /// Most per window, base units.
    pub cap: Amount,
    /// Length in seconds.
    pub window_s: u64,
    /// What is counted together.
    pub scope: Scope,
}

impl Window<'_> {
    /// The others' sum and this intent's dearest version stay within the cap.
    pub(crate) fn check(&self, case: &Case) -> Result<Finding, DenyReason> {
        let q = case.question;
        let asked = case.spends(self.asset)?;
        if asked.is_zero() {
            return Ok(Finding::Holds);
        }
        let subject = Subject::of(self.scope, q.wallet.wallet, q.initiator);
        let limit = LimitKey { vault: q.wallet.vault, rule: self.rule.to_string(), asset: *self.asset, subject };
        // I3: a replacement charges the maximum of its versions, not the sum.
        let amount = asked.max(q.spent.of_intent(&limit, &q.intent));
        let others = q.spent.in_window(&limit, self.first_counted(q.now), &q.intent).ok_or(DenyReason::Overflow)?;
        let total = others.checked_add(amount).ok_or(DenyReason::Overflow)?;
        // L1, L2: on the signed amount, fees included, over everything merged so far.
        if total > self.cap {
            return Err(DenyReason::LimitExceeded);
        }
        Ok(Finding::Costs(Charge { limit, amount, cap: self.cap, window_s: self.window_s }))
    }

    /// The earliest time that still counts: one millisecond after the instant one window ago.
    fn first_counted(&self, now: UnixMs) -> UnixMs {
        let window_ms = self.window_s.saturating_mul(1000);
        UnixMs(now.0.checked_sub(window_ms).map_or(0, |start| start.saturating_add(1)))
    }
}
