//! From a policy set back to the readable form.

use super::form::{
    AllowEntryForm, AllowListForm, AssetForm, DemandForm, FunctionForm, GroupForm, PasskeyForm, PermitForm, PersonForm,
    PolicyForm, RuleForm, VaultForm,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ringi_chain::format_address;
use ringi_primitives::amount::Amount;
use ringi_primitives::asset::AssetKey;
use ringi_primitives::passkey::Passkey;
use ringi_primitives::policy_set::{Demand, KeyPurpose, Person, PolicySet, Rule, Scope, Temperature, Vault};

/// The readable form of a set that has passed its own validation.
pub fn from_set(set: &PolicySet) -> PolicyForm {
    let named = |id| set.people.iter().find(|p| p.id == id).map_or_else(|| id.to_string(), |p: &Person| p.name.clone());
    PolicyForm {
        networks: set.networks.clone(),
        people: set.people.iter().map(person).collect(),
        groups: (set.groups.iter())
            .map(|g| GroupForm { name: g.name.clone(), members: g.members.iter().map(|m| named(*m)).collect() })
            .collect(),
        assets: (set.assets.iter())
            .map(|a| AssetForm {
                id: a.id.clone(),
                network: a.key.network,
                token: a.key.token.map(|t| format_address(a.key.network, &t)),
                decimals: a.decimals,
            })
            .collect(),
        allow_lists: (set.allow_lists.iter())
            .map(|l| AllowListForm {
                name: l.name.clone(),
                entries: (l.entries.iter())
                    .map(|e| AllowEntryForm { network: e.network, address: format_address(e.network, &e.address) })
                    .collect(),
            })
            .collect(),
        functions: (set.functions.iter())
            .map(|f| FunctionForm {
                network: f.network,
                contract: format_address(f.network, &f.contract),
                signature: f.signature.clone(),
            })
            .collect(),
        permits: (set.permits.iter())
            .map(|p| PermitForm {
                asset: id(set, &p.asset),
                name: p.name.clone(),
                version: p.version.clone(),
                max_life_s: p.max_life_s,
            })
            .collect(),
        vaults: set.vaults.iter().map(|v| vault(set, v)).collect(),
        freezers: set.freezers.clone(),
        vetoers: set.vetoers.clone(),
    }
}

fn person(person: &Person) -> PersonForm {
    let keys = |purpose| person.keys.iter().filter(|k| k.purpose == purpose).map(|k| k.key).collect();
    PersonForm {
        id: Some(person.id),
        name: person.name.clone(),
        initiate: keys(KeyPurpose::Initiate),
        approve: keys(KeyPurpose::Approve),
        passkeys: person.passkeys.iter().map(passkey).collect(),
    }
}

fn passkey(passkey: &Passkey) -> PasskeyForm {
    PasskeyForm {
        credential: URL_SAFE_NO_PAD.encode(&passkey.credential),
        key: passkey.key,
        relying_party: passkey.relying_party.clone(),
        backup_eligible: passkey.backup_eligible,
    }
}

fn id(set: &PolicySet, key: &AssetKey) -> String {
    set.asset_by_key(key).map(|a| a.id.clone()).unwrap_or_default()
}

fn human(set: &PolicySet, key: &AssetKey, amount: Amount) -> String {
    amount.to_decimal(set.asset_by_key(key).map_or(0, |a| a.decimals))
}

fn vault(set: &PolicySet, vault: &Vault) -> VaultForm {
    let temperature = match vault.temperature {
        Temperature::Hot => "hot",
        Temperature::Warm => "warm",
        Temperature::Cold => "cold",
    };
    VaultForm {
        index: vault.index.0,
        name: vault.name.clone(),
        temperature: temperature.into(),
        root: vault.root.0,
        rules: vault.rules.iter().map(|r| rule(set, r)).collect(),
    }
}

fn rule(set: &PolicySet, rule: &Rule) -> RuleForm {
    RuleForm {
        name: rule.name.clone(),
        kinds: rule.when.kinds.clone(),
        networks: rule.when.networks.clone(),
        assets: rule.when.assets.iter().map(|a| id(set, a)).collect(),
        initiators: rule.when.initiators.clone(),
        then: demand(set, &rule.then),
    }
}

fn demand(set: &PolicySet, demand: &Demand) -> DemandForm {
    match demand {
        Demand::Permit => DemandForm::Permit {},
        Demand::Deny => DemandForm::Deny {},
        Demand::AllowList { lists } => DemandForm::AllowList { lists: lists.clone() },
        Demand::CapPerTransaction { asset, amount } => {
            DemandForm::CapPerTransaction { asset: id(set, asset), amount: human(set, asset, *amount) }
        }
        Demand::CapPerWindow { asset, amount, window_s, scope } => DemandForm::CapPerWindow {
            asset: id(set, asset),
            amount: human(set, asset, *amount),
            window_s: *window_s,
            scope: match scope {
                Scope::Vault => "vault",
                Scope::Wallet => "wallet",
                Scope::Initiator => "initiator",
            }
            .into(),
        },
        Demand::Approvals { group, count, above } => DemandForm::Approvals {
            group: group.clone(),
            count: *count,
            asset: above.map(|t| id(set, &t.asset)),
            above: above.map(|t| human(set, &t.asset, t.amount)),
        },
        Demand::InitiatorMayNotApprove => DemandForm::InitiatorMayNotApprove {},
        Demand::MaxFee { network, amount } => {
            DemandForm::MaxFee { network: *network, amount: human(set, &AssetKey::native(*network), *amount) }
        }
    }
}
