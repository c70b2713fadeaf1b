//! The command line from the first `up` to a verified receipt, on real cosigners and a real node; and all that it refuses.

use crate::node::Node;
use crate::platform::{INITIATOR, Platform, cosigner, refused, ringi};
use serde_json::{Value, json};
use std::path::Path;

pub const GENESIS: &str = "data/genesis.ringi";
pub const ADMINS: [&str; 2] = ["data/development/admin-1.key", "data/development/admin-2.key"];
const SUPPLIER: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
const STRANGER: &str = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC";
const ETHER: u128 = 1_000_000_000_000_000_000;
const CENT: &str = "10000000000000000";
const FEE: &str = "5000000000000000";

/// What the rest of the story stands on.
pub struct Scene<'a> {
    pub node: &'a Node,
    pub platform: Platform,
    pub wallet: String,
    pub account: String,
}

impl Scene<'_> {
    fn draft(&self, out: &str, changes: &[(&str, &str)]) -> Vec<String> {
        let mut given = vec![
            ("--genesis", GENESIS),
            ("--wallet", self.wallet.as_str()),
            ("--vault", "treasury"),
            ("--network", "eip155:31337"),
            ("--asset", "native-31337"),
            ("--to", SUPPLIER),
            ("--amount", CENT),
            ("--max-fee", FEE),
            ("--out", out),
        ];
        for (name, value) in changes {
            match given.iter_mut().find(|(n, _)| n == name) {
                Some(row) => row.1 = value,
                None => given.push((name, value)),
            }
        }
        let flags = given.into_iter().flat_map(|(name, value)| [name.to_string(), value.to_string()]);
        ["transfer".to_string(), "draft".to_string()].into_iter().chain(flags).collect()
    }

    /// Drafts a payment.
    pub fn drafted(&self, out: &str, changes: &[(&str, &str)]) {
        let arguments = self.draft(out, changes);
        self.platform.good(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    }

    fn submit(&self, intent: &str) -> Value {
        self.platform.good(&["transfer", "submit", "--key", INITIATOR, intent])
    }

    /// A submitted payment's id; again, if it was submitted before.
    pub fn submitted(&self, intent: &str) -> String {
        self.submit(intent)["transfer"]["id"].as_str().unwrap().to_string()
    }

    /// A drafted and submitted payment's id.
    pub fn pay(&self, out: &str, changes: &[(&str, &str)]) -> String {
        self.drafted(out, changes);
        self.submit(out)["transfer"]["id"].as_str().unwrap().to_string()
    }
}

/// The owner's next policy: two of two treasurers above 1 ether, one supplier, one day's cap.
pub fn write_policy(folder: &Path, platform: &Platform) {
    let initiator = ringi::keys::SecretKey::load(&folder.join(INITIATOR)).unwrap().public().text();
    let approver = |name: &str| {
        let made = platform.good(&["keygen", "--out", name, "--kind", "p256"]);
        let public = made["public"].as_str().unwrap().to_string();
        format!("[[people]]\nname = \"{name}\"\napprove = [\"{public}\"]\n")
    };
    let (amir, bea) = (approver("amir"), approver("bea"));
    let text = format!(
        r#"
networks = ["eip155:31337"]
freezers = "treasurers"
vetoers = "treasurers"
[[people]]
name = "operator"
initiate = ["{initiator}"]
{amir}{bea}
[[groups]]
name = "treasurers"
members = ["amir", "bea"]
[[assets]]
id = "native-31337"
network = "eip155:31337"
decimals = 18
[[allow_lists]]
name = "suppliers"
entries = [{{ network = "eip155:31337", address = "{SUPPLIER}" }}]
[[vaults]]
index = 1
name = "treasury"
temperature = "hot"
[[vaults.rules]]
name = "suppliers-only"
kinds = ["transfer"]
to = ["unlisted"]
block = true
[[vaults.rules]]
name = "payments"
kinds = ["transfer"]
amounts = [{{ of = "native-31337", at_most = "1" }}]
allow = {{ max_fees = [{{ network = "eip155:31337", most = "0.01" }}] }}
[[vaults.rules]]
name = "large"
kinds = ["transfer"]
allow = {{ approvals = "2 of treasurers", max_fees = [{{ network = "eip155:31337", most = "0.01" }}] }}
"#
    );
    std::fs::write(folder.join("next.toml"), text).unwrap();
}

pub fn a_policy_is_installed_once_and_signed(folder: &Path, platform: &Platform) {
    write_policy(folder, platform);
    platform.good(&["policy", "fetch", "--key", INITIATOR, "--genesis", GENESIS, "--out", "now.ringi"]);
    let new = [
        "policy",
        "new",
        "--from",
        "next.toml",
        "--genesis",
        GENESIS,
        "--previous",
        "now.ringi",
        "--out",
        "next.ringi",
    ];
    platform.good(&new);
    let install = |file: &'static str, key: &'static str| ["install", "policy", "--key", key, file];
    platform.refuses(&install("next.ringi", ADMINS[0]), "policy.signatures");
    platform.good(&["policy", "sign", "next.ringi", "--key", ADMINS[0], "--genesis", GENESIS]);
    platform.refuses(&install("next.ringi", ADMINS[0]), "policy.signatures");
    platform.good(&["policy", "sign", "next.ringi", "--key", ADMINS[1], "--genesis", GENESIS]);
    platform.refuses(&install("next.ringi", INITIATOR), "auth.key_purpose");
    platform.refuses(&install("missing.ringi", ADMINS[0]), "cli.file");
    platform.refuses(&install("next.toml", ADMINS[0]), "cli.document");
    assert_eq!(platform.good(&install("next.ringi", ADMINS[0]))["in_force"], true);
    platform.refuses(&install("now.ringi", ADMINS[0]), "policy.succession");
    who_may_ask(platform);
    platform.good(&["policy", "fetch", "--key", INITIATOR, "--genesis", GENESIS, "--out", "again.ringi"]);
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    assert_eq!(platform.good(&["policy", "show", "again.ringi"])["state"]["sequence"], 2);
    assert_ne!(read("again.ringi"), read("now.ringi"));
}

/// New people may do nothing until somebody gives them a role.
fn who_may_ask(platform: &Platform) {
    let access = |arguments: &[&'static str]| [&["access"], arguments].concat();
    let shown = platform.good(&access(&["show", "--key", ADMINS[0]]));
    let role = |shown: &Value, name: &str| {
        shown["items"].as_array().unwrap().iter().find(|p| p["name"] == name).unwrap()["role"].clone()
    };
    assert_eq!((role(&shown, "operator"), role(&shown, "amir")), ("editor".into(), Value::Null));
    platform.refuses(&["wallet", "list", "--key", "amir"], "access.no_role");
    platform.refuses(&access(&["grant", "--key", "amir", "amir", "owner"]), "access.no_role");
    platform.refuses(&access(&["grant", "--key", ADMINS[0], "nobody", "viewer"]), "cli.person");
    platform.refuses(&access(&["grant", "--key", ADMINS[0], "amir", "emperor"]), "request.body");
    let check = access(&["check", "--key", ADMINS[0], "amir", "approveTransfer", "--vault", "treasury"]);
    platform.refuses(&access(&["check", "--key", ADMINS[0], "amir", "pay"]), "request.body");
    assert_eq!(platform.good(&check)["code"], "access.faulty", "an approval is of a wallet, not of a vault");
    let grant = |name: &'static str, role: &'static str| {
        let shown = platform.good(&["access", "grant", "--key", ADMINS[0], name, role]);
        assert_eq!(shown["role"], role);
    };
    grant("amir", "viewer");
    assert_eq!(platform.good(&access(&["revoke", "--key", ADMINS[1], "amir"]))["role"], Value::Null);
    platform.refuses(&["wallet", "list", "--key", "amir"], "access.no_role");
    ["amir", "bea"].into_iter().for_each(|name| grant(name, "approver"));
    let denied = platform.good(&["audit", "--key", ADMINS[0], "--kind", "access.denied"]);
    assert!(denied.to_string().contains("access.no_role"), "{denied}");
}

/// A wallet, its addresses verified offline, its balance as the node says.
pub fn a_wallet_is_made_and_funded<'a>(node: &'a Node, platform: Platform) -> Scene<'a> {
    let wallet = platform.good(&["wallet", "new", "--key", INITIATOR, "--vault", "treasury", "operations"]);
    let wallet = wallet["id"].as_str().unwrap().to_string();
    platform.refuses(&["wallet", "new", "--key", INITIATOR, "--vault", "treasury", "operations"], "wallet.name_used");
    platform.refuses(&["wallet", "new", "--key", INITIATOR, "--vault", "vault-17", "w"], "vault.not_found");
    platform.refuses(&["wallet", "new", "--key", INITIATOR, "--vault", "treasury", ""], "wallet.name");
    platform.refuses(&["wallet", "new", "--key", "amir", "--vault", "treasury", "w"], "auth.key_purpose");
    let listed = platform.good(&["wallet", "list", "--key", INITIATOR]);
    assert_eq!(
        (listed["items"].as_array().unwrap().len(), listed["items"][0]["id"].as_str()),
        (1, Some(wallet.as_str()))
    );
    let addresses = platform.good(&["wallet", "addresses", "--key", INITIATOR, &wallet, "--statements", "statements"]);
    let account = addresses["items"][0]["address"].as_str().unwrap().to_string();
    let file = format!("statements/address-{account}.ringi");
    let verified = platform.good(&["verify", "address", &file, "--genesis", GENESIS]);
    assert_eq!(
        (verified["address"].as_str(), verified["wallet"].as_str()),
        (Some(account.as_str()), Some(wallet.as_str()))
    );
    let statement = std::fs::read(platform.folder.join(&file)).unwrap();
    std::fs::write(platform.folder.join("torn"), &statement[..statement.len() / 2]).unwrap();
    platform.refuses(&["verify", "address", "torn", "--genesis", GENESIS], "verify.malformed");
    node.fund(&account, 10 * ETHER);
    let balances = platform.good(&["wallet", "balances", "--key", INITIATOR, &wallet]);
    assert_eq!(balances["items"][0]["amount"], (10 * ETHER).to_string());
    platform.refuses(&["wallet", "balances", "--key", INITIATOR, "wal_01arz3ndektsv4rrffq69g5fav"], "wallet.not_found");
    platform.refuses(&["wallet", "addresses", "--key", INITIATOR, "x"], "cli.id");
    Scene { node, platform, wallet, account }
}

fn a_small_payment_completes_and_its_receipt_verifies(scene: &Scene) {
    let platform = &scene.platform;
    let supplied = scene.node.balance(SUPPLIER);
    scene.drafted("small.json", &[]);
    let dry = platform.good(&["transfer", "submit", "--dry-run", "--key", INITIATOR, "small.json"]);
    assert_eq!((dry["outcome"].as_str(), dry["decision"]["verdict"].as_str()), (Some("dry_run"), Some("allow")));
    let id = scene.submit("small.json")["transfer"]["id"].as_str().unwrap().to_string();
    let done = platform.until(&id, "completed");
    let watched = platform.good(&["transfer", "watch", "--key", INITIATOR, &id]);
    assert_eq!((&watched["status"], &watched["id"]), (&done["status"], &done["id"]));
    assert_eq!(scene.submit("small.json")["outcome"], "repeated");
    assert_eq!(scene.node.balance(SUPPLIER) - supplied, ETHER / 100);
    assert_eq!(scene.node.nonce(&scene.account), 1);
    platform.good(&["transfer", "receipt", "--key", INITIATOR, &id, "--out", "receipt"]);
    let receipt = platform.good(&["verify", "receipt", "receipt", "--genesis", GENESIS]);
    assert_eq!(
        (receipt["transaction_id"].as_str(), receipt["intent"].as_str()),
        (done["transaction"]["id"].as_str(), Some(id.as_str()))
    );
    platform.refuses(&["transfer", "receipt", "--key", INITIATOR, &id, "--out", "receipt"], "cli.file");
    let mut bytes = std::fs::read(platform.folder.join("receipt")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(platform.folder.join("flipped"), bytes).unwrap();
    let found = platform.run(&["verify", "receipt", "flipped", "--genesis", GENESIS]);
    let code = found.err["code"].as_str().unwrap_or_default().to_string();
    assert!(code.starts_with("verify."), "{found:?}");
    refused(&found, &["verify", "receipt", "flipped"], &code);
    platform.refuses(&["transfer", "cancel", "--key", INITIATOR, &id], "transfer.ended");
    assert!(platform.good(&["transfer", "list", "--key", INITIATOR])["items"].as_array().unwrap().len() == 1);
}

fn a_large_payment_waits_for_two_people(scene: &Scene) {
    let platform = &scene.platform;
    let id = scene.pay("large.json", &[("--amount", "2000000000000000000")]);
    let approve = |key: &'static str| ["approve", "--key", key, "--genesis", GENESIS].map(str::to_string).to_vec();
    let with = |mut arguments: Vec<String>, more: &[&str]| {
        arguments.extend(more.iter().map(|m| m.to_string()));
        arguments
    };
    let run = |arguments: Vec<String>| platform.good(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let looked = run(with(approve("amir"), &[&id]));
    assert_eq!(looked["approved"], false);
    assert!(looked["effects"][0].as_str().unwrap().contains(&format!("pay 2 native-31337 to {SUPPLIER}")), "{looked}");
    platform.refuses(&["approve", "--key", INITIATOR, "--genesis", GENESIS, &id, "--yes"], "cli.approver");
    assert_eq!(run(with(approve("amir"), &[&id, "--yes"]))["status"], "awaiting_approval");
    assert_eq!(run(with(approve("amir"), &[&id, "--yes"]))["approvals"].as_array().unwrap().len(), 1, "people count");
    run(with(approve("bea"), &[&id, "--yes"]));
    let done = platform.until(&id, "completed");
    assert_eq!((done["approvals"].as_array().unwrap().len(), scene.node.nonce(&scene.account)), (2, 2));
    platform.good(&["transfer", "receipt", "--key", "bea", &id, "--out", "large-receipt"]);
    let receipt = platform.good(&["verify", "receipt", "large-receipt", "--genesis", GENESIS]);
    let mut approvers: Vec<&str> = receipt["approvers"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    approvers.sort_unstable();
    assert_eq!(approvers, ["amir", "bea"]);
    platform.refuses(&["approve", "--key", "bea", "--genesis", GENESIS, &id], "transfer.no_envelope");
}

fn a_waiting_payment_is_cancelled_by_its_initiator(scene: &Scene) {
    let platform = &scene.platform;
    let id = scene.pay("waiting.json", &[("--amount", "3000000000000000000")]);
    platform.refuses(&["transfer", "cancel", "--key", "amir", &id], "auth.key_purpose");
    platform.refuses(&["transfer", "receipt", "--key", INITIATOR, &id, "--out", "none"], "receipt.not_found");
    assert!(!platform.folder.join("none").exists());
    assert_eq!(platform.good(&["transfer", "cancel", "--key", INITIATOR, &id])["status"], "cancelled");
    platform.refuses(&["transfer", "cancel", "--key", INITIATOR, &id], "transfer.ended");
    platform.refuses(&["approve", "--key", "amir", "--genesis", GENESIS, &id, "--yes"], "transfer.no_envelope");
    let denied = scene.pay("stranger.json", &[("--to", STRANGER)]);
    let shown = platform.good(&["transfer", "show", "--key", INITIATOR, &denied]);
    assert_eq!((shown["status"].as_str(), shown["error"]["code"].as_str()), (Some("rejected"), Some("policy.denied")));
}

/// A small payment and a large one have been made: what a stricter policy would have said of them.
fn a_policy_is_previewed_over_what_was_paid(scene: &Scene) {
    let platform = &scene.platform;
    let preview = |file: &str, more: &[&str]| {
        platform.good(&[&["policy", "preview", file, "--key", INITIATOR, "--genesis", GENESIS], more].concat())
    };
    let text = std::fs::read_to_string(platform.folder.join("next.toml")).unwrap();
    assert_eq!(preview("next.toml", &[]), json!({ "compared": 2, "changed": [], "not_compared": [] }));
    let write = |name: &str, text: String| std::fs::write(platform.folder.join(name), text).unwrap();
    write("strict.toml", text.replace("at_most = \"1\"", "at_most = \"0.001\""));
    let found = preview("strict.toml", &[]);
    let changed = found["changed"].as_array().unwrap();
    assert_eq!(changed.len(), 1, "the large one had two approvals, and needs two: {found}");
    let said = (&changed[0]["before"], &changed[0]["after"]);
    assert_eq!(said, (&json!("allowed by payments"), &json!("waits for 2 more of treasurers by large")));
    assert_eq!(preview("strict.toml", &["--last", "1"])["compared"], 1, "the newest only");
    assert_eq!(preview("strict.toml", &["--last", "1"])["changed"], json!([]));
    let share = "allow = { caps = [{ of = \"native-31337\", balance_basis_points = 5000 }], max_fees";
    write("share.toml", text.replacen("allow = { max_fees", share, 1));
    let found = preview("share.toml", &[]);
    assert_eq!((&found["compared"], &found["changed"]), (&json!(1), &json!([])), "{found}");
    assert_eq!(found["not_compared"][0]["why"], "balances of the past are not kept");
    let with = |file: &'static str, key: &'static str, last: &'static str| {
        ["policy", "preview", file, "--key", key, "--genesis", GENESIS, "--last", last]
    };
    platform.refuses(&with("next.toml", INITIATOR, "0"), "cli.usage");
    platform.refuses(&with("missing.toml", INITIATOR, "5"), "cli.file");
    platform.refuses(&with("data/genesis.ringi", INITIATOR, "5"), "cli.document");
    platform.refuses(&with("next.toml", "missing", "5"), "cli.file");
}

fn wrong_input_is_refused_with_a_code_and_a_hint(scene: &Scene) {
    let platform = &scene.platform;
    let transfers = platform.good(&["transfer", "list", "--key", INITIATOR]);
    for (name, value, code) in [
        ("--amount", "0", "cli.intent"),
        ("--amount", "-1", "cli.usage"),
        ("--amount", "1.5", "cli.intent"),
        ("--amount", "1e18", "cli.intent"),
        ("--amount", "007", "cli.intent"),
        ("--max-fee", "lots", "cli.intent"),
        ("--wallet", "wal_1", "cli.id"),
        ("--network", "ethereum", "cli.intent"),
        ("--vault", "", "cli.intent"),
        ("--asset", "", "cli.intent"),
        ("--genesis", "nowhere", "cli.file"),
        ("--out", "small.json", "cli.file"),
    ] {
        let arguments = scene.draft("wrong.json", &[(name, value)]);
        platform.refuses(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), code);
        assert!(!platform.folder.join("wrong.json").exists(), "{name} {value}");
    }
    for (n, (name, value, code)) in [
        ("--asset", "doge", "chain.unknown"),
        ("--network", "eip155:1", "chain.unknown"),
        ("--to", "0x70997970c51812dc3A010C7d01b50e0d17dc79C8", "chain.address"),
        ("--wallet", "wal_01arz3ndektsv4rrffq69g5fav", "wallet.not_found"),
        ("--vault", "petty-cash", "vault.not_found"),
    ]
    .into_iter()
    .enumerate()
    {
        let file = format!("wrong-{n}.json");
        scene.drafted(&file, &[(name, value)]);
        platform.refuses(&["transfer", "submit", "--key", INITIATOR, &file], code);
        platform.refuses(&["transfer", "submit", "--dry-run", "--key", INITIATOR, &file], code);
    }
    let small = std::fs::read_to_string(platform.folder.join("small.json")).unwrap();
    for (n, bad) in [
        "",
        "{",
        "[]",
        &small.replacen("\"version\": 1", "\"version\": 1, \"version\": 1", 1),
        &small.replacen("\"version\": 1", "\"memo\": 1", 1),
    ]
    .into_iter()
    .enumerate()
    {
        let file = format!("bad-{n}.json");
        std::fs::write(platform.folder.join(&file), bad).unwrap();
        platform.refuses(&["transfer", "submit", "--key", INITIATOR, &file], "cli.intent");
    }
    platform.good(&["keygen", "--out", "nobody"]);
    platform.refuses(&["keygen", "--out", "nobody"], "cli.file");
    platform.refuses(&["keygen", "--out", "key", "--kind", "rsa"], "cli.usage");
    platform.refuses(&["status", "--key", "nobody"], "auth.unknown_key");
    platform.refuses(&["status", "--key", "nowhere"], "cli.file");
    platform.refuses(&["status", "--key", GENESIS], "cli.key_mode");
    platform.refuses(&["status"], "cli.usage");
    platform.refuses(&["transfer", "shew"], "cli.usage");
    platform.refuses(&["status", "--key", INITIATOR, "--url", "http://127.0.0.1:1"], "client.unreachable");
    platform.refuses(&["status", "--key", INITIATOR, "--url", "no url"], "client.misuse");
    platform.refuses(&["status", "--key", INITIATOR, "--url", &scene.node.url()], "client.answer");
    platform.refuses(&["transfer", "show", "--key", INITIATOR, "int_01arz3ndektsv4rrffq69g5fav"], "transfer.not_found");
    platform.refuses(&["transfer", "show", "--key", INITIATOR, "int_1"], "cli.id");
    platform.refuses(&["transfer", "watch", "--key", INITIATOR, "int_1"], "cli.id");
    resumes(platform);
    std::fs::write(platform.folder.join("noise"), [0xff; 64]).unwrap();
    platform.refuses(&["attestation", "verify", "noise"], "attestation.malformed");
    platform.refuses(&["attestation", "show", "noise"], "attestation.malformed");
    platform.refuses(&["attestation", "verify", "noise", "--pcr", "0=00"], "cli.argument");
    platform.refuses(&["attestation", "verify", "noise", "--at", "noon"], "cli.argument");
    platform.refuses(&["approve", "--key", "amir", "--genesis", GENESIS, "int_1"], "cli.id");
    platform.refuses(&["verify", "receipt", "small.json", "--genesis", GENESIS], "verify.malformed");
    platform.refuses(&["verify", "receipt", "receipt", "--genesis", "small.json"], "cli.document");
    let after = platform.good(&["transfer", "list", "--key", INITIATOR]);
    assert_eq!(after, transfers, "a refused command left something");
}

/// Epoch of the Bitcoin key at every cosigner, once they agree; the host asks them once a second.
fn epoch(platform: &Platform) -> u32 {
    for _ in 0..200 {
        let status = platform.good(&["status", "--key", INITIATOR]);
        let cosigners = status["items"].as_array().unwrap();
        let key = |cosigner: &Value| {
            let keys = cosigner["keys"].as_array().unwrap().iter().filter_map(Value::as_str);
            keys.filter_map(|k| k.strip_prefix("bip340/0/")).next().map(|epoch| epoch.parse().unwrap())
        };
        let epochs: Vec<Option<u32>> = cosigners.iter().map(key).collect();
        if let [Some(first), rest @ ..] = epochs.as_slice()
            && rest.iter().all(|epoch| *epoch == Some(*first))
        {
            return *first;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("the cosigners do not agree on an epoch");
}

fn an_order_is_carried_out_once(scene: &Scene) {
    let platform = &scene.platform;
    let before = epoch(platform);
    let next = (before + 1).to_string();
    let refresh = |epoch: &str, out: &str| {
        platform.good(&[
            "order",
            "refresh",
            "--scheme",
            "bip340",
            "--epoch",
            epoch,
            "--genesis",
            GENESIS,
            "--out",
            out,
        ]);
    };
    refresh(&next, "refresh.order");
    let sign =
        |admin: &'static str, order: &'static str| ["order", "sign", order, "--key", admin, "--genesis", GENESIS];
    let install = ["install", "order", "--key", ADMINS[0], "refresh.order"];
    platform.refuses(&install, "order.signatures");
    platform.good(&sign(ADMINS[0], "refresh.order"));
    platform.refuses(&install, "order.signatures");
    platform.refuses(&sign("nobody", "refresh.order"), "cli.not_admin");
    platform.good(&sign(ADMINS[1], "refresh.order"));
    platform.refuses(&["install", "order", "--key", INITIATOR, "refresh.order"], "auth.key_purpose");
    let done = platform.good(&install);
    assert_eq!(done["in_force"], true);
    let file = platform.folder.join("refresh.order");
    let mut bytes = std::fs::read(&file).unwrap();
    let last = bytes.len() - 10;
    bytes[last] ^= 1;
    std::fs::write(platform.folder.join("forged.order"), bytes).unwrap();
    platform.refuses(&["install", "order", "--key", ADMINS[0], "forged.order"], "order.signatures");
    // The same order again is answered again and not carried out again.
    assert_eq!(platform.good(&install)["certificate"], done["certificate"]);
    refresh(&(before + 5).to_string(), "early.order");
    for admin in ADMINS {
        platform.good(&sign(admin, "early.order"));
    }
    platform.refuses(&["install", "order", "--key", ADMINS[0], "early.order"], "order.senseless");
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert_eq!(epoch(platform), before + 1);
}

/// The process dies where it stands: the payment happens once.
fn a_killed_platform_goes_on_and_pays_once(scene: Scene) {
    let Scene { node, platform, wallet, account } = scene;
    let folder = platform.folder.clone();
    let mut scene = Scene { node, platform, wallet, account };
    for round in ["taken", "broadcasting"] {
        let before = (node.nonce(&scene.account), node.balance(SUPPLIER));
        node.hold();
        let id = scene.pay(&format!("{round}.json"), &[]);
        if round == "broadcasting" {
            scene.platform.until(&id, "broadcasting");
        }
        let Scene { platform, wallet, account, .. } = scene;
        platform.kill();
        let platform = Platform::up(&folder);
        scene = Scene { node, platform, wallet, account };
        let again = scene.submit(&format!("{round}.json"));
        assert_eq!(again["outcome"], "repeated", "{again}");
        let left = std::time::Instant::now();
        while node.call("txpool_status", json!([]))["pending"] == "0x0" {
            assert!(left.elapsed().as_secs() < 60, "nothing was broadcast after the restart");
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        node.release();
        let done = scene.platform.until(&id, "completed");
        assert_eq!(node.nonce(&scene.account), before.0 + 1, "{round}");
        assert_eq!(node.balance(SUPPLIER), before.1 + ETHER / 100, "{round}");
        assert_eq!(u128::from(done["transaction"]["nonce"].as_u64().unwrap()), before.0);
    }
    let listed = scene.platform.good(&["transfer", "list", "--key", INITIATOR]);
    let completed = listed["items"].as_array().unwrap().iter().filter(|t| t["status"] == "completed").count();
    assert_eq!(completed, 4);
    assert_eq!(scene.platform.stop(), Some(0), "a signal ends it in order");
}

fn a_second_instance_is_refused(folder: &Path, platform: &Platform) {
    let program = cosigner();
    let up = |listen: &str| {
        let arguments = ["up", "--data", "data", "--listen", listen, "--cosigner", program.to_str().unwrap()];
        ringi(folder, "http://127.0.0.1:1", &arguments)
    };
    refused(&up("127.0.0.1:0"), &["up"], "store.locked");
    refused(&up(platform.url.trim_start_matches("http://")), &["up"], "cli.listen");
    platform.good(&["status", "--key", INITIATOR]);
}

#[test]
fn the_platform_from_its_first_start_to_a_verified_receipt() {
    let (node, folder) = (Node::start(), tempfile::tempdir().unwrap());
    let folder = folder.path();
    Platform::settle(folder, &node);
    let platform = Platform::up(folder);
    a_second_instance_is_refused(folder, &platform);
    let status = platform.good(&["status", "--key", INITIATOR]);
    assert_eq!(status["items"].as_array().unwrap().len(), 3);
    assert!(status["items"].as_array().unwrap().iter().all(|c| c["ready"] == true), "{status}");
    a_policy_is_installed_once_and_signed(folder, &platform);
    let scene = a_wallet_is_made_and_funded(&node, platform);
    a_small_payment_completes_and_its_receipt_verifies(&scene);
    a_large_payment_waits_for_two_people(&scene);
    a_policy_is_previewed_over_what_was_paid(&scene);
    a_waiting_payment_is_cancelled_by_its_initiator(&scene);
    wrong_input_is_refused_with_a_code_and_a_hint(&scene);
    an_order_is_carried_out_once(&scene);
    a_killed_platform_goes_on_and_pays_once(scene);
}

#[test]
fn a_platform_that_cannot_start_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let up = |more: &[&str]| {
        let arguments = [&["up", "--data", "data", "--listen", "127.0.0.1:0"], more].concat();
        ringi(at, "http://127.0.0.1:1", &arguments)
    };
    refused(&up(&["--cosigner", "nowhere"]), &["up"], "cli.cosigner_program");
    refused(&up(&["--log", "ringi=loud"]), &["up"], "cli.log");
    std::fs::write(at.join("data/ringi.toml"), "listne = 1\n").unwrap();
    refused(&up(&[]), &["up"], "cli.form");
    std::fs::remove_file(at.join("data/ringi.toml")).unwrap();
    for left in ["ringi.db-wal", "ringi.db-shm"] {
        let _ = std::fs::remove_file(at.join("data").join(left));
    }
    std::fs::write(at.join("data/ringi.db"), "no database at all ".repeat(1000)).unwrap();
    let program = cosigner();
    let found = up(&["--cosigner", program.to_str().unwrap()]);
    refused(&found, &["up"], "store.corrupt");
    refused(&ringi(at, "http://127.0.0.1:1", &["up", "--data", "data", "--listen", "nowhere"]), &["up"], "cli.listen");
    refused(&ringi(at, "http://127.0.0.1:1", &["up", "--listen"]), &["up"], "cli.usage");
}

/// A resume names boots by the keys that the status shows, and does nothing without the admin quorum.
fn resumes(platform: &Platform) {
    let boot_key = platform.good(&["status", "--key", INITIATOR])["items"][0]["boot_key"].as_str().unwrap().to_owned();
    let new = ["order", "resume", "--genesis", GENESIS, "--out", "resume.ringi", "--boot-key"];
    let made = platform.good(&[&new[..], &[boot_key.as_str()]].concat());
    assert_eq!((&made["action"], &made["signed"]), (&"resume 1 boots".into(), &false.into()));
    platform.refuses(&["install", "order", "resume.ringi", "--key", ADMINS[0]], "order.signatures");
    platform.refuses(&[&new[..], &["nobody"]].concat(), "cli.usage");
}
