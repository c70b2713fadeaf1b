//! What the cases reached. A generator that no longer reaches something proves nothing of it, so each verdict, each reason of
//! a deny and each clause, held and missed, has a least number.

use crate::questions::Asked;
use ringi_primitives::decision::DenyReason;
use ringi_primitives::policy_set::{
    Conditions, Destination, Display, OwnApproval, PolicySet, Rule, Ruling, Terms, WordTest,
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// How often what occurred.
#[derive(Default)]
pub struct Coverage {
    /// Cases.
    pub cases: u64,
    counts: BTreeMap<String, u64>,
}

/// Every reason. The match of [`is_listed`] breaks the build where a reason is new.
const REASONS: [DenyReason; 11] = [
    DenyReason::NotPermitted,
    DenyReason::Denied,
    DenyReason::BalanceMissing,
    DenyReason::TransactionCap,
    DenyReason::LimitExceeded,
    DenyReason::FeeCap,
    DenyReason::ColdVault,
    DenyReason::Unknown,
    DenyReason::Overflow,
    DenyReason::PriceMissing,
    DenyReason::SignerMissing,
];

fn is_listed(reason: DenyReason) -> bool {
    match reason {
        DenyReason::NotPermitted
        | DenyReason::Denied
        | DenyReason::BalanceMissing
        | DenyReason::TransactionCap
        | DenyReason::LimitExceeded
        | DenyReason::FeeCap
        | DenyReason::ColdVault
        | DenyReason::Unknown
        | DenyReason::Overflow
        | DenyReason::PriceMissing
        | DenyReason::SignerMissing => REASONS.contains(&reason),
    }
}

/// Forms of clauses that must have held in a rule that an effect belongs to, or been charged.
const FORMS: [&str; 33] = [
    "argument between",
    "argument destination",
    "argument one of",
    "block of destinations",
    "charge calendar",
    "charge count",
    "charge per destination",
    "charge per initiator",
    "charge per vault",
    "charge per wallet",
    "charge rolling",
    "charge to nobody known",
    "charge until final",
    "charge usd",
    "destination contract",
    "destination internal",
    "destination list",
    "destination tag",
    "destination unlisted",
    "field between",
    "field destination",
    "field one of",
    "four eyes",
    "independent display missing",
    "independent display there",
    "initiator's own approval counts",
    "limit named twice",
    "no effect",
    "one of several ways",
    "replacement dearer",
    "several effects",
    "several rules",
    "share of balance",
];

impl Coverage {
    /// Counts one case with what the evaluator said of it.
    pub fn count(&mut self, policy: &PolicySet, asked: &Asked, verdict: &Value) {
        self.cases += 1;
        let decision = &verdict["decision"];
        let kind = ["allow", "needs", "deny"].into_iter().find(|kind| decision.get(kind).is_some()).unwrap();
        self.add(format!("verdict {kind}"));
        let Some(vault) = policy.vault(asked.wallet.vault) else { return self.count_deny(decision) };
        self.count_deny(decision);
        self.count_forms_of_question(asked, decision);
        for (rule, step) in vault.rules.iter().zip(verdict["explain"].as_array().into_iter().flatten()) {
            self.count_conditions(rule, step);
        }
        for name in decision["rules"].as_array().into_iter().flatten() {
            let rule = vault.rules.iter().find(|r| name == &r.name).unwrap();
            if let Ruling::Allow(terms) = &rule.then {
                self.count_terms(rule, terms, asked, decision);
            }
        }
    }

    fn add(&mut self, what: impl Into<String>) {
        *self.counts.entry(what.into()).or_default() += 1;
    }

    fn count_deny(&mut self, decision: &Value) {
        let [rule, code] = ["/deny/0", "/deny/1"].map(|at| decision.pointer(at).and_then(Value::as_str));
        let (Some(rule), Some(code)) = (rule, code) else { return };
        self.add(format!("deny {code}"));
        let clause = match code {
            "policy.transaction_cap" => "caps",
            "policy.limit_exceeded" => "limits",
            "policy.fee_cap" if rule == "default" => return self.add("fee cap lacking"),
            "policy.fee_cap" => "max_fee",
            "policy.signer_missing" => "signers",
            "policy.denied" => return self.add("block held"),
            _ => return,
        };
        self.add(format!("{clause} missed"));
    }

    fn count_forms_of_question(&mut self, asked: &Asked, decision: &Value) {
        if asked.effects.is_empty() {
            self.add("no effect");
        }
        if decision["rules"].as_array().is_some_and(|r| r.len() > 1) {
            self.add("several rules");
        }
        if decision.get("deny").is_none() && asked.effects.len() > 1 {
            self.add("several effects");
        }
        for charge in decision["allow"].as_array().into_iter().flatten() {
            let key: Vec<_> = charge[0].as_str().unwrap().split('|').collect();
            let window = &charge[3];
            let form = ["rolling_s", "period"].into_iter().find(|f| window.get(f).is_some());
            self.add(match form {
                Some("rolling_s") => "charge rolling",
                Some(_) => "charge calendar",
                None => "charge until final",
            });
            if ["usd", "count"].contains(&key[2]) {
                self.add(format!("charge {}", key[2]));
            }
            self.add(match key[3].split(':').next().unwrap() {
                "to" => "charge per destination".into(),
                scope => format!("charge per {scope}"),
            });
            if key[3] == "to:?" {
                self.add("charge to nobody known");
            }
            let own = asked.memory.entries.iter().filter(|e| e.intent == asked.intent && e.limit.name == key[1]);
            if own.map(|e| e.amount.to_string()).any(|amount| charge[1] == amount) {
                self.add("replacement dearer");
            }
        }
    }

    fn count_conditions(&mut self, rule: &Rule, step: &Value) {
        let misses: BTreeSet<_> = step[1].as_array().unwrap().iter().map(|m| m.as_str().unwrap()).collect();
        for tag in misses.iter().filter(|tag| !tag.is_empty()) {
            self.add(format!("{tag} missed"));
        }
        let matched = misses.contains("") && step[2].is_null();
        if rule.then == Ruling::Block && !matched {
            self.add("block missed");
        }
        if !matched {
            return;
        }
        for tag in there(&rule.when) {
            self.add(format!("{tag} held"));
        }
        if rule.then == Ruling::Block && !rule.when.destinations.is_empty() {
            self.add("block of destinations");
        }
        // With one entry it is that one that held.
        if let [only] = &rule.when.destinations[..] {
            self.add(format!("destination {}", name_of(only)));
        }
        for argument in rule.when.calls.iter().filter(|_| rule.when.calls.len() == 1).flat_map(|c| &c.arguments) {
            self.add(format!("argument {}", name_of_test(&argument.test)));
        }
        for field in rule.when.messages.iter().filter(|_| rule.when.messages.len() == 1).flat_map(|m| &m.fields) {
            self.add(format!("field {}", name_of_test(&field.test)));
        }
    }

    /// Of a rule that an effect belongs to, where no term denied.
    fn count_terms(&mut self, rule: &Rule, terms: &Terms, asked: &Asked, decision: &Value) {
        let there = [
            ("caps", !terms.caps.is_empty()),
            ("limits", !terms.limits.is_empty()),
            ("max_fee", terms.max_fees.iter().any(|f| f.network == asked.network)),
            ("signers", !terms.signers.is_empty() && asked.signers.is_some()),
        ];
        for (tag, _) in there.into_iter().filter(|(_, there)| *there) {
            self.add(format!("{tag} held"));
        }
        if terms.caps.iter().any(|c| matches!(c, ringi_primitives::policy_set::Cap::ShareOfBalance { .. })) {
            self.add("share of balance");
        }
        if rule.when.within.iter().any(|name| terms.limits.contains(name)) {
            self.add("limit named twice");
        }
        let Some(approvals) = &terms.approvals else { return };
        let missing: Vec<_> =
            decision["needs"].as_array().into_iter().flatten().filter(|m| m[0] == rule.name).collect();
        self.add(if missing.is_empty() { "approvals held" } else { "approvals missed" });
        let independent = approvals.display == Display::Independent;
        if independent && missing.is_empty() {
            self.add("independent display there");
        }
        if missing.iter().any(|m| m[3] == "independent") {
            self.add("independent display missing");
        }
        if asked.approvals.contains(&asked.initiator) {
            self.add(match approvals.initiator {
                OwnApproval::Counts => "initiator's own approval counts",
                OwnApproval::DoesNotCount => "four eyes",
            });
        }
        if approvals.any_of.len() > 1 && missing.is_empty() {
            self.add("one of several ways");
        }
    }

    pub fn merge(&mut self, other: Coverage) {
        self.cases += other.cases;
        for (what, count) in other.counts {
            *self.counts.entry(what).or_default() += count;
        }
    }

    /// What occurred less often than `least`.
    pub fn rare(&self, least: u64) -> Vec<String> {
        assert!(REASONS.into_iter().all(is_listed));
        let verdicts = ["allow", "needs", "deny"].map(|kind| format!("verdict {kind}"));
        let reasons = REASONS.map(|reason| format!("deny {}", reason.code()));
        let clauses = clauses().into_iter().flat_map(|tag| [format!("{tag} held"), format!("{tag} missed")]);
        let forms = FORMS.map(String::from).into_iter().chain(["fee cap lacking".into()]);
        let all = verdicts.into_iter().chain(reasons).chain(clauses).chain(forms);
        all.filter(|what| self.counts.get(what).copied().unwrap_or_default() < least).collect()
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.counts.iter().try_for_each(|(what, count)| writeln!(f, "{count:>10}  {what}"))
    }
}

/// The clauses that docs/rules.md lists: a new one is asked for here by itself.
fn clauses() -> Vec<&'static str> {
    let rows = include_str!("../../../../docs/rules.md").lines().filter(|line| line.starts_with("| when | `"));
    let then = include_str!("../../../../docs/rules.md").lines().filter(|line| line.starts_with("| then | `"));
    let tags: Vec<_> = rows.chain(then).map(|line| line.split('`').nth(1).unwrap()).collect();
    assert!(tags.len() >= 19, "{tags:?}");
    tags
}

fn there(when: &Conditions) -> Vec<&'static str> {
    let all = [
        ("kinds", !when.kinds.is_empty()),
        ("networks", !when.networks.is_empty()),
        ("assets", !when.assets.is_empty()),
        ("initiators", !when.initiators.is_empty()),
        ("sources", !when.sources.is_empty()),
        ("destinations", !when.destinations.is_empty()),
        ("amounts", !when.amounts.is_empty()),
        ("hours", !when.hours.is_empty()),
        ("validity", when.from.is_some() || when.until.is_some()),
        ("calls", !when.calls.is_empty()),
        ("messages", !when.messages.is_empty()),
        ("coins", when.coins.is_some()),
        ("within", !when.within.is_empty()),
    ];
    all.into_iter().filter(|(_, there)| *there).map(|(tag, _)| tag).collect()
}

fn name_of(destination: &Destination) -> &'static str {
    match destination {
        Destination::List(_) => "list",
        Destination::Tag(_) => "tag",
        Destination::Internal => "internal",
        Destination::Unlisted => "unlisted",
        Destination::Contract(_) => "contract",
    }
}

fn name_of_test(test: &WordTest) -> &'static str {
    match test {
        WordTest::OneOf(_) => "one of",
        WordTest::Between { .. } => "between",
        WordTest::Destination(_) => "destination",
    }
}
