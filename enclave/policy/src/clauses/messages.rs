//! `messages`: a signed EIP-712 message of a type that the policy set names, with conditions on its fields (rule C2: of one
//! contract on one chain). A field of a dynamic type is its digest: it can be compared with digests only.

use super::words;
use crate::case::Sort;
use ringi_primitives::effects::Effect;
use ringi_primitives::policy_set::{FieldCondition, MessageCondition};

/// One of these messages, if there are any.
pub(crate) fn holds<'a>(messages: &'a [MessageCondition], sort: &Sort<'a>) -> bool {
    messages.is_empty() || messages.iter().any(|message| is(message, sort))
}

fn is<'a>(message: &'a MessageCondition, sort: &Sort<'a>) -> bool {
    let Effect::TypedMessage { network, contract, kind, fields, .. } = sort.effect else { return false };
    let holds = |condition: &'a FieldCondition| {
        // A path that stands there twice could not be told apart: none is believed.
        let mut named = fields.iter().filter(|f| f.path == condition.field);
        matches!((named.next(), named.next()), (Some(field), None) if words::holds(&condition.test, field.word, sort))
    };
    (network, contract, kind) == (&message.network, &message.contract, &message.kind)
        && message.fields.iter().all(holds)
}

#[cfg(test)]
mod tests {
    use crate::fixture::*;
    use ringi_primitives::amount::Amount;
    use ringi_primitives::decision::DenyReason::NotPermitted;
    use ringi_primitives::digest::Digest;
    use ringi_primitives::effects::{Effect, MessageField};
    use ringi_primitives::policy_set::{Conditions, FieldCondition, MessageCondition, WordTest};

    const KIND: &str = "Order(address maker,uint256 amount)";

    fn message(fields: &[(&str, u64)]) -> Effect {
        let field = |(path, word): &(&str, u64)| MessageField {
            path: path.to_string(),
            word: amount(*word),
            text: String::new(),
        };
        Effect::TypedMessage {
            network: EVM,
            contract: address(9),
            kind: KIND.into(),
            fields: fields.iter().map(field).collect(),
            payload: Digest::ZERO,
        }
    }

    fn rule(fields: Vec<FieldCondition>) -> World {
        let condition = MessageCondition { network: EVM, contract: address(9), kind: KIND.into(), fields };
        World::new(vec![allow("p", Conditions { messages: vec![condition], ..Conditions::default() })])
    }

    fn at_most(field: &str, most: u64) -> FieldCondition {
        FieldCondition { field: field.into(), test: WordTest::Between { least: Amount::ZERO, most: amount(most) } }
    }

    #[test]
    fn c2_only_the_named_type_with_fields_within_their_tests() {
        let goes = |world: World, effect: Effect| {
            let decision = world.asks(vec![effect]).decide();
            assert!(!is_deny(&decision) || decision == deny_default(NotPermitted), "{decision:?}");
            !is_deny(&decision)
        };
        assert!(goes(rule(vec![]), message(&[("amount", 5)])));
        assert!(goes(rule(vec![at_most("amount", 5)]), message(&[("amount", 5)])));
        assert!(!goes(rule(vec![at_most("amount", 4)]), message(&[("amount", 5)])));
        assert!(!goes(rule(vec![at_most("price", 4)]), message(&[("amount", 1)])), "a field that is not there");
        assert!(!goes(rule(vec![at_most("amount", 9)]), message(&[("amount", 5), ("amount", 6)])), "there twice");
        assert!(!goes(rule(vec![]), transfer(usdc(), 9, 1)));
        let other = |change: fn(&mut MessageCondition)| {
            let mut world = rule(vec![]);
            change(&mut world.rules()[0].when.messages[0]);
            world
        };
        assert!(!goes(other(|m| m.contract = address(8)), message(&[])));
        assert!(!goes(other(|m| m.kind = "Other(address maker)".into()), message(&[])));
    }

    /// Messages of one type that carry other fields are told apart: each of them is held to the tests.
    #[test]
    fn c2_every_message_is_held_to_its_tests() {
        let both = || vec![message(&[("amount", 5)]), message(&[("amount", 6)])];
        assert!(allows(&rule(vec![at_most("amount", 6)]).asks(both()), "p"));
        assert_eq!(rule(vec![at_most("amount", 5)]).asks(both()).decide(), deny_default(NotPermitted));
    }
}
