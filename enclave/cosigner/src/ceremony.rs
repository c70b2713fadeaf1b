//! Key generation and refresh under an order of the admin quorum (rule G2), in two phases (rule K2).
//!
//! All n take part. The new share is recorded as pending; once durable, each cosigner signs the key certificate; with all n
//! signatures the epoch goes into use. Until then the old epoch signs. A failed ceremony leaves nothing behind and may be
//! run again under the same order; an order that was carried out is spent.

use crate::core::Cosigner;
use crate::message::{PeerMessage, Round};
use crate::refusal::{Code, from_fault};
use crate::state::Record;
use minicbor::bytes::ByteArray;
use ringi_mpc::{
    Ceremony, Envelope, Fault, KeyShare, Keygen, KeygenParams, Progress, Refresh, RefreshParams, SessionId,
};
use ringi_primitives::cbor;
use ringi_primitives::certificate::{KeyCertificate, SignedCertificate};
use ringi_primitives::digest::{Digest, Domain};
use ringi_primitives::genesis::GenesisChain;
use ringi_primitives::id::OrderId;
use ringi_primitives::key::SignatureBytes;
use ringi_primitives::limits;
use ringi_primitives::order::{KeyId, Order, OrderAction};
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::signed::Signed;
use ringi_primitives::time::UnixMs;
use ringi_primitives::wire::{FromCosigner, Refusal};
use std::collections::BTreeMap;

/// A ceremony that takes longer has lost a message. dkls23 key generation takes seconds of CPU for many parties.
const CEREMONY_MS: u64 = 120_000;
/// Rounds kept until the ceremony reaches them.
const EARLY: usize = 256;

/// The ceremony in progress, if any.
#[derive(Default)]
pub struct Ceremonies {
    current: Option<Running>,
    /// Hellos for the next attempt or for an order the host has not handed in yet.
    hellos: BTreeMap<(Digest, PartyIndex), Greeting>,
    early: Vec<(PartyIndex, Round)>,
    /// Signatures of peers that finished before us.
    durable: BTreeMap<(OrderId, PartyIndex), Durable>,
}

/// A cosigner's word that its share of one attempt is durable.
struct Durable {
    /// The attempt: another one makes other shares of the very same certificate.
    session: Digest,
    certificate: Digest,
    signature: SignatureBytes,
}

#[derive(Clone, Copy)]
struct Greeting {
    boot: u64,
    randomness: [u8; 32],
    epoch: u32,
}

struct Running {
    order: Order,
    digest: Digest,
    key: KeyId,
    clear_bans: Vec<PartyIndex>,
    started_at: UnixMs,
    session: Option<Digest>,
    stage: Stage,
}

enum Stage {
    Greeting,
    Generating(Box<Keygen>),
    Refreshing(Box<Refresh>),
    /// The share is recorded; waits for storage, then for all n signatures.
    Storing {
        record: u64,
        certificate: KeyCertificate,
        announced: bool,
    },
}

impl Ceremonies {
    /// Whether one is in progress.
    pub(crate) fn is_running(&self) -> bool {
        self.current.is_some()
    }

    /// Whether rounds of this session belong to the ceremony in progress.
    pub fn is_current(&self, session: &Digest) -> bool {
        self.current.as_ref().is_some_and(|c| c.session == Some(*session) || c.session.is_none())
    }
}

impl Cosigner {
    /// Takes an order of the admin quorum.
    pub(crate) fn take_order(&mut self, signed: Signed) {
        if let Err((id, refusal)) = self.try_order(&signed) {
            self.refuse_document(id, refusal);
        }
    }

    fn try_order(&mut self, signed: &Signed) -> Result<(), (Option<OrderId>, Refusal)> {
        let order: Order = signed
            .decode_unverified(limits::GENESIS_BYTES)
            .map_err(|e| (None, Code::DocumentInvalid.because(e.to_string())))?;
        let id = order.id;
        let genesis = self.state.genesis.as_ref().ok_or_else(|| Code::GenesisMissing.because("no genesis installed"));
        genesis.and_then(|genesis| self.check_order(genesis, signed, &order)).map_err(|r| (Some(id), r))?;
        if self.state.orders.contains(&id) {
            return self.repeat_answer(&order).map_err(|r| (Some(id), r));
        }
        let carried_out = match &order.action {
            OrderAction::KeyGeneration { key } => self.begin_ceremony(signed, &order, *key, Vec::new()),
            OrderAction::Refresh { key, epoch, clear_bans } => self
                .check_epoch(key, *epoch)
                .and_then(|()| self.begin_ceremony(signed, &order, *key, clear_bans.clone())),
            OrderAction::Resume { boot_keys } => self.resume(&order, boot_keys.contains(&self.receipt_key.public())),
            OrderAction::GiveBack { intent } => {
                self.record(&[Record::GaveBack { intent: *intent }, Record::OrdersUsed { orders: vec![id] }]);
                self.emit(FromCosigner::OrderDone { order: id, certificate: None });
                Ok(())
            }
            OrderAction::Unfreeze { .. } => self.lift_freezes(signed, &order),
            // E1: only with the new image's document.
            OrderAction::Upgrade { .. } => {
                Err(Code::OrderSenseless.because("an upgrade is a hand-over to its new image"))
            }
            OrderAction::Recovery { .. } | OrderAction::Drill { .. } => {
                Err(Code::OrderSenseless.because("it comes with its kits"))
            }
        };
        carried_out.map_err(|r| (Some(id), r))
    }

    /// G2: of this workspace, in time, by the admin quorum.
    pub(crate) fn check_order(&self, genesis: &GenesisChain, signed: &Signed, order: &Order) -> Result<(), Refusal> {
        if order.version != 1 || order.genesis != genesis.root() {
            return Err(Code::GenesisMismatch.because("order"));
        }
        let life = order.expires_at.0.saturating_sub(order.issued_at.0);
        let early = order.issued_at > self.now.plus_ms(limits::CLOCK_SKEW_MS);
        if life > limits::ORDER_LIFE_MS || early || self.now >= order.expires_at {
            return Err(Code::OrderSpent.because("outside its time"));
        }
        if !genesis.head().quorum_signed(signed, Domain::Order) {
            return Err(Code::AdminQuorum.because("order"));
        }
        Ok(())
    }

    /// An order carried out before: the answer again, never the deed.
    fn repeat_answer(&mut self, order: &Order) -> Result<(), Refusal> {
        let key = match &order.action {
            OrderAction::KeyGeneration { key } | OrderAction::Refresh { key, .. } => Some(*key),
            OrderAction::Resume { .. }
            | OrderAction::GiveBack { .. }
            | OrderAction::Upgrade { .. }
            | OrderAction::Recovery { .. }
            | OrderAction::Drill { .. } => None,
            OrderAction::Unfreeze { .. } => {
                self.emit(FromCosigner::OrderDone { order: order.id, certificate: None });
                return Ok(());
            }
        };
        let Some(key) = key else { return Err(Code::OrderSpent.because("carried out before")) };
        let active = self.state.keys.active.get(&key).ok_or_else(|| Code::OrderSpent.because("carried out before"))?;
        let certificate = Some(active.certificate.clone());
        self.emit(FromCosigner::OrderDone { order: order.id, certificate });
        Ok(())
    }

    fn check_epoch(&self, key: &KeyId, epoch: u32) -> Result<(), Refusal> {
        let active = self.state.keys.active.get(key).ok_or_else(|| Code::KeyMissing.because(key.scheme.name()))?;
        let next = active.certificate.certificate.epoch.checked_add(1);
        if next == Some(epoch) { Ok(()) } else { Err(Code::OrderSenseless.because("not the next epoch")) }
    }

    fn resume(&mut self, order: &Order, named: bool) -> Result<(), Refusal> {
        if !named {
            return Err(Code::OrderSenseless.because("it does not name this boot"));
        }
        self.record(&[Record::Resumed { at: self.now }, Record::OrdersUsed { orders: vec![order.id] }]);
        self.emit(FromCosigner::OrderDone { order: order.id, certificate: None });
        self.become_ready();
        Ok(())
    }

    fn begin_ceremony(
        &mut self,
        signed: &Signed,
        order: &Order,
        key: KeyId,
        clear_bans: Vec<PartyIndex>,
    ) -> Result<(), Refusal> {
        if let Some(refusal) = self.boot.refusal() {
            return Err(refusal);
        }
        self.check_recipients()?;
        let generating = matches!(order.action, OrderAction::KeyGeneration { .. });
        if generating && self.state.keys.active.contains_key(&key) {
            return Err(Code::OrderSenseless.because("that key exists (K1)"));
        }
        if self.ceremonies.current.as_ref().is_some_and(|c| c.order.id != order.id) {
            return Err(Code::Busy.because("another ceremony"));
        }
        let digest = signed.digest(Domain::Order);
        let mut randomness = [0; 32];
        self.rng.fill_bytes(&mut randomness);
        let epoch = self.state.keys.active.get(&key).map_or(0, |k| k.certificate.certificate.epoch);
        let greeting = Greeting { boot: self.state.boot, randomness, epoch };
        self.ceremonies.hellos.insert((digest, self.me), greeting);
        self.ceremonies.early.clear();
        self.ceremonies.current = Some(Running {
            order: order.clone(),
            digest,
            key,
            clear_bans,
            started_at: self.now,
            session: None,
            stage: Stage::Greeting,
        });
        let hello = PeerMessage::CeremonyHello { order: digest, boot: self.state.boot, randomness, epoch };
        self.tell_all(&hello);
        self.try_start_machine();
        Ok(())
    }

    pub(crate) fn receive_ceremony(&mut self, from: PartyIndex, message: PeerMessage) {
        match message {
            PeerMessage::CeremonyHello { order, boot, randomness, epoch } => {
                self.ceremonies.hellos.insert((order, from), Greeting { boot, randomness, epoch });
                self.try_start_machine();
            }
            PeerMessage::Round(round) => self.take_ceremony_round(from, round),
            PeerMessage::Durable { order, session, certificate, signature } => {
                self.ceremonies.durable.insert((order, from), Durable { session, certificate, signature });
                self.try_activate();
            }
            _ => {}
        }
    }

    /// With the hellos of all n, the session id is fixed and the machine starts.
    fn try_start_machine(&mut self) {
        let Some(running) = &self.ceremonies.current else { return };
        if !matches!(running.stage, Stage::Greeting) {
            return;
        }
        let Some(genesis) = &self.state.genesis else { return };
        let (n, threshold, root) = (genesis.head().parties(), genesis.head().threshold, genesis.root());
        let hellos: BTreeMap<PartyIndex, Greeting> = self
            .ceremonies
            .hellos
            .iter()
            .filter(|((d, _), _)| *d == running.digest)
            .map(|((_, p), g)| (*p, *g))
            .collect();
        if hellos.len() != usize::from(n) {
            return;
        }
        let parts: Vec<_> = hellos.iter().map(|(p, g)| (*p, g.boot, ByteArray::from(g.randomness), g.epoch)).collect();
        // S1, G1: order, genesis, boots and fresh randomness of all n.
        let session = Digest::of_parts(Domain::Ceremony, &[&root.0, &running.digest.0, &cbor::encode(&parts)]);
        let transcript = Digest::of_parts(Domain::Ceremony, &[&root.0, &running.digest.0]);
        let (digest, key) = (running.digest, running.key);
        let started = match &running.order.action {
            OrderAction::Refresh { .. } => self.start_refresh(key, session, transcript),
            _ => self.start_keygen(key, session, transcript, (threshold, n)),
        };
        // Used up: a next attempt needs fresh hellos of all.
        self.ceremonies.hellos.retain(|(d, _), _| *d != digest);
        match started {
            Ok((stage, envelopes)) => {
                if let Some(running) = &mut self.ceremonies.current {
                    running.session = Some(session);
                    running.stage = stage;
                }
                self.send_envelopes(envelopes);
                for (from, round) in std::mem::take(&mut self.ceremonies.early) {
                    self.take_ceremony_round(from, round);
                }
            }
            Err(fault) => self.fail_ceremony(from_fault(&fault)),
        }
    }

    fn start_keygen(
        &mut self,
        key: KeyId,
        session: Digest,
        transcript: Digest,
        (threshold, parties): (u8, u8),
    ) -> Result<(Stage, Vec<Envelope>), Fault> {
        let params = KeygenParams {
            scheme: key.scheme,
            session: SessionId(session.0),
            threshold,
            parties,
            me: self.me,
            transcript: transcript.0,
        };
        let (machine, envelopes) = Keygen::start(params, self.rng.as_mut())?;
        Ok((Stage::Generating(Box::new(machine)), envelopes))
    }

    fn start_refresh(
        &mut self,
        key: KeyId,
        session: Digest,
        transcript: Digest,
    ) -> Result<(Stage, Vec<Envelope>), Fault> {
        let active = self.state.keys.active.get(&key).ok_or(Fault::Misuse("no share to refresh"))?;
        let params = RefreshParams { session: SessionId(session.0), transcript: transcript.0 };
        let (machine, envelopes) = Refresh::start(&active.share, params, self.rng.as_mut())?;
        Ok((Stage::Refreshing(Box::new(machine)), envelopes))
    }

    fn take_ceremony_round(&mut self, from: PartyIndex, round: Round) {
        let me = self.me;
        let Some(running) = &mut self.ceremonies.current else { return };
        if running.session.is_none() {
            if self.ceremonies.early.len() < EARLY {
                self.ceremonies.early.push((from, round));
            }
            return;
        }
        if running.session != Some(round.session) {
            return;
        }
        let envelope = Envelope {
            session: SessionId(round.session.0),
            round: round.round,
            from,
            to: (!round.broadcast).then_some(me),
            payload: round.payload.to_vec(),
        };
        let progress = match &mut running.stage {
            Stage::Generating(machine) => machine.receive(envelope),
            Stage::Refreshing(machine) => machine.receive(envelope),
            Stage::Greeting | Stage::Storing { .. } => return,
        };
        match progress {
            Ok(Progress::Waiting | Progress::Hold) => {}
            Ok(Progress::Send(envelopes)) => self.send_envelopes(envelopes),
            Ok(Progress::Done(envelopes, share)) => {
                self.send_envelopes(envelopes);
                self.store_share(&share);
            }
            Err(fault) if !fault.is_final() => self.event("ceremony.link", Some(from), None),
            Err(fault) => self.fail_ceremony(from_fault(&fault)),
        }
    }

    /// K2, phase one: the new share is recorded as pending; the old epoch stays in use.
    fn store_share(&mut self, share: &KeyShare) {
        let (Some(running), Some(genesis)) = (&self.ceremonies.current, &self.state.genesis) else { return };
        let certificate = KeyCertificate {
            version: 1,
            genesis: genesis.root(),
            key: running.key,
            epoch: share.epoch(),
            public_key: share.public_key().to_vec(),
            chain_code: share.chain_code(),
        };
        let (order, session) = (running.order.id, running.session.unwrap_or(Digest::ZERO));
        let Ok(bytes) = share.expose_bytes() else { return self.fail_ceremony(Code::Bug.because("share")) };
        if let Err(refusal) = self.show_kit(share, &certificate, session) {
            return self.fail_ceremony(refusal);
        }
        let share = bytes.to_vec().into();
        let record = self.record(&[Record::Pending { order, share, certificate: certificate.clone() }]);
        if let Some(running) = &mut self.ceremonies.current {
            running.stage = Stage::Storing { record, certificate, announced: false };
        }
        self.advance_stored_ceremony();
    }

    /// K2, phase two: the share is durable here and, where kits are made, those of all n verify (K3): say so to all.
    pub(crate) fn advance_stored_ceremony(&mut self) {
        let Some(running) = &self.ceremonies.current else { return };
        let Stage::Storing { record, certificate, announced: false } = &running.stage else { return };
        let Some(session) = running.session.filter(|_| self.stored >= *record) else { return };
        match self.all_kits_verify(certificate, session) {
            Ok(true) => self.announce_durable(session),
            Ok(false) => {}
            Err(refusal) => self.fail_ceremony(refusal),
        }
    }

    fn announce_durable(&mut self, session: Digest) {
        let Some(running) = &mut self.ceremonies.current else { return };
        let Stage::Storing { certificate, announced, .. } = &mut running.stage else { return };
        let Some(identity) = &self.state.identity else { return };
        *announced = true;
        let (order, certificate) = (running.order.id, certificate.digest());
        let signature = identity.key.sign(&certificate);
        self.ceremonies.durable.insert((order, self.me), Durable { session, certificate, signature });
        self.tell_all(&PeerMessage::Durable { order, session, certificate, signature });
        self.try_activate();
    }

    /// K2: with the signatures of all n on shares of this very attempt the new epoch goes into use.
    fn try_activate(&mut self) {
        let (Some(running), Some(genesis)) = (&self.ceremonies.current, &self.state.genesis) else { return };
        let Stage::Storing { certificate, announced: true, .. } = &running.stage else { return };
        let (digest, order, session) = (certificate.digest(), running.order.id, running.session);
        let same = |d: &Durable| Some(d.session) == session && d.certificate == digest;
        let of_attempt = self.ceremonies.durable.iter().filter(|((o, _), d)| *o == order && same(d));
        let signatures = of_attempt.map(|((_, party), d)| (*party, d.signature)).collect();
        let signed = SignedCertificate { certificate: certificate.clone(), signatures };
        if !signed.signed_by_all(genesis.head()) {
            return;
        }
        self.activate(signed);
    }

    fn activate(&mut self, certificate: SignedCertificate) {
        let key = certificate.certificate.key;
        let Some(order) = self.state.keys.pending.get(&key).map(|p| p.order) else { return };
        let current = self.ceremonies.current.take_if(|c| c.order.id == order);
        let parties = current.map(|c| c.clear_bans).unwrap_or_default();
        self.record(&[
            Record::Activated { certificate: certificate.clone() },
            Record::OrdersUsed { orders: vec![order] },
            Record::Unbanned { parties },
        ]);
        self.ceremonies.durable.retain(|(o, _), _| *o != order);
        self.kits.forget_peers();
        self.hand_out_kit(&certificate);
        self.emit(FromCosigner::OrderDone { order, certificate: Some(certificate) });
    }

    /// K2, unequal epochs: all n have signed the epoch that is pending here.
    pub(crate) fn take_epoch_proof(&mut self, certificate: &SignedCertificate) {
        let Some(genesis) = &self.state.genesis else { return };
        let ours = certificate.certificate.genesis == genesis.root() && certificate.signed_within(genesis);
        let key = certificate.certificate.key;
        let pending = self.state.keys.pending.get(&key).is_some_and(|p| p.certificate == certificate.certificate);
        if ours && pending {
            return self.activate(certificate.clone());
        }
        let held = self.state.keys.active.get(&key).map(|k| k.certificate.certificate.epoch);
        if ours && held.is_none_or(|epoch| epoch < certificate.certificate.epoch) {
            self.event("key.behind", None, None);
        }
    }

    fn fail_ceremony(&mut self, refusal: Refusal) {
        if let Some(running) = self.ceremonies.current.take() {
            self.refuse_document(Some(running.order.id), refusal);
        }
    }

    pub(crate) fn expire_ceremony(&mut self) {
        let now = self.now;
        let late = |c: &Running| now.distance_ms(c.started_at) > CEREMONY_MS;
        if self.ceremonies.current.as_ref().is_some_and(late) {
            self.fail_ceremony(Code::Link.because("time-out"));
        }
    }

    pub(crate) fn tell_all(&mut self, message: &PeerMessage) {
        self.peers().into_iter().for_each(|peer| self.tell(peer, message));
    }

    fn send_envelopes(&mut self, envelopes: Vec<Envelope>) {
        for envelope in envelopes {
            let round = Round {
                session: Digest(envelope.session.0),
                machine: 0,
                round: envelope.round,
                broadcast: envelope.to.is_none(),
                payload: envelope.payload.into(),
            };
            match envelope.to {
                Some(peer) => self.tell(peer, &PeerMessage::Round(round)),
                None => self.tell_all(&PeerMessage::Round(round)),
            }
        }
    }
}
