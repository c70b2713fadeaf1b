//! The audit log's entries.

use ringi_primitives::digest::Digest;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An entry of the audit log: everything its digest is made of, and the digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// 1, 2, 3, … without gaps.
    pub sequence: u64,
    /// When, Unix milliseconds: exactly what the digest is over.
    pub at_ms: u64,
    /// What kind.
    pub kind: String,
    /// Public fields, JSON text verbatim: exactly what the digest is over.
    pub fields: String,
    /// Digest of the entry before; zeros for the first.
    #[schema(value_type = String)]
    pub previous: Digest,
    /// Digest of this entry.
    #[schema(value_type = String)]
    pub digest: Digest,
}
