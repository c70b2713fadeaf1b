//! Unsigned bytes and a signature to what is broadcast or handed out, after checking whose signature it is.

use super::account::raw;
use super::authorization::{Authorization, SignedAuthorization};
use super::decode::{decode, own_account};
use super::envelope::Transaction;
use super::keccak::keccak256;
use super::signature::Parts;
use crate::{ChainError, KeySource, SignedTx};
use ringi_primitives::policy_set::PolicySet;
use ringi_primitives::request::{FinishedSignature, PayloadKind, Unsigned};

/// Joins payload and signature. Transactions give their broadcastable bytes and hash; authorizations the bytes that
/// [`SignedAuthorization::parse`] reads; messages and typed data the 65 bytes r ‖ s ‖ v with v 27 or 28. The id of what
/// is not broadcast is the signed digest.
///
/// # Errors
/// [`ChainError::BadSignature`] unless it is exactly one low-s signature that recovers to the wallet's account;
/// otherwise as [`decode`].
pub fn assemble(
    policy: &PolicySet,
    keys: &dyn KeySource,
    chain_id: u64,
    unsigned: &Unsigned,
    signatures: &[FinishedSignature],
) -> Result<SignedTx, ChainError> {
    let decoded = decode(policy, keys, chain_id, unsigned)?;
    let ([sighash], [signature]) = (decoded.sighashes(), signatures) else { return Err(ChainError::BadSignature) };
    let digest = sighash.expose_to_signer();
    let signature = Parts::of(signature)?;
    if signature.signer(&digest)? != raw(&own_account(keys)?)? {
        return Err(ChainError::BadSignature);
    }
    let (bytes, id) = match unsigned.kind {
        PayloadKind::Transaction => {
            let bytes = Transaction::parse(&unsigned.bytes)?.signed(&signature);
            let hash = keccak256(&bytes);
            (bytes, hash)
        }
        PayloadKind::Authorization => {
            let authorization = Authorization::parse(&unsigned.bytes)?;
            (SignedAuthorization { authorization, signature }.write().finish(), digest)
        }
        PayloadKind::TypedData | PayloadKind::Message => {
            let v = signature.odd_y.saturating_add(27);
            ([&signature.r[..], &signature.s, &[v]].concat(), digest)
        }
    };
    Ok(SignedTx { bytes, id: format!("0x{}", hex::encode(id)) })
}
