//! The actions of `TrentService`. Each: read, find the key, verify the recipient, authorize, check the state, do it.

mod cryptography;
mod import;
mod keys;
mod policies;

use crate::error::Refusal;
use crate::kms::Turn;
use serde::Serialize;

/// What an action is.
pub(crate) type Operation = fn(&mut Turn<'_>, &[u8]) -> Result<Vec<u8>, Refusal>;

const ALL: &[(&str, Operation)] = &[
    ("CancelKeyDeletion", keys::cancel_deletion),
    ("CreateKey", keys::create),
    ("Decrypt", cryptography::decrypt),
    ("DeleteImportedKeyMaterial", import::delete),
    ("DescribeKey", keys::describe),
    ("DisableKey", keys::disable),
    ("EnableKey", keys::enable),
    ("Encrypt", cryptography::encrypt),
    ("GenerateDataKey", cryptography::generate_data_key),
    ("GenerateRandom", cryptography::generate_random),
    ("GetKeyPolicy", policies::read),
    ("GetParametersForImport", import::parameters),
    ("GetPublicKey", cryptography::public_key),
    ("ImportKeyMaterial", import::import),
    ("ListKeys", keys::list),
    ("PutKeyPolicy", policies::put),
    ("ScheduleKeyDeletion", keys::schedule_deletion),
    ("Sign", cryptography::sign),
];

/// The action of this name.
pub(crate) fn find(name: &str) -> Option<(&'static str, Operation)> {
    ALL.iter().find(|(known, _)| *known == name).copied()
}

/// An answer's body.
fn body<T: Serialize>(answer: &T) -> Result<Vec<u8>, Refusal> {
    serde_json::to_vec(answer).map_err(|e| Refusal::internal(&e))
}

/// The body of an action that only says that it is done.
fn done() -> Result<Vec<u8>, Refusal> {
    Ok(b"{}".to_vec())
}

/// Reads foreign bytes as every request that there is.
pub(crate) fn fuzz(data: &[u8]) {
    use crate::wire::{self, read};
    let _ = (read::<wire::CreateKey>(data), read::<wire::OfKey>(data), read::<wire::PutKeyPolicy>(data));
    let _ = (read::<wire::ListKeys>(data), read::<wire::Encrypt>(data), read::<wire::Decrypt>(data));
    let _ = (read::<wire::GenerateDataKey>(data), read::<wire::Sign>(data), read::<wire::ImportKeyMaterial>(data));
}
