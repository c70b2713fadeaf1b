//! Why a policy decides as it does: for each rule, what it said or which of its conditions did not hold.

use crate::case::Case;
use crate::clauses::{self, Miss};
use crate::question::Question;
use ringi_primitives::decision::DenyReason;

/// What one rule had to do with a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The rule.
    pub rule: String,
    /// For each sort of effect, in order of appearance: `None` where the rule matches it, else the tag of the first
    /// condition that does not hold.
    pub misses: Vec<Option<&'static str>>,
    /// What it could not know, which denies where it is reached.
    pub unknown: Option<DenyReason>,
}

/// A step for each rule of the vault, in policy order, by the same code that decides.
///
/// # Errors
/// The reason for which no rule is looked at: an unknown vault, initiator, network or asset.
pub fn explain(question: &Question) -> Result<Vec<Step>, DenyReason> {
    let case = Case::open(question)?;
    let step = |rule| {
        let (whole, unknown) = match clauses::matches_intent(&case, rule) {
            Ok(()) => (None, None),
            Err(Miss::Condition(tag)) => (Some(tag), None),
            Err(Miss::Unknown(reason)) => (None, Some(reason)),
        };
        let miss = |sort| clauses::matches_sort(rule, sort).err().or(whole);
        Step { rule: rule.name.clone(), misses: case.sorts.iter().map(miss).collect(), unknown }
    };
    Ok(case.vault.rules.iter().map(step).collect())
}
