//! Drafts of the next policy set: kept, held against the set in force, signed one by one, put in force by a quorum.
//!
//! A draft is named by its document's digest: what admins sign. All that is said of it here is advice; whoever signs rebuilds it
//! from the document's bytes, and cosigners take only what the admin quorum signed (rules G3, P1).

use crate::core::{Core, lock, notice};
use crate::documents;
use crate::error::ServiceError;
use crate::ports::{Commit, DraftRecord, Page, TransferFilter, Write};
use crate::render::is_independent;
use crate::service::{DraftDetail, DraftSignatures, DraftSignerView, DraftView, Installation};
use crate::workspace::{InForce, Workspace};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ringi_policy_tools::diff::diff;
use ringi_policy_tools::lint::{Finding, Severity, lint};
use ringi_policy_tools::preview::{Past, Preview, preview};
use ringi_primitives::cbor;
use ringi_primitives::digest::{Digest, Domain};
use ringi_primitives::genesis::Genesis;
use ringi_primitives::id::PersonId;
use ringi_primitives::intent::Intent;
use ringi_primitives::policy_set::PolicySet;
use ringi_primitives::signed::{PersonSignature, Signed};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Drafts at once: each may be as long as a policy set.
const MOST: usize = 16;
/// Transfers that one page of the store gives.
const PAGE: u32 = 200;

/// By the digest of the document.
pub(crate) type Drafts = BTreeMap<Digest, DraftRecord>;

/// What the store kept; a draft that came in force in the process's last moment is none any more.
pub(crate) fn load(records: &[DraftRecord], workspace: &Workspace) -> Drafts {
    let in_force = workspace.policy.as_ref().map(|p| p.digest);
    let all = records.iter().map(|r| (r.signed.digest(Domain::PolicySet), r.clone()));
    all.filter(|(id, _)| Some(*id) != in_force).collect()
}

/// Keeps a draft. The same again says how it stands.
pub(crate) async fn add(core: &Core, signed: Signed, by: PersonId) -> Result<DraftView, ServiceError> {
    let _one = core.drafting.lock().await;
    let workspace = core.workspace();
    let set = InForce::read(&signed, workspace.genesis()?)?;
    documents::succeeds(&workspace, &set)?;
    if !signed.signatures.is_empty() {
        let message = "a draft begins without signatures";
        return Err(ServiceError::bad_request(
            "draft.signed",
            message,
            "Add each signature to the draft once it is kept.",
        ));
    }
    let errors: Vec<String> = findings(core, &set)
        .await?
        .into_iter()
        .filter(|f| f.severity == Severity::Error)
        .map(|f| format!("{}: {}: {} ({})", f.vault, f.rule, f.text, f.code))
        .collect();
    if !errors.is_empty() {
        return Err(ServiceError::unprocessable(
            "draft.findings",
            errors.join("; "),
            "Correct the rules that are named.",
        ));
    }
    let id = signed.digest(Domain::PolicySet);
    if !lock(&core.drafts).contains_key(&id) {
        if lock(&core.drafts).len() >= MOST {
            let message = format!("{MOST} drafts are kept, and no more");
            return Err(ServiceError::conflict("draft.too_many", message, "Discard one that is not wanted any more."));
        }
        let record = DraftRecord { signed, by, at: core.now() };
        keep(core, id, record, "policy.drafted", json!({ "id": id, "sequence": set.sequence, "by": by })).await?;
    }
    view(core, id)
}

async fn keep(
    core: &Core,
    id: Digest,
    record: DraftRecord,
    kind: &str,
    data: serde_json::Value,
) -> Result<(), ServiceError> {
    let (event, audit) = notice(core.now(), kind, id.hex(), data);
    let writes = vec![Write::Draft(Box::new(record.clone()))];
    core.commit(Commit { writes, events: vec![event], audit: vec![audit] }).await?;
    lock(&core.drafts).insert(id, record);
    Ok(())
}

fn find(core: &Core, id: Digest) -> Result<DraftRecord, ServiceError> {
    lock(&core.drafts).get(&id).cloned().ok_or_else(|| ServiceError::not_found("draft"))
}

/// Adds admins' signatures: each must be over this document, by an admin of the genesis in force.
pub(crate) async fn sign(core: &Core, id: Digest, given: DraftSignatures) -> Result<DraftView, ServiceError> {
    let _one = core.drafting.lock().await;
    let mut record = find(core, id)?;
    let workspace = core.workspace();
    fresh(&workspace, &record)?;
    let given = match given {
        DraftSignatures::Detached(signature) => vec![signature],
        DraftSignatures::Document(signed) if signed.body == record.signed.body => signed.signatures,
        DraftSignatures::Document(_) => {
            let message = "the signed document is another one than this draft";
            return Err(ServiceError::bad_request("draft.other", message, "Sign the document that the draft holds."));
        }
    };
    let head = workspace.genesis()?.head();
    given.iter().try_for_each(|signature| check(head, &id, signature))?;
    let held = |of: &PersonSignature, all: &[PersonSignature]| all.iter().any(|s| s.person == of.person);
    let mut signers = Vec::new();
    for signature in given {
        if !held(&signature, &record.signed.signatures) {
            signers.push(signature.person);
            record.signed.signatures.push(signature);
        }
    }
    if signers.is_empty() {
        let message = "the draft has this admin's signature already";
        return Err(ServiceError::conflict(
            "draft.signed_already",
            message,
            "Have another admin sign it, or publish it.",
        ));
    }
    record.signed.signatures.sort_by_key(|s| s.person);
    keep(core, id, record, "policy.draft_signed", json!({ "id": id, "by": signers })).await?;
    view(core, id)
}

/// G3: an admin's key of genesis, and a signature over the document's digest.
fn check(head: &Genesis, id: &Digest, signature: &PersonSignature) -> Result<(), ServiceError> {
    let known = head.admins.iter().any(|a| a.id == signature.person && a.key == signature.key);
    if !known {
        let message = "the signature is of nobody who is an admin of genesis";
        return Err(ServiceError::forbidden("draft.signer", message, "Sign with an admin's key."));
    }
    if !signature.key.verifies_digest(id, &signature.signature) {
        let message = "the signature does not verify over the draft's digest";
        return Err(ServiceError::unprocessable("draft.signature", message, "Sign the digest that names the draft."));
    }
    Ok(())
}

/// Refuses a draft that does not follow the set in force any more.
fn fresh(workspace: &Workspace, record: &DraftRecord) -> Result<(), ServiceError> {
    let set = InForce::read(&record.signed, workspace.genesis()?)?;
    documents::succeeds(workspace, &set).map_err(|_| {
        let message = "another policy set came in force since it was drafted";
        ServiceError::conflict("draft.stale", message, "Plan the change anew on the set in force.")
    })
}

/// Puts a draft in force that a quorum signed, as [`documents::policy`] does with any signed set.
pub(crate) async fn publish(core: &Arc<Core>, id: Digest) -> Result<Installation, ServiceError> {
    let _one = core.drafting.lock().await;
    let record = find(core, id)?;
    fresh(&core.workspace(), &record)?;
    let done = documents::policy(core, record.signed).await?;
    core.commit(Commit { writes: vec![Write::DraftEnded { digest: id }], ..Commit::default() }).await?;
    lock(&core.drafts).remove(&id);
    Ok(done)
}

/// Forgets a draft; says what it was.
pub(crate) async fn discard(core: &Core, id: Digest, by: PersonId) -> Result<DraftView, ServiceError> {
    let _one = core.drafting.lock().await;
    let last = view(core, id)?;
    let (event, audit) = notice(core.now(), "policy.draft_discarded", id.hex(), json!({ "id": id, "by": by }));
    let writes = vec![Write::DraftEnded { digest: id }];
    core.commit(Commit { writes, events: vec![event], audit: vec![audit] }).await?;
    lock(&core.drafts).remove(&id);
    Ok(last)
}

/// All drafts, oldest first.
pub(crate) fn all(core: &Core) -> Result<Vec<DraftView>, ServiceError> {
    let mut views: Vec<DraftView> = {
        let ids: Vec<Digest> = lock(&core.drafts).keys().copied().collect();
        ids.into_iter().map(|id| view(core, id)).collect::<Result<_, _>>()?
    };
    views.sort_by_key(|v| (v.drafted_at, v.id));
    Ok(views)
}

fn view(core: &Core, id: Digest) -> Result<DraftView, ServiceError> {
    let record = find(core, id)?;
    let workspace = core.workspace();
    let genesis = workspace.genesis()?;
    let (head, set) = (genesis.head(), InForce::read(&record.signed, genesis)?);
    let admin = |person: PersonId| head.admins.iter().find(|a| a.id == person).map(|a| a.name.clone());
    let signer = |person: PersonId| DraftSignerView { person, name: admin(person).unwrap_or_default() };
    // Genesis may have changed since: whoever is no admin any more counts no more.
    let is_admin = |p: &PersonId, k: &_| head.admins.iter().any(|a| a.id == *p && a.key == *k);
    let signatures: Vec<_> =
        record.signed.verified_people(Domain::PolicySet, is_admin).into_iter().map(signer).collect();
    let complete = head.quorum_signed(&record.signed, Domain::PolicySet);
    let state = match (fresh(&workspace, &record).is_ok(), complete) {
        (false, _) => "stale",
        (true, false) => "open",
        (true, true) => "ready",
    };
    let by = workspace.policy.as_ref().and_then(|p| p.set.people.iter().find(|x| x.id == record.by));
    Ok(DraftView {
        id,
        sequence: set.sequence,
        state,
        drafted_by: record.by,
        drafted_by_name: admin(record.by).or_else(|| by.map(|p| p.name.clone())),
        drafted_at: record.at,
        signatures,
        quorum: head.admin_quorum,
    })
}

/// A draft with its document, what lint says, and what would change, also of the last transfers' verdicts.
pub(crate) async fn read(core: &Core, id: Digest, last: u32) -> Result<DraftDetail, ServiceError> {
    let (draft, record) = (view(core, id)?, find(core, id)?);
    let workspace = core.workspace();
    let before = workspace.policy()?.clone();
    let after = InForce::read(&record.signed, workspace.genesis()?)?;
    Ok(DraftDetail {
        draft,
        document: STANDARD.encode(cbor::encode(&record.signed)),
        findings: findings(core, &after).await?,
        changes: diff(&before.set, &after),
        preview: replay(core, &before.set, &after, last).await?,
    })
}

/// What lint says. It searches over all inputs: a large set takes a second, which holds up nothing else.
async fn findings(core: &Core, set: &PolicySet) -> Result<Vec<Finding>, ServiceError> {
    let (set, now) = (set.clone(), core.now());
    let found = tokio::task::spawn_blocking(move || lint(&set, now)).await;
    found.map_err(|_| ServiceError::internal("the policy set could not be linted"))
}

async fn replay(core: &Core, before: &PolicySet, after: &PolicySet, last: u32) -> Result<Preview, ServiceError> {
    let page = Page { cursor: None, limit: last.min(PAGE) };
    let (records, _) = core.ports.store.transfers(&TransferFilter::default(), &page).await?;
    let mut past = Vec::with_capacity(records.len());
    for record in records.into_iter().rev() {
        let header = record.header;
        let intent =
            Intent::parse(&header.body).map_err(|_| ServiceError::internal("a stored intent does not parse"))?;
        let given = core.ports.store.approvals(header.id).await?;
        past.push(Past {
            intent,
            root: header.root,
            wallet: header.wallet,
            initiator: header.initiator,
            approvals: given.iter().map(|(_, a)| a.person).collect(),
            independent: given.iter().filter(|(_, a)| is_independent(a)).map(|(_, a)| a.person).collect(),
            at: header.created_at,
        });
    }
    Ok(preview(before, after, &past))
}
