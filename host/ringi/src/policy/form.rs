//! The policy file: what people write. Amounts are in an asset's human form and become base units exactly.

use ringi_primitives::id::PersonId;
use ringi_primitives::key::PublicKey;
use ringi_primitives::network::NetworkId;
use serde::{Deserialize, Serialize};

/// A whole policy set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyForm {
    /// The chains in use.
    pub networks: Vec<NetworkId>,
    /// The group any one of which may freeze.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freezers: Option<String>,
    /// The group any one of which may veto a transfer that is not signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vetoers: Option<String>,
    /// Who may initiate and approve.
    #[serde(default)]
    pub people: Vec<PersonForm>,
    /// Named sets of people.
    #[serde(default)]
    pub groups: Vec<GroupForm>,
    /// The assets in use, each network's own coin among them.
    #[serde(default)]
    pub assets: Vec<AssetForm>,
    /// Named destinations.
    #[serde(default)]
    pub allow_lists: Vec<AllowListForm>,
    /// Contract functions that are decoded by ABI.
    #[serde(default)]
    pub functions: Vec<FunctionForm>,
    /// Tokens whose ERC-2612 permits may be signed.
    #[serde(default)]
    pub permits: Vec<PermitForm>,
    /// Groups of wallets and their rules.
    #[serde(default)]
    pub vaults: Vec<VaultForm>,
}

/// A person or program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonForm {
    /// Made where absent.
    pub id: Option<PersonId>,
    /// Unique; groups name people by it.
    pub name: String,
    /// Keys that sign intents.
    #[serde(default)]
    pub initiate: Vec<PublicKey>,
    /// Keys that sign approvals.
    #[serde(default)]
    pub approve: Vec<PublicKey>,
    /// Passkeys that approve (rule P2).
    #[serde(default)]
    pub passkeys: Vec<PasskeyForm>,
}

/// A passkey as it was registered, on a page of its relying party.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PasskeyForm {
    /// Credential id, base64url as browsers give it.
    pub credential: String,
    /// Its key, `p256:<hex>`.
    pub key: PublicKey,
    /// RP id, one of genesis.
    pub relying_party: String,
    /// Whether it may be synchronised to other devices.
    #[serde(default)]
    pub backup_eligible: bool,
}

/// A named set of people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupForm {
    /// Unique name.
    pub name: String,
    /// Names of people.
    pub members: Vec<String>,
}

/// An asset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssetForm {
    /// Unique short name.
    pub id: String,
    /// The chain.
    pub network: NetworkId,
    /// The token's contract; absent for the network's own coin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Digits after the point in human form.
    pub decimals: u8,
}

/// A named set of destinations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AllowListForm {
    /// Unique name.
    pub name: String,
    /// Destinations.
    pub entries: Vec<AllowEntryForm>,
}

/// One destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AllowEntryForm {
    /// The chain.
    pub network: NetworkId,
    /// In the chain's checksummed form.
    pub address: String,
}

/// A contract function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FunctionForm {
    /// The chain.
    pub network: NetworkId,
    /// The contract.
    pub contract: String,
    /// Canonical signature.
    pub signature: String,
}

/// A token's ERC-2612 domain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PermitForm {
    /// Asset id.
    pub asset: String,
    /// EIP-712 domain name.
    pub name: String,
    /// EIP-712 domain version.
    pub version: String,
    /// The longest a permit may live, seconds.
    pub max_life_s: u64,
}

/// A vault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VaultForm {
    /// Unique, never reused.
    pub index: u32,
    /// Unique name.
    pub name: String,
    /// `hot`, `warm` or `cold`.
    pub temperature: String,
    /// Root of its keys.
    #[serde(default)]
    pub root: u16,
    /// Its rules.
    #[serde(default)]
    pub rules: Vec<RuleForm>,
}

/// A rule: where it applies and what it demands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleForm {
    /// Unique in the vault.
    pub name: String,
    /// Effect kinds; empty for any but the dangerous ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<String>,
    /// Chains; empty for any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<NetworkId>,
    /// Asset ids; empty for any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assets: Vec<String>,
    /// Groups of the initiator; empty for anybody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub initiators: Vec<String>,
    /// What it demands.
    pub then: DemandForm,
}

/// What a rule demands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "demand", rename_all = "snake_case", deny_unknown_fields)]
pub enum DemandForm {
    /// Permit, if every other matching rule agrees.
    Permit {},
    /// Deny.
    Deny {},
    /// The beneficiary must be on one of these lists.
    AllowList {
        /// Names.
        lists: Vec<String>,
    },
    /// At most this much in one intent.
    CapPerTransaction {
        /// Asset id.
        asset: String,
        /// Human form.
        amount: String,
    },
    /// At most this much in any window of this length.
    CapPerWindow {
        /// Asset id.
        asset: String,
        /// Human form.
        amount: String,
        /// Seconds.
        window_s: u64,
        /// `vault`, `wallet` or `initiator`.
        scope: String,
    },
    /// At least `count` distinct members of `group` approve; with `above`, only beyond that much of `asset`.
    Approvals {
        /// Whose approvals count.
        group: String,
        /// How many.
        count: u32,
        /// Asset id of the threshold.
        #[serde(skip_serializing_if = "Option::is_none")]
        asset: Option<String>,
        /// Human form: exactly this much is still free.
        #[serde(skip_serializing_if = "Option::is_none")]
        above: Option<String>,
    },
    /// The initiator's own approval does not count.
    InitiatorMayNotApprove {},
    /// The most in fees per transaction, human form of the network's coin.
    MaxFee {
        /// The chain.
        network: NetworkId,
        /// Human form.
        amount: String,
    },
}
