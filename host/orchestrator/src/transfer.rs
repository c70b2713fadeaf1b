//! A transfer: a state per step, each holding only its own data, and the pure machine that moves it ([`step`]).
//!
//! Who moves what: the driver asks ports, turns answers into [`Event`]s, and carries out the [`Command`]s of a step after
//! storing its state. The order is write-ahead: slot and unsigned bytes are stored before a cosigner sees them, signed bytes
//! before a node sees them.

mod machine;
mod refusal;
mod status;

pub use machine::{Command, Event, Misstep, step};
pub use refusal::{REFUSALS, RefusalRow, refusal};
pub use status::{STATUS_TABLE, Status, StatusRow, SubStatus, Tracked};

use minicbor::{Decode, Encode};
use ringi_primitives::decision::MissingApproval;
use ringi_primitives::digest::Digest;
use ringi_primitives::effects::Slot;
use ringi_primitives::httpsig::RequestSignature;
use ringi_primitives::id::{IntentId, PersonId};
use ringi_primitives::network::NetworkId;
use ringi_primitives::plan::Plan;
use ringi_primitives::request::Unsigned;
use ringi_primitives::time::UnixMs;
use ringi_primitives::wallet::WalletRef;

/// What never changes of a transfer.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Header {
    /// The intent's id: the transfer's identity for ever.
    #[n(0)]
    pub id: IntentId,
    /// The intent's verbatim bytes.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub body: Vec<u8>,
    /// The initiator's signature over the request that carried it (rule I1).
    #[n(2)]
    pub signature: RequestSignature,
    /// Whose key that is.
    #[n(3)]
    pub initiator: PersonId,
    /// The wallet.
    #[n(4)]
    pub wallet: WalletRef,
    /// The chain.
    #[n(5)]
    pub network: NetworkId,
    /// The plan as it was at submission, for people; signing plans again under the policy in force.
    #[n(6)]
    pub plan: Plan,
    /// The caller's reference.
    #[n(7)]
    pub reference: Option<String>,
    /// The intent whose slot this takes over.
    #[n(8)]
    pub replaces: Option<IntentId>,
    /// The first intent of the replacement chain; itself where it replaces nothing. Slots and limits are kept under it.
    #[n(9)]
    pub root: IntentId,
    /// When it was accepted.
    #[n(10)]
    pub created_at: UnixMs,
}

/// Where a transfer stands. Terminal: `Completed`, `Rejected`, `Failed`, `Cancelled`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Transfer {
    /// Well-formed and planned; not decided.
    #[n(0)]
    Submitted,
    /// Waits for people.
    #[n(1)]
    AwaitingApproval {
        /// What is missing.
        #[n(0)]
        missing: Vec<MissingApproval>,
        /// The rules that matched.
        #[n(1)]
        rules: Vec<String>,
        /// Set where the policy changed after a slot was taken that cosigners may know: it is kept.
        #[n(2)]
        held: Option<Held>,
    },
    /// Allowed; waits for its slot and bytes.
    #[n(2)]
    Queued {
        /// The rules that matched.
        #[n(0)]
        rules: Vec<String>,
    },
    /// Slot reserved and unsigned bytes stored.
    #[n(3)]
    Prepared {
        /// Slot and bytes.
        #[n(0)]
        held: Held,
        /// Attempts that ended without a signature.
        #[n(1)]
        attempts: u32,
    },
    /// An attempt is at the cosigners. Kept in memory only: after a restart it is `Prepared` again.
    #[n(4)]
    Signing {
        /// Slot and bytes.
        #[n(0)]
        held: Held,
        /// The number of this attempt, from 1.
        #[n(1)]
        attempt: u32,
    },
    /// Signed bytes stored; not yet handed to a node.
    #[n(5)]
    Signed {
        /// Slot, bytes, id.
        #[n(0)]
        signed: Signed,
    },
    /// A node took the bytes.
    #[n(6)]
    Broadcasting {
        /// Slot, bytes, id.
        #[n(0)]
        signed: Signed,
    },
    /// Seen in a block; not final.
    #[n(7)]
    Confirming {
        /// Slot, bytes, id.
        #[n(0)]
        signed: Signed,
        /// Where.
        #[n(1)]
        included: Included,
    },
    /// Final, or (for a message) signed.
    #[n(8)]
    Completed {
        /// What was signed.
        #[n(0)]
        signed: Signed,
        /// Where; `None` for a message.
        #[n(1)]
        included: Option<Included>,
    },
    /// A policy or the cosigners said no.
    #[n(9)]
    Rejected {
        /// The rule or check that decided.
        #[n(0)]
        rule: String,
        /// Stable code.
        #[n(1)]
        code: String,
    },
    /// Ended without doing what was asked; holds no slot.
    #[n(10)]
    Failed {
        /// Stable code.
        #[n(0)]
        code: String,
        /// What happened.
        #[n(1)]
        detail: String,
        /// What was signed, if it came to that (a reverted or overtaken transaction).
        #[n(2)]
        signed: Option<Box<Signed>>,
    },
    /// Withdrawn before anything was handed to a cosigner, or replaced on chain.
    #[n(11)]
    Cancelled {
        /// The intent that took its place, if one did.
        #[n(0)]
        by: Option<IntentId>,
        /// What was signed, if it came to that.
        #[n(1)]
        signed: Option<Box<Signed>>,
    },
    /// Stuck while holding a slot that cosigners may have pinned: an intent that `replaces` it takes the slot over.
    #[n(12)]
    Blocked {
        /// Slot and bytes.
        #[n(0)]
        held: Held,
        /// Stable code.
        #[n(1)]
        code: String,
        /// What happened.
        #[n(2)]
        detail: String,
        /// What was signed, where a node refuses it.
        #[n(3)]
        signed: Option<Box<Signed>>,
    },
}

impl Transfer {
    /// The slot it holds or held, and the unsigned bytes for it.
    pub fn slot(&self) -> Option<(&Slot, &Unsigned)> {
        match self {
            Transfer::AwaitingApproval { held: Some(held), .. }
            | Transfer::Prepared { held, .. }
            | Transfer::Signing { held, .. }
            | Transfer::Blocked { held, .. } => Some((&held.slot, &held.unsigned)),
            _ => self.signed().map(|s| (&s.slot, &s.unsigned)),
        }
    }

    /// The rules that decided of it, as far as they were asked: those that allowed it, or the one that did not.
    pub fn rules(&self) -> &[String] {
        match self {
            Transfer::AwaitingApproval { rules, .. } | Transfer::Queued { rules } => rules,
            Transfer::Prepared { held, .. } | Transfer::Signing { held, .. } | Transfer::Blocked { held, .. } => {
                &held.rules
            }
            Transfer::Rejected { rule, .. } => std::slice::from_ref(rule),
            _ => self.signed().map(|s| s.rules.as_slice()).unwrap_or_default(),
        }
    }

    /// What was signed for it, if anything.
    pub fn signed(&self) -> Option<&Signed> {
        match self {
            Transfer::Signed { signed }
            | Transfer::Broadcasting { signed }
            | Transfer::Confirming { signed, .. }
            | Transfer::Completed { signed, .. } => Some(signed),
            Transfer::Failed { signed, .. } | Transfer::Cancelled { signed, .. } | Transfer::Blocked { signed, .. } => {
                signed.as_deref()
            }
            _ => None,
        }
    }
}

/// A reserved slot and the bytes that take it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Held {
    /// The slot.
    #[n(0)]
    pub slot: Slot,
    /// The bytes to sign.
    #[n(1)]
    pub unsigned: Unsigned,
    /// Whether a cosigner may have pinned the slot (rule I3).
    #[n(2)]
    pub exposure: Exposure,
    /// The rules that allowed it when last asked.
    #[n(3)]
    pub rules: Vec<String>,
}

/// Whether a slot can still be given to another intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Exposure {
    /// No attempt that reached a reservation, as far as this process knows: it made the bytes and has run ever since.
    #[n(0)]
    None,
    /// A cosigner reserved, or nobody knows: the slot stays this intent's.
    #[n(1)]
    Possible,
}

/// Signed bytes.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Signed {
    /// The slot they take.
    #[n(0)]
    pub slot: Slot,
    /// What was signed.
    #[n(1)]
    pub unsigned: Unsigned,
    /// The bytes to broadcast; for a message the signature.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub bytes: Vec<u8>,
    /// Transaction id as explorers show it.
    #[n(3)]
    pub id: String,
    /// Digest of the signing request.
    #[n(4)]
    pub request: Digest,
    /// When they were stored.
    #[n(5)]
    pub at: UnixMs,
    /// The rules that allowed it when the attempt started: the host's view; each verdict names its cosigner's own.
    #[n(6)]
    pub rules: Vec<String>,
}

/// A place in the chain, as the node says now.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Included {
    /// Block height.
    #[n(0)]
    pub height: u64,
    /// Block hash, text.
    #[n(1)]
    pub block: String,
    /// Confirmations when last looked at.
    #[n(2)]
    pub confirmations: u64,
}
