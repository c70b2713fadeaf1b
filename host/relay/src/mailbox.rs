//! One ordered pair's mailbox: bounded in letters and bytes, emptied in order by a task of its own.

use crate::endpoint::Endpoint;
use crate::relay::{MAILBOX_BYTES, MAILBOX_LETTERS};
use ringi_primitives::scheme::PartyIndex;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::Instant;

/// Why a mailbox takes no letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Full,
    Gone,
}

/// The posting end. Dropping it ends the task when the mailbox is empty.
pub(crate) struct Mailbox {
    items: mpsc::Sender<Item>,
    waiting_bytes: Arc<AtomicUsize>,
}

enum Item {
    PeerUp,
    Frame { due: Instant, frame: Vec<u8> },
}

impl Mailbox {
    /// From `from` to the cosigner behind `endpoint`; must be called within a runtime. Its first item is the word
    /// that `from` is reachable, so that no frame comes before it.
    pub(crate) fn open(from: PartyIndex, endpoint: Arc<dyn Endpoint>) -> Mailbox {
        let (items, received) = mpsc::channel(MAILBOX_LETTERS + 1);
        let waiting_bytes = Arc::new(AtomicUsize::new(0));
        // A fresh channel has room.
        let _ = items.try_send(Item::PeerUp);
        tokio::spawn(empty(from, endpoint, received, waiting_bytes.clone()));
        Mailbox { items, waiting_bytes }
    }

    /// Drops nothing that was taken before: a full mailbox refuses the newest.
    pub(crate) fn put(&self, frame: Vec<u8>, delay_ms: u64) -> Result<(), Refused> {
        let bytes = frame.len();
        if self.waiting_bytes.load(Ordering::Acquire).saturating_add(bytes) > MAILBOX_BYTES {
            return Err(Refused::Full);
        }
        // Counted before it is sent: the task subtracts as soon as it has taken it.
        self.waiting_bytes.fetch_add(bytes, Ordering::AcqRel);
        let due = Instant::now() + Duration::from_millis(delay_ms);
        self.items.try_send(Item::Frame { due, frame }).map_err(|e| {
            self.waiting_bytes.fetch_sub(bytes, Ordering::AcqRel);
            match e {
                TrySendError::Full(_) => Refused::Full,
                TrySendError::Closed(_) => Refused::Gone,
            }
        })
    }
}

async fn empty(
    from: PartyIndex,
    endpoint: Arc<dyn Endpoint>,
    mut items: mpsc::Receiver<Item>,
    waiting_bytes: Arc<AtomicUsize>,
) {
    while let Some(item) = items.recv().await {
        let delivered = match item {
            Item::PeerUp => endpoint.peer_up(from).await,
            Item::Frame { due, frame } => {
                tokio::time::sleep_until(due).await;
                let bytes = frame.len();
                let delivered = endpoint.deliver(from, frame).await;
                waiting_bytes.fetch_sub(bytes, Ordering::AcqRel);
                delivered
            }
        };
        if delivered.is_err() {
            tracing::debug!(code = "relay.gone", from = from.number(), "letters to an ended cosigner are lost");
            return;
        }
    }
}
