//! Sending signed bytes: the same ones, any number of times.

use super::error::{Fault, NodeError};
use super::node::Node;
use super::quantity::{Hash, hex0x};
use ringi_chain::SignedTx;
use ringi_chain::evm::keccak256;
use serde_json::{Value, json};

/// What became of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broadcast {
    /// The node took them now.
    Accepted,
    /// The node had them already, waiting or mined.
    Known,
}

/// Why bytes were not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BroadcastError {
    /// The call failed.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The nonce is used by another transaction, and the node does not know this one.
    #[error("another transaction has this nonce")]
    NonceTaken,
    /// The wallet cannot pay amount and fee.
    #[error("wallet's balance does not cover amount and maximum fee")]
    Funds,
    /// Fees under what the pool takes, or under what a replacement must pay.
    #[error("fees are too low for the node's pool")]
    Underpriced,
    /// The id is not the hash of the bytes: the caller's fault, nothing was sent.
    #[error("id is not the hash of the bytes")]
    Id,
}

impl BroadcastError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            BroadcastError::Node(e) => e.code(),
            BroadcastError::NonceTaken => "broadcast.nonce_taken",
            BroadcastError::Funds => "broadcast.insufficient_funds",
            BroadcastError::Underpriced => "broadcast.underpriced",
            BroadcastError::Id => "broadcast.id",
        }
    }

    /// Who must act.
    pub fn fault(&self) -> Fault {
        match self {
            BroadcastError::Node(e) => e.fault(),
            BroadcastError::NonceTaken | BroadcastError::Funds | BroadcastError::Underpriced | BroadcastError::Id => {
                Fault::Request
            }
        }
    }

    /// Nodes agree on no codes here, only roughly on words. Used for a better message, never for a decision: whether
    /// the transaction is known is asked.
    fn of_refusal(code: i64, message: String) -> BroadcastError {
        let words = message.to_ascii_lowercase();
        if words.contains("nonce too low") || words.contains("nonce is too low") {
            BroadcastError::NonceTaken
        } else if words.contains("insufficient funds") || words.contains("insufficient balance") {
            BroadcastError::Funds
        } else if words.contains("underpriced") || words.contains("fee too low") || words.contains("less than block") {
            BroadcastError::Underpriced
        } else {
            NodeError::Refused { code, message }.into()
        }
    }
}

impl Node {
    /// Sends the bytes. Repeating it does no harm: a node that refuses bytes it already has is asked for the
    /// transaction, and if it knows it, that is success.
    ///
    /// # Errors
    /// [`BroadcastError`]. After [`NodeError::Unavailable`] the bytes may have arrived: send them again.
    pub async fn broadcast(&self, tx: &SignedTx) -> Result<Broadcast, BroadcastError> {
        let id = keccak256(&tx.bytes);
        if hex0x(&id) != tx.id {
            return Err(BroadcastError::Id);
        }
        let sent = self.call::<Hash>("eth_sendRawTransaction", json!([hex0x(&tx.bytes)])).await;
        self.forget_nonces();
        match sent {
            Ok(Hash(said)) if said == id => Ok(Broadcast::Accepted),
            Ok(_) => Err(NodeError::Malformed("hash of another transaction").into()),
            Err(NodeError::Refused { code, message }) => {
                if self.knows(&tx.id).await? {
                    return Ok(Broadcast::Known);
                }
                Err(BroadcastError::of_refusal(code, message))
            }
            Err(e) => Err(e.into()),
        }
    }

    /// Whether the node has a transaction, waiting or mined.
    ///
    /// # Errors
    /// [`NodeError`].
    pub async fn knows(&self, id: &str) -> Result<bool, NodeError> {
        let found: Value = self.call("eth_getTransactionByHash", json!([id])).await?;
        match found.get("hash") {
            _ if found.is_null() => Ok(false),
            Some(Value::String(hash)) if hash.eq_ignore_ascii_case(id) => Ok(true),
            _ => Err(NodeError::Malformed("another transaction")),
        }
    }
}
