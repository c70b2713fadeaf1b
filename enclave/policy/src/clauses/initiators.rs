//! `initiators`: who signed the intent.

use crate::case::Case;
use ringi_primitives::policy_set::Initiator;

/// One of these people, or a member of one of these groups, if there are any.
pub(crate) fn holds(case: &Case, initiators: &[Initiator]) -> bool {
    let is = |initiator: &Initiator| match initiator {
        Initiator::Group(name) => case.initiator_groups.contains(name.as_str()),
        Initiator::Person(id) => case.question.initiator == *id,
    };
    initiators.is_empty() || initiators.iter().any(is)
}

#[cfg(test)]
mod tests {
    use crate::fixture::*;
    use ringi_primitives::decision::DenyReason::NotPermitted;
    use ringi_primitives::policy_set::{Conditions, Initiator};

    #[test]
    fn a_rule_speaks_of_the_people_it_names() {
        let by = |initiators| World::new(vec![allow("p", Conditions { initiators, ..Conditions::default() })]);
        let group = |name: &str| Initiator::Group(name.into());
        assert!(allows(&by(vec![group("ops")]), "p"), "person 1 is in ops");
        assert_eq!(by(vec![group("board")]).decide(), deny_default(NotPermitted), "and not in board");
        assert!(allows(&by(vec![group("board"), group("ops")]), "p"));
        assert!(allows(&by(vec![Initiator::Person(person(1))]), "p"));
        assert_eq!(by(vec![Initiator::Person(person(2))]).decide(), deny_default(NotPermitted));
    }
}
