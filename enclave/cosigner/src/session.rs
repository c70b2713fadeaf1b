//! A signing session: hello, merge, commit, threshold rounds, and the last round only when all is recorded.
//!
//! Order of a session at each signer (rules S1, L1, L2, I3, T1): judge the bytes and ask the policy over own memory;
//! lock limits and slot; hello with what peers may not know; merge all hellos and ask again; record reservation, pin and verdict;
//! commit; with all commitments equal start the machines; with the record durable emit the last round. Before that
//! moment a failure takes the reservation back; after it the reservation is spent.

use crate::core::Cosigner;
use crate::judge::{Judged, judge};
use crate::message::{Hello, PeerMessage, Round};
use crate::permit::{Permit, Times, check_pin_early, consult};
use crate::pins::Pin;
use crate::refusal::{Code, from_fault};
use crate::sign::{Machines, Outgoing};
use crate::spending::{Before, Holders};
use crate::state::Record;
use ringi_mpc::Fault;
use ringi_primitives::cbor;
use ringi_primitives::decision::{LimitKey, Spending};
use ringi_primitives::digest::{Digest, Domain};
use ringi_primitives::effects::Slot;
use ringi_primitives::id::{IntentId, PersonId};
use ringi_primitives::limits;
use ringi_primitives::order::KeyId;
use ringi_primitives::receipt::{SignedVerdict, Verdict};
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::time::UnixMs;
use ringi_primitives::wallet::WalletRef;
use ringi_primitives::wire::{FromCosigner, Refusal, Tag};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Sessions at once; more are refused for now.
const SESSIONS: usize = 64;
/// Messages kept for sessions that have not reached them.
const EARLY: usize = 1024;
/// A session that takes longer has lost a message.
const SESSION_MS: u64 = 30_000;

/// What only one session at a time may hold (rule L1).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Lock {
    Intent(IntentId),
    Limit(LimitKey),
    Account(Slot),
}

/// All sessions of this cosigner.
#[derive(Default)]
pub struct Sessions {
    running: BTreeMap<Tag, Session>,
    locks: BTreeMap<Lock, Tag>,
    early: VecDeque<(PartyIndex, PeerMessage)>,
}

struct Session {
    signers: Vec<PartyIndex>,
    opened_at: UnixMs,
    intent: IntentId,
    subject: Subject,
    stage: Stage,
}

/// What a brake looks at besides the intent (rule P1).
#[derive(Clone, Copy)]
struct Subject {
    initiator: PersonId,
    wallet: WalletRef,
}

impl Session {
    /// Whether its last-round message has not left.
    fn is_revocable(&self) -> bool {
        !matches!(self.stage, Stage::Signing { released: true, .. })
    }
}

enum Stage {
    Greeting { judged: Box<Judged>, hellos: BTreeMap<PartyIndex, Hello> },
    Committing { permit: Box<Permit>, reservation: Reservation, commits: BTreeMap<PartyIndex, Digest> },
    Signing { machines: Box<Machines>, reservation: Reservation, released: bool },
}

/// What this session recorded, and how to take it back (rule L2).
struct Reservation {
    session: Digest,
    commitment: Digest,
    record: u64,
    root: IntentId,
    before: Vec<Before>,
    new_pin: Option<Pin>,
    spending: Vec<Spending>,
    pin: Pin,
    verdict: SignedVerdict,
}

impl Sessions {
    /// How many are running.
    pub fn count(&self) -> u32 {
        u32::try_from(self.running.len()).unwrap_or(u32::MAX)
    }

    /// Roots whose reservation may yet be taken back (rule L2).
    pub(crate) fn unsettled(&self) -> Vec<IntentId> {
        let root = |s: &Session| match &s.stage {
            Stage::Committing { reservation, .. } | Stage::Signing { reservation, released: false, .. } => {
                Some(reservation.root)
            }
            Stage::Greeting { .. } | Stage::Signing { .. } => None,
        };
        self.running.values().filter_map(root).collect()
    }

    fn lock(&mut self, wanted: &[Lock], tag: Tag) -> bool {
        if wanted.iter().any(|l| self.locks.get(l).is_some_and(|holder| *holder != tag)) {
            return false;
        }
        self.locks.extend(wanted.iter().map(|l| (l.clone(), tag)));
        true
    }

    /// L1: whether this session holds the limit, so that its memory was merged.
    fn holds(&self, limit: &LimitKey, tag: Tag) -> bool {
        self.locks.get(&Lock::Limit(limit.clone())) == Some(&tag)
    }

    /// L1: limits and accounts are free again once all signers have recorded; the intent stays locked to the end.
    fn unlock_limits(&mut self, tag: Tag) {
        self.locks.retain(|lock, holder| *holder != tag || matches!(lock, Lock::Intent(_)));
    }

    fn unlock(&mut self, tag: Tag) {
        self.locks.retain(|_, holder| *holder != tag);
    }

    fn by_id(&self, session: &Digest) -> Option<Tag> {
        let of = |s: &Session| match &s.stage {
            Stage::Greeting { .. } => None,
            Stage::Committing { reservation, .. } | Stage::Signing { reservation, .. } => Some(reservation.session),
        };
        self.running.iter().find(|(_, s)| of(s) == Some(*session)).map(|(tag, _)| *tag)
    }

    /// Pins of this intent that sessions made which can still be ended (rule P1).
    pub(crate) fn revocable_pins(&self, intent: IntentId) -> usize {
        let made = |s: &&Session| match &s.stage {
            Stage::Committing { reservation, .. } | Stage::Signing { reservation, released: false, .. } => {
                s.intent == intent && reservation.new_pin.is_some()
            }
            Stage::Greeting { .. } | Stage::Signing { .. } => false,
        };
        self.running.values().filter(made).count()
    }

    fn keep_early(&mut self, from: PartyIndex, message: PeerMessage) {
        if self.early.len() >= EARLY {
            self.early.pop_front();
        }
        self.early.push_back((from, message));
    }
}

impl Cosigner {
    /// Opens a session for a request, or refuses.
    pub(crate) fn open_session(&mut self, tag: Tag, request: &[u8], signers: Vec<PartyIndex>) {
        if let Err(refusal) = self.try_open(tag, request, signers.clone()) {
            self.show_why(&refusal, &signers);
            self.tell_signers(&signers, &PeerMessage::Refuse { tag, code: refusal.code.clone() });
            self.emit(FromCosigner::Refused { tag, refusal });
        }
    }

    /// Whether a session may begin at all.
    fn may_open(&self, tag: Tag) -> Result<(), Refusal> {
        // B1: not before peers granted this boot.
        if let Some(refusal) = self.boot.refusal() {
            return Err(refusal);
        }
        if let Some(refusal) = self.ban_refusal() {
            return Err(refusal);
        }
        if self.sessions.running.contains_key(&tag) {
            return Err(Code::RequestMalformed.because("tag is in use"));
        }
        if self.sessions.running.len() >= SESSIONS {
            return Err(Code::TooMany.because("sessions"));
        }
        Ok(())
    }

    fn try_open(&mut self, tag: Tag, request: &[u8], signers: Vec<PartyIndex>) -> Result<(), Refusal> {
        self.may_open(tag)?;
        self.check_signers(&signers)?;
        let judged = judge(&self.state, request, self.now)?;
        // M1: whatever becomes of this request.
        self.remember_facts(&judged.facts);
        let root = check_pin_early(&self.state, &judged)?;
        let asked = consult(&self.state, &judged, &signers, root, self.now)?;
        let epochs = self.epochs(&judged)?;
        // K3: production signs with no share that no drill has brought back.
        self.check_drilled(&epochs)?;
        let charged = asked.charges.into_iter().map(|c| c.limit);
        let limits: BTreeSet<LimitKey> = charged.chain(asked.watched).collect();
        let limits: Vec<LimitKey> = limits.into_iter().collect();
        let mut locks: Vec<Lock> = limits.iter().cloned().map(Lock::Limit).collect();
        locks.push(Lock::Intent(root));
        locks.extend(account_lock(judged.decoded.slot()));
        // L1: one session per limit from reservation to merge.
        if !self.sessions.lock(&locks, tag) {
            return Err(Code::Busy.because("L1"));
        }
        let mut randomness = [0; 32];
        self.rng.fill_bytes(&mut randomness);
        let replaces = judged.intent.replaces;
        let spending = self.state.spending.unknown_to(&limits, &signers);
        let mut pins = self.state.pins.unknown_to(judged.intent.id, replaces, judged.decoded.slot(), &signers);
        // L3: what is final is told by where an intent is pinned.
        if self.state.vouches_finality() {
            let roots = spending.iter().map(|s| s.intent).collect();
            pins.extend(
                self.state.pins.of_chains(&roots, &signers).filter(|pin| !pins.contains(pin)).collect::<Vec<_>>(),
            );
        }
        let hello = Hello {
            tag,
            request: judged.request,
            signers: signers.clone(),
            boot: self.state.boot,
            randomness,
            now: self.now,
            policy: self.state.policy.as_ref().map_or(Digest::ZERO, |p| p.digest),
            epochs,
            banned: self.state.banned.iter().copied().collect(),
            spending,
            pins,
            boot_key: self.receipt_key.public(),
            freezes: self.state.brakes.head(),
            unsettled: self.sessions.unsettled(),
        };
        self.tell_signers(&signers, &PeerMessage::Hello(Box::new(hello.clone())));
        let session = Session {
            intent: judged.intent.id,
            subject: Subject { initiator: judged.initiator, wallet: judged.wallet },
            opened_at: self.now,
            signers,
            stage: Stage::Greeting { judged: Box::new(judged), hellos: BTreeMap::from([(self.me, hello)]) },
        };
        self.sessions.running.insert(tag, session);
        self.replay_early();
        Ok(())
    }

    fn check_signers(&self, signers: &[PartyIndex]) -> Result<(), Refusal> {
        let genesis =
            self.state.genesis.as_ref().ok_or_else(|| Code::GenesisMissing.because("no genesis installed"))?;
        let ascending = signers.windows(2).all(|w| matches!(w, [a, b] if a < b));
        let known = signers.iter().all(|s| genesis.head().cosigner(*s).is_some());
        let sized = signers.len() == usize::from(genesis.head().threshold);
        if !ascending || !known || !sized || !signers.contains(&self.me) {
            return Err(Code::SignerSet.because("exactly t distinct cosigners, ascending, this one among them"));
        }
        // K2: a banned counterparty takes part in nothing.
        let banned: Vec<_> = signers.iter().copied().filter(|s| self.state.banned.contains(s)).collect();
        if banned.is_empty() { Ok(()) } else { Err(Code::Banned.of_peers("K2", banned)) }
    }

    fn epochs(&self, judged: &Judged) -> Result<Vec<(KeyId, u32)>, Refusal> {
        let mut keys: Vec<KeyId> =
            judged.decoded.sighashes().iter().map(|h| KeyId { scheme: h.scheme(), root: judged.root }).collect();
        keys.sort();
        keys.dedup();
        let epoch = |key: KeyId| match self.state.keys.active.get(&key) {
            Some(active) => Ok((key, active.certificate.certificate.epoch)),
            None => Err(Code::KeyMissing.because(key.scheme.name())),
        };
        keys.into_iter().map(epoch).collect()
    }

    pub(crate) fn receive_session(&mut self, from: PartyIndex, message: PeerMessage) {
        match message {
            PeerMessage::Hello(hello) => match self.sessions.running.contains_key(&hello.tag) {
                true => self.take_hello(from, *hello),
                false => self.sessions.keep_early(from, PeerMessage::Hello(hello)),
            },
            PeerMessage::Commit { session, commitment } => match self.sessions.by_id(&session) {
                Some(tag) => self.take_commit(tag, from, commitment),
                None => self.sessions.keep_early(from, message),
            },
            PeerMessage::Round(round) => match self.sessions.by_id(&round.session) {
                Some(tag) => self.take_round(tag, from, round),
                None => self.sessions.keep_early(from, PeerMessage::Round(round)),
            },
            PeerMessage::Refuse { tag, code }
                if self.sessions.running.get(&tag).is_some_and(|s| s.signers.contains(&from)) =>
            {
                self.end_session(tag, Code::PeerRefused.of_peers(bounded(&code), [from]));
            }
            _ => {}
        }
    }

    /// Looks again at messages that came before their session reached them.
    fn replay_early(&mut self) {
        for (from, message) in std::mem::take(&mut self.sessions.early) {
            self.receive_session(from, message);
        }
    }

    fn take_hello(&mut self, from: PartyIndex, hello: Hello) {
        let tag = hello.tag;
        let Some(session) = self.sessions.running.get_mut(&tag) else { return };
        let Stage::Greeting { hellos, .. } = &mut session.stage else { return };
        if !session.signers.contains(&from) || hellos.contains_key(&from) {
            return;
        }
        hellos.insert(from, hello);
        if hellos.len() == session.signers.len()
            && let Err(refusal) = self.merge(tag)
        {
            self.end_session(tag, refusal);
        }
    }

    /// L1, T1, I3: merges what all signers remember, asks policy and pins again, records, commits.
    fn merge(&mut self, tag: Tag) -> Result<(), Refusal> {
        let Some(session) = self.sessions.running.remove(&tag) else { return Ok(()) };
        let Session { signers, opened_at, intent, subject, stage } = session;
        let Stage::Greeting { judged, hellos } = stage else { return Ok(()) };
        let merged = self.merge_hellos(&judged.request, &hellos, &signers);
        let granted = merged.and_then(|(times, id)| {
            let permit = Permit::grant(&self.state, *judged, &signers, times, self.now)?;
            // L1: what was merged may have moved the intent to another rule; its limits were not merged yet.
            if !permit.charges().iter().all(|c| self.sessions.holds(&c.limit, tag)) {
                return Err(Code::Busy.because("L1: another rule decides now"));
            }
            self.reserve(permit, times, id, &signers)
        });
        let (permit, reservation) = match granted {
            Ok(granted) => granted,
            Err(refusal) => {
                self.close(tag, &signers, refusal);
                return Ok(());
            }
        };
        let commit = PeerMessage::Commit { session: reservation.session, commitment: reservation.commitment };
        self.tell_signers(&signers, &commit);
        let commits = BTreeMap::from([(self.me, reservation.commitment)]);
        let stage = Stage::Committing { permit: Box::new(permit), reservation, commits };
        self.sessions.running.insert(tag, Session { signers, opened_at, intent, subject, stage });
        self.replay_early();
        Ok(())
    }

    fn merge_hellos(
        &mut self,
        request: &Digest,
        hellos: &BTreeMap<PartyIndex, Hello>,
        signers: &[PartyIndex],
    ) -> Result<(Times, Digest), Refusal> {
        let me = self.me;
        let mine = hellos.get(&me).cloned().ok_or_else(|| Code::Bug.because("own hello"))?;
        for (peer, hello) in hellos.iter().filter(|(p, _)| **p != me) {
            // S1: the same request, signer set and policy; the boot that was granted here.
            let same = hello.request == mine.request && hello.signers == mine.signers && hello.policy == mine.policy;
            if hello.policy != mine.policy {
                let shown = self.in_force(true);
                self.tell(*peer, &shown);
            }
            if !same || self.boot.granted_to(*peer) != Some((hello.boot, hello.boot_key)) {
                return Err(Code::PeerDisagrees.of_peers("S1, B1", [*peer]));
            }
            // P1: the same freezes in force; who is behind is shown the documents.
            if hello.freezes != mine.freezes {
                let shown = self.in_force(true);
                self.tell(*peer, &shown);
                return Err(Code::BrakesDiffer.of_peers("P1", [*peer]));
            }
            if hello.banned.iter().any(|b| signers.contains(b)) {
                return Err(Code::Banned.of_peers("K2", [*peer]));
            }
            self.compare_epochs(*peer, &mine.epochs, &hello.epochs)?;
        }
        let times = hellos.values().map(|h| h.now);
        let times = Times { window: times.clone().min().unwrap_or(self.now), expiry: times.max().unwrap_or(self.now) };
        // T1: skew over a minute refuses. The agreed times are the hellos' alone, equal at all signers; a hello that came
        // late is held against this cosigner's own clock besides.
        if times.window.distance_ms(times.expiry.max(self.now)) > limits::CLOCK_SKEW_MS {
            return Err(Code::ClockSkew.because("T1"));
        }
        for (peer, hello) in hellos.iter().filter(|(p, _)| **p != me) {
            if !hello.spending.is_empty() || !hello.pins.is_empty() {
                let told = self.told(*peer, hello.spending.clone(), hello.pins.clone(), &hello.unsettled);
                if !told.is_empty() {
                    self.record(&told);
                }
            }
        }
        Ok((times, session_id(request, hellos)))
    }

    /// L1, L2: what a peer remembers, as it is recorded here. What the peer may yet take back counts, but is not known to it.
    pub(crate) fn told(
        &self,
        peer: PartyIndex,
        spending: Vec<Spending>,
        pins: Vec<Pin>,
        unsettled: &[IntentId],
    ) -> Vec<Record> {
        let (open, kept): (Vec<_>, Vec<_>) = spending.into_iter().partition(|s| unsettled.contains(&s.intent));
        let (open_pins, kept_pins): (Vec<_>, Vec<_>) = pins.into_iter().partition(|p| unsettled.contains(&p.root));
        let (both, mine) = (Holders::of([self.me, peer]), Holders::of([self.me]));
        let mut told = Vec::new();
        for (entries, pins, holders) in [(kept, kept_pins, both), (open, open_pins, mine)] {
            let entries = self.state.spending.news(entries, holders);
            let pins = self.state.pins.news(pins, holders);
            told.extend((!entries.is_empty()).then_some(Record::Spent { entries, holders }));
            told.extend((!pins.is_empty()).then_some(Record::Pinned { pins, holders }));
        }
        told
    }

    /// K2: unequal epochs resynchronise; the one ahead sends the proof that all n have the new one.
    fn compare_epochs(
        &mut self,
        peer: PartyIndex,
        mine: &[(KeyId, u32)],
        theirs: &[(KeyId, u32)],
    ) -> Result<(), Refusal> {
        if mine == theirs {
            return Ok(());
        }
        for (key, epoch) in mine {
            let behind = theirs.iter().any(|(k, e)| k == key && e < epoch);
            if behind && let Some(active) = self.state.keys.active.get(key) {
                let proof = PeerMessage::EpochProof(Box::new(active.certificate.clone()));
                self.tell(peer, &proof);
            }
        }
        Err(Code::EpochDiffers.of_peers("K2", [peer]))
    }

    /// Records reservation, pin and verdict in one record.
    fn reserve(
        &mut self,
        permit: Permit,
        times: Times,
        id: Digest,
        signers: &[PartyIndex],
    ) -> Result<(Permit, Reservation), Refusal> {
        let policy = self.state.policy.as_ref().map_or(Digest::ZERO, |p| p.digest);
        let commitment = permit.commitment(&id, &policy, times);
        let root = permit.pin().root;
        let before = self.state.spending.before(&root, permit.charges());
        let known = self.state.pins.holds(permit.pin().intent, permit.pin().kind);
        let verdict = self.verdict(&permit, policy, id, signers)?;
        // L1: who may yet take it back is no holder: its peers are told of it again until all have released.
        let holders = Holders::of([self.me]);
        let (spending, pin) = (permit.spending(times.window), permit.pin().clone());
        let heads = self.state.peer_heads.iter();
        let mut records: Vec<_> = heads.map(|(p, h)| h.record(*p)).collect();
        records.extend([
            Record::Spent { entries: spending.clone(), holders },
            Record::Pinned { pins: vec![pin.clone()], holders },
            Record::Verdict { sequence: verdict.verdict.sequence, digest: verdict.verdict.digest() },
            Record::Counted { uses: permit.judged().counted.clone() },
            Record::Time { now: self.now },
        ]);
        let record = self.record(&records);
        let new_pin = (!known).then(|| pin.clone());
        Ok((permit, Reservation { session: id, commitment, record, root, before, new_pin, spending, pin, verdict }))
    }

    /// S1, R1: the verdict is formed and chained before the last-round message leaves.
    fn verdict(
        &self,
        permit: &Permit,
        policy: Digest,
        session: Digest,
        signers: &[PartyIndex],
    ) -> Result<SignedVerdict, Refusal> {
        let judged = permit.judged();
        let genesis =
            self.state.genesis.as_ref().ok_or_else(|| Code::GenesisMissing.because("no genesis installed"))?;
        let verdict = Verdict {
            version: 1,
            genesis: genesis.root(),
            cosigner: self.me,
            boot: self.state.boot,
            sequence: self.state.verdict_sequence.saturating_add(1),
            previous: self.state.verdict_head.unwrap_or(Digest::ZERO),
            session,
            request: judged.request,
            intent: judged.intent.id,
            slot: judged.decoded.slot().clone(),
            effects: judged.decoded.effects().to_vec(),
            max_fee: judged.decoded.max_fee(),
            rules: permit.rules().to_vec(),
            policy,
            at: self.now,
            signers: signers.to_vec(),
        };
        let signature = self.receipt_key.sign(&verdict.digest());
        Ok(SignedVerdict { verdict, signature })
    }

    fn take_commit(&mut self, tag: Tag, from: PartyIndex, commitment: Digest) {
        let Some(session) = self.sessions.running.get_mut(&tag) else { return };
        let Stage::Committing { reservation, commits, .. } = &mut session.stage else { return };
        if !session.signers.contains(&from) {
            return;
        }
        // L1: what the others recorded is exactly what we recorded, or nothing is signed.
        if commitment != reservation.commitment {
            return self.end_session(tag, Code::CommitmentDiffers.of_peers("L1", [from]));
        }
        commits.insert(from, commitment);
        if commits.len() == session.signers.len() {
            self.begin_rounds(tag);
        }
    }

    fn begin_rounds(&mut self, tag: Tag) {
        let Some(session) = self.sessions.running.remove(&tag) else { return };
        let Session { signers, opened_at, intent, subject, stage } = session;
        let Stage::Committing { permit, reservation, .. } = stage else { return };
        self.sessions.unlock_limits(tag);
        self.emit(FromCosigner::Reserved { tag });
        let committed = permit.commit(reservation.session);
        match Machines::start(committed, &self.state.keys, &signers, self.me, self.rng.as_mut()) {
            Ok((machines, outgoing)) => {
                self.send_rounds(&signers, outgoing);
                let stage = Stage::Signing { machines: Box::new(machines), reservation, released: false };
                self.sessions.running.insert(tag, Session { signers, opened_at, intent, subject, stage });
                self.replay_early();
            }
            Err(refusal) => {
                self.release_reservation(&reservation);
                self.close(tag, &signers, refusal);
            }
        }
    }

    fn take_round(&mut self, tag: Tag, from: PartyIndex, round: Round) {
        let Some(session) = self.sessions.running.get_mut(&tag) else { return };
        let Stage::Signing { machines, .. } = &mut session.stage else {
            return self.sessions.keep_early(from, PeerMessage::Round(round));
        };
        let signers = session.signers.clone();
        match machines.receive(from, &round) {
            Ok(outgoing) => {
                self.send_rounds(&signers, outgoing);
                self.advance(tag);
            }
            // A lost or repeated message leaves the machine as it was (verdict Link): keep waiting for the time-out.
            Err((_, fault)) if !fault.is_final() => self.event("session.link", Some(from), None),
            Err((_, fault)) => self.fail(tag, &fault),
        }
    }

    /// Emits the last round once every machine holds and the record is durable, and reports finished signatures.
    fn advance(&mut self, tag: Tag) {
        // K2: a ban reaches its peers before anything more is signed.
        let (stored, heard) = (self.stored, self.ban_refusal().is_none());
        let Some(session) = self.sessions.running.get_mut(&tag) else { return };
        let Stage::Signing { machines, reservation, released, .. } = &mut session.stage else { return };
        let signers = session.signers.clone();
        if !*released && heard && machines.all_hold() && stored >= reservation.record {
            *released = true;
            let record = reservation.record;
            match machines.release() {
                Ok(outgoing) => {
                    self.note_released(&signers, record);
                    self.send_rounds(&signers, outgoing);
                }
                Err((_, fault)) => return self.fail(tag, &fault),
            }
        }
        self.finish(tag);
    }

    /// B1: peers remember that this cosigner recorded at least this much.
    fn note_released(&mut self, signers: &[PartyIndex], record: u64) {
        let message = PeerMessage::Head { boot: self.state.boot, sequence: record };
        self.tell_signers(signers, &message);
    }

    /// A machine finishes only after it was released, so after the record became durable (S1).
    fn finish(&mut self, tag: Tag) {
        let Some(session) = self.sessions.running.get(&tag) else { return };
        let Stage::Signing { machines, reservation, .. } = &session.stage else { return };
        let Some(signatures) = machines.finished() else { return };
        let verdict = reservation.verdict.clone();
        // L2: every signer's last message is here, so none of them takes its reservation back any more. Only a hint of what
        // need not be told: a restart may forget it.
        let holders = Holders::of(session.signers.iter().copied());
        reservation.spending.iter().for_each(|s| self.state.spending.enter(s, holders));
        self.state.pins.enter(&reservation.pin, holders);
        self.sessions.running.remove(&tag);
        self.sessions.unlock(tag);
        self.emit(FromCosigner::Signed { tag, signatures, verdict });
    }

    /// Records became durable: sessions that waited for it go on.
    pub(crate) fn advance_stored_sessions(&mut self) {
        let signing = |s: &Session| matches!(s.stage, Stage::Signing { released: false, .. });
        let tags: Vec<Tag> = self.sessions.running.iter().filter(|(_, s)| signing(s)).map(|(t, _)| *t).collect();
        tags.into_iter().for_each(|tag| self.advance(tag));
    }

    /// A machine ended with a verdict. K2: a counterparty caught by a failed check is excluded before anything more is signed.
    fn fail(&mut self, tag: Tag, fault: &Fault) {
        self.end_session(tag, from_fault(fault));
        if let Fault::Peer { ban, .. } = fault
            && !ban.is_empty()
        {
            let parties: Vec<PartyIndex> = ban.iter().copied().collect();
            self.ban(&parties);
        }
    }

    pub(crate) fn abort_session(&mut self, tag: Tag) {
        self.end_session(tag, Code::Aborted.because("by the host"));
    }

    /// Ends a session without a signature. L2: the reservation is taken back only if the last round has not left.
    fn end_session(&mut self, tag: Tag, refusal: Refusal) {
        let Some(session) = self.sessions.running.remove(&tag) else { return };
        match session.stage {
            Stage::Greeting { .. } => {}
            Stage::Committing { reservation, .. } => self.release_reservation(&reservation),
            Stage::Signing { machines, reservation, released, .. } => {
                drop(machines);
                if !released {
                    self.release_reservation(&reservation);
                }
            }
        }
        self.close(tag, &session.signers, refusal);
    }

    fn release_reservation(&mut self, reservation: &Reservation) {
        self.record(&[Record::Released {
            intent: reservation.root,
            before: reservation.before.clone(),
            pin: reservation.new_pin.clone(),
        }]);
    }

    fn close(&mut self, tag: Tag, signers: &[PartyIndex], refusal: Refusal) {
        self.sessions.unlock(tag);
        if refusal.code != Code::PeerRefused.text() {
            self.tell_signers(signers, &PeerMessage::Refuse { tag, code: refusal.code.clone() });
        }
        self.emit(FromCosigner::Refused { tag, refusal });
    }

    /// The channel to a peer broke or the peer started anew: sessions with it are over.
    pub(crate) fn end_sessions_with(&mut self, peer: PartyIndex) {
        let with = |s: &Session| s.signers.contains(&peer);
        let tags: Vec<Tag> = self.sessions.running.iter().filter(|(_, s)| with(s)).map(|(t, _)| *t).collect();
        tags.into_iter().for_each(|tag| self.end_session(tag, Code::Link.of_peers("channel", [peer])));
        self.sessions.early.retain(|(from, _)| *from != peer);
    }

    /// P1: what a brake stops is not signed by a session under way either, unless its last-round message has left.
    pub(crate) fn end_stopped_sessions(&mut self) {
        let brakes = &self.state.brakes;
        let stopped = |s: &Session| brakes.stopped(s.intent, s.subject.initiator, &s.subject.wallet);
        let revocable = self.sessions.running.iter().filter(|(_, s)| s.is_revocable());
        let ends: Vec<(Tag, Code)> = revocable.filter_map(|(tag, s)| stopped(s).map(|code| (*tag, code))).collect();
        ends.into_iter().for_each(|(tag, code)| self.end_session(tag, code.because("P1")));
    }

    /// P1: another policy set is in force: sessions under the one before end, unless their last-round message has left.
    pub(crate) fn end_revocable_sessions(&mut self) {
        let revocable = self.sessions.running.iter().filter(|(_, s)| s.is_revocable());
        let tags: Vec<Tag> = revocable.map(|(tag, _)| *tag).collect();
        tags.into_iter().for_each(|tag| self.end_session(tag, Code::PolicyChanged.because("P1")));
    }

    pub(crate) fn expire_sessions(&mut self) {
        let now = self.now;
        let late = |s: &Session| now.distance_ms(s.opened_at) > SESSION_MS;
        let tags: Vec<Tag> = self.sessions.running.iter().filter(|(_, s)| late(s)).map(|(t, _)| *t).collect();
        tags.into_iter().for_each(|tag| self.end_session(tag, Code::Link.because("time-out")));
    }

    pub(crate) fn tell_signers(&mut self, signers: &[PartyIndex], message: &PeerMessage) {
        let me = self.me;
        signers.iter().filter(|p| **p != me).for_each(|peer| self.tell(*peer, message));
    }

    fn send_rounds(&mut self, signers: &[PartyIndex], outgoing: Vec<Outgoing>) {
        for (to, round) in outgoing {
            let message = PeerMessage::Round(round);
            match to {
                Some(peer) => self.tell(peer, &message),
                None => self.tell_signers(signers, &message),
            }
        }
    }
}

/// Nonces of one account are reserved one session at a time, whatever their number.
fn account_lock(slot: &Slot) -> Option<Lock> {
    match slot {
        Slot::Nonce { network, account, .. } => {
            Some(Lock::Account(Slot::Nonce { network: *network, account: *account, nonce: 0 }))
        }
        Slot::Outpoints { .. } => Some(Lock::Account(slot.clone())),
        Slot::Message { .. } => None,
    }
}

/// S1: H(request, signers with boots and fresh randomness, keys with epochs).
fn session_id(request: &Digest, hellos: &BTreeMap<PartyIndex, Hello>) -> Digest {
    let parts: Vec<_> = hellos
        .iter()
        .map(|(party, h)| (*party, h.boot, minicbor::bytes::ByteArray::from(h.randomness), h.epochs.clone()))
        .collect();
    Digest::of_parts(Domain::Session, &[&request.0, &cbor::encode(&parts)])
}

/// A peer's code, cut to what a code can be.
fn bounded(code: &str) -> String {
    code.chars().filter(|c| c.is_ascii_lowercase() || matches!(c, '.' | '_')).take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringi_primitives::policy_set::RootIndex;
    use ringi_primitives::scheme::Scheme;
    use std::collections::BTreeSet;

    fn hello() -> Hello {
        let key = KeyId { scheme: Scheme::Bip340, root: RootIndex(0) };
        Hello {
            tag: Tag([1; 16]),
            request: Digest([1; 32]),
            signers: vec![],
            boot: 3,
            randomness: [4; 32],
            now: UnixMs(0),
            policy: Digest::ZERO,
            epochs: vec![(key, 0)],
            banned: vec![],
            spending: vec![],
            pins: vec![],
            boot_key: ringi_primitives::key::PublicKey::Ed25519([0; 32]),
            freezes: Digest::ZERO,
            unsettled: vec![],
        }
    }

    fn id(request: u8, hellos: &[(u8, Hello)]) -> Digest {
        let hellos = hellos.iter().map(|(n, h)| (PartyIndex::new(*n).unwrap(), h.clone())).collect();
        session_id(&Digest([request; 32]), &hellos)
    }

    /// S1: request, signer set, keys with epochs, boots and everybody's randomness: another value is another session.
    #[test]
    fn s1_the_session_id_binds_every_part() {
        let base = [(1, hello()), (2, hello())];
        let changed = |change: &dyn Fn(&mut Hello)| {
            let mut other = base.clone();
            change(&mut other[1].1);
            id(1, &other)
        };
        let ids = [
            id(1, &base),
            id(2, &base),
            id(1, &[(1, hello()), (3, hello())]),
            id(1, &[(1, hello()), (2, hello()), (3, hello())]),
            changed(&|h| h.boot = 4),
            changed(&|h| h.randomness[31] ^= 1),
            changed(&|h| h.epochs[0].1 = 1),
            changed(&|h| h.epochs[0].0.scheme = Scheme::Ed25519),
            changed(&|h| h.epochs[0].0.root = RootIndex(1)),
            changed(&|h| h.epochs.clear()),
        ];
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
    }
}
