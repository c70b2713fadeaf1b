//! A Nitro Security Module in software, for machines without one: registers, error codes, a PKI, signed documents.
//!
//! Its root is a simulation root: whoever accepts its documents believes the operator of this machine (rule E3). One
//! implementation, whatever carries the messages.

mod bank;
mod module;
mod pki;
pub mod socket;

pub use bank::Bank;
pub use module::{Clock, Module, SystemClock};
pub use pki::{Authority, PkiError};
