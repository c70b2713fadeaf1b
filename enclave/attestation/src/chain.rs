//! From a trusted root to the key that signed: X.509 (RFC 5280) through webpki, P-384 only.

use crate::document::Document;
use crate::error::AttestationError;
use crate::expect::Root;
use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED, UnparsedPublicKey};
use ringi_primitives::time::UnixMs;
use rustls_pki_types::{CertificateDer, UnixTime};
use std::time::Duration;
use webpki::aws_lc_rs::ECDSA_P384_SHA384;
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

/// SubjectPublicKeyInfo of an uncompressed P-384 point (RFC 5480), up to the point itself.
const P384: [u8; 23] = [
    0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00,
    0x22, 0x03, 0x62, 0x00,
];

/// The key of a leaf whose chain holds.
pub(crate) struct LeafKey(Vec<u8>);

impl LeafKey {
    /// Checks the document's chain from one of these roots at this time.
    pub(crate) fn of(document: &Document, roots: &[Root], at: UnixMs) -> Result<LeafKey, AttestationError> {
        let (root, between) = document.cabundle.split_first().ok_or(AttestationError::Root)?;
        if !roots.contains(&Root::of_certificate(root)) {
            return Err(AttestationError::Root);
        }
        let root = CertificateDer::from(root.as_slice());
        let anchor = anchor_from_trusted_cert(&root).map_err(|_| AttestationError::Chain)?;
        let between: Vec<_> = between.iter().map(|der| CertificateDer::from(der.as_slice())).collect();
        let leaf = CertificateDer::from(document.certificate.as_slice());
        let leaf = EndEntityCert::try_from(&leaf).map_err(|_| AttestationError::Chain)?;
        let at = UnixTime::since_unix_epoch(Duration::from_millis(at.0));
        // The leaf names no extended usage, which passes for any; the root's own dates are the trust store's matter.
        leaf.verify_for_usage(&[ECDSA_P384_SHA384], &[anchor], &between, at, KeyUsage::server_auth(), None, None)
            .map_err(reason)?;
        Ok(LeafKey(point_of(&leaf).ok_or(AttestationError::Chain)?))
    }

    /// Whether this key signed the message; r ‖ s, 96 bytes.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), AttestationError> {
        let key = UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, &self.0);
        key.verify(message, signature).map_err(|_| AttestationError::Signature)
    }
}

/// The uncompressed point of a certificate's P-384 key; `None` for another key or no certificate. Believes nothing of the
/// certificate.
pub fn certificate_point(der: &[u8]) -> Option<Vec<u8>> {
    let der = CertificateDer::from(der);
    point_of(&EndEntityCert::try_from(&der).ok()?)
}

fn point_of(certificate: &EndEntityCert<'_>) -> Option<Vec<u8>> {
    let info = certificate.subject_public_key_info();
    info.as_ref().strip_prefix(&P384).map(<[u8]>::to_vec)
}

fn reason(error: webpki::Error) -> AttestationError {
    match error {
        webpki::Error::CertExpired { .. } | webpki::Error::CertNotValidYet { .. } => AttestationError::Expired,
        _ => AttestationError::Chain,
    }
}
