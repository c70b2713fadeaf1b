//! K3: kits of whole shares give them back to enough people, and to nobody else.

use rand_core::OsRng;
use ringi_mpc::KeyShare;
use ringi_mpc::kit::{self, KitError, MadeKit, Part, Restoration};
use ringi_primitives::cbor;
use ringi_primitives::certificate::KeyCertificate;
use ringi_primitives::digest::Digest;
use ringi_primitives::genesis::RecoveryRecipient;
use ringi_primitives::id::PersonId;
use ringi_primitives::kit::RecoveryKit;
use ringi_primitives::order::KeyId;
use ringi_primitives::policy_set::RootIndex;
use ringi_primitives::scheme::{PartyIndex, Scheme};

use crate::ceremonies::{task, verify};
use crate::net::{cached, refresh, sign};

/// The replacement's channel secret.
const CHANNEL: [u8; 32] = [77; 32];
const ORDER: Digest = Digest([5; 32]);

fn recipients(cosigner: PartyIndex) -> Vec<RecoveryRecipient> {
    let secret = |n: u8| [cosigner.number() * 10 + n; 32];
    let one = |n| RecoveryRecipient { cosigner, person: PersonId::from_bytes([n; 16]), key: kit::public(&secret(n)) };
    (1..=3).map(one).collect()
}

fn certificate(share: &KeyShare) -> KeyCertificate {
    KeyCertificate {
        version: 1,
        genesis: Digest([1; 32]),
        key: KeyId { scheme: share.scheme(), root: RootIndex(0) },
        epoch: share.epoch(),
        public_key: share.public_key().to_vec(),
        chain_code: share.chain_code(),
    }
}

fn made(share: &KeyShare) -> MadeKit {
    kit::make(share, &certificate(share), &recipients(share.index()), 2, &mut OsRng).unwrap()
}

/// The parts of these recipients, opened, sealed to the replacement and unsealed there.
fn parts(kit: &RecoveryKit, people: &[u8]) -> Vec<Part> {
    let to = Restoration { order: ORDER, channel_key: kit::public(&CHANNEL) };
    let one = |n: &u8| {
        let opened = kit::open(kit, &[kit.cosigner.number() * 10 + n; 32]).unwrap();
        Part::unseal(kit, &opened.seal(kit, &to, &mut OsRng).unwrap(), &ORDER, &CHANNEL).unwrap()
    };
    people.iter().map(one).collect()
}

/// The drill: all n shares of every scheme come back from two of three people each, and sign under the same key.
#[test]
fn k3_all_shares_come_back_from_their_kits_and_sign() {
    for scheme in Scheme::ALL {
        let shares = cached(scheme);
        let kits: Vec<MadeKit> = shares.iter().map(made).collect();
        let all: Vec<&RecoveryKit> = kits.iter().map(|m| &m.kit).collect();
        kit::verify_all(&all, 2).unwrap();
        let people: [&[u8]; 3] = [&[1, 2], &[3, 1], &[2, 3]];
        let back = |(made, people): (&MadeKit, &[u8])| {
            kit::restore(&made.kit, &made.sealed, &parts(&made.kit, people)).unwrap()
        };
        let restored: Vec<KeyShare> = kits.iter().zip(people).map(back).collect();
        for (share, restored) in shares.iter().zip(&restored) {
            assert_eq!(share.facts(), restored.facts());
        }
        let task = task(&[44, 60, 0], 9);
        for signers in [[1, 2], [2, 3]] {
            verify(&shares[0], &task, &sign(&restored, &signers, std::slice::from_ref(&task))[0]);
        }
        // Refreshed from what came back: the pairwise state is whole too.
        verify(&shares[0], &task, &sign(&refresh(&restored), &[1, 3], std::slice::from_ref(&task))[0]);
    }
}

#[test]
fn k3_too_few_people_restore_nothing() {
    let share = &cached(Scheme::Ed25519)[0];
    let made = made(share);
    let restore = |parts: &[Part]| kit::restore(&made.kit, &made.sealed, parts).map(|s| s.epoch());
    assert_eq!(restore(&parts(&made.kit, &[2])), Err(KitError::TooFew));
    assert_eq!(restore(&[]), Err(KitError::TooFew));
    assert_eq!(restore(&parts(&made.kit, &[2, 2])), Err(KitError::TooFew), "one person twice");
    assert_eq!(restore(&parts(&made.kit, &[1, 2, 3])), Ok(0));
}

#[test]
fn k3_a_sealed_part_opens_for_its_kit_order_and_cosigner_alone() {
    let [one, two, _] = cached(Scheme::Bip340) else { panic!("2 of 3") };
    let (kit, other) = (made(one).kit, made(two).kit);
    let to = Restoration { order: ORDER, channel_key: kit::public(&CHANNEL) };
    let sealed = kit::open(&kit, &[11; 32]).unwrap().seal(&kit, &to, &mut OsRng).unwrap();
    let unseal = |kit, sealed, order, secret| Part::unseal(kit, sealed, order, secret).map(|_| ());
    assert_eq!(unseal(&kit, &sealed, &ORDER, &CHANNEL), Ok(()));
    assert_eq!(unseal(&kit, &sealed, &ORDER, &[78; 32]), Err(KitError::Part), "sealed to somebody else");
    assert_eq!(unseal(&kit, &sealed, &Digest([6; 32]), &CHANNEL), Err(KitError::Part), "another order");
    assert_eq!(unseal(&other, &sealed, &ORDER, &CHANNEL), Err(KitError::Part), "another kit");
    let mut claims = [sealed.clone(), sealed.clone(), sealed.clone(), sealed.clone()];
    claims[0].kit = other.digest();
    claims[1].order = Digest([6; 32]);
    claims[2].person = PersonId::from_bytes([2; 16]);
    claims[3].part[40] ^= 1;
    for (at, claim) in claims.iter().enumerate() {
        assert_eq!(unseal(&kit, claim, &ORDER, &CHANNEL), Err(KitError::Part), "claim {at}");
    }
    assert_eq!(unseal(&other, &claims[0], &ORDER, &CHANNEL), Err(KitError::Part));
    assert_eq!(unseal(&kit, &claims[1], &Digest([6; 32]), &CHANNEL), Err(KitError::Part));
}

/// Wherever one byte of a kit is changed, it is no kit or does not verify; of the sealed share, it does not open.
#[test]
fn k3_a_changed_byte_is_seen() {
    let share = &cached(Scheme::Ed25519)[1];
    let MadeKit { kit, sealed } = made(share);
    let bytes = cbor::encode(&kit);
    let takes = |bytes: &[u8]| cbor::decode::<RecoveryKit>(bytes, usize::MAX).is_ok_and(|k| kit::verify(&k).is_ok());
    assert!(takes(&bytes));
    // The head, where everything else stands, closer; the repetitions by a step that meets every field of theirs.
    for at in (0..400).step_by(5).chain((400..bytes.len()).step_by(4999)).chain([bytes.len() - 1]) {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        assert!(!takes(&changed), "byte {at}");
    }
    let opened = parts(&kit, &[1, 3]);
    for at in [0, sealed.len() / 2, sealed.len() - 1] {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        assert_eq!(kit::restore(&kit, &changed, &opened).err(), Some(KitError::Share));
    }
}

/// A kit of a point of one's own making verifies alone, and fits no set.
#[test]
fn k3_kits_of_another_key_make_no_set() {
    for scheme in Scheme::ALL {
        let shares = cached(scheme);
        let kits: Vec<RecoveryKit> = shares.iter().map(|s| made(s).kit).collect();
        let set = |kits: &[&RecoveryKit], t| kit::verify_set(kits, t);
        let [a, b, c] = [&kits[0], &kits[1], &kits[2]];
        assert_eq!(set(&[a, b, c], 2), Ok(()));
        assert_eq!(set(&[a, c, b], 2), Err(KitError::Set("not all cosigners in order")));
        assert_eq!(set(&[a], 2), Err(KitError::Set("not all cosigners in order")));
        assert_eq!(set(&[], 2), Err(KitError::Set("none")));
        // Three points of a line are also on a parabola, and of three the line's value at 0 is the key.
        assert_eq!(set(&[a, b, c], 3), Ok(()));
        let refreshed: Vec<RecoveryKit> = refresh(shares).iter().map(|s| made(s).kit).collect();
        assert_eq!(set(&[a, b, &refreshed[2]], 2), Err(KitError::Set("certificates differ")));
    }
    // Of the same certificate, a share of another epoch: what a cosigner would hand out that keeps its share to itself.
    let shares = cached(Scheme::Ed25519);
    let old: Vec<RecoveryKit> = shares.iter().map(|s| made(s).kit).collect();
    let liar = refresh(shares).remove(2);
    let claimed = KeyShare::unseal_bytes(&{
        let mut bytes = liar.expose_bytes().unwrap().to_vec();
        bytes[5..9].copy_from_slice(&[0; 4]);
        bytes
    })
    .unwrap();
    let lie = made(&claimed).kit;
    assert_eq!(kit::verify(&lie), Ok(()));
    assert_eq!(kit::verify_set(&[&old[0], &old[1], &lie], 2), Err(KitError::Set("the shares are of another degree")));
    assert_eq!(kit::verify_set(&[&old[0], &old[1], &lie], 3), Err(KitError::Set("the shares are of another key")));
}

#[test]
fn k3_no_kit_for_nobody_or_for_another_certificate() {
    let share = &cached(Scheme::Ed25519)[0];
    let people = recipients(share.index());
    let make = |certificate: &KeyCertificate, people: &[RecoveryRecipient], quorum| {
        kit::make(share, certificate, people, quorum, &mut OsRng).err()
    };
    let right = certificate(share);
    let number = Some(KitError::Misuse("number of recipients"));
    assert_eq!(make(&right, &people, 2), None);
    assert_eq!(make(&right, &[], 0), number);
    assert_eq!(make(&right, &people, 0), number);
    assert_eq!(make(&right, &people, 4), number);
    let other = KeyCertificate { epoch: 1, ..right };
    assert_eq!(make(&other, &people, 2), Some(KitError::Misuse("a certificate of another share")));
}
