//! The memory of window limits: one entry per limit and intent, merged over all signers before anything is signed (L1).
//!
//! Each entry knows which cosigners hold it too, so that a session's hello carries only what its peers may not know.

use minicbor::{Decode, Encode};
use ringi_policy::Spent;
use ringi_primitives::amount::Amount;
use ringi_primitives::asset::AssetKey;
use ringi_primitives::decision::{Charge, LimitKey, Spending, Subject};
use ringi_primitives::id::IntentId;
use ringi_primitives::limits;
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::time::UnixMs;
use ringi_primitives::wallet::VaultIndex;
use std::collections::BTreeMap;

/// A set of cosigners, as bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(transparent)]
pub struct Holders(#[n(0)] u16);

impl Holders {
    /// Exactly these.
    pub fn of(parties: impl IntoIterator<Item = PartyIndex>) -> Holders {
        Holders(parties.into_iter().fold(0, |bits, p| bits | bit(p)))
    }

    /// Whether all of `parties` hold it.
    pub fn contain_all(self, parties: &[PartyIndex]) -> bool {
        parties.iter().all(|p| self.0 & bit(*p) != 0)
    }

    /// Both sets.
    pub fn union(self, other: Holders) -> Holders {
        Holders(self.0 | other.0)
    }
}

fn bit(party: PartyIndex) -> u16 {
    1u16.checked_shl(u32::from(party.number())).unwrap_or(0)
}

/// One intent's charge to one limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    amount: Amount,
    at: UnixMs,
    holders: Holders,
}

/// What the limits of many wallets or initiators have in common, so that a hundred thousand of them stay small.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Family {
    vault: VaultIndex,
    rule: String,
    asset: AssetKey,
}

impl Family {
    fn of(limit: &LimitKey) -> Family {
        Family { vault: limit.vault, rule: limit.rule.clone(), asset: limit.asset }
    }

    fn limit(&self, subject: Subject) -> LimitKey {
        LimitKey { vault: self.vault, rule: self.rule.clone(), asset: self.asset, subject }
    }
}

type Entries = BTreeMap<(Subject, IntentId), Entry>;

/// So many new entries at least before the maps are laid out anew.
const LOOSE: usize = 4096;

/// All entries of all limits.
#[derive(Default)]
pub struct SpendingBook {
    families: BTreeMap<Family, Entries>,
    /// Entries made since the maps were laid out anew.
    loose: usize,
    exhausted_until_from: Option<UnixMs>,
}

/// The entries of one subject.
fn of_subject(entries: &Entries, subject: Subject) -> impl Iterator<Item = (&IntentId, &Entry)> {
    let last = IntentId::from_bytes([u8::MAX; 16]);
    entries.range((subject, IntentId::NIL)..=(subject, last)).map(|((_, intent), entry)| (intent, entry))
}

/// What an entry was before a reservation, so that it can be put back (rule L2).
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Before {
    /// Which limit.
    #[n(0)]
    pub limit: LimitKey,
    /// Amount and time before; `None` if there was no entry.
    #[n(1)]
    pub entry: Option<(Amount, UnixMs)>,
}

impl SpendingBook {
    /// Enters a spending: an intent's charge only rises, its time only moves on (rule I3: the maximum, not the sum).
    pub fn enter(&mut self, spending: &Spending, holders: Holders) {
        let subject = spending.limit.subject;
        let entries = self.families.entry(Family::of(&spending.limit)).or_default();
        let fresh = Entry { amount: Amount::ZERO, at: spending.at, holders: Holders::default() };
        let entry = entries.entry((subject, spending.intent)).or_insert(fresh);
        let changed = spending.amount > entry.amount || spending.at > entry.at;
        entry.amount = entry.amount.max(spending.amount);
        entry.at = entry.at.max(spending.at);
        // A changed entry is known only to those who hold the change.
        entry.holders = if changed { holders } else { entry.holders.union(holders) };
        let horizon = spending.at.minus_ms(limits::WINDOW_S.saturating_mul(1000));
        let old: Vec<IntentId> =
            of_subject(entries, subject).filter(|(_, e)| e.at < horizon).map(|(intent, _)| *intent).collect();
        for intent in old {
            entries.remove(&(subject, intent));
        }
        self.compact();
    }

    fn of(&self, limit: &LimitKey) -> impl Iterator<Item = (&IntentId, &Entry)> {
        let subject = limit.subject;
        self.families.get(&Family::of(limit)).into_iter().flat_map(move |entries| of_subject(entries, subject))
    }

    fn entry(&self, limit: &LimitKey, intent: &IntentId) -> Option<&Entry> {
        self.families.get(&Family::of(limit))?.get(&(limit.subject, *intent))
    }

    /// Those of these entries that would change anything if `holders` have them.
    pub fn news(&self, entries: Vec<Spending>, holders: Holders) -> Vec<Spending> {
        let known = |s: &Spending| {
            let held = self.entry(&s.limit, &s.intent);
            held.is_some_and(|e| e.amount >= s.amount && e.at >= s.at && e.holders.union(holders) == e.holders)
        };
        entries.into_iter().filter(|s| !known(s)).collect()
    }

    /// What the entries that these charges touch are now.
    pub fn before(&self, intent: &IntentId, charges: &[Charge]) -> Vec<Before> {
        let entry = |limit: &LimitKey| self.entry(limit, intent).map(|e| (e.amount, e.at));
        charges.iter().map(|c| Before { limit: c.limit.clone(), entry: entry(&c.limit) }).collect()
    }

    /// Puts entries back to what they were (rule L2: only before the last-round message left).
    pub fn put_back(&mut self, intent: &IntentId, before: &[Before]) {
        for b in before {
            let Some(entries) = self.families.get_mut(&Family::of(&b.limit)) else { continue };
            let key = (b.limit.subject, *intent);
            match b.entry {
                None => {
                    entries.remove(&key);
                }
                Some((amount, at)) => {
                    entries.insert(key, Entry { amount, at, holders: Holders::default() });
                }
            }
        }
    }

    /// Removes everything an intent was charged: only an admin order does this (rule L2).
    pub fn give_back(&mut self, intent: &IntentId) {
        self.families.values_mut().for_each(|entries| entries.retain(|(_, of), _| of != intent));
    }

    /// Entries of these limits that not all of `signers` hold.
    pub fn unknown_to(&self, limits: &[LimitKey], signers: &[PartyIndex]) -> Vec<Spending> {
        limits
            .iter()
            .flat_map(|limit| self.of(limit).map(move |(intent, entry)| (limit, intent, entry)))
            .filter(|(_, _, entry)| !entry.holders.contain_all(signers))
            .map(|(limit, intent, e)| Spending { limit: limit.clone(), intent: *intent, amount: e.amount, at: e.at })
            .collect()
    }

    /// Lays the maps out anew from time to time: entered one by one in order, they leave almost half of their room empty.
    fn compact(&mut self) {
        self.loose = self.loose.saturating_add(1);
        let all: usize = self.families.values().map(BTreeMap::len).sum();
        if self.loose < LOOSE.max(all / 10) {
            return;
        }
        self.loose = 0;
        self.families.values_mut().for_each(|entries| *entries = std::mem::take(entries).into_iter().collect());
    }

    /// Everything, for a peer that boots and for snapshots.
    pub fn all(&self) -> impl Iterator<Item = (Spending, Holders)> {
        let each = self.families.iter().flat_map(|(family, e)| e.iter().map(move |(key, entry)| (family, key, entry)));
        each.map(|(family, (subject, intent), e)| {
            let limit = family.limit(*subject);
            (Spending { limit, intent: *intent, amount: e.amount, at: e.at }, e.holders)
        })
    }

    /// After a resume every window counts as exhausted for its full length (rule B1).
    pub fn exhaust_windows(&mut self, from: UnixMs) {
        self.exhausted_until_from = Some(from);
    }
}

impl Spent for SpendingBook {
    fn in_window(&self, limit: &LimitKey, from: UnixMs, excluding: &IntentId) -> Option<Amount> {
        if self.exhausted_until_from.is_some_and(|resumed| resumed >= from) {
            return Some(Amount::MAX);
        }
        let counted = self.of(limit).filter(|(intent, e)| *intent != excluding && e.at >= from);
        counted.map(|(_, e)| e.amount).try_fold(Amount::ZERO, Amount::checked_add)
    }

    fn of_intent(&self, limit: &LimitKey, intent: &IntentId) -> Amount {
        self.entry(limit, intent).map(|e| e.amount).unwrap_or_default()
    }
}
