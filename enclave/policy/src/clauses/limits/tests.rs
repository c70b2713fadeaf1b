//! What a limit counts, for whom, and until when.

use crate::fixture::*;
use ringi_primitives::amount::Amount;
use ringi_primitives::asset::AssetKey;
use ringi_primitives::decision::DenyReason::{LimitExceeded, Overflow, PriceMissing};
use ringi_primitives::decision::{Charge, LimitKey, Spending, Subject};
use ringi_primitives::effects::Effect;
use ringi_primitives::policy_set::{AllowEntry, Conditions, Limit, Measure, Period, Scope, Window};
use ringi_primitives::time::UnixMs;
use ringi_primitives::wallet::VaultIndex;

fn day(asset: AssetKey, n: u64, per: Scope) -> Limit {
    limit("day", Measure::Asset(asset), n, Window::Rolling(DAY_S), per)
}

/// One rule that allows anything and charges this limit.
fn under(limit: Limit) -> World {
    let mut world = World::new(vec![allow_with("p", Conditions::default(), charging(&["day"]))]);
    world.limits().push(limit);
    world
}

fn world(n: u64) -> World {
    under(day(usdc(), n, Scope::Vault))
}

fn key(asset: AssetKey, subject: Subject) -> LimitKey {
    LimitKey { vault: VaultIndex(1), name: "day".into(), measure: Measure::Asset(asset), subject }
}

fn entry(by: u8, n: u64, at: UnixMs) -> Spending {
    Spending { limit: key(usdc(), Subject::Vault), intent: intent(by), amount: amount(n), at }
}

/// L1: whatever is merged into the memory counts, to the last unit.
#[test]
fn l1_others_and_this_stay_within_the_cap() {
    let mut world = world(250);
    world.spent = vec![entry(2, 100, NOW), entry(3, 50, NOW)];
    let want = Charge {
        limit: key(usdc(), Subject::Vault),
        amount: amount(100),
        cap: amount(250),
        window: Window::Rolling(DAY_S),
    };
    assert_eq!(charges(world.decide()), [want]);
    world.spent.push(entry(4, 1, NOW));
    assert_eq!(world.decide(), deny("p", LimitExceeded));
}

#[test]
fn a_spending_counts_until_exactly_one_window_later() {
    let at = |ms| World { spent: vec![entry(2, 1, UnixMs(ms))], ..world(100) };
    let start = NOW.0 - DAY_S * 1000;
    assert!(!is_deny(&at(start).decide()));
    assert_eq!(at(start + 1).decide(), deny("p", LimitExceeded));
    assert_eq!(at(NOW.0 + 60_000).decide(), deny("p", LimitExceeded), "a clock ahead of ours");
    let young = World { now: UnixMs(5), ..at(0) };
    assert_eq!(young.decide(), deny("p", LimitExceeded), "no window reaches behind the epoch");
}

/// L2: on the signed amount, fees included.
#[test]
fn l2_fees_are_charged_where_the_asset_pays_them() {
    let eth_day = |n| under(day(eth(), n, Scope::Vault));
    let paid = charges(eth_day(100).asks(vec![transfer(eth(), 7, 90)]).decide());
    assert_eq!(paid[0].amount, amount(100));
    assert_eq!(eth_day(99).asks(vec![transfer(eth(), 7, 90)]).decide(), deny("p", LimitExceeded));
    assert_eq!(charges(eth_day(100).decide())[0].amount, amount(10), "the fee of a token transfer");
}

/// I3: replacements charge the maximum, not the sum, and never release.
#[test]
fn i3_a_replacement_charges_the_maximum_of_its_versions() {
    let mut dearer = World { spent: vec![entry(1, 80, NOW), entry(2, 100, NOW)], ..world(200) };
    assert_eq!(charges(dearer.decide())[0].amount, amount(100), "80 is part of the 100");
    dearer.spent.push(entry(3, 1, NOW));
    assert_eq!(dearer.decide(), deny("p", LimitExceeded));
    let mut cheaper = World { spent: vec![entry(1, 120, NOW), entry(2, 80, NOW)], ..world(200) };
    assert_eq!(charges(cheaper.decide())[0].amount, amount(120), "the dearer version may still be mined");
    cheaper.spent.push(entry(3, 1, NOW));
    assert_eq!(cheaper.decide(), deny("p", LimitExceeded));
}

#[test]
fn i3_an_earlier_version_outside_the_window_still_competes_for_the_slot() {
    let long_ago = UnixMs(NOW.0 - 10 * DAY_S * 1000);
    let world = World { spent: vec![entry(1, 150, long_ago)], ..world(200) };
    assert_eq!(charges(world.decide())[0].amount, amount(150));
    let two_entries = vec![entry(2, 150, long_ago), entry(2, 20, NOW)];
    let world = World { spent: two_entries, ..world };
    assert_eq!(world.decide(), deny("p", LimitExceeded), "another's dearest version, latest time");
}

#[test]
fn scopes_count_apart_and_charge_their_subject() {
    let subjects = [
        (Scope::Vault, Subject::Vault, Subject::Vault),
        (Scope::Wallet, Subject::Wallet(wallet(1)), Subject::Wallet(wallet(2))),
        (Scope::Initiator, Subject::Initiator(person(1)), Subject::Initiator(person(2))),
        (Scope::Destination, Subject::Destination(Some(on_evm(7))), Subject::Destination(Some(on_evm(8)))),
    ];
    for (scope, own, other) in subjects {
        let mut world = under(day(usdc(), 100, scope));
        world.spent = vec![Spending { limit: key(usdc(), own), ..entry(2, 1, NOW) }];
        assert_eq!(world.decide(), deny("p", LimitExceeded), "{scope:?}");
        if other != own {
            world.spent = vec![Spending { limit: key(usdc(), other), ..entry(2, 1, NOW) }];
            assert_eq!(charges(world.decide())[0].limit.subject, own, "{scope:?}");
        }
    }
}

#[test]
fn limits_of_other_names_vaults_and_assets_count_apart() {
    let own = key(usdc(), Subject::Vault);
    for limit in [
        LimitKey { name: "week".into(), ..own.clone() },
        LimitKey { vault: VaultIndex(2), ..own.clone() },
        LimitKey { measure: Measure::Asset(eth()), ..own.clone() },
        LimitKey { measure: Measure::Usd, ..own },
    ] {
        let world = World { spent: vec![Spending { limit, ..entry(2, 1, NOW) }], ..world(100) };
        assert!(!is_deny(&world.decide()));
    }
}

#[test]
fn an_intent_that_takes_nothing_is_charged_nothing() {
    let world = World { spent: vec![entry(2, 500, NOW)], ..world(100) }.asks(vec![transfer(eth(), 7, 1)]);
    assert_eq!(charges(world.decide()), []);
}

#[test]
fn a_sum_over_256_bits_denies() {
    let all = |by| Spending { amount: Amount::MAX, ..entry(by, 0, NOW) };
    let mut world = world(0);
    world.limits()[0].most = Amount::MAX;
    world.spent = vec![all(2)];
    assert_eq!(world.decide(), deny("p", LimitExceeded), "with this intent");
    world.spent.push(all(3));
    assert_eq!(world.decide(), deny("p", LimitExceeded), "among the others");
    world.spent.clear();
    world.effects = vec![Effect::Transfer { asset: usdc(), to: address(7), amount: Amount::MAX }];
    assert!(!is_deny(&world.decide()));
    world.effects.push(transfer(usdc(), 7, 1));
    assert_eq!(world.decide(), deny("p", Overflow), "within this intent");
}

fn on_evm(n: u8) -> AllowEntry {
    AllowEntry { network: EVM, address: address(n) }
}

/// Each destination for itself; the fee counts for each.
#[test]
fn destinations_are_charged_apart() {
    let mut world = under(day(usdc(), 100, Scope::Destination)).asks(vec![
        transfer(usdc(), 7, 60),
        transfer(usdc(), 8, 70),
        transfer(usdc(), 7, 40),
    ]);
    let charged = |world: &World| -> Vec<_> {
        charges(world.decide()).into_iter().map(|c| (c.limit.subject, c.amount)).collect()
    };
    let to = |n| Subject::Destination(Some(on_evm(n)));
    assert_eq!(charged(&world), [(to(7), amount(100)), (to(8), amount(70))]);
    world.effects.push(transfer(usdc(), 7, 1));
    assert_eq!(world.decide(), deny("p", LimitExceeded));
    let fees = under(day(eth(), 100, Scope::Destination)).asks(vec![transfer(usdc(), 7, 1), transfer(eth(), 8, 5)]);
    assert_eq!(charged(&fees), [(to(7), amount(10)), (to(8), amount(15))]);
}

#[test]
fn intents_are_counted() {
    let counting = limit("day", Measure::Count, 2, Window::Rolling(DAY_S), Scope::Initiator);
    let mut world = under(counting);
    for n in 1..=2 {
        world.intent = intent(n);
        assert_eq!(world.sign()[0].amount, amount(1));
    }
    world.intent = intent(3);
    assert_eq!(world.decide(), deny("p", LimitExceeded));
    world.intent = intent(2);
    assert!(allows(&world, "p"), "a replacement is the same intent");
    world.intent = intent(3);
    world.initiator = person(2);
    assert!(allows(&world, "p"), "another initiator");
}

/// M1: dollars at the price of the signing, and never re-priced.
#[test]
fn m1_dollars_are_charged_at_the_price_of_their_signing() {
    let dollars = limit("day", Measure::Usd, 250, Window::Rolling(DAY_S), Scope::Vault);
    let mut world = under(dollars);
    let native = limit("native", Measure::Asset(usdc()), 1000, Window::Rolling(DAY_S), Scope::Vault);
    world.limits().push(native);
    world.rules()[0].then = ringi_primitives::policy_set::Ruling::Allow(charging(&["day", "native"]));
    world.rules()[0].when.assets = vec![usdc()];
    world.fee = Amount::ZERO;
    let price = |n| [(usdc(), amount(n))].into();
    assert_eq!(world.decide(), deny("p", PriceMissing));
    world.prices = price(1_000_000);
    assert_eq!(world.sign()[0].amount, amount(100));
    world.prices = price(2_000_000);
    assert_eq!(charges(world.decide())[0].amount, amount(200), "its own replacement, at today's price");
    world.intent = intent(2);
    assert_eq!(world.decide(), deny("p", LimitExceeded), "100 and 200");
    world.prices = price(1_500_000);
    assert!(allows(&world, "p"), "100 and 150");
}

/// T1: a day of the calendar begins at midnight in its zone.
#[test]
fn t1_a_calendar_window_empties_when_its_period_begins() {
    let window = Window::Calendar { period: Period::Day, zone: "Europe/Zurich".into() };
    let mut world = under(limit("day", Measure::Asset(usdc()), 100, window, Scope::Vault));
    let at = |text: &str| UnixMs::parse_rfc3339(text).unwrap();
    world.now = at("2026-11-27T22:59:00Z");
    world.sign();
    world.intent = intent(2);
    assert_eq!(world.decide(), deny("p", LimitExceeded));
    world.now = at("2026-11-27T23:00:00Z");
    assert!(allows(&world, "p"), "midnight in Zurich");
    world.now = at("2026-11-27T22:59:59Z");
    assert_eq!(world.decide(), deny("p", LimitExceeded));
}

/// L3: time alone does not free what is outstanding; a proof does.
#[test]
fn l3_what_is_outstanding_counts_until_it_is_final() {
    struct Proved<'a>(&'a [Spending], bool);
    impl crate::Spent for Proved<'_> {
        fn in_window(
            &self,
            limit: &LimitKey,
            from: UnixMs,
            excluding: &ringi_primitives::id::IntentId,
        ) -> Option<Amount> {
            self.0.in_window(limit, from, excluding)
        }
        fn outstanding(&self, limit: &LimitKey, excluding: &ringi_primitives::id::IntentId) -> Option<Amount> {
            if self.1 { Some(Amount::ZERO) } else { self.0.outstanding(limit, excluding) }
        }
        fn of_intent(&self, limit: &LimitKey, intent: &ringi_primitives::id::IntentId) -> Amount {
            self.0.of_intent(limit, intent)
        }
    }
    let mut world = under(limit("day", Measure::Asset(usdc()), 100, Window::UntilFinal, Scope::Wallet));
    world.sign();
    world.intent = intent(2);
    world.now = NOW.plus_ms(1000 * 365 * DAY_S);
    assert_eq!(world.decide(), deny("p", LimitExceeded), "a year later");
    let spent = std::mem::take(&mut world.spent);
    for (proved, expected) in [(false, deny("p", LimitExceeded)), (true, world.decide())] {
        let memory = Proved(&spent, proved);
        let question = crate::Question { spent: &memory, ..world.question() };
        assert_eq!(crate::decide(&question), expected);
    }
}

/// Two rules that name one limit share it.
#[test]
fn rules_that_name_one_limit_share_it() {
    let mut world = World::new(vec![
        allow_with("t", kinds(&["transfer"]), charging(&["day"])),
        allow_with("a", kinds(&["approve"]), charging(&["day"])),
    ]);
    world.limits().push(day(usdc(), 150, Scope::Vault));
    world.sign();
    world.intent = intent(2);
    world.effects = vec![Effect::Approve { asset: usdc(), spender: address(7), amount: amount(51) }];
    assert_eq!(world.decide(), deny("a", LimitExceeded));
    world.effects =
        vec![Effect::Approve { asset: usdc(), spender: address(7), amount: amount(50) }, transfer(eth(), 7, 1)];
    assert_eq!(charges(world.decide()).len(), 1, "charged once though two rules name it");
}
