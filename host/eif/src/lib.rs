//! Enclave image files (EIF): build, parse, measure, sign, verify. Bytes in, bytes out; no file is touched here.
//!
//! Format as read in aws-nitro-enclaves-image-format 0.8 (`src/defs`, `src/utils`) and agreed with by QEMU's independent
//! reader (`hw/core/eif.c`). Everything is big endian. Equal input gives equal bytes: no time, no host, no order of a map.

mod build;
pub mod cpio;
mod crates;
mod error;
mod format;
mod image;
mod kernel;
mod oci;
mod ramdisk;
mod signature;

pub use build::{Parts, build};
pub use crates::crates_of_program;
pub use error::EifError;
pub use format::IMAGE_BYTES;
pub use image::{Image, Measurements, Metadata};
pub use kernel::kernel_version;
pub use oci::{Layout, layout};
pub use ramdisk::{UNPACKED_BYTES, contents};
pub use signature::{SigningKey, certificate_der};

/// Feeds foreign bytes to the parser; what it takes is written back to the same image.
pub fn fuzz(data: &[u8]) {
    if let Ok(image) = Image::parse(data) {
        assert_eq!(Image::parse(&image.write()).as_ref(), Ok(&image));
        let _ = layout(&image);
    }
    let _ = cpio::read(data);
    let _ = ramdisk::contents_within(data, 1 << 20);
    let _ = kernel_version(data);
    let _ = crates_of_program(data);
}
