//! Reads blocks for deposits: coin and listed tokens that arrive at watched accounts.
//!
//! Seen are successful transactions that pay a watched account directly and `Transfer` logs of listed tokens. Coin that a
//! contract sends from within a call leaves no trace that every node can show: it appears in balances only.

use super::deposits::{Deposit, DepositEvent, DepositSource, ScanRules, WatchState, Watched};
use super::error::{Fault, NodeError};
use super::inclusion::{BlockRef, RawHeader, RawReceipt};
use super::node::Node;
use super::quantity::{Account, Data, Hash, Quantity, hex0x, number};
use ringi_primitives::address::Address;
use ringi_primitives::amount::Amount;
use serde::Deserialize;
use serde_json::json;

/// keccak256("Transfer(address,address,uint256)") (EIP-20).
const TRANSFER: &str = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef";
/// More watched accounts than this are picked out here instead of in the node's filter.
const FILTER_ACCOUNTS: usize = 200;

/// Why a scan stopped. The state it was given stays valid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    /// A call failed.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The chain left more blocks than are remembered. A person must look before the watcher begins anew.
    #[error("the chain was reorganised below block {oldest}")]
    DeepReorg {
        /// The oldest remembered block.
        oldest: u64,
    },
}

impl ScanError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            ScanError::Node(e) => e.code(),
            ScanError::DeepReorg { .. } => "deposits.deep_reorg",
        }
    }

    /// Who must act.
    pub fn fault(&self) -> Fault {
        match self {
            ScanError::Node(e) => e.fault(),
            ScanError::DeepReorg { .. } => Fault::Node,
        }
    }
}

/// What a scan gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// The memory to go on with.
    pub state: WatchState,
    /// What happened, in order.
    pub events: Vec<DepositEvent>,
    /// Blocks that are there and not yet scanned: scan again at once.
    pub behind_blocks: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawBlock {
    #[serde(flatten)]
    header: RawHeader,
    parent_hash: Hash,
    transactions: Vec<RawTransaction>,
}

#[derive(Deserialize)]
struct RawTransaction {
    hash: Hash,
    from: Account,
    #[serde(default)]
    to: Option<Account>,
    value: Quantity,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawLog {
    address: Account,
    topics: Vec<Hash>,
    data: Data,
    block_hash: Hash,
    transaction_hash: Hash,
    log_index: Quantity,
}

impl Node {
    /// Reads the blocks after the state's newest one. First the blocks that the chain has left are taken back; a node that
    /// is merely behind changes nothing.
    ///
    /// # Errors
    /// [`ScanError`]; go on with the old state later.
    pub async fn scan(&self, watched: &Watched, state: &WatchState, rules: ScanRules) -> Result<Scan, ScanError> {
        let mut scan = Scan { state: state.clone(), events: Vec::new(), behind_blocks: 0 };
        let head = self.head().await?;
        if self.rewind(&head, &mut scan).await? == Standing::Ahead {
            return Ok(scan);
        }
        for _ in 0..rules.max_blocks {
            let Some(newest) = scan.state.newest().cloned().filter(|newest| newest.number < head.number) else { break };
            let block = self.full_block(newest.number.saturating_add(1)).await?;
            if hex0x(&block.parent_hash.0) != newest.hash {
                // The chain changed meanwhile: the next scan takes blocks back.
                break;
            }
            let at = block.header.block_ref()?;
            let found = self.deposits_in(&block, &at, watched).await?;
            scan.state.push(at, found, &mut scan.events);
        }
        scan.state.settle(rules.confirmations, &mut scan.events);
        scan.behind_blocks = scan.state.newest().map_or(0, |newest| head.number.saturating_sub(newest.number));
        Ok(scan)
    }

    /// Takes back what the chain has left.
    async fn rewind(&self, head: &BlockRef, scan: &mut Scan) -> Result<Standing, ScanError> {
        let newest = scan.state.newest().map_or(0, |newest| newest.number);
        let common = newest.min(head.number);
        if let Some(ours) = scan.state.at(common)
            && self.block_at(common).await?.as_ref() == Some(ours)
        {
            return Ok(if common < newest { Standing::Ahead } else { Standing::OnChain });
        }
        let oldest = scan.state.oldest().map_or(0, |block| block.number);
        while let Some(ours) = scan.state.newest().cloned() {
            if ours.number <= head.number && self.block_at(ours.number).await? == Some(ours) {
                return Ok(Standing::OnChain);
            }
            scan.state.pop(&mut scan.events);
        }
        Err(ScanError::DeepReorg { oldest })
    }

    async fn full_block(&self, height: u64) -> Result<RawBlock, NodeError> {
        let block: Option<RawBlock> = self.call("eth_getBlockByNumber", json!([number(height), true])).await?;
        let block = block.ok_or_else(changed)?;
        if block.header.number.u64() != Some(height) {
            return Err(NodeError::Malformed("another block"));
        }
        Ok(block)
    }

    async fn deposits_in(&self, block: &RawBlock, at: &BlockRef, watched: &Watched) -> Result<Vec<Deposit>, NodeError> {
        let mut found = Vec::new();
        for tx in &block.transactions {
            let to = tx.to.map(|Account(to)| to).filter(|to| watched.accounts.contains(to));
            if let Some(to) = to.filter(|_| !tx.value.0.is_zero())
                && self.succeeded(tx, block).await?
            {
                let source = DepositSource::Value;
                found.push(self.deposit(at, tx.hash, source, None, (tx.from.0, to), tx.value.0));
            }
        }
        if !watched.tokens.is_empty() && !watched.accounts.is_empty() {
            for log in self.transfer_logs(block, watched).await? {
                found.extend(self.token_deposit(&log, at, watched));
            }
        }
        Ok(found)
    }

    async fn succeeded(&self, tx: &RawTransaction, block: &RawBlock) -> Result<bool, NodeError> {
        let receipt: Option<RawReceipt> = self.call("eth_getTransactionReceipt", json!([hex0x(&tx.hash.0)])).await?;
        let receipt = receipt.filter(|r| r.block_hash == block.header.hash).ok_or_else(changed)?;
        if receipt.transaction_hash != tx.hash {
            return Err(NodeError::Malformed("receipt of another transaction"));
        }
        Ok(receipt.status.u64() == Some(1))
    }

    async fn transfer_logs(&self, block: &RawBlock, watched: &Watched) -> Result<Vec<RawLog>, NodeError> {
        let tokens: Vec<_> = watched.tokens.iter().map(|token| hex0x(token.raw())).collect();
        let receivers = (watched.accounts.len() <= FILTER_ACCOUNTS)
            .then(|| watched.accounts.iter().map(|a| format!("0x{:0>64}", hex::encode(a.raw()))).collect::<Vec<_>>());
        let filter = json!([{
            "blockHash": hex0x(&block.header.hash.0),
            "address": tokens,
            "topics": [TRANSFER, null, receivers],
        }]);
        self.call("eth_getLogs", filter).await
    }

    /// The deposit a log speaks of, if it is one: the node's filter is not relied on.
    fn token_deposit(&self, log: &RawLog, at: &BlockRef, watched: &Watched) -> Option<Deposit> {
        let [event, from, to] = log.topics.as_slice() else { return None };
        let (from, to) = (account_of(from)?, account_of(to)?);
        let amount = Amount::from_be_bytes(log.data.0.as_slice().try_into().ok()?);
        let listed = watched.tokens.contains(&log.address.0) && watched.accounts.contains(&to);
        let here = hex0x(&event.0) == TRANSFER && hex0x(&log.block_hash.0) == at.hash;
        let source = DepositSource::Log(log.log_index.u64()?);
        let token = Some(log.address.0);
        (listed && here && !amount.is_zero())
            .then(|| self.deposit(at, log.transaction_hash, source, token, (from, to), amount))
    }

    fn deposit(
        &self,
        at: &BlockRef,
        tx: Hash,
        source: DepositSource,
        token: Option<Address>,
        (from, to): (Address, Address),
        amount: Amount,
    ) -> Deposit {
        let (network, txid, block) = (self.network(), hex0x(&tx.0), at.clone());
        Deposit { network, txid, source, block, token, from, to, amount }
    }
}

/// How the state stands to the node's chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// Its newest block is part of it.
    OnChain,
    /// The node knows fewer blocks, the same ones.
    Ahead,
}

fn changed() -> NodeError {
    NodeError::Unavailable("the chain changed while a block was read".to_owned())
}

fn account_of(Hash(word): &Hash) -> Option<Address> {
    let (padding, account) = word.split_at(12);
    Address::new(account).filter(|_| padding.iter().all(|b| *b == 0))
}
