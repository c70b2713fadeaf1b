//! Writes a plan down as a PSBT v0 with the host's choice of coins, change and fee.

use crate::bitcoin::address::{AddressKind, to_script};
use crate::bitcoin::decode::read;
use crate::bitcoin::own::OwnKey;
use crate::bitcoin::plan::{payments_total, sats, total};
use crate::{ChainError, KeySource};
use ::bitcoin::absolute::LockTime;
use ::bitcoin::psbt::Psbt;
use ::bitcoin::transaction::{Transaction, Version};
use ::bitcoin::{OutPoint, ScriptBuf, Sequence, TxIn, TxOut, Witness, consensus};
use ringi_primitives::amount::Amount;
use ringi_primitives::asset::AssetKey;
use ringi_primitives::effects::Effect;
use ringi_primitives::limits;
use ringi_primitives::network::NetworkId;
use ringi_primitives::plan::Plan;
use ringi_primitives::request::{PayloadKind, Unsigned};
use ringi_primitives::wallet::KeyPosition;

/// What the host may choose within a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The coins to spend, in order; the first is the anchor (rule I3).
    pub inputs: Vec<Input>,
    /// Where what is left goes; without it inputs must equal payments and fee exactly.
    pub change: Option<Change>,
    /// Satoshi; at most the plan's maximum.
    pub fee: Amount,
    /// Zero or a block height.
    pub lock_time: u32,
    /// 1 or 2.
    pub version: i32,
}

/// A coin to spend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// The whole transaction that made it, consensus encoding with or without witnesses.
    pub previous_tx: Vec<u8>,
    /// Which of its outputs.
    pub vout: u32,
    /// Which of the wallet's keys it is locked to.
    pub position: KeyPosition,
    /// nSequence.
    pub sequence: u32,
}

/// A change output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// On the change branch, within the gap (rule C1).
    pub position: KeyPosition,
    /// How it is locked.
    pub kind: AddressKind,
    /// How many payments stand before it: 0 puts it first.
    pub after: usize,
}

/// The bytes that carry a plan out. Previous transactions are written without their witnesses. What comes out decodes,
/// or it is not given out.
///
/// # Errors
/// [`ChainError`] if the choice leaves the plan's bounds, names coins or change that are not the wallet's, or does not
/// add up.
pub fn encode(plan: &Plan, choice: &Choice, keys: &dyn KeySource) -> Result<Unsigned, ChainError> {
    if !matches!(plan.network, NetworkId::Bitcoin(_)) {
        return Err(ChainError::WrongChain);
    }
    if choice.fee > plan.max_fee {
        return Err(ChainError::Amounts("fee above the plan's maximum"));
    }
    let coins = choice.inputs.iter().map(|i| coin(keys, i)).collect::<Result<Vec<_>, _>>()?;
    let (outputs, change) = outputs(plan, choice, keys, &coins)?;
    let tx = Transaction {
        version: Version(choice.version),
        lock_time: LockTime::from_consensus(choice.lock_time),
        input: coins.iter().map(|c| c.input.clone()).collect(),
        output: outputs,
    };
    let mut psbt = Psbt::from_unsigned_tx(tx).map_err(|_| ChainError::Undecodable("no PSBT of this transaction"))?;
    for (input, coin) in psbt.inputs.iter_mut().zip(coins) {
        fill_input(input, coin)?;
    }
    if let Some((at, key, position)) = change {
        fill_change(psbt.outputs.get_mut(at).ok_or(ChainError::Amounts("change has no place"))?, key, position)?;
    }
    let unsigned = Unsigned { kind: PayloadKind::Transaction, bytes: psbt.serialize() };
    read(keys, AssetKey::native(plan.network), &unsigned)?;
    Ok(unsigned)
}

struct Coin {
    previous: Transaction,
    input: TxIn,
    spent: TxOut,
    key: OwnKey,
    position: KeyPosition,
}

fn coin(keys: &dyn KeySource, input: &Input) -> Result<Coin, ChainError> {
    if input.previous_tx.len() > limits::UNSIGNED_BYTES {
        return Err(ChainError::TooLarge("previous transaction"));
    }
    let mut previous: Transaction =
        consensus::deserialize(&input.previous_tx).map_err(|_| ChainError::Undecodable("previous transaction"))?;
    previous.input.iter_mut().for_each(|i| i.witness = Witness::new());
    let spent = usize::try_from(input.vout).ok().and_then(|n| previous.output.get(n)).cloned();
    let spent = spent.ok_or(ChainError::Undecodable("previous transaction has no such output"))?;
    let kind = if spent.script_pubkey.is_p2tr() { AddressKind::P2tr } else { AddressKind::P2wpkh };
    let key = OwnKey::find(keys, kind, input.position)?;
    let txin = TxIn {
        previous_output: OutPoint { txid: previous.compute_txid(), vout: input.vout },
        script_sig: ScriptBuf::new(),
        sequence: Sequence::from_consensus(input.sequence),
        witness: Witness::new(),
    };
    Ok(Coin { previous, input: txin, spent, key, position: input.position })
}

type PlacedChange = (usize, OwnKey, KeyPosition);

fn outputs(
    plan: &Plan,
    choice: &Choice,
    keys: &dyn KeySource,
    coins: &[Coin],
) -> Result<(Vec<TxOut>, Option<PlacedChange>), ChainError> {
    let mut outputs =
        plan.effects.iter().filter_map(|e| payment(plan, e).transpose()).collect::<Result<Vec<_>, _>>()?;
    let paid_out = total([payments_total(&plan.effects)?, sats(choice.fee)?])?;
    let left = total(coins.iter().map(|c| c.spent.value))?.checked_sub(paid_out);
    let left = left.ok_or(ChainError::Amounts("inputs do not cover payments and fee"))?;
    let Some(change) = choice.change else {
        let exact = left == ::bitcoin::Amount::ZERO;
        return if exact { Ok((outputs, None)) } else { Err(ChainError::Amounts("something is left and no change")) };
    };
    let key = OwnKey::find(keys, change.kind, change.position)?;
    let script_pubkey = key.script();
    if left < script_pubkey.minimal_non_dust() {
        return Err(ChainError::Amounts("change is below the dust limit"));
    }
    if change.after > outputs.len() {
        return Err(ChainError::Amounts("change has no place"));
    }
    outputs.insert(change.after, TxOut { value: left, script_pubkey });
    Ok((outputs, Some((change.after, key, change.position))))
}

/// The output an effect needs; a cancel needs none.
fn payment(plan: &Plan, effect: &Effect) -> Result<Option<TxOut>, ChainError> {
    match effect {
        Effect::SelfCancel { network } if *network == plan.network => Ok(None),
        Effect::Transfer { asset, to, amount } if *asset == AssetKey::native(plan.network) => {
            Ok(Some(TxOut { value: sats(*amount)?, script_pubkey: to_script(to) }))
        }
        _ => Err(ChainError::Unsupported("an effect other than a transfer or a cancel")),
    }
}

fn fill_input(input: &mut ::bitcoin::psbt::Input, coin: Coin) -> Result<(), ChainError> {
    let hint = coin.key.hint(coin.position)?;
    input.bip32_derivation = hint.v0;
    input.tap_key_origins = hint.taproot;
    input.tap_internal_key = hint.internal;
    input.witness_utxo = Some(coin.spent);
    input.non_witness_utxo = Some(coin.previous);
    Ok(())
}

fn fill_change(output: &mut ::bitcoin::psbt::Output, key: OwnKey, position: KeyPosition) -> Result<(), ChainError> {
    let hint = key.hint(position)?;
    output.bip32_derivation = hint.v0;
    output.tap_key_origins = hint.taproot;
    output.tap_internal_key = hint.internal;
    Ok(())
}
