//! Typed identifiers: a prefix and 26 characters of Crockford base32 over 16 bytes (a UUIDv7, RFC 9562 §5.7).
//!
//! The alphabet is lower case and one spelling only: an id has exactly one text form.

use minicbor::{Decode, Encode};
use std::fmt;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

fn encode_base32(bytes: [u8; 16]) -> String {
    let n = u128::from_be_bytes(bytes);
    (0..26).rev().filter_map(|i| ALPHABET.get(((n >> (5 * i)) & 31) as usize)).map(|b| char::from(*b)).collect()
}

fn decode_base32(text: &str) -> Option<[u8; 16]> {
    if text.len() != 26 {
        return None;
    }
    let mut n: u128 = 0;
    for (i, c) in text.bytes().enumerate() {
        let v = ALPHABET.iter().position(|a| *a == c)? as u128;
        if i == 0 && v > 7 {
            return None;
        }
        n = (n << 5) | v;
    }
    Some(n.to_be_bytes())
}

/// Why a text is no id of the wanted kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id of the form {prefix}_ and 26 base32 characters")]
pub struct IdError {
    /// The prefix that was expected.
    pub prefix: &'static str,
}

macro_rules! typed_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// Sixteen zero bytes.
            pub const NIL: Self = Self([0; 16]);
            /// The text prefix, without the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// From the 16 bytes of a UUIDv7.
            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The 16 bytes.
            pub fn bytes(&self) -> [u8; 16] {
                self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                text.strip_prefix(concat!($prefix, "_"))
                    .and_then(decode_base32)
                    .map(Self)
                    .ok_or(IdError { prefix: $prefix })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "_{}"), encode_base32(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl<C> Encode<C> for $name {
            fn encode<W: minicbor::encode::Write>(
                &self,
                e: &mut minicbor::Encoder<W>,
                _: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                e.bytes(&self.0)?;
                Ok(())
            }
        }

        impl<'b, C> Decode<'b, C> for $name {
            fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
                <[u8; 16]>::try_from(d.bytes()?)
                    .map(Self)
                    .map_err(|_| minicbor::decode::Error::message("id is not 16 bytes"))
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

typed_id!(
    /// An intent; chosen by the client and signed, so a transfer has one identity for ever.
    IntentId, "int");
typed_id!(
    /// A wallet inside a vault. Its derivation path follows from it ([`crate::wallet`]).
    WalletId, "wal");
typed_id!(
    /// A person: an initiator, approver or admin. Rule I1 counts these, not keys.
    PersonId, "per");
typed_id!(
    /// A workspace.
    WorkspaceId, "wsp");
typed_id!(
    /// An admin order (rule G2).
    OrderId, "ord");
typed_id!(
    /// A freeze, veto or withdrawal (rule P1).
    BrakeId, "brk");
typed_id!(
    /// An event of the host's public feed.
    EventId, "evt");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_is_unique_and_sortable() {
        let a = IntentId::from_bytes([0x01; 16]);
        let b = IntentId::from_bytes([0xff; 16]);
        assert_eq!(a.to_string().parse::<IntentId>().unwrap(), a);
        assert_eq!(b.to_string(), "int_7zzzzzzzzzzzzzzzzzzzzzzzzz");
        assert!(a.to_string() < b.to_string());
        for bad in [
            "int_8zzzzzzzzzzzzzzzzzzzzzzzzz",
            "int_7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
            "wal_7zzzzzzzzzzzzzzzzzzzzzzzzz",
            "int_7zzzzzzzzzzzzzzzzzzzzzzzz",
            "int_7zzzzzzzzzzzzzzzzzzzzzzzzi",
            "",
        ] {
            assert!(bad.parse::<IntentId>().is_err(), "{bad}");
        }
    }
}
