//! `deny`: what it matches is denied, whatever else permits it.

use super::Finding;
use ringi_primitives::decision::DenyReason;

/// Called for a rule that matched: that is all it takes.
pub(crate) fn check() -> Result<Finding, DenyReason> {
    Err(DenyReason::Denied)
}

#[cfg(test)]
mod tests {
    use crate::fixture::*;
    use ringi_primitives::decision::DenyReason::Denied;
    use ringi_primitives::policy_set::Demand;

    #[test]
    fn a_deny_wins_wherever_it_stands() {
        let no = || rule("no", kinds(&["transfer"]), Demand::Deny);
        assert_eq!(World::new(vec![permit_all(), no()]).decide(), deny("no", Denied));
        assert_eq!(World::new(vec![no(), permit_all()]).decide(), deny("no", Denied));
    }

    #[test]
    fn it_denies_only_what_it_matches_but_then_the_whole_intent() {
        let no = rule("no", kinds(&["self_cancel"]), Demand::Deny);
        let mut world = World::new(vec![permit_all(), no]);
        assert!(!is_deny(&world.decide()));
        world.effects.push(ringi_primitives::effects::Effect::SelfCancel { network: EVM });
        assert_eq!(world.decide(), deny("no", Denied));
    }

    #[test]
    fn the_first_in_policy_order_is_named_and_a_deny_beats_a_missing_approval() {
        let ask = any("ask", Demand::Approvals { group: "ops".into(), count: 2, above: None });
        let world = World::new(vec![ask, any("b", Demand::Deny), any("a", Demand::Deny)]);
        assert_eq!(world.decide(), deny("b", Denied), "also before the default, though nothing permits");
    }
}
