//! What commands print: a few readable lines, or one JSON value with `--json`.

use crate::cli::Cli;
use crate::failure::Failure;
use serde::Serialize;

/// The form of a command's output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Lines for people.
    Text,
    /// One JSON value.
    Json,
}

impl Output {
    /// The form that a command line asks for.
    pub fn of(cli: &Cli) -> Output {
        if cli.json { Output::Json } else { Output::Text }
    }

    /// Prints `value` as JSON, or the text that `lines` makes of it.
    pub fn show<T: Serialize>(self, value: &T, lines: impl FnOnce(&T) -> String) {
        let text = match self {
            Output::Text => lines(value),
            Output::Json => json(value),
        };
        let text = text.trim_end();
        if !text.is_empty() {
            println!("{text}");
        }
    }

    /// Tells of progress: a line for people, nothing in JSON.
    pub fn note(self, line: &str) {
        if self == Output::Text {
            println!("{line}");
        }
    }

    /// Prints a failure to standard error.
    pub fn fail(self, failure: &Failure) {
        match self {
            Output::Text => eprintln!("error: {failure}"),
            Output::Json => {
                let value = serde_json::json!({"code": failure.code, "error": failure.what, "next": failure.next});
                eprintln!("{}", json(&value));
            }
        }
    }
}

fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string_pretty(value).unwrap_or_else(|e| format!("{{\"error\":\"{e}\"}}"))
}
