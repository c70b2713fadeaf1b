//! The kernel's random pool.

use crate::calls;
use std::fs::OpenOptions;
use std::io;

/// Bytes of one seed.
pub const SEED_BYTES: usize = calls::POOL_BYTES;

/// Mixes a seed of full entropy into the kernel's random pool and has it counted. Needs root.
///
/// # Errors
/// The operating system's.
pub fn credit_entropy(seed: &[u8; SEED_BYTES]) -> io::Result<()> {
    calls::add_entropy(OpenOptions::new().write(true).open("/dev/urandom")?, seed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever may not, is told so; whoever may, is believed. Anything else is a wrong call (ENOTTY, EINVAL, EFAULT).
    #[test]
    fn the_kernel_understands_the_call() {
        match credit_entropy(&[7; SEED_BYTES]) {
            Ok(()) => {}
            Err(e) => assert_eq!(e.kind(), io::ErrorKind::PermissionDenied, "{e}"),
        }
    }
}
