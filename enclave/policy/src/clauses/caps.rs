//! `caps`: the most that one intent takes by a measure, fees included where it counts them (rule L2), or as a share of the
//! wallet's balance that witnesses signed (rule G3).

use crate::case::Case;
use ringi_primitives::amount::Amount;
use ringi_primitives::decision::DenyReason;
use ringi_primitives::policy_set::{Cap, Measure};

/// Hundredths of a percent in a whole.
const WHOLE: u64 = 10_000;

/// Every cap holds.
pub(crate) fn check(case: &Case, caps: &[Cap]) -> Result<(), DenyReason> {
    for cap in caps {
        let holds = match cap {
            Cap::Amount { measure, most } => case.takes(measure)? <= *most,
            Cap::ShareOfBalance { asset, basis_points } => {
                let takes = case.takes(&Measure::Asset(*asset))?;
                takes.is_zero() || takes_at_most(takes, *basis_points, balance(case, asset)?)?
            }
        };
        if !holds {
            return Err(DenyReason::TransactionCap);
        }
    }
    Ok(())
}

fn balance(case: &Case, asset: &ringi_primitives::asset::AssetKey) -> Result<Amount, DenyReason> {
    case.question.balances.get(asset).copied().ok_or(DenyReason::BalanceMissing)
}

fn takes_at_most(takes: Amount, basis_points: u16, balance: Amount) -> Result<bool, DenyReason> {
    let wanted = takes.checked_mul(Amount::from_u64(WHOLE)).ok_or(DenyReason::Overflow)?;
    let allowed = balance.checked_mul(Amount::from_u64(basis_points.into())).ok_or(DenyReason::Overflow)?;
    Ok(wanted <= allowed)
}

#[cfg(test)]
mod tests {
    use crate::fixture::*;
    use ringi_primitives::amount::Amount;
    use ringi_primitives::asset::AssetKey;
    use ringi_primitives::decision::DenyReason::{BalanceMissing, Overflow, PriceMissing, TransactionCap};
    use ringi_primitives::effects::Effect;
    use ringi_primitives::policy_set::{Cap, Measure, Terms};

    fn capped(caps: Vec<Cap>) -> World {
        World::new(vec![allow_with("p", kinds(&["transfer", "approve"]), Terms { caps, ..Terms::default() })])
    }

    fn most(asset: AssetKey, n: u64) -> Vec<Cap> {
        vec![Cap::Amount { measure: Measure::Asset(asset), most: amount(n) }]
    }

    /// The intent takes 100 usdc and a fee of 10 wei.
    #[test]
    fn l2_exactly_the_cap_passes_and_one_more_does_not() {
        assert!(allows(&capped(most(usdc(), 100)), "p"));
        assert_eq!(capped(most(usdc(), 99)).decide(), deny("p", TransactionCap));
        assert!(allows(&capped(most(eth(), 10)), "p"), "the fee counts");
        assert_eq!(capped(most(eth(), 9)).decide(), deny("p", TransactionCap));
        assert!(allows(&capped(most(btc(), 0)), "p"), "nothing of it is taken");
    }

    #[test]
    fn l2_all_effects_count_together_and_too_much_is_over_every_cap() {
        let world = capped(most(usdc(), 199)).asks(vec![transfer(usdc(), 7, 100), transfer(usdc(), 8, 100)]);
        assert_eq!(world.decide(), deny("p", TransactionCap));
        let approve = || Effect::Approve { asset: usdc(), spender: address(7), amount: Amount::MAX };
        let world = capped(most(usdc(), 199)).asks(vec![approve(), transfer(usdc(), 8, 1)]);
        assert_eq!(world.decide(), deny("p", Overflow));
    }

    #[test]
    fn m1_a_cap_in_dollars_needs_a_price() {
        let dollars = |n| Cap::Amount { measure: Measure::Usd, most: amount(n) };
        let both = |n| {
            let mut caps = most(usdc(), 1000);
            caps.push(dollars(n));
            let mut world = capped(caps);
            world.rules()[0].when.assets = vec![usdc()];
            world.fee = Amount::ZERO;
            world
        };
        assert_eq!(both(100).decide(), deny("p", PriceMissing));
        let mut world = both(100);
        world.prices = [(usdc(), amount(1_000_000))].into();
        assert!(allows(&world, "p"), "100 units of 10^-6 at a price of 10^-6 dollars");
        world.prices = [(usdc(), amount(1_000_001))].into();
        assert_eq!(world.decide(), deny("p", TransactionCap));
    }

    #[test]
    fn g3_a_share_is_of_the_balance_that_witnesses_signed() {
        let share = |basis_points| capped(vec![Cap::ShareOfBalance { asset: usdc(), basis_points }]);
        assert_eq!(share(10_000).decide(), deny("p", BalanceMissing));
        for (balance, basis_points, inside) in
            [(1000, 1000, true), (999, 1000, false), (100, 10_000, true), (99, 10_000, false)]
        {
            let mut world = share(basis_points);
            world.balances = [(usdc(), amount(balance))].into();
            assert_eq!(allows(&world, "p"), inside, "{balance} {basis_points}");
            assert!(inside || world.decide() == deny("p", TransactionCap));
        }
    }
}
