//! JSON-RPC's numbers and bytes: `0x` and hex (execution-apis, "hex value encoding").

use ringi_primitives::address::Address;
use ringi_primitives::amount::Amount;
use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// A number of up to 256 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Quantity(pub(super) Amount);

impl Quantity {
    pub(super) fn u64(self) -> Option<u64> {
        self.0.to_u64()
    }

    pub(super) fn u128(self) -> Option<u128> {
        u128::try_from(self.0.value()).ok()
    }

    fn parse(text: &str) -> Option<Quantity> {
        let digits = text.strip_prefix("0x")?;
        let sized = (1..=64).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
        let mut bytes = [0; 32];
        sized.then(|| hex::decode_to_slice(format!("{digits:0>64}"), &mut bytes).ok()).flatten()?;
        Some(Quantity(Amount::from_be_bytes(bytes)))
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        Quantity::parse(&text).ok_or_else(|| D::Error::custom("not a quantity"))
    }
}

/// Bytes of any length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Data(pub(super) Vec<u8>);

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        let digits = text.strip_prefix("0x").ok_or_else(|| D::Error::custom("not data"))?;
        hex::decode(digits).map(Data).map_err(D::Error::custom)
    }
}

/// A 32-byte hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hash(pub(super) [u8; 32]);

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let Data(bytes) = Data::deserialize(d)?;
        bytes.try_into().map(Hash).map_err(|_| D::Error::custom("not 32 bytes"))
    }
}

/// A 20-byte account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Account(pub(super) Address);

impl<'de> Deserialize<'de> for Account {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let Data(bytes) = Data::deserialize(d)?;
        let account = Address::new(&bytes).filter(|_| bytes.len() == 20);
        account.map(Account).ok_or_else(|| D::Error::custom("not 20 bytes"))
    }
}

/// `0x` and hex, as every call's parameters want bytes.
pub(super) fn hex0x(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode(bytes))
}

/// `0x` and the shortest hex, as every call's parameters want numbers.
pub(super) fn number(n: u64) -> String {
    format!("{n:#x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_bounded_hex() {
        let parse = |text: &str| serde_json::from_value::<Quantity>(text.into()).ok().map(|q| q.0.to_string());
        assert_eq!(parse("0x0").as_deref(), Some("0"));
        assert_eq!(parse("0x1f").as_deref(), Some("31"));
        assert_eq!(parse(&format!("0x{}", "f".repeat(64))), Some(Amount::MAX.to_string()));
        for bad in ["", "0x", "1f", "0x+1", "0xg", "-0x1", &format!("0x1{}", "0".repeat(64))] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
