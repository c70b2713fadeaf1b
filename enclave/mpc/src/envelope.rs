//! The unit that travels between cosigners, and what a machine answers to one.

use std::collections::BTreeSet;

use ringi_primitives::scheme::PartyIndex;

/// Names one ceremony. It is in every message (PROTOCOL.md S1). The caller derives it from the request, the signer
/// set, the key, its epoch, the boots and fresh randomness of each signer, and never uses one twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub [u8; 32]);

/// One protocol message. The caller carries it over a channel that is confidential and that proves `from`: a payload
/// of key generation or refresh addressed to one party holds pieces of that party's share.
#[derive(Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The ceremony.
    pub session: SessionId,
    /// The round, from 1.
    pub round: u8,
    /// The sender, as the channel proved it.
    pub from: PartyIndex,
    /// The receiver; `None` means a broadcast: the same bytes go to every other participant.
    pub to: Option<PartyIndex>,
    /// The round's body and the transcript hash (32 bytes).
    pub payload: Vec<u8>,
}

// Not derived: the payload may hold share material.
impl std::fmt::Debug for Envelope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Envelope")
            .field("round", &self.round)
            .field("from", &self.from)
            .field("to", &self.to)
            .field("payload_len", &self.payload.len())
            .finish_non_exhaustive()
    }
}

/// What a machine did with a message.
pub enum Progress<T> {
    /// Taken in; more messages are needed.
    Waiting,
    /// Send these.
    Send(Vec<Envelope>),
    /// Signing only: everything is ready for the last round. Call [`Ceremony::release`] once limits are committed (S1, L1).
    Hold,
    /// The end. Send these first: peers may need them to end too.
    Done(Vec<Envelope>, T),
}

// Not derived: the output of key generation is a secret.
impl<T> std::fmt::Debug for Progress<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Progress::Waiting => "Waiting",
            Progress::Send(_) => "Send",
            Progress::Hold => "Hold",
            Progress::Done(..) => "Done",
        })
    }
}

impl<T> Progress<T> {
    pub(crate) fn try_map<U>(self, f: impl FnOnce(T) -> Result<U, crate::Fault>) -> Result<Progress<U>, crate::Fault> {
        Ok(match self {
            Progress::Waiting => Progress::Waiting,
            Progress::Send(sent) => Progress::Send(sent),
            Progress::Hold => Progress::Hold,
            Progress::Done(sent, output) => Progress::Done(sent, f(output)?),
        })
    }
}

/// A running ceremony, whichever it is.
pub trait Ceremony {
    /// What it yields.
    type Output;

    /// Takes in one message.
    ///
    /// # Errors
    /// See [`Fault`](crate::Fault); after a final one every further call is `Misuse`.
    fn receive(&mut self, envelope: Envelope) -> Result<Progress<Self::Output>, crate::Fault>;

    /// Makes and gives the last round after [`Progress::Hold`]. Call it only when everything this signature needs is
    /// committed: from here on the signature must be taken as made (PROTOCOL.md L1, L2).
    ///
    /// # Errors
    /// `Misuse` unless the machine holds; otherwise see [`Fault`](crate::Fault).
    fn release(&mut self) -> Result<Progress<Self::Output>, crate::Fault> {
        Err(crate::Fault::Misuse("nothing is held"))
    }

    /// The peers whose message of the current round is not here yet.
    fn missing(&self) -> BTreeSet<PartyIndex>;

    /// The verdict of a time-out: `Link` with the missing peers, `Misuse` when none is missing.
    fn blame_missing(&self) -> crate::Fault {
        let peers = self.missing();
        if peers.is_empty() {
            return crate::Fault::Misuse("no message is missing");
        }
        crate::Fault::Link { peers, reason: "time-out" }
    }
}
