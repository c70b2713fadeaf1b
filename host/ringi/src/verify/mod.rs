//! Offline verification: of an address (rule A1) and of a receipt (rule R1), given a pinned genesis (rule G1).
//!
//! Nothing here asks the host, the network or a clock. Everything that can be computed is computed again and compared.

mod address;
mod keys;
mod receipt;
mod recovery;

pub use address::{VerifiedAddress, verify_address};
pub use keys::CertifiedKeys;
pub use receipt::{VerifiedReceipt, verify_receipt};

use ringi_chain::ChainError;
use ringi_primitives::approval::ApprovalError;

/// Why a document does not verify: each names the first check that failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// Not a canonical document of this kind and version.
    #[error("the file is no document of this kind, or was changed: {0}")]
    Malformed(&'static str),
    /// It belongs to another workspace.
    #[error("it belongs to another workspace than this genesis: {0}")]
    OtherGenesis(&'static str),
    /// A key certificate is not signed by all cosigners of genesis, or is of another key.
    #[error("key certificate: {0}")]
    Certificate(&'static str),
    /// In production every cosigner says that a recovery drill of the key has passed (rule K3).
    #[error("not every cosigner says that a recovery drill of its key has passed")]
    Undrilled,
    /// What is stated differs from what follows from the rest.
    #[error("{0} is not what follows from the rest of the document")]
    Differs(&'static str),
    /// The policy set is not the admins', or does not allow this.
    #[error("policy: {0}")]
    Policy(String),
    /// The intent or its initiator's signature.
    #[error("intent: {0}")]
    Intent(String),
    /// An approval does not count.
    #[error("approval: {0}")]
    Approval(ApprovalError),
    /// A cosigner's boot or verdict does not verify.
    #[error("verdict of cosigner {cosigner}: {what}")]
    Verdict {
        /// Which.
        cosigner: u8,
        /// What is wrong.
        what: &'static str,
    },
    /// The chain's code refuses the bytes or signatures.
    #[error("bytes: {0}")]
    Chain(#[from] ChainError),
}

impl VerifyError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            VerifyError::Malformed(_) => "verify.malformed",
            VerifyError::OtherGenesis(_) => "verify.other_genesis",
            VerifyError::Certificate(_) => "verify.certificate",
            VerifyError::Undrilled => "verify.undrilled",
            VerifyError::Differs(_) => "verify.differs",
            VerifyError::Policy(_) => "verify.policy",
            VerifyError::Intent(_) => "verify.intent",
            VerifyError::Approval(_) => "verify.approval",
            VerifyError::Verdict { .. } => "verify.verdict",
            VerifyError::Chain(_) => "verify.chain",
        }
    }
}

/// `Ok` where the check holds.
fn ensure(holds: bool, error: VerifyError) -> Result<(), VerifyError> {
    if holds { Ok(()) } else { Err(error) }
}
