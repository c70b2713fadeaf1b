//! A running gateway before the real orchestrator and database, and people who sign what they ask of it.

use crate::description::hold;
use crate::http::{Ask, Reply, exchange};
use crate::world::{self, World};
use ed25519_dalek::Signer as _;
use ringi_gateway::{Config, serve};
use ringi_orchestrator::conformance::follow_the_table;
use ringi_orchestrator::ports::{Clock, Page, Role, SystemClock, TransferFilter};
use ringi_orchestrator::service::EventView;
use ringi_orchestrator::{Orchestrator, Service};
use ringi_primitives::cbor;
use ringi_primitives::digest::Domain;
use ringi_primitives::httpsig::RequestSignature;
use ringi_primitives::id::OrderId;
use ringi_primitives::key::SignatureBytes;
use ringi_primitives::order::{KeyId, Order, OrderAction};
use ringi_primitives::policy_set::RootIndex;
use ringi_primitives::scheme::{PartyIndex, Scheme};
use ringi_primitives::signed::Signed;
use ringi_primitives::wire::Recovery;
use ringi_store::SqliteStore;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Who initiates in the world's policy set.
pub const INITIATOR: u8 = 1;
/// One of those who approve.
pub const APPROVER: u8 = 2;
/// The one admin.
pub const ADMIN: u8 = 100;
/// Roles of a ready desk; the admin is its owner.
pub const ROLES: [(u8, Role); 4] =
    [(INITIATOR, Role::Editor), (APPROVER, Role::Approver), (3, Role::Approver), (4, Role::Approver)];
/// Nobody.
pub const STRANGER: u8 = 9;

/// A text that no request of this process had before.
pub fn fresh(what: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("{what}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

impl Ask {
    /// Signed by a key of the world, its parameters changed before.
    pub fn signed(self, who: u8, change: impl FnOnce(&mut RequestSignature)) -> Ask {
        let created_s = SystemClock.now().0 / 1000;
        let mut signature = RequestSignature {
            method: self.method.clone(),
            path: self.path.clone(),
            idempotency_key: fresh("k"),
            key: world::public(who),
            created_s,
            expires_s: created_s + 120,
            nonce: fresh("n"),
            signature: SignatureBytes([0; 64]),
        };
        change(&mut signature);
        let base = signature.base(&self.body);
        signature.signature = SignatureBytes(world::key(who).sign(base.as_bytes()).to_bytes());
        let mut ask = self.with("idempotency-key", &signature.idempotency_key);
        for (name, value) in signature.headers(&ask.body) {
            ask = ask.with(name, &value);
        }
        ask
    }

    pub fn by(self, who: u8) -> Ask {
        self.signed(who, |_| ())
    }

    /// Under this `Idempotency-Key`.
    pub fn under(self, who: u8, key: &str) -> Ask {
        self.signed(who, |s| s.idempotency_key = key.into())
    }
}

/// Whatever a refusal must leave as it was.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    events: Vec<u64>,
    audit: usize,
    transfers: Vec<String>,
    wallets: Vec<String>,
}

/// The running gateway.
pub struct Desk {
    pub address: SocketAddr,
    pub world: Arc<World>,
    pub orchestrator: Orchestrator,
    folder: TempDir,
    config: Config,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

impl Desk {
    /// Before a new database: no genesis yet.
    pub async fn new(config: Config) -> Desk {
        let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
        let orchestrator = world::start(&world, folder.path()).await;
        Desk::over(world, orchestrator, folder, config).await
    }

    /// With genesis, policy set, key and a wallet, all handed in over the API.
    pub async fn ready() -> Desk {
        Desk::ready_with(Config::default()).await
    }

    pub async fn ready_with(config: Config) -> Desk {
        let desk = Desk::new(config).await;
        desk.found().await;
        desk
    }

    async fn over(world: Arc<World>, orchestrator: Orchestrator, folder: TempDir, config: Config) -> Desk {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let service: Arc<dyn Service> = Arc::new(orchestrator.clone());
        let running = config.clone();
        let server = tokio::spawn(async move {
            let until = async {
                let _ = stopped.await;
            };
            serve(listener, service, running, until).await.unwrap();
        });
        Desk { address, world, orchestrator, folder, config, stop, server }
    }

    /// The same folder and world under a new process's memory.
    pub async fn restarted(self) -> Desk {
        let Desk { world, orchestrator, folder, config, stop, server, .. } = self;
        stop.send(()).unwrap();
        server.await.unwrap();
        orchestrator.stop().await;
        drop(orchestrator);
        let store = unlocked(folder.path()).await;
        let orchestrator = world::start_with(&world, store).await;
        Desk::over(world, orchestrator, folder, config).await
    }

    /// Stops, and gives the open requests their grace.
    pub async fn stopped(self) {
        self.stop.send(()).unwrap();
        self.server.await.unwrap();
    }

    async fn found(&self) {
        let genesis = vec![world::genesis()];
        let first = Ask::cbor("/v1/genesis", cbor::encode(&genesis)).with("idempotency-key", "first");
        assert_eq!(self.send(&first).await.value()["in_force"], true);
        let policy = Ask::cbor("/v1/policy", cbor::encode(&world::policy(1, None))).by(ADMIN);
        assert_eq!(self.send(&policy).await.value()["in_force"], true);
        for (who, role) in ROLES {
            self.orchestrator.set_role(world::person(who), Some(role), "test").await.unwrap();
        }
        let order = Ask::cbor("/v1/orders", cbor::encode(&order(1))).by(ADMIN);
        assert!(self.send(&order).await.value()["certificate"].is_string());
        let wallet = json!({"id": world::wallet().wallet, "vault": "hot", "name": "ops"});
        let wallet = Ask::json("/v1/wallets", wallet.to_string()).by(INITIATOR);
        assert_eq!(self.send(&wallet).await.status, 201);
    }

    /// Sends a request; the answer is held against the description.
    pub async fn send(&self, ask: &Ask) -> Reply {
        self.send_bytes(ask, &ask.bytes()).await
    }

    pub async fn send_bytes(&self, ask: &Ask, bytes: &[u8]) -> Reply {
        let reply = exchange(self.address, bytes).await.expect("the server closed without an answer");
        hold(&ask.method, &ask.path, &reply);
        reply
    }

    /// A success's JSON.
    pub async fn good(&self, ask: &Ask) -> Value {
        let reply = self.send(ask).await;
        assert!((200..300).contains(&reply.status), "{} {}: {}", ask.method, ask.path, reply.value());
        reply.value()
    }

    /// A refusal with exactly this status and code; it changed nothing that is kept.
    pub async fn refuses(&self, ask: &Ask, status: u16, code: &str) -> Reply {
        self.refuses_bytes(ask, &ask.bytes(), status, code).await
    }

    pub async fn refuses_bytes(&self, ask: &Ask, bytes: &[u8], status: u16, code: &str) -> Reply {
        let before = self.kept().await;
        let reply = self.send_bytes(ask, bytes).await;
        let told = String::from_utf8_lossy(&reply.body).into_owned();
        let asked = String::from_utf8_lossy(&ask.body).chars().take(300).collect::<String>();
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (status, code),
            "{} {} {asked}: {told}",
            ask.method,
            ask.path
        );
        assert_eq!(self.kept().await, before, "a refused request left something: {} {}", ask.method, ask.path);
        reply
    }

    /// The audit log.
    pub async fn audited(&self) -> Vec<ringi_ledger::Entry> {
        self.orchestrator.audit_after(0, 1000).await.unwrap()
    }

    /// What is kept now; that something was refused is, too, and is looked at where it matters.
    pub async fn kept(&self) -> Kept {
        let all = Page { cursor: None, limit: 200 };
        let transfers = self.orchestrator.transfers(&TransferFilter::default(), &all).await.unwrap().items;
        let wallets = self.orchestrator.wallets(&all).await.unwrap().items;
        let events = self.orchestrator.events_after(0, 1000).await.unwrap();
        let text = |event: &EventView, field: &str| event.data[field].as_str().unwrap_or_default().to_string();
        let moves = events.iter().filter(|e| e.kind.starts_with("transfer."));
        follow_the_table(moves.map(|e| (e.subject.clone(), text(e, "status"), text(e, "sub_status"))));
        Kept {
            events: events.iter().map(|e| e.sequence).collect(),
            audit: self.audited().await.iter().filter(|e| e.kind != "access.denied").count(),
            transfers: transfers.iter().map(|t| format!("{} {}", t.id, t.status)).collect(),
            wallets: wallets.iter().map(|w| format!("{} {}", w.id, w.name)).collect(),
        }
    }

    /// Until a transfer has this status; blocks are mined meanwhile.
    pub async fn until(&self, n: u8, wanted: &str) -> Value {
        let path = format!("/v1/transfers/{}", world::intent_id(n));
        for _ in 0..400 {
            let now = self.good(&Ask::get(&path).by(INITIATOR)).await;
            if now["status"] == wanted {
                self.kept().await;
                return now;
            }
            self.world.mine();
            self.orchestrator.block_seen(world::EVM);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("transfer {n} did not become {wanted}");
    }
}

/// The database, once whoever used it last has let it go.
async fn unlocked(folder: &Path) -> SqliteStore {
    for _ in 0..200 {
        if let Ok(store) = SqliteStore::open(folder).await {
            return store;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the data folder stays locked");
}

/// Gives somebody a role.
pub fn role_of(who: u8, role: &str) -> Ask {
    Ask::json(&format!("/v1/access/{}/role", world::person(who)), json!({"role": role}).to_string())
}

/// The order of a key generation.
pub fn order(n: u8) -> Signed {
    let key = KeyId { scheme: Scheme::EcdsaSecp256k1, root: RootIndex(0) };
    ordered(n, OrderAction::KeyGeneration { key })
}

/// The order of a recovery of cosigner 2.
pub fn recovery_order(n: u8) -> Signed {
    let action = OrderAction::Recovery {
        cosigner: PartyIndex::new(2).unwrap(),
        channel_key: [1; 32],
        kits: vec![],
        policy: world::root(),
        nonces: vec![],
    };
    ordered(n, action)
}

/// With nothing to restore: what it takes is the cosigner's to judge.
pub fn recovery(order: Signed) -> Ask {
    Ask::cbor("/v1/recoveries", cbor::encode(&Recovery { order, shares: vec![] }))
}

pub fn ordered(n: u8, action: OrderAction) -> Signed {
    let now = SystemClock.now();
    let order = Order {
        version: 1,
        id: OrderId::from_bytes([n; 16]),
        genesis: world::root(),
        issued_at: now,
        expires_at: now.plus_ms(60_000),
        action,
    };
    world::by_admin(cbor::encode(&order), Domain::Order)
}

/// The body of an intent: `amount` wei to the one known address. Above 1,000,000, fee included, two people must approve.
pub fn intent(n: u8, amount: u64) -> String {
    String::from_utf8(world::transfer_to(n, amount, 0x11, "").0).unwrap()
}

/// The submission of an intent.
pub fn submission(body: impl Into<Vec<u8>>) -> Ask {
    Ask::json("/v1/transfers", body).by(INITIATOR)
}
