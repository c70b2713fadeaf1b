//! What every request passes before a handler sees it: form, size, signature, key, purpose, rate, replay, idempotency.

use crate::access::{Access, Media, NonceKeeper, Stage, Who, access, takes_query};
use crate::api::{Api, LARGE_BYTES};
use crate::codes::Code;
use crate::idempotency::{self, Begin, Ticket};
use crate::peer::Peer;
use crate::permission::{self, Asked};
use crate::problem::Problem;
use crate::replay::{Seen, forgettable};
use axum::body::{Body, Bytes};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, Method, header, request::Parts};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use ringi_orchestrator::ServiceError;
use ringi_orchestrator::service::CallerView;
use ringi_primitives::genesis::Genesis;
use ringi_primitives::httpsig::{HttpSigError, RequestSignature};
use ringi_primitives::key::PublicKey;
use ringi_primitives::limits;
use std::net::IpAddr;
use std::sync::Arc;

/// Headers that may come once only.
const SINGLE: [&str; 7] = [
    "content-type",
    "content-length",
    "content-digest",
    "idempotency-key",
    "signature-input",
    "signature",
    "last-event-id",
];
/// An `Idempotency-Key` at most.
const KEY_BYTES: usize = 128;

/// Who calls, proved.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) signature: RequestSignature,
    pub(crate) view: CallerView,
    /// From where; `None` where the server was not told.
    pub(crate) address: Option<IpAddr>,
}

pub(crate) async fn admit(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    let answer = check(&api, request, next).await;
    answer.unwrap_or_else(IntoResponse::into_response)
}

async fn check(api: &Arc<Api>, request: Request, next: Next) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    let route = parts.extensions.get::<MatchedPath>().map(|m| m.as_str().to_string()).unwrap_or_default();
    let access = access(&parts.method, &route);
    check_headers(&parts.headers, &access)?;
    if parts.uri.query().is_some() && !takes_query(&parts.method, &route) {
        return Err(Problem::because(Code::RequestQuery, "this call takes no query"));
    }
    check_stage(api, &access)?;
    let founding = matches!(access.who, Who::Founder | Who::Visitor) && api.service.genesis().is_none();
    if !founding && !parts.headers.contains_key("signature") && !parts.headers.contains_key("signature-input") {
        return Err(Problem::of(Code::AuthUnsigned));
    }
    let body = read_body(api, &parts.headers, body, &access).await?;
    if founding {
        // G1: nobody is known yet; the document's own signatures decide, and the same document again changes nothing. What
        // cosigners say of themselves is for whoever writes it.
        let request = Request::from_parts(parts, Body::from(body));
        return detached(api, &route, next, request, None).await;
    }
    let caller = authenticate(api, &parts, &body)?;
    let asked = Asked { method: &parts.method, route: &route, path: parts.uri.path(), body: &body };
    if let Err(problem) = fits(api, &caller, &access) {
        permission::record_purpose(api, &caller, &asked).await;
        return Err(problem);
    }
    remember(api, &caller.signature, access.nonce).await?;
    // A witness is no person and has no role; its key fits the routes of facts only.
    if caller.view.purpose != "witness" {
        permission::check(api, &caller, &asked).await?;
    }
    if access.nonce == NonceKeeper::Nobody {
        parts.extensions.insert(caller);
        let running = next.run(Request::from_parts(parts, Body::from(body)));
        let limit = api.config.read_timeout;
        return tokio::time::timeout(limit, running).await.map_err(|_| Problem::of(Code::RateBusy));
    }
    match idempotency::begin(api, &caller.signature, &body).await? {
        Begin::Replay(response) => Ok(response),
        Begin::Run(ticket) => {
            parts.extensions.insert(caller);
            let request = Request::from_parts(parts, Body::from(body));
            detached(api, &route, next, request, Some(ticket)).await
        }
    }
}

/// Runs a write to its end whatever the client does, and answers when it is done or the time is over.
async fn detached(
    api: &Arc<Api>,
    route: &str,
    next: Next,
    request: Request,
    ticket: Option<Ticket>,
) -> Result<Response, Problem> {
    let limit = if ["/v1/orders", "/v1/recoveries"].contains(&route) {
        api.config.order_timeout
    } else {
        api.config.write_timeout
    };
    let own = api.clone();
    let task = tokio::spawn(async move {
        let response = next.run(request).await;
        match ticket {
            Some(ticket) => idempotency::finish(&own, ticket, response).await,
            None => response,
        }
    });
    match tokio::time::timeout(limit, task).await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(fault)) => {
            tracing::error!(%fault, route, "a handler did not come to its end");
            Err(Problem::of(Code::InternalBug))
        }
        Err(_) => Err(Problem::of(Code::RequestStillRunning).retry_after(5)),
    }
}

fn check_headers(headers: &HeaderMap, access: &Access) -> Result<(), Problem> {
    if let Some(name) = SINGLE.iter().find(|name| headers.get_all(**name).iter().count() > 1) {
        return Err(Problem::because(Code::RequestDuplicateHeader, format!("{name} came more than once")));
    }
    let key = headers.get("idempotency-key").ok_or_else(|| Problem::of(Code::IdempotencyMissing))?.as_bytes();
    let plain = |b: &u8| b.is_ascii_graphic() && *b != b'"' && *b != b'\\';
    if !(1..=KEY_BYTES).contains(&key.len()) || !key.iter().all(plain) {
        return Err(Problem::of(Code::IdempotencyMalformed));
    }
    let wanted = match access.media {
        Media::None => return Ok(()),
        Media::Json => "application/json",
        Media::Cbor => "application/cbor",
    };
    let found = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let found = found.split(';').next().unwrap_or_default().trim();
    if found.eq_ignore_ascii_case(wanted) {
        Ok(())
    } else {
        Err(Problem::because(Code::RequestMediaType, format!("this call takes {wanted}")))
    }
}

fn check_stage(api: &Api, access: &Access) -> Result<(), Problem> {
    if access.stage != Stage::Nothing && api.service.genesis().is_none() {
        return Err(Problem::of(Code::GenesisNone));
    }
    if access.stage == Stage::Policy && api.service.policy().is_none() {
        return Err(Problem::of(Code::PolicyNone));
    }
    Ok(())
}

async fn read_body(api: &Api, headers: &HeaderMap, body: Body, access: &Access) -> Result<Bytes, Problem> {
    let too_large = || Problem::because(Code::RequestTooLarge, format!("at most {} bytes", access.body_bytes));
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|n| n > access.body_bytes) {
        return Err(too_large());
    }
    let _place = if access.body_bytes > LARGE_BYTES {
        let place = api.large_bodies.try_acquire();
        Some(place.map_err(|_| Problem::because(Code::RateBusy, "too many large bodies at once").retry_after(5))?)
    } else {
        None
    };
    let reading = axum::body::to_bytes(body, access.body_bytes);
    match tokio::time::timeout(api.config.body_timeout, reading).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => Err(too_large()),
        Err(_) => Err(Problem::of(Code::RequestTimeout)),
    }
}

/// I1: the signature over the exact bytes, by a known key.
fn authenticate(api: &Api, parts: &Parts, body: &[u8]) -> Result<Caller, Problem> {
    let header = |name: &str| parts.headers.get(name).and_then(|v| v.to_str().ok()).map(str::to_string);
    let signature = RequestSignature::from_headers(parts.method.as_str(), parts.uri.path(), header, body);
    let signature = signature.map_err(refused)?;
    let now = api.config.clock.now();
    signature.check_time(now.0 / 1000).map_err(refused)?;
    let view = api.service.caller(&signature.key).ok_or_else(|| Problem::of(Code::AuthUnknownKey))?;
    signature.verify(body).map_err(refused)?;
    api.rate.take(&signature.key, now).map_err(|s| Problem::of(Code::RateLimited).retry_after(s))?;
    let address = match parts.extensions.get::<Peer>() {
        Some(Peer(peer)) => Some(api.config.proxies.caller(*peer, &parts.headers)?),
        None => None,
    };
    Ok(Caller { signature, view, address })
}

/// H1: whether the key is one for this call.
fn fits(api: &Api, caller: &Caller, access: &Access) -> Result<(), Problem> {
    let purpose = caller.view.purpose;
    let admin = || purpose == "admin" || is_admin(api, &caller.signature.key);
    let may = match access.who {
        Who::Known | Who::Visitor => purpose != "witness",
        Who::Witness => true,
        Who::Initiator => purpose == "initiate",
        Who::Operator => purpose == "initiate" || admin(),
        Who::Admin | Who::Founder => admin(),
    };
    if !may {
        let wanted = match access.who {
            Who::Initiator => "this call takes a key that initiates",
            Who::Operator => "this call takes a key that initiates or an admin's",
            Who::Known | Who::Visitor => "this call takes a person's key",
            _ => "this call takes an admin's key",
        };
        return Err(Problem::because(Code::AuthKeyPurpose, wanted));
    }
    Ok(())
}

/// A key may stand in the policy set and in genesis.
fn is_admin(api: &Api, key: &PublicKey) -> bool {
    let newest = api.service.genesis().and_then(|g| g.versions.last().cloned());
    let genesis = newest.and_then(|signed| signed.decode_unverified::<Genesis>(limits::GENESIS_BYTES).ok());
    genesis.is_some_and(|g| g.admins.iter().any(|a| a.key == *key))
}

fn refused(error: HttpSigError) -> Problem {
    let code = match error {
        HttpSigError::Malformed(_) => Code::AuthMalformed,
        HttpSigError::ContentDigest => Code::AuthContentDigest,
        HttpSigError::BadSignature => Code::AuthBadSignature,
        HttpSigError::Expired => Code::AuthExpired,
    };
    Problem::because(code, error.to_string())
}

/// I1: a signature is taken once.
async fn remember(api: &Api, signature: &RequestSignature, keeper: NonceKeeper) -> Result<(), Problem> {
    let now = api.config.clock.now();
    match api.replay.see(signature, now) {
        Seen::Replayed => return Err(Problem::of(Code::AuthNonceReused)),
        Seen::Full => return Err(Problem::of(Code::RateBusy).retry_after(1)),
        Seen::Fresh => {}
    }
    if keeper != NonceKeeper::Gateway {
        return Ok(());
    }
    let memory = api.service.requests();
    let until = forgettable(signature);
    let fresh = memory.fresh_nonce(&signature.key.text(), &signature.nonce, now, until).await;
    if fresh.map_err(ServiceError::from)? { Ok(()) } else { Err(Problem::of(Code::AuthNonceReused)) }
}

/// A path that is not there, or not with this method.
pub(crate) async fn no_such_path() -> Problem {
    Problem::of(Code::RequestPath)
}

pub(crate) async fn no_such_method(method: Method) -> Problem {
    Problem::because(Code::RequestMethod, format!("this path does not take {method}"))
}
