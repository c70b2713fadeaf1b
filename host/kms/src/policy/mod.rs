//! Key policies: what a statement can say here, and what follows from all of them.
//!
//! Fail closed: an element, an operator or a key that is not understood makes the whole policy malformed.

mod condition;
mod evaluate;
mod parse;
mod pattern;

pub(crate) use condition::{Comparison, Condition, Operator};
pub use evaluate::{Call, Context, Verdict, evaluate};
pub use parse::{Effect, Policy, PrincipalPattern, Statement};
pub use pattern::matches_action;
