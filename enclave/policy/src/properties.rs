//! What holds for every policy, question and history.

use crate::Decision;
use crate::fixture::*;
use proptest::prelude::{
    Just, ProptestConfig, Strategy, any as arbitrary, prop, prop_assert, prop_assert_eq, prop_assume, prop_oneof,
    proptest,
};
use ringi_primitives::amount::Amount;
use ringi_primitives::asset::AssetKey;
use ringi_primitives::decision::DenyReason;
use ringi_primitives::effects::{Effect, OpaqueKind};
use ringi_primitives::network::NetworkId;
use ringi_primitives::policy_set::{Demand, Match, Rule, Scope, Threshold};
use ringi_primitives::time::UnixMs;
use std::collections::{BTreeMap, BTreeSet};

fn an_amount() -> impl Strategy<Value = Amount> {
    prop_oneof![8 => (0u64..300).prop_map(amount), 1 => Just(Amount::MAX)]
}

fn an_asset() -> impl Strategy<Value = AssetKey> {
    prop_oneof![Just(usdc()), Just(eth())]
}

fn a_network() -> impl Strategy<Value = NetworkId> {
    prop_oneof![3 => Just(EVM), 1 => Just(BTC)]
}

fn an_effect() -> impl Strategy<Value = Effect> {
    (0u8..7, an_asset(), 7u8..9, an_amount()).prop_map(|(kind, asset, to, amount)| match kind {
        0..=1 => Effect::Transfer { asset, to: address(to), amount },
        2 => Effect::Approve { asset, spender: address(to), amount },
        3 => Effect::SelfCancel { network: EVM },
        4 => Effect::Delegate { network: EVM, delegate: address(to) },
        5 => opaque(OpaqueKind::Creation, None, 5),
        _ => opaque(OpaqueKind::Call, Some(to), 5),
    })
}

fn a_match() -> impl Strategy<Value = Match> {
    let kinds = prop::collection::vec(
        prop::sample::select(&["transfer", "approve", "self_cancel", "delegate", "opaque"][..]),
        0..3,
    );
    let initiators = prop::collection::vec(prop::sample::select(&["ops", "board"][..]), 0..2);
    let networks = prop::collection::vec(a_network(), 0..2);
    let assets = prop::collection::vec(an_asset(), 0..2);
    let some = (kinds, networks, assets, initiators).prop_map(|(kinds, networks, assets, initiators)| Match {
        kinds: kinds.iter().map(|k| k.to_string()).collect(),
        networks,
        assets,
        initiators: initiators.iter().map(|g| g.to_string()).collect(),
    });
    prop_oneof![2 => Just(Match::default()), 1 => some]
}

fn a_demand() -> impl Strategy<Value = Demand> {
    let group = prop::sample::select(&["ops", "board"][..]).prop_map(String::from);
    let lists = prop::sample::select(&["known", "empty"][..]).prop_map(|l| vec![l.to_string()]);
    let scope = prop::sample::select(&[Scope::Vault, Scope::Wallet, Scope::Initiator][..]);
    let threshold = prop::option::of((an_asset(), an_amount()).prop_map(|(asset, amount)| Threshold { asset, amount }));
    prop_oneof![
        6 => Just(Demand::Permit),
        1 => Just(Demand::Deny),
        1 => lists.prop_map(|lists| Demand::AllowList { lists }),
        2 => (an_asset(), an_amount()).prop_map(|(asset, amount)| Demand::CapPerTransaction { asset, amount }),
        3 => (an_asset(), an_amount(), 1..DAY_S, scope)
            .prop_map(|(asset, amount, window_s, scope)| Demand::CapPerWindow { asset, amount, window_s, scope }),
        2 => (group, 1u32..=3, threshold).prop_map(|(group, count, above)| Demand::Approvals { group, count, above }),
        1 => Just(Demand::InitiatorMayNotApprove),
        1 => (a_network(), an_amount()).prop_map(|(network, amount)| Demand::MaxFee { network, amount }),
    ]
}

fn a_rule() -> impl Strategy<Value = Rule> {
    (a_match(), a_demand()).prop_map(|(when, then)| rule("", when, then))
}

fn a_taking_rule() -> impl Strategy<Value = Rule> {
    a_rule().prop_filter("gives", |r| !matches!(r.then, Demand::Permit | Demand::MaxFee { .. }))
}

fn named(rules: Vec<Rule>) -> Vec<Rule> {
    (0..).zip(rules).map(|(i, r)| Rule { name: format!("r{i}"), ..r }).collect()
}

fn a_world() -> impl Strategy<Value = World> {
    let rules = prop::collection::vec(a_rule(), 0..8).prop_map(named);
    let effects = prop::collection::vec(an_effect(), 0..4);
    let approvals = prop::collection::btree_set(1u8..=5, 0..5);
    (rules, effects, approvals, 1u8..=4, 0u64..300, arbitrary::<bool>()).prop_map(
        |(rules, effects, approvals, initiator, fee, bitcoin)| {
            let mut world = World::new(rules).asks(effects);
            if bitcoin {
                world = world.on_bitcoin(fee);
            }
            world.approvals = approvals.into_iter().map(person).collect();
            world.initiator = person(initiator);
            world.fee = amount(fee);
            world
        },
    )
}

/// How much a decision lets through: 0 deny, 1 waits, 2 allow.
fn leniency(decision: &Decision) -> u8 {
    match decision {
        Decision::Deny { .. } => 0,
        Decision::NeedsApproval { .. } => 1,
        Decision::Allow { .. } => 2,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn a_further_deny_rule_never_allows_more(world in a_world(), when in a_match(), at in 0usize..8) {
        let before = leniency(&world.decide());
        let mut after = world;
        let at = at.min(after.rules().len());
        after.rules().insert(at, rule("deny", when, Demand::Deny));
        prop_assert!(leniency(&after.decide()) <= before);
    }

    /// C1 apart: a `MaxFee` rule is what Bitcoin waits for.
    #[test]
    fn only_permit_and_fee_caps_give(world in a_world(), further in a_taking_rule(), at in 0usize..8) {
        let before = leniency(&world.decide());
        let mut after = world;
        let at = at.min(after.rules().len());
        after.rules().insert(at, Rule { name: "further".into(), ..further });
        prop_assert!(leniency(&after.decide()) <= before);
    }

    /// Whatever the effects, dangerous ones too: nothing gets past a deny of everything.
    #[test]
    fn a_deny_without_conditions_denies_everything(world in a_world(), at in 0usize..8) {
        let mut after = world;
        let at = at.min(after.rules().len());
        after.rules().insert(at, any("deny", Demand::Deny));
        prop_assert!(is_deny(&after.decide()));
    }

    #[test]
    fn a_further_approval_never_takes_away(world in a_world(), by in 1u8..=5) {
        let before = leniency(&world.decide());
        let mut after = world;
        after.approvals.insert(person(by));
        prop_assert!(leniency(&after.decide()) >= before);
    }

    #[test]
    fn a_raised_cap_never_takes_away(world in a_world(), which in arbitrary::<prop::sample::Index>(), by in an_amount()) {
        let before = leniency(&world.decide());
        let mut after = world;
        prop_assume!(!after.rules().is_empty());
        let which = which.index(after.rules().len());
        match &mut after.rules()[which].then {
            Demand::CapPerTransaction { amount, .. }
            | Demand::CapPerWindow { amount, .. }
            | Demand::MaxFee { amount, .. } => *amount = amount.checked_add(by).unwrap_or(Amount::MAX),
            _ => return Ok(()),
        }
        prop_assert!(leniency(&after.decide()) >= before);
    }

    #[test]
    fn the_order_of_effects_plays_no_part(world in a_world(), shift in 0usize..4) {
        let mut turned = world.clone();
        let by = shift.min(turned.effects.len());
        turned.effects.rotate_left(by);
        prop_assert_eq!(turned.decide(), world.decide());
        turned.effects.reverse();
        prop_assert_eq!(turned.decide(), world.decide());
    }

    #[test]
    fn whatever_is_allowed_is_permitted_known_and_within_its_caps(world in a_world()) {
        if let Decision::Allow { charges, rules } = world.decide() {
            prop_assert!(!world.effects.is_empty());
            let vault = &world.policy.vaults[0];
            let spoke: Vec<_> = vault.rules.iter().filter(|r| rules.contains(&r.name)).collect();
            prop_assert_eq!(spoke.iter().map(|r| r.name.clone()).collect::<Vec<_>>(), rules, "in policy order");
            prop_assert!(spoke.iter().any(|r| r.then == Demand::Permit));
            prop_assert!(spoke.iter().all(|r| r.then != Demand::Deny));
            prop_assert!(charges.iter().all(|c| c.amount <= c.cap && !c.amount.is_zero()));
        }
    }
}

/// One step of a history: who pays how much, as a new intent or as a replacement, after a pause.
#[derive(Clone, Debug)]
struct Step {
    intent: u8,
    wallet: u8,
    initiator: u8,
    amount: u64,
    pause_s: u64,
}

fn a_step() -> impl Strategy<Value = Step> {
    (0u8..12, 1u8..3, 1u8..3, 0u64..120, 0u64..400).prop_map(|(intent, wallet, initiator, amount, pause_s)| Step {
        intent,
        wallet,
        initiator,
        amount,
        pause_s,
    })
}

const WINDOW_S: u64 = 1000;
const CAP: u64 = 200;

/// What really was signed: each version of each intent, with its subject and time.
struct Signed {
    intent: u8,
    subject: u8,
    cost: u64,
    at: UnixMs,
}

/// The dearest version of each intent that was signed in the window ending at `now`, summed for each subject.
fn in_any_window(signed: &[Signed], now: UnixMs) -> BTreeMap<u8, u64> {
    let start = now.0.saturating_sub(WINDOW_S * 1000);
    let recent = signed.iter().filter(|s| s.at.0 > start);
    let mut dearest: BTreeMap<(u8, u8), u64> = BTreeMap::new();
    for s in recent {
        let most = dearest.entry((s.subject, s.intent)).or_default();
        *most = (*most).max(s.cost);
    }
    let mut sums = BTreeMap::new();
    for ((subject, _), cost) in dearest {
        *sums.entry(subject).or_default() += cost;
    }
    sums
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    /// L1, L2, I3: over any history of payments and replacements, what was signed in any window stays within the cap.
    #[test]
    fn l1_l2_i3_no_history_passes_the_cap(
        steps in prop::collection::vec(a_step(), 1..40),
        scope in prop::sample::select(&[Scope::Vault, Scope::Wallet, Scope::Initiator][..]),
    ) {
        let day = Demand::CapPerWindow { asset: eth(), amount: amount(CAP), window_s: WINDOW_S, scope };
        let mut world = World::new(vec![permit_all(), any("day", day)]);
        let mut signed = Vec::new();
        for step in steps {
            world.now = world.now.plus_ms(step.pause_s * 1000);
            world.intent = intent(step.intent);
            world.wallet = wallet(step.wallet);
            world.initiator = person(step.initiator);
            world.effects = vec![transfer(eth(), 7, step.amount)];
            match world.decide() {
                Decision::Allow { .. } => {
                    world.sign();
                    let subject = match scope {
                        Scope::Vault => 0,
                        Scope::Wallet => step.wallet,
                        Scope::Initiator => step.initiator,
                    };
                    signed.push(Signed { intent: step.intent, subject, cost: step.amount + 10, at: world.now });
                    let sums = in_any_window(&signed, world.now);
                    prop_assert!(sums.values().all(|sum| *sum <= CAP), "{sums:?}");
                }
                decision => prop_assert_eq!(decision, deny("day", DenyReason::LimitExceeded)),
            }
        }
    }

    /// A limit is no stricter than it says: with nothing signed, everything up to the cap passes.
    #[test]
    fn an_unused_cap_is_free_to_the_last_unit(n in 0u64..=CAP - 10) {
        let day = Demand::CapPerWindow { asset: eth(), amount: amount(CAP), window_s: WINDOW_S, scope: Scope::Vault };
        let world = World::new(vec![permit_all(), any("day", day)]).asks(vec![transfer(eth(), 7, n)]);
        prop_assert_eq!(charges(world.decide())[0].amount, amount(n + 10));
    }
}

#[test]
fn the_generator_reaches_every_answer() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut seen = BTreeSet::new();
    let mut leniencies = BTreeSet::new();
    for _ in 0..4000 {
        let decision = a_world().new_tree(&mut runner).unwrap().current().decide();
        leniencies.insert(leniency(&decision));
        if let Decision::Deny { reason, .. } = decision {
            seen.insert(reason);
        }
    }
    assert_eq!(leniencies.len(), 3);
    use DenyReason::{Denied, FeeCap, LimitExceeded, NotOnAllowList, NotPermitted, Overflow, TransactionCap};
    for reason in [NotPermitted, Denied, NotOnAllowList, TransactionCap, LimitExceeded, FeeCap, Overflow] {
        assert!(seen.contains(&reason), "{reason:?} never came");
    }
}
