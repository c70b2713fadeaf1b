//! The evaluator: blocks win, then the first rule that matches, else deny.

use crate::case::Case;
use crate::clauses::{self, Miss};
use crate::question::Question;
use ringi_primitives::decision::{Decision, DenyReason, LimitKey};
use ringi_primitives::policy_set::{Rule, Ruling, Temperature, Terms};
use std::collections::BTreeSet;

/// The name in place of a rule's where no rule decided: nothing allows, no fee cap, a cold or unknown vault.
pub use ringi_primitives::policy_set::DEFAULT_RULE;

/// A refusal and the rule that spoke it.
pub(crate) type Denial = (String, DenyReason);

/// What the policy says. Deterministic; the order of the effects plays no part.
///
/// A deny beats a missing approval, which beats an allow. Which of several denies is named says `docs/rules.md`: blocks, facts
/// that are missing and effects without a rule come before the terms of any rule. `Allow` and `NeedsApproval` name every rule that an effect belongs to, in policy order.
/// The charges of an `Allow` hold for this memory and this time only: whoever signs merges and asks again (rule L1).
pub fn decide(question: &Question) -> Decision {
    let judged = Case::open(question).map_err(by_default).and_then(|case| judge(&case));
    judged.unwrap_or_else(|(rule, reason)| Decision::Deny { rule, reason })
}

/// The limits whose memory decides which rule an intent belongs to, whether it is charged to them or not: who signs merges
/// these too (rule L1), or two signers would see two rules.
pub fn watched(question: &Question) -> Vec<LimitKey> {
    let Ok(case) = Case::open(question) else { return Vec::new() };
    let named: BTreeSet<&String> = case.vault.rules.iter().flat_map(|r| &r.when.within).collect();
    let limits = case.vault.limits.iter().filter(|limit| named.contains(&limit.name));
    limits.flat_map(|limit| clauses::limits::keys(&case, limit)).collect()
}

/// Whether these rules, and no others, could have allowed this to those who decided it with their own memory: what depends
/// on limits' memory or on witnesses' facts is taken to have held for the rules that are claimed, and for no others. For
/// receipts, which hold neither.
pub fn decide_as_claimed(question: &Question, claimed: &[String]) -> Decision {
    let judged = Case::open(question).map_err(by_default).and_then(|case| judge(&case.claiming(claimed)));
    judged.unwrap_or_else(|(rule, reason)| Decision::Deny { rule, reason })
}

fn judge(case: &Case) -> Result<Decision, Denial> {
    if case.vault.temperature == Temperature::Cold {
        return Err(by_default(DenyReason::ColdVault));
    }
    let used = assign(case)?;
    clauses::max_fee::exists(case, &used).map_err(by_default)?;
    let (mut charges, mut missing) = (Vec::new(), Vec::new());
    for used in &used {
        let by_rule = |reason| (used.rule.name.clone(), reason);
        for charge in clauses::check(case, used.rule, used.terms).map_err(by_rule)? {
            if !charges.contains(&charge) {
                charges.push(charge);
            }
        }
        missing.extend(clauses::approvals::missing(case, &used.rule.name, used.terms));
    }
    let names = used.iter().map(|u| u.rule.name.clone()).collect();
    Ok(if missing.is_empty() {
        Decision::Allow { charges, rules: names }
    } else {
        Decision::NeedsApproval { missing, rules: names }
    })
}

/// An allowing rule that an effect belongs to.
pub(crate) struct Used<'a> {
    /// The rule.
    pub rule: &'a Rule,
    /// Its terms.
    pub terms: &'a Terms,
}

/// The rules that the effects belong to, in policy order.
fn assign<'a>(case: &Case<'a>) -> Result<Vec<Used<'a>>, Denial> {
    let mut open: Vec<bool> = vec![true; case.sorts.len()];
    let mut used = Vec::new();
    for rule in &case.vault.rules {
        let by_rule = |reason| (rule.name.clone(), reason);
        match &rule.then {
            // A block is held against every effect, also those that an earlier rule took.
            Ruling::Block => {
                if case.sorts.iter().any(|sort| clauses::matches_sort(rule, sort).is_ok())
                    && matches(case, rule).map_err(by_rule)?
                {
                    return Err(by_rule(DenyReason::Denied));
                }
            }
            Ruling::Allow(terms) => {
                let takes = |sort| clauses::matches_sort(rule, sort).is_ok();
                let is_reached = case.sorts.iter().zip(&open).any(|(sort, open)| *open && takes(sort));
                if is_reached && matches(case, rule).map_err(by_rule)? {
                    case.sorts.iter().zip(&mut open).for_each(|(sort, open)| *open &= !takes(sort));
                    used.push(Used { rule, terms });
                }
            }
        }
    }
    if used.is_empty() || open.contains(&true) {
        return Err(by_default(DenyReason::NotPermitted));
    }
    Ok(used)
}

/// Whether the conditions on the intent as a whole hold; what cannot be known denies.
fn matches<'a>(case: &Case<'a>, rule: &'a Rule) -> Result<bool, DenyReason> {
    match clauses::matches_intent(case, rule) {
        Ok(()) => Ok(true),
        Err(Miss::Unknown(reason)) => Err(reason),
        Err(Miss::Condition(_)) => Ok(false),
    }
}

fn by_default(reason: DenyReason) -> Denial {
    (DEFAULT_RULE.to_string(), reason)
}

#[cfg(test)]
mod tests;
