//! Attested cosigners moved to another program: real processes, the real key server, and what the books say afterwards.

use crate::attested::{changed_program, settled};
use crate::commands::{a_policy_is_installed_once_and_signed, a_wallet_is_made_and_funded};
use crate::node::Node;
use crate::platform::{INITIATOR, Platform, cosigner, refused, ringi};
use ringi_orchestrator::ports::Store as _;
use ringi_store::SqliteStore;
use serde_json::Value;
use std::path::Path;

const GENESIS: &str = "data/genesis.ringi";
const ROOT: &str = "data/simulation/root.der";

/// The audit log of a stopped platform: entries of this kind.
fn audited(folder: &Path, kind: &str) -> Vec<Value> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = SqliteStore::open(&folder.join("data")).await.unwrap();
        let entries = store.audit_after(0, 10_000).await.unwrap();
        store.close().await;
        let of_kind = entries.iter().filter(|e| e.kind == kind);
        of_kind.map(|e| serde_json::from_str(&e.fields).unwrap()).collect()
    })
}

#[test]
fn e1_cosigners_move_to_another_program_and_sign_there() {
    let node = Node::start();
    let folder = tempfile::tempdir().unwrap();
    let (folder, changed) = (folder.path(), changed_program(folder.path()));
    Platform::settle(folder, &node);
    settled(folder, "enclave = \"process\"\n");
    let old = cosigner();
    let upgrade = ["cosigner", "upgrade", "changed", "--data", "data", "--cosigner", old.to_str().unwrap()];
    let platform = Platform::up(folder);
    a_policy_is_installed_once_and_signed(folder, &platform);
    let mut scene = a_wallet_is_made_and_funded(&node, platform);
    let id = scene.pay("before.json", &[]);
    scene.platform.until(&id, "completed");
    // Not while it runs.
    refused(&ringi(folder, "", &upgrade), &upgrade, "store.locked");
    assert_eq!(scene.platform.stop(), Some(0));

    let moved = ringi(folder, "", &upgrade);
    assert_eq!(moved.exit, Some(0), "{}", moved.err);
    assert_eq!(moved.out.as_array().unwrap().len(), 3, "{}", moved.out);
    let again = ringi(folder, "", &upgrade);
    assert_eq!((again.exit, again.out), (Some(0), serde_json::json!([])), "there is nothing left to move");
    let audit = audited(folder, "cosigner.upgraded");
    let numbers: Vec<_> = audit.iter().map(|e| e["cosigner"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [1, 2, 3]);
    for (entry, shown) in audit.iter().zip(moved.out.as_array().unwrap()) {
        assert_eq!((&entry["from"]["0"], &entry["to"]["0"]), (&shown["from"], &shown["to"]));
        assert_ne!(entry["from"]["0"], entry["to"]["0"]);
        assert_eq!(entry["to"]["2"].as_str().unwrap().len(), 96, "all of its registers");
    }
    assert_eq!(audited(folder, "genesis.installed").len(), 2);
    cut_off_and_run_again(folder, &upgrade);

    scene.platform = Platform::up_with(folder, &["--cosigner", changed.to_str().unwrap()]);
    let attest = ["cosigner", "attest", "--key", INITIATOR, "1", "--genesis", GENESIS, "--root", ROOT];
    scene.platform.good(&attest);
    let id = scene.pay("after.json", &[]);
    scene.platform.until(&id, "completed");
    scene.platform.good(&["transfer", "receipt", "--key", INITIATOR, &id, "--out", "receipt"]);
    let receipt = scene.platform.good(&["verify", "receipt", "receipt", "--genesis", GENESIS, "--root", ROOT]);
    for image in receipt["images"].as_array().unwrap() {
        assert_eq!(image, &audit[0]["to"]["0"], "signed by the new image");
    }
}

/// As if the power had gone: before the new folder of 3 was kept, and between the two renames of 2.
pub fn cut_off_and_run_again(folder: &Path, upgrade: &[&str]) {
    let homes = folder.join("data/cosigners");
    let home = |name: &str| homes.join(name);
    let before = std::fs::read_dir(&homes).unwrap().map(|entry| entry.unwrap().path());
    let before = before.into_iter().find(|path| path.to_string_lossy().contains("/3.before-")).unwrap();
    std::fs::rename(home("3"), folder.join("lost")).unwrap();
    std::fs::rename(before, home("3")).unwrap();
    std::fs::rename(home("2"), home("2.next")).unwrap();
    // The old image of 3 has handed over already, and does so again.
    let again = ringi(folder, "", upgrade);
    assert_eq!(again.exit, Some(0), "{}", again.err);
    let moved: Vec<_> = again.out.as_array().unwrap().iter().map(|m| m["cosigner"].as_u64().unwrap()).collect();
    assert_eq!(moved, [3]);
    assert!(home("2").exists() && !home("2.next").exists());
    assert_eq!(audited(folder, "cosigner.upgraded").len(), 4);
}

#[test]
fn e1_plain_processes_have_no_upgrade() {
    let node = Node::start();
    let folder = tempfile::tempdir().unwrap();
    Platform::settle(folder.path(), &node);
    let upgrade = ["cosigner", "upgrade", "changed", "--data", "data"];
    refused(&ringi(folder.path(), "", &upgrade), &upgrade, "cli.enclave");
}
