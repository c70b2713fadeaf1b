//! Whom the policy set trusts with facts, with which, and how far (rules G3, M1, L3). Signed by the admin quorum with it.

use crate::fact::FactKind;
use crate::key::PublicKey;
use crate::limits;
use crate::policy_set::{PolicySet, PolicySetError};
use minicbor::{Decode, Encode};
use std::collections::BTreeSet;

/// The witnesses, and what facts of each kind need to be worth something. A kind without its part is worth nothing.
#[derive(Clone, Debug, PartialEq, Eq, Default, Encode, Decode)]
pub struct Trust {
    /// Who signs facts.
    #[n(0)]
    pub witnesses: Vec<Witness>,
    /// What a price needs.
    #[n(1)]
    pub prices: Option<PriceTrust>,
    /// What a balance needs.
    #[n(2)]
    pub balances: Option<BalanceTrust>,
    /// What a proof of finality needs.
    #[n(3)]
    pub finals: Option<FinalTrust>,
}

/// A source of facts.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Witness {
    /// Unique name.
    #[n(0)]
    pub name: String,
    /// The key that it signs with: unique, and nobody else's.
    #[n(1)]
    pub key: PublicKey,
    /// What it may be believed.
    #[n(2)]
    pub vouches: BTreeSet<FactKind>,
}

/// What a price needs (rule M1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct PriceTrust {
    /// How old a statement may be, seconds; 1 to [`limits::FACT_AGE_S`].
    #[n(0)]
    pub max_age_s: u64,
    /// How many witnesses must agree.
    #[n(1)]
    pub quorum: u32,
    /// How far the highest may lie above the lowest, in 1/10,000 of the lowest; at most [`limits::SPREAD_BPS`].
    #[n(2)]
    pub max_spread_bps: u32,
}

/// What a balance needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct BalanceTrust {
    /// How old a statement may be, seconds; 1 to [`limits::FACT_AGE_S`].
    #[n(0)]
    pub max_age_s: u64,
    /// How many witnesses must say so; the lowest counts.
    #[n(1)]
    pub quorum: u32,
}

/// What a proof of finality needs (rule L3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct FinalTrust {
    /// How many witnesses must say so.
    #[n(0)]
    pub quorum: u32,
}

impl Trust {
    /// The witness of this key.
    pub fn witness(&self, key: &PublicKey) -> Option<&Witness> {
        self.witnesses.iter().find(|w| w.key == *key)
    }

    /// How old a statement of this kind may be, milliseconds: `None` for what does not age.
    pub fn max_age_ms(&self, kind: FactKind) -> Option<u64> {
        let seconds = match kind {
            FactKind::Price => self.prices.map(|p| p.max_age_s),
            FactKind::Balance => self.balances.map(|b| b.max_age_s),
            FactKind::Final => None,
        };
        seconds.map(|s| s.saturating_mul(1000))
    }

    /// How many witnesses a fact of this kind needs; `None` if it is worth nothing.
    pub fn quorum(&self, kind: FactKind) -> Option<u32> {
        match kind {
            FactKind::Price => self.prices.map(|p| p.quorum),
            FactKind::Balance => self.balances.map(|b| b.quorum),
            FactKind::Final => self.finals.map(|f| f.quorum),
        }
    }

    /// Checks bounds, that names and keys are unique and nobody else's in the set, and that each quorum can be reached.
    ///
    /// # Errors
    /// [`PolicySetError`], the first found.
    pub fn validate(&self, set: &PolicySet) -> Result<(), PolicySetError> {
        check(self.witnesses.len() <= limits::WITNESSES, PolicySetError::Bound("list of witnesses"))?;
        let (mut names, mut keys) = (BTreeSet::new(), people_keys(set));
        for witness in &self.witnesses {
            check(plain(&witness.name), PolicySetError::Bound("witness name"))?;
            check(!witness.vouches.is_empty(), PolicySetError::Senseless("witness of nothing"))?;
            check(names.insert(&witness.name), PolicySetError::Repeated("witness"))?;
            // G3: a person's key never also vouches; one that says two things is two witnesses to nobody.
            check(keys.insert(witness.key), PolicySetError::Repeated("witness key"))?;
        }
        FactKind::ALL.into_iter().try_for_each(|kind| self.check_kind(kind))?;
        let spread = self.prices.is_none_or(|p| p.max_spread_bps <= limits::SPREAD_BPS);
        check(spread, PolicySetError::Senseless("price spread"))
    }

    fn check_kind(&self, kind: FactKind) -> Result<(), PolicySetError> {
        if let Some(quorum) = self.quorum(kind) {
            let able = self.witnesses.iter().filter(|w| w.vouches.contains(&kind)).count();
            let reachable = quorum > 0 && usize::try_from(quorum).is_ok_and(|q| q <= able);
            check(reachable, PolicySetError::Senseless("quorum of witnesses"))?;
        }
        let longest_ms = limits::FACT_AGE_S.saturating_mul(1000);
        let aged = self.max_age_ms(kind).is_none_or(|age| (1..=longest_ms).contains(&age));
        check(aged, PolicySetError::Senseless("age of a fact"))
    }
}

/// Every key that stands in the set for a person.
fn people_keys(set: &PolicySet) -> BTreeSet<PublicKey> {
    let plain = set.people.iter().flat_map(|p| p.keys.iter().map(|k| k.key));
    plain.chain(set.people.iter().flat_map(|p| p.passkeys.iter().map(|k| k.key))).collect()
}

/// Not empty, within [`limits::TEXT_BYTES`], without control characters.
fn plain(name: &str) -> bool {
    !name.is_empty() && name.len() <= limits::TEXT_BYTES && !name.chars().any(char::is_control)
}

fn check(sound: bool, error: PolicySetError) -> Result<(), PolicySetError> {
    if sound { Ok(()) } else { Err(error) }
}

#[cfg(test)]
mod tests;
