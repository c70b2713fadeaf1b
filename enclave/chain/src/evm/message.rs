//! EIP-191 messages and ownership proofs.
//!
//! An ownership proof is five lines: the fixed prefix, the account, the network, the workspace's genesis digest, and one
//! line of the asker's. Nothing else may begin with the prefix (rule C2).

use super::account::format_address;
use super::keccak::{keccak256, keccak256_parts};
use crate::ChainError;
use ringi_primitives::address::Address;
use ringi_primitives::amount::Amount;
use ringi_primitives::digest::Digest;
use ringi_primitives::effects::{Effect, OpaqueKind};
use ringi_primitives::limits;
use ringi_primitives::network::NetworkId;

/// What every ownership proof begins with.
const PREFIX: &str = "Ringi ownership proof";

/// The digest of an EIP-191 version 0x45 message (`personal_sign`).
pub(super) fn digest(message: &[u8]) -> [u8; 32] {
    let length = message.len().to_string();
    keccak256_parts(&[b"\x19Ethereum Signed Message:\n", length.as_bytes(), message])
}

/// Whether a message claims to be an ownership proof.
pub(super) fn claims_ownership(message: &str) -> bool {
    message.starts_with(PREFIX)
}

/// An ownership proof's text.
pub(super) fn proof(account: &Address, network: NetworkId, genesis: &Digest, statement: &str) -> String {
    format!("{PREFIX}\n{}\n{network}\n{genesis}\n{statement}", format_address(account))
}

/// The statement of an ownership proof by this account, for this network and workspace.
///
/// # Errors
/// [`ChainError::Forbidden`] for everything else that begins with the prefix (rule C2).
pub(super) fn read_proof(
    account: &Address,
    network: NetworkId,
    genesis: &Digest,
    message: &str,
) -> Result<String, ChainError> {
    let statement = message.strip_prefix(&proof(account, network, genesis, "")).map(str::to_owned);
    let refused = ChainError::Forbidden("a message that only begins like an ownership proof");
    statement.filter(|s| check_statement(s).is_ok()).ok_or(refused)
}

/// The effect of a message that is no ownership proof.
pub(super) fn opaque(network: NetworkId, text: &str) -> Effect {
    let payload = Digest(keccak256(text.as_bytes()));
    Effect::Opaque { network, kind: OpaqueKind::Message, target: None, value: Amount::ZERO, payload }
}

/// A statement is one line of bounded text.
///
/// # Errors
/// [`ChainError::Forbidden`].
pub(super) fn check_statement(statement: &str) -> Result<(), ChainError> {
    let sound = !statement.is_empty()
        && statement.len() <= limits::TEXT_BYTES
        && !statement.chars().any(|c| c.is_control() || c == '\u{2028}' || c == '\u{2029}');
    if sound { Ok(()) } else { Err(ChainError::Forbidden("a statement of more than one line of text")) }
}

/// A message's text, within its bound.
///
/// # Errors
/// [`ChainError::TooLarge`], [`ChainError::Undecodable`] if it is not UTF-8.
pub(super) fn read(bytes: &[u8]) -> Result<&str, ChainError> {
    if bytes.len() > limits::CALL_DATA_BYTES {
        return Err(ChainError::TooLarge("message"));
    }
    std::str::from_utf8(bytes).map_err(|_| ChainError::Undecodable("message is not UTF-8"))
}
