//! Coverage-guided runs of `ringi_chain::bitcoin::fuzz_address`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ringi_chain::bitcoin::fuzz_address(data));
