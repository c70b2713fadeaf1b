//! Bitcoin's own script code as judge (crate `bitcoinconsensus`, Bitcoin Core 26).

use bitcoinconsensus::{Utxo, VERIFY_ALL_PRE_TAPROOT, VERIFY_TAPROOT, verify_with_flags};
use ringi_chain::bitcoin::SpentOutput;

/// Why a transaction is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConsensusError {
    /// Not a transaction, or not with this number of inputs.
    #[error("not a transaction that spends these outputs")]
    Mismatch,
    /// An input's script does not accept its witness.
    #[error("Bitcoin refuses input {input}")]
    Refused {
        /// Which input.
        input: usize,
    },
}

impl ConsensusError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            ConsensusError::Mismatch => "consensus.mismatch",
            ConsensusError::Refused { .. } => "consensus.refused",
        }
    }
}

/// Whether every input of the transaction unlocks the output it spends, by all rules up to taproot. Says nothing of
/// amounts, double spends or relay policy.
///
/// # Errors
/// [`ConsensusError`].
pub fn consensus_accepts(tx: &[u8], spent: &[SpentOutput]) -> Result<(), ConsensusError> {
    let parsed: bitcoin::Transaction = bitcoin::consensus::deserialize(tx).map_err(|_| ConsensusError::Mismatch)?;
    if parsed.input.len() != spent.len() || spent.is_empty() {
        return Err(ConsensusError::Mismatch);
    }
    let utxos = spent.iter().map(utxo).collect::<Option<Vec<_>>>().ok_or(ConsensusError::Mismatch)?;
    let flags = VERIFY_ALL_PRE_TAPROOT | VERIFY_TAPROOT;
    for (input, output) in spent.iter().enumerate() {
        let amount = output.amount.to_u64().ok_or(ConsensusError::Mismatch)?;
        verify_with_flags(&output.script, amount, tx, Some(&utxos), input, flags)
            .map_err(|_| ConsensusError::Refused { input })?;
    }
    Ok(())
}

/// Points into `output`, which outlives it.
fn utxo(output: &SpentOutput) -> Option<Utxo> {
    Some(Utxo {
        script_pubkey: output.script.as_ptr(),
        script_pubkey_len: u32::try_from(output.script.len()).ok()?,
        value: i64::try_from(output.amount.to_u64()?).ok()?,
    })
}
