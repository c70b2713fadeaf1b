//! Every way a policy set can be refused, and that a sound one is not.

use super::*;
use crate::amount::Amount;
use crate::id::WalletId;
use crate::limits;
use crate::network::BitcoinNetwork;

const EVM: NetworkId = NetworkId::Evm(1);
const BTC: NetworkId = NetworkId::Bitcoin(BitcoinNetwork::Regtest);

fn person(n: u8) -> PersonId {
    PersonId::from_bytes([n; 16])
}

fn address(n: u8) -> Address {
    Address::new(&[n; 20]).unwrap()
}

fn usdc() -> AssetKey {
    AssetKey::token(EVM, address(0xcc))
}

fn allow(name: &str, when: Conditions, terms: Terms) -> Rule {
    Rule { name: name.into(), when, then: Ruling::Allow(terms) }
}

fn kinds(kind: &str, n: usize) -> Conditions {
    Conditions { kinds: vec![kind.into(); n], ..Conditions::default() }
}

fn vault(n: u32, root: u16) -> Vault {
    let window = Window::Rolling(60);
    let limit =
        Limit { name: "day".into(), measure: Measure::Asset(usdc()), most: Amount::ZERO, window, per: Scope::Vault };
    Vault {
        index: VaultIndex(n),
        name: format!("v{n}"),
        temperature: Temperature::Warm,
        root: RootIndex(root),
        limits: vec![limit],
        rules: vec![allow("allow", Conditions::default(), Terms::default())],
    }
}

/// Two people with a key each, one group, two networks, three assets, one of everything else, two vaults on one root.
fn sound() -> PolicySet {
    let people = [1, 2].map(|n| Person {
        id: person(n),
        name: format!("p{n}"),
        keys: vec![PersonKey { key: PublicKey::Ed25519([n; 32]), purpose: KeyPurpose::Approve }],
        passkeys: vec![],
    });
    let asset = |id: &str, key| Asset { id: id.into(), key, decimals: 6 };
    let entry = AllowEntry { network: EVM, address: address(7) };
    PolicySet {
        freezers: None,
        vetoers: None,
        change_delay_s: None,
        version: 1,
        genesis: Digest::ZERO,
        sequence: 1,
        previous: None,
        issued_at: UnixMs(0),
        people: people.into(),
        groups: vec![Group { name: "ops".into(), members: BTreeSet::from([person(1), person(2)]) }],
        networks: vec![EVM, BTC],
        assets: vec![asset("eth", AssetKey::native(EVM)), asset("btc", AssetKey::native(BTC)), asset("usdc", usdc())],
        allow_lists: vec![AllowList {
            name: "known".into(),
            entries: BTreeSet::from([entry]),
            tags: BTreeSet::from(["suppliers".to_string()]),
        }],
        functions: vec![ContractFunction { network: EVM, contract: address(9), signature: "f()".into() }],
        permits: vec![PermitDomain { asset: usdc(), name: "USDC".into(), version: "2".into(), max_life_s: 60 }],
        vaults: vec![vault(1, 0), vault(2, 0)],
        wallets: vec![KnownWallet {
            wallet: WalletRef { vault: VaultIndex(1), wallet: WalletId::NIL },
            tags: BTreeSet::from(["payroll".to_string()]),
            addresses: BTreeSet::from([AllowEntry { network: EVM, address: address(8) }]),
        }],
        messages: vec![MessageKind { network: EVM, contract: address(9), kind: "Mail(address to)".into() }],
        trust: None,
    }
}

fn refused(change: impl FnOnce(&mut PolicySet)) -> PolicySetError {
    let mut set = sound();
    change(&mut set);
    set.validate().expect_err("this set is not sound")
}

/// The verdict on a first vault with one more rule of these terms.
fn with_terms(terms: Terms) -> Result<(), PolicySetError> {
    with_rule(allow("further", kinds("transfer", 1), terms))
}

fn with_rule(rule: Rule) -> Result<(), PolicySetError> {
    let mut set = sound();
    set.vaults[0].rules.push(rule);
    set.validate()
}

fn with_when(when: Conditions) -> Result<(), PolicySetError> {
    with_rule(allow("further", when, Terms::default()))
}

fn with_limit(limit: Limit) -> Result<(), PolicySetError> {
    let mut set = sound();
    set.vaults[0].limits[0] = limit;
    set.validate()
}

fn a_limit() -> Limit {
    sound().vaults[0].limits[0].clone()
}

fn senseless(what: &'static str) -> Result<(), PolicySetError> {
    Err(PolicySetError::Senseless(what))
}

fn unknown(what: &'static str) -> Result<(), PolicySetError> {
    Err(PolicySetError::Unknown(what))
}

#[test]
fn a_sound_set_passes_and_only_version_1_exists() {
    assert_eq!(sound().validate(), Ok(()));
    assert_eq!(refused(|s| s.version = 2), PolicySetError::Version);
    assert_eq!(refused(|s| s.version = 0), PolicySetError::Version);
}

#[test]
fn lists_are_bounded() {
    type Grow = fn(&mut PolicySet);
    fn more<T: Clone>(list: &mut Vec<T>) {
        let first = list[0].clone();
        list.resize(limits::LIST + 1, first);
    }
    let cases: [(&str, Grow); 10] = [
        ("list of wallets", |s| more(&mut s.wallets)),
        ("list of messages", |s| more(&mut s.messages)),
        ("list of people", |s| more(&mut s.people)),
        ("list of groups", |s| more(&mut s.groups)),
        ("list of networks", |s| more(&mut s.networks)),
        ("list of assets", |s| more(&mut s.assets)),
        ("list of allow-lists", |s| more(&mut s.allow_lists)),
        ("list of functions", |s| more(&mut s.functions)),
        ("list of permits", |s| more(&mut s.permits)),
        ("list of vaults", |s| more(&mut s.vaults)),
    ];
    for (what, grow) in cases {
        assert_eq!(refused(grow), PolicySetError::Bound(what));
    }
    let rules = |n: usize| {
        let until = |i: usize| Conditions { until: Some(UnixMs(i as u64)), ..Conditions::default() };
        (0..n).map(|i| Rule { name: format!("r{i}"), when: until(i), then: Ruling::Block }).collect()
    };
    let mut most = sound();
    most.vaults[0].rules = rules(limits::RULES);
    assert_eq!(most.validate(), Ok(()));
    assert_eq!(refused(|s| s.vaults[0].rules = rules(limits::RULES + 1)), PolicySetError::Bound("list of rules"));
    let entry = |n: usize| AllowEntry { network: EVM, address: Address::new(&n.to_be_bytes()).unwrap() };
    let crowd = (0..=limits::ALLOW_ENTRIES).map(entry).collect();
    assert_eq!(refused(|s| s.allow_lists[0].entries = crowd), PolicySetError::Bound("allow-list"));
}

#[test]
fn names_are_plain_text_within_bounds() {
    let place: [fn(&mut PolicySet) -> &mut String; 6] = [
        |s| &mut s.people[0].name,
        |s| &mut s.groups[0].name,
        |s| &mut s.assets[0].id,
        |s| &mut s.allow_lists[0].name,
        |s| &mut s.vaults[0].name,
        |s| &mut s.functions[0].signature,
    ];
    let long = "x".repeat(limits::TEXT_BYTES + 1);
    for at in place {
        for bad in ["", "line\nbreak", "bell\u{7}", &long] {
            assert_eq!(refused(|s| *at(s) = bad.into()), PolicySetError::Bound("name"), "{bad:?}");
        }
        let mut longest = sound();
        *at(&mut longest) = "x".repeat(limits::TEXT_BYTES);
        assert_eq!(longest.validate(), Ok(()));
    }
    for bad in ["", "line\nbreak", "bell\u{7}", &long] {
        let named = refused(|s| s.vaults[0].rules[0].name = bad.into());
        assert_eq!(named, PolicySetError::Bound("rule name"), "{bad:?}");
    }
    let text: [fn(&mut PolicySet) -> &mut String; 2] = [|s| &mut s.permits[0].name, |s| &mut s.permits[0].version];
    for at in text {
        for bad in ["line\nbreak", "bell\u{7}", &long] {
            assert_eq!(refused(|s| *at(s) = bad.into()), PolicySetError::Bound("permit domain"), "{bad:?}");
        }
    }
}

/// A deny that no rule spoke is named `default`: a rule of that name could pass for it.
#[test]
fn no_rule_is_named_as_the_default() {
    let named = |name: &str| {
        let mut set = sound();
        set.vaults[0].rules[0].name = name.into();
        set.validate()
    };
    assert_eq!(DEFAULT_RULE, "default");
    assert_eq!(named("default"), Err(PolicySetError::Senseless("rule named as the default")));
    assert_eq!(named("default-1"), Ok(()));
}

#[test]
fn lists_inside_people_and_rules_are_bounded() {
    let keys = |n: usize| {
        let key = |i: usize| std::array::from_fn(|at| if at < 8 { i.to_be_bytes()[at] } else { 9 });
        (0..n).map(|i| PersonKey { key: PublicKey::Ed25519(key(i)), purpose: KeyPurpose::Approve }).collect()
    };
    let mut most = sound();
    most.people[0].keys = keys(limits::PERSON_KEYS);
    most.vaults[0].rules[0].when = kinds("transfer", limits::MATCH_LIST);
    assert_eq!(most.validate(), Ok(()));
    assert_eq!(refused(|s| s.people[0].keys = keys(limits::PERSON_KEYS + 1)), PolicySetError::Bound("list of keys"));
    let n = limits::MATCH_LIST + 1;
    let any = Conditions::default;
    let band = Band { measure: Measure::Asset(usdc()), above: None, at_most: Some(Amount::ZERO) };
    let hours = Hours { zone: "UTC".into(), days: BTreeSet::from([1]), from_minute: 0, to_minute: 1 };
    let call = CallCondition { network: EVM, contract: address(9), function: "f()".into(), arguments: vec![] };
    let message =
        MessageCondition { network: EVM, contract: address(9), kind: "Mail(address to)".into(), fields: vec![] };
    for when in [
        kinds("transfer", n),
        Conditions { networks: vec![EVM; n], ..any() },
        Conditions { assets: vec![usdc(); n], ..any() },
        Conditions { initiators: vec![Initiator::Group("ops".into()); n], ..any() },
        Conditions { sources: vec![Source::Wallet(WalletId::NIL); n], ..any() },
        Conditions { destinations: vec![Destination::Internal; n], ..any() },
        Conditions { amounts: vec![band; n], ..any() },
        Conditions { hours: vec![hours; n], ..any() },
        Conditions { calls: vec![call; n], ..any() },
        Conditions { messages: vec![message; n], ..any() },
        Conditions { within: vec!["day".into(); n], ..any() },
    ] {
        assert_eq!(with_when(when), Err(PolicySetError::Bound("list of a rule's conditions")));
    }
    let cap = Cap::Amount { measure: Measure::Asset(usdc()), most: Amount::ZERO };
    let caps = |n| with_terms(Terms { caps: vec![cap; n], ..Terms::default() });
    assert_eq!(caps(n), Err(PolicySetError::Bound("list of a rule's terms")));
    assert_eq!(caps(n - 1), Ok(()));
    let ways = |n: usize, seats: usize| quorum(vec![vec![Seats { group: "ops".into(), count: 1 }; seats]; n]);
    assert_eq!(ways(limits::QUORUM_WAYS, limits::QUORUM_WAYS), Ok(()));
    let bound = Err(PolicySetError::Bound("list of quorums"));
    assert_eq!(ways(limits::QUORUM_WAYS + 1, 1), bound);
    assert_eq!(ways(1, limits::QUORUM_WAYS + 1), bound);
}

fn approvals(any_of: Vec<Vec<Seats>>, initiator: OwnApproval) -> Terms {
    Terms { approvals: Some(Approvals { any_of, initiator, display: Display::Any }), ..Terms::default() }
}

fn quorum(any_of: Vec<Vec<Seats>>) -> Result<(), PolicySetError> {
    with_terms(approvals(any_of, OwnApproval::Counts))
}

/// I1: where the initiator does not count, a quorum of everybody could never be met.
#[test]
fn i1_four_eyes_leave_every_quorum_reachable() {
    let unreachable = senseless("quorum under four eyes");
    let set = |initiator: Option<usize>, count, own, by: Option<Initiator>| {
        let mut set = sound();
        if let Some(at) = initiator {
            set.people[at].keys[0].purpose = KeyPurpose::Initiate;
        }
        set.groups.push(Group { name: "desk".into(), members: BTreeSet::from([person(2)]) });
        let when = Conditions { initiators: by.into_iter().collect(), ..kinds("transfer", 1) };
        let seats = vec![vec![Seats { group: "ops".into(), count }]];
        set.vaults[0].rules.push(allow("quorum", when, approvals(seats, own)));
        set.validate()
    };
    use OwnApproval::{Counts, DoesNotCount};
    let desk = || Some(Initiator::Group("desk".into()));
    assert_eq!(set(Some(0), 2, DoesNotCount, None), unreachable);
    assert_eq!(set(Some(1), 2, DoesNotCount, None), unreachable);
    assert_eq!(set(Some(0), 1, DoesNotCount, None), Ok(()));
    assert_eq!(set(Some(0), 2, Counts, None), Ok(()), "the initiator counts");
    assert_eq!(set(None, 2, DoesNotCount, None), Ok(()), "nobody in the group initiates");
    assert_eq!(set(Some(1), 2, DoesNotCount, desk()), unreachable);
    assert_eq!(set(Some(0), 2, DoesNotCount, desk()), Ok(()), "only the desk may ask, which person 1 is not of");
    assert_eq!(set(Some(0), 2, DoesNotCount, Some(Initiator::Person(person(1)))), unreachable);
}

#[test]
fn nothing_is_defined_twice() {
    type Repeat = fn(&mut PolicySet);
    fn again<T: Clone>(list: &mut Vec<T>) {
        list.push(list[0].clone());
    }
    let cases: [(&str, Repeat); 18] = [
        ("wallet", |s| again(&mut s.wallets)),
        ("wallet's address", |s| {
            again(&mut s.wallets);
            s.wallets[1].wallet.vault = VaultIndex(2);
        }),
        ("message", |s| again(&mut s.messages)),
        ("limit", |s| again(&mut s.vaults[0].limits)),
        ("rule's conditions", |s| {
            again(&mut s.vaults[0].rules);
            s.vaults[0].rules[1].name = "other".into();
        }),
        ("limit of a rule", |s| s.vaults[0].rules[0].when.within = vec!["day".into(); 2]),
        ("person", |s| again(&mut s.people)),
        ("key", |s| s.people[1].keys = s.people[0].keys.clone()),
        ("key", |s| again(&mut s.people[0].keys)),
        ("group", |s| again(&mut s.groups)),
        ("network", |s| again(&mut s.networks)),
        ("asset id", |s| s.assets[1].id = s.assets[0].id.clone()),
        ("asset", |s| s.assets.push(Asset { id: "usd".into(), key: usdc(), decimals: 18 })),
        ("allow-list", |s| again(&mut s.allow_lists)),
        ("permit", |s| again(&mut s.permits)),
        ("vault index", |s| s.vaults[1].index = s.vaults[0].index),
        ("vault name", |s| s.vaults[1].name = s.vaults[0].name.clone()),
        ("rule", |s| again(&mut s.vaults[0].rules)),
    ];
    for (what, repeat) in cases {
        assert_eq!(refused(repeat), PolicySetError::Repeated(what));
    }
}

#[test]
fn every_reference_is_defined() {
    type Refer = fn(&mut PolicySet);
    let stranger = || BTreeSet::from([AllowEntry { network: NetworkId::Evm(5), address: address(7) }]);
    assert_eq!(refused(|s| s.allow_lists[0].entries = stranger()), PolicySetError::Unknown("network"));
    let cases: [(&str, Refer); 10] = [
        ("network", |s| s.messages[0].network = NetworkId::Evm(5)),
        ("vault", |s| s.wallets[0].wallet.vault = VaultIndex(9)),
        ("network", |s| {
            s.wallets[0].addresses = BTreeSet::from([AllowEntry { network: NetworkId::Evm(5), address: address(7) }]);
        }),
        ("person", |s| s.groups[0].members.extend([person(9)])),
        ("network", |s| s.assets[2].key.network = NetworkId::Evm(5)),
        ("network coin", |s| drop(s.assets.remove(1))),
        ("network", |s| s.functions[0].network = NetworkId::Evm(5)),
        ("permit token", |s| s.permits[0].asset = AssetKey::token(EVM, address(1))),
        ("permit token", |s| s.permits[0].asset = AssetKey::native(EVM)),
        ("network coin", |s| s.networks.push(NetworkId::Evm(5))),
    ];
    for (what, refer) in cases {
        assert_eq!(refused(refer), PolicySetError::Unknown(what));
    }
}

#[test]
fn every_reference_of_a_rule_is_defined() {
    let any = Conditions::default;
    let stranger = AssetKey::token(EVM, address(1));
    let band = |measure| Band { measure, above: None, at_most: Some(Amount::ZERO) };
    let call = |n, function: &str| CallCondition {
        network: EVM,
        contract: address(n),
        function: function.into(),
        arguments: vec![],
    };
    let message =
        |kind: &str| MessageCondition { network: EVM, contract: address(9), kind: kind.into(), fields: vec![] };
    let to = |destination| Conditions { destinations: vec![destination], ..any() };
    for (when, what) in [
        (Conditions { initiators: vec![Initiator::Group("x".into())], ..any() }, "group"),
        (Conditions { initiators: vec![Initiator::Person(person(9))], ..any() }, "person"),
        (Conditions { sources: vec![Source::Tag("x".into())], ..any() }, "wallet tag"),
        (Conditions { assets: vec![stranger], ..any() }, "asset"),
        (Conditions { networks: vec![NetworkId::Evm(5)], ..any() }, "network"),
        (kinds("Transfer", 1), "effect kind"),
        (to(Destination::List("x".into())), "allow-list"),
        (to(Destination::Tag("x".into())), "tag"),
        (Conditions { amounts: vec![band(Measure::Asset(stranger))], ..any() }, "asset"),
        (Conditions { calls: vec![call(8, "f()")], ..any() }, "function"),
        (Conditions { calls: vec![call(9, "g()")], ..any() }, "function"),
        (Conditions { messages: vec![message("x")], ..any() }, "message type"),
        (Conditions { within: vec!["x".into()], ..any() }, "limit"),
    ] {
        assert_eq!(with_when(when), unknown(what));
    }
    for when in [to(Destination::Tag("suppliers".into())), to(Destination::Tag("payroll".into()))] {
        assert_eq!(with_when(when), Ok(()));
    }
    let payroll = Conditions { sources: vec![Source::Tag("payroll".into())], ..any() };
    assert_eq!(with_when(payroll.clone()), Ok(()));
    let elsewhere = refused(|s| s.vaults[1].rules.push(allow("further", payroll, Terms::default())));
    assert_eq!(elsewhere, PolicySetError::Unknown("wallet tag"), "the tag is of another vault's wallet");
    let most = Amount::ZERO;
    let seats = |group: &str| vec![vec![Seats { group: group.into(), count: 1 }]];
    for (terms, what) in [
        (Terms { caps: vec![Cap::Amount { measure: Measure::Asset(stranger), most }], ..Terms::default() }, "asset"),
        (Terms { caps: vec![Cap::ShareOfBalance { asset: stranger, basis_points: 1 }], ..Terms::default() }, "asset"),
        (Terms { limits: vec!["x".into()], ..Terms::default() }, "limit"),
        (approvals(seats("x"), OwnApproval::Counts), "group"),
        (Terms { max_fees: vec![FeeCap { network: NetworkId::Evm(5), most }], ..Terms::default() }, "network"),
    ] {
        assert_eq!(with_terms(terms), unknown(what));
    }
    assert_eq!(with_limit(Limit { measure: Measure::Asset(stranger), ..a_limit() }), unknown("asset"));
    let zone = |zone: &str| Window::Calendar { period: Period::Day, zone: zone.into() };
    assert_eq!(with_limit(Limit { window: zone("Mars/Olympus"), ..a_limit() }), unknown("time zone"));
    assert_eq!(with_limit(Limit { window: zone("Europe/Zurich"), ..a_limit() }), Ok(()));
}

#[test]
fn rules_that_cannot_hold_are_refused() {
    for (seconds, verdict) in
        [(0, senseless("window")), (1, Ok(())), (limits::WINDOW_S, Ok(())), (limits::WINDOW_S + 1, senseless("window"))]
    {
        assert_eq!(with_limit(Limit { window: Window::Rolling(seconds), ..a_limit() }), verdict, "{seconds}");
    }
    for (count, verdict) in [(0, senseless("quorum")), (1, Ok(())), (2, Ok(())), (3, senseless("quorum"))] {
        assert_eq!(quorum(vec![vec![Seats { group: "ops".into(), count }]]), verdict, "{count}");
    }
    assert_eq!(quorum(vec![]), senseless("quorum of nobody"));
    assert_eq!(quorum(vec![vec![]]), senseless("quorum of nobody"));
    let beyond = refused(|s| {
        s.wallets.clear();
        s.vaults[0].index = VaultIndex(1 << 31);
    });
    assert_eq!(beyond, PolicySetError::Senseless("vault index"));
    assert_eq!(refused(|s| s.groups[0].members.clear()), PolicySetError::Senseless("group of nobody"));
    let mut last = sound();
    last.wallets.clear();
    last.vaults[0].index = VaultIndex((1 << 31) - 1);
    assert_eq!(last.validate(), Ok(()));
}

#[test]
fn conditions_that_cannot_hold_are_refused() {
    let any = Conditions::default;
    let amount = |n| Some(Amount::from_u64(n));
    let band =
        |measure, above, at_most| with_when(Conditions { amounts: vec![Band { measure, above, at_most }], ..any() });
    let usdc = || Measure::Asset(usdc());
    assert_eq!(band(usdc(), amount(1), amount(2)), Ok(()));
    assert_eq!(band(usdc(), amount(2), amount(2)), senseless("empty range of amounts"));
    assert_eq!(band(usdc(), None, None), senseless("empty range of amounts"));
    assert_eq!(band(Measure::Count, amount(1), None), senseless("amount of intents in one intent"));
    assert_eq!(band(usdc(), amount(1), None), Ok(()));
    assert_eq!(band(usdc(), None, amount(1)), Ok(()));
    let life = |from, until| with_when(Conditions { from: Some(UnixMs(from)), until: Some(UnixMs(until)), ..any() });
    assert_eq!(life(5, 5), senseless("rule that ends before it begins"));
    assert_eq!(life(5, 6), Ok(()));
    let span = |days: &[u8], from_minute, to_minute| Hours {
        zone: "UTC".into(),
        days: days.iter().copied().collect(),
        from_minute,
        to_minute,
    };
    let hours = |spans: Vec<Hours>| with_when(Conditions { hours: spans, ..any() });
    assert_eq!(hours(vec![span(&[1], 0, 1440)]), Ok(()));
    for wrong in [span(&[], 0, 1), span(&[0], 0, 1), span(&[8], 0, 1), span(&[1], 5, 5), span(&[1], 0, 1441)] {
        assert_eq!(hours(vec![wrong]), senseless("hours"));
    }
    assert_eq!(hours(vec![span(&[1], 0, 60), span(&[1], 60, 90), span(&[2], 0, 60)]), Ok(()));
    assert_eq!(hours(vec![span(&[1, 2], 0, 60), span(&[2], 59, 90)]), senseless("overlapping hours"));
    assert_eq!(hours(vec![span(&[2], 59, 90), span(&[1, 2], 0, 60)]), senseless("overlapping hours"));
    assert_eq!(hours(vec![span(&[3], 0, 60), span(&[1], 0, 9), span(&[1], 8, 10)]), senseless("overlapping hours"));
    assert_eq!(hours(vec![span(&[1], 60, 90), span(&[1], 0, 60)]), Ok(()), "one ends as the other begins");
    let elsewhere = |from, to| Hours { zone: "Europe/Zurich".into(), ..span(&[1], from, to) };
    assert_eq!(hours(vec![span(&[1], 0, 60), elsewhere(0, 60)]), Ok(()), "of another zone");
    assert_eq!(hours(vec![Hours { zone: "x".into(), ..span(&[1], 0, 1) }]), unknown("time zone"));
    let block =
        Rule { name: "b".into(), when: Conditions { within: vec!["day".into()], ..any() }, then: Ruling::Block };
    assert_eq!(with_rule(block), senseless("block within a limit"));
    let count = Cap::Amount { measure: Measure::Count, most: Amount::ZERO };
    let counted = with_terms(Terms { caps: vec![count], ..Terms::default() });
    assert_eq!(counted, senseless("amount of intents in one intent"));
    let fee = FeeCap { network: EVM, most: Amount::ZERO };
    let fees = |n| with_terms(Terms { max_fees: vec![fee; n], ..Terms::default() });
    assert_eq!([fees(1), fees(2)], [Ok(()), Err(PolicySetError::Repeated("fee cap"))]);
    let share = |basis_points| {
        with_terms(Terms {
            caps: vec![Cap::ShareOfBalance { asset: AssetKey::native(EVM), basis_points }],
            ..Terms::default()
        })
    };
    assert_eq!([share(0), share(1), share(10_000), share(10_001)].map(|v| v.is_ok()), [false, true, true, false]);
    let test = |test| {
        let arguments = vec![ArgumentCondition { word: 0, test }];
        let call = CallCondition { network: EVM, contract: address(9), function: "f()".into(), arguments };
        with_when(Conditions { calls: vec![call], ..any() })
    };
    let (one, two) = (Amount::from_u64(1), Amount::from_u64(2));
    assert_eq!(test(WordTest::Between { least: one, most: one }), Ok(()));
    assert_eq!(test(WordTest::Between { least: two, most: one }), senseless("empty range of an argument"));
    assert_eq!(test(WordTest::OneOf(BTreeSet::new())), senseless("argument without a value"));
    assert_eq!(test(WordTest::Destination(vec![])), senseless("argument without a destination"));
    let contract = Destination::Contract(AllowEntry { network: EVM, address: address(1) });
    assert_eq!(test(WordTest::Destination(vec![contract])), senseless("argument without a destination"));
    assert_eq!(test(WordTest::Destination(vec![Destination::List("x".into())])), unknown("allow-list"));
    assert_eq!(test(WordTest::Destination(vec![Destination::Internal])), Ok(()));
    let words = |n: u64| test(WordTest::OneOf((0..n).map(Amount::from_u64).collect()));
    let n = limits::MATCH_LIST as u64;
    assert_eq!([words(n), words(n + 1)], [Ok(()), Err(PolicySetError::Bound("list of an argument's values"))]);
    let places = |n| test(WordTest::Destination(vec![Destination::Internal; n]));
    let n = limits::MATCH_LIST;
    assert_eq!([places(n), places(n + 1)], [Ok(()), Err(PolicySetError::Bound("list of an argument's values"))]);
}

#[test]
fn calls_and_messages_have_so_many_conditions_at_most() {
    let test = || WordTest::OneOf(BTreeSet::from([Amount::ZERO]));
    let call = |n: usize| {
        let arguments = vec![ArgumentCondition { word: 0, test: test() }; n];
        let call = CallCondition { network: EVM, contract: address(9), function: "f()".into(), arguments };
        with_when(Conditions { calls: vec![call], ..Conditions::default() })
    };
    let message = |n: usize, field: &str, test: WordTest| {
        let fields = vec![FieldCondition { field: field.into(), test }; n];
        let kind = "Mail(address to)".into();
        let message = MessageCondition { network: EVM, contract: address(9), kind, fields };
        with_when(Conditions { messages: vec![message], ..Conditions::default() })
    };
    let n = limits::MATCH_LIST;
    assert_eq!([call(n), call(n + 1)], [Ok(()), Err(PolicySetError::Bound("list of a call's arguments"))]);
    assert_eq!(message(n, "to", test()), Ok(()));
    assert_eq!(message(n + 1, "to", test()), Err(PolicySetError::Bound("list of a message's fields")));
    assert_eq!(message(1, "", test()), Err(PolicySetError::Bound("field")));
    let empty = WordTest::OneOf(BTreeSet::new());
    assert_eq!(message(1, "to", empty), senseless("argument without a value"));
}

/// M1: beside every amount in dollars stands a cap or limit of each asset that the rule lets move.
#[test]
fn m1_every_amount_in_dollars_has_a_native_cap_beside_it() {
    let refused = senseless("amount in dollars without a cap of each asset beside it");
    let cap = |measure| Cap::Amount { measure, most: Amount::ZERO };
    let rule = |assets: Vec<AssetKey>, caps: Vec<Cap>, limits: &[&str]| {
        let limits = limits.iter().map(|l| l.to_string()).collect();
        with_rule(allow(
            "further",
            Conditions { assets, ..Conditions::default() },
            Terms { caps, limits, ..Terms::default() },
        ))
    };
    let usd = || cap(Measure::Usd);
    let native = || cap(Measure::Asset(usdc()));
    assert_eq!(rule(vec![usdc()], vec![usd(), native()], &[]), Ok(()));
    assert_eq!(rule(vec![usdc()], vec![usd()], &["day"]), Ok(()), "a limit of the asset does too");
    assert_eq!(rule(vec![usdc()], vec![usd()], &[]), refused);
    assert_eq!(rule(vec![], vec![usd(), native()], &[]), refused, "of any asset");
    assert_eq!(rule(vec![usdc(), AssetKey::native(EVM)], vec![usd(), native()], &[]), refused, "of another asset");
    let band = |at_most, above| {
        let amounts = vec![Band { measure: Measure::Usd, above, at_most }];
        with_when(Conditions { amounts, ..Conditions::default() })
    };
    assert_eq!(band(Some(Amount::ZERO), None), refused);
    assert_eq!(band(None, Some(Amount::ZERO)), Ok(()), "what begins above an amount caps nothing");
    let mut set = sound();
    set.vaults[0].limits.push(Limit { name: "usd".into(), measure: Measure::Usd, ..a_limit() });
    set.vaults[0].rules[0].when.within = vec!["usd".into()];
    assert_eq!(set.validate(), refused);
}

/// K1: a non-hardened child and the extended public key give the parent away.
#[test]
fn k1_cold_and_raw_signing_vaults_share_no_root() {
    let opaque = || Conditions { kinds: vec!["transfer".into(), "raw_call".into()], ..Conditions::default() };
    let cold = |s: &mut PolicySet, at: usize| s.vaults[at].temperature = Temperature::Cold;
    let raw = |s: &mut PolicySet, at: usize| s.vaults[at].rules[0].when = opaque();
    for at in [0, 1] {
        assert_eq!(refused(|s| cold(s, at)), PolicySetError::SharedRoot);
        assert_eq!(refused(|s| raw(s, at)), PolicySetError::SharedRoot);
        let mut apart = sound();
        apart.vaults[at].root = RootIndex(1);
        cold(&mut apart, at);
        raw(&mut apart, 1 - at);
        assert_eq!(apart.validate(), Ok(()));
    }
    assert_eq!(refused(|s| (cold(s, 0), cold(s, 1)).0), PolicySetError::SharedRoot, "not even with one another");
    let mut denied = sound();
    denied.vaults[0].rules = vec![Rule { name: "no".into(), when: opaque(), then: Ruling::Block }];
    assert_eq!(denied.validate(), Ok(()), "denying raw bytes signs none");
}

/// I1, P2: a key speaks for its person and for one purpose only.
#[test]
fn a_key_is_found_for_its_purpose_only() {
    let set = sound();
    let key = PublicKey::Ed25519([2; 32]);
    assert_eq!(set.person_by_key(&key, KeyPurpose::Approve).map(|p| p.id), Some(person(2)));
    assert_eq!(set.person_by_key(&key, KeyPurpose::Initiate).map(|p| p.id), None);
    assert_eq!(set.person_by_key(&PublicKey::P256([2; 33]), KeyPurpose::Approve).map(|p| p.id), None);
}

#[test]
fn kinds_are_spelled_as_effects_spell_them() {
    use crate::effects::{Effect, OpaqueKind};
    let (asset, to, amount) = (usdc(), address(1), Amount::ZERO);
    let (network, payload) = (EVM, Digest::ZERO);
    let opaque = |kind| Effect::Opaque { network, kind, target: None, value: amount, payload };
    let effects = [
        Effect::Transfer { asset, to, amount },
        Effect::Approve { asset, spender: to, amount },
        Effect::TransferFrom { asset, owner: to, to, amount },
        Effect::Permit { asset, spender: to, amount, deadline_s: 0 },
        Effect::Call { network, contract: to, value: amount, function: String::new(), data: vec![] },
        Effect::TypedMessage { network, contract: to, kind: String::new(), fields: vec![], payload },
        Effect::Delegate { network, delegate: to },
        Effect::SelfCancel { network },
        Effect::OwnershipProof { network, statement: String::new() },
        opaque(OpaqueKind::Call),
        opaque(OpaqueKind::TypedData),
        opaque(OpaqueKind::Message),
        opaque(OpaqueKind::Creation),
    ];
    assert_eq!(effects.map(|e| e.kind()), KINDS);
}

fn passkeys(n: usize) -> Vec<Passkey> {
    let one = |i: usize| Passkey {
        credential: vec![1; i + 1],
        key: PublicKey::P256(std::array::from_fn(|at| if at < 8 { i.to_be_bytes()[at] } else { 9 })),
        relying_party: "my-rp.example".into(),
        backup_eligible: false,
    };
    (0..n).map(one).collect()
}

fn names(n: usize) -> BTreeSet<String> {
    (0..n).map(|i| format!("t{i}")).collect()
}

fn addresses(n: usize) -> BTreeSet<AllowEntry> {
    let entry = |n: usize| AllowEntry { network: EVM, address: Address::new(&(n + 1000).to_be_bytes()).unwrap() };
    (0..n).map(entry).collect()
}

/// Each bound by itself: exactly so many pass, and one more does not.
#[test]
fn bounds_hold_to_the_last() {
    type Fill = fn(&mut PolicySet, usize);
    let cases: [(&str, usize, Fill); 12] = [
        ("list of people", limits::LIST, |s, n| {
            let person = |i: usize| Person {
                id: PersonId::from_bytes(std::array::from_fn(|at| if at < 8 { i.to_be_bytes()[at] } else { 7 })),
                name: format!("p{i}"),
                keys: vec![],
                passkeys: vec![],
            };
            s.people.extend((2..n).map(person));
        }),
        ("allow-list", limits::ALLOW_ENTRIES, |s, n| s.allow_lists[0].entries = addresses(n)),
        ("list of tags", limits::MATCH_LIST, |s, n| s.allow_lists[0].tags = names(n)),
        ("list of tags", limits::MATCH_LIST, |s, n| s.wallets[0].tags = names(n)),
        ("list of a wallet's addresses", limits::MATCH_LIST, |s, n| s.wallets[0].addresses = addresses(n)),
        ("list of passkeys", limits::PERSON_KEYS, |s, n| s.people[0].passkeys = passkeys(n)),
        ("credential id", limits::CREDENTIAL_BYTES, |s, n| {
            s.people[0].passkeys = passkeys(1);
            s.people[0].passkeys[0].credential = vec![1; n];
        }),
        ("permit domain", limits::TEXT_BYTES, |s, n| s.permits[0].name = "x".repeat(n)),
        ("permit domain", limits::TEXT_BYTES, |s, n| s.permits[0].version = "x".repeat(n)),
        ("message type", limits::MESSAGE_KIND_BYTES, |s, n| s.messages[0].kind = "x".repeat(n)),
        ("list of limits", limits::RULES, |s, n| {
            let first = a_limit();
            s.vaults[0].limits = (0..n).map(|i| Limit { name: format!("l{i}"), ..first.clone() }).collect();
        }),
        ("list of rules", limits::RULES, |s, n| {
            let when = |i: usize| Conditions { until: Some(UnixMs(i as u64)), ..Conditions::default() };
            let rule = |i: usize| Rule { name: format!("r{i}"), when: when(i), then: Ruling::Block };
            s.vaults[0].rules = (0..n).map(rule).collect();
        }),
    ];
    for (what, most, fill) in cases {
        let mut full = sound();
        fill(&mut full, most);
        assert_eq!(full.validate(), Ok(()), "{what}");
        assert_eq!(refused(|s| fill(s, most + 1)), PolicySetError::Bound(what));
    }
}

/// Each text by itself: nothing empty where a name is needed, and no control characters anywhere.
#[test]
fn texts_are_plain() {
    type Write = fn(&mut PolicySet, &str);
    let with_key = |s: &mut PolicySet, party: &str| {
        s.people[0].passkeys = passkeys(1);
        s.people[0].passkeys[0].relying_party = party.into();
    };
    let cases: [(&str, Write); 5] = [
        ("tag", |s, text| s.allow_lists[0].tags.extend([text.to_string()])),
        ("tag", |s, text| s.wallets[0].tags.extend([text.to_string()])),
        ("relying party", with_key),
        ("message type", |s, text| s.messages[0].kind = text.into()),
        ("limit name", |s, text| s.vaults[0].limits[0].name = text.into()),
    ];
    for (what, write) in cases {
        for bad in ["", "bell\u{7}"] {
            assert_eq!(refused(|s| write(s, bad)), PolicySetError::Bound(what), "{bad:?}");
        }
    }
    assert_eq!(refused(|s| s.permits[0].name = "bell\u{7}".into()), PolicySetError::Bound("permit domain"));
    let mut nameless = sound();
    nameless.permits[0].version = String::new();
    assert_eq!(nameless.validate(), Ok(()), "a permit's domain may lack a version");
}

/// P2: credentials tell passkeys apart; keys are of the one kind that authenticators have, and nobody's other key.
#[test]
fn p2_passkeys_are_told_apart() {
    let with = |change: fn(&mut Vec<Passkey>)| {
        let mut set = sound();
        set.people[0].passkeys = passkeys(2);
        change(&mut set.people[0].passkeys);
        set.validate()
    };
    assert_eq!(with(|_| ()), Ok(()));
    assert_eq!(with(|all| all[0].credential.clear()), Err(PolicySetError::Bound("credential id")));
    assert_eq!(with(|all| all[1].credential = all[0].credential.clone()), Err(PolicySetError::Repeated("credential")));
    assert_eq!(with(|all| all[1].key = all[0].key), Err(PolicySetError::Repeated("key")));
    let other = senseless("passkey of another kind than P-256");
    assert_eq!(with(|all| all[1].key = PublicKey::Ed25519([8; 32])), other);
}

/// P1: who may brake is a group of this set; a change waits for a time that is one.
#[test]
fn p1_brakes_and_delays_are_sound() {
    let with = |change: &dyn Fn(&mut PolicySet)| {
        let mut set = sound();
        change(&mut set);
        set.validate()
    };
    let groups: [fn(&mut PolicySet) -> &mut Option<String>; 2] = [|s| &mut s.freezers, |s| &mut s.vetoers];
    for group in groups {
        assert_eq!(with(&|s| *group(s) = Some("ops".into())), Ok(()));
        assert_eq!(with(&|s| *group(s) = Some("x".into())), unknown("group"));
    }
    let most = limits::CHANGE_DELAY_S;
    for (delay, verdict) in [(0, false), (1, true), (most, true), (most + 1, false)] {
        let expected = if verdict { Ok(()) } else { senseless("delay of a change") };
        assert_eq!(with(&|s| s.change_delay_s = Some(delay)), expected, "{delay}");
    }
}
