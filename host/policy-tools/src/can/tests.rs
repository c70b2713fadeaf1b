//! Answers over all inputs: what is found can happen, and where nothing is found nothing can.

use super::*;
use crate::fixture::{EXCHANGE, NOW, SUPPLIER, set};

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

/// Against the evaluator: whatever the search says cannot be, no sampled input does.
#[test]
fn what_cannot_be_is_never_decided() {
    use ringi_policy::{Coins, Decision, Question, decide};
    use ringi_primitives::effects::Effect;
    use ringi_primitives::wallet::WalletRef;
    let set = set(DESK);
    let spent: [ringi_primitives::decision::Spending; 0] = [];
    let network = set.asset("usdc").unwrap().key.network;
    let targets = [SUPPLIER, EXCHANGE, "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65"];
    let approvers = ["Hana", "Amir", "Bea", "Carl"];
    for to in targets {
        for above in ["0", "99", "100", "500", "1000"] {
            for mask in 0..16_u8 {
                let without: Vec<&str> = (0..4).filter(|n| mask & (1 << n) != 0).map(|n| approvers[n]).collect();
                let q = query(&set, Some(to), above, &without);
                let found = !can(&set, &q).unwrap().is_empty();
                let people =
                    set.people.iter().filter(|p| approvers.contains(&p.name.as_str()) && !q.without.contains(&p.id));
                let approvals: BTreeSet<PersonId> = people.map(|p| p.id).collect();
                let amounts =
                    [1, 1_000_000, 400_000_000, 899_000_000].map(|n| q.above.checked_add(Amount::from_u64(n)).unwrap());
                let allowed = amounts.iter().any(|amount| {
                    let effects = [Effect::Transfer { asset: q.asset, to: q.to.unwrap().address, amount: *amount }];
                    let initiator = set.people[0].id;
                    matches!(
                        decide(&Question {
                            policy: &set,
                            wallet: WalletRef { vault: set.vaults[0].index, wallet: WalletId::NIL },
                            initiator,
                            effects: &effects,
                            network,
                            fee: Amount::ZERO,
                            approvals: &approvals,
                            independent: &approvals,
                            intent: ringi_primitives::id::IntentId::NIL,
                            spent: &spent,
                            now: NOW,
                            prices: &BTreeMap::new(),
                            balances: &BTreeMap::new(),
                            signers: None,
                            coins: Coins::Without,
                        }),
                        Decision::Allow { .. }
                    )
                });
                assert_eq!(found, allowed, "{to} above {above} without {without:?}");
            }
        }
    }
}
