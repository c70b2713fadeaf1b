//! Freezes in force or on their way there.

use ringi_primitives::digest::Digest;
use ringi_primitives::id::{BrakeId, PersonId, WalletId};
use ringi_primitives::time::UnixMs;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The freezes that are not lifted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Freezes {
    /// Oldest first.
    pub items: Vec<Freeze>,
}

/// A freeze (rule P1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Freeze {
    /// What an order that lifts it names.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// Its id.
    #[schema(value_type = String, example = "brk_01k9z0000000000000000000000")]
    pub id: BrakeId,
    /// Who froze.
    #[schema(value_type = String)]
    pub by: PersonId,
    /// `workspace`, `vault` or `wallet`.
    pub of: String,
    /// The vault's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vault: Option<String>,
    /// The wallet.
    #[schema(value_type = Option<String>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wallet: Option<WalletId>,
    /// When it was signed.
    #[schema(value_type = String, format = DateTime)]
    pub issued_at: UnixMs,
    /// k: cosigners that hold it.
    pub acknowledged: u32,
    /// n.
    pub cosigners: u32,
    /// Whether k is at least n-t+1.
    pub in_force: bool,
    /// base64 of the signed document's deterministic CBOR.
    pub document: String,
}
