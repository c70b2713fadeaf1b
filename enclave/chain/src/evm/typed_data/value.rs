//! Hashing of typed data: encodeType, encodeData and hashStruct (EIP-712 §"Definition of hashStruct").

use super::document::{Types, malformed, read_account};
use super::json::Json;
use crate::ChainError;
use crate::evm::abi::{Type, word};
use crate::evm::keccak::keccak256;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The kind of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An elementary type.
    Plain(Type),
    /// A struct type of the document.
    Struct(String),
    /// `T[]`, or `T[n]`.
    Array(Box<Kind>, Option<usize>),
}

/// Array brackets on one field: real ones have at most two.
const DIMENSIONS: usize = 4;

impl Kind {
    /// Reads a field's type; `is_struct` says which names are struct types.
    pub(super) fn parse(text: &str, is_struct: impl Fn(&str) -> bool) -> Option<Kind> {
        let (base, mut rest) = text.split_at(text.find('[').unwrap_or(text.len()));
        let mut kind = match Type::elementary(base) {
            Some(plain) => Kind::Plain(plain),
            None if is_struct(base) => Kind::Struct(base.to_owned()),
            None => return None,
        };
        for _ in 0..DIMENSIONS {
            let Some(inner) = rest.strip_prefix('[') else { break };
            let (size, after) = inner.split_once(']')?;
            let size = match size {
                "" => None,
                n => Some(n.parse::<usize>().ok().filter(|n| *n > 0)?),
            };
            (kind, rest) = (Kind::Array(Box::new(kind), size), after);
        }
        (kind.to_string() == text).then_some(kind)
    }

    fn struct_name(&self) -> Option<&str> {
        match self {
            Kind::Plain(_) => None,
            Kind::Struct(name) => Some(name),
            Kind::Array(inner, _) => inner.struct_name(),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Plain(plain) => write!(f, "{plain}"),
            Kind::Struct(name) => f.write_str(name),
            Kind::Array(inner, None) => write!(f, "{inner}[]"),
            Kind::Array(inner, Some(n)) => write!(f, "{inner}[{n}]"),
        }
    }
}

/// The struct types a type consists of, itself included, in alphabetical order.
pub(super) fn reachable<'t>(types: &'t Types, name: &'t str) -> BTreeSet<&'t str> {
    let (mut seen, mut open) = (BTreeSet::new(), vec![name]);
    while let Some(next) = open.pop() {
        if seen.insert(next) {
            let fields = types.get(next).into_iter().flatten();
            open.extend(fields.filter_map(|field| field.kind.struct_name()));
        }
    }
    seen
}

/// keccak256 of encodeType.
fn type_hash(types: &Types, name: &str) -> Result<[u8; 32], ChainError> {
    encode_type(types, name).map(|text| keccak256(text.as_bytes()))
}

/// encodeType: the struct itself first, then the others in alphabetical order.
pub(super) fn encode_type(types: &Types, name: &str) -> Result<String, ChainError> {
    let others = reachable(types, name).into_iter().filter(|other| *other != name);
    let mut text = String::new();
    for one in std::iter::once(name).chain(others) {
        let fields = types.get(one).ok_or(malformed("primaryType is not defined"))?;
        let fields: Vec<String> = fields.iter().map(|f| format!("{} {}", f.kind, f.name)).collect();
        text.push_str(&format!("{one}({})", fields.join(",")));
    }
    Ok(text)
}

/// Hashes values of a document's types; each type's own hash is made once, so that many small structs cost little.
pub(super) struct Hasher<'t> {
    types: &'t Types,
    type_hashes: BTreeMap<&'t str, [u8; 32]>,
}

impl<'t> Hasher<'t> {
    /// For these types.
    pub(super) fn new(types: &'t Types) -> Result<Hasher<'t>, ChainError> {
        let type_hashes = types.keys().map(|name| Ok((name.as_str(), type_hash(types, name)?)));
        Ok(Hasher { types, type_hashes: type_hashes.collect::<Result<_, ChainError>>()? })
    }

    /// hashStruct: keccak256(typeHash ‖ encodeData). The object has exactly the type's fields.
    pub(super) fn hash_struct(&self, name: &str, json: &Json) -> Result<[u8; 32], ChainError> {
        let unknown = malformed("unknown struct type");
        let (Some(fields), Some(type_hash)) = (self.types.get(name), self.type_hashes.get(name)) else {
            return Err(unknown);
        };
        let members = json.object().filter(|m| m.len() == fields.len()).ok_or(malformed("struct with other fields"))?;
        let mut encoded = type_hash.to_vec();
        for field in fields {
            let value = members.get(&field.name).ok_or(malformed("struct with other fields"))?;
            encoded.extend_from_slice(&self.hash_value(&field.kind, value)?);
        }
        Ok(keccak256(&encoded))
    }

    pub(super) fn hash_value(&self, kind: &Kind, json: &Json) -> Result<[u8; 32], ChainError> {
        match kind {
            Kind::Struct(name) => self.hash_struct(name, json),
            Kind::Array(inner, size) => {
                let items = json.list().filter(|l| size.is_none_or(|n| n == l.len()));
                let items = items.ok_or(malformed("array of a wrong length"))?;
                let words = items.iter().map(|item| self.hash_value(inner, item));
                let words: Vec<[u8; 32]> = words.collect::<Result<_, _>>()?;
                Ok(keccak256(words.as_flattened()))
            }
            Kind::Plain(plain) => plain_value(plain, json),
        }
    }
}

fn plain_value(plain: &Type, json: &Json) -> Result<[u8; 32], ChainError> {
    match (plain, json) {
        (Type::String, Json::Text(text)) => Ok(keccak256(text.as_bytes())),
        (Type::Bytes, Json::Text(text)) => {
            let bytes = text.strip_prefix("0x").and_then(|digits| hex::decode(digits).ok());
            Ok(keccak256(&bytes.ok_or(malformed("bytes are not 0x and hex"))?))
        }
        (Type::Address, Json::Text(text)) => {
            let mut out = [0; 32];
            let account = read_account(text)?;
            out.iter_mut().skip(12).zip(account).for_each(|(to, from)| *to = from);
            Ok(out)
        }
        (Type::Bool, Json::Bool(value)) => word(plain, if *value { "true" } else { "false" }),
        (Type::FixedBytes(_), Json::Text(text)) => word(plain, &text.to_ascii_lowercase()),
        (Type::Uint(_) | Type::Int(_), Json::Number(text) | Json::Text(text)) => word(plain, text),
        _ => Err(malformed("value does not fit its type")),
    }
}
