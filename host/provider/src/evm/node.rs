//! One node of one chain: every call first knows that it speaks with the right chain.

use super::config::NodeConfig;
use super::error::NodeError;
use super::facts::Cache;
use super::quantity::Quantity;
use super::rpc::Rpc;
use ringi_primitives::network::NetworkId;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A node and what was learnt from it lately. Share it behind an `Arc`.
pub struct Node {
    pub(super) config: NodeConfig,
    pub(super) cache: Cache,
    rpc: Rpc,
    chain_checked_at: Mutex<Option<Instant>>,
}

impl Node {
    /// Calls nothing yet: a node that is down now may be up later.
    ///
    /// # Errors
    /// [`NodeError::Address`].
    pub fn new(config: NodeConfig) -> Result<Node, NodeError> {
        let rpc = Rpc::new(&config)?;
        Ok(Node { config, cache: Cache::default(), rpc, chain_checked_at: Mutex::new(None) })
    }

    /// The chain it must be on.
    pub fn network(&self) -> NetworkId {
        NetworkId::Evm(self.config.chain_id)
    }

    /// Asks the node for its chain id now and compares.
    ///
    /// # Errors
    /// [`NodeError::WrongChain`]; otherwise as every call.
    pub async fn check_chain(&self) -> Result<(), NodeError> {
        self.note_chain(None);
        let found: Quantity = self.rpc.call("eth_chainId", json!([])).await?;
        let found = found.u64().ok_or(NodeError::Malformed("chain id"))?;
        if found != self.config.chain_id {
            return Err(NodeError::WrongChain { expected: self.config.chain_id, found });
        }
        self.note_chain(Some(Instant::now()));
        Ok(())
    }

    /// Calls a method of a node that is known to be on the right chain.
    pub(super) async fn call<T: DeserializeOwned>(&self, method: &str, params: Value) -> Result<T, NodeError> {
        if !self.chain_is_known() {
            self.check_chain().await?;
        }
        let result = self.rpc.call(method, params).await;
        if matches!(&result, Err(e) if !matches!(e, NodeError::Refused { .. })) {
            // Another node may answer under the same address next time.
            self.note_chain(None);
        }
        result
    }

    fn chain_is_known(&self) -> bool {
        let life = Duration::from_millis(self.config.chain_id_cache_ms);
        let checked_at = *self.chain_checked_at.lock().unwrap_or_else(PoisonError::into_inner);
        checked_at.is_some_and(|at| at.elapsed() < life)
    }

    fn note_chain(&self, checked_at: Option<Instant>) {
        *self.chain_checked_at.lock().unwrap_or_else(PoisonError::into_inner) = checked_at;
    }
}
