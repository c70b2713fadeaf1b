//! Coverage-guided runs of `ringi_primitives::intent::fuzz`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ringi_primitives::intent::fuzz(data));
