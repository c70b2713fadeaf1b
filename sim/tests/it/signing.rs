//! The straight line: requests that are right are signed, by any pair, within limits.

use ringi_chain::KeySource;
use ringi_cosigner::journal::SealingKey;
use ringi_primitives::cbor;
use ringi_primitives::request::FinishedSignature;
use ringi_primitives::scheme::{PartyIndex, Scheme};
use ringi_primitives::wallet::KeyPosition;
use ringi_primitives::wire::{FromCosigner, RecordKind};
use ringi_sim::history::History;
use ringi_sim::requests::{Draft, EVM, Standard, VAULT, approvers, outcomes};
use ringi_sim::world::World;
use zeroize::Zeroizing;

fn world() -> (World, Standard) {
    Standard::world(1)
}

fn signatures(answers: &[(PartyIndex, FromCosigner)]) -> Vec<FinishedSignature> {
    let signed = |f: &FromCosigner| match f {
        FromCosigner::Signed { signatures, .. } => Some(signatures.clone()),
        _ => None,
    };
    answers.iter().find_map(|(_, f)| signed(f)).expect("signed")
}

#[test]
fn a_right_request_is_signed_and_assembles() {
    let (mut world, standard) = world();
    assert!(standard.keys().public_key(Scheme::EcdsaSecp256k1, KeyPosition::ACCOUNT).is_some());
    let request = Draft::payment(&world, 1, 1000, 0).request(&standard);
    let answers = world.sign(&cbor::encode(&request), &[1, 2]);
    assert_eq!(outcomes(&answers), ["signed", "signed"]);
    let signatures = signatures(&answers);
    let tx = ringi_chain::assemble(&standard.policy, &standard.keys(), EVM, &request.unsigned, &signatures).unwrap();
    assert!(tx.id.starts_with("0x") && !tx.bytes.is_empty());
}

#[test]
fn l1_pairs_share_one_limit() {
    let (mut world, standard) = world();
    let pay = |world: &mut World, id: u8, nonce: u64, signers: &[u8]| {
        let bytes = Draft::payment(world, id, 400_000, nonce).bytes(&standard);
        outcomes(&world.sign(&bytes, signers))
    };
    assert_eq!(pay(&mut world, 1, 0, &[1, 2]), ["signed", "signed"]);
    assert_eq!(pay(&mut world, 2, 1, &[2, 3]), ["signed", "signed"]);
    // 2 x (400,000 + fee) are spent; cosigners 1 and 3 each saw only one of them.
    let third = pay(&mut world, 3, 2, &[1, 3]);
    assert!(third.contains(&"policy.limit_exceeded".to_string()), "{third:?}");
    assert!(!third.contains(&"signed".to_string()), "{third:?}");
    world.pass(86_400_000);
    assert_eq!(pay(&mut world, 4, 2, &[1, 3]), ["signed", "signed"]);
}

#[test]
fn i2_above_the_threshold_two_people_approve() {
    let (mut world, standard) = world();
    let mut draft = Draft::payment(&world, 1, 700_000, 0);
    assert_eq!(outcomes(&world.sign(&draft.bytes(&standard), &[1, 2])), ["approval.missing", "approval.missing"]);
    let [a, b, _] = approvers();
    draft.approvals = vec![a];
    assert_eq!(outcomes(&world.sign(&draft.bytes(&standard), &[1, 2])), ["approval.missing", "approval.missing"]);
    draft.approvals.push(b);
    assert_eq!(outcomes(&world.sign(&draft.bytes(&standard), &[1, 3])), ["signed", "signed"]);
}

#[test]
fn b1_cosigners_that_restarted_one_after_the_other_sign_with_every_peer() {
    let (mut world, standard) = world();
    for n in [3, 2] {
        let p = ringi_sim::world::party(n);
        world.kill(p);
        world.start(p).expect("starts from its own records");
        world.run();
    }
    for (id, pair) in [[1, 2], [2, 3], [1, 3]].into_iter().enumerate() {
        let id = u8::try_from(id).unwrap();
        let bytes = Draft::payment(&world, id + 1, 1000, u64::from(id)).bytes(&standard);
        assert_eq!(outcomes(&world.sign(&bytes, &pair)), ["signed", "signed"], "{pair:?}");
    }
}

/// More than one frame carries, to the host or to a peer, with a rule of the longest name.
const LONG_LIFE: u32 = 50_000;

#[test]
fn b1_a_cosigner_that_signed_for_very_many_wallets_restarts() {
    let (mut world, standard) = world();
    let history = History { wallets: LONG_LIFE, vault: VAULT, limit: "x".repeat(256), network: EVM, at: world.now };
    let old = [1, 3].map(ringi_sim::world::party);
    for p in old {
        world.kill(p);
        let kept = world.blob(p).into_iter().map(|(_, _, record)| record).collect();
        let key = SealingKey::new(Zeroizing::new([p.number(); 32]));
        let snapshot = history.after(kept, &key, p);
        world.set_blob(p, snapshot.into_iter().map(|r| (r.sequence, r.kind, r.bytes)).collect());
    }
    for p in old {
        world.start(p).expect("starts from its own records");
    }
    world.run();
    world.pass(1000);
    let bytes = Draft::payment(&world, 1, 1000, 0).bytes(&standard);
    assert_eq!(outcomes(&world.sign(&bytes, &[1, 3])), ["signed", "signed"]);
    // What both held already is not recorded again: the next start reads no more than this one.
    for p in old {
        let added: usize =
            world.blob(p).iter().filter(|(_, kind, _)| *kind == RecordKind::Change).map(|(_, _, r)| r.len()).sum();
        assert!(added < 100_000, "cosigner {p} recorded {added} bytes more");
    }
}
