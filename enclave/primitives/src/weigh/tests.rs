//! Each way a fact can be worth nothing, and what a list of right ones proves.

use super::*;
use crate::effects::Outpoint;
use crate::fact::Statement;
use crate::id::WalletId;
use crate::key::SignatureBytes;
use crate::network::{BitcoinNetwork, NetworkId};
use crate::trust::{BalanceTrust, FinalTrust, Witness};
use crate::wallet::VaultIndex;
use ed25519_dalek::{Signer, SigningKey};

const NOW: UnixMs = UnixMs(2_000_000_000_000);
const GENESIS: Digest = Digest([7; 32]);
const ETH: AssetKey = AssetKey { network: NetworkId::Evm(1), token: None };
const BTC: AssetKey = AssetKey { network: NetworkId::Bitcoin(BitcoinNetwork::Main), token: None };
const WALLET: WalletRef = WalletRef { vault: VaultIndex(1), wallet: WalletId::NIL };

fn secret(n: u8) -> SigningKey {
    SigningKey::from_bytes(&[n; 32])
}

fn key(n: u8) -> PublicKey {
    PublicKey::Ed25519(secret(n).verifying_key().to_bytes())
}

fn signed(n: u8, change: impl FnOnce(&mut Statement)) -> SignedFact {
    let fact = Fact::Price { asset: ETH, price: Amount::from_u64(100) };
    let mut statement = Statement { version: 1, genesis: GENESIS, witness: key(n), fact, at: NOW };
    change(&mut statement);
    let signature = SignatureBytes(secret(n).sign(&statement.digest().0).to_bytes());
    SignedFact { statement, signature }
}

fn price(n: u8, price: u64) -> SignedFact {
    signed(n, |s| s.fact = Fact::Price { asset: ETH, price: Amount::from_u64(price) })
}

fn balance(n: u8, amount: u64) -> SignedFact {
    signed(n, |s| s.fact = Fact::Balance { wallet: WALLET, asset: ETH, amount: Amount::from_u64(amount) })
}

fn nonce(nonce: u64) -> Slot {
    Slot::Nonce { network: NetworkId::Evm(1), account: crate::address::Address::of_evm([1; 20]), nonce }
}

fn end(n: u8, intent: u8, at: u64) -> SignedFact {
    signed(n, |s| s.fact = Fact::Final { intent: IntentId::from_bytes([intent; 16]), slot: nonce(at) })
}

/// Witnesses 1 to 3 of everything, 4 of balances only; two must agree within 1 %, a minute old at most.
fn trust() -> Trust {
    let witness = |n: u8, vouches: &[FactKind]| Witness {
        name: format!("w{n}"),
        key: key(n),
        vouches: vouches.iter().copied().collect(),
    };
    let mut witnesses: Vec<Witness> = (1..=3).map(|n| witness(n, &FactKind::ALL)).collect();
    witnesses.push(witness(4, &[FactKind::Balance]));
    Trust {
        witnesses,
        prices: Some(PriceTrust { max_age_s: 60, quorum: 2, max_spread_bps: 100 }),
        balances: Some(BalanceTrust { max_age_s: 60, quorum: 2 }),
        finals: Some(FinalTrust { quorum: 2 }),
    }
}

fn against(facts: &[SignedFact], trust: &Trust, book: &FactBook) -> Result<Facts, FactError> {
    weigh(facts, &Weighing { trust: Some(trust), genesis: GENESIS, book, now: NOW })
}

fn weighed(facts: &[SignedFact]) -> Result<Facts, FactError> {
    against(facts, &trust(), &FactBook::default())
}

fn price_of(facts: &[SignedFact]) -> Option<u64> {
    weighed(facts).unwrap().prices.get(&ETH).and_then(|p| p.to_u64())
}

#[test]
fn m1_the_highest_of_a_quorum_that_agrees_is_the_price() {
    assert_eq!(price_of(&[price(1, 1000), price(2, 1010)]), Some(1010));
    assert_eq!(price_of(&[price(1, 1010), price(2, 1000), price(3, 1005)]), Some(1010));
    // Exactly the spread is still agreed, one unit more is not.
    assert_eq!(price_of(&[price(1, 1000), price(2, 1011)]), None);
    assert_eq!(price_of(&[price(1, 1000), price(2, 1000), price(3, 1011)]), None, "one that disagrees is enough");
    assert_eq!(price_of(&[price(1, 1000)]), None, "no quorum");
    assert_eq!(price_of(&[]), None);
    let other = signed(2, |s| s.fact = Fact::Price { asset: BTC, price: Amount::from_u64(1000) });
    assert_eq!(weighed(&[price(1, 1000), other]).unwrap().prices, BTreeMap::new(), "two assets, one voice each");
}

#[test]
fn m1_prices_that_cannot_be_compared_in_256_bits_do_not_agree() {
    let huge = |n| signed(n, |s| s.fact = Fact::Price { asset: ETH, price: Amount::MAX });
    assert_eq!(weighed(&[huge(1), huge(2)]).unwrap().prices, BTreeMap::new());
}

#[test]
fn m1_the_same_source_twice_is_no_quorum() {
    let again = signed(1, |s| (s.at, s.fact) = (NOW.minus_ms(1), price(1, 1000).statement.fact));
    assert_eq!(weighed(&[price(1, 1000), price(1, 1000)]), Err(FactError::Repeated));
    assert_eq!(weighed(&[price(1, 1000), again]), Err(FactError::Repeated));
    assert_eq!(weighed(&[end(1, 1, 5), end(1, 1, 6)]), Err(FactError::Repeated));
}

#[test]
fn g3_only_a_named_witness_speaks_and_only_of_what_it_is_named_for() {
    assert_eq!(weighed(&[price(9, 1000)]), Err(FactError::Witness));
    assert_eq!(weighed(&[price(4, 1000)]), Err(FactError::Purpose), "named for balances");
    assert_eq!(weighed(&[end(4, 1, 5)]), Err(FactError::Purpose));
    let mut foreign = price(1, 1000);
    foreign.statement.witness = key(2);
    assert_eq!(weighed(&[foreign]), Err(FactError::Signature), "signed by another witness");
    let mut changed = price(1, 1000);
    changed.statement.fact = price(1, 999).statement.fact;
    assert_eq!(weighed(&[changed]), Err(FactError::Signature));
    // Witnesses without a rule for their facts are worth nothing.
    let without = Trust { prices: None, ..trust() };
    assert_eq!(against(&[price(1, 1000)], &without, &FactBook::default()), Err(FactError::Purpose));
    let nobody = Weighing { trust: None, genesis: GENESIS, book: &FactBook::default(), now: NOW };
    assert_eq!(weigh(&[price(1, 1000)], &nobody), Err(FactError::Witness));
    assert_eq!(weigh(&[], &nobody), Ok(Facts::default()));
}

#[test]
fn g1_a_statement_for_another_workspace_counts_for_nothing() {
    assert_eq!(weighed(&[signed(1, |s| s.genesis = Digest::ZERO)]), Err(FactError::Genesis));
}

#[test]
fn m1_what_is_too_old_or_not_yet_is_refused() {
    let at = |at| signed(1, |s| s.at = at);
    let (age, skew) = (60_000, limits::CLOCK_SKEW_MS);
    for good in [NOW, NOW.minus_ms(age), NOW.plus_ms(skew)] {
        let facts = weighed(&[at(good)]).unwrap();
        assert_eq!(facts.good_until, Some(good.plus_ms(age)));
    }
    assert_eq!(weighed(&[at(NOW.minus_ms(age + 1))]), Err(FactError::Stale));
    assert_eq!(weighed(&[at(NOW.plus_ms(skew + 1))]), Err(FactError::Future));
    assert_eq!(weighed(&[at(UnixMs(u64::MAX))]), Err(FactError::Future));
    // The youngest of several does not make up for the oldest.
    let list = [signed(2, |s| s.at = NOW.minus_ms(10)), at(NOW)];
    assert_eq!(weighed(&list).unwrap().good_until, Some(NOW.plus_ms(age - 10)));
    // What is final stays so, but is not of the future.
    let old = signed(1, |s| (s.at, s.fact) = (UnixMs(1), end(1, 1, 5).statement.fact));
    assert_eq!(weighed(&[old]).unwrap().good_until, None);
    let early = signed(1, |s| (s.at, s.fact) = (NOW.plus_ms(skew + 1), end(1, 1, 5).statement.fact));
    assert_eq!(weighed(&[early]), Err(FactError::Future));
}

#[test]
fn m1_timestamps_never_go_back_per_source_and_asset() {
    let at = |n, at, price| signed(n, |s| (s.at, s.fact) = (at, self::price(n, price).statement.fact));
    let mut book = FactBook::default();
    book.enter(&at(1, NOW, 1000));
    let seen = |fact: SignedFact| against(&[fact], &trust(), &book).map(|f| f.news.len());
    assert_eq!(seen(at(1, NOW, 1000)), Ok(0), "the same again");
    assert_eq!(seen(at(1, NOW.minus_ms(1), 1000)), Err(FactError::Older));
    assert_eq!(seen(at(1, NOW, 999)), Err(FactError::Older), "two prices at one time");
    assert_eq!(seen(at(1, NOW.plus_ms(1), 1)), Ok(1));
    assert_eq!(seen(at(2, NOW.minus_ms(1), 1000)), Ok(1), "another source");
    let btc = signed(1, |s| (s.at, s.fact) = (NOW.minus_ms(1), Fact::Price { asset: BTC, price: Amount::from_u64(1) }));
    assert_eq!(seen(btc), Ok(1), "another asset");
}

#[test]
fn m1_a_statement_that_makes_no_sense_is_malformed() {
    let outpoint = Outpoint { txid: [1; 32], vout: 0 };
    let spent =
        |many| Slot::Outpoints { network: NetworkId::Bitcoin(BitcoinNetwork::Main), outpoints: vec![outpoint; many] };
    let of = |many| signed(1, |s| s.fact = Fact::Final { intent: IntentId::NIL, slot: spent(many) });
    assert_eq!(weighed(&[signed(1, |s| s.version = 2)]), Err(FactError::Malformed));
    assert_eq!(weighed(&[price(1, 0)]), Err(FactError::Malformed), "nothing is for free");
    assert!(weighed(&[of(limits::SIGHASHES)]).is_ok());
    assert_eq!(weighed(&[of(limits::SIGHASHES + 1)]), Err(FactError::Malformed));
    let many = vec![price(1, 1000); limits::FACTS + 1];
    assert_eq!(weighed(&many), Err(FactError::TooMany));
    // One fewer is looked at.
    assert_eq!(weighed(&many[1..]), Err(FactError::Repeated));
}

#[test]
fn one_that_is_not_right_spoils_the_list() {
    let bad = signed(3, |s| s.at = NOW.minus_ms(60_001));
    assert_eq!(weighed(&[price(1, 1000), price(2, 1000), bad]), Err(FactError::Stale));
}

#[test]
fn g3_the_lowest_balance_of_a_quorum_counts() {
    let of = |facts: &[SignedFact]| weighed(facts).unwrap().balances.get(&(WALLET, ETH)).and_then(|a| a.to_u64());
    assert_eq!(of(&[balance(1, 50), balance(4, 70)]), Some(50));
    assert_eq!(of(&[balance(1, 50), balance(2, 0), balance(4, 70)]), Some(0));
    assert_eq!(of(&[balance(4, 70)]), None);
    let weighed = weighed(&[balance(1, 50), balance(4, 70)]).unwrap();
    assert_eq!(weighed.balances_of(&WALLET), BTreeMap::from([(ETH, Amount::from_u64(50))]));
    assert!(weighed.balances_of(&WalletRef { vault: VaultIndex(2), ..WALLET }).is_empty(), "another wallet's");
}

#[test]
fn l3_an_intent_is_final_when_a_quorum_says_so_of_the_same_place() {
    let of = |facts: &[SignedFact]| weighed(facts).unwrap().finals;
    let one = (IntentId::from_bytes([1; 16]), nonce(5));
    assert_eq!(of(&[end(1, 1, 5), end(2, 1, 5)]), [one]);
    assert_eq!(of(&[end(1, 1, 5), end(2, 1, 6)]), [], "two places");
    assert_eq!(of(&[end(1, 1, 5), end(2, 2, 5)]), [], "two intents");
    assert_eq!(of(&[end(1, 1, 5)]), []);
}

#[test]
fn m1_a_full_book_takes_nothing_older_than_what_it_had_to_forget() {
    let asset = |n: u64| AssetKey::native(NetworkId::Evm(n));
    let of = |n: u64, at| SignedFact {
        statement: Statement {
            version: 1,
            genesis: GENESIS,
            witness: PublicKey::Ed25519([1; 32]),
            fact: Fact::Price { asset: asset(n), price: Amount::from_u64(1) },
            at,
        },
        signature: SignatureBytes([0; 64]),
    };
    let mut book = FactBook::default();
    let many = u64::try_from(limits::FACT_TOPICS).unwrap() + 10;
    (1..=many).for_each(|n| book.enter(&of(n, UnixMs(n))));
    assert_eq!((book.all().count(), book.floor()), (limits::FACT_TOPICS, UnixMs(10)));
    assert!(!book.admits(&of(3, UnixMs(2))) && !book.admits(&of(3, UnixMs(10))));
    assert!(book.admits(&of(3, UnixMs(11))));
    book.forget_old(UnixMs(limits::FACT_AGE_S * 1000 + limits::CLOCK_SKEW_MS + 20));
    assert_eq!(book.all().count(), limits::FACT_TOPICS - 9, "what lies at the horizon stays");
}

#[test]
fn codes_are_distinct_and_never_change() {
    let codes: BTreeSet<&str> = FactError::ALL.iter().map(|e| e.code()).collect();
    assert_eq!(codes.len(), FactError::ALL.len());
    assert!(codes.iter().all(|c| c.starts_with("fact.")));
    let of_time: Vec<_> = FactError::ALL.into_iter().filter(|e| e.is_of_time()).collect();
    assert_eq!(of_time, [FactError::Future, FactError::Stale, FactError::Older]);
}

#[test]
fn kinds_have_stable_names() {
    assert_eq!(FactKind::ALL.map(FactKind::name), ["price", "balance", "final"]);
}
