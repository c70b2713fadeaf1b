//! Group commit: whatever records have come while the disk was busy become durable together, then are acknowledged.

use crate::{Ending, Event, RecordError, RecordLog, StoredRecord};
use ringi_primitives::wire::{RecordKind, ToCosigner};
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// A commit is closed at this size, so that one write stays bounded.
const COMMIT_BYTES: usize = 8 * 1024 * 1024;
/// A cosigner that writes more in one snapshot is broken: its memory would not hold the state.
const SNAPSHOT_BYTES: usize = 1024 * 1024 * 1024;
/// Pause before the same commit is tried again on a full disk.
const RETRY_MS: u64 = 500;

/// What a committer works with.
pub(crate) struct Committer {
    pub(crate) store: Box<dyn RecordLog>,
    pub(crate) queue: mpsc::Receiver<StoredRecord>,
    pub(crate) to_cosigner: mpsc::Sender<ToCosigner>,
    pub(crate) events: mpsc::Sender<Event>,
    /// Turns true when the cosigner is gone: nothing is tried again then.
    pub(crate) closing: watch::Receiver<bool>,
}

impl Committer {
    /// Runs until the queue closes.
    ///
    /// # Errors
    /// The ending of the cosigner's run, if its records cannot be kept.
    pub(crate) async fn run(mut self) -> Result<(), Ending> {
        while let Some(first) = self.queue.recv().await {
            let Some(batch) = self.gather(first).await? else { return Ok(()) };
            let Some(sequence) = batch.last().map(|r| r.sequence) else { continue };
            let Some(committed) = self.commit(batch).await? else { return Ok(()) };
            self = committed;
            if self.to_cosigner.send(ToCosigner::Stored { sequence }).await.is_err() {
                tracing::debug!(code = "records.unheard", "cosigner ended before it heard of its record");
            }
        }
        Ok(())
    }

    /// What has come, never the beginning of a snapshot without its end; `None` if the cosigner ended before that.
    async fn gather(&mut self, first: StoredRecord) -> Result<Option<Vec<StoredRecord>>, Ending> {
        let mut bytes = first.record.len();
        let mut batch = vec![first];
        loop {
            let next = if batch.last().is_some_and(|r| r.kind == RecordKind::SnapshotPart) {
                self.queue.recv().await
            } else if bytes < COMMIT_BYTES {
                self.queue.try_recv().ok()
            } else {
                return Ok(Some(batch));
            };
            let Some(next) = next else { break };
            bytes += next.record.len();
            if bytes > SNAPSHOT_BYTES {
                let detail = format!("a snapshot of more than {SNAPSHOT_BYTES} bytes");
                return Err(Ending::Broke { code: "records.snapshot_too_long", detail });
            }
            batch.push(next);
        }
        // A snapshot that was cut off was never acknowledged.
        let whole = batch.iter().rposition(|r| r.kind != RecordKind::SnapshotPart).map_or(0, |at| at + 1);
        batch.truncate(whole);
        Ok(if batch.is_empty() { None } else { Some(batch) })
    }

    /// Tries until the batch is durable; `None` if the cosigner ended meanwhile.
    async fn commit(mut self, batch: Vec<StoredRecord>) -> Result<Option<Committer>, Ending> {
        let mut batch = batch;
        loop {
            let Committer { mut store, queue, to_cosigner, events, closing } = self;
            let appended = tokio::task::spawn_blocking(move || {
                let result = store.append(&batch);
                (store, batch, result)
            });
            let (store, tried, result) = appended.await.map_err(|e| Ending::Records {
                code: "records.thread",
                detail: format!("the thread that writes them failed: {e}"),
            })?;
            (self, batch) = (Committer { store, queue, to_cosigner, events, closing }, tried);
            let error = match result {
                Ok(()) => return Ok(Some(self)),
                Err(e) if !e.is_passing() => return Err(ending(&e)),
                Err(e) => e,
            };
            tracing::error!(code = error.code(), "records wait for the disk: {error}");
            // Not awaited: a caller that does not listen must not hold up the next try.
            let _ = self.events.try_send(Event::Trouble { code: error.code(), detail: error.to_string() });
            let pause = tokio::time::sleep(Duration::from_millis(RETRY_MS));
            tokio::select! {
                () = pause => {}
                _ = self.closing.wait_for(|closing| *closing) => return Ok(None),
            }
        }
    }
}

fn ending(e: &RecordError) -> Ending {
    Ending::Records { code: e.code(), detail: e.to_string() }
}
