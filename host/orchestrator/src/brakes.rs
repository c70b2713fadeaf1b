//! Brakes (rule P1): checked here, stored, handed to every cosigner until each has answered, shown as k of n.
//!
//! Stored before anybody is told, and in memory while they stop anything: a frozen wallet's transfers wait instead of using
//! up attempts. It is the cosigners that refuse; nothing here does.

use crate::core::{Core, lock, notice};
use crate::documents;
use crate::error::ServiceError;
use crate::ports::{Acknowledgement, BrakeRecord, Commit, Document, DocumentAnswer, Write};
use crate::service::{FreezeView, Installation, PartyAnswer};
use crate::transfer::{Event, Header, Transfer};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ringi_primitives::brake::{Brake, BrakeAction, BrakeError, FreezeTarget, SignedBrake};
use ringi_primitives::cbor;
use ringi_primitives::digest::Digest;
use ringi_primitives::genesis::GenesisChain;
use ringi_primitives::id::IntentId;
use ringi_primitives::order::{Order, OrderAction};
use ringi_primitives::policy_set::PolicySet;
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::signed::Signed;
use ringi_primitives::{limits, time::UnixMs};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// A brake that stops something, as it is kept in memory.
pub(crate) struct Kept {
    signed: SignedBrake,
    brake: Brake,
    /// What each cosigner said: nothing, or the code of its refusal.
    answers: BTreeMap<PartyIndex, Option<String>>,
}

/// All of them, by digest.
#[derive(Default)]
pub(crate) struct Brakes(BTreeMap<Digest, Kept>);

/// What a caller says it hands in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    Freeze,
    Veto(IntentId),
    Withdrawal(IntentId),
}

/// Refusals that no later asking changes.
const FOR_GOOD: [&str; 2] = ["brake.too_late", "brake.lifted"];

impl Brakes {
    /// From the store; what does not read or stops nothing any more is left out.
    pub(crate) fn load(records: &[BrakeRecord], now: UnixMs) -> Brakes {
        let kept = records.iter().filter_map(|record| {
            let brake = record.signed.read_unverified().ok()?;
            let holds = matches!(brake.action, BrakeAction::Freeze { .. }) || brake.outlived_at() > now;
            let answers = record.answers.iter().cloned().collect();
            holds.then(|| (record.signed.digest(), Kept { signed: record.signed.clone(), brake, answers }))
        });
        Brakes(kept.collect())
    }

    fn stops(&self, header: &Header) -> Option<&'static str> {
        let stops = |brake: &Brake| match brake.action {
            BrakeAction::Freeze { target } => target.covers(&header.wallet).then_some("brake.frozen"),
            BrakeAction::Veto { intent } => (intent == header.id).then_some("brake.vetoed"),
            BrakeAction::Withdraw { intent } => {
                (intent == header.id && brake.by == header.initiator).then_some("brake.withdrawn")
            }
        };
        let refused = |kept: &&Kept| kept.answers.values().flatten().any(|code| FOR_GOOD.contains(&code.as_str()));
        let mut codes: Vec<_> = self.0.values().filter(|k| !refused(k)).filter_map(|kept| stops(&kept.brake)).collect();
        // A freeze may pass, the others do not: they say more.
        codes.sort_unstable_by_key(|code| *code == "brake.frozen");
        codes.first().copied()
    }
}

/// What stops a transfer that is not signed, as far as the host knows.
pub(crate) fn on(core: &Core, header: &Header, state: &Transfer) -> Option<&'static str> {
    let waits = !state.is_ended() && state.signed().is_none();
    waits.then(|| lock(&core.brakes).stops(header)).flatten()
}

fn refused(error: BrakeError) -> ServiceError {
    match error {
        BrakeError::NotMember => {
            let remedy = "Have somebody sign it who is in the group that the policy set names for it.";
            ServiceError::forbidden(error.code(), error.to_string(), remedy)
        }
        BrakeError::Genesis | BrakeError::Malformed => {
            ServiceError::bad_request(error.code(), error.to_string(), "Make it for this workspace and sign it.")
        }
        BrakeError::Time | BrakeError::Evidence(_) => {
            let remedy = "Sign a new one with a key or passkey of that person in the policy set.";
            ServiceError::unprocessable(error.code(), error.to_string(), remedy)
        }
    }
}

/// Checks a brake, stores it, hands it to every cosigner, and says k of n.
pub(crate) async fn take(core: &Arc<Core>, signed: SignedBrake, wanted: Wanted) -> Result<Installation, ServiceError> {
    let workspace = core.workspace();
    let genesis = workspace.genesis()?.clone();
    let policy = workspace.policy()?.clone();
    let verified = signed.verify(&policy.set, &genesis).map_err(refused)?;
    let (digest, brake) = (verified.digest(), *verified.brake());
    brake.check_age(core.now()).map_err(refused)?;
    check_wanted(&brake, wanted)?;
    check_subject(core, &brake, &policy.set).await?;
    // Not behind a ceremony that takes minutes: brakes wait for brakes only.
    let _one = core.braking.lock().await;
    if !lock(&core.brakes).0.contains_key(&digest) {
        store(core, &signed, &brake).await?;
    }
    ask(core, &digest, &documents::parties(&genesis)).await?;
    let installation = installation(core, &digest, &brake, &genesis)?;
    if installation.acknowledged == 0 && installation.answers.iter().any(|a| a.answer == "refused") {
        return Err(nobody_holds_it(core, &digest, &installation).await);
    }
    Ok(installation)
}

fn check_wanted(brake: &Brake, wanted: Wanted) -> Result<(), ServiceError> {
    let fits = match brake.action {
        BrakeAction::Freeze { .. } => wanted == Wanted::Freeze,
        BrakeAction::Veto { intent } => wanted == Wanted::Veto(intent),
        BrakeAction::Withdraw { intent } => wanted == Wanted::Withdrawal(intent),
    };
    let message = "the signed document is for something else than this call";
    if fits { Ok(()) } else { Err(ServiceError::bad_request("brake.other", message, "Sign one for this call.")) }
}

/// What cosigners cannot know: that the vault exists, whose transfer it is, that it is signed already.
async fn check_subject(core: &Core, brake: &Brake, policy: &PolicySet) -> Result<(), ServiceError> {
    let intent = match brake.action {
        BrakeAction::Freeze { target } => {
            let vault = match target {
                FreezeTarget::Workspace => return Ok(()),
                FreezeTarget::Vault(vault) => vault,
                FreezeTarget::Wallet(wallet) => wallet.vault,
            };
            return policy.vault(vault).map(drop).ok_or_else(|| ServiceError::not_found("vault"));
        }
        BrakeAction::Veto { intent } | BrakeAction::Withdraw { intent } => intent,
    };
    let record = core.ports.store.transfer(intent).await?.ok_or_else(|| ServiceError::not_found("transfer"))?;
    if matches!(brake.action, BrakeAction::Withdraw { .. }) && record.header.initiator != brake.by {
        let message = "only its initiator may withdraw a transfer";
        return Err(ServiceError::forbidden("transfer.not_initiator", message, "Ask the initiator."));
    }
    if record.state.signed().is_some() {
        return Err(too_late());
    }
    Ok(())
}

fn too_late() -> ServiceError {
    let message = "the transfer is signed: nothing calls its bytes back";
    ServiceError::conflict("brake.too_late", message, "Sign a cancel intent that replaces it.")
}

/// Durable before anybody hears of it.
async fn store(core: &Core, signed: &SignedBrake, brake: &Brake) -> Result<(), ServiceError> {
    let (now, digest) = (core.now(), signed.digest());
    let data = json!({ "digest": digest, "id": brake.id, "by": brake.by, "action": action(brake) });
    let (event, audit) = notice(now, &format!("brake.{}", brake.action.name()), subject(brake), data);
    let write = Write::Brake { digest, at: now, signed: Box::new(signed.clone()) };
    core.commit(Commit { writes: vec![write], events: vec![event], audit: vec![audit] }).await?;
    let kept = Kept { signed: signed.clone(), brake: *brake, answers: BTreeMap::new() };
    lock(&core.brakes).0.insert(digest, kept);
    Ok(())
}

fn subject(brake: &Brake) -> String {
    match brake.action {
        BrakeAction::Freeze { .. } => brake.id.to_string(),
        BrakeAction::Veto { intent } | BrakeAction::Withdraw { intent } => intent.to_string(),
    }
}

fn action(brake: &Brake) -> serde_json::Value {
    match brake.action {
        BrakeAction::Freeze { target: FreezeTarget::Workspace } => json!({ "freeze": "workspace" }),
        BrakeAction::Freeze { target: FreezeTarget::Vault(vault) } => json!({ "freeze": "vault", "vault": vault.0 }),
        BrakeAction::Freeze { target: FreezeTarget::Wallet(wallet) } => {
            json!({ "freeze": "wallet", "vault": wallet.vault.0, "wallet": wallet.wallet })
        }
        BrakeAction::Veto { intent } => json!({ "veto": intent }),
        BrakeAction::Withdraw { intent } => json!({ "withdrawal": intent }),
    }
}

/// Hands a brake to those of these cosigners that have not said that it holds, and keeps what they say.
async fn ask(core: &Arc<Core>, digest: &Digest, to: &[PartyIndex]) -> Result<(), ServiceError> {
    let (signed, brake, to) = {
        let brakes = lock(&core.brakes);
        let Some(kept) = brakes.0.get(digest) else { return Ok(()) };
        let open = |p: &&PartyIndex| kept.answers.get(*p).is_none_or(|said| said.is_some());
        let to: Vec<PartyIndex> = to.iter().filter(open).copied().collect();
        (kept.signed.clone(), kept.brake, to)
    };
    let before = in_force(core, digest);
    let answers = core.ports.cosigners.install(Document::Brake(Box::new(signed)), &to).await;
    let mut writes = Vec::new();
    for Acknowledgement { party, answer } in answers {
        let code = match answer {
            DocumentAnswer::Brake => None,
            DocumentAnswer::Refused(refusal) => Some(refusal.code),
            _ => continue,
        };
        if let Some(kept) = lock(&core.brakes).0.get_mut(digest)
            && kept.answers.insert(party, code.clone()) != Some(code.clone())
        {
            writes.push(Write::BrakeAnswer { brake: *digest, cosigner: party, code });
        }
    }
    let (mut events, mut audit) = (Vec::new(), Vec::new());
    let now_in_force = !before && in_force(core, digest);
    if now_in_force {
        let data = json!({ "digest": digest, "id": brake.id, "acknowledged": acknowledged(core, digest) });
        let (event, entry) = notice(core.now(), "brake.in_force", subject(&brake), data);
        (events, audit) = (vec![event], vec![entry]);
    }
    if !writes.is_empty() {
        core.commit(Commit { writes, events, audit }).await?;
    }
    if now_in_force {
        end_transfer(core, &brake).await;
    }
    Ok(())
}

fn acknowledged(core: &Core, digest: &Digest) -> usize {
    lock(&core.brakes).0.get(digest).map_or(0, |k| k.answers.values().filter(|code| code.is_none()).count())
}

/// P1: n-t+1 cosigners hold it.
fn in_force(core: &Core, digest: &Digest) -> bool {
    let needed = core.workspace().genesis.as_ref().map_or(usize::MAX, |g| g.head().grant_size());
    acknowledged(core, digest) >= needed
}

/// The transfer that a veto or withdrawal stops for good.
async fn end_transfer(core: &Arc<Core>, brake: &Brake) {
    let (intent, event) = match brake.action {
        BrakeAction::Freeze { .. } => return,
        BrakeAction::Veto { intent } => {
            let (rule, code) = (format!("veto of {}", brake.by), "brake.vetoed".to_string());
            (intent, Event::Stopped { rule, code })
        }
        BrakeAction::Withdraw { intent } => {
            (intent, Event::Stopped { rule: "withdrawal".into(), code: "brake.withdrawn".into() })
        }
    };
    let Some(cell) = core.cell(intent) else { return };
    let mut live = cell.lock().await;
    // One that is being signed now hears it from the cosigners.
    if !matches!(
        live.record.state,
        Transfer::AwaitingApproval { .. } | Transfer::Queued { .. } | Transfer::Prepared { .. }
    ) {
        return;
    }
    if let Err(error) = core.apply(&mut live, event, Vec::new()).await {
        tracing::warn!(code = error.code, transfer = %intent, "a stopped transfer was not ended");
    }
}

/// Every cosigner that answered refused it: it stops nothing, and is forgotten.
async fn nobody_holds_it(core: &Core, digest: &Digest, said: &Installation) -> ServiceError {
    if said.answers.iter().all(|a| a.answer == "refused")
        && let Err(error) = end(core, &[*digest]).await
    {
        return error;
    }
    let code = said.answers.iter().find_map(|a| a.code.clone()).unwrap_or_default();
    match code.as_str() {
        "brake.too_late" => too_late(),
        "brake.lifted" => {
            let message = "this freeze was lifted and never comes back";
            ServiceError::conflict("brake.lifted", message, "Sign a new freeze.")
        }
        _ => {
            let message = "every cosigner that answered refused it";
            ServiceError::unprocessable(&code, message, "Look at the code; sign a new one.")
        }
    }
}

async fn end(core: &Core, digests: &[Digest]) -> Result<(), ServiceError> {
    let writes = vec![Write::BrakesEnded { digests: digests.to_vec() }];
    core.commit(Commit { writes, ..Commit::default() }).await?;
    lock(&core.brakes).0.retain(|digest, _| !digests.contains(digest));
    core.next_turn();
    Ok(())
}

/// Cosigners carried out an order that lifts these freezes: what waited for it goes on.
pub(crate) async fn lifted(core: &Core, freezes: &[Digest]) -> Result<(), ServiceError> {
    end(core, freezes).await
}

/// An order of the admin quorum that lifts freezes (rules G2, P1).
pub(crate) async fn lift(core: &Arc<Core>, signed: Signed) -> Result<Installation, ServiceError> {
    let order = signed.decode_unverified::<Order>(limits::GENESIS_BYTES);
    if !order.is_ok_and(|o| matches!(o.action, OrderAction::Unfreeze { .. })) {
        let message = "the document is no order that lifts freezes";
        return Err(ServiceError::bad_request("order.not_unfreeze", message, "Make one with `ringi order unfreeze`."));
    }
    documents::order(core, signed).await
}

fn installation(
    core: &Core,
    digest: &Digest,
    brake: &Brake,
    genesis: &GenesisChain,
) -> Result<Installation, ServiceError> {
    let brakes = lock(&core.brakes);
    let kept = brakes.0.get(digest).ok_or_else(|| ServiceError::internal("a brake was lost"))?;
    let answer = |party: PartyIndex| {
        let (answer, code) = match kept.answers.get(&party) {
            Some(None) => ("installed", None),
            Some(Some(code)) => ("refused", Some(code.clone())),
            None => ("unreachable", None),
        };
        PartyAnswer { cosigner: party.number(), answer, code, detail: None }
    };
    let answers: Vec<PartyAnswer> = documents::parties(genesis).into_iter().map(answer).collect();
    let acknowledged = answers.iter().filter(|a| a.answer == "installed").count();
    Ok(Installation {
        document: brake.action.name(),
        digest: *digest,
        order: None,
        acknowledged: u32::try_from(acknowledged).unwrap_or(u32::MAX),
        cosigners: u32::try_from(answers.len()).unwrap_or(u32::MAX),
        in_force: acknowledged >= genesis.head().grant_size(),
        answers,
        certificate: None,
    })
}

/// The freezes that were handed in and not lifted, oldest first.
pub(crate) fn freezes(core: &Core) -> Vec<FreezeView> {
    let workspace = core.workspace();
    let genesis = workspace.genesis.as_ref();
    let (needed, cosigners) =
        genesis.map_or((usize::MAX, 0), |g| (g.head().grant_size(), u32::from(g.head().parties())));
    let name = |vault| workspace.policy.as_ref().and_then(|p| p.set.vault(vault)).map(|v| v.name.clone());
    let view = |(digest, kept): (&Digest, &Kept)| {
        let BrakeAction::Freeze { target } = kept.brake.action else { return None };
        let (of, vault, wallet) = match target {
            FreezeTarget::Workspace => ("workspace", None, None),
            FreezeTarget::Vault(vault) => ("vault", Some(vault), None),
            FreezeTarget::Wallet(wallet) => ("wallet", Some(wallet.vault), Some(wallet.wallet)),
        };
        let acknowledged = kept.answers.values().filter(|code| code.is_none()).count();
        Some(FreezeView {
            digest: *digest,
            id: kept.brake.id,
            by: kept.brake.by,
            of,
            vault: vault.and_then(name),
            wallet,
            issued_at: kept.brake.issued_at,
            acknowledged: u32::try_from(acknowledged).unwrap_or(u32::MAX),
            cosigners,
            in_force: acknowledged >= needed,
            document: STANDARD.encode(cbor::encode(&kept.signed)),
        })
    };
    let mut all: Vec<FreezeView> = lock(&core.brakes).0.iter().filter_map(view).collect();
    all.sort_by_key(|f| (f.issued_at, f.digest));
    all
}

/// Hands brakes to cosigners that were away, whenever one's health changes, at most once in a sweep.
pub(crate) async fn keep(core: Arc<Core>) {
    let mut changed = core.ports.cosigners.changed();
    loop {
        let there: Vec<PartyIndex> = core
            .ports
            .cosigners
            .health()
            .iter()
            .filter(|h| h.connected && h.status.is_some())
            .map(|h| h.party)
            .collect();
        let waiting = |kept: &Kept| {
            let open = |said: Option<&Option<String>>| match said {
                None => true,
                Some(None) => false,
                Some(Some(code)) => !FOR_GOOD.contains(&code.as_str()),
            };
            there.iter().any(|p| open(kept.answers.get(p)))
        };
        let behind: Vec<Digest> =
            lock(&core.brakes).0.iter().filter(|(_, kept)| waiting(kept)).map(|(digest, _)| *digest).collect();
        for digest in behind {
            let _one = core.braking.lock().await;
            if let Err(error) = ask(&core, &digest, &there).await {
                tracing::warn!(code = error.code, brake = %digest, "what cosigners said of a brake was not stored");
            }
        }
        tokio::time::sleep(Duration::from_millis(core.config.sweep_ms.min(1_000))).await;
        if changed.changed().await.is_err() {
            return;
        }
    }
}
