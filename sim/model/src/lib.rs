//! A model of the limits' protocol (rules L1, L2, I3, B1) that a checker searches whole: three cosigners of whom two sign, and
//! a host that does what it likes. docs/limits-model.md says which step is which function of a cosigner.
//!
//! Every intent costs 1 and is charged to one limit. What is not modelled is what the host has no say in: a message is who
//! it says it is from, and the messages of another session do nothing (rule S1).

pub mod boots;
pub mod bounds;
pub mod check;
pub mod memory;
pub mod sessions;
pub mod state;
pub mod walk;

pub use check::Bounds;
pub use state::{Flaw, State, Step};
