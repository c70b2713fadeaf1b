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
    /// A ramdisk that is none.
    #[error("the ramdisk cannot be read: {0}")]
    Ramdisk(&'static str),
    /// A path of a ramdisk that would be written outside of the folder it is unpacked to.
    #[error("the ramdisk is refused: a path leaves its root")]
    PathOutside,
    /// A device node, socket or pipe in a ramdisk.
    #[error("the ramdisk is refused: it holds a device node or socket")]
    DeviceNode,
    /// A hard link in a ramdisk.
    #[error("the ramdisk is refused: it holds a hard link")]
    HardLink,
    /// A ramdisk that unpacks to more than any image.
    #[error("the ramdisk is refused: it unpacks to more than {} MiB", crate::ramdisk::UNPACKED_BYTES >> 20)]
    TooLarge,
    /// A ramdisk with more entries than any image.
    #[error("the ramdisk is refused: it has more than {} entries", crate::cpio::ENTRIES)]
    TooManyEntries,
    /// The kernel is no bzImage that says its version.
    #[error("the kernel is no bzImage")]
    Kernel,
    /// The list of crates in a program cannot be read.
    #[error("the list of crates in a program cannot be read: {0}")]
    Crates(&'static str),
    /// A layer that cannot be written.
    #[error("the layer cannot be written: {0}")]
    Layer(String),
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
            EifError::PathOutside => "eif.path_outside",
            EifError::DeviceNode => "eif.device_node",
            EifError::HardLink => "eif.hard_link",
            EifError::TooLarge => "eif.too_large",
            EifError::TooManyEntries => "eif.too_many_entries",
            EifError::Kernel => "eif.kernel",
            EifError::Crates(_) => "eif.crates",
            EifError::Layer(_) => "eif.layer",
        }
    }
}
