//! The strict reader of PSBT v0: one form per meaning, only fields that are understood, everything bounded.
//!
//! What stands in a PSBT is somebody's claim. This file says only that it is well-formed; `decode` checks the claims.

use crate::ChainError;
use ::bitcoin::absolute::LockTime;
use ::bitcoin::psbt::{Input, Output, Psbt};
use ::bitcoin::transaction::{Transaction, Version};
use ringi_primitives::limits;
use ringi_primitives::request::{PayloadKind, Unsigned};
use std::collections::BTreeSet;

/// Payments of one intent and one change output.
const OUTPUTS: usize = limits::INTENT_ACTIONS + 1;

/// Parses a PSBT that writes out to the same bytes and holds no field that a signer of ours has no use for.
pub(super) fn parse(unsigned: &Unsigned) -> Result<Psbt, ChainError> {
    if unsigned.kind != PayloadKind::Transaction {
        return Err(ChainError::Unsupported("a payload other than a transaction"));
    }
    if unsigned.bytes.len() > limits::UNSIGNED_BYTES {
        return Err(ChainError::TooLarge("transaction"));
    }
    let psbt = read(&unsigned.bytes)?;
    check_globals(&psbt)?;
    check_transaction(&psbt.unsigned_tx)?;
    psbt.inputs.iter().try_for_each(check_input)?;
    psbt.outputs.iter().try_for_each(check_output)?;
    Ok(psbt)
}

/// Any PSBT v0 in its one spelling.
fn read(bytes: &[u8]) -> Result<Psbt, ChainError> {
    let psbt = Psbt::deserialize(bytes).map_err(|_| ChainError::Undecodable("not a PSBT of version 0"))?;
    let matched =
        psbt.inputs.len() == psbt.unsigned_tx.input.len() && psbt.outputs.len() == psbt.unsigned_tx.output.len();
    if !matched || psbt.serialize() != bytes {
        return Err(ChainError::Undecodable("PSBT not in its one spelling"));
    }
    Ok(psbt)
}

fn check_globals(psbt: &Psbt) -> Result<(), ChainError> {
    let Psbt { unsigned_tx: _, version, xpub, proprietary, unknown, inputs: _, outputs: _ } = psbt;
    understood(*version == 0 && xpub.is_empty() && proprietary.is_empty() && unknown.is_empty())
}

/// C1, I4: version 1 or 2, a lock time that is no date, inputs and outputs within their bounds, no coin twice.
fn check_transaction(tx: &Transaction) -> Result<(), ChainError> {
    if tx.version != Version::ONE && tx.version != Version::TWO {
        return Err(ChainError::Forbidden("transaction version is not 1 or 2"));
    }
    if !matches!(tx.lock_time, LockTime::Blocks(_)) {
        return Err(ChainError::Forbidden("lock time is a date"));
    }
    if tx.input.is_empty() || tx.output.is_empty() {
        return Err(ChainError::Forbidden("no input or no output"));
    }
    if tx.input.len() > limits::SIGHASHES {
        return Err(ChainError::TooLarge("list of inputs"));
    }
    if tx.output.len() > OUTPUTS {
        return Err(ChainError::TooLarge("list of outputs"));
    }
    let coins: BTreeSet<_> = tx.input.iter().map(|i| i.previous_output).collect();
    if coins.len() != tx.input.len() {
        return Err(ChainError::Forbidden("an input stands twice"));
    }
    if tx.input.iter().any(|i| i.previous_output.is_null()) {
        return Err(ChainError::Forbidden("an input of a coinbase"));
    }
    Ok(())
}

fn check_input(input: &Input) -> Result<(), ChainError> {
    let scripts = input.redeem_script.is_some() || input.witness_script.is_some();
    let signatures = !input.partial_sigs.is_empty() || input.tap_key_sig.is_some() || !input.tap_script_sigs.is_empty();
    let finished = input.final_script_sig.is_some() || input.final_script_witness.is_some();
    let images = !(input.ripemd160_preimages.is_empty()
        && input.sha256_preimages.is_empty()
        && input.hash160_preimages.is_empty()
        && input.hash256_preimages.is_empty());
    let trees = !input.tap_scripts.is_empty() || input.tap_merkle_root.is_some();
    let foreign = !input.proprietary.is_empty() || !input.unknown.is_empty();
    understood(!(scripts || signatures || finished || images || trees || foreign))
}

fn check_output(output: &Output) -> Result<(), ChainError> {
    let scripts = output.redeem_script.is_some() || output.witness_script.is_some() || output.tap_tree.is_some();
    understood(!scripts && output.proprietary.is_empty() && output.unknown.is_empty())
}

fn understood(all: bool) -> Result<(), ChainError> {
    if all { Ok(()) } else { Err(ChainError::Undecodable("PSBT field that is not understood")) }
}

/// Feeds foreign bytes to the parser; what it accepts is written out the same.
pub fn fuzz(data: &[u8]) {
    let unsigned = Unsigned { kind: PayloadKind::Transaction, bytes: data.to_vec() };
    if let Ok(psbt) = parse(&unsigned) {
        assert!(psbt.serialize() == data);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn vectors(kind: &str) -> Vec<(String, Vec<u8>)> {
        let file: Value = serde_json::from_str(include_str!("../../vectors/bitcoin/psbt.json")).unwrap();
        let row =
            |v: &Value| (v["name"].as_str().unwrap().to_string(), hex::decode(v["psbt"].as_str().unwrap()).unwrap());
        file[kind].as_array().unwrap().iter().map(row).collect()
    }

    fn strict(bytes: &[u8]) -> Result<Psbt, ChainError> {
        parse(&Unsigned { kind: PayloadKind::Transaction, bytes: bytes.to_vec() })
    }

    #[test]
    fn bip174_and_371_invalid_vectors_are_undecodable() {
        let invalid = vectors("invalid");
        assert_eq!(invalid.len(), 15);
        for (name, bytes) in invalid {
            assert!(matches!(read(&bytes), Err(ChainError::Undecodable(_))), "{name}");
            assert!(strict(&bytes).is_err(), "{name}");
        }
    }

    /// The standard's valid vectors are read where they stand in the one spelling. Those with signatures, scripts or
    /// fields of others are then refused; the four left are somebody else's, which `decode` finds out.
    #[test]
    fn bip174_and_371_valid_vectors_are_read() {
        let valid = vectors("valid");
        assert_eq!(valid.len(), 13);
        let other_spelling: Vec<&str> =
            valid.iter().filter(|(_, bytes)| read(bytes).is_err()).map(|(name, _)| name.as_str()).collect();
        assert_eq!(other_spelling, ["BIP-371 valid 5"]);
        assert!(valid.iter().all(|(_, bytes)| Psbt::deserialize(bytes).is_ok()));
        let taken: Vec<&str> =
            valid.iter().filter(|(_, bytes)| strict(bytes).is_ok()).map(|(name, _)| name.as_str()).collect();
        assert_eq!(taken, ["BIP-174 valid 1", "BIP-174 valid 3", "BIP-371 valid 1", "BIP-371 valid 3"]);
    }

    #[test]
    fn trailing_and_missing_bytes_are_refused() {
        for (name, bytes) in vectors("valid") {
            assert!(read(&[&bytes[..], &[0]].concat()).is_err(), "{name}");
            assert!(read(&bytes[..bytes.len() - 1]).is_err(), "{name}");
        }
    }
}
