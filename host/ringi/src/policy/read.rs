//! From a policy file to the policy set. Everything is resolved and checked here; nothing is guessed.

use super::form::{
    AllowListForm, AssetForm, DemandForm, GroupForm, PasskeyForm, PersonForm, PolicyForm, RuleForm, VaultForm,
};
use crate::failure::Failure;
use crate::fresh;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ringi_chain::parse_address;
use ringi_primitives::amount::Amount;
use ringi_primitives::asset::{Asset, AssetKey};
use ringi_primitives::digest::Digest;
use ringi_primitives::id::PersonId;
use ringi_primitives::network::NetworkId;
use ringi_primitives::passkey::Passkey;
use ringi_primitives::policy_set::{
    AllowEntry, AllowList, ContractFunction, Demand, Group, KeyPurpose, Match, PermitDomain, Person, PersonKey,
    PolicySet, RootIndex, Rule, Scope, Temperature, Threshold, Vault,
};
use ringi_primitives::wallet::VaultIndex;

fn wrong(what: String) -> Failure {
    Failure::new("cli.policy", what, "correct the policy file")
}

/// The set that follows from a file, in this workspace, after `previous`.
///
/// # Errors
/// If a name is unknown, an amount or address malformed, or the whole makes no sense.
pub fn to_set(
    form: &PolicyForm,
    genesis: Digest,
    previous: Option<(Digest, &PolicySet)>,
) -> Result<PolicySet, Failure> {
    let people = people(form, previous.map(|(_, set)| set))?;
    let assets = form.assets.iter().map(asset).collect::<Result<Vec<_>, _>>()?;
    let names = Names { people: &people, assets: &assets };
    let set = PolicySet {
        freezers: form.freezers.clone(),
        vetoers: form.vetoers.clone(),
        version: 1,
        genesis,
        sequence: previous.map_or(1, |(_, set)| set.sequence.saturating_add(1)),
        previous: previous.map(|(digest, _)| digest),
        issued_at: fresh::now_whole_s(),
        groups: form.groups.iter().map(|g| names.group(g)).collect::<Result<_, _>>()?,
        networks: form.networks.clone(),
        allow_lists: form.allow_lists.iter().map(allow_list).collect::<Result<_, _>>()?,
        functions: functions(form)?,
        permits: permits(form, &names)?,
        vaults: form.vaults.iter().map(|v| names.vault(v)).collect::<Result<_, _>>()?,
        people: people.clone(),
        assets: assets.clone(),
    };
    set.validate().map_err(|e| wrong(e.to_string()))?;
    Ok(set)
}

/// A person without an id keeps the one their name had before, or gets a fresh one.
fn people(form: &PolicyForm, previous: Option<&PolicySet>) -> Result<Vec<Person>, Failure> {
    let known = |name: &str| previous?.people.iter().find(|p| p.name == name).map(|p| p.id);
    let id = |p: &PersonForm| match p.id.or_else(|| known(&p.name)) {
        Some(id) => Ok(id),
        None => fresh::id().map(PersonId::from_bytes),
    };
    let keys = |p: &PersonForm| {
        let initiate = p.initiate.iter().map(|key| PersonKey { key: *key, purpose: KeyPurpose::Initiate });
        let approve = p.approve.iter().map(|key| PersonKey { key: *key, purpose: KeyPurpose::Approve });
        initiate.chain(approve).collect()
    };
    let person = |p: &PersonForm| {
        let passkeys = p.passkeys.iter().map(passkey).collect::<Result<_, _>>()?;
        Ok(Person { id: id(p)?, name: p.name.clone(), keys: keys(p), passkeys })
    };
    form.people.iter().map(person).collect()
}

fn passkey(form: &PasskeyForm) -> Result<Passkey, Failure> {
    let credential = URL_SAFE_NO_PAD.decode(&form.credential);
    Ok(Passkey {
        credential: credential.map_err(|_| wrong(format!("credential {} is not base64url", form.credential)))?,
        key: form.key,
        relying_party: form.relying_party.clone(),
        backup_eligible: form.backup_eligible,
    })
}

fn asset(form: &AssetForm) -> Result<Asset, Failure> {
    let token = form.token.as_deref().map(|t| address(form.network, t)).transpose()?;
    Ok(Asset { id: form.id.clone(), key: AssetKey { network: form.network, token }, decimals: form.decimals })
}

fn address(network: NetworkId, text: &str) -> Result<ringi_primitives::address::Address, Failure> {
    parse_address(network, text).map_err(|e| wrong(format!("{text} on {network}: {e}")))
}

fn allow_list(form: &AllowListForm) -> Result<AllowList, Failure> {
    let entry = |e: &super::form::AllowEntryForm| {
        Ok(AllowEntry { network: e.network, address: address(e.network, &e.address)? })
    };
    Ok(AllowList { name: form.name.clone(), entries: form.entries.iter().map(entry).collect::<Result<_, Failure>>()? })
}

fn functions(form: &PolicyForm) -> Result<Vec<ContractFunction>, Failure> {
    let function = |f: &super::form::FunctionForm| {
        let contract = address(f.network, &f.contract)?;
        Ok(ContractFunction { network: f.network, contract, signature: f.signature.clone() })
    };
    form.functions.iter().map(function).collect()
}

fn permits(form: &PolicyForm, names: &Names) -> Result<Vec<PermitDomain>, Failure> {
    let permit = |p: &super::form::PermitForm| {
        let asset = names.asset(&p.asset)?.key;
        Ok(PermitDomain { asset, name: p.name.clone(), version: p.version.clone(), max_life_s: p.max_life_s })
    };
    form.permits.iter().map(permit).collect()
}

/// What names stand for.
struct Names<'a> {
    people: &'a [Person],
    assets: &'a [Asset],
}

impl Names<'_> {
    fn asset(&self, id: &str) -> Result<&Asset, Failure> {
        self.assets.iter().find(|a| a.id == id).ok_or_else(|| wrong(format!("no asset `{id}`")))
    }

    fn amount(&self, asset: &Asset, text: &str) -> Result<Amount, Failure> {
        Amount::parse_decimal(text, asset.decimals).map_err(|e| wrong(format!("{text} {}: {e}", asset.id)))
    }

    fn group(&self, form: &GroupForm) -> Result<Group, Failure> {
        let member = |name: &String| {
            let person = self.people.iter().find(|p| p.name == *name);
            person.map(|p| p.id).ok_or_else(|| wrong(format!("group `{}`: no person `{name}`", form.name)))
        };
        Ok(Group { name: form.name.clone(), members: form.members.iter().map(member).collect::<Result<_, _>>()? })
    }

    fn vault(&self, form: &VaultForm) -> Result<Vault, Failure> {
        let temperature = match form.temperature.as_str() {
            "hot" => Temperature::Hot,
            "warm" => Temperature::Warm,
            "cold" => Temperature::Cold,
            other => {
                return Err(wrong(format!("vault `{}`: temperature `{other}` is not hot, warm or cold", form.name)));
            }
        };
        Ok(Vault {
            index: VaultIndex(form.index),
            name: form.name.clone(),
            temperature,
            root: RootIndex(form.root),
            rules: form.rules.iter().map(|r| self.rule(r)).collect::<Result<_, _>>()?,
        })
    }

    fn rule(&self, form: &RuleForm) -> Result<Rule, Failure> {
        let assets = form.assets.iter().map(|id| Ok(self.asset(id)?.key)).collect::<Result<_, Failure>>()?;
        let when = Match {
            kinds: form.kinds.clone(),
            networks: form.networks.clone(),
            assets,
            initiators: form.initiators.clone(),
        };
        Ok(Rule { name: form.name.clone(), when, then: self.demand(&form.then)? })
    }

    fn demand(&self, form: &DemandForm) -> Result<Demand, Failure> {
        Ok(match form {
            DemandForm::Permit {} => Demand::Permit,
            DemandForm::Deny {} => Demand::Deny,
            DemandForm::AllowList { lists } => Demand::AllowList { lists: lists.clone() },
            DemandForm::CapPerTransaction { asset, amount } => {
                let asset = self.asset(asset)?;
                Demand::CapPerTransaction { asset: asset.key, amount: self.amount(asset, amount)? }
            }
            DemandForm::CapPerWindow { asset, amount, window_s, scope } => {
                let asset = self.asset(asset)?;
                let amount = self.amount(asset, amount)?;
                Demand::CapPerWindow { asset: asset.key, amount, window_s: *window_s, scope: read_scope(scope)? }
            }
            DemandForm::Approvals { group, count, asset, above } => {
                let above = self.threshold(asset.as_deref(), above.as_deref())?;
                Demand::Approvals { group: group.clone(), count: *count, above }
            }
            DemandForm::InitiatorMayNotApprove {} => Demand::InitiatorMayNotApprove,
            DemandForm::MaxFee { network, amount } => {
                let coin = self.assets.iter().find(|a| a.key == AssetKey::native(*network));
                let coin = coin.ok_or_else(|| wrong(format!("no asset is the coin of {network}")))?;
                Demand::MaxFee { network: *network, amount: self.amount(coin, amount)? }
            }
        })
    }

    fn threshold(&self, asset: Option<&str>, above: Option<&str>) -> Result<Option<Threshold>, Failure> {
        match (asset, above) {
            (None, None) => Ok(None),
            (Some(asset), Some(above)) => {
                let asset = self.asset(asset)?;
                Ok(Some(Threshold { asset: asset.key, amount: self.amount(asset, above)? }))
            }
            _ => Err(wrong("approvals: `asset` and `above` go together".into())),
        }
    }
}

fn read_scope(text: &str) -> Result<Scope, Failure> {
    match text {
        "vault" => Ok(Scope::Vault),
        "wallet" => Ok(Scope::Wallet),
        "initiator" => Ok(Scope::Initiator),
        other => Err(wrong(format!("scope `{other}` is not vault, wallet or initiator"))),
    }
}
