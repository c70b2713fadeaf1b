//! The policy file: what people write. Amounts are in an asset's human form and become base units exactly.

use crate::trust::TrustForm;
use ringi_primitives::id::{PersonId, WalletId};
use ringi_primitives::key::PublicKey;
use ringi_primitives::network::NetworkId;
use ringi_primitives::time::UnixMs;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A whole policy set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyForm {
    /// The chains in use.
    #[schemars(with = "Vec<String>")]
    pub networks: Vec<NetworkId>,
    /// The group any one of which may freeze.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freezers: Option<String>,
    /// The group any one of which may veto a transfer that is not signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vetoers: Option<String>,
    /// How many seconds the set after this one is announced before it may come in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_delay_s: Option<u64>,
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
    /// EIP-712 types that are decoded field by field.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<MessageKindForm>,
    /// What is known of wallets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wallets: Vec<KnownWalletForm>,
    /// Whom the set believes what (rules G3, M1, L3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust: Option<TrustForm>,
    /// Groups of wallets and their rules.
    #[serde(default)]
    pub vaults: Vec<VaultForm>,
}

impl PolicyForm {
    /// The JSON Schema (draft 2020-12) of policy files, TOML and JSON alike: what editors and other tools check files with.
    pub fn schema() -> schemars::Schema {
        schemars::schema_for!(PolicyForm)
    }
}

/// A type of EIP-712 messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MessageKindForm {
    /// The chain.
    #[schemars(with = "String")]
    pub network: NetworkId,
    /// The verifyingContract.
    pub contract: String,
    /// The primary type's encodeType.
    pub kind: String,
}

/// What is known of a wallet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KnownWalletForm {
    /// Its vault, by name.
    pub vault: String,
    /// Its id.
    #[schemars(with = "String")]
    pub wallet: WalletId,
    /// What rules call it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Its addresses; verify their statements first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<AllowEntryForm>,
}

/// A person or program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonForm {
    /// Made where absent.
    #[schemars(with = "Option<String>")]
    pub id: Option<PersonId>,
    /// Unique; groups name people by it.
    pub name: String,
    /// Keys that sign intents.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub initiate: Vec<PublicKey>,
    /// Keys that sign approvals.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub approve: Vec<PublicKey>,
    /// Passkeys that approve (rule P2).
    #[serde(default)]
    pub passkeys: Vec<PasskeyForm>,
}

/// A passkey as it was registered, on a page of its relying party.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PasskeyForm {
    /// Credential id, base64url as browsers give it.
    pub credential: String,
    /// Its key, `p256:<hex>`.
    #[schemars(with = "String")]
    pub key: PublicKey,
    /// RP id, one of genesis.
    pub relying_party: String,
    /// Whether it may be synchronised to other devices.
    #[serde(default)]
    pub backup_eligible: bool,
}

/// A named set of people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupForm {
    /// Unique name.
    pub name: String,
    /// Names of people.
    pub members: Vec<String>,
}

/// An asset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AssetForm {
    /// Unique short name.
    pub id: String,
    /// The chain.
    #[schemars(with = "String")]
    pub network: NetworkId,
    /// The token's contract; absent for the network's own coin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Digits after the point in human form.
    pub decimals: u8,
}

/// A named set of destinations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AllowListForm {
    /// Unique name.
    pub name: String,
    /// Destinations.
    pub entries: Vec<AllowEntryForm>,
    /// What rules call several lists together.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
}

/// One destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AllowEntryForm {
    /// The chain.
    #[schemars(with = "String")]
    pub network: NetworkId,
    /// In the chain's checksummed form.
    pub address: String,
}

/// A contract function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FunctionForm {
    /// The chain.
    #[schemars(with = "String")]
    pub network: NetworkId,
    /// The contract.
    pub contract: String,
    /// Canonical signature.
    pub signature: String,
}

/// A token's ERC-2612 domain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
    /// What its rules charge.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<LimitForm>,
    /// Its rules.
    #[serde(default)]
    pub rules: Vec<RuleForm>,
}

/// A limit of a vault, which rules charge by its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitForm {
    /// Unique in the vault.
    pub name: String,
    /// An asset id, `usd` or `intents`.
    pub of: String,
    /// Human form.
    pub most: String,
    /// Over which time.
    pub window: WindowForm,
    /// `vault`, `wallet`, `initiator` or `destination`.
    pub per: String,
}

/// The time that a limit counts over: exactly one of these.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WindowForm {
    /// Any window of so many seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolling_s: Option<u64>,
    /// `day`, `week` or `month`, in a zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar: Option<String>,
    /// IANA name of the calendar's zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Until it is proved final (rule L3).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub until_final: bool,
}

/// A rule: where it applies, and what then.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleForm {
    /// Unique in the vault.
    pub name: String,
    /// Effect kinds; empty for any but the dangerous ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<String>,
    /// Chains; empty for any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<String>")]
    pub networks: Vec<NetworkId>,
    /// Asset ids; empty for any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assets: Vec<String>,
    /// `group:NAME` or `person:NAME`; empty for anybody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub initiators: Vec<String>,
    /// `wallet:ID` or `tag:NAME`; empty for any wallet of the vault.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wallets: Vec<String>,
    /// `list:NAME`, `tag:NAME`, `internal`, `unlisted` or `contract:NETWORK/ADDRESS`; empty for anywhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<String>,
    /// What the intent takes lies in all of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amounts: Vec<BandForm>,
    /// Now is in one of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hours: Vec<HoursForm>,
    /// The rule begins then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub from: Option<UnixMs>,
    /// The rule ends then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub until: Option<UnixMs>,
    /// Functions called.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<CallForm>,
    /// Typed messages signed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<MessageForm>,
    /// Bitcoin inputs and outputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coins: Option<CoinsForm>,
    /// Limits that the intent still fits into.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub within: Vec<String>,
    /// Deny, whatever other rules say.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub block: bool,
    /// Allow, on these terms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow: Option<AllowForm>,
}

/// A range of amounts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BandForm {
    /// An asset id or `usd`.
    pub of: String,
    /// More than this, human form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<String>,
    /// At most this, human form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<String>,
}

/// Hours of the week.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HoursForm {
    /// IANA name.
    pub zone: String,
    /// `mon`, `tue`, `wed`, `thu`, `fri`, `sat`, `sun`.
    pub days: Vec<String>,
    /// `HH:MM`, inside.
    pub from: String,
    /// `HH:MM`, outside again; `24:00` is the day's end.
    pub to: String,
}

/// A contract call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CallForm {
    /// The chain.
    #[schemars(with = "String")]
    pub network: NetworkId,
    /// The contract.
    pub contract: String,
    /// Canonical signature, one of `functions`.
    pub function: String,
    /// Conditions on arguments of static types.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<ArgumentForm>,
}

/// A condition on an argument.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArgumentForm {
    /// Its number, from 0.
    pub argument: usize,
    /// What holds of it.
    #[serde(flatten)]
    pub is: WordForm,
}

/// What holds of a value: exactly one of these.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WordForm {
    /// One of these: numbers, addresses, `true`, `false` or hex of 32 bytes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub one_of: Vec<String>,
    /// At least this number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least: Option<String>,
    /// At most this number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<String>,
    /// An address that is one of these, spelled as in a rule's `to`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<String>,
}

/// A typed message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MessageForm {
    /// The chain.
    #[schemars(with = "String")]
    pub network: NetworkId,
    /// Its verifyingContract.
    pub contract: String,
    /// Its encodeType, one of `messages`.
    pub kind: String,
    /// Conditions on fields.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldForm>,
}

/// A condition on a field.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FieldForm {
    /// Its path, such as `order.maker`.
    pub field: String,
    /// What holds of it.
    #[serde(flatten)]
    pub is: WordForm,
}

/// Bounds on Bitcoin coins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CoinsForm {
    /// Most inputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_inputs: Option<u32>,
    /// Most outputs, change included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_outputs: Option<u32>,
    /// Most that all inputs hold, in bitcoin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_input_value: Option<String>,
}

/// What an allowing rule demands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AllowForm {
    /// The most that one intent takes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub caps: Vec<CapForm>,
    /// Limits that are charged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<String>,
    /// The most in fees.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub max_fees: Vec<FeeForm>,
    /// Who must approve: `2 of treasurers`, joined by `and`, `or` and parentheses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approvals: Option<String>,
    /// The initiator's own approval does not count.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub initiator_may_not_approve: bool,
    /// One approval comes from an independent display (rule P2).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub independent_display: bool,
    /// Cosigners that must sign, by number.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signers: Vec<u8>,
}

/// The most that one intent takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CapForm {
    /// An asset id or `usd`.
    pub of: String,
    /// Human form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<String>,
    /// Instead, hundredths of a percent of the wallet's balance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub balance_basis_points: Option<u16>,
}

/// The most in fees on a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FeeForm {
    /// The chain.
    #[schemars(with = "String")]
    pub network: NetworkId,
    /// Human form of its coin.
    pub most: String,
}
