//! Rule K3: recovery kits of this cosigner's shares, those of its peers, and shares restored under an order.
//!
//! Where genesis names recipients, a key certificate is signed by nobody who has not verified the kits of all n: a certificate
//! then shows that every share can be restored. A cosigner whose state is lost is replaced by one with new keys, which the next
//! version of genesis names; an order of the admin quorum lets it have the old one's shares, opened by the recipients.

use crate::core::Cosigner;
use crate::message::PeerMessage;
use crate::refusal::Code;
use crate::state::Record;
use minicbor::bytes::ByteVec;
use ringi_mpc::KeyShare;
use ringi_mpc::kit::{self, KitError, MadeKit, Part};
use ringi_primitives::cbor;
use ringi_primitives::certificate::{Drill, KeyCertificate, SignedCertificate, SignedDrill};
use ringi_primitives::digest::{Digest, Domain};
use ringi_primitives::genesis::{Assurance, CosignerIdentity, Genesis, GenesisChain, RecoveryRecipient};
use ringi_primitives::id::OrderId;
use ringi_primitives::kit::RecoveryKit;
use ringi_primitives::limits;
use ringi_primitives::order::{KeyId, NextNonce, Order, OrderAction};
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::signed::Signed;
use ringi_primitives::wire::{FromCosigner, LostShare, Refusal};
use std::collections::{BTreeMap, BTreeSet};

/// Kits of the ceremony in progress.
#[derive(Default)]
pub struct CeremonyKits {
    /// Our own, with the share that is pending; handed out when that goes into use.
    own: Option<MadeKit>,
    /// The newest of each peer, as it came, with the attempt it is of.
    peers: BTreeMap<PartyIndex, (Digest, ByteVec)>,
}

impl CeremonyKits {
    /// The ceremony is over: what peers showed for it is used up.
    pub(crate) fn forget_peers(&mut self) {
        self.peers.clear();
    }
}

impl Cosigner {
    /// K3: whether this genesis lets a key be made: recipients for all cosigners or for none, and in production always, so many
    /// that nobody opens a kit alone.
    pub(crate) fn check_recipients(&self) -> Result<(), Refusal> {
        let Some(genesis) = &self.state.genesis else {
            return Err(Code::GenesisMissing.because("no genesis installed"));
        };
        let head = genesis.head();
        if head.recovery.is_empty() && head.assurance != Assurance::Nitro {
            return Ok(());
        }
        let least = if head.assurance == Assurance::Nitro { 2 } else { 1 };
        let enough = head.cosigners.iter().all(|c| head.recovery_quorum(c.index) >= least);
        if enough { Ok(()) } else { Err(Code::RecoveryKit.because("genesis names too few recovery recipients (K3)")) }
    }

    /// Makes the kit of a share that is not in use yet and shows it to all peers. Nothing to do where nobody is to have one.
    pub(crate) fn show_kit(
        &mut self,
        share: &KeyShare,
        certificate: &KeyCertificate,
        session: Digest,
    ) -> Result<(), Refusal> {
        self.kits.own = None;
        let Some(made) = self.make_kit(share, certificate)? else { return Ok(()) };
        let kit = cbor::encode(&made.kit).into();
        self.kits.own = Some(made);
        self.tell_all(&PeerMessage::Kit { session, kit });
        Ok(())
    }

    fn make_kit(&mut self, share: &KeyShare, certificate: &KeyCertificate) -> Result<Option<MadeKit>, Refusal> {
        let Some(genesis) = &self.state.genesis else { return Ok(None) };
        let recipients: Vec<RecoveryRecipient> = genesis.head().recovery_recipients(self.me).cloned().collect();
        let quorum = genesis.head().recovery_quorum(self.me);
        if recipients.is_empty() {
            return Ok(None);
        }
        let made = kit::make(share, certificate, &recipients, quorum, self.rng.as_mut());
        made.map(Some).map_err(|error| Code::RecoveryKit.because(error.to_string()))
    }

    /// A peer's kit; looked at when all have come.
    pub(crate) fn take_kit(&mut self, from: PartyIndex, session: Digest, kit: ByteVec) {
        if kit.len() <= limits::KIT_BYTES {
            self.kits.peers.insert(from, (session, kit));
            self.advance_stored_ceremony();
        }
    }

    /// K3: whether the kits of all n of this attempt have come and verify; true where nobody is to have one.
    ///
    /// # Errors
    /// The refusal that ends the ceremony: a kit is false, or they are not of one key.
    pub(crate) fn all_kits_verify(&self, certificate: &KeyCertificate, session: Digest) -> Result<bool, Refusal> {
        let Some(genesis) = &self.state.genesis else { return Ok(false) };
        if genesis.head().recovery.is_empty() {
            return Ok(true);
        }
        let mut kits = BTreeMap::new();
        for cosigner in &genesis.head().cosigners {
            let from = cosigner.index;
            let kit = match self.kits.peers.get(&from) {
                _ if from == self.me => self.kits.own.as_ref().map(|made| made.kit.clone()),
                Some((of, bytes)) if *of == session => Some(peer_kit(bytes, from, certificate, genesis)?),
                _ => None,
            };
            let Some(kit) = kit else { return Ok(false) };
            kits.insert(from, kit);
        }
        for (from, kit) in kits.iter().filter(|(from, _)| **from != self.me) {
            kit::verify(kit).map_err(|error| false_kit(*from, &error))?;
        }
        let all: Vec<&RecoveryKit> = kits.values().collect();
        let set = kit::verify_set(&all, genesis.head().threshold);
        let peers = self.peers();
        set.map(|()| true).map_err(|error| Code::RecoveryKit.of_peers(error.to_string(), peers))
    }

    /// Hands out the kit of a key that has just gone into use.
    pub(crate) fn hand_out_kit(&mut self, certificate: &SignedCertificate) {
        let made = match self.kits.own.take_if(|made| made.kit.certificate == certificate.certificate) {
            Some(made) => Ok(Some(made)),
            None => self.make_active_kit(&certificate.certificate),
        };
        match made {
            Ok(Some(made)) => {
                let kit = cbor::encode(&made.kit).into();
                let certificate = certificate.clone();
                self.emit(FromCosigner::RecoveryKit { kit, sealed: made.sealed.into(), certificate });
            }
            Ok(None) => {}
            Err(refusal) => self.refuse_document(None, refusal),
        }
    }

    fn make_active_kit(&mut self, certificate: &KeyCertificate) -> Result<Option<MadeKit>, Refusal> {
        let Some(active) = self.state.keys.active.get(&certificate.key) else { return Ok(None) };
        let share = active.share.clone();
        self.make_kit(&share, certificate)
    }

    /// The host has lost its kits, or genesis names other recipients now.
    pub(crate) fn hand_out_kits(&mut self) {
        let keys: Vec<SignedCertificate> = self.state.keys.active.values().map(|key| key.certificate.clone()).collect();
        keys.iter().for_each(|certificate| self.hand_out_kit(certificate));
    }

    /// Restores the shares of the cosigner that this one replaces: all that the order names, or none.
    pub(crate) fn restore(&mut self, signed: &Signed, shares: &[LostShare]) {
        match self.try_restore(signed, shares) {
            Ok(order) => self.emit(FromCosigner::OrderDone { order, certificate: None }),
            Err((order, refusal)) => self.refuse_document(order, refusal),
        }
    }

    fn try_restore(&mut self, signed: &Signed, shares: &[LostShare]) -> Result<OrderId, (Option<OrderId>, Refusal)> {
        let order: Order = signed
            .decode_unverified(limits::GENESIS_BYTES)
            .map_err(|e| (None, Code::DocumentInvalid.because(e.to_string())))?;
        let because = |refusal| (Some(order.id), refusal);
        let genesis = self.state.genesis.as_ref();
        let genesis = genesis.ok_or_else(|| because(Code::GenesisMissing.because("no genesis installed")))?;
        self.check_order(genesis, signed, &order).map_err(because)?;
        if let OrderAction::Drill { cosigner, channel_key, kits } = &order.action {
            let digest = signed.digest(Domain::Order);
            self.check_ours(&order, *cosigner, channel_key, kits).map_err(because)?;
            self.drill(&order, kits, shares, &digest).map_err(because)?;
            return Ok(order.id);
        }
        let (kits, nonces) = self.check_recovery(&order).map_err(because)?;
        if kits.len() != shares.len() {
            return Err(because(Code::RecoveryKit.because("not the kits that the order names")));
        }
        let digest = signed.digest(Domain::Order);
        let mut records = Vec::new();
        for (kit, lost) in kits.iter().zip(shares) {
            records.extend(self.restore_share(kit, lost, &digest).map_err(because)?);
        }
        records.push(Record::NextNonces { nonces });
        records.push(Record::OrdersUsed { orders: vec![order.id] });
        self.record(&records);
        Ok(order.id)
    }

    /// G2: an unused order for this very cosigner, with this policy in force and its boot granted.
    fn check_recovery(&self, order: &Order) -> Result<(Vec<Digest>, Vec<NextNonce>), Refusal> {
        let OrderAction::Recovery { cosigner, channel_key, kits, policy, nonces } = &order.action else {
            return Err(Code::OrderSenseless.because("no recovery order"));
        };
        self.check_ours(order, *cosigner, channel_key, kits)?;
        // G3: with a whole workspace lost, the host must not choose which of its policy sets comes back.
        if self.state.policy.as_ref().map(|p| p.digest) != Some(*policy) {
            return Err(Code::PolicyMismatch.because("not the policy set that the order names"));
        }
        Ok((kits.clone(), nonces.clone()))
    }

    /// An unused order for this very cosigner, whose boot is granted, with a sound list of kits.
    fn check_ours(
        &self,
        order: &Order,
        cosigner: PartyIndex,
        channel_key: &[u8; 32],
        kits: &[Digest],
    ) -> Result<(), Refusal> {
        if self.state.orders.contains(&order.id) {
            return Err(Code::OrderSpent.because("carried out before"));
        }
        if let Some(refusal) = self.boot.refusal() {
            return Err(refusal);
        }
        let own = self.state.identity.as_ref().is_some_and(|own| own.channel_public == *channel_key);
        if cosigner != self.me || !own {
            return Err(Code::OrderSenseless.because("it names another cosigner"));
        }
        let distinct: BTreeSet<&Digest> = kits.iter().collect();
        if kits.is_empty() || kits.len() > limits::KITS || distinct.len() != kits.len() {
            return Err(Code::OrderSenseless.because("number of kits"));
        }
        Ok(())
    }

    /// A drill: what recipients opened must give back the very shares that are here. All that the order names, or none counts.
    fn drill(&mut self, order: &Order, kits: &[Digest], shares: &[LostShare], digest: &Digest) -> Result<(), Refusal> {
        if kits.len() != shares.len() {
            return Err(Code::RecoveryKit.because("not the kits that the order names"));
        }
        let mut records = Vec::new();
        for (kit, lost) in kits.iter().zip(shares) {
            let (share, certificate) = self.open_share(kit, lost, digest)?;
            let key = certificate.certificate.key;
            let held =
                self.state.keys.active.get(&key).ok_or_else(|| Code::KeyMissing.because("nothing to compare"))?;
            let same = share.expose_bytes().ok().zip(held.share.expose_bytes().ok()).is_some_and(|(a, b)| *a == *b);
            if !same {
                return Err(Code::RecoveryKit.because("it gives back another share than the one in use"));
            }
            records.push(self.drilled(key, digest)?);
        }
        records.push(Record::OrdersUsed { orders: vec![order.id] });
        self.record(&records);
        Ok(())
    }

    /// What is told and kept of a drill that has passed.
    fn drilled(&self, key: KeyId, order: &Digest) -> Result<Record, Refusal> {
        let (Some(genesis), Some(identity)) = (&self.state.genesis, &self.state.identity) else {
            return Err(Code::GenesisMissing.because("no genesis installed"));
        };
        let drill = Drill { version: 1, genesis: genesis.root(), cosigner: self.me, key, order: *order, at: self.now };
        let signature = identity.key.sign(&drill.digest());
        Ok(Record::Drilled { drill: SignedDrill { drill, signature } })
    }

    /// K3: in production nothing is signed with a key whose share here no drill has brought back.
    pub(crate) fn check_drilled(&self, keys: &[(KeyId, u32)]) -> Result<(), Refusal> {
        let production = self.state.genesis.as_ref().is_some_and(|g| g.head().assurance == Assurance::Nitro);
        match keys.iter().find(|(key, _)| !self.state.drills.contains_key(key)) {
            Some((key, _)) if production => Err(Code::RecoveryUndrilled.because(key.scheme.name())),
            _ => Ok(()),
        }
    }

    /// One share of a lost cosigner, to be kept.
    fn restore_share(&self, digest: &Digest, lost: &LostShare, order: &Digest) -> Result<[Record; 2], Refusal> {
        let key = lost.certificate.certificate.key;
        let held = self.state.keys.active.get(&key).map(|k| k.certificate.certificate.epoch);
        if held.is_some_and(|epoch| epoch >= lost.certificate.certificate.epoch) {
            return Err(Code::OrderSenseless.because("a share of that epoch or a later one is here"));
        }
        let (share, certificate) = self.open_share(digest, lost, order)?;
        let bytes = share.expose_bytes().map_err(|_| Code::Bug.because("share"))?;
        let share = Record::Share { share: bytes.to_vec().into(), certificate };
        // Recipients have just shown that they can.
        Ok([share, self.drilled(key, order)?])
    }

    /// One share, from the kit that the order names and from what its recipients opened.
    fn open_share(
        &self,
        digest: &Digest,
        lost: &LostShare,
        order: &Digest,
    ) -> Result<(KeyShare, SignedCertificate), Refusal> {
        let (Some(genesis), Some(identity)) = (&self.state.genesis, &self.state.identity) else {
            return Err(Code::GenesisMissing.because("no genesis installed"));
        };
        let refused = |error: KitError| match error {
            KitError::Part | KitError::TooFew | KitError::Key => Code::RecoveryParts.because(error.to_string()),
            _ => Code::RecoveryKit.because(error.to_string()),
        };
        let kit: RecoveryKit =
            cbor::decode(&lost.kit, limits::KIT_BYTES).map_err(|error| Code::RecoveryKit.because(error.to_string()))?;
        let certificate = &lost.certificate.certificate;
        let right = kit.digest() == *digest && kit.cosigner == self.me && kit.certificate == *certificate;
        if !right || certificate.genesis != genesis.root() || !lost.certificate.signed_within(genesis) {
            return Err(Code::RecoveryKit.because("not a kit of this cosigner that the order names"));
        }
        if lost.parts.len() > limits::KIT_RECIPIENTS {
            return Err(Code::RecoveryParts.because("too many parts"));
        }
        let open = |part| Part::unseal(&kit, part, order, &identity.channel_secret);
        let parts = lost.parts.iter().map(open).collect::<Result<Vec<Part>, KitError>>().map_err(refused)?;
        let share = kit::restore(&kit, &lost.sealed, &parts).map_err(refused)?;
        Ok((share, lost.certificate.clone()))
    }

    /// Genesis names other keys of a peer: it was replaced, and what was known of the lost one is void.
    pub(crate) fn meet_replacements(&mut self, before: &Genesis) {
        let Some(genesis) = &self.state.genesis else { return };
        let now = genesis.head().cosigners.iter();
        let replaced: Vec<CosignerIdentity> = now.filter(|c| !before.names_keys_of(c)).cloned().collect();
        for cosigner in replaced {
            if let Some(channels) = &mut self.channels {
                channels.replace(cosigner.index, cosigner.channel_key);
            }
            self.boot.forget(cosigner.index);
            self.proofs.forget(cosigner.index);
            self.end_sessions_with(cosigner.index);
            self.reconnect(cosigner.index);
        }
    }

    /// B1: a replacement that was never granted remembers nothing, so it lets nobody in: with all of a workspace lost, only the
    /// admin quorum's resume does.
    pub(crate) fn remembers_nothing(&self) -> bool {
        let replacement = self.state.genesis.as_ref().is_some_and(|g| g.is_replacement(self.me));
        replacement && self.state.whole == 0 && !self.state.granted
    }
}

/// A peer's kit, which says of itself what it must.
fn peer_kit(
    bytes: &[u8],
    from: PartyIndex,
    certificate: &KeyCertificate,
    genesis: &GenesisChain,
) -> Result<RecoveryKit, Refusal> {
    let kit: RecoveryKit = cbor::decode(bytes, limits::KIT_BYTES)
        .map_err(|error| Code::RecoveryKit.of_peers(error.to_string(), [from]))?;
    let right = kit.cosigner == from && kit.certificate == *certificate && kit.is_of(genesis);
    if right { Ok(kit) } else { Err(Code::RecoveryKit.of_peers("a kit of something else", [from])) }
}

fn false_kit(from: PartyIndex, error: &KitError) -> Refusal {
    Code::RecoveryKit.of_peers(error.to_string(), [from])
}
