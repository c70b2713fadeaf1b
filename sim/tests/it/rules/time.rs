//! T1: windows end at the earliest of the signers' clocks, expiries are held against the latest; a minute apart is too far.

use super::{SIGNED, dollar_permits, pay, permit, restart, unsigned};
use ringi_cosigner::message::{BootGrant, PeerMessage};
use ringi_cosigner::state::{Record, State};
use ringi_primitives::time::UnixMs;
use ringi_sim::inside::{Inside, opened};
use ringi_sim::requests::{Draft, Standard, outcomes};
use ringi_sim::world::{World, party};

const MINUTE_MS: i64 = 60_000;
const DAY_MS: u64 = 86_400_000;

#[test]
fn t1_time_that_passes_between_frames_does_not_part_the_signers() {
    let (mut world, standard) = Standard::world(1);
    let bytes = Draft::payment(&world, 1, 1000, 0).bytes(&standard);
    let tag = world.open(&bytes, &[1, 2]);
    while world.step() {
        world.now = world.now.plus_ms(3);
    }
    assert_eq!(outcomes(&world.answers_of(tag, &[1, 2])), SIGNED);
}

#[test]
fn t1_a_hello_held_back_for_over_a_minute_is_refused_by_whoever_sees_it_late() {
    let (mut world, standard) = Standard::world(1);
    let tag = world.open(&Draft::payment(&world, 1, 1000, 0).bytes(&standard), &[1, 2]);
    world.now = world.now.plus_ms(3_600_000);
    world.run();
    let said = outcomes(&world.answers_of(tag, &[1, 2]));
    assert!(unsigned(&said) && said.contains(&"session.clock_skew".into()), "{said:?}");
}

/// Within the minute that clocks may differ the hello is still held against the clock of whoever sees it late.
#[test]
fn t1_a_hello_held_back_over_the_expiry_is_refused() {
    let (mut world, standard) = Standard::world(41);
    let mut draft = Draft::payment(&world, 1, 1000, 0);
    draft.intent["expires_at"] = serde_json::json!(world.now.plus_ms(30_000));
    let bytes = draft.bytes(&standard);
    let tag = world.open(&bytes, &[1, 2]);
    world.now = world.now.plus_ms(30_000);
    world.run();
    let said = outcomes(&world.answers_of(tag, &[1, 2]));
    assert!(unsigned(&said) && said.contains(&"intent.expired".into()), "{said:?}");
}

/// One clock past the expiry is enough, whichever it is.
#[test]
fn t1_the_latest_clock_decides_whether_an_intent_has_expired() {
    for ahead in [1, 2] {
        let (mut world, standard) = Standard::world(42);
        let mut draft = Draft::payment(&world, 1, 1000, 0);
        draft.intent["expires_at"] = serde_json::json!(world.now.plus_ms(30_000));
        world.skew_ms.insert(party(ahead), 29_999);
        assert_eq!(outcomes(&world.sign(&draft.bytes(&standard), &[1, 2])), SIGNED);
        draft = Draft::payment(&world, 2, 1000, 1);
        draft.intent["expires_at"] = serde_json::json!(world.now.plus_ms(30_000));
        let bytes = draft.bytes(&standard);
        // The clock moves on between the signer's own check at the opening and the merge.
        let tag = world.open(&bytes, &[1, 2]);
        world.skew_ms.insert(party(ahead), 30_000);
        world.run();
        assert!(unsigned(&outcomes(&world.answers_of(tag, &[1, 2]))));
        let said = outcomes(&world.sign(&bytes, &[1, 2]));
        assert_eq!(said.iter().filter(|s| *s == "intent.expired").count(), 1, "{said:?}");
    }
}

#[test]
fn t1_clocks_over_a_minute_apart_refuse() {
    for skew in [MINUTE_MS + 1, -MINUTE_MS - 1] {
        let (mut world, standard) = Standard::world(43);
        let created = world.now.plus_ms(0).0 / 1000 - 120;
        world.skew_ms.insert(party(2), skew);
        let mut draft = Draft::payment(&world, 1, 1000, 0);
        draft.created_s = created;
        // "Never back": a clock that fell behind counts from where it was.
        let said = outcomes(&world.sign(&draft.bytes(&standard), &[1, 2]));
        let behind = skew < 0;
        assert_eq!(unsigned(&said), !behind, "{skew}: {said:?}");
        if !behind {
            assert!(said.contains(&"session.clock_skew".into()), "{said:?}");
        }
    }
    let (mut world, standard) = Standard::world(43);
    world.skew_ms.insert(party(2), MINUTE_MS);
    assert_eq!(pay(&mut world, &standard, 1, 1000, 0, &[1, 2]), SIGNED);
}

/// The entries that the signers record, by the records of one.
fn spent_at(world: &World, n: u8) -> Vec<u64> {
    let entries = opened(world, party(n)).into_iter().filter_map(|r| match r {
        Record::Spent { entries, .. } => Some(entries),
        _ => None,
    });
    entries.flatten().map(|e| e.at.0).collect()
}

/// A signer whose clock is ahead moves no window on: the charge stands at the earliest clock, and what lies between the two
/// clocks' windows still counts.
#[test]
fn t1_the_earliest_clock_decides_where_a_window_ends() {
    let (mut world, standard) = Standard::world(44);
    let start = world.now;
    world.skew_ms.insert(party(1), 50_000);
    assert_eq!(pay(&mut world, &standard, 1, 550_000, 0, &[1, 2]), SIGNED);
    for n in [1, 2] {
        assert_eq!(spent_at(&world, n), [start.0], "cosigner {n}");
    }
    // By the clock ahead the window is over, by the other it is not.
    world.pass(DAY_MS - 20_000);
    let said = pay(&mut world, &standard, 2, 550_000, 1, &[1, 2]);
    assert!(unsigned(&said) && said.contains(&"policy.limit_exceeded".into()), "{said:?}");
    world.pass(20_000);
    assert_eq!(pay(&mut world, &standard, 2, 550_000, 1, &[1, 2]), SIGNED);
}

/// A corrupted peer that says over and over, while it lets another in, how late it is moves that one's clock by the minute that
/// skew allows, once; else it would make it forget what a window still holds.
#[test]
fn t1_a_peer_pushes_no_clock_however_often_it_says_its_own() {
    let (mut world, _) = Standard::world(46);
    let inside = Inside::of(&mut world, party(3), party(1));
    inside.meddle(|_, _, message| match message {
        PeerMessage::BootGrant(grant) => {
            let late = BootGrant { now: UnixMs(u64::MAX), part: 0, parts: 2, ..(*grant).clone() };
            let lies = std::iter::repeat_n(PeerMessage::BootGrant(Box::new(late)), 500);
            lies.chain([PeerMessage::BootGrant(grant)]).collect()
        }
        other => vec![other],
    });
    restart(&mut world, 3);
    let mut memory = State::default();
    opened(&world, party(3)).iter().for_each(|record| memory.apply(record).unwrap());
    assert!(memory.now > world.now, "the lie was heard");
    assert!(memory.now <= world.now.plus_ms(60_000), "{} ms", memory.now.0 - world.now.0);
}

/// A clock that is set back does not bring an expired intent back, and neither does a restart.
#[test]
fn t1_time_never_goes_back() {
    let (mut world, standard) = Standard::world(45);
    let mut draft = Draft::payment(&world, 1, 1000, 0);
    // Far more than the minute that each peer's grant may set a clock forward by.
    draft.intent["expires_at"] = serde_json::json!(world.now.plus_ms(1_800_000));
    let bytes = draft.bytes(&standard);
    world.pass(3_600_000);
    // A signature of something else lets the time be recorded.
    assert_eq!(pay(&mut world, &standard, 2, 1000, 0, &[1, 2]), SIGNED);
    world.now = ringi_sim::world::START;
    assert_eq!(outcomes(&world.sign(&bytes, &[1, 2])), ["intent.expired"; 2]);
    restart(&mut world, 1);
    restart(&mut world, 2);
    assert_eq!(outcomes(&world.sign(&bytes, &[1, 2])), ["intent.expired"; 2]);
}

/// C2: a permit's deadline lies within what the policy set allows of its token, from each signer's own now.
#[test]
fn c2_a_permit_lives_no_longer_than_the_policy_allows() {
    let (mut world, mut standard) = Standard::world(42);
    standard.amend(&mut world, |policy| policy.permits.push(dollar_permits()));
    let mut said = |id, life_ms| {
        let bytes = permit(&world, &standard, id, 100, life_ms);
        outcomes(&world.sign(&bytes, &[1, 2]))
    };
    assert_eq!(said(1, DAY_MS + 1_000), ["bytes.permit_life"; 2]);
    assert_eq!(said(2, 365 * DAY_MS), ["bytes.permit_life"; 2]);
    assert_eq!(said(3, DAY_MS), SIGNED);
}
