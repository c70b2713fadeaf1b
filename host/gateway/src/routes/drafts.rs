//! The way of a policy change: drafted, looked at, signed one by one, published. Cosigners take only what the quorum signed.

use super::answer;
use crate::access::POLICY_DOCUMENT_BYTES;
use crate::admit::Caller;
use crate::api::Api;
use crate::codes::Code;
use crate::extract::{Asked, Id, document};
use crate::model;
use crate::permission::Sight;
use crate::problem::Problem;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use ringi_orchestrator::service::DraftSignatures;
use ringi_primitives::cbor;
use ringi_primitives::digest::Digest;
use ringi_primitives::signed::PersonSignature;
use serde::Deserialize;
use std::sync::Arc;
use utoipa::IntoParams;

/// A detached signature at most, bytes.
const SIGNATURE_BYTES: usize = 1024;
/// Transfers that a draft is held against where the caller does not say.
const LAST: u32 = 100;
/// And at most.
const LAST_MOST: u32 = 200;

fn named(id: &str) -> Result<Digest, Problem> {
    Digest::from_hex(id).ok_or_else(|| Problem::of(Code::RequestId))
}

/// Keep a draft of the next policy set: a document without signatures, on the set in force, without an error of lint.
///
/// The same draft again says how it stands. At most 16 are kept.
#[utoipa::path(post, path = "/v1/policy/drafts", tag = "policy", operation_id = "draftPolicy",
    request_body(content = Vec<u8>, content_type = "application/cbor", description = "A document without signatures."),
    responses((status = 200, description = "The draft.", body = model::PolicyDraft)))]
pub(crate) async fn add(State(api): State<Arc<Api>>, caller: Caller, body: Bytes) -> Result<Response, Problem> {
    let set = document(&body, POLICY_DOCUMENT_BYTES)?;
    Ok(answer(StatusCode::OK, &api.service.draft_policy(set, caller.view.person).await?))
}

/// List the drafts, oldest first.
#[utoipa::path(get, path = "/v1/policy/drafts", tag = "policy", operation_id = "listPolicyDrafts",
    responses((status = 200, description = "The drafts.", body = model::PolicyDrafts)))]
pub(crate) async fn list(State(api): State<Arc<Api>>) -> Result<Response, Problem> {
    Ok(answer(StatusCode::OK, &serde_json::json!({ "items": api.service.drafts()? })))
}

/// Against how much of the past.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DraftQuery {
    /// Transfers to replay, the newest: 1 to 200; 100 where absent.
    #[param(minimum = 1, maximum = 200)]
    last: Option<u32>,
}

/// Read a draft: its document, what lint says, what changes, and which verdicts on the last transfers would change.
#[utoipa::path(get, path = "/v1/policy/drafts/{id}", tag = "policy", operation_id = "readPolicyDraft",
    params(("id" = String, Path, description = "The document's digest, hex."), DraftQuery),
    responses((status = 200, description = "The draft.", body = model::PolicyDraftDetail)))]
pub(crate) async fn read(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Id(id): Id<String>,
    Asked(query): Asked<DraftQuery>,
) -> Result<Response, Problem> {
    let last = query.last.unwrap_or(LAST);
    if !(1..=LAST_MOST).contains(&last) {
        return Err(Problem::because(Code::RequestQuery, format!("last is 1 to {LAST_MOST}")));
    }
    let mut draft = api.service.draft(named(&id)?, last).await?;
    // Of transfers only those that the caller may see.
    let sight = Sight::new(&api, &caller);
    let (mut changed, mut not_compared) = (Vec::new(), Vec::new());
    for one in draft.preview.changed {
        if sight.of_transfer(one.intent).await? {
            changed.push(one);
        }
    }
    for one in draft.preview.not_compared {
        if sight.of_transfer(one.intent).await? {
            not_compared.push(one);
        }
    }
    (draft.preview.changed, draft.preview.not_compared) = (changed, not_compared);
    Ok(answer(StatusCode::OK, &draft))
}

/// Add an admin's signature over the digest that names the draft: alone, or in the signed document. Verified at once.
#[utoipa::path(post, path = "/v1/policy/drafts/{id}/signatures", tag = "policy", operation_id = "signPolicyDraft",
    params(("id" = String, Path, description = "The document's digest, hex.")),
    request_body(content = Vec<u8>, content_type = "application/cbor", description = "A person's signature, or the signed document."),
    responses((status = 200, description = "The draft with its signatures.", body = model::PolicyDraft)))]
pub(crate) async fn sign(State(api): State<Arc<Api>>, Id(id): Id<String>, body: Bytes) -> Result<Response, Problem> {
    let given = match cbor::decode::<PersonSignature>(&body, SIGNATURE_BYTES) {
        Ok(signature) => DraftSignatures::Detached(signature),
        Err(_) => DraftSignatures::Document(document(&body, POLICY_DOCUMENT_BYTES)?),
    };
    Ok(answer(StatusCode::OK, &api.service.sign_draft(named(&id)?, given).await?))
}

/// Install a draft that the admin quorum signed (rule P1); it is a draft no more.
#[utoipa::path(post, path = "/v1/policy/drafts/{id}/publish", tag = "policy", operation_id = "publishPolicyDraft",
    params(("id" = String, Path, description = "The document's digest, hex.")),
    responses((status = 200, description = "k of n.", body = model::Installation)))]
pub(crate) async fn publish(State(api): State<Arc<Api>>, Id(id): Id<String>) -> Result<Response, Problem> {
    Ok(answer(StatusCode::OK, &api.service.publish_draft(named(&id)?).await?))
}

/// Discard a draft. The answer says what it was.
#[utoipa::path(delete, path = "/v1/policy/drafts/{id}", tag = "policy", operation_id = "discardPolicyDraft",
    params(("id" = String, Path, description = "The document's digest, hex.")),
    responses((status = 200, description = "What it was.", body = model::PolicyDraft)))]
pub(crate) async fn discard(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Id(id): Id<String>,
) -> Result<Response, Problem> {
    Ok(answer(StatusCode::OK, &api.service.discard_draft(named(&id)?, caller.view.person).await?))
}
