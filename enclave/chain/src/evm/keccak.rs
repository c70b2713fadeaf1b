//! Keccak-256 as Ethereum uses it (the original padding, not SHA3-256 of FIPS 202).

use sha3::{Digest as _, Keccak256};

/// Keccak-256 of the bytes.
pub fn keccak256(bytes: &[u8]) -> [u8; 32] {
    keccak256_parts(&[bytes])
}

/// Keccak-256 of the concatenation.
pub(super) fn keccak256_parts(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Keccak256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}
