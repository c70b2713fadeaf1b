//! Enclave image files (EIF): build, parse, measure, sign, verify. Bytes in, bytes out; no file is touched here.
//!
//! Format as read in aws-nitro-enclaves-image-format 0.8 (`src/defs`, `src/utils`) and agreed with by QEMU's independent
//! reader (`hw/core/eif.c`). Everything is big endian. Equal input gives equal bytes: no time, no host, no order of a map.

pub mod cpio;
mod error;
mod format;
mod image;
mod signature;

pub use error::EifError;
pub use format::IMAGE_BYTES;
pub use image::{Image, Measurements, Metadata};
pub use signature::{SigningKey, certificate_der};

/// Feeds foreign bytes to the parser; what it takes is written back to the same image.
pub fn fuzz(data: &[u8]) {
    if let Ok(image) = Image::parse(data) {
        assert_eq!(Image::parse(&image.write()).as_ref(), Ok(&image));
    }
    let _ = cpio::read(data);
}
