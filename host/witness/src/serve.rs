//! Round after round until it is told to stop.

use crate::rounds::{Report, Witness};
use std::time::Duration;
use tokio::time::MissedTickBehavior;

/// Runs rounds until `stop`. A round that takes longer than the interval delays the next.
pub async fn serve(witness: &Witness, stop: impl Future<Output = ()>) {
    let mut every = tokio::time::interval(Duration::from_secs(witness.interval_s()));
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => return,
            _ = every.tick() => log(&witness.round().await),
        }
    }
}

fn log(report: &Report) {
    for (what, error) in &report.failures {
        tracing::warn!(code = error.code(), what, "{error}");
    }
    tracing::info!(sent = report.sent.len(), failed = report.failures.len(), "round");
}
