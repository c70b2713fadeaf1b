//! Effects, rules and amounts in words that people read. Names and decimals come from the signed policy set (rule G3).

use ringi_chain::format_address;
use ringi_primitives::address::Address;
use ringi_primitives::amount::Amount;
use ringi_primitives::asset::AssetKey;
use ringi_primitives::effects::Effect;
use ringi_primitives::policy_set::PolicySet;

/// `1.5 eth`, or base units where the policy set does not know the asset.
pub fn amount(policy: &PolicySet, asset: &AssetKey, amount: Amount) -> String {
    match policy.asset_by_key(asset) {
        Some(known) => format!("{} {}", amount.to_decimal(known.decimals), known.id),
        None => format!("{amount} base units of an unknown asset"),
    }
}

/// One effect in words.
pub fn effect(policy: &PolicySet, effect: &Effect) -> String {
    let on = effect.network();
    let at = |address: &Address| format_address(on, address);
    let coins = |value: &Amount| amount(policy, &AssetKey::native(on), *value);
    match effect {
        Effect::Transfer { asset, to, amount: a } => format!("pay {} to {} on {on}", amount(policy, asset, *a), at(to)),
        Effect::Approve { asset, spender, amount: a } => {
            format!("let {} take up to {} on {on}", at(spender), amount(policy, asset, *a))
        }
        Effect::TransferFrom { asset, owner, to, amount: a } => {
            format!("move {} from {} to {} on {on}", amount(policy, asset, *a), at(owner), at(to))
        }
        Effect::Permit { asset, spender, amount: a, deadline_s } => {
            format!("permit {} to take up to {} until {deadline_s} on {on}", at(spender), amount(policy, asset, *a))
        }
        Effect::Call { contract, value, function, .. } => {
            format!("call {function} of {} with {} on {on}", at(contract), coins(value))
        }
        Effect::Delegate { delegate, .. } => format!("run the code of {} on {on}", at(delegate)),
        Effect::SelfCancel { .. } => format!("use up the replaced nonce on {on}"),
        Effect::OwnershipProof { statement, .. } => format!("prove ownership: {statement:?}"),
        Effect::TypedMessage { contract, kind, fields, .. } => {
            let fields: Vec<_> = fields.iter().map(|f| format!("{}: {:?}", f.path, f.text)).collect();
            format!("sign {kind} for {} on {on}: {}", at(contract), fields.join(", "))
        }
        Effect::Opaque { kind, target, value, payload, .. } => {
            let target = target.as_ref().map(at).unwrap_or_else(|| "no contract".into());
            format!("sign unknown {kind:?} bytes {payload} for {target} with {} on {on}", coins(value))
        }
    }
}
