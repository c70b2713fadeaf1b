//! The cosigner's memory: a fold over its records. What is not in a record does not survive a restart.

use crate::brakes::BrakeBook;
use crate::counters::CounterBook;
use crate::facts::EarlyFinals;
use crate::keys::{ActiveKey, KeyRing, OwnKey, PendingKey};
use crate::pins::{Pin, PinBook, Settled};
use crate::spending::{Before, Holders, SpendingBook, Unproved};
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};
use ringi_mpc::KeyShare;
use ringi_primitives::approval::Counted;
use ringi_primitives::brake::SignedBrake;
use ringi_primitives::certificate::{KeyCertificate, SignedCertificate, SignedDrill};
use ringi_primitives::decision::Spending;
use ringi_primitives::digest::{Digest, Domain};
use ringi_primitives::effects::Slot;
use ringi_primitives::fact::SignedFact;
use ringi_primitives::genesis::GenesisChain;
use ringi_primitives::id::{IntentId, OrderId};
use ringi_primitives::key::PublicKey;
use ringi_primitives::limits;
use ringi_primitives::order::{KeyId, NextNonce};
use ringi_primitives::policy_set::PolicySet;
use ringi_primitives::request::PayloadKind;
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::signed::Signed;
use ringi_primitives::time::UnixMs;
use ringi_primitives::weigh::FactBook;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use zeroize::Zeroizing;

/// One change of state. Holds secrets: sealed before it leaves, and never printed.
#[derive(Clone, Encode, Decode)]
pub enum Record {
    /// The cosigner's own keys.
    #[n(0)]
    Identity {
        /// X25519 secret.
        #[n(0)]
        #[cbor(with = "minicbor::bytes")]
        channel_secret: [u8; 32],
        /// X25519 public.
        #[n(1)]
        #[cbor(with = "minicbor::bytes")]
        channel_public: [u8; 32],
        /// Ed25519 seed.
        #[n(2)]
        #[cbor(with = "minicbor::bytes")]
        identity_seed: [u8; 32],
    },
    /// Genesis, all versions.
    #[n(1)]
    Genesis {
        /// First to newest.
        #[n(0)]
        versions: Vec<Signed>,
    },
    /// The policy set in force.
    #[n(2)]
    Policy {
        /// Signed by the admin quorum.
        #[n(0)]
        set: Signed,
    },
    /// A start of this cosigner.
    #[n(3)]
    Boot {
        /// Its number.
        #[n(0)]
        boot: u64,
        /// Up to which record its memory was whole when it started: see [`Record::Granted`].
        #[n(1)]
        whole: u64,
    },
    /// A new share, not yet in use (rule K2).
    #[n(4)]
    Pending {
        /// The order that made it.
        #[n(0)]
        order: OrderId,
        /// Share bytes.
        #[n(1)]
        share: ByteVec,
        /// What all n are to sign.
        #[n(2)]
        certificate: KeyCertificate,
    },
    /// A pending share goes into use: all n signed.
    #[n(5)]
    Activated {
        /// With n signatures.
        #[n(0)]
        certificate: SignedCertificate,
    },
    /// A share in use, as a snapshot holds it.
    #[n(6)]
    Share {
        /// Share bytes.
        #[n(0)]
        share: ByteVec,
        /// Its certificate.
        #[n(1)]
        certificate: SignedCertificate,
    },
    /// Limit entries.
    #[n(7)]
    Spent {
        /// The entries.
        #[n(0)]
        entries: Vec<Spending>,
        /// Who holds them.
        #[n(1)]
        holders: Holders,
    },
    /// Pins.
    #[n(8)]
    Pinned {
        /// The pins.
        #[n(0)]
        pins: Vec<Pin>,
        /// Who holds them.
        #[n(1)]
        holders: Holders,
    },
    /// The newest verdict.
    #[n(9)]
    Verdict {
        /// Its number.
        #[n(0)]
        sequence: u64,
        /// Its digest.
        #[n(1)]
        digest: Digest,
    },
    /// A reservation taken back before the last message left (rule L2).
    #[n(10)]
    Released {
        /// The root intent.
        #[n(0)]
        intent: IntentId,
        /// Entries as they were.
        #[n(1)]
        before: Vec<Before>,
        /// The pin, if this session made it.
        #[n(2)]
        pin: Option<Pin>,
    },
    /// Orders carried out.
    #[n(11)]
    OrdersUsed {
        /// Their ids.
        #[n(0)]
        orders: Vec<OrderId>,
    },
    /// Cosigners excluded (rule K2).
    #[n(12)]
    Banned {
        /// Who.
        #[n(0)]
        parties: Vec<PartyIndex>,
    },
    /// Bans ended by a refresh under an order.
    #[n(13)]
    Unbanned {
        /// Who.
        #[n(0)]
        parties: Vec<PartyIndex>,
    },
    /// A resume by the admin quorum (rule B1).
    #[n(14)]
    Resumed {
        /// When.
        #[n(0)]
        at: UnixMs,
    },
    /// An intent's charges given back by the admin quorum (rule L2).
    #[n(15)]
    GaveBack {
        /// The intent.
        #[n(0)]
        intent: IntentId,
    },
    /// What peers are known to have recorded (rule B1).
    #[n(16)]
    PeerHead {
        /// The peer.
        #[n(0)]
        peer: PartyIndex,
        /// Its boot.
        #[n(1)]
        boot: u64,
        /// Its newest record known to us.
        #[n(2)]
        sequence: u64,
        /// The boot key that the number was granted to: only it may ask again, also of a granter that restarted.
        #[n(3)]
        key: Option<PublicKey>,
    },
    /// This boot was granted (rule B1): from here on the memory is whole. What an ungranted boot records proves nothing, or a
    /// shorter journal would grow past what peers know of it.
    #[n(18)]
    Granted,
    /// Signature counters of passkeys that served (rule P2).
    #[n(19)]
    Counted {
        /// The uses.
        #[n(0)]
        uses: Vec<Counted>,
    },
    /// The state was handed over to another image (rule E1): from here on nothing is done with it.
    #[n(20)]
    HandedOver {
        /// Digest of the order.
        #[n(0)]
        order: Digest,
    },
    /// Where accounts have come to on chain, by a recovery order (rule K3).
    #[n(22)]
    NextNonces {
        /// They.
        #[n(0)]
        nonces: Vec<NextNonce>,
    },
    /// Statements of witnesses, each newer than any before of its witness and topic (rule M1).
    #[n(24)]
    Facts {
        /// They.
        #[n(0)]
        news: Vec<SignedFact>,
        /// Nothing unknown from this time or before is taken.
        #[n(1)]
        floor: UnixMs,
    },
    /// Intents that witnesses call final, and at which place (rule L3).
    #[n(25)]
    Final {
        /// They.
        #[n(0)]
        proofs: Vec<(IntentId, Slot)>,
    },
    /// First intents of chains that are proved final, as a snapshot holds them.
    #[n(26)]
    Proved {
        /// They.
        #[n(0)]
        roots: Vec<IntentId>,
    },
    /// A freeze, veto or withdrawal that holds (rule P1).
    #[n(27)]
    Brake {
        /// With its proof.
        #[n(0)]
        brake: SignedBrake,
    },
    /// An order that lifted freezes (rule P1).
    #[n(28)]
    Lifted {
        /// Signed by the admin quorum.
        #[n(0)]
        order: Signed,
    },
    /// A recovery drill has passed (rule K3).
    #[n(30)]
    Drilled {
        /// As it is told.
        #[n(0)]
        drill: SignedDrill,
    },
    /// The next policy set is announced, in the place of any other (rule P1).
    #[n(31)]
    Announced {
        /// Its digest.
        #[n(0)]
        set: Digest,
        /// When.
        #[n(1)]
        at: UnixMs,
    },
    /// The latest time seen (rule T1).
    #[n(17)]
    Time {
        /// It.
        #[n(0)]
        now: UnixMs,
    },
}

/// A stored record that does not fit the state before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stored state does not hold together: {0}")]
pub struct StateError(pub &'static str);

/// This cosigner's own secrets.
pub struct Identity {
    /// X25519 secret of the peers' channel.
    pub channel_secret: Zeroizing<[u8; 32]>,
    /// Its public half, as genesis names it.
    pub channel_public: [u8; 32],
    /// Signs boot and key certificates.
    pub key: OwnKey,
}

/// The policy set in force.
pub struct Policy {
    /// As signed.
    pub signed: Signed,
    /// Its digest.
    pub digest: Digest,
    /// Its content, validated.
    pub set: PolicySet,
}

/// What is known of a peer's past.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct PeerHead {
    /// Its newest boot.
    pub boot: u64,
    /// Its newest record.
    pub sequence: u64,
    /// The key of that boot.
    pub key: Option<PublicKey>,
}

impl PeerHead {
    /// As it is recorded.
    pub(crate) fn record(&self, peer: PartyIndex) -> Record {
        Record::PeerHead { peer, boot: self.boot, sequence: self.sequence, key: self.key }
    }
}

/// Everything.
#[derive(Default)]
pub struct State {
    /// Own secrets.
    pub identity: Option<Identity>,
    /// Genesis as signed.
    pub genesis_versions: Vec<Signed>,
    /// Genesis, verified.
    pub genesis: Option<GenesisChain>,
    /// Policy in force.
    pub policy: Option<Policy>,
    /// The set that is announced to follow it, and since when.
    pub announced: Option<(Digest, UnixMs)>,
    /// Boot number.
    pub boot: u64,
    /// Up to which record the memory was whole when this boot began.
    pub whole: u64,
    /// Whether this boot was granted.
    pub granted: bool,
    /// Distributed keys.
    pub keys: KeyRing,
    /// Window limits.
    pub spending: SpendingBook,
    /// Slots.
    pub pins: PinBook,
    /// Number of the newest verdict.
    pub verdict_sequence: u64,
    /// Its digest.
    pub verdict_head: Option<Digest>,
    /// Orders carried out.
    pub orders: BTreeSet<OrderId>,
    /// Freezes, vetoes, withdrawals.
    pub brakes: BrakeBook,
    /// Excluded cosigners.
    pub banned: BTreeSet<PartyIndex>,
    /// Recovery drills that have passed (rule K3).
    pub drills: BTreeMap<KeyId, SignedDrill>,
    /// When the admin quorum resumed (rule B1).
    pub resumed_at: Option<UnixMs>,
    /// What passkeys' counters were used for.
    pub counters: CounterBook,
    /// The newest statements of witnesses (rule M1).
    pub facts: FactBook,
    /// Proofs of finality for intents that are not pinned here.
    pub early_finals: EarlyFinals,
    /// What peers are known to hold.
    pub peer_heads: BTreeMap<PartyIndex, PeerHead>,
    /// The order under which it was handed over (rule E1).
    pub handed_over: Option<Digest>,
    /// Latest time seen.
    pub now: UnixMs,
}

impl State {
    /// Takes one change in.
    ///
    /// # Errors
    /// [`StateError`] if a record of our own does not fit; the cosigner then stays down.
    pub fn apply(&mut self, record: &Record) -> Result<(), StateError> {
        match record {
            Record::Identity { channel_secret, channel_public, identity_seed } => {
                self.identity = Some(Identity {
                    channel_secret: Zeroizing::new(*channel_secret),
                    channel_public: *channel_public,
                    key: OwnKey::from_bytes(identity_seed),
                });
            }
            Record::Genesis { versions } => self.apply_genesis(versions)?,
            Record::Policy { set } => self.apply_policy(set)?,
            Record::Announced { set, at } => self.announced = Some((*set, *at)),
            Record::Boot { boot, whole } => (self.boot, self.whole, self.granted) = (*boot, *whole, false),
            Record::Granted => self.granted = true,
            Record::Pending { .. } | Record::Activated { .. } | Record::Share { .. } => self.apply_key(record)?,
            Record::Spent { entries, holders } => entries.iter().for_each(|e| self.spending.enter(e, *holders)),
            Record::Pinned { pins, holders } => pins.iter().for_each(|p| self.apply_pin(p, *holders)),
            Record::Verdict { sequence, digest } => {
                self.verdict_sequence = *sequence;
                self.verdict_head = Some(*digest);
            }
            Record::Released { intent, before, pin } => {
                self.spending.put_back(intent, before);
                pin.iter().for_each(|p| self.take_pin_back(p));
            }
            Record::OrdersUsed { orders } => self.orders.extend(orders),
            Record::Banned { parties } => self.banned.extend(parties),
            Record::Unbanned { parties } => parties.iter().for_each(|p| {
                self.banned.remove(p);
            }),
            Record::Resumed { at } => {
                self.resumed_at = Some(*at);
                self.spending.exhaust_windows(*at);
            }
            Record::NextNonces { nonces } => nonces.iter().for_each(|next| self.pins.begin_at(next)),
            Record::Drilled { drill } => drop(self.drills.insert(drill.drill.key, drill.clone())),
            Record::GaveBack { intent } => self.spending.give_back(intent),
            Record::Counted { uses } => uses.iter().for_each(|u| self.counters.enter(u)),
            Record::Facts { news, floor } => {
                self.facts.raise_floor(*floor);
                news.iter().for_each(|fact| self.facts.enter(fact));
            }
            Record::Final { proofs } => proofs.iter().for_each(|(intent, slot)| self.settle(*intent, slot)),
            Record::Proved { roots } => roots.iter().for_each(|root| self.spending.prove(*root)),
            Record::PeerHead { peer, boot, sequence, key } => {
                let head = self.peer_heads.entry(*peer).or_default();
                if *boot > head.boot || (*boot == head.boot && head.key.is_none()) {
                    (head.boot, head.key) = (*boot, *key);
                }
                head.sequence = head.sequence.max(*sequence);
            }
            Record::Brake { brake } => self.brakes.enter(brake)?,
            Record::Lifted { order } => {
                let used = self.brakes.lift(order)?;
                self.orders.insert(used);
            }
            Record::HandedOver { order } => self.handed_over = Some(*order),
            Record::Time { now } => self.apply_time(*now),
        }
        Ok(())
    }

    fn apply_time(&mut self, now: UnixMs) {
        self.now = self.now.max(now);
        let unproved = if self.vouches_finality() { Unproved::Keep } else { Unproved::Forget };
        self.spending.forget_old(self.now, unproved);
        self.facts.forget_old(self.now);
        self.brakes.forget_old(self.now);
    }

    fn apply_genesis(&mut self, versions: &[Signed]) -> Result<(), StateError> {
        let chain = GenesisChain::verify(versions).map_err(|_| StateError("genesis"))?;
        // K3: a replaced peer has no past; what is known of the lost one's journal is not its.
        if let Some(before) = &self.genesis {
            let same = |p: &PartyIndex| chain.head().cosigner(*p).is_some_and(|c| before.head().names_keys_of(c));
            self.peer_heads.retain(|peer, _| same(peer));
        }
        self.genesis = Some(chain);
        self.genesis_versions = versions.to_vec();
        Ok(())
    }

    /// Whether the policy set names witnesses of finality (rule L3).
    pub fn vouches_finality(&self) -> bool {
        self.policy.as_ref().and_then(|p| p.set.trust.as_ref()).is_some_and(|t| t.finals.is_some())
    }

    /// L3: a place is taken for good. It is what an intent is pinned to that tells whether that concerns the intent.
    fn settle(&mut self, intent: IntentId, slot: &Slot) {
        match self.pins.settled_by(intent, slot) {
            Settled::Chain(root) => self.spending.prove(root),
            Settled::Unpinned => self.early_finals.keep(intent, slot.clone()),
            Settled::Elsewhere => {}
        }
    }

    /// L3: whether a proof would change anything here.
    pub(crate) fn is_news(&self, intent: &IntentId, slot: &Slot) -> bool {
        match self.pins.settled_by(*intent, slot) {
            Settled::Chain(root) => !self.spending.is_proved(&root),
            Settled::Unpinned => !self.early_finals.holds(intent, slot),
            Settled::Elsewhere => false,
        }
    }

    fn apply_pin(&mut self, pin: &Pin, holders: Holders) {
        let fresh = self.pins.enter(pin, holders);
        // L3: an authorization can be used at the nonce after, of which the proof said nothing.
        if fresh && pin.kind == PayloadKind::Authorization {
            self.spending.unprove(&pin.root);
        }
        for intent in [pin.intent, pin.root] {
            if let Some(slot) = self.early_finals.take(&intent) {
                self.settle(intent, &slot);
            }
        }
    }

    fn take_pin_back(&mut self, pin: &Pin) {
        self.pins.put_back(pin);
        // L3: it is free to be signed for another place.
        if self.pins.is_free(pin.root) {
            self.spending.unprove(&pin.root);
        }
    }

    fn apply_policy(&mut self, signed: &Signed) -> Result<(), StateError> {
        let set: PolicySet = signed.decode_unverified(limits::POLICY_BYTES).map_err(|_| StateError("policy"))?;
        set.validate().map_err(|_| StateError("policy"))?;
        self.announced = None;
        self.policy = Some(Policy { signed: signed.clone(), digest: signed.digest(Domain::PolicySet), set });
        Ok(())
    }

    fn apply_key(&mut self, record: &Record) -> Result<(), StateError> {
        let open = |bytes: &[u8]| KeyShare::unseal_bytes(bytes).map(Arc::new).map_err(|_| StateError("share"));
        match record {
            Record::Pending { order, share, certificate } => {
                let pending = PendingKey { order: *order, share: open(share)?, certificate: certificate.clone() };
                self.keys.pending.insert(certificate.key, pending);
            }
            Record::Activated { certificate } => {
                let activated = self.keys.activate(certificate);
                activated.then_some(()).ok_or(StateError("activation without its pending share"))?;
            }
            Record::Share { share, certificate } => {
                let active = ActiveKey { share: open(share)?, certificate: certificate.clone() };
                self.keys.active.insert(certificate.certificate.key, active);
            }
            _ => {}
        }
        Ok(())
    }

    /// Records that make this state from nothing: a snapshot. Made one after the other, for a long life has many.
    /// `None` only if a share cannot be written, which ends the cosigner.
    pub fn snapshot(&self) -> Option<impl Iterator<Item = Record> + '_> {
        let first = self.snapshot_of_documents()?.into_iter();
        let spent = grouped(self.spending.all()).map(|(entries, holders)| Record::Spent { entries, holders });
        let pinned = grouped(self.pins.all()).map(|(pins, holders)| Record::Pinned { pins, holders });
        Some(first.chain(spent).chain(pinned).chain(self.snapshot_of_heads()))
    }

    fn snapshot_of_documents(&self) -> Option<Vec<Record>> {
        let mut records = Vec::new();
        if let Some(identity) = &self.identity {
            records.push(Record::Identity {
                channel_secret: *identity.channel_secret,
                channel_public: identity.channel_public,
                identity_seed: *identity.key.expose_bytes(),
            });
        }
        if !self.genesis_versions.is_empty() {
            records.push(Record::Genesis { versions: self.genesis_versions.clone() });
        }
        records.extend(self.policy.iter().map(|p| Record::Policy { set: p.signed.clone() }));
        records.extend(self.announced.iter().map(|(set, at)| Record::Announced { set: *set, at: *at }));
        records.push(Record::Boot { boot: self.boot, whole: self.whole });
        records.extend(self.granted.then_some(Record::Granted));
        for key in self.keys.active.values() {
            let share = key.share.expose_bytes().ok()?.to_vec().into();
            records.push(Record::Share { share, certificate: key.certificate.clone() });
        }
        for key in self.keys.pending.values() {
            let share = key.share.expose_bytes().ok()?.to_vec().into();
            records.push(Record::Pending { order: key.order, share, certificate: key.certificate.clone() });
        }
        records.extend(self.handed_over.iter().map(|order| Record::HandedOver { order: *order }));
        let nonces: Vec<NextNonce> = self.pins.begun().collect();
        records.extend((!nonces.is_empty()).then_some(Record::NextNonces { nonces }));
        records.extend(self.brakes.lifts().map(|order| Record::Lifted { order: order.clone() }));
        records.extend(self.brakes.all().map(|brake| Record::Brake { brake: brake.clone() }));
        // Before the entries: it would exhaust their windows again.
        records.extend(self.resumed_at.iter().map(|at| Record::Resumed { at: *at }));
        Some(records)
    }

    fn snapshot_of_heads(&self) -> impl Iterator<Item = Record> + '_ {
        let verdict = self.verdict_head.map(|digest| Record::Verdict { sequence: self.verdict_sequence, digest });
        let orders = Record::OrdersUsed { orders: self.orders.iter().copied().collect() };
        let banned = Record::Banned { parties: self.banned.iter().copied().collect() };
        let heads = self.peer_heads.iter().map(|(p, h)| h.record(*p));
        let counted = self.counters.all().map(|used| Record::Counted { uses: vec![used] });
        let drills = self.drills.values().map(|drill| Record::Drilled { drill: drill.clone() });
        let rest = heads.chain(counted).chain(drills).chain(self.snapshot_of_facts());
        verdict.into_iter().chain([orders, banned]).chain(rest).chain([Record::Time { now: self.now }])
    }

    /// Behind the pins, which tell what early proofs are of.
    fn snapshot_of_facts(&self) -> impl Iterator<Item = Record> + '_ {
        let news = grouped(self.facts.all().map(|f| (f.clone(), Holders::default())));
        // The floor last: it would keep out what stands below it and is known.
        let floor = Record::Facts { news: vec![], floor: self.facts.floor() };
        let facts = news.map(|(news, _)| Record::Facts { news, floor: UnixMs::default() }).chain([floor]);
        let proved = grouped(self.spending.proved().map(|root| (root, Holders::default())));
        let early = grouped(self.early_finals.all().map(|proof| (proof, Holders::default())));
        facts
            .chain(proved.map(|(roots, _)| Record::Proved { roots }))
            .chain(early.map(|(proofs, _)| Record::Final { proofs }))
    }
}

/// Entries of one record of a snapshot.
const GROUP: usize = 256;

/// Neighbours with the same holders together, so that a long life is not one record each.
fn grouped<T>(all: impl Iterator<Item = (T, Holders)>) -> impl Iterator<Item = (Vec<T>, Holders)> {
    let mut all = all.peekable();
    std::iter::from_fn(move || {
        let (first, holders) = all.next()?;
        let mut group = vec![first];
        while group.len() < GROUP
            && let Some((one, _)) = all.next_if(|(_, of)| *of == holders)
        {
            group.push(one);
        }
        Some((group, holders))
    })
}
