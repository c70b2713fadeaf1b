//! The recovery ids of a receipt's signatures: nothing on chain needs them on Bitcoin, yet a receipt states them, so they
//! are computed again. A statement that nobody checks would be a byte that may flip.

use super::{VerifyError, ensure};
use bitcoin::hashes::Hash as _;
use bitcoin::psbt::Psbt;
use bitcoin::sighash::{EcdsaSighashType, SighashCache};
use k256::ecdsa::{RecoveryId, Signature, VerifyingKey};
use ringi_primitives::network::NetworkId;
use ringi_primitives::request::{FinishedSignature, Unsigned};

/// Checks each signature's recovery id. EVM signatures are recovered by the chain's own `assemble`; taproot ones have
/// none; P2WPKH ones must recover to the key in the finished witness.
pub fn check_recovery_ids(
    network: NetworkId,
    unsigned: &Unsigned,
    signatures: &[FinishedSignature],
    transaction: &[u8],
) -> Result<(), VerifyError> {
    if matches!(network, NetworkId::Evm(_)) {
        return Ok(());
    }
    let wrong = || VerifyError::Differs("a recovery id");
    let psbt = Psbt::deserialize(&unsigned.bytes).map_err(|_| wrong())?;
    let spent: Vec<_> = psbt.iter_funding_utxos().collect::<Result<_, _>>().map_err(|_| wrong())?;
    let signed: bitcoin::Transaction = bitcoin::consensus::deserialize(transaction).map_err(|_| wrong())?;
    let mut cache = SighashCache::new(&psbt.unsigned_tx);
    for (at, (signature, output)) in signatures.iter().zip(spent).enumerate() {
        if !output.script_pubkey.is_p2wpkh() {
            ensure(signature.recovery_id.is_none(), wrong())?;
            continue;
        }
        let all = EcdsaSighashType::All;
        let digest = cache.p2wpkh_signature_hash(at, &output.script_pubkey, output.value, all).map_err(|_| wrong())?;
        let key = signed.input.get(at).and_then(|i| i.witness.nth(1)).ok_or_else(wrong)?;
        let recovered = recover(signature, digest.as_byte_array()).ok_or_else(wrong)?;
        ensure(recovered.to_sec1_point(true).as_bytes() == key, wrong())?;
    }
    Ok(())
}

fn recover(signature: &FinishedSignature, digest: &[u8; 32]) -> Option<VerifyingKey> {
    let id = RecoveryId::from_byte(signature.recovery_id?).filter(|id| !id.is_x_reduced())?;
    let signature = Signature::from_slice(&signature.bytes).ok()?;
    VerifyingKey::recover_from_prehash(digest, &signature, id).ok()
}
