//! Our image from its four parts: which file lies in which ramdisk.

use crate::cpio::{self, Content, Entry};
use crate::error::EifError;
use crate::image::{Image, Metadata};
use crate::kernel::kernel_version;

/// Folders that `init` mounts upon.
const FOLDERS: [(&str, u32); 4] = [("dev", 0o755), ("proc", 0o555), ("sys", 0o555), ("tmp", 0o1777)];

/// What an image is made of.
#[derive(Clone, Debug)]
pub struct Parts<'a> {
    /// bzImage.
    pub kernel: Vec<u8>,
    /// The kernel's command line; surrounding space is cut off.
    pub cmdline: &'a str,
    /// The first program, static.
    pub init: Vec<u8>,
    /// The cosigner, static.
    pub cosigner: Vec<u8>,
    /// The image's name, not measured.
    pub name: &'a str,
    /// The image's version, not measured.
    pub version: &'a str,
}

/// The image: `init` and its folders in the first ramdisk, so that PCR1 stays when only the cosigner changes; the cosigner
/// alone in the second, so that PCR2 is it. Not compressed: no bytes depend on a compressor.
///
/// # Errors
/// [`EifError::Kernel`].
pub fn build(parts: Parts<'_>) -> Result<Image, EifError> {
    let version = kernel_version(&parts.kernel)?;
    let metadata = Metadata::new(parts.name, parts.version, &version);
    let folder = |(path, mode): (&str, u32)| Entry { path: path.to_owned(), mode, content: Content::Folder };
    let program = |path: &str, bytes| Entry { path: path.to_owned(), mode: 0o755, content: Content::File(bytes) };
    let boot: Vec<_> = FOLDERS.into_iter().map(folder).chain([program("init", parts.init)]).collect();
    let application = [program("cosigner", parts.cosigner)];
    let ramdisks = vec![cpio::write(&boot), cpio::write(&application)];
    Ok(Image::new(parts.kernel, parts.cmdline.trim(), &metadata, ramdisks))
}
