//! The feed as server-sent events: resumable by `Last-Event-ID`, kept alive by comments, ended when the gateway stops.

use crate::admit::Caller;
use crate::api::Api;
use crate::codes::Code;
use crate::model;
use crate::permission::{self, Sight, Subject};
use crate::problem::Problem;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::{Stream, StreamExt, stream};
use ringi_orchestrator::service::EventView;
use ringi_primitives::id::WalletId;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, watch};

/// Events read from the store at once.
const BATCH: u32 = 200;

/// Follow the feed.
///
/// Each event has the sequence as its id, the kind as its event name, and an `Event` as its data. `Last-Event-ID` resumes
/// behind that one; without it the stream begins with the oldest event.
#[utoipa::path(get, path = "/v1/events", tag = "events", operation_id = "followEvents",
    params(("Last-Event-ID" = Option<String>, Header, description = "Sequence of the last event that arrived.")),
    responses((status = 200, description = "The stream.", content_type = "text/event-stream", body = model::Event)))]
pub(crate) async fn events(
    State(api): State<Arc<Api>>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let after = match headers.get("last-event-id").map(|v| v.to_str().ok().and_then(sequence)) {
        None => 0,
        Some(Some(sequence)) => sequence,
        Some(None) => return Err(Problem::of(Code::EventsLastId)),
    };
    let permit = api.streams.clone().try_acquire_owned();
    let permit = permit.map_err(|_| Problem::of(Code::RateBusy).retry_after(5))?;
    let heartbeat = KeepAlive::new().interval(api.config.heartbeat).text("alive");
    Ok(Sse::new(follow(api, caller, after, permit)).keep_alive(heartbeat).into_response())
}

/// A sequence number in its one spelling, as far as there can be one: the store counts to `i64::MAX`.
fn sequence(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text && i64::try_from(number).is_ok()).then_some(number)
}

struct Follower {
    api: Arc<Api>,
    caller: Caller,
    after: u64,
    newest: watch::Receiver<u64>,
    closing: watch::Receiver<bool>,
    _permit: OwnedSemaphorePermit,
}

fn follow(
    api: Arc<Api>,
    caller: Caller,
    after: u64,
    permit: OwnedSemaphorePermit,
) -> impl Stream<Item = Result<Event, Infallible>> {
    let (newest, closing) = (api.service.subscribe(), api.closing.clone());
    let follower = Follower { api, caller, after, newest, closing, _permit: permit };
    stream::unfold(follower, |mut follower| async move {
        let batch = next_batch(&mut follower).await?;
        Some((stream::iter(batch.into_iter().map(|e| Ok(render(&e)))), follower))
    })
    .flatten()
}

/// Waits for events; `None` ends the stream: the gateway stops, or the store fails (the client comes back and resumes).
async fn next_batch(follower: &mut Follower) -> Option<Vec<EventView>> {
    loop {
        if *follower.closing.borrow_and_update() {
            return None;
        }
        // Marked as seen before reading, so that what is committed meanwhile wakes the next wait.
        follower.newest.borrow_and_update();
        let batch = follower.api.service.events_after(follower.after, BATCH).await;
        let batch = batch.map_err(|e| tracing::warn!(code = e.code, "an event stream ends")).ok()?;
        if let Some(last) = batch.last() {
            follower.after = last.sequence;
            return visible(follower, batch).await;
        }
        tokio::select! {
            changed = follower.newest.changed() => changed.ok()?,
            _ = follower.closing.changed() => return None,
        }
    }
}

/// H1: what of a batch the follower may see; `None` ends the stream of who may follow no longer.
async fn visible(follower: &Follower, batch: Vec<EventView>) -> Option<Vec<EventView>> {
    let (api, caller) = (&follower.api, &follower.caller);
    if !permission::decide(api, caller, "followEvents", &Subject::Workspace).allows() {
        return None;
    }
    let mut sight = Sight::new(api, caller);
    let mut shown = Vec::with_capacity(batch.len());
    for event in batch {
        let named = event.data.get("wallet").and_then(|w| w.as_str());
        let wallet: Option<WalletId> = named.unwrap_or(&event.subject).parse().ok();
        let is_shown = match (event.subject.parse(), wallet) {
            (Ok(_), Some(wallet)) => sight.of("readTransfer", wallet).await,
            (Ok(transfer), None) => sight.of_transfer(transfer).await,
            (Err(_), Some(wallet)) => sight.of("readWallet", wallet).await,
            (Err(_), None) => Ok(true),
        };
        if is_shown.map_err(|p| tracing::warn!(code = p.code, "an event stream ends")).ok()? {
            shown.push(event);
        }
    }
    Some(shown)
}

fn render(event: &EventView) -> Event {
    let data = serde_json::to_string(event).unwrap_or_default();
    Event::default().id(event.sequence.to_string()).event(&event.kind).data(data)
}
