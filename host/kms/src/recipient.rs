//! Whom an answer is sealed for: an enclave that proves itself with a document and names its RSA key in it.

use crate::cms;
use crate::error::{Code, Refusal};
use crate::limits::{DOCUMENT_AGE_MS, RECIPIENT_BITS};
use aws_lc_rs::rsa::{OaepPublicEncryptingKey, PublicEncryptingKey};
use ringi_attestation::{AttestationError, Attested, Document, Expectation, Moment, Root, verify};
use ringi_primitives::time::UnixMs;
use sha2::{Digest as _, Sha256};

/// An enclave whose document was verified now, with a key that can be sealed for. Nothing else makes one.
pub struct Recipient {
    attested: Attested,
    key: OaepPublicEncryptingKey,
    key_id: [u8; 32],
}

impl Recipient {
    /// Verifies a document against the roots, and takes the key out of it.
    ///
    /// # Errors
    /// `AccessDeniedException` for an enclave in debug mode: its registers 0 to 2 are zero and match no measurement.
    /// `ValidationException` for everything else.
    pub fn verify(document: &[u8], roots: &[Root], now: UnixMs) -> Result<Recipient, Refusal> {
        let expectation = Expectation::of(roots.to_vec(), Moment::Now { max_age_ms: DOCUMENT_AGE_MS });
        let attested = verify(document, &expectation, now).map_err(of_attestation)?;
        let der = attested.document().public_key.as_deref();
        let der = der.ok_or_else(|| Refusal::validation("The attestation document has no public key."))?;
        let key = PublicEncryptingKey::from_der(der)
            .map_err(|_| Refusal::validation("The attestation document's public key is no RSA key."))?;
        if !RECIPIENT_BITS.contains(&key.key_size_bits()) {
            return Err(Refusal::validation("The attestation document's RSA key must have 2048 to 4096 bits."));
        }
        let key = OaepPublicEncryptingKey::new(key)
            .map_err(|_| Refusal::validation("The attestation document's public key cannot encrypt."))?;
        Ok(Recipient { key, key_id: Sha256::digest(der).into(), attested })
    }

    /// What the enclave's module says of it.
    pub fn document(&self) -> &Document {
        self.attested.document()
    }

    /// The root that vouches for it.
    pub fn root(&self) -> Root {
        self.attested.root()
    }

    /// Seals bytes so that only the holder of the document's key reads them (`CiphertextForRecipient`).
    ///
    /// # Errors
    /// `KMSInternalException`.
    pub fn seal(&self, plaintext: &[u8]) -> Result<Vec<u8>, Refusal> {
        cms::envelope(&self.key, &self.key_id, plaintext)
    }
}

fn of_attestation(error: AttestationError) -> Refusal {
    let message = format!("The attestation document was refused ({}): {error}", error.code());
    match error {
        AttestationError::Debug(_) => Refusal::new(Code::AccessDenied, message),
        _ => Refusal::validation(message),
    }
}
