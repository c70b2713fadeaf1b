//! What a caller hears of an enclave.

use ringi_primitives::wire::FromCosigner;
use std::fmt;

/// One thing that happened, in order.
#[allow(clippy::large_enum_variant, reason = "nearly every event is a frame")]
#[derive(Debug)]
pub enum Event {
    /// The cosigner runs and its records were handed to it; `run` counts starts from 1.
    Started {
        /// Which start.
        run: u64,
    },
    /// A frame of the cosigner; never `Store`, which is answered here.
    Said(FromCosigner),
    /// Something for the log and the operator; stable `code`.
    Trouble {
        /// Stable code `area.name`.
        code: &'static str,
        /// In words.
        detail: String,
    },
    /// The cosigner is gone; nothing of this run follows.
    Ended(Ending),
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The program ended by itself.
    Exited {
        /// Its exit code, or `None` if a signal ended it.
        status: Option<i32>,
        /// What it said last; foreign text, to be shown only.
        last_words: String,
    },
    /// The caller stopped it.
    Stopped,
    /// It broke the wire protocol and was killed.
    Broke {
        /// Stable code.
        code: &'static str,
        /// In words.
        detail: String,
    },
    /// Its records could not be kept and it was killed.
    Records {
        /// Stable code.
        code: &'static str,
        /// In words.
        detail: String,
    },
}

impl Ending {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Ending::Exited { .. } => "enclave.exited",
            Ending::Stopped => "enclave.stopped",
            Ending::Broke { code, .. } | Ending::Records { code, .. } => code,
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ending::Exited { status: Some(status), last_words } => {
                write!(f, "cosigner exited with status {status}: {last_words}")
            }
            Ending::Exited { status: None, last_words } => write!(f, "cosigner was ended by a signal: {last_words}"),
            Ending::Stopped => f.write_str("cosigner was stopped"),
            Ending::Broke { detail, .. } => write!(f, "cosigner broke the wire protocol: {detail}"),
            Ending::Records { detail, .. } => write!(f, "cosigner's records cannot be kept: {detail}"),
        }
    }
}
