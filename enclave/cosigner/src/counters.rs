//! Signature counters of passkeys (rule P2): each value serves one envelope. A clone of an authenticator repeats values.
//!
//! Values may come in another order than they were made, for intents wait for other people too; so a window of them is
//! remembered, and what lies below it is refused. Each cosigner remembers what it signed with, by itself.

use ringi_primitives::approval::Counted;
use ringi_primitives::digest::Digest;
use ringi_primitives::limits;
use std::collections::BTreeMap;

/// What the counters of every passkey were used for.
#[derive(Default)]
pub struct CounterBook(BTreeMap<Vec<u8>, BTreeMap<u32, Digest>>);

impl CounterBook {
    /// Whether this use repeats none but itself, and lies in the window.
    pub fn accepts(&self, used: &Counted) -> bool {
        let Some(known) = self.0.get(&used.credential) else { return true };
        match known.get(&used.counter) {
            Some(envelope) => *envelope == used.envelope,
            None => known.len() < limits::PASSKEY_COUNTERS || known.keys().next().is_none_or(|low| used.counter > *low),
        }
    }

    /// Remembers a use; the lowest value goes when there are too many.
    pub fn enter(&mut self, used: &Counted) {
        let known = self.0.entry(used.credential.clone()).or_default();
        known.insert(used.counter, used.envelope);
        if known.len() > limits::PASSKEY_COUNTERS {
            known.pop_first();
        }
    }

    /// Everything, for snapshots.
    pub fn all(&self) -> impl Iterator<Item = Counted> {
        self.0.iter().flat_map(|(credential, known)| {
            let used = |(counter, envelope): (&u32, &Digest)| Counted {
                credential: credential.clone(),
                counter: *counter,
                envelope: *envelope,
            };
            known.iter().map(used)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(counter: u32, envelope: u8) -> Counted {
        Counted { credential: vec![1], counter, envelope: Digest([envelope; 32]) }
    }

    #[test]
    fn p2_a_counter_serves_one_envelope() {
        let mut book = CounterBook::default();
        book.enter(&used(5, 1));
        assert!(book.accepts(&used(5, 1)), "the same again");
        assert!(!book.accepts(&used(5, 2)), "a clone");
        assert!(book.accepts(&used(4, 2)) && book.accepts(&used(6, 3)), "made earlier, used later");
        assert!(book.accepts(&Counted { credential: vec![2], ..used(5, 2) }), "another passkey");
    }

    #[test]
    fn p2_what_lies_below_the_window_is_refused() {
        let mut book = CounterBook::default();
        let many = u32::try_from(limits::PASSKEY_COUNTERS).unwrap() + 10;
        (10..10 + many).for_each(|n| book.enter(&used(n, 1)));
        assert_eq!(book.all().count(), limits::PASSKEY_COUNTERS);
        assert!(!book.accepts(&used(19, 2)) && !book.accepts(&used(1, 1)));
        assert!(book.accepts(&used(10 + many, 2)));
        let mut again = CounterBook::default();
        book.all().for_each(|u| again.enter(&u));
        assert!(!again.accepts(&used(30, 9)) && again.accepts(&used(30, 1)));
    }
}
