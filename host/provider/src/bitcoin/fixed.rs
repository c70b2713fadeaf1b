//! Coins from a file of whole transactions: Bitcoin without a node, for the demo and for tests.
//!
//! What is handed in must spend coins that are there, pay out no more than it spends and pass Bitcoin's own code; then
//! it joins the file. There are no blocks: what was accepted is final.

use super::coin::{Coin, CoinSource, FeeRate, OwnScripts};
use super::consensus::consensus_accepts;
use super::error::CoinError;
use bitcoin::hashes::Hash as _;
use bitcoin::transaction::Version;
use bitcoin::{OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid, Witness, absolute, consensus};
use ringi_chain::bitcoin::SpentOutput;
use ringi_primitives::address::Address;
use ringi_primitives::amount::Amount;
use ringi_primitives::effects::Outpoint;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A larger file is refused.
const FILE_BYTES: u64 = 64 * 1024 * 1024;

/// The file's form.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    /// What transactions pay.
    sat_per_kvb: u64,
    /// Whole transactions, hex, in the order they came.
    transactions: Vec<String>,
}

/// A file of transactions.
pub struct FixedCoins {
    path: PathBuf,
    world: Mutex<World>,
}

#[derive(Clone)]
struct World {
    rate: FeeRate,
    order: Vec<Txid>,
    transactions: BTreeMap<Txid, Transaction>,
    spent: BTreeSet<OutPoint>,
}

impl FixedCoins {
    /// Reads the file, or begins one with this fee rate.
    ///
    /// # Errors
    /// [`CoinError::File`], [`CoinError::Malformed`].
    pub fn open(path: &Path, rate: FeeRate) -> Result<FixedCoins, CoinError> {
        let world = match fs::metadata(path) {
            Ok(file) if file.len() > FILE_BYTES => return Err(CoinError::Malformed("too long")),
            Ok(_) => World::read(&fs::read(path)?)?,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => World::empty(rate),
            Err(e) => return Err(e.into()),
        };
        Ok(FixedCoins { path: path.to_owned(), world: Mutex::new(world) })
    }

    /// Makes coins out of nothing, as a test network's faucet would: one transaction with these outputs. Gives its id as
    /// explorers show it.
    ///
    /// # Errors
    /// [`CoinError::Amounts`], [`CoinError::File`].
    pub fn grant(&self, outputs: &[(Address, Amount)]) -> Result<String, CoinError> {
        let mut world = self.world();
        let output = outputs.iter().map(|(to, amount)| {
            let sats = amount.to_u64().map(bitcoin::Amount::from_sat).filter(|a| *a <= bitcoin::Amount::MAX_MONEY);
            let script_pubkey = ScriptBuf::from_bytes(to.raw().to_vec());
            sats.map(|value| TxOut { value, script_pubkey }).ok_or(CoinError::Amounts)
        });
        let output = output.collect::<Result<Vec<_>, _>>()?;
        // An outpoint that exists nowhere and is different each time, so that the ids are.
        let nowhere = bitcoin::hashes::sha256::Hash::hash(&world.order.len().to_be_bytes());
        let previous_output = OutPoint { txid: Txid::from_byte_array(nowhere.to_byte_array()), vout: 0 };
        let (script_sig, sequence, witness) = (ScriptBuf::new(), Sequence::MAX, Witness::new());
        let input = vec![TxIn { previous_output, script_sig, sequence, witness }];
        let tx = Transaction { version: Version::TWO, lock_time: absolute::LockTime::ZERO, input, output };
        let id = tx.compute_txid();
        self.keep(&mut world, tx)?;
        Ok(id.to_string())
    }

    fn keep(&self, world: &mut World, tx: Transaction) -> Result<(), CoinError> {
        let mut next = world.clone();
        next.add(tx);
        next.write(&self.path)?;
        *world = next;
        Ok(())
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait::async_trait]
impl CoinSource for FixedCoins {
    async fn coins(&self, own: &OwnScripts) -> Result<Vec<Coin>, CoinError> {
        Ok(self.world().coins(own))
    }

    async fn fee_rate(&self) -> Result<FeeRate, CoinError> {
        Ok(self.world().rate)
    }

    async fn submit(&self, tx: &[u8]) -> Result<String, CoinError> {
        let parsed: Transaction = consensus::deserialize(tx).map_err(|_| CoinError::NotATransaction)?;
        let id = parsed.compute_txid();
        let mut world = self.world();
        // The same id with another witness is the same payment: the first one stays.
        if !world.transactions.contains_key(&id) {
            world.accept(&parsed, tx)?;
            self.keep(&mut world, parsed)?;
        }
        Ok(id.to_string())
    }
}

impl World {
    fn empty(rate: FeeRate) -> World {
        World { rate, order: Vec::new(), transactions: BTreeMap::new(), spent: BTreeSet::new() }
    }

    fn read(file: &[u8]) -> Result<World, CoinError> {
        let document: Document = serde_json::from_slice(file).map_err(|_| CoinError::Malformed("not this form"))?;
        let mut world = World::empty(FeeRate { sat_per_kvb: document.sat_per_kvb });
        for text in &document.transactions {
            let bytes = hex::decode(text).map_err(|_| CoinError::Malformed("not hex"))?;
            world.add(consensus::deserialize(&bytes).map_err(|_| CoinError::Malformed("not a transaction"))?);
        }
        Ok(world)
    }

    /// Whole and in one step: a crash leaves the old file or the new one.
    fn write(&self, path: &Path) -> Result<(), CoinError> {
        let transactions = self.order.iter().filter_map(|id| self.transactions.get(id));
        let transactions = transactions.map(|tx| hex::encode(consensus::serialize(tx))).collect();
        let document = Document { sat_per_kvb: self.rate.sat_per_kvb, transactions };
        let text = serde_json::to_vec_pretty(&document).map_err(|_| CoinError::Malformed("cannot be written"))?;
        let new = path.with_extension("new");
        let mut file = File::create(&new)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Ok(File::open(folder)?.sync_all()?)
    }

    fn add(&mut self, tx: Transaction) {
        let id = tx.compute_txid();
        self.spent.extend(tx.input.iter().map(|i| i.previous_output));
        if self.transactions.insert(id, tx).is_none() {
            self.order.push(id);
        }
    }

    fn output(&self, at: OutPoint) -> Option<&TxOut> {
        let output = self.transactions.get(&at.txid)?.output.get(usize::try_from(at.vout).ok()?);
        output.filter(|_| !self.spent.contains(&at))
    }

    fn accept(&self, tx: &Transaction, bytes: &[u8]) -> Result<(), CoinError> {
        let mut twice = BTreeSet::new();
        let spend = |(input, txin): (usize, &TxIn)| {
            let output = self.output(txin.previous_output).filter(|_| twice.insert(txin.previous_output));
            output.ok_or(CoinError::NoSuchCoin { input })
        };
        let spent = tx.input.iter().enumerate().map(spend).collect::<Result<Vec<_>, _>>()?;
        if total(tx.output.iter())? > total(spent.iter().copied())? {
            return Err(CoinError::Amounts);
        }
        let claim =
            |o: &&TxOut| SpentOutput { amount: Amount::from_u64(o.value.to_sat()), script: o.script_pubkey.to_bytes() };
        Ok(consensus_accepts(bytes, &spent.iter().map(claim).collect::<Vec<_>>())?)
    }

    fn coins(&self, own: &OwnScripts) -> Vec<Coin> {
        let mut coins = Vec::new();
        for (id, tx) in self.order.iter().filter_map(|id| Some((*id, self.transactions.get(id)?))) {
            for (vout, output) in (0u32..).zip(&tx.output) {
                let Some((kind, position)) = own.find(output.script_pubkey.as_bytes()) else { continue };
                if self.spent.contains(&OutPoint { txid: id, vout }) {
                    continue;
                }
                let outpoint = Outpoint { txid: id.to_byte_array(), vout };
                let amount = Amount::from_u64(output.value.to_sat());
                coins.push(Coin { outpoint, amount, kind, position, previous_tx: consensus::serialize(tx) });
            }
        }
        coins
    }
}

fn total<'a>(outputs: impl Iterator<Item = &'a TxOut>) -> Result<bitcoin::Amount, CoinError> {
    let mut values = outputs.map(|o| o.value);
    values.try_fold(bitcoin::Amount::ZERO, |sum, value| sum.checked_add(value)).ok_or(CoinError::Amounts)
}
