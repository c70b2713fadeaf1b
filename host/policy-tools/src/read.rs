//! From a policy file to the policy set. Everything is resolved and checked here; nothing is guessed.

use crate::FileError;
use crate::form::{
    AllowEntryForm, AllowForm, AllowListForm, ArgumentForm, AssetForm, BandForm, CallForm, CapForm, CoinsForm, FeeForm,
    FieldForm, FunctionForm, GroupForm, HoursForm, KnownWalletForm, LimitForm, MessageForm, PasskeyForm, PermitForm,
    PersonForm, PolicyForm, RuleForm, VaultForm, WindowForm, WordForm,
};
use crate::needs;
use crate::trust::to_trust;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ringi_chain::evm::Value;
use ringi_chain::parse_address;
use ringi_primitives::amount::Amount;
use ringi_primitives::asset::{Asset, AssetKey};
use ringi_primitives::digest::Digest;
use ringi_primitives::id::PersonId;
use ringi_primitives::network::NetworkId;
use ringi_primitives::passkey::Passkey;
use ringi_primitives::policy_set::{
    AllowEntry, AllowList, Approvals, ArgumentCondition, Band, CallCondition, Cap, CoinCondition, Conditions,
    ContractFunction, Destination, Display, FeeCap, FieldCondition, Group, Hours, Initiator, KeyPurpose, KnownWallet,
    Limit, Measure, MessageCondition, MessageKind, OwnApproval, Period, PermitDomain, Person, PersonKey, PolicySet,
    RootIndex, Rule, Ruling, Scope, Source, Temperature, Terms, USD_DECIMALS, Vault, Window, WordTest,
};
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::time::UnixMs;
use ringi_primitives::wallet::{VaultIndex, WalletRef};
use std::collections::BTreeMap;

/// The measures that are no asset's; no asset of a policy file may be called so.
pub(crate) const USD: &str = "usd";
/// How many intents.
pub(crate) const INTENTS: &str = "intents";
/// Satoshi of a bitcoin.
pub(crate) const BITCOIN_DECIMALS: u8 = 8;

/// What a set needs that is not in its file.
pub struct Fresh<'a> {
    /// When it is written; whole seconds.
    pub now: UnixMs,
    /// Ids for new people, each another one.
    pub person: &'a mut dyn FnMut() -> PersonId,
}

fn wrong(what: String) -> FileError {
    FileError(what)
}

/// The set that follows from a file, in this workspace, after `previous`.
///
/// # Errors
/// If a name is unknown, an amount or address malformed, or the whole makes no sense.
pub fn to_set(
    form: &PolicyForm,
    genesis: Digest,
    previous: Option<(Digest, &PolicySet)>,
    fresh: Fresh<'_>,
) -> Result<PolicySet, FileError> {
    if form.assets.iter().any(|a| [USD, INTENTS].contains(&a.id.as_str())) {
        return Err(wrong(format!("no asset may be called `{USD}` or `{INTENTS}`")));
    }
    let now = fresh.now;
    let people = people(form, previous.map(|(_, set)| set), fresh)?;
    let assets = form.assets.iter().map(asset).collect::<Result<Vec<_>, _>>()?;
    let names = Names { people: &people, assets: &assets };
    let set = PolicySet {
        freezers: form.freezers.clone(),
        vetoers: form.vetoers.clone(),
        change_delay_s: form.change_delay_s,
        version: 1,
        genesis,
        sequence: previous.map_or(1, |(_, set)| set.sequence.saturating_add(1)),
        previous: previous.map(|(digest, _)| digest),
        issued_at: now,
        groups: form.groups.iter().map(|g| names.group(g)).collect::<Result<_, _>>()?,
        networks: form.networks.clone(),
        allow_lists: form.allow_lists.iter().map(allow_list).collect::<Result<_, _>>()?,
        functions: functions(form)?,
        permits: permits(form, &names)?,
        vaults: form.vaults.iter().map(|v| names.vault(v)).collect::<Result<_, _>>()?,
        wallets: form.wallets.iter().map(|w| known_wallet(form, w)).collect::<Result<_, _>>()?,
        messages: messages(form)?,
        trust: form.trust.as_ref().map(to_trust).transpose()?,
        people: people.clone(),
        assets: assets.clone(),
    };
    set.validate().map_err(|e| wrong(e.to_string()))?;
    Ok(set)
}

/// A person without an id keeps the one their name had before, or gets a fresh one.
fn people(form: &PolicyForm, previous: Option<&PolicySet>, fresh: Fresh<'_>) -> Result<Vec<Person>, FileError> {
    let known = |name: &str| previous?.people.iter().find(|p| p.name == name).map(|p| p.id);
    let mut id = |p: &PersonForm| p.id.or_else(|| known(&p.name)).unwrap_or_else(|| (fresh.person)());
    let keys = |p: &PersonForm| {
        let initiate = p.initiate.iter().map(|key| PersonKey { key: *key, purpose: KeyPurpose::Initiate });
        let approve = p.approve.iter().map(|key| PersonKey { key: *key, purpose: KeyPurpose::Approve });
        initiate.chain(approve).collect()
    };
    let person = |p: &PersonForm| {
        let passkeys = p.passkeys.iter().map(passkey).collect::<Result<_, _>>()?;
        Ok(Person { id: id(p), name: p.name.clone(), keys: keys(p), passkeys })
    };
    form.people.iter().map(person).collect()
}

fn passkey(form: &PasskeyForm) -> Result<Passkey, FileError> {
    let credential = URL_SAFE_NO_PAD.decode(&form.credential);
    Ok(Passkey {
        credential: credential.map_err(|_| wrong(format!("credential {} is not base64url", form.credential)))?,
        key: form.key,
        relying_party: form.relying_party.clone(),
        backup_eligible: form.backup_eligible,
    })
}

fn asset(form: &AssetForm) -> Result<Asset, FileError> {
    let token = form.token.as_deref().map(|t| address(form.network, t)).transpose()?;
    Ok(Asset { id: form.id.clone(), key: AssetKey { network: form.network, token }, decimals: form.decimals })
}

fn address(network: NetworkId, text: &str) -> Result<ringi_primitives::address::Address, FileError> {
    parse_address(network, text).map_err(|e| wrong(format!("{text} on {network}: {e}")))
}

fn entry(form: &AllowEntryForm) -> Result<AllowEntry, FileError> {
    Ok(AllowEntry { network: form.network, address: address(form.network, &form.address)? })
}

fn allow_list(form: &AllowListForm) -> Result<AllowList, FileError> {
    let entries = form.entries.iter().map(entry).collect::<Result<_, _>>()?;
    Ok(AllowList { name: form.name.clone(), entries, tags: form.tags.iter().cloned().collect() })
}

fn known_wallet(form: &PolicyForm, wallet: &KnownWalletForm) -> Result<KnownWallet, FileError> {
    let vault = form.vaults.iter().find(|v| v.name == wallet.vault);
    let vault = vault.ok_or_else(|| wrong(format!("wallet {}: no vault `{}`", wallet.wallet, wallet.vault)))?;
    Ok(KnownWallet {
        wallet: WalletRef { vault: VaultIndex(vault.index), wallet: wallet.wallet },
        tags: wallet.tags.iter().cloned().collect(),
        addresses: wallet.addresses.iter().map(entry).collect::<Result<_, _>>()?,
    })
}

fn messages(form: &PolicyForm) -> Result<Vec<MessageKind>, FileError> {
    let message = |m: &crate::form::MessageKindForm| {
        let contract = address(m.network, &m.contract)?;
        Ok(MessageKind { network: m.network, contract, kind: m.kind.clone() })
    };
    form.messages.iter().map(message).collect()
}

fn functions(form: &PolicyForm) -> Result<Vec<ContractFunction>, FileError> {
    let function = |f: &FunctionForm| {
        let contract = address(f.network, &f.contract)?;
        Ok(ContractFunction { network: f.network, contract, signature: f.signature.clone() })
    };
    form.functions.iter().map(function).collect()
}

fn permits(form: &PolicyForm, names: &Names) -> Result<Vec<PermitDomain>, FileError> {
    let permit = |p: &PermitForm| {
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
    fn asset(&self, id: &str) -> Result<&Asset, FileError> {
        self.assets.iter().find(|a| a.id == id).ok_or_else(|| wrong(format!("no asset `{id}`")))
    }

    fn amount(&self, asset: &Asset, text: &str) -> Result<Amount, FileError> {
        Amount::parse_decimal(text, asset.decimals).map_err(|e| wrong(format!("{text} {}: {e}", asset.id)))
    }

    fn group(&self, form: &GroupForm) -> Result<Group, FileError> {
        let member = |name: &String| self.person(name).map_err(|e| wrong(format!("group `{}`: {e}", form.name)));
        Ok(Group { name: form.name.clone(), members: form.members.iter().map(member).collect::<Result<_, _>>()? })
    }

    fn vault(&self, form: &VaultForm) -> Result<Vault, FileError> {
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
            limits: form.limits.iter().map(|l| self.limit(l)).collect::<Result<_, _>>()?,
            rules: form.rules.iter().map(|r| self.rule(r)).collect::<Result<_, _>>()?,
        })
    }

    /// An asset id, `usd` or `intents`, and the digits of its amounts.
    fn measure(&self, of: &str) -> Result<(Measure, u8), FileError> {
        match of {
            USD => Ok((Measure::Usd, USD_DECIMALS)),
            INTENTS => Ok((Measure::Count, 0)),
            id => self.asset(id).map(|a| (Measure::Asset(a.key), a.decimals)),
        }
    }

    fn measured(&self, of: &str, text: &str) -> Result<(Measure, Amount), FileError> {
        let (measure, decimals) = self.measure(of)?;
        let amount = Amount::parse_decimal(text, decimals).map_err(|e| wrong(format!("{text} {of}: {e}")))?;
        Ok((measure, amount))
    }

    fn limit(&self, form: &LimitForm) -> Result<Limit, FileError> {
        let (measure, most) = self.measured(&form.of, &form.most)?;
        let window = window(&form.window).ok_or_else(|| {
            wrong(format!(
                "limit `{}`: window is `rolling_s`, `calendar` with `zone`, or `until_final = true`",
                form.name
            ))
        })?;
        let per = match form.per.as_str() {
            "vault" => Scope::Vault,
            "wallet" => Scope::Wallet,
            "initiator" => Scope::Initiator,
            "destination" => Scope::Destination,
            other => return Err(wrong(format!("per `{other}` is not vault, wallet, initiator or destination"))),
        };
        Ok(Limit { name: form.name.clone(), measure, most, window, per })
    }

    fn rule(&self, form: &RuleForm) -> Result<Rule, FileError> {
        let named = |e: FileError| wrong(format!("rule `{}`: {e}", form.name));
        let when = self.conditions(form).map_err(named)?;
        let then = match (&form.allow, form.block) {
            (None, true) => Ruling::Block,
            (Some(terms), false) => Ruling::Allow(self.terms(terms).map_err(named)?),
            _ => return Err(wrong(format!("rule `{}`: either `block = true` or `allow = {{ … }}`", form.name))),
        };
        Ok(Rule { name: form.name.clone(), when, then })
    }

    fn conditions(&self, form: &RuleForm) -> Result<Conditions, FileError> {
        Ok(Conditions {
            kinds: form.kinds.clone(),
            networks: form.networks.clone(),
            assets: form.assets.iter().map(|id| Ok(self.asset(id)?.key)).collect::<Result<_, FileError>>()?,
            initiators: form.initiators.iter().map(|i| self.initiator(i)).collect::<Result<_, _>>()?,
            sources: form.wallets.iter().map(|s| source(s)).collect::<Result<_, _>>()?,
            destinations: form.to.iter().map(|d| destination(d)).collect::<Result<_, _>>()?,
            amounts: form.amounts.iter().map(|b| self.band(b)).collect::<Result<_, _>>()?,
            hours: form.hours.iter().map(hours).collect::<Result<_, _>>()?,
            from: form.from,
            until: form.until,
            calls: form.calls.iter().map(call).collect::<Result<_, _>>()?,
            messages: form.messages.iter().map(message).collect::<Result<_, _>>()?,
            coins: form.coins.as_ref().map(coins).transpose()?,
            within: form.within.clone(),
        })
    }

    fn person(&self, name: &str) -> Result<PersonId, FileError> {
        let person = self.people.iter().find(|p| p.name == *name);
        person.map(|p| p.id).ok_or_else(|| wrong(format!("no person `{name}`")))
    }

    fn initiator(&self, text: &str) -> Result<Initiator, FileError> {
        match text.split_once(':') {
            Some(("group", name)) => Ok(Initiator::Group(name.into())),
            Some(("person", name)) => self.person(name).map(Initiator::Person),
            _ => Err(wrong(format!("initiator `{text}` is not `group:NAME` or `person:NAME`"))),
        }
    }

    fn band(&self, form: &BandForm) -> Result<Band, FileError> {
        let (measure, _) = self.measure(&form.of)?;
        let amount = |text: &Option<String>| {
            text.as_deref().map(|text| self.measured(&form.of, text).map(|(_, amount)| amount)).transpose()
        };
        Ok(Band { measure, above: amount(&form.above)?, at_most: amount(&form.at_most)? })
    }

    fn terms(&self, form: &AllowForm) -> Result<Terms, FileError> {
        let signer = |n: &u8| PartyIndex::new(*n).ok_or_else(|| wrong(format!("signer {n} is no cosigner's number")));
        Ok(Terms {
            caps: form.caps.iter().map(|c| self.cap(c)).collect::<Result<_, _>>()?,
            limits: form.limits.clone(),
            max_fees: form.max_fees.iter().map(|f| self.fee(f)).collect::<Result<_, _>>()?,
            approvals: approvals(form)?,
            signers: form.signers.iter().map(signer).collect::<Result<_, _>>()?,
        })
    }

    fn cap(&self, form: &CapForm) -> Result<Cap, FileError> {
        match (&form.most, form.balance_basis_points) {
            (Some(most), None) => self.measured(&form.of, most).map(|(measure, most)| Cap::Amount { measure, most }),
            (None, Some(basis_points)) => Ok(Cap::ShareOfBalance { asset: self.asset(&form.of)?.key, basis_points }),
            _ => Err(wrong(format!("cap of {}: either `most` or `balance_basis_points`", form.of))),
        }
    }

    fn fee(&self, form: &FeeForm) -> Result<FeeCap, FileError> {
        let coin = self.assets.iter().find(|a| a.key == AssetKey::native(form.network));
        let coin = coin.ok_or_else(|| wrong(format!("no asset is the coin of {}", form.network)))?;
        Ok(FeeCap { network: form.network, most: self.amount(coin, &form.most)? })
    }
}

fn window(form: &WindowForm) -> Option<Window> {
    match (form.rolling_s, form.calendar.as_deref(), &form.zone, form.until_final) {
        (Some(seconds), None, None, false) => Some(Window::Rolling(seconds)),
        (None, Some(period), Some(zone), false) => {
            let period = match period {
                "day" => Period::Day,
                "week" => Period::Week,
                "month" => Period::Month,
                _ => return None,
            };
            Some(Window::Calendar { period, zone: zone.clone() })
        }
        (None, None, None, true) => Some(Window::UntilFinal),
        _ => None,
    }
}

fn source(text: &str) -> Result<Source, FileError> {
    let malformed = || wrong(format!("wallet `{text}` is not `wallet:ID` or `tag:NAME`"));
    match text.split_once(':') {
        Some(("wallet", id)) => id.parse().map(Source::Wallet).map_err(|_| malformed()),
        Some(("tag", name)) => Ok(Source::Tag(name.into())),
        _ => Err(malformed()),
    }
}

fn destination(text: &str) -> Result<Destination, FileError> {
    match text.split_once(':') {
        None if text == "internal" => Ok(Destination::Internal),
        None if text == "unlisted" => Ok(Destination::Unlisted),
        Some(("list", name)) => Ok(Destination::List(name.into())),
        Some(("tag", name)) => Ok(Destination::Tag(name.into())),
        Some(("contract", place)) => {
            let (network, account) =
                place.split_once('/').ok_or_else(|| wrong(format!("`{text}` lacks an address")))?;
            let network = network.parse().map_err(|_| wrong(format!("`{network}` is no network")))?;
            Ok(Destination::Contract(AllowEntry { network, address: address(network, account)? }))
        }
        _ => {
            let forms = "`list:NAME`, `tag:NAME`, `internal`, `unlisted` or `contract:NETWORK/ADDRESS`";
            Err(wrong(format!("destination `{text}` is not {forms}")))
        }
    }
}

/// Days of the week as files spell them, Monday first.
pub(crate) const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

fn hours(form: &HoursForm) -> Result<Hours, FileError> {
    let day = |name: &String| {
        let at = (1u8..).zip(DAYS).find(|(_, day)| day == name).map(|(number, _)| number);
        at.ok_or_else(|| wrong(format!("day `{name}` is not one of {}", DAYS.join(", "))))
    };
    Ok(Hours {
        zone: form.zone.clone(),
        days: form.days.iter().map(day).collect::<Result<_, _>>()?,
        from_minute: minute(&form.from)?,
        to_minute: minute(&form.to)?,
    })
}

fn minute(text: &str) -> Result<u16, FileError> {
    let malformed = || wrong(format!("time of day `{text}` is not HH:MM"));
    let (hour, minute) = text.split_once(':').filter(|(h, m)| h.len() == 2 && m.len() == 2).ok_or_else(malformed)?;
    let number = |digits: &str| -> Result<u16, FileError> {
        let plain = digits.bytes().all(|b| b.is_ascii_digit());
        digits.parse().ok().filter(|_| plain).ok_or_else(malformed)
    };
    let (hour, minute) = (number(hour)?, number(minute)?);
    let sound = minute < 60 && (hour < 24 || (hour, minute) == (24, 0));
    if sound { Ok(hour * 60 + minute) } else { Err(malformed()) }
}

fn call(form: &CallForm) -> Result<CallCondition, FileError> {
    let argument = |a: &ArgumentForm| {
        let (value, word) = Value::of_argument(&form.function, a.argument)
            .map_err(|e| wrong(format!("argument {} of {}: {e}", a.argument, form.function)))?;
        Ok(ArgumentCondition { word, test: word_test(&a.is, &value)? })
    };
    Ok(CallCondition {
        network: form.network,
        contract: address(form.network, &form.contract)?,
        function: form.function.clone(),
        arguments: form.arguments.iter().map(argument).collect::<Result<_, FileError>>()?,
    })
}

fn message(form: &MessageForm) -> Result<MessageCondition, FileError> {
    let field = |f: &FieldForm| {
        let kind = field_type(&form.kind, &f.field);
        let value = kind.and_then(|kind| Value::of_type(&kind));
        let value = value.ok_or_else(|| wrong(format!("field `{}` is no single value of {}", f.field, form.kind)))?;
        Ok(FieldCondition { field: f.field.clone(), test: word_test(&f.is, &value)? })
    };
    Ok(MessageCondition {
        network: form.network,
        contract: address(form.network, &form.contract)?,
        kind: form.kind.clone(),
        fields: form.fields.iter().map(field).collect::<Result<_, FileError>>()?,
    })
}

/// The type of a field by its path, from an `encodeType` text such as `Order(Party maker,uint256 amount)Party(address at)`.
pub(crate) fn field_type(kind: &str, path: &str) -> Option<String> {
    let structs: BTreeMap<&str, &str> = kind.split_terminator(')').filter_map(|one| one.split_once('(')).collect();
    let mut inside = kind.split_once('(')?.0;
    let mut steps = path.split('.').peekable();
    while let Some(step) = steps.next() {
        let field = structs.get(inside)?.split(',').filter_map(|f| f.split_once(' ')).find(|(_, name)| *name == step);
        let (kind, _) = field?;
        if steps.peek().is_none() {
            return Some(kind.to_owned());
        }
        inside = kind;
    }
    None
}

fn word_test(form: &WordForm, value: &Value) -> Result<WordTest, FileError> {
    let word = |text: &String| value.word(text).map_err(|e| wrong(format!("{text}: {e}")));
    match (form.one_of.as_slice(), &form.least, &form.most, form.to.as_slice()) {
        ([], None, None, []) => Err(wrong("a value without `one_of`, `least`, `most` or `to`".into())),
        (words, None, None, []) => Ok(WordTest::OneOf(words.iter().map(word).collect::<Result<_, _>>()?)),
        ([], least, most, []) => Ok(WordTest::Between {
            least: least.as_ref().map(word).transpose()?.unwrap_or(Amount::ZERO),
            most: most.as_ref().map(word).transpose()?.unwrap_or(Amount::MAX),
        }),
        ([], None, None, to) => Ok(WordTest::Destination(to.iter().map(|d| destination(d)).collect::<Result<_, _>>()?)),
        _ => Err(wrong("a value with more than one of `one_of`, a range, and `to`".into())),
    }
}

fn coins(form: &CoinsForm) -> Result<CoinCondition, FileError> {
    let value = form
        .max_input_value
        .as_deref()
        .map(|text| Amount::parse_decimal(text, BITCOIN_DECIMALS).map_err(|e| wrong(format!("{text} bitcoin: {e}"))));
    Ok(CoinCondition {
        max_inputs: form.max_inputs,
        max_outputs: form.max_outputs,
        max_input_value: value.transpose()?,
    })
}

fn approvals(form: &AllowForm) -> Result<Option<Approvals>, FileError> {
    let Some(text) = &form.approvals else {
        let idle = form.initiator_may_not_approve || form.independent_display;
        return if idle { Err(wrong("who may not approve, but nobody must".into())) } else { Ok(None) };
    };
    Ok(Some(Approvals {
        any_of: needs::read(text)?,
        initiator: if form.initiator_may_not_approve { OwnApproval::DoesNotCount } else { OwnApproval::Counts },
        display: if form.independent_display { Display::Independent } else { Display::Any },
    }))
}
