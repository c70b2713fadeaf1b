//! The API's data: what the server describes and clients read. The server's answers are held to these in a test.

mod access;
mod audit;
mod brakes;
mod documents;
mod drafts;
mod intent;
mod requests;
mod transfer;
mod wallet;

pub use access::{AccessQuestion, AccessVerdict, NewRole, PersonRole, Roles};
pub use audit::AuditEntry;
pub use brakes::{Freeze, Freezes};
pub use documents::{
    Asset, Assets, Attestation, Caller, Cosigner, Cosigners, Event, Fact, Facts, Genesis, Health, Installation,
    PartyAnswer, Policy, Wanted,
};
pub use drafts::{
    ChangedVerdict, DraftSigner, NotCompared, PolicyChange, PolicyDraft, PolicyDraftDetail, PolicyDrafts,
    PolicyFinding, PolicyPreview,
};
pub use intent::{Action, Intent};
pub use requests::{NewAddress, NewApproval, NewWallet, PasskeyAssertion};
pub use transfer::{
    Decision, EnvelopeEffect, EnvelopeField, EnvelopeView, GivenApproval, Missing, Submission, Transaction, Transfer,
    TransferError,
};
pub use wallet::{Address, Addresses, Balance, Balances, Deposit, Wallet};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One page of a list, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Listing<T> {
    /// The entries.
    pub items: Vec<T>,
    /// Cursor of the next page; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}
