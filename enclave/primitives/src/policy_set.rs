//! The policy set: everything cosigners know of people, assets, destinations and rules, signed by the admin quorum.
//!
//! Rule G3: names, decimals, contracts, groups and allow-lists come from here and from nowhere else.

use crate::address::Address;
use crate::amount::Amount;
use crate::asset::{Asset, AssetKey};
use crate::digest::Digest;
use crate::id::PersonId;
use crate::key::PublicKey;
use crate::limits;
use crate::network::NetworkId;
use crate::passkey::Passkey;
use crate::time::UnixMs;
use crate::wallet::VaultIndex;
use minicbor::{Decode, Encode};
use std::collections::BTreeSet;

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
    /// The group any one of which freezes a wallet, a vault or everything (rule P1); `None`: nobody does.
    #[n(18)]
    pub freezers: Option<String>,
    /// The group any one of which vetoes an intent that is not signed (rule P1); `None`: nobody does.
    #[n(19)]
    pub vetoers: Option<String>,
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
}

/// One destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
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
    /// Its rules. None matching means deny.
    #[n(4)]
    pub rules: Vec<Rule>,
}

/// The number of a distributed key per scheme in the workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct RootIndex(#[n(0)] pub u16);

/// One rule: to what it applies, and what it demands there.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Rule {
    /// Unique name in the vault, not [`DEFAULT_RULE`]; decisions and receipts name it, limits are counted under it.
    #[n(0)]
    pub name: String,
    /// Where it applies.
    #[n(1)]
    pub when: Match,
    /// What it demands.
    #[n(2)]
    pub then: Demand,
}

/// Where a rule applies: every non-empty list must contain the effect's property. Empty means any, except that a
/// [`Demand::Permit`] matches dangerous kinds (`opaque`, `delegate`) only where it names them; every other demand
/// without kinds, all of which take away, holds for them too.
#[derive(Clone, Debug, PartialEq, Eq, Default, Encode, Decode)]
pub struct Match {
    /// Effect kinds, as [`crate::effects::Effect::kind`] spells them.
    #[n(0)]
    pub kinds: Vec<String>,
    /// Chains.
    #[n(1)]
    pub networks: Vec<NetworkId>,
    /// Assets moved.
    #[n(2)]
    pub assets: Vec<AssetKey>,
    /// Groups one of which the initiator is in.
    #[n(3)]
    pub initiators: Vec<String>,
}

/// What a rule demands where it applies. Every matching rule's demand holds; a deny wins; no `Permit` means deny.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Demand {
    /// The effect is permitted, if every other matching rule agrees.
    #[n(0)]
    Permit,
    /// The effect is denied.
    #[n(1)]
    Deny,
    /// The beneficiary must be on one of these lists; opaque bytes without a target have an unknown one and are denied.
    #[n(2)]
    AllowList {
        /// Names of allow-lists.
        #[n(0)]
        lists: Vec<String>,
    },
    /// At most this much of the asset in one intent, fees included where the asset pays them.
    #[n(3)]
    CapPerTransaction {
        /// Counted asset.
        #[n(0)]
        asset: AssetKey,
        /// Most per intent.
        #[n(1)]
        amount: Amount,
    },
    /// At most this much of the asset signed in any window of this length, fees included (rules L1, L2).
    #[n(4)]
    CapPerWindow {
        /// Counted asset.
        #[n(0)]
        asset: AssetKey,
        /// Most per window.
        #[n(1)]
        amount: Amount,
        /// Rolling window in seconds, 1 to [`limits::WINDOW_S`].
        #[n(2)]
        window_s: u64,
        /// What is counted together.
        #[n(3)]
        scope: Scope,
    },
    /// At least `count` distinct members of `group` approve. With `above`, only intents that spend more than that.
    #[n(5)]
    Approvals {
        /// Whose approvals count.
        #[n(0)]
        group: String,
        /// How many distinct people.
        #[n(1)]
        count: u32,
        /// Threshold: exactly this amount is still free.
        #[n(2)]
        above: Option<Threshold>,
    },
    /// The initiator's own approval does not count.
    #[n(6)]
    InitiatorMayNotApprove,
    /// The most in fees per transaction on a network, base units of its coin.
    #[n(7)]
    MaxFee {
        /// The chain.
        #[n(0)]
        network: NetworkId,
        /// Most per transaction.
        #[n(1)]
        amount: Amount,
    },
}

/// An amount of an asset above which something is demanded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Threshold {
    /// The asset.
    #[n(0)]
    pub asset: AssetKey,
    /// The amount that is still free.
    #[n(1)]
    pub amount: Amount,
}

/// What a window counts together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum Scope {
    /// All wallets of the vault.
    #[n(0)]
    Vault,
    /// Each wallet by itself.
    #[n(1)]
    Wallet,
    /// Each initiator by themselves.
    #[n(2)]
    Initiator,
}

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

    /// Checks bounds, uniqueness, references and rule K1. A set that passes can be evaluated without surprises.
    ///
    /// # Errors
    /// [`PolicySetError`], the first found.
    pub fn validate(&self) -> Result<(), PolicySetError> {
        if self.version != 1 {
            return Err(PolicySetError::Version);
        }
        self.check_bounds()?;
        self.check_unique()?;
        self.check_references()?;
        self.vaults.iter().try_for_each(|v| self.check_vault(v))?;
        self.check_roots()
    }

    fn check_bounds(&self) -> Result<(), PolicySetError> {
        let lists = [
            (self.people.len(), "list of people"),
            (self.groups.len(), "list of groups"),
            (self.networks.len(), "list of networks"),
            (self.assets.len(), "list of assets"),
            (self.allow_lists.len(), "list of allow-lists"),
            (self.functions.len(), "list of functions"),
            (self.permits.len(), "list of permits"),
            (self.vaults.len(), "list of vaults"),
        ];
        for (len, what) in lists {
            check(len <= limits::LIST, PolicySetError::Bound(what))?;
        }
        for list in &self.allow_lists {
            check(list.entries.len() <= limits::ALLOW_ENTRIES, PolicySetError::Bound("allow-list"))?;
        }
        for person in &self.people {
            check(person.keys.len() <= limits::PERSON_KEYS, PolicySetError::Bound("list of keys"))?;
            check(person.passkeys.len() <= limits::PERSON_KEYS, PolicySetError::Bound("list of passkeys"))?;
            person.passkeys.iter().try_for_each(check_passkey)?;
        }
        for text in self.permits.iter().flat_map(|p| [&p.name, &p.version]) {
            let sound = text.len() <= limits::TEXT_BYTES && !text.chars().any(char::is_control);
            check(sound, PolicySetError::Bound("permit domain"))?;
        }
        let names = (self.people.iter().map(|p| &p.name))
            .chain(self.groups.iter().map(|g| &g.name))
            .chain(self.assets.iter().map(|a| &a.id))
            .chain(self.allow_lists.iter().map(|l| &l.name))
            .chain(self.vaults.iter().map(|v| &v.name))
            .chain(self.functions.iter().map(|f| &f.signature));
        names.into_iter().try_for_each(|name| check(plain(name), PolicySetError::Bound("name")))
    }

    fn check_unique(&self) -> Result<(), PolicySetError> {
        unique(self.people.iter().map(|p| p.id), "person")?;
        let passkeys = || self.people.iter().flat_map(|p| &p.passkeys);
        let keys = self.people.iter().flat_map(|p| p.keys.iter().map(|k| k.key));
        unique(keys.chain(passkeys().map(|k| k.key)), "key")?;
        unique(passkeys().map(|k| &k.credential), "credential")?;
        unique(self.groups.iter().map(|g| &g.name), "group")?;
        unique(self.networks.iter(), "network")?;
        unique(self.assets.iter().map(|a| &a.id), "asset id")?;
        unique(self.assets.iter().map(|a| a.key), "asset")?;
        unique(self.allow_lists.iter().map(|l| &l.name), "allow-list")?;
        unique(self.permits.iter().map(|p| p.asset), "permit")?;
        unique(self.vaults.iter().map(|v| v.index), "vault index")?;
        unique(self.vaults.iter().map(|v| &v.name), "vault name")
    }

    fn check_references(&self) -> Result<(), PolicySetError> {
        let person = |id: &PersonId| self.people.iter().any(|p| p.id == *id);
        let network = |n: &NetworkId| self.networks.contains(n);
        check(self.groups.iter().flat_map(|g| &g.members).all(person), PolicySetError::Unknown("person"))?;
        check(self.assets.iter().all(|a| network(&a.key.network)), PolicySetError::Unknown("network"))?;
        let coins = self.networks.iter().all(|n| self.asset_by_key(&AssetKey::native(*n)).is_some());
        check(coins, PolicySetError::Unknown("network coin"))?;
        check(self.functions.iter().all(|f| network(&f.network)), PolicySetError::Unknown("network"))?;
        let mut entries = self.allow_lists.iter().flat_map(|l| &l.entries);
        check(entries.all(|e| network(&e.network)), PolicySetError::Unknown("network"))?;
        let permits = self.permits.iter().all(|p| self.asset_by_key(&p.asset).is_some() && p.asset.token.is_some());
        check(permits, PolicySetError::Unknown("permit token"))?;
        self.check_brakes()
    }

    /// P1: who may brake is a group with somebody in it.
    fn check_brakes(&self) -> Result<(), PolicySetError> {
        for name in [&self.freezers, &self.vetoers].into_iter().flatten() {
            let group = self.group(name).ok_or(PolicySetError::Unknown("group"))?;
            check(!group.members.is_empty(), PolicySetError::Senseless("empty group of freezers or vetoers"))?;
        }
        Ok(())
    }

    fn check_vault(&self, vault: &Vault) -> Result<(), PolicySetError> {
        check(vault.index.0 < 1 << 31, PolicySetError::Senseless("vault index"))?;
        check(vault.rules.len() <= limits::RULES, PolicySetError::Bound("list of rules"))?;
        unique(vault.rules.iter().map(|r| &r.name), "rule")?;
        vault.rules.iter().try_for_each(|rule| self.check_rule(rule))?;
        vault.rules.iter().try_for_each(|rule| self.check_four_eyes(rule, vault))
    }

    fn check_rule(&self, rule: &Rule) -> Result<(), PolicySetError> {
        check(plain(&rule.name), PolicySetError::Bound("rule name"))?;
        // Else a rule's deny would read as the default's.
        check(rule.name != DEFAULT_RULE, PolicySetError::Senseless("rule named as the default"))?;
        let when = &rule.when;
        for len in [when.kinds.len(), when.networks.len(), when.assets.len(), when.initiators.len()] {
            check(len <= limits::MATCH_LIST, PolicySetError::Bound("list of a rule's conditions"))?;
        }
        let asset = |a: &AssetKey| self.asset_by_key(a).is_some();
        let groups = rule.when.initiators.iter().all(|g| self.group(g).is_some());
        check(groups, PolicySetError::Unknown("group"))?;
        check(rule.when.assets.iter().all(asset), PolicySetError::Unknown("asset"))?;
        check(rule.when.networks.iter().all(|n| self.networks.contains(n)), PolicySetError::Unknown("network"))?;
        check(rule.when.kinds.iter().all(|k| KINDS.contains(&k.as_str())), PolicySetError::Unknown("effect kind"))?;
        match &rule.then {
            Demand::Permit | Demand::Deny | Demand::InitiatorMayNotApprove => Ok(()),
            Demand::AllowList { lists } => {
                check(lists.len() <= limits::MATCH_LIST, PolicySetError::Bound("list of a rule's allow-lists"))?;
                check(lists.iter().all(|l| self.allow_list(l).is_some()), PolicySetError::Unknown("allow-list"))
            }
            Demand::CapPerTransaction { asset: a, .. } => check(asset(a), PolicySetError::Unknown("asset")),
            Demand::CapPerWindow { asset: a, window_s, .. } => {
                let sound = (1..=limits::WINDOW_S).contains(window_s);
                check(sound, PolicySetError::Senseless("window"))?;
                check(asset(a), PolicySetError::Unknown("asset"))
            }
            Demand::Approvals { group, count, above } => {
                let members = self.group(group).ok_or(PolicySetError::Unknown("group"))?.members.len();
                let reachable = *count > 0 && usize::try_from(*count).is_ok_and(|c| c <= members);
                check(reachable, PolicySetError::Senseless("quorum"))?;
                check(above.is_none_or(|t| asset(&t.asset)), PolicySetError::Unknown("asset"))
            }
            Demand::MaxFee { network, .. } => {
                check(self.networks.contains(network), PolicySetError::Unknown("network"))
            }
        }
    }

    /// A quorum stays reachable when four eyes strike the initiator from it: one member may be missing wherever a
    /// member can be the initiator. Whether the two rules ever match the same effect is not looked at.
    fn check_four_eyes(&self, rule: &Rule, vault: &Vault) -> Result<(), PolicySetError> {
        let Demand::Approvals { group, count, .. } = &rule.then else { return Ok(()) };
        let Some(group) = self.group(group) else { return Ok(()) };
        let initiates = |id: &PersonId| {
            let own = self.people.iter().filter(|p| p.id == *id).flat_map(|p| &p.keys);
            own.into_iter().any(|k| k.purpose == KeyPurpose::Initiate)
        };
        let struck = |eyes: &Rule| {
            let by = &eyes.when.initiators;
            let within = |id: &PersonId| by.iter().filter_map(|g| self.group(g)).any(|g| g.members.contains(id));
            group.members.iter().any(|id| initiates(id) && (by.is_empty() || within(id)))
        };
        let mut four_eyes = vault.rules.iter().filter(|r| r.then == Demand::InitiatorMayNotApprove);
        let all = usize::try_from(*count).is_ok_and(|c| c >= group.members.len());
        check(!(all && four_eyes.any(struck)), PolicySetError::Senseless("quorum under four eyes"))
    }

    /// K1: cold and raw-signing vaults never share a root with others.
    fn check_roots(&self) -> Result<(), PolicySetError> {
        let apart = |v: &Vault| {
            v.temperature == Temperature::Cold
                || v.rules.iter().any(|r| r.then == Demand::Permit && r.when.kinds.iter().any(|k| k == "opaque"))
        };
        let clash = self
            .vaults
            .iter()
            .any(|v| apart(v) && self.vaults.iter().any(|other| other.index != v.index && other.root == v.root));
        check(!clash, PolicySetError::SharedRoot)
    }
}

/// Every spelling of [`crate::effects::Effect::kind`].
pub const KINDS: [&str; 9] =
    ["transfer", "approve", "transfer_from", "permit", "call", "delegate", "self_cancel", "ownership_proof", "opaque"];

/// The name in place of a rule's in decisions that no rule spoke; no rule may bear it.
pub const DEFAULT_RULE: &str = "default";

/// P2: a credential that can be told apart, with a key that authenticators have.
fn check_passkey(passkey: &Passkey) -> Result<(), PolicySetError> {
    let bounded = (1..=limits::CREDENTIAL_BYTES).contains(&passkey.credential.len());
    check(bounded, PolicySetError::Bound("credential id"))?;
    check(plain(&passkey.relying_party), PolicySetError::Bound("relying party"))?;
    check(matches!(passkey.key, PublicKey::P256(_)), PolicySetError::Senseless("passkey of another kind than P-256"))
}

/// Not empty, within [`limits::TEXT_BYTES`], without control characters.
fn plain(name: &str) -> bool {
    !name.is_empty() && name.len() <= limits::TEXT_BYTES && !name.chars().any(char::is_control)
}

fn check(sound: bool, error: PolicySetError) -> Result<(), PolicySetError> {
    if sound { Ok(()) } else { Err(error) }
}

fn unique<T: Ord>(items: impl Iterator<Item = T>, what: &'static str) -> Result<(), PolicySetError> {
    let mut seen = BTreeSet::new();
    for item in items {
        check(seen.insert(item), PolicySetError::Repeated(what))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
