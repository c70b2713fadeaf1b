//! Coverage-guided runs of `ringi_attestation::fuzz`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ringi_attestation::fuzz(data));
