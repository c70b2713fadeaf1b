//! What a call does: one reading for plans and for bytes, so that the two cannot differ.

use super::abi::{Function, selector};
use super::account::parse_address;
use super::erc20;
use super::keccak::keccak256;
use crate::ChainError;
use ringi_primitives::address::Address;
use ringi_primitives::amount::Amount;
use ringi_primitives::asset::AssetKey;
use ringi_primitives::digest::Digest;
use ringi_primitives::effects::{Effect, OpaqueKind};
use ringi_primitives::intent::Call;
use ringi_primitives::limits;
use ringi_primitives::network::NetworkId;
use ringi_primitives::policy_set::{ContractFunction, PolicySet};

/// The effect of sending `value` and `data` to `to`, as far as the policy set names things (rule G3): a native transfer,
/// a token call, a named function, or `Opaque`.
///
/// # Errors
/// [`ChainError::Forbidden`] for a call of nothing and for coin sent along with a token call (the contract would keep
/// it), [`ChainError::Undecodable`] for known functions with inexact arguments.
pub(super) fn effect_of(
    policy: &PolicySet,
    network: NetworkId,
    to: Address,
    value: Amount,
    data: &[u8],
) -> Result<Effect, ChainError> {
    if data.len() > limits::CALL_DATA_BYTES {
        return Err(ChainError::TooLarge("call data"));
    }
    if data.is_empty() {
        if value.is_zero() {
            return Err(ChainError::Forbidden("a transfer of nothing"));
        }
        return Ok(Effect::Transfer { asset: AssetKey::native(network), to, amount: value });
    }
    // G3: only contracts that the signed policy set lists are tokens.
    let asset = AssetKey::token(network, to);
    if policy.asset_by_key(&asset).is_some()
        && let Some(effect) = erc20::read(asset, data)?
    {
        if !value.is_zero() {
            return Err(ChainError::Forbidden("coin sent along with a token call"));
        }
        return Ok(effect);
    }
    if let Some(function) = named_function(policy, network, to, data)? {
        function.check(data)?;
        let function = function.signature();
        return Ok(Effect::Call { network, contract: to, value, function, data: data.to_vec() });
    }
    let payload = Digest(keccak256(data));
    Ok(Effect::Opaque { network, kind: OpaqueKind::Call, target: Some(to), value, payload })
}

/// The function of this contract that the data's selector calls, by the signed policy set (rule G3).
fn named_function(
    policy: &PolicySet,
    network: NetworkId,
    contract: Address,
    data: &[u8],
) -> Result<Option<Function>, ChainError> {
    let Some(head) = data.first_chunk::<4>() else { return Ok(None) };
    let mut named = (policy.functions.iter())
        .filter(|f| f.network == network && f.contract == contract && selector(&f.signature) == *head)
        .map(|f| f.signature.as_str());
    let Some(signature) = named.next() else { return Ok(None) };
    if named.any(|other| other != signature) {
        return Err(ChainError::Forbidden("two named functions with the same selector"));
    }
    Function::parse(signature).map(Some)
}

/// A call of a function that the policy set names, from its signature and arguments in text form.
///
/// # Errors
/// [`ChainError::Unknown`] if this contract has no such function in the policy set; otherwise as [`effect_of`].
pub(super) fn effect_of_named(policy: &PolicySet, network: NetworkId, call: &Call) -> Result<Effect, ChainError> {
    let to = parse_address(&call.to)?;
    let named = |f: &&ContractFunction| f.network == network && f.contract == to && f.signature == call.function;
    let function = policy.functions.iter().find(named).ok_or(ChainError::Unknown("function of this contract"))?;
    let data = Function::parse(&function.signature)?.encode(&call.arguments)?;
    effect_of(policy, network, to, call.value, &data)
}

/// The effect of creating a contract: never understood.
pub(super) fn effect_of_creation(network: NetworkId, value: Amount, init_code: &[u8]) -> Effect {
    let payload = Digest(keccak256(init_code));
    Effect::Opaque { network, kind: OpaqueKind::Creation, target: None, value, payload }
}
