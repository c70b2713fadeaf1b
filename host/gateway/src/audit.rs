//! The host's audit log, page by page, with every entry's digest so that a reader can verify the chain.

use crate::api::Api;
use crate::codes::Code;
use crate::extract::Asked;
use crate::model::{AuditEntry, Listing};
use crate::problem::Problem;
use crate::routes::answer;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use std::sync::Arc;
use utoipa::IntoParams;

/// Entries of a page where the caller does not say.
const PAGE: u32 = 100;
/// Entries of a page at most, as the service bounds it.
const PAGE_MOST: u32 = 1000;

/// Which entries.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditQuery {
    /// Entries behind this one; the `next` of the page before. From the first where absent.
    cursor: Option<u64>,
    /// At most this many, 1 to 1000; 100 where absent.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// Read the audit log, oldest first.
#[utoipa::path(get, path = "/v1/audit", tag = "events", operation_id = "readAudit", params(AuditQuery),
    responses((status = 200, description = "A page.", body = Listing<AuditEntry>)))]
pub(crate) async fn read(State(api): State<Arc<Api>>, Asked(query): Asked<AuditQuery>) -> Result<Response, Problem> {
    let limit = query.limit.unwrap_or(PAGE);
    if !(1..=PAGE_MOST).contains(&limit) {
        return Err(Problem::because(Code::RequestQuery, format!("limit is 1 to {PAGE_MOST}")));
    }
    let entries = api.service.audit_after(query.cursor.unwrap_or(0), limit).await?;
    let is_full = usize::try_from(limit).is_ok_and(|limit| entries.len() >= limit);
    let next = entries.last().filter(|_| is_full).map(|entry| entry.sequence.to_string());
    let view = |entry: ringi_ledger::Entry| AuditEntry {
        sequence: entry.sequence,
        at_ms: entry.at.0,
        digest: entry.digest(),
        kind: entry.kind,
        fields: entry.fields,
        previous: entry.previous,
    };
    Ok(answer(StatusCode::OK, &Listing { items: entries.into_iter().map(view).collect(), next }))
}
