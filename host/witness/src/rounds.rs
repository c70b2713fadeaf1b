//! One round: everything is read, what could be read is signed, and what was signed is handed to the platform.

use crate::config::{BalanceForm, Config, NodeForm, PriceForm};
use crate::error::WitnessError;
use crate::fetch::{self, Fetcher};
use crate::{decimal, pointer};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::future::join_all;
use ringi_gateway::client::{Client, RequestSigner};
use ringi_gateway::model::Wanted;
use ringi_primitives::cbor;
use ringi_primitives::effects::Slot;
use ringi_primitives::fact::{Fact, SignedFact, Statement};
use ringi_primitives::limits;
use ringi_primitives::network::NetworkId;
use ringi_primitives::time::UnixMs;
use ringi_provider::evm::{Node, NodeConfig};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// What became of a round.
#[derive(Debug, Default)]
pub struct Report {
    /// Statements that the platform took.
    pub sent: Vec<SignedFact>,
    /// What could not be read or was not taken: what it was about, and why.
    pub failures: Vec<(String, WitnessError)>,
}

/// A witness at work.
pub struct Witness {
    config: Config,
    key: Arc<dyn RequestSigner>,
    platform: Client,
    fetcher: Fetcher,
    nodes: Vec<(NodeForm, Node)>,
}

impl Witness {
    /// Checks the configuration; asks nothing yet. `private_roots` is what the file that it names holds.
    ///
    /// # Errors
    /// [`WitnessError::Config`], or an address that cannot be used.
    pub fn new(
        config: Config,
        key: Arc<dyn RequestSigner>,
        private_roots: Option<&[u8]>,
    ) -> Result<Witness, WitnessError> {
        config.check()?;
        let platform = Client::new(&config.platform, key.clone())?;
        let node = |form: &NodeForm| Node::new(NodeConfig::new(&form.url, form.chain_id)).map(|n| (form.clone(), n));
        let nodes = config.nodes.iter().map(node).collect::<Result<_, _>>()?;
        Ok(Witness { key, platform, fetcher: Fetcher::new(private_roots)?, nodes, config })
    }

    /// How long to wait between rounds, seconds.
    pub fn interval_s(&self) -> u64 {
        self.config.interval_s
    }

    /// Reads, signs, sends. A failure of one source is that source's alone.
    pub async fn round(&self) -> Report {
        let mut report = Report::default();
        let prices = join_all(self.config.prices.iter().map(|form| self.price(form))).await;
        let balances = join_all(self.config.balances.iter().map(|form| self.balance(form))).await;
        let named = |form: &PriceForm| format!("price on {}", form.network);
        let read = self.config.prices.iter().map(named).zip(prices);
        let of_wallet = |form: &BalanceForm| format!("balance of {}", form.wallet);
        let read = read.chain(self.config.balances.iter().map(of_wallet).zip(balances));
        let mut signed = Vec::new();
        for (what, outcome) in read.chain(self.ends().await) {
            match outcome {
                Ok(fact) => signed.push(fact),
                Err(error) => report.failures.push((what, error)),
            }
        }
        // One that the platform refuses does not keep the others from it.
        for fact in signed {
            match self.platform.submit_facts(&vec![fact.clone()]).await {
                Ok(_) => report.sent.push(fact),
                Err(error) => report.failures.push((fact.statement.fact.kind().name().into(), error.into())),
            }
        }
        report
    }

    /// Signs a fact as of `at`. P-256 keys sign as Ed25519 keys do: the digest's bytes.
    fn sign(&self, fact: Fact, at: UnixMs) -> SignedFact {
        let statement = Statement { version: 1, genesis: self.config.genesis, witness: self.key.public(), fact, at };
        let signature = self.key.sign(&statement.digest().0);
        SignedFact { statement, signature }
    }

    async fn price(&self, form: &PriceForm) -> Result<SignedFact, WitnessError> {
        // As of the moment of asking: a price is never stated younger than it is.
        let at = now();
        let json = match (&form.url, &form.file) {
            (Some(url), None) => self.fetcher.url(url, form.ask()).await?,
            (None, Some(path)) => fetch::file(path, form.max_bytes).await?,
            _ => return Err(WitnessError::Config("a price has a url or a file".into())),
        };
        let price = decimal::price(&pointer::at(&json, &form.pointer)?)?;
        Ok(self.sign(Fact::Price { asset: form.asset()?, price }, at))
    }

    async fn balance(&self, form: &BalanceForm) -> Result<SignedFact, WitnessError> {
        let at = now();
        let (asset, wallet) = (form.asset()?, form.wallet());
        let (_, node) = self.node(form.network).ok_or_else(|| WitnessError::Config("no node of this chain".into()))?;
        let amount = node.balance(&asset, &form.account()?).await?;
        Ok(self.sign(Fact::Balance { wallet, asset, amount }, at))
    }

    fn node(&self, network: NetworkId) -> Option<&(NodeForm, Node)> {
        self.nodes.iter().find(|(form, _)| NetworkId::Evm(form.chain_id) == network)
    }

    /// L3: of the intents that the platform asks about, those whose place is taken for good by this witness's own nodes. Whether it
    /// is the intent's place the cosigners know: it is stated beside it.
    async fn ends(&self) -> Vec<(String, Result<SignedFact, WitnessError>)> {
        if !self.nodes.iter().any(|(form, _)| form.finality) {
            return Vec::new();
        }
        let wanted = match self.platform.facts().await {
            Ok(listing) => listing.wanted,
            Err(error) => return vec![("what is wanted".into(), Err(error.into()))],
        };
        let ended = join_all(wanted.iter().map(|w| self.end(w))).await;
        let named = wanted.iter().map(|w| format!("end of {}", w.intent));
        named.zip(ended).filter_map(|(what, outcome)| outcome.transpose().map(|o| (what, o))).collect()
    }

    async fn end(&self, wanted: &Wanted) -> Result<Option<SignedFact>, WitnessError> {
        let slot = STANDARD.decode(&wanted.slot).ok().and_then(|b| cbor::decode::<Slot>(&b, limits::INTENT_BYTES).ok());
        let slot = slot.ok_or(WitnessError::Malformed("a wanted intent's place"))?;
        let Slot::Nonce { network, account, nonce } = &slot else { return Ok(None) };
        let Some((form, node)) = self.node(*network).filter(|(form, _)| form.finality) else { return Ok(None) };
        let at = now();
        let used = node.used_nonces(account, form.confirmations).await?;
        let intent = wanted.intent;
        Ok((used > *nonce).then(|| self.sign(Fact::Final { intent, slot: slot.clone() }, at)))
    }
}

/// This machine's clock.
fn now() -> UnixMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    UnixMs(since.map(|d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX)).unwrap_or(0))
}
