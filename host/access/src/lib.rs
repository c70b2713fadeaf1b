//! Who may ask the API for what, in Cedar: roles, the built-in policies, and the operator's own beside them.
//!
//! This is the host's own door. It protects the operator from its callers; nothing that cosigners sign depends on it, and
//! whoever owns the host can open it. Pure: no file, no clock, no socket.

mod question;
mod rules;

pub use question::{Question, Target};
pub use rules::{Access, AccessError, Reason, Verdict};

/// The vocabulary: entities, actions, context.
pub const SCHEMA: &str = include_str!("access.cedarschema");
/// What each role may do.
pub const DEFAULT: &str = include_str!("default.cedar");
