//! Rule P1 at work: brakes and their lifts come in, end what they stop, and reach the peers; who is behind is shown documents.
//!
//! Nothing is taken by word. A peer's brake is verified like the host's, only its age is not looked at: it may have been taken
//! long ago. The host hears that a brake holds once its record is durable.

use crate::brakes::read_lift;
use crate::core::Cosigner;
use crate::message::{InForce, PeerMessage};
use crate::refusal::Code;
use crate::state::Record;
use ringi_primitives::brake::{Brake, BrakeAction, SignedBrake, VerifiedBrake};
use ringi_primitives::digest::{Digest, Domain};
use ringi_primitives::id::OrderId;
use ringi_primitives::limits;
use ringi_primitives::order::Order;
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::signed::Signed;
use ringi_primitives::wire::{FromCosigner, Refusal};
use std::collections::{BTreeMap, BTreeSet};

/// Documents of one message: far below what a channel carries at once.
const DOCUMENTS: usize = 256;

/// Brakes whose record is not durable yet: the host is told when it is.
#[derive(Default)]
pub struct Braking {
    unacknowledged: BTreeMap<Digest, u64>,
}

/// Who hands a brake in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Host,
    Peer,
    /// Part of what a peer hands over to a boot (rule B1).
    Grant,
}

impl Cosigner {
    /// P1: takes a freeze, veto or withdrawal from the host.
    pub(crate) fn take_brake(&mut self, signed: &SignedBrake) {
        let brake = signed.digest();
        match self.try_brake(signed, Source::Host) {
            Ok(()) => self.acknowledge_brakes(),
            Err(refusal) => self.emit(FromCosigner::BrakeRefused { brake, refusal }),
        }
    }

    fn try_brake(&mut self, signed: &SignedBrake, source: Source) -> Result<(), Refusal> {
        let verified = self.verify_brake(signed, source)?;
        let (digest, brake) = (verified.digest(), *verified.brake());
        if self.state.brakes.is_lifted(&digest) {
            return Err(Code::BrakeLifted.because("P1"));
        }
        // What was signed cannot be called back. What a boot is handed over may hold pins that came to nothing.
        if source != Source::Grant && self.is_signed(&brake) {
            return Err(Code::BrakeTooLate.because("P1"));
        }
        if self.state.brakes.has(&digest, &brake) {
            self.braking.unacknowledged.insert(digest, self.sequence());
            return Ok(());
        }
        if self.state.brakes.is_full_of(brake.by) {
            return Err(Code::BrakeTooMany.because("P1"));
        }
        let uses = verified.counted().cloned().into_iter().collect();
        let record = self.record(&[Record::Brake { brake: signed.clone() }, Record::Counted { uses }]);
        self.braking.unacknowledged.insert(digest, record);
        self.event(event_of(&brake), None, intent_of(&brake));
        self.end_stopped_sessions();
        if source != Source::Grant {
            self.tell_all(&PeerMessage::Brakes { brakes: vec![signed.clone()], lifts: vec![] });
            // B1: a journal cut back to before this brake gets no grant.
            self.tell_all(&PeerMessage::Head { boot: self.state.boot, sequence: record });
        }
        Ok(())
    }

    fn verify_brake(&self, signed: &SignedBrake, source: Source) -> Result<VerifiedBrake, Refusal> {
        let genesis =
            self.state.genesis.as_ref().ok_or_else(|| Code::GenesisMissing.because("no genesis installed"))?;
        let policy =
            self.state.policy.as_ref().ok_or_else(|| Code::PolicyMissing.because("no policy set installed"))?;
        let refused = |e| Code::Brake(e).because(e.to_string());
        let verified = signed.verify(&policy.set, genesis).map_err(refused)?;
        if source == Source::Host {
            verified.brake().check_age(self.now).map_err(refused)?;
            // P2: a counter value that served something else is a clone's.
            if verified.counted().is_some_and(|used| !self.state.counters.accepts(used)) {
                return Err(Code::Approval(ringi_primitives::passkey::PasskeyError::Counter.into()).because("P2"));
            }
        }
        Ok(verified)
    }

    /// Whether the intent may be signed already: it has a pin that is not of a session still to be ended.
    fn is_signed(&self, brake: &Brake) -> bool {
        intent_of(brake).is_some_and(|intent| self.state.pins.count_of(intent) > self.sessions.revocable_pins(intent))
    }

    /// Tells the host of brakes whose record is durable.
    pub(crate) fn acknowledge_brakes(&mut self) {
        let stored = self.stored;
        let durable = self.braking.unacknowledged.extract_if(.., |_, record| *record <= stored);
        let durable: Vec<Digest> = durable.map(|(digest, _)| digest).collect();
        durable.into_iter().for_each(|brake| self.emit(FromCosigner::BrakeHeld { brake }));
    }

    /// G2, P1: an order of the admin quorum lifts freezes; carried out once, by whomever it came.
    pub(crate) fn lift_freezes(&mut self, signed: &Signed, order: &Order) -> Result<(), Refusal> {
        if read_lift(signed).is_none() {
            return Err(Code::OrderSenseless.because("it lifts no freeze or too many"));
        }
        self.record_lift(signed);
        self.emit(FromCosigner::OrderDone { order: order.id, certificate: None });
        self.tell_all(&PeerMessage::Brakes { brakes: vec![], lifts: vec![signed.clone()] });
        Ok(())
    }

    fn record_lift(&mut self, signed: &Signed) {
        self.record(&[Record::Lifted { order: signed.clone() }]);
        self.event("brake.lifted", None, None);
    }

    /// P1: brakes and lifts of a peer, each held to its own signatures.
    pub(crate) fn take_peer_brakes(&mut self, from: PartyIndex, brakes: &[SignedBrake], lifts: &[Signed]) {
        self.take_brakes_of(from, brakes, lifts, Source::Peer);
    }

    /// B1: the same as part of a grant.
    pub(crate) fn adopt_brakes(&mut self, from: PartyIndex, brakes: &[SignedBrake], lifts: &[Signed]) {
        self.take_brakes_of(from, brakes, lifts, Source::Grant);
    }

    fn take_brakes_of(&mut self, from: PartyIndex, brakes: &[SignedBrake], lifts: &[Signed], source: Source) {
        for signed in lifts.iter().take(DOCUMENTS) {
            match self.is_quorum_lift(signed) {
                Some(order) if self.state.brakes.has_lift(&order) => {}
                Some(_) => self.record_lift(signed),
                None => self.event("brake.unproved", Some(from), None),
            }
        }
        for signed in brakes.iter().take(DOCUMENTS) {
            if let Err(refusal) = self.try_brake(signed, source)
                && ![Code::BrakeLifted.text(), Code::BrakeTooLate.text()].contains(&refusal.code.as_str())
            {
                self.event("brake.unproved", Some(from), None);
            }
        }
    }

    /// G2: the quorum's order that lifts freezes of this workspace. Its time is not looked at: it was carried out in it.
    fn is_quorum_lift(&self, signed: &Signed) -> Option<OrderId> {
        let genesis = self.state.genesis.as_ref()?;
        let order: Order = signed.decode_unverified(limits::GENESIS_BYTES).ok()?;
        let sound = order.version == 1 && order.genesis == genesis.root();
        let proved = sound && genesis.head().quorum_signed(signed, Domain::Order);
        proved.then_some(())?;
        read_lift(signed).map(|(id, _)| id)
    }

    /// What is in force here, as peers hear it.
    pub(crate) fn in_force(&self, answer_wanted: bool) -> PeerMessage {
        let policy = self.state.policy.as_ref();
        PeerMessage::InForce(InForce {
            sequence: policy.map_or(0, |p| p.set.sequence),
            freezes: self.state.brakes.freezes().collect(),
            answer_wanted,
        })
    }

    /// P1: shows a peer that is behind the documents it lacks, and asks for those that are lacking here.
    pub(crate) fn compare_in_force(&mut self, from: PartyIndex, theirs: &InForce) {
        let sequence = self.state.policy.as_ref().map_or(0, |p| p.set.sequence);
        if let Some(policy) = self.state.policy.as_ref().filter(|p| p.set.sequence > theirs.sequence) {
            let set = PeerMessage::PolicySet(Box::new(policy.signed.clone()));
            self.tell(from, &set);
        }
        let held: BTreeSet<Digest> = theirs.freezes.iter().copied().collect();
        let (mut brakes, mut lifts) = self.state.brakes.news_for(&held);
        brakes.truncate(DOCUMENTS);
        lifts.truncate(DOCUMENTS);
        if !brakes.is_empty() || !lifts.is_empty() {
            self.tell(from, &PeerMessage::Brakes { brakes, lifts });
        }
        let own: BTreeSet<Digest> = self.state.brakes.freezes().collect();
        let lacks = held.iter().any(|d| !own.contains(d) && !self.state.brakes.is_lifted(d));
        if theirs.answer_wanted && (lacks || theirs.sequence > sequence) {
            let mine = self.in_force(false);
            self.tell(from, &mine);
        }
    }

    /// P1: whoever else is asked to sign may not know why nothing is: another policy set, a freeze.
    pub(crate) fn show_why(&mut self, refusal: &Refusal, signers: &[PartyIndex]) {
        let reasons = [Code::PolicyMismatch, Code::BrakeFrozen].map(Code::text);
        if reasons.contains(&refusal.code.as_str()) {
            let mine = self.in_force(true);
            self.tell_signers(signers, &mine);
        }
    }

    /// P1: a peer's policy set, higher than the one here and signed by the admin quorum.
    pub(crate) fn take_peer_policy(&mut self, from: PartyIndex, signed: &Signed) {
        match self.take_policy(signed) {
            Ok(_) => {}
            Err(refusal) if refusal.code == Code::PolicyPending.text() => {}
            Err(_) => self.event("policy.unproved", Some(from), None),
        }
    }

    /// P1: from here on nothing is signed under the set before, by sessions under way either.
    pub(crate) fn put_in_force(&mut self, signed: &Signed) {
        self.record(&[Record::Policy { set: signed.clone() }]);
        self.end_revocable_sessions();
        self.ask_proofs_again();
    }
}

fn event_of(brake: &Brake) -> &'static str {
    match brake.action {
        BrakeAction::Freeze { .. } => "brake.freeze",
        BrakeAction::Veto { .. } => "brake.veto",
        BrakeAction::Withdraw { .. } => "brake.withdrawal",
    }
}

fn intent_of(brake: &Brake) -> Option<ringi_primitives::id::IntentId> {
    match brake.action {
        BrakeAction::Freeze { .. } => None,
        BrakeAction::Veto { intent } | BrakeAction::Withdraw { intent } => Some(intent),
    }
}
