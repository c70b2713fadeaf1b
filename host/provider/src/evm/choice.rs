//! The host's choice of gas and fees, within the plan's maximum. Pure.

use super::error::ChoiceError;
use super::facts::{Facts, FeeFacts};
use ringi_chain::ChainError;
use ringi_chain::evm::{Choice, Fees, SignedAuthorization};
use ringi_primitives::amount::Amount;
use ringi_primitives::effects::Effect;
use ringi_primitives::network::NetworkId;
use ringi_primitives::plan::Plan;

/// Gas per authorization (EIP-7702, PER_EMPTY_ACCOUNT_COST): node estimates are made without it.
const AUTHORIZATION_GAS: u64 = 25_000;

/// The fees of the transaction that is to be replaced: nodes take a replacement only if it pays 10 % more of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outbid {
    /// Its most per gas (a legacy one's price), wei.
    pub max_fee_per_gas: u128,
    /// Its tip per gas (a legacy one's price), wei.
    pub max_priority_fee_per_gas: u128,
}

/// A choice that pays for the next blocks and costs at most `plan.max_fee`: twice the base fee and a usual tip where the
/// maximum allows that, else as much as it allows.
///
/// # Errors
/// [`ChoiceError::FeeTooLow`] if the maximum does not cover the next block's base fee, or the outbid transaction.
pub fn choose(
    plan: &Plan,
    nonce: u64,
    facts: &Facts,
    outbid: Option<Outbid>,
    authorization: Option<SignedAuthorization>,
) -> Result<Choice, ChoiceError> {
    if !matches!(plan.network, NetworkId::Evm(_)) {
        return Err(ChainError::WrongChain.into());
    }
    let delegates = matches!(plan.effects.as_slice(), [Effect::Delegate { .. }]);
    if delegates != authorization.is_some() {
        return Err(ChoiceError::Authorization);
    }
    let extra = if delegates { AUTHORIZATION_GAS } else { 0 };
    let gas_limit = facts.gas_limit.checked_add(extra).filter(|n| *n > 0).ok_or(ChoiceError::Facts)?;
    let price = Price::of(facts.fees, outbid)?;
    let most = price.fit(plan.max_fee, gas_limit)?;
    let tip = price.tip.min(most);
    let access_list = Vec::new();
    let fees = match (facts.fees, authorization) {
        (FeeFacts::Price { .. }, None) => Fees::Legacy { gas_price: most },
        (FeeFacts::Price { .. }, Some(_)) => return Err(ChainError::Unsupported("delegation before London").into()),
        (FeeFacts::Market { .. }, None) => {
            Fees::Eip1559 { max_fee_per_gas: most, max_priority_fee_per_gas: tip, access_list }
        }
        (FeeFacts::Market { .. }, Some(authorization)) => {
            Fees::Eip7702 { max_fee_per_gas: most, max_priority_fee_per_gas: tip, access_list, authorization }
        }
    };
    Ok(Choice { nonce, gas_limit, fees })
}

/// Wei per gas.
struct Price {
    /// Below this no block takes it.
    least: u128,
    /// What is good for some blocks.
    wanted: u128,
    tip: u128,
}

impl Price {
    fn of(fees: FeeFacts, outbid: Option<Outbid>) -> Result<Price, ChoiceError> {
        let market = Price::of_market(fees).ok_or(ChoiceError::Facts)?;
        let Some(outbid) = outbid else { return Ok(market) };
        let more = |n: u128| n.checked_add(n.div_ceil(10)).and_then(|n| n.checked_add(1)).ok_or(ChoiceError::Facts);
        let floor = more(outbid.max_fee_per_gas)?;
        Ok(Price {
            least: market.least.max(floor),
            wanted: market.wanted.max(floor),
            tip: market.tip.max(more(outbid.max_priority_fee_per_gas)?),
        })
    }

    fn of_market(fees: FeeFacts) -> Option<Price> {
        Some(match fees {
            FeeFacts::Market { base_fee_per_gas: base, priority_fee_per_gas: tip } => {
                Price { least: base.checked_add(1)?, wanted: base.checked_mul(2)?.checked_add(tip)?, tip }
            }
            FeeFacts::Price { gas_price } => Price { least: gas_price, wanted: gas_price, tip: gas_price },
        })
    }

    /// The wanted price, or what the maximum fee leaves of it.
    fn fit(&self, max_fee: Amount, gas_limit: u64) -> Result<u128, ChoiceError> {
        let gas = Amount::from_u64(gas_limit).value();
        let affordable = max_fee.value().checked_div(gas).ok_or(ChoiceError::Facts)?;
        let most = u128::try_from(affordable).unwrap_or(u128::MAX).min(self.wanted);
        if most >= self.least {
            return Ok(most);
        }
        let needed = Amount::from_u128(self.least).checked_mul(Amount::from_u64(gas_limit)).unwrap_or(Amount::MAX);
        Err(ChoiceError::FeeTooLow { max_fee, needed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringi_primitives::time::UnixMs;

    const MARKET: FeeFacts = FeeFacts::Market { base_fee_per_gas: 100, priority_fee_per_gas: 7 };

    fn plan(max_fee: u64) -> Plan {
        let network = NetworkId::Evm(1);
        let effects = vec![Effect::SelfCancel { network }];
        Plan { network, effects, max_fee: Amount::from_u64(max_fee), expires_at: UnixMs(0) }
    }

    fn fees(max_fee: u64, fees: FeeFacts, outbid: Option<Outbid>) -> Result<Fees, ChoiceError> {
        let facts = Facts { gas_limit: 1000, fees };
        choose(&plan(max_fee), 5, &facts, outbid, None).map(|choice| {
            assert_eq!((choice.nonce, choice.gas_limit), (5, 1000));
            choice.fees
        })
    }

    fn eip1559(max_fee_per_gas: u128, max_priority_fee_per_gas: u128) -> Fees {
        Fees::Eip1559 { max_fee_per_gas, max_priority_fee_per_gas, access_list: vec![] }
    }

    #[test]
    fn i4_the_choice_never_costs_more_than_the_maximum() {
        assert_eq!(fees(1_000_000, MARKET, None), Ok(eip1559(207, 7)));
        assert_eq!(fees(207_000, MARKET, None), Ok(eip1559(207, 7)));
        assert_eq!(fees(206_999, MARKET, None), Ok(eip1559(206, 7)));
        assert_eq!(fees(101_000, MARKET, None), Ok(eip1559(101, 7)));
        let (max_fee, needed) = (Amount::from_u64(100_999), Amount::from_u64(101_000));
        assert_eq!(fees(100_999, MARKET, None), Err(ChoiceError::FeeTooLow { max_fee, needed }));
        let huge = FeeFacts::Market { base_fee_per_gas: u128::MAX, priority_fee_per_gas: 0 };
        assert_eq!(fees(u64::MAX, huge, None), Err(ChoiceError::Facts));
        let high_tip = FeeFacts::Market { base_fee_per_gas: 100, priority_fee_per_gas: 5000 };
        assert_eq!(fees(101_000, high_tip, None), Ok(eip1559(101, 101)));
    }

    #[test]
    fn a_chain_before_london_gets_one_price() {
        let price = FeeFacts::Price { gas_price: 50 };
        assert_eq!(fees(60_000, price, None), Ok(Fees::Legacy { gas_price: 50 }));
        assert!(matches!(fees(49_999, price, None), Err(ChoiceError::FeeTooLow { .. })));
    }

    #[test]
    fn a_replacement_pays_ten_per_cent_more_or_is_refused() {
        let outbid = Some(Outbid { max_fee_per_gas: 300, max_priority_fee_per_gas: 20 });
        assert_eq!(fees(1_000_000, MARKET, outbid), Ok(eip1559(331, 23)));
        assert!(matches!(fees(330_999, MARKET, outbid), Err(ChoiceError::FeeTooLow { .. })));
    }

    #[test]
    fn a_delegation_needs_its_authorization() {
        let network = NetworkId::Evm(1);
        let delegate = ringi_primitives::address::Address::new(&[9; 20]).unwrap();
        let plan = Plan { effects: vec![Effect::Delegate { network, delegate }], ..plan(1_000_000) };
        let facts = Facts { gas_limit: 1000, fees: MARKET };
        assert_eq!(choose(&plan, 0, &facts, None, None), Err(ChoiceError::Authorization));
    }
}
