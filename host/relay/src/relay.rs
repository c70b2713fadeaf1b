//! The in-process relay: who is attached, and a mailbox per ordered pair.

use crate::carrier::{Carrier, Letter};
use crate::endpoint::Endpoint;
use crate::mailbox::{Mailbox, Refused};
use ringi_primitives::limits;
use ringi_primitives::scheme::PartyIndex;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;

/// Letters waiting in one pair's mailbox: the messages of some hundred signing sessions.
pub const MAILBOX_LETTERS: usize = 4096;
/// Bytes waiting in one pair's mailbox: key generation sends the largest, two frames of the wire's bound.
pub const MAILBOX_BYTES: usize = 2 * limits::FRAME_BYTES;
/// Notices waiting for the caller; more are logged only.
const NOTICES: usize = 256;

/// Why a letter was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PostError {
    /// The other cosigner is not attached: it does not run.
    #[error("peer is not reachable")]
    Unreachable,
    /// The other cosigner takes its letters too slowly; this newest one is dropped.
    #[error("mailbox is full")]
    Full,
    /// Longer than a frame may be, or to oneself: the sender's fault.
    #[error("letter is not deliverable")]
    Undeliverable,
}

impl PostError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            PostError::Unreachable => "relay.unreachable",
            PostError::Full => "relay.mailbox_full",
            PostError::Undeliverable => "relay.undeliverable",
        }
    }
}

/// Something the log should hold: a letter that did not go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Who posted it.
    pub from: PartyIndex,
    /// To whom.
    pub to: PartyIndex,
    /// Why it did not go.
    pub why: PostError,
}

/// Carries letters between the attached cosigners. Clones are the same relay.
#[derive(Clone)]
pub struct Relay {
    carrier: Arc<dyn Carrier>,
    attached: Arc<Mutex<Attached>>,
    notices: mpsc::Sender<Notice>,
}

#[derive(Default)]
struct Attached {
    endpoints: BTreeMap<PartyIndex, Arc<dyn Endpoint>>,
    /// By (from, to): one for every ordered pair of attached cosigners.
    mailboxes: BTreeMap<(PartyIndex, PartyIndex), Mailbox>,
}

impl Relay {
    /// An empty relay and its notices.
    pub fn new(carrier: Arc<dyn Carrier>) -> (Relay, mpsc::Receiver<Notice>) {
        let (notices, received) = mpsc::channel(NOTICES);
        (Relay { carrier, attached: Arc::default(), notices }, received)
    }

    /// Makes a cosigner reachable; it and every other attached one are told that the pair is up. Attaching a number again
    /// takes the place of the former endpoint, whose waiting letters are dropped. Call it within a runtime.
    pub fn attach(&self, me: PartyIndex, endpoint: Arc<dyn Endpoint>) {
        let mut attached = self.lock();
        attached.remove(me);
        let others: Vec<_> = attached.endpoints.iter().map(|(other, e)| (*other, e.clone())).collect();
        for (other, their_endpoint) in others {
            attached.mailboxes.insert((me, other), Mailbox::open(me, their_endpoint));
            attached.mailboxes.insert((other, me), Mailbox::open(other, endpoint.clone()));
        }
        attached.endpoints.insert(me, endpoint);
    }

    /// Makes a cosigner unreachable. Letters on their way to it are lost.
    pub fn detach(&self, me: PartyIndex) {
        self.lock().remove(me);
    }

    /// Who is attached, ascending.
    pub fn attached(&self) -> Vec<PartyIndex> {
        self.lock().endpoints.keys().copied().collect()
    }

    /// Posts a sealed frame. Never waits: a mailbox that is full drops this newest letter, says so, and keeps the others.
    ///
    /// # Errors
    /// [`PostError`] of the first letter that did not go; each is also a [`Notice`].
    pub fn post(&self, from: PartyIndex, to: PartyIndex, frame: Vec<u8>) -> Result<(), PostError> {
        let mut outcome = Ok(());
        let mut keep_first = |result: Result<(), PostError>| outcome = outcome.and(result);
        if from == to || frame.len() > limits::FRAME_BYTES {
            keep_first(self.refuse(from, to, PostError::Undeliverable));
        } else {
            // One lock around carrying and putting: the order of posting is the order in the mailbox.
            let attached = self.lock();
            for due in self.carrier.carry(Letter { from, to, frame }) {
                let Letter { from, to, frame } = due.letter;
                let why = match attached.mailboxes.get(&(from, to)).map(|m| m.put(frame, due.delay_ms)) {
                    Some(Ok(())) => continue,
                    Some(Err(Refused::Full)) => PostError::Full,
                    Some(Err(Refused::Gone)) | None => PostError::Unreachable,
                };
                keep_first(self.refuse(from, to, why));
            }
        }
        outcome
    }

    fn refuse(&self, from: PartyIndex, to: PartyIndex, why: PostError) -> Result<(), PostError> {
        tracing::warn!(code = why.code(), from = from.number(), to = to.number(), "a letter did not go");
        let _ = self.notices.try_send(Notice { from, to, why });
        Err(why)
    }

    fn lock(&self) -> MutexGuard<'_, Attached> {
        self.attached.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attached {
    fn remove(&mut self, me: PartyIndex) {
        self.endpoints.remove(&me);
        self.mailboxes.retain(|(from, to), _| *from != me && *to != me);
    }
}
