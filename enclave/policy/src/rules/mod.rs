//! The rules: one file each, with its check and the tests that violate it.

pub mod allow_list;
pub mod approvals;
pub mod cap_per_transaction;
pub mod cap_per_window;
pub mod deny;
pub mod initiator_may_not_approve;
pub mod max_fee;
pub mod permit;

use crate::case::{Case, Matching};
use crate::found::Found;
use ringi_primitives::decision::{Charge, DenyReason, MissingApproval};
use ringi_primitives::policy_set::Demand;

/// What a rule that does not deny has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// The demand is met.
    Holds,
    /// It is met at this price.
    Costs(Charge),
    /// It is met once these people have approved.
    Lacks(MissingApproval),
}

/// Holds one matching rule against the case.
pub(crate) fn check(case: &Case, found: &Found, matched: &Matching) -> Result<Finding, DenyReason> {
    let rule = matched.rule;
    match &rule.then {
        // What these two say depends on all matching rules: see `permit::covers`, `initiator_may_not_approve::apply`.
        Demand::Permit | Demand::InitiatorMayNotApprove => Ok(Finding::Holds),
        Demand::Deny => deny::check(),
        Demand::AllowList { lists } => allow_list::check(case, found, matched, lists),
        Demand::CapPerTransaction { asset, amount } => cap_per_transaction::check(case, asset, *amount),
        Demand::CapPerWindow { asset, amount, window_s, scope } => {
            let window =
                cap_per_window::Window { rule: &rule.name, asset, cap: *amount, window_s: *window_s, scope: *scope };
            window.check(case)
        }
        Demand::Approvals { group, count, above } => {
            let quorum = approvals::Quorum { rule: &rule.name, group, count: *count, above: above.as_ref() };
            quorum.check(case, found)
        }
        Demand::MaxFee { network, amount } => max_fee::check(case, *network, *amount),
    }
}
