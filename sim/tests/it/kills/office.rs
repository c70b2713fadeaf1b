//! The real orchestrator in the kill runs: its store is a real database, its cosigners are the world's, its chain is a list.
//! It runs on one thread, on the world's clock, and dies at its crash points by the same seed.

use super::chain::Chain;
use super::store::OneAtATime;
use async_trait::async_trait;
use ringi_orchestrator::ports::{
    Acknowledgement, Clock, Commit, CosignerHealth, Cosigners, CrashPoint, CrashPoints, Document, DocumentAnswer,
    Ports, Random, SignAttempt, SignEvent, Store, WalletRecord, Write,
};
use ringi_orchestrator::service::SubmitMode;
use ringi_orchestrator::{Config, Orchestrator, Service};
use ringi_primitives::approval::{Approval, Evidence};
use ringi_primitives::digest::{Digest, Domain};
use ringi_primitives::httpsig::RequestSignature;
use ringi_primitives::id::{IntentId, WalletId};
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::time::UnixMs;
use ringi_primitives::wallet::WalletRef;
use ringi_primitives::wire::{FromCosigner, Tag};
use ringi_sim::people::Someone;
use ringi_sim::requests::{CertifiedKeys, Draft, EVM, Standard, VAULT, approvers, initiator};
use ringi_sim::world::World;
use ringi_store::SqliteStore;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};

/// The orchestrator's wallet: its account is nobody else's, its limits are the script's too.
fn wallet() -> WalletRef {
    WalletRef { vault: VAULT, wallet: WalletId::from_bytes([7; 16]) }
}

/// What it is asked to pay; the last needs two approvals.
const AMOUNTS: [u64; 3] = [20_000, 30_000, 310_000];
const FEE: u64 = 42_000;
const DAYS_MS: u64 = 5 * 86_400_000;

/// What the orchestrator and the world say to each other.
struct Mail {
    now: UnixMs,
    attempts: Vec<SignAttempt>,
    aborts: Vec<(Tag, Vec<PartyIndex>)>,
    open: BTreeMap<Tag, (mpsc::Sender<SignEvent>, BTreeSet<PartyIndex>)>,
    health: Vec<CosignerHealth>,
    crash_at: Option<(CrashPoint, u64)>,
    reached: BTreeSet<CrashPoint>,
    policy: Digest,
}

impl Mail {
    fn new(now: UnixMs, policy: Digest) -> Mail {
        let (attempts, aborts, open, health, crash_at, reached) = Default::default();
        Mail { now, attempts, aborts, open, health, crash_at, reached, policy }
    }
}

/// Its ports. A life that has ended hears nothing more.
pub struct Desk {
    mail: Mutex<Mail>,
    pub chain: Mutex<Chain>,
    health: watch::Sender<u64>,
    dead: AtomicBool,
    random: AtomicU64,
}

impl Desk {
    /// Returns while this life lasts.
    pub async fn alive(&self) {
        if self.dead.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
    }
}

impl Clock for Desk {
    fn now(&self) -> UnixMs {
        self.mail.lock().unwrap().now
    }
}

impl Random for Desk {
    fn bytes16(&self) -> [u8; 16] {
        let n = self.random.fetch_add(1, Ordering::SeqCst);
        u128::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes()
    }
}

impl CrashPoints for Desk {
    fn reached(&self, point: CrashPoint) {
        let mut mail = self.mail.lock().unwrap();
        match &mut mail.crash_at {
            Some((at, times)) if *at == point && *times <= 1 => {}
            Some((at, times)) if *at == point => {
                *times -= 1;
                return;
            }
            _ => return,
        }
        mail.crash_at = None;
        mail.reached.insert(point);
        drop(mail);
        self.dead.store(true, Ordering::SeqCst);
        std::panic::resume_unwind(Box::new("killed"));
    }
}

#[async_trait]
impl Cosigners for Desk {
    async fn attest(&self, _: PartyIndex, _: &[u8]) -> Option<Vec<u8>> {
        None
    }

    async fn tell_facts(&self, _: Vec<ringi_primitives::fact::SignedFact>, _: &[PartyIndex]) {}

    fn health(&self) -> Vec<CosignerHealth> {
        self.mail.lock().unwrap().health.clone()
    }

    fn changed(&self) -> watch::Receiver<u64> {
        self.health.subscribe()
    }

    async fn sign(&self, attempt: SignAttempt) -> mpsc::Receiver<SignEvent> {
        self.alive().await;
        let (events, receiver) = mpsc::channel(16);
        let mut mail = self.mail.lock().unwrap();
        mail.open.insert(attempt.tag, (events, attempt.signers.iter().copied().collect()));
        mail.attempts.push(attempt);
        receiver
    }

    async fn abort(&self, tag: Tag, signers: &[PartyIndex]) {
        self.alive().await;
        self.mail.lock().unwrap().aborts.push((tag, signers.to_vec()));
    }

    /// Everybody has the documents from the beginning.
    async fn install(&self, document: Document, to: &[PartyIndex]) -> Vec<Acknowledgement> {
        self.alive().await;
        let digest = self.mail.lock().unwrap().policy;
        let answer = match document {
            Document::Policy(_) => DocumentAnswer::Policy { digest, sequence: 2 },
            _ => DocumentAnswer::Unreachable,
        };
        to.iter().map(|p| Acknowledgement { party: *p, answer: answer.clone() }).collect()
    }
}

/// The orchestrator, over all its lives.
pub struct Office {
    desk: Arc<Desk>,
    life: Option<(Runtime, Orchestrator)>,
    folder: tempfile::TempDir,
    bodies: Arc<Vec<(Vec<u8>, RequestSignature)>>,
    /// How often it died.
    pub deaths: u64,
}

/// The id of a payment of the orchestrator's.
fn id_of(n: usize) -> IntentId {
    IntentId::from_bytes([200 + u8::try_from(n).unwrap(); 16])
}

fn bodies(world: &World) -> Vec<(Vec<u8>, RequestSignature)> {
    let body = |(n, amount): (usize, &u64)| {
        let mut intent = Draft::payment(world, 0, *amount, 0).intent;
        intent["id"] = serde_json::json!(id_of(n));
        intent["wallet"] = serde_json::json!(wallet().wallet);
        intent["expires_at"] = serde_json::json!(world.now.plus_ms(DAYS_MS));
        let body = serde_json::to_vec(&intent).unwrap();
        let signature = initiator().sign_request(&body, world.now.0 / 1000, &format!("office-{n}"));
        (body, signature)
    };
    AMOUNTS.iter().enumerate().map(body).collect()
}

impl Office {
    /// A store with the workspace's documents, and the first life.
    pub fn open(world: &World, standard: &Standard) -> Office {
        let keys = CertifiedKeys { certificates: &standard.certificates, wallet: wallet() };
        let desk = Arc::new(Desk {
            mail: Mutex::new(Mail::new(world.now, standard.policy_digest())),
            chain: Mutex::new(Chain::of(&keys)),
            health: watch::channel(0).0,
            dead: AtomicBool::new(false),
            random: AtomicU64::new(1),
        });
        let bodies = Arc::new(bodies(world));
        let folder = tempfile::tempdir().unwrap();
        let mut office = Office { desk, life: None, folder, bodies, deaths: 0 };
        office.found(world, standard);
        office.live();
        office
    }

    fn found(&self, world: &World, standard: &Standard) {
        let at = world.now;
        let wallet = WalletRecord { wallet: wallet(), name: "office".into(), created_at: at };
        let signed = Box::new(standard.signed.clone());
        let sequence = standard.policy.sequence;
        let versions = world.genesis_versions().into_iter().zip(0..);
        let mut writes: Vec<Write> =
            versions.map(|(v, sequence)| Write::Genesis { sequence, signed: Box::new(v) }).collect();
        writes.push(Write::Policy { sequence, digest: signed.digest(Domain::PolicySet), signed });
        writes.extend(standard.certificates.iter().map(|c| Write::Certificate(Box::new(c.clone()))));
        writes.push(Write::InsertWallet(wallet));
        let (runtime, folder) = (runtime(), self.folder.path().to_owned());
        busy(&runtime, async move {
            let store = SqliteStore::open(&folder).await.unwrap();
            store.commit(Commit { writes, ..Commit::default() }).await.unwrap();
            store.close().await;
        });
        runtime.shutdown_timeout(Duration::from_secs(5));
    }

    /// Starts it from its store; clients ask again for everything.
    fn live(&mut self) {
        let (runtime, desk, folder) = (runtime(), self.desk.clone(), self.folder.path().to_owned());
        desk.dead.store(false, Ordering::SeqCst);
        let orchestrator = busy(&runtime, async move {
            let store = SqliteStore::open(&folder).await.unwrap();
            let ports = Ports {
                store: Arc::new(OneAtATime::new(store.clone(), desk.clone())),
                cosigners: desk.clone(),
                chain: desk.clone(),
                clock: desk.clone(),
                random: desk.clone(),
                crash: desk,
            };
            Orchestrator::start(CONFIG, ports, Arc::new(store)).await.unwrap()
        });
        for n in 0..self.bodies.len() {
            runtime.spawn(client(orchestrator.clone(), self.bodies.clone(), n));
        }
        self.life = Some((runtime, orchestrator));
    }

    /// It dies where it stands, and starts again.
    pub fn kill(&mut self) {
        self.desk.dead.store(true, Ordering::SeqCst);
        if let Some((runtime, orchestrator)) = self.life.take() {
            drop(orchestrator);
            runtime.shutdown_timeout(Duration::from_secs(5));
        }
        let mut mail = self.desk.mail.lock().unwrap();
        (mail.attempts, mail.aborts, mail.open) = Default::default();
        drop(mail);
        self.deaths += 1;
        self.live();
    }

    /// Where it shall die next, or nowhere.
    pub fn crash_at(&self, point: Option<(CrashPoint, u64)>) {
        self.desk.mail.lock().unwrap().crash_at = point;
    }

    /// Whether it is to die at some point.
    pub fn is_doomed(&self) -> bool {
        self.desk.mail.lock().unwrap().crash_at.is_some()
    }

    /// The crash points at which it died.
    pub fn reached(&self) -> BTreeSet<CrashPoint> {
        self.desk.mail.lock().unwrap().reached.clone()
    }

    /// Its work goes on until it waits for the world; it starts again if it died over it.
    pub fn work(&mut self) {
        if let Some((runtime, _)) = &self.life {
            runtime.block_on(quiet(&self.desk));
        }
        if self.desk.dead.load(Ordering::SeqCst) {
            self.kill();
        }
    }

    /// Time passes; the chain may grow.
    pub fn pass(&mut self, now: UnixMs, mine: bool) {
        let ms = now.distance_ms(std::mem::replace(&mut self.desk.mail.lock().unwrap().now, now));
        if mine {
            self.desk.chain.lock().unwrap().mine();
        }
        if let Some((runtime, orchestrator)) = &self.life {
            runtime.block_on(tokio::time::advance(Duration::from_millis(ms)));
            orchestrator.block_seen(EVM);
        }
        self.work();
    }

    /// What is known of the cosigners now.
    pub fn health(&self, health: Vec<CosignerHealth>) {
        let mut mail = self.desk.mail.lock().unwrap();
        if mail.health != health {
            mail.health = health;
            drop(mail);
            self.desk.health.send_modify(|n| *n += 1);
        }
    }

    /// Attempts it makes and gives up.
    pub fn take_mail(&self) -> (Vec<SignAttempt>, Vec<(Tag, Vec<PartyIndex>)>) {
        let mut mail = self.desk.mail.lock().unwrap();
        (std::mem::take(&mut mail.attempts), std::mem::take(&mut mail.aborts))
    }

    /// A cosigner says something of an attempt.
    pub fn hear(&self, from: PartyIndex, said: &FromCosigner) {
        let (tag, event) = match said.clone() {
            FromCosigner::Reserved { tag } => (tag, SignEvent::Reserved { from }),
            FromCosigner::Signed { tag, signatures, verdict } => {
                (tag, SignEvent::Signed { from, signatures, verdict: Box::new(verdict) })
            }
            FromCosigner::Refused { tag, refusal } => (tag, SignEvent::Refused { from, refusal }),
            _ => return,
        };
        let ended = !matches!(event, SignEvent::Reserved { .. });
        self.tell(tag, from, event, ended);
    }

    /// A cosigner was killed.
    pub fn gone(&self, from: PartyIndex) {
        let tags: Vec<Tag> = self.desk.mail.lock().unwrap().open.keys().copied().collect();
        tags.into_iter().for_each(|tag| self.tell(tag, from, SignEvent::Gone { from }, true));
    }

    fn tell(&self, tag: Tag, from: PartyIndex, event: SignEvent, ended: bool) {
        let mut mail = self.desk.mail.lock().unwrap();
        let Some((events, waiting)) = mail.open.get_mut(&tag) else { return };
        if waiting.contains(&from) {
            let _ = events.try_send(event);
            if ended {
                waiting.remove(&from);
            }
            if waiting.is_empty() {
                mail.open.remove(&tag);
            }
        }
    }

    /// Each payment's status, code included, and the chain's word of it.
    pub fn ends(&self) -> Vec<String> {
        let Some((runtime, orchestrator)) = &self.life else { return Vec::new() };
        let (orchestrator, count) = (orchestrator.clone(), self.bodies.len());
        busy(runtime, async move {
            let mut ends = Vec::new();
            for n in 0..count {
                let view = orchestrator.transfer(id_of(n)).await;
                ends.push(view.map_or_else(
                    |error| error.code,
                    |v| v.error.map_or_else(|| v.status.to_string(), |e| format!("{} {}", v.status, e.code)),
                ));
            }
            ends
        })
    }

    /// How many of its transactions the chain holds.
    pub fn mined(&self) -> usize {
        self.desk.chain.lock().unwrap().mined()
    }
}

const CONFIG: Config = Config {
    attempt_timeout_ms: 4_000,
    max_attempts: 1_000,
    backoff_ms: 100,
    backoff_max_ms: 1_000,
    verdict_grace_ms: 500,
    sweep_ms: 1_000,
};

/// What the payments cost, the whole fee included.
pub fn cost_of(intent: IntentId) -> Option<u64> {
    AMOUNTS.iter().enumerate().find(|(n, _)| id_of(*n) == intent).map(|(_, amount)| amount + FEE)
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}

/// Runs this to its end without ever being idle: an idle runtime would move its clock.
fn busy<T: Send + 'static>(runtime: &Runtime, work: impl Future<Output = T> + Send + 'static) -> T {
    runtime.block_on(async {
        let task = tokio::spawn(work);
        while !task.is_finished() {
            tokio::task::yield_now().await;
            std::thread::sleep(Duration::from_micros(20));
        }
        task.await.unwrap()
    })
}

/// Until every task waits: for a message, for the clock, and none for the database.
async fn quiet(desk: &Desk) {
    let mut rounds = 0;
    while rounds < 4 && !desk.dead.load(Ordering::SeqCst) {
        for _ in 0..16 {
            tokio::task::yield_now().await;
        }
        if desk.chain.lock().unwrap().stored == 0 {
            rounds += 1;
        } else {
            rounds = 0;
            std::thread::sleep(Duration::from_micros(50));
        }
    }
}

/// What a patient client does; each line is safe to repeat.
async fn client(orchestrator: Orchestrator, bodies: Arc<Vec<(Vec<u8>, RequestSignature)>>, n: usize) {
    let (body, signature) = &bodies[n];
    while orchestrator.submit(body, signature, SubmitMode::Keep).await.is_err() {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let Ok(view) = orchestrator.transfer(id_of(n)).await else { return };
    let Some(envelope) = view.envelope_digest else { return };
    for who in &approvers()[..2] {
        let _ = orchestrator.approve(id_of(n), approval(who, &envelope)).await;
    }
}

fn approval(who: &Someone, envelope: &Digest) -> Approval {
    Approval { person: who.id, evidence: Evidence::Signature { key: who.public(), signature: who.sign(envelope) } }
}
