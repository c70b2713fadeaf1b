//! ABI types and function signatures, read from their canonical text only.

use super::{layout, text};
use crate::ChainError;
use crate::evm::keccak::keccak256;
use ringi_primitives::limits;
use std::fmt;

/// A type's nesting: real functions stay below five.
const DEPTH: usize = 8;
/// Words in a type's static part: what call data can hold at most.
const WORDS: usize = limits::CALL_DATA_BYTES / 32;

/// An ABI type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::evm) enum Type {
    /// `uint8` to `uint256`, by bits.
    Uint(u16),
    /// `int8` to `int256`, by bits.
    Int(u16),
    Address,
    Bool,
    /// `bytes1` to `bytes32`.
    FixedBytes(u8),
    Bytes,
    String,
    /// `T[]`.
    Array(Box<Type>),
    /// `T[n]`, n at least 1.
    FixedArray(Box<Type>, usize),
    /// `(T,…)`, at least one.
    Tuple(Vec<Type>),
}

impl Type {
    /// Reads one elementary type such as `uint256` or `bytes`.
    pub(in crate::evm) fn elementary(name: &str) -> Option<Type> {
        let size = |prefix: &str| name.strip_prefix(prefix).and_then(|digits| digits.parse::<u16>().ok());
        let found = match name {
            "address" => Type::Address,
            "bool" => Type::Bool,
            "bytes" => Type::Bytes,
            "string" => Type::String,
            _ => match (size("uint"), size("int"), size("bytes")) {
                (Some(bits), _, _) if is_width(bits) => Type::Uint(bits),
                (_, Some(bits), _) if is_width(bits) => Type::Int(bits),
                (_, _, Some(bytes)) if (1..=32).contains(&bytes) => Type::FixedBytes(u8::try_from(bytes).ok()?),
                _ => return None,
            },
        };
        (found.to_string() == name).then_some(found)
    }

    /// Whether its encoding has a length of its own and stands in the tail.
    pub(super) fn is_dynamic(&self) -> bool {
        match self {
            Type::Bytes | Type::String | Type::Array(_) => true,
            Type::FixedArray(inner, _) => inner.is_dynamic(),
            Type::Tuple(parts) => parts.iter().any(Type::is_dynamic),
            Type::Uint(_) | Type::Int(_) | Type::Address | Type::Bool | Type::FixedBytes(_) => false,
        }
    }

    /// Bytes in the head: 32 for an offset, otherwise its whole static encoding. Bounded when it was read.
    pub(super) fn head_bytes(&self) -> usize {
        self.static_words().unwrap_or(usize::MAX / 32).saturating_mul(32)
    }

    fn static_words(&self) -> Option<usize> {
        match self {
            _ if self.is_dynamic() => Some(1),
            Type::FixedArray(inner, n) => inner.static_words()?.checked_mul(*n),
            Type::Tuple(parts) => parts.iter().try_fold(0_usize, |sum, part| sum.checked_add(part.static_words()?)),
            _ => Some(1),
        }
    }

    /// Every part is within bounds, also inside of dynamic parts.
    fn is_bounded(&self, depth: usize) -> bool {
        let small = depth <= DEPTH && self.static_words().is_some_and(|words| words <= WORDS);
        small
            && match self {
                Type::FixedArray(_, n) if *n > WORDS => false,
                Type::Array(inner) | Type::FixedArray(inner, _) => inner.is_bounded(depth.saturating_add(1)),
                Type::Tuple(parts) => parts.iter().all(|part| part.is_bounded(depth.saturating_add(1))),
                _ => true,
            }
    }
}

fn is_width(bits: u16) -> bool {
    bits.is_multiple_of(8) && (8..=256).contains(&bits)
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Uint(bits) => write!(f, "uint{bits}"),
            Type::Int(bits) => write!(f, "int{bits}"),
            Type::Address => f.write_str("address"),
            Type::Bool => f.write_str("bool"),
            Type::FixedBytes(n) => write!(f, "bytes{n}"),
            Type::Bytes => f.write_str("bytes"),
            Type::String => f.write_str("string"),
            Type::Array(inner) => write!(f, "{inner}[]"),
            Type::FixedArray(inner, n) => write!(f, "{inner}[{n}]"),
            Type::Tuple(parts) => write_tuple(f, parts),
        }
    }
}

fn write_tuple(f: &mut fmt::Formatter<'_>, parts: &[Type]) -> fmt::Result {
    f.write_str("(")?;
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            f.write_str(",")?;
        }
        write!(f, "{part}")?;
    }
    f.write_str(")")
}

/// A function, by its canonical signature such as `deposit(uint256,address)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::evm) struct Function {
    name: String,
    inputs: Vec<Type>,
}

impl Function {
    /// Reads a canonical signature: no spaces, no names of parameters, no aliases such as `uint`.
    ///
    /// # Errors
    /// [`ChainError::Unsupported`].
    pub(in crate::evm) fn parse(signature: &str) -> Result<Function, ChainError> {
        let refused = ChainError::Unsupported("function signature is not in canonical form");
        let sound =
            |function: &Function| function.inputs.iter().all(|t| t.is_bounded(0)) && function.signature() == signature;
        read_function(signature).filter(sound).ok_or(refused)
    }

    /// The parameters before the one of this number, and it.
    pub(super) fn argument(&self, number: usize) -> Option<(&[Type], &Type)> {
        let (before, rest) = self.inputs.split_at_checked(number)?;
        Some((before, rest.first()?))
    }

    /// The signature.
    pub(in crate::evm) fn signature(&self) -> String {
        struct Parts<'a>(&'a [Type]);
        impl fmt::Display for Parts<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_tuple(f, self.0)
            }
        }
        format!("{}{}", self.name, Parts(&self.inputs))
    }

    /// Call data from arguments in text form, one per parameter.
    ///
    /// # Errors
    /// [`ChainError`] naming what is wrong with an argument.
    pub(in crate::evm) fn encode(&self, arguments: &[String]) -> Result<Vec<u8>, ChainError> {
        let encoded = text::encode(&self.inputs, arguments)?;
        Ok([&selector(&self.signature())[..], &encoded].concat())
    }

    /// Whether call data is exactly one call of this function.
    ///
    /// # Errors
    /// [`ChainError::Undecodable`] for anything a canonical encoder would not have written.
    pub(in crate::evm) fn check(&self, data: &[u8]) -> Result<(), ChainError> {
        match data.split_first_chunk::<4>() {
            Some((head, arguments)) if *head == selector(&self.signature()) => layout::check(&self.inputs, arguments),
            _ => Err(ChainError::Undecodable("another function's selector")),
        }
    }
}

/// The first four bytes of the signature's hash.
pub(in crate::evm) fn selector(signature: &str) -> [u8; 4] {
    let [a, b, c, d, ..] = keccak256(signature.as_bytes());
    [a, b, c, d]
}

fn read_function(signature: &str) -> Option<Function> {
    if signature.len() > limits::TEXT_BYTES {
        return None;
    }
    let (name, _) = signature.split_once('(')?;
    let mut chars = name.chars();
    let begins = chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_' || c == '$');
    if !begins || !chars.all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '$') {
        return None;
    }
    let inputs = signature.strip_prefix(name)?;
    if inputs == "()" {
        return Some(Function { name: name.to_owned(), inputs: Vec::new() });
    }
    match read_type(inputs, 0)? {
        (Type::Tuple(inputs), "") => Some(Function { name: name.to_owned(), inputs }),
        _ => None,
    }
}

/// Reads one type and gives what stands after it.
fn read_type(text: &str, depth: usize) -> Option<(Type, &str)> {
    if depth > DEPTH {
        return None;
    }
    let (mut found, mut rest) = match text.strip_prefix('(') {
        Some(inner) => read_tuple(inner, depth)?,
        None => {
            let end = text.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(text.len());
            let (name, rest) = text.split_at(end);
            (Type::elementary(name)?, rest)
        }
    };
    while let Some(inner) = rest.strip_prefix('[') {
        let (size, after) = inner.split_once(']')?;
        found = match size {
            "" => Type::Array(Box::new(found)),
            n => Type::FixedArray(Box::new(found), n.parse().ok().filter(|n| *n > 0)?),
        };
        rest = after;
    }
    Some((found, rest))
}

fn read_tuple(mut text: &str, depth: usize) -> Option<(Type, &str)> {
    let mut parts = Vec::new();
    loop {
        let (part, rest) = read_type(text, depth.saturating_add(1))?;
        parts.push(part);
        match rest.split_at_checked(1)? {
            (",", after) => text = after,
            (")", after) => return Some((Type::Tuple(parts), after)),
            _ => return None,
        }
    }
}
