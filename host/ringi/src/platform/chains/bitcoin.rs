//! One Bitcoin network: coins, choices and acceptance by a source of coins, as long as no node is configured a file.

use super::rejected;
use bitcoin::psbt::Psbt;
use ringi_chain::SignedTx;
use ringi_chain::bitcoin::AddressKind;
use ringi_orchestrator::Service;
use ringi_orchestrator::ports::{
    ChainPortError, DepositSeen, OwnAddress, PrepareAsk, SlotChoice, TxOutcome, TxStatus, Watch,
};
use ringi_primitives::amount::Amount;
use ringi_primitives::asset::AssetKey;
use ringi_primitives::effects::Outpoint;
use ringi_primitives::network::{BitcoinNetwork, NetworkId};
use ringi_primitives::request::Unsigned;
use ringi_primitives::wallet::WalletRef;
use ringi_provider::bitcoin::{ChangeTo, Coin, CoinError, CoinSource, Needs, OwnScripts, select};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Indices of each branch that are looked through for coins.
const LOOK_AHEAD: u32 = 40;

/// A source of coins and what is watched there.
pub struct BitcoinNet {
    net: BitcoinNetwork,
    source: Arc<dyn CoinSource>,
    poll_ms: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    watched: BTreeMap<Vec<u8>, Watch>,
    accepted: BTreeSet<String>,
    told: BTreeSet<Outpoint>,
}

impl BitcoinNet {
    /// Coins of this network from this source.
    pub fn new(net: BitcoinNetwork, source: Arc<dyn CoinSource>, poll_ms: u64) -> BitcoinNet {
        BitcoinNet { net, source, poll_ms, state: Mutex::default() }
    }

    pub(super) fn network(&self) -> NetworkId {
        NetworkId::Bitcoin(self.net)
    }

    pub(super) async fn prepare(&self, ask: PrepareAsk<'_>) -> Result<Unsigned, ChainPortError> {
        let SlotChoice::Coins { excluded } = ask.slot else {
            return Err(rejected("provider.unsupported", "only transactions are made on Bitcoin"));
        };
        let count = ask.change.index.saturating_add(LOOK_AHEAD);
        let own = OwnScripts::first(self.net, ask.keys, count, count).map_err(of_coins)?;
        let coins = self.source.coins(&own).await.map_err(of_coins)?;
        let replaced = ask.replaces.map(replaced).transpose()?;
        // Change goes where the first recipient's kind of key exists: taproot, else segwit.
        let taproot = ask.keys.public_key(AddressKind::P2tr.scheme(), ask.change).is_some();
        let kind = if taproot { AddressKind::P2tr } else { AddressKind::P2wpkh };
        let needs = Needs {
            rate: self.source.fee_rate().await.map_err(of_coins)?,
            change: ChangeTo { position: ask.change, kind },
            reserved: excluded,
            anchor: replaced.map(|(anchor, _)| anchor),
            replaced_fee_sat: replaced.map(|(_, fee)| fee),
        };
        let choice = select(ask.plan, &coins, &needs).map_err(|e| rejected(e.code(), &e))?;
        ringi_chain::bitcoin::encode(ask.plan, &choice, ask.keys).map_err(|e| rejected(e.code(), &e))
    }

    pub(super) async fn broadcast(&self, signed: &SignedTx) -> Result<(), ChainPortError> {
        let id = self.source.submit(&signed.bytes).await.map_err(of_coins)?;
        self.lock().accepted.insert(id);
        Ok(())
    }

    /// There are no blocks without a node: what Bitcoin's code accepted is as final as it gets.
    pub(super) fn status(&self, id: &str) -> TxStatus {
        if !self.lock().accepted.contains(id) {
            return TxStatus::Unknown;
        }
        let block = "accepted by consensus code, no node configured".to_string();
        TxStatus::Included { height: 0, block, confirmations: 1, outcome: TxOutcome::Success }
    }

    pub(super) async fn balance(&self, addresses: &[OwnAddress]) -> Result<Amount, ChainPortError> {
        let coins = self.coins_at(addresses.iter()).await.map_err(of_coins)?;
        let sum = coins.iter().try_fold(Amount::ZERO, |sum, coin| sum.checked_add(coin.amount));
        sum.ok_or_else(|| rejected("provider.overflow", "coins do not add up"))
    }

    async fn coins_at(&self, own: impl Iterator<Item = &OwnAddress>) -> Result<Vec<Coin>, CoinError> {
        let scripts = own.filter_map(|o| Some((o.address.raw().to_vec(), kind_of(o.kind)?, o.position)));
        self.source.coins(&OwnScripts::of(scripts)).await
    }

    pub(super) fn watch(&self, watch: Watch) {
        self.lock().watched.insert(watch.own.address.raw().to_vec(), watch);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells of coins that arrive.
    pub(super) async fn follow(self: Arc<BitcoinNet>, service: Arc<dyn Service>) {
        loop {
            if let Err(e) = self.look(&service).await {
                tracing::warn!(code = e.code(), network = %self.network(), "{e}");
            }
            tokio::time::sleep(Duration::from_millis(self.poll_ms)).await;
        }
    }

    /// One wallet after the other: positions are the same in all of them.
    async fn look(&self, service: &Arc<dyn Service>) -> Result<(), CoinError> {
        let mut wallets: BTreeMap<WalletRef, Vec<Watch>> = BTreeMap::new();
        for watch in self.lock().watched.values() {
            wallets.entry(watch.wallet).or_default().push(watch.clone());
        }
        for watched in wallets.values() {
            for coin in self.coins_at(watched.iter().map(|w| &w.own)).await? {
                let of = |w: &&Watch| w.own.position == coin.position && kind_of(w.own.kind) == Some(coin.kind);
                if let Some(watch) = watched.iter().find(of) {
                    self.tell(service, watch, &coin).await;
                }
            }
        }
        Ok(())
    }

    async fn tell(&self, service: &Arc<dyn Service>, watch: &Watch, coin: &Coin) {
        if self.lock().told.contains(&coin.outpoint) {
            return;
        }
        let mut txid = coin.outpoint.txid;
        txid.reverse();
        let seen = DepositSeen {
            network: self.network(),
            transaction: hex::encode(txid),
            place: coin.outpoint.vout.into(),
            wallet: watch.wallet,
            address: watch.own.text.clone(),
            asset: AssetKey::native(self.network()),
            amount: coin.amount,
            height: Some(0),
            confirmations: 1,
        };
        match service.deposit_seen(seen).await {
            Ok(()) => drop(self.lock().told.insert(coin.outpoint)),
            Err(e) => tracing::warn!(code = e.code, "a deposit was not taken"),
        }
        service.block_seen(self.network());
    }
}

fn kind_of(name: &str) -> Option<AddressKind> {
    match name {
        "p2tr" => Some(AddressKind::P2tr),
        "p2wpkh" => Some(AddressKind::P2wpkh),
        _ => None,
    }
}

/// The anchor and the fee in satoshi of the transaction that is to be replaced (rule I3).
fn replaced(unsigned: &Unsigned) -> Result<(Outpoint, u64), ChainPortError> {
    let broken = || rejected("provider.replaced", "the replaced transaction cannot be read");
    let psbt = Psbt::deserialize(&unsigned.bytes).map_err(|_| broken())?;
    let first = psbt.unsigned_tx.input.first().ok_or_else(broken)?.previous_output;
    let fee = psbt.fee().map_err(|_| broken())?.to_sat();
    Ok((Outpoint { txid: *AsRef::<[u8; 32]>::as_ref(&first.txid), vout: first.vout }, fee))
}

fn of_coins(error: CoinError) -> ChainPortError {
    rejected(error.code(), &error)
}
