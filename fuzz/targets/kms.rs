//! Coverage-guided runs of `ringi_kms::fuzz`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ringi_kms::fuzz(data));
