//! A typed data document: its types, its domain (rule C2) and its message.

use super::json::Json;
use super::value::{Hasher, Kind, encode_type, reachable};
use crate::ChainError;
use crate::evm::abi::Type;
use crate::evm::account::{Raw, parse_address, raw};
use crate::evm::keccak::keccak256_parts;
use ringi_primitives::amount::Amount;
use ringi_primitives::effects::MessageField;
use ringi_primitives::limits;
use std::collections::{BTreeMap, BTreeSet};

/// The domain's own type.
const DOMAIN: &str = "EIP712Domain";
/// Its possible fields, in the order the standard gives.
const DOMAIN_FIELDS: [(&str, &str); 5] = [
    ("name", "string"),
    ("version", "string"),
    ("chainId", "uint256"),
    ("verifyingContract", "address"),
    ("salt", "bytes32"),
];
/// Struct types in one document, and fields in one struct: real ones stay below 20.
const TYPES: usize = 64;

/// One field of a struct type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) kind: Kind,
}

/// Struct types by name.
pub(super) type Types = BTreeMap<String, Vec<Field>>;

/// A document whose shape, types and domain were checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::evm) struct Document {
    pub(super) types: Types,
    pub(super) primary: String,
    pub(super) domain: Json,
    pub(super) message: Json,
    /// Both are required (rule C2).
    pub(in crate::evm) chain_id: u64,
    pub(in crate::evm) contract: Raw,
    digest: [u8; 32],
}

impl Document {
    /// Reads a document and hashes it. Refuses unknown or missing keys, unused types, values that do not fit their type.
    ///
    /// # Errors
    /// [`ChainError::Forbidden`] without chain id or verifying contract (rule C2), [`ChainError::TooLarge`],
    /// [`ChainError::Undecodable`].
    pub(in crate::evm) fn parse(bytes: &[u8]) -> Result<Document, ChainError> {
        if bytes.len() > limits::CALL_DATA_BYTES {
            return Err(ChainError::TooLarge("typed data"));
        }
        let json: Json = serde_json::from_slice(bytes).map_err(|_| malformed("typed data is not strict JSON"))?;
        let members = json.object().ok_or(malformed("typed data is not an object"))?;
        let member = |name| members.get(name).ok_or(malformed("typed data lacks a key"));
        if members.len() != 4 {
            return Err(malformed("typed data has other keys than types, primaryType, domain, message"));
        }
        let types = read_types(member("types")?)?;
        let primary = member("primaryType")?.text().unwrap_or_default().to_owned();
        let (domain, message) = (member("domain")?.clone(), member("message")?.clone());
        check_types(&types, &primary)?;
        let (chain_id, contract) = read_domain(&types, &domain)?;
        let hasher = Hasher::new(&types)?;
        let separator = hasher.hash_struct(DOMAIN, &domain)?;
        let hash = hasher.hash_struct(&primary, &message)?;
        let digest = keccak256_parts(&[&[0x19, 0x01], &separator, &hash]);
        Ok(Document { types, primary, domain, message, chain_id, contract, digest })
    }

    /// The digest that is signed: keccak256(0x1901 ‖ domain separator ‖ hash of the message).
    pub(in crate::evm) fn digest(&self) -> [u8; 32] {
        self.digest
    }
}

impl Document {
    /// The primary type's encodeType.
    ///
    /// # Errors
    /// [`ChainError::Undecodable`].
    pub(super) fn kind(&self) -> Result<String, ChainError> {
        encode_type(&self.types, &self.primary)
    }

    /// Every field of the message in the order of its type, those of nested structs by their path. An array is its digest.
    ///
    /// # Errors
    /// [`ChainError::TooLarge`] for more than [`limits::MESSAGE_FIELDS`].
    pub(super) fn fields(&self) -> Result<Vec<MessageField>, ChainError> {
        let hasher = Hasher::new(&self.types)?;
        let mut fields = Vec::new();
        let mut open = vec![(String::new(), self.primary.as_str(), &self.message)];
        // Depth is bounded by the document's own nesting, which the reader bounds.
        while let Some((path, name, json)) = open.pop() {
            let members = json.object().ok_or(malformed("struct with other fields"))?;
            let mut inner = Vec::new();
            for field in self.types.get(name).into_iter().flatten() {
                let value = members.get(&field.name).ok_or(malformed("struct with other fields"))?;
                let path = format!("{path}{}", field.name);
                if let Kind::Struct(name) = &field.kind {
                    inner.push((format!("{path}."), name.as_str(), value));
                    continue;
                }
                let word = Amount::from_be_bytes(hasher.hash_value(&field.kind, value)?);
                fields.push(MessageField { path, word, text: shown(value) });
                if fields.len() > limits::MESSAGE_FIELDS {
                    return Err(ChainError::TooLarge("fields of a message"));
                }
            }
            open.extend(inner.into_iter().rev());
        }
        Ok(fields)
    }
}

/// A value as people read it; an array is counted, not listed.
fn shown(value: &Json) -> String {
    match (value.text(), value.list(), value) {
        (Some(text), _, _) => text.to_owned(),
        (_, Some(items), _) => format!("[{} items]", items.len()),
        (_, _, Json::Number(digits)) => digits.clone(),
        (_, _, Json::Bool(value)) => value.to_string(),
        _ => String::new(),
    }
}

pub(super) fn malformed(what: &'static str) -> ChainError {
    ChainError::Undecodable(what)
}

fn read_types(json: &Json) -> Result<Types, ChainError> {
    let members = json.object().ok_or(malformed("types is not an object"))?;
    if members.len() > TYPES {
        return Err(ChainError::TooLarge("types"));
    }
    let read = |(name, fields): (&String, &Json)| {
        if !is_identifier(name) || Type::elementary(name).is_some() {
            return Err(malformed("type with an improper name"));
        }
        let list = fields.list().ok_or(malformed("type is not a list of fields"))?;
        let fields: Vec<Field> = list.iter().map(|f| read_field(f, members)).collect::<Result<_, _>>()?;
        let names: BTreeSet<&String> = fields.iter().map(|f| &f.name).collect();
        if names.len() != fields.len() || fields.len() > TYPES {
            return Err(malformed("type with repeated or too many fields"));
        }
        Ok((name.clone(), fields))
    };
    members.iter().map(read).collect()
}

fn read_field(json: &Json, types: &BTreeMap<String, Json>) -> Result<Field, ChainError> {
    let members = json.object().filter(|m| m.len() == 2).ok_or(malformed("field is not {name, type}"))?;
    let text = |key| members.get(key).and_then(Json::text).ok_or(malformed("field is not {name, type}"));
    let name = text("name")?.to_owned();
    if !is_identifier(&name) {
        return Err(malformed("field with an improper name"));
    }
    let kind = Kind::parse(text("type")?, |n| n != DOMAIN && types.contains_key(n));
    Ok(Field { name, kind: kind.ok_or(malformed("field of an unknown type"))? })
}

fn is_identifier(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
        && text.len() <= limits::TEXT_BYTES
}

/// Every type is used by the message or is the domain's: nothing is shown that is not signed.
fn check_types(types: &Types, primary: &str) -> Result<(), ChainError> {
    if primary == DOMAIN {
        return Err(malformed("primaryType is the domain"));
    }
    if !types.contains_key(primary) {
        return Err(malformed("primaryType is not defined"));
    }
    let used = reachable(types, primary);
    if types.keys().all(|name| name == DOMAIN || used.contains(name.as_str())) {
        Ok(())
    } else {
        Err(malformed("types that the message does not use"))
    }
}

/// C2: chain id and verifying contract are required, in a domain of the standard's shape.
fn read_domain(types: &Types, domain: &Json) -> Result<(u64, Raw), ChainError> {
    let fields = types.get(DOMAIN).ok_or(ChainError::Forbidden("EIP-712 without a domain type"))?;
    let mut standard = DOMAIN_FIELDS.iter();
    for field in fields {
        let found = standard
            .any(|(name, kind)| *name == field.name && Kind::parse(kind, |_| false).as_ref() == Some(&field.kind));
        if !found {
            return Err(malformed("domain type is not the standard's"));
        }
    }
    let members = domain.object().ok_or(malformed("domain is not an object"))?;
    let required = |name: &str| match members.get(name) {
        Some(value) if fields.iter().any(|f| f.name == name) => Ok(value),
        _ => Err(ChainError::Forbidden("EIP-712 without chainId or verifyingContract")),
    };
    let chain_id = match required("chainId")? {
        Json::Number(digits) | Json::Text(digits) => digits.parse().ok().filter(|id: &u64| id.to_string() == *digits),
        _ => None,
    };
    let contract = required("verifyingContract")?.text().ok_or(malformed("verifyingContract is not an address"))?;
    let contract = read_account(contract)?;
    Ok((chain_id.ok_or(malformed("chainId is not a whole number"))?, contract))
}

/// An address in typed data: EIP-55, or without checksum in lower case, as applications write it.
pub(super) fn read_account(text: &str) -> Result<Raw, ChainError> {
    let digits = text.strip_prefix("0x").unwrap_or_default();
    let mut account = [0; 20];
    let lower = !digits.bytes().any(|b| b.is_ascii_uppercase());
    if lower && hex::decode_to_slice(digits, &mut account).is_ok() {
        return Ok(account);
    }
    raw(&parse_address(text)?)
}
