//! Who waits for what: signing attempts by their tag, documents by cosigner and kind.

use super::fleet::Answer;
use ringi_orchestrator::ports::{DocumentAnswer, SignEvent};
use ringi_primitives::digest::Digest;
use ringi_primitives::id::OrderId;
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::wire::Tag;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::{mpsc, oneshot};

/// A signer says at most two things of an attempt; nine signers.
const EVENTS: usize = 32;

/// Attempts that have not ended at every signer.
#[derive(Default)]
pub(super) struct Attempts(Mutex<BTreeMap<Tag, Attempt>>);

struct Attempt {
    events: mpsc::Sender<SignEvent>,
    open: BTreeSet<PartyIndex>,
}

impl Attempts {
    /// Begins to listen for a tag.
    pub(super) fn open(&self, tag: Tag, signers: &[PartyIndex]) -> mpsc::Receiver<SignEvent> {
        let (events, received) = mpsc::channel(EVENTS);
        self.lock().insert(tag, Attempt { events, open: signers.iter().copied().collect() });
        received
    }

    /// A signer has recorded the reservation.
    pub(super) fn reserved(&self, tag: Tag, from: PartyIndex) {
        if let Some(attempt) = self.lock().get(&tag).filter(|a| a.open.contains(&from)) {
            let _ = attempt.events.try_send(SignEvent::Reserved { from });
        }
    }

    /// A signer has ended; once all have, the receiver closes.
    pub(super) fn ended(&self, tag: Tag, from: PartyIndex, event: SignEvent) {
        let mut attempts = self.lock();
        let Some(attempt) = attempts.get_mut(&tag) else { return };
        if attempt.open.remove(&from) {
            let _ = attempt.events.try_send(event);
        }
        if attempt.open.is_empty() {
            attempts.remove(&tag);
        }
    }

    /// A cosigner is gone: it has ended every attempt of its own.
    pub(super) fn gone(&self, from: PartyIndex) {
        self.lock().retain(|_, attempt| {
            if attempt.open.remove(&from) {
                let _ = attempt.events.try_send(SignEvent::Gone { from });
            }
            !attempt.open.is_empty()
        });
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Tag, Attempt>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which document an answer is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Awaited {
    Genesis,
    Policy,
    Order(OrderId),
    /// By its digest.
    Brake(Digest),
}

/// Answers to documents that have not come.
#[derive(Default)]
pub(super) struct Waiting(Mutex<BTreeMap<(PartyIndex, Awaited), oneshot::Sender<DocumentAnswer>>>);

impl Waiting {
    /// Begins to wait; an earlier wait for the same ends without an answer.
    pub(super) fn expect(&self, from: PartyIndex, awaited: Awaited) -> Answer {
        let (sender, answer) = oneshot::channel();
        self.lock().insert((from, awaited), sender);
        answer
    }

    /// An answer came.
    pub(super) fn answer(&self, from: PartyIndex, awaited: Awaited, answer: DocumentAnswer) {
        if let Some(sender) = self.lock().remove(&(from, awaited)) {
            let _ = sender.send(answer);
        }
    }

    /// A refusal that names no document: it is about genesis or the policy set, whichever is waited for.
    pub(super) fn answer_any(&self, from: PartyIndex, answer: DocumentAnswer) {
        let mut waiting = self.lock();
        let sender = [Awaited::Genesis, Awaited::Policy].into_iter().find_map(|a| waiting.remove(&(from, a)));
        if let Some(sender) = sender {
            let _ = sender.send(answer);
        }
    }

    /// Nobody waits any more.
    pub(super) fn forget(&self, from: PartyIndex, awaited: Awaited) {
        self.lock().remove(&(from, awaited));
    }

    /// A cosigner is gone: whoever waits for it gets no answer.
    pub(super) fn gone(&self, from: PartyIndex) {
        self.lock().retain(|(party, _), _| *party != from);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(PartyIndex, Awaited), oneshot::Sender<DocumentAnswer>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn party(n: u8) -> PartyIndex {
        PartyIndex::new(n).unwrap()
    }

    #[test]
    fn an_attempt_closes_when_every_signer_has_ended() {
        let attempts = Attempts::default();
        let tag = Tag([1; 16]);
        let mut events = attempts.open(tag, &[party(1), party(2)]);
        attempts.reserved(tag, party(1));
        attempts.reserved(tag, party(3));
        attempts.ended(tag, party(1), SignEvent::Gone { from: party(1) });
        attempts.ended(tag, party(1), SignEvent::Gone { from: party(1) });
        attempts.gone(party(2));
        let mut heard = vec![];
        while let Ok(event) = events.try_recv() {
            heard.push(event);
        }
        let gone = |n| SignEvent::Gone { from: party(n) };
        assert_eq!(heard, [SignEvent::Reserved { from: party(1) }, gone(1), gone(2)]);
        assert!(events.is_closed());
    }

    #[test]
    fn a_lost_cosigner_answers_nobody() {
        let waiting = Waiting::default();
        let mut first = waiting.expect(party(1), Awaited::Policy);
        let mut second = waiting.expect(party(2), Awaited::Policy);
        waiting.gone(party(1));
        waiting.answer_any(party(2), DocumentAnswer::Unreachable);
        assert!(first.try_recv().is_err());
        assert_eq!(second.try_recv().unwrap(), DocumentAnswer::Unreachable);
    }
}
