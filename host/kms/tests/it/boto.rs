//! boto3 as a client that nobody here wrote, one process for each test.

use crate::world::{Signer, World};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../oracles/kms")
}

/// The interpreter with the pinned packages.
fn python() -> PathBuf {
    let made = Command::new(folder().join("../../scripts/venv.sh")).arg(folder()).output().unwrap();
    let why = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "python3 with venv is needed (or RINGI_SKIP_ORACLES=1): {why}");
    String::from_utf8(made.stdout).unwrap().trim_end().into()
}

/// What a call ended with: an answer, or an error's name and text.
pub type Outcome = Result<Value, (String, String)>;

pub struct Boto(RefCell<Talk>);

struct Talk {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Boto {
    /// `None` where the oracles are left out.
    pub fn of(world: &World) -> Option<Boto> {
        if std::env::var_os("RINGI_SKIP_ORACLES").is_some() {
            eprintln!("left out: RINGI_SKIP_ORACLES is set");
            return None;
        }
        let mut command = Command::new(python());
        command.arg(folder().join("client.py")).arg(world.url()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (to, from) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Some(Boto(RefCell::new(Talk { child, to, from })))
    }

    pub fn call(&self, signer: Signer, operation: &str, parameters: Value) -> Outcome {
        let key = json!([signer.id, signer.secret, signer.token]);
        let mut talk = self.0.borrow_mut();
        writeln!(talk.to, "{}", json!({"key": key, "operation": operation, "parameters": parameters})).unwrap();
        let mut line = String::new();
        talk.from.read_line(&mut line).unwrap();
        let mut told: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{operation}: boto3 failed"));
        if let Some(name) = told["error"].as_str() {
            let internal = name == "KMSInternalException";
            assert_eq!(told["status"], if internal { 500 } else { 400 }, "{told}");
            return Err((name.into(), told["message"].as_str().unwrap_or_default().into()));
        }
        Ok(told["answer"].take())
    }

    pub fn good(&self, signer: Signer, operation: &str, parameters: Value) -> Value {
        self.call(signer, operation, parameters).unwrap_or_else(|e| panic!("{operation}: {e:?}"))
    }

    pub fn bad(&self, signer: Signer, operation: &str, parameters: Value) -> String {
        self.bad_with_text(signer, operation, parameters).0
    }

    pub fn bad_with_text(&self, signer: Signer, operation: &str, parameters: Value) -> (String, String) {
        self.call(signer, operation, parameters).expect_err(operation)
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn bytes(bytes: &[u8]) -> Value {
    json!({"$bytes": STANDARD.encode(bytes)})
}

pub fn of_bytes(value: &Value) -> Vec<u8> {
    STANDARD.decode(value["$bytes"].as_str().unwrap_or_else(|| panic!("no bytes: {value}"))).unwrap()
}
