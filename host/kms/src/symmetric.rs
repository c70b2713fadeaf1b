//! SYMMETRIC_DEFAULT: AES-256-GCM under a key of its own for each message, bound to the key and the encryption context.
//!
//! A blob: version 1 ‖ key id 16 ‖ material 4 ‖ salt 16 ‖ nonce 12 ‖ ciphertext ‖ tag 16. The message's key is
//! HMAC-SHA256(material, label ‖ salt): a material's use is not bounded by the number of random nonces (NIST SP 800-38D §8.3,
//! SP 800-108). AWS's own blob is opaque and not this one.

use crate::error::{Code, Refusal};
use crate::identity::KeyId;
use crate::secret::{Secret, random};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use std::collections::BTreeMap;
use zeroize::Zeroizing;

const VERSION: u8 = 1;
const LABEL: &[u8] = b"ringi-kms/v1/message";
/// Bytes of a material.
pub const MATERIAL_BYTES: usize = 32;
const HEADER: usize = 1 + 16 + 4 + 16 + 12;
const TAG: usize = 16;

/// Pairs that a caller binds to a ciphertext.
pub type EncryptionContext = BTreeMap<String, String>;

/// What a blob says of itself, before anything is believed.
pub struct Blob<'a> {
    /// The key that it names.
    pub key: KeyId,
    /// The key's material.
    pub material: u32,
    salt: [u8; 16],
    nonce: [u8; 12],
    header: &'a [u8],
    sealed: &'a [u8],
}

impl<'a> Blob<'a> {
    /// `None` if it is no blob of this server's form.
    pub fn parse(bytes: &'a [u8]) -> Option<Blob<'a>> {
        let (header, sealed) = bytes.split_at_checked(HEADER)?;
        let (version, rest) = header.split_first()?;
        let (key, rest) = rest.split_first_chunk::<16>()?;
        let (material, rest) = rest.split_first_chunk::<4>()?;
        let (salt, rest) = rest.split_first_chunk::<16>()?;
        let nonce = rest.try_into().ok()?;
        let good = *version == VERSION && sealed.len() >= TAG;
        let (key, material) = (KeyId::of_bytes(*key), u32::from_be_bytes(*material));
        good.then_some(Blob { key, material, salt: *salt, nonce, header, sealed })
    }

    /// The plaintext.
    ///
    /// # Errors
    /// `InvalidCiphertextException`: changed, of another material, or of another context.
    pub fn open(&self, material: &Secret, context: &EncryptionContext) -> Result<Secret, Refusal> {
        let key = message_key(material, &self.salt)?;
        let mut bytes = Zeroizing::new(self.sealed.to_vec());
        let nonce = Nonce::assume_unique_for_key(self.nonce);
        let opened = key.open_in_place(nonce, Aad::from(bound(self.header, context)), &mut bytes);
        let plaintext = opened.map_err(|_| Refusal::new(Code::InvalidCiphertext, ""))?.to_vec();
        Ok(Secret::new(plaintext))
    }
}

/// Encrypts under a key's material.
///
/// # Errors
/// `KMSInternalException`.
pub fn seal(
    id: &KeyId,
    version: u32,
    material: &Secret,
    context: &EncryptionContext,
    plaintext: &[u8],
) -> Result<Vec<u8>, Refusal> {
    let (salt, nonce) = (random::<16>()?, random::<12>()?);
    let mut blob = vec![VERSION];
    blob.extend_from_slice(id.bytes());
    blob.extend_from_slice(&version.to_be_bytes());
    blob.extend_from_slice(&salt);
    blob.extend_from_slice(&nonce);
    let key = message_key(material, &salt)?;
    let mut sealed = Vec::with_capacity(plaintext.len().saturating_add(TAG));
    sealed.extend_from_slice(plaintext);
    let aad = Aad::from(bound(&blob, context));
    let done = key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed);
    done.map_err(|_| Refusal::internal(&"encrypting"))?;
    blob.append(&mut sealed);
    Ok(blob)
}

fn message_key(material: &Secret, salt: &[u8; 16]) -> Result<LessSafeKey, Refusal> {
    let failed = || Refusal::internal(&"a message's key");
    let mut mac = Hmac::<Sha256>::new_from_slice(material.expose()).map_err(|_| failed())?;
    mac.update(LABEL);
    mac.update(salt);
    let bytes: Zeroizing<[u8; 32]> = Zeroizing::new(mac.finalize().into_bytes().into());
    Ok(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, bytes.as_slice()).map_err(|_| failed())?))
}

/// What the tag binds besides: the blob's header, and the context's pairs in order, each with its length.
fn bound(header: &[u8], context: &EncryptionContext) -> Vec<u8> {
    let mut all = header.to_vec();
    for text in context.iter().flat_map(|(key, value)| [key, value]) {
        all.extend_from_slice(&(text.len() as u64).to_be_bytes());
        all.extend_from_slice(text.as_bytes());
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(pairs: &[(&str, &str)]) -> EncryptionContext {
        pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect()
    }

    #[test]
    fn a_blob_opens_with_its_key_and_context_only() {
        let (id, material) = (KeyId::of_random([1; 16]), Secret::random(MATERIAL_BYTES).unwrap());
        let bound = context(&[("genesis", "ab"), ("cosigner", "1")]);
        let blob = seal(&id, 0, &material, &bound, b"share").unwrap();
        assert_eq!(blob.len(), 5 + HEADER + TAG);
        let open = |blob: &[u8], material: &Secret, context: &EncryptionContext| {
            Blob::parse(blob).and_then(|blob| blob.open(material, context).ok()).map(|s| s.expose().to_vec())
        };
        assert_eq!(open(&blob, &material, &bound).as_deref(), Some(&b"share"[..]));
        for other in [&[][..], &[("genesis", "ab")], &[("genesis", "abc"), ("osigner", "1")], &[("a", "b")]] {
            assert_eq!(open(&blob, &material, &context(other)), None, "{other:?}");
        }
        assert_eq!(open(&blob, &Secret::random(MATERIAL_BYTES).unwrap(), &bound), None);
        for at in 0..blob.len() {
            let mut changed = blob.clone();
            changed[at] ^= 1;
            assert_eq!(open(&changed, &material, &bound), None, "byte {at}");
        }
        for length in 0..blob.len() {
            assert_eq!(open(&blob[..length], &material, &bound), None, "{length} bytes");
        }
    }
}
