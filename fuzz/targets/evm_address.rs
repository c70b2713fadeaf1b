//! Coverage-guided runs of `ringi_chain::evm::fuzz::address`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ringi_chain::evm::fuzz::address(data));
