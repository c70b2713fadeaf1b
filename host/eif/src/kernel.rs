//! What a kernel says of itself (Linux: Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header").

use crate::error::EifError;

/// `HdrS`, the header's magic, and the offset of the version's text from 0x200 on.
const MAGIC_AT: usize = 0x202;
const MAGIC: &[u8] = b"HdrS";
const VERSION_AT: usize = 0x20E;
const BASE: usize = 0x200;
/// The text is never longer.
const VERSION_BYTES: usize = 256;

/// The version's first word, such as `6.12.117`.
///
/// # Errors
/// [`EifError::Kernel`] if it is no bzImage.
pub fn kernel_version(kernel: &[u8]) -> Result<String, EifError> {
    let version = || {
        kernel.get(MAGIC_AT..)?.starts_with(MAGIC).then_some(())?;
        let offset = kernel.get(VERSION_AT..VERSION_AT + 2)?.first_chunk::<2>()?;
        let at = BASE.checked_add(usize::from(u16::from_le_bytes(*offset)))?;
        let text = kernel.get(at..)?;
        let text = text.get(..VERSION_BYTES.min(text.len()))?.split(|byte| *byte == 0).next()?;
        let word = std::str::from_utf8(text).ok()?.split_whitespace().next()?;
        word.chars().all(|c| c.is_ascii_alphanumeric() || "._+-".contains(c)).then(|| word.to_owned())
    };
    version().ok_or(EifError::Kernel)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kernel(text: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; 0x400];
        bytes[MAGIC_AT..MAGIC_AT + 4].copy_from_slice(MAGIC);
        bytes[VERSION_AT..VERSION_AT + 2].copy_from_slice(&0x100u16.to_le_bytes());
        bytes[0x300..0x300 + text.len()].copy_from_slice(text);
        bytes
    }

    #[test]
    fn the_version_is_where_the_header_says() {
        assert_eq!(kernel_version(&kernel(b"6.12.117 (b@b) #1 SMP @1")).as_deref(), Ok("6.12.117"));
    }

    #[test]
    fn what_is_no_kernel_has_no_version() {
        assert_eq!(kernel_version(&[]), Err(EifError::Kernel));
        assert_eq!(kernel_version(&kernel(b"")), Err(EifError::Kernel));
        assert_eq!(kernel_version(&kernel(b"6.12\x1b[2J x")), Err(EifError::Kernel));
        let mut far = kernel(b"6.12");
        far[VERSION_AT..VERSION_AT + 2].copy_from_slice(&[0xff, 0xff]);
        assert_eq!(kernel_version(&far), Err(EifError::Kernel));
    }
}
