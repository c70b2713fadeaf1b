//! Policy sets of a small universe, in which things meet: few people, groups, lists, tags, wallets, assets and amounts.

use crate::dice::Dice;
use ringi_primitives::address::Address;
use ringi_primitives::amount::Amount;
use ringi_primitives::asset::{Asset, AssetKey};
use ringi_primitives::digest::Digest;
use ringi_primitives::id::{PersonId, WalletId};
use ringi_primitives::key::PublicKey;
use ringi_primitives::network::{BitcoinNetwork, NetworkId};
use ringi_primitives::policy_set::{
    AllowEntry, AllowList, Approvals, ArgumentCondition, Band, CallCondition, Cap, CoinCondition, Conditions,
    ContractFunction, Destination, Display, FeeCap, FieldCondition, Group, Hours, Initiator, KINDS, KeyPurpose,
    KnownWallet, Limit, Measure, MessageCondition, MessageKind, OwnApproval, Period, Person, PersonKey, PolicySet,
    RootIndex, Rule, Ruling, Scope, Seats, Source, Temperature, Terms, Vault, Window, WordTest,
};
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::time::UnixMs;
use ringi_primitives::wallet::{VaultIndex, WalletRef};
use ringi_primitives::zone::Zone;
use std::collections::BTreeSet;

pub const EVM: NetworkId = NetworkId::Evm(1);
pub const OTHER: NetworkId = NetworkId::Evm(10);
pub const BTC: NetworkId = NetworkId::Bitcoin(BitcoinNetwork::Regtest);
pub const NETWORKS: [NetworkId; 3] = [EVM, OTHER, BTC];
pub const FUNCTIONS: [&str; 2] = ["f(address,uint256)", "g()"];
pub const TYPES: [&str; 2] = ["Order(address maker,uint256 amount)", "Other(address maker)"];
pub const FIELDS: [(&str, Holds); 3] =
    [("maker", Holds::Address), ("amount", Holds::Number), ("order.maker", Holds::Address)];
const LISTS: [&str; 3] = ["known", "partners", "empty"];
const TAGS: [&str; 3] = ["a", "b", "c"];
const GROUPS: [&str; 3] = ["ops", "board", "solo"];
const LIMITS: [&str; 4] = ["l0", "l1", "l2", "l3"];

/// Instants at which clocks change or periods begin, each with a zone in which they do.
const EDGES: [(&str, &str); 16] = [
    ("Europe/Zurich", "2025-03-30T01:00:00Z"),
    ("Europe/Zurich", "2025-10-26T01:00:00Z"),
    ("Europe/Zurich", "2025-03-29T23:00:00Z"),
    ("America/New_York", "2025-03-09T07:00:00Z"),
    ("America/New_York", "2025-11-02T06:00:00Z"),
    ("America/New_York", "2025-11-01T04:00:00Z"),
    ("America/Havana", "2025-03-09T05:00:00Z"),
    ("America/Havana", "2025-11-02T05:00:00Z"),
    ("Africa/Cairo", "2025-04-24T22:00:00Z"),
    ("Asia/Beirut", "2025-03-29T22:00:00Z"),
    ("America/Nuuk", "2024-10-27T01:00:00Z"),
    ("Australia/Lord_Howe", "2025-04-05T15:00:00Z"),
    ("Pacific/Apia", "2011-12-30T10:00:00Z"),
    ("Asia/Kolkata", "2025-05-31T18:30:00Z"),
    ("UTC", "2024-02-29T00:00:00Z"),
    ("UTC", "2026-01-01T00:00:00Z"),
];

pub fn person(n: u64) -> PersonId {
    PersonId::from_bytes([n as u8; 16])
}

pub fn wallet(n: u64) -> WalletId {
    WalletId::from_bytes([n as u8; 16])
}

/// 20 bytes, as accounts have; Bitcoin's are longer, of two lengths.
pub fn address(network: NetworkId, n: u64) -> Address {
    let length = match network {
        NetworkId::Evm(_) => 20,
        NetworkId::Bitcoin(_) => [22, 34][n as usize % 2],
    };
    Address::new(&vec![n as u8; length]).unwrap()
}

pub fn usdc() -> AssetKey {
    AssetKey::token(EVM, address(EVM, 0xcc))
}

/// A token whose whole unit is its base unit, or more than 256 bits of them.
pub fn odd() -> AssetKey {
    AssetKey::token(EVM, address(EVM, 0xdd))
}

pub fn assets() -> [AssetKey; 5] {
    [usdc(), odd(), AssetKey::native(EVM), AssetKey::native(OTHER), AssetKey::native(BTC)]
}

/// A set, and the time and zone about which its hours and windows lie.
pub struct Universe {
    pub policy: PolicySet,
    pub zone: &'static str,
    pub now: UnixMs,
    /// The chain that most of its questions are about.
    pub network: NetworkId,
    /// What most of its questions are about.
    pub focus: Focus,
}

/// Effects that a set's rules look into, and that are asked for often enough to be looked into.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Focus {
    /// All kinds.
    Any,
    /// Calls and their arguments.
    Calls,
    /// Typed messages and their fields.
    Messages,
}

/// A set that may be signed.
pub fn universe(dice: &mut Dice) -> Universe {
    let (zone, edge) = dice.pick(&EDGES);
    let now = UnixMs::parse_rfc3339(edge).unwrap();
    let network = dice.pick(&[EVM, EVM, EVM, OTHER, BTC]);
    let focus = match dice.below(8) {
        0 if network != BTC => Focus::Calls,
        1 if network != BTC => Focus::Messages,
        _ => Focus::Any,
    };
    let mut made = Universe { policy: bare(dice), zone, now, network, focus };
    made.policy.validate().expect("a set without rules is sound");
    for (name, _) in LIMITS.iter().zip(0..dice.between(1, 4)) {
        let limit = limit(dice, name, &made);
        made.policy.vaults[0].limits.push(limit);
    }
    let many = dice.chance(30);
    let density = dice.pick(&[4, 8, 14, 25]);
    for number in 0..dice.between(1, if many { 7 } else { 3 }) {
        add_rule(dice, format!("r{number}"), density, &mut made);
    }
    if dice.chance(50) {
        add_rule(dice, "rest".into(), 1, &mut made);
    }
    made
}

/// What makes no sense is thrown again: validation knows.
fn add_rule(dice: &mut Dice, name: String, density: u64, made: &mut Universe) {
    for _ in 0..8 {
        let rule = rule(dice, name.clone(), density, made);
        made.policy.vaults[0].rules.push(rule);
        if made.policy.validate().is_ok() {
            return;
        }
        made.policy.vaults[0].rules.pop();
    }
}

fn bare(dice: &mut Dice) -> PolicySet {
    let vault = |index: u32, temperature| Vault {
        index: VaultIndex(index),
        name: format!("v{index}"),
        temperature,
        root: RootIndex(index as u16),
        limits: vec![],
        rules: vec![],
    };
    let temperature =
        if dice.chance(2) { Temperature::Cold } else { dice.pick(&[Temperature::Hot, Temperature::Warm]) };
    let decimals = [6, if dice.chance(10) { 78 } else { 0 }, 18, 18, 8];
    let named = assets().into_iter().zip(decimals).zip(["usdc", "odd", "eth", "op-eth", "btc"]);
    let people = (1..=4).map(|n| Person {
        id: person(n),
        name: format!("p{n}"),
        // The last one cannot initiate.
        keys: vec![PersonKey {
            key: PublicKey::Ed25519([n as u8; 32]),
            purpose: if n < 4 { KeyPurpose::Initiate } else { KeyPurpose::Approve },
        }],
        passkeys: vec![],
    });
    let places = [(EVM, 8), (EVM, 9), (OTHER, 8), (OTHER, 9)];
    PolicySet {
        version: 1,
        genesis: Digest::ZERO,
        sequence: 1,
        previous: None,
        issued_at: UnixMs(0),
        people: people.collect(),
        groups: GROUPS.iter().map(|name| group(dice, name)).collect(),
        networks: NETWORKS.to_vec(),
        assets: named.map(|((key, decimals), id)| Asset { id: id.into(), key, decimals }).collect(),
        allow_lists: LISTS.iter().map(|name| list(dice, name)).collect(),
        functions: (places.iter())
            .flat_map(|(network, n)| {
                FUNCTIONS.map(|signature| ContractFunction {
                    network: *network,
                    contract: address(*network, *n),
                    signature: signature.into(),
                })
            })
            .collect(),
        permits: vec![],
        vaults: vec![vault(1, temperature), vault(2, Temperature::Hot)],
        wallets: wallets(dice),
        messages: (places.iter())
            .flat_map(|(network, n)| {
                TYPES.map(|kind| MessageKind { network: *network, contract: address(*network, *n), kind: kind.into() })
            })
            .collect(),
        trust: None,
        freezers: None,
        vetoers: None,
        change_delay_s: None,
    }
}

fn group(dice: &mut Dice, name: &str) -> Group {
    let some = if name == "solo" { vec![dice.between(1, 4)] } else { dice.some(&[1, 2, 3, 4]) };
    Group { name: name.into(), members: some.into_iter().map(person).collect() }
}

fn tags(dice: &mut Dice) -> BTreeSet<String> {
    if dice.chance(40) { BTreeSet::new() } else { dice.some(&TAGS).into_iter().map(String::from).collect() }
}

fn list(dice: &mut Dice, name: &str) -> AllowList {
    let entries = if name == "empty" { 0 } else { dice.between(1, 4) };
    AllowList { name: name.into(), entries: (0..entries).map(|_| entry(dice)).collect(), tags: tags(dice) }
}

fn entry(dice: &mut Dice) -> AllowEntry {
    let network = dice.pick(&[EVM, EVM, OTHER, BTC]);
    AllowEntry { network, address: address(network, dice.between(5, 9)) }
}

/// Two wallets of the vault and one of another; no address is of two.
fn wallets(dice: &mut Dice) -> Vec<KnownWallet> {
    let mut taken = BTreeSet::new();
    let mut one = |n: u64, vault: u32| {
        let addresses: BTreeSet<_> = (0..dice.below(3)).map(|_| entry(dice)).filter(|e| taken.insert(*e)).collect();
        let mut tags = tags(dice);
        if n == 1 {
            tags.insert("a".into());
        }
        KnownWallet { wallet: WalletRef { vault: VaultIndex(vault), wallet: wallet(n) }, tags, addresses }
    };
    vec![one(1, 1), one(2, 1), one(3, 2)]
}

fn measure(dice: &mut Dice, universe: &Universe) -> Measure {
    let here = AssetKey::native(universe.network);
    match dice.below(8) {
        0 | 1 => Measure::Usd,
        2 | 3 => Measure::Asset(here),
        4 | 5 if universe.network == EVM => Measure::Asset(usdc()),
        _ => Measure::Asset(dice.pick(&assets())),
    }
}

fn most(dice: &mut Dice) -> Amount {
    match dice.below(20) {
        0 => Amount::MAX,
        1 => Amount::ZERO,
        _ => Amount::from_u64(dice.between(5, 60)),
    }
}

fn limit(dice: &mut Dice, name: &str, universe: &Universe) -> Limit {
    let (measure, most) = match dice.below(5) {
        0 => (Measure::Count, Amount::from_u64(dice.between(0, 4))),
        _ => (measure(dice, universe), most(dice)),
    };
    let window = match dice.below(5) {
        0 | 1 => Window::Rolling(dice.pick(&[1, 60, 3600, 86_400, 7 * 86_400, 366 * 86_400])),
        2 | 3 => Window::Calendar {
            period: dice.pick(&[Period::Day, Period::Day, Period::Week, Period::Month]),
            zone: zone(dice, universe),
        },
        _ => Window::UntilFinal,
    };
    let per = dice.pick(&[Scope::Vault, Scope::Wallet, Scope::Initiator, Scope::Destination]);
    Limit { name: name.into(), measure, most, window, per }
}

fn zone(dice: &mut Dice, universe: &Universe) -> String {
    if dice.chance(80) { universe.zone.into() } else { dice.pick(&EDGES).0.into() }
}

/// `density`: in so many of a hundred rules each condition stands.
fn rule(dice: &mut Dice, name: String, density: u64, universe: &Universe) -> Rule {
    let mut when = conditions(dice, density, universe);
    // A block of everything would leave the other rules nothing to say.
    if dice.chance(12) && (!when.destinations.is_empty() || !when.amounts.is_empty() || dice.chance(30)) {
        when.within = vec![];
        return Rule { name, when, then: Ruling::Block };
    }
    let mut terms = terms(dice, universe);
    if dice.chance(90) {
        beside(dice, &mut when, &mut terms, universe);
    }
    Rule { name, when, then: Ruling::Allow(terms) }
}

/// M1: where dollars are counted, the rule names its assets and caps each of them.
fn beside(dice: &mut Dice, when: &mut Conditions, terms: &mut Terms, universe: &Universe) {
    let named = |name: &String| when.within.contains(name) || terms.limits.contains(name);
    let limits = universe.policy.vaults[0].limits.iter().filter(|l| named(&l.name)).map(|l| l.measure);
    let caps = terms.caps.iter().filter_map(|cap| match cap {
        Cap::Amount { measure, .. } => Some(*measure),
        Cap::ShareOfBalance { .. } => None,
    });
    if !limits.chain(caps).chain(when.amounts.iter().map(|b| b.measure)).any(|m| m == Measure::Usd) {
        return;
    }
    if when.assets.is_empty() {
        when.assets = assets().into_iter().filter(|a| a.network == universe.network).collect();
    }
    for asset in &when.assets {
        let most = if dice.chance(80) { Amount::MAX } else { most(dice) };
        terms.caps.push(Cap::Amount { measure: Measure::Asset(*asset), most });
    }
}

fn conditions(dice: &mut Dice, density: u64, universe: &Universe) -> Conditions {
    let mut when = Conditions::default();
    if universe.focus != Focus::Any && dice.chance(90) {
        // Anything that is no danger.
    } else if dice.chance(density.max(12)) {
        when.kinds = dice.some(&KINDS).into_iter().map(String::from).collect();
    } else if dice.chance(50) {
        when.kinds = KINDS.map(String::from).to_vec();
    }
    if dice.chance(density) {
        when.networks = dice.some(&[universe.network, EVM, OTHER, BTC]);
    }
    if dice.chance(density) {
        let here = assets().into_iter().filter(|a| a.network == universe.network);
        when.assets = dice.some(&here.chain(assets()).collect::<Vec<_>>());
    }
    if dice.chance(density) {
        let groups = GROUPS.map(|g| Initiator::Group(g.into()));
        let people = [1, 2, 3].map(|n| Initiator::Person(person(n)));
        when.initiators = dice.some(&[&groups[..], &people[..]].concat());
    }
    if dice.chance(density) {
        let sources = [Source::Wallet(wallet(1)), Source::Wallet(wallet(2)), Source::Wallet(wallet(3))];
        when.sources = dice.some(&[&sources[..], &TAGS.map(|t| Source::Tag(t.into()))[..]].concat());
    }
    if dice.chance(density * 2) {
        when.destinations = destinations(dice);
    }
    if dice.chance(density) {
        when.amounts = (0..dice.between(1, 2)).map(|_| band(dice, universe)).collect();
    }
    if dice.chance(density) {
        when.hours = (0..dice.between(1, 2)).map(|_| hours(dice, universe)).collect();
    }
    if dice.chance(density) {
        let near = [0, 1, 999, 1000, 3_600_000].map(|ms| universe.now.plus_ms(ms));
        when.from = dice.chance(60).then(|| dice.pick(&near));
        when.until = dice.chance(60).then(|| dice.pick(&near));
    }
    if dice.chance(if universe.focus == Focus::Calls { 70 } else { density / 4 }) {
        when.calls = (0..dice.between(1, 2)).map(|_| call(dice, universe)).collect();
    }
    if dice.chance(if universe.focus == Focus::Messages { 70 } else { density / 4 }) {
        when.messages = (0..dice.between(1, 2)).map(|_| message(dice, universe)).collect();
    }
    if dice.chance(if universe.network == BTC { density } else { 1 }) {
        let few = |dice: &mut Dice| dice.chance(60).then(|| dice.below(4) as u32);
        when.coins = Some(CoinCondition {
            max_inputs: few(dice),
            max_outputs: few(dice),
            max_input_value: dice.chance(60).then(|| most(dice)),
        });
    }
    if dice.chance(density) {
        when.within = dice.some(&LIMITS).into_iter().map(String::from).collect();
    }
    when
}

fn destinations(dice: &mut Dice) -> Vec<Destination> {
    let lists = LISTS.map(|l| Destination::List(l.into()));
    let tags = TAGS.map(|t| Destination::Tag(t.into()));
    let contracts = [(EVM, 7), (EVM, 8), (EVM, 9), (OTHER, 9)]
        .map(|(network, n)| Destination::Contract(AllowEntry { network, address: address(network, n) }));
    let plain = [Destination::Internal, Destination::Unlisted];
    dice.some(&[&lists[..], &tags[..], &contracts[..], &plain[..], &plain[..]].concat())
}

fn band(dice: &mut Dice, universe: &Universe) -> Band {
    let small = |dice: &mut Dice| dice.chance(70).then(|| Amount::from_u64(dice.below(40)));
    Band { measure: measure(dice, universe), above: small(dice), at_most: small(dice) }
}

/// Mostly with an edge at the minute that the wall shows.
fn hours(dice: &mut Dice, universe: &Universe) -> Hours {
    let zone = zone(dice, universe);
    let clock = Zone::named(&zone).and_then(|z| z.wall_clock(universe.now)).unwrap();
    let minute = u64::from(clock.minute);
    let (from, to) = match dice.below(4) {
        0 => (minute, 1440),
        1 => (0, minute),
        2 => (minute, minute + dice.pick(&[1, 30, 60])),
        _ => (dice.below(1440), dice.between(1, 1440)),
    };
    let today = u64::from(clock.weekday);
    let days = [today, today, today % 7 + 1, (today + 5) % 7 + 1, dice.between(1, 7)];
    let days = dice.some(&days).into_iter().map(|d| d as u8).collect();
    Hours { zone, days, from_minute: from as u16, to_minute: to.min(1440) as u16 }
}

/// Of a word that holds an address mostly a destination, of another one a number.
fn test(dice: &mut Dice, address: Holds) -> WordTest {
    let small = |dice: &mut Dice| Amount::from_u64(dice.below(16));
    let kind = if dice.chance(15) { dice.below(3) } else { [dice.below(2), 2][address as usize] };
    match kind {
        0 => WordTest::OneOf((0..dice.between(2, 12)).map(|_| small(dice)).collect()),
        1 => {
            let least = Amount::from_u64(dice.below(4));
            let most = if dice.chance(20) { Amount::MAX } else { Amount::from_u64(dice.between(3, 15)) };
            WordTest::Between { least, most }
        }
        _ => WordTest::Destination(destinations(dice)),
    }
}

/// What lies in a word, mostly.
#[derive(Clone, Copy)]
pub enum Holds {
    Number,
    Address,
}

/// Mostly the same contract and function, so that rules and calls meet.
pub fn contract(dice: &mut Dice, network: NetworkId) -> Address {
    address(network, if dice.chance(80) { 9 } else { 8 })
}

/// Mostly the first.
pub fn mostly(dice: &mut Dice, two: &[&str; 2]) -> String {
    two[usize::from(dice.chance(15))].into()
}

fn called(dice: &mut Dice, universe: &Universe) -> NetworkId {
    if dice.chance(90) && universe.network != BTC { universe.network } else { dice.pick(&[EVM, OTHER]) }
}

fn call(dice: &mut Dice, universe: &Universe) -> CallCondition {
    let network = called(dice, universe);
    let argument = |dice: &mut Dice| match dice.below(20) {
        0..=8 => ArgumentCondition { word: 0, test: test(dice, Holds::Address) },
        9..=17 => ArgumentCondition { word: 1, test: test(dice, Holds::Number) },
        _ => ArgumentCondition { word: dice.pick(&[2, 65_535]), test: test(dice, Holds::Number) },
    };
    CallCondition {
        network,
        arguments: (0..dice.below(3)).map(|_| argument(dice)).collect(),
        contract: contract(dice, network),
        function: mostly(dice, &FUNCTIONS),
    }
}

fn message(dice: &mut Dice, universe: &Universe) -> MessageCondition {
    let network = called(dice, universe);
    let field = |dice: &mut Dice| {
        let (path, holds) = dice.pick(&FIELDS);
        FieldCondition { field: path.into(), test: test(dice, holds) }
    };
    MessageCondition {
        network,
        fields: (0..dice.below(3)).map(|_| field(dice)).collect(),
        contract: contract(dice, network),
        kind: mostly(dice, &TYPES),
    }
}

fn terms(dice: &mut Dice, universe: &Universe) -> Terms {
    let mut terms = Terms::default();
    while dice.chance(25) {
        terms.caps.push(if dice.chance(50) {
            Cap::Amount { measure: measure(dice, universe), most: most(dice) }
        } else {
            let asset = if dice.chance(70) { AssetKey::native(universe.network) } else { dice.pick(&assets()) };
            Cap::ShareOfBalance { asset, basis_points: dice.pick(&[1, 2500, 5000, 9999, 10_000]) }
        });
    }
    if dice.chance(45) {
        terms.limits = dice.some(&LIMITS).into_iter().map(String::from).collect();
    }
    let fees = if universe.network == BTC { 85 } else { 15 };
    for network in NETWORKS {
        if dice.chance(if network == universe.network { fees } else { 8 }) {
            let most = Amount::from_u64(dice.pick(&[3, 5, 9, 30]));
            terms.max_fees.push(FeeCap { network, most });
        }
    }
    if dice.chance(60) {
        terms.approvals = Some(approvals(dice));
    }
    if dice.chance(8) {
        terms.signers = dice.some(&[1, 2, 3]).into_iter().map(|n| PartyIndex::new(n).unwrap()).collect();
    }
    terms
}

fn approvals(dice: &mut Dice) -> Approvals {
    let seats = |dice: &mut Dice| Seats { group: dice.pick(&GROUPS).into(), count: dice.between(1, 3) as u32 };
    let way = |dice: &mut Dice| (0..dice.between(1, 2)).map(|_| seats(dice)).collect();
    Approvals {
        any_of: (0..dice.between(1, 3)).map(|_| way(dice)).collect(),
        initiator: dice.pick(&[OwnApproval::Counts, OwnApproval::DoesNotCount]),
        display: dice.pick(&[Display::Any, Display::Any, Display::Independent]),
    }
}
