//! Moves a transfer from step to step, durably and at most once, and is the platform's service behind the API.
//!
//! It can stop a payment; it cannot cause one: cosigners decode and decide for themselves. A pure step machine
//! ([`transfer::step`]) says what follows what; the driver carries it out against [`ports`]. [`Service`] is what gateway
//! and command line call; [`Orchestrator`] implements it.

mod approve;
mod attempt;
mod brakes;
mod chainwatch;
pub mod conformance;
mod core;
mod deposits;
mod documents;
mod drafts;
mod drive;
pub mod error;
mod facts;
mod gates;
mod incidents;
mod judge;
mod keys;
mod orchestrator;
pub mod ports;
mod prepare;
mod receipt;
mod render;
mod reservation;
mod roles;
pub mod service;
mod sign;
mod signers;
mod slots;
mod spent;
mod submit;
pub mod transfer;
pub mod upgrade;
mod wallets;
mod workspace;

pub use core::Config;
pub use error::{ErrorClass, ServiceError};
pub use incidents::Incident;
pub use orchestrator::Orchestrator;
pub use service::Service;
