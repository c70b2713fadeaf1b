//! Key refreshes under orders of the admins while cosigners die (rules G2, K2): an interrupted one is run again, under a new order.

use super::host::Host;
use ringi_primitives::certificate::SignedCertificate;
use ringi_primitives::id::OrderId;
use ringi_primitives::order::{KeyId, Order, OrderAction};
use ringi_primitives::policy_set::RootIndex;
use ringi_primitives::scheme::{PartyIndex, Scheme};
use ringi_primitives::wire::ToCosigner;
use std::collections::{BTreeMap, BTreeSet};

/// The key whose refresh takes seconds: seldom.
pub const ECDSA: KeyId = KeyId { scheme: Scheme::EcdsaSecp256k1, root: RootIndex(0) };
/// The key whose refresh takes milliseconds.
pub const BIP340: KeyId = KeyId { scheme: Scheme::Bip340, root: RootIndex(0) };

/// The refresh under way, if any, and what came of all.
#[derive(Default)]
pub struct Refreshes {
    current: Option<OrderId>,
    /// Who has not said how it ended.
    open: BTreeSet<PartyIndex>,
    ended: BTreeMap<OrderId, SignedCertificate>,
}

impl Refreshes {
    /// Whether it takes part in one that has not ended.
    pub fn runs_at(&self, p: PartyIndex) -> bool {
        self.open.contains(&p)
    }

    /// It says that the order is carried out.
    pub fn done(&mut self, p: PartyIndex, order: OrderId, certificate: Option<SignedCertificate>) {
        self.refused(p, order);
        let certificate = certificate.expect("a refresh gives a certificate");
        let first = self.ended.entry(order).or_insert_with(|| certificate.clone());
        assert_eq!(*first, certificate, "one order, one certificate");
    }

    /// It refused the order, or its ceremony failed.
    pub fn refused(&mut self, p: PartyIndex, order: OrderId) {
        if self.current == Some(order) {
            self.open.remove(&p);
        }
    }

    /// How many were carried out.
    pub fn count(&self) -> u64 {
        self.ended.len() as u64
    }
}

impl Host {
    /// The admins order the next epoch of a key; now and then whatever became of the order before.
    pub fn refresh(&mut self) {
        if !self.refreshes.open.is_empty() && self.below(3) > 0 {
            return;
        }
        let key = if self.below(8) == 0 { ECDSA } else { BIP340 };
        let epoch = self.epoch(key) + 1;
        let signed = self.world.order(OrderAction::Refresh { key, epoch, clear_bans: vec![] });
        let order: Order = signed.decode_unverified(usize::MAX).expect("our own order");
        self.refreshes.current = Some(order.id);
        self.refreshes.open = self.world.parties().into_iter().collect();
        for p in self.world.parties() {
            self.world.tell(p, ToCosigner::Order { order: signed.clone() });
            self.copies.tell(p, ToCosigner::Order { order: signed.clone() }, self.world.now);
        }
    }

    /// The newest epoch that anybody uses.
    pub fn epoch(&mut self, key: KeyId) -> u32 {
        let mut newest = 0;
        for p in self.world.parties() {
            let certificates = self.status(p).map(|s| s.certificates).unwrap_or_default();
            let of_key = certificates.iter().filter(|c| c.certificate.key == key);
            newest = of_key.map(|c| c.certificate.epoch).fold(newest, u32::max);
        }
        newest
    }
}
