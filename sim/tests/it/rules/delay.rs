//! P1: where the set in force asks for it, the next one is announced first, and every cosigner waits by its own clock from when it
//! heard of it.

use super::{SIGNED, events, pay, restart};
use ringi_cosigner::message::{BootGrant, PeerMessage};
use ringi_cosigner::state::State;
use ringi_primitives::digest::{Digest, Domain};
use ringi_primitives::policy_set::PolicySet;
use ringi_primitives::signed::Signed;
use ringi_primitives::time::UnixMs;
use ringi_primitives::wire::{FromCosigner, ToCosigner};
use ringi_sim::inside::{Inside, opened};
use ringi_sim::people::signed;
use ringi_sim::requests::Standard;
use ringi_sim::world::{World, party};

const DELAY_S: u64 = 3600;
const DELAY_MS: u64 = DELAY_S * 1000;
const PENDING: &str = "policy.pending";

/// A world under a set with a delay.
fn patient(seed: u64, delay_s: u64) -> (World, Standard) {
    let (mut world, mut standard) = Standard::world(seed);
    standard.amend(&mut world, |policy| policy.change_delay_s = Some(delay_s));
    assert_eq!(pay(&mut world, &standard, 90, 1000, 0, &[1, 2]), SIGNED, "the first delay comes at once");
    (world, standard)
}

/// A next set, signed by the quorum: the delay would be gone.
fn next(world: &World, standard: &Standard, change: impl FnOnce(&mut PolicySet)) -> Signed {
    let mut set = standard.policy.clone();
    (set.previous, set.change_delay_s) = (Some(standard.policy_digest()), None);
    set.sequence += 1;
    change(&mut set);
    signed(Domain::PolicySet, &set, &[&world.admins[0], &world.admins[2]])
}

/// Hands it to these, and gives what each says: "in force" or a code.
fn handed(world: &mut World, set: &Signed, to: &[u8]) -> Vec<String> {
    let say = |frame| match frame {
        FromCosigner::PolicyInstalled { .. } => Some("in force".to_string()),
        FromCosigner::DocumentRefused { refusal, .. } => Some(refusal.code),
        _ => None,
    };
    to.iter()
        .map(|n| {
            world.take_said(party(*n));
            world.tell(party(*n), ToCosigner::InstallPolicy { set: set.clone() });
            world.take_said(party(*n)).into_iter().find_map(say).unwrap_or_default()
        })
        .collect()
}

/// What a cosigner says is in force.
fn in_force(world: &mut World, n: u8) -> Option<Digest> {
    world.take_said(party(n));
    world.tell(party(n), ToCosigner::Status);
    world.take_said(party(n)).into_iter().find_map(|frame| match frame {
        FromCosigner::Status { status } => Some(status.policy),
        _ => None,
    })?
}

#[test]
fn p1_the_next_set_waits_for_the_delay_of_the_one_in_force() {
    let (mut world, standard) = patient(520, DELAY_S);
    let set = next(&world, &standard, |_| {});
    assert_eq!(handed(&mut world, &set, &[1, 2, 3]), [PENDING; 3], "though it asks for none itself");
    world.pass(DELAY_MS - 1);
    assert_eq!(handed(&mut world, &set, &[1, 2, 3]), [PENDING; 3]);
    assert_eq!(pay(&mut world, &standard, 1, 1000, 1, &[1, 2]), SIGNED, "under the set in force");
    world.pass(1);
    assert_eq!(handed(&mut world, &set, &[1, 2, 3]), ["in force"; 3]);
    let after = next(&world, &standard, |_| {});
    assert_eq!(in_force(&mut world, 3), Some(after.digest(Domain::PolicySet)));
}

#[test]
fn p1_another_announcement_takes_the_place_of_the_first() {
    let (mut world, standard) = patient(521, DELAY_S);
    let (bad, good) = (next(&world, &standard, |_| {}), next(&world, &standard, |s| s.vaults[0].rules.truncate(1)));
    assert_eq!(handed(&mut world, &bad, &[1]), [PENDING]);
    world.pass(DELAY_MS - 1000);
    assert_eq!(handed(&mut world, &good, &[1]), [PENDING]);
    world.pass(DELAY_MS - 1000);
    assert_eq!(handed(&mut world, &bad, &[1]), [PENDING], "it begins anew");
    world.pass(DELAY_MS - 1000);
    assert_eq!(handed(&mut world, &good, &[1]), [PENDING]);
    world.pass(DELAY_MS);
    assert_eq!(handed(&mut world, &good, &[1]), ["in force"]);
    assert_eq!(handed(&mut world, &bad, &[1]), ["policy.sequence"]);
}

#[test]
fn p1_an_announcement_outlives_a_restart() {
    let (mut world, standard) = patient(522, DELAY_S);
    let set = next(&world, &standard, |_| {});
    assert_eq!(handed(&mut world, &set, &[1, 2, 3]), [PENDING; 3]);
    world.pass(DELAY_MS / 2);
    let (mut memory, mut copy) = (State::default(), State::default());
    opened(&world, party(1)).iter().for_each(|record| memory.apply(record).unwrap());
    memory.snapshot().unwrap().for_each(|record| copy.apply(&record).unwrap());
    assert_eq!(copy.announced.map(|(announced, _)| announced), Some(set.digest(Domain::PolicySet)), "in snapshots too");
    assert_eq!(copy.announced, memory.announced);
    (1..=3).for_each(|n| restart(&mut world, n));
    world.pass(DELAY_MS / 2);
    assert_eq!(handed(&mut world, &set, &[1, 2, 3]), ["in force"; 3]);
}

/// Neither by a session, nor while they let it in.
#[test]
fn p1_peers_announce_a_set_and_do_not_bring_it_in_force() {
    let (mut world, standard) = patient(523, DELAY_S);
    let (set, before) = (next(&world, &standard, |_| {}), Some(standard.policy_digest()));
    assert_eq!(handed(&mut world, &set, &[1, 2]), [PENDING; 2]);
    world.pass(DELAY_MS);
    assert_eq!(handed(&mut world, &set, &[1, 2]), ["in force"; 2]);
    world.take_said(party(3));
    assert_ne!(pay(&mut world, &standard, 1, 1000, 1, &[1, 3]), SIGNED, "they are under other sets");
    let said = events(&mut world, 3);
    assert!(!said.contains(&"policy.unproved".to_string()), "it is proved, and waits: {said:?}");
    assert_eq!(in_force(&mut world, 3), before);
    restart(&mut world, 3);
    assert_eq!(in_force(&mut world, 3), before);
    world.pass(DELAY_MS);
    assert_eq!(handed(&mut world, &set, &[3]), ["in force"]);
}

#[test]
fn p1_a_peer_does_not_shorten_the_wait() {
    let (mut world, standard) = patient(524, 30);
    let set = next(&world, &standard, |_| {});
    let inside = Inside::of(&mut world, party(3), party(1));
    inside.meddle(|_, _, message| match message {
        PeerMessage::BootGrant(grant) => {
            vec![PeerMessage::BootGrant(Box::new(BootGrant { now: UnixMs(u64::MAX), ..*grant }))]
        }
        other => vec![other],
    });
    assert_eq!(handed(&mut world, &set, &[3]), [PENDING]);
    restart(&mut world, 3);
    assert_eq!(handed(&mut world, &set, &[3]), [PENDING], "its peer's clock is a minute ahead");
    world.pass(30_000);
    assert_eq!(handed(&mut world, &set, &[3]), ["in force"]);
}
