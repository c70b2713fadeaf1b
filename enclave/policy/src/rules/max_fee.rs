//! `max_fee`: the most in fees per transaction on a network. Fees always have a cap: no cap, deny (rule C1).
//!
//! A Bitcoin fee is what the outputs leave over, nowhere written in the bytes, so a Bitcoin transaction needs a
//! `MaxFee` rule of its network besides the intent's own maximum. On EVM chains the intent's signed maximum suffices:
//! gas limit and price stand in the signed bytes and are held to it.

use super::Finding;
use crate::case::{Case, Matching};
use ringi_primitives::amount::Amount;
use ringi_primitives::decision::DenyReason;
use ringi_primitives::network::NetworkId;
use ringi_primitives::policy_set::Demand;

/// The fee is at most the cap, if this is the network.
pub(crate) fn check(case: &Case, network: NetworkId, cap: Amount) -> Result<Finding, DenyReason> {
    let within = network != case.question.network || case.question.fee <= cap;
    if within { Ok(Finding::Holds) } else { Err(DenyReason::FeeCap) }
}

/// C1: a Bitcoin transaction is denied unless a matching rule caps its fee. Messages pay none.
pub(crate) fn exists(case: &Case, matching: &[Matching]) -> Result<(), DenyReason> {
    let here = case.question.network;
    let pays = case.effects.iter().any(|e| e.on_chain) || !case.question.fee.is_zero();
    let capped = || matching.iter().any(|m| matches!(m.rule.then, Demand::MaxFee { network, .. } if network == here));
    match here {
        NetworkId::Bitcoin(_) if pays && !capped() => Err(DenyReason::FeeCap),
        NetworkId::Bitcoin(_) | NetworkId::Evm(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use crate::DEFAULT_RULE;
    use crate::fixture::*;
    use ringi_primitives::decision::DenyReason::FeeCap;
    use ringi_primitives::effects::Effect;
    use ringi_primitives::network::NetworkId;
    use ringi_primitives::policy_set::{Demand, Rule};

    fn fee(network: NetworkId, n: u64) -> Rule {
        any("fee", Demand::MaxFee { network, amount: amount(n) })
    }

    /// C1: the fee of every question here is 10.
    #[test]
    fn c1_exactly_the_cap_passes_and_one_more_does_not() {
        assert!(!is_deny(&World::new(vec![permit_all(), fee(BTC, 10)]).on_bitcoin(1).decide()));
        assert_eq!(World::new(vec![permit_all(), fee(BTC, 9)]).on_bitcoin(1).decide(), deny("fee", FeeCap));
        assert!(!is_deny(&World::new(vec![permit_all(), fee(EVM, 10)]).decide()));
        assert_eq!(World::new(vec![permit_all(), fee(EVM, 9)]).decide(), deny("fee", FeeCap));
    }

    #[test]
    fn c1_bitcoin_without_a_cap_of_its_own_is_denied() {
        let none = deny(DEFAULT_RULE, FeeCap);
        assert_eq!(World::new(vec![permit_all()]).on_bitcoin(1).decide(), none);
        assert_eq!(World::new(vec![permit_all(), fee(EVM, 10)]).on_bitcoin(1).decide(), none, "another network's");
        let others = Rule { when: kinds(&["self_cancel"]), ..fee(BTC, 10) };
        assert_eq!(World::new(vec![permit_all(), others]).on_bitcoin(1).decide(), none, "matches another kind");
        let mut free = World::new(vec![permit_all()]).on_bitcoin(1);
        free.fee = amount(0);
        assert_eq!(free.decide(), none, "a fee of zero is also a fee");
    }

    #[test]
    fn c1_messages_and_evm_transactions_need_no_rule() {
        let proof = Effect::OwnershipProof { network: BTC, statement: "mine".into() };
        let mut world = World::new(vec![permit_all()]).on_bitcoin(1).asks(vec![proof]);
        world.fee = amount(0);
        assert!(!is_deny(&world.decide()));
        world.fee = amount(1);
        assert_eq!(world.decide(), deny(DEFAULT_RULE, FeeCap), "a message that costs is none");
        assert!(!is_deny(&World::new(vec![permit_all()]).decide()));
    }

    #[test]
    fn another_networks_cap_says_nothing_here() {
        assert!(!is_deny(&World::new(vec![permit_all(), fee(BTC, 0)]).decide()));
    }
}
