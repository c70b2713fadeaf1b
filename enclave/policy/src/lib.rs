//! The policy: from what is asked, who asked and approved, and what was spent, to one decision.
//!
//! Pure and deterministic: no I/O, no clock, no randomness, no floating point. The same code advises on the host and
//! binds in the cosigner. Every matching rule's demand holds, a deny wins, nothing permitted means deny.
//! One rule is one file in [`rules`]; [`catalogue`] lists them, and `docs/rules.md` is generated from it.

mod case;
pub mod catalogue;
mod decide;
#[cfg(test)]
mod fixture;
mod found;
#[cfg(test)]
mod properties;
mod question;
pub mod rules;
mod spent;

pub use decide::{DEFAULT_RULE, decide};
pub use question::Question;
pub use ringi_primitives::decision::Decision;
pub use spent::Spent;
