//! Who may ask for what, over HTTP: every operation for every role, the operator's own policies, addresses, the audit log.

use crate::description::{fresh_document, operations};
use crate::desk::{ADMIN, APPROVER, Desk, INITIATOR, intent, role_of, submission};
use crate::drafts;
use crate::feed::Feed;
use crate::http::Ask;
use crate::world;
use axum::body::Body;
use axum::http::Request;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use ringi_access::{Access, Question, Target};
use ringi_gateway::peer::{Peer, Proxies};
use ringi_gateway::{Config, Gateway};
use ringi_orchestrator::Service;
use ringi_orchestrator::ports::Role;
use ringi_primitives::cbor;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

const TEXT: &str = include_str!("../../../access/src/introduction.txt");
/// Somebody whose role is changed by the calls.
const BYSTANDER: u8 = 4;
/// Who stays an owner whatever is tried.
const KEEPER: u8 = 3;

/// A signed operation.
struct Operation {
    method: String,
    path: String,
    name: String,
}

fn signed() -> Vec<Operation> {
    let of = |(path, method): (String, String)| {
        let operation = &crate::description::document()["paths"][&path][method.to_lowercase()];
        let is_signed = operation["responses"]["401"].is_object();
        let name = operation["operationId"].as_str().unwrap().to_string();
        is_signed.then_some(Operation { method, path, name })
    };
    operations().into_iter().filter_map(of).collect()
}

fn roles() -> Vec<Option<Role>> {
    [None].into_iter().chain(Role::ALL.map(Some)).collect()
}

fn name(role: Option<Role>) -> &'static str {
    role.map_or("(none)", Role::name)
}

/// Which key an operation takes.
fn key_for(operation: &str) -> u8 {
    match operation {
        "submitTransfer" | "dryRunTransfer" | "cancelTransfer" | "createWallet" | "createAddress" => INITIATOR,
        "installGenesis" | "installPolicy" | "signPolicyDraft" | "publishPolicyDraft" | "discardPolicyDraft"
        | "submitOrder" | "submitRecovery" | "liftFreezes" => ADMIN,
        "draftPolicy" => INITIATOR,
        _ => APPROVER,
    }
}

fn permitted(access: &Access, operation: &Operation, role: Option<Role>) -> bool {
    let wallet = Target::Wallet { id: "w", vault: Some("hot") };
    let target = match operation.name.as_str() {
        "createWallet" => Target::Vault { name: "hot" },
        "grantRole" | "revokeRole" => Target::Person { id: "p", role: None, to: Some(Role::Viewer) },
        "submitTransfer" | "dryRunTransfer" => wallet,
        _ if operation.path.starts_with("/v1/policy/") => Target::Workspace,
        _ if operation.path.contains("{id}") => wallet,
        _ => Target::Workspace,
    };
    let question = Question {
        person: world::person(1),
        name: "p1",
        role,
        purpose: "initiate",
        address: [127, 0, 0, 1].into(),
        action: &operation.name,
        target,
    };
    let verdict = access.decide(&question);
    assert_eq!(verdict.faults, Vec::<String>::new(), "{} on {target:?}", operation.name);
    verdict.allows()
}

fn table() -> String {
    let access = Access::new(None).unwrap();
    let heads: Vec<String> = roles().into_iter().map(|r| format!(" {} ", name(r))).collect();
    let mut text = format!("| operation | route |{}|\n|---|---|{}\n", heads.join("|"), "---|".repeat(heads.len()));
    for operation in signed() {
        let cells: Vec<&str> =
            roles().into_iter().map(|r| if permitted(&access, &operation, r) { " yes " } else { "  " }).collect();
        let Operation { method, path, name } = operation;
        text.push_str(&format!("| `{name}` | {method} {path} |{}|\n", cells.join("|")));
    }
    text
}

#[test]
fn the_table_is_fresh_and_the_vocabulary_is_the_api_s() {
    fresh_document("access.md", &format!("{TEXT}{}", table()));
    let named: BTreeSet<String> = signed().into_iter().map(|o| o.name).collect();
    assert_eq!(named, Access::new(None).unwrap().actions());
}

/// The operator's policies of the document are good ones.
#[test]
fn the_document_s_examples_hold() {
    let examples: Vec<&str> = TEXT.split("```cedar\n").skip(1).map(|t| t.split("```").next().unwrap()).collect();
    assert_eq!(examples.len(), 1);
    assert_eq!(Access::new(Some(examples[0])).unwrap().own(), 3);
}

/// A call that changes nothing where it is let through.
fn harmless(operation: &Operation) -> Ask {
    let id = match operation.path.split('/').nth(2) {
        Some("wallets") => world::wallet().wallet.to_string(),
        Some("access") => world::person(BYSTANDER).to_string(),
        Some("policy") => "00".repeat(32),
        _ => world::intent_id(1).to_string(),
    };
    let path = operation.path.replace("{id}", &id);
    match operation.name.as_str() {
        "grantRole" => role_of(BYSTANDER, "viewer"),
        "installGenesis" | "installPolicy" | "submitOrder" | "submitRecovery" | "submitFacts" | "freeze"
        | "liftFreezes" | "vetoTransfer" | "withdrawTransfer" | "draftPolicy" | "signPolicyDraft" => {
            Ask::cbor(&path, vec![0xff])
        }
        "revokeRole" | "cancelTransfer" | "publishPolicyDraft" => Ask::new("POST", &path),
        "discardPolicyDraft" => Ask::new("DELETE", &path),
        "followEvents" => Ask::get(&path).with("last-event-id", "none"),
        _ if operation.method == "GET" => Ask::get(&path),
        _ => Ask::json(&path, "{}"),
    }
}

/// What the checked-in table says, cell by cell.
fn expected() -> Vec<(String, Vec<bool>)> {
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        (cells[0].trim_matches('`').to_string(), cells[2..].iter().map(|c| *c == "yes").collect())
    };
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/access.md")).unwrap();
    text.lines().filter(|l| l.starts_with("| `")).map(row).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn h1_every_operation_answers_every_role_as_the_table_says() {
    let desk = Desk::ready().await;
    desk.good(&submission(intent(1, 5_000_000))).await;
    let set = async |who: u8, role: Option<Role>| {
        desk.orchestrator.set_role(world::person(who), role, "test").await.unwrap();
    };
    set(KEEPER, Some(Role::Owner)).await;
    let expected = expected();
    let mut asked = 0;
    for (column, role) in roles().into_iter().enumerate() {
        for who in [INITIATOR, APPROVER, ADMIN] {
            set(who, role).await;
        }
        for operation in signed() {
            let row = expected.iter().find(|(name, _)| *name == operation.name).expect("a row for each operation");
            let reply = desk.send(&harmless(&operation).by(key_for(&operation.name))).await;
            let is_refused = reply.status == 403 && reply.code().starts_with("access.");
            assert_eq!(!is_refused, row.1[column], "{} as {}: {}", operation.name, name(role), reply.value());
            assert!(reply.status < 500, "{}: {}", operation.name, reply.value());
            asked += 1;
        }
    }
    assert_eq!(asked, expected.len() * 10);
}

/// A key is for what the policy set or genesis says, whatever the role of its person permits.
#[tokio::test(flavor = "multi_thread")]
async fn h1_every_operation_takes_keys_of_its_purpose_only() {
    const WITNESS: u8 = 20;
    let desk = Desk::ready().await;
    for who in [INITIATOR, APPROVER] {
        desk.orchestrator.set_role(world::person(who), Some(Role::Owner), "test").await.unwrap();
    }
    for operation in signed() {
        let fitting: &[u8] = match operation.name.as_str() {
            "submitTransfer" | "dryRunTransfer" | "cancelTransfer" => &[INITIATOR],
            "createWallet" | "createAddress" => &[INITIATOR, ADMIN],
            "installGenesis" | "installPolicy" | "signPolicyDraft" | "publishPolicyDraft" | "discardPolicyDraft"
            | "submitOrder" | "submitRecovery" | "liftFreezes" => &[ADMIN],
            "listFacts" | "submitFacts" => &[INITIATOR, APPROVER, ADMIN, WITNESS],
            _ => &[INITIATOR, APPROVER, ADMIN],
        };
        for who in [INITIATOR, APPROVER, ADMIN, WITNESS] {
            let reply = desk.send(&harmless(&operation).by(who)).await;
            let is_refused = reply.status == 403 && reply.code() == "auth.key_purpose";
            assert_eq!(!is_refused, fitting.contains(&who), "{} by {who}: {}", operation.name, reply.value());
        }
    }
}

/// What the body of an intent names is what is asked about.
#[tokio::test(flavor = "multi_thread")]
async fn h1_an_intent_is_of_the_wallet_that_it_names() {
    let own = "@id(\"still\") forbid (principal, action in Action::\"initiate\", resource in Vault::\"hot\");";
    let desk = Desk::ready_with(guarded(own, &[])).await;
    desk.refuses(&submission(intent(1, 5_000_000)), 403, "access.forbidden").await;
    let dry_run = Ask::json("/v1/transfers/dry-run", intent(1, 5_000_000)).by(INITIATOR);
    desk.refuses(&dry_run, 403, "access.forbidden").await;
}

/// Whoever mounts the router without saying where requests come from has closed it.
#[tokio::test(flavor = "multi_thread")]
async fn h1_an_unknown_address_is_refused() {
    let desk = Desk::ready().await;
    let service: Arc<dyn Service> = Arc::new(desk.orchestrator.clone());
    let router = TowerToHyperService::new(Gateway::new(service, Config::default()).unwrap().router());
    let ask = Ask::get("/v1/wallets");
    let send = async |peer: Option<Peer>| {
        let mut request = Request::get(&ask.path);
        for (name, value) in &ask.clone().by(ADMIN).headers {
            request = request.header(name, value);
        }
        let mut request = request.body(Body::empty()).unwrap();
        peer.map(|peer| request.extensions_mut().insert(peer));
        router.call(request).await.unwrap().status().as_u16()
    };
    assert_eq!(send(Some(Peer([127, 0, 0, 1].into()))).await, 200);
    assert_eq!(send(None).await, 403);
    let refused = denials(&desk).await.pop().unwrap();
    assert_eq!((&refused["code"], &refused["ip"]), (&"access.faulty".into(), &Value::Null));
}

/// The denials in the audit log, newest last.
async fn denials(desk: &Desk) -> Vec<Value> {
    let all = desk.audited().await;
    all.iter().filter(|e| e.kind == "access.denied").map(|e| serde_json::from_str(&e.fields).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn h1_who_has_no_role_sees_who_they_are_and_each_refusal_is_written_down() {
    let desk = Desk::ready().await;
    desk.good(&Ask::new("POST", &format!("/v1/access/{}/revoke", world::person(APPROVER))).by(ADMIN)).await;
    let me = desk.good(&Ask::get("/v1/caller").by(APPROVER)).await;
    assert_eq!((&me["name"], &me["role"]), (&"p2".into(), &Value::Null));
    desk.refuses(&Ask::get("/v1/wallets").by(APPROVER), 403, "access.no_role").await;
    let wallet = world::wallet().wallet.to_string();
    desk.refuses(&Ask::get(&format!("/v1/wallets/{wallet}")).by(APPROVER), 403, "access.no_role").await;
    let vault = json!({"vault": "hot", "name": "x"}).to_string();
    desk.good(&role_of(INITIATOR, "viewer").by(ADMIN)).await;
    let reply = desk.refuses(&Ask::json("/v1/wallets", vault).by(INITIATOR), 403, "access.not_permitted").await;
    assert!(reply.value()["detail"].as_str().unwrap().contains("p1 (viewer) may not createWallet on Vault::\"hot\""));
    desk.refuses(&submission(intent(1, 5)), 403, "access.not_permitted").await;
    desk.refuses(&Ask::json("/v1/wallets", "{}").by(APPROVER), 403, "auth.key_purpose").await;
    let told: Vec<[String; 4]> = (denials(&desk).await.iter())
        .map(|d| ["action", "resource", "code", "role"].map(|f| d[f].as_str().unwrap_or("-").to_string()))
        .collect();
    let wallet = format!("Wallet::\"{wallet}\"");
    let wanted = [
        ["listWallets", "Workspace::\"this\"", "access.no_role", "-"],
        ["readWallet", &wallet, "access.no_role", "-"],
        ["createWallet", "Vault::\"hot\"", "access.not_permitted", "viewer"],
        ["submitTransfer", &wallet, "access.not_permitted", "viewer"],
        ["createWallet", "/v1/wallets", "auth.key_purpose", "-"],
    ];
    assert_eq!(told, wanted.map(|w| w.map(str::to_string)));
    let first = &denials(&desk).await[0];
    assert_eq!((&first["person"], &first["ip"]), (&world::person(APPROVER).to_string().into(), &"127.0.0.1".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn h1_roles_are_durable_and_the_last_owner_stays() {
    let desk = Desk::ready().await;
    let revoke = |who: u8| Ask::new("POST", &format!("/v1/access/{}/revoke", world::person(who)));
    desk.refuses(&revoke(ADMIN).by(ADMIN), 409, "access.last_owner").await;
    desk.refuses(&role_of(ADMIN, "admin").by(ADMIN), 409, "access.last_owner").await;
    desk.refuses(&role_of(APPROVER, "emperor").by(ADMIN), 400, "request.body").await;
    desk.refuses(&role_of(77, "viewer").by(ADMIN), 404, "person.not_found").await;
    desk.good(&role_of(APPROVER, "admin").by(ADMIN)).await;
    // An admin makes admins, but neither makes nor unmakes owners, not even of themselves.
    desk.good(&role_of(BYSTANDER, "admin").by(APPROVER)).await;
    desk.refuses(&role_of(APPROVER, "owner").by(APPROVER), 403, "access.forbidden").await;
    desk.refuses(&revoke(ADMIN).by(APPROVER), 403, "access.forbidden").await;
    desk.refuses(&role_of(ADMIN, "viewer").by(APPROVER), 403, "access.forbidden").await;
    let desk = desk.restarted().await;
    assert_eq!(desk.good(&Ask::get("/v1/caller").by(APPROVER)).await["role"], "admin");
    desk.good(&role_of(APPROVER, "owner").by(ADMIN)).await;
    desk.good(&revoke(ADMIN).by(APPROVER)).await;
    desk.refuses(&Ask::get("/v1/access").by(ADMIN), 403, "access.no_role").await;
    desk.refuses(&revoke(APPROVER).by(APPROVER), 409, "access.last_owner").await;
    let log = desk.audited().await;
    let mut told = log.iter().filter(|e| ["access.granted", "access.revoked"].contains(&e.kind.as_str()));
    let last: Value = serde_json::from_str(&told.next_back().unwrap().fields).unwrap();
    let wanted =
        json!({"person": world::person(ADMIN), "role": null, "before": "owner", "by": world::person(APPROVER)});
    assert_eq!(last, wanted);
}

fn guarded(own: &str, proxies: &[&str]) -> Config {
    let proxies = Proxies::parse(&proxies.iter().map(|p| p.to_string()).collect::<Vec<_>>()).unwrap();
    Config { access: Some(Arc::new(Access::new(Some(own)).unwrap())), proxies, ..Config::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn h1_addresses_are_the_connection_s_own_unless_a_known_proxy_says_otherwise() {
    let own = "@id(\"office\") forbid (principal in Role::\"approver\", action, resource)
        unless { context.ip.isInRange(ip(\"10.20.0.0/16\")) };";
    let ask = || Ask::get("/v1/wallets").by(APPROVER);
    let desk = Desk::ready_with(guarded(own, &[])).await;
    let reply = desk.refuses(&ask(), 403, "access.forbidden").await;
    assert!(reply.value()["detail"].as_str().unwrap().ends_with("forbidden by own:office"));
    desk.refuses(&ask().with("x-forwarded-for", "10.20.1.1"), 403, "access.forbidden").await;
    assert_eq!(desk.send(&Ask::get("/v1/wallets").by(INITIATOR)).await.status, 200, "a list is of its role");
    assert_eq!(denials(&desk).await.last().unwrap()["policies"], json!(["own:office"]));
    let desk = Desk::ready_with(guarded(own, &["127.0.0.1"])).await;
    assert_eq!(desk.send(&ask().with("x-forwarded-for", "6.6.6.6, 10.20.1.1")).await.status, 200);
    desk.refuses(&ask().with("x-forwarded-for", "10.20.1.1, 6.6.6.6"), 403, "access.forbidden").await;
    desk.refuses(&ask().with("x-forwarded-for", "office"), 400, "request.forwarded").await;
    desk.refuses(&ask(), 403, "access.forbidden").await;
    let question = json!({"person": world::person(APPROVER), "action": "listWallets", "address": "10.20.1.1"});
    let check = |q: &Value| Ask::json("/v1/access/check", q.to_string()).by(ADMIN);
    assert_eq!(desk.good(&check(&question)).await["allowed"], true);
    let question = json!({"person": world::person(APPROVER), "action": "listWallets"});
    let verdict = desk.good(&check(&question)).await;
    assert_eq!((&verdict["allowed"], &verdict["policies"][0]), (&false.into(), &"own:office".into()));
    desk.refuses(&check(&json!({"person": world::person(2), "action": "pay"})), 400, "request.body").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn h1_a_vault_that_is_closed_to_somebody_is_neither_moved_nor_seen() {
    let own =
        "@id(\"closed\") forbid (principal, action, resource in Vault::\"hot\") unless { principal.name == \"p1\" };";
    let desk = Desk::ready_with(guarded(own, &[])).await;
    desk.good(&submission(intent(1, 5_000_000))).await;
    let (wallet, transfer) = (world::wallet().wallet, world::intent_id(1));
    for (path, count) in [("/v1/wallets", 1), ("/v1/transfers", 1)] {
        let seen = async |who: u8| desk.good(&Ask::get(path).by(who)).await["items"].as_array().unwrap().len();
        assert_eq!((seen(INITIATOR).await, seen(APPROVER).await), (count, 0), "{path}");
    }
    for path in [format!("/v1/wallets/{wallet}/balances"), format!("/v1/transfers/{transfer}")] {
        assert_eq!(desk.send(&Ask::get(&path).by(INITIATOR)).await.status, 200);
        desk.refuses(&Ask::get(&path).by(APPROVER), 403, "access.forbidden").await;
    }
    let name = json!({"vault": "hot", "name": "second"}).to_string();
    desk.refuses(&Ask::json("/v1/wallets", name).by(ADMIN), 403, "access.forbidden").await;
    desk.good(&submission(intent(2, 5))).await;
    let draft = drafts::second(drafts::stricter);
    desk.good(&Ask::cbor("/v1/policy/drafts", cbor::encode(&draft)).by(INITIATOR)).await;
    for (who, seen) in [(INITIATOR, 1), (APPROVER, 0)] {
        let told = desk.good(&Ask::get(&drafts::at(&draft, "")).by(who)).await;
        let changed = told["preview"]["changed"].as_array().unwrap().len();
        assert_eq!((changed, &told["preview"]["compared"]), (seen, &json!(2)), "{told}");
    }
    let address = Ask::json(&format!("/v1/wallets/{wallet}/addresses"), "{}");
    desk.refuses(&address.by(ADMIN), 403, "access.forbidden").await;
    desk.orchestrator.set_role(world::person(KEEPER), Some(Role::Viewer), "test").await.unwrap();
    let mut feed = Feed::open(&desk, Ask::get("/v1/events").by(APPROVER)).await;
    let last = desk.orchestrator.events_after(0, 1000).await.unwrap().last().unwrap().clone();
    assert_eq!(last.kind, "access.granted");
    loop {
        let event = feed.next().await;
        assert!(!event.name.starts_with("transfer.") && event.name != "wallet.created", "{}", event.name);
        if event.id == last.sequence {
            break;
        }
    }
}
