//! `permit`: what no rule permits is denied. The only rule that allows anything; all others take away.

use crate::case::Case;
use ringi_primitives::decision::DenyReason;
use ringi_primitives::policy_set::{Demand, Rule};

/// Every effect is matched by a `Permit` rule, and there is an effect at all.
pub(crate) fn covers(case: &Case, matching: &[&Rule]) -> Result<(), DenyReason> {
    let permitted = |e| matching.iter().any(|r| r.then == Demand::Permit && case.applies(r, e));
    let covered = !case.effects.is_empty() && case.effects.iter().all(permitted);
    if covered { Ok(()) } else { Err(DenyReason::NotPermitted) }
}
