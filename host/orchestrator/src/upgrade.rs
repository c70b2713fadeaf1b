//! What the books say of an upgrade (rule E1): genesis goes on, and states go between images.

use crate::core::notice;
use crate::documents::genesis_commit;
use crate::ports::{Commit, Store, StoreError};
use ringi_primitives::genesis::GenesisChain;
use ringi_primitives::id::OrderId;
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::signed::Signed;
use ringi_primitives::time::UnixMs;
use serde_json::json;
use std::collections::BTreeMap;

/// A state that went from one image to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upgraded {
    /// Whose.
    pub cosigner: PartyIndex,
    /// Under which order.
    pub order: OrderId,
    /// Registers of the old image as it proved them, hex.
    pub from: BTreeMap<u8, String>,
    /// Registers of the new one likewise.
    pub to: BTreeMap<u8, String>,
}

/// Stores the versions of genesis that are not stored yet. The caller has verified them.
///
/// # Errors
/// [`StoreError`].
pub async fn store_genesis(
    store: &dyn Store,
    now: UnixMs,
    chain: &GenesisChain,
    versions: &[Signed],
) -> Result<(), StoreError> {
    let known = store.load().await?.genesis.len();
    if versions.len() > known {
        store.commit(genesis_commit(now, chain, versions, known)).await?;
    }
    Ok(())
}

/// Writes both images' measurements into the audit log.
///
/// # Errors
/// [`StoreError`].
pub async fn note_upgrade(store: &dyn Store, now: UnixMs, upgraded: &Upgraded) -> Result<(), StoreError> {
    store.commit(entry(now, upgraded)).await.map(drop)
}

pub(crate) fn entry(now: UnixMs, upgraded: &Upgraded) -> Commit {
    let Upgraded { cosigner, order, from, to } = upgraded;
    let data = json!({ "cosigner": cosigner.number(), "order": order, "from": from, "to": to });
    let (event, audit) = notice(now, "cosigner.upgraded", cosigner.number().to_string(), data);
    Commit { writes: Vec::new(), events: vec![event], audit: vec![audit] }
}
