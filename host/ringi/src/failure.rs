//! Why a command failed and what to do next. Everything a person sees when things go wrong passes through here.

use std::fmt;
use std::path::Path;

/// A failed command: what happened, and the next step. The code is stable, `cli.<reason>` or the server's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Stable code.
    pub code: String,
    /// What happened.
    pub what: String,
    /// What to do about it.
    pub next: String,
}

impl Failure {
    /// A failure with its code, cause and remedy.
    pub fn new(code: &str, what: impl fmt::Display, next: impl Into<String>) -> Failure {
        Failure { code: code.to_string(), what: what.to_string(), next: next.into() }
    }

    /// A file that cannot be read or written.
    pub fn file(path: &Path, error: &std::io::Error) -> Failure {
        let next = match error.kind() {
            std::io::ErrorKind::NotFound => "check the path".to_string(),
            std::io::ErrorKind::AlreadyExists => {
                "choose another name: existing files are never overwritten".to_string()
            }
            std::io::ErrorKind::PermissionDenied => "check who may read and write it".to_string(),
            std::io::ErrorKind::StorageFull => "free some space and run the command again".to_string(),
            _ => "look at the cause and run the command again".to_string(),
        };
        Failure::new("cli.file", format!("{}: {error}", path.display()), next)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  code: {}\n  next: {}", self.what, self.code, self.next)
    }
}

impl std::error::Error for Failure {}

/// What every command gives back.
pub type Done = Result<(), Failure>;
