//! `max_fee`: the most in fees per transaction on a network. Fees always have a cap: no cap, deny (rule C1).
//!
//! A Bitcoin fee is what the outputs leave over, nowhere written in the bytes, so a Bitcoin transaction needs a
//! `MaxFee` rule of its network besides the intent's own maximum. On EVM chains the intent's signed maximum suffices:
//! gas limit and price stand in the signed bytes and are held to it.

use super::Finding;
use crate::case::Case;
use ringi_primitives::amount::Amount;
use ringi_primitives::decision::DenyReason;
use ringi_primitives::network::NetworkId;
use ringi_primitives::policy_set::{Demand, Rule};

/// The fee is at most the cap, if this is the network.
pub(crate) fn check(case: &Case, network: NetworkId, cap: Amount) -> Result<Finding, DenyReason> {
    let within = network != case.question.network || case.question.fee <= cap;
    if within { Ok(Finding::Holds) } else { Err(DenyReason::FeeCap) }
}

/// C1: a Bitcoin transaction is denied unless a matching rule caps its fee. Messages pay none.
pub(crate) fn exists(case: &Case, matching: &[&Rule]) -> Result<(), DenyReason> {
    let here = case.question.network;
    let pays = case.effects.iter().any(|e| e.on_chain) || !case.question.fee.is_zero();
    let capped = || matching.iter().any(|r| matches!(r.then, Demand::MaxFee { network, .. } if network == here));
    match here {
        NetworkId::Bitcoin(_) if pays && !capped() => Err(DenyReason::FeeCap),
        NetworkId::Bitcoin(_) | NetworkId::Evm(_) => Ok(()),
    }
}
