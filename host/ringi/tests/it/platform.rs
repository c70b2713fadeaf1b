//! `ringi up` as a process of its own on a folder of its own, and commands that speak to it.

use crate::node::{CHAIN_ID, Node, root};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Nothing takes longer, not even a story of emulated machines on a busy machine.
const PATIENCE: Duration = Duration::from_secs(240);

/// The cosigner as tests start it.
pub fn cosigner() -> PathBuf {
    let program = root().join("target/enclave/debug/ringi-cosigner");
    assert!(program.is_file(), "no cosigner in target/enclave/debug: run scripts/build-cosigner.sh dev");
    program
}

/// A command's outcome; with `--json` both streams hold one JSON value or nothing.
#[derive(Debug)]
pub struct Outcome {
    pub exit: Option<i32>,
    pub out: Value,
    pub err: Value,
}

fn one_value(stream: &[u8], arguments: &[&str]) -> Value {
    let text = String::from_utf8_lossy(stream);
    if text.trim().is_empty() {
        return Value::Null;
    }
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{arguments:?} with --json gives no JSON ({e}): {text}"))
}

/// Runs `ringi --json …` to its end.
pub fn ringi(folder: &Path, url: &str, arguments: &[&str]) -> Outcome {
    let program = env!("CARGO_BIN_EXE_ringi");
    let mut command = Command::new(program);
    command.current_dir(folder).env("RINGI_URL", url).arg("--json").args(arguments);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let output = within_patience(child, arguments);
    Outcome {
        exit: output.status.code(),
        out: one_value(&output.stdout, arguments),
        err: one_value(&output.stderr, arguments),
    }
}

/// The output of a command that ends by itself; one that does not is ended.
fn within_patience(child: Child, arguments: &[&str]) -> Output {
    let id = child.id().to_string();
    let (done, is_done) = mpsc::channel();
    let waiting = std::thread::spawn(move || {
        let output = child.wait_with_output().unwrap();
        let _ = done.send(());
        output
    });
    let is_late = is_done.recv_timeout(PATIENCE).is_err();
    if is_late {
        let _ = signal("9", &id);
    }
    let output = waiting.join().unwrap();
    assert!(!is_late, "{arguments:?} does not end");
    output
}

/// Sends a signal; `kill` is a word of every shell, and not a program everywhere.
pub fn signal(name: &str, process: &str) -> bool {
    Command::new("sh").args(["-c", &format!("kill -{name} {process}")]).status().unwrap().success()
}

/// A running platform.
pub struct Platform {
    pub folder: PathBuf,
    pub url: String,
    child: Child,
}

impl Platform {
    /// Writes the settings of a new folder: this node, one confirmation.
    pub fn settle(folder: &Path, node: &Node) {
        Platform::settle_at(folder, &node.url(), 1);
    }

    /// The same for a node under another address, with so many confirmations.
    pub fn settle_at(folder: &Path, url: &str, confirmations: u64) {
        let chain = format!("chain_id = {CHAIN_ID}\nconfirmations = {confirmations}\npoll_ms = 50\n");
        let evm = format!("[[evm]]\nurl = \"{url}\"\n{chain}");
        std::fs::create_dir_all(folder.join("data")).unwrap();
        std::fs::write(folder.join("data/ringi.toml"), evm).unwrap();
    }

    /// `ringi up` on the folder's `data`, until it says that it is up.
    pub fn up(folder: &Path) -> Platform {
        Platform::up_with(folder, &["--cosigner", cosigner().to_str().unwrap()])
    }

    /// The same with these flags.
    pub fn up_with(folder: &Path, flags: &[&str]) -> Platform {
        let mut child = Command::new(env!("CARGO_BIN_EXE_ringi"))
            .current_dir(folder)
            .args(["--json", "up", "--data", "data", "--listen", "127.0.0.1:0"])
            .args(flags)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut text = String::new();
        let value: Value = loop {
            let count = out.read_line(&mut text).unwrap();
            assert!(count > 0, "ringi up ended before it was up: {text}");
            if let Ok(value) = serde_json::from_str(&text) {
                break value;
            }
        };
        Platform { folder: folder.to_owned(), url: value["url"].as_str().unwrap().to_string(), child }
    }

    /// Its number.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Like a power cut: nothing of the process runs on.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// As Ctrl-C does; gives the exit code.
    pub fn stop(mut self) -> Option<i32> {
        let id = self.child.id().to_string();
        assert!(signal("TERM", &id));
        self.child.wait().unwrap().code()
    }

    pub fn run(&self, arguments: &[&str]) -> Outcome {
        ringi(&self.folder, &self.url, arguments)
    }

    /// A command that must succeed.
    pub fn good(&self, arguments: &[&str]) -> Value {
        let found = self.run(arguments);
        assert_eq!(found.exit, Some(0), "{arguments:?}: {}", found.err);
        assert!(!found.out.is_null(), "{arguments:?} says nothing");
        assert!(found.err.is_null(), "{arguments:?}: {}", found.err);
        found.out
    }

    /// A command that must be refused with this code, and with a hint.
    pub fn refuses(&self, arguments: &[&str], code: &str) {
        let found = self.run(arguments);
        refused(&found, arguments, code);
    }

    /// Until a transfer has this status.
    pub fn until(&self, transfer: &str, status: &str) -> Value {
        let began = Instant::now();
        loop {
            let now = self.good(&["transfer", "show", "--key", INITIATOR, transfer]);
            if now["status"] == status {
                return now;
            }
            assert!(began.elapsed() < PATIENCE, "{transfer} did not become {status}: {now}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// The development workspace's initiator.
pub const INITIATOR: &str = "data/development/initiator.key";

/// Exit code, stable code, cause and hint of a refused command.
pub fn refused(found: &Outcome, arguments: &[&str], code: &str) {
    assert!(found.exit.is_some_and(|exit| exit != 0), "{arguments:?} was not refused: {}", found.out);
    assert!(found.out.is_null(), "{arguments:?} failed and still said {}", found.out);
    assert_eq!(found.err["code"], code, "{arguments:?}: {}", found.err);
    for told in ["error", "next"] {
        assert!(!found.err[told].as_str().unwrap_or_default().is_empty(), "{arguments:?} tells no {told}");
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
