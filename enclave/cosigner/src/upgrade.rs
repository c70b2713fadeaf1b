//! Rule E1: a cosigner's whole state goes from its old image to the one that an order of the admin quorum names.
//!
//! The new image starts without records, measures the workspace and asks with an attestation document that carries a key made
//! for this one hand-over. The old image checks order and document, durably records that it hands over, and from then on does
//! nothing else; a snapshot of its state goes out under a key that is sealed, with Noise K, from its channel key to the key
//! that was asked with. Its own document answers that. The new image goes on behind the old one's last record, so what peers
//! remember of it still holds (rule B1), and its higher boot fences whatever copy of the old one runs.
//!
//! What is lost on the way is not lost for good: the old image hands over again to the same image under the same order.

use crate::channel::generate_static;
use crate::core::{Cosigner, Fatal};
use crate::journal::{Journal, SealingKey};
use crate::refusal::Code;
use crate::state::{Record, State};
use minicbor::bytes::ByteVec;
use ringi_attestation::{AttestationError, CosignerIs, Moment, NewImage};
use ringi_primitives::digest::{Digest, Domain};
use ringi_primitives::genesis::{GenesisChain, Measurement};
use ringi_primitives::id::OrderId;
use ringi_primitives::limits;
use ringi_primitives::order::{Order, OrderAction};
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::signed::Signed;
use ringi_primitives::upgrade::{HandOver, UpgradeStep, UpgradeWord};
use ringi_primitives::wire::{FromCosigner, Refusal, ToCosigner};
use snow::{Builder, HandshakeState};
use zeroize::Zeroizing;

/// One message, from a known static key to a known static key (Noise, revision 34, section 7.4).
const PATTERN: &str = "Noise_K_25519_ChaChaPoly_SHA256";
/// That message: an ephemeral key, 32 bytes of ours, a tag.
const SEALED_KEY_BYTES: usize = 32 + 32 + 16;
/// Documents are made for the hand-over and come at once.
const MAX_AGE_MS: u64 = 300_000;

/// Where a hand-over stands, on either side.
#[derive(Default)]
pub struct Upgrade {
    asking: Option<Asking>,
    leaving: Option<Leaving>,
    /// What the state arrived in, until there is a key to keep records with.
    arrived: Option<(OrderId, Journal)>,
    /// The record with which the state is durable here.
    keeping: Option<(OrderId, u64)>,
}

/// The new image, until it has the state.
struct Asking {
    order: OrderId,
    chain: GenesisChain,
    secret: Zeroizing<[u8; 32]>,
    bound: Digest,
    taking: Option<Taking>,
}

/// Records on their way in.
struct Taking {
    key: SealingKey,
    records: Vec<ByteVec>,
    due: u32,
}

/// The old image, until its record of the hand-over is durable.
struct Leaving {
    order: OrderId,
    record: u64,
    to: [u8; 32],
    bound: Digest,
}

impl Cosigner {
    /// Takes a step of a hand-over; the refusal names the order.
    pub(crate) fn take_upgrade_step(&mut self, step: UpgradeStep) {
        let asked = self.upgrade.asking.as_ref().map(|a| a.order);
        let (order, done) = match step {
            UpgradeStep::Ask { genesis, order } => (id_of(&order), self.ask_state(&genesis, &order)),
            UpgradeStep::HandOver { order, document } => (id_of(&order), self.hand_over(&order, &document)),
            UpgradeStep::Take { head } => (asked, self.take_head(&head)),
            UpgradeStep::Record { record } => (asked, self.take_record(record)),
        };
        if let Err(refusal) = done {
            self.refuse_document(order, refusal);
        }
    }

    /// E1: after a hand-over nothing is signed, granted, ordered or said to peers; only the hand-over may be asked for again.
    pub(crate) fn heard(&mut self, frame: ToCosigner) -> Option<ToCosigner> {
        if self.state.handed_over.is_none() {
            return Some(frame);
        }
        let refusal = Code::HandedOver.because("E1");
        match frame {
            ToCosigner::Sign { tag, .. } => self.emit(FromCosigner::Refused { tag, refusal }),
            ToCosigner::Order { order } => self.refuse_document(id_of(&order), refusal),
            ToCosigner::InstallPolicy { .. } => self.refuse_document(None, refusal),
            ToCosigner::Peer { .. } | ToCosigner::PeerUp { .. } | ToCosigner::Abort { .. } => {}
            other => return Some(other),
        }
        None
    }

    /// E1: a start from records that say so: no boot is begun.
    pub(crate) fn stay_handed_over(&mut self) {
        self.bind_registers();
        self.boot.close();
    }

    /// The new image: measures the workspace and asks.
    fn ask_state(&mut self, genesis: &[Signed], signed: &Signed) -> Result<(), Refusal> {
        // A cosigner with a past keeps it.
        if self.state.genesis.is_some() || self.keeps_records() {
            return Err(Code::OrderSenseless.because("it has a state of its own"));
        }
        let chain = GenesisChain::verify(genesis).map_err(|e| Code::DocumentInvalid.because(e.to_string()))?;
        let order = decoded(signed)?;
        self.check_order(&chain, signed, &order)?;
        let measurements = ordered(&chain, &order, self.me)?;
        if chain.head().assurance != self.assurance() {
            return Err(Code::DocumentInvalid.because("another assurance (E3)"));
        }
        let (secret, public) = generate_static().ok_or_else(|| Code::Bug.because("key"))?;
        let nonce = question(signed, &chain, self.me);
        let enclosure = self.enclosure.as_mut().ok_or_else(plain)?;
        let module = |e: crate::enclosure::EnclosureError| Code::HandOverUnproved.because(e.to_string());
        enclosure.bind_genesis(chain.root()).map_err(module)?;
        let document = enclosure.document(Some(&nonce.0), None, Some(&public)).map_err(module)?;
        // E1: it asks only as the image that the order names.
        self.check_asking(&chain, &measurements, &nonce, &document)?;
        let bound = binding(&nonce, &document);
        self.upgrade.asking = Some(Asking { order: order.id, chain, secret, bound, taking: None });
        self.emit(FromCosigner::Upgrade { word: UpgradeWord::Asked { document: document.into() } });
        Ok(())
    }

    /// The key that an asking document brings, if it is of the image that the order names.
    fn check_asking(
        &self,
        genesis: &GenesisChain,
        measurements: &[Measurement],
        nonce: &Digest,
        document: &[u8],
    ) -> Result<[u8; 32], Refusal> {
        let roots = self.enclosure.as_ref().ok_or_else(plain)?.roots();
        let image = NewImage { genesis, measurements, roots, max_age_ms: MAX_AGE_MS, nonce: &nonce.0 };
        image.verify(document, self.now).map_err(|e| unproved(&e))
    }

    /// The old image: stops for good, and hands over once that is durable.
    fn hand_over(&mut self, signed: &Signed, document: &[u8]) -> Result<(), Refusal> {
        let genesis =
            self.state.genesis.as_ref().ok_or_else(|| Code::GenesisMissing.because("no genesis installed"))?;
        let (digest, order) = (signed.digest(Domain::Order), decoded(signed)?);
        // G2: single use. The same hand-over again is no second use: what was lost on its way would be lost for good.
        let again = self.state.handed_over == Some(digest);
        if !again {
            self.check_order(genesis, signed, &order)?;
            if self.state.orders.contains(&order.id) {
                return Err(Code::OrderSpent.because("carried out before"));
            }
        }
        let measurements = ordered(genesis, &order, self.me)?;
        let nonce = question(signed, genesis, self.me);
        let to = self.check_asking(genesis, &measurements, &nonce, document)?;
        if self.ceremonies.is_running() {
            return Err(Code::Busy.because("a ceremony"));
        }
        let bound = binding(&nonce, document);
        if !again {
            self.peers().into_iter().for_each(|peer| self.end_sessions_with(peer));
            self.record(&[Record::OrdersUsed { orders: vec![order.id] }, Record::HandedOver { order: digest }]);
            self.channels = None;
            self.boot.close();
            self.event(Code::HandedOver.text(), None, None);
        }
        self.upgrade.leaving = Some(Leaving { order: order.id, record: self.sequence(), to, bound });
        self.advance_stored_upgrade();
        Ok(())
    }

    /// E1: nothing leaves before the record that this cosigner stopped is durable.
    pub(crate) fn advance_stored_upgrade(&mut self) {
        let stored = self.stored;
        if let Some((order, _)) = self.upgrade.keeping.take_if(|(_, record)| stored >= *record) {
            self.emit(FromCosigner::OrderDone { order, certificate: None });
        }
        let Some(leaving) = self.upgrade.leaving.take_if(|l| stored >= l.record) else { return };
        let Some((head, records)) = self.sealed_state(&leaving) else {
            return self.refuse_document(Some(leaving.order), Code::Bug.because("hand-over"));
        };
        self.emit(FromCosigner::Upgrade { word: UpgradeWord::HandedOver { head } });
        for record in records {
            self.emit(FromCosigner::Upgrade { word: UpgradeWord::Record { record } });
        }
    }

    fn sealed_state(&mut self, leaving: &Leaving) -> Option<(HandOver, Vec<ByteVec>)> {
        let mut key = Zeroizing::new([0; 32]);
        self.rng.fill_bytes(key.as_mut_slice());
        let mut noise = handshake(&self.state.identity.as_ref()?.channel_secret, &leaving.to, &leaving.bound)?
            .build_initiator()
            .ok()?;
        let mut sealed_key = vec![0; SEALED_KEY_BYTES];
        let written = noise.write_message(key.as_slice(), &mut sealed_key).ok()?;
        sealed_key.truncate(written);
        let records = self.state_under(&SealingKey::new(key))?;
        let count = u32::try_from(records.len()).ok().filter(|n| *n <= limits::HAND_OVER_RECORDS)?;
        let document = self.own_document(&answer(&leaving.bound, &sealed_key, count).0)?;
        Some((HandOver { sealed_key: sealed_key.into(), document: document.into(), records: count }, records))
    }

    /// The new image: what the old one says of itself, and the key of the records.
    fn take_head(&mut self, head: &HandOver) -> Result<(), Refusal> {
        let me = self.me;
        let asking = self.upgrade.asking.as_mut().ok_or_else(unasked)?;
        let roots = self.enclosure.as_ref().ok_or_else(plain)?.roots();
        let nonce = answer(&asking.bound, &head.sealed_key, head.records);
        let moment = Moment::Now { max_age_ms: MAX_AGE_MS };
        let is = CosignerIs { genesis: &asking.chain, cosigner: me, roots, moment, nonce: &nonce.0 };
        // E1: an image that genesis allows, and the very cosigner that it names.
        is.verify(&head.document, self.now).map_err(|e| unproved(&e))?;
        if !(1..=limits::HAND_OVER_RECORDS).contains(&head.records) {
            return Err(Code::DocumentInvalid.because("number of records"));
        }
        let key = opened_key(asking, me, &head.sealed_key);
        let key = key.ok_or_else(|| Code::DocumentInvalid.because("the key does not open"))?;
        asking.taking = Some(Taking { key, records: Vec::new(), due: head.records });
        Ok(())
    }

    fn take_record(&mut self, record: ByteVec) -> Result<(), Refusal> {
        let asking = self.upgrade.asking.as_mut().ok_or_else(unasked)?;
        let taking = asking.taking.as_mut().ok_or_else(unasked)?;
        taking.records.push(record);
        if u32::try_from(taking.records.len()).is_ok_and(|n| n < taking.due) {
            return Ok(());
        }
        let (order, taking) = (asking.order, asking.taking.take().ok_or_else(unasked)?);
        let (journal, state) = opened_state(self.me, taking, &asking.chain)?;
        self.upgrade = Upgrade { arrived: Some((order, journal)), ..Upgrade::default() };
        self.take_over(state);
        Ok(())
    }

    /// The journal that the state arrived in, if it did and no other is kept yet; the new one goes on behind it.
    pub(crate) fn arrived_journal(&mut self, key: &SealingKey) -> Option<Journal> {
        let (order, journal) = self.upgrade.arrived.take()?;
        self.upgrade.keeping = Some((order, u64::MAX));
        Some(journal.under(key))
    }

    /// The state is in the records up to this one.
    pub(crate) fn keep_arrived(&mut self, sequence: u64) {
        self.upgrade.keeping.iter_mut().for_each(|(_, record)| *record = sequence);
    }
}

fn decoded(signed: &Signed) -> Result<Order, Refusal> {
    signed.decode_unverified(limits::GENESIS_BYTES).map_err(|e| Code::DocumentInvalid.because(e.to_string()))
}

fn id_of(signed: &Signed) -> Option<OrderId> {
    decoded(signed).ok().map(|order| order.id)
}

/// E1: the measurements that the order names, if it is an upgrade of this cosigner under the genesis in force, which must
/// allow them: peers would not speak with another image.
fn ordered(genesis: &GenesisChain, order: &Order, me: PartyIndex) -> Result<Vec<Measurement>, Refusal> {
    let OrderAction::Upgrade { cosigner, head, measurements } = &order.action else {
        return Err(Code::OrderSenseless.because("it is no upgrade"));
    };
    if *cosigner != me {
        return Err(Code::OrderSenseless.because("it names another cosigner"));
    }
    if *head != genesis.head_digest() {
        return Err(Code::GenesisMismatch.because("another version of genesis is in force"));
    }
    let once = |m: &Measurement| measurements.iter().filter(|other| other.pcr == m.pcr).count() == 1;
    if !measurements.iter().all(|m| once(m) && genesis.head().measurements.contains(m)) {
        return Err(Code::DocumentInvalid.because("measurements of the new image"));
    }
    Ok(measurements.clone())
}

/// What the asking document answers: this order, this version of genesis, this cosigner.
fn question(order: &Signed, genesis: &GenesisChain, me: PartyIndex) -> Digest {
    let (order, head) = (order.digest(Domain::Order), genesis.head_digest());
    Digest::of_parts(Domain::HandOver, &[b"question", &order.0, &head.0, &[me.number()]])
}

/// What the key of the records is bound to: that and the very document.
fn binding(question: &Digest, document: &[u8]) -> Digest {
    Digest::of_parts(Domain::HandOver, &[b"binding", &question.0, document])
}

/// What the old image's document answers: all of the hand-over but the records, which only the key opens.
fn answer(binding: &Digest, sealed_key: &[u8], records: u32) -> Digest {
    Digest::of_parts(Domain::HandOver, &[b"answer", &binding.0, &records.to_be_bytes(), sealed_key])
}

fn handshake<'a>(secret: &'a Zeroizing<[u8; 32]>, remote: &'a [u8; 32], bound: &'a Digest) -> Option<Builder<'a>> {
    let builder = Builder::new(PATTERN.parse().ok()?);
    builder
        .local_private_key(secret.as_slice())
        .and_then(|b| b.remote_public_key(remote))
        .and_then(|b| b.prologue(&bound.0))
        .ok()
}

/// Sealed by whoever has the channel key that genesis names for this cosigner.
fn opened_key(asking: &Asking, me: PartyIndex, sealed: &[u8]) -> Option<SealingKey> {
    let remote = asking.chain.head().cosigner(me)?.channel_key;
    let mut noise: HandshakeState = handshake(&asking.secret, &remote, &asking.bound)?.build_responder().ok()?;
    let mut room = Zeroizing::new([0; SEALED_KEY_BYTES]);
    let read = noise.read_message(sealed, room.as_mut_slice()).ok()?;
    let key: [u8; 32] = room.get(..read)?.try_into().ok()?;
    Some(SealingKey::new(Zeroizing::new(key)))
}

/// The whole state, of the cosigner that genesis names.
fn opened_state(me: PartyIndex, taking: Taking, chain: &GenesisChain) -> Result<(Journal, State), Refusal> {
    let mut journal = Journal::new(&taking.key, me);
    let mut state = State::default();
    let restored = journal.restore(taking.records, |record| state.apply(&record).map_err(Fatal::from));
    restored.map_err(|e| Code::DocumentInvalid.because(e.to_string()))?;
    let named =
        chain.head().cosigner(me).zip(state.identity.as_ref()).is_some_and(|(named, own)| {
            named.channel_key == own.channel_public && named.identity_key == own.key.public()
        });
    let same = state.genesis.as_ref().is_some_and(|own| own.head_digest() == chain.head_digest());
    if named && same { Ok((journal, state)) } else { Err(Code::DocumentInvalid.because("another cosigner's state")) }
}

fn unproved(error: &AttestationError) -> Refusal {
    Code::HandOverUnproved.because(error.code())
}

fn unasked() -> Refusal {
    Code::OrderSenseless.because("nothing was asked for")
}

fn plain() -> Refusal {
    Code::OrderSenseless.because("a plain process proves nothing")
}
