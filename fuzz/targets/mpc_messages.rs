//! Coverage-guided runs of `ringi_mpc::fuzz`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ringi_mpc::fuzz(data));
