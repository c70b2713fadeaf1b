//! Every way a policy set can be refused, and that a sound one is not.

use super::*;
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

fn rule(name: &str, then: Demand) -> Rule {
    Rule { name: name.into(), when: Match::default(), then }
}

fn vault(n: u32, root: u16) -> Vault {
    let permit = rule("permit", Demand::Permit);
    let root = RootIndex(root);
    Vault { index: VaultIndex(n), name: format!("v{n}"), temperature: Temperature::Warm, root, rules: vec![permit] }
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
        version: 1,
        genesis: Digest::ZERO,
        sequence: 1,
        previous: None,
        issued_at: UnixMs(0),
        people: people.into(),
        groups: vec![Group { name: "ops".into(), members: BTreeSet::from([person(1), person(2)]) }],
        networks: vec![EVM, BTC],
        assets: vec![asset("eth", AssetKey::native(EVM)), asset("btc", AssetKey::native(BTC)), asset("usdc", usdc())],
        allow_lists: vec![AllowList { name: "known".into(), entries: BTreeSet::from([entry]) }],
        functions: vec![ContractFunction { network: EVM, contract: address(9), signature: "f()".into() }],
        permits: vec![PermitDomain { asset: usdc(), name: "USDC".into(), version: "2".into(), max_life_s: 60 }],
        vaults: vec![vault(1, 0), vault(2, 0)],
    }
}

fn refused(change: impl FnOnce(&mut PolicySet)) -> PolicySetError {
    let mut set = sound();
    change(&mut set);
    set.validate().expect_err("this set is not sound")
}

/// The verdict on a first vault with one more rule.
fn with_rule(then: Demand) -> Result<(), PolicySetError> {
    let mut set = sound();
    set.vaults[0].rules.push(rule("further", then));
    set.validate()
}

fn with_match(when: Match) -> PolicySetError {
    refused(|s| s.vaults[0].rules[0].when = when)
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
    let cases: [(&str, Grow); 8] = [
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
    let rules = |n: usize| (0..n).map(|i| rule(&format!("r{i}"), Demand::Deny)).collect();
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
    most.vaults[0].rules[0].when.kinds = vec!["transfer".into(); limits::MATCH_LIST];
    assert_eq!(most.validate(), Ok(()));
    assert_eq!(refused(|s| s.people[0].keys = keys(limits::PERSON_KEYS + 1)), PolicySetError::Bound("list of keys"));
    let n = limits::MATCH_LIST + 1;
    for when in [
        Match { kinds: vec!["transfer".into(); n], ..Match::default() },
        Match { networks: vec![EVM; n], ..Match::default() },
        Match { assets: vec![usdc(); n], ..Match::default() },
        Match { initiators: vec!["ops".into(); n], ..Match::default() },
    ] {
        assert_eq!(with_match(when), PolicySetError::Bound("list of a rule's conditions"));
    }
    let lists = |n| with_rule(Demand::AllowList { lists: vec!["known".into(); n] });
    assert_eq!(lists(n), Err(PolicySetError::Bound("list of a rule's allow-lists")));
    assert_eq!(lists(n - 1), Ok(()));
}

/// I1: four eyes strike the initiator, so a quorum of everybody could never be met.
#[test]
fn i1_four_eyes_leave_every_quorum_reachable() {
    let unreachable = Err(PolicySetError::Senseless("quorum under four eyes"));
    let set = |initiator: Option<usize>, count, eyes: Option<Match>| {
        let mut set = sound();
        if let Some(at) = initiator {
            set.people[at].keys[0].purpose = KeyPurpose::Initiate;
        }
        set.groups.push(Group { name: "desk".into(), members: BTreeSet::from([person(2)]) });
        set.vaults[0].rules.push(rule("quorum", Demand::Approvals { group: "ops".into(), count, above: None }));
        let eyes = eyes.map(|when| Rule { when, ..rule("eyes", Demand::InitiatorMayNotApprove) });
        set.vaults[0].rules.extend(eyes);
        set.validate()
    };
    let any = || Some(Match::default());
    let desk = || Some(Match { initiators: vec!["desk".into()], ..Match::default() });
    assert_eq!(set(Some(0), 2, any()), unreachable);
    assert_eq!(set(Some(1), 2, any()), unreachable);
    assert_eq!(set(Some(0), 1, any()), Ok(()));
    assert_eq!(set(Some(0), 2, None), Ok(()), "no four eyes");
    assert_eq!(set(None, 2, any()), Ok(()), "nobody in the group initiates");
    assert_eq!(set(Some(1), 2, desk()), unreachable);
    assert_eq!(set(Some(0), 2, desk()), Ok(()), "only the desk is struck, which person 1 is not of");
}

#[test]
fn nothing_is_defined_twice() {
    type Repeat = fn(&mut PolicySet);
    fn again<T: Clone>(list: &mut Vec<T>) {
        list.push(list[0].clone());
    }
    let cases: [(&str, Repeat); 12] = [
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
    let cases: [(&str, Refer); 7] = [
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
    let any = Match::default;
    let stranger = AssetKey::token(EVM, address(1));
    let unknown = PolicySetError::Unknown;
    assert_eq!(with_match(Match { initiators: vec!["x".into()], ..any() }), unknown("group"));
    assert_eq!(with_match(Match { assets: vec![stranger], ..any() }), unknown("asset"));
    assert_eq!(with_match(Match { networks: vec![NetworkId::Evm(5)], ..any() }), unknown("network"));
    assert_eq!(with_match(Match { kinds: vec!["Transfer".into()], ..any() }), unknown("effect kind"));
    let amount = Amount::ZERO;
    let above = Some(Threshold { asset: stranger, amount });
    for (then, what) in [
        (Demand::AllowList { lists: vec!["known".into(), "x".into()] }, "allow-list"),
        (Demand::CapPerTransaction { asset: stranger, amount }, "asset"),
        (Demand::CapPerWindow { asset: stranger, amount, window_s: 1, scope: Scope::Vault }, "asset"),
        (Demand::Approvals { group: "x".into(), count: 1, above: None }, "group"),
        (Demand::Approvals { group: "ops".into(), count: 1, above }, "asset"),
        (Demand::MaxFee { network: NetworkId::Evm(5), amount }, "network"),
    ] {
        assert_eq!(with_rule(then), Err(unknown(what)));
    }
    assert_eq!(with_rule(Demand::AllowList { lists: vec!["known".into()] }), Ok(()));
}

#[test]
fn rules_that_cannot_hold_are_refused() {
    let window = |window_s| {
        with_rule(Demand::CapPerWindow { asset: usdc(), amount: Amount::ZERO, window_s, scope: Scope::Wallet })
    };
    let quorum = |count| with_rule(Demand::Approvals { group: "ops".into(), count, above: None });
    let senseless = |what| Err(PolicySetError::Senseless(what));
    for (window_s, verdict) in
        [(0, senseless("window")), (1, Ok(())), (limits::WINDOW_S, Ok(())), (limits::WINDOW_S + 1, senseless("window"))]
    {
        assert_eq!(window(window_s), verdict, "{window_s}");
    }
    for (count, verdict) in [(0, senseless("quorum")), (1, Ok(())), (2, Ok(())), (3, senseless("quorum"))] {
        assert_eq!(quorum(count), verdict, "{count}");
    }
    assert_eq!(refused(|s| s.vaults[0].index = VaultIndex(1 << 31)), PolicySetError::Senseless("vault index"));
    let mut last = sound();
    last.vaults[0].index = VaultIndex((1 << 31) - 1);
    assert_eq!(last.validate(), Ok(()));
}

/// K1: a non-hardened child and the extended public key give the parent away.
#[test]
fn k1_cold_and_raw_signing_vaults_share_no_root() {
    let opaque = || Match { kinds: vec!["transfer".into(), "opaque".into()], ..Match::default() };
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
    denied.vaults[0].rules = vec![Rule { when: opaque(), ..rule("no", Demand::Deny) }];
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
    let effects = [
        Effect::Transfer { asset, to, amount },
        Effect::Approve { asset, spender: to, amount },
        Effect::TransferFrom { asset, owner: to, to, amount },
        Effect::Permit { asset, spender: to, amount, deadline_s: 0 },
        Effect::Call { network, contract: to, value: amount, function: String::new(), data: vec![] },
        Effect::Delegate { network, delegate: to },
        Effect::SelfCancel { network },
        Effect::OwnershipProof { network, statement: String::new() },
        Effect::Opaque { network, kind: OpaqueKind::Call, target: None, value: amount, payload },
    ];
    assert_eq!(effects.map(|e| e.kind()), KINDS);
}
