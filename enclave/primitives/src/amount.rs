//! Amounts: 256-bit unsigned integers in an asset's base units. Never floating point, never negative.

use minicbor::{Decode, Encode};
use ruint::aliases::U256;
use std::fmt;

/// A quantity in base units (wei, satoshi, a token's smallest unit). Arithmetic is checked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Amount(U256);

/// Why a text is no amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// Empty, signed, leading zeros, or characters other than digits (and one point where decimals are allowed).
    #[error("amount is not a plain decimal number")]
    Malformed,
    /// More digits after the point than the asset has.
    #[error("amount has more decimals than the asset")]
    TooManyDecimals,
    /// 2^256 or more.
    #[error("amount does not fit 256 bits")]
    Overflow,
}

impl Amount {
    /// Nothing.
    pub const ZERO: Amount = Amount(U256::ZERO);
    /// 2^256 - 1; on ERC-20 the customary "unlimited".
    pub const MAX: Amount = Amount(U256::MAX);

    /// From a 256-bit integer.
    pub const fn new(value: U256) -> Amount {
        Amount(value)
    }

    /// From a small number of base units.
    pub fn from_u64(value: u64) -> Amount {
        Amount(U256::from(value))
    }

    /// From up to 128 bits of base units.
    pub fn from_u128(value: u128) -> Amount {
        Amount(U256::from(value))
    }

    /// The integer.
    pub fn value(self) -> U256 {
        self.0
    }

    /// Whether this is nothing.
    pub fn is_zero(self) -> bool {
        self.0.is_zero()
    }

    /// The amount as u64, if it fits.
    pub fn to_u64(self) -> Option<u64> {
        u64::try_from(self.0).ok()
    }

    /// The sum, or `None` on overflow.
    pub fn checked_add(self, other: Amount) -> Option<Amount> {
        self.0.checked_add(other.0).map(Amount)
    }

    /// The difference, or `None` if it would be negative.
    pub fn checked_sub(self, other: Amount) -> Option<Amount> {
        self.0.checked_sub(other.0).map(Amount)
    }

    /// The product, or `None` on overflow.
    pub fn checked_mul(self, other: Amount) -> Option<Amount> {
        self.0.checked_mul(other.0).map(Amount)
    }

    /// The quotient, rounded up; `None` for a divisor of nothing.
    pub fn divided_up(self, divisor: Amount) -> Option<Amount> {
        let (quotient, rest) = (self.0.checked_div(divisor.0)?, self.0.checked_rem(divisor.0)?);
        if rest.is_zero() { Some(Amount(quotient)) } else { Amount(quotient).checked_add(Amount::from_u64(1)) }
    }

    /// 10 to this power; `None` beyond 256 bits.
    pub fn power_of_ten(exponent: u8) -> Option<Amount> {
        U256::from(10).checked_pow(U256::from(exponent)).map(Amount)
    }

    /// 32 bytes, big-endian: the form stored in SQL.
    pub fn to_be_bytes(self) -> [u8; 32] {
        self.0.to_be_bytes()
    }

    /// From 32 bytes, big-endian.
    pub fn from_be_bytes(bytes: [u8; 32]) -> Amount {
        Amount(U256::from_be_bytes(bytes))
    }

    /// Parses base units: plain decimal digits without sign, point, spaces or leading zeros.
    ///
    /// # Errors
    /// [`AmountError::Malformed`] or [`AmountError::Overflow`].
    pub fn parse_base_units(text: &str) -> Result<Amount, AmountError> {
        let leading_zero = text.len() > 1 && text.starts_with('0');
        if text.is_empty() || leading_zero || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(AmountError::Malformed);
        }
        if text.len() > 78 {
            return Err(AmountError::Overflow);
        }
        U256::from_str_radix(text, 10).map(Amount).map_err(|_| AmountError::Overflow)
    }

    /// Parses a human amount such as `1.5` for an asset with `decimals` decimals into base units.
    ///
    /// # Errors
    /// [`AmountError`]; more digits than the asset has are refused, never rounded.
    pub fn parse_decimal(text: &str, decimals: u8) -> Result<Amount, AmountError> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        if text.contains('.') && fraction.is_empty() {
            return Err(AmountError::Malformed);
        }
        if fraction.len() > usize::from(decimals) {
            return Err(AmountError::TooManyDecimals);
        }
        let whole = Amount::parse_base_units(whole)?;
        let scale = U256::from(10).checked_pow(U256::from(decimals)).ok_or(AmountError::Overflow)?;
        let padded = format!("{fraction:0<width$}", width = usize::from(decimals));
        if !padded.bytes().all(|b| b.is_ascii_digit()) {
            return Err(AmountError::Malformed);
        }
        let part = if padded.is_empty() {
            U256::ZERO
        } else {
            U256::from_str_radix(&padded, 10).map_err(|_| AmountError::Overflow)?
        };
        whole.0.checked_mul(scale).and_then(|w| w.checked_add(part)).map(Amount).ok_or(AmountError::Overflow)
    }

    /// The human form with trailing zeros cut: 1500000 at 6 decimals is `1.5`.
    pub fn to_decimal(self, decimals: u8) -> String {
        let digits = format!("{:0>width$}", self.0.to_string(), width = usize::from(decimals).saturating_add(1));
        let (whole, fraction) = digits.split_at(digits.len().saturating_sub(usize::from(decimals)));
        let fraction = fraction.trim_end_matches('0');
        if fraction.is_empty() { whole.to_string() } else { format!("{whole}.{fraction}") }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Debug for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl<C> Encode<C> for Amount {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        let bytes = self.to_be_bytes();
        let skip = bytes.iter().take_while(|b| **b == 0).count();
        e.bytes(bytes.get(skip..).unwrap_or_default())?;
        Ok(())
    }
}

impl<'b, C> Decode<'b, C> for Amount {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        let bytes = d.bytes()?;
        if bytes.len() > 32 || bytes.first() == Some(&0) {
            return Err(minicbor::decode::Error::message("amount is not a minimal 256-bit integer"));
        }
        Ok(Amount(U256::try_from_be_slice(bytes).unwrap_or_default()))
    }
}

impl serde::Serialize for Amount {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Amount {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        Amount::parse_base_units(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_never_rounded() {
        assert_eq!(Amount::parse_decimal("1.5", 6).unwrap().to_string(), "1500000");
        assert_eq!(Amount::parse_decimal("1.5", 0), Err(AmountError::TooManyDecimals));
        assert_eq!(Amount::parse_decimal("0.0000001", 6), Err(AmountError::TooManyDecimals));
        assert_eq!(Amount::parse_decimal("1.", 6), Err(AmountError::Malformed));
        assert_eq!(Amount::parse_decimal("-1", 6), Err(AmountError::Malformed));
        assert_eq!(Amount::parse_decimal("1.+5", 6), Err(AmountError::Malformed));
        assert_eq!(Amount::parse_base_units("01"), Err(AmountError::Malformed));
        assert_eq!(Amount::parse_base_units("1e3"), Err(AmountError::Malformed));
        assert_eq!(Amount::parse_base_units(""), Err(AmountError::Malformed));
        let max = Amount::MAX.to_string();
        assert_eq!(Amount::parse_base_units(&max).unwrap(), Amount::MAX);
        let over = format!("{}6", &max[..max.len() - 1]);
        assert_eq!(Amount::parse_base_units(&over), Err(AmountError::Overflow));
        assert_eq!(Amount::parse_decimal(&max, 1), Err(AmountError::Overflow));
        assert_eq!(Amount::from_u64(1_500_000).to_decimal(6), "1.5");
        assert_eq!(Amount::from_u64(5).to_decimal(6), "0.000005");
        assert_eq!(Amount::from_u64(5).to_decimal(0), "5");
    }

    #[test]
    fn encoding_is_minimal() {
        for a in [Amount::ZERO, Amount::from_u64(255), Amount::MAX] {
            assert_eq!(crate::cbor::decode::<Amount>(&crate::cbor::encode(&a), 64).unwrap(), a);
        }
        assert!(crate::cbor::decode::<Amount>(&[0x42, 0x00, 0x01], 64).is_err());
    }
}
