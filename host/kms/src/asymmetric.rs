//! ECC_NIST_P256 and ECC_SECG_P256K1: signatures in DER, public keys as SubjectPublicKeyInfo (RFC 5480, RFC 3279).

use crate::error::Refusal;
use crate::record::KeySpec;
use crate::secret::Secret;
use k256::ecdsa::signature::hazmat::PrehashSigner as _;

/// SEQUENCE { SEQUENCE { id-ecPublicKey, prime256v1 }, BIT STRING of 65 bytes } up to those bytes.
const P256_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// The same with secp256k1.
const K256_PREFIX: [u8; 23] = [
    0x30, 0x56, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00,
    0x0a, 0x03, 0x42, 0x00,
];
/// Of 2^128 keys one is out of range.
const TRIES: usize = 8;

/// A fresh scalar in range.
pub(crate) fn generate(spec: KeySpec) -> Result<Secret, Refusal> {
    for _ in 0..TRIES {
        let secret = Secret::random(32)?;
        if public_key(spec, &secret).is_ok() {
            return Ok(secret);
        }
    }
    Err(Refusal::internal(&"no key in range"))
}

/// A signature over a digest of 32 bytes, DER.
pub(crate) fn sign(spec: KeySpec, secret: &Secret, digest: &[u8; 32]) -> Result<Vec<u8>, Refusal> {
    let failed = |_| Refusal::internal(&"signing");
    match spec {
        KeySpec::EccNistP256 => {
            let key = p256::ecdsa::SigningKey::from_slice(secret.expose()).map_err(failed)?;
            let signature: p256::ecdsa::Signature = key.sign_prehash(digest).map_err(failed)?;
            Ok(signature.to_der().as_bytes().to_vec())
        }
        KeySpec::EccSecgP256k1 => {
            let key = k256::ecdsa::SigningKey::from_slice(secret.expose()).map_err(failed)?;
            let signature: k256::ecdsa::Signature = key.sign_prehash(digest).map_err(failed)?;
            Ok(signature.to_der().as_bytes().to_vec())
        }
        KeySpec::SymmetricDefault => Err(Refusal::internal(&"a symmetric key does not sign")),
    }
}

/// The public key, DER.
pub(crate) fn public_key(spec: KeySpec, secret: &Secret) -> Result<Vec<u8>, Refusal> {
    let failed = |_| Refusal::internal(&"a public key");
    match spec {
        KeySpec::EccNistP256 => {
            let key = p256::ecdsa::SigningKey::from_slice(secret.expose()).map_err(failed)?;
            Ok([&P256_PREFIX[..], key.verifying_key().to_sec1_point(false).as_bytes()].concat())
        }
        KeySpec::EccSecgP256k1 => {
            let key = k256::ecdsa::SigningKey::from_slice(secret.expose()).map_err(failed)?;
            Ok([&K256_PREFIX[..], key.verifying_key().to_sec1_point(false).as_bytes()].concat())
        }
        KeySpec::SymmetricDefault => Err(Refusal::internal(&"a symmetric key has no public key")),
    }
}
