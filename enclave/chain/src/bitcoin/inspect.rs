//! What a host may ask of a PSBT without the wallet's keys: its id, its spent outputs, its size once signed.
//! Nothing here is checked against anybody's keys: never a ground to sign.

use crate::ChainError;
use crate::bitcoin::psbt::parse;
use ringi_primitives::amount::Amount;
use ringi_primitives::request::Unsigned;

/// An output that a transaction spends, as the PSBT claims it: what a script verifier needs beside the transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpentOutput {
    /// Satoshi.
    pub amount: Amount,
    /// The scriptPubKey.
    pub script: Vec<u8>,
}

/// The claimed spent outputs, in the order of the inputs.
///
/// # Errors
/// [`ChainError`] if the bytes do not parse or an input names none.
pub fn spent_outputs(unsigned: &Unsigned) -> Result<Vec<SpentOutput>, ChainError> {
    let missing = ChainError::Forbidden("an input without its spent output");
    let spent = |input: ::bitcoin::psbt::Input| {
        let output = input.witness_utxo.ok_or(missing.clone())?;
        Ok(SpentOutput { amount: Amount::from_u64(output.value.to_sat()), script: output.script_pubkey.into_bytes() })
    };
    parse(unsigned)?.inputs.into_iter().map(spent).collect()
}

/// The transaction's id as explorers show it; signatures do not change it (BIP-141).
///
/// # Errors
/// [`ChainError`] if the bytes do not parse.
pub fn txid(unsigned: &Unsigned) -> Result<String, ChainError> {
    Ok(parse(unsigned)?.unsigned_tx.compute_txid().to_string())
}

/// Weight of the marker and flag that come with witnesses.
const SEGWIT_MARKER: u64 = 2;
/// Weight of a P2WPKH witness at its longest: count, DER signature and type byte, key.
const P2WPKH_WITNESS: u64 = 1 + 1 + 72 + 1 + 33;
/// Weight of a P2TR key path witness: count, signature.
const P2TR_WITNESS: u64 = 1 + 1 + 64;

/// Virtual bytes once signed, at most: what a fee rate is multiplied with (BIP-141).
///
/// # Errors
/// [`ChainError`] if the bytes do not parse or an input names no spent output.
pub fn signed_vsize(unsigned: &Unsigned) -> Result<u64, ChainError> {
    let psbt = parse(unsigned)?;
    let witness = |script: &[u8]| if script.first() == Some(&0) { P2WPKH_WITNESS } else { P2TR_WITNESS };
    let witnesses =
        spent_outputs(unsigned)?.iter().map(|o| witness(&o.script)).fold(SEGWIT_MARKER, u64::saturating_add);
    Ok(psbt.unsigned_tx.weight().to_wu().saturating_add(witnesses).div_ceil(4))
}
