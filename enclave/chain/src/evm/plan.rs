//! From an intent to the one effect it asks for.

use super::account::parse_address;
use super::calls::{effect_of, effect_of_named};
use super::message;
use super::typed_data::{Meaning, check_amount, permit_domain};
use crate::ChainError;
use ringi_primitives::amount::Amount;
use ringi_primitives::asset::AssetKey;
use ringi_primitives::effects::Effect;
use ringi_primitives::intent::{Action, Intent, Permit, RawCall};
use ringi_primitives::limits;
use ringi_primitives::network::NetworkId;
use ringi_primitives::plan::Plan;
use ringi_primitives::policy_set::PolicySet;
use ringi_primitives::time::UnixMs;

/// The plan of an intent with exactly one action. Its maximum fee is the intent's; zero where nothing goes on chain.
///
/// # Errors
/// [`ChainError::Unknown`] for networks, assets and functions the policy set does not list, [`ChainError::Address`],
/// [`ChainError::Unsupported`] and [`ChainError::Forbidden`] for what this family cannot or must not do.
pub fn plan(policy: &PolicySet, intent: &Intent) -> Result<Plan, ChainError> {
    let network = known_network(policy, intent.network)?;
    let [action] = intent.actions.as_slice() else {
        return Err(ChainError::Unsupported("more than one action in one transaction"));
    };
    let effect = effect_of_action(policy, network, action)?;
    if matches!(action, Action::Cancel(_)) && intent.replaces.is_none() {
        return Err(ChainError::Unsupported("a cancel that replaces no intent"));
    }
    let max_fee = if on_chain(&effect) { intent.max_fee } else { Amount::ZERO };
    Ok(Plan { network, effects: vec![effect], max_fee, expires_at: intent.expires_at })
}

/// The network, if the policy set has it (rule G3).
pub(super) fn known_network(policy: &PolicySet, network: NetworkId) -> Result<NetworkId, ChainError> {
    match network {
        NetworkId::Evm(id) if id != 0 && policy.networks.contains(&network) => Ok(network),
        _ => Err(ChainError::Unknown("network")),
    }
}

fn effect_of_action(policy: &PolicySet, network: NetworkId, action: &Action) -> Result<Effect, ChainError> {
    match action {
        Action::Transfer(a) => {
            let (asset, to) = (asset(policy, network, &a.asset)?, parse_address(&a.to)?);
            Ok(Effect::Transfer { asset, to, amount: a.amount })
        }
        Action::Approve(a) => {
            let (asset, spender) = (token(policy, network, &a.asset)?, parse_address(&a.spender)?);
            Ok(Effect::Approve { asset, spender, amount: a.amount })
        }
        Action::TransferFrom(a) => {
            let asset = token(policy, network, &a.asset)?;
            let (owner, to) = (parse_address(&a.owner)?, parse_address(&a.to)?);
            Ok(Effect::TransferFrom { asset, owner, to, amount: a.amount })
        }
        Action::RawCall(call) => effect_of(policy, network, parse_address(&call.to)?, call.value, &raw_data(call)?),
        Action::Delegate(a) => Ok(Effect::Delegate { network, delegate: parse_address(&a.to)? }),
        Action::Cancel(_) => Ok(Effect::SelfCancel { network }),
        Action::Permit(permit) => permit_effect(policy, network, permit),
        Action::Call(call) => effect_of_named(policy, network, call),
        Action::Prove(a) => {
            message::check_statement(&a.statement)?;
            Ok(Effect::OwnershipProof { network, statement: a.statement.clone() })
        }
        Action::TypedData(a) => Meaning::read(policy, network, a.json.as_bytes()).map(|meaning| meaning.effect),
        Action::Message(a) => message_effect(network, &a.text),
    }
}

fn permit_effect(policy: &PolicySet, network: NetworkId, permit: &Permit) -> Result<Effect, ChainError> {
    let (asset, spender) = (token(policy, network, &permit.asset)?, parse_address(&permit.spender)?);
    // C2: only tokens whose domain is named, only real bounds.
    permit_domain(policy, asset)?;
    check_amount(permit.amount)?;
    let UnixMs(deadline_ms) = permit.deadline;
    Ok(Effect::Permit { asset, spender, amount: permit.amount, deadline_s: deadline_ms / 1000 })
}

/// C2: a message that is no proof must not look like one.
fn message_effect(network: NetworkId, text: &str) -> Result<Effect, ChainError> {
    let text = message::read(text.as_bytes())?;
    if message::claims_ownership(text) {
        return Err(ChainError::Forbidden("a message that begins like an ownership proof"));
    }
    Ok(message::opaque(network, text))
}

/// Whether the effect is carried out by a transaction that pays fees.
pub(super) fn on_chain(effect: &Effect) -> bool {
    use ringi_primitives::effects::OpaqueKind::{Call, Creation, Message, TypedData};
    match effect {
        Effect::Permit { .. } | Effect::OwnershipProof { .. } | Effect::TypedMessage { .. } => false,
        Effect::Opaque { kind, .. } => match kind {
            Call | Creation => true,
            TypedData | Message => false,
        },
        Effect::Transfer { .. }
        | Effect::Approve { .. }
        | Effect::TransferFrom { .. }
        | Effect::Call { .. }
        | Effect::Delegate { .. }
        | Effect::SelfCancel { .. } => true,
    }
}

/// The asset of this id, on this network (rule G3).
fn asset(policy: &PolicySet, network: NetworkId, id: &str) -> Result<AssetKey, ChainError> {
    let asset = policy.asset(id).ok_or(ChainError::Unknown("asset"))?;
    if asset.key.network == network { Ok(asset.key) } else { Err(ChainError::Unknown("asset on this network")) }
}

fn token(policy: &PolicySet, network: NetworkId, id: &str) -> Result<AssetKey, ChainError> {
    let key = asset(policy, network, id)?;
    key.token.map(|_| key).ok_or(ChainError::Unsupported("the network's own coin has no allowances"))
}

/// A raw call's data: `0x` and lower-case hex, within its bound.
pub(super) fn raw_data(call: &RawCall) -> Result<Vec<u8>, ChainError> {
    let digits = call.data.strip_prefix("0x").ok_or(ChainError::Undecodable("call data does not begin with 0x"))?;
    if digits.len() / 2 > limits::CALL_DATA_BYTES {
        return Err(ChainError::TooLarge("call data"));
    }
    if digits.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err(ChainError::Undecodable("call data is not lower-case hex"));
    }
    hex::decode(digits).map_err(|_| ChainError::Undecodable("call data is not hex"))
}
