//! CMS EnvelopedData (RFC 5652) in the very form that AWS KMS sends: BER with indefinite lengths.
//!
//! RSAES-OAEP with SHA-256 (RFC 8017) carries an AES-256 key, AES-256-CBC with PKCS#7 padding the content (RFC 3565).
//! Nothing authenticates it: whoever knows the public key can make one. Readers must prove what they find by other means.

use crate::error::Refusal;
use crate::secret::{Secret, random};
use aws_lc_rs::cipher::{AES_256, EncryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey};

const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const NULL: u8 = 0x05;
const OBJECT: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
/// `[0]` constructed, and primitive.
const CONTEXT_0: u8 = 0xa0;
const CONTEXT_0_PRIMITIVE: u8 = 0x80;
const CONTEXT_1: u8 = 0xa1;
const INDEFINITE: u8 = 0x80;
const END_OF_CONTENTS: [u8; 2] = [0, 0];

/// 1.2.840.113549.1.7.3
const ENVELOPED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x03];
/// 1.2.840.113549.1.7.1
const DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];
/// 1.2.840.113549.1.1.7
const RSAES_OAEP: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x07];
/// 1.2.840.113549.1.1.8
const MGF1: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08];
/// 2.16.840.1.101.3.4.2.1
const SHA_256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
/// 2.16.840.1.101.3.4.1.42
const AES_256_CBC: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2a];

/// Seals bytes for an RSA key. The key's id, 32 bytes, is what the recipient is named by.
pub(crate) fn envelope(key: &OaepPublicEncryptingKey, key_id: &[u8; 32], plaintext: &[u8]) -> Result<Vec<u8>, Refusal> {
    let failed = |_| Refusal::internal(&"sealing for a recipient");
    let content_key = Secret::random(32)?;
    let mut wrapped = vec![0; key.ciphertext_size()];
    let wrapped = key.encrypt(&OAEP_SHA256_MGF1SHA256, content_key.expose(), &mut wrapped, None).map_err(failed)?;
    let iv = random::<16>()?;
    let cipher = UnboundCipherKey::new(&AES_256, content_key.expose()).map_err(failed)?;
    let cipher = PaddedBlockEncryptingKey::cbc_pkcs7(cipher).map_err(failed)?;
    // The plaintext's copy becomes the ciphertext; room for the padding keeps it from being moved on the way.
    let mut content = Vec::with_capacity(plaintext.len().saturating_add(32));
    content.extend_from_slice(plaintext);
    cipher.less_safe_encrypt(&mut content, EncryptionContext::Iv128(FixedLength::from(iv))).map_err(failed)?;
    Ok(write(key_id, wrapped, &iv, &content))
}

fn write(key_id: &[u8; 32], wrapped: &[u8], iv: &[u8; 16], content: &[u8]) -> Vec<u8> {
    let sha_256 = [element(OBJECT, SHA_256), element(NULL, &[])].concat();
    let hash = element(CONTEXT_0, &element(SEQUENCE, &sha_256));
    let mask = [element(OBJECT, MGF1), element(SEQUENCE, &sha_256)].concat();
    let mask = element(CONTEXT_1, &element(SEQUENCE, &mask));
    let oaep = [element(OBJECT, RSAES_OAEP), element(SEQUENCE, &[hash, mask].concat())].concat();
    let recipient = [
        element(INTEGER, &[2]),
        element(CONTEXT_0_PRIMITIVE, key_id),
        element(SEQUENCE, &oaep),
        element(OCTETS, wrapped),
    ];
    let cipher = [element(OBJECT, AES_256_CBC), element(OCTETS, iv)].concat();
    let encrypted =
        [element(OBJECT, DATA), element(SEQUENCE, &cipher), open_element(CONTEXT_0, &element(OCTETS, content))];
    let enveloped = [
        element(INTEGER, &[2]),
        element(SET, &element(SEQUENCE, &recipient.concat())),
        open_element(SEQUENCE, &encrypted.concat()),
    ];
    let content_info =
        [element(OBJECT, ENVELOPED_DATA), open_element(CONTEXT_0, &open_element(SEQUENCE, &enveloped.concat()))];
    open_element(SEQUENCE, &content_info.concat())
}

/// With a definite length, in the fewest bytes.
fn element(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let length = body.len().to_be_bytes();
    let length: Vec<u8> = length.into_iter().skip_while(|byte| *byte == 0).collect();
    match length.as_slice() {
        [] => out.push(0),
        [short] if *short < 0x80 => out.push(*short),
        long => {
            // At most eight: the length of a usize.
            out.push(INDEFINITE | long.len() as u8);
            out.extend_from_slice(long);
        }
    }
    out.extend_from_slice(body);
    out
}

/// With an indefinite length, ended by two zero bytes.
fn open_element(tag: u8, body: &[u8]) -> Vec<u8> {
    [&[tag, INDEFINITE], body, &END_OF_CONTENTS].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_take_the_fewest_bytes() {
        assert_eq!(element(OCTETS, &[])[..], [4, 0]);
        assert_eq!(element(OCTETS, &[1; 127])[..3], [4, 127, 1]);
        assert_eq!(element(OCTETS, &[1; 128])[..4], [4, 0x81, 128, 1]);
        assert_eq!(element(OCTETS, &[1; 256])[..5], [4, 0x82, 1, 0, 1]);
    }

    /// The skeleton of a real answer (aws-nitro-enclaves-sdk-c, tests/kmstool-enclaves/cms_test.c): 477 bytes for 28.
    #[test]
    fn an_answer_for_rsa_2048_is_as_long_as_awss() {
        assert_eq!(write(&[0; 32], &[0; 256], &[0; 16], &[0; 48]).len(), 493);
    }
}
