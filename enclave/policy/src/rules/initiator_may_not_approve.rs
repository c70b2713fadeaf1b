//! `initiator_may_not_approve`: four eyes. Where it matches, the initiator's own approval counts for no rule.

use crate::case::Case;
use ringi_primitives::policy_set::{Demand, Rule};

/// Strikes the initiator from those whose approval counts, if such a rule matches.
pub(crate) fn apply(case: &mut Case, matching: &[&Rule]) {
    if matching.iter().any(|r| r.then == Demand::InitiatorMayNotApprove) {
        case.approvers.remove(&case.question.initiator);
    }
}
