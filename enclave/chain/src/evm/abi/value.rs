//! Single values of static types, as policies name them: which words of call data an argument fills, and what a text is as
//! a word. The evaluator compares words; it knows no types.

use super::text;
use super::types::{Function, Type};
use crate::ChainError;
use crate::evm::account::{format_address, raw};
use ringi_primitives::address::Address;
use ringi_primitives::amount::Amount;

/// A value of an elementary static type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value(Type);

impl Value {
    /// The argument of this number, and the number of its word in the head of the arguments.
    ///
    /// # Errors
    /// [`ChainError::Unsupported`] for a signature that is not canonical, or an argument that is not there or does not fill
    /// exactly one word: those have no place that every encoding shares.
    pub fn of_argument(signature: &str, argument: usize) -> Result<(Value, u16), ChainError> {
        let refused = ChainError::Unsupported("argument is not a single value of a static type");
        let function = Function::parse(signature)?;
        let (before, own) = function.argument(argument).ok_or(refused.clone())?;
        let word = u16::try_from(before.iter().map(|t| t.head_bytes() / 32).sum::<usize>());
        match own {
            Type::Uint(_) | Type::Int(_) | Type::Address | Type::Bool | Type::FixedBytes(_) => {
                Ok((Value(own.clone()), word.map_err(|_| refused)?))
            }
            _ => Err(refused),
        }
    }

    /// A value of this type, such as `uint256`.
    pub fn of_type(name: &str) -> Option<Value> {
        Type::elementary(name).map(Value)
    }

    /// The word of a text: a number, a checksummed address, `true` or `false`, hex of fixed bytes; for a dynamic type, which
    /// typed data holds the digest of, that digest in hex.
    ///
    /// # Errors
    /// [`ChainError`] naming what is wrong.
    pub fn word(&self, text: &str) -> Result<Amount, ChainError> {
        let bytes = match self.0 {
            Type::String | Type::Bytes => text::word(&Type::FixedBytes(32), text)?,
            _ => text::word(&self.0, text)?,
        };
        Ok(Amount::from_be_bytes(bytes))
    }

    /// The text of a word that [`Value::word`] made.
    pub fn text(&self, word: Amount) -> String {
        let bytes = word.to_be_bytes();
        let (head, account) = bytes.split_at(12);
        match self.0 {
            Type::Uint(_) => word.to_string(),
            Type::Int(_) if head.first().is_some_and(|b| b & 0x80 != 0) => {
                let magnitude = word.value().wrapping_neg();
                format!("-{magnitude}")
            }
            Type::Int(_) => word.to_string(),
            Type::Bool => (!word.is_zero()).to_string(),
            Type::Address => Address::new(account)
                .map_or_else(String::new, |a| raw(&a).map(|_| format_address(&a)).unwrap_or_default()),
            Type::FixedBytes(n) => format!("0x{}", hex::encode(bytes.get(..usize::from(n)).unwrap_or_default())),
            _ => format!("0x{}", hex::encode(bytes)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_have_their_word_behind_fixed_arrays_and_tuples() {
        let word = |argument| Value::of_argument("f(uint256[3],(bool,address),bytes,int8)", argument).map(|(_, w)| w);
        assert_eq!(word(3), Ok(6));
        assert!(word(0).is_err() && word(1).is_err() && word(2).is_err() && word(4).is_err());
        assert_eq!(Value::of_argument("f(bytes,address)", 1).map(|(_, w)| w), Ok(1), "a dynamic one fills a word too");
    }

    #[test]
    fn a_word_reads_back_as_its_text() {
        for (kind, text) in [
            ("uint256", "5"),
            ("int8", "-128"),
            ("int8", "127"),
            ("bool", "true"),
            ("address", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"),
            ("bytes4", "0x01020304"),
            ("bytes32", &format!("0x{}", "ab".repeat(32))),
            ("string", &format!("0x{}", "ab".repeat(32))),
        ] {
            let value = Value::of_type(kind).unwrap();
            assert_eq!(value.text(value.word(text).unwrap()), text, "{kind}");
        }
        for (kind, text) in [("uint8", "256"), ("address", "0x5aaeb"), ("bool", "1"), ("bytes4", "0x01")] {
            assert!(Value::of_type(kind).unwrap().word(text).is_err(), "{kind} {text}");
        }
    }
}
