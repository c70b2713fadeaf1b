//! `allow_list`: whoever gains by a matching effect is on one of the lists, on exactly that network (rule G3).
//!
//! Recipients, spenders, called contracts and delegates are looked up; an effect by which nobody gains passes.

use super::Finding;
use crate::case::Case;
use ringi_primitives::decision::DenyReason;
use ringi_primitives::policy_set::{AllowEntry, Rule};

/// Looks up the beneficiary of each effect the rule matches.
pub(crate) fn check(case: &Case, rule: &Rule, lists: &[String]) -> Result<Finding, DenyReason> {
    let policy = case.question.policy;
    let listed = |entry: &AllowEntry| {
        let mut found = lists.iter().filter_map(|name| policy.allow_list(name));
        found.any(|list| list.entries.contains(entry))
    };
    let mut gaining =
        case.matched(rule).filter_map(|e| Some(AllowEntry { network: e.network, address: e.beneficiary? }));
    if gaining.all(|entry| listed(&entry)) { Ok(Finding::Holds) } else { Err(DenyReason::NotOnAllowList) }
}
