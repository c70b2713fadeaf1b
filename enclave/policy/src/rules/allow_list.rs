//! `allow_list`: whoever gains by a matching effect is on one of the lists, on exactly that network (rule G3).
//!
//! Recipients, spenders, called contracts and delegates are looked up. An effect by which nobody gains (self-cancel,
//! ownership proof) passes; opaque bytes without a target, by which anybody may gain, do not.

use super::Finding;
use crate::case::{Case, EffectFacts, Gain, Matching};
use crate::found::Found;
use ringi_primitives::decision::DenyReason;

/// Looks up the beneficiary of each effect the rule matches.
pub(crate) fn check(case: &Case, found: &Found, matched: &Matching, lists: &[String]) -> Result<Finding, DenyReason> {
    let lists: Vec<&[bool]> = lists.iter().filter_map(|name| found.listed(name)).collect();
    let listed = |at: usize| lists.iter().any(|list| list.get(at) == Some(&true));
    let free = |at: usize, e: &EffectFacts| e.gain == Gain::Nobody || !matched.applies(e) || listed(at);
    if case.effects.iter().enumerate().all(|(at, e)| free(at, e)) {
        Ok(Finding::Holds)
    } else {
        Err(DenyReason::NotOnAllowList)
    }
}

#[cfg(test)]
mod tests {
    use crate::fixture::*;
    use ringi_primitives::asset::AssetKey;
    use ringi_primitives::decision::DenyReason::NotOnAllowList;
    use ringi_primitives::effects::{Effect, OpaqueKind};
    use ringi_primitives::policy_set::{Demand, Rule};

    fn listed(lists: &[&str]) -> Rule {
        let lists = lists.iter().map(|l| l.to_string()).collect();
        rule("listed", kinds(&ringi_primitives::policy_set::KINDS), Demand::AllowList { lists })
    }

    fn permit() -> Rule {
        rule("permit", kinds(&ringi_primitives::policy_set::KINDS), Demand::Permit)
    }

    /// G3: the list is the signed policy set's.
    #[test]
    fn g3_every_way_to_gain_is_looked_up() {
        let to = |n: u8| {
            let (asset, to, amount) = (usdc(), address(n), amount(1));
            [
                Effect::Transfer { asset, to, amount },
                Effect::Approve { asset, spender: to, amount },
                Effect::TransferFrom { asset, owner: address(7), to, amount },
                Effect::Permit { asset, spender: to, amount, deadline_s: 1 },
                Effect::Call { network: EVM, contract: to, value: amount, function: "f()".into(), data: vec![] },
                Effect::Delegate { network: EVM, delegate: to },
                opaque(OpaqueKind::Call, Some(n), 1),
            ]
        };
        for (known, stranger) in to(7).into_iter().zip(to(8)) {
            let world = World::new(vec![permit(), listed(&["empty", "known"])]);
            assert!(!is_deny(&world.clone().asks(vec![known.clone()]).decide()), "{known:?}");
            let both = world.asks(vec![known, stranger]).decide();
            assert_eq!(both, deny("listed", NotOnAllowList));
        }
    }

    #[test]
    fn lists_are_per_network_and_an_empty_choice_lets_nobody_through() {
        let mut elsewhere = World::new(vec![permit(), listed(&["known"])]);
        elsewhere.network = OTHER_EVM;
        elsewhere.effects = vec![transfer(AssetKey::native(OTHER_EVM), 7, 1)];
        assert_eq!(elsewhere.decide(), deny("listed", NotOnAllowList));
        for lists in [&["empty"][..], &[]] {
            assert_eq!(World::new(vec![permit(), listed(lists)]).decide(), deny("listed", NotOnAllowList));
        }
    }

    #[test]
    fn only_matching_effects_are_looked_up_and_gainless_ones_pass() {
        let transfers = rule("t", kinds(&["transfer"]), Demand::AllowList { lists: vec!["known".into()] });
        let approve = Effect::Approve { asset: usdc(), spender: address(8), amount: amount(1) };
        let world = World::new(vec![permit(), transfers]).asks(vec![transfer(usdc(), 7, 1), approve]);
        assert!(!is_deny(&world.decide()));
        let proof = Effect::OwnershipProof { network: EVM, statement: "mine".into() };
        let gainless = vec![Effect::SelfCancel { network: EVM }, proof];
        for lists in [&["empty"][..], &[]] {
            assert!(!is_deny(&World::new(vec![permit(), listed(lists)]).asks(gainless.clone()).decide()));
        }
    }

    /// G3: who gains by bytes without a target is not written in what was signed, so it is on no list.
    #[test]
    fn g3_opaque_bytes_without_a_target_are_on_no_list() {
        for kind in [OpaqueKind::Creation, OpaqueKind::Message, OpaqueKind::TypedData, OpaqueKind::Call] {
            let world = World::new(vec![permit(), listed(&["known", "empty"])]).asks(vec![opaque(kind, None, 0)]);
            assert_eq!(world.decide(), deny("listed", NotOnAllowList), "{kind:?}");
        }
        let transfers = rule("t", kinds(&["transfer"]), Demand::AllowList { lists: vec!["known".into()] });
        let world = World::new(vec![permit(), transfers]).asks(vec![opaque(OpaqueKind::Creation, None, 0)]);
        assert!(!is_deny(&world.decide()), "the rule speaks of transfers");
    }
}
