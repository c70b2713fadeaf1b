//! The configured networks behind the orchestrator's one chain port.

mod bitcoin;
mod evm;
mod outbid;

pub use bitcoin::BitcoinNet;
pub use evm::EvmNet;

use async_trait::async_trait;
use ringi_chain::SignedTx;
use ringi_orchestrator::Service;
use ringi_orchestrator::ports::{ChainPort, ChainPortError, OwnAddress, PrepareAsk, TxStatus, Watch};
use ringi_primitives::address::Address;
use ringi_primitives::amount::Amount;
use ringi_primitives::asset::AssetKey;
use ringi_primitives::effects::Slot;
use ringi_primitives::network::NetworkId;
use ringi_primitives::request::Unsigned;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::task::JoinSet;

/// All configured networks. Clones are the same.
#[derive(Clone, Default)]
pub struct Chains {
    evm: BTreeMap<NetworkId, Arc<EvmNet>>,
    bitcoin: BTreeMap<NetworkId, Arc<BitcoinNet>>,
}

impl Chains {
    /// Adds an EVM chain.
    pub fn add_evm(&mut self, net: EvmNet) {
        self.evm.insert(net.network(), Arc::new(net));
    }

    /// Adds a Bitcoin network.
    pub fn add_bitcoin(&mut self, net: BitcoinNet) {
        self.bitcoin.insert(net.network(), Arc::new(net));
    }

    /// Reports blocks and deposits to the service until what this gives is dropped.
    pub fn follow(&self, service: &Arc<dyn Service>) -> JoinSet<()> {
        let mut followers = JoinSet::new();
        for net in self.evm.values() {
            followers.spawn(net.clone().follow(service.clone()));
        }
        for net in self.bitcoin.values() {
            followers.spawn(net.clone().follow(service.clone()));
        }
        followers
    }

    fn evm(&self, network: NetworkId) -> Result<&EvmNet, ChainPortError> {
        self.evm.get(&network).map(Arc::as_ref).ok_or_else(|| unknown(network))
    }
}

fn unknown(network: NetworkId) -> ChainPortError {
    rejected("provider.unknown_network", format!("no node is configured for {network}"))
}

fn rejected(code: &str, detail: impl ToString) -> ChainPortError {
    ChainPortError::Rejected { code: code.to_string(), detail: detail.to_string() }
}

#[async_trait]
impl ChainPort for Chains {
    fn networks(&self) -> Vec<NetworkId> {
        self.evm.keys().chain(self.bitcoin.keys()).copied().collect()
    }

    fn finality(&self, network: NetworkId) -> u64 {
        self.evm.get(&network).map_or(1, |net| net.confirmations())
    }

    async fn next_nonce(&self, network: NetworkId, account: &Address) -> Result<u64, ChainPortError> {
        self.evm(network)?.next_nonce(account).await
    }

    async fn prepare(&self, ask: PrepareAsk<'_>) -> Result<Unsigned, ChainPortError> {
        match self.bitcoin.get(&ask.plan.network) {
            Some(net) => net.prepare(ask).await,
            None => self.evm(ask.plan.network)?.prepare(ask).await,
        }
    }

    async fn broadcast(&self, network: NetworkId, signed: &SignedTx) -> Result<(), ChainPortError> {
        match self.bitcoin.get(&network) {
            Some(net) => net.broadcast(signed).await,
            None => self.evm(network)?.broadcast(signed).await,
        }
    }

    async fn status(&self, network: NetworkId, id: &str, slot: &Slot) -> Result<TxStatus, ChainPortError> {
        match self.bitcoin.get(&network) {
            Some(net) => Ok(net.status(id)),
            None => self.evm(network)?.status(id, slot).await,
        }
    }

    async fn watch(&self, addresses: Vec<Watch>) {
        for watch in addresses {
            if let Some(net) = self.evm.get(&watch.network) {
                net.watch(watch);
            } else if let Some(net) = self.bitcoin.get(&watch.network) {
                net.watch(watch);
            }
        }
    }

    async fn balance(
        &self,
        network: NetworkId,
        addresses: &[OwnAddress],
        asset: &AssetKey,
    ) -> Result<Amount, ChainPortError> {
        match self.bitcoin.get(&network) {
            Some(net) => net.balance(addresses).await,
            None => self.evm(network)?.balance(addresses, asset).await,
        }
    }
}
