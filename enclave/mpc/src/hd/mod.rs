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

mod memo;
mod node;

pub(crate) use memo::Memo;
pub(crate) use node::{Ed, Kind, Node, Secp, taproot_shift};

use k256::elliptic_curve::point::AffineCoordinates;
use ringi_primitives::scheme::Scheme;

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
    match scheme {
        Scheme::EcdsaSecp256k1 | Scheme::Bip340 => child::<Secp>(public_key, chain_code, path),
        Scheme::Ed25519 => child::<Ed>(public_key, chain_code, path),
    }
}

/// The x-only output key of a child whose only way to spend is its key (BIP-86; BIP-341 with no script tree).
///
/// # Errors
/// `PublicKey` if the child is no compressed secp256k1 key, `NoKey` with negligible probability.
pub fn taproot_output_key(child: &[u8; 33]) -> Result<[u8; 32], DeriveError> {
    let (output, _) = taproot_shift(&Secp::decode(child)?)?;
    Ok(output.x().into())
}

fn child<K: Kind>(public_key: &[u8], chain_code: &[u8; 32], path: &[u32]) -> Result<ChildKey, DeriveError> {
    check_path(path)?;
    let mut node = Node::<K>::root(public_key, *chain_code)?;
    for index in path {
        node = node.child(*index)?;
    }
    Ok(ChildKey { public_key: node.bytes.clone(), chain_code: node.chain_code })
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
