//! Arguments in text form to their encoding. Numbers are plain decimals, addresses EIP-55, bytes `0x` and lower-case hex,
//! booleans `true` or `false`, strings themselves; arrays and tuples are JSON arrays whose leaves are strings of those forms.

use super::types::Type;
use crate::ChainError;
use crate::evm::account::{parse_address, raw};
use ringi_primitives::amount::Amount;
use ruint::aliases::U256;
use serde::Deserialize;

/// An argument: a leaf, or the parts of an array or tuple.
#[derive(Deserialize)]
#[serde(untagged)]
enum Text {
    Leaf(String),
    List(Vec<Text>),
}

/// Encodes one argument per type.
pub(super) fn encode(types: &[Type], arguments: &[String]) -> Result<Vec<u8>, ChainError> {
    let texts = types.iter().zip(arguments).map(|(one, text)| match one {
        Type::Array(_) | Type::FixedArray(..) | Type::Tuple(_) => {
            serde_json::from_str(text).map_err(|_| malformed("array or tuple: not a JSON array of strings"))
        }
        _ => Ok(Text::Leaf(text.clone())),
    });
    let texts: Vec<Text> = texts.collect::<Result<_, _>>()?;
    if types.len() != arguments.len() {
        return Err(malformed("wrong number of arguments"));
    }
    sequence(types.iter(), &texts)
}

fn malformed(what: &'static str) -> ChainError {
    ChainError::Undecodable(what)
}

fn sequence<'t>(types: impl Iterator<Item = &'t Type> + Clone, texts: &[Text]) -> Result<Vec<u8>, ChainError> {
    let head_bytes = types.clone().fold(0_usize, |sum, one| sum.saturating_add(one.head_bytes()));
    let (mut heads, mut tails) = (Vec::new(), Vec::new());
    for (one, text) in types.zip(texts) {
        let encoded = value(one, text)?;
        if one.is_dynamic() {
            heads.extend_from_slice(&size_word(head_bytes.saturating_add(tails.len())));
            tails.extend(encoded);
        } else {
            heads.extend(encoded);
        }
    }
    heads.extend(tails);
    Ok(heads)
}

fn value(one: &Type, text: &Text) -> Result<Vec<u8>, ChainError> {
    match (one, text) {
        (Type::Array(inner), Text::List(parts)) => {
            let body = sequence(std::iter::repeat_n(&**inner, parts.len()), parts)?;
            Ok([&size_word(parts.len())[..], &body].concat())
        }
        (Type::FixedArray(inner, count), Text::List(parts)) if parts.len() == *count => {
            sequence(std::iter::repeat_n(&**inner, *count), parts)
        }
        (Type::Tuple(types), Text::List(parts)) if parts.len() == types.len() => sequence(types.iter(), parts),
        (Type::String, Text::Leaf(text)) => Ok(blob(text.as_bytes())),
        (Type::Bytes, Text::Leaf(text)) => Ok(blob(&hex_bytes(text)?)),
        (_, Text::Leaf(text)) => word(one, text).map(|w| w.to_vec()),
        _ => Err(malformed("argument does not have the shape of its type")),
    }
}

fn blob(bytes: &[u8]) -> Vec<u8> {
    let padding = bytes.len().next_multiple_of(32).saturating_sub(bytes.len());
    [&size_word(bytes.len())[..], bytes, &vec![0; padding]].concat()
}

fn size_word(size: usize) -> [u8; 32] {
    U256::from(size).to_be_bytes()
}

fn hex_bytes(text: &str) -> Result<Vec<u8>, ChainError> {
    let digits = text.strip_prefix("0x").filter(|d| !d.bytes().any(|b| b.is_ascii_uppercase()));
    digits.and_then(|d| hex::decode(d).ok()).ok_or(malformed("bytes are not 0x and lower-case hex"))
}

/// The word of an elementary value that fills one.
pub(in crate::evm) fn word(one: &Type, text: &str) -> Result<[u8; 32], ChainError> {
    match one {
        Type::Uint(bits) => Ok(magnitude(text, usize::from(*bits))?.to_be_bytes()),
        Type::Int(bits) => Ok(signed(text, usize::from(*bits))?.to_be_bytes()),
        Type::Address => {
            let mut word = [0; 32];
            let account = raw(&parse_address(text)?)?;
            word.iter_mut().skip(12).zip(account).for_each(|(to, from)| *to = from);
            Ok(word)
        }
        Type::Bool => match text {
            "true" => Ok(size_word(1)),
            "false" => Ok(size_word(0)),
            _ => Err(malformed("boolean is not true or false")),
        },
        Type::FixedBytes(n) => {
            let bytes = hex_bytes(text)?;
            if bytes.len() != usize::from(*n) {
                return Err(malformed("bytes of a wrong length"));
            }
            let mut word = [0; 32];
            word.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
            Ok(word)
        }
        _ => Err(malformed("argument does not have the shape of its type")),
    }
}

fn magnitude(text: &str, bits: usize) -> Result<U256, ChainError> {
    let number = Amount::parse_base_units(text).map_err(|_| malformed("number is not a plain decimal"))?.value();
    if number.bit_len() <= bits { Ok(number) } else { Err(malformed("number does not fit its type")) }
}

/// Two's complement, sign-extended to 256 bits.
fn signed(text: &str, bits: usize) -> Result<U256, ChainError> {
    let out_of_range = malformed("number does not fit its type");
    let limit = U256::ONE.wrapping_shl(bits.saturating_sub(1));
    match text.strip_prefix('-') {
        None => Some(magnitude(text, bits)?).filter(|n| *n < limit).ok_or(out_of_range),
        Some(digits) => {
            let number = magnitude(digits, bits)?;
            if number.is_zero() || number > limit { Err(out_of_range) } else { Ok(number.wrapping_neg()) }
        }
    }
}
