//! Encryption to an X25519 key, all of it determined by a seed; and the AEAD of the whole share.
//!
//! Hashed ElGamal with ChaCha20-Poly1305: every key encrypts one message, so that the nonce is zero. A share's key may come to
//! encrypt two forms of it, so its nonce follows from the form.

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Key, KeyInit, Nonce};
use curve25519_dalek::MontgomeryPoint;
use zeroize::Zeroizing;

use crate::transcript::Framed;

/// Ephemeral key, 32 bytes of value, tag.
pub(super) const CIPHERTEXT_BYTES: usize = 32 + 32 + 16;

/// The nonce of a key that encrypts one message.
const ONCE: [u8; 12] = [0; 12];

/// The X25519 key of a secret (RFC 7748).
pub fn public(secret: &[u8; 32]) -> [u8; 32] {
    MontgomeryPoint::mul_base_clamped(*secret).to_bytes()
}

/// Encrypts 32 bytes; the same seed, context and value give the same bytes. `None` for a key of small order, which hides nothing.
pub(super) fn encrypt(
    to: &[u8; 32],
    context: &[u8; 32],
    seed: &[u8; 32],
    value: &[u8; 32],
) -> Option<[u8; CIPHERTEXT_BYTES]> {
    let secret = Zeroizing::new(Framed::new("ringi/kit/ephemeral/v1").part(seed).part(context).finish());
    let ephemeral = public(&secret);
    let key = agreed(&secret, to, &ephemeral, to, context)?;
    let body = seal(&key, &ONCE, context, value)?;
    let mut out = [0; CIPHERTEXT_BYTES];
    let all = ephemeral.iter().chain(&body);
    out.iter_mut().zip(all).for_each(|(to, from)| *to = *from);
    Some(out)
}

/// The value, if these bytes are an encryption to this secret's key in this context.
pub(super) fn decrypt(secret: &[u8; 32], context: &[u8; 32], bytes: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    if bytes.len() != CIPHERTEXT_BYTES {
        return None;
    }
    let (ephemeral, body) = bytes.split_first_chunk::<32>()?;
    let key = agreed(secret, ephemeral, ephemeral, &public(secret), context)?;
    let value = open(&key, &ONCE, context, body)?;
    let mut out = Zeroizing::new([0; 32]);
    if value.len() != out.len() {
        return None;
    }
    out.copy_from_slice(&value);
    Some(out)
}

/// K3: the key of one encryption; `None` if the exchange adds nothing (RFC 7748, section 6.1).
fn agreed(
    secret: &[u8; 32],
    with: &[u8; 32],
    ephemeral: &[u8; 32],
    to: &[u8; 32],
    context: &[u8; 32],
) -> Option<Zeroizing<[u8; 32]>> {
    let shared = Zeroizing::new(MontgomeryPoint(*with).mul_clamped(*secret).to_bytes());
    if shared.iter().fold(0, |all, byte| all | byte) == 0 {
        return None;
    }
    let key = Framed::new("ringi/kit/key/v1").part(shared.as_slice()).part(ephemeral).part(to).part(context);
    Some(Zeroizing::new(key.finish()))
}

/// Seals the whole share under a key that follows from its secret scalar.
pub(super) fn seal_share(scalar: &[u8; 32], context: &[u8; 32], share: &[u8]) -> Option<Vec<u8>> {
    let key = share_key(scalar, context);
    let hash = Framed::new("ringi/kit/share-nonce/v1").part(key.as_slice()).part(share).finish();
    let nonce = hash.first_chunk::<12>()?;
    Some([nonce.as_slice(), &seal(&key, nonce, context, share)?].concat())
}

pub(super) fn open_share(scalar: &[u8; 32], context: &[u8; 32], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, body) = sealed.split_first_chunk::<12>()?;
    open(&share_key(scalar, context), nonce, context, body)
}

fn share_key(scalar: &[u8; 32], context: &[u8; 32]) -> Zeroizing<[u8; 32]> {
    Zeroizing::new(Framed::new("ringi/kit/share-key/v1").part(scalar).part(context).finish())
}

fn seal(key: &[u8; 32], nonce: &[u8; 12], context: &[u8; 32], plain: &[u8]) -> Option<Vec<u8>> {
    let payload = Payload { msg: plain, aad: context };
    ChaCha20Poly1305::new(Key::from_slice(key)).encrypt(Nonce::from_slice(nonce), payload).ok()
}

fn open(key: &[u8; 32], nonce: &[u8; 12], context: &[u8; 32], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let payload = Payload { msg: sealed, aad: context };
    ChaCha20Poly1305::new(Key::from_slice(key)).decrypt(Nonce::from_slice(nonce), payload).ok().map(Zeroizing::new)
}
