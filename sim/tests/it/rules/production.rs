//! B1 and T1 where genesis claims production enclaves: nobody believes records of a time that no live cosigner remembers.

use super::{SIGNED, pay, restart, status, unsigned};
use ringi_primitives::genesis::Assurance;
use ringi_primitives::order::OrderAction;
use ringi_primitives::scheme::Scheme;
use ringi_primitives::wire::{RecordKind, ToCosigner};
use ringi_sim::enclaves::Enclaves;
use ringi_sim::requests::Standard;
use ringi_sim::world::{World, party};

type Blobs = Vec<Vec<(u64, RecordKind, Vec<u8>)>>;

fn blobs(world: &World) -> Blobs {
    (1..=3).map(|n| world.blob(party(n))).collect()
}

/// A 2-of-3 world of production enclaves with an ECDSA key, and what the host kept of it before there was any key.
fn world(seed: u64) -> (World, Standard, Blobs) {
    let mut enclaves = Enclaves::new();
    enclaves.assurance = Assurance::Nitro;
    let mut world = World::attested(2, 3, seed, enclaves);
    let before = blobs(&world);
    let standard = Standard::install(&mut world, &[Scheme::EcdsaSecp256k1]);
    (world, standard, before)
}

/// The host stops these cosigners and starts them from what it gives them.
fn roll_back(world: &mut World, to: &[(u8, &Blobs)]) {
    to.iter().for_each(|(n, _)| world.kill(party(*n)));
    for (n, blobs) in to {
        world.set_blob(party(*n), blobs[usize::from(*n) - 1].clone());
        world.start(party(*n)).expect("its own records");
    }
    world.run();
    (0..10).for_each(|_| world.pass(1_000));
}

fn ready(world: &mut World) -> Vec<u8> {
    (1..=3).filter(|n| status(world, *n).ready).collect()
}

/// One, or t-1: its peers live and know better. All: nobody lives, and the admin quorum says whether they may go on.
#[test]
fn b1_state_rolled_back_on_one_and_on_all_signs_nothing() {
    let (mut world, standard, _) = world(321);
    let old = blobs(&world);
    assert_eq!(pay(&mut world, &standard, 1, 550_000, 0, &[1, 2]), SIGNED);
    roll_back(&mut world, &[(1, &old)]);
    assert_eq!(ready(&mut world), [2, 3]);
    assert_eq!(pay(&mut world, &standard, 2, 550_000, 1, &[1, 3])[0], "boot.rolled_back");
    // All at once: their records agree with each other.
    roll_back(&mut world, &[(1, &old), (2, &old), (3, &old)]);
    assert_eq!(ready(&mut world), [0; 0]);
    assert_eq!(pay(&mut world, &standard, 2, 550_000, 0, &[1, 2]), ["boot.ungranted"; 2]);
    assert_eq!(status(&mut world, 1).refusal.as_deref(), Some("boot.ungranted"));
    // The quorum lets two go on: nothing of before counts, and every window is exhausted.
    let boot_keys = [1, 2].map(|n| status(&mut world, n).boot_key).to_vec();
    let order = world.order(OrderAction::Resume { boot_keys });
    world.tell_all(&ToCosigner::Order { order });
    (0..3).for_each(|_| world.pass(1_000));
    assert_eq!(ready(&mut world), [1, 2, 3], "the third is let in by the two");
    for (id, signers) in [(3, [1, 2]), (4, [2, 3]), (5, [1, 3])] {
        assert!(unsigned(&pay(&mut world, &standard, id, 550_000, 0, &signers)), "{signers:?}");
    }
}

/// Whoever has no share yet lets everybody in; but nobody who has one is let in by those.
#[test]
fn b1_cosigners_rolled_back_to_before_their_keys_let_nobody_in() {
    let (mut world, standard, before) = world(322);
    let old = blobs(&world);
    assert_eq!(pay(&mut world, &standard, 1, 550_000, 0, &[1, 2]), SIGNED);
    roll_back(&mut world, &[(1, &old), (2, &before), (3, &before)]);
    assert!(!status(&mut world, 1).ready);
    // Then its peer follows, as if the first were let in.
    roll_back(&mut world, &[(2, &old)]);
    assert!(!status(&mut world, 1).ready && !status(&mut world, 2).ready);
    assert!(unsigned(&pay(&mut world, &standard, 2, 550_000, 0, &[1, 2])));
}

/// Those who let each other in before there was any key are live, and still remember nothing that counts.
#[test]
fn b1_cosigners_without_a_share_are_no_memory_for_one_that_has_one() {
    let (mut world, standard, before) = world(326);
    let old = blobs(&world);
    assert_eq!(pay(&mut world, &standard, 1, 550_000, 0, &[1, 2]), SIGNED);
    roll_back(&mut world, &[(1, &before), (2, &before), (3, &before)]);
    assert_eq!(ready(&mut world), [1, 2, 3], "without a share they found a workspace anew");
    for n in [1, 2] {
        // Started often enough to ask for a number that nobody has seen.
        roll_back(&mut world, &[(n, &old)]);
        (0..3).for_each(|_| restart(&mut world, n));
        (0..10).for_each(|_| world.pass(1_000));
        assert!(!status(&mut world, n).ready, "cosigner {n}");
    }
    assert!(unsigned(&pay(&mut world, &standard, 2, 550_000, 0, &[1, 2])));
}

/// One after the other they may be started anew, as in an upgrade of their machines.
#[test]
fn b1_restarts_one_after_the_other_need_nobody() {
    let (mut world, standard, _) = world(323);
    for n in 1..=3 {
        restart(&mut world, n);
        assert_eq!(ready(&mut world), [1, 2, 3]);
        assert_eq!(pay(&mut world, &standard, n, 1_000, u64::from(n) - 1, &[1, 3]), SIGNED);
    }
}

/// Two live copies of one: the number was granted to the first one's key.
#[test]
fn b1_of_two_live_copies_one_signs() {
    let (mut world, standard, _) = world(324);
    let copy = world.blob(party(1));
    restart(&mut world, 1);
    let first = status(&mut world, 1);
    assert!(first.ready);
    world.kill(party(1));
    world.set_blob(party(1), copy);
    restart(&mut world, 1);
    (0..5).for_each(|_| world.pass(1_000));
    let second = status(&mut world, 1);
    assert_eq!((second.boot, second.ready, second.refusal.as_deref()), (first.boot, false, Some("boot.rolled_back")));
    assert!(unsigned(&pay(&mut world, &standard, 1, 1_000, 0, &[1, 2])));
}

/// The parent moves one machine's time, forward and back: nothing is signed with it, and it does not come back by itself.
#[test]
fn t1_a_moved_clock_signs_nothing() {
    let (mut world, standard, _) = world(325);
    for (id, skew_ms) in [(1, 61_000), (2, -61_000), (3, 86_400_000), (4, -86_400_000)] {
        world.skew_ms.insert(party(1), skew_ms);
        let said = pay(&mut world, &standard, id, 1_000, 0, &[1, 2]);
        assert!(unsigned(&said), "{skew_ms}: {said:?}");
        world.skew_ms.clear();
    }
    // What the others held for it meanwhile ends by itself.
    world.pass(120_000);
    assert_eq!(pay(&mut world, &standard, 5, 1_000, 0, &[2, 3]), SIGNED);
}
