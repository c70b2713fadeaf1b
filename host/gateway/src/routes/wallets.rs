//! Wallets, addresses, balances, deposits.

use super::answer;
use crate::admit::Caller;
use crate::api::Api;
use crate::codes::Code;
use crate::extract::{Asked, Id, PageQuery, json, page};
use crate::model;
use crate::permission::Sight;
use crate::problem::Problem;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use ringi_orchestrator::service::{AddressKind, NewWallet};
use ringi_primitives::id::WalletId;
use ringi_primitives::network::NetworkId;
use serde::Deserialize;
use std::sync::Arc;
use utoipa::IntoParams;

/// Make a wallet: no ceremony.
#[utoipa::path(post, path = "/v1/wallets", tag = "wallets", operation_id = "createWallet", request_body = model::NewWallet,
    responses((status = 201, description = "Made.", body = model::Wallet)))]
pub(crate) async fn create(State(api): State<Arc<Api>>, body: Bytes) -> Result<Response, Problem> {
    let model::NewWallet { id, vault, name } = json(&body)?;
    Ok(answer(StatusCode::CREATED, &api.service.create_wallet(NewWallet { id, vault, name }).await?))
}

/// List wallets, newest first.
#[utoipa::path(get, path = "/v1/wallets", tag = "wallets", operation_id = "listWallets", params(PageQuery),
    responses((status = 200, description = "A page.", body = model::Listing<model::Wallet>)))]
pub(crate) async fn list(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Asked(query): Asked<PageQuery>,
) -> Result<Response, Problem> {
    let mut page = api.service.wallets(&query.page()?).await?;
    let mut sight = Sight::new(&api, &caller);
    let mut shown = Vec::with_capacity(page.items.len());
    for item in page.items {
        if sight.of("readWallet", item.id).await? {
            shown.push(item);
        }
    }
    page.items = shown;
    Ok(answer(StatusCode::OK, &page))
}

/// Read a wallet.
#[utoipa::path(get, path = "/v1/wallets/{id}", tag = "wallets", operation_id = "readWallet",
    params(("id" = String, Path, description = "The wallet's id.")),
    responses((status = 200, description = "The wallet.", body = model::Wallet)))]
pub(crate) async fn read(State(api): State<Arc<Api>>, Id(id): Id<WalletId>) -> Result<Response, Problem> {
    Ok(answer(StatusCode::OK, &api.service.wallet(id).await?))
}

/// Which addresses.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AddressQuery {
    /// On this chain only.
    network: Option<String>,
}

/// List a wallet's issued addresses with their statements (rule A1).
#[utoipa::path(get, path = "/v1/wallets/{id}/addresses", tag = "wallets", operation_id = "listAddresses",
    params(("id" = String, Path, description = "The wallet's id."), AddressQuery),
    responses((status = 200, description = "The addresses.", body = model::Addresses)))]
pub(crate) async fn addresses(
    State(api): State<Arc<Api>>,
    Id(id): Id<WalletId>,
    Asked(query): Asked<AddressQuery>,
) -> Result<Response, Problem> {
    let network: Option<NetworkId> = match query.network.as_deref().map(str::parse) {
        None => None,
        Some(Ok(network)) => Some(network),
        Some(Err(_)) => return Err(Problem::because(Code::RequestQuery, "network is no network id")),
    };
    let items = api.service.addresses(id, network).await?;
    Ok(answer(StatusCode::OK, &serde_json::json!({ "items": items })))
}

/// Issue the next receiving address (EVM: the one there is).
#[utoipa::path(post, path = "/v1/wallets/{id}/addresses", tag = "wallets", operation_id = "createAddress",
    params(("id" = String, Path, description = "The wallet's id.")), request_body = model::NewAddress,
    responses((status = 201, description = "The address.", body = model::Address)))]
pub(crate) async fn new_address(
    State(api): State<Arc<Api>>,
    Id(id): Id<WalletId>,
    body: Bytes,
) -> Result<Response, Problem> {
    let asked: model::NewAddress = json(&body)?;
    let kind = match asked.kind.as_str() {
        "account" => AddressKind::Account,
        "p2tr" => AddressKind::P2tr,
        "p2wpkh" => AddressKind::P2wpkh,
        _ => return Err(Problem::because(Code::RequestBody, "kind is account, p2tr or p2wpkh")),
    };
    Ok(answer(StatusCode::CREATED, &api.service.new_address(id, asked.network, kind).await?))
}

/// Read a wallet's balances, as the chains' nodes say.
#[utoipa::path(get, path = "/v1/wallets/{id}/balances", tag = "wallets", operation_id = "listBalances",
    params(("id" = String, Path, description = "The wallet's id.")),
    responses((status = 200, description = "The balances.", body = model::Balances)))]
pub(crate) async fn balances(State(api): State<Arc<Api>>, Id(id): Id<WalletId>) -> Result<Response, Problem> {
    let items = api.service.balances(id).await?;
    Ok(answer(StatusCode::OK, &serde_json::json!({ "items": items })))
}

/// Which deposits.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DepositQuery {
    /// The `next` of the page before.
    cursor: Option<String>,
    /// At most this many, 1 to 200; 50 where absent.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// To this wallet.
    wallet: Option<String>,
}

/// List deposits, newest first.
#[utoipa::path(get, path = "/v1/deposits", tag = "wallets", operation_id = "listDeposits", params(DepositQuery),
    responses((status = 200, description = "A page.", body = model::Listing<model::Deposit>)))]
pub(crate) async fn deposits(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Asked(query): Asked<DepositQuery>,
) -> Result<Response, Problem> {
    let wallet: Option<WalletId> = match query.wallet.as_deref().map(str::parse) {
        None => None,
        Some(Ok(id)) => Some(id),
        Some(Err(_)) => return Err(Problem::because(Code::RequestQuery, "wallet is no wallet id")),
    };
    let page = page(query.cursor, query.limit)?;
    let mut page = api.service.deposits(wallet, &page).await?;
    let mut sight = Sight::new(&api, &caller);
    let mut shown = Vec::with_capacity(page.items.len());
    for item in page.items {
        if sight.of("readWallet", item.wallet).await? {
            shown.push(item);
        }
    }
    page.items = shown;
    Ok(answer(StatusCode::OK, &page))
}
