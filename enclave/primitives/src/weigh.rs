//! What signed facts are worth under a policy set: the same code advises on the host and binds in the cosigner (G3, M1, L3).
//!
//! A statement that is not wholly right spoils the list that it stands in. So what a list proves follows from the list and the
//! policy set alone: two signers whose clocks or memories differ refuse, but never come to different prices.

use crate::amount::Amount;
use crate::asset::AssetKey;
use crate::digest::Digest;
use crate::effects::Slot;
use crate::fact::{Fact, FactKind, SignedFact, Topic};
use crate::id::IntentId;
use crate::key::PublicKey;
use crate::limits;
use crate::time::UnixMs;
use crate::trust::{PriceTrust, Trust};
use crate::wallet::WalletRef;
use std::collections::{BTreeMap, BTreeSet};

/// Why a fact is not taken. Codes are `fact.<name>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum FactError {
    /// Another version than 1, a price of zero, or too many outpoints.
    #[error("the statement is malformed")]
    Malformed,
    /// More than [`limits::FACTS`].
    #[error("too many facts at once")]
    TooMany,
    /// Of another workspace (rule G1).
    #[error("the statement is for another workspace")]
    Genesis,
    /// The policy set names no witness of this key (rule G3).
    #[error("no witness of the policy set has this key")]
    Witness,
    /// The policy set does not believe this witness facts of this kind (rule G3).
    #[error("the witness is not trusted with facts of this kind")]
    Purpose,
    /// Not signed by the key that it names.
    #[error("the signature is not the witness's over this statement")]
    Signature,
    /// One witness says two things of one topic, or the same twice.
    #[error("one witness speaks twice of the same")]
    Repeated,
    /// From the future.
    #[error("the statement is from the future")]
    Future,
    /// Older than the policy set lets it be.
    #[error("the statement is too old")]
    Stale,
    /// Older than one of the same witness that was seen before, or another one of the same time (rule M1).
    #[error("a newer statement of this witness was seen")]
    Older,
}

impl FactError {
    /// Every error, for tables.
    pub const ALL: [FactError; 10] = [
        FactError::Malformed,
        FactError::TooMany,
        FactError::Genesis,
        FactError::Witness,
        FactError::Purpose,
        FactError::Signature,
        FactError::Repeated,
        FactError::Future,
        FactError::Stale,
        FactError::Older,
    ];

    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            FactError::Malformed => "fact.malformed",
            FactError::TooMany => "fact.too_many",
            FactError::Genesis => "fact.genesis",
            FactError::Witness => "fact.witness",
            FactError::Purpose => "fact.purpose",
            FactError::Signature => "fact.signature",
            FactError::Repeated => "fact.repeated",
            FactError::Future => "fact.future",
            FactError::Stale => "fact.stale",
            FactError::Older => "fact.older",
        }
    }

    /// Whether it is a matter of time: newer facts, or the same ones later, may be taken.
    pub fn is_of_time(self) -> bool {
        matches!(self, FactError::Future | FactError::Stale | FactError::Older)
    }
}

/// The newest statement of each witness about each topic (rule M1): timestamps never go back. Holds at most
/// [`limits::FACT_TOPICS`]; what had to go leaves its time behind, below which nothing unknown is taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FactBook {
    newest: BTreeMap<(PublicKey, Topic), SignedFact>,
    floor: UnixMs,
}

impl FactBook {
    /// M1: whether this statement is no older than what was seen: newer, or the very same. What never changes always is.
    pub fn admits(&self, fact: &SignedFact) -> bool {
        let Some(topic) = fact.statement.fact.topic() else { return true };
        match self.newest.get(&(fact.statement.witness, topic)) {
            Some(seen) => fact.statement.at > seen.statement.at || fact.statement == seen.statement,
            None => fact.statement.at > self.floor,
        }
    }

    /// Whether taking it in changes anything.
    pub fn is_news(&self, fact: &SignedFact) -> bool {
        let seen = fact.statement.fact.topic().and_then(|topic| self.newest.get(&(fact.statement.witness, topic)));
        fact.statement.fact.topic().is_some() && self.admits(fact) && seen.is_none_or(|s| s.statement != fact.statement)
    }

    /// Takes a statement in, if it is news. Checks no signature.
    pub fn enter(&mut self, fact: &SignedFact) {
        let Some(topic) = fact.statement.fact.topic().filter(|_| self.is_news(fact)) else { return };
        self.newest.insert((fact.statement.witness, topic), fact.clone());
        if self.newest.len() > limits::FACT_TOPICS
            && let Some(oldest) = self.newest.iter().min_by_key(|(_, f)| f.statement.at).map(|(key, _)| *key)
            && let Some(gone) = self.newest.remove(&oldest)
        {
            self.raise_floor(gone.statement.at);
        }
    }

    /// Nothing unknown from this time or before is taken any more. Never back.
    pub fn raise_floor(&mut self, at: UnixMs) {
        self.floor = self.floor.max(at);
    }

    /// That time.
    pub fn floor(&self) -> UnixMs {
        self.floor
    }

    /// Drops what is too old for every policy set, and would be refused for its age anyway.
    pub fn forget_old(&mut self, now: UnixMs) {
        let reach_ms = limits::FACT_AGE_S.saturating_mul(1000).saturating_add(limits::CLOCK_SKEW_MS);
        let horizon = now.minus_ms(reach_ms);
        self.newest.retain(|_, fact| fact.statement.at >= horizon);
    }

    /// Everything.
    pub fn all(&self) -> impl Iterator<Item = &SignedFact> {
        self.newest.values()
    }
}

/// What facts are held against.
#[derive(Clone, Copy, Debug)]
pub struct Weighing<'a> {
    /// Whom the policy set in force believes what.
    pub trust: Option<&'a Trust>,
    /// The workspace.
    pub genesis: Digest,
    /// What was seen before.
    pub book: &'a FactBook,
    /// One's own trusted time.
    pub now: UnixMs,
}

/// What a list of facts proves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The highest of a quorum that agrees, 10^-12 US dollars for one whole unit (rule M1). What is not here has no price.
    pub prices: BTreeMap<AssetKey, Amount>,
    /// The lowest of a quorum, in base units.
    pub balances: BTreeMap<(WalletRef, AssetKey), Amount>,
    /// Intents that a quorum calls final, and at which place (rule L3).
    pub finals: Vec<(IntentId, Slot)>,
    /// The statements that are newer than what was seen.
    pub news: Vec<SignedFact>,
    /// The last moment at which none of them is too old; `None` if none ages.
    pub good_until: Option<UnixMs>,
}

impl Facts {
    /// What one wallet holds, by asset.
    pub fn balances_of(&self, wallet: &WalletRef) -> BTreeMap<AssetKey, Amount> {
        self.balances.iter().filter(|((of, _), _)| of == wallet).map(|((_, asset), held)| (*asset, *held)).collect()
    }
}

/// Weighs a list of facts.
///
/// # Errors
/// [`FactError`], the first found: one statement that is not right spoils the list.
pub fn weigh(facts: &[SignedFact], by: &Weighing<'_>) -> Result<Facts, FactError> {
    if facts.len() > limits::FACTS {
        return Err(FactError::TooMany);
    }
    let Some(trust) = by.trust else {
        return if facts.is_empty() { Ok(Facts::default()) } else { Err(FactError::Witness) };
    };
    let mut weighed = Facts::default();
    let mut said = BTreeSet::new();
    for fact in facts {
        is_genuine(fact, by)?;
        // M1: one source is one voice, whatever it says how often.
        if !said.insert((fact.statement.witness, subject(&fact.statement.fact))) {
            return Err(FactError::Repeated);
        }
        weighed.good_until = [weighed.good_until, in_time(fact, trust, by)?].into_iter().flatten().min();
        // M1: per source and asset, timestamps never go back.
        if !by.book.admits(fact) {
            return Err(FactError::Older);
        }
        weighed.news.extend(by.book.is_news(fact).then(|| fact.clone()));
    }
    weighed.prices = prices(facts, trust);
    weighed.balances = balances(facts, trust);
    weighed.finals = finals(facts, trust);
    Ok(weighed)
}

/// Whether a fact is what it says: well formed, of this workspace, signed by a witness whom the policy set believes facts of
/// its kind, and not from the future. Says nothing of its age.
///
/// # Errors
/// [`FactError`].
pub fn is_genuine(fact: &SignedFact, by: &Weighing<'_>) -> Result<(), FactError> {
    let statement = &fact.statement;
    let sound = match &statement.fact {
        Fact::Price { price, .. } => !price.is_zero(),
        Fact::Final { slot: Slot::Outpoints { outpoints, .. }, .. } => outpoints.len() <= limits::SIGHASHES,
        Fact::Balance { .. } | Fact::Final { .. } => true,
    };
    if statement.version != 1 || !sound {
        return Err(FactError::Malformed);
    }
    // G1: of this workspace.
    if statement.genesis != by.genesis {
        return Err(FactError::Genesis);
    }
    // G3: by a key that the policy set names, for what it names it for.
    let witness = by.trust.and_then(|t| t.witness(&statement.witness)).ok_or(FactError::Witness)?;
    let kind = statement.fact.kind();
    let trusted = witness.vouches.contains(&kind) && by.trust.and_then(|t| t.quorum(kind)).is_some();
    if !trusted {
        return Err(FactError::Purpose);
    }
    if !fact.verifies() {
        return Err(FactError::Signature);
    }
    if statement.at > by.now.plus_ms(limits::CLOCK_SKEW_MS) {
        return Err(FactError::Future);
    }
    Ok(())
}

/// What a witness may speak of once in a list.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    Topic(Topic),
    Intent(IntentId),
}

fn subject(fact: &Fact) -> Subject {
    match fact {
        Fact::Price { asset, .. } => Subject::Topic(Topic::Price(*asset)),
        Fact::Balance { wallet, asset, .. } => Subject::Topic(Topic::Balance(*wallet, *asset)),
        Fact::Final { intent, .. } => Subject::Intent(*intent),
    }
}

/// M1: until when a statement is young enough; `None` for one that does not age.
fn in_time(fact: &SignedFact, trust: &Trust, by: &Weighing<'_>) -> Result<Option<UnixMs>, FactError> {
    let Some(age_ms) = trust.max_age_ms(fact.statement.fact.kind()) else { return Ok(None) };
    let until = fact.statement.at.plus_ms(age_ms);
    if by.now > until { Err(FactError::Stale) } else { Ok(Some(until)) }
}

/// Whether as many as the policy set wants.
fn is_quorum(voices: usize, trust: &Trust, kind: FactKind) -> bool {
    trust.quorum(kind).and_then(|q| usize::try_from(q).ok()).is_some_and(|q| voices >= q)
}

/// M1: the highest price of a quorum that agrees; else none.
fn prices(facts: &[SignedFact], trust: &Trust) -> BTreeMap<AssetKey, Amount> {
    let Some(rule) = trust.prices else { return BTreeMap::new() };
    let mut said: BTreeMap<AssetKey, Vec<Amount>> = BTreeMap::new();
    for fact in facts {
        if let Fact::Price { asset, price } = fact.statement.fact {
            said.entry(asset).or_default().push(price);
        }
    }
    let agreed = |(asset, prices): (AssetKey, Vec<Amount>)| {
        let (lowest, highest) = (prices.iter().min().copied()?, prices.iter().max().copied()?);
        let sound = is_quorum(prices.len(), trust, FactKind::Price) && agree(lowest, highest, &rule);
        sound.then_some((asset, highest))
    };
    said.into_iter().filter_map(agreed).collect()
}

/// M1: whether two prices lie within the spread: (highest - lowest) x 10,000 <= lowest x spread.
pub fn agree(lowest: Amount, highest: Amount, rule: &PriceTrust) -> bool {
    let apart = highest.checked_sub(lowest).and_then(|d| d.checked_mul(Amount::from_u64(10_000)));
    let allowed = lowest.checked_mul(Amount::from_u64(rule.max_spread_bps.into()));
    matches!((apart, allowed), (Some(apart), Some(allowed)) if apart <= allowed)
}

/// The lowest balance that a quorum states.
fn balances(facts: &[SignedFact], trust: &Trust) -> BTreeMap<(WalletRef, AssetKey), Amount> {
    let mut said: BTreeMap<(WalletRef, AssetKey), (usize, Amount)> = BTreeMap::new();
    for fact in facts {
        if let Fact::Balance { wallet, asset, amount } = fact.statement.fact {
            let entry = said.entry((wallet, asset)).or_insert((0, amount));
            *entry = (entry.0.saturating_add(1), entry.1.min(amount));
        }
    }
    let enough = said.into_iter().filter(|(_, (voices, _))| is_quorum(*voices, trust, FactKind::Balance));
    enough.map(|(what, (_, lowest))| (what, lowest)).collect()
}

/// L3: what a quorum calls final, each in the same words.
fn finals(facts: &[SignedFact], trust: &Trust) -> Vec<(IntentId, Slot)> {
    let mut said: BTreeMap<(IntentId, &Slot), usize> = BTreeMap::new();
    for fact in facts {
        if let Fact::Final { intent, slot } = &fact.statement.fact {
            let voices = said.entry((*intent, slot)).or_default();
            *voices = voices.saturating_add(1);
        }
    }
    let enough = said.into_iter().filter(|(_, voices)| is_quorum(*voices, trust, FactKind::Final));
    enough.map(|((intent, slot), _)| (intent, slot.clone())).collect()
}

#[cfg(test)]
mod tests;
