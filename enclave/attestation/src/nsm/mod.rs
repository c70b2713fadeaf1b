//! Speaking to a Nitro Security Module: what can be asked and answered, and the program's side of it.

mod client;
mod message;
#[cfg(feature = "simulation")]
mod socket;

pub use client::{Nsm, NsmError, Transport};
pub use message::{Answer, Description, Fault, MESSAGE_BYTES, Question, RANDOM_BYTES};
#[cfg(feature = "simulation")]
pub use socket::{Socket, read_message, write_message};
