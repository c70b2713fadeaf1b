//! `validity`: from when and until when a rule applies, at the earliest of the signers' clocks (rule T1).

use crate::case::Case;
use ringi_primitives::time::UnixMs;

/// From the first instant, before the last.
pub(crate) fn holds(case: &Case, from: Option<UnixMs>, until: Option<UnixMs>) -> bool {
    let now = case.question.now;
    from.is_none_or(|from| now >= from) && until.is_none_or(|until| now < until)
}

#[cfg(test)]
mod tests {
    use crate::fixture::*;
    use ringi_primitives::policy_set::Conditions;

    #[test]
    fn t1_a_rule_begins_and_ends() {
        let (from, until) = (Some(NOW), Some(NOW.plus_ms(1000)));
        let world = World::new(vec![allow("p", Conditions { from, until, ..Conditions::default() })]);
        for (after_ms, inside) in [(0, true), (999, true), (1000, false)] {
            let mut world = world.clone();
            world.now = NOW.plus_ms(after_ms);
            assert_eq!(allows(&world, "p"), inside, "{after_ms}");
        }
        let mut early = world;
        early.now = NOW.minus_ms(1);
        assert!(is_deny(&early.decide()));
    }
}
