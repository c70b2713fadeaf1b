//! Time: milliseconds since the Unix epoch, and the one text form taken (RFC 3339, UTC, whole seconds).

use minicbor::{Decode, Encode};
use std::fmt;

/// Milliseconds since 1970-01-01T00:00:00Z. Handed in; nothing here reads a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Encode, Decode)]
#[cbor(transparent)]
pub struct UnixMs(#[n(0)] pub u64);

impl UnixMs {
    /// Later by `ms`, saturating.
    pub fn plus_ms(self, ms: u64) -> UnixMs {
        UnixMs(self.0.saturating_add(ms))
    }

    /// Earlier by `ms`, saturating at the epoch.
    pub fn minus_ms(self, ms: u64) -> UnixMs {
        UnixMs(self.0.saturating_sub(ms))
    }

    /// The distance to another time, in either direction.
    pub fn distance_ms(self, other: UnixMs) -> u64 {
        self.0.abs_diff(other.0)
    }

    /// Parses exactly `YYYY-MM-DDTHH:MM:SSZ` (RFC 3339 §5.6, UTC, no fraction, no leap second). Years 1970 to 9999.
    pub fn parse_rfc3339(text: &str) -> Option<UnixMs> {
        let b = text.as_bytes();
        let shape = b.len() == 20
            && [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'Z')]
                .iter()
                .all(|(i, c)| b.get(*i) == Some(c));
        if !shape {
            return None;
        }
        let number = |from: usize, to: usize| -> Option<u64> {
            let digits = text.get(from..to)?;
            digits.bytes().all(|c| c.is_ascii_digit()).then(|| digits.parse().ok())?
        };
        let (y, mo, d) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let (h, mi, s) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
        if y < 1970 || h > 23 || mi > 59 || s > 59 || d == 0 || d > days_in_month(y, mo)? {
            return None;
        }
        let days = days_from_civil(y, mo, d);
        let seconds = days.checked_mul(86_400)?.checked_add(h * 3600 + mi * 60 + s)?;
        Some(UnixMs(seconds.checked_mul(1000)?))
    }
}

fn is_leap(y: u64) -> bool {
    y.is_multiple_of(4) && (!y.is_multiple_of(100) || y.is_multiple_of(400))
}

fn days_in_month(y: u64, month: u64) -> Option<u64> {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        4 | 6 | 9 | 11 => Some(30),
        2 => Some(if is_leap(y) { 29 } else { 28 }),
        _ => None,
    }
}

/// Days since 1970-01-01 of a valid date: whole years, leap days, whole months, days.
fn days_from_civil(y: u64, month: u64, day: u64) -> u64 {
    let before = |n: u64| n / 4 - n / 100 + n / 400;
    let leap_days = before(y - 1) - before(1969);
    let months: u64 = (1..month).filter_map(|m| days_in_month(y, m)).sum();
    (y - 1970) * 365 + leap_days + months + day - 1
}

impl fmt::Display for UnixMs {
    /// RFC 3339 in UTC, milliseconds cut off.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0 / 1000;
        let (mut days, rest) = (seconds / 86_400, seconds % 86_400);
        let mut y = 1970;
        loop {
            let year = if is_leap(y) { 366 } else { 365 };
            if days < year {
                break;
            }
            days -= year;
            y += 1;
        }
        let mut month = 1;
        while let Some(n) = days_in_month(y, month).filter(|n| days >= *n) {
            days -= n;
            month += 1;
        }
        write!(f, "{y:04}-{month:02}-{:02}T{:02}:{:02}:{:02}Z", days + 1, rest / 3600, rest / 60 % 60, rest % 60)
    }
}

impl serde::Serialize for UnixMs {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for UnixMs {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        UnixMs::parse_rfc3339(&text).ok_or_else(|| serde::de::Error::custom("time is not YYYY-MM-DDTHH:MM:SSZ"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_instants() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T23:59:59Z", 951_868_799),
            ("2026-11-23T22:46:32Z", 1_795_473_992),
            ("2100-03-01T00:00:00Z", 4_107_542_400),
        ] {
            let t = UnixMs::parse_rfc3339(text).unwrap();
            assert_eq!(t.0, seconds * 1000, "{text}");
            assert_eq!(t.to_string(), text);
        }
        for bad in [
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:60Z",
            "2026-01-01t00:00:00Z",
            "2026-01-01T00:00:00+00:00",
            "2026-01-01T00:00:00.0Z",
            "2026-00-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "+026-01-01T00:00:00Z",
        ] {
            assert!(UnixMs::parse_rfc3339(bad).is_none(), "{bad}");
        }
    }
}
