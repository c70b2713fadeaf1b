//! K3: a false encryption is caught, whatever its maker tries.

use frost_ed25519::Ed25519Sha512 as C;
use rand_core::{OsRng, RngCore};
use ringi_primitives::certificate::KeyCertificate;
use ringi_primitives::digest::Digest;
use ringi_primitives::genesis::RecoveryRecipient;
use ringi_primitives::id::PersonId;
use ringi_primitives::kit::{RecoveryKit, Repetition};
use ringi_primitives::order::KeyId;
use ringi_primitives::policy_set::RootIndex;
use ringi_primitives::scheme::{PartyIndex, Scheme};

use super::curve::{self, Polynomial};
use super::{KitError, cipher, open, proof, verify};

const CAUGHT: Result<(), KitError> = Err(KitError::Kit("what is open is not what was chosen"));

fn bare() -> RecoveryKit {
    RecoveryKit {
        version: 1,
        certificate: KeyCertificate {
            version: 1,
            genesis: Digest([1; 32]),
            key: KeyId { scheme: Scheme::Ed25519, root: RootIndex(0) },
            epoch: 3,
            public_key: vec![2; 32],
            chain_code: [3; 32],
        },
        cosigner: PartyIndex::new(1).unwrap(),
        commitments: vec![],
        recipients: vec![],
        sealed: Digest([4; 32]),
    }
}

fn recipients(count: u8) -> Vec<RecoveryRecipient> {
    let one = |n: u8| RecoveryRecipient {
        cosigner: PartyIndex::new(1).unwrap(),
        person: PersonId::from_bytes([n; 16]),
        key: cipher::public(&[n; 32]),
    };
    (1..=count).map(one).collect()
}

fn polynomial() -> Polynomial<C> {
    let mut seed = [0; 32];
    OsRng.fill_bytes(&mut seed);
    Polynomial::new(curve::from_seed::<C>(&seed).unwrap(), 2, &mut OsRng)
}

fn committed(polynomial: &Polynomial<C>) -> RecoveryKit {
    let commitments = polynomial.commitments().unwrap().into_iter().map(Into::into).collect();
    RecoveryKit { commitments, ..bare() }
}

/// Commits to one polynomial and encrypts the parts of another.
#[test]
fn k3_an_encryption_of_another_part_is_caught() {
    let (right, wrong) = (polynomial(), polynomial());
    let mut kit = committed(&right);
    proof::encrypt(&mut kit, &right, &recipients(3), &mut OsRng).unwrap();
    assert_eq!(verify(&kit), Ok(()));
    for _ in 0..8 {
        let mut kit = committed(&right);
        proof::encrypt(&mut kit, &wrong, &recipients(3), &mut OsRng).unwrap();
        assert_eq!(verify(&kit), CAUGHT);
    }
}

/// One recipient's encryptions are right, the other's are not.
#[test]
fn k3_one_false_recipient_spoils_the_kit() {
    let (right, wrong) = (polynomial(), polynomial());
    let (mut kit, mut other) = (committed(&right), committed(&right));
    proof::encrypt(&mut kit, &right, &recipients(2), &mut OsRng).unwrap();
    proof::encrypt(&mut other, &wrong, &recipients(2), &mut OsRng).unwrap();
    kit.recipients[1].repetitions.clone_from(&other.recipients[1].repetitions);
    assert_eq!(verify(&kit), CAUGHT);
}

/// The best that a cheat can do is to guess what will be chosen and be able to answer that alone. Each right guess of one
/// repetition halves the chance; one wrong guess of 128 is caught.
#[test]
fn k3_a_guess_of_what_is_chosen_is_caught() {
    let right = polynomial();
    let mut kit = committed(&right);
    proof::encrypt(&mut kit, &right, &recipients(2), &mut OsRng).unwrap();
    let repetition = kit.recipients[0].repetitions[77].clone();
    // Answers the other way than was chosen, with openings that are right in themselves.
    let guess = match repetition {
        Repetition::Blinding { seed, rest } => Repetition::Rest { value: seed, seed, blinding: rest },
        Repetition::Rest { seed, blinding, .. } => Repetition::Blinding { seed, rest: blinding },
    };
    kit.recipients[0].repetitions[77] = guess;
    let caught = verify(&kit);
    assert!(matches!(caught, Err(KitError::Kit(_))), "{caught:?}");
}

/// Whatever stands in the kit is in the hash.
#[test]
fn k3_a_kit_of_another_place_does_not_verify() {
    let right = polynomial();
    let mut kit = committed(&right);
    proof::encrypt(&mut kit, &right, &recipients(3), &mut OsRng).unwrap();
    type Change = fn(&mut RecoveryKit);
    let changes: [(&str, Change); 10] = [
        ("genesis", |k| k.certificate.genesis = Digest([9; 32])),
        ("root", |k| k.certificate.key.root = RootIndex(1)),
        ("epoch", |k| k.certificate.epoch = 4),
        ("public key", |k| k.certificate.public_key = vec![9; 32]),
        ("chain code", |k| k.certificate.chain_code = [9; 32]),
        ("cosigner", |k| k.cosigner = PartyIndex::new(2).unwrap()),
        ("sealed share", |k| k.sealed = Digest([9; 32])),
        ("person", |k| k.recipients[0].person = PersonId::from_bytes([9; 16])),
        ("key", |k| k.recipients[0].key = cipher::public(&[9; 32])),
        ("order of recipients", |k| k.recipients.swap(0, 1)),
    ];
    for (what, change) in changes {
        let mut changed = kit.clone();
        change(&mut changed);
        assert_eq!(verify(&changed), CAUGHT, "{what}");
    }
    for (what, change) in [
        ("a recipient less", (|k| drop(k.recipients.pop())) as Change),
        ("none", |k| k.recipients.clear()),
        ("nobody is needed", |k| k.commitments.clear()),
        ("more are needed than there are", |k| k.commitments = vec![k.commitments[0].clone(); 4]),
        ("a person twice", |k| k.recipients[1].person = k.recipients[0].person),
        ("a key twice", |k| k.recipients[1].key = k.recipients[0].key),
        ("a repetition less", |k| drop(k.recipients[2].repetitions.pop())),
        ("version", |k| k.version = 2),
    ] {
        let mut changed = kit.clone();
        change(&mut changed);
        assert!(verify(&changed).is_err(), "{what}");
    }
}

/// What is encrypted to a key of small order is encrypted to everybody.
#[test]
fn k3_a_key_that_hides_nothing_is_refused() {
    let right = polynomial();
    for weak in [[0; 32], {
        let mut one = [0; 32];
        one[0] = 1;
        one
    }] {
        let mut people = recipients(2);
        people[1].key = weak;
        let made = proof::encrypt(&mut committed(&right), &right, &people, &mut OsRng);
        assert_eq!(made, Err(KitError::Misuse("a recipient's key")));
    }
}

#[test]
fn k3_a_recipient_opens_their_own_part_alone() {
    let right = polynomial();
    let mut kit = committed(&right);
    proof::encrypt(&mut kit, &right, &recipients(3), &mut OsRng).unwrap();
    for n in 1..=3 {
        let part = open(&kit, &[n; 32]).unwrap();
        assert_eq!(
            (part.person, &*part.value),
            (kit.recipients[usize::from(n) - 1].person, &*curve::bytes::<C>(&right.at(n).unwrap()))
        );
    }
    assert_eq!(open(&kit, &[4; 32]).err(), Some(KitError::Key));
}
