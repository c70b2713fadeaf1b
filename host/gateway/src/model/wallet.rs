//! Wallets, addresses, balances, deposits.

use ringi_primitives::amount::Amount;
use ringi_primitives::id::WalletId;
use ringi_primitives::network::NetworkId;
use ringi_primitives::time::UnixMs;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A wallet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Wallet {
    /// Its id.
    #[schema(value_type = String, example = "wal_01k9z0000000000000000000000")]
    pub id: WalletId,
    /// The vault's name.
    pub vault: String,
    /// Number of the vault.
    pub vault_index: u32,
    /// Unique in the vault.
    pub name: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: UnixMs,
}

/// A wallet's addresses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Addresses {
    /// All issued ones.
    pub items: Vec<Address>,
}

/// An address with its proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Address {
    /// The chain.
    #[schema(value_type = String)]
    pub network: NetworkId,
    /// `account`, `p2tr` or `p2wpkh`.
    pub kind: String,
    /// The chain's checksummed text form.
    pub address: String,
    /// Branch of its key.
    pub branch: u32,
    /// Index of its key.
    pub index: u32,
    /// base64 of the address statement's CBOR (rule A1).
    pub statement: String,
}

/// A wallet's balances.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Balances {
    /// One for each asset.
    pub items: Vec<Balance>,
}

/// A balance, as the chain's node says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Balance {
    /// Asset id in the policy set.
    pub asset: String,
    /// The chain.
    #[schema(value_type = String)]
    pub network: NetworkId,
    /// Base units.
    #[schema(value_type = String)]
    pub amount: Amount,
    /// Digits after the point in human form.
    pub decimals: u8,
}

/// A deposit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Deposit {
    /// `pending` or `confirmed`.
    pub status: String,
    /// The chain.
    #[schema(value_type = String)]
    pub network: NetworkId,
    /// Transaction id.
    pub transaction: String,
    /// Log index or output number.
    pub place: u64,
    /// Receiving wallet.
    #[schema(value_type = String)]
    pub wallet: WalletId,
    /// Receiving address.
    pub address: String,
    /// Asset id in the policy set; absent for an unknown token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asset: Option<String>,
    /// Base units.
    #[schema(value_type = String)]
    pub amount: Amount,
    /// Block height.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u64>,
    /// When it was first seen.
    #[schema(value_type = String, format = DateTime)]
    pub seen_at: UnixMs,
}
