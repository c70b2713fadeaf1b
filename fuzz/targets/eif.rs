//! Coverage-guided runs of `ringi_eif::fuzz`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ringi_eif::fuzz(data));
