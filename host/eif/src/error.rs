//! Why an image is not taken.

/// Why an enclave image, its signature or a ramdisk is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EifError {
    /// Not an image, or not of this version.
    #[error("not an enclave image: {0}")]
    Malformed(&'static str),
    /// The checksum is another.
    #[error("the image's checksum does not match: it was cut or changed")]
    Checksum,
    /// The image holds no signature.
    #[error("the image is not signed")]
    Unsigned,
    /// The signature is not by the certificate, or over other measurements.
    #[error("the image's signature does not verify: {0}")]
    Signature(&'static str),
    /// The certificate or key makes no sense.
    #[error("the signing certificate or key is not usable: {0}")]
    Certificate(&'static str),
    /// A ramdisk that cannot be unpacked safely.
    #[error("the ramdisk is refused: {0}")]
    Ramdisk(&'static str),
}

impl EifError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            EifError::Malformed(_) => "eif.malformed",
            EifError::Checksum => "eif.checksum",
            EifError::Unsigned => "eif.unsigned",
            EifError::Signature(_) => "eif.signature",
            EifError::Certificate(_) => "eif.certificate",
            EifError::Ramdisk(_) => "eif.ramdisk",
        }
    }
}
