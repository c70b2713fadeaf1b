//! Moves a transfer from step to step, durably and at most once, and is the platform's service behind the API.
//!
//! It can stop a payment; it cannot cause one: cosigners decode and decide for themselves. A pure step machine
//! ([`transfer::step`]) says what follows what; the driver carries it out against [`ports`].

pub mod error;
pub mod ports;
pub mod service;
pub mod transfer;

pub use error::{ErrorClass, ServiceError};
pub use service::Service;
