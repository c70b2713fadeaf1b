//! `hours`: days of the week and minutes of the day in a named zone, at the earliest of the signers' clocks (rule T1).

use crate::case::Case;
use ringi_primitives::decision::DenyReason;
use ringi_primitives::policy_set::Hours;
use ringi_primitives::zone::{WallClock, Zone};

/// Now is in one of these, if there are any.
pub(crate) fn holds<'a>(case: &Case<'a>, hours: &'a [Hours]) -> Result<bool, DenyReason> {
    let shown = |zone: &str| Zone::named(zone).and_then(|zone| zone.wall_clock(case.question.now));
    for span in hours {
        let clock = case.clocks.of(&span.zone, || shown(&span.zone));
        if contains(span, clock.ok_or(DenyReason::Unknown)?) {
            return Ok(true);
        }
    }
    Ok(hours.is_empty())
}

fn contains(span: &Hours, clock: WallClock) -> bool {
    span.days.contains(&clock.weekday) && (span.from_minute..span.to_minute).contains(&clock.minute)
}

#[cfg(test)]
mod tests {
    use crate::fixture::*;
    use ringi_primitives::decision::DenyReason::NotPermitted;
    use ringi_primitives::policy_set::{Conditions, Hours};
    use ringi_primitives::time::UnixMs;

    /// Monday to Friday, 9 to 17 in Zurich; 2026-11-27 is a Friday in winter (UTC + 1).
    #[test]
    fn t1_a_rule_sleeps_outside_its_hours() {
        let span = Hours { zone: "Europe/Zurich".into(), days: (1..=5).collect(), from_minute: 540, to_minute: 1020 };
        let world = World::new(vec![allow("p", Conditions { hours: vec![span], ..Conditions::default() })]);
        for (text, inside) in [
            ("2026-11-27T07:59:59Z", false),
            ("2026-11-27T08:00:00Z", true),
            ("2026-11-27T15:59:59Z", true),
            ("2026-11-27T16:00:00Z", false),
            ("2026-11-28T10:00:00Z", false),
            ("2026-07-01T07:00:00Z", true),
            ("2026-07-01T15:00:00Z", false),
        ] {
            let mut world = world.clone();
            world.now = UnixMs::parse_rfc3339(text).unwrap();
            assert_eq!(allows(&world, "p"), inside, "{text}");
            assert!(inside || world.decide() == deny_default(NotPermitted));
        }
    }
}
