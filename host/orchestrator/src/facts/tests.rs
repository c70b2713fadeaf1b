//! Which of the prices that are there a request carries.

use super::*;
use ringi_primitives::amount::Amount;
use ringi_primitives::digest::Digest;
use ringi_primitives::fact::Statement;
use ringi_primitives::key::SignatureBytes;
use ringi_primitives::network::NetworkId;

fn price(n: u8, price: u64) -> SignedFact {
    let fact = Fact::Price { asset: AssetKey::native(NetworkId::Evm(1)), price: Amount::from_u64(price) };
    let witness = PublicKey::Ed25519([n; 32]);
    let statement = Statement { version: 1, genesis: Digest::ZERO, witness, fact, at: UnixMs(1) };
    SignedFact { statement, signature: SignatureBytes([n; 64]) }
}

fn chosen(prices: &[u64]) -> Vec<u64> {
    let facts = (1u8..).zip(prices).map(|(n, p)| price(n, *p)).collect();
    let rule = PriceTrust { max_age_s: 60, quorum: 2, max_spread_bps: 100 };
    let price = |f: SignedFact| match f.statement.fact {
        Fact::Price { price, .. } => price.to_u64().unwrap(),
        _ => 0,
    };
    agreeing(facts, &rule).into_iter().map(price).collect()
}

#[test]
fn m1_one_witness_that_is_far_off_does_not_stop_the_others() {
    assert_eq!(chosen(&[1000, 1005, 1010]), [1000, 1005, 1010]);
    assert_eq!(chosen(&[5000, 1000, 1010]), [1000, 1010]);
    assert_eq!(chosen(&[1, 1010, 1000]), [1000, 1010]);
    assert_eq!(chosen(&[1000, 2000]), [0u64; 0]);
    assert_eq!(chosen(&[1000]), [0u64; 0]);
    assert_eq!(chosen(&[]), [0u64; 0]);
}

#[test]
fn m1_of_two_sets_as_large_the_dearer_is_attached() {
    assert_eq!(chosen(&[1000, 1001, 2000, 2001]), [2000, 2001]);
    assert_eq!(chosen(&[1000, 1001, 1002, 2000, 2001]), [1000, 1001, 1002]);
}
