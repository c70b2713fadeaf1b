//! What happens to cosigners, beside any transfer: starts, ends, refusals. Into the feed and the audit log.

use crate::core::{Core, notice};
use crate::error::ServiceError;
use crate::ports::Commit;
use ringi_primitives::id::IntentId;
use ringi_primitives::scheme::PartyIndex;
use serde_json::json;

/// Something that happened to a cosigner. Its words are the cosigner's or its machine's: shown, never acted on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// Whose.
    pub cosigner: PartyIndex,
    /// Stable code, e.g. `boot.rolled_back`.
    pub code: String,
    /// In words; may be empty.
    pub detail: String,
    /// The other cosigner that it is about.
    pub peer: Option<PartyIndex>,
    /// The intent that it is about.
    pub intent: Option<IntentId>,
    /// How often the same happened before this one and was not written down.
    pub unrecorded: u64,
}

impl Incident {
    /// One that is about nobody else.
    pub fn of(cosigner: PartyIndex, code: &str, detail: impl Into<String>) -> Incident {
        Incident { cosigner, code: code.into(), detail: detail.into(), peer: None, intent: None, unrecorded: 0 }
    }
}

/// Writes it down.
///
/// # Errors
/// `store.*`.
pub(crate) async fn record(core: &Core, incident: &Incident) -> Result<(), ServiceError> {
    let data = json!({
        "cosigner": incident.cosigner.number(), "code": incident.code, "detail": incident.detail,
        "peer": incident.peer.map(PartyIndex::number), "intent": incident.intent, "unrecorded": incident.unrecorded,
    });
    let (event, audit) = notice(core.now(), "cosigner.incident", incident.cosigner.number().to_string(), data);
    core.commit(Commit { writes: vec![], events: vec![event], audit: vec![audit] }).await.map(drop)
}
