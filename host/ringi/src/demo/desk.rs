//! The people of the demo at their desks: they speak to the API with keys of their own, as everybody must.

use super::PATIENCE;
use crate::approver::Proposal;
use crate::failure::Failure;
use crate::fresh;
use crate::keys::SecretKey;
use crate::remote::of_client;
use ringi_gateway::client::Client;
use ringi_gateway::model::Transfer as TransferView;
use ringi_primitives::amount::Amount;
use ringi_primitives::genesis::GenesisChain;
use ringi_primitives::httpsig::RequestSignature;
use ringi_primitives::id::{IntentId, WalletId};
use ringi_primitives::intent::{Action, Intent, Transfer};
use ringi_primitives::key::SignatureBytes;
use ringi_primitives::network::NetworkId;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A payment to ask for; amounts in base units.
pub struct Payment<'a> {
    /// From which wallet.
    pub wallet: WalletId,
    /// The chain.
    pub network: NetworkId,
    /// Asset id.
    pub asset: &'a str,
    /// Recipient, text form.
    pub to: &'a str,
    /// How much.
    pub amount: u128,
    /// The most in fees.
    pub max_fee: u128,
}

/// The API and the workspace everybody here belongs to.
pub struct Desk {
    /// The workspace, as its admins signed it.
    pub chain: GenesisChain,
    /// Who initiates.
    pub initiator: Arc<SecretKey>,
    /// The API as the initiator calls it.
    pub client: Client,
    url: String,
}

impl Desk {
    /// At the API with this address.
    pub fn new(url: &str, chain: GenesisChain, initiator: SecretKey) -> Result<Desk, Failure> {
        let initiator = Arc::new(initiator);
        let client = Client::new(url, initiator.clone()).map_err(of_client)?;
        Ok(Desk { chain, initiator, client, url: url.to_owned() })
    }

    /// The intent of a payment, as its initiator writes it.
    pub fn intent(&self, payment: &Payment) -> Result<Intent, Failure> {
        Ok(Intent {
            version: 1,
            id: IntentId::from_bytes(fresh::id()?),
            genesis: self.chain.root(),
            vault: "treasury".into(),
            wallet: payment.wallet,
            network: payment.network,
            actions: vec![Action::Transfer(Transfer {
                asset: payment.asset.into(),
                to: payment.to.into(),
                amount: Amount::from_u128(payment.amount),
            })],
            max_fee: Amount::from_u128(payment.max_fee),
            expires_at: fresh::now_whole_s().plus_ms(3_600_000),
            reference: None,
            replaces: None,
        })
    }

    /// The initiator's signature over the request that carries an intent (rule I1).
    pub fn sign(&self, body: &[u8]) -> Result<RequestSignature, Failure> {
        let created_s = fresh::now().0 / 1000;
        let mut signature = RequestSignature {
            method: "POST".into(),
            path: "/v1/transfers".into(),
            idempotency_key: hex::encode(fresh::random::<16>()?),
            key: self.initiator.public(),
            created_s,
            expires_s: created_s + 120,
            nonce: hex::encode(fresh::random::<16>()?),
            signature: SignatureBytes([0; 64]),
        };
        signature.signature = self.initiator.sign(signature.base(body).as_bytes());
        Ok(signature)
    }

    /// Asks for a payment.
    pub async fn submit(&self, payment: &Payment<'_>) -> Result<TransferView, Failure> {
        let body =
            serde_json::to_vec(&self.intent(payment)?).map_err(|e| Failure::new("demo.intent", e, "report this"))?;
        Ok(self.client.submit(&body).await.map_err(of_client)?.transfer)
    }

    /// A transfer as it stands.
    pub async fn transfer(&self, id: IntentId) -> Result<TransferView, Failure> {
        self.client.transfer(id).await.map_err(of_client)
    }

    /// Waits until a transfer has one of these statuses; any other end is a failure.
    pub async fn until(&self, id: IntentId, wanted: &[&str]) -> Result<TransferView, Failure> {
        let began = Instant::now();
        loop {
            let now = self.transfer(id).await?;
            if wanted.contains(&now.status.as_str()) {
                return Ok(now);
            }
            let ended = ["completed", "cancelled", "rejected", "blocked", "failed"].contains(&now.status.as_str());
            if ended || began.elapsed() > PATIENCE {
                let why = now.error.map(|e| format!("{}: {}", e.code, e.detail)).unwrap_or_default();
                let what = format!("{id} is {} ({}) {why}, not {}", now.status, now.sub_status, wanted.join(" or "));
                return Err(Failure::new("demo.transfer", what, "look at log.json in the demo's folder"));
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }

    /// An approver reads what is asked and signs it (rule I2). Gives what they read.
    pub async fn approve(&self, transfer: IntentId, key: &Arc<SecretKey>) -> Result<String, Failure> {
        let client = Client::new(&self.url, key.clone()).map_err(of_client)?;
        let proposal = Proposal::fetch(&client, &self.chain, transfer).await?;
        let (_, given) = proposal.approve(key)?;
        client.approve(transfer, &given).await.map_err(of_client)?;
        Ok(proposal.words())
    }
}
