//! Rule E1: the keys of a workspace's cosigners, taken together.

use super::reach::Reach;
use super::{CREATE_GRANT, Finding, KNOWING, Level, MOVING, PUT_POLICY, RELEASING};
use crate::identity::account_in;
use crate::policy::{Effect, Policy, PrincipalPattern};
use std::collections::{BTreeMap, BTreeSet};

/// Who has power over so many of these keys.
pub(super) fn together(policies: &[(&str, Policy)], threshold: usize) -> Vec<Finding> {
    let mut accounts: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    let mut principals: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for (at, (name, policy)) in policies.iter().enumerate() {
        if policies.iter().take(at).any(|(known, _)| known == name) {
            continue;
        }
        for principal in powerful(policy) {
            let shown = match &principal {
                PrincipalPattern::Anyone => "*".to_owned(),
                PrincipalPattern::Account(account) => format!("arn:aws:iam::{account}:root"),
                PrincipalPattern::One(arn) => arn.clone(),
            };
            if let Some(account) = account_in(&shown) {
                accounts.entry(account.to_owned()).or_default().insert(name);
            }
            principals.entry(shown).or_default().insert(name);
        }
        let resources = policy.statements.iter().flat_map(|statement| &statement.resources);
        for account in resources.filter_map(|resource| account_in(resource)) {
            accounts.entry(account.to_owned()).or_default().insert(name);
        }
    }
    let over = |all: BTreeMap<String, BTreeSet<&str>>, code: &'static str, what: &str| -> Vec<Finding> {
        let many = all.into_iter().filter(|(_, names)| names.len() >= threshold.max(2));
        many.map(|(who, names)| {
            let names: Vec<_> = names.into_iter().collect();
            let message = format!("{what} {who} has power over the keys of {} cosigners (rule E1)", names.len());
            Finding { policy: names.join(", "), level: Level::Error, code, statement: None, message }
        })
        .collect()
    };
    let mut found = over(accounts, "kms.same_account", "the account");
    found.extend(over(principals, "kms.same_principal", "the principal"));
    found
}

/// Principals that a policy lets have plaintext, or the power to get it.
fn powerful(policy: &Policy) -> BTreeSet<PrincipalPattern> {
    let reach = Reach(policy);
    let power = [PUT_POLICY, CREATE_GRANT];
    let powers: Vec<_> = power.iter().chain(RELEASING).chain(MOVING).chain(KNOWING).collect();
    let allowing = policy.statements.iter().filter(|statement| {
        statement.effect == Effect::Allow && powers.iter().any(|action| reach.allows(statement, action))
    });
    allowing.flat_map(|statement| statement.principals.iter().cloned()).collect()
}
