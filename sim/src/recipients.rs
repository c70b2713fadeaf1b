//! Made-up people who open recovery kits (rule K3), and the way of a lost share back.

use crate::world::{World, party};
use rand_core::OsRng;
use ringi_mpc::kit::{self, Restoration};
use ringi_primitives::cbor;
use ringi_primitives::certificate::SignedCertificate;
use ringi_primitives::digest::{Digest, Domain};
use ringi_primitives::genesis::RecoveryRecipient;
use ringi_primitives::id::PersonId;
use ringi_primitives::kit::{RecoveryKit, SealedPart};
use ringi_primitives::order::{NextNonce, OrderAction};
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::signed::Signed;
use ringi_primitives::wire::{FromCosigner, LostShare, ToCosigner};

/// Recipients of one cosigner; two of them open its kit.
const EACH: u8 = 3;

/// A kit and the sealed share beside it, as the host keeps them.
#[derive(Clone)]
pub struct KeptKit {
    /// The kit.
    pub kit: RecoveryKit,
    /// The sealed share.
    pub sealed: Vec<u8>,
}

/// The secret key of a cosigner's recipient, numbered from 1.
pub fn secret(cosigner: PartyIndex, recipient: u8) -> [u8; 32] {
    [cosigner.number() * 16 + recipient; 32]
}

/// Three recipients of each of three cosigners, nine people in all.
pub fn recipients() -> Vec<RecoveryRecipient> {
    let one = |p: PartyIndex, n: u8| RecoveryRecipient {
        cosigner: p,
        person: PersonId::from_bytes([p.number() * 16 + n; 16]),
        key: kit::public(&secret(p, n)),
    };
    (1..=3).map(party).flat_map(|p| (1..=EACH).map(move |n| one(p, n))).collect()
}

impl World {
    /// Asks a cosigner for the kits of all its keys.
    pub fn kits(&mut self, p: PartyIndex) -> Vec<KeptKit> {
        self.take_said(p);
        self.tell(p, ToCosigner::MakeKits);
        let kept = |f| match f {
            FromCosigner::RecoveryKit { kit, sealed, .. } => {
                Some(KeptKit { kit: cbor::decode(&kit, usize::MAX).expect("a kit"), sealed: sealed.to_vec() })
            }
            _ => None,
        };
        self.take_said(p).into_iter().filter_map(kept).collect()
    }

    /// The order to restore these kits into the cosigner that genesis names now, with this policy in force.
    pub fn recovery_order(&mut self, kits: &[KeptKit], policy: Digest, nonces: Vec<NextNonce>) -> Signed {
        let cosigner = kits.first().expect("a kit").kit.cosigner;
        let channel_key = self.genesis().head().cosigner(cosigner).expect("named").channel_key;
        let kits = kits.iter().map(|k| k.kit.digest()).collect();
        self.order(OrderAction::Recovery { cosigner, channel_key, kits, policy, nonces })
    }
}

impl World {
    /// A drill of all keys of this cosigner, opened by these recipients: `passed`, or the code of its refusal (rule K3).
    pub fn drill(&mut self, p: PartyIndex, certificates: &[SignedCertificate], people: &[u8]) -> String {
        let kits = self.kits(p);
        let order = self.drill_order(p, &kits);
        let channel_key = self.genesis().head().cosigner(p).expect("named").channel_key;
        let share = |k: &KeptKit| lost(k, certificates, parts(&k.kit, &order, channel_key, people));
        let shares = kits.iter().map(share).collect();
        self.hand_in(p, order, shares)
    }

    /// The order to open these kits for this cosigner.
    pub fn drill_order(&mut self, cosigner: PartyIndex, kits: &[KeptKit]) -> Signed {
        let channel_key = self.genesis().head().cosigner(cosigner).expect("named").channel_key;
        let kits = kits.iter().map(|k| k.kit.digest()).collect();
        self.order(OrderAction::Drill { cosigner, channel_key, kits })
    }

    /// What a cosigner answers to a drill or recovery: `passed`, or the code of its refusal.
    pub fn hand_in(&mut self, p: PartyIndex, order: Signed, shares: Vec<LostShare>) -> String {
        self.take_said(p);
        self.tell(p, ToCosigner::Restore { order, shares });
        let word = self.take_said(p).into_iter().find_map(|f| match f {
            FromCosigner::DocumentRefused { refusal, .. } => Some(refusal.code),
            FromCosigner::OrderDone { .. } => Some("passed".into()),
            _ => None,
        });
        word.expect("an answer")
    }
}

/// What these recipients of the kit's cosigner, by number, open and seal for the order's cosigner.
pub fn parts(kit: &RecoveryKit, order: &Signed, channel_key: [u8; 32], people: &[u8]) -> Vec<SealedPart> {
    let to = Restoration { order: order.digest(Domain::Order), channel_key };
    let one = |n: &u8| {
        let part = kit::open(kit, &secret(kit.cosigner, *n)).expect("their own part");
        part.seal(kit, &to, &mut OsRng).expect("sealed")
    };
    people.iter().map(one).collect()
}

/// One share to restore with these parts.
pub fn lost(kept: &KeptKit, certificates: &[SignedCertificate], parts: Vec<SealedPart>) -> LostShare {
    let certificate = certificates.iter().find(|c| c.certificate == kept.kit.certificate).expect("its certificate");
    LostShare {
        kit: cbor::encode(&kept.kit).into(),
        sealed: kept.sealed.clone().into(),
        certificate: certificate.clone(),
        parts,
    }
}
