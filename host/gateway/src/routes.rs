//! The handlers: each reads its request, calls the service, and answers with its JSON.

mod access;
mod brakes;
mod documents;
mod drafts;
mod transfers;
mod wallets;

use crate::admit;
use crate::api::Api;
use crate::audit;
use crate::events;
use crate::model;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, middleware};
use std::sync::Arc;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Every signed route.
fn signed() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(transfers::submit, transfers::list))
        .routes(routes!(transfers::dry_run))
        .routes(routes!(transfers::read))
        .routes(routes!(transfers::cancel))
        .routes(routes!(transfers::approve))
        .routes(routes!(transfers::envelope))
        .routes(routes!(transfers::receipt))
        .routes(routes!(brakes::veto))
        .routes(routes!(brakes::withdraw))
        .routes(routes!(brakes::freeze, brakes::list))
        .routes(routes!(brakes::lift))
        .routes(routes!(wallets::create, wallets::list))
        .routes(routes!(wallets::read))
        .routes(routes!(wallets::addresses, wallets::new_address))
        .routes(routes!(wallets::balances))
        .routes(routes!(wallets::deposits))
        .routes(routes!(documents::assets))
        .routes(routes!(documents::genesis, documents::install_genesis))
        .routes(routes!(documents::policy, documents::install_policy))
        .routes(routes!(drafts::add, drafts::list))
        .routes(routes!(drafts::read, drafts::discard))
        .routes(routes!(drafts::sign))
        .routes(routes!(drafts::publish))
        .routes(routes!(documents::order))
        .routes(routes!(documents::recover))
        .routes(routes!(documents::facts, documents::submit_facts))
        .routes(routes!(documents::cosigners))
        .routes(routes!(documents::attestation))
        .routes(routes!(documents::caller))
        .routes(routes!(events::events))
        .routes(routes!(audit::read))
        .routes(routes!(access::show))
        .routes(routes!(access::grant))
        .routes(routes!(access::revoke))
        .routes(routes!(access::check))
}

fn open() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(health)).routes(routes!(openapi))
}

/// The description as the handlers give it, before [`crate::openapi`] adds what holds for all of them.
pub(crate) fn described() -> (OpenApi, OpenApi) {
    (signed().split_for_parts().1, open().split_for_parts().1)
}

/// The whole service.
pub(crate) fn router(api: Arc<Api>) -> Router {
    let (signed, _) = signed().split_for_parts();
    let (open, _) = open().split_for_parts();
    signed
        .route_layer(middleware::from_fn_with_state(api.clone(), admit::admit))
        .merge(open)
        .fallback(admit::no_such_path)
        .method_not_allowed_fallback(admit::no_such_method)
        .with_state(api)
}

/// An answer in JSON.
pub(crate) fn answer(status: StatusCode, value: &impl serde::Serialize) -> Response {
    (status, Json(value)).into_response()
}

/// Whether the gateway answers.
#[utoipa::path(get, path = "/v1/healthz", tag = "server", operation_id = "health",
    responses((status = 200, description = "It answers.", body = model::Health)))]
async fn health() -> Response {
    let version = env!("CARGO_PKG_VERSION").to_string();
    answer(StatusCode::OK, &model::Health { status: "ok".to_string(), version })
}

/// This description.
#[utoipa::path(get, path = "/v1/openapi.json", tag = "server", operation_id = "openapi",
    responses((status = 200, description = "OpenAPI 3.1.", body = Object)))]
async fn openapi() -> Response {
    let headers = [("content-type", "application/json")];
    (headers, crate::openapi::openapi_json()).into_response()
}
