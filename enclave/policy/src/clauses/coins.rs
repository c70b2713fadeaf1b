//! `coins`: how many inputs and outputs a Bitcoin transaction has, and how much its inputs hold. A transaction of another
//! chain does not meet it. While coins are not chosen yet, advice takes it to hold; cosigners look at the bytes.

use crate::case::Case;
use crate::question::Coins;
use ringi_primitives::amount::Amount;
use ringi_primitives::policy_set::CoinCondition;

/// Within the bounds, if there are any.
pub(crate) fn holds(case: &Case, condition: Option<&CoinCondition>) -> bool {
    let Some(condition) = condition else { return true };
    match case.question.coins {
        Coins::Without => false,
        Coins::Undecided => true,
        Coins::Chosen { inputs, outputs, value } => {
            condition.max_inputs.is_none_or(|most| inputs <= most)
                && condition.max_outputs.is_none_or(|most| outputs <= most)
                && condition.max_input_value.is_none_or(|most: Amount| value <= most)
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::fixture::*;
    use crate::question::Coins;
    use ringi_primitives::policy_set::{CoinCondition, Conditions};

    #[test]
    fn inputs_and_outputs_are_bounded() {
        let coins = CoinCondition { max_inputs: Some(2), max_outputs: Some(3), max_input_value: Some(amount(50)) };
        let asks = |coins_now| {
            let when = Conditions { coins: Some(coins), ..Conditions::default() };
            let mut world = World::new(vec![allow_with("p", when, fee(BTC, 10))]).on_bitcoin(1);
            world.coins = coins_now;
            allows(&world, "p")
        };
        let chosen = |inputs, outputs, value| Coins::Chosen { inputs, outputs, value: amount(value) };
        assert!(asks(chosen(2, 3, 50)));
        assert!(!asks(chosen(3, 3, 50)));
        assert!(!asks(chosen(2, 4, 50)));
        assert!(!asks(chosen(2, 3, 51)));
        assert!(!asks(Coins::Without));
        assert!(asks(Coins::Undecided));
    }
}
