//! A key's file: `RKMS` 1 ‖ nonce 24 ‖ XChaCha20-Poly1305 over the whole record, bound to the key's id.

use crate::error::Refusal;
use crate::identity::KeyId;
use crate::record::{Facts, KeyRecord};
use crate::secret::{Secret, random};
use crate::wrapping::PendingImport;
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use minicbor::bytes::ByteSlice;
use minicbor::{Decode, Encode};
use ringi_primitives::time::UnixMs;
use zeroize::Zeroizing;

/// Bytes of the master key.
pub(crate) const MASTER_BYTES: usize = 32;
const MAGIC: &[u8; 5] = b"RKMS\x01";
const NONCE: usize = 24;

/// The key that opens every file.
pub(crate) struct MasterKey(Zeroizing<[u8; MASTER_BYTES]>);

/// A record as it is kept.
#[derive(Encode, Decode)]
struct Kept<'a> {
    #[b(0)]
    facts: &'a str,
    #[b(1)]
    material: Option<&'a ByteSlice>,
    #[b(2)]
    import: Option<KeptImport<'a>>,
}

#[derive(Encode, Decode)]
struct KeptImport<'a> {
    #[b(0)]
    wrapping: &'a ByteSlice,
    #[b(1)]
    token: &'a ByteSlice,
    #[n(2)]
    until_ms: u64,
}

impl MasterKey {
    pub(crate) fn new(bytes: Zeroizing<[u8; MASTER_BYTES]>) -> MasterKey {
        MasterKey(bytes)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(self.0.as_slice().into())
    }

    pub(crate) fn seal(&self, key: &KeyRecord) -> Result<Vec<u8>, Refusal> {
        let facts = serde_json::to_string(&key.facts).map_err(|e| Refusal::internal(&e))?;
        let kept = Kept {
            facts: &facts,
            material: key.material.as_ref().map(|m| m.expose().into()),
            import: key.import.as_ref().map(|import| KeptImport {
                wrapping: import.wrapping.expose().into(),
                token: import.token.expose().into(),
                until_ms: import.until.0,
            }),
        };
        let plain = Zeroizing::new(minicbor::to_vec(&kept).map_err(|e| Refusal::internal(&e))?);
        let nonce = random::<NONCE>()?;
        let payload = Payload { msg: &plain, aad: &bound(&key.facts.id) };
        let sealed = self.cipher().encrypt(XNonce::from_slice(&nonce), payload);
        let sealed = sealed.map_err(|_| Refusal::internal(&"sealing a key"))?;
        Ok([MAGIC, &nonce[..], &sealed].concat())
    }

    /// `None` if it is not exactly what was sealed for this id.
    pub(crate) fn open(&self, id: &KeyId, bytes: &[u8]) -> Option<KeyRecord> {
        let (nonce, sealed) = bytes.strip_prefix(MAGIC)?.split_first_chunk::<NONCE>()?;
        let payload = Payload { msg: sealed, aad: &bound(id) };
        let plain = Zeroizing::new(self.cipher().decrypt(XNonce::from_slice(nonce), payload).ok()?);
        let kept: Kept<'_> = minicbor::decode(&plain).ok()?;
        let secret = |bytes: &ByteSlice| Secret::new(bytes.to_vec());
        let facts: Facts = serde_json::from_str(kept.facts).ok()?;
        (facts.id == *id).then(|| KeyRecord {
            facts,
            material: kept.material.map(secret),
            import: kept.import.map(|import| PendingImport {
                wrapping: secret(import.wrapping),
                token: secret(import.token),
                until: UnixMs(import.until_ms),
            }),
        })
    }
}

fn bound(id: &KeyId) -> Vec<u8> {
    [&MAGIC[..], id.bytes()].concat()
}
