//! The signature section: a certificate and a COSE_Sign1 (ES384) over PCR0. PCR8 is the certificate, so "signed by this
//! publisher" can stand in a key policy. AWS's crate writes byte strings as arrays of integers; so does this one.

use crate::error::EifError;
use crate::image::Image;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minicbor::{Decoder, Encoder};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P384_SHA384_FIXED, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, UnparsedPublicKey};
use ringi_attestation::{Pcr, certificate_point, signed_message};

/// `{1: -35}`.
const PROTECTED: [u8; 4] = [0xa1, 0x01, 0x38, 0x22];
/// A certificate or a signature is never longer.
const PART_BYTES: usize = 64 * 1024;

/// A publisher's key and certificate, both P-384.
pub struct SigningKey {
    key: EcdsaKeyPair,
    certificate_pem: Vec<u8>,
    random: SystemRandom,
}

impl SigningKey {
    /// From a PKCS#8 key (DER) and its certificate (PEM).
    ///
    /// # Errors
    /// [`EifError::Certificate`] if they do not belong together or are of another curve.
    pub fn new(pkcs8: &[u8], certificate_pem: &[u8]) -> Result<SigningKey, EifError> {
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, pkcs8, &random)
            .map_err(|_| EifError::Certificate("the key is no P-384 key in PKCS#8"))?;
        let point = public_point(&certificate_der(certificate_pem)?)?;
        if point != ring::signature::KeyPair::public_key(&key).as_ref() {
            return Err(EifError::Certificate("the certificate is of another key"));
        }
        Ok(SigningKey { key, certificate_pem: certificate_pem.to_vec(), random })
    }
}

impl Image {
    /// Signs the image as it is now.
    ///
    /// # Errors
    /// [`EifError`] if there is no randomness.
    pub fn sign(&mut self, by: &SigningKey) -> Result<(), EifError> {
        let payload = payload(&self.measure()?.image);
        let signature = by.key.sign(&by.random, &signed_message(&PROTECTED, &payload));
        let signature = signature.map_err(|_| EifError::Certificate("no randomness"))?;
        self.signature = Some(section(&by.certificate_pem, &sign1(&payload, signature.as_ref())));
        Ok(())
    }

    /// Whether the certificate in the image signed what the image measures now. Says nothing of whose certificate it is:
    /// compare PCR8.
    ///
    /// # Errors
    /// [`EifError::Unsigned`], [`EifError::Signature`].
    pub fn verify_signature(&self) -> Result<Pcr, EifError> {
        let (certificate, signed) = read_section(self.signature.as_deref().ok_or(EifError::Unsigned)?)?;
        let certificate = certificate_der(&certificate)?;
        let (protected, payload, signature) = read_sign1(&signed)?;
        if protected != PROTECTED {
            return Err(EifError::Signature("it is not ES384"));
        }
        if payload != self::payload(&self.measure()?.image) {
            return Err(EifError::Signature("it is over another PCR0"));
        }
        let key = UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, public_point(&certificate)?);
        key.verify(&signed_message(&protected, &payload), &signature)
            .map_err(|_| EifError::Signature("another key signed it"))?;
        Ok(Pcr::of_image([certificate.as_slice()]))
    }
}

/// PCR8 of a signature section.
pub(crate) fn signer_register(section: &[u8]) -> Result<Pcr, EifError> {
    let (certificate, _) = read_section(section)?;
    Ok(Pcr::of_image([certificate_der(&certificate)?.as_slice()]))
}

/// The DER of a PEM certificate.
///
/// # Errors
/// [`EifError::Certificate`].
pub fn certificate_der(pem: &[u8]) -> Result<Vec<u8>, EifError> {
    let wrong = EifError::Certificate("not a certificate in PEM");
    let text = std::str::from_utf8(pem).map_err(|_| wrong.clone())?;
    let (_, rest) = text.split_once("-----BEGIN CERTIFICATE-----").ok_or(wrong.clone())?;
    let (body, _) = rest.split_once("-----END CERTIFICATE-----").ok_or(wrong.clone())?;
    STANDARD.decode(body.split_whitespace().collect::<String>()).map_err(|_| wrong)
}

fn public_point(certificate: &[u8]) -> Result<Vec<u8>, EifError> {
    certificate_point(certificate).ok_or(EifError::Certificate("it is no certificate of a P-384 key"))
}

/// `{register_index: 0, register_value: PCR0}`.
fn payload(image: &Pcr) -> Vec<u8> {
    let mut out = Vec::new();
    let mut to = Encoder::new(&mut out);
    // Writing to a Vec cannot fail.
    let _ = to.map(2).and_then(|e| e.str("register_index")).and_then(|e| e.u8(0)).and_then(|e| e.str("register_value"));
    integers(&mut to, &image.0);
    out
}

fn sign1(payload: &[u8], signature: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut to = Encoder::new(&mut out);
    // Writing to a Vec cannot fail.
    let _ = to.array(4).and_then(|e| e.bytes(&PROTECTED)).and_then(|e| e.map(0));
    let _ = to.bytes(payload).and_then(|e| e.bytes(signature));
    out
}

fn section(certificate_pem: &[u8], signed: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut to = Encoder::new(&mut out);
    // Writing to a Vec cannot fail.
    let _ = to.array(1).and_then(|e| e.map(2)).and_then(|e| e.str("signing_certificate"));
    integers(&mut to, certificate_pem);
    let _ = to.str("signature");
    integers(&mut to, signed);
    out
}

fn integers(to: &mut Encoder<&mut Vec<u8>>, bytes: &[u8]) {
    let _ = to.array(bytes.len() as u64);
    bytes.iter().for_each(|byte| {
        let _ = to.u8(*byte);
    });
}

fn broken<T>(result: Result<T, minicbor::decode::Error>) -> Result<T, EifError> {
    result.map_err(|_| EifError::Malformed("the signature section cannot be read"))
}

/// Certificate (PEM) and COSE_Sign1 of a section with exactly one signature.
fn read_section(bytes: &[u8]) -> Result<(Vec<u8>, Vec<u8>), EifError> {
    let mut decoder = Decoder::new(bytes);
    let wrong = EifError::Malformed("the signature section is not one signature");
    if broken(decoder.array())? != Some(1) || broken(decoder.map())? != Some(2) {
        return Err(wrong);
    }
    if broken(decoder.str())? != "signing_certificate" {
        return Err(wrong);
    }
    let certificate = read_integers(&mut decoder)?;
    if broken(decoder.str())? != "signature" {
        return Err(wrong);
    }
    let signed = read_integers(&mut decoder)?;
    if decoder.position() == bytes.len() { Ok((certificate, signed)) } else { Err(wrong) }
}

fn read_integers(decoder: &mut Decoder<'_>) -> Result<Vec<u8>, EifError> {
    let length = broken(decoder.array())?.and_then(|n| usize::try_from(n).ok()).filter(|n| *n <= PART_BYTES);
    let length = length.ok_or(EifError::Malformed("a part of the signature is too long"))?;
    (0..length).map(|_| broken(decoder.u8())).collect()
}

type Sign1 = (Vec<u8>, Vec<u8>, Vec<u8>);

fn read_sign1(bytes: &[u8]) -> Result<Sign1, EifError> {
    let mut decoder = Decoder::new(bytes);
    if broken(decoder.array())? != Some(4) {
        return Err(EifError::Malformed("the signature is no COSE_Sign1"));
    }
    let protected = broken(decoder.bytes())?.to_vec();
    if broken(decoder.map())? != Some(0) {
        return Err(EifError::Malformed("the unprotected header is not empty"));
    }
    let payload = broken(decoder.bytes())?.to_vec();
    let signature = broken(decoder.bytes())?.to_vec();
    if decoder.position() == bytes.len() {
        return Ok((protected, payload, signature));
    }
    Err(EifError::Malformed("bytes follow the signature"))
}
