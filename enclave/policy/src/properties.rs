//! What holds for every policy, question and history.

use crate::Decision;
use crate::fixture::*;
use proptest::prelude::{
    Just, ProptestConfig, Strategy, any as arbitrary, prop, prop_assert, prop_assert_eq, prop_oneof, proptest,
};
use ringi_primitives::amount::Amount;
use ringi_primitives::asset::AssetKey;
use ringi_primitives::decision::LimitKey;
use ringi_primitives::effects::{Effect, OpaqueKind};
use ringi_primitives::network::NetworkId;
use ringi_primitives::policy_set::{
    AllowEntry, Approvals, Band, Cap, Conditions, Destination, Display, FeeCap, Initiator, Limit, Measure, OwnApproval,
    Rule, Ruling, Scope, Source, Terms, Window,
};
use std::collections::BTreeMap;

fn an_amount() -> impl Strategy<Value = Amount> {
    prop_oneof![8 => (0u64..300).prop_map(amount), 1 => Just(Amount::MAX)]
}

fn an_asset() -> impl Strategy<Value = AssetKey> {
    prop_oneof![Just(usdc()), Just(eth())]
}

fn a_measure() -> impl Strategy<Value = Measure> {
    prop_oneof![3 => an_asset().prop_map(Measure::Asset), 1 => Just(Measure::Count)]
}

fn a_network() -> impl Strategy<Value = NetworkId> {
    prop_oneof![3 => Just(EVM), 1 => Just(BTC)]
}

fn an_effect() -> impl Strategy<Value = Effect> {
    (0u8..7, an_asset(), 7u8..10, an_amount()).prop_map(|(kind, asset, to, amount)| match kind {
        0..=1 => Effect::Transfer { asset, to: address(to), amount },
        2 => Effect::Approve { asset, spender: address(to), amount },
        3 => Effect::SelfCancel { network: EVM },
        4 => Effect::Delegate { network: EVM, delegate: address(to) },
        5 => opaque(OpaqueKind::Creation, None, 5),
        _ => opaque(OpaqueKind::Call, Some(to), 5),
    })
}

fn some_of<T: Clone + std::fmt::Debug>(one: impl Strategy<Value = T>) -> impl Strategy<Value = Vec<T>> {
    prop_oneof![3 => Just(vec![]), 1 => prop::collection::vec(one, 1..3)]
}

fn a_destination() -> impl Strategy<Value = Destination> {
    prop_oneof![
        Just(Destination::List("known".into())),
        Just(Destination::Tag("reserve".into())),
        Just(Destination::Internal),
        Just(Destination::Unlisted),
        Just(Destination::Contract(AllowEntry { network: EVM, address: address(9) })),
    ]
}

fn a_band() -> impl Strategy<Value = Band> {
    (an_asset(), 0u64..300).prop_map(|(asset, n)| Band {
        measure: Measure::Asset(asset),
        above: None,
        at_most: Some(amount(n)),
    })
}

fn conditions() -> impl Strategy<Value = Conditions> {
    let kinds = prop::sample::select(&["transfer", "approve", "self_cancel", "delegate", "raw_call", "deploy"][..]);
    let initiator = prop_oneof![
        prop::sample::select(&["ops", "board"][..]).prop_map(|g| Initiator::Group(g.into())),
        (1u8..=4).prop_map(|n| Initiator::Person(person(n))),
    ];
    let source = prop_oneof![Just(Source::Tag("payroll".into())), Just(Source::Wallet(wallet(2)))];
    let lists = (some_of(kinds), some_of(a_network()), some_of(an_asset()), some_of(initiator), some_of(source));
    let more = (some_of(a_destination()), some_of(a_band()));
    (lists, more).prop_map(|((kinds, networks, assets, initiators, sources), (destinations, amounts))| Conditions {
        kinds: kinds.into_iter().map(String::from).collect(),
        networks,
        assets,
        initiators,
        sources,
        destinations,
        amounts,
        ..Conditions::default()
    })
}

fn some_approvals() -> impl Strategy<Value = Approvals> {
    let group = prop::sample::select(&["ops", "board"][..]);
    let way = prop::collection::vec((group, 1u32..=2), 1..3).prop_map(|way| seats(&way));
    let initiator = prop_oneof![Just(OwnApproval::Counts), Just(OwnApproval::DoesNotCount)];
    let display = prop_oneof![3 => Just(Display::Any), 1 => Just(Display::Independent)];
    (prop::collection::vec(way, 1..3), initiator, display).prop_map(|(any_of, initiator, display)| Approvals {
        any_of,
        initiator,
        display,
    })
}

fn terms() -> impl Strategy<Value = Terms> {
    let cap = (an_asset(), an_amount()).prop_map(|(asset, most)| Cap::Amount { measure: Measure::Asset(asset), most });
    let limits = prop::collection::btree_set(0u8..3, 0..3);
    let fees = prop::collection::btree_map(a_network(), an_amount(), 0..3);
    (some_of(cap), limits, fees, prop::option::of(some_approvals())).prop_map(|(caps, limits, fees, approvals)| Terms {
        caps,
        limits: limits.into_iter().map(|n| format!("l{n}")).collect(),
        max_fees: fees.into_iter().map(|(network, most)| FeeCap { network, most }).collect(),
        approvals,
        ..Terms::default()
    })
}

fn a_rule() -> impl Strategy<Value = Rule> {
    let verdict = prop_oneof![1 => Just(Ruling::Block), 6 => terms().prop_map(Ruling::Allow)];
    (conditions(), verdict).prop_map(|(when, then)| Rule { name: String::new(), when, then })
}

fn a_limit() -> impl Strategy<Value = Limit> {
    let scope = prop::sample::select(&[Scope::Vault, Scope::Wallet, Scope::Initiator, Scope::Destination][..]);
    let window = prop_oneof![3 => (1..DAY_S).prop_map(Window::Rolling), 1 => Just(Window::UntilFinal)];
    (a_measure(), an_amount(), window, scope).prop_map(|(measure, most, window, per)| Limit {
        name: String::new(),
        measure,
        most,
        window,
        per,
    })
}

/// Rules by name, each with conditions of its own: two of the same would not be a sound set.
fn named(rules: Vec<Rule>) -> Vec<Rule> {
    let rule = |(i, mut r): (u64, Rule)| {
        r.name = format!("r{i}");
        r.when.until = Some(NOW.plus_ms(1000 + i));
        r
    };
    (0..).zip(rules).map(rule).collect()
}

fn a_world() -> impl Strategy<Value = World> {
    let rules = prop::collection::vec(a_rule(), 0..8).prop_map(named);
    let limits = prop::collection::vec(a_limit(), 3);
    let effects = prop::collection::vec(an_effect(), 0..4);
    let people = || prop::collection::btree_set(1u8..=5, 0..5);
    (rules, limits, effects, people(), people(), 1u8..=4, 0u64..300, arbitrary::<bool>()).prop_map(
        |(rules, limits, effects, approvals, independent, initiator, fee, bitcoin)| {
            let mut world = World::new(rules).asks(effects);
            if bitcoin {
                world = world.on_bitcoin(fee);
            }
            *world.limits() = (0..).zip(limits).map(|(i, l)| Limit { name: format!("l{i}"), ..l }).collect();
            world.approvals = approvals.into_iter().map(person).collect();
            world.independent = independent.into_iter().map(person).collect();
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
    fn a_further_block_never_allows_more(world in a_world(), when in conditions(), at in 0usize..8) {
        let before = leniency(&world.decide());
        let mut stricter = world;
        let at = at.min(stricter.rules().len());
        stricter.rules().insert(at, block("further", Conditions { until: Some(NOW.plus_ms(1)), ..when }));
        prop_assert!(leniency(&stricter.decide()) <= before);
    }

    #[test]
    fn the_order_of_effects_plays_no_part(world in a_world()) {
        let mut turned = world.clone();
        turned.effects.reverse();
        let same_set = |a: &Decision, b: &Decision| match (a, b) {
            (Decision::Allow { charges: x, rules: r }, Decision::Allow { charges: y, rules: s }) => {
                r == s && x.len() == y.len() && x.iter().all(|c| y.contains(c))
            }
            _ => a == b,
        };
        prop_assert!(same_set(&turned.decide(), &world.decide()));
    }

    #[test]
    fn i1_a_further_approval_never_allows_less(world in a_world(), n in 1u8..=4) {
        let before = leniency(&world.decide());
        let mut more = world;
        more.approvals.insert(person(n));
        more.independent.insert(person(n));
        prop_assert!(leniency(&more.decide()) >= before);
    }

    #[test]
    fn c1_no_bitcoin_transaction_goes_without_a_fee_cap(world in a_world()) {
        if let Decision::Allow { rules, .. } = world.clone().on_bitcoin(5).decide() {
            let mut world = world;
            let caps = |r: &Rule| match &r.then {
                Ruling::Allow(terms) => terms.max_fees.iter().any(|f| f.network == BTC),
                Ruling::Block => false,
            };
            prop_assert!(world.rules().iter().any(|r| rules.contains(&r.name) && caps(r)));
        }
    }

    /// L1, L2: whatever is asked one after the other, what is signed under a limit never exceeds it.
    #[test]
    fn l1_the_signed_sum_never_exceeds_a_limit(
        world in a_world(),
        asks in prop::collection::vec((prop::collection::vec(an_effect(), 1..3), 1u8..6, 0u64..3_600_000), 1..12),
    ) {
        let mut world = world;
        for (effects, by, later_ms) in asks {
            world.effects = effects;
            world.intent = intent(by);
            world.now = world.now.plus_ms(later_ms % 500);
            if matches!(world.decide(), Decision::Allow { .. }) {
                world.sign();
            }
        }
        let mut dearest: BTreeMap<(LimitKey, [u8; 16]), Amount> = BTreeMap::new();
        for s in &world.spent {
            let entry = dearest.entry((s.limit.clone(), s.intent.bytes())).or_default();
            *entry = (*entry).max(s.amount);
        }
        let mut sums: BTreeMap<LimitKey, Amount> = BTreeMap::new();
        for ((limit, _), amount) in dearest {
            let sum = sums.entry(limit).or_default();
            *sum = sum.checked_add(amount).unwrap();
        }
        for (key, sum) in sums {
            // All within six seconds: one window, unless it is shorter.
            let limit = world.limits().iter().find(|l| l.name == key.name).unwrap();
            let long = !matches!(limit.window, Window::Rolling(seconds) if seconds <= 6);
            prop_assert!(!long || sum <= limit.most, "{key:?}: {sum} > {}", limit.most);
        }
    }

    #[test]
    fn a_decision_is_the_same_again(world in a_world()) {
        prop_assert_eq!(world.decide(), world.decide());
    }
}
