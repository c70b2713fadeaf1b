//! The description: checked in, and true of the running server. [`hold`] is called for every answer of every test.

use crate::desk::{ADMIN, APPROVER, Desk, INITIATOR, intent, ordered, recovery, recovery_order, submission};
use crate::drafts;
use crate::feed::Feed;
use crate::http::{Ask, Reply};
use crate::schema::faults;
use crate::world;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::Signer as _;
use ringi_gateway::{Config, Gateway, codes, openapi_json};
use ringi_orchestrator::Service;
use ringi_orchestrator::ports::{Clock, DepositSeen, SystemClock};
use ringi_primitives::amount::Amount;
use ringi_primitives::approval::Evidence;
use ringi_primitives::asset::AssetKey;
use ringi_primitives::brake::{BrakeAction, FreezeTarget, SignedBrake};
use ringi_primitives::cbor;
use ringi_primitives::digest::{Digest, Domain};
use ringi_primitives::fact::Fact;
use ringi_primitives::order::OrderAction;
use ringi_primitives::receipt::Receipt;
use ringi_primitives::time::UnixMs;
use ringi_primitives::wallet::VaultIndex;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};

const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"];

pub fn document() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    DOCUMENT.get_or_init(|| serde_json::from_str(&openapi_json()).unwrap())
}

/// Every operation of the description: path template, method.
pub fn operations() -> Vec<(String, String)> {
    let paths = document()["paths"].as_object().unwrap();
    let of = |(path, item): (&String, &Value)| {
        item.as_object().unwrap().keys().map(|m| (path.clone(), m.to_uppercase())).collect::<Vec<_>>()
    };
    paths.iter().flat_map(of).collect()
}

/// The template that a path is of; one without a parameter goes first.
fn template(path: &str) -> Option<String> {
    let fits = |template: &str| {
        let (a, b): (Vec<&str>, Vec<&str>) = (path.split('/').collect(), template.split('/').collect());
        a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| a == b || b.starts_with('{'))
    };
    let all: Vec<String> = document()["paths"].as_object().unwrap().keys().cloned().collect();
    let found = all.iter().find(|t| *t == path).or_else(|| all.iter().find(|t| fits(t)));
    found.cloned()
}

/// Answers seen by this process: (template, method, status).
static SEEN: Mutex<BTreeSet<(String, String, u16)>> = Mutex::new(BTreeSet::new());

/// Panics unless the answer is one that the description announces, in the form it announces.
pub fn hold(method: &str, path: &str, reply: &Reply) {
    let place = format!("{method} {path} {}", reply.status);
    if reply.status >= 400 {
        hold_problem(&place, reply);
    }
    let known = template(path).filter(|t| operations().contains(&(t.clone(), method.to_string())));
    let Some(template) = known else {
        let expected = if self::template(path).is_some() { "request.method" } else { "request.path" };
        assert_eq!(reply.code(), expected, "{place} is not described");
        return;
    };
    let operation = &document()["paths"][&template][method.to_lowercase()];
    let content = &operation["responses"][reply.status.to_string()]["content"];
    let schema = &content[reply.media()]["schema"];
    assert!(schema.is_object(), "{place} {}: the description does not announce this answer", reply.media());
    SEEN.lock().unwrap().insert((template, method.to_string(), reply.status));
    let values = match reply.media() {
        "application/json" | "application/problem+json" => vec![serde_json::from_slice(&reply.body).expect("JSON")],
        _ => vec![],
    };
    for value in values {
        let faults = faults(document(), schema, &value);
        assert!(faults.is_empty(), "{place} is not as described: {faults:#?}");
    }
}

/// RFC 9457, and the table of codes.
fn hold_problem(place: &str, reply: &Reply) {
    assert_eq!(reply.media(), "application/problem+json", "{place}");
    let value = reply.value();
    let schema = json!({"$ref": "#/components/schemas/Problem"});
    let faults = faults(document(), &schema, &value);
    assert!(faults.is_empty(), "{place}: {faults:#?}");
    let code = reply.code();
    assert_eq!(value["status"], reply.status, "{place}");
    assert_eq!(value["type"], format!("urn:ringi:error:{code}"), "{place}");
    for told in ["title", "detail", "remedy"] {
        assert!(!value[told].as_str().unwrap_or_default().is_empty(), "{place}: {code} says no {told}");
    }
    assert_eq!(
        value["retry_after_s"].as_u64().map(|s| s.to_string()).as_deref(),
        reply.header("retry-after"),
        "{place}"
    );
    if let Some(row) = codes::find(&code) {
        assert_eq!((row.status, row.title), (reply.status, value["title"].as_str().unwrap()), "{place}: {code}");
    }
}

/// Compares a generated document with the one that is checked in.
pub fn fresh_document(name: &str, generated: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, generated).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(stored == generated, "docs/{name} is stale: UPDATE_DOCS=1 cargo test -p ringi-gateway");
}

#[test]
fn the_description_is_fresh() {
    fresh_document("openapi.json", &openapi_json());
}

#[test]
fn the_table_of_codes_is_fresh() {
    fresh_document("errors.md", &codes::markdown());
}

#[test]
fn the_table_of_statuses_is_fresh() {
    fresh_document("statuses.md", &ringi_gateway::statuses::markdown());
}

#[test]
fn it_is_openapi_3_1_and_describes_every_refusal() {
    assert!(document()["openapi"].as_str().unwrap().starts_with("3.1."));
    assert_eq!(document()["info"]["version"], env!("CARGO_PKG_VERSION"));
    let mut names = BTreeSet::new();
    for (path, method) in operations() {
        let operation = &document()["paths"][&path][method.to_lowercase()];
        let name = operation["operationId"].as_str().unwrap();
        assert!(names.insert(name), "{name} names two operations");
        let told: BTreeSet<&str> = operation["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|p| p["in"] == "path")
            .map(|p| p["name"].as_str().unwrap())
            .collect();
        let meant: BTreeSet<&str> = path.split('/').filter_map(|p| p.strip_prefix('{')?.strip_suffix('}')).collect();
        assert_eq!(told, meant, "parameters of {path}");
        let responses = operation["responses"].as_object().unwrap();
        assert!(responses.keys().any(|s| s.starts_with('2')), "{method} {path} never succeeds");
        for (status, response) in responses.iter().filter(|(s, _)| !s.starts_with('2')) {
            let schema = &response["content"]["application/problem+json"]["schema"];
            assert_eq!(schema["$ref"], "#/components/schemas/Problem", "{method} {path} {status}");
        }
        let is_open = ["/v1/healthz", "/v1/openapi.json"].contains(&path.as_str());
        assert_eq!(responses.contains_key("401"), !is_open, "{method} {path}");
    }
    let text = openapi_json();
    for reference in text.split("\"$ref\": \"#").skip(1) {
        let target = reference.split('"').next().unwrap();
        assert!(document().pointer(target).is_some(), "{target} is described nowhere");
    }
}

/// The router's own list of its paths.
fn routes(router: &axum::Router) -> BTreeSet<String> {
    let told = format!("{router:?}");
    // The fallback is told as `/` and a private name; that it refuses is tested with the unknown paths.
    told.split('"')
        .filter(|part| part.starts_with("/") && *part != "/" && !part.contains("__private"))
        .map(str::to_string)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_is_described_and_every_described_one_answers() {
    let desk = Desk::ready().await;
    let gateway = Gateway::new(Arc::new(desk.orchestrator.clone()), Config::default()).unwrap();
    let described: BTreeSet<String> = operations().into_iter().map(|(path, _)| path).collect();
    assert_eq!(routes(&gateway.router()), described);
    for path in &described {
        for method in METHODS {
            let real = path.replace("{id}", &world::intent_id(1).to_string());
            let reply = desk.send(&Ask::new(method, &real)).await;
            let is_described = operations().contains(&(path.clone(), method.to_string()));
            let code = reply.code();
            assert_eq!(code != "request.method" && code != "request.path", is_described, "{method} {path}: {code}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_take_a_query_describe_it_and_others_refuse_one() {
    let desk = Desk::ready().await;
    for (path, method) in operations() {
        let operation = &document()["paths"][&path][method.to_lowercase()];
        if operation["responses"]["401"].is_null() {
            continue;
        }
        let takes = operation["parameters"].as_array().unwrap().iter().any(|p| p["in"] == "query");
        let media = operation["requestBody"]["content"].as_object().map(|c| c.keys().next().unwrap().clone());
        let real = path.replace("{id}", &world::wallet().wallet.to_string());
        let ask = Ask::new(&method, &real).query("limit=7").with("idempotency-key", "k");
        let ask = media.map_or(ask.clone(), |media| ask.with("content-type", &media));
        let code = if takes { "auth.unsigned" } else { "request.query" };
        assert_eq!(desk.send(&ask).await.code(), code, "{method} {path}");
    }
}

/// Approves as person and key `n`.
async fn approve(desk: &Desk, transfer: u8, n: u8) {
    let path = format!("/v1/transfers/{}", world::intent_id(transfer));
    let envelope = desk.good(&Ask::get(&format!("{path}/approval-envelope")).by(n)).await;
    let bytes = STANDARD.decode(envelope["envelope"].as_str().unwrap()).unwrap();
    let digest = Digest::of(Domain::Approval, &bytes);
    assert_eq!(envelope["digest"], digest.hex());
    let signature = STANDARD.encode(world::key(n).sign(&digest.0).to_bytes());
    let body = json!({"person": world::person(n), "key": world::public(n).text(), "signature": signature});
    desk.good(&Ask::json(&format!("{path}/approvals"), body.to_string()).by(n)).await;
}

/// Freeze and lift, veto, withdrawal.
async fn brake_everything(desk: &Desk) {
    let freeze = world::brake(3, 1, SystemClock.now(), BrakeAction::Freeze { target: FreezeTarget::Workspace });
    let digest = freeze.digest();
    let ask = |path: &str, brake: &SignedBrake, by| Ask::cbor(path, cbor::encode(brake)).by(by);
    let said = desk.good(&ask("/v1/freezes", &freeze, APPROVER)).await;
    assert_eq!(
        (&said["acknowledged"], &said["in_force"], &said["document"]),
        (&json!(3), &json!(true), &json!("freeze"))
    );
    desk.good(&submission(intent(3, 5))).await;
    let path = |n: u8| format!("/v1/transfers/{}", world::intent_id(n));
    assert_eq!(desk.good(&Ask::get(&path(3)).by(INITIATOR)).await["brake"], "brake.frozen");
    let listed = desk.good(&Ask::get("/v1/freezes").by(INITIATOR)).await;
    assert_eq!((&listed["items"][0]["digest"], &listed["items"][0]["of"]), (&json!(digest), &json!("workspace")));
    let lift = ordered(5, OrderAction::Unfreeze { freezes: vec![digest] });
    let said = desk.good(&Ask::cbor("/v1/freezes/lift", cbor::encode(&lift)).by(ADMIN)).await;
    assert_eq!(said["in_force"], true);
    assert_eq!(desk.good(&Ask::get("/v1/freezes").by(INITIATOR)).await["items"], json!([]));
    desk.until(3, "completed").await;
    for (n, verb, by, action) in [
        (4, "veto", 2, BrakeAction::Veto { intent: world::intent_id(4) }),
        (5, "withdraw", INITIATOR, BrakeAction::Withdraw { intent: world::intent_id(5) }),
    ] {
        desk.good(&submission(intent(n, 5_000_000))).await;
        let brake = world::brake(by, n, SystemClock.now(), action);
        let said = desk.good(&ask(&format!("{}/{verb}", path(n)), &brake, INITIATOR)).await;
        assert_eq!(said["in_force"], true, "{said}");
        let ended = desk.good(&Ask::get(&path(n)).by(INITIATOR)).await;
        assert_eq!(ended["status"], "rejected", "{ended}");
        assert!(ended["error"]["code"].as_str().unwrap().starts_with("brake."), "{ended}");
    }
}

/// P1: what is no brake, or not for this call, is refused by name and leaves nothing.
#[tokio::test(flavor = "multi_thread")]
async fn p1_a_brake_that_is_none_is_refused_by_name() {
    let desk = Desk::ready().await;
    let now = SystemClock.now();
    let freeze = BrakeAction::Freeze { target: FreezeTarget::Workspace };
    let elsewhere = BrakeAction::Freeze { target: FreezeTarget::Vault(VaultIndex(7)) };
    let ask = |path: &str, brake: &SignedBrake| Ask::cbor(path, cbor::encode(brake)).by(APPROVER);
    let transfer = |n: u8, verb: &str| format!("/v1/transfers/{}/{verb}", world::intent_id(n));
    let mut forged = world::brake(2, 1, now, freeze);
    if let Evidence::Signature { signature, .. } = &mut forged.evidence {
        signature.0[7] ^= 1;
    }
    let veto = world::brake(2, 2, now, BrakeAction::Veto { intent: world::intent_id(1) });
    let old = UnixMs(now.0 - ringi_primitives::limits::BRAKE_LIFE_MS - 1000);
    desk.refuses(&ask("/v1/freezes", &forged), 422, "brake.signature").await;
    desk.refuses(&ask("/v1/freezes", &world::brake(1, 3, now, freeze)), 403, "brake.not_member").await;
    desk.refuses(&ask("/v1/freezes", &world::brake(2, 4, old, freeze)), 422, "brake.time").await;
    desk.refuses(&ask("/v1/freezes", &world::brake(2, 5, now, elsewhere)), 404, "vault.not_found").await;
    desk.refuses(&ask("/v1/freezes", &veto), 400, "brake.other").await;
    desk.refuses(&ask(&transfer(1, "veto"), &veto), 404, "transfer.not_found").await;
    desk.good(&submission(intent(1, 5_000_000))).await;
    desk.refuses(&ask(&transfer(2, "veto"), &veto), 400, "brake.other").await;
    let meddling = world::brake(2, 6, now, BrakeAction::Withdraw { intent: world::intent_id(1) });
    desk.refuses(&ask(&transfer(1, "withdraw"), &meddling), 403, "transfer.not_initiator").await;
    let key = ordered(6, OrderAction::GiveBack { intent: world::intent_id(1) });
    desk.refuses(&Ask::cbor("/v1/freezes/lift", cbor::encode(&key)).by(ADMIN), 400, "order.not_unfreeze").await;
    desk.refuses(&Ask::cbor("/v1/freezes/lift", cbor::encode(&key)).by(APPROVER), 403, "auth.key_purpose").await;
    desk.good(&submission(intent(2, 5))).await;
    desk.until(2, "completed").await;
    let late = world::brake(2, 7, now, BrakeAction::Veto { intent: world::intent_id(2) });
    desk.refuses(&ask(&transfer(2, "veto"), &late), 409, "brake.too_late").await;
}

/// P1: a freeze is not forgotten by a restart, and cosigners that were away are told.
#[tokio::test(flavor = "multi_thread")]
async fn p1_a_freeze_outlives_the_gateway() {
    let desk = Desk::ready().await;
    let freeze = world::brake(2, 1, SystemClock.now(), BrakeAction::Freeze { target: FreezeTarget::Workspace });
    desk.good(&Ask::cbor("/v1/freezes", cbor::encode(&freeze)).by(APPROVER)).await;
    let listed = desk.good(&Ask::get("/v1/freezes").by(INITIATOR)).await;
    let desk = desk.restarted().await;
    assert_eq!(desk.good(&Ask::get("/v1/freezes").by(INITIATOR)).await, listed);
    desk.good(&submission(intent(1, 5))).await;
    assert_eq!(
        desk.good(&Ask::get(&format!("/v1/transfers/{}", world::intent_id(1))).by(INITIATOR)).await["brake"],
        "brake.frozen"
    );
}

/// Drafted, looked at, signed, discarded, and drafted again and published.
async fn change_the_policy(desk: &Desk) {
    let signed = drafts::second(drafts::stricter);
    let draft = || Ask::cbor("/v1/policy/drafts", cbor::encode(&signed)).by(INITIATOR);
    desk.good(&draft()).await;
    desk.good(&Ask::new("DELETE", &drafts::at(&signed, "")).by(ADMIN)).await;
    desk.good(&draft()).await;
    desk.good(&Ask::get("/v1/policy/drafts").by(APPROVER)).await;
    desk.good(&Ask::get(&drafts::at(&signed, "")).by(APPROVER)).await;
    let signature = cbor::encode(&drafts::signature(ADMIN, &signed));
    desk.good(&Ask::cbor(&drafts::at(&signed, "/signatures"), signature).by(ADMIN)).await;
    desk.good(&Ask::new("POST", &drafts::at(&signed, "/publish")).by(ADMIN)).await;
}

/// A deposit, as a watcher tells it.
async fn deposit(desk: &Desk) {
    let seen = DepositSeen {
        network: world::EVM,
        transaction: "0xab".into(),
        place: 0,
        wallet: world::wallet(),
        address: "0x1111111111111111111111111111111111111111".into(),
        asset: AssetKey::native(world::EVM),
        amount: Amount::from_u64(7),
        height: Some(3),
        confirmations: 9,
    };
    desk.orchestrator.deposit_seen(seen).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_succeeds_as_described() {
    let desk = Desk::ready().await;
    desk.good(&Ask::cbor("/v1/genesis", cbor::encode(&vec![world::genesis()])).by(ADMIN)).await;
    let denied = world::transfer_to(7, 5, 0x66, "").0;
    assert_eq!(desk.good(&submission(denied)).await["decision"]["verdict"], "deny");
    desk.good(&Ask::json("/v1/transfers/dry-run", intent(1, 5_000_000)).by(INITIATOR)).await;
    assert_eq!(desk.send(&submission(intent(1, 5_000_000))).await.status, 201);
    assert_eq!(desk.send(&submission(intent(1, 5_000_000))).await.status, 200);
    approve(&desk, 1, APPROVER).await;
    approve(&desk, 1, 3).await;
    let done = desk.until(1, "completed").await;
    assert!(done["transaction"]["nonce"].is_u64() && done["transaction"]["height"].is_u64(), "{done}");
    let reply = desk.send(&Ask::get(&format!("/v1/transfers/{}/receipt", world::intent_id(1))).by(APPROVER)).await;
    let receipt: Receipt = cbor::decode(&reply.body, 1 << 22).unwrap();
    assert_eq!(receipt.transaction_id, done["transaction"]["id"].as_str().unwrap());
    desk.good(&submission(intent(2, 5_000_000))).await;
    desk.good(&Ask::new("POST", &format!("/v1/transfers/{}/cancel", world::intent_id(2))).by(INITIATOR)).await;
    brake_everything(&desk).await;
    change_the_policy(&desk).await;
    deposit(&desk).await;
    desk.good(&recovery(recovery_order(2)).by(ADMIN)).await;
    let wallet = format!("/v1/wallets/{}", world::wallet().wallet);
    let address = json!({"network": world::EVM, "kind": "account"}).to_string();
    desk.good(&Ask::json(&format!("{wallet}/addresses"), address).by(INITIATOR)).await;
    let at = ringi_orchestrator::ports::Clock::now(&ringi_orchestrator::ports::SystemClock);
    let price = Fact::Price { asset: AssetKey::native(world::EVM), price: Amount::from_u64(1) };
    desk.good(&Ask::cbor("/v1/facts", cbor::encode(&vec![world::says(20, &price, at)])).by(20)).await;
    let reads = [
        "/v1/facts",
        "/v1/transfers",
        "/v1/wallets",
        &wallet,
        &format!("{wallet}/addresses"),
        &format!("{wallet}/balances"),
        "/v1/deposits",
        "/v1/assets",
        "/v1/genesis",
        "/v1/policy",
        "/v1/cosigners",
        "/v1/caller",
        "/v1/audit",
    ];
    for path in reads {
        let by = if path == "/v1/audit" { ADMIN } else { APPROVER };
        let value = desk.good(&Ask::get(path).by(by)).await;
        assert!(value["items"].as_array().is_none_or(|items| !items.is_empty()), "{path} shows nothing");
    }
    let (three, four) = (world::person(3), world::person(4));
    desk.good(&Ask::json(&format!("/v1/access/{three}/role"), json!({"role": "viewer"}).to_string()).by(ADMIN)).await;
    desk.good(&Ask::new("POST", &format!("/v1/access/{four}/revoke")).by(ADMIN)).await;
    let question = json!({"person": three, "action": "readWallet", "wallet": world::wallet().wallet});
    let verdict = desk.good(&Ask::json("/v1/access/check", question.to_string()).by(ADMIN)).await;
    assert_eq!((&verdict["allowed"], &verdict["policies"][0]), (&true.into(), &"viewer".into()));
    assert_eq!(desk.good(&Ask::get("/v1/access").by(ADMIN)).await["items"].as_array().unwrap().len(), 5);
    let attest = |rest: &str| Ask::get("/v1/attestation").query(&format!("cosigner={rest}")).by(APPROVER);
    let told = desk.good(&attest(&format!("1&nonce={}", "ab".repeat(32)))).await["document"].clone();
    assert_eq!(told, STANDARD.encode([0xab; 32]));
    for (rest, status) in [("2&nonce=00112233445566778899aabbccddeeff", 409), ("1&nonce=00", 400), ("1&nonce=x", 400)] {
        assert_eq!(desk.send(&attest(rest)).await.status, status, "{rest}");
    }
    desk.good(&Ask::get("/v1/healthz")).await;
    assert_eq!(desk.good(&Ask::get("/v1/openapi.json")).await, *document(), "the server serves another description");
    Feed::open(&desk, Ask::get("/v1/events").by(APPROVER)).await.take(5).await;
    let seen = SEEN.lock().unwrap().clone();
    let silent: Vec<_> = operations()
        .into_iter()
        .filter(|(path, method)| !seen.iter().any(|(p, m, status)| p == path && m == method && *status < 300))
        .collect();
    assert_eq!(silent, Vec::<(String, String)>::new(), "operations that were not seen to succeed");
}

/// Statuses that the service's constructors of errors become.
const CLASSES: [(&str, u16); 6] = [
    ("bad_request", 400),
    ("forbidden", 403),
    ("conflict", 409),
    ("unprocessable", 422),
    ("unavailable", 503),
    ("internal", 500),
];

#[test]
fn every_code_of_the_service_is_in_the_table_with_its_status() {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("../orchestrator/src")];
    let mut checked = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
                continue;
            }
            let text = std::fs::read_to_string(&entry).unwrap();
            for (constructor, status) in CLASSES {
                for call in text.split(&format!("ServiceError::{constructor}(")).skip(1) {
                    let Some(literal) = call.trim_start().strip_prefix('"') else { continue };
                    let code = literal.split('"').next().unwrap();
                    if !code.contains('.') || code.contains(' ') {
                        continue;
                    }
                    let row = codes::find(code).unwrap_or_else(|| panic!("{code} is not in the table"));
                    assert_eq!(row.status, status, "{code} in {}", entry.display());
                    checked += 1;
                }
            }
        }
    }
    assert!(checked > 15, "only {checked} codes found");
}
