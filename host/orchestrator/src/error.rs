//! What a caller of the service is told when it says no: a stable code, whose turn it is, what happened, what to do.

use crate::ports::{ChainPortError, StoreError};

/// Which kind of answer an error is; the gateway maps each to one HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrorClass {
    /// Malformed, oversized or senseless: 400.
    BadRequest,
    /// Unknown key, bad or expired signature: 401.
    Unauthenticated,
    /// Known, but not allowed: 403.
    Forbidden,
    /// No such thing: 404.
    NotFound,
    /// Clashes with what exists: 409.
    Conflict,
    /// Well-formed, but cannot be done: 422.
    Unprocessable,
    /// Try later: a node, cosigner or disk is not available: 503.
    Unavailable,
    /// Our bug or a damaged store: 500.
    Internal,
}

/// A refusal of the service.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ServiceError {
    /// Stable, `area.reason`.
    pub code: String,
    /// Which kind of answer.
    pub class: ErrorClass,
    /// What happened, one sentence.
    pub message: String,
    /// What the caller can do, one sentence.
    pub remedy: String,
}

impl ServiceError {
    /// An error of this class.
    pub fn new(class: ErrorClass, code: &str, message: impl Into<String>, remedy: &str) -> ServiceError {
        ServiceError { code: code.to_string(), class, message: message.into(), remedy: remedy.to_string() }
    }

    pub(crate) fn bad_request(code: &str, message: impl Into<String>, remedy: &str) -> ServiceError {
        ServiceError::new(ErrorClass::BadRequest, code, message, remedy)
    }

    pub(crate) fn conflict(code: &str, message: impl Into<String>, remedy: &str) -> ServiceError {
        ServiceError::new(ErrorClass::Conflict, code, message, remedy)
    }

    pub(crate) fn unprocessable(code: &str, message: impl Into<String>, remedy: &str) -> ServiceError {
        ServiceError::new(ErrorClass::Unprocessable, code, message, remedy)
    }

    pub(crate) fn forbidden(code: &str, message: impl Into<String>, remedy: &str) -> ServiceError {
        ServiceError::new(ErrorClass::Forbidden, code, message, remedy)
    }

    pub(crate) fn unavailable(code: &str, message: impl Into<String>, remedy: &str) -> ServiceError {
        ServiceError::new(ErrorClass::Unavailable, code, message, remedy)
    }

    pub(crate) fn not_found(what: &str) -> ServiceError {
        let message = format!("there is no such {what}");
        ServiceError::new(ErrorClass::NotFound, &format!("{what}.not_found"), message, "Check the id.")
    }

    pub(crate) fn internal(message: impl Into<String>) -> ServiceError {
        ServiceError::new(ErrorClass::Internal, "internal.bug", message, "Report it with the log.")
    }
}

impl From<StoreError> for ServiceError {
    fn from(error: StoreError) -> ServiceError {
        let class = match &error {
            StoreError::Full | StoreError::Locked | StoreError::Unavailable(_) => ErrorClass::Unavailable,
            StoreError::Unique(_) | StoreError::Stale => ErrorClass::Conflict,
            StoreError::Corrupt(_) => ErrorClass::Internal,
            StoreError::Cursor => ErrorClass::BadRequest,
        };
        let remedy = match &error {
            StoreError::Full => "Free space on the data disk; nothing was lost.",
            StoreError::Locked => "Stop the other instance on this data folder.",
            StoreError::Unavailable(_) | StoreError::Stale => "Try again.",
            StoreError::Unique(_) => "Use a new id.",
            StoreError::Cursor => "Begin with the first page.",
            StoreError::Corrupt(_) => "Restore the data folder from a backup.",
        };
        ServiceError::new(class, error.code(), error.to_string(), remedy)
    }
}

impl From<ChainPortError> for ServiceError {
    fn from(error: ChainPortError) -> ServiceError {
        let (class, remedy) = match &error {
            ChainPortError::Unavailable(_) => (ErrorClass::Unavailable, "Try again when the node answers."),
            ChainPortError::Rejected { .. } => (ErrorClass::Unprocessable, "Change the intent."),
        };
        ServiceError::new(class, error.code(), error.to_string(), remedy)
    }
}
