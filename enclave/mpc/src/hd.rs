//! Derivation of child public keys, offline and without any share: BIP-32 non-hardened for the secp256k1 schemes, our
//! own additive one for Ed25519, and the BIP-86 output key. Hardened steps need the whole private key, which exists nowhere.
//!
//! # Ed25519
//! No standard derives Ed25519 public keys from public keys; ours is BIP-32 with other numbers. For parent key A (32
//! bytes), chain code c and index i < 2^31:
//!
//! ```text
//! I = HMAC-SHA512(key = c, data = "ringi/hd/ed25519/v1" || A || be32(i));  I_L = first 32 bytes, I_R = the others
//! d = I_L read little-endian with its four top bits cleared;               A' = A + d*B;  c' = I_R
//! ```
//!
//! d is uniform below 2^252 and the group order l exceeds 2^252 by less than 2^125, so d is uniform modulo l up to a distance of
//! 2^-127 and always canonical. A' stays in the prime-order subgroup because A is checked to be in it and d*B is. It is
//! safe where BIP32-Ed25519 is delicate: that one must keep clamped scalars clamped, while our scalars are shares modulo l
//! that were never clamped, and RFC 8032 verification asks nothing of the scalar. Children are related keys; a signature
//! for one says nothing about another because the challenge hashes R, A' and the message. As with every non-hardened
//! derivation, one child's private key together with the parent's public key and chain code gives the parent's private key.

use frost_core::{Field, Group};
use frost_ed25519::{Ed25519Group, Ed25519ScalarField};
use hmac::{Hmac, KeyInit, Mac};
use k256::elliptic_curve::PrimeField;
use k256::elliptic_curve::group::GroupEncoding;
use k256::elliptic_curve::point::AffineCoordinates;
use k256::{AffinePoint, ProjectivePoint, Scalar};
use ringi_primitives::scheme::Scheme;
use sha2::{Digest, Sha256, Sha512};
use zeroize::{Zeroize, Zeroizing};

/// The longest path.
pub const MAX_DEPTH: usize = 16;
/// Indices from here on would be hardened.
pub const HARDENED: u32 = 1 << 31;

/// A derived public key: 33 bytes compressed SEC 1 for the secp256k1 schemes, 32 bytes for Ed25519.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildKey {
    /// The key.
    pub public_key: Vec<u8>,
    /// Its chain code.
    pub chain_code: [u8; 32],
}

/// Why a derivation is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DeriveError {
    /// The key is not an encoded point of the scheme's group.
    #[error("not a public key of this scheme")]
    PublicKey,
    /// The path holds a hardened index.
    #[error("hardened derivation is impossible for a distributed key")]
    Hardened,
    /// The path is longer than [`MAX_DEPTH`].
    #[error("path is too long")]
    TooDeep,
    /// This index gives no valid key (probability below 2^-127); take another.
    #[error("no key at this index")]
    NoKey,
}

/// The child of a public key at a path of non-hardened indices (BIP-32 "CKDpub"; for Ed25519 see the module text).
/// The empty path gives the key itself, checked.
///
/// # Errors
/// See [`DeriveError`].
pub fn derive_public(
    scheme: Scheme,
    public_key: &[u8],
    chain_code: &[u8; 32],
    path: &[u32],
) -> Result<ChildKey, DeriveError> {
    Ok(match scheme {
        Scheme::EcdsaSecp256k1 | Scheme::Bip340 => {
            let shifted = shift_secp(public_key, chain_code, path)?;
            ChildKey { public_key: shifted.point.to_bytes().to_vec(), chain_code: shifted.chain_code }
        }
        Scheme::Ed25519 => {
            let shifted = shift_ed(public_key, chain_code, path)?;
            ChildKey { public_key: shifted.point.to_vec(), chain_code: shifted.chain_code }
        }
    })
}

/// The x-only output key of a child whose only way to spend is its key (BIP-86; BIP-341 with no script tree).
///
/// # Errors
/// `PublicKey` if the child is no compressed secp256k1 key, `NoKey` with negligible probability.
pub fn taproot_output_key(child: &[u8; 33]) -> Result<[u8; 32], DeriveError> {
    let point = secp_point(child)?;
    let tweak = taproot_tweak(&point)?;
    let even = if bool::from(point.y_is_odd()) { -ProjectivePoint::from(point) } else { point.into() };
    let output = even + ProjectivePoint::mul_by_generator(&tweak);
    if output == ProjectivePoint::IDENTITY {
        return Err(DeriveError::NoKey);
    }
    Ok(output.to_affine().x().into())
}

/// A child and the scalar by which its private key differs from the root's: child = root + shift (mod the order).
/// The shift is as sensitive as the chain code.
pub(crate) struct Shifted<P, S: Zeroize> {
    pub(crate) point: P,
    pub(crate) chain_code: [u8; 32],
    pub(crate) shift: Zeroizing<S>,
}

/// hashTapTweak(x) of BIP-341 for an empty script tree.
pub(crate) fn taproot_tweak(point: &AffinePoint) -> Result<Scalar, DeriveError> {
    let tag = Sha256::digest(b"TapTweak");
    let hash = Sha256::new().chain_update(tag).chain_update(tag).chain_update(point.x()).finalize();
    secp_scalar(&hash.into()).ok_or(DeriveError::NoKey)
}

pub(crate) fn secp_point(bytes: &[u8]) -> Result<AffinePoint, DeriveError> {
    let repr: [u8; 33] = bytes.try_into().map_err(|_| DeriveError::PublicKey)?;
    let point = Option::<AffinePoint>::from(AffinePoint::from_bytes(&repr.into())).ok_or(DeriveError::PublicKey)?;
    if point == AffinePoint::IDENTITY {
        return Err(DeriveError::PublicKey);
    }
    Ok(point)
}

/// A canonical scalar, or `None`.
fn secp_scalar(bytes: &[u8; 32]) -> Option<Scalar> {
    Scalar::from_repr((*bytes).into()).into()
}

pub(crate) fn shift_secp(
    public_key: &[u8],
    chain_code: &[u8; 32],
    path: &[u32],
) -> Result<Shifted<AffinePoint, Scalar>, DeriveError> {
    check_path(path)?;
    let mut point = secp_point(public_key)?;
    let mut code = *chain_code;
    let mut shift = Zeroizing::new(Scalar::ZERO);
    for index in path {
        let (left, right) = hmac(&code, &[point.to_bytes().as_slice(), &index.to_be_bytes()]);
        let step = secp_scalar(&left).ok_or(DeriveError::NoKey)?;
        point = (ProjectivePoint::mul_by_generator(&step) + point).to_affine();
        if point == AffinePoint::IDENTITY {
            return Err(DeriveError::NoKey);
        }
        *shift += step;
        code = right;
    }
    Ok(Shifted { point, chain_code: code, shift })
}

type EdScalar = <Ed25519ScalarField as Field>::Scalar;

pub(crate) fn shift_ed(
    public_key: &[u8],
    chain_code: &[u8; 32],
    path: &[u32],
) -> Result<Shifted<[u8; 32], EdScalar>, DeriveError> {
    check_path(path)?;
    let mut bytes: [u8; 32] = public_key.try_into().map_err(|_| DeriveError::PublicKey)?;
    // Refuses the identity, non-canonical encodings and points outside the prime-order subgroup.
    let mut point = Ed25519Group::deserialize(&bytes).map_err(|_| DeriveError::PublicKey)?;
    let mut code = *chain_code;
    let mut shift = Zeroizing::new(Ed25519ScalarField::zero());
    for index in path {
        let (mut left, right) = hmac(&code, &[b"ringi/hd/ed25519/v1", &bytes, &index.to_be_bytes()]);
        left[31] &= 0x0f;
        let step = Ed25519ScalarField::deserialize(&left).map_err(|_| DeriveError::NoKey)?;
        point += Ed25519Group::generator() * step;
        bytes = Ed25519Group::serialize(&point).map_err(|_| DeriveError::NoKey)?;
        *shift += step;
        code = right;
    }
    Ok(Shifted { point: bytes, chain_code: code, shift })
}

fn check_path(path: &[u32]) -> Result<(), DeriveError> {
    if path.len() > MAX_DEPTH {
        return Err(DeriveError::TooDeep);
    }
    if path.iter().any(|index| *index >= HARDENED) {
        return Err(DeriveError::Hardened);
    }
    Ok(())
}

/// HMAC-SHA512 in two halves.
fn hmac(key: &[u8; 32], parts: &[&[u8]]) -> ([u8; 32], [u8; 32]) {
    let mut mac = <Hmac<Sha512> as KeyInit>::new(&padded(key));
    for part in parts {
        mac.update(part);
    }
    let bytes: [u8; 64] = mac.finalize().into_bytes().into();
    let (mut left, mut right) = ([0; 32], [0; 32]);
    left.copy_from_slice(&bytes[..32]);
    right.copy_from_slice(&bytes[32..]);
    (left, right)
}

/// HMAC pads a short key with zeros to the block size (RFC 2104 §2); doing it here makes the call infallible.
fn padded(key: &[u8; 32]) -> hmac::digest::Key<Hmac<Sha512>> {
    let mut block = hmac::digest::Key::<Hmac<Sha512>>::default();
    for (to, from) in block.iter_mut().zip(key) {
        *to = *from;
    }
    block
}
