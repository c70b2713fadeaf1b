//! Fresh ids (UUIDv7) and the present time, for documents made on this machine.

use crate::failure::Failure;
use ringi_primitives::time::UnixMs;
use std::time::{SystemTime, UNIX_EPOCH};

/// Now, by this machine's clock.
pub fn now() -> UnixMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMs(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Now, in whole seconds, as documents and JSON write it.
pub fn now_whole_s() -> UnixMs {
    UnixMs(now().0 / 1000 * 1000)
}

/// Bytes from the operating system.
///
/// # Errors
/// If there is no randomness.
pub fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    getrandom::getrandom(&mut bytes)
        .map_err(|e| Failure::new("cli.randomness", e, "check the operating system's random source"))?;
    Ok(bytes)
}

/// The 16 bytes of a UUIDv7 (RFC 9562 §5.7): 48 bits of milliseconds, version, random bits, variant.
///
/// # Errors
/// If there is no randomness.
pub fn id() -> Result<[u8; 16], Failure> {
    let mut bytes: [u8; 16] = random()?;
    let [_, _, time @ ..] = now().0.to_be_bytes();
    for (to, from) in bytes.iter_mut().zip(time) {
        *to = from;
    }
    bytes[6] = (bytes[6] & 0x0f) | 0x70;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #[test]
    fn ids_are_uuid_v7_and_sort_by_time() {
        let first = super::id().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(2));
        let second = super::id().unwrap();
        assert!(first < second);
        assert_eq!((first[6] >> 4, first[8] >> 6), (7, 2));
    }
}
