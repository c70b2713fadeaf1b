//! Sets, questions and verdicts in the JSON that the model reads and answers. What an effect is called, takes and by whom it is
//! gained is spelled here again, so that the model does not hear it from the code under test.

use crate::questions::Asked;
use ringi_policy::{Question, decide, explain, watched};
use ringi_primitives::address::Address;
use ringi_primitives::amount::Amount;
use ringi_primitives::asset::AssetKey;
use ringi_primitives::decision::{Decision, LimitKey, Subject};
use ringi_primitives::effects::{Effect, OpaqueKind};
use ringi_primitives::network::NetworkId;
use ringi_primitives::policy_set::{
    AllowEntry, Approvals, Cap, Conditions, Destination, Display, Initiator, Limit, Measure, OwnApproval, Period,
    PolicySet, Rule, Ruling, Scope, Source, Temperature, Terms, Vault, Window, WordTest,
};
use ringi_primitives::time::UnixMs;
use ringi_primitives::wallet::WalletRef;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

fn list<T>(items: impl IntoIterator<Item = T>, of: impl Fn(T) -> Value) -> Value {
    Value::Array(items.into_iter().map(of).collect())
}

fn text(of: impl ToString) -> Value {
    Value::String(of.to_string())
}

fn address(address: &Address) -> String {
    hex::encode(address.raw())
}

fn entry(entry: &AllowEntry) -> String {
    format!("{}/{}", entry.network, address(&entry.address))
}

fn asset(key: &AssetKey) -> String {
    key.token.map_or(key.network.to_string(), |token| format!("{}/{}", key.network, address(&token)))
}

fn measure(measure: &Measure) -> String {
    match measure {
        Measure::Asset(key) => asset(key),
        Measure::Usd => "usd".into(),
        Measure::Count => "count".into(),
    }
}

fn key(key: &LimitKey) -> String {
    let subject = match key.subject {
        Subject::Vault => "vault".into(),
        Subject::Wallet(id) => format!("wallet:{id}"),
        Subject::Initiator(id) => format!("initiator:{id}"),
        Subject::Destination(who) => format!("to:{}", who.map_or("?".into(), |who| entry(&who))),
    };
    format!("{}|{}|{}|{subject}", key.vault.0, key.name, measure(&key.measure))
}

/// A set.
pub fn policy(policy: &PolicySet) -> Value {
    let groups = policy.groups.iter().map(|g| (g.name.clone(), list(&g.members, text)));
    let assets = policy.assets.iter().map(|a| (asset(&a.key), json!(a.decimals)));
    json!({
        "people": list(&policy.people, |p| text(p.id)),
        "groups": groups.collect::<Map<_, _>>(),
        "networks": list(&policy.networks, text),
        "assets": assets.collect::<Map<_, _>>(),
        "lists": list(&policy.allow_lists, |l| json!({
            "name": l.name, "tags": l.tags, "entries": list(&l.entries, |e| text(entry(e))),
        })),
        "wallets": list(&policy.wallets, |w| json!({
            "vault": w.wallet.vault.0, "wallet": w.wallet.wallet.to_string(), "tags": w.tags,
            "addresses": list(&w.addresses, |e| text(entry(e))),
        })),
        "vaults": list(&policy.vaults, vault),
    })
}

fn vault(vault: &Vault) -> Value {
    let temperature = match vault.temperature {
        Temperature::Hot => "hot",
        Temperature::Warm => "warm",
        Temperature::Cold => "cold",
    };
    let (limits, rules) = (list(&vault.limits, limit), list(&vault.rules, rule));
    json!({"index": vault.index.0, "temperature": temperature, "limits": limits, "rules": rules})
}

fn limit(limit: &Limit) -> Value {
    let per = match limit.per {
        Scope::Vault => "vault",
        Scope::Wallet => "wallet",
        Scope::Initiator => "initiator",
        Scope::Destination => "destination",
    };
    let (of, most) = (measure(&limit.measure), text(limit.most));
    json!({"name": limit.name, "measure": of, "most": most, "window": window(&limit.window), "per": per})
}

fn window(window: &Window) -> Value {
    match window {
        Window::Rolling(seconds) => json!({"rolling_s": seconds}),
        Window::Calendar { period, zone } => {
            let period = match period {
                Period::Day => "day",
                Period::Week => "week",
                Period::Month => "month",
            };
            json!({"period": period, "zone": zone})
        }
        Window::UntilFinal => json!("until_final"),
    }
}

fn rule(rule: &Rule) -> Value {
    let then = match &rule.then {
        Ruling::Block => json!("block"),
        Ruling::Allow(terms) => self::terms(terms),
    };
    json!({"name": rule.name, "when": conditions(&rule.when), "then": then})
}

/// A list without entries is no condition, and left out.
fn conditions(when: &Conditions) -> Value {
    let lists = [
        ("kinds", json!(when.kinds)),
        ("networks", list(&when.networks, text)),
        ("assets", list(&when.assets, |a| text(asset(a)))),
        ("initiators", list(&when.initiators, initiator)),
        ("sources", list(&when.sources, source)),
        ("destinations", list(&when.destinations, destination)),
        (
            "amounts",
            list(&when.amounts, |b| {
                json!({
                    "of": measure(&b.measure), "above": b.above.map(text), "at_most": b.at_most.map(text),
                })
            }),
        ),
        (
            "hours",
            list(&when.hours, |h| {
                json!({
                    "zone": h.zone, "days": h.days, "from": h.from_minute, "to": h.to_minute,
                })
            }),
        ),
        (
            "calls",
            list(&when.calls, |c| {
                json!({
                    "network": text(c.network), "contract": address(&c.contract), "function": c.function,
                    "arguments": list(&c.arguments, |a| json!({"word": a.word, "test": test(&a.test)})),
                })
            }),
        ),
        (
            "messages",
            list(&when.messages, |m| {
                json!({
                    "network": text(m.network), "contract": address(&m.contract), "type": m.kind,
                    "fields": list(&m.fields, |f| json!({"field": f.field, "test": test(&f.test)})),
                })
            }),
        ),
        ("within", json!(when.within)),
    ];
    let there = lists.into_iter().filter(|(_, list)| list.as_array().is_some_and(|l| !l.is_empty()));
    let mut all: Map<_, _> = there.map(|(tag, list)| (tag.to_string(), list)).collect();
    let instants = [("from", when.from), ("until", when.until)];
    all.extend(instants.into_iter().filter_map(|(name, at)| Some((name.to_string(), json!(at?.0)))));
    if let Some(c) = &when.coins {
        let value = c.max_input_value.map(text);
        all.insert("coins".into(), json!({"inputs": c.max_inputs, "outputs": c.max_outputs, "value": value}));
    }
    Value::Object(all)
}

fn initiator(initiator: &Initiator) -> Value {
    match initiator {
        Initiator::Group(name) => json!(["group", name]),
        Initiator::Person(id) => json!(["person", id.to_string()]),
    }
}

fn source(source: &Source) -> Value {
    match source {
        Source::Wallet(id) => json!(["wallet", id.to_string()]),
        Source::Tag(tag) => json!(["tag", tag]),
    }
}

fn destination(destination: &Destination) -> Value {
    match destination {
        Destination::List(name) => text(format!("list:{name}")),
        Destination::Tag(tag) => text(format!("tag:{tag}")),
        Destination::Internal => json!("internal"),
        Destination::Unlisted => json!("unlisted"),
        Destination::Contract(contract) => text(format!("contract:{}", entry(contract))),
    }
}

fn test(test: &WordTest) -> Value {
    match test {
        WordTest::OneOf(words) => json!({"one_of": list(words, text)}),
        WordTest::Between { least, most } => json!({"least": text(least), "most": text(most)}),
        WordTest::Destination(any) => json!({"to": list(any, destination)}),
    }
}

fn terms(terms: &Terms) -> Value {
    let cap = |cap: &Cap| match cap {
        Cap::Amount { measure: of, most } => json!({"of": measure(of), "most": text(most)}),
        Cap::ShareOfBalance { asset: of, basis_points } => json!({"of": asset(of), "share": basis_points}),
    };
    json!({
        "caps": list(&terms.caps, cap),
        "limits": terms.limits,
        "max_fees": terms.max_fees.iter().map(|f| (f.network.to_string(), text(f.most))).collect::<Map<_, _>>(),
        "approvals": terms.approvals.as_ref().map(approvals),
        "signers": list(&terms.signers, |s| json!(s.number())),
    })
}

fn approvals(approvals: &Approvals) -> Value {
    json!({
        "any_of": list(&approvals.any_of, |way| list(way, |seats| json!([seats.group, seats.count]))),
        "initiator_counts": approvals.initiator == OwnApproval::Counts,
        "independent": approvals.display == Display::Independent,
    })
}

/// A question.
pub fn question(asked: &Asked) -> Value {
    let WalletRef { vault, wallet } = asked.wallet;
    let amounts = |amounts: &BTreeMap<AssetKey, Amount>| -> Map<_, _> {
        amounts.iter().map(|(key, amount)| (asset(key), text(amount))).collect()
    };
    let coins = match asked.coins {
        ringi_policy::Coins::Without => Value::Null,
        ringi_policy::Coins::Undecided => json!("undecided"),
        ringi_policy::Coins::Chosen { inputs, outputs, value } => {
            json!({"inputs": inputs, "outputs": outputs, "value": text(value)})
        }
    };
    let UnixMs(now) = asked.now;
    json!({
        "vault": vault.0, "wallet": text(wallet), "initiator": text(asked.initiator), "network": text(asked.network),
        "fee": text(asked.fee), "effects": list(&asked.effects, effect), "approvals": list(&asked.approvals, text),
        "independent": list(&asked.independent, text), "intent": text(asked.intent), "now": now,
        "final": list(&asked.memory.finals, text), "prices": amounts(&asked.prices), "balances": amounts(&asked.balances),
        "spent": list(&asked.memory.entries, |s| json!({
            "limit": key(&s.limit), "intent": text(s.intent), "amount": text(s.amount), "at": s.at.0,
        })),
        "signers": asked.signers.as_ref().map(|s| list(s, |s| json!(s.number()))),
        "coins": coins,
    })
}

fn effect(effect: &Effect) -> Value {
    let moves = |kind: &str, key: &AssetKey, who: &Address, amount: &Amount| {
        json!({
            "kind": kind, "network": text(key.network), "asset": asset(key), "gains": address(who), "amount": text(amount),
        })
    };
    let plain = |kind: &str, network: &NetworkId| json!({"kind": kind, "network": text(network)});
    match effect {
        Effect::Transfer { asset, to, amount } => moves("transfer", asset, to, amount),
        Effect::Approve { asset, spender, amount } => moves("approve", asset, spender, amount),
        Effect::TransferFrom { asset, to, amount, .. } => moves("transfer_from", asset, to, amount),
        Effect::Permit { asset, spender, amount, .. } => moves("permit", asset, spender, amount),
        Effect::Call { network, contract, value, function, data } => json!({
            "kind": "call", "network": text(network), "gains": address(contract), "value": text(value),
            "function": function, "data": hex::encode(data),
        }),
        Effect::Delegate { network, delegate } => {
            json!({"kind": "delegate", "network": text(network), "gains": address(delegate)})
        }
        Effect::SelfCancel { network } => plain("self_cancel", network),
        Effect::OwnershipProof { network, .. } => plain("ownership_proof", network),
        Effect::TypedMessage { network, contract, kind, fields, .. } => json!({
            "kind": "typed_message", "network": text(network), "gains": address(contract), "type": kind,
            "fields": list(fields, |f| json!([f.path, f.word.to_string()])),
        }),
        Effect::Opaque { network, kind, target, value, .. } => {
            let kind = match kind {
                OpaqueKind::Call => "raw_call",
                OpaqueKind::TypedData => "raw_typed_data",
                OpaqueKind::Message => "raw_message",
                OpaqueKind::Creation => "deploy",
            };
            let gains = target.as_ref().map(address);
            json!({"kind": kind, "network": text(network), "gains": gains, "value": text(value)})
        }
    }
}

/// What the evaluator says, and why. Sorted where the order has no meaning: charges, watched limits, and what a rule
/// misses of several effects.
pub fn verdict(question: &Question) -> Value {
    let explained = match explain(question) {
        Err(reason) => json!(reason.code()),
        Ok(steps) => list(steps, |step| {
            let mut misses: Vec<_> = step.misses.iter().map(|tag| tag.unwrap_or_default()).collect();
            misses.sort_unstable();
            misses.dedup();
            json!([step.rule, misses, step.unknown.map(|reason| reason.code())])
        }),
    };
    let mut keys: Vec<_> = watched(question).iter().map(key).collect();
    keys.sort_unstable();
    json!({"decision": decision(&decide(question)), "explain": explained, "watched": keys})
}

fn decision(decision: &Decision) -> Value {
    match decision {
        Decision::Allow { charges, rules } => {
            let mut charges: Vec<_> = charges.iter().collect();
            charges.sort_by_key(|charge| key(&charge.limit));
            let charges = list(charges, |c| json!([key(&c.limit), text(c.amount), text(c.cap), window(&c.window)]));
            json!({"allow": charges, "rules": rules})
        }
        Decision::Deny { rule, reason } => json!({"deny": [rule, reason.code()]}),
        Decision::NeedsApproval { missing, rules } => {
            let missing = list(missing, |m| {
                let display = if m.display == Display::Independent { "independent" } else { "any" };
                json!([m.rule, m.group, m.count, display])
            });
            json!({"needs": missing, "rules": rules})
        }
    }
}
