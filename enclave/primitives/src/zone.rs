//! Time zones: what a clock on the wall shows at an instant. The zones' data is part of the program, so it is measured with
//! it, and no machine's own files are read (rule T1).

use crate::policy_set::Period;
use crate::time::UnixMs;
use tz::TimeZoneRef;

const DAY_S: i64 = 86_400;
/// 1970-01-05 was the first Monday of the epoch.
const MONDAY_S: i64 = 4 * DAY_S;

/// A zone of the IANA database by its name.
#[derive(Clone, Copy)]
pub struct Zone(&'static TimeZoneRef<'static>);

/// What the clock on the wall shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WallClock {
    /// Day of the week, 1 Monday to 7 Sunday.
    pub weekday: u8,
    /// Minute of the day, 0 to 1439.
    pub minute: u16,
}

impl Zone {
    /// The zone of this name, spelled exactly as the database does; `None` if there is none.
    pub fn named(name: &str) -> Option<Zone> {
        let exact =
            tzdb_data::TZ_NAMES.binary_search_by(|known| known.to_ascii_lowercase().cmp(&name.to_ascii_lowercase()));
        let known = exact.ok().and_then(|at| tzdb_data::TZ_NAMES.get(at))?;
        if *known != name {
            return None;
        }
        tzdb_data::find_tz(name.as_bytes()).map(Zone)
    }

    /// What the wall clock shows; `None` for times the zone's data does not reach.
    pub fn wall_clock(self, at: UnixMs) -> Option<WallClock> {
        let local = self.local(seconds(at)?)?;
        let weekday = local.checked_sub(MONDAY_S)?.div_euclid(DAY_S).rem_euclid(7);
        let minute = local.rem_euclid(DAY_S).div_euclid(60);
        Some(WallClock { weekday: u8::try_from(weekday).ok()?.checked_add(1)?, minute: u16::try_from(minute).ok()? })
    }

    /// When the period that `at` lies in began. Where clocks are put back over its start, the earlier of both. `None` for
    /// times the zone's data does not reach.
    pub fn start_of(self, period: Period, at: UnixMs) -> Option<UnixMs> {
        let now = seconds(at)?;
        let today = self.local(now)?.div_euclid(DAY_S);
        let first = match period {
            Period::Day => today,
            Period::Week => today.checked_sub(today.checked_sub(MONDAY_S / DAY_S)?.rem_euclid(7))?,
            Period::Month => today.checked_sub(day_of_month(today)?)?,
        };
        let midnight = first.checked_mul(DAY_S)?;
        let by_now = midnight.checked_sub(self.offset(now)?)?;
        let before = midnight.checked_sub(self.offset(by_now.checked_sub(DAY_S)?)?)?;
        let after = midnight.checked_sub(self.offset(by_now)?)?;
        // Where clocks jump over midnight neither shows it, and `before` is the instant of the jump.
        let shows = |at: &i64| self.local(*at) == Some(midnight);
        let start = [before.min(after), before.max(after)].into_iter().find(shows).unwrap_or(before);
        Some(UnixMs(u64::try_from(start.max(0)).ok()?.checked_mul(1000)?))
    }

    fn local(self, utc_s: i64) -> Option<i64> {
        utc_s.checked_add(self.offset(utc_s)?)
    }

    fn offset(self, utc_s: i64) -> Option<i64> {
        self.0.find_local_time_type(utc_s).ok().map(|kind| i64::from(kind.ut_offset()))
    }
}

fn seconds(at: UnixMs) -> Option<i64> {
    i64::try_from(at.0 / 1000).ok()
}

/// Days from the first of its month, 0 to 30, of a day counted from the epoch (proleptic Gregorian; H. Hinnant, "chrono-
/// Compatible Low-Level Date Algorithms", `civil_from_days`).
fn day_of_month(day: i64) -> Option<i64> {
    let shifted = day.checked_add(719_468)?;
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    Some(of_year - (153 * month + 2) / 5)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> UnixMs {
        UnixMs::parse_rfc3339(text).unwrap()
    }

    #[test]
    fn names_are_the_databases_and_exact() {
        for name in ["UTC", "Europe/Zurich", "America/New_York", "Asia/Kolkata", "Pacific/Apia", "Etc/GMT+5"] {
            assert!(Zone::named(name).is_some(), "{name}");
        }
        for name in ["", "europe/zurich", "Europe/Zürich", "Mars/Olympus", "../etc/passwd", "CEST5"] {
            assert!(Zone::named(name).is_none(), "{name}");
        }
    }

    /// 2026-11-27 is a Friday; Zurich is at +1 in winter, +2 in summer; Kolkata at +5:30.
    #[test]
    fn t1_wall_clocks_follow_their_zone() {
        let clock = |zone: &str, text: &str| {
            let clock = Zone::named(zone).unwrap().wall_clock(at(text)).unwrap();
            (clock.weekday, clock.minute)
        };
        assert_eq!(clock("UTC", "2026-11-27T23:59:59Z"), (5, 1439));
        assert_eq!(clock("Europe/Zurich", "2026-11-27T23:59:59Z"), (6, 59));
        assert_eq!(clock("Europe/Zurich", "2026-07-01T10:00:00Z"), (3, 12 * 60));
        assert_eq!(clock("Asia/Kolkata", "2026-11-27T00:00:00Z"), (5, 5 * 60 + 30));
        assert_eq!(clock("America/New_York", "2026-11-27T03:00:00Z"), (4, 22 * 60));
        assert_eq!(clock("UTC", "1970-01-01T00:00:00Z"), (4, 0));
    }

    /// New York's clocks go forward on 2026-03-08 at 2:00 and back on 2026-11-01 at 2:00.
    #[test]
    fn t1_periods_start_at_local_midnight() {
        let start =
            |zone: &str, period, text: &str| Zone::named(zone).unwrap().start_of(period, at(text)).unwrap().to_string();
        use Period::{Day, Month, Week};
        for (zone, period, text, expected) in [
            ("UTC", Day, "2026-11-27T23:59:59Z", "2026-11-27T00:00:00Z"),
            ("UTC", Day, "2026-11-27T00:00:00Z", "2026-11-27T00:00:00Z"),
            ("UTC", Week, "2026-11-27T12:00:00Z", "2026-11-23T00:00:00Z"),
            ("UTC", Week, "2026-11-23T00:00:00Z", "2026-11-23T00:00:00Z"),
            ("UTC", Month, "2026-11-27T12:00:00Z", "2026-11-01T00:00:00Z"),
            ("UTC", Month, "2024-02-29T12:00:00Z", "2024-02-01T00:00:00Z"),
            ("UTC", Month, "2026-12-31T23:59:59Z", "2026-12-01T00:00:00Z"),
            // Ends of centuries: 2000 is a leap year, 2100 is none; an era of 400 years ends with 2000-02-29.
            ("UTC", Month, "2000-02-29T12:00:00Z", "2000-02-01T00:00:00Z"),
            ("UTC", Month, "2000-03-01T00:00:00Z", "2000-03-01T00:00:00Z"),
            ("UTC", Month, "2100-02-28T12:00:00Z", "2100-02-01T00:00:00Z"),
            ("UTC", Month, "2100-03-01T00:00:00Z", "2100-03-01T00:00:00Z"),
            ("UTC", Month, "2200-02-28T12:00:00Z", "2200-02-01T00:00:00Z"),
            ("UTC", Month, "2399-12-31T12:00:00Z", "2399-12-01T00:00:00Z"),
            ("UTC", Month, "2400-02-29T12:00:00Z", "2400-02-01T00:00:00Z"),
            ("UTC", Month, "2400-03-01T12:00:00Z", "2400-03-01T00:00:00Z"),
            ("Europe/Zurich", Day, "2026-11-27T23:30:00Z", "2026-11-27T23:00:00Z"),
            ("Europe/Zurich", Month, "2026-07-31T22:30:00Z", "2026-07-31T22:00:00Z"),
            ("America/New_York", Day, "2026-03-08T20:00:00Z", "2026-03-08T05:00:00Z"),
            ("America/New_York", Day, "2026-11-01T20:00:00Z", "2026-11-01T04:00:00Z"),
            ("America/New_York", Month, "2026-11-27T20:00:00Z", "2026-11-01T04:00:00Z"),
        ] {
            assert_eq!(start(zone, period, text), expected, "{zone} {period:?} {text}");
        }
    }

    /// Every hour of two years in zones with odd rules: the start is not after the time, and at most a period and a day before.
    #[test]
    fn t1_a_period_holds_its_own_times() {
        for name in ["Africa/Cairo", "America/Havana", "Asia/Beirut", "Australia/Lord_Howe", "Pacific/Apia", "UTC"] {
            let zone = Zone::named(name).unwrap();
            let mut last = UnixMs(0);
            for hour in 0..2 * 366 * 24 {
                let now = at("2026-01-01T00:00:00Z").plus_ms(hour * 3_600_000);
                let start = zone.start_of(Period::Day, now).unwrap();
                assert!(start <= now && now.0 - start.0 <= 26 * 3_600_000, "{name} {now}: {start}");
                assert!(start >= last, "{name} {now}: never back");
                last = start;
            }
        }
    }
}
