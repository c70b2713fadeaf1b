//! The one table of the API's statuses and sub-statuses: which pairs there are, which step of a transfer each is, what may
//! follow, and what the initiator is to do. `docs/statuses.md` and the API's description are made from it.

use crate::transfer::{Exposure, Transfer, refusal};

/// A status of the API, with the names people know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// Taken.
    Submitted,
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

macro_rules! sub_statuses {
    ($($name:ident = $text:literal, $meaning:literal;)*) => {
        /// What a status is more exactly. Names are those of the field where it has one.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum SubStatus {
            $(#[doc = $meaning] $name,)*
        }

        impl SubStatus {
            /// Every sub-status.
            pub const ALL: &[SubStatus] = &[$(SubStatus::$name),*];

            /// Its text in the API.
            pub fn name(self) -> &'static str {
                match self {
                    $(SubStatus::$name => $text,)*
                }
            }

            /// What it means, one sentence.
            pub fn meaning(self) -> &'static str {
                match self {
                    $(SubStatus::$name => $meaning,)*
                }
            }
        }
    };
}

sub_statuses! {
    New = "new", "Well-formed and planned; not decided.";
    ApprovalsMissing = "approvals_missing", "Approvals that the policy demands are missing.";
    WaitingForSlot = "waiting_for_slot", "Waits for its nonce or coins.";
    Prepared = "prepared", "Nonce or coins are reserved, the bytes are made.";
    Attempt = "attempt", "Cosigners look at it and sign.";
    Retrying = "retrying", "An attempt ended without a signature; another follows.";
    Signed = "signed", "Signed; not yet handed to a node.";
    InMempool = "in_mempool", "A node took it.";
    Included = "included", "In a block that is not final.";
    Final = "final", "In a final block.";
    SignatureReady = "signature_ready", "A message is signed; nothing goes on chain.";
    Withdrawn = "withdrawn", "Its initiator withdrew it before a cosigner saw it.";
    Replaced = "replaced", "Another intent took its place.";
    BlockedByPolicy = "blocked_by_policy", "The policy set does not allow it.";
    FrozenManually = "frozen_manually", "Somebody froze the wallet, its vault or everything.";
    RejectedByUser = "rejected_by_user", "Somebody vetoed it.";
    CancelledByUserRequest = "cancelled_by_user_request", "Its initiator withdrew it at the cosigners.";
    UnsignedFacts = "unsigned_facts", "A price or balance that a rule needs is not signed by enough witnesses.";
    LimitExceeded = "limit_exceeded", "It goes over a cap or a limit.";
    MaxFeeExceeded = "max_fee_exceeded", "The fee is over what the intent or the policy allows.";
    MaxFeeTooLow = "max_fee_too_low", "The chain asks for a higher fee than the intent allows.";
    OutOfDatePolicy = "out_of_date_policy", "Cosigners have another policy set than the host.";
    AuthorizationFailed = "authorization_failed", "An initiator's or approver's signature does not count.";
    Timeout = "timeout", "Its time was over before it was signed.";
    InvalidIntent = "invalid_intent", "The intent makes no sense.";
    InvalidAddress = "invalid_address", "An address is malformed or of another network.";
    InvalidAmount = "invalid_amount", "Amounts do not add up.";
    UnsupportedAsset = "unsupported_asset", "The policy set has no such asset or network.";
    UnsupportedOperation = "unsupported_operation", "This is not done on this chain, or never.";
    TxSizeExceeded = "tx_size_exceeded", "The transaction is larger than it may be.";
    InsufficientFunds = "insufficient_funds", "The wallet does not hold enough.";
    InsufficientFundsForFee = "insufficient_funds_for_fee", "The wallet does not hold enough for amount and fee.";
    NonceAllocationFailed = "nonce_allocation_failed", "No nonce or coins could be reserved.";
    InvalidNonceForRbf = "invalid_nonce_for_rbf", "The slot is another intent's.";
    GasPriceTooLowForRbf = "gas_price_too_low_for_rbf", "A replacement pays too little to take the place.";
    SigningError = "signing_error", "Cosigners did not sign what was put before them.";
    OutOfDateSigningKeys = "out_of_date_signing_keys", "A key is missing or of another epoch.";
    SignerNotReady = "signer_not_ready", "Cosigners are up, but not ready to sign.";
    SignerNotFound = "signer_not_found", "Too few cosigners answered.";
    ConnectivityError = "connectivity_error", "The chain's node does not answer as it must.";
    RejectedByBlockchain = "rejected_by_blockchain", "A node says that it can never be mined.";
    DoubleSpending = "double_spending", "Another transaction took its nonce or coin.";
    SmartContractExecutionFailed = "smart_contract_execution_failed", "Mined, but the call reverted.";
    InternalError = "internal_error", "A fault of the platform.";
    UnknownError = "unknown_error", "A code that this version does not know.";
}

/// A status, with all that is said of it in one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusRow {
    /// The status.
    pub status: Status,
    /// Its text in the API.
    pub name: &'static str,
    /// Its sub-statuses, each with the step of a transfer that it is. A refusal's is that of its code ([`refusal`]).
    pub pairs: &'static [(SubStatus, &'static str)],
    /// The statuses that may follow; itself where only the sub-status changes. None: it is at its end.
    pub next: &'static [Status],
    /// What the initiator is to do.
    pub todo: &'static str,
}

/// Sub-statuses of refusals, in this step.
macro_rules! refusals {
    ($step:literal) => {{
        use SubStatus::*;
        &[
            (BlockedByPolicy, $step),
            (FrozenManually, $step),
            (RejectedByUser, $step),
            (CancelledByUserRequest, $step),
            (UnsignedFacts, $step),
            (LimitExceeded, $step),
            (MaxFeeExceeded, $step),
            (MaxFeeTooLow, $step),
            (OutOfDatePolicy, $step),
            (AuthorizationFailed, $step),
            (Timeout, $step),
            (InvalidIntent, $step),
            (InvalidAddress, $step),
            (InvalidAmount, $step),
            (UnsupportedAsset, $step),
            (UnsupportedOperation, $step),
            (TxSizeExceeded, $step),
            (InsufficientFunds, $step),
            (InsufficientFundsForFee, $step),
            (NonceAllocationFailed, $step),
            (InvalidNonceForRbf, $step),
            (GasPriceTooLowForRbf, $step),
            (SigningError, $step),
            (OutOfDateSigningKeys, $step),
            (SignerNotReady, $step),
            (SignerNotFound, $step),
            (ConnectivityError, $step),
            (RejectedByBlockchain, $step),
            (DoubleSpending, $step),
            (SmartContractExecutionFailed, $step),
            (InternalError, $step),
            (UnknownError, $step),
        ]
    }};
}

/// Every status with its sub-statuses.
pub const STATUS_TABLE: &[StatusRow] = {
    use Status::*;
    const fn row(
        status: Status,
        name: &'static str,
        pairs: &'static [(SubStatus, &'static str)],
        next: &'static [Status],
        todo: &'static str,
    ) -> StatusRow {
        StatusRow { status, name, pairs, next, todo }
    }
    &[
        row(Submitted, "submitted", &[(SubStatus::New, "Submitted")], &[AwaitingApproval, Queued, Rejected], "Wait."),
        row(
            AwaitingApproval,
            "awaiting_approval",
            &[(SubStatus::ApprovalsMissing, "AwaitingApproval")],
            &[AwaitingApproval, Queued, Signing, Cancelled, Rejected, Blocked, Failed],
            "Ask the people whom `missing` names to approve; or withdraw it.",
        ),
        row(
            Queued,
            "queued",
            &[(SubStatus::WaitingForSlot, "Queued")],
            &[AwaitingApproval, Signing, Cancelled, Rejected, Failed],
            "Wait; it can be withdrawn.",
        ),
        row(
            Signing,
            "signing",
            &[(SubStatus::Prepared, "Prepared"), (SubStatus::Attempt, "Signing"), (SubStatus::Retrying, "Prepared")],
            &[Signing, AwaitingApproval, Queued, Broadcasting, Completed, Cancelled, Rejected, Blocked, Failed],
            "Wait; from here on only an intent that `replaces` it may stop it.",
        ),
        row(
            Broadcasting,
            "broadcasting",
            &[(SubStatus::Signed, "Signed"), (SubStatus::InMempool, "Broadcasting")],
            &[Broadcasting, Confirming, Completed, Cancelled, Blocked, Failed],
            "Wait; if it takes too long, submit an intent that `replaces` it and pays more.",
        ),
        row(
            Confirming,
            "confirming",
            &[(SubStatus::Included, "Confirming")],
            &[Confirming, Broadcasting, Completed, Cancelled, Blocked, Failed],
            "Wait for the block to be final.",
        ),
        row(
            Completed,
            "completed",
            &[(SubStatus::Final, "Completed"), (SubStatus::SignatureReady, "Completed")],
            &[],
            "Keep the receipt.",
        ),
        row(
            Cancelled,
            "cancelled",
            &[(SubStatus::Withdrawn, "Cancelled"), (SubStatus::Replaced, "Cancelled")],
            &[],
            "Nothing; `replaced_by` names the intent that took its place.",
        ),
        row(
            Rejected,
            "rejected",
            refusals!("Rejected"),
            &[],
            "Do what `error.next` says; this transfer is at its end.",
        ),
        row(
            Blocked,
            "blocked",
            refusals!("Blocked"),
            &[Signing, Cancelled, Failed],
            "Do what `error.next` says, then submit an intent that `replaces` it: a cosigner may know its nonce or coins.",
        ),
        row(Failed, "failed", refusals!("Failed"), &[], "Do what `error.next` says; this transfer is at its end."),
    ]
};

impl Status {
    /// All that is said of it.
    pub fn row(self) -> &'static StatusRow {
        const FIRST: &StatusRow = &STATUS_TABLE[0];
        STATUS_TABLE.iter().find(|row| row.status == self).unwrap_or(FIRST)
    }

    /// Its text in the API.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The status of this text.
    pub fn from_name(name: &str) -> Option<Status> {
        STATUS_TABLE.iter().find(|row| row.name == name).map(|row| row.status)
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
    pub fn sub_status(&self) -> SubStatus {
        match self {
            Transfer::Submitted => SubStatus::New,
            Transfer::AwaitingApproval { .. } => SubStatus::ApprovalsMissing,
            Transfer::Queued { .. } => SubStatus::WaitingForSlot,
            Transfer::Prepared { attempts: 0, .. } => SubStatus::Prepared,
            Transfer::Prepared { .. } => SubStatus::Retrying,
            Transfer::Signing { .. } => SubStatus::Attempt,
            Transfer::Signed { .. } => SubStatus::Signed,
            Transfer::Broadcasting { .. } => SubStatus::InMempool,
            Transfer::Confirming { .. } => SubStatus::Included,
            Transfer::Completed { included: Some(_), .. } => SubStatus::Final,
            Transfer::Completed { included: None, .. } => SubStatus::SignatureReady,
            Transfer::Cancelled { by: None, .. } => SubStatus::Withdrawn,
            Transfer::Cancelled { by: Some(_), .. } => SubStatus::Replaced,
            Transfer::Rejected { code, .. } | Transfer::Failed { code, .. } | Transfer::Blocked { code, .. } => {
                refusal(code).sub_status
            }
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
