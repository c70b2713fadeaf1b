//! A token bucket per key, in a bounded map.

use ringi_primitives::key::PublicKey;
use ringi_primitives::time::UnixMs;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Keys remembered at once. A full map forgets those whose bucket is full again: they lose nothing.
const KEYS: usize = 10_000;

struct Bucket {
    /// Thousandths of a request.
    millis: u64,
    at: UnixMs,
}

/// Requests per key and time.
pub(crate) struct RateLimiter {
    per_second: u64,
    burst_millis: u64,
    buckets: Mutex<HashMap<PublicKey, Bucket>>,
}

impl RateLimiter {
    pub(crate) fn new(per_second: u32, burst: u32) -> RateLimiter {
        let burst_millis = u64::from(burst.max(1)) * 1000;
        RateLimiter { per_second: u64::from(per_second.max(1)), burst_millis, buckets: Mutex::default() }
    }

    fn filled(&self, bucket: &Bucket, now: UnixMs) -> u64 {
        let since_ms = now.0.saturating_sub(bucket.at.0);
        bucket.millis.saturating_add(since_ms.saturating_mul(self.per_second)).min(self.burst_millis)
    }

    /// Takes one request out of the key's bucket; `Err` says in how many seconds one will be there.
    pub(crate) fn take(&self, key: &PublicKey, now: UnixMs) -> Result<(), u32> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= KEYS && !buckets.contains_key(key) {
            buckets.retain(|_, b| self.filled(b, now) < self.burst_millis);
            if buckets.len() >= KEYS {
                return Err(1);
            }
        }
        let bucket = buckets.entry(*key).or_insert(Bucket { millis: self.burst_millis, at: now });
        let filled = self.filled(bucket, now);
        bucket.at = bucket.at.max(now);
        match filled.checked_sub(1000) {
            Some(rest) => {
                bucket.millis = rest;
                Ok(())
            }
            None => {
                bucket.millis = filled;
                let seconds = (1000 - filled).div_ceil(self.per_second * 1000).max(1);
                Err(u32::try_from(seconds).unwrap_or(u32::MAX))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn burst_then_rate() {
        let limiter = RateLimiter::new(2, 3);
        let (a, b) = (PublicKey::Ed25519([1; 32]), PublicKey::Ed25519([2; 32]));
        for _ in 0..3 {
            assert_eq!(limiter.take(&a, UnixMs(1000)), Ok(()));
        }
        assert_eq!(limiter.take(&a, UnixMs(1000)), Err(1));
        assert_eq!(limiter.take(&b, UnixMs(1000)), Ok(()));
        assert_eq!(limiter.take(&a, UnixMs(1400)), Err(1));
        assert_eq!(limiter.take(&a, UnixMs(1500)), Ok(()));
        assert_eq!(limiter.take(&a, UnixMs(900)), Err(1), "a clock that goes back fills nothing");
    }
}
