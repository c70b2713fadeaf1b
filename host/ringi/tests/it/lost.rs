//! Rule K3 at the running platform: real processes under an emulated security module and the real key server lose everything
//! and come back from their kits, over the API and by the commands of docs/recovery.md alone.

use crate::attested::settled;
use crate::commands::{Scene, a_policy_is_installed_once_and_signed, a_wallet_is_made_and_funded};
use crate::node::Node;
use crate::platform::{INITIATOR, Platform};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const FIRST: &str = "data/genesis.ringi";
const ROOT: &str = "data/simulation/root.der";
const ADMINS: [&str; 2] = ["data/development/admin-1.key", "data/development/admin-2.key"];
const SUPPLIER: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
/// A busy machine starts three processes and lets them in.
const PATIENCE: Duration = Duration::from_secs(120);

/// Two admins sign this document in place.
fn signed(platform: &Platform, document: &[&str], genesis: &[&str]) {
    for admin in ADMINS {
        platform.good(&[document, &["--key", admin], genesis].concat());
    }
}

/// The admins sign the next version of genesis, made from `form`, and install it.
fn succeeded(platform: &Platform, form: &str, previous: &str, next: &str) {
    platform.good(&["genesis", "new", "--from", form, "--previous", previous, "--out", next]);
    signed(platform, &["genesis", "sign", next], &[]);
    assert_eq!(platform.good(&["install", "genesis", "--key", ADMINS[0], next])["in_force"], true);
}

/// The admins sign an order that is there and hand it in.
fn ordered(platform: &Platform, order: &str, genesis: &str) {
    signed(platform, &["order", "sign", order], &["--genesis", genesis]);
    assert_eq!(platform.good(&["install", "order", "--key", ADMINS[0], order])["in_force"], true);
}

fn cosigners(platform: &Platform) -> Vec<Value> {
    platform.good(&["status", "--key", INITIATOR])["items"].as_array().unwrap().clone()
}

/// Waits until all cosigners are like this.
fn until_all(platform: &Platform, what: &str, wanted: impl Fn(&Value) -> bool) -> Vec<Value> {
    let began = Instant::now();
    loop {
        let now = cosigners(platform);
        if now.iter().all(&wanted) {
            return now;
        }
        assert!(began.elapsed() < PATIENCE, "not all are {what}: {now:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The next version of genesis names three recipients of each cosigner; new shares of each key then have kits, which go to
/// where nothing of the platform is. Gives them by cosigner.
fn kits_are_kept(platform: &Platform) -> Vec<Vec<PathBuf>> {
    platform.good(&["genesis", "form", FIRST, "--out", "recoverable.toml"]);
    let form = platform.folder.join("recoverable.toml");
    let mut text = std::fs::read_to_string(&form).unwrap();
    for (cosigner, n) in (1..=3).flat_map(|c| (1..=3).map(move |n| (c, n))) {
        let made = platform.good(&["recovery", "keygen", "--out", &format!("recipient-{cosigner}-{n}")]);
        text.push_str(&format!("\n[[recovery]]\ncosigner = {cosigner}\nkey = {}\n", made["public"]));
    }
    std::fs::write(&form, text).unwrap();
    succeeded(platform, "recoverable.toml", FIRST, "second");
    for scheme in ["ecdsa-secp256k1", "bip340"] {
        let order = format!("refresh-{scheme}");
        let refresh = ["order", "refresh", "--scheme", scheme, "--epoch", "1", "--genesis", "second", "--out", &order];
        platform.good(&refresh);
        ordered(platform, &order, "second");
    }
    let kept = platform.folder.join("kept");
    std::fs::create_dir(&kept).unwrap();
    let began = Instant::now();
    let made = loop {
        let made: Vec<PathBuf> = std::fs::read_dir(platform.folder.join("data/kits"))
            .map(|entries| entries.map(|e| e.unwrap().path()).collect())
            .unwrap_or_default();
        if made.len() == 6 {
            break made;
        }
        assert!(began.elapsed() < PATIENCE, "only {made:?}");
        std::thread::sleep(Duration::from_millis(50));
    };
    let mut names: Vec<&str> = made.iter().map(|path| path.to_str().unwrap()).collect();
    names.sort_unstable();
    let verified = platform.good(&[&["recovery", "verify", "--genesis", "second"], &names[..]].concat());
    assert!(verified["keys"].as_array().unwrap().iter().all(|k| k["complete"] == true), "{verified}");
    let of = |n: u8| {
        let own =
            made.iter().filter(|p| p.file_name().unwrap().to_string_lossy().starts_with(&format!("cosigner-{n}.")));
        let copy = |path: &PathBuf| {
            let copy = kept.join(path.file_name().unwrap());
            std::fs::copy(path, &copy).unwrap();
            copy
        };
        own.map(copy).collect()
    };
    (1..=3).map(of).collect()
}

/// Empty folders are new cosigners: the admins look at what each proves, name them, and let their boots in.
fn replaced(platform: &Platform) {
    platform.good(&["genesis", "form", "second", "--out", "replaced.toml"]);
    let form = platform.folder.join("replaced.toml");
    let mut text: toml::Table = std::fs::read_to_string(&form).unwrap().parse().unwrap();
    for n in ["1", "2", "3"] {
        let introduce = |root| ["cosigner", "introduce", n, "--key", INITIATOR, "--genesis", "second", "--root", root];
        platform.refuses(&introduce("aws"), "cli.argument");
        let shown = platform.good(&introduce(ROOT));
        assert_eq!(shown["proved"], true);
        let place = text["cosigners"][n.parse::<usize>().unwrap() - 1].as_table_mut().unwrap();
        for key in ["channel_key", "identity_key"] {
            let new = shown[key].as_str().unwrap();
            assert_ne!(place[key].as_str(), Some(new), "it is a new one");
            place.insert(key.into(), new.into());
        }
    }
    std::fs::write(&form, text.to_string()).unwrap();
    succeeded(platform, "replaced.toml", "second", "third");
    let waiting = until_all(platform, "let in by nobody", |c| c["refusal"] == "boot.ungranted");
    let keys = waiting.iter().flat_map(|c| ["--boot-key", c["boot_key"].as_str().unwrap()]);
    let resume = ["order", "resume", "--genesis", "third", "--out", "resume"].into_iter().chain(keys);
    platform.good(&resume.collect::<Vec<_>>());
    ordered(platform, "resume", "third");
    until_all(platform, "ready with the policy", |c| c["ready"] == true && c["policy"].is_string());
}

/// One cosigner's shares: an order, two of three recipients for each kit, and the operator.
fn restored(scene: &Scene, n: u8, kits: &[PathBuf]) {
    let platform = &scene.platform;
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let (number, order, evidence) = (n.to_string(), format!("recovery-{n}"), format!("evidence-{n}"));
    let kits: Vec<String> = kits.iter().map(|k| text(k)).collect();
    let named: Vec<&str> = kits.iter().flat_map(|kit| ["--kit", kit.as_str()]).collect();
    let nonce = format!("eip155:31337:{}=1", scene.account);
    let new = ["order", "recovery", "--cosigner", &number, "--policy", "next.ringi", "--nonce", &nonce];
    platform.good(&[&new[..], &named, &["--genesis", "third", "--out", &order]].concat());
    signed(platform, &["order", "sign", &order], &["--genesis", "third"]);
    let attest = ["cosigner", "attest", &number, "--key", INITIATOR, "--genesis", "third", "--root", ROOT];
    platform.good(&[&attest[..], &["--out", &evidence]].concat());
    let mut parts = Vec::new();
    for (kit, person) in kits.iter().flat_map(|kit| [1, 3].map(|person| (kit, person))) {
        let (key, part) = (format!("recipient-{n}-{person}"), format!("part-{n}-{}", parts.len()));
        let open = ["recovery", "open", kit, "--key", &key, "--order", &order, "--genesis", "third", "--out", &part];
        platform.refuses(&open, "cli.recovery");
        platform.good(&[&open[..], &["--evidence", &evidence, "--root", ROOT]].concat());
        parts.push(part);
    }
    let given: Vec<&str> = parts.iter().flat_map(|part| ["--part", part.as_str()]).collect();
    let restore = ["recovery", "restore", "--key", ADMINS[0], "--order", &order, "--genesis", "third"];
    let restore = [&restore[..], &named, &given].concat();
    assert_eq!(platform.good(&restore)["in_force"], true);
    platform.refuses(&restore, "order.spent");
}

#[test]
fn k3_a_platform_that_lost_all_cosigners_signs_again_for_the_same_address() {
    let (node, folder) = (Node::start(), tempfile::tempdir().unwrap());
    let folder = folder.path();
    Platform::settle(folder, &node);
    settled(folder, "enclave = \"process\"\n");
    let platform = Platform::up(folder);
    a_policy_is_installed_once_and_signed(folder, &platform);
    let mut scene = a_wallet_is_made_and_funded(&node, platform);
    let kits = kits_are_kept(&scene.platform);
    let id = scene.pay("before.json", &[]);
    scene.platform.until(&id, "completed");
    assert_eq!(node.nonce(&scene.account), 1);
    assert_eq!(scene.platform.stop(), Some(0));

    for lost in ["data/cosigners", "data/kits"] {
        std::fs::remove_dir_all(folder.join(lost)).unwrap();
    }
    scene.platform = Platform::up(folder);
    assert!(cosigners(&scene.platform).iter().all(|c| c["ready"] == false && c["keys"] == serde_json::json!([])));
    replaced(&scene.platform);
    // A start in between makes no new keys in the lost ones' place.
    assert_eq!(scene.platform.stop(), Some(0));
    scene.platform = Platform::up(folder);
    let back = until_all(&scene.platform, "ready", |c| c["ready"] == true);
    assert!(back.iter().all(|c| c["keys"] == serde_json::json!([])), "{back:?}");
    for (n, of_one) in (1..).zip(&kits) {
        restored(&scene, n, of_one);
    }
    let supplied = node.balance(SUPPLIER);
    let id = scene.pay("after.json", &[]);
    scene.platform.until(&id, "completed");
    assert_eq!((node.nonce(&scene.account), node.balance(SUPPLIER) - supplied), (2, 10_000_000_000_000_000));
    scene.platform.good(&["transfer", "receipt", "--key", INITIATOR, &id, "--out", "receipt"]);
    scene.platform.good(&["verify", "receipt", "receipt", "--genesis", "third", "--root", ROOT]);
    let file = format!("statements/address-{}.ringi", scene.account);
    scene.platform.good(&["verify", "address", &file, "--genesis", "third"]);
    // What came back is in the records: it is there after a start.
    assert_eq!(scene.platform.stop(), Some(0));
    let platform = Platform::up(folder);
    let held = serde_json::json!(["bip340/0/1", "ecdsa-secp256k1/0/1"]);
    let sorted = |c: &Value| {
        let mut keys: Vec<_> = c["keys"].as_array().unwrap().clone();
        keys.sort_by_key(|k| k.to_string());
        Value::from(keys)
    };
    until_all(&platform, "holders of their shares", |c| c["ready"] == true && sorted(c) == held);
    assert_eq!(platform.stop(), Some(0));
}
