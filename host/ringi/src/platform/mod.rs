//! The platform on this machine: cosigners, relay, store, orchestrator and gateway wired together.

mod attempts;
pub mod built_in_kms;
pub mod chains;
pub mod development;
pub mod fleet;
pub mod handover;
pub mod images;
pub mod incidents;
pub mod records;
pub mod settings;
pub mod start;
