//! Wallets cost one row; addresses are derived and come with the statement that proves them (rule A1).

use crate::core::{Core, lock, notice};
use crate::error::ServiceError;
use crate::keys::WalletKeys;
use crate::ports::{Commit, OwnAddress, Page, UniqueRule, WalletRecord, Watch, Write};
use crate::render;
use crate::service::{AddressKind, AddressView, BalanceView, NewWallet, WalletView};
use crate::transfer::Header;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ringi_primitives::cbor;
use ringi_primitives::certificate::{AddressStatement, SignedDrill, drilled_by_all};
use ringi_primitives::genesis::Assurance;
use ringi_primitives::id::WalletId;
use ringi_primitives::limits;
use ringi_primitives::network::NetworkId;
use ringi_primitives::order::KeyId;
use ringi_primitives::scheme::Scheme;
use ringi_primitives::wallet::{BRANCH_RECEIVE, KeyPosition, WalletRef};
use serde_json::json;
use std::sync::Arc;

pub(crate) async fn find(core: &Core, id: WalletId) -> Result<WalletRecord, ServiceError> {
    core.ports.store.wallet(id).await?.ok_or_else(|| ServiceError::not_found("wallet"))
}

pub(crate) async fn create(core: &Arc<Core>, new: NewWallet) -> Result<WalletView, ServiceError> {
    let workspace = core.workspace();
    let vault = workspace.policy()?.set.vault_named(&new.vault).map(|v| v.index);
    let vault = vault.ok_or_else(|| ServiceError::not_found("vault"))?;
    let sound = !new.name.is_empty() && new.name.len() <= limits::TEXT_BYTES && !new.name.chars().any(char::is_control);
    if !sound {
        let message = "a wallet's name has 1 to 256 bytes and no control characters";
        return Err(ServiceError::bad_request("wallet.name", message, "Choose another name."));
    }
    let wallet = new.id.unwrap_or_else(|| WalletId::from_bytes(uuid::Uuid::now_v7().into_bytes()));
    let record = WalletRecord { wallet: WalletRef { vault, wallet }, name: new.name, created_at: core.now() };
    if let Some(existing) = core.ports.store.wallet(wallet).await? {
        if existing.wallet == record.wallet && existing.name == record.name {
            return Ok(render::wallet(&workspace, &existing));
        }
        return Err(ServiceError::conflict("wallet.id_used", "this wallet id exists", "Use a new id."));
    }
    let data = json!({ "id": wallet, "vault": new.vault, "name": record.name });
    let (event, audit) = notice(record.created_at, "wallet.created", wallet.to_string(), data);
    let writes = vec![Write::InsertWallet(record.clone())];
    core.commit(Commit { writes, events: vec![event], audit: vec![audit] }).await.map_err(used)?;
    let own = core.clone();
    let watched = record.wallet;
    core.spawn(async move { watch(&own, watched).await });
    Ok(render::wallet(&workspace, &record))
}

fn used(error: ServiceError) -> ServiceError {
    if error.code == UniqueRule::WalletName.code() {
        let message = "a wallet of this name exists in the vault";
        return ServiceError::conflict("wallet.name_used", message, "Choose another name.");
    }
    error
}

/// The networks both the policy set and the configuration know.
fn networks(core: &Core) -> Vec<NetworkId> {
    let configured = core.ports.chain.networks();
    let workspace = core.workspace();
    let Some(policy) = &workspace.policy else { return Vec::new() };
    policy.set.networks.iter().copied().filter(|n| configured.contains(n)).collect()
}

/// Reports deposits to all of a wallet's addresses from now on.
pub(crate) async fn watch(core: &Core, wallet: WalletRef) {
    let Ok(keys) = core.workspace().wallet_keys(wallet) else { return };
    let watches: Vec<Watch> = networks(core)
        .into_iter()
        .flat_map(|network| {
            let own = own_addresses(core, &keys, wallet.wallet, network);
            own.into_iter().map(move |own| Watch { network, wallet, own })
        })
        .collect();
    core.ports.chain.watch(watches).await;
}

/// The same for every wallet there is: at start, and after keys or policy changed.
pub(crate) async fn watch_all(core: &Core) {
    let mut page = Page { cursor: None, limit: 200 };
    loop {
        let Ok((wallets, next)) = core.ports.store.wallets(&page).await else { return };
        for wallet in wallets {
            watch(core, wallet.wallet).await;
        }
        match next {
            Some(cursor) => page.cursor = Some(cursor),
            None => return,
        }
    }
}

fn next_index(core: &Core, wallet: WalletId, network: NetworkId, kind: &str) -> u32 {
    // The first receiving address of each kind is there from the beginning.
    lock(&core.indices).get(&(wallet, network, kind.to_string())).copied().unwrap_or(1)
}

pub(crate) fn own_addresses(core: &Core, keys: &WalletKeys, wallet: WalletId, network: NetworkId) -> Vec<OwnAddress> {
    keys.own_addresses(network, |kind| next_index(core, wallet, network, kind))
}

/// The change index of the next Bitcoin transaction. Cosigners recognise the first ones only (rule C1), so they go round.
pub(crate) fn change_index(core: &Core, header: &Header) -> u32 {
    let key = (header.wallet.wallet, header.network, "change".to_string());
    lock(&core.indices).get(&key).copied().unwrap_or(0) % limits::CHANGE_GAP
}

/// The write that moves it on; memory is moved at once, a skipped index costs nothing.
pub(crate) fn use_change(core: &Core, header: &Header) -> Option<Write> {
    if !matches!(header.network, NetworkId::Bitcoin(_)) {
        return None;
    }
    let (wallet, network) = (header.wallet.wallet, header.network);
    let mut indices = lock(&core.indices);
    let next = indices.entry((wallet, network, "change".to_string())).or_insert(0);
    *next = next.saturating_add(1);
    Some(Write::AddressIndex { wallet, network, kind: "change".to_string(), next: *next })
}

pub(crate) async fn addresses(
    core: &Core,
    id: WalletId,
    network: Option<NetworkId>,
) -> Result<Vec<AddressView>, ServiceError> {
    let wallet = find(core, id).await?.wallet;
    let workspace = core.workspace();
    let keys = workspace.wallet_keys(wallet)?;
    let known = workspace.policy()?.set.networks.clone();
    let wanted = known.into_iter().filter(|n| network.is_none_or(|w| w == *n));
    let mut views = Vec::new();
    for network in wanted {
        let own = own_addresses(core, &keys, id, network);
        for address in own.into_iter().filter(|a| a.position.branch == BRANCH_RECEIVE) {
            views.push(statement(core, &keys, wallet, network, address)?);
        }
    }
    if views.is_empty() {
        return Err(no_key());
    }
    Ok(views)
}

fn no_key() -> ServiceError {
    let message = "the wallet's root key for this network does not exist yet";
    ServiceError::conflict("key.none", message, "Order a key generation first.")
}

pub(crate) async fn new_address(
    core: &Arc<Core>,
    id: WalletId,
    network: NetworkId,
    kind: AddressKind,
) -> Result<AddressView, ServiceError> {
    let wallet = find(core, id).await?.wallet;
    let workspace = core.workspace();
    if !workspace.policy()?.set.networks.contains(&network) {
        return Err(ServiceError::not_found("network"));
    }
    let keys = workspace.wallet_keys(wallet)?;
    let name = match (kind, network) {
        (AddressKind::Account, NetworkId::Evm(_)) => {
            let own = keys.address(network, "account", KeyPosition::ACCOUNT).map_err(|_| no_key())?;
            return statement(core, &keys, wallet, network, own);
        }
        (AddressKind::P2tr, NetworkId::Bitcoin(_)) => "p2tr",
        (AddressKind::P2wpkh, NetworkId::Bitcoin(_)) => "p2wpkh",
        _ => {
            let message = "this network has no addresses of that kind";
            return Err(ServiceError::unprocessable("address.kind", message, "Ask for a kind of this network."));
        }
    };
    let index = {
        let mut indices = lock(&core.indices);
        let next = indices.entry((id, network, name.to_string())).or_insert(1);
        let index = *next;
        *next = next.saturating_add(1);
        index
    };
    let position = KeyPosition { branch: BRANCH_RECEIVE, index };
    let own = keys.address(network, name, position).map_err(|_| no_key())?;
    let data = json!({ "wallet": id, "network": network, "kind": name, "index": index, "address": own.text });
    let (event, audit) = notice(core.now(), "address.issued", id.to_string(), data);
    let next = index.saturating_add(1);
    let writes = vec![Write::AddressIndex { wallet: id, network, kind: name.to_string(), next }];
    core.commit(Commit { writes, events: vec![event], audit: vec![audit] }).await?;
    core.ports.chain.watch(vec![Watch { network, wallet, own: own.clone() }]).await;
    statement(core, &keys, wallet, network, own)
}

/// A1: the address with all that is needed to derive it again.
fn statement(
    core: &Core,
    keys: &WalletKeys,
    wallet: WalletRef,
    network: NetworkId,
    own: OwnAddress,
) -> Result<AddressView, ServiceError> {
    let scheme = if own.kind == "p2tr" { Scheme::Bip340 } else { Scheme::EcdsaSecp256k1 };
    let certificate = keys.certificate(scheme).cloned().ok_or_else(no_key)?;
    let drills = drills(core, &certificate.certificate.key)?;
    let statement = AddressStatement {
        version: 1,
        genesis: core.workspace().genesis()?.root(),
        wallet,
        position: own.position,
        network,
        kind: own.kind.to_string(),
        address: own.text.clone(),
        certificate,
        drills,
    };
    Ok(AddressView {
        network,
        kind: own.kind.to_string(),
        address: own.text,
        branch: own.position.branch,
        index: own.position.index,
        statement: STANDARD.encode(cbor::encode(&statement)),
    })
}

/// K3: what cosigners say of drills of this key; in production all must, or there is no address of it.
fn drills(core: &Core, key: &KeyId) -> Result<Vec<SignedDrill>, ServiceError> {
    let workspace = core.workspace();
    let genesis = workspace.genesis()?;
    let told = core.ports.cosigners.health().into_iter().filter_map(|h| h.status).flat_map(|s| s.drills);
    let drills: Vec<SignedDrill> = told.filter(|d| d.drill.key == *key).collect();
    if genesis.head().assurance == Assurance::Nitro && !drilled_by_all(&drills, key, genesis) {
        let message = "not every cosigner says that a recovery drill of this key has passed";
        let remedy = "Start all cosigners; have the recipients open their kits under an order drill.";
        return Err(ServiceError::conflict("address.undrilled", message, remedy));
    }
    Ok(drills)
}

pub(crate) async fn balances(core: &Core, id: WalletId) -> Result<Vec<BalanceView>, ServiceError> {
    let wallet = find(core, id).await?.wallet;
    let workspace = core.workspace();
    let keys = workspace.wallet_keys(wallet)?;
    let known = networks(core);
    let mut views = Vec::new();
    for asset in workspace.policy()?.set.assets.iter().filter(|a| known.contains(&a.key.network)) {
        let network = asset.key.network;
        let own = own_addresses(core, &keys, id, network);
        if own.is_empty() {
            continue;
        }
        let amount = core.ports.chain.balance(network, &own, &asset.key).await?;
        views.push(BalanceView { asset: asset.id.clone(), network, amount, decimals: asset.decimals });
    }
    Ok(views)
}
