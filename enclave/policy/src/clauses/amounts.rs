//! `amounts`: what the whole intent takes, fee included where the asset pays it, lies in all of these ranges: more than
//! `above`, at most `at_most`. In dollars at the prices that witnesses signed; no price, deny (rule M1).

use crate::case::Case;
use ringi_primitives::decision::DenyReason;
use ringi_primitives::policy_set::Band;

/// Within every range.
pub(crate) fn holds(case: &Case, bands: &[Band]) -> Result<bool, DenyReason> {
    for band in bands {
        let takes = case.takes(&band.measure)?;
        if band.above.is_some_and(|above| takes <= above) || band.at_most.is_some_and(|most| takes > most) {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use crate::fixture::*;
    use ringi_primitives::amount::Amount;
    use ringi_primitives::decision::DenyReason::{NotPermitted, Overflow, PriceMissing};
    use ringi_primitives::policy_set::{Band, Conditions, Measure};

    fn band(measure: Measure, above: Option<u64>, at_most: Option<u64>) -> Band {
        Band { measure, above: above.map(amount), at_most: at_most.map(amount) }
    }

    fn within(bands: Vec<Band>) -> Conditions {
        Conditions { amounts: bands, ..Conditions::default() }
    }

    /// The intent takes 100 usdc.
    #[test]
    fn exactly_the_least_is_outside_and_exactly_the_most_inside() {
        let usdc = || Measure::Asset(usdc());
        let asks = |above, most| World::new(vec![allow("p", within(vec![band(usdc(), above, most)]))]);
        for (above, most, inside) in [
            (None, Some(100), true),
            (None, Some(99), false),
            (Some(99), None, true),
            (Some(100), None, false),
            (Some(99), Some(100), true),
        ] {
            let world = asks(above, most);
            assert_eq!(allows(&world, "p"), inside, "{above:?} {most:?}");
            assert!(inside || world.decide() == deny_default(NotPermitted));
        }
        let both = vec![band(usdc(), None, Some(100)), band(Measure::Asset(eth()), None, Some(9))];
        assert_eq!(
            World::new(vec![allow("p", within(both))]).decide(),
            deny_default(NotPermitted),
            "the fee is 10 wei"
        );
    }

    /// Small transfers by one rule, large ones by the next.
    #[test]
    fn what_one_range_does_not_hold_the_next_may() {
        let usdc = || Measure::Asset(usdc());
        let rules = || {
            vec![
                allow("small", within(vec![band(usdc(), None, Some(99))])),
                allow("large", within(vec![band(usdc(), Some(99), None)])),
            ]
        };
        assert!(allows(&World::new(rules()), "large"));
        assert!(allows(&World::new(rules()).asks(vec![transfer(crate::fixture::usdc(), 7, 99)]), "small"));
    }

    /// 100 base units of 6 decimals at 2 dollars are 200 millionths, and the fee of 10 wei at 3,000 dollars is rounded up to
    /// one unit of 10^-12.
    #[test]
    fn m1_dollars_are_counted_at_signed_prices_and_rounded_up() {
        let dollar = 1_000_000_000_000u64;
        let exact = 200_000_000 + 1;
        let asks = |most| {
            let mut world = World::new(vec![allow(
                "p",
                within(vec![band(Measure::Usd, None, Some(most)), band(Measure::Asset(usdc()), None, Some(1000))]),
            )]);
            world.rules()[0].when.assets = vec![usdc()];
            world.prices =
                [(usdc(), amount(2 * dollar)), (eth(), amount(3000).checked_mul(amount(dollar)).unwrap())].into();
            world
        };
        assert!(allows(&asks(exact), "p"));
        assert_eq!(asks(exact - 1).decide(), deny_default(NotPermitted));
        let mut unpriced = asks(exact);
        unpriced.prices.remove(&eth());
        assert_eq!(unpriced.decide(), deny("p", PriceMissing), "the fee has no price");
        unpriced.fee = Amount::ZERO;
        assert!(allows(&unpriced, "p"), "nothing of an asset needs no price");
        unpriced.prices.remove(&usdc());
        assert_eq!(unpriced.decide(), deny("p", PriceMissing));
        let mut vast = asks(exact);
        vast.effects = vec![ringi_primitives::effects::Effect::Approve {
            asset: usdc(),
            spender: address(7),
            amount: Amount::MAX,
        }];
        assert_eq!(vast.decide(), deny("p", Overflow));
    }

    /// A rule that is not reached, or whose other conditions do not hold, needs no price.
    #[test]
    fn m1_no_price_is_asked_for_in_vain() {
        let mut priced = within(vec![band(Measure::Usd, Some(5), None)]);
        let world = World::new(vec![allow("p", kinds(&["transfer"])), allow("q", priced.clone())]);
        assert!(allows(&world, "p"));
        priced.initiators = vec![ringi_primitives::policy_set::Initiator::Person(person(2))];
        let world = World::new(vec![allow("q", priced), allow("p", kinds(&["transfer"]))]);
        assert!(allows(&world, "p"));
    }
}
