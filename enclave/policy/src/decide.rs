//! The evaluator: default deny, every matching rule's demand holds, a deny wins.

use crate::case::Case;
use crate::found::Found;
use crate::question::Question;
use crate::rules::{self, Finding};
use ringi_primitives::decision::{Decision, DenyReason};
use ringi_primitives::policy_set::Temperature;

/// The name in place of a rule's where no rule decided: nothing permits, no fee cap, a cold or unknown vault.
pub use ringi_primitives::policy_set::DEFAULT_RULE;

/// A refusal and the rule that spoke it.
type Denial = (String, DenyReason);

/// What the policy says. Deterministic; the order of the effects plays no part.
///
/// A deny beats a missing approval, which beats an allow. Of several denies the first in policy order is named, and
/// any rule before the default. `Allow` and `NeedsApproval` name every rule that matched an effect, in policy order.
/// The charges of an `Allow` hold for this memory and this time only: whoever signs merges and asks again (rule L1).
pub fn decide(question: &Question) -> Decision {
    match judge(question) {
        Ok(decision) => decision,
        Err((rule, reason)) => Decision::Deny { rule, reason },
    }
}

fn judge(question: &Question) -> Result<Decision, Denial> {
    let mut case = Case::open(question).map_err(by_default)?;
    if case.vault.temperature == Temperature::Cold {
        return Err(by_default(DenyReason::ColdVault));
    }
    let matching = case.matching();
    rules::initiator_may_not_approve::apply(&mut case, &matching);
    let found = Found::look_up(&case, &matching);
    let mut charges = Vec::new();
    let mut missing = Vec::new();
    for matched in &matching {
        match rules::check(&case, &found, matched).map_err(|reason| (matched.rule.name.clone(), reason))? {
            Finding::Holds => {}
            Finding::Costs(charge) => charges.push(charge),
            Finding::Lacks(approval) => missing.push(approval),
        }
    }
    rules::permit::covers(&case, &matching).map_err(by_default)?;
    rules::max_fee::exists(&case, &matching).map_err(by_default)?;
    let names = matching.iter().map(|m| m.rule.name.clone()).collect();
    Ok(if missing.is_empty() {
        Decision::Allow { charges, rules: names }
    } else {
        Decision::NeedsApproval { missing, rules: names }
    })
}

fn by_default(reason: DenyReason) -> Denial {
    (DEFAULT_RULE.to_string(), reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::*;

    #[test]
    fn a_cold_vault_signs_nothing_online() {
        let mut world = World::new(vec![permit_all()]);
        world.policy.vaults[0].temperature = Temperature::Hot;
        assert!(!is_deny(&world.decide()));
        world.policy.vaults[0].temperature = Temperature::Cold;
        assert_eq!(world.decide(), deny(DEFAULT_RULE, DenyReason::ColdVault));
    }
}
