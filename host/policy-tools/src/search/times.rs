//! When rules can be told apart: one instant for each set of rules whose hours and validity hold at once.
//!
//! Between two changes of any zone's clock, and of any rule's validity, hours repeat every week; so a week of each sort of such
//! spans shows all there is. Clocks are followed for 28 years, in which the calendar's days of the week come round.

use super::bits::Bits;
use ringi_primitives::policy_set::{Conditions, Hours};
use ringi_primitives::time::UnixMs;
use ringi_primitives::zone::Zone;
use std::collections::{BTreeSet, HashSet};

const MINUTE_MS: u64 = 60_000;
const WEEK: u64 = 7 * 1440;
const HORIZON_MS: u64 = (28 * 365 + 7) * 1440 * MINUTE_MS;
/// No zone changes its clock twice within this.
const STEP_MS: u64 = 12 * 60 * MINUTE_MS;

/// Instants that stand for all times, and at which of them each rule's hours and validity hold.
pub(crate) struct Times {
    /// Ascending.
    pub instants: Vec<UnixMs>,
    /// Of each rule, in policy order.
    pub holds: Vec<Bits>,
}

impl Times {
    /// From `now` on: at every later time the same of these conditions hold as at one of the instants.
    pub fn of(whens: &[&Conditions], now: UnixMs) -> Times {
        let mut kept: Vec<(UnixMs, Vec<bool>)> = Vec::new();
        let mut seen = HashSet::new();
        let clocks = Clocks::of(whens);
        for (start, end, offsets) in clocks.spans(whens, now) {
            let borders = clocks.borders(&offsets, start).filter(|t| *t < end);
            for instant in borders {
                let local: Vec<Option<u64>> = clocks.zones.iter().map(|(_, zone)| local(*zone, instant)).collect();
                let holds: Vec<bool> = clocks.open(whens, &local, instant).collect();
                if seen.insert(holds.clone()) {
                    kept.push((instant, holds));
                }
            }
        }
        kept.sort_by_key(|(instant, _)| *instant);
        let at = |rule: usize| Bits::of(&kept, |(_, holds)| holds.get(rule).copied().unwrap_or(true));
        Times { holds: (0..whens.len()).map(at).collect(), instants: kept.iter().map(|(at, _)| *at).collect() }
    }
}

/// A stretch of time without a change: from, until, and how far ahead of UTC each zone's clock is.
type Span = (UnixMs, UnixMs, Vec<u64>);

/// The zones that rules name, and the hours of each rule by them.
struct Clocks<'a> {
    zones: Vec<(&'a str, Zone)>,
    /// Of each rule: the zone's number and the hours. Of a zone that there is not, none.
    hours: Vec<Vec<(usize, &'a Hours)>>,
}

impl<'a> Clocks<'a> {
    fn of(whens: &[&'a Conditions]) -> Clocks<'a> {
        let names: BTreeSet<&str> = whens.iter().flat_map(|w| &w.hours).map(|h| h.zone.as_str()).collect();
        let zones: Vec<(&str, Zone)> = names.into_iter().filter_map(|n| Some((n, Zone::named(n)?))).collect();
        let number = |h: &Hours| zones.iter().position(|(name, _)| *name == h.zone);
        let hours = |w: &&'a Conditions| w.hours.iter().filter_map(|h| Some((number(h)?, h))).collect();
        Clocks { hours: whens.iter().map(hours).collect(), zones }
    }

    /// Which rules' hours and validity hold at a time, at which clocks show this.
    fn open(&self, whens: &[&Conditions], local: &[Option<u64>], at: UnixMs) -> impl Iterator<Item = bool> {
        whens.iter().zip(&self.hours).map(move |(when, hours)| {
            let open = |(zone, h): &(usize, &Hours)| is_open(h, local.get(*zone).copied().flatten());
            is_valid(when, at) && (when.hours.is_empty() || hours.iter().any(open))
        })
    }

    /// One of each sort of spans in which neither a clock nor a validity changes.
    fn spans(&self, whens: &[&Conditions], now: UnixMs) -> Vec<Span> {
        let edges = whens.iter().flat_map(|w| w.from.into_iter().chain(w.until)).filter(|t| *t > now);
        let edges: BTreeSet<UnixMs> = edges.chain([now]).collect();
        let mut breaks = edges.clone();
        self.zones.iter().for_each(|(_, zone)| breaks.extend(changes(*zone, &edges)));
        let (mut seen, mut spans, mut validity) = (HashSet::new(), Vec::new(), 0_usize);
        let mut starts = breaks.into_iter().peekable();
        while let Some(start) = starts.next() {
            validity += usize::from(edges.contains(&start));
            let end = starts.peek().copied().unwrap_or(UnixMs(u64::MAX));
            let offsets: Vec<u64> = self.zones.iter().map(|(_, zone)| offset(*zone, start).unwrap_or(0)).collect();
            let length = end.0 - start.0;
            let short = (length < WEEK * MINUTE_MS).then_some((start.0 % (WEEK * MINUTE_MS), length));
            if seen.insert((validity, offsets.clone(), short)) {
                spans.push((start, end, offsets));
            }
        }
        spans
    }

    /// The start, and when in the week after it hours begin or end, by clocks that are so far ahead of UTC.
    fn borders(&self, offsets: &[u64], start: UnixMs) -> impl Iterator<Item = UnixMs> {
        let mut minutes = BTreeSet::new();
        for (zone, h) in self.hours.iter().flatten() {
            let offset = offsets.get(*zone).copied().unwrap_or(0);
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

    /// Whether a rule's hours and validity hold at a time.
    fn holds(when: &Conditions, at: UnixMs) -> bool {
        let open = |h: &Hours| is_open(h, Zone::named(&h.zone).and_then(|zone| local(zone, at)));
        is_valid(when, at) && (when.hours.is_empty() || when.hours.iter().any(open))
    }

    /// Which of these hold at each of the instants.
    fn sets(whens: &[Conditions], now: &str) -> BTreeSet<Vec<usize>> {
        let whens: Vec<&Conditions> = whens.iter().collect();
        let times = Times::of(&whens, at(now));
        let said = |t: &UnixMs| {
            let marked = |i: &usize| times.holds[*i].among(&times.instants).any(|other| other == t);
            let set: Vec<usize> = (0..whens.len()).filter(|i| holds(whens[*i], *t)).collect();
            assert_eq!(set, (0..whens.len()).filter(marked).collect::<Vec<_>>(), "{t}");
            set
        };
        times.instants.iter().map(said).collect()
    }

    #[test]
    fn without_hours_now_stands_for_all_times() {
        assert_eq!(Times::of(&[], UnixMs(5)).instants, [UnixMs(5)]);
        assert_eq!(Times::of(&[&Conditions::default()], UnixMs(5)).instants, [UnixMs(5)]);
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
