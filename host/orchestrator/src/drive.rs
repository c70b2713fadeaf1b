//! Takes one transfer from step to step until it waits for people, for the chain, or is at its end.
//!
//! At most one task drives a transfer. An error of a port changes nothing and is tried again, later and later.

use crate::core::{Core, lock};
use crate::error::ServiceError;
use crate::transfer::{Event, Exposure, Tracked, Transfer};
use crate::{chainwatch, prepare, sign};
use ringi_primitives::id::IntentId;
use std::sync::Arc;
use std::time::Duration;

/// Starts driving, unless somebody does or nothing is to do.
pub(crate) fn start(core: &Arc<Core>, id: IntentId) {
    if lock(&core.driven).insert(id) {
        let own = core.clone();
        core.spawn(async move { drive(&own, id).await });
    }
}

async fn drive(core: &Arc<Core>, id: IntentId) {
    let mut troubles = 0;
    while let Some(cell) = core.cell(id) {
        let state = cell.lock().await.record.state.clone();
        let done = match state {
            Transfer::Queued { .. } => prepare::prepare(core, &cell).await,
            Transfer::Prepared { .. } => sign::sign(core, &cell).await,
            // Signed, but storing that failed: the same bytes are signed again.
            Transfer::Signing { .. } => {
                let mut live = cell.lock().await;
                core.apply(&mut live, Event::AttemptFailed(Exposure::Possible), Vec::new()).await.map(|_| ())
            }
            Transfer::Signed { .. } => chainwatch::broadcast(core, &cell).await,
            Transfer::Broadcasting { .. } | Transfer::Confirming { .. } => {
                let network = cell.lock().await.record.header.network;
                chainwatch::follow(core, network, id);
                break;
            }
            _ => break,
        };
        match done {
            Ok(()) => troubles = 0,
            Err(error) => {
                report(id, &error);
                troubles += 1;
                tokio::time::sleep(backoff(core, troubles)).await;
            }
        }
    }
    lock(&core.driven).remove(&id);
    // Somebody may have moved it on after it was looked at and before it was given up.
    if let Some(cell) = core.cell(id)
        && cell.lock().await.record.state.tracked() == Tracked::Driven
    {
        start(core, id);
    }
}

fn report(id: IntentId, error: &ServiceError) {
    tracing::warn!(code = error.code, message = error.message, transfer = %id, "step failed; trying again");
}

/// Doubles with every trouble, up to a bound, and scatters by a half.
pub(crate) fn backoff(core: &Core, troubles: u32) -> Duration {
    let full = core.config.backoff_ms.saturating_mul(1 << troubles.min(12)).min(core.config.backoff_max_ms).max(1);
    let [a, b, ..] = core.ports.random.bytes16();
    let jitter = u64::from(u16::from_be_bytes([a, b])) * (full / 2) / u64::from(u16::MAX);
    Duration::from_millis(full - full / 2 + jitter)
}
