//! What the bytes request: each claim of the PSBT is checked against the wallet's own keys and the coins' own
//! transactions, then payments, fee and digests come out of the one parse (rule C1).
//!
//! # Previous transactions
//! A segwit-v0 signature (BIP-143) covers only its own coin's amount, so a host that lies about the amounts of the
//! other inputs hides a fee; two requests with different lies give signatures that fit together. A taproot signature
//! (BIP-341) covers the amounts and scripts of all inputs, and one made under a lie fits no transaction; but a v0 coin
//! can be *presented* as taproot beside a true v0 input, whose signature does not cover that lie. So wherever a v0
//! input stands every input must carry its previous transaction. Taproot inputs alone could do without; they carry it
//! all the same: then the fee that is decided on is true in every case, not only where a signature would come out valid.
//!
//! # Change
//! One output at most may be change, so that a host cannot grind the wallet into coins too small to spend. It carries
//! a hint; the script must be that of the hinted key on the change branch, below the caller's next unused index plus
//! [`limits::CHANGE_GAP`]. A hint that does not hold refuses the whole; an output without a hint is spending, even
//! to the wallet itself.

use crate::bitcoin::address::{AddressKind, payable, to_address};
use crate::bitcoin::own::{Hint, OwnKey};
use crate::bitcoin::plan::{coin, sats, total};
use crate::bitcoin::{psbt, sighash};
use crate::{ChainError, Coins, Decoded, KeySource, SigHash, Tweak};
use ::bitcoin::hashes::Hash as _;
use ::bitcoin::psbt::{Input, Psbt};
use ::bitcoin::sighash::SighashCache;
use ::bitcoin::{OutPoint, TxOut};
use ringi_primitives::amount::Amount;
use ringi_primitives::asset::AssetKey;
use ringi_primitives::effects::{Effect, Outpoint, Slot};
use ringi_primitives::limits;
use ringi_primitives::network::{BitcoinNetwork, NetworkId};
use ringi_primitives::policy_set::PolicySet;
use ringi_primitives::request::{PayloadKind, Unsigned};
use ringi_primitives::wallet::{BRANCH_CHANGE, KeyPosition};

/// What the bytes request of this wallet.
///
/// # Errors
/// [`ChainError`] for anything not fully understood, not the wallet's own, or not proved.
pub fn decode(
    policy: &PolicySet,
    keys: &dyn KeySource,
    net: BitcoinNetwork,
    unsigned: &Unsigned,
) -> Result<Decoded, ChainError> {
    let coin = coin(policy, net)?;
    let reading = read(keys, coin, unsigned)?;
    let sighashes = reading.sighashes()?;
    let max_fee = Amount::from_u64(reading.fee.to_sat());
    let coins = reading.coins()?;
    Ok(Decoded::new(reading.effects, max_fee, slot(net, &reading.psbt), sighashes).with_coins(coins))
}

/// A PSBT whose every claim has been checked.
pub(super) struct Reading {
    pub(super) psbt: Psbt,
    pub(super) spends: Vec<Spend>,
    effects: Vec<Effect>,
    fee: ::bitcoin::Amount,
}

/// One input: an output of the wallet's own.
pub(super) struct Spend {
    pub(super) key: OwnKey,
    position: KeyPosition,
    spent: TxOut,
}

pub(super) fn read(keys: &dyn KeySource, coin: AssetKey, unsigned: &Unsigned) -> Result<Reading, ChainError> {
    let psbt = psbt::parse(unsigned)?;
    let spends = psbt.inputs.iter().map(|i| spend(keys, i)).collect::<Result<Vec<_>, _>>()?;
    for ((claim, spend), input) in psbt.inputs.iter().zip(&spends).zip(&psbt.unsigned_tx.input) {
        check_previous(claim, &spend.spent, input.previous_output)?;
    }
    let paid_in = total(spends.iter().map(|s| s.spent.value))?;
    let paid_out = total(psbt.unsigned_tx.output.iter().map(|o| o.value))?;
    let fee = paid_in.checked_sub(paid_out).ok_or(ChainError::Amounts("inputs do not cover outputs"))?;
    let effects = effects(keys, coin, &psbt)?;
    Ok(Reading { psbt, spends, effects, fee })
}

/// C1: the spent output is the wallet's, and the only signature that is asked for covers everything.
fn spend(keys: &dyn KeySource, input: &Input) -> Result<Spend, ChainError> {
    let foreign = ChainError::Forbidden("an input that is not the wallet's");
    let spent = input.witness_utxo.clone().ok_or(ChainError::Forbidden("an input without its spent output"))?;
    let hint = Hint::of_input(input);
    let (kind, position) = hint.place()?.ok_or(foreign.clone())?;
    // C1: `SIGHASH_ALL` for v0 and `SIGHASH_DEFAULT` for taproot are what an absent type means.
    if input.sighash_type.is_some() {
        return Err(ChainError::Forbidden("a signature type of the host's choosing"));
    }
    let key = OwnKey::find(keys, kind, position)?;
    if key.script() != spent.script_pubkey || hint != key.hint(position)? {
        return Err(foreign);
    }
    Ok(Spend { key, position, spent })
}

/// C1: the whole previous transaction is there, is the one spent, and says the same of the output. Its witnesses, which
/// its id does not cover, are left out.
fn check_previous(claim: &Input, spent: &TxOut, coin: OutPoint) -> Result<(), ChainError> {
    let previous = claim.non_witness_utxo.as_ref();
    let previous = previous.ok_or(ChainError::Forbidden("an input without its previous transaction"))?;
    if previous.input.iter().any(|i| !i.witness.is_empty()) {
        return Err(ChainError::Undecodable("a previous transaction with witnesses"));
    }
    if previous.compute_txid() != coin.txid {
        return Err(ChainError::Forbidden("a previous transaction that is not the one spent"));
    }
    let output = usize::try_from(coin.vout).ok().and_then(|n| previous.output.get(n));
    if output != Some(spent) {
        return Err(ChainError::Forbidden("a spent output that is not the previous transaction's"));
    }
    Ok(())
}

/// Everything that is not change, in order. Nothing but change is a cancel.
fn effects(keys: &dyn KeySource, coin: AssetKey, psbt: &Psbt) -> Result<Vec<Effect>, ChainError> {
    let mut effects = Vec::new();
    let mut change: usize = 0;
    for (output, claim) in psbt.unsigned_tx.output.iter().zip(&psbt.outputs) {
        if output.value == ::bitcoin::Amount::ZERO {
            return Err(ChainError::Forbidden("an output of nothing"));
        }
        let hint = Hint::of_output(claim);
        match hint.place()? {
            Some((kind, position)) => {
                check_change(keys, output, &hint, kind, position)?;
                change = change.saturating_add(1);
            }
            None => effects.push(payment(coin, output)?),
        }
    }
    if change > 1 {
        return Err(ChainError::Forbidden("more than one change output"));
    }
    if effects.is_empty() {
        effects.push(Effect::SelfCancel { network: coin.network });
    }
    Ok(effects)
}

fn payment(coin: AssetKey, output: &TxOut) -> Result<Effect, ChainError> {
    if !payable(&output.script_pubkey) {
        return Err(ChainError::Forbidden("an output of a kind that is not paid"));
    }
    let amount = Amount::from_u64(output.value.to_sat());
    sats(amount)?;
    Ok(Effect::Transfer { asset: coin, to: to_address(output.script_pubkey.clone())?, amount })
}

/// C1: change is free only to the same wallet, on its change branch, within the gap.
fn check_change(
    keys: &dyn KeySource,
    output: &TxOut,
    hint: &Hint,
    kind: AddressKind,
    position: KeyPosition,
) -> Result<(), ChainError> {
    if position.branch != BRANCH_CHANGE {
        return Err(ChainError::Forbidden("change off the change branch"));
    }
    if position.index >= keys.next_change_index().saturating_add(limits::CHANGE_GAP) {
        return Err(ChainError::Forbidden("change beyond the index gap"));
    }
    let key = OwnKey::find(keys, kind, position)?;
    if key.script() != output.script_pubkey || *hint != key.hint(position)? {
        return Err(ChainError::Forbidden("change that is not the wallet's"));
    }
    Ok(())
}

fn slot(net: BitcoinNetwork, psbt: &Psbt) -> Slot {
    let outpoints = psbt.unsigned_tx.input.iter().map(|i| i.previous_output);
    let outpoints = outpoints.map(|o| Outpoint { txid: o.txid.to_byte_array(), vout: o.vout }).collect();
    Slot::Outpoints { network: NetworkId::Bitcoin(net), outpoints }
}

impl Reading {
    fn coins(&self) -> Result<Coins, ChainError> {
        let tx = &self.psbt.unsigned_tx;
        let count = |n: usize| u32::try_from(n).map_err(|_| ChainError::TooLarge("coins"));
        let value = total(self.spends.iter().map(|s| s.spent.value))?;
        Ok(Coins {
            inputs: count(tx.input.len())?,
            outputs: count(tx.output.len())?,
            value: Amount::from_u64(value.to_sat()),
        })
    }

    /// One digest per input, in order.
    pub(super) fn sighashes(&self) -> Result<Vec<SigHash>, ChainError> {
        let mut cache = SighashCache::new(&self.psbt.unsigned_tx);
        let spent: Vec<&TxOut> = self.spends.iter().map(|s| &s.spent).collect();
        let mut out = Vec::with_capacity(self.spends.len());
        for (n, spend) in self.spends.iter().enumerate() {
            let (tweak, digest) = match spend.key.kind() {
                AddressKind::P2wpkh => (Tweak::None, sighash::segwit_v0(&mut cache, n, &spend.spent)?),
                AddressKind::P2tr => (Tweak::TaprootKeyPath, sighash::taproot(&mut cache, n, &spent)?),
            };
            out.push(SigHash::new(spend.key.kind().scheme(), spend.position, tweak, digest));
        }
        Ok(out)
    }
}

/// Feeds foreign bytes to the decoder, of a wallet whose every key is the curve's generator; what it accepts is written
/// out the same and asks for one signature per input.
pub fn fuzz(data: &[u8]) {
    struct Generator;
    impl KeySource for Generator {
        fn public_key(&self, _: ringi_primitives::scheme::Scheme, _: KeyPosition) -> Option<Vec<u8>> {
            let mut key = vec![2];
            key.extend_from_slice(&::bitcoin::secp256k1::constants::GENERATOR_X);
            Some(key)
        }
    }
    let coin = AssetKey::native(NetworkId::Bitcoin(BitcoinNetwork::Regtest));
    let unsigned = Unsigned { kind: PayloadKind::Transaction, bytes: data.to_vec() };
    if let Ok(reading) = read(&Generator, coin, &unsigned) {
        assert!(reading.psbt.serialize() == data);
        assert!(reading.sighashes().is_ok_and(|s| s.len() == reading.psbt.inputs.len()));
    }
}
