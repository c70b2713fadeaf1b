//! A question with everything that several rules ask of it worked out once.

use crate::memory::Memory;
use crate::places::{Gain, Place};
use crate::question::Question;
use ringi_primitives::amount::Amount;
use ringi_primitives::asset::AssetKey;
use ringi_primitives::decision::{Charge, DenyReason};
use ringi_primitives::effects::{Effect, OpaqueKind};
use ringi_primitives::network::NetworkId;
use ringi_primitives::policy_set::{AllowEntry, KnownWallet, Measure, PolicySet, Vault};
use ringi_primitives::zone::WallClock;
use rustc_hash::FxBuildHasher;
use std::cell::OnceCell;
use std::collections::{BTreeMap, HashSet};

/// The question, its vault, its effects' properties and its sums.
pub(crate) struct Case<'a> {
    /// What was asked.
    pub question: &'a Question<'a>,
    /// The vault of the wallet.
    pub vault: &'a Vault,
    /// The distinct sorts of effects; a batch of a hundred like transfers has one.
    pub sorts: Vec<Sort<'a>>,
    /// Groups that the initiator is in.
    pub initiator_groups: HashSet<&'a str, FxBuildHasher>,
    /// What each asset loses, fee included; `None` where that does not fit 256 bits.
    spends: BTreeMap<AssetKey, Option<Amount>>,
    /// Rules of which what nobody can look up any more is believed; `None`: nothing is.
    claimed: Option<&'a [String]>,
    /// What the set knows of the wallet that acts.
    acting: OnceCell<Option<&'a KnownWallet>>,
    /// What all of it is worth.
    dollars: OnceCell<Result<Amount, DenyReason>>,
    /// What the clocks of zones show, by name.
    pub(crate) clocks: Memory<'a, Option<WallClock>>,
    /// What limits said, by name.
    pub(crate) limits: Memory<'a, Result<Vec<Charge>, DenyReason>>,
}

/// What rules match of an effect.
pub(crate) struct Sort<'a> {
    /// One effect of this sort.
    pub effect: &'a Effect,
    /// Its kind.
    pub kind: &'static str,
    /// Its chain.
    pub network: NetworkId,
    /// The assets it takes.
    pub assets: Vec<AssetKey>,
    /// Who gains.
    pub place: Place<'a>,
    /// Whether it is a transaction on chain, as opposed to a signed message.
    pub on_chain: bool,
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
        let sorts = sorts(policy, question.effects);
        let here =
            |s: &Sort| s.network == question.network && s.assets.iter().all(|a| policy.asset_by_key(a).is_some());
        let known = policy.people.iter().any(|p| p.id == question.initiator)
            && policy.networks.contains(&question.network)
            && sorts.iter().all(here);
        if !known {
            return Err(DenyReason::Unknown);
        }
        let mut spends = BTreeMap::from([(AssetKey::native(question.network), Some(question.fee))]);
        for (asset, amount) in question.effects.iter().flat_map(Effect::spends) {
            add(&mut spends, asset, amount);
        }
        let groups = policy.groups.iter().filter(|g| g.members.contains(&question.initiator));
        let initiator_groups = groups.map(|g| g.name.as_str()).collect();
        Ok(Case {
            question,
            vault,
            sorts,
            initiator_groups,
            spends,
            claimed: None,
            acting: OnceCell::new(),
            dollars: OnceCell::new(),
            clocks: Memory::default(),
            limits: Memory::default(),
        })
    }

    /// The same case, as those saw it who claim that these rules decided.
    pub fn claiming(self, rules: &'a [String]) -> Case<'a> {
        Case { claimed: Some(rules), ..self }
    }

    /// Whether the rule is claimed to have decided; `None` where nothing is believed.
    pub fn claims(&self, rule: &str) -> Option<bool> {
        self.claimed.map(|claimed| claimed.iter().any(|name| name == rule))
    }

    /// What the policy set knows of the wallet that acts (rule G3).
    pub fn acting(&self) -> Option<&'a KnownWallet> {
        let Question { policy, wallet, .. } = self.question;
        *self.acting.get_or_init(|| policy.wallets.iter().find(|w| w.wallet == *wallet))
    }

    /// What the whole intent takes by this measure, fee included (rule L2).
    ///
    /// # Errors
    /// [`DenyReason::Overflow`], [`DenyReason::PriceMissing`].
    pub fn takes(&self, measure: &Measure) -> Result<Amount, DenyReason> {
        match measure {
            Measure::Usd => *self.dollars.get_or_init(|| self.sum(measure, &self.spends)),
            Measure::Asset(_) | Measure::Count => self.sum(measure, &self.spends),
        }
    }

    /// What each destination gains by this measure; the fee counts for each. Who gains nothing counts as unknown.
    ///
    /// # Errors
    /// As [`Case::takes`].
    pub fn takes_by_destination(&self, measure: &Measure) -> Result<Vec<(Option<AllowEntry>, Amount)>, DenyReason> {
        let fee = (AssetKey::native(self.question.network), Some(self.question.fee));
        let mut by: BTreeMap<Option<AllowEntry>, BTreeMap<AssetKey, Option<Amount>>> = BTreeMap::new();
        for effect in self.question.effects {
            let spends = by.entry(entry_of(effect)).or_insert_with(|| BTreeMap::from([fee]));
            effect.spends().into_iter().for_each(|(asset, amount)| add(spends, asset, amount));
        }
        by.into_iter().map(|(who, spends)| Ok((who, self.sum(measure, &spends)?))).collect()
    }

    fn sum(&self, measure: &Measure, spends: &BTreeMap<AssetKey, Option<Amount>>) -> Result<Amount, DenyReason> {
        match measure {
            Measure::Asset(asset) => {
                spends.get(asset).copied().unwrap_or(Some(Amount::ZERO)).ok_or(DenyReason::Overflow)
            }
            Measure::Count => Ok(Amount::from_u64(1)),
            Measure::Usd => spends.iter().try_fold(Amount::ZERO, |sum, (asset, amount)| {
                let dollars = self.dollars(asset, amount.ok_or(DenyReason::Overflow)?)?;
                sum.checked_add(dollars).ok_or(DenyReason::Overflow)
            }),
        }
    }

    /// M1: at the highest price of the quorum, rounded up; no price, no answer. Nothing of an asset needs no price.
    fn dollars(&self, asset: &AssetKey, amount: Amount) -> Result<Amount, DenyReason> {
        if amount.is_zero() {
            return Ok(Amount::ZERO);
        }
        let price = self.question.prices.get(asset).ok_or(DenyReason::PriceMissing)?;
        let decimals = self.question.policy.asset_by_key(asset).ok_or(DenyReason::Unknown)?.decimals;
        let unit = Amount::power_of_ten(decimals).ok_or(DenyReason::Overflow)?;
        amount.checked_mul(*price).and_then(|product| product.divided_up(unit)).ok_or(DenyReason::Overflow)
    }
}

fn add(spends: &mut BTreeMap<AssetKey, Option<Amount>>, asset: AssetKey, amount: Amount) {
    let sum = spends.entry(asset).or_insert(Some(Amount::ZERO));
    *sum = sum.and_then(|s| s.checked_add(amount));
}

fn sorts<'a>(policy: &'a PolicySet, effects: &'a [Effect]) -> Vec<Sort<'a>> {
    let mut seen: Vec<Sort> = Vec::new();
    for effect in effects {
        let own = Sort::of(policy, effect);
        if !seen.iter().any(|s| s.is_like(&own)) {
            seen.push(own);
        }
    }
    seen
}

/// Who gains by an effect, where that is known.
fn entry_of(effect: &Effect) -> Option<AllowEntry> {
    effect.beneficiary().map(|address| AllowEntry { network: effect.network(), address })
}

impl<'a> Sort<'a> {
    fn of(policy: &'a PolicySet, effect: &'a Effect) -> Sort<'a> {
        use OpaqueKind::{Message, TypedData};
        let message = matches!(
            effect,
            Effect::Permit { .. }
                | Effect::OwnershipProof { .. }
                | Effect::TypedMessage { .. }
                | Effect::Opaque { kind: Message | TypedData, .. }
        );
        let unnamed = if matches!(effect, Effect::Opaque { .. }) { Gain::Unknown } else { Gain::Nobody };
        let gain = entry_of(effect).map_or(unnamed, Gain::By);
        Sort {
            effect,
            kind: effect.kind(),
            network: effect.network(),
            assets: effect.spends().into_iter().map(|(asset, _)| asset).collect(),
            place: Place::new(policy, gain, empowers(effect)),
            on_chain: !message,
        }
    }

    /// Whether no rule can tell them apart. Calls and typed messages differ by what they carry.
    fn is_like(&self, other: &Sort) -> bool {
        let carries = matches!(self.effect, Effect::Call { .. } | Effect::TypedMessage { .. });
        (self.kind, self.network, &self.assets, self.place.gain())
            == (other.kind, other.network, &other.assets, other.place.gain())
            && (!carries || self.effect == other.effect)
    }
}

/// Whether whoever gains is a contract or code that gains power; not what pays somebody.
fn empowers(effect: &Effect) -> bool {
    !matches!(effect, Effect::Transfer { .. } | Effect::TransferFrom { .. })
}
