//! Transfers, their approvals and receipts.

use super::answer;
use crate::admit::Caller;
use crate::api::Api;
use crate::codes::Code;
use crate::envelope as words;
use crate::extract::{Asked, Id, json, page};
use crate::model::{self, NewApproval};
use crate::permission::Sight;
use crate::problem::Problem;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use ringi_orchestrator::ports::TransferFilter;
use ringi_orchestrator::service::SubmitMode;
use ringi_orchestrator::transfer::Status;
use ringi_primitives::approval::Approval;
use ringi_primitives::id::{IntentId, WalletId};
use ringi_primitives::limits;
use ringi_primitives::policy_set::PolicySet;
use serde::Deserialize;
use std::sync::Arc;
use utoipa::IntoParams;

/// Submit an intent.
///
/// The body's verbatim bytes are what the caller signs and what every cosigner verifies (rule I1). Answers at once; the
/// rest arrives by events or by reading. The same intent again answers 200 with the transfer as it stands.
#[utoipa::path(post, path = "/v1/transfers", tag = "transfers", operation_id = "submitTransfer",
    request_body(content = model::Intent, content_type = "application/json", description = "An intent."),
    responses(
        (status = 201, description = "Taken.", body = model::Submission),
        (status = 200, description = "Taken before.", body = model::Submission)))]
pub(crate) async fn submit(State(api): State<Arc<Api>>, caller: Caller, body: Bytes) -> Result<Response, Problem> {
    let submission = api.service.submit(&body, &caller.signature, SubmitMode::Keep).await?;
    let status = if submission.outcome == "created" { StatusCode::CREATED } else { StatusCode::OK };
    Ok(answer(status, &submission))
}

/// Plan and decide an intent without keeping it.
///
/// It has a path of its own because the path is signed: a signature made for a dry run is refused by every cosigner, so
/// nobody between client and cosigners can turn it into a payment.
#[utoipa::path(post, path = "/v1/transfers/dry-run", tag = "transfers", operation_id = "dryRunTransfer",
    request_body(content = model::Intent, content_type = "application/json", description = "An intent."),
    responses((status = 200, description = "What would happen.", body = model::Submission)))]
pub(crate) async fn dry_run(State(api): State<Arc<Api>>, caller: Caller, body: Bytes) -> Result<Response, Problem> {
    let submission = api.service.submit(&body, &caller.signature, SubmitMode::DryRun).await?;
    Ok(answer(StatusCode::OK, &submission))
}

/// Which transfers to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TransferQuery {
    /// The `next` of the page before.
    cursor: Option<String>,
    /// At most this many, 1 to 200; 50 where absent.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// Of this wallet.
    #[param(value_type = Option<String>)]
    wallet: Option<String>,
    /// With this status.
    status: Option<String>,
    /// With this reference.
    reference: Option<String>,
}

/// List transfers, newest first.
#[utoipa::path(get, path = "/v1/transfers", tag = "transfers", operation_id = "listTransfers", params(TransferQuery),
    responses((status = 200, description = "A page.", body = model::Listing<model::Transfer>)))]
pub(crate) async fn list(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Asked(query): Asked<TransferQuery>,
) -> Result<Response, Problem> {
    let wallet: Option<WalletId> = match query.wallet.as_deref().map(str::parse) {
        None => None,
        Some(Ok(id)) => Some(id),
        Some(Err(_)) => return Err(Problem::because(Code::RequestQuery, "wallet is no wallet id")),
    };
    if query.status.as_deref().is_some_and(|name| Status::from_name(name).is_none()) {
        return Err(Problem::because(Code::RequestQuery, "status is no status of a transfer"));
    }
    let page = page(query.cursor, query.limit)?;
    let filter = TransferFilter { wallet, status: query.status, reference: query.reference };
    let mut page = api.service.transfers(&filter, &page).await?;
    let mut sight = Sight::new(&api, &caller);
    let mut shown = Vec::with_capacity(page.items.len());
    for item in page.items {
        if sight.of("readTransfer", item.wallet).await? {
            shown.push(item);
        }
    }
    page.items = shown;
    Ok(answer(StatusCode::OK, &page))
}

/// Read a transfer.
#[utoipa::path(get, path = "/v1/transfers/{id}", tag = "transfers", operation_id = "readTransfer",
    params(("id" = String, Path, description = "The intent's id.")),
    responses((status = 200, description = "The transfer.", body = model::Transfer)))]
pub(crate) async fn read(State(api): State<Arc<Api>>, Id(id): Id<IntentId>) -> Result<Response, Problem> {
    Ok(answer(StatusCode::OK, &api.service.transfer(id).await?))
}

/// Withdraw a transfer that no cosigner has seen. Later ones need an intent that replaces it.
#[utoipa::path(post, path = "/v1/transfers/{id}/cancel", tag = "transfers", operation_id = "cancelTransfer",
    params(("id" = String, Path, description = "The intent's id.")),
    responses((status = 200, description = "Withdrawn.", body = model::Transfer)))]
pub(crate) async fn cancel(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Id(id): Id<IntentId>,
) -> Result<Response, Problem> {
    Ok(answer(StatusCode::OK, &api.service.cancel(id, caller.view.person).await?))
}

/// Add an approval (rule I2). Its own signature counts; who sends it does not.
#[utoipa::path(post, path = "/v1/transfers/{id}/approvals", tag = "transfers", operation_id = "approveTransfer",
    params(("id" = String, Path, description = "The intent's id.")), request_body = NewApproval,
    responses((status = 200, description = "The transfer with its approvals.", body = model::Transfer)))]
pub(crate) async fn approve(
    State(api): State<Arc<Api>>,
    Id(id): Id<IntentId>,
    body: Bytes,
) -> Result<Response, Problem> {
    let given: NewApproval = json(&body)?;
    let wrong = "neither key and signature (base64 of 64 bytes) nor a passkey's answer (base64url)";
    let evidence = given.evidence().ok_or_else(|| Problem::because(Code::RequestBody, wrong))?;
    let approval = Approval { person: given.person, evidence };
    Ok(answer(StatusCode::OK, &api.service.approve(id, approval).await?))
}

/// Read what approvers sign.
#[utoipa::path(get, path = "/v1/transfers/{id}/approval-envelope", tag = "transfers", operation_id = "readEnvelope",
    params(("id" = String, Path, description = "The intent's id.")),
    responses((status = 200, description = "The envelope.", body = model::EnvelopeView)))]
pub(crate) async fn envelope(State(api): State<Arc<Api>>, Id(id): Id<IntentId>) -> Result<Response, Problem> {
    let transfer = api.service.transfer(id).await?;
    let text = transfer.envelope.ok_or_else(|| Problem::of(Code::TransferNoEnvelope))?;
    Ok(answer(StatusCode::OK, &words::view(&text, &policy_set(&api)?)?))
}

/// The policy set in force, decoded.
pub(super) fn policy_set(api: &Api) -> Result<PolicySet, Problem> {
    let policy = api.service.policy().ok_or_else(|| Problem::of(Code::PolicyNone))?;
    policy.signed.decode_unverified(limits::POLICY_BYTES).map_err(|_| Problem::of(Code::InternalBug))
}

/// Read a transfer's receipt, deterministic CBOR (rule R1).
#[utoipa::path(get, path = "/v1/transfers/{id}/receipt", tag = "transfers", operation_id = "readReceipt",
    params(("id" = String, Path, description = "The intent's id.")),
    responses((status = 200, description = "The receipt.", content_type = "application/cbor", body = Vec<u8>)))]
pub(crate) async fn receipt(State(api): State<Arc<Api>>, Id(id): Id<IntentId>) -> Result<Response, Problem> {
    let receipt = api.service.receipt(id).await?;
    Ok(([("content-type", "application/cbor")], receipt.bytes).into_response())
}
