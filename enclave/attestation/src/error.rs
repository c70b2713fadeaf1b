//! Why a document is not accepted: one variant for each reason, each with a stable code.

use crate::pcr::PcrIndex;

/// Why an attestation document is refused. Every variant means: believe nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttestationError {
    /// Longer than any NSM makes them.
    #[error("the document is longer than {max} bytes", max = crate::DOCUMENT_BYTES)]
    TooLong,
    /// Not the COSE and CBOR that an NSM writes.
    #[error("the document is malformed: {0}")]
    Malformed(&'static str),
    /// Not signed with ES384, as an NSM signs. QEMU's own machine writes documents with no algorithm at all.
    #[error("the document is not signed with ES384")]
    Algorithm,
    /// Its first certificate is no root that is trusted here.
    #[error("the document's root certificate is not trusted here")]
    Root,
    /// A certificate of the chain was not valid at that moment.
    #[error("a certificate of the document is not valid at that time")]
    Expired,
    /// The certificates make no chain from the root to the leaf.
    #[error("the document's certificates make no chain")]
    Chain,
    /// The leaf's key did not sign these bytes.
    #[error("the document's signature does not verify")]
    Signature,
    /// Made too long ago.
    #[error("the document is too old")]
    TooOld,
    /// Made in the future.
    #[error("the document is from the future")]
    Future,
    /// A register of the image is zero: the enclave runs in debug mode and the host reads its memory.
    #[error("{0} is zero: the enclave runs in debug mode")]
    Debug(PcrIndex),
    /// A register that is asked for is not in the document.
    #[error("the document does not hold {0}")]
    PcrMissing(PcrIndex),
    /// A register has a value that is not allowed.
    #[error("{0} is not one of the allowed values")]
    Pcr(PcrIndex),
    /// Another nonce than was asked for, or none.
    #[error("the document does not answer this nonce")]
    Nonce,
    /// The workspace allows no image, or names no such cosigner.
    #[error("genesis allows no image or names no such cosigner")]
    Workspace,
    /// Other user data than was asked for, or none.
    #[error("the document binds other user data")]
    UserData,
    /// Another public key than was asked for, or none.
    #[error("the document binds another public key")]
    PublicKey,
}

impl AttestationError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            AttestationError::Workspace => "attestation.workspace",
            AttestationError::TooLong => "attestation.too_long",
            AttestationError::Malformed(_) => "attestation.malformed",
            AttestationError::Algorithm => "attestation.algorithm",
            AttestationError::Root => "attestation.root",
            AttestationError::Expired => "attestation.expired",
            AttestationError::Chain => "attestation.chain",
            AttestationError::Signature => "attestation.signature",
            AttestationError::TooOld => "attestation.too_old",
            AttestationError::Future => "attestation.future",
            AttestationError::Debug(_) => "attestation.debug",
            AttestationError::PcrMissing(_) => "attestation.pcr_missing",
            AttestationError::Pcr(_) => "attestation.pcr",
            AttestationError::Nonce => "attestation.nonce",
            AttestationError::UserData => "attestation.user_data",
            AttestationError::PublicKey => "attestation.public_key",
        }
    }
}
