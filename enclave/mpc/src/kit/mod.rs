//! Recovery kits (rule K3): a share, verifiably encrypted to people, threshold among them.
//!
//! The share's scalar x is split m of k (Feldman, FOCS 1987): a polynomial of degree m - 1 with value x at 0; the part of
//! the j-th recipient is its value at j, and the committed coefficients show every part's public point. Each part is encrypted
//! so that anybody can verify it (Camenisch and Damgård, ASIACRYPT 2000, section 3, made non-interactive by a hash). The whole
//! share, pairwise state included, is sealed under a key that follows from x: a verified kit always gives back x, an honest one
//! the whole share.
//!
//! A kit alone shows that it gives back the logarithm of its own public point. That this point is the cosigner's share is shown
//! by the kits of all n together ([`verify_all`]): their points lie on one polynomial of the right degree whose value at 0 is
//! the public key, and nobody who does not know the key can make such a set.
mod cipher;
mod curve;
mod proof;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use frost_core::Ciphersuite;
use frost_ed25519::Ed25519Sha512;
use frost_secp256k1_tr::Secp256K1Sha256TR;
use rand_core::CryptoRngCore;
use ringi_primitives::certificate::KeyCertificate;
use ringi_primitives::digest::{Digest, Domain};
use ringi_primitives::genesis::RecoveryRecipient;
use ringi_primitives::id::PersonId;
use ringi_primitives::kit::{RecoveryKit, SealedPart};
use ringi_primitives::limits;
use ringi_primitives::scheme::{PartyIndex, Scheme};
use zeroize::Zeroizing;

pub use cipher::public;

use crate::KeyShare;
use crate::share::Secret;

/// Why a kit is not made, not believed or not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KitError {
    /// The kit is not of this shape, or its encryptions do not verify.
    #[error("the kit does not verify: {0}")]
    Kit(&'static str),
    /// The kits of all cosigners are not of one key.
    #[error("the kits are not of one key: {0}")]
    Set(&'static str),
    /// The key opens nothing here, or what it opens is not what the kit says.
    #[error("the key opens no part of this kit")]
    Key,
    /// A sealed part does not open or is not of this kit.
    #[error("a sealed part does not open")]
    Part,
    /// Fewer parts of different people than the kit needs.
    #[error("too few parts of different people")]
    TooFew,
    /// The sealed share does not open to a share of the kit's certificate.
    #[error("the sealed share is not the kit's")]
    Share,
    /// Recipients or share are such that no kit can be made of them.
    #[error("no kit can be made: {0}")]
    Misuse(&'static str),
}

/// A kit and the sealed share that is kept beside it.
pub struct MadeKit {
    /// Verified.
    pub kit: RecoveryKit,
    /// The whole share under the AEAD.
    pub sealed: Vec<u8>,
}

/// A recipient's opened part: secret, wiped on drop.
pub struct Part {
    person: PersonId,
    value: Zeroizing<[u8; 32]>,
}

/// A recovery order and the key it names: what a part is sealed for.
#[derive(Clone, Copy)]
pub struct Restoration {
    /// Digest of the order.
    pub order: Digest,
    /// The replacement's channel key.
    pub channel_key: [u8; 32],
}

/// Runs a generic function for the curve of a scheme.
macro_rules! on_curve {
    ($scheme:expr, $function:ident($($argument:expr),*)) => {
        match $scheme {
            Scheme::EcdsaSecp256k1 | Scheme::Bip340 => $function::<Secp256K1Sha256TR>($($argument),*),
            Scheme::Ed25519 => $function::<Ed25519Sha512>($($argument),*),
        }
    };
}

/// Makes the kit of a share, and verifies it.
///
/// # Errors
/// [`KitError::Misuse`] for recipients or a certificate that fit no kit; never a kit that does not verify.
pub fn make(
    share: &KeyShare,
    certificate: &KeyCertificate,
    recipients: &[RecoveryRecipient],
    quorum: usize,
    rng: &mut dyn CryptoRngCore,
) -> Result<MadeKit, KitError> {
    if !is_of(share, certificate) {
        return Err(KitError::Misuse("a certificate of another share"));
    }
    if recipients.len() > limits::KIT_RECIPIENTS || !(1..=recipients.len()).contains(&quorum) {
        return Err(KitError::Misuse("number of recipients"));
    }
    let bytes = share.expose_bytes().map_err(|_| KitError::Misuse("the share does not serialise"))?;
    let scalar = scalar_bytes(share);
    let sealed = cipher::seal_share(&scalar, &share_context(certificate, share.index()), &bytes)
        .ok_or(KitError::Misuse("the share does not seal"))?;
    let mut kit = RecoveryKit {
        version: 1,
        certificate: certificate.clone(),
        cosigner: share.index(),
        commitments: Vec::new(),
        recipients: Vec::new(),
        sealed: Digest::of(Domain::SealedShare, &sealed),
    };
    on_curve!(certificate.key.scheme, fill(&mut kit, &scalar, recipients, quorum, rng))?;
    verify(&kit)?;
    Ok(MadeKit { kit, sealed })
}

/// Whether every recipient's part is encrypted as the kit says: public, without any secret. Says nothing of who the recipients
/// should be ([`RecoveryKit::is_of`]) nor whose share it is ([`verify_all`]).
///
/// # Errors
/// [`KitError::Kit`].
pub fn verify(kit: &RecoveryKit) -> Result<(), KitError> {
    on_curve!(kit.certificate.key.scheme, verify_on(kit))
}

/// Verifies the kits of all n cosigners of one epoch of a key: each by itself, and together that they are of the shares of the
/// certificate's key.
///
/// # Errors
/// [`KitError`].
pub fn verify_all(kits: &[&RecoveryKit], threshold: u8) -> Result<(), KitError> {
    kits.iter().try_for_each(|kit| verify(kit))?;
    verify_set(kits, threshold)
}

/// The second half of [`verify_all`], for kits that were verified one by one.
///
/// # Errors
/// [`KitError::Set`].
pub fn verify_set(kits: &[&RecoveryKit], threshold: u8) -> Result<(), KitError> {
    let certificate = &kits.first().ok_or(KitError::Set("none"))?.certificate;
    if kits.iter().any(|kit| kit.certificate != *certificate) {
        return Err(KitError::Set("certificates differ"));
    }
    let numbered = kits.iter().zip(1u8..).all(|(kit, n)| kit.cosigner.number() == n);
    if !numbered || threshold == 0 || kits.len() < usize::from(threshold) {
        return Err(KitError::Set("not all cosigners in order"));
    }
    on_curve!(certificate.key.scheme, same_key(kits, certificate, threshold))
}

/// A recipient opens their part of a kit with their X25519 secret. The kit is verified first.
///
/// # Errors
/// [`KitError`].
pub fn open(kit: &RecoveryKit, secret: &[u8; 32]) -> Result<Part, KitError> {
    verify(kit)?;
    on_curve!(kit.certificate.key.scheme, open_on(kit, secret))
}

impl Part {
    /// Seals it to the cosigner that takes the lost one's place, for one kit and one order.
    pub fn seal(
        &self,
        kit: &RecoveryKit,
        to: &Restoration,
        rng: &mut dyn CryptoRngCore,
    ) -> Result<SealedPart, KitError> {
        let kit = kit.digest();
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(seed.as_mut_slice());
        let context = part_context(&kit, &to.order, &self.person);
        let part = cipher::encrypt(&to.channel_key, &context, &seed, &self.value).ok_or(KitError::Key)?;
        Ok(SealedPart { kit, order: to.order, person: self.person, part: part.to_vec().into() })
    }

    /// The other end: opens a part that was sealed to this X25519 secret, and checks it against the kit.
    ///
    /// # Errors
    /// [`KitError::Part`].
    pub fn unseal(kit: &RecoveryKit, sealed: &SealedPart, order: &Digest, secret: &[u8; 32]) -> Result<Part, KitError> {
        let digest = kit.digest();
        if sealed.kit != digest || sealed.order != *order {
            return Err(KitError::Part);
        }
        let context = part_context(&digest, order, &sealed.person);
        let value = cipher::decrypt(secret, &context, &sealed.part).ok_or(KitError::Part)?;
        let part = Part { person: sealed.person, value };
        on_curve!(kit.certificate.key.scheme, is_committed(kit, &part))?;
        Ok(part)
    }
}

/// Puts the share together from parts of enough people, each checked against the kit. The kit is verified first.
///
/// # Errors
/// [`KitError`]; [`KitError::Share`] if what was kept beside the kit is not a share of its certificate with this very secret.
pub fn restore(kit: &RecoveryKit, sealed: &[u8], parts: &[Part]) -> Result<KeyShare, KitError> {
    verify(kit)?;
    if sealed.len() > limits::SEALED_SHARE_BYTES || Digest::of(Domain::SealedShare, sealed) != kit.sealed {
        return Err(KitError::Share);
    }
    let people: BTreeSet<_> = parts.iter().map(|p| p.person).collect();
    if people.len() != parts.len() || parts.len() < kit.commitments.len() {
        return Err(KitError::TooFew);
    }
    let scalar = on_curve!(kit.certificate.key.scheme, combine(kit, parts))?;
    let context = share_context(&kit.certificate, kit.cosigner);
    let bytes = cipher::open_share(&scalar, &context, sealed).ok_or(KitError::Share)?;
    let share = KeyShare::unseal_bytes(&bytes).map_err(|_| KitError::Share)?;
    let right = share.index() == kit.cosigner && is_of(&share, &kit.certificate);
    // Both are secret: the comparison takes the same time wherever they differ.
    let same = on_curve!(kit.certificate.key.scheme, same_scalar(&scalar_bytes(&share), &scalar));
    if right && same { Ok(share) } else { Err(KitError::Share) }
}

/// Whether a share is of this certificate's key and epoch.
fn is_of(share: &KeyShare, certificate: &KeyCertificate) -> bool {
    share.scheme() == certificate.key.scheme
        && share.epoch() == certificate.epoch
        && share.public_key() == certificate.public_key
        && share.chain_code() == certificate.chain_code
}

fn scalar_bytes(share: &KeyShare) -> Zeroizing<[u8; 32]> {
    match &share.secret {
        Secret::Ecdsa(party) => Zeroizing::new(party.poly_point.to_bytes().into()),
        Secret::Bip340(share) => curve::bytes::<Secp256K1Sha256TR>(&share.key.signing_share().to_scalar()),
        Secret::Ed25519(share) => curve::bytes::<Ed25519Sha512>(&share.key.signing_share().to_scalar()),
    }
}

/// What binds a sealed share to its place.
fn share_context(certificate: &KeyCertificate, cosigner: PartyIndex) -> [u8; 32] {
    crate::transcript::Framed::new("ringi/kit/share/v1")
        .part(&certificate.digest().0)
        .part(&[cosigner.number()])
        .finish()
}

/// What binds a sealed part to its kit, order and person.
fn part_context(kit: &Digest, order: &Digest, person: &PersonId) -> [u8; 32] {
    crate::transcript::Framed::new("ringi/kit/part/v1").part(&kit.0).part(&order.0).part(&person.bytes()).finish()
}

fn fill<C: Ciphersuite>(
    kit: &mut RecoveryKit,
    scalar: &[u8; 32],
    recipients: &[RecoveryRecipient],
    quorum: usize,
    rng: &mut dyn CryptoRngCore,
) -> Result<(), KitError> {
    let secret = curve::scalar::<C>(scalar).ok_or(KitError::Misuse("the share is no scalar"))?;
    let polynomial = curve::Polynomial::<C>::new(secret, quorum, rng);
    kit.commitments =
        polynomial.commitments().ok_or(KitError::Misuse("a trivial share"))?.into_iter().map(Into::into).collect();
    proof::encrypt::<C>(kit, &polynomial, recipients, rng)
}

fn verify_on<C: Ciphersuite>(kit: &RecoveryKit) -> Result<(), KitError> {
    let quorum = kit.commitments.len();
    let count = kit.recipients.len();
    let people: BTreeSet<_> = kit.recipients.iter().map(|r| r.person).collect();
    let keys: BTreeSet<_> = kit.recipients.iter().map(|r| r.key).collect();
    if kit.version != 1 || count > limits::KIT_RECIPIENTS || !(1..=count).contains(&quorum) {
        return Err(KitError::Kit("number of recipients"));
    }
    if people.len() != count || keys.len() != count {
        return Err(KitError::Kit("a recipient twice"));
    }
    let commitments = curve::commitments::<C>(kit).ok_or(KitError::Kit("a commitment is no point"))?;
    proof::verify::<C>(kit, &commitments)
}

fn open_on<C: Ciphersuite>(kit: &RecoveryKit, secret: &[u8; 32]) -> Result<Part, KitError> {
    let public = cipher::public(secret);
    let found = kit.recipients.iter().zip(1u8..).find(|(recipient, _)| recipient.key == public);
    let (recipient, at) = found.ok_or(KitError::Key)?;
    let commitments = curve::commitments::<C>(kit).ok_or(KitError::Key)?;
    let value =
        proof::decrypt::<C>(kit, recipient, at, &curve::at::<C>(&commitments, at), secret).ok_or(KitError::Key)?;
    Ok(Part { person: recipient.person, value: curve::bytes::<C>(&value) })
}

/// The part's place in the polynomial, if it is what the kit committed to.
fn check_part<C: Ciphersuite>(kit: &RecoveryKit, part: &Part) -> Result<(u8, curve::Scalar<C>), KitError> {
    let mut places = kit.recipients.iter().zip(1u8..).filter(|(r, _)| r.person == part.person);
    let (_, at) = places.next().ok_or(KitError::Part)?;
    let commitments = curve::commitments::<C>(kit).ok_or(KitError::Part)?;
    let value = curve::scalar::<C>(&part.value).ok_or(KitError::Part)?;
    if curve::times_base::<C>(&value) == curve::at::<C>(&commitments, at) {
        Ok((at, value))
    } else {
        Err(KitError::Part)
    }
}

fn is_committed<C: Ciphersuite>(kit: &RecoveryKit, part: &Part) -> Result<(), KitError> {
    check_part::<C>(kit, part).map(|_| ())
}

fn combine<C: Ciphersuite>(kit: &RecoveryKit, parts: &[Part]) -> Result<Zeroizing<[u8; 32]>, KitError> {
    let parts: Vec<_> = parts.iter().map(|part| check_part::<C>(kit, part)).collect::<Result<_, _>>()?;
    let secret = curve::interpolate::<C>(&parts).ok_or(KitError::Part)?;
    let point = curve::commitments::<C>(kit).and_then(|c| c.first().copied());
    if point == Some(curve::times_base::<C>(&secret)) { Ok(curve::bytes::<C>(&secret)) } else { Err(KitError::Part) }
}

fn same_scalar<C: Ciphersuite>(one: &[u8; 32], other: &[u8; 32]) -> bool {
    // Fields of FROST compare in constant time.
    matches!((curve::scalar::<C>(one), curve::scalar::<C>(other)), (Some(a), Some(b)) if a == b)
}

/// Any `threshold` points give the public key and every other point.
fn same_key<C: Ciphersuite>(
    kits: &[&RecoveryKit],
    certificate: &KeyCertificate,
    threshold: u8,
) -> Result<(), KitError> {
    let mut points = Vec::new();
    for kit in kits {
        let first = kit.commitments.first().and_then(|bytes| curve::point::<C>(bytes));
        points.push((kit.cosigner.number(), first.ok_or(KitError::Set("a point is none"))?));
    }
    let key = curve::point::<C>(&certificate.public_key).ok_or(KitError::Set("the public key is no point"))?;
    let (base, others) = points.split_at_checked(usize::from(threshold)).ok_or(KitError::Set("too few"))?;
    if curve::interpolate_points::<C>(base, 0) != Some(key) {
        return Err(KitError::Set("the shares are of another key"));
    }
    let on = |(at, point): &(u8, curve::Point<C>)| curve::interpolate_points::<C>(base, *at) == Some(*point);
    if others.iter().all(on) { Ok(()) } else { Err(KitError::Set("the shares are of another degree")) }
}
