//! The platform on this machine: cosigners, relay, store, orchestrator and gateway wired together.

mod attempts;
pub mod chains;
pub mod fleet;
