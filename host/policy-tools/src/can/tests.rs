//! Answers over all inputs: what is found can happen, and where nothing is found nothing can.

use super::*;
use crate::fixture::{EXCHANGE, NOW, SUPPLIER, set};
use ringi_primitives::id::WalletId;
use ringi_primitives::policy_set::{Destination, Initiator, Source};
use std::collections::BTreeMap;

fn query(set: &PolicySet, to: Option<&str>, above: &str, without: &[&str]) -> Query {
    let asset = set.asset("usdc").unwrap();
    let network = asset.key.network;
    let person = |name: &&str| set.people.iter().find(|p| p.name == **name).unwrap().id;
    Query {
        kinds: vec!["transfer".into()],
        asset: asset.key,
        to: to.map(|text| AllowEntry { network, address: ringi_chain::parse_address(network, text).unwrap() }),
        above: Amount::parse_decimal(above, 6).unwrap(),
        without: without.iter().map(person).collect(),
        now: NOW,
    }
}

fn rules(set: &PolicySet, query: &Query) -> Vec<String> {
    can(set, query).unwrap().into_iter().map(|w| w.rule).collect()
}

/// Small ones alone, large ones with the treasurers, strangers never.
const DESK: &str = r#"
[[vaults.rules]]
name = "small"
kinds = ["transfer"]
assets = ["usdc"]
to = ["list:suppliers", "internal"]
amounts = [{ of = "usdc", at_most = "100" }]
allow = {}
[[vaults.rules]]
name = "large"
kinds = ["transfer"]
assets = ["usdc"]
allow = { approvals = "2 of treasurers", limits = ["day"] }
[[vaults.rules]]
name = "strangers"
to = ["unlisted"]
block = true
"#;

#[test]
fn amounts_lists_and_approvers_are_seen_together() {
    let set = set(DESK);
    let ask = |to, above, without: &[&str]| rules(&set, &query(&set, to, above, without));
    assert_eq!(ask(Some(SUPPLIER), "0", &[]), ["small", "large"]);
    assert_eq!(ask(Some(SUPPLIER), "100", &[]), ["large"], "exactly 100 is still small");
    assert_eq!(ask(Some(SUPPLIER), "100", &["Amir", "Bea"]), [""; 0], "Hana alone is not two");
    assert_eq!(ask(Some(SUPPLIER), "99", &["Amir", "Bea"]), ["small"]);
    assert_eq!(ask(Some(SUPPLIER), "100", &["Amir"]), ["large"], "Hana and Bea");
    assert_eq!(ask(Some(SUPPLIER), "1000", &[]), [""; 0], "beyond the day's limit");
    assert_eq!(ask(Some(SUPPLIER), "999.999999", &[]), ["large"]);
    assert_eq!(ask(Some(EXCHANGE), "0", &["Amir", "Bea"]), [""; 0]);
    let stranger = Some("0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65");
    assert_eq!(ask(stranger, "0", &[]), [""; 0], "the block stands last and wins");
}

#[test]
fn an_earlier_rule_takes_what_a_later_one_would_allow() {
    let strict = r#"
[[vaults.rules]]
name = "strict"
kinds = ["transfer"]
assets = ["usdc"]
allow = { approvals = "2 of treasurers" }
[[vaults.rules]]
name = "loose"
kinds = ["transfer"]
initiators = ["group:traders"]
allow = {}
"#;
    let with = |rules: &str| set(rules);
    let strict = with(strict);
    assert_eq!(
        rules(&strict, &query(&strict, None, "0", &["Amir", "Bea"])),
        [""; 0],
        "loose is never reached for usdc"
    );
    let hours = r#"
[[vaults.rules]]
name = "strict"
kinds = ["transfer"]
hours = [{ zone = "Europe/Zurich", days = ["mon", "tue", "wed", "thu", "fri", "sat"], from = "00:00", to = "24:00" }]
allow = { approvals = "2 of treasurers" }
[[vaults.rules]]
name = "loose"
kinds = ["transfer"]
initiators = ["person:Ines"]
allow = {}
"#;
    let hours = with(hours);
    assert_eq!(rules(&hours, &query(&hours, None, "0", &["Amir", "Bea"])), ["loose"], "on a Sunday");
    let within = r#"
[[vaults.rules]]
name = "strict"
kinds = ["transfer"]
within = ["day"]
allow = { approvals = "2 of treasurers" }
[[vaults.rules]]
name = "loose"
kinds = ["transfer"]
initiators = ["person:Ines"]
allow = {}
"#;
    let within = with(within);
    let ways = can(&within, &query(&within, None, "0", &["Amir", "Bea"])).unwrap();
    assert_eq!(
        (ways[0].rule.as_str(), ways[0].full.as_slice(), ways[0].initiator.as_str()),
        ("loose", &["day".to_string()][..], "Ines")
    );
}

#[test]
fn four_eyes_and_independent_displays_count() {
    let own = r#"
[[vaults.rules]]
name = "own"
initiators = ["group:traders"]
allow = { approvals = "1 of treasurers", initiator_may_not_approve = true }
"#;
    let own = set(own);
    let ways = can(&own, &query(&own, None, "0", &["Amir", "Bea"])).unwrap();
    assert_eq!(ways.iter().map(|w| w.initiator.as_str()).collect::<Vec<_>>(), ["Ines"], "Hana cannot approve her own");
    assert_eq!(rules(&own, &query(&own, None, "0", &["Hana", "Amir", "Bea"])), [""; 0]);
}

/// A rule is reached through each of its quorums: who can ask with one may be stopped with another.
#[test]
fn every_quorum_is_a_way() {
    let set = set(r#"
[[vaults.rules]]
name = "not ines"
initiators = ["person:Ines"]
block = true
[[vaults.rules]]
name = "either"
allow = { approvals = "2 of treasurers or 2 of \"the board\"", initiator_may_not_approve = true }
"#);
    // Without Amir two treasurers approve only what Ines asks, who may not; two of the board what Hana asks.
    assert_eq!(rules(&set, &query(&set, None, "0", &["Amir"])), ["either"]);
    assert_eq!(rules(&set, &query(&set, None, "0", &["Amir", "Carl"])), [""; 0]);
}

/// A contract that a rule names is one that is called or approved, not one that is paid.
#[test]
fn a_payment_to_a_contract_is_not_a_call_of_it() {
    let set = set(&format!(
        r#"
[[vaults.rules]]
name = "contract"
networks = ["eip155:1"]
to = ["contract:eip155:1/{EXCHANGE}"]
allow = {{ approvals = "2 of treasurers" }}
[[vaults.rules]]
name = "loose"
kinds = ["transfer", "approve"]
allow = {{}}
"#
    ));
    let ask = |kind: &str| {
        let query = Query { kinds: vec![kind.into()], ..query(&set, Some(EXCHANGE), "0", &["Amir", "Bea"]) };
        rules(&set, &query)
    };
    assert_eq!(ask("transfer"), ["loose"]);
    assert_eq!(ask("approve"), [""; 0]);
}

/// Numbers that look like dice and are always the same.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }

    fn pick<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.roll(all.len())].clone()
    }

    /// One of these, or none: as often as not none.
    fn maybe<T: Clone>(&mut self, all: &[T]) -> Vec<T> {
        if self.roll(2) == 0 { vec![] } else { vec![self.pick(all)] }
    }
}

const KINDS_ASKED: [&str; 6] = ["transfer", "approve", "call", "delegate", "raw_call", "self_cancel"];
const STRANGER: &str = "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65";

fn entry(text: &str) -> AllowEntry {
    let network = ringi_primitives::network::NetworkId::Evm(1);
    AllowEntry { network, address: ringi_chain::parse_address(network, text).unwrap() }
}

fn any_conditions(dice: &mut Dice, set: &PolicySet) -> Conditions {
    use ringi_primitives::policy_set::Hours;
    let usdc = set.asset("usdc").unwrap().key;
    let eth = set.asset("eth").unwrap().key;
    let ines = set.people[0].id;
    let own = set.wallets[0].wallet.wallet;
    let places = [
        Destination::List("suppliers".into()),
        Destination::Tag("known".into()),
        Destination::Internal,
        Destination::Unlisted,
        Destination::Contract(entry(EXCHANGE)),
        Destination::Contract(entry(SUPPLIER)),
    ];
    let borders = [50, 100, 500].map(|n| Amount::from_u64(n * 1_000_000));
    let (above, at_most) = (dice.maybe(&borders).pop(), dice.maybe(&borders).pop());
    let band = Band { measure: Measure::Asset(usdc), above, at_most };
    let hours = |zone: &str, days: &[u8], from_minute, to_minute| Hours {
        zone: zone.into(),
        days: days.iter().copied().collect(),
        from_minute,
        to_minute,
    };
    let all_hours = [
        hours("Europe/Zurich", &[1, 2, 3, 4, 5], 540, 1020),
        hours("America/New_York", &[3, 6], 30, 1440),
        hours("Asia/Tokyo", &[7], 0, 1440),
    ];
    let edges = [0, 40, 400].map(|days: u64| NOW.plus_ms(days * 86_400_000 + 1));
    Conditions {
        kinds: dice.maybe(&KINDS_ASKED.map(str::to_string)),
        assets: dice.maybe(&[usdc, usdc, eth]),
        initiators: dice.maybe(&[Initiator::Person(ines), Initiator::Group("heads".into())]),
        sources: dice.maybe(&[Source::Wallet(own), Source::Tag("hot".into())]),
        destinations: dice.maybe(&places),
        amounts: if above.or(at_most).is_some() { vec![band] } else { vec![] },
        hours: dice.maybe(&all_hours),
        from: dice.maybe(&edges).pop().filter(|_| dice.roll(2) == 0),
        until: dice.maybe(&edges).pop().filter(|_| dice.roll(2) == 0),
        ..Conditions::default()
    }
}

fn any_rule(dice: &mut Dice, set: &PolicySet, n: usize) -> Rule {
    let when = any_conditions(dice, set);
    if dice.roll(4) == 0 {
        return Rule { name: format!("r{n}"), when, then: Ruling::Block };
    }
    let usdc = set.asset("usdc").unwrap().key;
    let seats = |dice: &mut Dice| {
        let group = dice.pick(&["heads", "treasurers", "the board"]).to_string();
        Seats { group, count: u32::try_from(1 + dice.roll(2)).unwrap() }
    };
    let ways = (0..1 + dice.roll(2)).map(|_| (0..1 + dice.roll(2)).map(|_| seats(dice)).collect()).collect();
    let initiator = dice.pick(&[OwnApproval::Counts, OwnApproval::DoesNotCount]);
    let approvals = Approvals { any_of: ways, initiator, display: dice.pick(&[Display::Any, Display::Independent]) };
    let most = Amount::from_u64(100_000_000);
    let fee = ringi_primitives::policy_set::FeeCap { network: usdc.network, most };
    let cap = Cap::Amount { measure: Measure::Asset(usdc), most };
    let terms = Terms {
        caps: dice.maybe(&[cap]),
        max_fees: vec![fee],
        approvals: dice.maybe(&[approvals]).pop(),
        ..Terms::default()
    };
    Rule { name: format!("r{n}"), when, then: Ruling::Allow(terms) }
}

/// One input: who asks for what, from where, when.
struct Input {
    kind: &'static str,
    initiator: PersonId,
    wallet: WalletId,
    to: AllowEntry,
    amount: Amount,
    at: UnixMs,
}

/// The rules that decide, if everybody approves who is not excluded.
fn decided(set: &PolicySet, query: &Query, asked: &Input) -> Vec<String> {
    use ringi_policy::{Coins, Decision, Question, decide};
    use ringi_primitives::effects::{Effect, OpaqueKind};
    let Input { to, amount, .. } = *asked;
    let (network, to) = (to.network, to.address);
    let (asset, value) = (query.asset, if query.asset.token.is_none() { amount } else { Amount::ZERO });
    let effect = match asked.kind {
        "transfer" => Effect::Transfer { asset, to, amount },
        "approve" => Effect::Approve { asset, spender: to, amount },
        "call" => Effect::Call { network, contract: to, value, function: "f()".into(), data: vec![] },
        "delegate" => Effect::Delegate { network, delegate: to },
        "self_cancel" => Effect::SelfCancel { network },
        _ => {
            let payload = ringi_primitives::digest::Digest::ZERO;
            Effect::Opaque { network, kind: OpaqueKind::Call, target: Some(to), value, payload }
        }
    };
    let approves = |p: &&ringi_primitives::policy_set::Person| !query.without.contains(&p.id);
    let has_key = |p: &&ringi_primitives::policy_set::Person| p.keys.iter().any(|k| k.purpose == KeyPurpose::Approve);
    let approvals = set.people.iter().filter(approves).filter(has_key).map(|p| p.id).collect();
    let spent: [ringi_primitives::decision::Spending; 0] = [];
    let wallet = ringi_primitives::wallet::WalletRef { vault: set.vaults[0].index, wallet: asked.wallet };
    let decision = decide(&Question {
        policy: set,
        wallet,
        initiator: asked.initiator,
        effects: &[effect],
        network,
        fee: Amount::ZERO,
        approvals: &approvals,
        independent: &approvals,
        intent: ringi_primitives::id::IntentId::NIL,
        spent: &spent,
        now: asked.at,
        prices: &BTreeMap::new(),
        balances: &BTreeMap::new(),
        signers: None,
        coins: Coins::Without,
    });
    match decision {
        Decision::Allow { rules, .. } => rules,
        _ => vec![],
    }
}

fn any_query(dice: &mut Dice, set: &PolicySet) -> Query {
    let to = dice.maybe(&[SUPPLIER, EXCHANGE, crate::fixture::OWN, STRANGER]).pop();
    let all = ["Hana", "Amir", "Bea", "Carl"];
    let without: Vec<&str> = all.into_iter().filter(|_| dice.roll(3) == 0).collect();
    let above = dice.pick(&["0", "49", "50", "99", "100", "500"]);
    let asset = set.asset(dice.pick(&["usdc", "usdc", "usdc", "eth"])).unwrap().key;
    let kind = dice.pick(&KINDS_ASKED);
    // By a cancel nobody gains.
    let to = to.filter(|_| kind != "self_cancel");
    Query { kinds: vec![kind.into()], asset, ..query(set, to, above, &without) }
}

/// Against the evaluator, over random rules: whatever it lets through, the search has found.
#[test]
fn what_cannot_be_is_never_decided() {
    let mut dice = Dice(1);
    let mut base = set("");
    let (mut seen, mut none) = (0, 0);
    for _ in 0..400 {
        let rules: Vec<Rule> = (0..1 + dice.roll(4)).map(|n| any_rule(&mut dice, &base, n)).collect();
        base.vaults[0].rules = rules;
        let query = any_query(&mut dice, &base);
        let found: Vec<String> = can(&base, &query).unwrap().into_iter().map(|w| w.rule).collect();
        none += usize::from(found.is_empty());
        let findings = crate::lint::lint(&base, NOW);
        let dead =
            |rule: &str| findings.iter().any(|f| f.rule == rule && ["shadowed", "unreachable"].contains(&f.code));
        let kind = KINDS_ASKED.into_iter().find(|k| *k == query.kinds[0]).unwrap();
        for _ in 0..100 {
            let more = dice.pick(&[1, 1_000_000, 51_000_000, 401_000_000]);
            let to = query.to.unwrap_or_else(|| entry(dice.pick(&[SUPPLIER, EXCHANGE, crate::fixture::OWN, STRANGER])));
            let asked = Input {
                kind,
                initiator: base.people[dice.roll(2)].id,
                wallet: dice.pick(&[base.wallets[0].wallet.wallet, crate::fixture::unnamed_wallet()]),
                to,
                amount: query.above.checked_add(Amount::from_u64(more)).unwrap(),
                at: NOW.plus_ms(dice.roll(500 * 24 * 4) as u64 * 900_000),
            };
            for rule in decided(&base, &query, &asked) {
                seen += 1;
                let (rules, to) = (&base.vaults[0].rules, asked.to);
                assert!(!dead(&rule), "{rule} speaks of {kind} to {to:?} at {}\n{rules:#?}", asked.at);
                assert!(
                    found.contains(&rule),
                    "{rule} lets {kind} to {to:?} at {} through\n{query:?}\n{rules:#?}",
                    asked.at
                );
            }
        }
    }
    assert!(seen > 500 && none > 50, "{seen} let through, {none} answered with no");
}

/// And what it has found, the evaluator lets through: of payments and approvals in the asset that rules see.
#[test]
fn what_is_found_is_decided() {
    let mut dice = Dice(2);
    let mut base = set("");
    let mut seen = 0;
    for _ in 0..900 {
        let rules: Vec<Rule> = (0..1 + dice.roll(4)).map(|n| any_rule(&mut dice, &base, n)).collect();
        base.vaults[0].rules = rules;
        let kind = dice.pick(&["transfer", "approve"]);
        let usdc = base.asset("usdc").unwrap().key;
        let query = Query { kinds: vec![kind.into()], asset: usdc, ..any_query(&mut dice, &base) };
        let vault = &base.vaults[0];
        let whens: Vec<&Conditions> = vault.rules.iter().map(|r| &r.when).collect();
        let times = Times::of(&whens, query.now);
        let ground = Ground::of(&base, vault, usdc.network, query.to, &times);
        let world = World { vault, ground: &ground, sort: Sort::of(kind, usdc) };
        let asked = Asked { world, set: &base, query: &query };
        for (at, rule) in vault.rules.iter().enumerate() {
            let Ruling::Allow(terms) = &rule.then else { continue };
            let Some((inputs, _)) = asked.found(at, rule, terms).unwrap() else { continue };
            seen += 1;
            let place = ground.places(&inputs).next().unwrap();
            let known = [SUPPLIER, EXCHANGE, crate::fixture::OWN, STRANGER].map(entry);
            let named = if place.address.is_some() { Named::ByRule } else { Named::ByNone };
            let is_it = |e: &AllowEntry| Place::of(&base, *e, named) == *place;
            let to = if *place == Place::nobody() { entry(STRANGER) } else { known.into_iter().find(is_it).unwrap() };
            let range = inputs.sums[&Measure::Asset(usdc)];
            let asked = Input {
                kind,
                initiator: *ground.people(&inputs).next().unwrap(),
                wallet: ground.wallets(&inputs).next().unwrap().unwrap_or_else(crate::fixture::unnamed_wallet),
                to: query.to.unwrap_or(to),
                amount: range.over.unwrap().checked_add(Amount::from_u64(1)).unwrap(),
                at: *ground.times(&inputs).next().unwrap(),
            };
            let said = decided(&base, &query, &asked);
            assert_eq!(said, std::slice::from_ref(&rule.name), "{query:?}\n{inputs:?}\n{:#?}", vault.rules);
        }
    }
    assert!(seen > 150, "{seen} found");
}
