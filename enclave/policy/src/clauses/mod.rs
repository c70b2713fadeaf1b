//! The clauses of a rule, one file each: the conditions under which it applies, and the terms on which it allows.

pub(crate) mod amounts;
pub(crate) mod approvals;
pub(crate) mod assets;
pub(crate) mod block;
pub(crate) mod calls;
pub(crate) mod caps;
pub(crate) mod coins;
pub(crate) mod destinations;
pub(crate) mod hours;
pub(crate) mod initiators;
pub(crate) mod kinds;
pub(crate) mod limits;
pub(crate) mod max_fee;
pub(crate) mod messages;
pub(crate) mod networks;
pub(crate) mod signers;
pub(crate) mod sources;
pub(crate) mod validity;
pub(crate) mod within;
pub(crate) mod words;

use crate::case::{Case, Sort};
use ringi_primitives::decision::{Charge, DenyReason};
use ringi_primitives::policy_set::{Rule, Terms};

/// Why a rule does not apply to an intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Miss {
    /// The condition of this tag does not hold.
    Condition(&'static str),
    /// Whether it holds cannot be known; nobody may guess.
    Unknown(DenyReason),
}

/// Whether a rule's conditions on a single effect hold; else the tag of the first that does not.
pub(crate) fn matches_sort<'a>(rule: &'a Rule, sort: &Sort<'a>) -> Result<(), &'static str> {
    let when = &rule.when;
    let require = |holds: bool, tag| if holds { Ok(()) } else { Err(tag) };
    require(kinds::holds(rule, sort), "kinds")?;
    require(networks::holds(&when.networks, sort), "networks")?;
    require(assets::holds(&when.assets, sort), "assets")?;
    require(calls::holds(&when.calls, sort), "calls")?;
    require(messages::holds(&when.messages, sort), "messages")?;
    require(destinations::holds(rule, sort), "destinations")
}

/// Whether a rule's conditions on the intent as a whole hold. Those that may be unknown come last.
pub(crate) fn matches_intent<'a>(case: &Case<'a>, rule: &'a Rule) -> Result<(), Miss> {
    let when = &rule.when;
    let require = |holds: bool, tag| if holds { Ok(()) } else { Err(Miss::Condition(tag)) };
    require(initiators::holds(case, &when.initiators), "initiators")?;
    require(sources::holds(case, &when.sources), "sources")?;
    require(validity::holds(case, when.from, when.until), "validity")?;
    require(hours::holds(case, &when.hours).map_err(Miss::Unknown)?, "hours")?;
    require(coins::holds(case, when.coins.as_ref()), "coins")?;
    let claims = case.claims(&rule.name);
    let amounts = match (amounts::holds(case, &when.amounts), claims) {
        (Err(DenyReason::PriceMissing), Some(claimed)) => claimed,
        (known, _) => known.map_err(Miss::Unknown)?,
    };
    require(amounts, "amounts")?;
    let within = match claims {
        Some(claimed) => claimed || when.within.is_empty(),
        None => within::holds(case, &when.within).map_err(Miss::Unknown)?,
    };
    require(within, "within")
}

/// Holds an allowing rule's terms against the case, approvals apart: what it costs.
pub(crate) fn check<'a>(case: &Case<'a>, rule: &'a Rule, terms: &'a Terms) -> Result<Vec<Charge>, DenyReason> {
    signers::check(case, &terms.signers)?;
    max_fee::check(case, &terms.max_fees)?;
    match caps::check(case, &terms.caps) {
        Err(DenyReason::PriceMissing | DenyReason::BalanceMissing) if case.claims(&rule.name).is_some() => {}
        said => said?,
    }
    if case.claims(&rule.name).is_some() {
        return Ok(Vec::new());
    }
    let mut charges = Vec::new();
    for name in rule.when.within.iter().chain(&terms.limits) {
        charges.extend(limits::charges(case, name)?);
    }
    Ok(charges)
}
