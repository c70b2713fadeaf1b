//! From statements and a request to a verdict: nothing is allowed but by a statement, and one denial ends it.

use super::condition::Key;
use super::parse::{Effect, Policy, PrincipalPattern, Statement};
use super::pattern::{matches, matches_action};
use crate::identity::Principal;
use ringi_attestation::{Document, PcrIndex};
use std::collections::BTreeMap;

/// What conditions look at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context(BTreeMap<Key, Vec<String>>);

impl Context {
    /// Of a call by this principal, with this encryption context.
    pub fn of(principal: &Principal, encryption_context: &BTreeMap<String, String>) -> Context {
        let mut all = BTreeMap::new();
        all.insert(Key::PrincipalArn, vec![principal.arn().to_owned()]);
        all.insert(Key::PrincipalAccount, vec![principal.account().to_owned()]);
        all.insert(Key::CallerAccount, vec![principal.account().to_owned()]);
        for (key, value) in encryption_context {
            all.insert(Key::EncryptionContext(key.clone()), vec![value.clone()]);
        }
        if !encryption_context.is_empty() {
            all.insert(Key::EncryptionContextKeys, encryption_context.keys().cloned().collect());
        }
        Context(all)
    }

    /// And with the registers of a document that was verified. Values are lower-case hex.
    #[must_use]
    pub fn attested(mut self, document: &Document) -> Context {
        for (index, value) in &document.pcrs {
            self.0.insert(Key::Pcr(*index), vec![value.hex()]);
            if *index == PcrIndex::IMAGE {
                self.0.insert(Key::Image, vec![value.hex()]);
            }
        }
        self
    }

    pub(crate) fn values(&self, key: &Key) -> &[String] {
        self.0.get(key).map(Vec::as_slice).unwrap_or_default()
    }
}

/// One call to be judged.
pub struct Call<'a> {
    /// Who.
    pub principal: &'a Principal,
    /// Such as `kms:Decrypt`.
    pub action: &'a str,
    /// The key's ARN.
    pub resource: &'a str,
    /// What conditions look at.
    pub context: &'a Context,
}

/// What a policy says of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A statement allows this principal, or anyone.
    Allowed,
    /// Only the account is allowed: it may let its principal.
    AllowedToAccount,
    /// No statement allows it.
    NotAllowed,
    /// A statement denies it.
    Denied,
}

/// Judges a call.
pub fn evaluate(policy: &Policy, call: &Call<'_>) -> Verdict {
    let mut verdict = Verdict::NotAllowed;
    for statement in policy.statements.iter().filter(|statement| statement.covers(call)) {
        let Some(named) = statement.names(call.principal) else { continue };
        match (statement.effect, named) {
            (Effect::Deny, _) => return Verdict::Denied,
            (Effect::Allow, PrincipalPattern::Account(_)) if verdict != Verdict::Allowed => {
                verdict = Verdict::AllowedToAccount;
            }
            (Effect::Allow, PrincipalPattern::Account(_)) => {}
            (Effect::Allow, _) => verdict = Verdict::Allowed,
        }
    }
    verdict
}

impl Statement {
    fn covers(&self, call: &Call<'_>) -> bool {
        self.actions.iter().any(|pattern| matches_action(pattern, call.action))
            && self.resources.iter().any(|pattern| matches(pattern, call.resource))
            && self.conditions.iter().all(|condition| condition.holds(call.context))
    }

    /// The pattern that names a principal; the account only where nothing names it itself.
    fn names(&self, principal: &Principal) -> Option<&PrincipalPattern> {
        let itself = |pattern: &&PrincipalPattern| match pattern {
            PrincipalPattern::Anyone => true,
            PrincipalPattern::One(arn) => arn == principal.arn(),
            PrincipalPattern::Account(_) => false,
        };
        let account = |pattern: &&PrincipalPattern| matches!(pattern, PrincipalPattern::Account(account) if account == principal.account());
        self.principals.iter().find(itself).or_else(|| self.principals.iter().find(account))
    }
}
