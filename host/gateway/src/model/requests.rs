//! Bodies of writes. Unknown fields are refused.

use ringi_primitives::id::{PersonId, WalletId};
use ringi_primitives::key::PublicKey;
use ringi_primitives::network::NetworkId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A wallet to make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWallet {
    /// The caller's choice, so that it is safe to repeat for ever; the server chooses where absent.
    #[schema(value_type = Option<String>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<WalletId>,
    /// Name of the vault in the policy set.
    pub vault: String,
    /// Unique in the vault.
    pub name: String,
}

/// Which new address to issue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAddress {
    /// The chain.
    #[schema(value_type = String)]
    pub network: NetworkId,
    /// `account` on EVM; `p2tr` or `p2wpkh` on Bitcoin.
    pub kind: String,
}

/// An approval of a transfer's envelope (rule I2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewApproval {
    /// Who approves.
    #[schema(value_type = String)]
    pub person: PersonId,
    /// Their approving key, `ed25519:<hex>` or `p256:<hex>`.
    #[schema(value_type = String)]
    pub key: PublicKey,
    /// base64 of the 64-byte signature over the envelope digest's 32 bytes.
    pub signature: String,
}
