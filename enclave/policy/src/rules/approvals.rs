//! `approvals`: so many distinct people of a group approve (rule I1), always or above an amount.

use super::Finding;
use crate::case::Case;
use crate::found::Found;
use ringi_primitives::decision::{DenyReason, MissingApproval};
use ringi_primitives::policy_set::Threshold;

/// The rule's demand, by name.
pub(crate) struct Quorum<'a> {
    /// The rule's name.
    pub rule: &'a str,
    /// Whose approvals count.
    pub group: &'a str,
    /// How many distinct people.
    pub count: u32,
    /// What is still free; `None`: nothing is.
    pub above: Option<&'a Threshold>,
}

impl Quorum<'_> {
    /// Enough members approved, or so little is spent that none need to. What is spent includes the fee where the
    /// asset pays it; exactly the threshold is still free.
    pub(crate) fn check(&self, case: &Case, found: &Found) -> Result<Finding, DenyReason> {
        if let Some(threshold) = self.above
            && case.spends(&threshold.asset)? <= threshold.amount
        {
            return Ok(Finding::Holds);
        }
        let votes = found.votes(self.group).ok_or(DenyReason::Unknown)?;
        let still = self.count.saturating_sub(votes);
        if still == 0 {
            return Ok(Finding::Holds);
        }
        let (rule, group) = (self.rule.to_string(), self.group.to_string());
        Ok(Finding::Lacks(MissingApproval { rule, group, count: still }))
    }
}

#[cfg(test)]
mod tests {
    use crate::Decision;
    use crate::fixture::*;
    use ringi_primitives::amount::Amount;
    use ringi_primitives::asset::AssetKey;
    use ringi_primitives::decision::{DenyReason, MissingApproval};
    use ringi_primitives::effects::Effect;
    use ringi_primitives::policy_set::{Demand, Rule, Threshold};

    fn quorum(group: &str, count: u32) -> Rule {
        any(group, Demand::Approvals { group: group.into(), count, above: None })
    }

    fn above(asset: AssetKey, n: u64) -> Rule {
        let above = Some(Threshold { asset, amount: amount(n) });
        any("ops", Demand::Approvals { group: "ops".into(), count: 1, above })
    }

    fn missing(decision: Decision) -> Vec<(String, u32)> {
        match decision {
            Decision::NeedsApproval { missing, .. } => missing.into_iter().map(|m| (m.rule, m.count)).collect(),
            Decision::Allow { .. } => vec![],
            Decision::Deny { .. } => panic!("denied: {decision:?}"),
        }
    }

    /// I1: m-of-n counts distinct people of the group.
    #[test]
    fn i1_distinct_members_of_the_group_count() {
        let world = World::new(vec![permit_all(), quorum("ops", 2)]);
        for (approved, still) in
            [(&[][..], 2), (&[2], 1), (&[2, 2], 1), (&[4], 2), (&[9], 2), (&[2, 3], 0), (&[1, 2], 0), (&[1, 2, 3], 0)]
        {
            let got = missing(world.clone().approved_by(approved).decide());
            let want = if still == 0 { vec![] } else { vec![("ops".to_string(), still)] };
            assert_eq!(got, want, "{approved:?}");
        }
    }

    #[test]
    fn every_quorum_must_be_met_and_is_named_in_policy_order() {
        let world = World::new(vec![quorum("ops", 1), permit_all(), quorum("board", 2)]);
        let want = Decision::NeedsApproval {
            missing: vec![
                MissingApproval { rule: "ops".into(), group: "ops".into(), count: 1 },
                MissingApproval { rule: "board".into(), group: "board".into(), count: 2 },
            ],
            rules: vec!["ops".into(), "permit".into(), "board".into()],
        };
        assert_eq!(world.decide(), want);
        assert_eq!(missing(world.clone().approved_by(&[2]).decide()), [("board".to_string(), 1)]);
        assert_eq!(missing(world.approved_by(&[2, 4]).decide()), []);
    }

    #[test]
    fn exactly_the_threshold_is_free_fees_included() {
        let asks = |rule, effect| missing(World::new(vec![permit_all(), rule]).asks(vec![effect]).decide()).len();
        assert_eq!(asks(above(usdc(), 100), transfer(usdc(), 7, 100)), 0);
        assert_eq!(asks(above(usdc(), 100), transfer(usdc(), 7, 101)), 1);
        assert_eq!(asks(above(eth(), 100), transfer(eth(), 7, 90)), 0);
        assert_eq!(asks(above(eth(), 100), transfer(eth(), 7, 91)), 1);
        assert_eq!(asks(above(eth(), 100), transfer(usdc(), 7, 1000)), 0, "another asset");
    }

    #[test]
    fn splitting_into_actions_does_not_duck_the_threshold() {
        let parts = vec![transfer(usdc(), 7, 60), transfer(usdc(), 8, 60)];
        let world = World::new(vec![permit_all(), above(usdc(), 100)]).asks(parts);
        assert_eq!(missing(world.decide()).len(), 1);
        let huge = Effect::Approve { asset: usdc(), spender: address(7), amount: Amount::MAX };
        let world = World::new(vec![permit_all(), above(usdc(), 100)]).asks(vec![huge.clone(), huge]);
        assert_eq!(world.decide(), deny("ops", DenyReason::Overflow));
    }
}
