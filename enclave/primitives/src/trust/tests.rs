//! Every way a policy set's trust can be refused, and that a sound one is not.

use super::*;
use crate::digest::Digest;
use crate::id::PersonId;
use crate::policy_set::{KeyPurpose, Person, PersonKey};
use crate::time::UnixMs;

fn key(n: u8) -> PublicKey {
    PublicKey::Ed25519([n; 32])
}

fn witness(n: u8, vouches: &[FactKind]) -> Witness {
    Witness { name: format!("w{n}"), key: key(n), vouches: vouches.iter().copied().collect() }
}

fn sound() -> Trust {
    Trust {
        witnesses: vec![witness(11, &FactKind::ALL), witness(12, &[FactKind::Price])],
        prices: Some(PriceTrust { max_age_s: 60, quorum: 2, max_spread_bps: 100 }),
        balances: Some(BalanceTrust { max_age_s: 60, quorum: 1 }),
        finals: Some(FinalTrust { quorum: 1 }),
    }
}

/// A set with one person, whose key is number 1.
fn verdict(change: impl FnOnce(&mut Trust)) -> Result<(), PolicySetError> {
    let mut trust = sound();
    change(&mut trust);
    let keys = vec![PersonKey { key: key(1), purpose: KeyPurpose::Approve }];
    let set = PolicySet {
        version: 1,
        genesis: Digest::ZERO,
        sequence: 1,
        previous: None,
        issued_at: UnixMs(0),
        people: vec![Person { id: PersonId::NIL, name: "p".into(), keys, passkeys: vec![] }],
        groups: vec![],
        networks: vec![],
        assets: vec![],
        allow_lists: vec![],
        functions: vec![],
        permits: vec![],
        vaults: vec![],
        wallets: vec![],
        messages: vec![],
        freezers: None,
        vetoers: None,
        change_delay_s: None,
        trust: Some(trust),
    };
    // The whole set's check is what cosigners call.
    set.validate()
}

#[test]
fn a_sound_trust_passes() {
    assert_eq!(verdict(|_| ()), Ok(()));
    assert_eq!(verdict(|t| *t = Trust::default()), Ok(()));
    assert_eq!(verdict(|t| t.prices.as_mut().unwrap().max_spread_bps = 0), Ok(()));
}

#[test]
fn g3_witnesses_are_told_apart_from_each_other_and_from_people() {
    assert_eq!(verdict(|t| t.witnesses[1].name = "w11".into()), Err(PolicySetError::Repeated("witness")));
    assert_eq!(verdict(|t| t.witnesses[1].key = key(11)), Err(PolicySetError::Repeated("witness key")));
    assert_eq!(verdict(|t| t.witnesses[1].key = key(1)), Err(PolicySetError::Repeated("witness key")));
    for name in ["", "a\nb", &"x".repeat(limits::TEXT_BYTES + 1)] {
        assert_eq!(verdict(|t| t.witnesses[0].name = name.into()), Err(PolicySetError::Bound("witness name")));
    }
    assert_eq!(verdict(|t| t.witnesses[1].vouches.clear()), Err(PolicySetError::Senseless("witness of nothing")));
}

#[test]
fn g3_there_are_not_too_many_witnesses() {
    let many =
        |count: u8| move |t: &mut Trust| t.witnesses = (0..count).map(|n| witness(n + 100, &FactKind::ALL)).collect();
    assert_eq!(verdict(many(64)), Ok(()));
    assert_eq!(verdict(many(65)), Err(PolicySetError::Bound("list of witnesses")));
}

#[test]
fn m1_a_quorum_can_be_reached_and_is_not_nobody() {
    let unreachable = Err(PolicySetError::Senseless("quorum of witnesses"));
    for quorum in [0, 3] {
        assert_eq!(verdict(|t| t.prices.as_mut().unwrap().quorum = quorum), unreachable);
    }
    // Number 12 says nothing of balances and finality.
    assert_eq!(verdict(|t| t.balances.as_mut().unwrap().quorum = 2), unreachable);
    assert_eq!(verdict(|t| t.finals.as_mut().unwrap().quorum = 2), unreachable);
}

#[test]
fn m1_age_and_spread_are_bounded() {
    let age = Err(PolicySetError::Senseless("age of a fact"));
    for max_age_s in [0, limits::FACT_AGE_S + 1, u64::MAX] {
        assert_eq!(verdict(|t| t.prices.as_mut().unwrap().max_age_s = max_age_s), age);
        assert_eq!(verdict(|t| t.balances.as_mut().unwrap().max_age_s = max_age_s), age);
    }
    assert_eq!(verdict(|t| t.prices.as_mut().unwrap().max_age_s = limits::FACT_AGE_S), Ok(()));
    let spread = |bps| verdict(|t| t.prices.as_mut().unwrap().max_spread_bps = bps);
    assert_eq!(spread(limits::SPREAD_BPS), Ok(()));
    assert_eq!(spread(limits::SPREAD_BPS + 1), Err(PolicySetError::Senseless("price spread")));
}
