//! ECDSA signatures as EVM chains take them: low-s, with the parity that gives the signer's key back.

use super::account::{Raw, raw_of_point};
use crate::ChainError;
use k256::ecdsa::{RecoveryId, Signature, VerifyingKey};
use ringi_primitives::request::FinishedSignature;
use ruint::aliases::U256;

/// A well-formed signature: r and s in range, s low (EIP-2), parity 0 or 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parts {
    pub(super) odd_y: u8,
    pub(super) r: [u8; 32],
    pub(super) s: [u8; 32],
}

impl Parts {
    /// Splits a finished signature.
    pub(super) fn of(signature: &FinishedSignature) -> Result<Parts, ChainError> {
        let (r, s) = signature.bytes.split_first_chunk::<32>().ok_or(ChainError::BadSignature)?;
        let s = s.first_chunk::<32>().ok_or(ChainError::BadSignature)?;
        let odd_y = signature.recovery_id.ok_or(ChainError::BadSignature)?;
        Ok(Parts { odd_y, r: *r, s: *s })
    }

    /// The account whose key made this signature over the digest.
    pub(super) fn signer(&self, digest: &[u8; 32]) -> Result<Raw, ChainError> {
        let signature = Signature::from_scalars(self.r, self.s).map_err(|_| ChainError::BadSignature)?;
        if signature.normalize_s() != signature || self.odd_y > 1 {
            return Err(ChainError::BadSignature);
        }
        let id = RecoveryId::from_byte(self.odd_y).ok_or(ChainError::BadSignature)?;
        let key = VerifyingKey::recover_from_prehash(digest, &signature, id).map_err(|_| ChainError::BadSignature)?;
        raw_of_point(&k256::PublicKey::from(&key))
    }

    pub(super) fn r_number(&self) -> U256 {
        U256::from_be_bytes(self.r)
    }

    pub(super) fn s_number(&self) -> U256 {
        U256::from_be_bytes(self.s)
    }
}
