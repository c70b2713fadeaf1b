//! `calls`: a function of a contract, with conditions on its arguments. Call data is decoded in the one exact encoding only,
//! so an argument of a static type is the same words of its head whoever encoded it (Solidity contract ABI specification).

use super::words;
use crate::case::Sort;
use ringi_primitives::amount::Amount;
use ringi_primitives::effects::Effect;
use ringi_primitives::policy_set::CallCondition;

/// The selector before the arguments.
const SELECTOR: usize = 4;
/// A word of the encoding.
const WORD: usize = 32;

/// One of these calls, if there are any.
pub(crate) fn holds<'a>(calls: &'a [CallCondition], sort: &Sort<'a>) -> bool {
    calls.is_empty() || calls.iter().any(|call| is(call, sort))
}

fn is<'a>(call: &'a CallCondition, sort: &Sort<'a>) -> bool {
    let Effect::Call { network, contract, function, data, .. } = sort.effect else { return false };
    (network, contract, function) == (&call.network, &call.contract, &call.function)
        && call.arguments.iter().all(|a| word(data, a.word).is_some_and(|word| words::holds(&a.test, word, sort)))
}

fn word(data: &[u8], number: u16) -> Option<Amount> {
    let from = usize::from(number).checked_mul(WORD)?.checked_add(SELECTOR)?;
    let bytes = data.get(from..from.checked_add(WORD)?)?;
    Some(Amount::from_be_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use crate::fixture::*;
    use ringi_primitives::amount::Amount;
    use ringi_primitives::decision::DenyReason::NotPermitted;
    use ringi_primitives::effects::Effect;
    use ringi_primitives::network::NetworkId;
    use ringi_primitives::policy_set::{ArgumentCondition, CallCondition, Conditions, Destination, WordTest};
    use std::collections::BTreeSet;

    fn word_of(address: u8) -> Amount {
        let mut bytes = [0; 32];
        bytes[12..].fill(address);
        Amount::from_be_bytes(bytes)
    }

    fn call(arguments: &[Amount]) -> Effect {
        let words = arguments.iter().flat_map(|a| a.to_be_bytes());
        let data = [1, 2, 3, 4].into_iter().chain(words).collect();
        Effect::Call {
            network: EVM,
            contract: address(9),
            value: Amount::ZERO,
            function: "f(address,uint256)".into(),
            data,
        }
    }

    fn rule(change: impl FnOnce(&mut CallCondition)) -> World {
        let mut call = CallCondition {
            network: EVM,
            contract: address(9),
            function: "f(address,uint256)".into(),
            arguments: vec![],
        };
        change(&mut call);
        World::new(vec![allow("p", Conditions { calls: vec![call], ..Conditions::default() })])
    }

    fn goes(world: World, effect: Effect) -> bool {
        let decision = world.asks(vec![effect]).decide();
        assert!(!is_deny(&decision) || decision == deny_default(NotPermitted), "{decision:?}");
        !is_deny(&decision)
    }

    #[test]
    fn only_the_named_function_of_the_named_contract() {
        let effect = || call(&[word_of(7), amount(5)]);
        assert!(goes(rule(|_| {}), effect()));
        assert!(!goes(rule(|c| c.contract = address(10)), effect()));
        assert!(!goes(rule(|c| c.function = "g()".into()), effect()));
        assert!(!goes(rule(|c| c.network = NetworkId::Evm(10)), effect()));
        assert!(!goes(rule(|_| {}), transfer(usdc(), 9, 5)), "a transfer is no call");
    }

    #[test]
    fn arguments_are_held_to_their_tests() {
        let with = |word, test: WordTest| rule(|c| c.arguments = vec![ArgumentCondition { word, test }]);
        let effect = || call(&[word_of(7), amount(5)]);
        let between = |least, most| WordTest::Between { least: amount(least), most: amount(most) };
        let one_of = |words: Vec<Amount>| WordTest::OneOf(BTreeSet::from_iter(words));
        let list = |name: &str| WordTest::Destination(vec![Destination::List(name.into())]);
        for (word, test, inside) in [
            (1, between(5, 5), true),
            (1, between(6, 9), false),
            (1, between(0, 4), false),
            (1, one_of(vec![amount(4), amount(5)]), true),
            (1, one_of(vec![amount(4)]), false),
            (0, list("known"), true),
            (0, list("empty"), false),
            (0, WordTest::Destination(vec![Destination::Unlisted]), false),
            (1, list("known"), false),
            (2, between(0, u64::MAX), false),
        ] {
            assert_eq!(goes(with(word, test.clone()), effect()), inside, "{word} {test:?}");
        }
        // An address with something before it is none.
        let dirty = amount(1)
            .checked_mul(Amount::from_be_bytes({
                let mut b = [7; 32];
                b[0] = 1;
                b
            }))
            .unwrap();
        assert!(!goes(with(0, list("known")), call(&[dirty, amount(5)])));
    }

    /// Calls of one function that carry other arguments are told apart: each of them is held to the tests.
    #[test]
    fn every_call_of_a_batch_is_held_to_its_tests() {
        let at_most = |most| {
            let test = WordTest::Between { least: Amount::ZERO, most: amount(most) };
            rule(|c| c.arguments = vec![ArgumentCondition { word: 1, test }])
        };
        let [five, six] = [5, 6].map(|n| call(&[word_of(7), amount(n)]));
        for batch in [vec![five.clone(), six.clone()], vec![six, five.clone(), five]] {
            assert!(allows(&at_most(6).asks(batch.clone()), "p"));
            assert_eq!(at_most(5).asks(batch).decide(), deny_default(NotPermitted));
        }
    }
}
