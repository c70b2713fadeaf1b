//! Rule I4 without a table: bytes of the whole request flipped at random places. What is signed all the same has the plan's
//! own effects, in its slot, within its fee.

use super::{Ground, assert_same_effects};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use ringi_primitives::cbor;
use ringi_primitives::wire::FromCosigner;

const FLIPS: usize = 400;

#[test]
fn i4_flipped_bytes_never_sign_another_effect() {
    let mut ground = Ground::new(44);
    let mut rng = ChaCha20Rng::seed_from_u64(44);
    ground.sign_bases();
    let mut signed = 0;
    for base in [ground.coin.clone(), ground.token.clone(), ground.bitcoin.clone()] {
        let (right, plan) = (cbor::encode(&base), ground.plan(&base));
        for _ in 0..FLIPS {
            let mut bytes = right.clone();
            let at = usize::try_from(rng.next_u32()).unwrap() % bytes.len();
            let bit = 1 << (rng.next_u32() % 8);
            bytes[at] ^= bit;
            let answers = ground.world.sign(&bytes, &[1, 2]);
            assert_eq!(answers.len(), 2, "byte {at}, bit {bit}");
            for (_, answer) in answers {
                if let FromCosigner::Signed { verdict, .. } = answer {
                    assert_same_effects(&format!("byte {at}, bit {bit}"), &plan, &verdict.verdict);
                    signed += 1;
                }
            }
        }
    }
    // Most bytes are signed by somebody; a few (fees, sequences, lock time) are the host's.
    assert!(signed < FLIPS, "{signed}");
    ground.sign_bases();
}
