//! Puts signatures in, each verified under the wallet's own key for the digest of the same parse.

use crate::bitcoin::decode::{Reading, Spend, read};
use crate::bitcoin::own::{OwnKey, VERIFIER};
use crate::bitcoin::plan::coin;
use crate::{ChainError, KeySource, SigHash, SignedTx};
use ::bitcoin::psbt::Psbt;
use ::bitcoin::secp256k1::{self, Message};
use ::bitcoin::sighash::{EcdsaSighashType, TapSighashType};
use ::bitcoin::{Witness, consensus, ecdsa, taproot};
use ringi_primitives::network::BitcoinNetwork;
use ringi_primitives::policy_set::PolicySet;
use ringi_primitives::request::{FinishedSignature, Unsigned};

/// The transaction to broadcast, with one signature per input in order.
///
/// # Errors
/// [`ChainError::BadSignature`] if one does not verify or the number is wrong; otherwise as `decode`.
pub fn assemble(
    policy: &PolicySet,
    keys: &dyn KeySource,
    net: BitcoinNetwork,
    unsigned: &Unsigned,
    signatures: &[FinishedSignature],
) -> Result<SignedTx, ChainError> {
    let reading = read(keys, coin(policy, net)?, unsigned)?;
    let witnesses = witnesses(&reading, signatures)?;
    let mut tx = reading.psbt.unsigned_tx;
    tx.input.iter_mut().zip(witnesses).for_each(|(input, witness)| input.witness = witness);
    Ok(SignedTx { id: tx.compute_txid().to_string(), bytes: consensus::serialize(&tx) })
}

/// The same as a finished PSBT (BIP-174 "input finalizer"): spent outputs and witnesses stay, hints are cleared.
///
/// # Errors
/// As [`assemble`].
pub fn export_signed(
    policy: &PolicySet,
    keys: &dyn KeySource,
    net: BitcoinNetwork,
    unsigned: &Unsigned,
    signatures: &[FinishedSignature],
) -> Result<Vec<u8>, ChainError> {
    let reading = read(keys, coin(policy, net)?, unsigned)?;
    let witnesses = witnesses(&reading, signatures)?;
    let mut psbt: Psbt = reading.psbt;
    for (input, witness) in psbt.inputs.iter_mut().zip(witnesses) {
        *input = ::bitcoin::psbt::Input {
            witness_utxo: input.witness_utxo.take(),
            non_witness_utxo: input.non_witness_utxo.take(),
            final_script_witness: Some(witness),
            ..Default::default()
        };
    }
    Ok(psbt.serialize())
}

fn witnesses(reading: &Reading, signatures: &[FinishedSignature]) -> Result<Vec<Witness>, ChainError> {
    let sighashes = reading.sighashes()?;
    if signatures.len() != sighashes.len() {
        return Err(ChainError::BadSignature);
    }
    let signed = reading.spends.iter().zip(&sighashes).zip(signatures);
    signed.map(|((spend, sighash), signature)| witness(spend, sighash, signature)).collect()
}

/// BIP-141 and BIP-143: DER signature with its type byte, then the key. BIP-341: the bare 64 bytes.
fn witness(spend: &Spend, sighash: &SigHash, signature: &FinishedSignature) -> Result<Witness, ChainError> {
    let bad = |_: secp256k1::Error| ChainError::BadSignature;
    let message = Message::from_digest(sighash.expose_to_signer());
    match &spend.key {
        OwnKey::P2wpkh(key) => {
            let signature = secp256k1::ecdsa::Signature::from_compact(&signature.bytes).map_err(bad)?;
            // The library takes only low s (BIP-62 rule 5).
            VERIFIER.verify_ecdsa(&message, &signature, &key.0).map_err(bad)?;
            let signature = ecdsa::Signature { signature, sighash_type: EcdsaSighashType::All };
            Ok(Witness::p2wpkh(&signature, &key.0))
        }
        OwnKey::P2tr { output, .. } => {
            let signature = secp256k1::schnorr::Signature::from_slice(&signature.bytes).map_err(bad)?;
            VERIFIER.verify_schnorr(&signature, &message, &output.to_x_only_public_key()).map_err(bad)?;
            Ok(Witness::p2tr_key_spend(&taproot::Signature { signature, sighash_type: TapSighashType::Default }))
        }
    }
}
