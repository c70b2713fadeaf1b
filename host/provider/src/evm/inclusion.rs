//! Where a transaction stands on the chain, and whether the chain has changed its mind.

use super::error::NodeError;
use super::node::Node;
use super::quantity::{Hash, Quantity, hex0x, number};
use ringi_primitives::amount::Amount;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A block, exactly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockRef {
    /// Its height.
    pub number: u64,
    /// Its hash, `0x…`.
    pub hash: String,
}

/// A transaction's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inclusion {
    /// The node has never heard of it, or has forgotten it: broadcast again.
    Unknown,
    /// Waiting in the pool.
    Pending,
    /// In a block of the chain the node follows now.
    Mined(Mined),
}

/// A mined transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mined {
    /// The block.
    pub block: BlockRef,
    /// Blocks from that one to the newest, both counted: 1 in the newest.
    pub confirmations: u64,
    /// Whether its code ran to the end. A failed transaction pays its fee and moves nothing.
    pub success: bool,
    /// Wei paid in fees.
    pub fee: Amount,
}

/// An answer to "where is it now", beside the answer of last time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirmation {
    /// Where it is now.
    pub inclusion: Inclusion,
    /// It was mined in another block last time, and that block is gone: what followed from it is void.
    pub reorged: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RawReceipt {
    pub(super) transaction_hash: Hash,
    pub(super) block_hash: Hash,
    block_number: Quantity,
    pub(super) status: Quantity,
    gas_used: Quantity,
    effective_gas_price: Quantity,
}

#[derive(Deserialize)]
pub(super) struct RawHeader {
    pub(super) number: Quantity,
    pub(super) hash: Hash,
}

impl RawHeader {
    pub(super) fn block_ref(&self) -> Result<BlockRef, NodeError> {
        let number = self.number.u64().ok_or(NodeError::Malformed("block number"))?;
        Ok(BlockRef { number, hash: hex0x(&self.hash.0) })
    }
}

impl Node {
    /// Where the transaction is. `last` is the block it was mined in when asked before; keep `Mined::block` for it.
    ///
    /// # Errors
    /// [`NodeError`].
    pub async fn confirm(&self, id: &str, last: Option<&BlockRef>) -> Result<Confirmation, NodeError> {
        let inclusion = self.inclusion(id).await?;
        let block = match &inclusion {
            Inclusion::Mined(mined) => Some(&mined.block),
            Inclusion::Unknown | Inclusion::Pending => None,
        };
        let reorged = last.is_some() && last != block;
        Ok(Confirmation { inclusion, reorged })
    }

    async fn inclusion(&self, id: &str) -> Result<Inclusion, NodeError> {
        let receipt: Option<RawReceipt> = self.call("eth_getTransactionReceipt", json!([id])).await?;
        let Some(receipt) = receipt else {
            let known = self.knows(id).await?;
            return Ok(if known { Inclusion::Pending } else { Inclusion::Unknown });
        };
        if !hex0x(&receipt.transaction_hash.0).eq_ignore_ascii_case(id) {
            return Err(NodeError::Malformed("receipt of another transaction"));
        }
        let number = receipt.block_number.u64().ok_or(NodeError::Malformed("block number"))?;
        let block = BlockRef { number, hash: hex0x(&receipt.block_hash.0) };
        let (canonical, head) = tokio::try_join!(self.block_at(number), self.head())?;
        if canonical.as_ref() != Some(&block) || head.number < number {
            // The receipt belongs to a block that the chain has left, or is leaving just now.
            return Ok(Inclusion::Pending);
        }
        let fee = receipt.gas_used.0.checked_mul(receipt.effective_gas_price.0).ok_or(NodeError::Malformed("fee"))?;
        Ok(Inclusion::Mined(Mined {
            block,
            confirmations: (head.number - number).saturating_add(1),
            success: receipt.status.u64() == Some(1),
            fee,
        }))
    }

    /// The newest block.
    ///
    /// # Errors
    /// [`NodeError`].
    pub async fn head(&self) -> Result<BlockRef, NodeError> {
        let head: RawHeader = self.call("eth_getBlockByNumber", json!(["latest", false])).await?;
        head.block_ref()
    }

    /// The block at a height of the chain the node follows now.
    ///
    /// # Errors
    /// [`NodeError`].
    pub async fn block_at(&self, height: u64) -> Result<Option<BlockRef>, NodeError> {
        let found: Value = self.call("eth_getBlockByNumber", json!([number(height), false])).await?;
        if found.is_null() {
            return Ok(None);
        }
        let header: RawHeader = serde_json::from_value(found).map_err(|_| NodeError::Malformed("block"))?;
        header.block_ref().map(Some)
    }
}
