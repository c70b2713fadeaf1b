//! The memory of window limits: one entry per limit and intent, merged over all signers before anything is signed (L1).
//!
//! Each entry knows which cosigners hold it too, so that a session's hello carries only what its peers may not know.

use minicbor::{Decode, Encode};
use ringi_policy::Spent;
use ringi_primitives::amount::Amount;
use ringi_primitives::decision::{Charge, LimitKey, Spending, Subject};
use ringi_primitives::id::{IntentId, PersonId, WalletId};
use ringi_primitives::limits;
use ringi_primitives::policy_set::{AllowEntry, Measure};
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::time::UnixMs;
use ringi_primitives::wallet::VaultIndex;
use std::collections::{BTreeMap, BTreeSet};

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
    name: String,
    measure: Measure,
}

impl Family {
    fn of(limit: &LimitKey) -> Family {
        Family { vault: limit.vault, name: limit.name.clone(), measure: limit.measure }
    }

    fn limit(&self, subject: Subject) -> LimitKey {
        LimitKey { vault: self.vault, name: self.name.clone(), measure: self.measure, subject }
    }
}

/// A subject as it is kept: a hundred thousand wallets are common, destinations need the room of the longest address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kept {
    Vault,
    Wallet(WalletId),
    Initiator(PersonId),
    Destination(Box<Option<AllowEntry>>),
}

impl Kept {
    fn of(subject: Subject) -> Kept {
        match subject {
            Subject::Vault => Kept::Vault,
            Subject::Wallet(wallet) => Kept::Wallet(wallet),
            Subject::Initiator(person) => Kept::Initiator(person),
            Subject::Destination(entry) => Kept::Destination(Box::new(entry)),
        }
    }

    fn subject(&self) -> Subject {
        match self {
            Kept::Vault => Subject::Vault,
            Kept::Wallet(wallet) => Subject::Wallet(*wallet),
            Kept::Initiator(person) => Subject::Initiator(*person),
            Kept::Destination(entry) => Subject::Destination(**entry),
        }
    }
}

type Entries = BTreeMap<(Kept, IntentId), Entry>;

/// So many new entries at least before the maps are laid out anew.
const LOOSE: usize = 4096;

/// All entries of all limits.
#[derive(Default)]
pub struct SpendingBook {
    families: BTreeMap<Family, Entries>,
    /// Entries made since the maps were laid out anew.
    loose: usize,
    exhausted_until_from: Option<UnixMs>,
    /// When old entries were last looked for.
    forgot_at: UnixMs,
    /// The latest time seen.
    now: UnixMs,
    /// First intents of chains that are proved final (rule L3).
    proved: BTreeSet<IntentId>,
}

/// Whether an entry that no window reaches any more is still needed while its intent is not proved final (rule L3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unproved {
    /// Yes: the policy set names witnesses of finality.
    Keep,
    /// No: nothing can ever be proved.
    Forget,
}

/// Old entries are looked for once an hour: nothing depends on when.
const FORGET_EVERY_MS: u64 = 3_600_000;

/// The entries of one subject.
fn of_subject(entries: &Entries, subject: Subject) -> impl Iterator<Item = (&IntentId, &Entry)> {
    let last = IntentId::from_bytes([u8::MAX; 16]);
    let subject = Kept::of(subject);
    entries.range((subject.clone(), IntentId::NIL)..=(subject, last)).map(|((_, intent), entry)| (intent, entry))
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
        let subject = Kept::of(spending.limit.subject);
        let entries = self.families.entry(Family::of(&spending.limit)).or_default();
        let fresh = Entry { amount: Amount::ZERO, at: spending.at, holders: Holders::default() };
        let entry = entries.entry((subject, spending.intent)).or_insert(fresh);
        let before = (entry.amount, entry.at);
        entry.amount = entry.amount.max(spending.amount);
        entry.at = entry.at.max(spending.at);
        let now = (entry.amount, entry.at);
        // Only who holds the whole entry is its holder: those of less are told of it again.
        entry.holders = match (now == before, now == (spending.amount, spending.at)) {
            (true, true) => entry.holders.union(holders),
            (false, true) => holders,
            (true, false) => entry.holders,
            (false, false) => Holders::default(),
        };
        self.compact();
    }

    /// Drops what no window reaches any more at this cosigner's own time. A peer's entry never decides that: one from the
    /// future would push out all others (rule L1).
    pub fn forget_old(&mut self, now: UnixMs, unproved: Unproved) {
        self.now = self.now.max(now);
        if now.distance_ms(self.forgot_at) < FORGET_EVERY_MS {
            return;
        }
        self.forgot_at = now;
        let reach_ms = limits::WINDOW_S.saturating_mul(1000).saturating_add(limits::CLOCK_SKEW_MS);
        let horizon = now.minus_ms(reach_ms);
        let proved = &self.proved;
        let needed = |intent: &IntentId| unproved == Unproved::Keep && !proved.contains(intent);
        let kept = |(_, intent): &(Kept, IntentId), e: &mut Entry| e.at >= horizon || needed(intent);
        self.families.values_mut().for_each(|entries| entries.retain(kept));
        let left = self.families.values().flat_map(|entries| entries.keys().map(|(_, intent)| *intent));
        self.proved = left.filter(|intent| proved.contains(intent)).collect();
    }

    /// L3: a chain of replacements, by its first intent, is proved final: it is not outstanding any more, whatever comes.
    pub fn prove(&mut self, root: IntentId) {
        self.proved.insert(root);
    }

    /// What it was proved by says nothing of it any more: it may be signed for another place.
    pub fn unprove(&mut self, root: &IntentId) {
        self.proved.remove(root);
    }

    /// Whether it is proved final.
    pub fn is_proved(&self, root: &IntentId) -> bool {
        self.proved.contains(root)
    }

    /// All that are, for snapshots.
    pub fn proved(&self) -> impl Iterator<Item = IntentId> {
        self.proved.iter().copied()
    }

    fn of(&self, limit: &LimitKey) -> impl Iterator<Item = (&IntentId, &Entry)> {
        let subject = limit.subject;
        self.families.get(&Family::of(limit)).into_iter().flat_map(move |entries| of_subject(entries, subject))
    }

    fn entry(&self, limit: &LimitKey, intent: &IntentId) -> Option<&Entry> {
        self.families.get(&Family::of(limit))?.get(&(Kept::of(limit.subject), *intent))
    }

    /// Those of these entries that would change anything if `holders` have them.
    pub fn news(&self, entries: Vec<Spending>, holders: Holders) -> Vec<Spending> {
        let known = |s: &Spending| {
            let held = self.entry(&s.limit, &s.intent);
            let less = |e: &Entry| e.amount >= s.amount && e.at >= s.at && (e.amount, e.at) != (s.amount, s.at);
            held.is_some_and(|e| {
                less(e) || (e.amount, e.at) == (s.amount, s.at) && e.holders.union(holders) == e.holders
            })
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
            let key = (Kept::of(b.limit.subject), *intent);
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
            let limit = family.limit(subject.subject());
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

    fn outstanding(&self, limit: &LimitKey, excluding: &IntentId) -> Option<Amount> {
        // B1: what was signed before a resume nobody remembers; it counts as long as any window can.
        let longest_ms = limits::WINDOW_S.saturating_mul(1000);
        if self.exhausted_until_from.is_some_and(|resumed| self.now <= resumed.plus_ms(longest_ms)) {
            return Some(Amount::MAX);
        }
        // L3: what is proved final never counts again.
        let counted = self.of(limit).filter(|(intent, _)| *intent != excluding && !self.proved.contains(intent));
        counted.map(|(_, e)| e.amount).try_fold(Amount::ZERO, Amount::checked_add)
    }

    fn of_intent(&self, limit: &LimitKey, intent: &IntentId) -> Amount {
        self.entry(limit, intent).map(|e| e.amount).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringi_primitives::asset::AssetKey;
    use ringi_primitives::decision::Subject;
    use ringi_primitives::network::NetworkId;
    use ringi_primitives::policy_set::Window;
    use ringi_primitives::wallet::VaultIndex;

    const NOW: UnixMs = UnixMs(2_000_000_000_000);
    const WINDOW_MS: u64 = limits::WINDOW_S * 1000;

    fn limit() -> LimitKey {
        let measure = Measure::Asset(AssetKey::native(NetworkId::Evm(1)));
        LimitKey { vault: VaultIndex(1), name: "day".into(), measure, subject: Subject::Vault }
    }

    fn entry(n: u8, amount: u64, at: UnixMs) -> Spending {
        let intent = IntentId::from_bytes([n; 16]);
        Spending { limit: limit(), intent, amount: Amount::from_u64(amount), at }
    }

    fn book(entries: &[Spending]) -> SpendingBook {
        let mut book = SpendingBook::default();
        entries.iter().for_each(|e| book.enter(e, Holders::default()));
        book
    }

    fn total(book: &SpendingBook, from: UnixMs) -> Option<Amount> {
        book.in_window(&limit(), from, &IntentId::from_bytes([0; 16]))
    }

    #[test]
    fn l1_an_entry_from_the_future_pushes_nothing_out() {
        let book = book(&[entry(1, 5, NOW), entry(2, 1, UnixMs(u64::MAX)), entry(3, 2, NOW)]);
        assert_eq!(total(&book, NOW), Some(Amount::from_u64(8)));
    }

    #[test]
    fn what_no_window_reaches_is_forgotten_at_ones_own_time_only() {
        let mut book = book(&[entry(1, 5, NOW)]);
        // The longest window still reaches it, at a peer's clock that is a minute behind too.
        book.forget_old(NOW.plus_ms(WINDOW_MS + limits::CLOCK_SKEW_MS), Unproved::Forget);
        assert_eq!(book.all().count(), 1);
        book.forget_old(NOW.plus_ms(WINDOW_MS + limits::CLOCK_SKEW_MS + FORGET_EVERY_MS), Unproved::Forget);
        assert_eq!(book.all().count(), 0);
    }

    /// L3: what may still be mined stays, however old; what is proved final goes with its window.
    #[test]
    fn l3_what_is_not_proved_final_is_never_forgotten() {
        let mut book = book(&[entry(1, 5, NOW), entry(2, 7, NOW)]);
        let (one, nobody) = (IntentId::from_bytes([1; 16]), IntentId::NIL);
        assert_eq!(book.outstanding(&limit(), &nobody), Some(Amount::from_u64(12)));
        assert_eq!(book.outstanding(&limit(), &one), Some(Amount::from_u64(7)));
        book.prove(one);
        assert_eq!(book.outstanding(&limit(), &nobody), Some(Amount::from_u64(7)));
        // A dearer version of it, or the same again, counts no more; the rolling window goes on counting.
        book.enter(&entry(1, 9, NOW.plus_ms(1)), Holders::default());
        assert_eq!(book.outstanding(&limit(), &nobody), Some(Amount::from_u64(7)));
        assert_eq!(total(&book, NOW), Some(Amount::from_u64(16)));
        book.forget_old(NOW.plus_ms(10 * WINDOW_MS), Unproved::Keep);
        assert_eq!(book.outstanding(&limit(), &nobody), Some(Amount::from_u64(7)));
        assert_eq!((book.all().count(), book.proved().count()), (1, 0));
        book.forget_old(NOW.plus_ms(20 * WINDOW_MS), Unproved::Forget);
        assert_eq!(book.outstanding(&limit(), &nobody), Some(Amount::ZERO));
    }

    #[test]
    fn b1_after_a_resume_everything_is_outstanding_for_a_years_window() {
        let mut book = book(&[]);
        book.exhaust_windows(NOW);
        for (now, left) in
            [(NOW, Amount::MAX), (NOW.plus_ms(WINDOW_MS), Amount::MAX), (NOW.plus_ms(WINDOW_MS + 1), Amount::ZERO)]
        {
            book.forget_old(now, Unproved::Keep);
            assert_eq!(book.outstanding(&limit(), &IntentId::NIL), Some(left));
        }
    }

    /// I3: the dearest version and the latest time, in whatever order they come.
    #[test]
    fn i3_a_charge_only_rises_and_its_time_only_moves_on() {
        let book = book(&[entry(1, 5, NOW), entry(1, 3, NOW.plus_ms(9)), entry(1, 4, UnixMs(0))]);
        let all: Vec<_> = book.all().collect();
        assert_eq!((all.len(), all[0].0.amount, all[0].0.at), (1, Amount::from_u64(5), NOW.plus_ms(9)));
    }

    /// Whoever holds less of an entry than is known here is told the rest.
    #[test]
    fn l1_a_holder_holds_the_whole_entry() {
        let [one, two] = [1, 2].map(|n| PartyIndex::new(n).unwrap());
        let after = |spending: Spending| {
            let mut book = book(&[]);
            book.enter(&entry(1, 5, NOW), Holders::of([one]));
            book.enter(&spending, Holders::of([two]));
            let holders = book.all().next().unwrap().1;
            [one, two].map(|p| holders.contain_all(&[p]))
        };
        assert_eq!(after(entry(1, 5, NOW)), [true, true]);
        assert_eq!(after(entry(1, 4, NOW)), [true, false]);
        assert_eq!(after(entry(1, 5, NOW.minus_ms(1))), [true, false]);
        assert_eq!(after(entry(1, 6, NOW)), [false, true]);
        assert_eq!(after(entry(1, 6, NOW.minus_ms(1))), [false, false]);
        let both = Holders::of([one, two]);
        assert_eq!(Holders::of([one, two, one]), both, "who is named twice holds it");
        assert_eq!(Holders::of([one]).union(both), both);
    }

    /// What a peer says is news if it is more, later, or tells who else holds it.
    #[test]
    fn l1_news_are_what_would_change_anything() {
        let [one, two] = [1, 2].map(|n| PartyIndex::new(n).unwrap());
        let mut book = book(&[]);
        book.enter(&entry(1, 5, NOW), Holders::of([one]));
        let is_news = |spending: Spending, who| !book.news(vec![spending], Holders::of([who])).is_empty();
        for (spending, from) in [
            (entry(1, 5, NOW), [false, true]),
            (entry(1, 4, NOW), [false, false]),
            (entry(1, 5, NOW.minus_ms(1)), [false, false]),
            (entry(1, 4, NOW.minus_ms(1)), [false, false]),
            (entry(1, 6, NOW), [true, true]),
            (entry(1, 4, NOW.plus_ms(1)), [true, true]),
            (entry(1, 6, NOW.minus_ms(1)), [true, true]),
            (entry(2, 1, NOW), [true, true]),
        ] {
            assert_eq!([one, two].map(|who| is_news(spending.clone(), who)), from, "{spending:?}");
        }
    }

    /// Each peer is told what it may not know, of the limits that are asked about.
    #[test]
    fn l1_unknown_is_what_not_all_signers_hold() {
        let [one, two] = [1, 2].map(|n| PartyIndex::new(n).unwrap());
        let other = LimitKey { name: "week".into(), ..limit() };
        let mut book = book(&[]);
        book.enter(&entry(1, 5, NOW), Holders::of([one, two]));
        book.enter(&entry(2, 6, NOW), Holders::of([one]));
        book.enter(&Spending { limit: other.clone(), ..entry(2, 7, NOW) }, Holders::of([]));
        assert_eq!(book.unknown_to(&[limit()], &[one, two]), [entry(2, 6, NOW)]);
        assert_eq!(book.unknown_to(&[limit()], &[one]), []);
        assert_eq!(book.unknown_to(&[limit(), other], &[one]).len(), 1);
    }

    #[test]
    fn l1_what_is_counted_is_of_one_subject_and_limit() {
        let wallet = |n: u8| LimitKey { subject: Subject::Wallet(WalletId::from_bytes([n; 16])), ..limit() };
        let limits = [limit(), wallet(0), wallet(1), wallet(255), LimitKey { name: "week".into(), ..limit() }];
        let amounts = [1u64, 10, 100, 1000, 10_000];
        let mut book = book(&[]);
        for (limit, amount) in limits.iter().zip(amounts) {
            for intent in [0, 255] {
                book.enter(&Spending { limit: limit.clone(), ..entry(intent, amount, NOW) }, Holders::default());
            }
        }
        let nobody = IntentId::from_bytes([7; 16]);
        for (limit, amount) in limits.iter().zip(amounts) {
            assert_eq!(book.in_window(limit, NOW, &nobody), Some(Amount::from_u64(2 * amount)), "{limit:?}");
            assert_eq!(book.in_window(limit, NOW, &IntentId::NIL), Some(Amount::from_u64(amount)), "one is left out");
            assert_eq!(book.of_intent(limit, &IntentId::NIL), Amount::from_u64(amount));
        }
        book.give_back(&IntentId::NIL);
        for (limit, amount) in limits.iter().zip(amounts) {
            assert_eq!(book.in_window(limit, NOW, &nobody), Some(Amount::from_u64(amount)), "{limit:?}: one is left");
        }
    }

    #[test]
    fn b1_after_a_resume_every_window_is_exhausted_for_its_full_length() {
        let mut book = book(&[]);
        book.exhaust_windows(NOW);
        assert_eq!(total(&book, NOW.minus_ms(1)), Some(Amount::MAX));
        assert_eq!(total(&book, NOW), Some(Amount::MAX));
        assert_eq!(total(&book, NOW.plus_ms(1)), Some(Amount::ZERO));
    }

    #[test]
    fn l2_what_is_put_back_is_what_was_there_before() {
        let mut book = book(&[entry(1, 5, NOW)]);
        let intent = IntentId::from_bytes([1; 16]);
        let charge =
            Charge { limit: limit(), amount: Amount::from_u64(9), cap: Amount::MAX, window: Window::Rolling(1) };
        let before = book.before(&intent, std::slice::from_ref(&charge));
        book.enter(&entry(1, 9, NOW.plus_ms(1)), Holders::default());
        book.put_back(&intent, &before);
        assert_eq!(total(&book, NOW), Some(Amount::from_u64(5)));
        let other = IntentId::from_bytes([2; 16]);
        let none = book.before(&other, &[charge]);
        book.enter(&entry(2, 9, NOW), Holders::default());
        book.put_back(&other, &none);
        assert_eq!(total(&book, NOW), Some(Amount::from_u64(5)));
    }
}
