//! Accounts: from a public key to an address, and the one text form taken (EIP-55).

use super::keccak::keccak256;
use crate::ChainError;
use k256::elliptic_curve::sec1::ToSec1Point;
use ringi_primitives::address::Address;

/// The 20 bytes of an EVM address.
pub(super) type Raw = [u8; 20];

/// The account of a secp256k1 key: the last 20 bytes of Keccak-256 over the uncompressed point without its tag byte
/// (Yellow Paper, appendix F).
///
/// # Errors
/// [`ChainError::NoKey`] unless the bytes are a point in compressed SEC 1 form.
pub fn address_from_key(compressed: &[u8]) -> Result<Address, ChainError> {
    if compressed.len() != 33 {
        return Err(ChainError::NoKey);
    }
    let key = k256::PublicKey::from_sec1_bytes(compressed).map_err(|_| ChainError::NoKey)?;
    address(raw_of_point(&key)?)
}

/// The account of a point.
pub(super) fn raw_of_point(key: &k256::PublicKey) -> Result<Raw, ChainError> {
    let point = key.to_sec1_point(false);
    let coordinates = point.as_bytes().get(1..).ok_or(ChainError::NoKey)?;
    let hash = keccak256(coordinates);
    hash.last_chunk::<20>().copied().ok_or(ChainError::NoKey)
}

/// The address of 20 bytes.
pub(super) fn address(raw: Raw) -> Result<Address, ChainError> {
    Address::new(&raw).ok_or(ChainError::Address("not 20 bytes"))
}

/// The 20 bytes of an EVM address.
///
/// # Errors
/// [`ChainError::Address`] for an address of another family.
pub(super) fn raw(address: &Address) -> Result<Raw, ChainError> {
    address.raw().try_into().map_err(|_| ChainError::Address("not 20 bytes"))
}

/// Reads an address in EIP-55 form. Text without upper and lower case letters carries no checksum and is refused, unless
/// it has no letters at all.
///
/// # Errors
/// [`ChainError::Address`], saying what is wrong.
pub fn parse_address(text: &str) -> Result<Address, ChainError> {
    let digits = text.strip_prefix("0x").ok_or(ChainError::Address("does not begin with 0x"))?;
    let mut bytes = [0; 20];
    hex::decode_to_slice(digits, &mut bytes).map_err(|_| ChainError::Address("is not 0x and 40 hex digits"))?;
    if checksummed(&bytes) == text {
        return address(bytes);
    }
    let one_case = digits.to_ascii_lowercase() == digits || digits.to_ascii_uppercase() == digits;
    Err(ChainError::Address(if one_case {
        "has no EIP-55 checksum: write it in mixed case"
    } else {
        "has a wrong EIP-55 checksum"
    }))
}

/// Writes an address in EIP-55 form; bytes of another length as plain hex.
pub fn format_address(address: &Address) -> String {
    match raw(address) {
        Ok(bytes) => checksummed(&bytes),
        Err(_) => hex::encode(address.raw()),
    }
}

/// EIP-55: a letter is upper case where the hash of the lower-case text has a nibble of 8 or more.
fn checksummed(bytes: &Raw) -> String {
    let lower = hex::encode(bytes);
    let hash = keccak256(lower.as_bytes());
    let nibbles = hash.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]);
    let cased = lower.chars().zip(nibbles).map(|(c, nibble)| if nibble >= 8 { c.to_ascii_uppercase() } else { c });
    std::iter::once("0x".to_owned()).chain(cased.map(String::from)).collect()
}
