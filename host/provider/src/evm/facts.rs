//! Facts a choice is made from, each used again for a short configured time.

use super::config::Envelope;
use super::error::NodeError;
use super::node::Node;
use super::quantity::{Quantity, hex0x};
use ringi_chain::evm::Target;
use ringi_primitives::address::Address;
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Blocks whose tips are looked at.
const FEE_BLOCKS: u64 = 5;
/// More entries than this are thrown away together.
const CACHE_ENTRIES: usize = 10_000;

/// Everything a choice needs besides the nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Gas the call takes by the node's estimate, margin added.
    pub gas_limit: u64,
    /// What gas costs now.
    pub fees: FeeFacts,
}

/// What gas costs in the next block, wei per gas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeeFacts {
    /// EIP-1559.
    Market {
        /// The next block's base fee.
        base_fee_per_gas: u128,
        /// A usual tip of the last blocks.
        priority_fee_per_gas: u128,
    },
    /// Before London.
    Price {
        /// The node's suggestion.
        gas_price: u128,
    },
}

/// What the chain says of an account's nonces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NonceFacts {
    /// The next nonce after the newest block.
    pub latest: u64,
    /// The next nonce after the node's pool.
    pub pending: u64,
}

/// Answers by question, each with the time it was asked for.
type Known<K, V> = Mutex<BTreeMap<K, (Instant, V)>>;

/// What was learnt and when.
#[derive(Default)]
pub(super) struct Cache {
    fees: Known<(), FeeFacts>,
    nonces: Known<Address, NonceFacts>,
    gas: Known<(Address, Vec<u8>), u64>,
}

fn look<K: Ord, V: Copy>(map: &Known<K, V>, key: &K, life_ms: u64) -> Option<V> {
    let map = map.lock().unwrap_or_else(PoisonError::into_inner);
    map.get(key).filter(|(at, _)| at.elapsed() < Duration::from_millis(life_ms)).map(|(_, value)| *value)
}

/// `at` is when the question was asked: the answer is at least that new.
fn keep<K: Ord, V>(map: &Known<K, V>, key: K, at: Instant, value: V) {
    let mut map = map.lock().unwrap_or_else(PoisonError::into_inner);
    if map.len() >= CACHE_ENTRIES {
        map.clear();
    }
    map.insert(key, (at, value));
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FeeHistory {
    base_fee_per_gas: Vec<Quantity>,
    #[serde(default)]
    reward: Option<Vec<Vec<Quantity>>>,
}

impl Node {
    /// Gas and fees for a call of `account`, asked at the same time.
    ///
    /// # Errors
    /// [`NodeError`]; [`NodeError::Refused`] where the call would fail on chain.
    pub async fn facts(&self, account: &Address, target: &Target) -> Result<Facts, NodeError> {
        let (gas_limit, fees) = tokio::try_join!(self.gas_limit(account, target), self.fees())?;
        Ok(Facts { gas_limit, fees })
    }

    /// The account's next nonces on chain and in the pool.
    ///
    /// # Errors
    /// [`NodeError`].
    pub async fn nonces(&self, account: &Address) -> Result<NonceFacts, NodeError> {
        if let Some(known) = look(&self.cache.nonces, account, self.config.nonce_cache_ms) {
            return Ok(known);
        }
        let asked = Instant::now();
        let (latest, pending) = tokio::try_join!(self.nonce_at(account, "latest"), self.nonce_at(account, "pending"))?;
        let facts = NonceFacts { latest, pending };
        keep(&self.cache.nonces, *account, asked, facts);
        Ok(facts)
    }

    /// How many nonces of an account are used in blocks that are `confirmations` deep or deeper, the block itself counted: all
    /// below that number are used for good.
    ///
    /// # Errors
    /// [`NodeError`].
    pub async fn used_nonces(&self, account: &Address, confirmations: u64) -> Result<u64, NodeError> {
        let head = self.head().await?.number;
        let Some(height) = head.saturating_add(1).checked_sub(confirmations.max(1)) else { return Ok(0) };
        self.nonce_at(account, &super::quantity::number(height)).await
    }

    async fn nonce_at(&self, account: &Address, block: &str) -> Result<u64, NodeError> {
        let count: Quantity = self.call("eth_getTransactionCount", json!([hex0x(account.raw()), block])).await?;
        count.u64().ok_or(NodeError::Malformed("nonce"))
    }

    /// Throws nonces away, because something was sent.
    pub(super) fn forget_nonces(&self) {
        self.cache.nonces.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// What gas costs in the next block.
    ///
    /// # Errors
    /// [`NodeError`].
    pub async fn fees(&self) -> Result<FeeFacts, NodeError> {
        if let Some(known) = look(&self.cache.fees, &(), self.config.fee_cache_ms) {
            return Ok(known);
        }
        let asked = Instant::now();
        let facts = match self.config.envelope {
            Envelope::Eip1559 => self.market().await?,
            Envelope::Legacy => {
                let price: Quantity = self.call("eth_gasPrice", json!([])).await?;
                FeeFacts::Price { gas_price: price.u128().ok_or(NodeError::Malformed("gas price"))? }
            }
        };
        keep(&self.cache.fees, (), asked, facts);
        Ok(facts)
    }

    async fn market(&self) -> Result<FeeFacts, NodeError> {
        let params = json!([super::quantity::number(FEE_BLOCKS), "latest", [50]]);
        let history: FeeHistory = self.call("eth_feeHistory", params).await?;
        let base = history.base_fee_per_gas.last().and_then(|q| q.u128()).ok_or(NodeError::Malformed("base fee"))?;
        let mut tips: Vec<u128> =
            history.reward.unwrap_or_default().iter().flatten().filter_map(|q| q.u128()).collect();
        tips.sort_unstable();
        let usual = tips.get(tips.len() / 2).copied().unwrap_or_default();
        let priority_fee_per_gas = usual.max(self.config.min_priority_fee_per_gas);
        Ok(FeeFacts::Market { base_fee_per_gas: base, priority_fee_per_gas })
    }

    async fn gas_limit(&self, account: &Address, target: &Target) -> Result<u64, NodeError> {
        let key = (target.to, [account.raw(), &target.data].concat());
        let estimate = match look(&self.cache.gas, &key, self.config.gas_cache_ms) {
            Some(known) => known,
            None => {
                let asked = Instant::now();
                let estimate = self.gas_estimate(account, target).await?;
                keep(&self.cache.gas, key, asked, estimate);
                estimate
            }
        };
        let margin = |n: u64| n.checked_mul(self.config.gas_margin_percent).map(|n| n / 100);
        match estimate {
            // A bare payment takes exactly this, whatever else happens on chain.
            BARE_PAYMENT_GAS => Ok(estimate),
            n => margin(n).and_then(|m| n.checked_add(m)).ok_or(NodeError::Malformed("gas estimate")),
        }
    }

    async fn gas_estimate(&self, account: &Address, target: &Target) -> Result<u64, NodeError> {
        let call = json!([{
            "from": hex0x(account.raw()),
            "to": hex0x(target.to.raw()),
            "value": format!("{:#x}", target.value.value()),
            "data": hex0x(&target.data),
        }]);
        let estimate: Quantity = self.call("eth_estimateGas", call).await?;
        estimate.u64().filter(|n| *n >= BARE_PAYMENT_GAS).ok_or(NodeError::Malformed("gas estimate"))
    }
}

/// Gas of a transaction that runs no code (Yellow Paper, appendix G, G_transaction).
const BARE_PAYMENT_GAS: u64 = 21_000;
