//! The key that a key service encrypts its answer to: made for one call, bound in the attestation document, never stored.

use super::cms::Enveloped;
use aws_lc_rs::cipher::{AES_256, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::rsa::{KeySize, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, PrivateDecryptingKey};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use zeroize::Zeroizing;

/// RSA-2048, the size that AWS's own clients use.
pub struct RecipientKey {
    key: OaepPrivateDecryptingKey,
    public: Vec<u8>,
}

/// A search for a key that goes on beside what else a start has to do: most of a start's time is this search.
pub struct KeySearch(Receiver<RecipientKey>);

impl KeySearch {
    /// Begins it, on two threads: how long a search for primes takes is luck, and the first of two is sooner found.
    pub fn begin() -> KeySearch {
        let (found, first) = channel();
        for _ in 0..2 {
            let found = found.clone();
            // Where no thread starts, the caller searches itself.
            let _ = thread::Builder::new().spawn(move || RecipientKey::generate().map(|key| found.send(key)));
        }
        KeySearch(first)
    }

    /// The first key that is found; the other is dropped unseen. `None` only if the library fails or no thread started.
    pub fn end(self) -> Option<RecipientKey> {
        self.0.recv().ok()
    }
}

impl RecipientKey {
    /// A fresh key. `None` only if the library fails.
    pub fn generate() -> Option<RecipientKey> {
        let key = PrivateDecryptingKey::generate(KeySize::Rsa2048).ok()?;
        let public = AsDer::<PublicKeyX509Der<'_>>::as_der(&key.public_key()).ok()?.as_ref().to_vec();
        Some(RecipientKey { key: OaepPrivateDecryptingKey::new(key).ok()?, public })
    }

    /// SubjectPublicKeyInfo in DER, for the document's `public_key`.
    pub fn public_der(&self) -> &[u8] {
        &self.public
    }

    /// Opens a `CiphertextForRecipient`. Whoever knows the public key can make one that opens: believe it only from a
    /// server that was authenticated. `None` for anything malformed or for another key.
    pub fn open(&self, envelope: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let enveloped = Enveloped::read(envelope)?;
        let mut room = Zeroizing::new(vec![0; self.key.min_output_size()]);
        let key = self.key.decrypt(&OAEP_SHA256_MGF1SHA256, &enveloped.key, &mut room, None).ok()?;
        let cipher = PaddedBlockDecryptingKey::cbc_pkcs7(UnboundCipherKey::new(&AES_256, key).ok()?).ok()?;
        let mut content = Zeroizing::new(enveloped.content);
        let context = DecryptionContext::Iv128(FixedLength::from(enveloped.iv));
        let plain = cipher.decrypt(&mut content, context).ok()?;
        Some(Zeroizing::new(plain.to_vec()))
    }
}
