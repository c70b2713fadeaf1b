//! Public keys of people and programs, and the one way a signature of theirs is checked.

use crate::digest::Digest;
use minicbor::{Decode, Encode};

/// A person's or program's verification key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub enum PublicKey {
    /// Ed25519 (RFC 8032), 32 bytes.
    #[n(0)]
    Ed25519(
        #[n(0)]
        #[cbor(with = "minicbor::bytes")]
        [u8; 32],
    ),
    /// ECDSA P-256 with SHA-256, 33 bytes compressed SEC 1.
    #[n(1)]
    P256(
        #[n(0)]
        #[cbor(with = "minicbor::bytes")]
        [u8; 33],
    ),
}

/// A 64-byte signature: Ed25519, or r ‖ s.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct SignatureBytes(
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub [u8; 64],
);

impl PublicKey {
    /// Whether `signature` over `message` verifies: strictly for Ed25519 (no small-order keys, no malleable forms),
    /// ECDSA-SHA256 for P-256. A malformed key verifies nothing.
    pub fn verifies(&self, message: &[u8], signature: &SignatureBytes) -> bool {
        match self {
            PublicKey::Ed25519(raw) => ed25519_dalek::VerifyingKey::from_bytes(raw)
                .map(|k| k.verify_strict(message, &ed25519_dalek::Signature::from_bytes(&signature.0)).is_ok())
                .unwrap_or(false),
            PublicKey::P256(raw) => {
                use p256::ecdsa::signature::Verifier;
                let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(raw);
                let sig = p256::ecdsa::Signature::from_slice(&signature.0);
                matches!((key, sig), (Ok(k), Ok(s)) if k.verify(message, &s).is_ok())
            }
        }
    }

    /// The same for a DER signature, as authenticators make them; only P-256 keys have those.
    pub fn verifies_der(&self, message: &[u8], signature: &[u8]) -> bool {
        let PublicKey::P256(raw) = self else { return false };
        use p256::ecdsa::signature::Verifier;
        let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(raw);
        let signature = p256::ecdsa::Signature::from_der(signature);
        matches!((key, signature), (Ok(k), Ok(s)) if k.verify(message, &s).is_ok())
    }

    /// Whether `signature` verifies over a digest's 32 bytes: how every document of ours is signed.
    pub fn verifies_digest(&self, digest: &Digest, signature: &SignatureBytes) -> bool {
        self.verifies(&digest.0, signature)
    }

    /// `ed25519:<hex>` or `p256:<hex>`: the form of configuration files and `keyid` parameters.
    pub fn text(&self) -> String {
        match self {
            PublicKey::Ed25519(raw) => format!("ed25519:{}", hex::encode(raw)),
            PublicKey::P256(raw) => format!("p256:{}", hex::encode(raw)),
        }
    }

    /// The inverse of [`PublicKey::text`]; refuses points that are not on the curve.
    pub fn from_text(text: &str) -> Option<PublicKey> {
        let (kind, digits) = text.split_once(':')?;
        let key = match kind {
            "ed25519" => {
                let raw = <[u8; 32]>::try_from(hex::decode(digits).ok()?).ok()?;
                ed25519_dalek::VerifyingKey::from_bytes(&raw).ok().filter(|k| !k.is_weak())?;
                PublicKey::Ed25519(raw)
            }
            "p256" => {
                let raw = <[u8; 33]>::try_from(hex::decode(digits).ok()?).ok()?;
                p256::ecdsa::VerifyingKey::from_sec1_bytes(&raw).ok()?;
                PublicKey::P256(raw)
            }
            _ => return None,
        };
        (key.text() == text).then_some(key)
    }
}

impl serde::Serialize for PublicKey {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.text())
    }
}

impl<'de> serde::Deserialize<'de> for PublicKey {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        PublicKey::from_text(&text).ok_or_else(|| serde::de::Error::custom("key is not ed25519:<hex> or p256:<hex>"))
    }
}
