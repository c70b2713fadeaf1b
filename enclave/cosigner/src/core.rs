//! The cosigner as a step machine: one frame in, frames out. Dispatch and bookkeeping only; the work is in the other files.

use crate::bans::Bans;
use crate::boot::Boot;
use crate::braking::Braking;
use crate::ceremony::Ceremonies;
use crate::channel::{Channels, generate_static};
use crate::enclosure::{Enclosure, EnclosureError, Tunnel};
use crate::intake::StoredRecords;
use crate::journal::{Context, Journal, JournalError, SealingKey};
use crate::keys::OwnKey;
use crate::message::PeerMessage;
use crate::proofs::Proofs;
use crate::recovery::CeremonyKits;
use crate::refusal::Code;
use crate::session::Sessions;
use crate::state::{Identity, Record, State, StateError};
use crate::upgrade::Upgrade;
use minicbor::bytes::ByteVec;
use rand_core::CryptoRngCore;
use ringi_primitives::cbor;
use ringi_primitives::digest::{Digest, Domain};
use ringi_primitives::genesis::{Assurance, GenesisChain};
use ringi_primitives::id::{IntentId, OrderId};
use ringi_primitives::limits;
use ringi_primitives::policy_set::PolicySet;
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::signed::Signed;
use ringi_primitives::time::UnixMs;
use ringi_primitives::wire::{CosignerStatus, FromCosigner, KeptKey, KeyAccess, Refusal, ToCosigner};
use std::collections::BTreeMap;

/// A channel that has not opened by then is opened again; each time it is waited twice as long, for a slow relay too must
/// have the time to bring the answer.
const OPEN_AGAIN_MS: u64 = 1_000;
const OPEN_AGAIN_MOST_MS: u64 = 30_000;

/// When a channel was last opened anew, and how long that may take.
struct Opening {
    at: UnixMs,
    wait_ms: u64,
}

/// What ends a cosigner: the host must start it anew. Codes are `cosigner.<name>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fatal {
    /// The first frame is not `Start`, or of another version, or not as many records follow as it says.
    #[error("cosigner.start: expected a Start frame of this version and its records")]
    Start,
    /// The stored journal is not taken.
    #[error("cosigner.journal: {0}")]
    Journal(#[from] JournalError),
    /// The stored records do not hold together.
    #[error("cosigner.state: {0}")]
    State(#[from] StateError),
    /// Sealing or key generation failed.
    #[error("cosigner.crypto: a cryptographic operation failed")]
    Crypto,
    /// The security module does not answer as it must, or its registers name another workspace.
    #[error("cosigner.enclosure: the security module does not serve this workspace")]
    Enclosure,
}

/// A running cosigner.
pub struct Cosigner {
    pub(crate) me: PartyIndex,
    pub(crate) rng: Box<dyn CryptoRngCore + Send>,
    pub(crate) state: State,
    /// When each channel was last opened anew.
    opening: BTreeMap<PartyIndex, Opening>,
    pub(crate) receipt_key: OwnKey,
    pub(crate) channels: Option<Channels>,
    pub(crate) boot: Boot,
    pub(crate) bans: Bans,
    pub(crate) braking: Braking,
    pub(crate) sessions: Sessions,
    pub(crate) ceremonies: Ceremonies,
    pub(crate) kits: CeremonyKits,
    pub(crate) now: UnixMs,
    /// The same by its own clock alone: what peers say moves time by a bounded skew from here.
    pub(crate) clock: UnixMs,
    /// The newest record the host says is durable.
    pub(crate) stored: u64,
    /// `None` for a plain process.
    pub(crate) enclosure: Option<Enclosure>,
    pub(crate) proofs: Proofs,
    pub(crate) upgrade: Upgrade,
    /// `None` until there is a key to seal with.
    journal: Option<Journal>,
    /// Changes that wait for that key.
    held: Vec<Record>,
    out: Vec<FromCosigner>,
    broken: Option<Fatal>,
}

impl Cosigner {
    /// Starts a plain process from the host's first frames: `Start` and the records it announces. Takes no frame more.
    ///
    /// # Errors
    /// [`Fatal`]: nothing runs on a journal that does not verify.
    pub fn start(
        key: &SealingKey,
        rng: Box<dyn CryptoRngCore + Send>,
        frames: impl IntoIterator<Item = ToCosigner>,
        now: UnixMs,
    ) -> Result<(Cosigner, Vec<FromCosigner>), Fatal> {
        Cosigner::start_in(None, Some(key), rng, frames, now)
    }

    /// The same in an enclosure. Without a key, a cosigner that has no records keeps them in memory until it is given one
    /// ([`Cosigner::obtain_key`]): it gets it for a workspace.
    ///
    /// # Errors
    /// [`Fatal`].
    pub fn start_in(
        enclosure: Option<Enclosure>,
        key: Option<&SealingKey>,
        mut rng: Box<dyn CryptoRngCore + Send>,
        frames: impl IntoIterator<Item = ToCosigner>,
        now: UnixMs,
    ) -> Result<(Cosigner, Vec<FromCosigner>), Fatal> {
        let (me, mut stored) = StoredRecords::announced(frames.into_iter())?;
        let mut journal = key.map(|key| Journal::new(key, me));
        let mut state = State::default();
        if let Some(journal) = &mut journal {
            journal.restore(stored.by_ref(), |record| state.apply(&record).map_err(Fatal::from))?;
        }
        if !stored.all_came() {
            return Err(Fatal::Start);
        }
        // R1: of this boot alone, never sealed.
        let receipt_key = OwnKey::generate(rng.as_mut());
        let mut cosigner = Cosigner {
            me,
            rng,
            stored: journal.as_ref().map_or(0, Journal::sequence),
            boot: Boot::default(),
            bans: Bans::default(),
            braking: Braking::default(),
            sessions: Sessions::default(),
            ceremonies: Ceremonies::default(),
            kits: CeremonyKits::default(),
            channels: None,
            now: now.max(state.now),
            clock: now,
            out: Vec::new(),
            broken: None,
            state,
            opening: BTreeMap::new(),
            receipt_key,
            enclosure,
            proofs: Proofs::default(),
            upgrade: Upgrade::default(),
            journal,
            held: Vec::new(),
        };
        if cosigner.state.identity.is_none() {
            cosigner.make_identity()?;
        }
        cosigner.say_identity();
        if cosigner.state.handed_over.is_some() {
            cosigner.stay_handed_over();
        } else if cosigner.state.genesis.is_some() {
            cosigner.begin_boot();
        }
        let out = cosigner.drain()?;
        Ok((cosigner, out))
    }

    /// Takes in one frame of the host at this time and gives the frames to send.
    ///
    /// # Errors
    /// [`Fatal`] ends the cosigner; refusals are frames, not errors.
    pub fn handle(&mut self, frame: ToCosigner, now: UnixMs) -> Result<Vec<FromCosigner>, Fatal> {
        self.pass(now);
        let Some(frame) = self.heard(frame) else { return self.drain() };
        match frame {
            // Late bytes of a connection to the key service say nothing any more.
            ToCosigner::Tunnel { .. } => {}
            ToCosigner::Attest { nonce } => self.attest(&nonce),
            ToCosigner::Start { .. } | ToCosigner::Records { .. } => return Err(Fatal::Start),
            ToCosigner::InstallGenesis { versions } => self.install_genesis(versions),
            ToCosigner::InstallPolicy { set } => self.install_policy(&set),
            ToCosigner::Order { order } => self.take_order(order),
            ToCosigner::Brake { brake } => self.take_brake(&brake),
            ToCosigner::MakeKits => self.hand_out_kits(),
            ToCosigner::Restore { order, shares } => self.restore(&order, &shares),
            ToCosigner::Sign { tag, request, signers } => self.open_session(tag, &request, signers),
            ToCosigner::Abort { tag } => self.abort_session(tag),
            ToCosigner::Peer { from, frame } => self.receive_frame(from, &frame),
            ToCosigner::Stored { sequence } => self.note_stored(sequence),
            ToCosigner::Status => self.say_status(),
            ToCosigner::PeerUp { peer } => self.peer_up(peer),
            ToCosigner::Upgrade { step } => self.take_upgrade_step(step),
            ToCosigner::Facts { facts } => self.take_facts(&facts),
        }
        self.drain()
    }

    /// Lets time pass: sessions and ceremonies that wait too long end.
    ///
    /// # Errors
    /// As [`Cosigner::handle`].
    pub fn tick(&mut self, now: UnixMs) -> Result<Vec<FromCosigner>, Fatal> {
        self.pass(now);
        self.expire_sessions();
        self.expire_ceremony();
        self.retry_channels();
        self.prove_to_peers();
        self.retry_boot();
        self.retry_bans();
        self.drain()
    }

    /// T1: never back.
    fn pass(&mut self, now: UnixMs) {
        self.clock = self.clock.max(now);
        self.now = self.now.max(now);
    }

    fn drain(&mut self) -> Result<Vec<FromCosigner>, Fatal> {
        match self.broken {
            Some(fatal) => Err(fatal),
            None => Ok(std::mem::take(&mut self.out)),
        }
    }

    pub(crate) fn emit(&mut self, frame: FromCosigner) {
        self.out.push(frame);
    }

    pub(crate) fn event(&mut self, code: &str, peer: Option<PartyIndex>, intent: Option<IntentId>) {
        self.emit(FromCosigner::Event { code: code.into(), peer, intent });
    }

    /// Applies changes and hands out their sealed record. Returns its number.
    pub(crate) fn record(&mut self, records: &[Record]) -> u64 {
        for record in records {
            if let Err(error) = self.state.apply(record) {
                self.broken = Some(Fatal::State(error));
            }
        }
        let context = self.context();
        let Some(journal) = &mut self.journal else {
            self.held.extend_from_slice(records);
            return 0;
        };
        let Some(sealed) = journal.append(records, context, self.rng.as_mut()) else {
            self.broken = Some(Fatal::Crypto);
            return u64::MAX;
        };
        self.out.push(sealed.into_frame());
        if journal.wants_snapshot() {
            self.take_snapshot();
        }
        self.sequence()
    }

    fn take_snapshot(&mut self) {
        let (context, out) = (self.context(), &mut self.out);
        let (Some(journal), Some(state)) = (&mut self.journal, self.state.snapshot()) else {
            self.broken = Some(Fatal::Crypto);
            return;
        };
        let taken = journal.snapshot(state, context, self.rng.as_mut(), |sealed| out.push(sealed.into_frame()));
        if taken.is_none() {
            self.broken = Some(Fatal::Crypto);
        }
    }

    /// Whether a workspace is installed and no key seals its records yet.
    pub fn wants_key(&self) -> bool {
        self.journal.is_none() && self.state.genesis.is_some()
    }

    /// Asks the key service that genesis names for a data key, and from then on keeps records. The registers name the
    /// workspace and the channel key before it asks.
    ///
    /// # Errors
    /// [`EnclosureError`]: it may be tried again. A [`Fatal`] comes with the next frame.
    pub fn obtain_key(
        &mut self,
        access: &KeyAccess,
        tunnel: &mut dyn Tunnel,
    ) -> Result<Vec<FromCosigner>, EnclosureError> {
        let (Some(enclosure), Some(genesis), Some(identity)) =
            (&mut self.enclosure, &self.state.genesis, &self.state.identity)
        else {
            return Err(EnclosureError::Genesis("none is installed"));
        };
        enclosure.bind_genesis(genesis.root())?;
        enclosure.bind_channel(&identity.channel_public)?;
        let made = enclosure.new_key(self.me, genesis, access, self.rng.as_mut(), tunnel)?;
        let genesis = self.state.genesis_versions.clone();
        self.emit(FromCosigner::KeepKey { key: KeptKey { genesis, wrapped_key: made.wrapped.into() } });
        Ok(self.seal_with(&SealingKey::new(made.key)))
    }

    /// From now on records are kept, sealed with this key. Only for one that wants a key ([`Cosigner::wants_key`]).
    pub fn seal_with(&mut self, key: &SealingKey) -> Vec<FromCosigner> {
        match self.arrived_journal(key) {
            Some(journal) => {
                self.journal = Some(journal);
                // All that was held is in the snapshot.
                self.held.clear();
                self.take_snapshot();
                self.keep_arrived(self.sequence());
            }
            None => {
                self.journal = Some(Journal::new(key, self.me));
                self.seal_held();
            }
        }
        self.begin_boot();
        self.say_genesis();
        std::mem::take(&mut self.out)
    }

    /// Whether its records are kept.
    pub(crate) fn keeps_records(&self) -> bool {
        self.journal.is_some()
    }

    /// The state in records under another key, as a snapshot behind the last one: for a hand-over (rule E1).
    pub(crate) fn state_under(&mut self, key: &SealingKey) -> Option<Vec<ByteVec>> {
        let context = self.context();
        let mut records = Vec::new();
        // Whoever takes the state over has not handed it over.
        let state = self.state.snapshot()?.filter(|record| !matches!(record, Record::HandedOver { .. }));
        let mut journal = self.journal.as_ref()?.under(key);
        journal.snapshot(state, context, self.rng.as_mut(), |sealed| records.push(sealed.bytes.into()))?;
        Some(records)
    }

    /// A state that came from another image is this cosigner's own from now on.
    pub(crate) fn take_over(&mut self, state: State) {
        self.now = self.now.max(state.now);
        self.state = state;
        self.held.clear();
        self.say_identity();
    }

    /// Changes that were applied while there was no key.
    fn seal_held(&mut self) {
        let (context, held) = (self.context(), std::mem::take(&mut self.held));
        let sealed = self.journal.as_mut().and_then(|j| j.append(&held, context, self.rng.as_mut()));
        match sealed {
            Some(sealed) => self.out.push(sealed.into_frame()),
            None => self.broken = Some(Fatal::Crypto),
        }
    }

    /// G1, E2: the registers name the workspace of the restored records and its channel key, then nothing can change them.
    pub(crate) fn bind_registers(&mut self) {
        let (Some(enclosure), Some(genesis), Some(identity)) =
            (&mut self.enclosure, &self.state.genesis, &self.state.identity)
        else {
            return;
        };
        let bound =
            enclosure.bind_genesis(genesis.root()).and_then(|()| enclosure.bind_channel(&identity.channel_public));
        if bound.is_err() {
            self.broken = Some(Fatal::Enclosure);
        }
    }

    /// The module's time (rule T1); `None` from a plain process.
    ///
    /// # Errors
    /// [`Fatal::Enclosure`]: without trusted time nothing is signed.
    pub fn trusted_time(&mut self) -> Result<Option<UnixMs>, Fatal> {
        self.enclosure.as_mut().map(|e| e.now().map_err(|_| Fatal::Enclosure)).transpose()
    }

    fn context(&self) -> Context {
        Context {
            genesis: self.state.genesis.as_ref().map(GenesisChain::root),
            policy: self.state.policy.as_ref().map(|p| p.digest),
        }
    }

    /// The newest record's number.
    pub(crate) fn sequence(&self) -> u64 {
        self.journal.as_ref().map_or(0, Journal::sequence)
    }

    fn note_stored(&mut self, sequence: u64) {
        // The host may say what it likes here: durability serves restart only (rule B1), the bound is our own writing.
        self.stored = self.stored.max(sequence.min(self.sequence()));
        self.advance_stored_boot();
        self.advance_stored_sessions();
        self.advance_stored_ceremony();
        self.advance_stored_upgrade();
        self.acknowledge_brakes();
    }

    fn make_identity(&mut self) -> Result<(), Fatal> {
        let (secret, public) = generate_static().ok_or(Fatal::Crypto)?;
        let key = OwnKey::generate(self.rng.as_mut());
        self.record(&[Record::Identity {
            channel_secret: *secret,
            channel_public: public,
            identity_seed: *key.expose_bytes(),
        }]);
        Ok(())
    }

    fn say_identity(&mut self) {
        let genesis = self.state.genesis.as_ref().map(GenesisChain::root);
        if let Some(Identity { channel_public, key, .. }) = &self.state.identity {
            let frame = FromCosigner::Identity {
                me: self.me,
                channel_key: *channel_public,
                identity_key: key.public(),
                genesis,
            };
            self.emit(frame);
        }
    }

    fn say_status(&mut self) {
        let status = CosignerStatus {
            me: self.me,
            boot: self.state.boot,
            ready: self.boot.is_ready(),
            peers: self.channels.as_ref().map(Channels::open_peers).unwrap_or_default(),
            policy: self.state.policy.as_ref().map(|p| p.digest),
            certificates: self.state.keys.active.values().map(|k| k.certificate.clone()).collect(),
            banned: self.state.banned.iter().copied().collect(),
            sequence: self.sequence(),
            sessions: self.sessions.count(),
            boot_key: self.receipt_key.public(),
            proved: self.proved_peers(),
            refusal: self.boot.refusal().map(|refusal| refusal.code),
            freezes: Some(self.state.brakes.freezes().collect()),
            drills: self.state.drills.values().cloned().collect(),
        };
        self.emit(FromCosigner::Status { status });
    }

    pub(crate) fn refuse_document(&mut self, order: Option<OrderId>, refusal: Refusal) {
        self.emit(FromCosigner::DocumentRefused { order, refusal });
    }

    /// G1: genesis is taken once; next versions must follow it. It must name this cosigner by its own keys.
    fn install_genesis(&mut self, versions: Vec<Signed>) {
        let chain = match GenesisChain::verify(&versions) {
            Ok(chain) => chain,
            Err(error) => return self.refuse_document(None, Code::DocumentInvalid.because(error.to_string())),
        };
        let named = self.state.identity.as_ref().is_some_and(|own| {
            chain
                .head()
                .cosigner(self.me)
                .is_some_and(|c| c.channel_key == own.channel_public && c.identity_key == own.key.public())
        });
        if !named {
            return self.refuse_document(None, Code::GenesisMissing.because("it does not name this cosigner's keys"));
        }
        // E3: nobody claims more than they run in, and never another assurance than before.
        if chain.head().assurance != self.assurance() {
            return self.refuse_document(None, Code::DocumentInvalid.because("another assurance (E3)"));
        }
        // E2: a plain process cannot prove what it runs, and an enclave says nothing to one that does not.
        if chain.head().measurements.is_empty() == self.enclosure.is_some() {
            return self.refuse_document(None, Code::DocumentInvalid.because("measurements of images (E2)"));
        }
        let installed = self.state.genesis.clone();
        let (root, head) = (chain.root(), chain.head_digest());
        match installed {
            Some(old) if old.root() != root || old.head().sequence > chain.head().sequence => {
                return self.refuse_document(None, Code::GenesisMismatch.because("another or an older genesis"));
            }
            Some(old) if old.head_digest() == head => {}
            other => {
                self.record(&[Record::Genesis { versions }]);
                // Without a key nothing is kept yet: it is installed when it is.
                if self.wants_key() {
                    return;
                }
                match other {
                    None => self.begin_boot(),
                    Some(before) => self.meet_replacements(before.head()),
                }
            }
        }
        self.say_genesis();
    }

    fn say_genesis(&mut self) {
        if let Some(genesis) = &self.state.genesis {
            let (root, head) = (genesis.root(), genesis.head_digest());
            self.emit(FromCosigner::GenesisInstalled { root, head });
        }
    }

    /// What this cosigner may claim (rule E3).
    pub(crate) fn assurance(&self) -> Assurance {
        self.enclosure.as_ref().map_or(Assurance::Process, Enclosure::assurance)
    }

    fn attest(&mut self, nonce: &[u8]) {
        let sound = (1..=limits::NONCE_BYTES).contains(&nonce.len());
        let document = if sound { self.own_document(nonce) } else { None };
        self.emit(FromCosigner::Attested { document: document.map(ByteVec::from) });
    }

    /// G3, P1: a policy set signed by the admin quorum, the successor of the one in force.
    fn install_policy(&mut self, signed: &Signed) {
        match self.take_policy(signed) {
            Ok((digest, sequence, false)) => self.emit(FromCosigner::PolicyInstalled { digest, sequence }),
            Ok((_, _, true)) => {}
            Err(refusal) => self.refuse_document(None, refusal),
        }
    }

    /// A set from anybody: in force from here on, if it may be. Its digest, sequence, and whether that is new.
    pub(crate) fn take_policy(&mut self, signed: &Signed) -> Result<(Digest, u64, bool), Refusal> {
        let (digest, sequence, fresh) = self.check_policy(signed)?;
        if fresh {
            self.check_announced(digest)?;
            self.put_in_force(signed);
            self.emit(FromCosigner::PolicyInstalled { digest, sequence });
        }
        Ok((digest, sequence, fresh))
    }

    /// P1: by this cosigner's own clock, from when it heard of this set itself; whoever tells of another begins anew.
    fn check_announced(&mut self, set: Digest) -> Result<(), Refusal> {
        let Some(delay_s) = self.state.policy.as_ref().and_then(|p| p.set.change_delay_s) else { return Ok(()) };
        let known = self.state.announced.filter(|(announced, _)| *announced == set).map(|(_, at)| at);
        let at = known.unwrap_or(self.now);
        if known.is_none() {
            let sequence = self.record(&[Record::Announced { set, at }]);
            self.event("policy.announced", None, None);
            // B1: a journal cut back to an announcement before this one gets no grant.
            self.tell_all(&PeerMessage::Head { boot: self.state.boot, sequence });
        }
        let due = at.plus_ms(delay_s.saturating_mul(1000));
        if self.clock < due { Err(Code::PolicyPending.because(due.to_string())) } else { Ok(()) }
    }

    /// Whether a signed set may be (or is) in force here: its digest, sequence, and whether it is new.
    fn check_policy(&self, signed: &Signed) -> Result<(Digest, u64, bool), Refusal> {
        let genesis =
            self.state.genesis.as_ref().ok_or_else(|| Code::GenesisMissing.because("no genesis installed"))?;
        let set: PolicySet =
            signed.decode_unverified(limits::POLICY_BYTES).map_err(|e| Code::DocumentInvalid.because(e.to_string()))?;
        set.validate().map_err(|e| Code::DocumentInvalid.because(e.to_string()))?;
        if set.genesis != genesis.root() {
            return Err(Code::GenesisMismatch.because("policy set"));
        }
        if !genesis.head().quorum_signed(signed, Domain::PolicySet) {
            return Err(Code::AdminQuorum.because("policy set"));
        }
        let digest = signed.digest(Domain::PolicySet);
        match &self.state.policy {
            Some(current) if current.digest == digest => Ok((digest, set.sequence, false)),
            Some(current) if set.sequence <= current.set.sequence => {
                Err(Code::PolicySequence.because(format!("{} is in force", current.set.sequence)))
            }
            Some(current)
                if set.sequence == current.set.sequence.saturating_add(1) && set.previous != Some(current.digest) =>
            {
                Err(Code::PolicySequence.because("it does not follow the set in force"))
            }
            _ => Ok((digest, set.sequence, true)),
        }
    }

    fn receive_frame(&mut self, from: PartyIndex, frame: &[u8]) {
        let Some(channels) = &mut self.channels else { return };
        let received = channels.receive(from, frame);
        for reply in received.replies {
            self.emit(FromCosigner::Peer { to: from, frame: reply.into() });
        }
        if received.broke {
            self.event("link.broke", Some(from), None);
            self.end_sessions_with(from);
        }
        if received.reopen {
            self.reconnect(from);
            // P1: what the channel lost may have been a brake.
            let mine = self.in_force(true);
            self.tell(from, &mine);
        }
        self.prove_to_peers();
        for message in received.messages {
            match cbor::decode::<PeerMessage>(&message, limits::FRAME_BYTES) {
                Ok(PeerMessage::Proof { document }) => self.take_proof(from, &document),
                Ok(PeerMessage::ProofHeard { handshakes }) => self.proofs.heard(from, handshakes),
                Ok(message) if self.is_proved(from) => self.receive_message(from, message),
                Ok(_) => self.event("link.unproved", Some(from), None),
                Err(_) => self.event("link.malformed", Some(from), None),
            }
        }
    }

    fn receive_message(&mut self, from: PartyIndex, message: PeerMessage) {
        match message {
            PeerMessage::BootAsk(ask) => self.answer_boot(from, &ask),
            PeerMessage::BootGrant(grant) => self.take_grant(from, *grant),
            PeerMessage::BootRefuse { boot, code } => self.boot_refused(from, boot, &code),
            PeerMessage::EpochProof(certificate) => self.take_epoch_proof(&certificate),
            PeerMessage::Ban { parties } => self.take_ban(from, &parties),
            PeerMessage::BanHeard { parties } => self.note_bans(from, &parties),
            PeerMessage::Head { boot, sequence } => self.note_head(from, boot, sequence),
            PeerMessage::CeremonyHello { .. } | PeerMessage::Durable { .. } => self.receive_ceremony(from, message),
            PeerMessage::InForce(theirs) => self.compare_in_force(from, &theirs),
            PeerMessage::PolicySet(set) => self.take_peer_policy(from, &set),
            PeerMessage::Brakes { brakes, lifts } => self.take_peer_brakes(from, &brakes, &lifts),
            PeerMessage::Kit { session, kit } => self.take_kit(from, session, kit),
            PeerMessage::Round(ref round) if self.ceremonies.is_current(&round.session) => {
                self.receive_ceremony(from, message);
            }
            PeerMessage::Hello(_) | PeerMessage::Commit { .. } | PeerMessage::Round(_) | PeerMessage::Refuse { .. } => {
                self.receive_session(from, message);
            }
            // Taken before: they alone need no proof.
            PeerMessage::Proof { .. } | PeerMessage::ProofHeard { .. } => {}
        }
    }

    /// Seals a message for a peer; it waits if the channel is not open yet, or the peer has not proved what it runs (E2).
    pub(crate) fn tell(&mut self, peer: PartyIndex, message: &PeerMessage) {
        if self.is_proved(peer) {
            self.send_now(peer, message);
        } else {
            self.hold_for_proof(peer, cbor::encode(message));
        }
    }

    pub(crate) fn send_now(&mut self, peer: PartyIndex, message: &PeerMessage) {
        self.send_bytes(peer, &cbor::encode(message));
    }

    pub(crate) fn send_bytes(&mut self, peer: PartyIndex, message: &[u8]) {
        let Some(channels) = &mut self.channels else { return };
        let frames = channels.send(peer, message);
        self.carry(peer, frames);
    }

    /// Opens again what has not opened for a while: the relay may have lost a first frame or its answer without a word.
    fn retry_channels(&mut self) {
        let Some(channels) = &self.channels else { return };
        let (now, opening) = (self.now, &mut self.opening);
        // A peer that is open needs no patience the next time.
        opening.iter_mut().filter(|(peer, _)| channels.is_open(**peer)).for_each(|(_, o)| o.wait_ms = OPEN_AGAIN_MS);
        let late =
            opening.iter_mut().filter(|(peer, o)| !channels.is_open(**peer) && now.distance_ms(o.at) >= o.wait_ms);
        let late: Vec<PartyIndex> = late
            .map(|(peer, o)| {
                o.wait_ms = o.wait_ms.saturating_mul(2).min(OPEN_AGAIN_MOST_MS);
                *peer
            })
            .collect();
        late.into_iter().for_each(|peer| self.reconnect(peer));
    }

    /// Starts a new outgoing channel.
    pub(crate) fn reconnect(&mut self, peer: PartyIndex) {
        let fresh = Opening { at: self.now, wait_ms: OPEN_AGAIN_MS };
        self.opening.entry(peer).or_insert(fresh).at = self.now;
        let mut channel = [0; 16];
        self.rng.fill_bytes(&mut channel);
        let Some(channels) = &mut self.channels else { return };
        let frames = channels.connect(peer, channel);
        self.carry(peer, frames);
    }

    fn carry(&mut self, peer: PartyIndex, frames: Vec<Vec<u8>>) {
        for frame in frames {
            self.emit(FromCosigner::Peer { to: peer, frame: ByteVec::from(frame) });
        }
    }

    /// All other cosigners.
    pub(crate) fn peers(&self) -> Vec<PartyIndex> {
        self.channels.as_ref().map(Channels::peers).unwrap_or_default()
    }
}
