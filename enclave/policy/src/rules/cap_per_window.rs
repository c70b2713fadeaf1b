//! `cap_per_window`: at most so much of an asset signed in any window of this length, fees included (rules L1, L2, I3).
//!
//! A spending at time `at` counts while `now < at + window`: exactly one window later it no longer does. What a
//! replacement takes the place of is not counted besides it; the intent counts once, with its dearest version, however
//! long ago that was signed (rule I3). An intent that takes nothing of the asset is charged nothing and never denied here.

use super::Finding;
use crate::case::Case;
use ringi_primitives::amount::Amount;
use ringi_primitives::asset::AssetKey;
use ringi_primitives::decision::{Charge, DenyReason, LimitKey, Subject};
use ringi_primitives::policy_set::Scope;
use ringi_primitives::time::UnixMs;

/// The rule's demand, by name.
pub(crate) struct Window<'a> {
    /// The rule's name; the limit is counted under it.
    pub rule: &'a str,
    /// Counted asset.
    pub asset: &'a AssetKey,
    /// Most per window, base units.
    pub cap: Amount,
    /// Length in seconds.
    pub window_s: u64,
    /// What is counted together.
    pub scope: Scope,
}

impl Window<'_> {
    /// The others' sum and this intent's dearest version stay within the cap.
    pub(crate) fn check(&self, case: &Case) -> Result<Finding, DenyReason> {
        let q = case.question;
        let asked = case.spends(self.asset)?;
        if asked.is_zero() {
            return Ok(Finding::Holds);
        }
        let subject = Subject::of(self.scope, q.wallet.wallet, q.initiator);
        let limit = LimitKey { vault: q.wallet.vault, rule: self.rule.to_string(), asset: *self.asset, subject };
        // I3: a replacement charges the maximum of its versions, not the sum.
        let amount = asked.max(q.spent.of_intent(&limit, &q.intent));
        // L1, L2: on the signed amount, fees included, over everything merged so far. A sum over 256 bits is over every
        // cap, an exhausted window's too (rule B1).
        let others = q.spent.in_window(&limit, self.first_counted(q.now), &q.intent);
        let total = others.and_then(|others| others.checked_add(amount));
        if total.is_none_or(|total| total > self.cap) {
            return Err(DenyReason::LimitExceeded);
        }
        Ok(Finding::Costs(Charge { limit, amount, cap: self.cap, window_s: self.window_s }))
    }

    /// The earliest time that still counts: one millisecond after the instant one window ago.
    fn first_counted(&self, now: UnixMs) -> UnixMs {
        let window_ms = self.window_s.saturating_mul(1000);
        UnixMs(now.0.checked_sub(window_ms).map_or(0, |start| start.saturating_add(1)))
    }
}

#[cfg(test)]
mod tests {
    use crate::fixture::*;
    use ringi_primitives::amount::Amount;
    use ringi_primitives::asset::AssetKey;
    use ringi_primitives::decision::DenyReason::{LimitExceeded, Overflow};
    use ringi_primitives::decision::{Charge, LimitKey, Spending, Subject};
    use ringi_primitives::effects::Effect;
    use ringi_primitives::policy_set::{Demand, Rule, Scope};
    use ringi_primitives::time::UnixMs;
    use ringi_primitives::wallet::VaultIndex;

    fn day(asset: AssetKey, n: u64, scope: Scope) -> Rule {
        any("day", Demand::CapPerWindow { asset, amount: amount(n), window_s: DAY_S, scope })
    }

    fn world(n: u64) -> World {
        World::new(vec![permit_all(), day(usdc(), n, Scope::Vault)])
    }

    fn key(asset: AssetKey, subject: Subject) -> LimitKey {
        LimitKey { vault: VaultIndex(1), rule: "day".into(), asset, subject }
    }

    fn entry(by: u8, n: u64, at: UnixMs) -> Spending {
        Spending { limit: key(usdc(), Subject::Vault), intent: intent(by), amount: amount(n), at }
    }

    /// L1: whatever is merged into the memory counts, to the last unit.
    #[test]
    fn l1_others_and_this_stay_within_the_cap() {
        let mut world = world(250);
        world.spent = vec![entry(2, 100, NOW), entry(3, 50, NOW)];
        let want =
            Charge { limit: key(usdc(), Subject::Vault), amount: amount(100), cap: amount(250), window_s: DAY_S };
        assert_eq!(charges(world.decide()), [want]);
        world.spent.push(entry(4, 1, NOW));
        assert_eq!(world.decide(), deny("day", LimitExceeded));
    }

    #[test]
    fn a_spending_counts_until_exactly_one_window_later() {
        let at = |ms| World { spent: vec![entry(2, 1, UnixMs(ms))], ..world(100) };
        let start = NOW.0 - DAY_S * 1000;
        assert!(!is_deny(&at(start).decide()));
        assert_eq!(at(start + 1).decide(), deny("day", LimitExceeded));
        assert_eq!(at(NOW.0 + 60_000).decide(), deny("day", LimitExceeded), "a clock ahead of ours");
        let young = World { now: UnixMs(5), ..at(0) };
        assert_eq!(young.decide(), deny("day", LimitExceeded), "no window reaches behind the epoch");
    }

    /// L2: on the signed amount, fees included.
    #[test]
    fn l2_fees_are_charged_where_the_asset_pays_them() {
        let eth_day = |n| World::new(vec![permit_all(), day(eth(), n, Scope::Vault)]);
        let paid = charges(eth_day(100).asks(vec![transfer(eth(), 7, 90)]).decide());
        assert_eq!(paid[0].amount, amount(100));
        assert_eq!(eth_day(99).asks(vec![transfer(eth(), 7, 90)]).decide(), deny("day", LimitExceeded));
        assert_eq!(charges(eth_day(100).decide())[0].amount, amount(10), "the fee of a token transfer");
    }

    /// I3: replacements charge the maximum, not the sum, and never release.
    #[test]
    fn i3_a_replacement_charges_the_maximum_of_its_versions() {
        let mut dearer = World { spent: vec![entry(1, 80, NOW), entry(2, 100, NOW)], ..world(200) };
        assert_eq!(charges(dearer.decide())[0].amount, amount(100), "80 is part of the 100");
        dearer.spent.push(entry(3, 1, NOW));
        assert_eq!(dearer.decide(), deny("day", LimitExceeded));
        let mut cheaper = World { spent: vec![entry(1, 120, NOW), entry(2, 80, NOW)], ..world(200) };
        assert_eq!(charges(cheaper.decide())[0].amount, amount(120), "the dearer version may still be mined");
        cheaper.spent.push(entry(3, 1, NOW));
        assert_eq!(cheaper.decide(), deny("day", LimitExceeded));
    }

    #[test]
    fn i3_an_earlier_version_outside_the_window_still_competes_for_the_slot() {
        let long_ago = UnixMs(NOW.0 - 10 * DAY_S * 1000);
        let world = World { spent: vec![entry(1, 150, long_ago)], ..world(200) };
        assert_eq!(charges(world.decide())[0].amount, amount(150));
        let two_entries = vec![entry(2, 150, long_ago), entry(2, 20, NOW)];
        let world = World { spent: two_entries, ..world };
        assert_eq!(world.decide(), deny("day", LimitExceeded), "another's dearest version, latest time");
    }

    #[test]
    fn scopes_count_apart_and_charge_their_subject() {
        let subjects = [
            (Scope::Vault, Subject::Vault, Subject::Vault),
            (Scope::Wallet, Subject::Wallet(wallet(1)), Subject::Wallet(wallet(2))),
            (Scope::Initiator, Subject::Initiator(person(1)), Subject::Initiator(person(2))),
        ];
        for (scope, own, other) in subjects {
            let mut world = World::new(vec![permit_all(), day(usdc(), 100, scope)]);
            world.spent = vec![Spending { limit: key(usdc(), own), ..entry(2, 1, NOW) }];
            assert_eq!(world.decide(), deny("day", LimitExceeded), "{scope:?}");
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
            LimitKey { rule: "week".into(), ..own.clone() },
            LimitKey { vault: VaultIndex(2), ..own.clone() },
            LimitKey { asset: eth(), ..own },
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
        world.rules()[1].then =
            Demand::CapPerWindow { asset: usdc(), amount: Amount::MAX, window_s: DAY_S, scope: Scope::Vault };
        world.spent = vec![all(2)];
        assert_eq!(world.decide(), deny("day", LimitExceeded), "with this intent");
        world.spent.push(all(3));
        assert_eq!(world.decide(), deny("day", LimitExceeded), "among the others");
        world.spent.clear();
        world.effects = vec![Effect::Transfer { asset: usdc(), to: address(7), amount: Amount::MAX }];
        assert!(!is_deny(&world.decide()));
        world.effects.push(transfer(usdc(), 7, 1));
        assert_eq!(world.decide(), deny("day", Overflow), "within this intent");
    }
}
