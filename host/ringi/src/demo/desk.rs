//! The people of the demo at their desks: they sign intents and approvals with keys of their own and wait for what comes.

use crate::failure::Failure;
use crate::fresh;
use crate::keys::SecretKey;
use crate::platform::start::of_service;
use crate::words;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ringi_orchestrator::Service;
use ringi_orchestrator::service::{SubmitMode, TransferView};
use ringi_primitives::amount::Amount;
use ringi_primitives::approval::{Approval, Envelope, Evidence};
use ringi_primitives::cbor;
use ringi_primitives::digest::Digest;
use ringi_primitives::httpsig::RequestSignature;
use ringi_primitives::id::{IntentId, WalletId};
use ringi_primitives::intent::{Action, Intent, Transfer};
use ringi_primitives::key::SignatureBytes;
use ringi_primitives::limits;
use ringi_primitives::network::NetworkId;
use ringi_primitives::policy_set::PolicySet;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long anything in the demo may take.
const PATIENCE: Duration = Duration::from_secs(40);

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

/// The service and the workspace everybody here belongs to.
pub struct Desk {
    /// What the API calls.
    pub service: Arc<dyn Service>,
    /// The workspace.
    pub genesis: Digest,
    /// Who initiates.
    pub initiator: SecretKey,
}

impl Desk {
    /// The intent of a payment, as its initiator writes it.
    pub fn intent(&self, payment: &Payment) -> Result<Intent, Failure> {
        Ok(Intent {
            version: 1,
            id: IntentId::from_bytes(fresh::id()?),
            genesis: self.genesis,
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
        let signature = self.sign(&body)?;
        let submission = self.service.submit(&body, &signature, SubmitMode::Keep).await.map_err(of_service)?;
        Ok(submission.transfer)
    }

    /// Waits until a transfer has one of these statuses; any other end is a failure.
    pub async fn until(&self, id: IntentId, wanted: &[&str]) -> Result<TransferView, Failure> {
        let began = Instant::now();
        loop {
            let now = self.service.transfer(id).await.map_err(of_service)?;
            if wanted.contains(&now.status) {
                return Ok(now);
            }
            let ended = ["completed", "cancelled", "rejected", "blocked", "failed"].contains(&now.status);
            if ended || began.elapsed() > PATIENCE {
                let why = now.error.map(|e| format!("{}: {}", e.code, e.detail)).unwrap_or_default();
                let what = format!("{id} is {} ({}) {why}, not {}", now.status, now.sub_status, wanted.join(" or "));
                return Err(Failure::new("demo.transfer", what, "look at the log in the demo's folder"));
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }

    /// The policy set in force.
    pub fn policy(&self) -> Result<PolicySet, Failure> {
        let missing = || Failure::new("demo.policy", "no policy set is in force", "report this");
        let view = self.service.policy().ok_or_else(missing)?;
        view.signed.decode_unverified(limits::POLICY_BYTES).map_err(|_| missing())
    }

    /// An approver reads the envelope, in code the host did not serve, and signs it (rule I2). Gives what they read.
    pub async fn approve(&self, transfer: &TransferView, name: &str, key: &SecretKey) -> Result<String, Failure> {
        let wrong = |what: &str| Failure::new("demo.envelope", what, "do not sign it");
        let text = transfer.envelope.as_deref().ok_or_else(|| wrong("there is nothing to approve"))?;
        let bytes = STANDARD.decode(text).map_err(|_| wrong("the envelope is no base64"))?;
        let envelope: Envelope =
            cbor::decode(&bytes, limits::INTENT_BYTES).map_err(|_| wrong("the envelope is no document"))?;
        if envelope.genesis != self.genesis {
            return Err(wrong("the envelope is of another workspace"));
        }
        let policy = self.policy()?;
        let read: Vec<_> = envelope.plan.effects.iter().map(|e| words::effect(&policy, e)).collect();
        let person = policy.people.iter().find(|p| p.name == name).map(|p| p.id);
        let person = person.ok_or_else(|| wrong("no such person"))?;
        let evidence = Evidence::Signature { key: key.public(), signature: key.sign_digest(&envelope.digest()) };
        self.service.approve(transfer.id, Approval { person, evidence }).await.map_err(of_service)?;
        Ok(read.join("; "))
    }
}
