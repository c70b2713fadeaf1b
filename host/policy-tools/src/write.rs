//! From a policy set back to the readable form.

use crate::form::{
    AllowEntryForm, AllowForm, AllowListForm, ArgumentForm, AssetForm, BandForm, CallForm, CapForm, CoinsForm, FeeForm,
    FieldForm, FunctionForm, GroupForm, HoursForm, KnownWalletForm, LimitForm, MessageForm, MessageKindForm,
    PasskeyForm, PermitForm, PersonForm, PolicyForm, RuleForm, VaultForm, WindowForm, WordForm,
};
use crate::needs;
use crate::read::{BITCOIN_DECIMALS, DAYS, INTENTS, USD, field_type};
use crate::trust::from_trust;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ringi_chain::evm::Value;
use ringi_chain::format_address;
use ringi_primitives::amount::Amount;
use ringi_primitives::asset::AssetKey;
use ringi_primitives::id::PersonId;
use ringi_primitives::limits;
use ringi_primitives::passkey::Passkey;
use ringi_primitives::policy_set::{
    AllowEntry, ArgumentCondition, Band, CallCondition, Cap, CoinCondition, Destination, Display, FeeCap,
    FieldCondition, Hours, Initiator, KeyPurpose, Limit, Measure, MessageCondition, OwnApproval, Period, Person,
    PolicySet, Rule, Ruling, Scope, Source, Temperature, Terms, USD_DECIMALS, Vault, Window, WordTest,
};

/// The readable form of a set that has passed its own validation.
pub fn from_set(set: &PolicySet) -> PolicyForm {
    PolicyForm {
        networks: set.networks.clone(),
        people: set.people.iter().map(person).collect(),
        groups: (set.groups.iter())
            .map(|g| GroupForm { name: g.name.clone(), members: g.members.iter().map(|m| name_of(set, *m)).collect() })
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
                entries: l.entries.iter().map(entry).collect(),
                tags: l.tags.iter().cloned().collect(),
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
        messages: (set.messages.iter())
            .map(|m| MessageKindForm {
                network: m.network,
                contract: format_address(m.network, &m.contract),
                kind: m.kind.clone(),
            })
            .collect(),
        wallets: (set.wallets.iter())
            .map(|w| KnownWalletForm {
                vault: set.vault(w.wallet.vault).map(|v| v.name.clone()).unwrap_or_default(),
                wallet: w.wallet.wallet,
                tags: w.tags.iter().cloned().collect(),
                addresses: w.addresses.iter().map(entry).collect(),
            })
            .collect(),
        freezers: set.freezers.clone(),
        vetoers: set.vetoers.clone(),
        change_delay_s: set.change_delay_s,
        trust: set.trust.as_ref().map(from_trust),
        vaults: set.vaults.iter().map(|v| vault(set, v)).collect(),
    }
}

fn name_of(set: &PolicySet, id: PersonId) -> String {
    set.people.iter().find(|p| p.id == id).map_or_else(|| id.to_string(), |p: &Person| p.name.clone())
}

fn entry(entry: &AllowEntry) -> AllowEntryForm {
    AllowEntryForm { network: entry.network, address: format_address(entry.network, &entry.address) }
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
        limits: vault.limits.iter().map(|l| limit(set, l)).collect(),
        rules: vault.rules.iter().map(|r| rule(set, r)).collect(),
    }
}

fn of(set: &PolicySet, measure: &Measure) -> String {
    match measure {
        Measure::Asset(key) => id(set, key),
        Measure::Usd => USD.into(),
        Measure::Count => INTENTS.into(),
    }
}

/// An amount by its measure, in human form.
pub(crate) fn measured(set: &PolicySet, measure: &Measure, amount: Amount) -> String {
    match measure {
        Measure::Asset(key) => human(set, key, amount),
        Measure::Usd => amount.to_decimal(USD_DECIMALS),
        Measure::Count => amount.to_string(),
    }
}

fn limit(set: &PolicySet, limit: &Limit) -> LimitForm {
    let per = match limit.per {
        Scope::Vault => "vault",
        Scope::Wallet => "wallet",
        Scope::Initiator => "initiator",
        Scope::Destination => "destination",
    };
    LimitForm {
        name: limit.name.clone(),
        of: of(set, &limit.measure),
        most: measured(set, &limit.measure, limit.most),
        window: window(&limit.window),
        per: per.into(),
    }
}

fn window(window: &Window) -> WindowForm {
    match window {
        Window::Rolling(seconds) => WindowForm { rolling_s: Some(*seconds), ..WindowForm::default() },
        Window::Calendar { period, zone } => {
            let period = match period {
                Period::Day => "day",
                Period::Week => "week",
                Period::Month => "month",
            };
            WindowForm { calendar: Some(period.into()), zone: Some(zone.clone()), ..WindowForm::default() }
        }
        Window::UntilFinal => WindowForm { until_final: true, ..WindowForm::default() },
    }
}

pub(crate) fn rule(set: &PolicySet, rule: &Rule) -> RuleForm {
    let when = &rule.when;
    RuleForm {
        name: rule.name.clone(),
        kinds: when.kinds.clone(),
        networks: when.networks.clone(),
        assets: when.assets.iter().map(|a| id(set, a)).collect(),
        initiators: when.initiators.iter().map(|i| initiator(set, i)).collect(),
        wallets: when.sources.iter().map(source).collect(),
        to: when.destinations.iter().map(destination).collect(),
        amounts: when.amounts.iter().map(|b| band(set, b)).collect(),
        hours: when.hours.iter().map(hours).collect(),
        from: when.from,
        until: when.until,
        calls: when.calls.iter().map(call).collect(),
        messages: when.messages.iter().map(message).collect(),
        coins: when.coins.as_ref().map(coins),
        within: when.within.clone(),
        block: rule.then == Ruling::Block,
        allow: match &rule.then {
            Ruling::Block => None,
            Ruling::Allow(terms) => Some(allow(set, terms)),
        },
    }
}

fn initiator(set: &PolicySet, initiator: &Initiator) -> String {
    match initiator {
        Initiator::Group(name) => format!("group:{name}"),
        Initiator::Person(person) => format!("person:{}", name_of(set, *person)),
    }
}

fn source(source: &Source) -> String {
    match source {
        Source::Wallet(id) => format!("wallet:{id}"),
        Source::Tag(tag) => format!("tag:{tag}"),
    }
}

/// A destination as files spell it.
pub(crate) fn destination(destination: &Destination) -> String {
    match destination {
        Destination::List(name) => format!("list:{name}"),
        Destination::Tag(tag) => format!("tag:{tag}"),
        Destination::Internal => "internal".into(),
        Destination::Unlisted => "unlisted".into(),
        Destination::Contract(AllowEntry { network, address }) => {
            format!("contract:{network}/{}", format_address(*network, address))
        }
    }
}

fn band(set: &PolicySet, band: &Band) -> BandForm {
    let amount = |a: Option<Amount>| a.map(|a| measured(set, &band.measure, a));
    BandForm { of: of(set, &band.measure), above: amount(band.above), at_most: amount(band.at_most) }
}

fn hours(hours: &Hours) -> HoursForm {
    let day = |n: &u8| DAYS.get(usize::from(n.saturating_sub(1))).map(|day| day.to_string());
    let clock = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
    HoursForm {
        zone: hours.zone.clone(),
        days: hours.days.iter().filter_map(day).collect(),
        from: clock(hours.from_minute),
        to: clock(hours.to_minute),
    }
}

fn call(call: &CallCondition) -> CallForm {
    let argument = |condition: &ArgumentCondition| {
        let places = (0..limits::CALL_DATA_BYTES / 32).map(|n| (n, Value::of_argument(&call.function, n)));
        let known = places.take(usize::from(condition.word).saturating_add(1)).filter_map(|(n, v)| Some((n, v.ok()?)));
        let own = known.into_iter().find(|(_, (_, word))| *word == condition.word);
        let (argument, value) = own.map_or((usize::from(condition.word), None), |(n, (value, _))| (n, Some(value)));
        ArgumentForm { argument, is: word_form(&condition.test, value.as_ref()) }
    };
    CallForm {
        network: call.network,
        contract: format_address(call.network, &call.contract),
        function: call.function.clone(),
        arguments: call.arguments.iter().map(argument).collect(),
    }
}

fn message(message: &MessageCondition) -> MessageForm {
    let field = |f: &FieldCondition| {
        let value = field_type(&message.kind, &f.field).and_then(|kind| Value::of_type(&kind));
        FieldForm { field: f.field.clone(), is: word_form(&f.test, value.as_ref()) }
    };
    MessageForm {
        network: message.network,
        contract: format_address(message.network, &message.contract),
        kind: message.kind.clone(),
        fields: message.fields.iter().map(field).collect(),
    }
}

fn word_form(test: &WordTest, value: Option<&Value>) -> WordForm {
    let text = |word: Amount| value.map_or_else(|| word.to_string(), |value| value.text(word));
    match test {
        WordTest::OneOf(words) => WordForm { one_of: words.iter().map(|w| text(*w)).collect(), ..WordForm::default() },
        WordTest::Between { least, most } => WordForm {
            least: (!least.is_zero()).then(|| text(*least)),
            most: (*most != Amount::MAX || least.is_zero()).then(|| text(*most)),
            ..WordForm::default()
        },
        WordTest::Destination(to) => WordForm { to: to.iter().map(destination).collect(), ..WordForm::default() },
    }
}

fn coins(coins: &CoinCondition) -> CoinsForm {
    CoinsForm {
        max_inputs: coins.max_inputs,
        max_outputs: coins.max_outputs,
        max_input_value: coins.max_input_value.map(|value| value.to_decimal(BITCOIN_DECIMALS)),
    }
}

fn allow(set: &PolicySet, terms: &Terms) -> AllowForm {
    let cap = |cap: &Cap| match cap {
        Cap::Amount { measure, most } => {
            CapForm { of: of(set, measure), most: Some(measured(set, measure, *most)), balance_basis_points: None }
        }
        Cap::ShareOfBalance { asset, basis_points } => {
            CapForm { of: id(set, asset), most: None, balance_basis_points: Some(*basis_points) }
        }
    };
    let fee = |f: &FeeCap| FeeForm { network: f.network, most: human(set, &AssetKey::native(f.network), f.most) };
    let approvals = terms.approvals.as_ref();
    AllowForm {
        caps: terms.caps.iter().map(cap).collect(),
        limits: terms.limits.clone(),
        max_fees: terms.max_fees.iter().map(fee).collect(),
        approvals: approvals.map(|a| needs::write(&a.any_of)),
        initiator_may_not_approve: approvals.is_some_and(|a| a.initiator == OwnApproval::DoesNotCount),
        independent_display: approvals.is_some_and(|a| a.display == Display::Independent),
        signers: terms.signers.iter().map(|s| s.number()).collect(),
    }
}
