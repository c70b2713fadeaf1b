//! COSE_Sign1 (RFC 9052 §4.2) as an NSM writes it: ES384 in the protected header, nothing beside it.

use crate::document::DOCUMENT_BYTES;
use crate::error::AttestationError;
use crate::read::{end, entries, malformed};
use minicbor::data::{Tag, Type};
use minicbor::{Decoder, Encoder};

/// r ‖ s of ECDSA over P-384.
pub const SIGNATURE_BYTES: usize = 96;
/// COSE header label `alg`.
const ALGORITHM: i64 = 1;
/// ECDSA with SHA-384 (RFC 9053 §2.1).
const ES384: i64 = -35;
/// COSE_Sign1's optional CBOR tag.
const SIGN1: Tag = Tag::new(18);

/// A signed document whose signature is not checked yet; everything borrows the received bytes.
pub(crate) struct Sign1<'b> {
    pub(crate) protected: &'b [u8],
    pub(crate) payload: &'b [u8],
    pub(crate) signature: &'b [u8],
}

impl<'b> Sign1<'b> {
    /// Reads the four parts; refuses another algorithm than ES384 and anything behind the signature.
    pub(crate) fn read(bytes: &'b [u8]) -> Result<Sign1<'b>, AttestationError> {
        if bytes.len() > DOCUMENT_BYTES {
            return Err(AttestationError::TooLong);
        }
        let mut decoder = Decoder::new(bytes);
        if malformed("COSE", decoder.datatype())? == Type::Tag && malformed("COSE", decoder.tag())? != SIGN1 {
            return Err(AttestationError::Malformed("another tag than COSE_Sign1"));
        }
        if malformed("COSE", decoder.array())? != Some(4) {
            return Err(AttestationError::Malformed("COSE_Sign1 has four parts"));
        }
        let protected = malformed("protected header", decoder.bytes())?;
        check_algorithm(protected)?;
        if malformed("unprotected header", decoder.map())? != Some(0) {
            return Err(AttestationError::Malformed("the unprotected header is not empty"));
        }
        let payload = malformed("payload", decoder.bytes())?;
        let signature = malformed("signature", decoder.bytes())?;
        end(&decoder)?;
        Ok(Sign1 { protected, payload, signature })
    }
}

fn check_algorithm(protected: &[u8]) -> Result<(), AttestationError> {
    let mut decoder = Decoder::new(protected);
    let mut algorithm = None;
    entries(&mut decoder, 1, |decoder| {
        if malformed("protected header", decoder.i64())? != ALGORITHM {
            return Err(AttestationError::Malformed("the protected header holds more than an algorithm"));
        }
        algorithm = Some(malformed("algorithm", decoder.i64())?);
        Ok(())
    })?;
    end(&decoder)?;
    if algorithm == Some(ES384) { Ok(()) } else { Err(AttestationError::Algorithm) }
}

/// What is signed: Sig_structure of RFC 9052 §4.4 over the protected header and the payload, both as received.
pub fn signed_message(protected: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(payload.len().saturating_add(64));
    let mut encoder = Encoder::new(&mut message);
    // Writing to a Vec cannot fail.
    let _ = encoder.array(4).and_then(|e| e.str("Signature1")).and_then(|e| e.bytes(protected));
    let _ = encoder.bytes(&[]).and_then(|e| e.bytes(payload));
    message
}
