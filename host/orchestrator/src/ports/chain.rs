//! The chains as the orchestrator sees them: nonces, unsigned bytes, broadcast, observation. Nothing here is believed by cosigners.

use async_trait::async_trait;
use ringi_chain::{KeySource, SignedTx};
use ringi_primitives::address::Address;
use ringi_primitives::amount::Amount;
use ringi_primitives::asset::AssetKey;
use ringi_primitives::effects::{Outpoint, Slot};
use ringi_primitives::intent::Intent;
use ringi_primitives::network::NetworkId;
use ringi_primitives::plan::Plan;
use ringi_primitives::policy_set::PolicySet;
use ringi_primitives::request::Unsigned;
use ringi_primitives::wallet::{KeyPosition, WalletRef};
use std::collections::BTreeSet;

/// Why a chain cannot serve.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainPortError {
    /// Node down, slow, lagging, on the wrong chain: the same call may succeed later.
    #[error("the node of this network is not available: {0}")]
    Unavailable(String),
    /// This can never succeed as asked: not enough funds within the bounds, fee above the maximum, unknown network.
    #[error("{detail}")]
    Rejected {
        /// Stable code `area.reason`.
        code: String,
        /// What happened.
        detail: String,
    },
}

impl ChainPortError {
    /// The stable code.
    pub fn code(&self) -> &str {
        match self {
            ChainPortError::Unavailable(_) => "provider.unavailable",
            ChainPortError::Rejected { code, .. } => code,
        }
    }
}

/// One of a wallet's own addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnAddress {
    /// Which key.
    pub position: KeyPosition,
    /// `account`, `p2tr` or `p2wpkh`.
    pub kind: &'static str,
    /// The raw address.
    pub address: Address,
    /// In the chain's text form.
    pub text: String,
}

/// An address whose deposits should be reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watch {
    /// The chain.
    pub network: NetworkId,
    /// Whose.
    pub wallet: WalletRef,
    /// Which of its addresses.
    pub own: OwnAddress,
}

/// Where a transaction is to stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SlotChoice {
    /// EVM: exactly this nonce.
    Nonce(u64),
    /// Bitcoin: any of the wallet's coins but these, which other transfers hold.
    Coins {
        /// Reserved by others.
        excluded: BTreeSet<Outpoint>,
    },
    /// A message takes no place.
    Message,
}

/// Everything from which unsigned bytes are made.
pub struct PrepareAsk<'a> {
    /// What was asked.
    pub intent: &'a Intent,
    /// In the chain's terms, with bounds.
    pub plan: &'a Plan,
    /// The signed set in force.
    pub policy: &'a PolicySet,
    /// The wallet.
    pub wallet: WalletRef,
    /// Its public keys.
    pub keys: &'a (dyn KeySource + Sync),
    /// Its addresses on this network, receiving and change; on EVM the one account.
    pub addresses: &'a [OwnAddress],
    /// Where to stand.
    pub slot: SlotChoice,
    /// The change position to use (Bitcoin).
    pub change: KeyPosition,
    /// The bytes this intent takes over from: same slot (Bitcoin: the first input of these must be an input again), fees
    /// higher by what the network's relay rules ask (rule I3).
    pub replaces: Option<&'a Unsigned>,
}

/// How a mined transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TxOutcome {
    /// As asked.
    Success,
    /// Mined, fee paid, but the call reverted.
    Reverted,
}

/// Where a broadcast transaction stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TxStatus {
    /// The node does not know it: broadcast again.
    Unknown,
    /// Waiting to be mined.
    Pending,
    /// In the chain as the node sees it now; may still be reorganised away.
    Included {
        /// Block height.
        height: u64,
        /// Block hash, text.
        block: String,
        /// 1 for the newest block.
        confirmations: u64,
        /// Reverted or not.
        outcome: TxOutcome,
    },
    /// Another transaction took the slot for good: this one can never confirm.
    SlotTaken {
        /// Its id, where known.
        by: Option<String>,
    },
}

/// A deposit as a watcher saw it. Reported again with every new block until it is final.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DepositSeen {
    /// The chain.
    pub network: NetworkId,
    /// Transaction id, as explorers show it.
    pub transaction: String,
    /// Log index or output number: with network and transaction it names the deposit for ever.
    pub place: u64,
    /// Receiving wallet.
    pub wallet: WalletRef,
    /// Receiving address, text form.
    pub address: String,
    /// What.
    pub asset: AssetKey,
    /// How much, base units.
    pub amount: Amount,
    /// Block height; `None` while unconfirmed or after a reorganisation took it out.
    pub height: Option<u64>,
    /// 0 while unconfirmed.
    pub confirmations: u64,
}

/// Access to all configured networks.
#[async_trait]
pub trait ChainPort: Send + Sync {
    /// The configured networks.
    fn networks(&self) -> Vec<NetworkId>;

    /// Confirmations after which a transaction or deposit counts as final on this network; at least 1.
    fn finality(&self, network: NetworkId) -> u64;

    /// EVM: the account's next nonce by the chain (mined and known pending), which reservations start from.
    ///
    /// # Errors
    /// [`ChainPortError`].
    async fn next_nonce(&self, network: NetworkId, account: &Address) -> Result<u64, ChainPortError>;

    /// Makes unsigned bytes within the plan's bounds. The caller decodes them again before it believes them.
    ///
    /// # Errors
    /// [`ChainPortError`].
    async fn prepare(&self, ask: PrepareAsk<'_>) -> Result<Unsigned, ChainPortError>;

    /// Hands signed bytes to the network. The same bytes any number of times: already known is success.
    ///
    /// # Errors
    /// [`ChainPortError::Rejected`] where the node says that these bytes can never be mined.
    async fn broadcast(&self, network: NetworkId, signed: &SignedTx) -> Result<(), ChainPortError>;

    /// Where a transaction stands now. `slot` tells what else could have taken its place.
    ///
    /// # Errors
    /// [`ChainPortError::Unavailable`].
    async fn status(&self, network: NetworkId, id: &str, slot: &Slot) -> Result<TxStatus, ChainPortError>;

    /// Report deposits to these addresses from now on (through `Orchestrator::deposit_seen`). Knowing one already is fine.
    async fn watch(&self, addresses: Vec<Watch>);

    /// A wallet's balance of an asset, base units, as the node says.
    ///
    /// # Errors
    /// [`ChainPortError`].
    async fn balance(
        &self,
        network: NetworkId,
        addresses: &[OwnAddress],
        asset: &AssetKey,
    ) -> Result<Amount, ChainPortError>;
}
