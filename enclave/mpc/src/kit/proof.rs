//! Verifiable encryption of a part s with public point S, by cut and choose.
//!
//! Each repetition splits s = r + v with a random r, shows R = rG and encrypts both. A hash of everything then opens one of the
//! two: the seed of r's encryption, or v and the seed of its encryption. Whoever can answer both ways has encrypted an s with
//! sG = S; with 128 repetitions a false encryption is accepted with probability 2^-128. R is left out of the kit: what is open
//! gives it.

use frost_core::Ciphersuite;
use rand_core::CryptoRngCore;
use ringi_primitives::cbor;
use ringi_primitives::genesis::RecoveryRecipient;
use ringi_primitives::kit::{KitRecipient, REPETITIONS, RecoveryKit, Repetition};
use zeroize::Zeroizing;

use super::KitError;
use super::cipher::{self, CIPHERTEXT_BYTES};
use super::curve::{self, Point, Polynomial, Scalar};
use crate::transcript::Framed;

const UNENCRYPTED: KitError = KitError::Misuse("a recipient's key");
const MALFORMED: KitError = KitError::Kit("an encryption is malformed");

/// The two summands of a part.
#[derive(Clone, Copy)]
enum Summand {
    Blinding = 0,
    Rest = 1,
}

/// One repetition before its challenge; secret.
struct Prepared {
    blinding_seed: Zeroizing<[u8; 32]>,
    rest_seed: Zeroizing<[u8; 32]>,
    rest: Zeroizing<[u8; 32]>,
    shown: Shown,
}

/// What the hash takes in of one repetition.
struct Shown {
    point: Vec<u8>,
    blinding: Vec<u8>,
    rest: Vec<u8>,
}

/// Encrypts every recipient's part into the kit, whose other fields are final.
pub(super) fn encrypt<C: Ciphersuite>(
    kit: &mut RecoveryKit,
    polynomial: &Polynomial<C>,
    recipients: &[RecoveryRecipient],
    rng: &mut dyn CryptoRngCore,
) -> Result<(), KitError> {
    let empty = |r: &RecoveryRecipient| KitRecipient { person: r.person, key: r.key, repetitions: Vec::new() };
    kit.recipients = recipients.iter().map(empty).collect();
    let header = header(kit);
    let mut prepared = Vec::new();
    for (recipient, at) in kit.recipients.iter().zip(1u8..) {
        let part = polynomial.at(at).ok_or(KitError::Misuse("the share is no scalar"))?;
        let one = |n| prepare::<C>(&part, &recipient.key, Place { header, at, repetition: n }, rng);
        prepared.push((0u8..).take(REPETITIONS).map(one).collect::<Option<Vec<_>>>().ok_or(UNENCRYPTED)?);
    }
    let challenge = challenge(&header, prepared.iter().flatten().map(|p| &p.shown));
    for ((recipient, prepared), at) in kit.recipients.iter_mut().zip(prepared).zip(1u8..) {
        let opened = prepared.into_iter().zip(choices(&challenge, at)).map(|(p, choice)| p.answer(choice));
        recipient.repetitions = opened.collect();
    }
    Ok(())
}

/// K3: whether every recipient's encryptions are what the commitments say.
pub(super) fn verify<C: Ciphersuite>(kit: &RecoveryKit, commitments: &[Point<C>]) -> Result<(), KitError> {
    let header = header(kit);
    let mut shown = Vec::new();
    for (recipient, at) in kit.recipients.iter().zip(1u8..) {
        if recipient.repetitions.len() != REPETITIONS {
            return Err(KitError::Kit("number of repetitions"));
        }
        let part = curve::at::<C>(commitments, at);
        for (repetition, n) in recipient.repetitions.iter().zip(0u8..) {
            let place = Place { header, at, repetition: n };
            shown.push(show::<C>(repetition, &part, &recipient.key, place).ok_or(MALFORMED)?);
        }
    }
    let challenge = challenge(&header, shown.iter());
    for (recipient, at) in kit.recipients.iter().zip(1u8..) {
        let opened = recipient.repetitions.iter().map(|r| match r {
            Repetition::Blinding { .. } => Summand::Blinding as u8,
            Repetition::Rest { .. } => Summand::Rest as u8,
        });
        if !opened.eq(choices(&challenge, at).map(|choice| choice as u8)) {
            return Err(KitError::Kit("what is open is not what was chosen"));
        }
    }
    Ok(())
}

/// The part: of a verified kit, some repetition gives it.
pub(super) fn decrypt<C: Ciphersuite>(
    kit: &RecoveryKit,
    recipient: &KitRecipient,
    at: u8,
    point: &Point<C>,
    secret: &[u8; 32],
) -> Option<Scalar<C>> {
    let header = header(kit);
    let one = |(repetition, n): (&Repetition, u8)| {
        let place = Place { header, at, repetition: n };
        let (open, hidden) = match repetition {
            Repetition::Blinding { seed, rest } => {
                (curve::from_seed::<C>(seed)?, cipher::decrypt(secret, &place.context(Summand::Rest), rest)?)
            }
            Repetition::Rest { value, blinding, .. } => {
                (curve::scalar::<C>(value)?, cipher::decrypt(secret, &place.context(Summand::Blinding), blinding)?)
            }
        };
        let part = open + curve::scalar::<C>(&hidden)?;
        (curve::times_base::<C>(&part) == *point).then_some(part)
    };
    recipient.repetitions.iter().zip(0u8..).find_map(one)
}

/// Where an encryption stands: it opens nowhere else.
#[derive(Clone, Copy)]
struct Place {
    header: [u8; 32],
    at: u8,
    repetition: u8,
}

impl Place {
    fn context(&self, summand: Summand) -> [u8; 32] {
        let place = [self.at, self.repetition, summand as u8];
        Framed::new("ringi/kit/encryption/v1").part(&self.header).part(&place).finish()
    }
}

impl Prepared {
    fn answer(self, choice: Summand) -> Repetition {
        match choice {
            Summand::Blinding => Repetition::Blinding { seed: *self.blinding_seed, rest: self.shown.rest.into() },
            Summand::Rest => {
                let blinding = self.shown.blinding.into();
                Repetition::Rest { value: *self.rest, seed: *self.rest_seed, blinding }
            }
        }
    }
}

fn prepare<C: Ciphersuite>(
    part: &Scalar<C>,
    key: &[u8; 32],
    place: Place,
    rng: &mut dyn CryptoRngCore,
) -> Option<Prepared> {
    let (mut blinding_seed, mut rest_seed) = (Zeroizing::new([0; 32]), Zeroizing::new([0; 32]));
    rng.fill_bytes(blinding_seed.as_mut_slice());
    rng.fill_bytes(rest_seed.as_mut_slice());
    let blinding = curve::from_seed::<C>(&blinding_seed)?;
    let rest = curve::bytes::<C>(&(*part - blinding));
    let shown = Shown {
        point: curve::point_bytes::<C>(&curve::times_base::<C>(&blinding))?,
        blinding: sealed(key, place, Summand::Blinding, &blinding_seed, &curve::bytes::<C>(&blinding))?,
        rest: sealed(key, place, Summand::Rest, &rest_seed, &rest)?,
    };
    Some(Prepared { blinding_seed, rest_seed, rest, shown })
}

/// What one answered repetition must have shown.
fn show<C: Ciphersuite>(repetition: &Repetition, part: &Point<C>, key: &[u8; 32], place: Place) -> Option<Shown> {
    let whole = |bytes: &[u8]| (bytes.len() == CIPHERTEXT_BYTES).then(|| bytes.to_vec());
    match repetition {
        Repetition::Blinding { seed, rest } => {
            let blinding = curve::from_seed::<C>(seed)?;
            Some(Shown {
                point: curve::point_bytes::<C>(&curve::times_base::<C>(&blinding))?,
                blinding: sealed(key, place, Summand::Blinding, seed, &curve::bytes::<C>(&blinding))?,
                rest: whole(rest)?,
            })
        }
        Repetition::Rest { value, seed, blinding } => Some(Shown {
            point: curve::point_bytes::<C>(&(*part - curve::times_base::<C>(&curve::scalar::<C>(value)?)))?,
            blinding: whole(blinding)?,
            rest: sealed(key, place, Summand::Rest, seed, value)?,
        }),
    }
}

fn sealed(key: &[u8; 32], place: Place, summand: Summand, seed: &[u8; 32], value: &[u8; 32]) -> Option<Vec<u8>> {
    cipher::encrypt(key, &place.context(summand), seed, value).map(|bytes| bytes.to_vec())
}

/// Everything of the kit but the encryptions.
fn header(kit: &RecoveryKit) -> [u8; 32] {
    let mut header = Framed::new("ringi/kit/header/v1")
        .part(&[kit.version, kit.cosigner.number()])
        .part(&cbor::encode(&kit.certificate))
        .part(&kit.sealed.0)
        .part(&(kit.commitments.len() as u64).to_be_bytes());
    for commitment in &kit.commitments {
        header = header.part(commitment);
    }
    for recipient in &kit.recipients {
        header = header.part(&recipient.person.bytes()).part(&recipient.key);
    }
    header.finish()
}

fn challenge<'a>(header: &[u8; 32], shown: impl Iterator<Item = &'a Shown>) -> [u8; 32] {
    let challenge = Framed::new("ringi/kit/challenge/v1").part(header);
    shown.fold(challenge, |hash, one| hash.part(&one.point).part(&one.blinding).part(&one.rest)).finish()
}

/// Which summand of each repetition is opened to everybody.
fn choices(challenge: &[u8; 32], at: u8) -> impl Iterator<Item = Summand> {
    let bits = Framed::new("ringi/kit/choices/v1").part(challenge).part(&[at]).finish();
    let bit = |byte: u8, n: u8| if byte >> n & 1 == 0 { Summand::Blinding } else { Summand::Rest };
    bits.into_iter().flat_map(move |byte| (0..8).map(move |n| bit(byte, n))).take(REPETITIONS)
}
