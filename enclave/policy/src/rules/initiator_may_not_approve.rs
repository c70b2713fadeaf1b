//! `initiator_may_not_approve`: four eyes. Where it matches, the initiator's own approval counts for no rule.

use crate::case::{Case, Matching};
use ringi_primitives::policy_set::Demand;

/// Strikes the initiator from those whose approval counts, if such a rule matches.
pub(crate) fn apply(case: &mut Case, matching: &[Matching]) {
    if matching.iter().any(|m| m.rule.then == Demand::InitiatorMayNotApprove) {
        case.approvers.remove(&case.question.initiator);
    }
}

#[cfg(test)]
mod tests {
    use crate::Decision;
    use crate::fixture::*;
    use ringi_primitives::policy_set::{Demand, Match, Rule};

    fn asks(four_eyes: Rule, approved: &[u8]) -> bool {
        let quorum = any("ops", Demand::Approvals { group: "ops".into(), count: 2, above: None });
        let world = World::new(vec![quorum, permit_all(), four_eyes]).approved_by(approved);
        matches!(world.decide(), Decision::NeedsApproval { .. })
    }

    /// I1: initiating is not approving.
    #[test]
    fn i1_the_initiators_approval_does_not_count() {
        let four_eyes = || any("four-eyes", Demand::InitiatorMayNotApprove);
        assert!(asks(four_eyes(), &[1, 2]), "person 1 asked");
        assert!(!asks(four_eyes(), &[2, 3]));
        assert!(!asks(four_eyes(), &[1, 2, 3]));
    }

    #[test]
    fn only_where_it_matches() {
        let elsewhere =
            rule("four-eyes", Match { networks: vec![BTC], ..Match::default() }, Demand::InitiatorMayNotApprove);
        assert!(!asks(elsewhere, &[1, 2]));
    }
}
