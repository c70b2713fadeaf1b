//! One EVM chain: choices for transactions, their fate, and deposits, by a node whose word decides nothing about safety.

use super::{outbid, rejected};
use ringi_chain::evm;
use ringi_chain::{ChainError, SignedTx};
use ringi_orchestrator::Service;
use ringi_orchestrator::ports::{
    ChainPortError, DepositSeen, OwnAddress, PrepareAsk, SlotChoice, TxOutcome, TxStatus, Watch,
};
use ringi_primitives::address::Address;
use ringi_primitives::amount::Amount;
use ringi_primitives::asset::AssetKey;
use ringi_primitives::effects::{Effect, Slot};
use ringi_primitives::limits;
use ringi_primitives::network::NetworkId;
use ringi_primitives::policy_set::PolicySet;
use ringi_primitives::request::Unsigned;
use ringi_provider::evm::{
    BroadcastError, ChoiceError, Deposit, DepositEvent, DepositSource, Fault, Inclusion, Node, NodeError, ScanError,
    ScanRules, WatchState, Watched, choose,
};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A node and what is watched on its chain.
pub struct EvmNet {
    node: Node,
    confirmations: u64,
    poll_ms: u64,
    /// Where the deposit watcher keeps its place.
    memory: PathBuf,
    watched: Mutex<BTreeMap<Address, Watch>>,
}

impl EvmNet {
    /// `memory` is a file of this network's own.
    pub fn new(node: Node, confirmations: u64, poll_ms: u64, memory: PathBuf) -> EvmNet {
        EvmNet { node, confirmations: confirmations.max(1), poll_ms, memory, watched: Mutex::default() }
    }

    pub(super) fn network(&self) -> NetworkId {
        self.node.network()
    }

    pub(super) fn confirmations(&self) -> u64 {
        self.confirmations
    }

    pub(super) async fn next_nonce(&self, account: &Address) -> Result<u64, ChainPortError> {
        let facts = self.node.nonces(account).await.map_err(of_node)?;
        Ok(facts.latest.max(facts.pending))
    }

    pub(super) async fn prepare(&self, ask: PrepareAsk<'_>) -> Result<Unsigned, ChainPortError> {
        let account =
            ask.addresses.first().ok_or_else(|| rejected("provider.no_account", "the wallet has no account"))?;
        let account = &account.address;
        let nonce = match ask.slot {
            SlotChoice::Nonce(nonce) => nonce,
            SlotChoice::Message => return self.message(&ask, account).await,
            SlotChoice::Coins { .. } => return Err(rejected("provider.slot", "an EVM transaction takes a nonce")),
        };
        if matches!(ask.plan.effects.as_slice(), [Effect::Delegate { .. }]) {
            let detail = "delegations are signed twice; this platform does not carry that out yet";
            return Err(rejected("provider.unsupported", detail));
        }
        let target = evm::target(ask.plan, ask.intent, account).map_err(of_chain)?;
        let facts = self.node.facts(account, &target).await.map_err(of_node)?;
        let outbid = ask.replaces.and_then(outbid::outbid);
        let choice = choose(ask.plan, nonce, &facts, outbid, None).map_err(of_choice)?;
        evm::encode(ask.plan, ask.intent, account, &choice).map_err(of_chain)
    }

    async fn message(&self, ask: &PrepareAsk<'_>, account: &Address) -> Result<Unsigned, ChainPortError> {
        if matches!(ask.plan.effects.as_slice(), [Effect::Permit { .. }]) {
            return Err(rejected("provider.unsupported", "permits need the token's nonce, which is not read yet"));
        }
        evm::encode_message(ask.policy, ask.plan, ask.intent, account, Amount::ZERO).map_err(of_chain)
    }

    pub(super) async fn broadcast(&self, signed: &SignedTx) -> Result<(), ChainPortError> {
        match self.node.broadcast(signed).await {
            Ok(_) => Ok(()),
            Err(BroadcastError::Node(e)) => Err(of_node(e)),
            Err(e) => Err(rejected(e.code(), &e)),
        }
    }

    pub(super) async fn status(&self, id: &str, slot: &Slot) -> Result<TxStatus, ChainPortError> {
        let confirmation = self.node.confirm(id, None).await.map_err(of_node)?;
        Ok(match confirmation.inclusion {
            Inclusion::Pending => TxStatus::Pending,
            Inclusion::Mined(mined) => TxStatus::Included {
                height: mined.block.number,
                block: mined.block.hash,
                confirmations: mined.confirmations,
                outcome: if mined.success { TxOutcome::Success } else { TxOutcome::Reverted },
            },
            Inclusion::Unknown => self.taken(slot).await?,
        })
    }

    /// A transaction that the node does not know: can it still come, or has another taken its nonce?
    async fn taken(&self, slot: &Slot) -> Result<TxStatus, ChainPortError> {
        let Slot::Nonce { account, nonce, .. } = slot else { return Ok(TxStatus::Unknown) };
        let facts = self.node.nonces(account).await.map_err(of_node)?;
        Ok(if facts.latest > *nonce { TxStatus::SlotTaken { by: None } } else { TxStatus::Unknown })
    }

    pub(super) async fn balance(&self, addresses: &[OwnAddress], asset: &AssetKey) -> Result<Amount, ChainPortError> {
        let mut sum = Amount::ZERO;
        for own in addresses {
            let part = self.node.balance(asset, &own.address).await.map_err(of_node)?;
            sum = sum.checked_add(part).ok_or_else(|| rejected("provider.overflow", "balances do not add up"))?;
        }
        Ok(sum)
    }

    pub(super) fn watch(&self, watch: Watch) {
        self.lock().insert(watch.own.address, watch);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Address, Watch>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Follows the chain: tells of each new block, then of deposits in it and their depth.
    pub(super) async fn follow(self: Arc<EvmNet>, service: Arc<dyn Service>) {
        let mut place = Place::default();
        loop {
            if let Err(e) = self.look(&service, &mut place).await {
                tracing::warn!(code = e.code(), network = %self.network(), "{e}");
            }
            tokio::time::sleep(Duration::from_millis(self.poll_ms)).await;
        }
    }

    async fn look(&self, service: &Arc<dyn Service>, place: &mut Place) -> Result<(), ScanError> {
        let head = self.node.head().await?;
        if place.head.as_deref() == Some(&head.hash) {
            return Ok(());
        }
        service.block_seen(self.network());
        let state = match place.state.take().or_else(|| self.remembered()) {
            Some(state) => state,
            None => WatchState::after(head.clone()),
        };
        let rules = ScanRules { confirmations: self.confirmations, ..ScanRules::default() };
        let scan = match self.node.scan(&self.watched(service), &state, rules).await {
            Ok(scan) => scan,
            Err(e) => {
                place.state = Some(state);
                return Err(e);
            }
        };
        for event in scan.events {
            place.note(event);
        }
        let told = place.tell(self, service, head.number).await;
        if told && scan.behind_blocks == 0 {
            place.head = Some(head.hash);
        }
        self.remember(&scan.state);
        place.state = Some(scan.state);
        Ok(())
    }

    /// Accounts of wallets, and the tokens that the policy set knows (rule G3).
    fn watched(&self, service: &Arc<dyn Service>) -> Watched {
        let accounts = self.lock().keys().copied().collect();
        let set = service.policy().and_then(|p| p.signed.decode_unverified::<PolicySet>(limits::POLICY_BYTES).ok());
        let assets = set.map(|s| s.assets).unwrap_or_default();
        let tokens = assets.iter().filter(|a| a.key.network == self.network()).filter_map(|a| a.key.token).collect();
        Watched { accounts, tokens }
    }

    fn remembered(&self) -> Option<WatchState> {
        serde_json::from_slice(&std::fs::read(&self.memory).ok()?).ok()
    }

    fn remember(&self, state: &WatchState) {
        let written = serde_json::to_vec(state).map_err(std::io::Error::other).and_then(|bytes| {
            let new = self.memory.with_extension("new");
            std::fs::write(&new, bytes)?;
            std::fs::rename(&new, &self.memory)
        });
        if let Err(e) = written {
            tracing::warn!(code = "deposits.memory", network = %self.network(), "{e}");
        }
    }
}

/// Where a follower stands.
#[derive(Default)]
struct Place {
    head: Option<String>,
    state: Option<WatchState>,
    /// Deposits whose last word has not been told yet.
    open: BTreeMap<(String, u64), (Deposit, Depth)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    Growing,
    Final,
    Gone,
}

impl Place {
    fn note(&mut self, event: DepositEvent) {
        let (deposit, depth) = match event {
            DepositEvent::Seen(deposit) => (deposit, Depth::Growing),
            DepositEvent::Confirmed(deposit) => (deposit, Depth::Final),
            DepositEvent::Gone(deposit) => (deposit, Depth::Gone),
        };
        let place = match deposit.source {
            DepositSource::Value => 0,
            DepositSource::Log(index) => index.saturating_add(1),
        };
        self.open.insert((deposit.txid.clone(), place), (deposit, depth));
    }

    /// Tells of every open deposit; whether all were taken.
    async fn tell(&mut self, net: &EvmNet, service: &Arc<dyn Service>, head: u64) -> bool {
        let mut done = Vec::new();
        let mut all = true;
        for ((transaction, place), (deposit, depth)) in &self.open {
            let Some(watch) = net.lock().get(&deposit.to).cloned() else { continue };
            let deep = head.saturating_sub(deposit.block.number).saturating_add(1);
            let (height, confirmations) = match depth {
                Depth::Growing => (Some(deposit.block.number), deep.min(net.confirmations.saturating_sub(1))),
                Depth::Final => (Some(deposit.block.number), deep.max(net.confirmations)),
                Depth::Gone => (None, 0),
            };
            let seen = DepositSeen {
                network: net.network(),
                transaction: transaction.clone(),
                place: *place,
                wallet: watch.wallet,
                address: watch.own.text.clone(),
                asset: AssetKey { network: net.network(), token: deposit.token },
                amount: deposit.amount,
                height,
                confirmations,
            };
            match service.deposit_seen(seen).await {
                Ok(()) if *depth != Depth::Growing => done.push((transaction.clone(), *place)),
                Ok(()) => {}
                Err(e) => {
                    tracing::warn!(code = e.code, "a deposit was not taken");
                    all = false;
                }
            }
        }
        done.iter().for_each(|key| drop(self.open.remove(key)));
        all
    }
}

fn of_node(error: NodeError) -> ChainPortError {
    match error.fault() {
        Fault::Request => rejected(error.code(), &error),
        _ => ChainPortError::Unavailable(error.to_string()),
    }
}

fn of_chain(error: ChainError) -> ChainPortError {
    rejected(error.code(), &error)
}

fn of_choice(error: ChoiceError) -> ChainPortError {
    rejected(error.code(), &error)
}
