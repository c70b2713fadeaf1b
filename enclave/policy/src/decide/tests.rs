//! The order of things: blocks, the first rule that matches, the default.

use super::*;
use crate::explain;
use crate::fixture::*;
use ringi_primitives::effects::Effect;

fn approve() -> Effect {
    Effect::Approve { asset: usdc(), spender: address(7), amount: amount(1) }
}

#[test]
fn a_cold_vault_signs_nothing_online() {
    let mut world = World::new(vec![allow_all()]);
    world.policy.vaults[0].temperature = Temperature::Hot;
    assert!(!is_deny(&world.decide()));
    world.policy.vaults[0].temperature = Temperature::Cold;
    assert_eq!(world.decide(), deny_default(DenyReason::ColdVault));
}

#[test]
fn what_no_rule_matches_is_denied() {
    assert_eq!(World::new(vec![]).decide(), deny_default(DenyReason::NotPermitted));
    let nothing = World::new(vec![allow_all()]).asks(vec![]);
    assert_eq!(nothing.decide(), deny_default(DenyReason::NotPermitted), "nothing asked is nothing permitted");
}

#[test]
fn the_first_rule_that_matches_decides() {
    let strict = || allow_with("strict", kinds(&["transfer"]), fee(EVM, 9));
    assert_eq!(World::new(vec![strict(), allow_all()]).decide(), deny("strict", DenyReason::FeeCap));
    assert!(allows(&World::new(vec![allow_all(), strict()]), "allow"), "the later one says nothing");
}

#[test]
fn each_effect_belongs_to_its_own_rule_and_all_terms_hold() {
    let both = vec![transfer(usdc(), 7, 1), approve()];
    let rules = |transfers, approvals| {
        vec![
            allow_with("t", kinds(&["transfer"]), fee(EVM, transfers)),
            allow_with("a", kinds(&["approve"]), fee(EVM, approvals)),
        ]
    };
    let world = World::new(rules(10, 10)).asks(both.clone());
    assert_eq!(world.decide(), Decision::Allow { charges: vec![], rules: vec!["t".into(), "a".into()] });
    assert_eq!(World::new(rules(10, 9)).asks(both.clone()).decide(), deny("a", DenyReason::FeeCap));
    assert_eq!(World::new(rules(9, 9)).asks(both.clone()).decide(), deny("t", DenyReason::FeeCap));
    let mut one = rules(10, 10);
    one.pop();
    assert_eq!(World::new(one).asks(both).decide(), deny_default(DenyReason::NotPermitted));
}

#[test]
fn a_deny_beats_a_missing_approval() {
    let approvals = ringi_primitives::policy_set::Approvals {
        any_of: vec![seats(&[("ops", 1)])],
        initiator: ringi_primitives::policy_set::OwnApproval::Counts,
        display: ringi_primitives::policy_set::Display::Any,
    };
    let waits = Terms { approvals: Some(approvals), ..Terms::default() };
    let rules = vec![allow_with("t", kinds(&["transfer"]), waits), allow_with("a", kinds(&["approve"]), fee(EVM, 9))];
    let world = World::new(rules).asks(vec![transfer(usdc(), 7, 1), approve()]);
    assert_eq!(world.decide(), deny("a", DenyReason::FeeCap));
}

#[test]
fn g3_what_the_set_does_not_name_is_unknown() {
    let changes: [fn(&mut World); 5] = [
        |w| w.initiator = person(9),
        |w| w.policy.vaults[0].index = ringi_primitives::wallet::VaultIndex(9),
        |w| w.network = ringi_primitives::network::NetworkId::Evm(99),
        |w| w.effects = vec![transfer(ringi_primitives::asset::AssetKey::token(EVM, address(1)), 7, 1)],
        |w| w.effects.push(transfer(btc(), 7, 1)),
    ];
    for (at, change) in changes.iter().enumerate() {
        let mut world = World::new(vec![allow_all()]);
        world.policy.wallets.clear();
        change(&mut world);
        assert_eq!(world.decide(), deny_default(DenyReason::Unknown), "{at}");
    }
}

/// The explanation is the decision's: what it says matched is what the decision used.
#[test]
fn an_explanation_names_the_condition_that_did_not_hold() {
    let board = ringi_primitives::policy_set::Conditions {
        initiators: vec![ringi_primitives::policy_set::Initiator::Group("board".into())],
        ..kinds(&["transfer"])
    };
    let world = World::new(vec![allow("swaps", kinds(&["call"])), allow("board", board), allow_all()]);
    let steps = explain(&world.question()).unwrap();
    let misses: Vec<_> = steps.iter().map(|s| (s.rule.as_str(), s.misses.clone())).collect();
    assert_eq!(misses, [("swaps", vec![Some("kinds")]), ("board", vec![Some("initiators")]), ("allow", vec![None])]);
}

/// What no rule can tell apart is looked at once; what one can, each by itself.
#[test]
fn an_explanation_has_one_line_for_like_effects() {
    let misses = |effects: Vec<Effect>| {
        let world = World::new(vec![allow("transfers", kinds(&["transfer"]))]).asks(effects);
        explain(&world.question()).unwrap().remove(0).misses
    };
    assert_eq!(misses(vec![transfer(usdc(), 7, 1), transfer(usdc(), 7, 2)]), [None]);
    assert_eq!(misses(vec![transfer(usdc(), 7, 1), transfer(usdc(), 8, 1)]), [None, None]);
    assert_eq!(misses(vec![transfer(usdc(), 7, 1), transfer(eth(), 7, 1)]), [None, None]);
    assert_eq!(misses(vec![approve(), transfer(usdc(), 7, 1), approve()]), [Some("kinds"), None]);
    let call = |data: u8| Effect::Call {
        network: EVM,
        contract: address(9),
        value: amount(0),
        function: "g()".into(),
        data: vec![data],
    };
    assert_eq!(misses(vec![call(1), call(1)]), [Some("kinds")]);
    assert_eq!(misses(vec![call(1), call(2)]), [Some("kinds"), Some("kinds")]);
}

/// A receipt holds no memory and no prices: of the claimed rules they are believed, of no others, and nothing else is.
#[test]
fn claimed_rules_are_believed_only_where_nobody_can_look() {
    use ringi_primitives::policy_set::{Band, Conditions, Measure};
    let alone = Conditions { within: vec!["day".into()], ..kinds(&["transfer"]) };
    let priced = Band { measure: Measure::Usd, above: Some(amount(5)), at_most: None };
    let dear = Conditions { amounts: vec![priced], ..Conditions::default() };
    let mut world = World::new(vec![
        allow("alone", alone),
        allow("dear", dear),
        allow_with("rest", Conditions::default(), fee(EVM, 9)),
    ]);
    world.limits().push(per_day("day", usdc(), 1));
    let by = |world: &World, rules: &[&str]| {
        let claimed: Vec<_> = rules.iter().map(|r| r.to_string()).collect();
        decide_as_claimed(&world.question(), &claimed)
    };
    let allowed = |rule: &str| Decision::Allow { charges: vec![], rules: vec![rule.into()] };
    assert_eq!(by(&world, &["alone"]), allowed("alone"), "a limit that may have had room then");
    assert_eq!(by(&world, &["dear"]), allowed("dear"), "a price that may have been there then");
    assert_eq!(by(&world, &["rest"]), deny("rest", DenyReason::FeeCap), "the fee is in the receipt");
    assert_eq!(by(&world, &["nonsense"]), deny("rest", DenyReason::FeeCap));
    world.rules().push(block("stop", from_person(1)));
    assert_eq!(by(&world, &["alone"]), deny("stop", DenyReason::Denied));
}

/// Nor does it hold balances; the amounts it does hold.
#[test]
fn claimed_rules_are_held_to_the_caps_that_a_receipt_can_show() {
    use ringi_primitives::policy_set::{Cap, Measure};
    let capped = |more: Option<Cap>| {
        let share = Cap::ShareOfBalance { asset: usdc(), basis_points: 1 };
        let caps = more.into_iter().chain([share]).collect();
        World::new(vec![allow_with("share", kinds(&["transfer"]), Terms { caps, ..Terms::default() })])
    };
    let claimed = |world: &World| decide_as_claimed(&world.question(), &["share".to_string()]);
    assert_eq!(capped(None).decide(), deny("share", DenyReason::BalanceMissing));
    assert_eq!(claimed(&capped(None)), Decision::Allow { charges: vec![], rules: vec!["share".into()] });
    let most = Cap::Amount { measure: Measure::Asset(usdc()), most: amount(99) };
    assert_eq!(claimed(&capped(Some(most))), deny("share", DenyReason::TransactionCap));
}

/// L1: also where the intent is charged to another limit in the end.
#[test]
fn l1_limits_that_decide_which_rule_it_is_are_watched() {
    let alone = ringi_primitives::policy_set::Conditions { within: vec!["day".into()], ..kinds(&["transfer"]) };
    let rest = allow_with("rest", ringi_primitives::policy_set::Conditions::default(), charging(&["all"]));
    let mut world = World::new(vec![allow("alone", alone), rest]);
    world.limits().extend([per_day("all", usdc(), 100), per_day("day", usdc(), 1)]);
    assert!(allows(&world, "rest"));
    let names = |world: &World| watched(&world.question()).into_iter().map(|key| key.name).collect::<Vec<_>>();
    assert_eq!(names(&world), ["day"]);
    assert_eq!(watched(&world.question()).remove(0).subject, ringi_primitives::decision::Subject::Vault);
    assert!(names(&world.clone().asks(vec![transfer(eth(), 7, 1)])).is_empty(), "it takes nothing of this limit");
    world.initiator = person(9);
    assert!(names(&world).is_empty(), "nothing is known of a stranger's");
}
