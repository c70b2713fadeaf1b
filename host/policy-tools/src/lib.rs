//! Policies as people handle them: files that read and write exactly, explanations, differences, findings, and questions over
//! all inputs. Nothing here is trusted: cosigners obey the signed set alone.

pub mod can;
pub mod diff;
#[cfg(test)]
mod fixture;
pub mod form;
pub mod lint;
mod needs;
pub mod preview;
mod read;
mod search;
#[cfg(test)]
mod tests;
pub mod trust;
mod write;

pub use form::PolicyForm;
pub use read::{Fresh, to_set};
pub use write::from_set;

/// What is wrong with a policy file, in a sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FileError(pub String);
