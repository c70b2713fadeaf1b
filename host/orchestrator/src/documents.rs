//! Documents of the admins: checked here, stored, handed to every cosigner, answered as k of n (rules G1, G2, P1).

use crate::core::{Core, lock, notice};
use crate::error::ServiceError;
use crate::ports::{Acknowledgement, Commit, Document, DocumentAnswer, Write};
use crate::render;
use crate::roles;
use crate::service::Installation;
use crate::upgrade::{self, Upgraded};
use crate::wallets;
use crate::workspace::{InForce, Workspace};
use crate::{approve, brakes};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ringi_primitives::cbor;
use ringi_primitives::certificate::SignedCertificate;
use ringi_primitives::digest::{Digest, Domain};
use ringi_primitives::genesis::{GenesisChain, GenesisError};
use ringi_primitives::id::OrderId;
use ringi_primitives::limits;
use ringi_primitives::order::{Order, OrderAction};
use ringi_primitives::policy_set::PolicySet;
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::signed::Signed;
use ringi_primitives::time::UnixMs;
use ringi_primitives::wire::Recovery;
use serde_json::json;
use std::sync::Arc;

/// What a cosigner says of a set that is announced and not due (rule P1).
const PENDING: &str = "policy.pending";
const SIGN_AGAIN: &str = "Have the admins sign it again.";

pub(crate) fn parties(genesis: &GenesisChain) -> Vec<PartyIndex> {
    genesis.head().cosigners.iter().map(|c| c.index).collect()
}

fn holds(answer: &DocumentAnswer) -> bool {
    !matches!(answer, DocumentAnswer::Refused(_) | DocumentAnswer::Unreachable)
}

fn installation(document: &'static str, digest: Digest, needed: usize, answers: &[Acknowledgement]) -> Installation {
    let acknowledged = answers.iter().filter(|a| holds(&a.answer)).count();
    Installation {
        document,
        digest,
        order: None,
        acknowledged: u32::try_from(acknowledged).unwrap_or(u32::MAX),
        cosigners: u32::try_from(answers.len()).unwrap_or(u32::MAX),
        in_force: acknowledged >= needed,
        answers: answers.iter().map(render::answer).collect(),
        certificate: None,
    }
}

pub(crate) async fn genesis(core: &Arc<Core>, versions: Vec<Signed>) -> Result<Installation, ServiceError> {
    let _one = core.documents.lock().await;
    // G1: every admin signed the first version, each quorum the next.
    let chain = GenesisChain::verify(&versions).map_err(|e| bad_genesis(&e))?;
    let workspace = core.workspace();
    let known = workspace.versions.len();
    if workspace.versions.iter().ne(versions.iter().take(known)) {
        let message = "these versions do not continue the genesis of this workspace";
        return Err(ServiceError::conflict("genesis.other", message, "One data folder serves one workspace."));
    }
    if versions.len() > known {
        let at = core.now();
        core.commit(genesis_commit(at, &chain, &versions, known)).await?;
        roles::enter(core, roles::founded(&versions, known, at));
        let genesis = Some(Arc::new(chain.clone()));
        core.set_workspace(Workspace { versions: versions.clone(), genesis, ..(*workspace).clone() });
    }
    let to = parties(&chain);
    let answers = core.ports.cosigners.install(Document::Genesis(versions), &to).await;
    Ok(installation("genesis", chain.head_digest(), to.len(), &answers))
}

/// Stores the versions behind those that are known.
pub(crate) fn genesis_commit(now: UnixMs, chain: &GenesisChain, versions: &[Signed], known: usize) -> Commit {
    let numbered = versions.iter().zip(0u64..).skip(known);
    let documents = numbered.map(|(v, sequence)| Write::Genesis { sequence, signed: Box::new(v.clone()) });
    let owners = roles::founded(versions, known, now).into_iter().map(Write::Role);
    let writes = documents.chain(owners).collect();
    let data = json!({ "root": chain.root(), "head": chain.head_digest() });
    let (event, audit) = notice(now, "genesis.installed", chain.head_digest().hex(), data);
    Commit { writes, events: vec![event], audit: vec![audit] }
}

fn bad_genesis(error: &GenesisError) -> ServiceError {
    let code = match error {
        GenesisError::Malformed => "genesis.malformed",
        GenesisError::Field(_) => "genesis.field",
        GenesisError::Signatures => "genesis.signatures",
        GenesisError::Succession(_) => "genesis.succession",
    };
    ServiceError::bad_request(code, error.to_string(), SIGN_AGAIN)
}

pub(crate) async fn policy(core: &Arc<Core>, signed: Signed) -> Result<Installation, ServiceError> {
    let _one = core.documents.lock().await;
    let workspace = core.workspace();
    let genesis = workspace.genesis()?.clone();
    let next = InForce::verify(signed, &genesis)?;
    let (digest, sequence) = (next.digest, next.set.sequence);
    let known = workspace.policy.as_ref().is_some_and(|p| p.digest == digest);
    if !known {
        succeeds(&workspace, &next.set)?;
    }
    let to = parties(&genesis);
    let answers = core.ports.cosigners.install(Document::Policy(next.signed.clone()), &to).await;
    let installation = installation("policy", digest, genesis.head().grant_size(), &answers);
    if known {
        return Ok(installation);
    }
    if installation.acknowledged == 0 {
        note_announced(core, digest, &answers).await?;
        return Err(nobody_took_it(&answers));
    }
    let write = Write::Policy { sequence, digest, signed: Box::new(next.signed.clone()) };
    let data = json!({ "digest": digest, "sequence": sequence, "acknowledged": installation.acknowledged });
    let (event, audit) = notice(core.now(), "policy.installed", digest.hex(), data);
    core.commit(Commit { writes: vec![write], events: vec![event], audit: vec![audit] }).await?;
    core.set_workspace(workspace.with_policy(next));
    approve::redecide(core).await;
    let own = core.clone();
    core.spawn(async move { wallets::watch_all(&own).await });
    Ok(installation)
}

/// Sequences have no gaps and each set names the one before.
pub(crate) fn succeeds(workspace: &Workspace, next: &PolicySet) -> Result<(), ServiceError> {
    let (sequence, previous) = match &workspace.policy {
        Some(now) => (now.set.sequence.saturating_add(1), Some(now.digest)),
        None => (1, None),
    };
    if next.sequence == sequence && next.previous == previous {
        return Ok(());
    }
    let message = format!("the next policy set has sequence {sequence} and names the one before");
    Err(ServiceError::conflict("policy.succession", message, "Build it on the set in force."))
}

/// P1: a set that must wait is in the audit log from when cosigners heard of it.
async fn note_announced(core: &Core, digest: Digest, answers: &[Acknowledgement]) -> Result<(), ServiceError> {
    let waits = |a: &&Acknowledgement| matches!(&a.answer, DocumentAnswer::Refused(r) if r.code == PENDING);
    let heard = answers.iter().filter(waits).count();
    if heard == 0 {
        return Ok(());
    }
    let (event, audit) =
        notice(core.now(), "policy.announced", digest.hex(), json!({ "digest": digest, "acknowledged": heard }));
    core.commit(Commit { writes: vec![], events: vec![event], audit: vec![audit] }).await.map(|_| ())
}

fn nobody_took_it(answers: &[Acknowledgement]) -> ServiceError {
    let refusal = answers.iter().find_map(|a| match &a.answer {
        DocumentAnswer::Refused(refusal) => Some(refusal),
        _ => None,
    });
    match refusal {
        Some(r) if r.code == PENDING => {
            let message = format!("it is announced, and may come in force at {}", r.detail);
            ServiceError::conflict(PENDING, message, "Hand in the same document again then.")
        }
        Some(r) => {
            let message = format!("every cosigner that answered refused it: {}", r.detail);
            ServiceError::unprocessable(&r.code, message, "Correct the document.")
        }
        None => {
            let message = "no cosigner is reachable";
            ServiceError::unavailable("cosigner.unreachable", message, "Start the cosigners and try again.")
        }
    }
}

pub(crate) async fn order(core: &Arc<Core>, signed: Signed) -> Result<Installation, ServiceError> {
    let _one = core.documents.lock().await;
    let workspace = core.workspace();
    let genesis = workspace.genesis()?.clone();
    let order = check_order(core, &genesis, &signed)?;
    let digest = signed.digest(Domain::Order);
    let (to, document) = match order.action {
        OrderAction::Upgrade { cosigner, .. } => {
            (vec![cosigner], Document::Upgrade { genesis: workspace.versions.clone(), order: signed })
        }
        _ => (parties(&genesis), Document::Order(signed)),
    };
    let answers = core.ports.cosigners.install(document, &to).await;
    // A resume is for the boots it names; everything else is for all.
    let needed = match &order.action {
        OrderAction::Resume { boot_keys } => boot_keys.len(),
        OrderAction::Unfreeze { .. } => genesis.head().grant_size(),
        _ => to.len(),
    };
    let mut installation = installation("order", digest, needed, &answers);
    installation.order = Some(order.id);
    let certificate = certified(&genesis, &order, &answers)?;
    if installation.acknowledged == 0 {
        return Err(nobody_took_it(&answers));
    }
    installation.certificate = certificate.as_ref().map(|c| STANDARD.encode(cbor::encode(c)));
    record_order(core, order.id, installation.acknowledged, certificate.clone()).await?;
    note_upgrade(core, order.id, &answers).await?;
    if let OrderAction::Unfreeze { freezes } = &order.action {
        brakes::lifted(core, freezes).await?;
    }
    if let Some(certificate) = certificate {
        core.set_workspace(core.workspace().with_certificate(certificate));
        let own = core.clone();
        core.spawn(async move { wallets::watch_all(&own).await });
    }
    Ok(installation)
}

/// E1: which image a state went to, as both proved it.
async fn note_upgrade(core: &Core, order: OrderId, answers: &[Acknowledgement]) -> Result<(), ServiceError> {
    for Acknowledgement { party, answer } in answers {
        if let DocumentAnswer::Upgraded { from, to } = answer {
            let upgraded = Upgraded { cosigner: *party, order, from: from.clone(), to: to.clone() };
            core.commit(upgrade::entry(core.now(), &upgraded)).await?;
        }
    }
    Ok(())
}

/// K3: hands a recovery order and what its recipients opened to the cosigner that it names.
pub(crate) async fn recovery(core: &Arc<Core>, recovery: Recovery) -> Result<Installation, ServiceError> {
    let _one = core.documents.lock().await;
    let genesis = core.workspace().genesis()?.clone();
    let order = check_order(core, &genesis, &recovery.order)?;
    let (OrderAction::Recovery { cosigner, .. } | OrderAction::Drill { cosigner, .. }) = order.action else {
        return Err(ServiceError::bad_request("order.malformed", "the order is for no recovery", SIGN_AGAIN));
    };
    let digest = recovery.order.digest(Domain::Order);
    let document = Document::Recovery(Box::new(recovery));
    let answers = core.ports.cosigners.install(document, &[cosigner]).await;
    let mut installation = installation("recovery", digest, 1, &answers);
    installation.order = Some(order.id);
    if installation.acknowledged == 0 {
        return Err(nobody_took_it(&answers));
    }
    record_order(core, order.id, installation.acknowledged, None).await?;
    Ok(installation)
}

/// G2: signed by the admin quorum, for this workspace, in its time. Single use is the cosigners' to enforce.
fn check_order(core: &Core, genesis: &GenesisChain, signed: &Signed) -> Result<Order, ServiceError> {
    let refuse = |code: &str, message: &str| ServiceError::bad_request(code, message, SIGN_AGAIN);
    let order: Order = signed
        .decode_unverified(limits::GENESIS_BYTES)
        .map_err(|e| ServiceError::bad_request("order.malformed", e.to_string(), SIGN_AGAIN))?;
    let now = core.now();
    let life = order.expires_at.0.checked_sub(order.issued_at.0);
    let timely = life.is_some_and(|l| l <= limits::ORDER_LIFE_MS)
        && order.issued_at <= now.plus_ms(limits::CLOCK_SKEW_MS)
        && now < order.expires_at;
    match () {
        () if order.version != 1 => Err(refuse("order.version", "the order's version is not 1")),
        () if order.genesis != genesis.root() => Err(refuse("order.genesis", "the order is for another workspace")),
        () if !timely => {
            let message = "the order is outside its time";
            Err(ServiceError::unprocessable("order.expired", message, SIGN_AGAIN))
        }
        () if !genesis.head().quorum_signed(signed, Domain::Order) => {
            Err(refuse("order.signatures", "the order lacks the admin quorum"))
        }
        () => Ok(order),
    }
}

/// A1, K2: a certificate counts only if it is of the ordered key and all n signed it.
fn certified(
    genesis: &GenesisChain,
    order: &Order,
    answers: &[Acknowledgement],
) -> Result<Option<SignedCertificate>, ServiceError> {
    let wanted = match &order.action {
        OrderAction::KeyGeneration { key } | OrderAction::Refresh { key, .. } => *key,
        OrderAction::Resume { .. }
        | OrderAction::GiveBack { .. }
        | OrderAction::Upgrade { .. }
        | OrderAction::Recovery { .. }
        | OrderAction::Unfreeze { .. }
        | OrderAction::Drill { .. } => return Ok(None),
    };
    let given = answers.iter().find_map(|a| match &a.answer {
        DocumentAnswer::Order { certificate: Some(c) } => Some(c),
        _ => None,
    });
    let Some(certificate) = given else { return Ok(None) };
    let own = certificate.certificate.key == wanted && certificate.certificate.genesis == genesis.root();
    if own && certificate.signed_by_all(genesis.head()) {
        return Ok(Some(certificate.clone()));
    }
    let message = "a cosigner sent a key certificate that not all cosigners signed";
    Err(ServiceError::unprocessable("order.certificate", message, "Ask the cosigners for their status."))
}

async fn record_order(
    core: &Core,
    id: OrderId,
    acknowledged: u32,
    certificate: Option<SignedCertificate>,
) -> Result<(), ServiceError> {
    let data = json!({ "id": id, "acknowledged": acknowledged });
    let (event, audit) = notice(core.now(), "order.done", id.to_string(), data);
    let writes = certificate.into_iter().map(|c| Write::Certificate(Box::new(c))).collect();
    core.commit(Commit { writes, events: vec![event], audit: vec![audit] }).await.map(|_| ())
}

/// Gives the policy set in force to every connected cosigner that has another, whenever one's health changes (rule P1).
pub(crate) async fn keep_in_force(core: Arc<Core>) {
    let mut changed = core.ports.cosigners.changed();
    loop {
        let workspace = core.workspace();
        if let Some(policy) = &workspace.policy {
            let lacks = |h: &crate::ports::CosignerHealth| {
                h.connected && h.status.as_ref().is_some_and(|s| s.ready && s.policy != Some(policy.digest))
            };
            let behind: Vec<_> = core.ports.cosigners.health().iter().filter(|h| lacks(h)).map(|h| h.party).collect();
            if !behind.is_empty() {
                let _one = core.documents.lock().await;
                let current = core.workspace().policy.as_ref().is_some_and(|p| p.digest == policy.digest);
                if current {
                    core.ports.cosigners.install(Document::Policy(policy.signed.clone()), &behind).await;
                }
            }
        }
        // Also without a change: a set may be announced there, and become due.
        let sweep = tokio::time::sleep(std::time::Duration::from_millis(core.config.sweep_ms));
        tokio::select! {
            () = sweep => {}
            health = changed.changed() => if health.is_err() { return },
        }
    }
}

/// Wakes what waits for a time: expiries of transfers that wait for people.
pub(crate) async fn sweep(core: Arc<Core>) {
    loop {
        tokio::time::sleep(std::time::Duration::from_millis(core.config.sweep_ms)).await;
        let now = core.now();
        let cells: Vec<_> = lock(&core.live).values().cloned().collect();
        for cell in cells {
            let Ok(mut live) = cell.try_lock() else { continue };
            let waits = matches!(live.record.state, crate::transfer::Transfer::AwaitingApproval { .. });
            if waits && live.record.header.plan.expires_at <= now {
                let expired = crate::transfer::Event::Expired;
                if let Err(error) = core.apply(&mut live, expired, Vec::new()).await {
                    tracing::warn!(code = error.code, "an expiry was not stored");
                }
            }
        }
        // Nodes may be silent for long: look at what is on chain even without a block.
        let followers: Vec<_> = lock(&core.followers).values().cloned().collect();
        followers.iter().for_each(|f| f.wake.notify_one());
    }
}
