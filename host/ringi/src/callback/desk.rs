//! The platform's side: asks each configured approver about every transfer that waits for approvals, and hands in what it
//! answers. An answer is worth what it is to anybody: the approval is verified like every other (rule I2).

use super::connection::{Endpoint, Heard};
use super::{CallbackAnswer, CallbackEffect, CallbackQuestion, encoded};
use crate::failure::Failure;
use crate::keys::{KeyKind, SecretKey};
use crate::platform::settings::ApproverSettings;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use ringi_chain::format_address;
use ringi_orchestrator::Service;
use ringi_orchestrator::ports::{Page, TransferFilter};
use ringi_orchestrator::service::{CallbackOutcome, TransferView};
use ringi_primitives::approval::{Approval, Envelope};
use ringi_primitives::asset::AssetKey;
use ringi_primitives::cbor;
use ringi_primitives::digest::Digest;
use ringi_primitives::effects::Effect;
use ringi_primitives::httpsig::RequestSignature;
use ringi_primitives::id::{IntentId, PersonId};
use ringi_primitives::key::SignatureBytes;
use ringi_primitives::limits;
use ringi_primitives::policy_set::PolicySet;
use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// The platform's own key for these questions, in the data folder.
const KEY_FILE: &str = "callback.key";
/// Its public part, in one line.
const PUBLIC_FILE: &str = "callback.pub";
/// Questions under way at once.
const AT_ONCE: usize = 16;
/// How often one that is not answered is asked, and how long before the second time; then twice as long each time.
const TRIES: u32 = 5;
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// A signature on a question lives so long.
const LIFE_S: u64 = 60;
/// Transfers of one page, events of one read.
const PAGE: u32 = 200;
/// Remembered questions; more and all are forgotten, and some asked again.
const REMEMBERED: usize = 100_000;

/// One approver to ask.
struct Called {
    /// By id, or by the name in the policy set.
    person: String,
    endpoint: Endpoint,
}

/// Asks machine approvers.
pub struct CallbackDesk {
    key: SecretKey,
    called: Vec<Called>,
    asked: Mutex<HashSet<(IntentId, PersonId, Digest)>>,
    places: Semaphore,
}

/// How asking ended, without an approval.
struct Ended {
    code: String,
    detail: String,
}

impl Ended {
    fn new(code: &str, detail: impl Into<String>) -> Ended {
        Ended { code: code.into(), detail: detail.into() }
    }
}

impl CallbackDesk {
    /// For these approvers, with the folder's key, made where there is none. `None` where nobody is to be asked.
    ///
    /// # Errors
    /// If an address or a certificate is not in order, or the key cannot be kept.
    pub fn open(folder: &Path, approvers: &[ApproverSettings]) -> Result<Option<CallbackDesk>, Failure> {
        if approvers.is_empty() {
            return Ok(None);
        }
        let mut called = Vec::new();
        for approver in approvers {
            let read = |path: &std::path::PathBuf| {
                let path = folder.join(path);
                std::fs::read(&path).map_err(|e| Failure::file(&path, &e))
            };
            let root = approver.root.as_ref().map(read).transpose()?;
            let endpoint = Endpoint::new(&approver.url, root.as_deref())
                .map_err(|e| Failure::new("cli.approver_url", e, "correct [[approvers]] in ringi.toml"))?;
            called.push(Called { person: approver.person.clone(), endpoint });
        }
        let path = folder.join(KEY_FILE);
        if !path.exists() {
            SecretKey::generate(KeyKind::Ed25519)?.store(&path)?;
        }
        let key = SecretKey::load(&path)?;
        // For whoever runs an approver: by this it knows the platform.
        let public = folder.join(PUBLIC_FILE);
        std::fs::write(&public, key.public().text()).map_err(|e| Failure::file(&public, &e))?;
        tracing::info!(
            key = key.public().text(),
            approvers = called.len(),
            "machine approvers are asked under this key"
        );
        Ok(Some(CallbackDesk { key, called, asked: Mutex::default(), places: Semaphore::new(AT_ONCE) }))
    }

    /// Asks until it is dropped: what waits now, and whatever comes to wait.
    pub async fn run(self, service: Arc<dyn Service>) {
        let desk = Arc::new(self);
        let mut newest = service.subscribe();
        let mut tasks = JoinSet::new();
        let mut waiting = desk.backlog(&service).await;
        let mut after = *newest.borrow_and_update();
        loop {
            for transfer in waiting.drain(..) {
                for called in 0..desk.called.len() {
                    let (desk, service) = (desk.clone(), service.clone());
                    tasks.spawn(async move { desk.ask(&service, transfer, called).await });
                }
            }
            while tasks.try_join_next().is_some() {}
            match service.events_after(after, PAGE).await {
                Ok(events) => {
                    after = events.last().map_or(after, |e| e.sequence);
                    let moved = events.iter().filter(|e| e.kind == "transfer.awaiting_approval");
                    waiting = moved.filter_map(|e| e.subject.parse().ok()).collect();
                    if !events.is_empty() {
                        continue;
                    }
                }
                Err(error) => {
                    tracing::warn!(code = error.code, "the feed is not read");
                    tokio::time::sleep(FIRST_WAIT).await;
                    continue;
                }
            }
            if newest.changed().await.is_err() {
                return;
            }
        }
    }

    async fn backlog(&self, service: &Arc<dyn Service>) -> Vec<IntentId> {
        let filter = TransferFilter { wallet: None, status: Some("awaiting_approval".into()), reference: None };
        let (mut found, mut cursor) = (Vec::new(), None);
        loop {
            match service.transfers(&filter, &Page { cursor, limit: PAGE }).await {
                Ok(page) => {
                    found.extend(page.items.iter().map(|t| t.id));
                    match page.next {
                        Some(next) => cursor = Some(next),
                        None => return found,
                    }
                }
                Err(error) => {
                    tracing::warn!(code = error.code, "waiting transfers are not listed");
                    return found;
                }
            }
        }
    }

    async fn ask(&self, service: &Arc<dyn Service>, transfer: IntentId, called: usize) {
        let Some(called) = self.called.get(called) else { return };
        let Ok(_place) = self.places.acquire().await else { return };
        let question = match question(service, transfer, &called.person).await {
            Ok(Some(question)) => question,
            Ok(None) => return,
            Err(why) => return tracing::error!(%transfer, why, "an approver is not asked"),
        };
        let (person, envelope) = (question.person, question.envelope_digest);
        {
            let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            if asked.len() >= REMEMBERED {
                asked.clear();
            }
            if !asked.insert((transfer, person, envelope)) {
                return;
            }
        }
        let ended = match self.answer(&called.endpoint, &question).await {
            Ok(approval) if approval.person != person => {
                Ended::new("callback.other_person", "it approved for somebody else than it was asked for")
            }
            Ok(approval) => match service.approve(transfer, approval).await {
                Ok(_) => Ended::new("callback.approved", ""),
                Err(error) => Ended::new(&error.code, error.message),
            },
            Err(ended) => ended,
        };
        tracing::info!(%transfer, %person, code = ended.code, detail = ended.detail, "a machine approver was asked");
        let outcome = CallbackOutcome { transfer, person, envelope, code: ended.code, detail: ended.detail };
        if let Err(error) = service.record_callback(&outcome).await {
            tracing::warn!(code = error.code, %transfer, "what an approver answered was not written down");
        }
    }

    /// Asks until there is an answer, so often.
    async fn answer(&self, endpoint: &Endpoint, question: &CallbackQuestion) -> Result<Approval, Ended> {
        let body = serde_json::to_vec(question).map_err(|e| Ended::new("callback.malformed", e.to_string()))?;
        let (mut wait, mut why) = (FIRST_WAIT, String::new());
        for again in 0..TRIES {
            if again > 0 {
                tokio::time::sleep(wait).await;
                wait = wait.saturating_mul(2);
            }
            let headers = self.signed(endpoint.path(), question, &body)?;
            match endpoint.post(headers, body.clone()).await {
                Heard::Answer(200, answer) => return read(&answer),
                Heard::Answer(status, _) if status < 500 => {
                    return Err(Ended::new("callback.refused", format!("it answers with status {status}")));
                }
                Heard::Answer(status, _) => why = format!("it answers with status {status}"),
                Heard::Nothing(nothing) => why = nothing,
            }
        }
        Err(Ended::new("callback.unanswered", why))
    }

    fn signed(&self, path: &str, question: &CallbackQuestion, body: &[u8]) -> Result<HeaderMap, Ended> {
        let broken = |e: String| Ended::new("callback.malformed", e);
        let created_s = crate::fresh::now().0 / 1000;
        let mut signature = RequestSignature {
            method: "POST".into(),
            path: path.into(),
            idempotency_key: question.envelope_digest.hex(),
            key: self.key.public(),
            created_s,
            expires_s: created_s.saturating_add(LIFE_S),
            nonce: hex::encode(crate::fresh::id().map_err(|e| broken(e.what))?),
            signature: SignatureBytes([0; 64]),
        };
        signature.signature = self.key.sign(signature.base(body).as_bytes());
        let mut headers = HeaderMap::new();
        let own = signature.headers(body).map(|(name, value)| (name, value));
        let key = ("idempotency-key", signature.idempotency_key.clone());
        for (name, value) in own.into_iter().chain([key, ("content-type", "application/json".into())]) {
            let value = HeaderValue::from_str(&value).map_err(|e| broken(e.to_string()))?;
            headers.insert(HeaderName::from_static(name), value);
        }
        Ok(headers)
    }
}

fn read(answer: &[u8]) -> Result<Approval, Ended> {
    let answer: CallbackAnswer =
        serde_json::from_slice(answer).map_err(|e| Ended::new("callback.malformed", e.to_string()))?;
    match answer {
        CallbackAnswer::Approve { approval } => {
            let evidence = approval.evidence().ok_or_else(|| Ended::new("callback.malformed", "no evidence"))?;
            Ok(Approval { person: approval.person, evidence })
        }
        CallbackAnswer::Reject { code, reason } => {
            let shown = |text: String| text.chars().filter(|c| !c.is_control()).take(200).collect::<String>();
            Err(Ended::new("callback.rejected", format!("{}: {}", shown(code), shown(reason))))
        }
    }
}

/// What to ask; `None` where the transfer does not wait, or this person has approved.
async fn question(
    service: &Arc<dyn Service>,
    transfer: IntentId,
    person: &str,
) -> Result<Option<CallbackQuestion>, String> {
    let view: TransferView = service.transfer(transfer).await.map_err(|e| e.to_string())?;
    let (Some(envelope), Some(digest)) = (&view.envelope, view.envelope_digest) else { return Ok(None) };
    let policy = service.policy().ok_or("no policy set is in force")?;
    let set: PolicySet = policy.signed.decode_unverified(limits::POLICY_BYTES).map_err(|e| e.to_string())?;
    let known = set.people.iter().find(|p| p.id.to_string() == person || p.name == person);
    let person = known.ok_or_else(|| format!("the policy set has nobody called {person}"))?.id;
    if view.approvals.iter().any(|a| a.person == person) {
        return Ok(None);
    }
    let bytes = super::decoded(envelope).ok_or("the envelope is no base64")?;
    let decoded: Envelope = cbor::decode(&bytes, limits::REQUEST_BYTES).map_err(|e| e.to_string())?;
    let asked = service.asked(transfer).await.map_err(|e| e.to_string())?;
    let coin = AssetKey::native(decoded.plan.network);
    Ok(Some(CallbackQuestion {
        version: 1,
        transfer,
        person,
        envelope: envelope.clone(),
        envelope_digest: digest,
        intent: encoded(&asked.body),
        initiator: encoded(&cbor::encode(&asked.signature)),
        policy: policy.digest,
        policy_set: encoded(&cbor::encode(&policy.signed)),
        effects: decoded.plan.effects.iter().map(|e| effect(&set, e)).collect(),
        max_fee: crate::words::amount(&set, &coin, decoded.plan.max_fee),
    }))
}

fn effect(set: &PolicySet, effect: &Effect) -> CallbackEffect {
    let on = effect.network();
    let (asset, to, amount) = match effect {
        Effect::Transfer { asset, to, amount }
        | Effect::Approve { asset, spender: to, amount }
        | Effect::TransferFrom { asset, to, amount, .. }
        | Effect::Permit { asset, spender: to, amount, .. } => (Some(*asset), Some(to), Some(*amount)),
        Effect::Call { contract, value, .. } => (Some(AssetKey::native(on)), Some(contract), Some(*value)),
        _ => (None, None, None),
    };
    CallbackEffect {
        words: crate::words::effect(set, effect),
        kind: effect.kind().to_string(),
        network: on.to_string(),
        asset: asset.and_then(|key| set.asset_by_key(&key).map(|a| a.id.clone())),
        to: to.map(|to| format_address(on, to)),
        amount: amount.map(|a| a.to_string()),
    }
}
