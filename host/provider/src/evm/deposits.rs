//! Deposits and the memory of a watcher: what was seen in which block, and what becomes of it when blocks go away. Pure.
//!
//! What is reported is the node's word: books may be kept by it, nothing is signed because of it.

use super::inclusion::BlockRef;
use ringi_primitives::address::Address;
use ringi_primitives::amount::Amount;
use ringi_primitives::network::NetworkId;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, VecDeque};

/// Blocks remembered for finding the fork after a reorganisation; a deeper one needs a person.
const REMEMBERED_BLOCKS: usize = 256;

/// What to look for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watched {
    /// Accounts whose deposits count.
    pub accounts: BTreeSet<Address>,
    /// Token contracts that count.
    pub tokens: BTreeSet<Address>,
}

/// Where in its transaction a deposit stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DepositSource {
    /// The transaction's own value.
    Value,
    /// A log, by its index in the block.
    Log(u64),
}

/// One deposit in one block. Network, transaction, source and block hash together name it: the same transaction mined
/// again after a reorganisation is another deposit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deposit {
    /// The chain.
    pub network: NetworkId,
    /// The transaction, `0x…`.
    pub txid: String,
    /// Where in it.
    pub source: DepositSource,
    /// The block.
    pub block: BlockRef,
    /// The token contract; `None` for the chain's own coin.
    #[serde(with = "token_hex")]
    pub token: Option<Address>,
    /// Who paid, as the transaction or the log says.
    #[serde(with = "address_hex")]
    pub from: Address,
    /// The watched account.
    #[serde(with = "address_hex")]
    pub to: Address,
    /// Base units; not zero.
    pub amount: Amount,
}

/// What a scan reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DepositEvent {
    /// In a block, not yet deep enough.
    Seen(Deposit),
    /// Deep enough.
    Confirmed(Deposit),
    /// Its block is no longer part of the chain, whether it was confirmed or not.
    Gone(Deposit),
}

/// How deep is deep enough, and how much is done at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanRules {
    /// Blocks from the deposit's to the newest, both counted.
    pub confirmations: u64,
    /// Blocks read by one scan at most.
    pub max_blocks: u64,
}

impl Default for ScanRules {
    fn default() -> ScanRules {
        ScanRules { confirmations: 12, max_blocks: 64 }
    }
}

/// A watcher's memory. Store it in the same commit as what its events led to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchState {
    /// Scanned blocks, each the parent of the next; never empty while scanning.
    blocks: VecDeque<BlockRef>,
    /// Deposits in remembered blocks.
    deposits: Vec<Tracked>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Tracked {
    deposit: Deposit,
    depth: Depth,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Depth {
    Seen,
    Confirmed,
}

impl WatchState {
    /// Begins with the block after this one.
    pub fn after(block: BlockRef) -> WatchState {
        WatchState { blocks: VecDeque::from([block]), deposits: Vec::new() }
    }

    /// The last scanned block.
    pub fn newest(&self) -> Option<&BlockRef> {
        self.blocks.back()
    }

    pub(super) fn oldest(&self) -> Option<&BlockRef> {
        self.blocks.front()
    }

    /// The remembered block at a height.
    pub(super) fn at(&self, height: u64) -> Option<&BlockRef> {
        self.blocks.iter().rev().find(|block| block.number == height)
    }

    /// Takes a scanned block with its deposits.
    pub(super) fn push(&mut self, block: BlockRef, found: Vec<Deposit>, events: &mut Vec<DepositEvent>) {
        self.blocks.push_back(block);
        for deposit in found {
            events.push(DepositEvent::Seen(deposit.clone()));
            self.deposits.push(Tracked { deposit, depth: Depth::Seen });
        }
    }

    /// Takes the newest block back, because the chain has left it.
    pub(super) fn pop(&mut self, events: &mut Vec<DepositEvent>) {
        let Some(left) = self.blocks.pop_back() else { return };
        let (gone, kept) = self.deposits.drain(..).partition(|t| t.deposit.block == left);
        self.deposits = kept;
        events.extend(Vec::from_iter(gone).into_iter().map(|t: Tracked| DepositEvent::Gone(t.deposit)));
    }

    /// Reports what became deep enough, counted by scanned blocks, and forgets what is too deep to go away.
    pub(super) fn settle(&mut self, confirmations: u64, events: &mut Vec<DepositEvent>) {
        let Some(newest) = self.newest().map(|block| block.number) else { return };
        for tracked in &mut self.deposits {
            let depth = newest.saturating_sub(tracked.deposit.block.number).saturating_add(1);
            if tracked.depth == Depth::Seen && depth >= confirmations {
                tracked.depth = Depth::Confirmed;
                events.push(DepositEvent::Confirmed(tracked.deposit.clone()));
            }
        }
        // Never below what is still to be confirmed.
        let kept = REMEMBERED_BLOCKS.max(usize::try_from(confirmations).unwrap_or(usize::MAX));
        while self.blocks.len() > kept {
            self.blocks.pop_front();
        }
        let oldest = self.blocks.front().map_or(0, |block| block.number);
        self.deposits.retain(|t| t.deposit.block.number >= oldest);
    }
}

mod address_hex {
    use super::Address;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(address: &Address, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&hex::encode(address.raw()))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Address, D::Error> {
        let bytes = hex::decode(String::deserialize(d)?).map_err(D::Error::custom)?;
        Address::new(&bytes).ok_or_else(|| D::Error::custom("not an address"))
    }
}

mod token_hex {
    use super::Address;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    pub fn serialize<S: Serializer>(token: &Option<Address>, s: S) -> Result<S::Ok, S::Error> {
        token.map(|address| hex::encode(address.raw())).serialize(s)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Address>, D::Error> {
        let Some(text) = Option::<String>::deserialize(d)? else { return Ok(None) };
        let bytes = hex::decode(text).map_err(D::Error::custom)?;
        Address::new(&bytes).map(Some).ok_or_else(|| D::Error::custom("not an address"))
    }
}
