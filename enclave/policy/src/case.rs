//! A question with everything that several rules ask of it worked out once.

use crate::question::Question;
use ringi_primitives::address::Address;
use ringi_primitives::amount::Amount;
use ringi_primitives::asset::AssetKey;
use ringi_primitives::decision::DenyReason;
use ringi_primitives::effects::{Effect, OpaqueKind};
use ringi_primitives::id::PersonId;
use ringi_primitives::network::NetworkId;
use ringi_primitives::policy_set::{AllowEntry, Demand, Rule, Vault};
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
    /// The distinct properties that rules match; a batch of a hundred like transfers has one.
    traits: Vec<Traits>,
    initiator_groups: BTreeSet<&'a str>,
    /// What each asset loses, fee included; `None` where that does not fit 256 bits.
    spends: BTreeMap<AssetKey, Option<Amount>>,
}

/// What rules check of one effect.
pub struct EffectFacts {
    /// Who gains by it, and where.
    pub gain: Gain,
    /// Whether it is a transaction on chain, as opposed to a signed message.
    pub on_chain: bool,
    /// Index of its [`Traits`].
    traits: usize,
}

/// Who gains value or power by an effect.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Gain {
    /// Nobody but the wallet: a self-cancel, an ownership proof.
    Nobody,
    /// This one.
    By(AllowEntry),
    /// Nobody can tell: bytes without a target that are understood only as bytes.
    Unknown,
}

/// What rules match of an effect.
#[derive(PartialEq, Eq)]
struct Traits {
    kind: &'static str,
    dangerous: bool,
    network: NetworkId,
    assets: Vec<AssetKey>,
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
        let mut traits = Vec::new();
        let effects = question.effects.iter().map(|e| EffectFacts::of(e, &mut traits)).collect();
        let here =
            |t: &Traits| t.network == question.network && t.assets.iter().all(|a| policy.asset_by_key(a).is_some());
        let known = policy.people.iter().any(|p| p.id == question.initiator)
            && policy.networks.contains(&question.network)
            && traits.iter().all(here);
        if !known {
            return Err(DenyReason::Unknown);
        }
        let mut spends = BTreeMap::from([(AssetKey::native(question.network), Some(question.fee))]);
        for (asset, amount) in question.effects.iter().flat_map(Effect::spends) {
            let sum = spends.entry(asset).or_insert(Some(Amount::ZERO));
            *sum = sum.and_then(|s| s.checked_add(amount));
        }
        let groups = policy.groups.iter().filter(|g| g.members.contains(&question.initiator));
        let initiator_groups = groups.map(|g| g.name.as_str()).collect();
        let approvers = question.approvals.clone();
        Ok(Case { question, vault, effects, approvers, traits, initiator_groups, spends })
    }

    /// What the intent takes of an asset in base units: all its effects, and the fee where the asset pays it (rule L2).
    ///
    /// # Errors
    /// [`DenyReason::Overflow`].
    pub fn spends(&self, asset: &AssetKey) -> Result<Amount, DenyReason> {
        self.spends.get(asset).copied().unwrap_or(Some(Amount::ZERO)).ok_or(DenyReason::Overflow)
    }

    /// The rules of the vault that speak of this intent at all: each matches at least one effect.
    pub fn matching(&self) -> Vec<Matching<'a>> {
        self.vault.rules.iter().filter_map(|rule| self.matched(rule)).collect()
    }

    fn matched(&self, rule: &'a Rule) -> Option<Matching<'a>> {
        let by = &rule.when.initiators;
        let initiator = by.is_empty() || by.iter().any(|g| self.initiator_groups.contains(g.as_str()));
        if !initiator {
            return None;
        }
        let bits = self.traits.iter().enumerate().filter(|(_, t)| t.matches(rule)).map(|(at, _)| bit(at));
        let traits = bits.fold(0, |all, bit| all | bit);
        (traits != 0).then_some(Matching { rule, traits })
    }
}

/// A rule that speaks of this intent, and of which of its effects.
pub struct Matching<'a> {
    /// The rule.
    pub rule: &'a Rule,
    /// One bit for each of the case's [`Traits`].
    traits: u128,
}

/// Zero from the 129th on: no rule matches more sorts of effects than that, so they are denied.
fn bit(at: usize) -> u128 {
    u32::try_from(at).ok().and_then(|at| 1u128.checked_shl(at)).unwrap_or(0)
}

impl Matching<'_> {
    /// Whether the rule speaks of this effect.
    pub fn applies(&self, effect: &EffectFacts) -> bool {
        self.traits & bit(effect.traits) != 0
    }
}

impl EffectFacts {
    fn of(effect: &Effect, seen: &mut Vec<Traits>) -> EffectFacts {
        use OpaqueKind::{Message, TypedData};
        let message = matches!(
            effect,
            Effect::Permit { .. } | Effect::OwnershipProof { .. } | Effect::Opaque { kind: Message | TypedData, .. }
        );
        let network = effect.network();
        let own = Traits {
            kind: effect.kind(),
            dangerous: matches!(effect, Effect::Opaque { .. } | Effect::Delegate { .. }),
            network,
            assets: effect.spends().into_iter().map(|(asset, _)| asset).collect(),
        };
        let traits = seen.iter().position(|t| *t == own).unwrap_or_else(|| {
            seen.push(own);
            seen.len().saturating_sub(1)
        });
        let entry = |address: Address| Gain::By(AllowEntry { network, address });
        let unnamed = if matches!(effect, Effect::Opaque { .. }) { Gain::Unknown } else { Gain::Nobody };
        EffectFacts { gain: effect.beneficiary().map_or(unnamed, entry), on_chain: !message, traits }
    }
}

impl Traits {
    /// Every non-empty list of the rule contains the effect's property. Bytes nobody understands and delegations of the
    /// whole account are permitted only by rules that name them: a "permit anything" was not written with them in mind.
    /// What takes away (every other demand) holds for them unless it names other kinds.
    fn matches(&self, rule: &Rule) -> bool {
        let when = &rule.when;
        let unnamed = || !self.dangerous || rule.then != Demand::Permit;
        let kind = if when.kinds.is_empty() { unnamed() } else { when.kinds.iter().any(|k| k == self.kind) };
        kind && (when.networks.is_empty() || when.networks.contains(&self.network))
            && (when.assets.is_empty() || self.assets.iter().any(|a| when.assets.contains(a)))
    }
}
