//! From the text of a JSON number to a price, exactly: digits are moved, nothing is ever a floating point number.

use crate::error::WitnessError;
use ringi_primitives::amount::Amount;
use ringi_primitives::fact::PRICE_DECIMALS;

/// A number's text is at most this long: 2^256 has 78 digits.
const TEXT_BYTES: usize = 128;
/// Exponents beyond this leave no price.
const EXPONENT: i32 = 100;

fn no(why: &'static str) -> WitnessError {
    WitnessError::Number(why)
}

/// A price in 10^-12 US dollars. What lies below that is rounded up: a price is never stated lower than it was read.
///
/// # Errors
/// [`WitnessError::Number`] unless it is a JSON number (RFC 8259 section 6) above zero that fits 256 bits.
pub fn price(text: &str) -> Result<Amount, WitnessError> {
    if text.len() > TEXT_BYTES {
        return Err(no("too long"));
    }
    if text.starts_with('-') {
        return Err(no("negative"));
    }
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], self::exponent(&text[at + 1..])?),
        None => (text, 0),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((_, "")) => return Err(no("not a number")),
        Some(parts) => parts,
        None => (mantissa, ""),
    };
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || (whole.len() > 1 && whole.starts_with('0')) || !digits(whole) || !digits(fraction) {
        return Err(no("not a number"));
    }
    let moved = i32::try_from(fraction.len()).map_err(|_| no("too long"))?;
    let price = shifted(&format!("{whole}{fraction}"), exponent - moved + i32::from(PRICE_DECIMALS))?;
    if price.is_zero() { Err(no("zero")) } else { Ok(price) }
}

fn exponent(text: &str) -> Result<i32, WitnessError> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || digits.len() > 9 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(no("not a number"));
    }
    let exponent: i32 = text.parse().map_err(|_| no("not a number"))?;
    if exponent.abs() > EXPONENT { Err(no("out of range")) } else { Ok(exponent) }
}

/// The digits with the point moved right by `places`, or left, rounded up.
fn shifted(digits: &str, places: i32) -> Result<Amount, WitnessError> {
    let count = usize::try_from(places.unsigned_abs()).map_err(|_| no("out of range"))?;
    let (kept, lost) = if places >= 0 {
        (format!("{digits}{}", "0".repeat(count)), "")
    } else {
        let (kept, lost) = digits.split_at(digits.len().saturating_sub(count));
        (kept.to_string(), lost)
    };
    let kept = kept.trim_start_matches('0');
    let value = Amount::parse_base_units(if kept.is_empty() { "0" } else { kept }).map_err(|_| no("out of range"))?;
    if lost.bytes().all(|b| b == b'0') {
        return Ok(value);
    }
    value.checked_add(Amount::from_u64(1)).ok_or_else(|| no("out of range"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn units(text: &str) -> String {
        price(text).map(|p| p.to_string()).unwrap_or_else(|e| e.to_string())
    }

    #[test]
    fn m1_a_price_is_its_digits() {
        for (text, price) in [
            ("1", "1000000000000"),
            ("3012.55", "3012550000000000"),
            ("0.000000000001", "1"),
            ("1e-12", "1"),
            ("1E3", "1000000000000000"),
            ("1.5e+2", "150000000000000"),
            ("12345.678e-5", "123456780000"),
            ("0.1", "100000000000"),
            // No double is this number.
            ("9007199254740993", "9007199254740993000000000000"),
            ("0.30000000000000004", "300000000001"),
            ("0.0000000000001", "1"),
            ("1e-100", "1"),
            ("1.0000000000000", "1000000000000"),
            ("0e0", "what stands there is no price: zero"),
            ("0", "what stands there is no price: zero"),
            ("0.000", "what stands there is no price: zero"),
        ] {
            assert_eq!(units(text), price, "{text}");
        }
    }

    #[test]
    fn m1_what_is_no_number_is_no_price() {
        for bad in [
            "",
            "-1",
            "-0",
            "+1",
            "1.",
            ".5",
            "01",
            "00",
            "1e",
            "1e+",
            "e5",
            "1.2.3",
            "1,5",
            "0x10",
            "NaN",
            "Infinity",
            "inf",
            " 1",
            "1 ",
            "1_000",
            "1e101",
            "1e-101",
            "1e9999999999",
            "١",
            "1.٢",
            "null",
            "true",
        ] {
            assert!(price(bad).is_err(), "{bad}");
        }
        let digits = "9".repeat(66);
        assert!(price(&digits).is_err(), "over 256 bits");
        assert!(price(&"9".repeat(129)).is_err());
        assert!(price(&"9".repeat(65)).is_ok());
    }

    proptest! {
        /// The same number written in another way is the same price; and no lower than its digits.
        #[test]
        fn m1_an_exponent_moves_the_point_only(whole in 0u64..1_000_000_000, fraction in "[0-9]{1,18}", shift in 0usize..15) {
            let text = format!("{whole}.{fraction}");
            let Ok(plain) = price(&text) else { return Ok(()) };
            let digits = format!("{whole}{fraction}");
            let moved = format!("{}e-{}", digits.trim_start_matches('0'), fraction.len());
            prop_assert_eq!(price(&moved).unwrap(), plain);
            let scaled = format!("{text}{}e{shift}", "0".repeat(shift));
            let times = Amount::from_u128(10u128.pow(u32::try_from(shift).unwrap()));
            prop_assert!(price(&scaled).unwrap() <= plain.checked_mul(times).unwrap());
        }
    }
}
