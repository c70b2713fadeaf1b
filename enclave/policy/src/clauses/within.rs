//! `within`: limits of the vault that the intent still fits into. Where it does not, the rule does not apply and the next one
//! may: so much a day alone, more with an approval. Where it does, the intent is charged to them (rules L1, L2).

use super::limits;
use crate::case::Case;
use ringi_primitives::decision::DenyReason;

/// The intent fits into all of these.
pub(crate) fn holds<'a>(case: &Case<'a>, names: &'a [String]) -> Result<bool, DenyReason> {
    for name in names {
        match limits::charges(case, name) {
            Ok(_) => {}
            Err(DenyReason::LimitExceeded) => return Ok(false),
            Err(reason) => return Err(reason),
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use crate::fixture::*;
    use ringi_primitives::policy_set::Conditions;

    /// 100 usdc a day alone; beyond it the second rule.
    #[test]
    fn l1_what_no_longer_fits_belongs_to_the_next_rule() {
        let alone = Conditions { within: vec!["day".into()], ..Conditions::default() };
        let mut world = World::new(vec![allow("alone", alone), allow_all()]);
        world.limits().push(per_day("day", usdc(), 150));
        assert!(allows(&world, "alone"));
        assert_eq!(world.sign().len(), 1, "it is charged");
        world.intent = intent(2);
        assert!(allows(&world, "allow"), "100 more do not fit");
        assert!(charges(world.decide()).is_empty(), "and are not charged");
        world.effects = vec![transfer(usdc(), 7, 50)];
        assert!(allows(&world, "alone"), "50 do");
    }
}
