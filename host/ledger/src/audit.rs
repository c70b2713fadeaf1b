//! Entries, the chain, and the search for its first broken link.

use minicbor::{Decode, Encode};
use ringi_primitives::cbor;
use ringi_primitives::digest::{Digest, Domain};
use ringi_primitives::time::UnixMs;

/// What somebody wants remembered; the log gives it its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// When, by the host's clock.
    pub at: UnixMs,
    /// Stable kind, e.g. `transfer.signed`.
    pub kind: String,
    /// Public fields: a JSON object's text.
    pub fields: String,
}

/// One entry of the log. All of it is under the digest of the next.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Entry {
    /// 1, 2, 3, … without gaps.
    #[n(0)]
    pub sequence: u64,
    /// When.
    #[n(1)]
    pub at: UnixMs,
    /// What kind.
    #[n(2)]
    pub kind: String,
    /// Public fields, JSON text, verbatim.
    #[n(3)]
    pub fields: String,
    /// Digest of the entry before; zero for the first.
    #[n(4)]
    pub previous: Digest,
}

impl Entry {
    /// H("ringi/audit-log/v1" ‖ deterministic CBOR of the entry).
    pub fn digest(&self) -> Digest {
        Digest::of(Domain::AuditLog, &cbor::encode(self))
    }
}

/// The end of the log: what the next entry follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Sequence of the newest entry; 0 for an empty log.
    pub sequence: u64,
    /// Its digest; zero for an empty log.
    pub digest: Digest,
}

impl Head {
    /// The head of an empty log.
    pub const EMPTY: Head = Head { sequence: 0, digest: Digest::ZERO };

    /// The entry that a draft becomes, and the head after it.
    pub fn append(self, draft: Draft) -> (Entry, Head) {
        let sequence = self.sequence.saturating_add(1);
        let entry = Entry { sequence, at: draft.at, kind: draft.kind, fields: draft.fields, previous: self.digest };
        let digest = entry.digest();
        (entry, Head { sequence, digest })
    }
}

/// Where a log breaks, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("audit log breaks at entry {sequence}: {fault}")]
pub struct BrokenEntry {
    /// The first entry that is not as it was written: the one before which the chain holds.
    pub sequence: u64,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong with an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Its number does not follow: entries are missing, repeated or out of order.
    #[error("its number does not follow the one before")]
    Sequence,
    /// The stored digest is not the entry's: the entry was changed.
    #[error("its content is not what was written")]
    Changed,
    /// It does not chain to the entry before: that one was exchanged.
    #[error("it does not follow from the entry before")]
    Previous,
}

/// Checks entries that follow `from`, each with the digest stored beside it, in order; gives the head they end at.
///
/// # Errors
/// The first broken entry.
pub fn verify<'a>(from: Head, entries: impl IntoIterator<Item = (&'a Entry, &'a Digest)>) -> Result<Head, BrokenEntry> {
    let mut head = from;
    for (entry, stored) in entries {
        let expected = head.sequence.saturating_add(1);
        let broken = |fault| BrokenEntry { sequence: expected, fault };
        if entry.sequence != expected {
            return Err(broken(Fault::Sequence));
        }
        if entry.previous != head.digest {
            return Err(broken(Fault::Previous));
        }
        if entry.digest() != *stored {
            return Err(broken(Fault::Changed));
        }
        head = Head { sequence: expected, digest: *stored };
    }
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(n: u64) -> Vec<(Entry, Digest)> {
        let mut head = Head::EMPTY;
        (1..=n)
            .map(|i| {
                let fields = format!("{{\"n\":{i}}}");
                let (entry, next) = head.append(Draft { at: UnixMs(i), kind: "test.entry".into(), fields });
                head = next;
                (entry, head.digest)
            })
            .collect()
    }

    fn check(log: &[(Entry, Digest)]) -> Result<Head, BrokenEntry> {
        verify(Head::EMPTY, log.iter().map(|(e, d)| (e, d)))
    }

    #[test]
    fn a_whole_log_verifies_and_goes_on_from_its_head() {
        let log = log(5);
        let head = check(&log).unwrap();
        assert_eq!(head, Head { sequence: 5, digest: log[4].1 });
        let half = verify(Head::EMPTY, log[..2].iter().map(|(e, d)| (e, d))).unwrap();
        assert_eq!(verify(half, log[2..].iter().map(|(e, d)| (e, d))).unwrap(), head);
    }

    #[test]
    fn every_change_is_found_at_its_entry() {
        let changes: [fn(&mut Entry); 4] =
            [|e| e.at = UnixMs(99), |e| e.kind.push('x'), |e| e.fields.push(' '), |e| e.previous = Digest([9; 32])];
        for (i, change) in changes.iter().enumerate() {
            for at in 0..5 {
                let mut bad = log(5);
                change(&mut bad[at].0);
                let broken = check(&bad).unwrap_err();
                assert_eq!(broken.sequence, at as u64 + 1, "change {i} at {at}");
            }
        }
    }

    #[test]
    fn rewriting_an_entry_with_its_digest_breaks_the_next() {
        let mut bad = log(5);
        bad[1].0.fields = "{}".into();
        bad[1].1 = bad[1].0.digest();
        assert_eq!(check(&bad), Err(BrokenEntry { sequence: 3, fault: Fault::Previous }));
    }

    #[test]
    fn missing_and_swapped_entries_are_found() {
        let mut missing = log(5);
        missing.remove(2);
        assert_eq!(check(&missing), Err(BrokenEntry { sequence: 3, fault: Fault::Sequence }));
        let mut swapped = log(5);
        swapped.swap(0, 1);
        assert_eq!(check(&swapped), Err(BrokenEntry { sequence: 1, fault: Fault::Sequence }));
    }
}
