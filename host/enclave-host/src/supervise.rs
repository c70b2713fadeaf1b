//! Keeps a cosigner running: after an unwanted end it is started again, later and later.

use crate::{Enclave, EnclaveHandle, Ending, Event, Events, Fault, Home, SendError, StartError};
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::wire::ToCosigner;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// Events waiting for the caller.
const EVENTS: usize = 1024;

/// Pauses between starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// Before the first restart.
    pub first_ms: u64,
    /// Each pause is twice the last one, at most this.
    pub most_ms: u64,
    /// A run that lasted this long was healthy: the next pause is the first again.
    pub healthy_ms: u64,
}

impl Default for Backoff {
    fn default() -> Backoff {
        Backoff { first_ms: 100, most_ms: 10_000, healthy_ms: 30_000 }
    }
}

impl Backoff {
    /// The pause before the start that follows `failures` (at least 1) runs that were not healthy.
    fn pause(&self, failures: u32) -> Duration {
        let factor = 1u64.checked_shl(failures.saturating_sub(1)).unwrap_or(u64::MAX);
        Duration::from_millis(self.first_ms.saturating_mul(factor).min(self.most_ms))
    }
}

/// A cosigner that is restarted when it ends. Clones are the same one; it is killed when the last is dropped.
#[derive(Clone)]
pub struct Supervised {
    me: PartyIndex,
    current: watch::Receiver<Option<EnclaveHandle>>,
    stop: mpsc::Sender<()>,
}

/// Starts a cosigner and keeps it running. Every run begins with [`Event::Started`] (say `PeerUp` again then) and ends
/// with [`Event::Ended`]; nothing is resent by itself. The stream of events ends when the cosigner is stopped for good.
///
/// # Errors
/// [`StartError`] of the first start. Later ones are events; those that only a person can mend end the supervision.
pub async fn supervise(
    enclave: Arc<dyn Enclave>,
    me: PartyIndex,
    home: impl Into<Home>,
    backoff: Backoff,
) -> Result<(Supervised, Events), StartError> {
    let home = home.into();
    let (events, received) = mpsc::channel(EVENTS);
    let first = EnclaveHandle::start_into(enclave.as_ref(), me, &home, events.clone()).await?;
    let (tell, current) = watch::channel(None);
    let (stop, stopped) = mpsc::channel(1);
    let keeper = Keeper { enclave, me, home, backoff, events, tell, stopped };
    tokio::spawn(keeper.keep(first));
    Ok((Supervised { me, current, stop }, received))
}

impl Supervised {
    /// Its number.
    pub fn me(&self) -> PartyIndex {
        self.me
    }

    /// The present run, if it is up.
    pub fn current(&self) -> Option<EnclaveHandle> {
        self.current.borrow().clone()
    }

    /// Hands a frame to the present run.
    ///
    /// # Errors
    /// [`SendError::Down`] between runs: nothing is kept for the next one.
    pub async fn send(&self, frame: ToCosigner) -> Result<(), SendError> {
        let current = self.current().ok_or(SendError::Down)?;
        current.send(frame).await
    }

    /// Kills the present run; it will be started again.
    pub async fn kill(&self) {
        if let Some(current) = self.current() {
            current.stop().await;
        }
    }

    /// Stops it for good and waits until its records are closed.
    pub async fn stop(&self) {
        let _ = self.stop.try_send(());
        let mut current = self.current.clone();
        while current.changed().await.is_ok() {}
    }
}

struct Keeper {
    enclave: Arc<dyn Enclave>,
    me: PartyIndex,
    home: Home,
    backoff: Backoff,
    events: mpsc::Sender<Event>,
    tell: watch::Sender<Option<EnclaveHandle>>,
    stopped: mpsc::Receiver<()>,
}

impl Keeper {
    async fn keep(mut self, first: EnclaveHandle) {
        let mut next = Some(first);
        let (mut run, mut failures) = (0, 0);
        loop {
            if let Some(handle) = next.take() {
                run += 1;
                let began = Instant::now();
                let Some(_ending) = self.watch_run(handle, run).await else { return };
                let healthy = began.elapsed() >= Duration::from_millis(self.backoff.healthy_ms);
                failures = if healthy { 1 } else { failures + 1 };
            } else {
                failures += 1;
            }
            let pause = tokio::time::sleep(self.backoff.pause(failures));
            tokio::select! {
                () = pause => {}
                _ = self.stopped.recv() => return,
            }
            let started =
                EnclaveHandle::start_into(self.enclave.as_ref(), self.me, &self.home, self.events.clone()).await;
            match started {
                Ok(handle) => next = Some(handle),
                Err(e) => {
                    let trouble = Event::Trouble { code: e.code(), detail: e.to_string() };
                    let _ = self.events.send(trouble).await;
                    if matches!(e.fault(), Fault::Storage | Fault::Caller) {
                        return;
                    }
                }
            }
        }
    }

    /// One run; `None` if the cosigner is to stay down.
    async fn watch_run(&mut self, handle: EnclaveHandle, run: u64) -> Option<Ending> {
        self.tell.send_replace(Some(handle.clone()));
        let _ = self.events.send(Event::Started { run }).await;
        let ending = tokio::select! {
            ending = handle.ended() => Some(ending),
            _ = self.stopped.recv() => {
                handle.stop().await;
                None
            }
        };
        self.tell.send_replace(None);
        // Only then the next run's events follow this one's.
        handle.gone().await;
        ending
    }
}
