//! The one table from states to the statuses of the API.

use crate::transfer::{Exposure, Transfer};

/// A status of the API, with the names people know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// Taken.
    Submitted,
    /// Being looked at by screeners (none configured yet: never shown).
    Screening,
    /// Waits for people.
    AwaitingApproval,
    /// Waits for its turn.
    Queued,
    /// At the cosigners.
    Signing,
    /// At the nodes.
    Broadcasting,
    /// In a block.
    Confirming,
    /// Final.
    Completed,
    /// Withdrawn or replaced.
    Cancelled,
    /// Refused.
    Rejected,
    /// Stuck.
    Blocked,
    /// Ended badly.
    Failed,
}

/// Every status, its text, and the sub-statuses it can have (for `failed`, `rejected` and `blocked`: the error's code).
pub const STATUS_TABLE: &[(Status, &str, &[&str])] = &[
    (Status::Submitted, "submitted", &["new"]),
    (Status::Screening, "screening", &[]),
    (Status::AwaitingApproval, "awaiting_approval", &["approvals_missing"]),
    (Status::Queued, "queued", &["waiting_for_slot"]),
    (Status::Signing, "signing", &["prepared", "retrying", "attempt"]),
    (Status::Broadcasting, "broadcasting", &["signed", "in_mempool"]),
    (Status::Confirming, "confirming", &["included"]),
    (Status::Completed, "completed", &["final", "signature_ready"]),
    (Status::Cancelled, "cancelled", &["withdrawn", "replaced"]),
    (Status::Rejected, "rejected", &[]),
    (Status::Blocked, "blocked", &[]),
    (Status::Failed, "failed", &[]),
];

impl Status {
    /// Its text in the API.
    pub fn name(self) -> &'static str {
        STATUS_TABLE.iter().find(|(s, _, _)| *s == self).map(|(_, name, _)| *name).unwrap_or("")
    }

    /// The status of this text.
    pub fn from_name(name: &str) -> Option<Status> {
        STATUS_TABLE.iter().find(|(_, n, _)| *n == name).map(|(s, _, _)| *s)
    }
}

/// Who still has something to do for a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tracked {
    /// Nobody.
    Ended,
    /// A person.
    Waits,
    /// The driver.
    Driven,
    /// The chain.
    OnChain,
}

impl Transfer {
    /// Its status in the API.
    pub fn status(&self) -> Status {
        match self {
            Transfer::Submitted => Status::Submitted,
            Transfer::AwaitingApproval { .. } => Status::AwaitingApproval,
            Transfer::Queued { .. } => Status::Queued,
            Transfer::Prepared { .. } | Transfer::Signing { .. } => Status::Signing,
            Transfer::Signed { .. } | Transfer::Broadcasting { .. } => Status::Broadcasting,
            Transfer::Confirming { .. } => Status::Confirming,
            Transfer::Completed { .. } => Status::Completed,
            Transfer::Rejected { .. } => Status::Rejected,
            Transfer::Failed { .. } => Status::Failed,
            Transfer::Cancelled { .. } => Status::Cancelled,
            Transfer::Blocked { .. } => Status::Blocked,
        }
    }

    /// Its sub-status in the API.
    pub fn sub_status(&self) -> &str {
        match self {
            Transfer::Submitted => "new",
            Transfer::AwaitingApproval { .. } => "approvals_missing",
            Transfer::Queued { .. } => "waiting_for_slot",
            Transfer::Prepared { attempts: 0, .. } => "prepared",
            Transfer::Prepared { .. } => "retrying",
            Transfer::Signing { .. } => "attempt",
            Transfer::Signed { .. } => "signed",
            Transfer::Broadcasting { .. } => "in_mempool",
            Transfer::Confirming { .. } => "included",
            Transfer::Completed { included: Some(_), .. } => "final",
            Transfer::Completed { included: None, .. } => "signature_ready",
            Transfer::Cancelled { by: None, .. } => "withdrawn",
            Transfer::Cancelled { by: Some(_), .. } => "replaced",
            Transfer::Rejected { code, .. } | Transfer::Failed { code, .. } | Transfer::Blocked { code, .. } => code,
        }
    }

    /// Who still has something to do.
    pub fn tracked(&self) -> Tracked {
        match self {
            Transfer::Completed { .. }
            | Transfer::Rejected { .. }
            | Transfer::Failed { .. }
            | Transfer::Cancelled { .. } => Tracked::Ended,
            Transfer::AwaitingApproval { .. } | Transfer::Blocked { .. } => Tracked::Waits,
            Transfer::Submitted
            | Transfer::Queued { .. }
            | Transfer::Prepared { .. }
            | Transfer::Signing { .. }
            | Transfer::Signed { .. } => Tracked::Driven,
            Transfer::Broadcasting { .. } | Transfer::Confirming { .. } => Tracked::OnChain,
        }
    }

    /// Whether it is at its end.
    pub fn is_ended(&self) -> bool {
        self.tracked() == Tracked::Ended
    }

    /// Whether a cosigner may know its slot, so that no other intent may take it.
    pub fn is_exposed(&self) -> bool {
        match self {
            Transfer::Submitted | Transfer::Queued { .. } | Transfer::Rejected { .. } => false,
            Transfer::AwaitingApproval { held, .. } => held.as_ref().is_some_and(|h| h.exposure == Exposure::Possible),
            Transfer::Prepared { held, .. } => held.exposure == Exposure::Possible,
            Transfer::Failed { signed, .. } | Transfer::Cancelled { signed, .. } => signed.is_some(),
            Transfer::Signing { .. }
            | Transfer::Signed { .. }
            | Transfer::Broadcasting { .. }
            | Transfer::Confirming { .. }
            | Transfer::Completed { .. }
            | Transfer::Blocked { .. } => true,
        }
    }
}
