//! Coverage-guided runs of `ringi_primitives::fuzz::fuzz`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ringi_primitives::fuzz::fuzz(data));
