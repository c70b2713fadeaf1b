//! An envelope in words, for approvers who read before they sign.

use crate::codes::Code;
use crate::model::{EnvelopeEffect, EnvelopeField, EnvelopeView};
use crate::problem::Problem;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ringi_primitives::address::Address;
use ringi_primitives::amount::Amount;
use ringi_primitives::approval::Envelope;
use ringi_primitives::asset::AssetKey;
use ringi_primitives::cbor;
use ringi_primitives::effects::{Effect, OpaqueKind};
use ringi_primitives::limits;
use ringi_primitives::policy_set::PolicySet;

/// Decodes the envelope that the service shows and puts it in words.
///
/// # Errors
/// `internal.bug` if the service shows what is no envelope.
pub(crate) fn view(envelope: &str, set: &PolicySet) -> Result<EnvelopeView, Problem> {
    let bytes = STANDARD.decode(envelope).map_err(|_| Problem::of(Code::InternalBug))?;
    let read: Envelope = cbor::decode(&bytes, limits::REQUEST_BYTES).map_err(|_| Problem::of(Code::InternalBug))?;
    Ok(EnvelopeView {
        envelope: envelope.to_string(),
        digest: read.digest(),
        genesis: read.genesis,
        intent: read.intent,
        vault_index: read.wallet.vault.0,
        wallet: read.wallet.wallet,
        policy: read.policy,
        network: read.plan.network,
        effects: read.plan.effects.iter().map(|e| effect(e, set)).collect(),
        max_fee: read.plan.max_fee,
        expires_at: read.plan.expires_at,
    })
}

fn hex_of(address: &Address) -> Option<String> {
    Some(format!("0x{}", hex::encode(address.raw())))
}

/// Kind, asset, amount and beneficiary of an effect that moves an asset.
fn moving(kind: &str, asset: &AssetKey, amount: Amount, to: &Address, set: &PolicySet) -> EnvelopeEffect {
    let known = set.asset_by_key(asset);
    EnvelopeEffect {
        kind: kind.to_string(),
        asset: known.map(|a| a.id.clone()),
        token: asset.token.as_ref().and_then(hex_of),
        to: hex_of(to),
        amount: Some(amount),
        amount_decimal: known.map(|a| amount.to_decimal(a.decimals)),
        ..EnvelopeEffect::default()
    }
}

fn effect(effect: &Effect, set: &PolicySet) -> EnvelopeEffect {
    let kind = effect.kind();
    let named = EnvelopeEffect { kind: kind.to_string(), ..EnvelopeEffect::default() };
    match effect {
        Effect::Transfer { asset, to, amount } | Effect::Approve { asset, spender: to, amount } => {
            moving(kind, asset, *amount, to, set)
        }
        Effect::TransferFrom { asset, owner, to, amount } => {
            EnvelopeEffect { owner: hex_of(owner), ..moving(kind, asset, *amount, to, set) }
        }
        Effect::Permit { asset, spender, amount, deadline_s } => {
            EnvelopeEffect { deadline_s: Some(*deadline_s), ..moving(kind, asset, *amount, spender, set) }
        }
        Effect::Call { network, contract, value, function, data } => EnvelopeEffect {
            what: Some(function.clone()),
            data: Some(hex::encode(data)),
            ..moving(kind, &AssetKey::native(*network), *value, contract, set)
        },
        Effect::Delegate { delegate, .. } => EnvelopeEffect { to: hex_of(delegate), ..named },
        Effect::SelfCancel { .. } => named,
        Effect::TypedMessage { contract, kind, fields, payload, .. } => EnvelopeEffect {
            what: Some(kind.clone()),
            fields: fields.iter().map(|f| EnvelopeField { path: f.path.clone(), value: f.text.clone() }).collect(),
            data: Some(payload.hex()),
            to: hex_of(contract),
            ..named
        },
        Effect::OwnershipProof { statement, .. } => EnvelopeEffect { what: Some(statement.clone()), ..named },
        Effect::Opaque { network, kind: door, target, value, payload } => {
            let coin = set.asset_by_key(&AssetKey::native(*network));
            EnvelopeEffect {
                what: Some(door_name(*door).to_string()),
                data: Some(payload.hex()),
                to: target.as_ref().and_then(hex_of),
                asset: coin.map(|a| a.id.clone()),
                amount: Some(*value),
                amount_decimal: coin.map(|a| value.to_decimal(a.decimals)),
                ..named
            }
        }
    }
}

fn door_name(kind: OpaqueKind) -> &'static str {
    match kind {
        OpaqueKind::Call => "call",
        OpaqueKind::TypedData => "typed-data",
        OpaqueKind::Message => "message",
        OpaqueKind::Creation => "contract-creation",
    }
}
