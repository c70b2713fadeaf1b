//! Freezes, vetoes and withdrawals (rule P1). Each body is a signed document: its own signature counts, who sends it does not.

use super::answer;
use crate::access::{BRAKE_BYTES, ORDER_BYTES};
use crate::api::Api;
use crate::extract::{Id, document};
use crate::model;
use crate::problem::Problem;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use ringi_primitives::id::IntentId;
use std::sync::Arc;

/// Freeze a wallet, a vault or everything, by any one of the policy set's freezers (rule P1).
///
/// In force once n-t+1 cosigners hold it; those that are away are told again. The same freeze again says how it stands.
#[utoipa::path(post, path = "/v1/freezes", tag = "brakes", operation_id = "freeze",
    request_body(content = Vec<u8>, content_type = "application/cbor", description = "A signed brake."),
    responses((status = 200, description = "k of n.", body = model::Installation)))]
pub(crate) async fn freeze(State(api): State<Arc<Api>>, body: Bytes) -> Result<Response, Problem> {
    let brake = document(&body, BRAKE_BYTES)?;
    Ok(answer(StatusCode::OK, &api.service.freeze(brake).await?))
}

/// List the freezes that are not lifted, oldest first.
#[utoipa::path(get, path = "/v1/freezes", tag = "brakes", operation_id = "listFreezes",
    responses((status = 200, description = "The freezes.", body = model::Freezes)))]
pub(crate) async fn list(State(api): State<Arc<Api>>) -> Result<Response, Problem> {
    Ok(answer(StatusCode::OK, &serde_json::json!({ "items": api.service.freezes() })))
}

/// Lift the freezes that an order of the admins names, and no other (rules G2, P1).
#[utoipa::path(post, path = "/v1/freezes/lift", tag = "brakes", operation_id = "liftFreezes",
    request_body(content = Vec<u8>, content_type = "application/cbor", description = "A signed order."),
    responses((status = 200, description = "k of n.", body = model::Installation)))]
pub(crate) async fn lift(State(api): State<Arc<Api>>, body: Bytes) -> Result<Response, Problem> {
    let order = document(&body, ORDER_BYTES)?;
    Ok(answer(StatusCode::OK, &api.service.lift_freezes(order).await?))
}

/// Veto a transfer that is not signed, by any one of the policy set's vetoers (rule P1).
#[utoipa::path(post, path = "/v1/transfers/{id}/veto", tag = "brakes", operation_id = "vetoTransfer",
    params(("id" = String, Path, description = "The intent's id.")),
    request_body(content = Vec<u8>, content_type = "application/cbor", description = "A signed brake."),
    responses((status = 200, description = "k of n.", body = model::Installation)))]
pub(crate) async fn veto(State(api): State<Arc<Api>>, Id(id): Id<IntentId>, body: Bytes) -> Result<Response, Problem> {
    let brake = document(&body, BRAKE_BYTES)?;
    Ok(answer(StatusCode::OK, &api.service.veto(id, brake).await?))
}

/// Withdraw one's own transfer before it is signed, at every cosigner (rule P1).
#[utoipa::path(post, path = "/v1/transfers/{id}/withdraw", tag = "brakes", operation_id = "withdrawTransfer",
    params(("id" = String, Path, description = "The intent's id.")),
    request_body(content = Vec<u8>, content_type = "application/cbor", description = "A signed brake."),
    responses((status = 200, description = "k of n.", body = model::Installation)))]
pub(crate) async fn withdraw(
    State(api): State<Arc<Api>>,
    Id(id): Id<IntentId>,
    body: Bytes,
) -> Result<Response, Problem> {
    let brake = document(&body, BRAKE_BYTES)?;
    Ok(answer(StatusCode::OK, &api.service.withdraw(id, brake).await?))
}
