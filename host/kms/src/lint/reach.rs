//! Whom a policy reaches: what it allows once its denials to everybody are taken off.

use super::pins;
use crate::policy::{Condition, Context, Effect, Policy, PrincipalPattern, Statement, matches_action};
use ringi_attestation::PcrIndex;
use std::collections::BTreeSet;

pub(super) struct Reach<'a>(pub(super) &'a Policy);

/// Whether a text has `*` or `?`.
pub(super) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?'])
}

fn names(statement: &Statement, action: &str) -> bool {
    statement.actions.iter().any(|pattern| matches_action(pattern, action))
}

impl Reach<'_> {
    /// Denials of an action that are for everybody, and for this key whatever its name is.
    fn denials<'s>(&'s self, action: &'s str) -> impl Iterator<Item = &'s Statement> {
        let everybody = |s: &&Statement| {
            s.effect == Effect::Deny
                && s.principals.contains(&PrincipalPattern::Anyone)
                && s.resources.iter().any(|resource| resource == "*")
        };
        self.0.statements.iter().filter(everybody).filter(move |statement| names(statement, action))
    }

    /// Whether nobody ever may.
    pub(super) fn is_denied_to_everybody(&self, action: &str) -> bool {
        self.denials(action).any(|statement| statement.conditions.is_empty())
    }

    /// Whether nobody may without a document.
    pub(super) fn is_denied_unattested(&self, action: &str) -> bool {
        let absent = |c: &Condition| c.key.is_attestation() && c.holds(&Context::default());
        self.denials(action).any(|statement| statement.conditions.iter().all(absent))
    }

    /// Whether a statement lets somebody do it, in some case.
    pub(super) fn allows(&self, statement: &Statement, action: &str) -> bool {
        statement.effect == Effect::Allow && names(statement, action) && !self.is_denied_to_everybody(action)
    }

    /// Whether a statement lets somebody do it without a document. Other conditions are taken as met.
    pub(super) fn passes_unattested(&self, statement: &Statement, action: &str) -> bool {
        let mut attestation = statement.conditions.iter().filter(|condition| condition.key.is_attestation());
        attestation.all(|condition| condition.holds(&Context::default())) && !self.is_denied_unattested(action)
    }

    /// The registers that must have a listed value where a statement lets somebody do it.
    pub(super) fn pinned(&self, statement: &Statement, action: &str) -> BTreeSet<PcrIndex> {
        let own = statement.conditions.iter().filter_map(|condition| pins(condition, Effect::Allow));
        // A denial with a second condition does not always hold.
        let denied = self.denials(action).filter_map(|denial| match denial.conditions.as_slice() {
            [condition] => pins(condition, Effect::Deny),
            _ => None,
        });
        own.chain(denied).collect()
    }
}
