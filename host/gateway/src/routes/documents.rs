//! Documents of the admins, and what is known of cosigners, assets and the caller.

use super::answer;
use super::transfers::policy_set;
use crate::access::{FACTS_BYTES, GENESIS_CHAIN_BYTES, ORDER_BYTES, POLICY_DOCUMENT_BYTES, RECOVERY_BYTES};
use crate::admit;
use crate::api::Api;
use crate::codes::Code;
use crate::extract::{Asked, document};
use crate::model;
use crate::problem::Problem;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ringi_orchestrator::service::CallerView;
use ringi_primitives::{cbor, limits};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::IntoParams;

/// A nonce that nobody guesses.
const NONCE_LEAST: usize = 16;

/// List the assets of the policy set in force (rule G3).
#[utoipa::path(get, path = "/v1/assets", tag = "workspace", operation_id = "listAssets",
    responses((status = 200, description = "The assets.", body = model::Assets)))]
pub(crate) async fn assets(State(api): State<Arc<Api>>) -> Result<Response, Problem> {
    let set = policy_set(&api)?;
    let view = |a: ringi_primitives::asset::Asset| model::Asset {
        token: a.key.token.map(|t| format!("0x{}", hex::encode(t.raw()))),
        id: a.id,
        network: a.key.network,
        decimals: a.decimals,
    };
    Ok(answer(StatusCode::OK, &model::Assets { items: set.assets.into_iter().map(view).collect() }))
}

/// Read the genesis in force.
#[utoipa::path(get, path = "/v1/genesis", tag = "workspace", operation_id = "readGenesis",
    responses((status = 200, description = "The genesis.", body = model::Genesis)))]
pub(crate) async fn genesis(State(api): State<Arc<Api>>) -> Result<Response, Problem> {
    let now = api.service.genesis().ok_or_else(|| Problem::of(Code::GenesisNone))?;
    let versions = STANDARD.encode(cbor::encode(&now.versions));
    Ok(answer(StatusCode::OK, &model::Genesis { root: now.root, head: now.head, versions }))
}

/// Install genesis: all signed versions, first to newest (rule G1).
///
/// The first one needs no request signature: nobody is known yet, its own signatures decide.
#[utoipa::path(post, path = "/v1/genesis", tag = "workspace", operation_id = "installGenesis",
    request_body(content = Vec<u8>, content_type = "application/cbor", description = "An array of signed documents."),
    responses((status = 200, description = "k of n.", body = model::Installation)))]
pub(crate) async fn install_genesis(State(api): State<Arc<Api>>, body: Bytes) -> Result<Response, Problem> {
    let versions = document(&body, GENESIS_CHAIN_BYTES)?;
    Ok(answer(StatusCode::OK, &api.service.install_genesis(versions).await?))
}

/// Read the policy set in force.
#[utoipa::path(get, path = "/v1/policy", tag = "workspace", operation_id = "readPolicy",
    responses((status = 200, description = "The policy set.", body = model::Policy)))]
pub(crate) async fn policy(State(api): State<Arc<Api>>) -> Result<Response, Problem> {
    let now = api.service.policy().ok_or_else(|| Problem::of(Code::PolicyNone))?;
    let document = STANDARD.encode(cbor::encode(&now.signed));
    Ok(answer(StatusCode::OK, &model::Policy { digest: now.digest, sequence: now.sequence, document }))
}

/// Install the next policy set (rule P1).
#[utoipa::path(post, path = "/v1/policy", tag = "workspace", operation_id = "installPolicy",
    request_body(content = Vec<u8>, content_type = "application/cbor", description = "A signed document."),
    responses((status = 200, description = "k of n.", body = model::Installation)))]
pub(crate) async fn install_policy(State(api): State<Arc<Api>>, body: Bytes) -> Result<Response, Problem> {
    let signed = document(&body, POLICY_DOCUMENT_BYTES)?;
    Ok(answer(StatusCode::OK, &api.service.install_policy(signed).await?))
}

/// Carry out an order of the admins and wait for its end (rule G2).
#[utoipa::path(post, path = "/v1/orders", tag = "workspace", operation_id = "submitOrder",
    request_body(content = Vec<u8>, content_type = "application/cbor", description = "A signed document."),
    responses((status = 200, description = "k of n.", body = model::Installation)))]
pub(crate) async fn order(State(api): State<Arc<Api>>, body: Bytes) -> Result<Response, Problem> {
    let signed = document(&body, ORDER_BYTES)?;
    Ok(answer(StatusCode::OK, &api.service.submit_order(signed).await?))
}

/// Restore a lost cosigner's shares under an order of the admins (rule K3).
#[utoipa::path(post, path = "/v1/recoveries", tag = "workspace", operation_id = "submitRecovery",
    request_body(content = Vec<u8>, content_type = "application/cbor", description = "A signed order, kits and opened parts."),
    responses((status = 200, description = "1 of 1.", body = model::Installation)))]
pub(crate) async fn recover(State(api): State<Arc<Api>>, body: Bytes) -> Result<Response, Problem> {
    let recovery = document(&body, RECOVERY_BYTES)?;
    Ok(answer(StatusCode::OK, &api.service.recover(recovery).await?))
}

/// List the newest facts of witnesses, and the intents whose finality is wanted.
#[utoipa::path(get, path = "/v1/facts", tag = "workspace", operation_id = "listFacts",
    responses((status = 200, description = "The facts.", body = model::Facts)))]
pub(crate) async fn facts(State(api): State<Arc<Api>>) -> Result<Response, Problem> {
    Ok(answer(StatusCode::OK, &api.service.facts().await?))
}

/// Hand in facts signed by witnesses that the policy set names (rules M1, L3).
#[utoipa::path(post, path = "/v1/facts", tag = "workspace", operation_id = "submitFacts",
    request_body(content = Vec<u8>, content_type = "application/cbor", description = "An array of signed facts, at most 64."),
    responses((status = 200, description = "What is known now.", body = model::Facts)))]
pub(crate) async fn submit_facts(State(api): State<Arc<Api>>, body: Bytes) -> Result<Response, Problem> {
    let facts = document(&body, FACTS_BYTES)?;
    Ok(answer(StatusCode::OK, &api.service.submit_facts(facts).await?))
}

/// Whose document, answering what.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AttestationQuery {
    /// The cosigner's number.
    #[param(minimum = 1, maximum = 9)]
    cosigner: u8,
    /// What the document is to answer: fresh, from whoever verifies it; 16 to 64 bytes, hex.
    nonce: String,
}

/// Read a fresh attestation document of a cosigner.
#[utoipa::path(get, path = "/v1/attestation", tag = "workspace", operation_id = "attestCosigner",
    params(AttestationQuery), responses((status = 200, description = "The document.", body = model::Attestation)))]
pub(crate) async fn attestation(
    State(api): State<Arc<Api>>,
    Asked(query): Asked<AttestationQuery>,
) -> Result<Response, Problem> {
    let nonce = hex::decode(&query.nonce).ok().filter(|n| (NONCE_LEAST..=limits::NONCE_BYTES).contains(&n.len()));
    let nonce = nonce.ok_or_else(|| Problem::because(Code::RequestQuery, "nonce is not 16 to 64 bytes of hex"))?;
    let document = api.service.attest(query.cosigner, &nonce).await?;
    let view = model::Attestation { cosigner: query.cosigner, document: STANDARD.encode(document) };
    Ok(answer(StatusCode::OK, &view))
}

/// List the cosigners and how they are.
#[utoipa::path(get, path = "/v1/cosigners", tag = "workspace", operation_id = "listCosigners",
    responses((status = 200, description = "The cosigners.", body = model::Cosigners)))]
pub(crate) async fn cosigners(State(api): State<Arc<Api>>) -> Result<Response, Problem> {
    Ok(answer(StatusCode::OK, &serde_json::json!({ "items": api.service.cosigners() })))
}

/// Say whose key signed this request.
#[utoipa::path(get, path = "/v1/caller", tag = "workspace", operation_id = "readCaller",
    responses((status = 200, description = "The caller.", body = model::Caller)))]
pub(crate) async fn caller(State(api): State<Arc<Api>>, caller: admit::Caller) -> Result<Response, Problem> {
    let role = api.service.role(caller.view.person).map(|role| role.name().to_string());
    let CallerView { person, name, purpose } = caller.view;
    Ok(answer(StatusCode::OK, &model::Caller { person, name, purpose: purpose.to_string(), role }))
}
