//! The one layout a canonical encoder writes: heads, then tails in order, without gaps, overlaps or dirty padding.
//! Checking walks the data once, so foreign offsets cannot make it read anything twice.

use super::types::Type;
use crate::ChainError;

/// Whether data is exactly the canonical encoding of some values of these types.
pub(super) fn check(types: &[Type], data: &[u8]) -> Result<(), ChainError> {
    if sequence(types.iter(), data)? == data.len() { Ok(()) } else { Err(inexact()) }
}

fn inexact() -> ChainError {
    ChainError::Undecodable("call data is not the exact encoding of its arguments")
}

/// The bytes a sequence of values takes at the start of `data`.
fn sequence<'t>(types: impl Iterator<Item = &'t Type> + Clone, data: &[u8]) -> Result<usize, ChainError> {
    let add = |a: usize, b: usize| a.checked_add(b).ok_or_else(inexact);
    let mut tail = types.clone().try_fold(0, |sum, t| add(sum, t.head_bytes()))?;
    let mut at = 0;
    for one in types {
        let end = add(at, one.head_bytes())?;
        let head = data.get(at..end).ok_or_else(inexact)?;
        if one.is_dynamic() {
            if number(head)? != tail {
                return Err(inexact());
            }
            tail = add(tail, dynamic(one, data.get(tail..).ok_or_else(inexact)?)?)?;
        } else {
            fixed(one, head)?;
        }
        at = end;
    }
    Ok(tail)
}

/// The bytes a dynamic value takes at the start of `data`.
fn dynamic(one: &Type, data: &[u8]) -> Result<usize, ChainError> {
    match one {
        Type::Bytes | Type::String => bytes(one, data),
        Type::Array(inner) => {
            let (head, rest) = data.split_at_checked(32).ok_or_else(inexact)?;
            let count = number(head)?;
            // Every element takes at least one word.
            if count > rest.len() / 32 {
                return Err(inexact());
            }
            sequence(std::iter::repeat_n(&**inner, count), rest)?.checked_add(32).ok_or_else(inexact)
        }
        Type::FixedArray(inner, count) => sequence(std::iter::repeat_n(&**inner, *count), data),
        Type::Tuple(parts) => sequence(parts.iter(), data),
        Type::Uint(_) | Type::Int(_) | Type::Address | Type::Bool | Type::FixedBytes(_) => Err(inexact()),
    }
}

fn bytes(one: &Type, data: &[u8]) -> Result<usize, ChainError> {
    let (head, rest) = data.split_at_checked(32).ok_or_else(inexact)?;
    let length = number(head)?;
    let padded = length.checked_next_multiple_of(32).ok_or_else(inexact)?;
    let (content, padding) = rest.get(..padded).and_then(|all| all.split_at_checked(length)).ok_or_else(inexact)?;
    let readable = *one != Type::String || std::str::from_utf8(content).is_ok();
    if !readable || padding.iter().any(|b| *b != 0) {
        return Err(inexact());
    }
    padded.checked_add(32).ok_or_else(inexact)
}

/// Checks a static value that fills `data`.
fn fixed(one: &Type, data: &[u8]) -> Result<(), ChainError> {
    match one {
        Type::FixedArray(inner, count) => same(sequence(std::iter::repeat_n(&**inner, *count), data)?, data.len()),
        Type::Tuple(parts) => same(sequence(parts.iter(), data)?, data.len()),
        _ => word(one, data),
    }
}

fn same(a: usize, b: usize) -> Result<(), ChainError> {
    if a == b { Ok(()) } else { Err(inexact()) }
}

fn word(one: &Type, data: &[u8]) -> Result<(), ChainError> {
    let padding = |meaningful: u16| 32_usize.saturating_sub(usize::from(meaningful / 8));
    let (skip, fill) = match one {
        Type::Uint(bits) => (padding(*bits), 0),
        Type::Int(bits) => {
            let skip = padding(*bits);
            let negative = data.get(skip).is_some_and(|b| *b >= 0x80);
            (skip, if negative { 0xff } else { 0 })
        }
        Type::Address => (padding(160), 0),
        Type::Bool => (31, 0),
        Type::FixedBytes(n) => {
            let clean = data.iter().skip(usize::from(*n)).all(|b| *b == 0);
            return if clean && data.len() == 32 { Ok(()) } else { Err(inexact()) };
        }
        _ => return Err(inexact()),
    };
    let clean = data.len() == 32 && data.iter().take(skip).all(|b| *b == fill);
    let truthful = *one != Type::Bool || data.last().is_some_and(|b| *b <= 1);
    if clean && truthful { Ok(()) } else { Err(inexact()) }
}

/// A word as a size; sizes beyond any call data are refused.
fn number(word: &[u8]) -> Result<usize, ChainError> {
    let (high, low) = word.split_last_chunk::<4>().ok_or_else(inexact)?;
    if high.len() != 28 || high.iter().any(|b| *b != 0) {
        return Err(inexact());
    }
    usize::try_from(u32::from_be_bytes(*low)).map_err(|_| inexact())
}
