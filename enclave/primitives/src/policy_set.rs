//! The policy set: everything cosigners know of people, assets, destinations and rules, signed by the admin quorum.
//!
//! Rule G3: names, decimals, contracts, groups and allow-lists come from here and from nowhere else.

use crate::address::Address;
use crate::asset::{Asset, AssetKey};
use crate::digest::Digest;
use crate::id::PersonId;
use crate::key::PublicKey;
use crate::network::NetworkId;
use crate::passkey::Passkey;
use crate::time::UnixMs;
use crate::trust::Trust;
use crate::wallet::{VaultIndex, WalletRef};
use minicbor::{Decode, Encode};
use std::collections::BTreeSet;

mod rule;
#[cfg(test)]
mod tests;
mod validate;

pub use rule::*;

/// The body of a policy set. The newest set signed by the admin quorum is in force; sequence numbers only rise.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct PolicySet {
    /// Always 1.
    #[n(0)]
    pub version: u8,
    /// The workspace.
    #[n(1)]
    pub genesis: Digest,
    /// 1, 2, 3, … without gaps.
    #[n(2)]
    pub sequence: u64,
    /// Digest of the set before; `None` for sequence 1.
    #[n(3)]
    pub previous: Option<Digest>,
    /// When it was written.
    #[n(4)]
    pub issued_at: UnixMs,
    /// Who may initiate and approve.
    #[n(5)]
    pub people: Vec<Person>,
    /// Named sets of people.
    #[n(6)]
    pub groups: Vec<Group>,
    /// The chains in use.
    #[n(7)]
    pub networks: Vec<NetworkId>,
    /// The assets in use; each network's own coin must be among them.
    #[n(8)]
    pub assets: Vec<Asset>,
    /// Named destinations.
    #[n(9)]
    pub allow_lists: Vec<AllowList>,
    /// Contract functions that decode to `Call` instead of `Opaque`.
    #[n(10)]
    pub functions: Vec<ContractFunction>,
    /// Tokens whose ERC-2612 permits may be signed (rule C2).
    #[n(11)]
    pub permits: Vec<PermitDomain>,
    /// Groups of wallets, each under its rules.
    #[n(12)]
    pub vaults: Vec<Vault>,
    /// Wallets that the set knows by tags and addresses.
    #[n(13)]
    pub wallets: Vec<KnownWallet>,
    /// EIP-712 types that decode to `TypedMessage` instead of `Opaque`.
    #[n(14)]
    pub messages: Vec<MessageKind>,
    /// Who is believed what cosigners cannot see for themselves; nobody, if there is none.
    #[n(17)]
    pub trust: Option<Trust>,
    /// The group any one of which freezes a wallet, a vault or everything (rule P1); `None`: nobody does.
    #[n(18)]
    pub freezers: Option<String>,
    /// The group any one of which vetoes an intent that is not signed (rule P1); `None`: nobody does.
    #[n(19)]
    pub vetoers: Option<String>,
    /// How many seconds the set after this one is announced before it may come in force (rule P1); `None`: it comes at once.
    #[n(20)]
    pub change_delay_s: Option<u64>,
}

/// A person or program that signs intents or approvals.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Person {
    /// Identity; rule I1 counts these.
    #[n(0)]
    pub id: PersonId,
    /// For display.
    #[n(1)]
    pub name: String,
    /// Keys that sign for this person.
    #[n(2)]
    pub keys: Vec<PersonKey>,
    /// Passkeys that approve for this person (rule P2).
    #[n(3)]
    pub passkeys: Vec<Passkey>,
}

/// One key of a person and what it may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct PersonKey {
    /// The key; unique in the set.
    #[n(0)]
    pub key: PublicKey,
    /// Its only use.
    #[n(1)]
    pub purpose: KeyPurpose,
}

/// What a person's key may sign: approval credentials are apart from the ones that initiate (rule P2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub enum KeyPurpose {
    /// Requests and intents.
    #[n(0)]
    Initiate,
    /// Approvals.
    #[n(1)]
    Approve,
}

/// A named set of people.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Group {
    /// Unique name.
    #[n(0)]
    pub name: String,
    /// Its members.
    #[n(1)]
    pub members: BTreeSet<PersonId>,
}

/// A named set of destinations.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct AllowList {
    /// Unique name.
    #[n(0)]
    pub name: String,
    /// Full addresses on exact networks.
    #[n(1)]
    pub entries: BTreeSet<AllowEntry>,
    /// What rules call several lists together.
    #[n(2)]
    pub tags: BTreeSet<String>,
}

/// One destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct AllowEntry {
    /// The chain.
    #[n(0)]
    pub network: NetworkId,
    /// The address.
    #[n(1)]
    pub address: Address,
}

/// A function of a contract that cosigners decode by ABI.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ContractFunction {
    /// The chain.
    #[n(0)]
    pub network: NetworkId,
    /// The contract.
    #[n(1)]
    pub contract: Address,
    /// Canonical signature, e.g. `deposit(uint256,address)`.
    #[n(2)]
    pub signature: String,
}

/// A type of EIP-712 messages that cosigners decode field by field (rule C2: of this contract on this chain only).
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct MessageKind {
    /// The chain of its domain.
    #[n(0)]
    pub network: NetworkId,
    /// Its domain's verifyingContract.
    #[n(1)]
    pub contract: Address,
    /// The primary type's `encodeType` (EIP-712), e.g. `Mail(address to,string text)`.
    #[n(2)]
    pub kind: String,
}

/// What the set knows of a wallet: tags for rules, and addresses at which others of the workspace pay it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct KnownWallet {
    /// The wallet.
    #[n(0)]
    pub wallet: WalletRef,
    /// What rules call it.
    #[n(1)]
    pub tags: BTreeSet<String>,
    /// Its addresses; admins verify their statements before they sign the set (rule A1).
    #[n(2)]
    pub addresses: BTreeSet<AllowEntry>,
}

/// A token's EIP-712 domain as ERC-2612 uses it; chain id and contract come from the asset.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct PermitDomain {
    /// The token.
    #[n(0)]
    pub asset: AssetKey,
    /// EIP-712 domain name.
    #[n(1)]
    pub name: String,
    /// EIP-712 domain version.
    #[n(2)]
    pub version: String,
    /// A permit's deadline lies at most this many seconds ahead.
    #[n(3)]
    pub max_life_s: u64,
}

/// How a vault is meant to be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub enum Temperature {
    /// Rules alone decide.
    #[n(0)]
    Hot,
    /// People approve.
    #[n(1)]
    Warm,
    /// Only an offline ceremony signs: the online cosigners refuse.
    #[n(2)]
    Cold,
}

/// A group of wallets under one policy.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Vault {
    /// First step of its wallets' paths; unique, never reused.
    #[n(0)]
    pub index: VaultIndex,
    /// Unique name, as intents spell it.
    #[n(1)]
    pub name: String,
    /// How it is used.
    #[n(2)]
    pub temperature: Temperature,
    /// Which distributed key of each scheme its wallets derive from (rule K1).
    #[n(3)]
    pub root: RootIndex,
    /// What its rules charge intents to.
    #[n(5)]
    pub limits: Vec<Limit>,
    /// Its rules. None matching means deny.
    #[n(4)]
    pub rules: Vec<Rule>,
}

/// The number of a distributed key per scheme in the workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct RootIndex(#[n(0)] pub u16);

/// Why a policy set is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicySetError {
    /// Another version than 1.
    #[error("policy set version is not 1")]
    Version,
    /// A list or text over its bound, or an empty name.
    #[error("policy set has an empty, too long or too large {0}")]
    Bound(&'static str),
    /// Two entries of one name, id, key or index.
    #[error("policy set has two entries of the same {0}")]
    Repeated(&'static str),
    /// A name that is not defined in this set.
    #[error("policy set refers to an unknown {0}")]
    Unknown(&'static str),
    /// Rule K1: a cold or raw-signing vault shares its root key with another vault.
    #[error("a cold or raw-signing vault shares its root key with another vault")]
    SharedRoot,
    /// A window of zero or over a year, a quorum nobody can reach, a vault index of 2^31 or more.
    #[error("policy set has a rule that cannot hold: {0}")]
    Senseless(&'static str),
}

impl PolicySet {
    /// The vault of this name.
    pub fn vault_named(&self, name: &str) -> Option<&Vault> {
        self.vaults.iter().find(|v| v.name == name)
    }

    /// The vault of this index.
    pub fn vault(&self, index: VaultIndex) -> Option<&Vault> {
        self.vaults.iter().find(|v| v.index == index)
    }

    /// The asset of this id.
    pub fn asset(&self, id: &str) -> Option<&Asset> {
        self.assets.iter().find(|a| a.id == id)
    }

    /// The asset that a key of the chain stands for.
    pub fn asset_by_key(&self, key: &AssetKey) -> Option<&Asset> {
        self.assets.iter().find(|a| a.key == *key)
    }

    /// The group of this name.
    pub fn group(&self, name: &str) -> Option<&Group> {
        self.groups.iter().find(|g| g.name == name)
    }

    /// The allow-list of this name.
    pub fn allow_list(&self, name: &str) -> Option<&AllowList> {
        self.allow_lists.iter().find(|l| l.name == name)
    }

    /// The wallet that the set knows by this address.
    pub fn wallet_at(&self, entry: &AllowEntry) -> Option<&KnownWallet> {
        self.wallets.iter().find(|w| w.addresses.contains(entry))
    }

    /// The person a key belongs to, if it may be used for this purpose.
    pub fn person_by_key(&self, key: &PublicKey, purpose: KeyPurpose) -> Option<&Person> {
        self.people.iter().find(|p| p.keys.iter().any(|k| k.key == *key && k.purpose == purpose))
    }

    /// Whether a person is in the group of this name.
    pub fn is_member(&self, person: PersonId, group: &str) -> bool {
        self.group(group).is_some_and(|g| g.members.contains(&person))
    }

    /// The person of this id.
    pub fn person(&self, id: PersonId) -> Option<&Person> {
        self.people.iter().find(|p| p.id == id)
    }
}

/// Every spelling of [`crate::effects::Effect::kind`].
pub const KINDS: [&str; 13] = [
    "transfer",
    "approve",
    "transfer_from",
    "permit",
    "call",
    "typed_message",
    "delegate",
    "self_cancel",
    "ownership_proof",
    "raw_call",
    "raw_typed_data",
    "raw_message",
    "deploy",
];

/// Kinds that an allowing rule must name: they hand over the account, or nobody understands what they do.
pub const DANGEROUS: [&str; 5] = ["delegate", "raw_call", "raw_typed_data", "raw_message", "deploy"];

/// The name in place of a rule's in decisions that no rule spoke; no rule may bear it.
pub const DEFAULT_RULE: &str = "default";
