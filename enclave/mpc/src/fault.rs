//! What can go wrong in a session, named by who is at fault (PROTOCOL.md K2, S1).

use std::collections::BTreeSet;

use ringi_primitives::scheme::PartyIndex;

/// Why a ceremony did not go on. `Link` and `Misuse` leave the machine as it was: it may go on waiting. Every other
/// fault ended it and destroyed its secrets, nonces included; the share it started from is untouched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// These peers broke the protocol: their own authenticated bytes fail a check that honest ones pass.
    #[error("peer at fault: {reason}")]
    Peer {
        /// Who did it.
        culprits: BTreeSet<PartyIndex>,
        /// Those among them with whom no session of this key may ever be held again before a refresh: one more could
        /// leak the key (dkls23's `AbortKind::BanCounterparty`). The caller excludes them durably before it signs anything else.
        ban: BTreeSet<PartyIndex>,
        /// Which check failed.
        reason: &'static str,
    },
    /// At least one of these is at fault, or they run with other parameters; which one cannot be told.
    #[error("among the suspects: {reason}")]
    Suspects {
        /// Who may have done it.
        set: BTreeSet<PartyIndex>,
        /// Which check failed.
        reason: &'static str,
    },
    /// The path between us and these peers lost, delayed or misdelivered a message. Not evidence against anybody.
    #[error("link: {reason}")]
    Link {
        /// Whose messages are affected.
        peers: BTreeSet<PartyIndex>,
        /// What was seen.
        reason: &'static str,
    },
    /// The caller asked for something the interface forbids.
    #[error("misuse: {0}")]
    Misuse(&'static str),
    /// An invariant of ours does not hold.
    #[error("bug: {0}")]
    Bug(&'static str),
}

impl Fault {
    /// Whether the machine that gave this fault is at its end.
    pub fn is_final(&self) -> bool {
        match self {
            Fault::Peer { .. } | Fault::Suspects { .. } | Fault::Bug(_) => true,
            Fault::Link { .. } | Fault::Misuse(_) => false,
        }
    }

    pub(crate) fn peer(culprit: PartyIndex, reason: &'static str) -> Fault {
        Fault::Peer { culprits: BTreeSet::from([culprit]), ban: BTreeSet::new(), reason }
    }

    pub(crate) fn suspects(set: &BTreeSet<PartyIndex>, reason: &'static str) -> Fault {
        Fault::Suspects { set: set.clone(), reason }
    }

    pub(crate) fn link(peer: PartyIndex, reason: &'static str) -> Fault {
        Fault::Link { peers: BTreeSet::from([peer]), reason }
    }
}
