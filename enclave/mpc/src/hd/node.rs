//! One step of derivation in each of the two groups, with the scalar that belongs to it.

use frost_core::{Field, Group};
use frost_ed25519::{Ed25519Group, Ed25519ScalarField};
use hmac::{Hmac, KeyInit, Mac};
use k256::elliptic_curve::PrimeField;
use k256::elliptic_curve::group::GroupEncoding;
use k256::elliptic_curve::point::AffineCoordinates;
use k256::{AffinePoint, ProjectivePoint, Scalar};
use sha2::{Digest, Sha256, Sha512};
use zeroize::Zeroize;

use super::DeriveError;

/// A group in which children are derived.
pub(crate) trait Kind {
    type Point: Clone;
    type Scalar: Clone + Zeroize;

    /// A point that is a possible public key.
    fn decode(bytes: &[u8]) -> Result<Self::Point, DeriveError>;
    fn encode(point: &Self::Point) -> Vec<u8>;
    fn zero() -> Self::Scalar;
    /// The parent's bytes and the chain code give the step's scalar and the child's chain code.
    fn step(parent: &[u8], chain_code: &[u8; 32], index: u32) -> Result<(Self::Scalar, [u8; 32]), DeriveError>;
    /// point + step * generator, and the step added to the shift; `NoKey` if that is the identity.
    fn add(
        point: &Self::Point,
        shift: &Self::Scalar,
        step: &Self::Scalar,
    ) -> Result<(Self::Point, Self::Scalar), DeriveError>;
}

/// A derived key: its private key would be root + shift (modulo the order). The shift is as sensitive as the chain code.
#[derive(Clone)]
pub(crate) struct Node<K: Kind> {
    pub(crate) point: K::Point,
    pub(crate) bytes: Vec<u8>,
    pub(crate) chain_code: [u8; 32],
    pub(crate) shift: K::Scalar,
}

impl<K: Kind> Node<K> {
    pub(crate) fn root(public_key: &[u8], chain_code: [u8; 32]) -> Result<Node<K>, DeriveError> {
        Ok(Node { point: K::decode(public_key)?, bytes: public_key.to_vec(), chain_code, shift: K::zero() })
    }

    pub(crate) fn child(&self, index: u32) -> Result<Node<K>, DeriveError> {
        let (mut step, chain_code) = K::step(&self.bytes, &self.chain_code, index)?;
        let (point, shift) = K::add(&self.point, &self.shift, &step)?;
        step.zeroize();
        Ok(Node { bytes: K::encode(&point), point, chain_code, shift })
    }
}

impl<K: Kind> Drop for Node<K> {
    fn drop(&mut self) {
        self.shift.zeroize();
    }
}

/// secp256k1, as BIP-32 has it.
#[derive(Clone)]
pub(crate) struct Secp;

impl Kind for Secp {
    type Point = AffinePoint;
    type Scalar = Scalar;

    fn decode(bytes: &[u8]) -> Result<AffinePoint, DeriveError> {
        let repr: [u8; 33] = bytes.try_into().map_err(|_| DeriveError::PublicKey)?;
        let point = Option::<AffinePoint>::from(AffinePoint::from_bytes(&repr.into())).ok_or(DeriveError::PublicKey)?;
        if point == AffinePoint::IDENTITY { Err(DeriveError::PublicKey) } else { Ok(point) }
    }

    fn encode(point: &AffinePoint) -> Vec<u8> {
        point.to_bytes().to_vec()
    }

    fn zero() -> Scalar {
        Scalar::ZERO
    }

    fn step(parent: &[u8], chain_code: &[u8; 32], index: u32) -> Result<(Scalar, [u8; 32]), DeriveError> {
        let (left, right) = hmac(chain_code, &[parent, &index.to_be_bytes()]);
        Ok((canonical(left)?, right))
    }

    fn add(point: &AffinePoint, shift: &Scalar, step: &Scalar) -> Result<(AffinePoint, Scalar), DeriveError> {
        let child = (ProjectivePoint::mul_by_generator(step) + point).to_affine();
        if child == AffinePoint::IDENTITY { Err(DeriveError::NoKey) } else { Ok((child, *shift + step)) }
    }
}

/// A scalar below the order, as BIP-32 and BIP-341 demand of a hash.
fn canonical(bytes: [u8; 32]) -> Result<Scalar, DeriveError> {
    Option::from(Scalar::from_repr(bytes.into())).ok_or(DeriveError::NoKey)
}

/// BIP-341 for an empty script tree: the output point of a key, and the hash that was added to the even-y form of the key.
pub(crate) fn taproot_shift(point: &AffinePoint) -> Result<(AffinePoint, Scalar), DeriveError> {
    let tag = Sha256::digest(b"TapTweak");
    let hash = Sha256::new().chain_update(tag).chain_update(tag).chain_update(point.x()).finalize();
    let tweak = canonical(hash.into())?;
    let even = if bool::from(point.y_is_odd()) { -*point } else { *point };
    let (output, _) = Secp::add(&even, &Scalar::ZERO, &tweak)?;
    Ok((output, tweak))
}

/// Ed25519, as the parent module describes.
#[derive(Clone)]
pub(crate) struct Ed;

impl Kind for Ed {
    type Point = <Ed25519Group as Group>::Element;
    type Scalar = <Ed25519ScalarField as Field>::Scalar;

    /// Refuses the identity, non-canonical encodings and points outside the prime-order subgroup.
    fn decode(bytes: &[u8]) -> Result<Self::Point, DeriveError> {
        let repr: [u8; 32] = bytes.try_into().map_err(|_| DeriveError::PublicKey)?;
        Ed25519Group::deserialize(&repr).map_err(|_| DeriveError::PublicKey)
    }

    fn encode(point: &Self::Point) -> Vec<u8> {
        point.compress().to_bytes().to_vec()
    }

    fn zero() -> Self::Scalar {
        Ed25519ScalarField::zero()
    }

    fn step(parent: &[u8], chain_code: &[u8; 32], index: u32) -> Result<(Self::Scalar, [u8; 32]), DeriveError> {
        let (mut left, right) = hmac(chain_code, &[b"ringi/hd/ed25519/v1", parent, &index.to_be_bytes()]);
        let [.., top] = &mut left;
        *top &= 0x0f;
        Ok((Ed25519ScalarField::deserialize(&left).map_err(|_| DeriveError::NoKey)?, right))
    }

    fn add(
        point: &Self::Point,
        shift: &Self::Scalar,
        step: &Self::Scalar,
    ) -> Result<(Self::Point, Self::Scalar), DeriveError> {
        let child = point + Ed25519Group::generator() * step;
        if child == Ed25519Group::identity() { Err(DeriveError::NoKey) } else { Ok((child, shift + step)) }
    }
}

/// HMAC-SHA512 in two halves.
fn hmac(key: &[u8; 32], parts: &[&[u8]]) -> ([u8; 32], [u8; 32]) {
    // HMAC pads a short key with zeros to the block size (RFC 2104 §2); doing it here makes the call infallible.
    let mut block = hmac::digest::Key::<Hmac<Sha512>>::default();
    block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    let mut mac = <Hmac<Sha512> as KeyInit>::new(&block);
    for part in parts {
        mac.update(part);
    }
    let bytes: [u8; 64] = mac.finalize().into_bytes().into();
    let (mut left, mut right) = ([0; 32], [0; 32]);
    let (head, tail) = bytes.split_at(32);
    left.copy_from_slice(head);
    right.copy_from_slice(tail);
    (left, right)
}
