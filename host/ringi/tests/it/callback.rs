//! Machine approvers: a service that decodes for itself, before a real platform that asks it; and what neither lets through.

use crate::node::Node;
use crate::platform::{INITIATOR, Platform};
use crate::workspace::{EVM, NOW, PAYEE, Workspace};
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ringi::callback::judge::{Approver, Refusal};
use ringi::callback::{ApproverRules, CallbackAnswer, CallbackQuestion};
use ringi::keys::{KeyKind, SecretKey};
use ringi_gateway::model::NewApproval;
use ringi_primitives::amount::Amount;
use ringi_primitives::approval::{Approval, Envelope};
use ringi_primitives::cbor;
use ringi_primitives::digest::{Digest, Domain};
use ringi_primitives::httpsig::RequestSignature;
use ringi_primitives::intent::Intent;
use ringi_primitives::key::SignatureBytes;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Longer than all tries of a question together.
const PATIENCE: Duration = Duration::from_secs(90);
const SUPPLIER: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
const ETHER: u128 = 1_000_000_000_000_000_000;
const GENESIS: &str = "data/genesis.ringi";

fn rules(most: u64) -> ApproverRules {
    let text = format!(
        "assets = [{{ id = \"eth\", most = \"{most}\" }}]\n[[recipients]]\nnetwork = \"eip155:31337\"\naddress = \"{PAYEE}\"\n"
    );
    toml::from_str(&text).unwrap()
}

fn approver(workspace: &Workspace, most: u64) -> Approver {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    workspace.approver.store(&file).unwrap();
    let key = SecretKey::load(&file).unwrap();
    Approver { key, chain: workspace.chain.clone(), rules: rules(most), newest_policy: 0 }
}

/// What an honest platform asks about a payment of so much.
fn question(workspace: &Workspace, amount: u64) -> CallbackQuestion {
    let intent = workspace.intent(EVM, "eth", PAYEE, amount, 10_000_000_000_000_000);
    asked(workspace, serde_json::to_vec(&intent).unwrap())
}

fn asked(workspace: &Workspace, body: Vec<u8>) -> CallbackQuestion {
    let intent = Intent::parse(&body).unwrap();
    let created_s = NOW.0 / 1000;
    let mut signature = RequestSignature {
        method: "POST".into(),
        path: "/v1/transfers".into(),
        idempotency_key: "k".into(),
        key: workspace.initiator.public(),
        created_s,
        expires_s: created_s + 60,
        nonce: "n".into(),
        signature: SignatureBytes([0; 64]),
    };
    signature.signature = workspace.initiator.sign(signature.base(&body).as_bytes());
    let envelope = Envelope {
        version: 1,
        genesis: workspace.chain.root(),
        intent: Intent::digest(&body),
        wallet: workspace.wallet(),
        plan: ringi_chain::plan(&workspace.policy, &intent).unwrap(),
        policy: workspace.signed_policy.digest(Domain::PolicySet),
    };
    CallbackQuestion {
        version: 1,
        transfer: intent.id,
        person: workspace.policy.people.iter().find(|p| p.name == "Grace").unwrap().id,
        envelope: STANDARD.encode(cbor::encode(&envelope)),
        envelope_digest: envelope.digest(),
        intent: STANDARD.encode(&body),
        initiator: STANDARD.encode(cbor::encode(&signature)),
        policy: envelope.policy,
        policy_set: STANDARD.encode(cbor::encode(&workspace.signed_policy)),
        effects: vec![],
        max_fee: String::new(),
    }
}

#[test]
fn i2_a_machine_approver_signs_what_the_initiator_asked_and_its_rules_let_pass() {
    let workspace = Workspace::new();
    let question = question(&workspace, 5_000);
    let given = approver(&workspace, 5_000).judge(&question, NOW).unwrap();
    let approval = Approval { person: given.person, evidence: given.evidence().unwrap() };
    approval.verify(&question.envelope_digest, &workspace.policy, workspace.chain.head()).unwrap();
    let refused = approver(&workspace, 4_999).judge(&question, NOW).unwrap_err();
    assert_eq!(refused.code(), "approver.rules");
    let mut nobody = approver(&workspace, 5_000);
    nobody.rules.recipients.clear();
    assert_eq!(nobody.judge(&question, NOW).unwrap_err().code(), "approver.rules");
}

/// Decodes, changes and encodes the envelope again, its digest with it: a platform that lies consistently.
fn with_envelope(question: &CallbackQuestion, change: impl FnOnce(&mut Envelope)) -> CallbackQuestion {
    let mut envelope: Envelope = cbor::decode(&STANDARD.decode(&question.envelope).unwrap(), 1 << 20).unwrap();
    change(&mut envelope);
    let text = STANDARD.encode(cbor::encode(&envelope));
    CallbackQuestion { envelope: text, envelope_digest: envelope.digest(), ..question.clone() }
}

#[test]
fn i2_an_envelope_that_the_intent_does_not_make_is_refused() {
    let workspace = Workspace::new();
    let honest = question(&workspace, 5_000);
    let code = |question: &CallbackQuestion| approver(&workspace, 5_000).judge(question, NOW).unwrap_err();
    let lies: [fn(&mut Envelope); 6] = [
        |e| e.plan.max_fee = Amount::from_u64(u64::MAX),
        |e| e.plan.effects.clear(),
        |e| e.plan.expires_at = e.plan.expires_at.plus_ms(1),
        |e| e.wallet.wallet = ringi_primitives::id::WalletId::from_bytes([9; 16]),
        |e| e.intent = Digest([9; 32]),
        |e| e.policy = Digest([9; 32]),
    ];
    for (n, lie) in lies.into_iter().enumerate() {
        assert_eq!(code(&with_envelope(&honest, lie)), Refusal::EnvelopeDiffers, "lie {n}");
    }
    let digest = CallbackQuestion { envelope_digest: Digest([9; 32]), ..honest.clone() };
    assert_eq!(code(&digest), Refusal::EnvelopeDiffers);
    let other = CallbackQuestion { transfer: ringi_primitives::id::IntentId::from_bytes([9; 16]), ..honest.clone() };
    assert_eq!(code(&other), Refusal::EnvelopeDiffers);
}

#[test]
fn i1_what_the_initiator_or_the_admins_did_not_sign_is_refused() {
    let workspace = Workspace::new();
    let honest = question(&workspace, 5_000);
    let code = |question: &CallbackQuestion| approver(&workspace, 1 << 60).judge(question, NOW).unwrap_err().code();
    // Another payment, with the first one's signature.
    let larger = question(&workspace, 6_000);
    assert_eq!(code(&CallbackQuestion { initiator: honest.initiator.clone(), ..larger }), "approver.initiator");
    let dry = |signature: &mut RequestSignature| signature.path = "/v1/transfers/dry-run".into();
    assert_eq!(code(&with_signature(&honest, dry)), "approver.initiator");
    let stranger = |s: &mut RequestSignature| s.key = SecretKey::generate(KeyKind::Ed25519).unwrap().public();
    assert_eq!(code(&with_signature(&honest, stranger)), "approver.initiator");
    let unsigned = ringi_primitives::signed::Signed { signatures: vec![], ..workspace.signed_policy.clone() };
    let bare = CallbackQuestion { policy_set: STANDARD.encode(cbor::encode(&unsigned)), ..honest.clone() };
    assert_eq!(code(&bare), "approver.policy");
    for (part, question) in [
        ("intent", CallbackQuestion { intent: "%".into(), ..honest.clone() }),
        ("initiator", CallbackQuestion { initiator: "AAAA".into(), ..honest.clone() }),
        ("policy set", CallbackQuestion { policy_set: "AAAA".into(), ..honest.clone() }),
        ("version", CallbackQuestion { version: 2, ..honest.clone() }),
    ] {
        assert_eq!(code(&question), "approver.malformed", "{part}");
    }
    let late = approver(&workspace, 1 << 60).judge(&honest, NOW.plus_ms(31 * 24 * 3_600_000)).unwrap_err();
    assert_eq!(late, Refusal::Expired);
    let mut newer = approver(&workspace, 1 << 60);
    newer.newest_policy = workspace.policy.sequence + 1;
    assert_eq!(newer.judge(&honest, NOW).unwrap_err().code(), "approver.older_policy");
    let mut other = approver(&workspace, 1 << 60);
    other.key = SecretKey::generate(KeyKind::Ed25519).unwrap();
    assert_eq!(other.judge(&honest, NOW).unwrap_err(), Refusal::Person);
}

fn with_signature(question: &CallbackQuestion, change: impl FnOnce(&mut RequestSignature)) -> CallbackQuestion {
    let bytes = STANDARD.decode(&question.initiator).unwrap();
    let mut signature: RequestSignature = cbor::decode(&bytes, 1 << 16).unwrap();
    change(&mut signature);
    CallbackQuestion { initiator: STANDARD.encode(cbor::encode(&signature)), ..question.clone() }
}

/// What stands between platform and service, and does with questions and answers.
#[derive(Clone, Debug)]
enum Front {
    Honest,
    Down,
    Garbled,
    /// An approval of something else.
    OtherDigest,
    /// An approval for another person.
    OtherPerson,
    /// The question changed on the way.
    Tampered,
}

struct Between {
    url: String,
    front: Arc<Mutex<Front>>,
    service: Arc<Mutex<String>>,
    asked: Arc<Mutex<u32>>,
    _runtime: tokio::runtime::Runtime,
}

impl Between {
    fn start(key: SecretKey) -> Between {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (front, service) = (Arc::new(Mutex::new(Front::Honest)), Arc::new(Mutex::new(String::new())));
        let asked = Arc::new(Mutex::new(0));
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}/decide", listener.local_addr().unwrap());
        let (own, key) = ((front.clone(), service.clone(), asked.clone()), Arc::new(key));
        let pass = move |headers: HeaderMap, body: Bytes| {
            let ((front, service, asked), key) = (own.clone(), key.clone());
            async move {
                *asked.lock().unwrap() += 1;
                let front = front.lock().unwrap().clone();
                let service = service.lock().unwrap().clone();
                answer(&front, &service, &key, headers, body).await
            }
        };
        let router = axum::Router::new().route("/decide", axum::routing::post(pass));
        let router = router.layer(axum::extract::DefaultBodyLimit::max(4 << 20));
        runtime.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Between { url, front, service, asked, _runtime: runtime }
    }

    fn is(&self, front: Front) {
        *self.front.lock().unwrap() = front;
    }
}

async fn answer(front: &Front, service: &str, key: &SecretKey, headers: HeaderMap, body: Bytes) -> Response {
    let question: CallbackQuestion = serde_json::from_slice(&body).unwrap();
    let signed = |digest: Digest, person| {
        let signature = STANDARD.encode(key.sign_digest(&digest).0);
        let approval = NewApproval { person, key: Some(key.public()), signature: Some(signature), passkey: None };
        axum::Json(CallbackAnswer::Approve { approval }).into_response()
    };
    let stranger = ringi_primitives::id::PersonId::from_bytes([9; 16]);
    match front {
        Front::Down => StatusCode::BAD_GATEWAY.into_response(),
        Front::Garbled => "yes, of course".into_response(),
        Front::OtherDigest => signed(Digest([7; 32]), question.person),
        Front::OtherPerson => signed(question.envelope_digest, stranger),
        Front::Honest => forward(service, headers, body.to_vec()).await,
        Front::Tampered => {
            let lie = with_envelope(&question, |e| e.plan.max_fee = Amount::from_u64(u64::MAX));
            forward(service, headers, serde_json::to_vec(&lie).unwrap()).await
        }
    }
}

async fn forward(service: &str, headers: HeaderMap, body: Vec<u8>) -> Response {
    let mut asking = reqwest::Client::new().post(service).body(body);
    for name in ["content-digest", "idempotency-key", "signature-input", "signature", "content-type"] {
        asking = asking.header(name, headers[name].to_str().unwrap());
    }
    let told = asking.send().await.unwrap();
    (StatusCode::from_u16(told.status().as_u16()).unwrap(), told.bytes().await.unwrap()).into_response()
}

/// `ringi approver serve` as a process of its own.
struct Service(Child);

impl Service {
    fn start(folder: &Path) -> (Service, String) {
        let platform = std::fs::read_to_string(folder.join("data/callback.pub")).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_ringi"))
            .current_dir(folder)
            .args(["--json", "approver", "serve", "--key", "data/development/bot.key", "--genesis", GENESIS])
            .args(["--policy", "bot.toml", "--listen", "127.0.0.1:0", "--platform", &platform])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut text = String::new();
        let value: Value = loop {
            assert!(out.read_line(&mut text).unwrap() > 0, "the approver ended: {text}");
            if let Ok(value) = serde_json::from_str(&text) {
                break value;
            }
        };
        (Service(child), value["url"].as_str().unwrap().to_string())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A development workspace whose payments one machine approves, behind `between`.
fn settle(folder: &Path, node: &Node) -> Between {
    let keys = folder.join("data/development");
    std::fs::create_dir_all(&keys).unwrap();
    let key = |name: &str| {
        let key = SecretKey::generate(KeyKind::P256).unwrap();
        key.store(&keys.join(format!("{name}.key"))).unwrap();
        key.public().text()
    };
    let (initiator, bot) = (key("initiator"), key("bot"));
    let policy = format!(
        r#"
networks = ["eip155:31337"]
people = [{{ name = "operator", initiate = ["{initiator}"] }}, {{ name = "bot", approve = ["{bot}"] }}]
groups = [{{ name = "machines", members = ["bot"] }}]
assets = [{{ id = "native-31337", network = "eip155:31337", decimals = 18 }}]
[[vaults]]
index = 1
name = "treasury"
temperature = "hot"
[[vaults.rules]]
name = "payments"
kinds = ["transfer"]
allow = {{ approvals = "1 of machines" }}
"#
    );
    std::fs::write(folder.join("data/policy.toml"), policy).unwrap();
    let rules = format!(
        "assets = [{{ id = \"native-31337\", most = \"{ETHER}\" }}]\n[[recipients]]\nnetwork = \"eip155:31337\"\naddress = \"{SUPPLIER}\"\n"
    );
    std::fs::write(folder.join("bot.toml"), rules).unwrap();
    Platform::settle(folder, node);
    let between = Between::start(SecretKey::load(&keys.join("bot.key")).unwrap());
    let settings = folder.join("data/ringi.toml");
    let text = std::fs::read_to_string(&settings).unwrap();
    let approvers = format!("{text}[[approvers]]\nperson = \"bot\"\nurl = \"{}\"\n", between.url);
    std::fs::write(&settings, approvers).unwrap();
    between
}

/// Submits a payment; gives its id.
fn pay(platform: &Platform, wallet: &str, amount: u128) -> String {
    let out = format!("pay-{}.json", ringi_primitives::id::IntentId::from_bytes(rand_bytes()));
    let amount = amount.to_string();
    let draft = [
        ["--genesis", GENESIS],
        ["--wallet", wallet],
        ["--vault", "treasury"],
        ["--network", "eip155:31337"],
        ["--asset", "native-31337"],
        ["--to", SUPPLIER],
        ["--amount", &amount],
        ["--max-fee", "5000000000000000"],
        ["--out", &out],
    ];
    platform.good(&[&["transfer", "draft"], draft.concat().as_slice()].concat());
    let sent = platform.good(&["transfer", "submit", "--key", INITIATOR, &out]);
    sent["transfer"]["id"].as_str().unwrap().to_string()
}

fn rand_bytes() -> [u8; 16] {
    let mut bytes = [0; 16];
    getrandom::getrandom(&mut bytes).unwrap();
    bytes
}

/// The code with which asking about this transfer ended, once it has.
fn outcome(platform: &Platform, transfer: &str) -> (String, String) {
    let began = Instant::now();
    loop {
        let log = platform.good(&["audit", "--key", "data/development/admin-1.key", "--kind", "approval.callback"]);
        let entries = log["items"].as_array().unwrap().iter();
        let mut told = entries.map(|e| serde_json::from_str::<Value>(e["fields"].as_str().unwrap()).unwrap());
        if let Some(found) = told.find(|f| f["id"] == transfer) {
            return (found["code"].as_str().unwrap().into(), found["detail"].as_str().unwrap().into());
        }
        assert!(began.elapsed() < PATIENCE, "nobody was asked about {transfer}: {log}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_machine_approves_rejects_is_away_and_lies_before_a_real_platform() {
    let (node, folder) = (Node::start(), tempfile::tempdir().unwrap());
    let between = settle(folder.path(), &node);
    let platform = Platform::up(folder.path());
    let (_service, url) = Service::start(folder.path());
    *between.service.lock().unwrap() = url;
    let wallet = platform.good(&["wallet", "new", "--key", INITIATOR, "--vault", "treasury", "operations"]);
    let wallet = wallet["id"].as_str().unwrap().to_string();
    let addresses = platform.good(&["wallet", "addresses", "--key", INITIATOR, &wallet]);
    node.fund(addresses["items"][0]["address"].as_str().unwrap(), 10 * ETHER);
    let waits = |transfer: &str| platform.good(&["transfer", "show", "--key", INITIATOR, transfer])["status"].clone();

    let small = pay(&platform, &wallet, ETHER / 100);
    platform.until(&small, "completed");
    assert_eq!(outcome(&platform, &small).0, "callback.approved");

    let large = pay(&platform, &wallet, 2 * ETHER);
    let (code, detail) = outcome(&platform, &large);
    assert!(code == "callback.rejected" && detail.starts_with("approver.rules: more than"), "{code}: {detail}");

    let lies = [
        (Front::Garbled, "callback.malformed"),
        (Front::OtherDigest, "approval.bad_signature"),
        (Front::OtherPerson, "callback.other_person"),
        (Front::Tampered, "callback.refused"),
    ];
    let mut unapproved = vec![large];
    for (front, wanted) in lies {
        between.is(front.clone());
        let transfer = pay(&platform, &wallet, ETHER / 100);
        assert_eq!(outcome(&platform, &transfer).0, wanted, "{front:?}");
        unapproved.push(transfer);
    }
    between.is(Front::Down);
    let before = *between.asked.lock().unwrap();
    let transfer = pay(&platform, &wallet, ETHER / 100);
    assert_eq!(outcome(&platform, &transfer).0, "callback.unanswered");
    assert_eq!(*between.asked.lock().unwrap() - before, 5, "so often and no oftener");
    unapproved.push(transfer.clone());
    for transfer in &unapproved {
        assert_eq!(waits(transfer), json!("awaiting_approval"), "no answer is no approval");
    }
    // After a restart it is asked again about what waits.
    between.is(Front::Honest);
    assert_eq!(platform.stop(), Some(0));
    let platform = Platform::up(folder.path());
    platform.until(&transfer, "completed");
}
