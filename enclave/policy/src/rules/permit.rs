//! `permit`: what no rule permits is denied. The only rule that allows anything; all others take away.
//!
//! `opaque` and `delegate` effects are permitted only by a rule that names the kind.

use crate::case::{Case, Matching};
use ringi_primitives::decision::DenyReason;
use ringi_primitives::policy_set::Demand;

/// Every effect is matched by a `Permit` rule, and there is an effect at all.
pub(crate) fn covers(case: &Case, matching: &[Matching]) -> Result<(), DenyReason> {
    let permitted = |e| matching.iter().any(|m| m.rule.then == Demand::Permit && m.applies(e));
    let covered = !case.effects.is_empty() && case.effects.iter().all(permitted);
    if covered { Ok(()) } else { Err(DenyReason::NotPermitted) }
}

#[cfg(test)]
mod tests {
    use crate::fixture::*;
    use crate::{DEFAULT_RULE, Decision};
    use ringi_primitives::decision::DenyReason::{self, NotPermitted};
    use ringi_primitives::effects::{Effect, OpaqueKind};
    use ringi_primitives::policy_set::{Demand, Match, Scope};

    #[test]
    fn what_no_rule_permits_is_denied() {
        let only = |when| World::new(vec![rule("p", when, Demand::Permit)]).decide();
        let no = deny(DEFAULT_RULE, NotPermitted);
        let yes = Decision::Allow { charges: vec![], rules: vec!["p".into()] };
        let group = |g: &str| Match { initiators: vec![g.into()], ..Match::default() };
        assert_eq!(World::new(vec![]).decide(), no, "no rule at all");
        assert_eq!(only(Match::default()), yes);
        assert_eq!(only(kinds(&["approve", "transfer"])), yes);
        assert_eq!(only(kinds(&["approve"])), no, "another kind");
        assert_eq!(only(Match { networks: vec![EVM], ..Match::default() }), yes);
        assert_eq!(only(Match { networks: vec![BTC], ..Match::default() }), no, "another network");
        assert_eq!(only(Match { assets: vec![usdc()], ..Match::default() }), yes);
        assert_eq!(only(Match { assets: vec![eth()], ..Match::default() }), no, "another asset");
        assert_eq!(only(group("ops")), yes);
        assert_eq!(only(group("board")), no, "another initiator");
        assert_eq!(only(Match { networks: vec![BTC], ..kinds(&["transfer"]) }), no, "every list must match");
    }

    #[test]
    fn each_effect_needs_its_own_permit() {
        let approve = Effect::Approve { asset: usdc(), spender: address(7), amount: amount(1) };
        let both = vec![transfer(usdc(), 7, 1), approve];
        let transfers = rule("t", kinds(&["transfer"]), Demand::Permit);
        let approvals = rule("a", kinds(&["approve"]), Demand::Permit);
        let one = World::new(vec![transfers.clone()]).asks(both.clone()).decide();
        assert_eq!(one, deny(DEFAULT_RULE, NotPermitted));
        let two = World::new(vec![transfers, approvals]).asks(both).decide();
        assert_eq!(two, Decision::Allow { charges: vec![], rules: vec!["t".into(), "a".into()] });
    }

    #[test]
    fn nothing_asked_is_nothing_permitted() {
        assert_eq!(World::new(vec![permit_all()]).asks(vec![]).decide(), deny(DEFAULT_RULE, NotPermitted));
    }

    #[test]
    fn dangerous_kinds_are_permitted_only_where_named() {
        let delegate = Effect::Delegate { network: EVM, delegate: address(7) };
        let call = opaque(OpaqueKind::Call, Some(7), 5);
        for (kind, effect) in [("delegate", delegate), ("opaque", call)] {
            let mut world = World::new(vec![permit_all()]).asks(vec![effect]);
            assert_eq!(world.decide(), deny(DEFAULT_RULE, NotPermitted), "{kind}");
            world.rules().push(rule("named", kinds(&[kind]), Demand::Permit));
            assert_eq!(world.decide(), Decision::Allow { charges: vec![], rules: vec!["named".into()] }, "{kind}");
        }
    }

    /// A rule that takes away and names no kinds holds for dangerous kinds too; one that names others does not.
    #[test]
    fn what_takes_away_from_any_kind_takes_away_from_dangerous_ones() {
        use DenyReason::{Denied, FeeCap, LimitExceeded, NotOnAllowList, TransactionCap};
        let (asset, most, window_s) = (eth(), amount(9), DAY_S);
        let takes = [
            (Demand::Deny, Denied),
            (Demand::AllowList { lists: vec!["empty".into()] }, NotOnAllowList),
            (Demand::CapPerTransaction { asset, amount: most }, TransactionCap),
            (Demand::CapPerWindow { asset, amount: most, window_s, scope: Scope::Vault }, LimitExceeded),
            (Demand::MaxFee { network: EVM, amount: most }, FeeCap),
        ];
        let delegate = Effect::Delegate { network: EVM, delegate: address(7) };
        for (kind, effect) in [("delegate", delegate), ("opaque", opaque(OpaqueKind::Call, Some(7), 5))] {
            let named = || rule("named", kinds(&[kind]), Demand::Permit);
            let ask = |taking| World::new(vec![named(), taking]).asks(vec![effect.clone()]);
            for (then, reason) in takes.clone() {
                assert_eq!(ask(any("r", then.clone())).decide(), deny("r", reason), "{kind} {then:?}");
                assert!(!is_deny(&ask(rule("r", kinds(&["transfer"]), then)).decide()), "{kind}, of transfers only");
            }
            let quorum = any("r", Demand::Approvals { group: "ops".into(), count: 1, above: None });
            let waits = |w: &World| matches!(w.decide(), Decision::NeedsApproval { .. });
            let mut world = ask(quorum).approved_by(&[1]);
            assert!(waits(&world.clone().approved_by(&[])) && !waits(&world), "{kind}");
            world.rules().push(any("four-eyes", Demand::InitiatorMayNotApprove));
            assert!(waits(&world), "{kind}: person 1 asked");
        }
    }

    /// More sorts of effects than rules are matched against: denied, not overlooked.
    #[test]
    fn the_129th_sort_of_effect_is_denied() {
        let sort = |n: u8| ringi_primitives::asset::AssetKey::token(EVM, address(n));
        let mut world = World::new(vec![permit_all()]);
        world.policy.assets.extend((1..=129).map(|n| ringi_primitives::asset::Asset {
            id: format!("t{n}"),
            key: sort(n),
            decimals: 0,
        }));
        world.effects = (1..=128).map(|n| transfer(sort(n), 7, 1)).collect();
        assert!(!is_deny(&world.decide()));
        world.effects.push(transfer(sort(129), 7, 1));
        assert_eq!(world.decide(), deny(DEFAULT_RULE, NotPermitted));
    }
}
