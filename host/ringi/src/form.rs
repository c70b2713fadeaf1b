//! Files that people write: TOML, or JSON by its file name. Unknown keys are refused.

use crate::failure::Failure;
use serde::de::DeserializeOwned;
use std::path::Path;

/// Reads a form.
///
/// # Errors
/// If it cannot be read or has an unknown, repeated, missing or wrong key; says where.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<T, Failure> {
    let text = std::fs::read_to_string(path).map_err(|e| Failure::file(path, &e))?;
    parse(&text, path.extension().is_some_and(|e| e == "json")).map_err(|why| {
        let what = format!("{}: {why}", path.display());
        Failure::new(
            "cli.form",
            what,
            "correct the key that the message names; a complete example is host/ringi/src/demo/policy.toml",
        )
    })
}

fn parse<T: DeserializeOwned>(text: &str, json: bool) -> Result<T, String> {
    if json {
        serde_json::from_str(text).map_err(|e| e.to_string())
    } else {
        toml::from_str(text).map_err(|e| e.to_string())
    }
}
