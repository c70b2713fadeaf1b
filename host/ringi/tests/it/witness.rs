//! Witnesses as programs of their own: what they read reaches requests, cosigners take it, and what ends is proved (M1, L3).

use crate::commands::{GENESIS, Scene, a_policy_is_installed_once_and_signed, a_wallet_is_made_and_funded};
use crate::node::{CHAIN_ID, Node};
use crate::platform::{INITIATOR, Platform, refused};
use ringi::keys::SecretKey;
use ringi_gateway::client::Client;
use ringi_gateway::model::Facts;
use ringi_primitives::amount::Amount;
use ringi_primitives::asset::AssetKey;
use ringi_primitives::cbor;
use ringi_primitives::digest::Domain;
use ringi_primitives::fact::{Fact, FactKind, SignedFact};
use ringi_primitives::network::NetworkId;
use ringi_primitives::policy_set::{Limit, Measure, PolicySet, Ruling, Scope, Vault, Window};
use ringi_primitives::receipt::Receipt;
use ringi_primitives::request::SigningRequest;
use ringi_primitives::signed::Signed;
use ringi_primitives::trust::{BalanceTrust, FinalTrust, PriceTrust, Trust, Witness};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

const ADMINS: [&str; 2] = ["data/development/admin-1.key", "data/development/admin-2.key"];

/// Answers every request with this price.
fn price_server(text: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/eth", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let body = format!("{{\"usd\":\"{text}\"}}");
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            let _ = stream.write_all(format!("{head}{body}").as_bytes());
        }
    });
    url
}

fn keygen(platform: &Platform, name: &str) {
    let made = platform.good(&["witness", "keygen", "--out", name]);
    assert!(made["public"].as_str().unwrap().starts_with("ed25519:"));
}

/// A limit that every payment is charged to, so that its end is wanted.
fn charge_daily(vault: &mut Vault) {
    let measure = Measure::Asset(AssetKey::native(NetworkId::Evm(CHAIN_ID)));
    let window = Window::Rolling(86_400);
    vault.limits.push(Limit { name: "day".into(), measure, most: Amount::MAX, window, per: Scope::Vault });
    for rule in &mut vault.rules {
        if let Ruling::Allow(terms) = &mut rule.then {
            terms.limits.push("day".into());
        }
    }
}

/// The next policy set: the one in force, these two witnesses and a limit.
fn trust(platform: &Platform, folder: &Path) {
    let signed: Signed = cbor::decode(&std::fs::read(folder.join("next.ringi")).unwrap(), 1 << 22).unwrap();
    let mut set: PolicySet = signed.decode_unverified(1 << 22).unwrap();
    let key = |name: &str| SecretKey::load(&folder.join(name)).unwrap().public();
    let all = FactKind::ALL.into();
    let witnesses = vec![
        Witness { name: "one".into(), key: key("one.key"), vouches: all },
        Witness { name: "two".into(), key: key("two.key"), vouches: [FactKind::Price].into() },
    ];
    set.trust = Some(Trust {
        witnesses,
        prices: Some(PriceTrust { max_age_s: 120, quorum: 2, max_spread_bps: 100 }),
        balances: Some(BalanceTrust { max_age_s: 120, quorum: 1 }),
        finals: Some(FinalTrust { quorum: 1 }),
    });
    charge_daily(&mut set.vaults[0]);
    (set.sequence, set.previous) = (set.sequence + 1, Some(signed.digest(Domain::PolicySet)));
    let next = Signed { body: cbor::encode(&set), signatures: vec![] };
    std::fs::write(folder.join("trust.ringi"), cbor::encode(&next)).unwrap();
    for admin in ADMINS {
        platform.good(&["policy", "sign", "trust.ringi", "--key", admin, "--genesis", GENESIS]);
    }
    assert_eq!(platform.good(&["install", "policy", "--key", ADMINS[0], "trust.ringi"])["in_force"], true);
}

fn configure(scene: &Scene, name: &str, rest: &str) {
    let folder = &scene.platform.folder;
    let signed: Signed = cbor::decode(&std::fs::read(folder.join("trust.ringi")).unwrap(), 1 << 22).unwrap();
    let set: PolicySet = signed.decode_unverified(1 << 22).unwrap();
    let text = format!(
        "platform = \"{}\"\nkey = \"{name}.key\"\ngenesis = \"{}\"\ninterval_s = 1\n{rest}",
        scene.platform.url, set.genesis
    );
    std::fs::write(folder.join(format!("{name}.toml")), text).unwrap();
}

fn price_from(source: &str, pointer: &str) -> String {
    format!("[[prices]]\nnetwork = \"eip155:{CHAIN_ID}\"\n{source}\npointer = \"{pointer}\"\n")
}

fn facts(scene: &Scene) -> Facts {
    let key = Arc::new(SecretKey::load(&scene.platform.folder.join(INITIATOR)).unwrap());
    let client = Client::new(&scene.platform.url, key).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(client.facts()).unwrap()
}

/// The facts of the request that a completed payment was signed by.
fn signed_with(scene: &Scene, id: &str) -> Vec<SignedFact> {
    let out = format!("receipt-{id}");
    scene.platform.good(&["transfer", "receipt", "--key", INITIATOR, id, "--out", &out]);
    scene.platform.good(&["verify", "receipt", &out, "--genesis", GENESIS]);
    let bytes = std::fs::read(scene.platform.folder.join(out)).unwrap();
    let receipt: Receipt = cbor::decode(&bytes, 1 << 22).unwrap();
    cbor::decode::<SigningRequest>(&receipt.request, 1 << 22).unwrap().facts
}

fn once(scene: &Scene, name: &str) -> Vec<String> {
    let report = scene.platform.good(&["witness", "serve", "--config", &format!("{name}.toml"), "--once"]);
    assert_eq!(report["failures"], serde_json::json!([]), "{report}");
    report["sent"].as_array().unwrap().iter().map(|s| s.as_str().unwrap().to_string()).collect()
}

#[test]
fn m1_l3_what_witnesses_say_reaches_the_cosigners() {
    let (node, folder) = (Node::start(), tempfile::tempdir().unwrap());
    Platform::settle(folder.path(), &node);
    let platform = Platform::up(folder.path());
    a_policy_is_installed_once_and_signed(folder.path(), &platform);
    ["one.key", "two.key", "stranger.key"].iter().for_each(|name| keygen(&platform, name));
    trust(&platform, folder.path());
    let scene = a_wallet_is_made_and_funded(&node, platform);
    let url = price_server("3012.55");
    std::fs::write(folder.path().join("price.json"), "{\"eth\":[3.0e3]}").unwrap();
    let asks =
        format!("[[nodes]]\nurl = \"{}\"\nchain_id = {CHAIN_ID}\nconfirmations = 1\nfinality = true\n", node.url());
    let balance = format!(
        "[[balances]]\nvault = 1\nwallet = \"{}\"\naddress = \"{}\"\nnetwork = \"eip155:{CHAIN_ID}\"\n",
        scene.wallet, scene.account
    );
    configure(&scene, "one", &format!("{}{asks}{balance}", price_from(&format!("url = \"{url}\""), "/usd")));
    configure(&scene, "two", &price_from("file = \"price.json\"", "/eth/0"));
    configure(&scene, "stranger", &price_from("file = \"price.json\"", "/eth/0"));
    a_stranger_is_not_taken(&scene);
    assert_eq!(once(&scene, "one")[0], format!("price of eip155:{CHAIN_ID} is 3012.55"));
    assert_eq!(once(&scene, "two"), [format!("price of eip155:{CHAIN_ID} is 3000")]);
    let id = scene.pay("paid.json", &[]);
    scene.platform.until(&id, "completed");
    the_request_carries_both_prices(&scene, &id);
    an_end_is_proved_once(&scene, &id);
    a_witness_runs_until_it_is_told_to_stop(&scene);
}

fn a_stranger_is_not_taken(scene: &Scene) {
    let arguments = ["witness", "serve", "--config", "stranger.toml", "--once"];
    let found = scene.platform.run(&arguments);
    assert_eq!(found.err["code"], "auth.unknown_key", "{found:?}");
    std::fs::write(scene.platform.folder.join("typo.toml"), "platforms = 1").unwrap();
    let found = scene.platform.run(&["witness", "serve", "--config", "typo.toml"]);
    refused(&found, &["witness", "serve"], "cli.form");
    assert!(facts(scene).items.is_empty());
}

fn the_request_carries_both_prices(scene: &Scene, id: &str) {
    let coin = AssetKey::native(NetworkId::Evm(CHAIN_ID));
    let mut prices: Vec<String> = signed_with(scene, id)
        .into_iter()
        .filter_map(|f| match f.statement.fact {
            Fact::Price { asset, price } if asset == coin => Some(price.to_decimal(12)),
            _ => None,
        })
        .collect();
    prices.sort();
    assert_eq!(prices, ["3000", "3012.55"]);
    let held = signed_with_balance(scene, id);
    assert_eq!(held, 10 * 1_000_000_000_000_000_000u128, "as it was before the payment");
}

fn signed_with_balance(scene: &Scene, id: &str) -> u128 {
    let bytes = std::fs::read(scene.platform.folder.join(format!("receipt-{id}"))).unwrap();
    let receipt: Receipt = cbor::decode(&bytes, 1 << 22).unwrap();
    let request: SigningRequest = cbor::decode(&receipt.request, 1 << 22).unwrap();
    let held = request.facts.iter().find_map(|f| match &f.statement.fact {
        Fact::Balance { amount, .. } => Some(amount.to_string()),
        _ => None,
    });
    held.expect("a balance").parse().unwrap()
}

/// What a limit was charged is wanted until it is proved.
fn an_end_is_proved_once(scene: &Scene, id: &str) {
    let wanted: Vec<String> = facts(scene).wanted.iter().map(|w| w.intent.to_string()).collect();
    assert_eq!(wanted, [id]);
    let end = format!("{id} is final");
    assert!(once(scene, "one").contains(&end));
    assert!(facts(scene).wanted.is_empty());
    assert!(!once(scene, "one").contains(&end), "nobody asks again");
}

fn a_witness_runs_until_it_is_told_to_stop(scene: &Scene) {
    let before = facts(scene).items.iter().map(|i| i.at).max().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_ringi"))
        .current_dir(&scene.platform.folder)
        .args(["--json", "witness", "serve", "--config", "two.toml"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let began = Instant::now();
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < 2 && began.elapsed() < Duration::from_secs(60) {
        let newest = facts(scene).items.into_iter().filter(|i| i.witness == "two" && i.at > before).map(|i| i.at);
        seen.extend(newest);
        std::thread::sleep(Duration::from_millis(100));
    }
    let stopped = Command::new("sh").args(["-c", &format!("kill -TERM {}", child.id())]).status().unwrap();
    assert!(stopped.success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(seen.len() >= 2, "{seen:?}");
}
