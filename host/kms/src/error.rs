//! What a caller is told when the answer is no: AWS's error names, statuses and, where clients read them, texts.

/// An error name of the wire protocol (KMS API reference, errors of each action; common errors).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The policies do not allow it.
    AccessDenied,
    /// The key is disabled.
    Disabled,
    /// The caller only asked whether it may, and it may.
    DryRun,
    /// The import's wrapping key is too old.
    ExpiredImportToken,
    /// The signature's form is incomplete.
    IncompleteSignature,
    /// The key is not the one that encrypted.
    IncorrectKey,
    /// Other material was imported before.
    IncorrectKeyMaterial,
    /// The ciphertext is none, was changed, or belongs to another encryption context.
    InvalidCiphertext,
    /// The import token is not of this key.
    InvalidImportToken,
    /// The key is of another kind.
    InvalidKeyUsage,
    /// A marker of a list is none.
    InvalidMarker,
    /// The signature is wrong, or too old.
    InvalidSignature,
    /// The server failed.
    Internal,
    /// The key's state forbids it.
    InvalidState,
    /// Too many keys.
    LimitExceeded,
    /// The policy is none, or says what this server cannot hold to.
    MalformedPolicy,
    /// The request is unsigned.
    MissingAuthentication,
    /// There is no such key.
    NotFound,
    /// The body is too long.
    TooLarge,
    /// The body is no JSON object of this action.
    Serialization,
    /// The access key is unknown.
    UnrecognizedClient,
    /// There is no such action here.
    UnknownOperation,
    /// The key's origin forbids it.
    UnsupportedOperation,
    /// A parameter is out of its bounds, or an attestation document does not verify.
    Validation,
}

impl Code {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Code::AccessDenied => "AccessDeniedException",
            Code::Disabled => "DisabledException",
            Code::DryRun => "DryRunOperationException",
            Code::ExpiredImportToken => "ExpiredImportTokenException",
            Code::IncompleteSignature => "IncompleteSignatureException",
            Code::IncorrectKey => "IncorrectKeyException",
            Code::IncorrectKeyMaterial => "IncorrectKeyMaterialException",
            Code::InvalidCiphertext => "InvalidCiphertextException",
            Code::InvalidImportToken => "InvalidImportTokenException",
            Code::InvalidKeyUsage => "InvalidKeyUsageException",
            Code::InvalidMarker => "InvalidMarkerException",
            Code::InvalidSignature => "InvalidSignatureException",
            Code::Internal => "KMSInternalException",
            Code::InvalidState => "KMSInvalidStateException",
            Code::LimitExceeded => "LimitExceededException",
            Code::MalformedPolicy => "MalformedPolicyDocumentException",
            Code::MissingAuthentication => "MissingAuthenticationTokenException",
            Code::NotFound => "NotFoundException",
            Code::TooLarge => "RequestEntityTooLargeException",
            Code::Serialization => "SerializationException",
            Code::UnrecognizedClient => "UnrecognizedClientException",
            Code::UnknownOperation => "UnknownOperationException",
            Code::UnsupportedOperation => "UnsupportedOperationException",
            Code::Validation => "ValidationException",
        }
    }

    /// The HTTP status.
    pub fn status(self) -> u16 {
        match self {
            Code::Internal => 500,
            Code::TooLarge => 413,
            _ => 400,
        }
    }
}

/// A call that was not answered. The message never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", code.name())]
pub struct Refusal {
    /// Its name.
    pub code: Code,
    /// For people.
    pub message: String,
}

impl Refusal {
    /// With this name and text.
    pub fn new(code: Code, message: impl Into<String>) -> Refusal {
        Refusal { code, message: message.into() }
    }

    pub(crate) fn validation(message: impl Into<String>) -> Refusal {
        Refusal::new(Code::Validation, message)
    }

    /// A failure of ours; the cause goes to the log, not to the caller.
    pub(crate) fn internal(cause: &dyn std::fmt::Display) -> Refusal {
        tracing::error!(%cause, "a call failed inside");
        Refusal::new(Code::Internal, "an internal failure; the request can be tried again")
    }
}
