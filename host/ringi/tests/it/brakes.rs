//! Freezes, vetoes and withdrawals over real processes (rule P1): one person stops, three cosigners hold, the admins lift.

use crate::commands::{Scene, a_policy_is_installed_once_and_signed, a_wallet_is_made_and_funded};
use crate::node::Node;
use crate::platform::{INITIATOR, Platform};
use serde_json::{Value, json};

const GENESIS: &str = "data/genesis.ringi";
const ADMINS: [&str; 2] = ["data/development/admin-1.key", "data/development/admin-2.key"];

fn freeze<'a>(key: &'a str, of: &[&'a str]) -> Vec<&'a str> {
    [&["freeze", "--key", key, "--genesis", GENESIS], of].concat()
}

fn digests(platform: &Platform) -> Vec<String> {
    let listed = platform.good(&["freezes", "--key", "bea"]);
    let digest = |f: &Value| f["digest"].as_str().unwrap().to_string();
    listed["items"].as_array().unwrap().iter().map(digest).collect()
}

fn shown(platform: &Platform, transfer: &str) -> Value {
    platform.good(&["transfer", "show", "--key", INITIATOR, transfer])
}

/// Frozen, killed and started again, lifted: a payment waits for the whole of it, then goes on.
fn a_frozen_payment_waits_until_the_admins_lift_it<'a>(node: &Node, mut scene: Scene<'a>) -> Scene<'a> {
    let platform = &scene.platform;
    platform.refuses(&freeze(INITIATOR, &["--everything"]), "brake.not_member");
    platform.refuses(&freeze("amir", &["--vault", "nowhere"]), "cli.vault");
    platform.refuses(&freeze("amir", &[]), "cli.usage");
    let said = platform.good(&freeze("amir", &["--everything"]));
    assert_eq!((&said["acknowledged"], &said["cosigners"], &said["in_force"]), (&json!(3), &json!(3), &json!(true)));
    assert_eq!(platform.good(&freeze("bea", &["--vault", "treasury"]))["in_force"], true);
    let id = scene.pay("frozen.json", &[]);
    std::thread::sleep(std::time::Duration::from_millis(500));
    let now = shown(&scene.platform, &id);
    assert_eq!((&now["brake"], &now["transaction"]), (&json!("brake.frozen"), &Value::Null), "{now}");
    let folder = scene.platform.folder.clone();
    scene.platform.kill();
    scene.platform = Platform::up(&folder);
    let platform = &scene.platform;
    let [first, second] = digests(platform).try_into().unwrap();
    assert_eq!(shown(platform, &id)["brake"], "brake.frozen", "after a restart");
    let unfreeze = ["unfreeze", "--key", ADMINS[0], "lift.order"];
    let order = ["order", "unfreeze", "--genesis", GENESIS, "--out", "lift.order", "--freeze"];
    platform.good(&[&order[..], &[first.as_str()]].concat());
    platform.refuses(&unfreeze, "order.signatures");
    for admin in ADMINS {
        platform.good(&["order", "sign", "lift.order", "--key", admin, "--genesis", GENESIS]);
    }
    assert_eq!(platform.good(&unfreeze)["in_force"], true);
    assert_eq!(digests(platform), std::slice::from_ref(&second), "the order names the other one only");
    assert_eq!(shown(platform, &id)["brake"], "brake.frozen");
    let order = ["order", "unfreeze", "--genesis", GENESIS, "--out", "rest.order", "--freeze", &second];
    platform.good(&order);
    for admin in ADMINS {
        platform.good(&["order", "sign", "rest.order", "--key", admin, "--genesis", GENESIS]);
    }
    platform.refuses(&["unfreeze", "--key", INITIATOR, "rest.order"], "auth.key_purpose");
    assert_eq!(platform.good(&["unfreeze", "--key", ADMINS[0], "rest.order"])["in_force"], true);
    platform.until(&id, "completed");
    assert_eq!(node.nonce(&scene.account), 1);
    scene
}

fn a_stopped_payment_never_happens(node: &Node, scene: &Scene<'_>) {
    let platform = &scene.platform;
    let stop = |verb: &'static str, key: &'static str| ["transfer", verb, "--key", key, "--genesis", GENESIS];
    let run = |verb, key, id: &str| platform.good(&[&stop(verb, key)[..], &[id]].concat());
    let vetoed = scene.pay("vetoed.json", &[("--amount", "3000000000000000000")]);
    platform.refuses(&[&stop("veto", INITIATOR)[..], &[&vetoed]].concat(), "brake.not_member");
    assert_eq!(run("veto", "bea", &vetoed)["in_force"], true);
    let withdrawn = scene.pay("withdrawn.json", &[("--amount", "3000000000000000000")]);
    platform.refuses(&[&stop("withdraw", "amir")[..], &[&withdrawn]].concat(), "transfer.not_initiator");
    assert_eq!(run("withdraw", INITIATOR, &withdrawn)["acknowledged"], 3);
    for (id, code) in [(&vetoed, "brake.vetoed"), (&withdrawn, "brake.withdrawn")] {
        let ended = shown(platform, id);
        assert_eq!((&ended["status"], &ended["error"]["code"]), (&json!("rejected"), &json!(code)), "{ended}");
        platform.refuses(&["approve", "--key", "amir", "--genesis", GENESIS, id, "--yes"], "transfer.no_envelope");
    }
    let paid = scene.pay("paid.json", &[]);
    platform.until(&paid, "completed");
    platform.refuses(&[&stop("veto", "bea")[..], &[&paid]].concat(), "brake.too_late");
    assert_eq!(node.nonce(&scene.account), 2);
    let audit = platform.good(&["audit", "--key", ADMINS[0]]).to_string();
    for kind in ["brake.freeze", "brake.in_force", "brake.veto", "brake.withdrawal"] {
        assert!(audit.contains(kind), "the audit log does not tell of {kind}");
    }
}

#[test]
fn p1_people_stop_payments_and_the_admins_lift_freezes() {
    let (node, folder) = (Node::start(), tempfile::tempdir().unwrap());
    let folder = folder.path();
    Platform::settle(folder, &node);
    let platform = Platform::up(folder);
    a_policy_is_installed_once_and_signed(folder, &platform);
    let scene = a_wallet_is_made_and_funded(&node, platform);
    let scene = a_frozen_payment_waits_until_the_admins_lift_it(&node, scene);
    a_stopped_payment_never_happens(&node, &scene);
}
