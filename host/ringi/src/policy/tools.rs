//! `ringi policy lint|diff|explain|can|schema`, over policy files and policy sets alike.

use super::preview::InForce;
use super::{PolicyForm, read_signed, to_set};
use crate::cli::{CanArgs, ExplainArgs, PolicyToolCommand};
use crate::failure::{Done, Failure};
use crate::fresh;
use crate::output::Output;
use ringi_policy::{Coins, Question, decide, explain};
use ringi_policy_tools::can::{Query, can};
use ringi_policy_tools::diff::{Change, diff};
use ringi_policy_tools::lint::{Finding, Severity, lint};
use ringi_policy_tools::preview::words;
use ringi_primitives::amount::Amount;
use ringi_primitives::decision::Spending;
use ringi_primitives::digest::Digest;
use ringi_primitives::genesis::GenesisChain;
use ringi_primitives::id::PersonId;
use ringi_primitives::intent::Intent;
use ringi_primitives::network::NetworkId;
use ringi_primitives::policy_set::{AllowEntry, KINDS, PolicySet};
use ringi_primitives::wallet::WalletRef;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Answers a question to a policy.
///
/// # Errors
/// If a file cannot be read, a name is unknown, or lint finds an error.
pub fn run(command: PolicyToolCommand, output: Output) -> Done {
    match command {
        PolicyToolCommand::Lint { file } => run_lint(&file, output),
        PolicyToolCommand::Diff { before, after } => {
            let (before, after) = pair(&before, &after)?;
            output.show(&diff(&before, &after), |changes| {
                let lines: Vec<_> = changes.iter().map(shown_change).collect();
                if lines.is_empty() { "no change".into() } else { lines.join("\n") }
            });
            Ok(())
        }
        PolicyToolCommand::Explain(args) => run_explain(&args, output),
        PolicyToolCommand::Can(args) => run_can(&args, output),
        PolicyToolCommand::Schema => {
            output.show(&PolicyForm::schema(), |schema| format!("{:#}", schema.as_value()));
            Ok(())
        }
    }
}

/// A policy file becomes the set it would be; a set is taken as it is, whoever signed it.
fn load(path: &Path) -> Result<PolicySet, Failure> {
    if !is_form(path) {
        return read_signed(path).map(|(_, set)| set);
    }
    let form: PolicyForm = crate::form::read(path)?;
    to_set(&form, Digest::ZERO, None)
}

/// A change in a line.
pub(crate) fn shown_change(change: &Change) -> String {
    let side = |text: &Option<String>| text.clone().unwrap_or_else(|| "nothing".into());
    format!("{}: {} -> {}", change.at, side(&change.before), side(&change.after))
}

/// A finding in a line.
pub(crate) fn finding(found: &Finding) -> String {
    let how = if found.severity == Severity::Error { "error" } else { "warning" };
    format!("{how}: {}: {}: {} ({})", found.vault, found.rule, found.text, found.code)
}

/// Two policies to compare. Ids that only one of two files would make are no difference: a file continues the other one.
fn pair(before: &Path, after: &Path) -> Result<(PolicySet, PolicySet), Failure> {
    let continues = |file: &Path, other: &PolicySet| {
        let form: PolicyForm = crate::form::read(file)?;
        to_set(&form, other.genesis, Some((Digest::ZERO, other)))
    };
    if is_form(after) {
        let before = load(before)?;
        let after = continues(after, &before)?;
        return Ok((before, after));
    }
    let after = load(after)?;
    let before = if is_form(before) { continues(before, &after)? } else { load(before)? };
    Ok((before, after))
}

/// A file as what follows the set in force: ids of people, vaults and assets stay.
pub(crate) fn load_after(path: &Path, chain: &GenesisChain, now: &InForce) -> Result<PolicySet, Failure> {
    if !is_form(path) {
        return read_signed(path).map(|(_, set)| set);
    }
    let form: PolicyForm = crate::form::read(path)?;
    to_set(&form, chain.root(), Some((now.digest, &now.set)))
}

fn is_form(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "toml" || e == "json")
}

fn run_lint(file: &Path, output: Output) -> Done {
    let findings = lint(&load(file)?, fresh::now_whole_s());
    output.show(&findings, |findings| {
        let lines: Vec<_> = findings.iter().map(finding).collect();
        if lines.is_empty() { "nothing found".into() } else { lines.join("\n") }
    });
    if findings.iter().any(|f| f.severity == Severity::Error) {
        return Err(Failure::new("cli.policy_findings", "the policy has errors", "correct the rules that are named"));
    }
    Ok(())
}

fn person(set: &PolicySet, name: &str) -> Result<PersonId, Failure> {
    let known = set.people.iter().find(|p| p.name == name).map(|p| p.id);
    known.ok_or_else(|| Failure::new("cli.policy", format!("no person `{name}`"), "use a name of the policy"))
}

/// What becomes of an intent, and why.
#[derive(Serialize)]
struct Explained {
    decision: String,
    effects: Vec<String>,
    rules: Vec<RuleSays>,
}

#[derive(Serialize)]
struct RuleSays {
    rule: String,
    says: String,
}

fn run_explain(args: &ExplainArgs, output: Output) -> Done {
    let set = load(&args.file)?;
    let bytes = std::fs::read(&args.intent).map_err(|e| Failure::file(&args.intent, &e))?;
    let wrong = |e: String| Failure::new("cli.intent", e, "correct the intent");
    let intent = Intent::parse(&bytes).map_err(|e| wrong(e.to_string()))?;
    let plan = ringi_chain::plan(&set, &intent).map_err(|e| wrong(e.to_string()))?;
    let vault = set.vault_named(&intent.vault).ok_or_else(|| wrong(format!("no vault `{}`", intent.vault)))?;
    let approvals: BTreeSet<_> = args.approved_by.iter().map(|name| person(&set, name)).collect::<Result<_, _>>()?;
    let (nothing, spent): (BTreeMap<_, _>, [Spending; 0]) = (BTreeMap::new(), []);
    let question = Question {
        policy: &set,
        wallet: WalletRef { vault: vault.index, wallet: intent.wallet },
        initiator: person(&set, &args.initiator)?,
        effects: &plan.effects,
        network: plan.network,
        fee: plan.max_fee,
        approvals: &approvals,
        independent: &approvals,
        intent: intent.replaces.unwrap_or(intent.id),
        spent: &spent,
        now: fresh::now(),
        prices: &nothing,
        balances: &nothing,
        signers: None,
        coins: match plan.network {
            NetworkId::Bitcoin(_) => Coins::Undecided,
            NetworkId::Evm(_) => Coins::Without,
        },
    };
    let steps = explain(&question).map_err(|reason| wrong(reason.code().to_string()))?;
    let says = |step: &ringi_policy::Step| match (step.unknown, step.misses.contains(&None), step.misses.first()) {
        (Some(reason), ..) => format!("cannot tell: {}", reason.code()),
        (None, true, _) => "matches".into(),
        (None, false, Some(Some(tag))) => format!("does not match: {tag}"),
        (None, false, _) => "does not match".into(),
    };
    let explained = Explained {
        decision: words(&decide(&question)),
        effects: plan.effects.iter().map(|e| crate::words::effect(&set, e)).collect(),
        rules: steps.iter().map(|step| RuleSays { rule: step.rule.clone(), says: says(step) }).collect(),
    };
    output.show(&explained, |e| {
        let rules: Vec<_> = e.rules.iter().map(|r| format!("  {}: {}", r.rule, r.says)).collect();
        format!("{}\n{}\n{}\nwith empty limits, without prices", e.decision, e.effects.join("\n"), rules.join("\n"))
    });
    Ok(())
}

fn run_can(args: &CanArgs, output: Output) -> Done {
    let set = load(&args.file)?;
    let wrong = |e: String| Failure::new("cli.policy", e, "correct the question; `ringi policy can --help`");
    let asset = set.asset(&args.asset).ok_or_else(|| wrong(format!("no asset `{}`", args.asset)))?;
    let network = asset.key.network;
    let address = |text: &String| {
        let address = ringi_chain::parse_address(network, text).map_err(|e| wrong(format!("{text}: {e}")))?;
        Ok::<_, Failure>(AllowEntry { network, address })
    };
    let excluded = |name: &String| match set.group(name) {
        Some(group) => Ok(group.members.iter().copied().collect::<Vec<_>>()),
        None => person(&set, name).map(|id| vec![id]),
    };
    let without: Vec<Vec<PersonId>> = args.without.iter().map(excluded).collect::<Result<_, _>>()?;
    if let Some(kind) = args.kinds.iter().find(|kind| !KINDS.contains(&kind.as_str())) {
        return Err(wrong(format!("no kind `{kind}`; the kinds are {}", KINDS.join(", "))));
    }
    let query = Query {
        kinds: args.kinds.clone(),
        asset: asset.key,
        to: args.to.as_ref().map(address).transpose()?,
        above: Amount::parse_decimal(&args.above, asset.decimals).map_err(|e| wrong(e.to_string()))?,
        without: without.into_iter().flatten().collect(),
        now: fresh::now(),
    };
    let ways = can(&set, &query).map_err(|e| wrong(e.to_string()))?;
    output.show(&ways, |ways| {
        let way = |w: &ringi_policy_tools::can::Way| {
            let approvals = if w.approvals.is_empty() { "nobody".into() } else { w.approvals.join(" and ") };
            let full = if w.full.is_empty() { String::new() } else { format!(", once {} is full", w.full.join(", ")) };
            format!("yes: {} / {}: asked by {}, {}, approved by {approvals}{full}", w.vault, w.rule, w.initiator, w.to)
        };
        if ways.is_empty() { "no: over all inputs".into() } else { ways.iter().map(way).collect::<Vec<_>>().join("\n") }
    });
    Ok(())
}
