//! The policy: from what is asked, who asked and approved, and what was spent, to one decision.
//!
//! Pure and deterministic: no I/O, no clock, no randomness, no floating point. The same code advises on the host and
//! binds in the cosigner. A block wins wherever it stands; else each effect belongs to the first rule that matches it, and the
//! terms of all these rules hold; what no rule matches is denied.
//! One clause of a rule is one file in [`clauses`]; `catalogue` lists them, and `docs/rules.md` is generated from it.

mod case;
#[cfg(test)]
mod catalogue;
pub mod clauses;
mod decide;
mod explain;
#[cfg(test)]
mod fixture;
mod memory;
mod places;
#[cfg(test)]
mod properties;
mod question;
mod spent;

pub use decide::{DEFAULT_RULE, decide, decide_as_claimed, watched};
pub use explain::{Step, explain};
pub use question::{Coins, Question};
pub use ringi_primitives::decision::Decision;
pub use spent::Spent;
