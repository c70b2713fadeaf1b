//! The API from the caller's side: signs each request with a key that is handed in, and reads the answers.
//!
//! The command line uses nothing else. A request that may have got lost is sent again under the same `Idempotency-Key` with a
//! fresh signature ([`Request::again`]).

use crate::model;
use crate::problem::Problem;
use reqwest::Method;
use ringi_primitives::brake::SignedBrake;
use ringi_primitives::cbor;
use ringi_primitives::digest::Digest;
use ringi_primitives::fact::SignedFact;
use ringi_primitives::httpsig::RequestSignature;
use ringi_primitives::id::{IntentId, PersonId, WalletId};
use ringi_primitives::key::{PublicKey, SignatureBytes};
use ringi_primitives::signed::{PersonSignature, Signed};
use ringi_primitives::wire::Recovery;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long a signature of the client's lives, seconds.
const LIFE_S: u64 = 120;
/// Longest wait for an answer: an order takes as long as a key generation.
const TIMEOUT: Duration = Duration::from_secs(330);

/// A key that signs requests. The secret stays with whoever implements this.
pub trait RequestSigner: Send + Sync {
    /// The public half: `keyid`.
    fn public(&self) -> PublicKey;
    /// Signs these bytes (Ed25519, or ECDSA P-256 with SHA-256 as r ‖ s).
    fn sign(&self, message: &[u8]) -> SignatureBytes;
}

impl RequestSigner for ed25519_dalek::SigningKey {
    fn public(&self) -> PublicKey {
        PublicKey::Ed25519(self.verifying_key().to_bytes())
    }

    fn sign(&self, message: &[u8]) -> SignatureBytes {
        SignatureBytes(ed25519_dalek::Signer::sign(self, message).to_bytes())
    }
}

impl RequestSigner for p256::ecdsa::SigningKey {
    fn public(&self) -> PublicKey {
        let point = self.verifying_key().to_sec1_point(true);
        let mut raw = [0; 33];
        raw.copy_from_slice(point.as_bytes());
        PublicKey::P256(raw)
    }

    fn sign(&self, message: &[u8]) -> SignatureBytes {
        let signature: p256::ecdsa::Signature = p256::ecdsa::signature::Signer::sign(self, message);
        let mut raw = [0; 64];
        raw.copy_from_slice(&signature.to_bytes());
        SignatureBytes(raw)
    }
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The server said no.
    #[error("{0}")]
    Refused(Box<Problem>),
    /// The server was not reached, or the answer was cut off: whether a write happened is not known.
    #[error("the server does not answer: {0}")]
    Unreachable(String),
    /// The answer is none of this API.
    #[error("the answer is not understood: {0}")]
    Answer(String),
    /// The address or a value makes no request.
    #[error("no request can be made: {0}")]
    Misuse(String),
}

impl ClientError {
    /// The stable code: the server's, or `client.*`.
    pub fn code(&self) -> &str {
        match self {
            ClientError::Refused(problem) => &problem.code,
            ClientError::Unreachable(_) => "client.unreachable",
            ClientError::Answer(_) => "client.answer",
            ClientError::Misuse(_) => "client.misuse",
        }
    }
}

/// An answer: status, headers that matter, body.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Whether it was given before for the same `Idempotency-Key`.
    pub replayed: bool,
    /// The body.
    pub body: Vec<u8>,
}

/// A request before it is signed.
#[derive(Clone, Debug)]
pub struct Request {
    method: Method,
    path: String,
    query: String,
    body: Vec<u8>,
    media: Option<&'static str>,
    idempotency_key: String,
}

impl Request {
    /// A read; the query (without `?`) is not signed.
    pub fn get(path: &str, query: &str) -> Request {
        Request { method: Method::GET, query: query.to_string(), ..Request::post(path, Vec::new(), None) }
    }

    /// A write under a fresh `Idempotency-Key`.
    pub fn post(path: &str, body: Vec<u8>, media: Option<&'static str>) -> Request {
        let (path, query) = (path.to_string(), String::new());
        Request { method: Method::POST, path, query, body, media, idempotency_key: random_text() }
    }

    /// Takes something away.
    pub fn delete(path: &str) -> Request {
        Request { method: Method::DELETE, ..Request::post(path, Vec::new(), None) }
    }

    /// Under this `Idempotency-Key`: a request that is tried again.
    pub fn again(self, idempotency_key: &str) -> Request {
        Request { idempotency_key: idempotency_key.to_string(), ..self }
    }

    /// The key under which it may be tried again.
    pub fn idempotency_key(&self) -> &str {
        &self.idempotency_key
    }
}

/// Sixteen random bytes in hex.
fn random_text() -> String {
    let mut bytes = [0u8; 16];
    // Without randomness the nonce repeats and the server refuses it: nothing worse.
    let _ = getrandom::getrandom(&mut bytes);
    hex::encode(bytes)
}

/// A client of one server with one key. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    base: String,
    http: reqwest::Client,
    signer: Arc<dyn RequestSigner>,
}

impl Client {
    /// For the server at `base` (`http://host:port`, no path).
    ///
    /// # Errors
    /// [`ClientError::Misuse`].
    pub fn new(base: &str, signer: Arc<dyn RequestSigner>) -> Result<Client, ClientError> {
        let http = reqwest::Client::builder().timeout(TIMEOUT).no_proxy().build();
        let http = http.map_err(|e| ClientError::Misuse(e.to_string()))?;
        Ok(Client { base: base.trim_end_matches('/').to_string(), http, signer })
    }

    fn signature(&self, request: &Request) -> RequestSignature {
        let created_s = SystemTime::now().duration_since(UNIX_EPOCH).map(|d| d.as_secs()).unwrap_or(0);
        let mut signature = RequestSignature {
            method: request.method.as_str().to_string(),
            path: request.path.clone(),
            idempotency_key: request.idempotency_key.clone(),
            key: self.signer.public(),
            created_s,
            expires_s: created_s.saturating_add(LIFE_S),
            nonce: random_text(),
            signature: SignatureBytes([0; 64]),
        };
        signature.signature = self.signer.sign(signature.base(&request.body).as_bytes());
        signature
    }

    async fn open(&self, request: &Request, last_event: Option<u64>) -> Result<reqwest::Response, ClientError> {
        let mut url = format!("{}{}", self.base, request.path);
        if !request.query.is_empty() {
            url = format!("{url}?{}", request.query);
        }
        let mut building = self.http.request(request.method.clone(), url);
        for (name, value) in self.signature(request).headers(&request.body) {
            building = building.header(name, value);
        }
        building = building.header("idempotency-key", &request.idempotency_key);
        if let Some(media) = request.media {
            building = building.header("content-type", media);
        }
        if let Some(sequence) = last_event {
            building = building.header("last-event-id", sequence).timeout(Duration::from_secs(u64::from(u32::MAX)));
        }
        building.body(request.body.clone()).send().await.map_err(|e| {
            if e.is_builder() { ClientError::Misuse(e.to_string()) } else { ClientError::Unreachable(e.to_string()) }
        })
    }

    /// Sends a request, freshly signed.
    ///
    /// # Errors
    /// [`ClientError`]; [`ClientError::Refused`] for every status of 400 and above.
    pub async fn send(&self, request: &Request) -> Result<Answer, ClientError> {
        read(self.open(request, None).await?).await
    }

    async fn read<T: DeserializeOwned>(&self, path: &str, query: &str) -> Result<T, ClientError> {
        parse(&self.send(&Request::get(path, query)).await?)
    }

    async fn write<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, ClientError> {
        let body = serde_json::to_vec(body).map_err(|e| ClientError::Misuse(e.to_string()))?;
        parse(&self.send(&Request::post(path, body, Some("application/json"))).await?)
    }

    async fn document<T: DeserializeOwned>(&self, path: &str, body: Vec<u8>) -> Result<T, ClientError> {
        parse(&self.send(&Request::post(path, body, Some("application/cbor"))).await?)
    }
}

async fn read(response: reqwest::Response) -> Result<Answer, ClientError> {
    let status = response.status().as_u16();
    let replayed = response.headers().contains_key("idempotency-replayed");
    let body = response.bytes().await.map_err(|e| ClientError::Unreachable(e.to_string()))?.to_vec();
    if status >= 400 {
        let problem =
            serde_json::from_slice(&body).map_err(|e| ClientError::Answer(format!("status {status}: {e}")))?;
        return Err(ClientError::Refused(Box::new(problem)));
    }
    Ok(Answer { status, replayed, body })
}

/// Reads an answer's JSON.
///
/// # Errors
/// [`ClientError::Answer`].
pub fn parse<T: DeserializeOwned>(answer: &Answer) -> Result<T, ClientError> {
    serde_json::from_slice(&answer.body).map_err(|e| ClientError::Answer(e.to_string()))
}

/// The calls. Errors are [`ClientError`] throughout; ids and queries are the API's.
#[allow(missing_docs)]
impl Client {
    /// Submits an intent's verbatim bytes. Sending the same bytes again is safe.
    pub async fn submit(&self, intent: &[u8]) -> Result<model::Submission, ClientError> {
        let request = Request::post("/v1/transfers", intent.to_vec(), Some("application/json"));
        parse(&self.send(&request).await?)
    }

    /// Plans and decides an intent without keeping it; the signature cannot be used to submit it.
    pub async fn dry_run(&self, intent: &[u8]) -> Result<model::Submission, ClientError> {
        let request = Request::post("/v1/transfers/dry-run", intent.to_vec(), Some("application/json"));
        parse(&self.send(&request).await?)
    }

    pub async fn transfer(&self, id: IntentId) -> Result<model::Transfer, ClientError> {
        self.read(&format!("/v1/transfers/{id}"), "").await
    }

    /// `query` as in the API: `wallet=…&status=…&cursor=…`.
    pub async fn transfers(&self, query: &str) -> Result<model::Listing<model::Transfer>, ClientError> {
        self.read("/v1/transfers", query).await
    }

    pub async fn cancel(&self, id: IntentId) -> Result<model::Transfer, ClientError> {
        let request = Request::post(&format!("/v1/transfers/{id}/cancel"), Vec::new(), None);
        parse(&self.send(&request).await?)
    }

    pub async fn approve(&self, id: IntentId, given: &model::NewApproval) -> Result<model::Transfer, ClientError> {
        self.write(&format!("/v1/transfers/{id}/approvals"), given).await
    }

    pub async fn envelope(&self, id: IntentId) -> Result<model::EnvelopeView, ClientError> {
        self.read(&format!("/v1/transfers/{id}/approval-envelope"), "").await
    }

    /// The receipt's CBOR.
    pub async fn receipt(&self, id: IntentId) -> Result<Vec<u8>, ClientError> {
        Ok(self.send(&Request::get(&format!("/v1/transfers/{id}/receipt"), "")).await?.body)
    }

    /// Hands in a signed freeze (rule P1).
    pub async fn freeze(&self, brake: &SignedBrake) -> Result<model::Installation, ClientError> {
        self.document("/v1/freezes", cbor::encode(brake)).await
    }

    pub async fn freezes(&self) -> Result<model::Freezes, ClientError> {
        self.read("/v1/freezes", "").await
    }

    /// Hands in a signed order that lifts freezes.
    pub async fn lift_freezes(&self, order: &Signed) -> Result<model::Installation, ClientError> {
        self.document("/v1/freezes/lift", cbor::encode(order)).await
    }

    pub async fn veto(&self, id: IntentId, brake: &SignedBrake) -> Result<model::Installation, ClientError> {
        self.document(&format!("/v1/transfers/{id}/veto"), cbor::encode(brake)).await
    }

    pub async fn withdraw(&self, id: IntentId, brake: &SignedBrake) -> Result<model::Installation, ClientError> {
        self.document(&format!("/v1/transfers/{id}/withdraw"), cbor::encode(brake)).await
    }

    pub async fn create_wallet(&self, wallet: &model::NewWallet) -> Result<model::Wallet, ClientError> {
        self.write("/v1/wallets", wallet).await
    }

    pub async fn wallet(&self, id: WalletId) -> Result<model::Wallet, ClientError> {
        self.read(&format!("/v1/wallets/{id}"), "").await
    }

    pub async fn wallets(&self, query: &str) -> Result<model::Listing<model::Wallet>, ClientError> {
        self.read("/v1/wallets", query).await
    }

    pub async fn addresses(&self, id: WalletId) -> Result<model::Addresses, ClientError> {
        self.read(&format!("/v1/wallets/{id}/addresses"), "").await
    }

    pub async fn new_address(&self, id: WalletId, asked: &model::NewAddress) -> Result<model::Address, ClientError> {
        self.write(&format!("/v1/wallets/{id}/addresses"), asked).await
    }

    pub async fn balances(&self, id: WalletId) -> Result<model::Balances, ClientError> {
        self.read(&format!("/v1/wallets/{id}/balances"), "").await
    }

    pub async fn deposits(&self, query: &str) -> Result<model::Listing<model::Deposit>, ClientError> {
        self.read("/v1/deposits", query).await
    }

    pub async fn assets(&self) -> Result<model::Assets, ClientError> {
        self.read("/v1/assets", "").await
    }

    pub async fn genesis(&self) -> Result<model::Genesis, ClientError> {
        self.read("/v1/genesis", "").await
    }

    /// All versions, first to newest.
    pub async fn install_genesis(&self, versions: &Vec<Signed>) -> Result<model::Installation, ClientError> {
        self.document("/v1/genesis", cbor::encode(versions)).await
    }

    pub async fn policy(&self) -> Result<model::Policy, ClientError> {
        self.read("/v1/policy", "").await
    }

    pub async fn install_policy(&self, set: &Signed) -> Result<model::Installation, ClientError> {
        self.document("/v1/policy", cbor::encode(set)).await
    }

    /// A document without signatures.
    pub async fn draft_policy(&self, set: &Signed) -> Result<model::PolicyDraft, ClientError> {
        self.document("/v1/policy/drafts", cbor::encode(set)).await
    }

    pub async fn policy_drafts(&self) -> Result<model::PolicyDrafts, ClientError> {
        self.read("/v1/policy/drafts", "").await
    }

    /// What is said of the document is the host's word: rebuild it.
    pub async fn policy_draft(&self, id: Digest) -> Result<model::PolicyDraftDetail, ClientError> {
        self.read(&format!("/v1/policy/drafts/{id}"), "last=1").await
    }

    pub async fn sign_policy_draft(
        &self,
        id: Digest,
        signature: &PersonSignature,
    ) -> Result<model::PolicyDraft, ClientError> {
        self.document(&format!("/v1/policy/drafts/{id}/signatures"), cbor::encode(signature)).await
    }

    pub async fn publish_policy_draft(&self, id: Digest) -> Result<model::Installation, ClientError> {
        let request = Request::post(&format!("/v1/policy/drafts/{id}/publish"), Vec::new(), None);
        parse(&self.send(&request).await?)
    }

    pub async fn discard_policy_draft(&self, id: Digest) -> Result<model::PolicyDraft, ClientError> {
        parse(&self.send(&Request::delete(&format!("/v1/policy/drafts/{id}"))).await?)
    }

    /// Waits for the order's end.
    pub async fn submit_order(&self, order: &Signed) -> Result<model::Installation, ClientError> {
        self.document("/v1/orders", cbor::encode(order)).await
    }

    /// Entries behind this one, oldest first.
    pub async fn audit(&self, after: u64, limit: u32) -> Result<model::Listing<model::AuditEntry>, ClientError> {
        self.read("/v1/audit", &format!("cursor={after}&limit={limit}")).await
    }

    /// Restores a lost cosigner's shares.
    pub async fn recover(&self, recovery: &Recovery) -> Result<model::Installation, ClientError> {
        self.document("/v1/recoveries", cbor::encode(recovery)).await
    }

    /// Hands in signed facts.
    pub async fn submit_facts(&self, facts: &Vec<SignedFact>) -> Result<model::Facts, ClientError> {
        let request = Request::post("/v1/facts", cbor::encode(facts), Some("application/cbor"));
        parse(&self.send(&request).await?)
    }

    pub async fn facts(&self) -> Result<model::Facts, ClientError> {
        self.read("/v1/facts", "").await
    }

    pub async fn cosigners(&self) -> Result<model::Cosigners, ClientError> {
        self.read("/v1/cosigners", "").await
    }

    /// A fresh document that answers the nonce; for the caller to verify.
    pub async fn attestation(&self, cosigner: u8, nonce: &[u8]) -> Result<model::Attestation, ClientError> {
        self.read("/v1/attestation", &format!("cosigner={cosigner}&nonce={}", hex::encode(nonce))).await
    }

    pub async fn caller(&self) -> Result<model::Caller, ClientError> {
        self.read("/v1/caller", "").await
    }

    pub async fn access(&self) -> Result<model::Roles, ClientError> {
        self.read("/v1/access", "").await
    }

    /// In place of the role they have.
    pub async fn grant(&self, person: PersonId, role: &model::NewRole) -> Result<model::PersonRole, ClientError> {
        self.write(&format!("/v1/access/{person}/role"), role).await
    }

    pub async fn revoke(&self, person: PersonId) -> Result<model::PersonRole, ClientError> {
        let request = Request::post(&format!("/v1/access/{person}/revoke"), Vec::new(), None);
        parse(&self.send(&request).await?)
    }

    /// What the access policies would say.
    pub async fn check_access(&self, asked: &model::AccessQuestion) -> Result<model::AccessVerdict, ClientError> {
        self.write("/v1/access/check", asked).await
    }

    pub async fn health(&self) -> Result<model::Health, ClientError> {
        self.read("/v1/healthz", "").await
    }

    /// Follows the feed behind this sequence (0: from the beginning).
    pub async fn events(&self, after: u64) -> Result<EventStream, ClientError> {
        let response = self.open(&Request::get("/v1/events", ""), Some(after)).await?;
        if !response.status().is_success() {
            return Err(read(response).await.err().unwrap_or_else(|| ClientError::Answer("no stream".to_string())));
        }
        Ok(EventStream { response, buffer: Vec::new() })
    }
}

/// The feed, event by event.
pub struct EventStream {
    response: reqwest::Response,
    buffer: Vec<u8>,
}

impl EventStream {
    /// Unread bytes at most: no event is that long.
    const BUFFER_BYTES: usize = 4 * 1024 * 1024;

    /// The next event; `None` when the server ended the stream: follow again behind the last sequence.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn next(&mut self) -> Result<Option<model::Event>, ClientError> {
        loop {
            while let Some(end) = self.buffer.windows(2).position(|w| w == b"\n\n") {
                let block: Vec<u8> = self.buffer.drain(..end + 2).collect();
                let text = String::from_utf8_lossy(&block).into_owned();
                let data = text.lines().filter_map(|l| l.strip_prefix("data:")).map(str::trim_start);
                let data: Vec<&str> = data.collect();
                if !data.is_empty() {
                    let event = serde_json::from_str(&data.join("\n"));
                    return event.map(Some).map_err(|e| ClientError::Answer(e.to_string()));
                }
            }
            let chunk = self.response.chunk().await.map_err(|e| ClientError::Unreachable(e.to_string()))?;
            let Some(chunk) = chunk else { return Ok(None) };
            self.buffer.extend_from_slice(&chunk);
            if self.buffer.len() > Self::BUFFER_BYTES {
                return Err(ClientError::Answer("an event is too long".to_string()));
            }
        }
    }
}
