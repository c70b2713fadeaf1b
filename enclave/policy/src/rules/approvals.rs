//! `approvals`: so many distinct people of a group approve (rule I1), always or above an amount.

use super::Finding;
use crate::case::Case;
use ringi_primitives::decision::{DenyReason, MissingApproval};
use ringi_primitives::policy_set::{Rule, Threshold};

/// Counts the group's members among the approvers. What is spent includes the fee where the asset pays it; exactly the
/// threshold is still free.
pub(crate) fn check(
    case: &Case,
    rule: &Rule,
    group: &str,
    count: u32,
    above: Option<&Threshold>,
) -> Result<Finding, DenyReason> {
    if let Some(threshold) = above
        && case.spends(&threshold.asset)? <= threshold.amount
    {
        return Ok(Finding::Holds);
    }
    let members = &case.question.policy.group(group).ok_or(DenyReason::Unknown)?.members;
    // I1: a set of people, so two keys of one person count once.
    let have = u32::try_from(case.approvers.intersection(members).count()).unwrap_or(u32::MAX);
    match count.saturating_sub(have) {
        0 => Ok(Finding::Holds),
        still => {
            Ok(Finding::Lacks(MissingApproval { rule: rule.name.clone(), group: group.to_string(), count: still }))
        }
    }
}
