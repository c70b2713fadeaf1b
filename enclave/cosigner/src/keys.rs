//! The cosigner's own keys and the distributed keys it holds shares of.

use ed25519_dalek::{Signer, SigningKey};
use rand_core::CryptoRngCore;
use ringi_chain::KeySource;
use ringi_mpc::KeyShare;
use ringi_primitives::certificate::{KeyCertificate, SignedCertificate};
use ringi_primitives::digest::Digest;
use ringi_primitives::id::OrderId;
use ringi_primitives::key::{PublicKey, SignatureBytes};
use ringi_primitives::order::KeyId;
use ringi_primitives::policy_set::RootIndex;
use ringi_primitives::scheme::Scheme;
use ringi_primitives::wallet::{KeyPosition, WalletRef};
use std::collections::BTreeMap;
use std::sync::Arc;
use zeroize::Zeroizing;

/// An Ed25519 key of this cosigner: its identity, or one boot's receipts.
pub struct OwnKey(SigningKey);

impl OwnKey {
    /// A fresh key.
    pub fn generate(rng: &mut dyn CryptoRngCore) -> OwnKey {
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(seed.as_mut_slice());
        OwnKey(SigningKey::from_bytes(&seed))
    }

    /// From its 32 secret bytes.
    pub fn from_bytes(seed: &[u8; 32]) -> OwnKey {
        OwnKey(SigningKey::from_bytes(seed))
    }

    /// Its 32 secret bytes, for sealing.
    pub fn expose_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey::Ed25519(self.0.verifying_key().to_bytes())
    }

    /// Signs a digest of ours.
    pub fn sign(&self, digest: &Digest) -> SignatureBytes {
        SignatureBytes(self.0.sign(&digest.0).to_bytes())
    }
}

/// A distributed key in use.
pub struct ActiveKey {
    /// The share of the epoch in use.
    pub share: Arc<KeyShare>,
    /// Signed by all n.
    pub certificate: SignedCertificate,
}

/// A new epoch that is not yet known durable at all n (rule K2).
pub struct PendingKey {
    /// The order that made it.
    pub order: OrderId,
    /// The new share.
    pub share: Arc<KeyShare>,
    /// What all n are to sign.
    pub certificate: KeyCertificate,
}

/// All distributed keys.
#[derive(Default)]
pub struct KeyRing {
    /// In use.
    pub active: BTreeMap<KeyId, ActiveKey>,
    /// Waiting for all n.
    pub pending: BTreeMap<KeyId, PendingKey>,
}

impl KeyRing {
    /// Whether there is no share at all.
    pub fn is_empty(&self) -> bool {
        self.active.is_empty() && self.pending.is_empty()
    }

    /// The epoch in use; 0 for none.
    pub fn epoch(&self, key: &KeyId) -> u32 {
        self.active.get(key).map_or(0, |k| k.certificate.certificate.epoch)
    }

    /// Takes a pending epoch into use, if this certificate is of exactly it. The old share is dropped (zeroized).
    pub fn activate(&mut self, certificate: &SignedCertificate) -> bool {
        let key = certificate.certificate.key;
        match self.pending.remove(&key) {
            Some(p) if p.certificate == certificate.certificate => {
                self.active.insert(key, ActiveKey { share: p.share, certificate: certificate.clone() });
                true
            }
            other => {
                other.map(|p| self.pending.insert(key, p));
                false
            }
        }
    }
}

/// A wallet's public keys, derived from the certificates this cosigner holds (rule G3).
pub struct WalletKeys<'a> {
    ring: &'a KeyRing,
    root: RootIndex,
    wallet: WalletRef,
}

impl<'a> WalletKeys<'a> {
    /// The keys of `wallet`, whose vault derives from `root`.
    pub fn new(ring: &'a KeyRing, root: RootIndex, wallet: WalletRef) -> WalletKeys<'a> {
        WalletKeys { ring, root, wallet }
    }
}

impl KeySource for WalletKeys<'_> {
    fn public_key(&self, scheme: Scheme, position: KeyPosition) -> Option<Vec<u8>> {
        let key = self.ring.active.get(&KeyId { scheme, root: self.root })?;
        let path = self.wallet.path(position)?;
        Some(key.share.child(&path).ok()?.public_key)
    }
}
