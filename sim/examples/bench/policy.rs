//! One policy decision over 1,000 rules, for shapes from a large desk's to the worst.

use crate::report::{Goal, Row, median};
use ringi_policy::{Decision, Question, decide};
use ringi_primitives::address::Address;
use ringi_primitives::amount::Amount;
use ringi_primitives::asset::{Asset, AssetKey};
use ringi_primitives::decision::Spending;
use ringi_primitives::digest::Digest;
use ringi_primitives::effects::Effect;
use ringi_primitives::id::{IntentId, PersonId, WalletId};
use ringi_primitives::limits;
use ringi_primitives::network::NetworkId;
use ringi_primitives::policy_set::{
    AllowEntry, AllowList, Demand, Group, Match, Person, PolicySet, RootIndex, Rule, Scope, Temperature, Vault,
};
use ringi_primitives::time::UnixMs;
use ringi_primitives::wallet::{VaultIndex, WalletRef};
use std::collections::BTreeSet;
use std::time::Instant;

const RULES: u32 = 1000;
const PEOPLE: u8 = 100;
const ROUNDS: u32 = 2000;
const NETWORK: NetworkId = NetworkId::Evm(1);

fn person(n: u8) -> PersonId {
    PersonId::from_bytes([n; 16])
}

fn address(n: u8) -> Address {
    Address::new(&[n; 20]).expect("20 bytes")
}

fn token(n: u8) -> AssetKey {
    AssetKey::token(NETWORK, address(n))
}

/// 100 people, 50 groups, 50 tokens, 10 lists of 1,000 addresses.
fn policy(rules: Vec<Rule>) -> PolicySet {
    let group = |n: u8| Group { name: format!("group-{n}"), members: (n..n.saturating_add(50)).map(person).collect() };
    let entry = |n: u32| AllowEntry { network: NETWORK, address: Address::new(&n.to_be_bytes()).expect("4 bytes") };
    let list =
        |n: u32| AllowList { name: format!("list-{n}"), entries: (n * 1000..n * 1000 + 1000).map(entry).collect() };
    let coin = Asset { id: "eth".into(), key: AssetKey::native(NETWORK), decimals: 18 };
    let tokens = (0..50).map(|n| Asset { id: format!("token-{n}"), key: token(n), decimals: 6 });
    let mut lists: Vec<AllowList> = (0..10).map(list).collect();
    lists[9].entries.insert(AllowEntry { network: NETWORK, address: address(7) });
    PolicySet {
        freezers: None,
        vetoers: None,
        version: 1,
        genesis: Digest::ZERO,
        sequence: 1,
        previous: None,
        issued_at: UnixMs(0),
        people: (0..PEOPLE)
            .map(|n| Person { id: person(n), name: format!("person-{n}"), keys: vec![], passkeys: vec![] })
            .collect(),
        groups: (0..50).map(group).collect(),
        networks: vec![NETWORK],
        assets: std::iter::once(coin).chain(tokens).collect(),
        allow_lists: lists,
        functions: vec![],
        permits: vec![],
        vaults: vec![Vault {
            index: VaultIndex(0),
            name: "ops".into(),
            temperature: Temperature::Warm,
            root: RootIndex(0),
            rules,
        }],
    }
}

/// The first rule permits; the others are of one shape.
fn rules(shape: impl Fn(u32) -> (Match, Demand)) -> Vec<Rule> {
    let permit = Rule { name: "permit".into(), when: Match::default(), then: Demand::Permit };
    let rest = (1..RULES).map(|n| {
        let (when, then) = shape(n);
        Rule { name: format!("rule-{n}"), when, then }
    });
    std::iter::once(permit).chain(rest).collect()
}

fn window(n: u32) -> Demand {
    Demand::CapPerWindow {
        asset: token(1),
        amount: Amount::from_u64(1_000_000),
        window_s: u64::from(n) * 60,
        scope: Scope::Wallet,
    }
}

fn list_of(n: u32) -> Demand {
    Demand::AllowList { lists: vec![format!("list-{}", n % 10), "list-9".into()] }
}

/// Rules for 40 tokens, 50 groups and two kinds: what a large desk's policy looks like. About one in 60 matches.
fn desk(n: u32) -> (Match, Demand) {
    let when = Match {
        kinds: vec!["approve".into(), "transfer".into()],
        networks: vec![NETWORK],
        assets: vec![token((n % 40) as u8)],
        initiators: vec![format!("group-{}", n % 50)],
    };
    let quorum = Demand::Approvals { group: format!("group-{}", n % 50), count: 2, above: None };
    match n % 4 {
        0 => (when, window(n)),
        1 => (when, list_of(n)),
        2 => (when, quorum),
        _ => (when, Demand::CapPerTransaction { asset: token(1), amount: Amount::from_u64(1_000_000) }),
    }
}

/// The median of [`ROUNDS`] decisions.
fn median_us(policy: &PolicySet, effects: &[Effect]) -> (f64, Decision) {
    let approvals = (0..limits::APPROVALS as u8).map(|n| person(n * 3)).collect::<BTreeSet<_>>();
    let spent: Vec<Spending> = vec![];
    let question = Question {
        policy,
        wallet: WalletRef { vault: VaultIndex(0), wallet: WalletId::from_bytes([1; 16]) },
        initiator: person(21),
        effects,
        network: NETWORK,
        fee: Amount::from_u64(1000),
        approvals: &approvals,
        intent: IntentId::from_bytes([1; 16]),
        spent: &spent,
        now: UnixMs(1_800_000_000_000),
    };
    let times = (0..ROUNDS).map(|_| {
        let start = Instant::now();
        std::hint::black_box(decide(std::hint::black_box(&question)));
        start.elapsed().as_secs_f64() * 1e6
    });
    (median(times.collect()), decide(&question))
}

/// A row per shape.
pub fn rows() -> Vec<Row> {
    let effect = Effect::Transfer { asset: token(1), to: address(7), amount: Amount::from_u64(100) };
    let one = std::slice::from_ref(&effect);
    let batch = vec![effect.clone(); 100];
    let elsewhere = |_| (Match { assets: vec![token(2)], ..Match::default() }, Demand::Deny);
    let shapes: [(&str, Vec<Rule>, &[Effect]); 6] = [
        ("a desk's rules, one transfer", rules(desk), one),
        ("a desk's rules, batch of 100", rules(desk), &batch),
        ("none of the others matches", rules(elsewhere), one),
        ("all match, 999 window caps", rules(|n| (Match::default(), window(n))), one),
        ("all match, 999 allow-lists", rules(|n| (Match::default(), list_of(n))), one),
        (
            "all match, 999 quorums of 50",
            rules(|n| {
                (Match::default(), Demand::Approvals { group: format!("group-{}", n % 50), count: 1, above: None })
            }),
            one,
        ),
    ];
    shapes.into_iter().map(|(name, rules, effects)| row(name, &policy(rules), effects)).collect()
}

fn row(name: &str, policy: &PolicySet, effects: &[Effect]) -> Row {
    policy.validate().expect("a sound policy set");
    let (us, decision) = median_us(policy, effects);
    let Decision::Allow { rules, .. } = decision else { panic!("{name}: expected an allow") };
    // The goal is for one decision of one transfer; a batch of 100 asks every rule 100 times.
    let goal = (effects.len() == 1).then_some(Goal::AtMost(100.0));
    Row::absolute(format!("policy, {RULES} rules, {} match: {name}", rules.len()), us, "us", goal)
}
