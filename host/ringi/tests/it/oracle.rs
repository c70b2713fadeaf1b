//! Programs that nobody here wrote, from the packages that `oracles/` pins.

use crate::node::root;
use std::path::PathBuf;
use std::process::Command;

/// The Python interpreter with an oracle's packages, whose programs lie beside it; `None` where oracles are left out.
pub fn python(oracle: &str) -> Option<PathBuf> {
    if std::env::var_os("RINGI_SKIP_ORACLES").is_some() {
        eprintln!("left out: RINGI_SKIP_ORACLES is set");
        return None;
    }
    let folder = root().join("oracles").join(oracle);
    let made = Command::new(root().join("scripts/venv.sh")).arg(folder).output().unwrap();
    let why = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "python3 with venv is needed (or RINGI_SKIP_ORACLES=1): {why}");
    Some(String::from_utf8(made.stdout).unwrap().trim_end().into())
}
