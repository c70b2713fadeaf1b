//! A question with everything that several rules ask of it worked out once.

use crate::question::Question;
use ringi_primitives::address::Address;
use ringi_primitives::amount::Amount;
use ringi_primitives::asset::AssetKey;
use ringi_primitives::decision::DenyReason;
use ringi_primitives::effects::{Effect, OpaqueKind};
use ringi_primitives::id::PersonId;
use ringi_primitives::network::NetworkId;
use ringi_primitives::policy_set::{Match, Rule, Vault};
use std::collections::{BTreeMap, BTreeSet};

/// The question, its vault, its effects' properties and its sums.
pub struct Case<'a> {
    /// What was asked.
    pub question: &'a Question<'a>,
    /// The vault of the wallet.
    pub vault: &'a Vault,
    /// The effects, in order.
    pub effects: Vec<EffectFacts>,
    /// People whose approval counts.
    pub approvers: BTreeSet<PersonId>,
    initiator_groups: BTreeSet<&'a str>,
    /// What each asset loses, fee included; `None` where that does not fit 256 bits.
    spends: BTreeMap<AssetKey, Option<Amount>>,
}

/// The properties of one effect that rules match and check.
pub struct EffectFacts {
    kind: &'static str,
    /// The chain.
    pub network: NetworkId,
    spends: Vec<(AssetKey, Amount)>,
    /// Who gains by it.
    pub beneficiary: Option<Address>,
    /// Whether it is a transaction on chain, as opposed to a signed message.
    pub on_chain: bool,
    dangerous: bool,
}

impl<'a> Case<'a> {
    /// Looks everything up in the policy set (rule G3).
    ///
    /// # Errors
    /// [`DenyReason::Unknown`] for a vault, initiator, network or asset that the set does not name, or an effect on
    /// another chain than the question's.
    pub fn open(question: &'a Question<'a>) -> Result<Case<'a>, DenyReason> {
        let policy = question.policy;
        let vault = policy.vault(question.wallet.vault).ok_or(DenyReason::Unknown)?;
        let effects: Vec<_> = question.effects.iter().map(EffectFacts::of).collect();
        let assets_known = || effects.iter().flat_map(|e| &e.spends).all(|(a, _)| policy.asset_by_key(a).is_some());
        let known = policy.people.iter().any(|p| p.id == question.initiator)
            && policy.networks.contains(&question.network)
            && effects.iter().all(|e| e.network == question.network)
            && assets_known();
        if !known {
            return Err(DenyReason::Unknown);
        }
        let mut spends = BTreeMap::from([(AssetKey::native(question.network), Some(question.fee))]);
        for (asset, amount) in effects.iter().flat_map(|e| &e.spends) {
            let sum = spends.entry(*asset).or_insert(Some(Amount::ZERO));
            *sum = sum.and_then(|s| s.checked_add(*amount));
        }
        let groups = policy.groups.iter().filter(|g| g.members.contains(&question.initiator));
        let initiator_groups = groups.map(|g| g.name.as_str()).collect();
        Ok(Case { question, vault, effects, approvers: question.approvals.clone(), initiator_groups, spends })
    }

    /// What the intent takes of an asset in base units: all its effects, and the fee where the asset pays it (rule L2).
    ///
    /// # Errors
    /// [`DenyReason::Overflow`].
    pub fn spends(&self, asset: &AssetKey) -> Result<Amount, DenyReason> {
        self.spends.get(asset).copied().unwrap_or(Some(Amount::ZERO)).ok_or(DenyReason::Overflow)
    }

    /// Whether the rule speaks of this intent at all: it matches at least one of its effects.
    pub fn concerns(&self, rule: &Rule) -> bool {
        self.matched(rule).next().is_some()
    }

    /// The effects a rule speaks of.
    pub fn matched<'c>(&'c self, rule: &'c Rule) -> impl Iterator<Item = &'c EffectFacts> {
        self.effects.iter().filter(|e| self.applies(rule, e))
    }

    /// Whether a rule speaks of this effect by this initiator.
    pub fn applies(&self, rule: &Rule, effect: &EffectFacts) -> bool {
        let by = &rule.when.initiators;
        let initiator = by.is_empty() || by.iter().any(|g| self.initiator_groups.contains(g.as_str()));
        initiator && effect.matches(&rule.when)
    }
}

impl EffectFacts {
    fn of(effect: &Effect) -> EffectFacts {
        use OpaqueKind::{Message, TypedData};
        let message = matches!(
            effect,
            Effect::Permit { .. } | Effect::OwnershipProof { .. } | Effect::Opaque { kind: Message | TypedData, .. }
        );
        EffectFacts {
            kind: effect.kind(),
            network: effect.network(),
            spends: effect.spends(),
            beneficiary: effect.beneficiary(),
            on_chain: !message,
            dangerous: matches!(effect, Effect::Opaque { .. } | Effect::Delegate { .. }),
        }
    }

    /// Every non-empty list contains the effect's property. Bytes nobody understands and delegations of the whole
    /// account match only rules that name them: an "any effect" rule was not written with them in mind.
    fn matches(&self, when: &Match) -> bool {
        let kind = if when.kinds.is_empty() { !self.dangerous } else { when.kinds.iter().any(|k| k == self.kind) };
        kind && (when.networks.is_empty() || when.networks.contains(&self.network))
            && (when.assets.is_empty() || self.spends.iter().any(|(a, _)| when.assets.contains(a)))
    }
}
