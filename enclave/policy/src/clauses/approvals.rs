//! `approvals`: so many distinct people of groups approve (rule I1): all seats of one of several lists. Where the policy asks
//! for it, one of them sees what they sign on a display of their own (rule P2).

use crate::case::Case;
use ringi_primitives::decision::MissingApproval;
use ringi_primitives::id::PersonId;
use ringi_primitives::policy_set::{Approvals, Display, OwnApproval, Seats, Terms};
use std::collections::BTreeSet;

/// What is missing of the rule's approvals: of the list of seats that lacks the fewest people, the first of several.
pub(crate) fn missing(case: &Case, rule: &str, terms: &Terms) -> Vec<MissingApproval> {
    let Some(approvals) = &terms.approvals else { return Vec::new() };
    let counted = counted(case, approvals);
    let ways = approvals.any_of.iter().map(|way| lacks(case, rule, approvals, way, &counted));
    let best = ways.min_by_key(|way| way.iter().map(|m| u64::from(m.count)).sum::<u64>());
    // Validation lets no policy through without a way; if there were none, nobody could ever approve.
    best.unwrap_or_else(|| {
        vec![MissingApproval { rule: rule.into(), group: String::new(), count: u32::MAX, display: approvals.display }]
    })
}

/// I1: distinct people. The initiator's own approval counts only where the rule says so.
fn counted(case: &Case, approvals: &Approvals) -> BTreeSet<PersonId> {
    let own = |person: &PersonId| *person == case.question.initiator;
    let counts = |person: &PersonId| approvals.initiator == OwnApproval::Counts || !own(person);
    case.question.approvals.iter().filter(|p| counts(p)).copied().collect()
}

fn lacks(
    case: &Case,
    rule: &str,
    approvals: &Approvals,
    way: &[Seats],
    counted: &BTreeSet<PersonId>,
) -> Vec<MissingApproval> {
    let (mut lacking, mut seated) = (Vec::new(), BTreeSet::new());
    for seats in way {
        let group = case.question.policy.group(&seats.group);
        let members: BTreeSet<_> =
            group.map(|g| counted.intersection(&g.members).copied().collect()).unwrap_or_default();
        let still = seats.count.saturating_sub(u32::try_from(members.len()).unwrap_or(u32::MAX));
        if still > 0 {
            let (rule, group) = (rule.to_string(), seats.group.clone());
            lacking.push(MissingApproval { rule, group, count: still, display: Display::Any });
        }
        seated.extend(members);
    }
    // P2: one of those who count saw it on a display of their own.
    if approvals.display == Display::Independent && case.question.independent.is_disjoint(&seated) {
        match (lacking.first_mut(), way.first()) {
            (Some(first), _) => first.display = Display::Independent,
            (None, Some(seats)) => {
                let (rule, group) = (rule.to_string(), seats.group.clone());
                lacking.push(MissingApproval { rule, group, count: 1, display: Display::Independent });
            }
            (None, None) => {}
        }
    }
    lacking
}

#[cfg(test)]
mod tests {
    use crate::Decision;
    use crate::fixture::*;
    use ringi_primitives::policy_set::{Approvals, Conditions, Display, OwnApproval, Terms};

    fn rule_of(ways: &[&[(&str, u32)]]) -> Approvals {
        Approvals {
            any_of: ways.iter().map(|way| seats(way)).collect(),
            initiator: OwnApproval::Counts,
            display: Display::Any,
        }
    }

    fn world(approvals: Approvals) -> World {
        let terms = Terms { approvals: Some(approvals), ..Terms::default() };
        World::new(vec![allow_with("p", Conditions::default(), terms)])
    }

    fn missing(world: &World) -> Vec<(String, u32, Display)> {
        match world.decide() {
            Decision::NeedsApproval { missing, rules } => {
                assert_eq!(rules, ["p"]);
                assert!(missing.iter().all(|m| m.rule == "p"));
                missing.into_iter().map(|m| (m.group, m.count, m.display)).collect()
            }
            Decision::Allow { .. } => vec![],
            Decision::Deny { rule, reason } => panic!("{rule} {reason:?}"),
        }
    }

    fn lack(group: &str, count: u32) -> Vec<(String, u32, Display)> {
        vec![(group.to_string(), count, Display::Any)]
    }

    /// `ops` is {1, 2, 3}, `board` {2, 3, 4}.
    #[test]
    fn i1_distinct_members_count() {
        let two = world(rule_of(&[&[("ops", 2)]]));
        assert_eq!(missing(&two), lack("ops", 2));
        assert_eq!(missing(&two.clone().approved_by(&[2])), lack("ops", 1));
        assert_eq!(missing(&two.clone().approved_by(&[2, 3])), vec![]);
        assert_eq!(missing(&two.clone().approved_by(&[4])), lack("ops", 2), "not a member");
    }

    #[test]
    fn all_seats_of_one_list_are_taken() {
        let tree = world(rule_of(&[&[("ops", 2), ("board", 2)], &[("board", 3)]]));
        assert_eq!(missing(&tree.clone().approved_by(&[2, 3])), vec![], "both are in both");
        assert_eq!(missing(&tree.clone().approved_by(&[1, 2])), lack("board", 1));
        assert_eq!(missing(&tree.clone().approved_by(&[2, 3, 4])), vec![]);
        assert_eq!(
            missing(&tree.clone().approved_by(&[4])),
            lack("board", 2),
            "the second list lacks two, the first three"
        );
    }

    #[test]
    fn i1_the_initiators_own_approval_counts_only_where_the_rule_says_so() {
        let mut own = rule_of(&[&[("ops", 1)]]);
        assert_eq!(missing(&world(own.clone()).approved_by(&[1])), vec![]);
        own.initiator = OwnApproval::DoesNotCount;
        assert_eq!(missing(&world(own.clone()).approved_by(&[1])), lack("ops", 1));
        assert_eq!(missing(&world(own).approved_by(&[1, 2])), vec![]);
    }

    #[test]
    fn p2_one_of_those_who_count_has_a_display_of_their_own() {
        let mut shown = rule_of(&[&[("ops", 2)]]);
        shown.display = Display::Independent;
        let world = |approved: &[u8], independent: &[u8]| {
            let mut world = world(shown.clone()).approved_by(approved);
            world.independent = independent.iter().map(|n| person(*n)).collect();
            world
        };
        let one_more = vec![("ops".to_string(), 1, Display::Independent)];
        assert_eq!(missing(&world(&[2, 3], &[])), one_more);
        assert_eq!(missing(&world(&[2], &[])), one_more);
        assert_eq!(missing(&world(&[2, 3], &[3])), vec![]);
        assert_eq!(missing(&world(&[2, 3, 4], &[4])), one_more, "one who does not count does not help");
        assert_eq!(missing(&world(&[2], &[2])), lack("ops", 1));
    }

    /// Every rule that an effect belongs to has its own approvals.
    #[test]
    fn each_rule_that_is_used_asks_for_its_own() {
        let terms = |group| Terms { approvals: Some(rule_of(&[&[(group, 1)]])), ..Terms::default() };
        let approve =
            ringi_primitives::effects::Effect::Approve { asset: usdc(), spender: address(7), amount: amount(1) };
        let rules = vec![
            allow_with("t", kinds(&["transfer"]), terms("ops")),
            allow_with("a", kinds(&["approve"]), terms("board")),
        ];
        let world = World::new(rules).asks(vec![approve, transfer(usdc(), 7, 1)]);
        let groups = |world: &World| match world.decide() {
            Decision::NeedsApproval { missing, .. } => missing.into_iter().map(|m| m.group).collect(),
            _ => vec![],
        };
        assert_eq!(groups(&world), ["ops", "board"]);
        assert_eq!(groups(&world.clone().approved_by(&[1])), ["board"]);
        assert!(groups(&world.approved_by(&[2])).is_empty());
    }
}
