//! Taking an intent (rules G1, I1) and answering at once with the decision.

use crate::core::{Core, Live, birth};
use crate::error::{ErrorClass, ServiceError};
use crate::judge::{Asked, Case};
use crate::ports::{Commit, CrashPoint, TransferRecord, UniqueRule, Write};
use crate::render;
use crate::service::{Submission, SubmitMode};
use crate::transfer::{Event, Header, Transfer, step};
use crate::workspace::Workspace;
use ringi_primitives::decision::Decision;
use ringi_primitives::httpsig::{HttpSigError, RequestSignature};
use ringi_primitives::id::IntentId;
use ringi_primitives::intent::{Action, Intent, IntentError};
use ringi_primitives::limits;
use ringi_primitives::time::UnixMs;
use ringi_primitives::wallet::WalletRef;
use std::sync::Arc;

const SIGN_AGAIN: &str = "Correct the intent and sign it again.";

pub(crate) async fn submit(
    core: &Arc<Core>,
    body: &[u8],
    signature: &RequestSignature,
    mode: SubmitMode,
) -> Result<Submission, ServiceError> {
    let intent = Intent::parse(body).map_err(|e| malformed(&e))?;
    let workspace = core.workspace();
    check_workspace(&workspace, &intent)?;
    // I1: the initiator's signature over the exact bytes.
    signature.verify(body).map_err(unsigned)?;
    if let Some(repeated) = repeated(core, intent.id, body).await? {
        return Ok(repeated);
    }
    let now = core.now();
    signature.check_time(now.0 / 1000).map_err(unsigned)?;
    check_expiry(&intent, now)?;
    let initiator = workspace.initiator(&signature.key)?;
    let wallet = find_wallet(core, &workspace, &intent).await?;
    let root = find_root(core, &intent, wallet).await?;
    let asked = Asked { body, intent: &intent, wallet, initiator, root };
    let case = Case::open(workspace, &asked)?;
    let decision = case.decide(core, &asked, &[]);
    let header = Header {
        id: intent.id,
        body: body.to_vec(),
        signature: signature.clone(),
        initiator,
        wallet,
        network: intent.network,
        plan: case.plan.clone(),
        reference: intent.reference.clone(),
        replaces: intent.replaces,
        root,
        created_at: now,
    };
    let (state, _) = step(Transfer::Submitted, Event::Decided(decision.clone()))
        .map_err(|m| ServiceError::internal(m.to_string()))?;
    let record = TransferRecord { header, state, version: 1, updated_at: now };
    let live = Live { record, intent: Arc::new(intent), approvals: Vec::new() };
    match mode {
        SubmitMode::DryRun => Ok(answer(&live, &case, &decision, "dry_run")),
        SubmitMode::Keep => keep(core, live, &case, &decision).await,
    }
}

async fn keep(core: &Arc<Core>, live: Live, case: &Case, decision: &Decision) -> Result<Submission, ServiceError> {
    core.reached(CrashPoint::BeforeSubmitStored);
    let (event, audit) = birth(&live.record.header, &live.record.state, live.record.updated_at);
    let signature = &live.record.header.signature;
    let writes = vec![
        Write::RequestNonce {
            key: signature.key.text(),
            nonce: signature.nonce.clone(),
            expires_at: UnixMs(signature.expires_s.saturating_mul(1000)),
        },
        Write::InsertTransfer(Box::new(live.record.clone())),
    ];
    let commit = Commit { writes, events: vec![event], audit: vec![audit] };
    core.commit(commit).await.map_err(|e| used(e, &live))?;
    core.reached(CrashPoint::AfterSubmitStored);
    let submission = answer(&live, case, decision, "created");
    if !live.record.state.is_ended() {
        let id = live.record.header.id;
        core.enter_live(live);
        crate::drive::start(core, id);
    }
    Ok(submission)
}

fn answer(live: &Live, case: &Case, decision: &Decision, outcome: &'static str) -> Submission {
    Submission {
        transfer: render::live(live, Some(case), Some(&case.policy)),
        decision: render::decision(decision),
        outcome,
    }
}

/// The same id and bytes again: the transfer as it stands.
async fn repeated(core: &Core, id: IntentId, body: &[u8]) -> Result<Option<Submission>, ServiceError> {
    let Some(record) = core.ports.store.transfer(id).await? else { return Ok(None) };
    if record.header.body != body {
        let message = "this intent id was used for other bytes";
        return Err(ServiceError::conflict("intent.id_used", message, "Use a new id."));
    }
    let decision = render::decision_of(&record.state);
    let transfer = render::stored(core, record).await?;
    Ok(Some(Submission { transfer, decision, outcome: "repeated" }))
}

fn check_workspace(workspace: &Workspace, intent: &Intent) -> Result<(), ServiceError> {
    // G1: an intent for another workspace is none of ours.
    if intent.genesis != workspace.genesis()?.root() {
        let message = "the intent names another workspace's genesis";
        return Err(ServiceError::unprocessable(
            "intent.genesis",
            message,
            "Take the genesis digest of this workspace.",
        ));
    }
    let delegates = intent.actions.iter().any(|a| matches!(a, Action::Delegate(_)));
    if delegates {
        let message = "delegations are not carried out yet";
        return Err(ServiceError::unprocessable("transfer.unsupported", message, "Use another action."));
    }
    let cancels = intent.actions.iter().any(|a| matches!(a, Action::Cancel(_)));
    if cancels && intent.replaces.is_none() {
        let message = "a cancel says which intent it replaces";
        return Err(ServiceError::unprocessable("intent.replaces", message, SIGN_AGAIN));
    }
    Ok(())
}

/// I1: a bounded expiry.
fn check_expiry(intent: &Intent, now: UnixMs) -> Result<(), ServiceError> {
    if intent.expires_at <= now {
        return Err(ServiceError::unprocessable("intent.expired", "the intent's time is over", SIGN_AGAIN));
    }
    if intent.expires_at > now.plus_ms(limits::INTENT_LIFE_MS) {
        let message = "the intent lives longer than 30 days";
        return Err(ServiceError::unprocessable("intent.life", message, SIGN_AGAIN));
    }
    Ok(())
}

async fn find_wallet(core: &Core, workspace: &Workspace, intent: &Intent) -> Result<WalletRef, ServiceError> {
    let vault = workspace.policy()?.set.vault_named(&intent.vault).map(|v| v.index);
    let vault = vault.ok_or_else(|| ServiceError::not_found("vault"))?;
    let wallet = crate::wallets::find(core, intent.wallet).await?;
    if wallet.wallet.vault != vault {
        return Err(ServiceError::not_found("wallet"));
    }
    Ok(wallet.wallet)
}

/// I3: the first intent of the chain this one joins, if the one it replaces can be replaced now.
async fn find_root(core: &Core, intent: &Intent, wallet: WalletRef) -> Result<IntentId, ServiceError> {
    let Some(replaced) = intent.replaces else { return Ok(intent.id) };
    let record = core.ports.store.transfer(replaced).await?;
    let record = record.ok_or_else(|| ServiceError::not_found("transfer"))?;
    let refuse = |code: &str, message: &str, remedy: &str| Err(ServiceError::conflict(code, message, remedy));
    if record.header.wallet != wallet || record.header.network != intent.network {
        return refuse("transfer.replace_other", "the replaced intent is of another wallet or network", SIGN_AGAIN);
    }
    match &record.state {
        Transfer::Signed { .. }
        | Transfer::Broadcasting { .. }
        | Transfer::Confirming { .. }
        | Transfer::Blocked { .. } => Ok(record.header.root),
        Transfer::Prepared { .. } | Transfer::Signing { .. } => {
            refuse("transfer.signing", "it is being signed now", "Try again in a moment.")
        }
        state if state.is_ended() => refuse("transfer.ended", "it is at its end", "Nothing is left to replace."),
        _ => refuse("transfer.unsigned", "it is not signed yet", "Cancel it without an intent."),
    }
}

fn used(error: ServiceError, live: &Live) -> ServiceError {
    let code = error.code.as_str();
    if code == UniqueRule::Reference.code() {
        let reference = live.record.header.reference.clone().unwrap_or_default();
        let message = format!("the reference {reference:?} belongs to another intent");
        return ServiceError::conflict("intent.reference_used", message, "Use a new reference.");
    }
    if code == UniqueRule::IntentId.code() {
        return ServiceError::conflict("intent.id_used", "this intent id was used before", "Use a new id.");
    }
    if code == UniqueRule::RequestNonce.code() {
        let message = "this request nonce was used before";
        let class = ErrorClass::Unauthenticated;
        return ServiceError::new(class, "auth.nonce_reused", message, "Sign with a new nonce.");
    }
    error
}

fn malformed(error: &IntentError) -> ServiceError {
    let code = match error {
        IntentError::TooLong => "intent.too_long",
        IntentError::Malformed(_) => "intent.malformed",
        IntentError::Version => "intent.version",
        IntentError::Actions => "intent.actions",
        IntentError::Text(_) => "intent.text",
        IntentError::ZeroAmount => "intent.zero_amount",
    };
    ServiceError::bad_request(code, error.to_string(), SIGN_AGAIN)
}

fn unsigned(error: HttpSigError) -> ServiceError {
    let code = match error {
        HttpSigError::Malformed(_) => "auth.malformed",
        HttpSigError::ContentDigest => "auth.content_digest",
        HttpSigError::BadSignature => "auth.bad_signature",
        HttpSigError::Expired => "auth.expired",
    };
    ServiceError::new(ErrorClass::Unauthenticated, code, error.to_string(), "Sign the request again.")
}
