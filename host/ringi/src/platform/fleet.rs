//! The cosigners of this machine as the orchestrator sees them: supervised enclaves joined by the in-process relay.
//!
//! Carries frames both ways, keeps the newest public facts, and brings each answer to whoever waits for it. Decides nothing.

mod rolling;

use super::attempts::{Attempts, Awaited, Waiting};
use super::images::Images;
use super::incidents::Incidents;
use crate::recovery::{KitFile, Kits};
use async_trait::async_trait;
use ringi_enclave_host::{Event, Events, Supervised};
use ringi_orchestrator::Incident;
use ringi_orchestrator::ports::{
    Acknowledgement, CosignerHealth, Cosigners, Document, DocumentAnswer, Introduction, SignAttempt, SignEvent,
};
use ringi_primitives::fact::SignedFact;
use ringi_primitives::limits;
use ringi_primitives::order::Order;
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::wire::{FromCosigner, Recovery, Tag, ToCosigner};
use ringi_relay::{Endpoint, EndpointGone, Relay};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

/// How often each cosigner is asked for its public state.
const STATUS_MS: u64 = 1_000;
/// Policy sets are answered at once; a genesis when a key service has answered, from an emulated machine slowly.
const DOCUMENT_MS: u64 = 60_000;
/// A brake is answered when its record is durable. It is urgent: who is slow is asked again.
const BRAKE_MS: u64 = 5_000;
/// Key generation takes seconds, on a busy machine many.
const ORDER_MS: u64 = 180_000;

/// All cosigners of this machine. Clones are the same fleet.
#[derive(Clone)]
pub struct Fleet(Arc<Shared>);

struct Shared {
    members: Mutex<BTreeMap<PartyIndex, Member>>,
    relay: Relay,
    facts: Mutex<BTreeMap<PartyIndex, Facts>>,
    changed: watch::Sender<u64>,
    attempts: Attempts,
    waiting: Waiting,
    documents: tokio::sync::Mutex<()>,
    kits: Kits,
    /// Who waits for a cosigner's document, first to last: they are answered in order.
    attesting: Mutex<BTreeMap<PartyIndex, VecDeque<Awaiting>>>,
    incidents: Incidents,
    images: Option<Images>,
    /// One cosigner is moved at a time.
    upgrading: tokio::sync::Mutex<()>,
}

/// One of them, and who listens to it.
struct Member {
    supervised: Supervised,
    listening: JoinHandle<()>,
}

/// Who waits for a document.
type Awaiting = oneshot::Sender<Option<Vec<u8>>>;

struct Facts {
    health: CosignerHealth,
}

impl Shared {
    fn members(&self) -> MutexGuard<'_, BTreeMap<PartyIndex, Member>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn present(&self) -> Vec<Supervised> {
        self.members().values().map(|member| member.supervised.clone()).collect()
    }
}

impl Fleet {
    /// Joins started cosigners; those that did not start are away. Call it within a runtime.
    pub fn join(
        members: Vec<(Supervised, Events)>,
        away: &[PartyIndex],
        relay: Relay,
        incidents: Incidents,
        kits: Kits,
        images: Option<Images>,
    ) -> Fleet {
        let unknown = |party| Facts {
            health: CosignerHealth { party, connected: false, status: None, boot: None, introduction: None },
        };
        let present = members.iter().map(|(supervised, _)| supervised.me());
        let facts = present.chain(away.iter().copied()).map(|me| (me, unknown(me))).collect();
        let fleet = Fleet(Arc::new(Shared {
            members: Mutex::default(),
            relay,
            facts: Mutex::new(facts),
            changed: watch::channel(0).0,
            attempts: Attempts::default(),
            waiting: Waiting::default(),
            documents: tokio::sync::Mutex::default(),
            kits,
            attesting: Mutex::default(),
            incidents,
            images,
            upgrading: tokio::sync::Mutex::default(),
        }));
        fleet.enlist(members);
        tokio::spawn(ask_status(Arc::downgrade(&fleet.0)));
        fleet
    }

    /// Listens to them. The lock is held until all are members: one that comes up earlier would be told of no peer.
    fn enlist(&self, started: impl IntoIterator<Item = (Supervised, Events)>) {
        let mut members = self.members();
        for (supervised, events) in started {
            let me = supervised.me();
            let listening = tokio::spawn(listen(self.clone(), me, events));
            members.insert(me, Member { supervised, listening });
        }
    }

    /// What each cosigner says of itself, once all that started have; `None` while one is away.
    pub async fn introductions(&self) -> Option<Vec<Introduction>> {
        let mut changed = self.0.changed.subscribe();
        if self.facts().len() > self.members().len() {
            return None;
        }
        loop {
            let known: Option<Vec<_>> = self.facts().values().map(|f| f.health.introduction).collect();
            if known.is_some() {
                return known;
            }
            changed.changed().await.ok()?;
        }
    }

    fn attested(&self, me: PartyIndex, document: Option<Vec<u8>>) {
        let mut attesting = self.0.attesting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waits) = attesting.get_mut(&me).and_then(VecDeque::pop_front) {
            // Whoever asked may have gone meanwhile.
            let _ = waits.send(document);
        }
    }

    /// Kills one cosigner's process; its supervisor starts it again.
    pub async fn kill(&self, party: PartyIndex) {
        if let Some(member) = self.member(party) {
            member.kill().await;
        }
    }

    /// Stops all cosigners for good and waits until their records are closed.
    pub async fn stop(&self) {
        let _turn = self.0.upgrading.lock().await;
        for member in self.0.present() {
            member.stop().await;
        }
    }

    /// What attested cosigners are started from; `None` for plain processes.
    pub fn images(&self) -> Option<&Images> {
        self.0.images.as_ref()
    }

    fn members(&self) -> MutexGuard<'_, BTreeMap<PartyIndex, Member>> {
        self.0.members()
    }

    /// One that is not being moved to another image now.
    fn member(&self, party: PartyIndex) -> Option<Supervised> {
        self.members().get(&party).map(|member| member.supervised.clone())
    }

    fn facts(&self) -> MutexGuard<'_, BTreeMap<PartyIndex, Facts>> {
        self.0.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, me: PartyIndex, change: impl FnOnce(&mut Facts)) {
        if let Some(facts) = self.facts().get_mut(&me) {
            change(facts);
        }
        self.0.changed.send_modify(|n| *n = n.wrapping_add(1));
    }

    async fn send(&self, to: PartyIndex, frame: ToCosigner) -> Result<(), EndpointGone> {
        let member = self.member(to).ok_or(EndpointGone)?;
        member.send(frame).await.map_err(|_| EndpointGone)
    }

    fn came_up(&self, me: PartyIndex) {
        self.change(me, |f| f.health.connected = true);
        self.0.relay.attach(me, Arc::new(Post { fleet: self.clone(), to: me }));
    }

    fn went_down(&self, me: PartyIndex) {
        self.0.relay.detach(me);
        self.change(me, |f| {
            f.health = CosignerHealth { party: me, connected: false, status: None, boot: None, introduction: None };
        });
        self.0.attempts.gone(me);
        self.0.waiting.gone(me);
        self.0.attesting.lock().unwrap_or_else(PoisonError::into_inner).remove(&me);
    }

    async fn said(&self, me: PartyIndex, said: FromCosigner) {
        match said {
            FromCosigner::Identity { channel_key, identity_key, .. } => {
                self.change(me, |f| f.health.introduction = Some(Introduction { channel_key, identity_key }));
            }
            FromCosigner::Ready { boot } => {
                self.change(me, |f| f.health.boot = Some(boot));
                let _ = self.send(me, ToCosigner::Status).await;
                // Lost, or never made: a cosigner without recipients answers nothing.
                if !self.0.kits.has_any(me) {
                    let _ = self.send(me, ToCosigner::MakeKits).await;
                }
            }
            // A letter that does not go is a retry of the cosigners' own; the relay has logged it.
            FromCosigner::Peer { to, frame } => drop(self.0.relay.post(me, to, frame.into())),
            FromCosigner::Reserved { tag } => self.0.attempts.reserved(tag, me),
            FromCosigner::Signed { tag, signatures, verdict } => {
                let event = SignEvent::Signed { from: me, signatures, verdict: Box::new(verdict) };
                self.0.attempts.ended(tag, me, event);
            }
            FromCosigner::Refused { tag, refusal } => {
                self.0.attempts.ended(tag, me, SignEvent::Refused { from: me, refusal });
            }
            FromCosigner::Status { status } => self.heard_status(me, status),
            FromCosigner::Event { code, peer, intent } => {
                tracing::info!(target: "cosigner", cosigner = me.number(), code, ?peer, ?intent, "event");
                self.tell(Incident { peer, intent, ..Incident::of(me, &code, "") });
            }
            // The enclave's host answers these itself.
            FromCosigner::Store { .. }
            | FromCosigner::Dial { .. }
            | FromCosigner::Tunnel { .. }
            | FromCosigner::KeepKey { .. }
            | FromCosigner::KeyOpen => {}
            FromCosigner::RecoveryKit { kit, sealed, certificate } => {
                self.keep_kit(me, KitFile { kit, sealed, certificate }).await;
            }
            FromCosigner::Attested { document } => self.attested(me, document.map(Vec::from)),
            answer => self.answered(me, answer),
        }
    }

    fn tell(&self, incident: Incident) {
        self.0.incidents.tell(incident);
    }

    /// K3: the kit is public; only its loss matters.
    async fn keep_kit(&self, me: PartyIndex, kit: KitFile) {
        let own = self.clone();
        let kept = tokio::task::spawn_blocking(move || own.0.kits.keep(&kit)).await;
        match kept {
            Ok(Ok(file)) => tracing::info!(code = "recovery.kit", cosigner = me.number(), "kept {}", file.display()),
            Ok(Err(failure)) => tracing::error!(code = failure.code, cosigner = me.number(), "{}", failure.what),
            Err(_) => tracing::error!(code = "recovery.kit", cosigner = me.number(), "a kit was not kept"),
        }
    }

    fn heard_status(&self, me: PartyIndex, status: ringi_primitives::wire::CosignerStatus) {
        let news = self.facts().get(&me).is_some_and(|f| f.health.status.as_ref() != Some(&status));
        if news {
            self.change(me, |f| f.health.status = Some(status));
        }
    }

    fn answered(&self, me: PartyIndex, said: FromCosigner) {
        let (awaited, answer) = match said {
            FromCosigner::GenesisInstalled { root, head } => (Awaited::Genesis, DocumentAnswer::Genesis { root, head }),
            FromCosigner::PolicyInstalled { digest, sequence } => {
                (Awaited::Policy, DocumentAnswer::Policy { digest, sequence })
            }
            FromCosigner::OrderDone { order, certificate } => {
                (Awaited::Order(order), DocumentAnswer::Order { certificate })
            }
            FromCosigner::DocumentRefused { order: Some(order), refusal } => {
                (Awaited::Order(order), DocumentAnswer::Refused(refusal))
            }
            FromCosigner::BrakeHeld { brake } => (Awaited::Brake(brake), DocumentAnswer::Brake),
            FromCosigner::BrakeRefused { brake, refusal } => (Awaited::Brake(brake), DocumentAnswer::Refused(refusal)),
            FromCosigner::DocumentRefused { order: None, refusal } => {
                return self.0.waiting.answer_any(me, DocumentAnswer::Refused(refusal));
            }
            _ => return,
        };
        self.0.waiting.answer(me, awaited, answer);
    }

    async fn ask(&self, to: PartyIndex, awaited: Awaited, frame: ToCosigner, life_ms: u64) -> DocumentAnswer {
        let answer = self.0.waiting.expect(to, awaited);
        if self.send(to, frame).await.is_err() {
            self.0.waiting.forget(to, awaited);
            return DocumentAnswer::Unreachable;
        }
        let answer = tokio::time::timeout(Duration::from_millis(life_ms), answer).await;
        self.0.waiting.forget(to, awaited);
        match answer {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => DocumentAnswer::Unreachable,
        }
    }
}

async fn listen(fleet: Fleet, me: PartyIndex, mut events: Events) {
    while let Some(event) = events.recv().await {
        match event {
            Event::Started { run } => {
                tracing::info!(code = "cosigner.started", cosigner = me.number(), run);
                fleet.tell(Incident::of(me, "cosigner.started", ""));
                fleet.came_up(me);
            }
            Event::Said(said) => fleet.said(me, said).await,
            Event::Trouble { code, detail } => {
                tracing::warn!(code, cosigner = me.number(), "{detail}");
                fleet.tell(Incident::of(me, code, detail));
            }
            Event::Ended(ending) => {
                tracing::warn!(code = ending.code(), cosigner = me.number(), "{ending}");
                fleet.tell(Incident::of(me, ending.code(), ending.to_string()));
                fleet.went_down(me);
            }
        }
    }
    fleet.went_down(me);
}

async fn ask_status(shared: std::sync::Weak<Shared>) {
    let mut every = tokio::time::interval(Duration::from_millis(STATUS_MS));
    loop {
        every.tick().await;
        let Some(shared) = shared.upgrade() else { return };
        for member in shared.present() {
            let _ = member.send(ToCosigner::Status).await;
        }
    }
}

/// Where the relay delivers.
struct Post {
    fleet: Fleet,
    to: PartyIndex,
}

#[async_trait]
impl Endpoint for Post {
    async fn deliver(&self, from: PartyIndex, frame: Vec<u8>) -> Result<(), EndpointGone> {
        self.fleet.send(self.to, ToCosigner::Peer { from, frame: frame.into() }).await
    }

    async fn peer_up(&self, peer: PartyIndex) -> Result<(), EndpointGone> {
        self.fleet.send(self.to, ToCosigner::PeerUp { peer }).await
    }
}

#[async_trait]
impl Cosigners for Fleet {
    async fn attest(&self, party: PartyIndex, nonce: &[u8]) -> Option<Vec<u8>> {
        let (tell, told) = oneshot::channel();
        let member = self.member(party)?;
        // Sent under the lock: answers come in the order of the questions.
        {
            let mut attesting = self.0.attesting.lock().unwrap_or_else(PoisonError::into_inner);
            member.current()?.try_send(ToCosigner::Attest { nonce: nonce.to_vec().into() }).ok()?;
            attesting.entry(party).or_default().push_back(tell);
        }
        tokio::time::timeout(Duration::from_millis(DOCUMENT_MS), told).await.ok()?.ok()?
    }

    fn health(&self) -> Vec<CosignerHealth> {
        self.facts().values().map(|f| f.health.clone()).collect()
    }

    fn changed(&self) -> watch::Receiver<u64> {
        self.0.changed.subscribe()
    }

    async fn sign(&self, attempt: SignAttempt) -> mpsc::Receiver<SignEvent> {
        let events = self.0.attempts.open(attempt.tag, &attempt.signers);
        for signer in &attempt.signers {
            let frame = ToCosigner::Sign {
                tag: attempt.tag,
                request: attempt.request.clone().into(),
                signers: attempt.signers.clone(),
            };
            if self.send(*signer, frame).await.is_err() {
                self.0.attempts.ended(attempt.tag, *signer, SignEvent::Gone { from: *signer });
            }
        }
        events
    }

    async fn abort(&self, tag: Tag, signers: &[PartyIndex]) {
        for signer in signers {
            let _ = self.send(*signer, ToCosigner::Abort { tag }).await;
        }
    }

    async fn tell_facts(&self, facts: Vec<SignedFact>, to: &[PartyIndex]) {
        for party in to {
            // One that is away is told when it comes back.
            let _ = self.send(*party, ToCosigner::Facts { facts: facts.clone() }).await;
        }
    }

    async fn install(&self, document: Document, to: &[PartyIndex]) -> Vec<Acknowledgement> {
        if let (Document::Genesis(versions), Some(images)) = (&document, &self.0.images)
            && let Err(failure) = images.attested.close_keys(versions).await
        {
            tracing::error!(code = failure.code, "no cosigner is given this genesis: {}", failure.what);
            return to.iter().map(|party| unreachable(*party)).collect();
        }
        let (awaited, frame, life_ms) = match document {
            Document::Upgrade { genesis, order } => {
                let answer = self.upgrade(&genesis, order).await;
                return to.iter().map(|party| Acknowledgement { party: *party, answer: answer.clone() }).collect();
            }
            Document::Genesis(versions) => (Awaited::Genesis, ToCosigner::InstallGenesis { versions }, DOCUMENT_MS),
            Document::Policy(set) => (Awaited::Policy, ToCosigner::InstallPolicy { set }, DOCUMENT_MS),
            Document::Order(order) => {
                let Ok(body) = order.decode_unverified::<Order>(limits::GENESIS_BYTES) else { return Vec::new() };
                (Awaited::Order(body.id), ToCosigner::Order { order }, ORDER_MS)
            }
            Document::Brake(brake) => (Awaited::Brake(brake.digest()), ToCosigner::Brake { brake: *brake }, BRAKE_MS),
            Document::Recovery(recovery) => {
                let Recovery { order, shares } = *recovery;
                let Ok(body) = order.decode_unverified::<Order>(limits::GENESIS_BYTES) else { return Vec::new() };
                (Awaited::Order(body.id), ToCosigner::Restore { order, shares }, ORDER_MS)
            }
        };
        // A refusal of genesis or policy names no document: one at a time, so that it is clear which.
        let _turn = match awaited {
            Awaited::Order(_) | Awaited::Brake(_) => None,
            Awaited::Genesis | Awaited::Policy => Some(self.0.documents.lock().await),
        };
        let asks = to.iter().map(|party| async {
            let answer = self.ask(*party, awaited, frame.clone(), life_ms).await;
            Acknowledgement { party: *party, answer }
        });
        futures::future::join_all(asks).await
    }
}

fn unreachable(party: PartyIndex) -> Acknowledgement {
    Acknowledgement { party, answer: DocumentAnswer::Unreachable }
}

/// The waiting end of an answer.
pub(super) type Answer = oneshot::Receiver<DocumentAnswer>;
