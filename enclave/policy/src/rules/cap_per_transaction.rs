//! `cap_per_transaction`: one intent takes at most so much of an asset, fee included where the asset pays it (rule L2).

use super::Finding;
use crate::case::Case;
use ringi_primitives::amount::Amount;
use ringi_primitives::asset::AssetKey;
use ringi_primitives::decision::DenyReason;

/// All effects of the intent count, not only those the rule matches: splitting into actions gains nothing.
pub(crate) fn check(case: &Case, asset: &AssetKey, cap: Amount) -> Result<Finding, DenyReason> {
    if case.spends(asset)? <= cap { Ok(Finding::Holds) } else { Err(DenyReason::TransactionCap) }
}

#[cfg(test)]
mod tests {
    use crate::fixture::*;
    use crate::{DEFAULT_RULE, Decision};
    use ringi_primitives::amount::Amount;
    use ringi_primitives::asset::AssetKey;
    use ringi_primitives::decision::DenyReason::{Overflow, TransactionCap, Unknown};
    use ringi_primitives::effects::Effect;
    use ringi_primitives::network::NetworkId;
    use ringi_primitives::policy_set::{Demand, Rule};

    fn cap(asset: AssetKey, n: u64) -> Rule {
        any("cap", Demand::CapPerTransaction { asset, amount: amount(n) })
    }

    fn ask(rule: Rule, effects: Vec<Effect>) -> Decision {
        World::new(vec![permit_all(), rule]).asks(effects).decide()
    }

    #[test]
    fn exactly_the_cap_passes_and_one_more_does_not() {
        assert!(!is_deny(&ask(cap(usdc(), 100), vec![transfer(usdc(), 7, 100)])));
        assert_eq!(ask(cap(usdc(), 100), vec![transfer(usdc(), 7, 101)]), deny("cap", TransactionCap));
    }

    #[test]
    fn splitting_into_actions_of_any_kind_gains_nothing() {
        let approve = Effect::Approve { asset: usdc(), spender: address(8), amount: amount(41) };
        let parts = vec![transfer(usdc(), 7, 30), transfer(usdc(), 8, 30), approve];
        assert_eq!(ask(cap(usdc(), 100), parts.clone()), deny("cap", TransactionCap));
        let transfers_only = Rule { when: kinds(&["transfer"]), ..cap(usdc(), 100) };
        assert_eq!(ask(transfers_only, parts), deny("cap", TransactionCap));
    }

    /// L2: the signed amount, fees included; a fee of 10 wei stands in every question here.
    #[test]
    fn l2_the_fee_counts_where_the_asset_pays_it() {
        assert!(!is_deny(&ask(cap(eth(), 100), vec![transfer(eth(), 7, 90)])));
        assert_eq!(ask(cap(eth(), 100), vec![transfer(eth(), 7, 91)]), deny("cap", TransactionCap));
        assert_eq!(ask(cap(eth(), 9), vec![transfer(usdc(), 7, 1)]), deny("cap", TransactionCap), "fee alone");
        assert!(!is_deny(&ask(cap(usdc(), 100), vec![transfer(usdc(), 7, 100)])), "usdc pays no fee");
    }

    #[test]
    fn a_sum_over_256_bits_denies() {
        let all = Effect::Transfer { asset: usdc(), to: address(7), amount: Amount::MAX };
        let cap = any("cap", Demand::CapPerTransaction { asset: usdc(), amount: Amount::MAX });
        assert!(!is_deny(&ask(cap.clone(), vec![all.clone()])));
        assert_eq!(ask(cap.clone(), vec![all.clone(), transfer(usdc(), 7, 1)]), deny("cap", Overflow));
        assert_eq!(ask(cap, vec![transfer(usdc(), 7, 1), all.clone(), all]), deny("cap", Overflow));
    }

    /// G3: an asset, network, person or vault that the signed set does not name is no ground for a decision.
    #[test]
    fn g3_what_the_set_does_not_name_is_denied() {
        let stranger = AssetKey::token(EVM, address(0xdd));
        let unknown = deny(DEFAULT_RULE, Unknown);
        let world = World::new(vec![permit_all()]);
        assert_eq!(world.clone().asks(vec![transfer(stranger, 7, 1)]).decide(), unknown, "asset");
        assert_eq!(world.clone().asks(vec![transfer(btc(), 7, 1)]).decide(), unknown, "another chain's effect");
        let network = NetworkId::Evm(5);
        let proof = Effect::OwnershipProof { network, statement: "mine".into() };
        assert_eq!(World { network, ..world.clone() }.asks(vec![proof]).decide(), unknown, "network");
        assert_eq!(World { initiator: person(9), ..world.clone() }.decide(), unknown, "person");
        let mut moved = world;
        moved.policy.vaults[0].index = ringi_primitives::wallet::VaultIndex(2);
        assert_eq!(moved.decide(), unknown, "vault");
    }
}
