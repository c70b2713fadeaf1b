//! Says on standard error what is being measured now, so that standard output holds the report alone.

use std::time::Instant;

/// Since when the run goes on.
#[derive(Clone, Copy)]
pub struct Progress(Instant);

impl Progress {
    /// Starts the clock.
    pub fn start() -> Progress {
        Progress(Instant::now())
    }

    /// The next thing.
    pub fn step(&self, what: &str) {
        eprintln!("[{:>4.0} s] {what}", self.0.elapsed().as_secs_f64());
    }
}
