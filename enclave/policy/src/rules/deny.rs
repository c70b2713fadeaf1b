//! `deny`: what it matches is denied, whatever else permits it.

use super::Finding;
use ringi_primitives::decision::DenyReason;

/// Called for a rule that matched: that is all it takes.
pub(crate) fn check() -> Result<Finding, DenyReason> {
    Err(DenyReason::Denied)
}
