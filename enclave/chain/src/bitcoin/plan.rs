//! From an intent to the payments it asks for. Coins, change and fee are chosen later, within the plan.

use crate::ChainError;
use crate::bitcoin::address::{parse_address, to_script};
use ::bitcoin::Amount as Sats;
use ringi_primitives::amount::Amount;
use ringi_primitives::asset::AssetKey;
use ringi_primitives::effects::Effect;
use ringi_primitives::intent::{Action, Intent, Transfer};
use ringi_primitives::limits;
use ringi_primitives::network::{BitcoinNetwork, NetworkId};
use ringi_primitives::plan::Plan;
use ringi_primitives::policy_set::PolicySet;

/// What is being asked: 1 to [`limits::INTENT_ACTIONS`] payments of the network's coin, or one cancel of a replaced
/// intent, which on Bitcoin spends that intent's anchor outpoint to the wallet's own change only.
///
/// # Errors
/// [`ChainError`] for unknown assets, malformed addresses, amounts that no node relays, and every other action.
pub fn plan(policy: &PolicySet, intent: &Intent) -> Result<Plan, ChainError> {
    let NetworkId::Bitcoin(net) = intent.network else { return Err(ChainError::WrongChain) };
    let coin = coin(policy, net)?;
    let effects = match intent.actions.as_slice() {
        [] => return Err(ChainError::Unsupported("an intent without actions")),
        [Action::Cancel(_)] if intent.replaces.is_some() => vec![Effect::SelfCancel { network: intent.network }],
        [Action::Cancel(_)] => return Err(ChainError::Unsupported("a cancel that replaces no intent")),
        actions if actions.len() > limits::INTENT_ACTIONS => return Err(ChainError::TooLarge("list of actions")),
        actions => actions.iter().map(|a| payment(policy, net, coin, a)).collect::<Result<_, _>>()?,
    };
    payments_total(&effects)?;
    Ok(Plan { network: intent.network, effects, max_fee: intent.max_fee, expires_at: intent.expires_at })
}

/// The network's coin, if the signed policy set knows the network (rule G3) and no second Bitcoin network: a wallet has
/// the same keys on all of them and a Bitcoin transaction does not say which it is for, so an intent for play money
/// could move real coins.
pub(super) fn coin(policy: &PolicySet, net: BitcoinNetwork) -> Result<AssetKey, ChainError> {
    let coin = AssetKey::native(NetworkId::Bitcoin(net));
    let coin = policy.asset_by_key(&coin).map(|asset| asset.key).ok_or(ChainError::Unknown("network"))?;
    let mut networks = policy.networks.iter().chain(policy.assets.iter().map(|a| &a.key.network));
    if networks.any(|n| matches!(n, NetworkId::Bitcoin(other) if *other != net)) {
        return Err(ChainError::Forbidden("two Bitcoin networks in one policy set"));
    }
    Ok(coin)
}

fn payment(policy: &PolicySet, net: BitcoinNetwork, coin: AssetKey, action: &Action) -> Result<Effect, ChainError> {
    let Action::Transfer(Transfer { asset, to, amount }) = action else {
        return Err(ChainError::Unsupported("an action other than transfer or cancel"));
    };
    let known = policy.asset(asset).ok_or(ChainError::Unknown("asset"))?;
    if known.key != coin {
        return Err(ChainError::Unsupported("an asset other than the network's coin"));
    }
    let to = parse_address(net, to)?;
    if sats(*amount)? < to_script(&to).minimal_non_dust() {
        return Err(ChainError::Amounts("payment is below the dust limit"));
    }
    Ok(Effect::Transfer { asset: coin, to, amount: *amount })
}

/// An amount as the chain counts it, at most all coins there can be.
pub(super) fn sats(amount: Amount) -> Result<Sats, ChainError> {
    let sats = amount.to_u64().map(Sats::from_sat).ok_or(ChainError::Amounts("more than all coins"))?;
    if sats > Sats::MAX_MONEY { Err(ChainError::Amounts("more than all coins")) } else { Ok(sats) }
}

/// The sum, at most all coins there can be.
pub(super) fn total(amounts: impl IntoIterator<Item = Sats>) -> Result<Sats, ChainError> {
    amounts.into_iter().try_fold(Sats::ZERO, |sum, amount| {
        let sum = sum.checked_add(amount).filter(|sum| *sum <= Sats::MAX_MONEY);
        sum.ok_or(ChainError::Amounts("more than all coins"))
    })
}

/// What a plan pays away.
pub(super) fn payments_total(effects: &[Effect]) -> Result<Sats, ChainError> {
    let paid = effects.iter().flat_map(Effect::spends).map(|(_, amount)| sats(amount));
    total(paid.collect::<Result<Vec<_>, _>>()?)
}
