//! What a call does: one reading for plans and for bytes, so that the two cannot differ.

use super::erc20;
use super::keccak::keccak256;
use crate::ChainError;
use ringi_primitives::address::Address;
use ringi_primitives::amount::Amount;
use ringi_primitives::asset::AssetKey;
use ringi_primitives::digest::Digest;
use ringi_primitives::effects::{Effect, OpaqueKind};
use ringi_primitives::limits;
use ringi_primitives::network::NetworkId;
use ringi_primitives::policy_set::PolicySet;

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
    let payload = Digest(keccak256(data));
    Ok(Effect::Opaque { network, kind: OpaqueKind::Call, target: Some(to), value, payload })
}

/// The effect of creating a contract: never understood.
pub(super) fn effect_of_creation(network: NetworkId, value: Amount, init_code: &[u8]) -> Effect {
    let payload = Digest(keccak256(init_code));
    Effect::Opaque { network, kind: OpaqueKind::Creation, target: None, value, payload }
}
