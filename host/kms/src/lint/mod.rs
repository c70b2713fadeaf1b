//! Finds key policies that would let a human, or a program that nobody measured, have what only an enclave should.
//!
//! Codes are stable. What a policy does is asked of the same conditions that the server evaluates.

mod cosigners;
mod reach;

use crate::identity::printable;
use crate::policy::{Comparison, Condition, Effect, Operator, Policy, PrincipalPattern, Statement};
use reach::{Reach, is_pattern};
use ringi_attestation::{Pcr, PcrIndex};
use serde::Serialize;
use std::collections::BTreeSet;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Somebody who is no measured enclave can have a plaintext, or the power over it.
    Error,
    /// It holds, but less than it could, or for a reason that is easily lost.
    Warning,
}

/// Something found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// The policy's name, as it was given.
    pub policy: String,
    /// How bad.
    pub level: Level,
    /// Stable code.
    pub code: &'static str,
    /// The statement: its Sid, or its number from 1. None: the policy as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statement: Option<String>,
    /// What it means.
    pub message: String,
}

/// A policy to look at.
pub struct Named<'a> {
    /// Such as its file's name.
    pub name: &'a str,
    /// JSON.
    pub text: &'a str,
}

/// Everything found in these policies, each by itself and all together: the keys of one workspace's cosigners. `threshold` is
/// the number of cosigners that sign: nobody may have power over so many keys (rule E1).
pub fn lint(policies: &[Named<'_>], threshold: usize) -> Vec<Finding> {
    let mut found = BTreeSet::new();
    let mut read = Vec::new();
    for named in policies {
        match Policy::parse(named.text) {
            Ok(policy) => {
                found.extend(one(named.name, &policy));
                read.push((named.name, policy));
            }
            Err(refusal) => {
                let finding = Finding {
                    policy: named.name.to_owned(),
                    level: Level::Error,
                    code: "kms.unreadable",
                    statement: None,
                    message: printable(&refusal.message),
                };
                found.insert(finding);
            }
        }
    }
    found.extend(cosigners::together(&read, threshold));
    found.into_iter().collect()
}

/// Actions that give a plaintext, and can be bound to a document.
const RELEASING: &[&str] = &["kms:Decrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyPair", "kms:DeriveSharedSecret"];
/// Actions that put a ciphertext under another key, where another policy holds.
const MOVING: &[&str] = &["kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:ReplicateKey"];
/// Actions after which somebody knows the key's material.
const KNOWING: &[&str] = &["kms:GetParametersForImport", "kms:ImportKeyMaterial"];
/// The power to change who may what.
const PUT_POLICY: &str = "kms:PutKeyPolicy";
const CREATE_GRANT: &str = "kms:CreateGrant";

/// Collects the findings of one policy.
struct Pass<'a> {
    name: &'a str,
    reach: Reach<'a>,
    found: Vec<Finding>,
}

fn one(name: &str, policy: &Policy) -> Vec<Finding> {
    let mut pass = Pass { name, reach: Reach(policy), found: Vec::new() };
    for (number, statement) in (1..).zip(&policy.statements) {
        let place = statement.sid.clone().unwrap_or_else(|| number.to_string());
        pass.measurements(&place, statement);
        if statement.effect == Effect::Allow {
            pass.allowed(&place, statement);
        }
    }
    pass.undenied();
    pass.found
}

impl Pass<'_> {
    fn add(&mut self, level: Level, code: &'static str, place: Option<&str>, message: impl Into<String>) {
        let (policy, statement) = (self.name.to_owned(), place.map(printable));
        self.found.push(Finding { policy, level, code, statement, message: message.into() });
    }

    /// The values of attestation conditions, whoever they are about.
    fn measurements(&mut self, place: &str, statement: &Statement) {
        for condition in statement.conditions.iter().filter(|condition| condition.key.is_attestation()) {
            let Operator::Compare { comparison, .. } = condition.operator else { continue };
            for value in &condition.values {
                self.measurement(place, comparison, value);
            }
        }
    }

    fn measurement(&mut self, place: &str, comparison: Comparison, value: &str) {
        let shown = printable(value);
        if comparison == Comparison::Like && is_pattern(value) {
            let message = format!("the measurement {shown} is a pattern: it fits images that nobody looked at");
            return self.add(Level::Error, "kms.wildcard_measurement", Some(place), message);
        }
        match Pcr::from_hex(value) {
            None => {
                let message = format!("{shown} is no measurement (96 hex digits): no enclave has it");
                self.add(Level::Error, "kms.malformed_measurement", Some(place), message);
            }
            Some(Pcr::ZERO) => {
                let message = "a measurement of zeros is that of an enclave in debug mode, whose memory its host reads";
                self.add(Level::Error, "kms.zero_measurement", Some(place), message);
            }
            Some(pcr) if comparison != Comparison::IgnoreCase && pcr.hex() != value => {
                let message = format!("{shown} has upper-case digits: this operator never finds it equal");
                self.add(Level::Error, "kms.malformed_measurement", Some(place), message);
            }
            Some(_) => {}
        }
    }

    fn allowed(&mut self, place: &str, statement: &Statement) {
        let allows = |action: &&&str| self.reach.allows(statement, action);
        let releasing: Vec<_> = RELEASING.iter().filter(allows).copied().collect();
        let moving: Vec<_> = MOVING.iter().filter(allows).copied().collect();
        let knowing: Vec<_> = KNOWING.iter().filter(allows).copied().collect();
        if let Some(pattern) = statement.actions.iter().find(|action| is_pattern(action)) {
            let message = format!("the action {} allows what nobody listed", printable(pattern));
            self.add(Level::Warning, "kms.wildcard_action", Some(place), message);
        }
        for action in &releasing {
            self.released(place, statement, action);
        }
        if !releasing.is_empty() && !statement.conditions.iter().any(|c| c.key.is_encryption_context()) {
            let message = "no encryption context is asked for: the host chooses which sealed key is opened";
            self.add(Level::Warning, "kms.no_context", Some(place), message);
        }
        if !moving.is_empty() {
            let message = format!("{} moves ciphertexts to where another policy holds", moving.join(", "));
            self.add(Level::Error, "kms.moves_ciphertext", Some(place), message);
        }
        if !knowing.is_empty() {
            let message = format!("{}: whoever imports key material knows it", knowing.join(", "));
            self.add(Level::Error, "kms.known_material", Some(place), message);
        }
        if self.reach.allows(statement, "kms:Encrypt") {
            let message = "whoever may Encrypt makes a ciphertext that the enclave takes for its own";
            self.add(Level::Warning, "kms.substitution", Some(place), message);
        }
        self.powers(place, statement);
        let account = |p: &&PrincipalPattern| matches!(p, PrincipalPattern::Account(_));
        if let Some(PrincipalPattern::Account(account)) = statement.principals.iter().find(account) {
            let message = format!("the account {account} decides which of its people and programs this is for");
            self.add(Level::Warning, "kms.account_decides", Some(place), message);
        }
    }

    fn powers(&mut self, place: &str, statement: &Statement) {
        if self.reach.allows(statement, PUT_POLICY) {
            let message = "PutKeyPolicy is allowed: who has it can let himself do everything else";
            self.add(Level::Error, "kms.policy_changeable", Some(place), message);
        }
        if self.reach.allows(statement, CREATE_GRANT) {
            let message = "CreateGrant is allowed: a grant lets others decrypt beside this policy";
            self.add(Level::Error, "kms.grants", Some(place), message);
        }
        if self.reach.allows(statement, "kms:Sign") {
            let message = "Sign cannot be bound to an enclave: whoever has these credentials signs";
            self.add(Level::Warning, "kms.unattested_sign", Some(place), message);
        }
    }

    /// A statement that lets somebody have plaintext.
    fn released(&mut self, place: &str, statement: &Statement, action: &str) {
        if statement.principals.contains(&PrincipalPattern::Anyone) {
            let message = format!("{action} is for anyone who can sign a request");
            self.add(Level::Warning, "kms.any_principal", Some(place), message);
        }
        if self.reach.passes_unattested(statement, action) {
            let asked = statement.conditions.iter().any(|condition| condition.key.is_attestation());
            let (code, message) = if asked {
                let message =
                    format!("{action} is allowed without a document: these conditions hold where there is none");
                ("kms.optional_attestation", message)
            } else {
                ("kms.unattested", format!("{action} is allowed to whoever has these credentials: a human is enough"))
            };
            return self.add(Level::Error, code, Some(place), message);
        }
        let pinned = self.reach.pinned(statement, action);
        if pinned.is_empty() {
            let message = format!("{action} is allowed to every enclave of everybody: no register is given a value");
            self.add(Level::Error, "kms.any_image", Some(place), message);
        } else if !pinned.contains(&PcrIndex::IMAGE) {
            let names: Vec<_> = pinned.iter().map(PcrIndex::to_string).collect();
            let message = format!("{action} asks for {} but for no image (PCR0, ImageSha384)", names.join(", "));
            self.add(Level::Warning, "kms.no_image", Some(place), message);
        }
    }

    /// What rule E1 wants denied to everybody, and is only not allowed.
    fn undenied(&mut self) {
        for action in [PUT_POLICY, CREATE_GRANT] {
            if !self.reach.is_denied_to_everybody(action) {
                let message = format!("{action} is not denied to everybody");
                self.add(Level::Warning, "kms.not_denied", None, message);
            }
        }
        for action in ["kms:Decrypt", "kms:GenerateDataKey"] {
            if !self.reach.is_denied_unattested(action) {
                let message = format!("{action} without a document is not denied to everybody");
                self.add(Level::Warning, "kms.not_denied", None, message);
            }
        }
    }
}

/// Whether a condition gives its register one of listed values.
fn pins(condition: &Condition, wanted_negated: Effect) -> Option<PcrIndex> {
    let Operator::Compare { comparison, negated, if_exists, .. } = condition.operator else { return None };
    let listed = comparison != Comparison::Like || !condition.values.iter().any(|value| is_pattern(value));
    let fits = match wanted_negated {
        Effect::Allow => !negated && !if_exists,
        Effect::Deny => negated,
    };
    condition.key.register().filter(|_| listed && fits)
}
