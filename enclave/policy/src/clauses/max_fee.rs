//! `max_fee`: the most in fees per transaction on a network. Fees always have a cap: no cap, deny (rule C1).
//!
//! A Bitcoin fee is what the outputs leave over, nowhere written in the bytes, so a Bitcoin transaction needs a fee cap of
//! its network besides the intent's own maximum. On EVM chains the intent's signed maximum suffices: gas limit and price
//! stand in the signed bytes and are held to it.

use crate::case::Case;
use crate::decide::Used;
use ringi_primitives::decision::DenyReason;
use ringi_primitives::network::NetworkId;
use ringi_primitives::policy_set::FeeCap;

/// The fee is at most the cap of this network, if there is one.
pub(crate) fn check(case: &Case, caps: &[FeeCap]) -> Result<(), DenyReason> {
    let over = |cap: &FeeCap| cap.network == case.question.network && case.question.fee > cap.most;
    if caps.iter().any(over) { Err(DenyReason::FeeCap) } else { Ok(()) }
}

/// C1: a Bitcoin transaction is denied unless a rule that it belongs to caps its fee. Messages pay none.
pub(crate) fn exists(case: &Case, used: &[Used]) -> Result<(), DenyReason> {
    let here = case.question.network;
    let pays = case.sorts.iter().any(|e| e.on_chain) || !case.question.fee.is_zero();
    let capped = || used.iter().any(|u| u.terms.max_fees.iter().any(|f| f.network == here));
    match here {
        NetworkId::Bitcoin(_) if pays && !capped() => Err(DenyReason::FeeCap),
        NetworkId::Bitcoin(_) | NetworkId::Evm(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use crate::fixture::*;
    use ringi_primitives::decision::DenyReason::FeeCap;
    use ringi_primitives::effects::Effect;
    use ringi_primitives::policy_set::{Conditions, Terms};

    fn with(terms: Terms) -> World {
        World::new(vec![allow_with("p", Conditions::default(), terms)])
    }

    /// C1: the fee of every question here is 10.
    #[test]
    fn c1_exactly_the_cap_passes_and_one_more_does_not() {
        assert!(allows(&with(fee(BTC, 10)).on_bitcoin(1), "p"));
        assert_eq!(with(fee(BTC, 9)).on_bitcoin(1).decide(), deny("p", FeeCap));
        assert!(allows(&with(fee(EVM, 10)), "p"));
        assert_eq!(with(fee(EVM, 9)).decide(), deny("p", FeeCap));
        assert!(allows(&with(fee(BTC, 9)), "p"), "of another network");
    }

    #[test]
    fn c1_bitcoin_without_a_fee_cap_is_denied() {
        assert_eq!(with(Terms::default()).on_bitcoin(1).decide(), deny_default(FeeCap));
        assert_eq!(with(fee(EVM, 10)).on_bitcoin(1).decide(), deny_default(FeeCap), "of another network");
        assert!(allows(&with(Terms::default()), "p"), "EVM fees are held to the intent's own");
        let mut message = with(Terms::default()).on_bitcoin(1);
        message.fee = amount(0);
        message.effects = vec![Effect::OwnershipProof { network: BTC, statement: "x".into() }];
        assert!(allows(&message, "p"), "a message pays nothing");
    }

    /// A fee cap of a rule that no effect belongs to is none.
    #[test]
    fn c1_only_rules_that_are_used_cap_a_fee() {
        let mut world = World::new(vec![allow_all(), allow_with("later", kinds(&["transfer"]), fee(BTC, 10))]);
        world = world.on_bitcoin(1);
        assert_eq!(world.decide(), deny_default(FeeCap));
    }
}
