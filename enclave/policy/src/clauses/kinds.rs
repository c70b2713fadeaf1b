//! `kinds`: what an effect is. Dangerous kinds (bytes nobody understands, delegations of the account) are allowed only by
//! rules that name them: an "allow anything" was not written with them in mind. A block holds for them unless it names others.

use crate::case::Sort;
use ringi_primitives::policy_set::{DANGEROUS, Rule, Ruling};

/// The rule names the kind, or none and may.
pub(crate) fn holds(rule: &Rule, sort: &Sort) -> bool {
    let kinds = &rule.when.kinds;
    let unnamed = || rule.then == Ruling::Block || !DANGEROUS.contains(&sort.kind);
    if kinds.is_empty() { unnamed() } else { kinds.iter().any(|k| k == sort.kind) }
}

#[cfg(test)]
mod tests {
    use crate::fixture::*;
    use ringi_primitives::decision::DenyReason::{Denied, NotPermitted};
    use ringi_primitives::effects::{Effect, OpaqueKind};

    #[test]
    fn a_rule_speaks_of_the_kinds_it_names() {
        assert!(allows(&World::new(vec![allow("p", kinds(&["approve", "transfer"]))]), "p"));
        assert_eq!(World::new(vec![allow("p", kinds(&["approve"]))]).decide(), deny_default(NotPermitted));
    }

    #[test]
    fn dangerous_kinds_are_allowed_only_where_named() {
        let delegate = Effect::Delegate { network: EVM, delegate: address(7) };
        let cases = [
            ("delegate", delegate),
            ("raw_call", opaque(OpaqueKind::Call, Some(7), 5)),
            ("raw_typed_data", opaque(OpaqueKind::TypedData, Some(7), 0)),
            ("raw_message", opaque(OpaqueKind::Message, None, 0)),
            ("deploy", opaque(OpaqueKind::Creation, None, 5)),
        ];
        for (kind, effect) in &cases {
            let mut world = World::new(vec![allow_all()]).asks(vec![effect.clone()]);
            assert_eq!(world.decide(), deny_default(NotPermitted), "{kind}");
            for (other, _) in cases.iter().filter(|(other, _)| other != kind) {
                world.rules().push(allow(&format!("named-{other}"), kinds(&[other])));
            }
            assert_eq!(world.decide(), deny_default(NotPermitted), "{kind}: others are named");
            world.rules().push(allow("named", kinds(&[kind])));
            assert!(allows(&world, "named"), "{kind}");
            world.rules().push(block("transfers", kinds(&["transfer"])));
            assert!(allows(&world, "named"), "{kind}: a block of other kinds");
            world.rules().push(block("stop", from_person(1)));
            assert_eq!(world.decide(), deny("stop", Denied), "{kind}: a block without kinds");
        }
    }
}
