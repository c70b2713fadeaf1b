//! When rules can be told apart: one instant for each set of rules whose hours and validity hold at once.
//!
//! Between two changes of any zone's clock, and of any rule's validity, hours repeat every week; so a week of each sort of such
//! spans shows all there is. Clocks are followed for 28 years, in which the calendar's days of the week come round.

use ringi_primitives::policy_set::{Conditions, Hours};
use ringi_primitives::time::UnixMs;
use ringi_primitives::zone::Zone;
use std::collections::{BTreeMap, BTreeSet, HashSet};

const MINUTE_MS: u64 = 60_000;
const WEEK: u64 = 7 * 1440;
const HORIZON_MS: u64 = (28 * 365 + 7) * 1440 * MINUTE_MS;
/// No zone changes its clock twice within this.
const STEP_MS: u64 = 12 * 60 * MINUTE_MS;

/// Whether a rule's hours and validity hold at a time.
pub(crate) fn holds(when: &Conditions, at: UnixMs) -> bool {
    let clocks = |zone: &str| Zone::named(zone).and_then(|zone| local(zone, at));
    is_valid(when, at) && (when.hours.is_empty() || when.hours.iter().any(|h| is_open(h, clocks(&h.zone))))
}

/// Instants from `now` on: at every later time the same of these conditions hold as at one of them.
pub(crate) fn instants(whens: &[&Conditions], now: UnixMs) -> BTreeSet<UnixMs> {
    let whens: Vec<&Conditions> =
        whens.iter().copied().filter(|w| !w.hours.is_empty() || w.from.is_some() || w.until.is_some()).collect();
    let hours = || whens.iter().flat_map(|w| &w.hours);
    let zones: BTreeMap<&str, Zone> = hours().filter_map(|h| Some((h.zone.as_str(), Zone::named(&h.zone)?))).collect();
    let edges = whens.iter().flat_map(|w| w.from.into_iter().chain(w.until)).filter(|t| *t > now);
    let edges: BTreeSet<UnixMs> = edges.chain([now]).collect();
    let mut breaks = edges.clone();
    zones.values().for_each(|zone| breaks.extend(changes(*zone, &edges)));
    let mut seen_spans = HashSet::new();
    let mut seen = HashSet::new();
    let mut instants = BTreeSet::new();
    let starts: Vec<UnixMs> = breaks.into_iter().collect();
    for (at, start) in starts.iter().enumerate() {
        let end = starts.get(at + 1).copied().unwrap_or(UnixMs(u64::MAX));
        let offsets: Vec<u64> = zones.values().map(|zone| offset(*zone, *start).unwrap_or(0)).collect();
        let short = (end.0 - start.0 < WEEK * MINUTE_MS).then(|| (start.0 % (WEEK * MINUTE_MS), end.0 - start.0));
        if !seen_spans.insert((edges.range(..=*start).count(), offsets.clone(), short)) {
            continue;
        }
        let offset_of: BTreeMap<&str, u64> = zones.keys().copied().zip(offsets).collect();
        for instant in borders(hours(), &offset_of, *start).filter(|t| *t < end) {
            let clocks: BTreeMap<&str, Option<u64>> = zones.iter().map(|(n, z)| (*n, local(*z, instant))).collect();
            let open = |w: &&Conditions| {
                let clock = |h: &Hours| clocks.get(h.zone.as_str()).copied().flatten();
                is_valid(w, instant) && (w.hours.is_empty() || w.hours.iter().any(|h| is_open(h, clock(h))))
            };
            if seen.insert(whens.iter().map(open).collect::<Vec<bool>>()) {
                instants.insert(instant);
            }
        }
    }
    instants
}

/// The start, and when in the week after it hours begin or end, by clocks that are so far ahead of UTC.
fn borders<'a>(
    hours: impl Iterator<Item = &'a Hours>,
    offsets: &BTreeMap<&str, u64>,
    start: UnixMs,
) -> impl Iterator<Item = UnixMs> {
    let mut minutes = BTreeSet::new();
    for (h, offset) in hours.filter_map(|h| Some((h, offsets.get(h.zone.as_str())?))) {
        for day in h.days.iter().map(|d| (u64::from(*d) + 6) % 7) {
            let local = [h.from_minute, h.to_minute].map(|m| day * 1440 + u64::from(m));
            minutes.extend(local.map(|l| (l + WEEK - offset) % WEEK));
        }
    }
    let first = UnixMs(start.0.div_ceil(MINUTE_MS).saturating_mul(MINUTE_MS));
    let week = minute_of_week(first);
    let each = move |m: u64| first.plus_ms((m + WEEK - week) % WEEK * MINUTE_MS);
    [start].into_iter().chain(minutes.into_iter().map(each))
}

/// When this zone's clock changes, for a while after each of these times.
fn changes(zone: Zone, after: &BTreeSet<UnixMs>) -> Vec<UnixMs> {
    let mut found = Vec::new();
    let mut looked_to = UnixMs(0);
    for start in after {
        let mut at = looked_to.max(*start);
        let mut shown = offset(zone, at);
        looked_to = looked_to.max(start.plus_ms(HORIZON_MS));
        while at < looked_to {
            let next = at.plus_ms(STEP_MS);
            let then = offset(zone, next);
            if then != shown {
                found.push(change_between(zone, at, next));
            }
            (at, shown) = (next, then);
        }
    }
    found
}

/// The minute in which a clock that has changed at `late` did so.
fn change_between(zone: Zone, early: UnixMs, late: UnixMs) -> UnixMs {
    let before = offset(zone, early);
    let (mut low, mut high) = (early.0 / MINUTE_MS, late.0.div_ceil(MINUTE_MS));
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if offset(zone, UnixMs(middle * MINUTE_MS)) == before { low = middle } else { high = middle }
    }
    UnixMs(high * MINUTE_MS)
}

/// How many minutes a zone's clock is ahead of UTC, modulo a week.
fn offset(zone: Zone, at: UnixMs) -> Option<u64> {
    local(zone, at).map(|local| (local + WEEK - minute_of_week(at)) % WEEK)
}

/// The minute of the week that a zone's clock shows, from Monday's midnight.
fn local(zone: Zone, at: UnixMs) -> Option<u64> {
    let clock = zone.wall_clock(at)?;
    Some((u64::from(clock.weekday) + 6) % 7 * 1440 + u64::from(clock.minute))
}

/// The minute of the week in UTC; 1970-01-01 was a Thursday.
fn minute_of_week(at: UnixMs) -> u64 {
    (at.0 / MINUTE_MS + 3 * 1440) % WEEK
}

fn is_valid(when: &Conditions, at: UnixMs) -> bool {
    when.from.is_none_or(|from| at >= from) && when.until.is_none_or(|until| at < until)
}

fn is_open(hours: &Hours, local: Option<u64>) -> bool {
    local.is_some_and(|local| {
        let (day, minute) = (local / 1440 + 1, local % 1440);
        let today = hours.days.iter().any(|d| u64::from(*d) == day);
        today && (u64::from(hours.from_minute)..u64::from(hours.to_minute)).contains(&minute)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> UnixMs {
        UnixMs::parse_rfc3339(text).unwrap()
    }

    fn open(zone: &str, day: u8, from_minute: u16, to_minute: u16) -> Conditions {
        let hours = Hours { zone: zone.into(), days: BTreeSet::from([day]), from_minute, to_minute };
        Conditions { hours: vec![hours], ..Conditions::default() }
    }

    /// Which of these hold at each of the instants.
    fn sets(whens: &[Conditions], now: &str) -> BTreeSet<Vec<usize>> {
        let whens: Vec<&Conditions> = whens.iter().collect();
        let set = |t: &UnixMs| (0..whens.len()).filter(|i| holds(whens[*i], *t)).collect();
        instants(&whens, at(now)).iter().map(set).collect()
    }

    #[test]
    fn without_hours_now_stands_for_all_times() {
        assert_eq!(instants(&[], UnixMs(5)), BTreeSet::from([UnixMs(5)]));
        assert_eq!(instants(&[&Conditions::default()], UnixMs(5)).len(), 1);
    }

    /// Zurich is six hours ahead of New York, except for some weeks a year in which it is five.
    #[test]
    fn clocks_that_change_on_other_days_are_seen_apart() {
        let pair =
            [open("Europe/Zurich", 3, 17 * 60 + 30, 18 * 60), open("America/New_York", 3, 12 * 60 + 30, 13 * 60)];
        let both = BTreeSet::from([vec![], vec![0], vec![1], vec![0, 1]]);
        assert_eq!(
            sets(&pair, "2026-11-28T12:00:00Z"),
            both,
            "half past five is half past twelve in March for some weeks"
        );
        let never =
            [open("Europe/Zurich", 3, 18 * 60 + 30, 19 * 60), open("America/New_York", 3, 11 * 60, 11 * 60 + 30)];
        assert!(!sets(&never, "2026-11-28T12:00:00Z").contains(&vec![0, 1]), "seven hours apart they never are");
    }

    #[test]
    fn hours_within_a_validity_are_seen_however_far_ahead() {
        let march = Conditions {
            from: Some(at("2027-03-01T00:00:00Z")),
            until: Some(at("2027-04-01T00:00:00Z")),
            ..open("UTC", 2, 600, 660)
        };
        assert_eq!(sets(std::slice::from_ref(&march), "2026-11-28T12:00:00Z"), BTreeSet::from([vec![], vec![0]]));
        // 2027-03-01 is a Monday: a validity of that day alone holds no Tuesday.
        let monday = Conditions { until: Some(at("2027-03-02T00:00:00Z")), ..march };
        assert_eq!(sets(&[monday], "2026-11-28T12:00:00Z"), BTreeSet::from([vec![]]));
        let later = Conditions { from: Some(at("2093-01-01T00:00:00Z")), ..open("Europe/Zurich", 7, 150, 180) };
        assert_eq!(sets(&[later], "2026-11-28T12:00:00Z"), BTreeSet::from([vec![], vec![0]]));
    }

    /// Every quarter of an hour of three years: what holds then holds at one of the instants too.
    #[test]
    fn no_time_shows_what_the_instants_do_not() {
        let whens = [
            open("Europe/Zurich", 7, 60, 240),
            open("America/New_York", 7, 60, 180),
            open("America/Havana", 7, 0, 60),
            open("Asia/Kathmandu", 7, 615, 700),
            open("Australia/Lord_Howe", 1, 15, 75),
            Conditions { from: Some(at("2027-10-31T01:15:00Z")), ..Conditions::default() },
            Conditions { until: Some(at("2028-03-26T01:45:00Z")), ..open("Europe/London", 7, 30, 165) },
        ];
        let now = at("2026-11-28T12:00:00Z");
        let shown = sets(&whens, "2026-11-28T12:00:00Z");
        for quarter in 0..3 * 366 * 96 {
            let t = now.plus_ms(quarter * 15 * MINUTE_MS);
            let set: Vec<usize> = (0..whens.len()).filter(|i| holds(&whens[*i], t)).collect();
            assert!(shown.contains(&set), "{t}: {set:?}");
        }
    }
}
