//! The host's audit log: entries chained by digest, so that a change, a removal or an insertion shows.
//!
//! The host writes it and the host could rewrite all of it: it proves order and completeness only against a head that
//! somebody else keeps. Entries hold public fields, never secrets.

mod audit;

pub use audit::{BrokenEntry, Draft, Entry, Fault, Head, verify};
