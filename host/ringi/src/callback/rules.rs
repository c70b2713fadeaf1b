//! A sample approver's own rules: whom it lets be paid, how much at once. Whatever they do not name is refused.

use ringi_chain::format_address;
use ringi_primitives::amount::Amount;
use ringi_primitives::effects::Effect;
use ringi_primitives::network::NetworkId;
use ringi_primitives::plan::Plan;
use ringi_primitives::policy_set::PolicySet;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The rules, as the service's owner writes them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApproverRules {
    /// The assets that may move, each with the most that one transfer may move of it.
    pub assets: Vec<AssetRule>,
    /// Who may be paid.
    pub recipients: Vec<RecipientRule>,
}

/// The most of an asset.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssetRule {
    /// The asset's id in the policy set.
    pub id: String,
    /// In base units, all of a transfer's payments together.
    pub most: Amount,
}

/// Somebody who may be paid.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecipientRule {
    /// The chain.
    pub network: NetworkId,
    /// In the chain's checksummed form.
    pub address: String,
}

impl ApproverRules {
    /// Whether these rules let a plan pass; else why not.
    ///
    /// # Errors
    /// The reason, in words.
    pub fn allow(&self, policy: &PolicySet, plan: &Plan) -> Result<(), String> {
        let mut sums: BTreeMap<&str, Amount> = BTreeMap::new();
        if plan.effects.is_empty() {
            return Err("it does nothing".into());
        }
        for effect in &plan.effects {
            let Effect::Transfer { asset, to, amount } = effect else {
                return Err(format!("{} is no payment", crate::words::effect(policy, effect)));
            };
            let named =
                policy.asset_by_key(asset).and_then(|known| self.assets.iter().find(|rule| rule.id == known.id));
            let rule = named.ok_or_else(|| format!("{} is not to move", crate::words::effect(policy, effect)))?;
            let address = format_address(effect.network(), to);
            let is_known = self.recipients.iter().any(|r| r.network == effect.network() && r.address == address);
            if !is_known {
                return Err(format!("{address} is nobody that may be paid"));
            }
            let sum = sums.entry(&rule.id).or_insert(Amount::ZERO);
            *sum = sum.checked_add(*amount).ok_or("the amounts overflow")?;
            if *sum > rule.most {
                return Err(format!("more than {} base units of {}", rule.most, rule.id));
            }
        }
        Ok(())
    }
}
