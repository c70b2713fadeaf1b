//! The fuzz entries, replayed on random bytes, on mutilated good PSBTs and on near addresses.

use super::fixture::*;
use proptest::prelude::*;
use ringi_chain::bitcoin::{decode, encode, fuzz_address, fuzz_decode, fuzz_psbt};
use ringi_primitives::request::{PayloadKind, Unsigned};

fn good() -> Vec<u8> {
    let wallet = Wallet::new(ONE_KEY);
    let (plan, choice) = mixed(&wallet);
    encode(&plan, &choice, &wallet).unwrap().bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        fuzz_psbt(&bytes);
        fuzz_decode(&bytes);
        fuzz_address(&bytes);
        let headed = [b"psbt\xff\x01\x00", &bytes[..]].concat();
        fuzz_psbt(&headed);
        fuzz_decode(&headed);
    }

    #[test]
    fn mutilated_psbts(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
        keep in 0u8..4,
    ) {
        let mut bytes = good();
        edits.iter().for_each(|(at, byte)| { let at = at.index(bytes.len()); bytes[at] = *byte; });
        if keep == 0 {
            bytes.truncate(cut.index(bytes.len()));
        }
        fuzz_psbt(&bytes);
        fuzz_decode(&bytes);
    }

    #[test]
    fn near_addresses(text in "(bc1|tb1|bcrt1|1|3|m|2)[a-zA-Z0-9]{0,80}") {
        fuzz_address(text.as_bytes());
    }
}

#[test]
fn the_corpus_begins_with_something_that_parses() {
    let unsigned = Unsigned { kind: PayloadKind::Transaction, bytes: good() };
    assert!(decode(&policy(), &Wallet::new(ONE_KEY), NET, &unsigned).is_ok());
    fuzz_psbt(&good());
    fuzz_decode(&good());
    fuzz_address(b"bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu");
}
