//! The admins' ceremonies through the real program and real files.

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

fn ringi(folder: &Path, arguments: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_ringi");
    Command::new(program).current_dir(folder).arg("--json").args(arguments).output().unwrap()
}

pub fn good(folder: &Path, arguments: &[&str]) -> Value {
    let output = ringi(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A refused command's stable code.
pub fn refused(folder: &Path, arguments: &[&str]) -> String {
    let output = ringi(folder, arguments);
    assert!(!output.status.success(), "{arguments:?} was not refused");
    let error: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert!(!error["next"].as_str().unwrap().is_empty(), "says what to do next");
    error["code"].as_str().unwrap().to_string()
}

pub fn public(folder: &Path, name: &str, kind: &str) -> String {
    good(folder, &["keygen", "--out", name, "--kind", kind])["public"].as_str().unwrap().to_string()
}

fn write_genesis_form(folder: &Path, ada: &str, grace: &str) {
    let cosigners: String = (1..=3)
        .map(|n| {
            let identity = public(folder, &format!("cosigner-{n}"), "ed25519");
            let channel = hex::encode([n; 32]);
            format!("[[cosigners]]\nname = \"c{n}\"\nchannel_key = \"{channel}\"\nidentity_key = \"{identity}\"\n")
        })
        .collect();
    let admins =
        format!("[[admins]]\nname = \"Ada\"\nkey = \"{ada}\"\n[[admins]]\nname = \"Grace\"\nkey = \"{grace}\"\n");
    std::fs::write(folder.join("genesis.toml"), format!("admin_quorum = 2\nthreshold = 2\n{admins}{cosigners}"))
        .unwrap();
}

/// A folder with admins' keys `ada` and `grace`, somebody else's `eve`, and a genesis that both signed.
pub fn founded() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let (ada, grace) = (public(at, "ada", "ed25519"), public(at, "grace", "p256"));
    public(at, "eve", "ed25519");
    write_genesis_form(at, &ada, &grace);
    good(at, &["genesis", "new", "--from", "genesis.toml", "--out", "genesis"]);
    good(at, &["genesis", "sign", "genesis", "--key", "ada"]);
    assert_eq!(refused(at, &["genesis", "verify", "genesis"]), "cli.genesis");
    good(at, &["genesis", "sign", "genesis", "--key", "grace"]);
    folder
}

#[test]
fn g1_genesis_needs_every_admin_and_only_admins() {
    let folder = founded();
    let at = folder.path();
    let shown = good(at, &["genesis", "verify", "genesis"]);
    assert_eq!((shown["verified"].as_bool(), shown["quorum"].as_str()), (Some(true), Some("2 of 3")));
    assert_eq!(refused(at, &["genesis", "sign", "genesis", "--key", "eve"]), "cli.not_admin");
    assert_eq!(refused(at, &["genesis", "new", "--from", "genesis.toml", "--out", "genesis"]), "cli.file");
    let mut bytes = std::fs::read(at.join("genesis")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(at.join("changed"), bytes).unwrap();
    refused(at, &["genesis", "verify", "changed"]);
    std::fs::write(at.join("typo.toml"), "admin_quorum = 2\nthreshhold = 2\n").unwrap();
    assert_eq!(refused(at, &["genesis", "new", "--from", "typo.toml", "--out", "x"]), "cli.form");
}

#[test]
fn g1_the_next_version_is_signed_by_the_quorum_before() {
    let folder = founded();
    let at = folder.path();
    let text = std::fs::read_to_string(at.join("genesis.toml")).unwrap();
    let eve = good(at, &["keygen", "--out", "eve2"])["public"].as_str().unwrap().to_string();
    std::fs::write(at.join("next.toml"), format!("{text}[[admins]]\nname = \"Eve\"\nkey = \"{eve}\"\n")).unwrap();
    good(at, &["genesis", "new", "--from", "next.toml", "--previous", "genesis", "--out", "second"]);
    assert_eq!(refused(at, &["genesis", "sign", "second", "--key", "eve2"]), "cli.not_admin");
    good(at, &["genesis", "sign", "second", "--key", "ada"]);
    refused(at, &["genesis", "verify", "second"]);
    good(at, &["genesis", "sign", "second", "--key", "grace"]);
    assert_eq!(good(at, &["genesis", "verify", "second"])["versions"], 2);
}

#[test]
fn g2_policies_and_orders_need_the_admin_quorum() {
    let folder = founded();
    let at = folder.path();
    let keys = ["initiator", "approver"].map(|n| ringi::keys::SecretKey::load(Path::new(&at.join(n))));
    assert!(keys.iter().all(Result::is_err), "no such keys yet");
    let [initiator, approver] = ["initiator", "approver"].map(|n| {
        public(at, n, "ed25519");
        ringi::keys::SecretKey::load(&at.join(n)).unwrap()
    });
    std::fs::write(at.join("policy.toml"), crate::workspace::policy_text(&initiator, &approver)).unwrap();
    good(at, &["policy", "new", "--from", "policy.toml", "--genesis", "genesis", "--out", "policy"]);
    good(at, &["policy", "sign", "policy", "--key", "ada", "--genesis", "genesis"]);
    good(at, &["policy", "sign", "policy", "--key", "ada", "--genesis", "genesis"]);
    assert_eq!(refused(at, &["policy", "validate", "policy", "--genesis", "genesis"]), "cli.admin_quorum");
    assert_eq!(refused(at, &["policy", "sign", "policy", "--key", "eve", "--genesis", "genesis"]), "cli.not_admin");
    good(at, &["policy", "sign", "policy", "--key", "grace", "--genesis", "genesis"]);
    assert_eq!(good(at, &["policy", "validate", "policy", "--genesis", "genesis"])["signed"], true);

    let shown = good(at, &["policy", "show", "policy", "--genesis", "genesis"]);
    std::fs::write(at.join("again.json"), shown["policy"].to_string()).unwrap();
    good(
        at,
        &["policy", "new", "--from", "again.json", "--genesis", "genesis", "--previous", "policy", "--out", "second"],
    );
    let second = good(at, &["policy", "show", "second"]);
    assert_eq!(second["policy"], shown["policy"], "what is shown makes the same set");
    assert_eq!(second["state"]["sequence"], 2);

    good(at, &["order", "keygen", "--scheme", "bip340", "--genesis", "genesis", "--out", "order"]);
    assert_eq!(good(at, &["order", "sign", "order", "--key", "ada", "--genesis", "genesis"])["signed"], false);
    assert_eq!(good(at, &["order", "sign", "order", "--key", "grace", "--genesis", "genesis"])["signed"], true);
    assert_eq!(
        refused(at, &["order", "keygen", "--scheme", "rsa", "--genesis", "genesis", "--out", "o"]),
        "cli.scheme"
    );
}

#[test]
fn wrong_policies_are_refused_with_a_reason() {
    let folder = founded();
    let at = folder.path();
    let key = || ringi::keys::SecretKey::generate(ringi::keys::KeyKind::Ed25519).unwrap();
    let text = crate::workspace::policy_text(&key(), &key());
    for (from, to, code) in [
        ("members = [\"Grace\"]", "members = [\"Nobody\"]", "cli.policy"),
        ("most = \"10.5\"", "most = \"10.5000000000000000001\"", "cli.policy"),
        ("most = \"10.5\"", "most = 10.5", "cli.form"),
        ("temperature = \"hot\"", "temperature = \"tepid\"", "cli.policy"),
        ("at_most = \"1\"", "up_to = \"1\"", "cli.form"),
        ("allow = {", "permit = {", "cli.form"),
        ("1 of approvers", "2 of approvers", "cli.policy"),
        ("1 of approvers", "one of approvers", "cli.policy"),
    ] {
        assert!(text.contains(from), "{from}");
        std::fs::write(at.join("bad.toml"), text.replacen(from, to, 1)).unwrap();
        let found = refused(at, &["policy", "new", "--from", "bad.toml", "--genesis", "genesis", "--out", "bad"]);
        assert_eq!(found, code, "{to}");
        assert!(!at.join("bad").exists());
    }
}
