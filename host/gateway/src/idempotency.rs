//! `Idempotency-Key`: the same key and request give the same answer; the same key and another request are refused.
//!
//! Only successes are kept: a refusal changed nothing, so the same request may be tried again under the same key.

use crate::api::Api;
use crate::codes::Code;
use crate::problem::Problem;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use ringi_orchestrator::ServiceError;
use ringi_orchestrator::ports::{IdempotencyClaim, StoredResponse};
use ringi_primitives::httpsig::RequestSignature;
use sha2::{Digest as _, Sha256};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

/// An answer of a write: a transfer with its intent and envelope is the longest.
const RESPONSE_BYTES: usize = 1024 * 1024;
/// Says that an answer was given before.
pub(crate) const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

type Name = (String, String);

/// Keys whose request this process is carrying out now.
#[derive(Clone, Default)]
pub(crate) struct InFlight(Arc<Mutex<HashSet<Name>>>);

/// One claimed key; given free when dropped.
pub(crate) struct Ticket {
    name: Name,
    held: InFlight,
}

impl InFlight {
    fn enter(&self, name: Name) -> Option<Ticket> {
        let fresh = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone());
        fresh.then(|| Ticket { name, held: self.clone() })
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.held.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.name);
    }
}

/// What to do with a request.
pub(crate) enum Begin {
    /// Carry it out.
    Run(Ticket),
    /// Answer this.
    Replay(Response),
}

/// A request's fingerprint: method, path and body, each with its length.
fn fingerprint(signature: &RequestSignature, body: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in [signature.method.as_bytes(), signature.path.as_bytes(), body] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// Claims the key.
///
/// # Errors
/// `idempotency.in_progress`, `idempotency.mismatch`, `store.*`.
pub(crate) async fn begin(api: &Api, signature: &RequestSignature, body: &[u8]) -> Result<Begin, Problem> {
    let name = (signature.key.text(), signature.idempotency_key.clone());
    let ticket = api.in_flight.enter(name.clone());
    let ticket = ticket.ok_or_else(|| Problem::of(Code::IdempotencyInProgress).retry_after(1))?;
    let now = api.config.clock.now();
    let life_ms = u64::try_from(api.config.idempotency_life.as_millis()).unwrap_or(u64::MAX);
    let print = fingerprint(signature, body);
    let claim = api.service.requests().claim(&name.0, &name.1, &print, now, now.plus_ms(life_ms)).await;
    match claim.map_err(ServiceError::from)? {
        // Claimed by a process that died: everything below is idempotent by its own ids, so carry it out again.
        IdempotencyClaim::Fresh | IdempotencyClaim::InProgress => Ok(Begin::Run(ticket)),
        IdempotencyClaim::Mismatch => Err(Problem::of(Code::IdempotencyMismatch)),
        IdempotencyClaim::Done(stored) => Ok(Begin::Replay(replayed(stored))),
    }
}

fn replayed(stored: StoredResponse) -> Response {
    let mut response = json(StatusCode::from_u16(stored.status).unwrap_or(StatusCode::OK), stored.body);
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

fn json(status: StatusCode, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Keeps a success, gives the key up otherwise. The answer goes out either way: what is done is done.
pub(crate) async fn finish(api: &Api, ticket: Ticket, response: Response) -> Response {
    let memory = api.service.requests();
    let (caller, key) = &ticket.name;
    if !response.status().is_success() {
        if let Err(error) = memory.forget(caller, key).await {
            tracing::warn!(code = error.code(), "an idempotency key was not given up");
        }
        return response;
    }
    let status = response.status();
    let Ok(body) = axum::body::to_bytes(response.into_body(), RESPONSE_BYTES).await else {
        return axum::response::IntoResponse::into_response(Problem::of(Code::InternalBug));
    };
    let stored = StoredResponse { status: status.as_u16(), body: body.to_vec() };
    if let Err(error) = memory.complete(caller, key, &stored).await {
        tracing::warn!(code = error.code(), "an answer was not kept for its idempotency key");
    }
    json(status, stored.body)
}
