//! One policy decision over 1,000 rules, for shapes from a large desk's to the worst.

use crate::report::{Goal, Row, median};
use ringi_policy::{Coins, Decision, Question, decide};
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
    AllowEntry, AllowList, Approvals, Band, Conditions, Destination, Display, Group, Hours, Initiator, KnownWallet,
    Limit, Measure, OwnApproval, Person, PolicySet, RootIndex, Rule, Ruling, Scope, Seats, Source, Temperature, Terms,
    Vault, Window,
};
use ringi_primitives::time::UnixMs;
use ringi_primitives::wallet::{VaultIndex, WalletRef};
use std::collections::{BTreeMap, BTreeSet};
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

fn limit(name: &str, most: u64) -> Limit {
    let window = Window::Rolling(86_400);
    Limit {
        name: name.into(),
        measure: Measure::Asset(token(1)),
        most: Amount::from_u64(most),
        window,
        per: Scope::Wallet,
    }
}

/// 100 people, 50 groups, 50 tokens, 10 lists of 1,000 addresses, 1,000 wallets with tags and addresses.
fn policy(rules: Vec<Rule>) -> PolicySet {
    let group = |n: u8| Group { name: format!("group-{n}"), members: (n..n.saturating_add(50)).map(person).collect() };
    let entry = |n: u32| AllowEntry { network: NETWORK, address: Address::new(&n.to_be_bytes()).expect("4 bytes") };
    let list = |n: u32| AllowList {
        name: format!("list-{n}"),
        entries: (n * 1000..n * 1000 + 1000).map(entry).collect(),
        tags: BTreeSet::new(),
    };
    // The last of a thousand wallets acts, and has a tag that no rule asks for.
    let wallet = |n: u32| {
        let id = if n == 999 { [1; 16] } else { u128::from(n).to_be_bytes() };
        let tag = if n == 999 { 30 } else { n % 30 };
        let address = Address::new(&[&[9; 16][..], &n.to_be_bytes()].concat()).expect("20 bytes");
        KnownWallet {
            wallet: WalletRef { vault: VaultIndex(0), wallet: WalletId::from_bytes(id) },
            tags: [format!("wallet-{tag}"), format!("place-{tag}")].into(),
            addresses: [AllowEntry { network: NETWORK, address }].into(),
        }
    };
    let coin = Asset { id: "eth".into(), key: AssetKey::native(NETWORK), decimals: 18 };
    let tokens = (0..50).map(|n| Asset { id: format!("token-{n}"), key: token(n), decimals: 6 });
    let mut lists: Vec<AllowList> = (0..10).map(list).collect();
    lists[9].entries.insert(AllowEntry { network: NETWORK, address: address(7) });
    PolicySet {
        freezers: None,
        vetoers: None,
        change_delay_s: None,
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
            limits: vec![limit("day", 1_000_000), limit("full", 1)],
            rules,
        }],
        wallets: (0..1000).map(wallet).collect(),
        messages: vec![],
        trust: None,
    }
}

/// Rules of one shape, and after them one that allows.
fn rules(shape: impl Fn(u32) -> (Conditions, Terms)) -> Vec<Rule> {
    let last = Rule { name: "last".into(), when: Conditions::default(), then: Ruling::Allow(Terms::default()) };
    let rest = (1..RULES).map(|n| {
        let (mut when, terms) = shape(n);
        // Two rules of the same conditions are refused: each ends at a time of its own.
        when.until = Some(UnixMs(u64::MAX - u64::from(n)));
        Rule { name: format!("rule-{n}"), when, then: Ruling::Allow(terms) }
    });
    rest.chain(std::iter::once(last)).collect()
}

fn elsewhere(n: u32) -> Vec<Destination> {
    vec![Destination::List(format!("list-{}", n % 9)), Destination::List(format!("list-{}", (n + 1) % 9))]
}

fn quorum(group: String) -> Terms {
    let any_of = vec![vec![Seats { group, count: 2 }]];
    let approvals = Approvals { any_of, initiator: OwnApproval::Counts, display: Display::Any };
    Terms { approvals: Some(approvals), ..Terms::default() }
}

/// Rules for 40 tokens, 50 groups and two kinds: what a large desk's policy looks like. The first that matches is about the
/// 42nd.
fn desk(n: u32) -> (Conditions, Terms) {
    let when = Conditions {
        kinds: vec!["approve".into(), "transfer".into()],
        networks: vec![NETWORK],
        assets: vec![token((n % 40) as u8)],
        initiators: vec![Initiator::Group(format!("group-{}", n % 50))],
        destinations: vec![Destination::List("list-9".into())],
        ..Conditions::default()
    };
    match n % 2 {
        0 => (when, Terms { limits: vec!["day".into()], ..Terms::default() }),
        _ => (when, quorum(format!("group-{}", n % 50))),
    }
}

/// The median of [`ROUNDS`] decisions.
fn median_us(policy: &PolicySet, effects: &[Effect]) -> (f64, Decision) {
    let approvals = (0..limits::APPROVALS as u8).map(|n| person(n * 3)).collect::<BTreeSet<_>>();
    let spent: Vec<Spending> = vec![];
    let dollar = Amount::from_u64(1_000_000_000_000);
    let prices = [(AssetKey::native(NETWORK), dollar), (token(1), dollar)].into();
    let question = Question {
        policy,
        wallet: WalletRef { vault: VaultIndex(0), wallet: WalletId::from_bytes([1; 16]) },
        initiator: person(21),
        effects,
        network: NETWORK,
        fee: Amount::from_u64(1000),
        approvals: &approvals,
        independent: &BTreeSet::new(),
        intent: IntentId::from_bytes([1; 16]),
        spent: &spent,
        now: UnixMs(1_800_000_000_000),
        prices: &prices,
        balances: &BTreeMap::new(),
        signers: None,
        coins: Coins::Without,
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
    let any = Conditions::default;
    let nothing = |when| (when, Terms::default());
    let more_than = |measure, n: u32| Band {
        measure,
        above: Some(Amount::MAX.checked_sub(Amount::from_u64(n.into())).unwrap_or_default()),
        at_most: None,
    };
    let hours = |n: u32| Hours {
        zone: "Europe/Zurich".into(),
        days: [1].into(),
        from_minute: (n % 300) as u16,
        to_minute: 400,
    };
    let tags = |n: u32, what: &str| [n % 30, (n + 1) % 30].map(|tag| format!("{what}-{tag}"));
    let shapes: [(&str, Vec<Rule>, &[Effect]); 11] = [
        ("a desk's rules, one transfer", rules(desk), one),
        ("a desk's rules, batch of 100", rules(desk), &batch),
        (
            "only the last, others of another asset",
            rules(|_| nothing(Conditions { assets: vec![token(2)], ..any() })),
            one,
        ),
        (
            "only the last, others of 2 lists each",
            rules(|n| nothing(Conditions { destinations: elsewhere(n), ..any() })),
            one,
        ),
        (
            "only the last, others of 2 tags of destinations each",
            rules(|n| {
                let destinations = tags(n, "place").map(Destination::Tag).into();
                nothing(Conditions { destinations, ..any() })
            }),
            one,
        ),
        (
            "only the last, others of 2 tags of wallets each",
            rules(|n| {
                let sources = tags(n, "wallet").map(Source::Tag).into();
                nothing(Conditions { sources, ..any() })
            }),
            one,
        ),
        (
            "only the last, others of larger amounts",
            rules(|n| nothing(Conditions { amounts: vec![more_than(Measure::Asset(token(1)), n)], ..any() })),
            one,
        ),
        (
            "only the last, others of more dollars",
            rules(|n| nothing(Conditions { amounts: vec![more_than(Measure::Usd, n)], ..any() })),
            one,
        ),
        (
            "only the last, others within a full limit",
            rules(|_| nothing(Conditions { within: vec!["full".into()], ..any() })),
            one,
        ),
        (
            "only the last, others at other hours",
            rules(|n| nothing(Conditions { hours: vec![hours(n)], ..any() })),
            one,
        ),
        (
            "only the last, others with 4 groups each",
            rules(|n| {
                let group = |i: u32| Initiator::Group(format!("group-{}", 30 + (n + i) % 20));
                nothing(Conditions { initiators: (0..4).map(group).collect(), ..any() })
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
