//! `ringi kms` as a program: policies found wanting and recommended, access keys, and a server that starts and stops.

use crate::ceremonies::founded;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

const ROLE: &str = "arn:aws:iam::111122223333:role/cosigner-1";

fn ringi(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ringi")).current_dir(folder).arg("--json").args(arguments).output().unwrap()
}

/// Exit code, what it says, and the code of its failure.
fn told(folder: &Path, arguments: &[&str]) -> (Option<i32>, Value, Value) {
    let output = ringi(folder, arguments);
    let value = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap_or_default();
    (output.status.code(), value(&output.stdout), value(&output.stderr)["code"].clone())
}

fn recommended(folder: &Path, cosigner: &str, role: &str) -> Value {
    let image = "a1".repeat(48);
    let arguments =
        ["kms", "policy", "--role", role, "--image", &image, "--genesis", "genesis", "--cosigner", cosigner];
    let (exit, policy, _) = told(folder, &arguments);
    assert_eq!(exit, Some(0));
    policy
}

#[test]
fn e1_the_recommended_policies_of_cosigners_lint_clean() {
    let folder = founded();
    let at = folder.path();
    for n in ["1", "2", "3"] {
        let policy = recommended(at, n, &format!("arn:aws:iam::{}:role/cosigner", n.repeat(12)));
        let condition = &policy["Statement"][0]["Condition"];
        assert_eq!(condition["StringEquals"]["kms:EncryptionContext:cosigner"], n);
        std::fs::write(at.join(n), policy.to_string()).unwrap();
    }
    assert_eq!(told(at, &["kms", "lint", "1", "2", "3"]), (Some(0), json!([]), Value::Null));
    // Two keys of one account.
    let policy = recommended(at, "2", "arn:aws:iam::111111111111:role/other");
    std::fs::write(at.join("2"), policy.to_string()).unwrap();
    let (exit, found, code) = told(at, &["kms", "lint", "1", "2", "3"]);
    assert_eq!((exit, code), (Some(1), json!("kms.lint")));
    assert_eq!(found[0]["code"], "kms.same_account");
    assert_eq!(found.as_array().unwrap().len(), 1);
    assert_eq!(told(at, &["kms", "lint", "--threshold", "3", "1", "2", "3"]).0, Some(0));
}

#[test]
fn lint_fails_on_errors_and_not_on_warnings() {
    let folder = founded();
    let at = folder.path();
    let mut policy = recommended(at, "1", ROLE);
    let statements = policy["Statement"].as_array_mut().unwrap();
    statements[0]["Principal"] = json!("*");
    std::fs::write(at.join("warned"), policy.to_string()).unwrap();
    let (exit, found, code) = told(at, &["kms", "lint", "warned"]);
    assert_eq!((exit, code), (Some(0), Value::Null));
    assert_eq!((&found[0]["code"], &found[0]["level"]), (&json!("kms.any_principal"), &json!("warning")));
    assert_eq!(found[0]["statement"], "MeasuredEnclave");
    // Without the denial, conditions that hold where there is no document let anyone in.
    policy["Statement"].as_array_mut().unwrap().retain(|statement| statement["Sid"] != "NoOtherImage");
    let open = policy.to_string().replace("StringEqualsIgnoreCase", "StringEqualsIgnoreCaseIfExists");
    std::fs::write(at.join("open"), open).unwrap();
    let (exit, found, _) = told(at, &["kms", "lint", "open"]);
    assert_eq!((exit, &found[0]["code"]), (Some(1), &json!("kms.optional_attestation")));
    std::fs::write(at.join("long"), " ".repeat(40_000)).unwrap();
    let (exit, found, _) = told(at, &["kms", "lint", "long"]);
    assert_eq!((exit, &found[0]["code"]), (Some(1), &json!("kms.unreadable")));
    assert_eq!(told(at, &["kms", "lint", "absent"]).2, "cli.file");
    let output =
        Command::new(env!("CARGO_BIN_EXE_ringi")).current_dir(at).args(["kms", "lint", "warned"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("warning kms.any_principal (warned, statement MeasuredEnclave): "), "{text}");
}

#[test]
fn a_policy_needs_a_measurement_and_a_role() {
    let folder = founded();
    let at = folder.path();
    let image = "a1".repeat(48);
    let with = |image: &str, role: &str, cosigner: &str| {
        told(at, &["kms", "policy", "--role", role, "--image", image, "--genesis", "genesis", "--cosigner", cosigner])
    };
    assert_eq!(with(&image, ROLE, "1").0, Some(0));
    for (image, role, cosigner) in [
        ("0".repeat(96).as_str(), ROLE, "1"),
        (&image[2..], ROLE, "1"),
        (&image, "arn:aws:iam::111122223333:root", "1"),
        (&image, "*", "1"),
        (&image, ROLE, "0"),
    ] {
        let (exit, out, code) = with(image, role, cosigner);
        assert_eq!((exit, out, code), (Some(1), Value::Null, json!("cli.argument")), "{image} {role} {cosigner}");
    }
}

struct Server(Child);

impl Server {
    fn start(folder: &Path, more: &[&str]) -> (Server, Value) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ringi"));
        command.current_dir(folder).args(["--json", "kms", "serve", "--folder", "k", "--listen", "127.0.0.1:0"]);
        let mut server = Server(command.args(more).stdout(Stdio::piped()).spawn().unwrap());
        let mut out = BufReader::new(server.0.stdout.take().unwrap());
        let mut text = String::new();
        loop {
            assert!(out.read_line(&mut text).unwrap() > 0, "it ended: {text}");
            if let Ok(value) = serde_json::from_str(&text) {
                return (server, value);
            }
        }
    }

    fn stop(mut self) -> Option<i32> {
        let line = format!("kill -TERM {}", self.0.id());
        assert!(Command::new("sh").args(["-c", &line]).status().unwrap().success());
        self.0.wait().unwrap().code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn get(url: &str) -> (u16, Value) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let response = reqwest::Client::new().post(url).body("{}").send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    })
}

#[test]
fn a_server_starts_says_whom_it_trusts_and_stops() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let other = "ab".repeat(32);
    let (server, told_first) = Server::start(at, &["--root", "aws", "--root", &other]);
    assert_eq!(told_first["roots"], json!(["aws", other]));
    let (status, body) = get(told_first["url"].as_str().unwrap());
    assert_eq!((status, &body["__type"]), (400, &json!("MissingAuthenticationTokenException")));
    for file in ["master.key", "access-keys.json", "audit.jsonl"] {
        assert_eq!(std::fs::metadata(at.join("k").join(file)).unwrap().mode() & 0o777, 0o600, "{file}");
    }
    let second = ["kms", "serve", "--folder", "k", "--listen", "127.0.0.1:0", "--root", "aws"];
    assert_eq!(told(at, &second).2, "kms.folder");
    assert_eq!(server.stop(), Some(0));
    let (server, _) = Server::start(at, &["--root", "aws"]);
    assert_eq!(server.stop(), Some(0));
    for (wrong, code) in [
        (["--root", "aws", "--account", "12"], "cli.argument"),
        (["--root", "aws", "--region", "US"], "cli.argument"),
        (["--root", "absent.pem", "--region", "us-east-1"], "cli.file"),
    ] {
        let arguments = [&["kms", "serve", "--folder", "k", "--listen", "127.0.0.1:0"][..], &wrong].concat();
        assert_eq!(told(at, &arguments).2, code, "{wrong:?}");
    }
    assert_eq!(told(at, &["kms", "serve", "--folder", "k"]).2, "cli.usage", "a server without a root started");
}

#[test]
fn access_keys_are_added_to_a_file_that_nobody_else_reads() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let add = |principal: &str, action: &str| {
        told(at, &["kms", "access-key", "--folder", "k", "--principal", principal, "--action", action])
    };
    let (exit, first, _) = add(ROLE, "kms:GenerateRandom");
    assert_eq!((exit, &first["principal"]), (Some(0), &json!(ROLE)));
    add("arn:aws:iam::111122223333:user/ada", "kms:*");
    assert_eq!(add("ada", "kms:*").2, "cli.argument");
    assert_eq!(add(ROLE, "s3:*").2, "kms.access");
    let file = at.join("k/access-keys.json");
    let keys: Vec<Value> = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(keys.len(), 2);
    let secret = keys[0]["secret_access_key"].as_str().unwrap();
    assert!(secret.len() == 64 && !first.to_string().contains(secret));
    assert_eq!(std::fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
    assert_eq!(add(ROLE, "kms:*").2, "kms.access");
}
