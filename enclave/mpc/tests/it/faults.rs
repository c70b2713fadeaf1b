//! PROTOCOL.md S1, K2: every protocol and round, disturbed in every way, gives its verdict; no share is lost, and no
//! signature comes out.

use std::collections::BTreeSet;

use ringi_mpc::{Ceremony, Envelope, Fault, KeyShare, SessionId};
use ringi_primitives::scheme::{PartyIndex, Scheme};

use crate::ceremonies::{task, verify};
use crate::net::{Ending, cached, dealt, party, run, sign, start_keygen, start_refresh, start_signing};

/// What happens to the messages of one round from party 1 to party 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Disturb {
    Dropped,
    Repeated,
    /// A bit in the middle of the body.
    AlteredBroadcast,
    AlteredDirect,
    /// A bit of the transcript hash.
    AlteredHash,
    /// The right message and then another in its place.
    Contradicted,
    TooLong,
    TooShort,
    WrongSession,
    RoundTooEarly,
    RoundOver,
    NotASigner,
    /// All of those that only a link can cause, instead of the message.
    Misplaced,
}

/// Key generation and refresh of ECDSA cost a second each: there the link's faults share one run per round.
const FEW: [Disturb; 7] = [
    Disturb::Misplaced,
    Disturb::AlteredBroadcast,
    Disturb::AlteredDirect,
    Disturb::AlteredHash,
    Disturb::Contradicted,
    Disturb::TooLong,
    Disturb::TooShort,
];

const ALL: [Disturb; 13] = [
    Disturb::Dropped,
    Disturb::Repeated,
    Disturb::AlteredBroadcast,
    Disturb::AlteredDirect,
    Disturb::AlteredHash,
    Disturb::Contradicted,
    Disturb::TooLong,
    Disturb::TooShort,
    Disturb::WrongSession,
    Disturb::RoundTooEarly,
    Disturb::RoundOver,
    Disturb::NotASigner,
    Disturb::Misplaced,
];

/// The verdict of party 2 on party 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// Nothing happened.
    Ends,
    Link,
    Peer,
    Suspects,
    /// A flipped bit may leave a point or make it no point at all.
    PeerOrSuspects,
    PeerOrEnds,
}

const TRANSCRIPT_LEN: usize = 32;

fn flip(envelope: &Envelope, at: usize) -> Envelope {
    let mut altered = envelope.clone();
    altered.payload[at] ^= 1;
    altered
}

fn disturb(how: Disturb, envelope: Envelope) -> Vec<Envelope> {
    let body = envelope.payload.len() - TRANSCRIPT_LEN;
    let direct = envelope.to.is_some();
    match how {
        Disturb::Dropped => vec![],
        Disturb::Repeated => vec![envelope.clone(), envelope],
        Disturb::AlteredDirect if direct && body > 0 => vec![flip(&envelope, body / 2)],
        Disturb::AlteredBroadcast if !direct && body > 0 => vec![flip(&envelope, body / 2)],
        Disturb::AlteredDirect | Disturb::AlteredBroadcast => vec![envelope],
        Disturb::AlteredHash => vec![flip(&envelope, body + 7)],
        Disturb::Contradicted => vec![envelope.clone(), flip(&envelope, body + 7)],
        Disturb::TooLong => {
            vec![Envelope { payload: [envelope.payload.as_slice(), &vec![0; 500_000]].concat(), ..envelope }]
        }
        Disturb::TooShort => vec![Envelope { payload: vec![0; TRANSCRIPT_LEN - 1], ..envelope }],
        Disturb::WrongSession => vec![Envelope { session: SessionId([0x77; 32]), ..envelope }],
        Disturb::RoundTooEarly => vec![Envelope { round: envelope.round + 2, ..envelope }],
        Disturb::RoundOver => vec![Envelope { round: envelope.round - 1, ..envelope }],
        Disturb::NotASigner => vec![Envelope { from: party(9), ..envelope }],
        Disturb::Misplaced => [Disturb::WrongSession, Disturb::RoundTooEarly, Disturb::NotASigner]
            .into_iter()
            .flat_map(|how| disturb(how, envelope.clone()))
            .collect(),
    }
}

/// The verdicts that hold in every protocol; `None` where it depends on what the body is.
fn common(how: Disturb, round: u8, last: u8) -> Option<Verdict> {
    match how {
        Disturb::Repeated => Some(Verdict::Ends),
        Disturb::Dropped
        | Disturb::WrongSession
        | Disturb::RoundTooEarly
        | Disturb::NotASigner
        | Disturb::Misplaced => Some(Verdict::Link),
        // There is no round 0; in another round's place a message contradicts what stood there.
        Disturb::RoundOver => Some(if round == 1 { Verdict::Link } else { Verdict::Peer }),
        Disturb::AlteredHash => Some(Verdict::Suspects),
        Disturb::TooLong | Disturb::TooShort => Some(Verdict::Peer),
        // The first message may have ended the ceremony.
        Disturb::Contradicted if round == last => Some(Verdict::PeerOrEnds),
        Disturb::Contradicted => Some(Verdict::Peer),
        Disturb::AlteredBroadcast | Disturb::AlteredDirect => None,
    }
}

fn check<T>(case: &str, expected: Verdict, ending: &Ending<T>) {
    let one = BTreeSet::from([party(1)]);
    let right = match (&ending.result, expected) {
        (Ok(_), Verdict::Ends | Verdict::PeerOrEnds) => true,
        (Err(Fault::Link { peers, .. }), Verdict::Link) => *peers == one,
        (Err(Fault::Peer { culprits, ban, .. }), Verdict::Peer | Verdict::PeerOrSuspects | Verdict::PeerOrEnds) => {
            *culprits == one && ban.is_subset(culprits)
        }
        (Err(Fault::Suspects { set, .. }), Verdict::Suspects | Verdict::PeerOrSuspects) => set.contains(&party(1)),
        _ => false,
    };
    assert!(right, "{case}: expected {expected:?}, got {:?}", ending.result.as_ref().err());
    assert!(ending.notes.iter().all(|note| matches!(note, Fault::Link { .. })), "{case}: {:?}", ending.notes);
}

/// The link's faults are told apart.
fn check_notes<T>(case: &str, how: Disturb, ending: &Ending<T>) {
    let mut reasons: Vec<&str> = Vec::new();
    for note in &ending.notes {
        let Fault::Link { reason, .. } = note else { panic!("{case}: {note:?}") };
        if !reasons.contains(reason) {
            reasons.push(reason);
        }
    }
    let expected: &[&str] = match how {
        Disturb::WrongSession => &["other session"],
        Disturb::RoundTooEarly => &["round has not come"],
        Disturb::NotASigner => &["sender takes no part"],
        Disturb::Misplaced => &["other session", "round has not come", "sender takes no part"],
        _ => return,
    };
    assert_eq!(reasons, expected, "{case}");
}

/// Runs a ceremony with one disturbance; the ending of party 2.
fn disturbed<C: Ceremony>(started: Vec<(PartyIndex, C, Vec<Envelope>)>, round: u8, how: Disturb) -> Ending<C::Output> {
    let mut wire = |to: PartyIndex, envelope: Envelope| {
        let hit = envelope.from == party(1) && to == party(2) && envelope.round == round;
        if hit { disturb(how, envelope) } else { vec![envelope] }
    };
    run(started, &mut wire).remove(&party(2)).unwrap()
}

/// Which verdict an altered body of this round gives: (broadcast, direct). `Ends` where there is no such body.
type Altered = [(Verdict, Verdict)];

fn expected(how: Disturb, round: u8, altered: &Altered) -> Verdict {
    let (broadcast, direct) = altered[usize::from(round) - 1];
    common(how, round, altered.len() as u8).unwrap_or(if how == Disturb::AlteredBroadcast { broadcast } else { direct })
}

use Verdict::{Ends, Peer, PeerOrSuspects, Suspects};

const FROST_KEYGEN: &Altered = &[(Suspects, Ends), (Ends, Ends), (Suspects, Peer), (Ends, Ends)];
const FROST_REFRESH: &Altered = &[(Suspects, Ends), (Ends, Ends), (Ends, Peer)];
const FROST_SIGNING: &Altered = &[(PeerOrSuspects, Ends), (Peer, Ends)];
/// In 2-of-2 every pair of fragments is of some line: an altered one makes another key, as random as the first.
const ECDSA_KEYGEN: &Altered = &[(Ends, Ends), (Suspects, Peer), (Ends, Ends), (Suspects, Peer), (Ends, Ends)];
const ECDSA_REFRESH: &Altered = &[(Ends, Suspects), (Suspects, Peer), (Ends, Ends), (Suspects, Peer), (Ends, Ends)];
const ECDSA_SIGNING: &Altered = &[(Ends, Peer), (Ends, Peer), (Suspects, Ends)];

fn still_signs(shares: &[KeyShare]) {
    let tasks = [task(&[1], 1)];
    verify(&shares[0], &tasks[0], &sign(shares, &[1, 2], &tasks)[0]);
}

/// Nothing to alter: the round has no such body; or nothing to learn.
fn is_idle(how: Disturb, round: u8, altered: &Altered) -> bool {
    let altering = matches!(how, Disturb::AlteredBroadcast | Disturb::AlteredDirect);
    // Lengths are checked alike in every round; the late ones of ECDSA are the dear ones.
    let dear = altered.len() == 5 && round > 3 && matches!(how, Disturb::TooLong | Disturb::TooShort);
    dear || (altering && expected(how, round, altered) == Verdict::Ends)
}

fn keygen_table(scheme: Scheme, n: u8, altered: &Altered, disturbances: &[Disturb]) {
    for (round, _) in (1..).zip(altered) {
        for how in disturbances.iter().copied().filter(|how| !is_idle(*how, round, altered)) {
            let ending = disturbed(start_keygen(scheme, 2, n, 1), round, how);
            let case = format!("keygen {} round {round} {how:?}", scheme.name());
            check(&case, expected(how, round, altered), &ending);
            check_notes(&case, how, &ending);
        }
    }
}

fn refresh_table(shares: &[KeyShare], altered: &Altered, disturbances: &[Disturb]) {
    for (round, _) in (1..).zip(altered) {
        for how in disturbances.iter().copied().filter(|how| !is_idle(*how, round, altered)) {
            let ending = disturbed(start_refresh(shares, 2), round, how);
            let case = format!("refresh {} round {round} {how:?}", shares[0].scheme().name());
            check(&case, expected(how, round, altered), &ending);
            check_notes(&case, how, &ending);
            // K2: whatever happened to the refresh, the old epoch signs.
            still_signs(shares);
        }
    }
}

fn signing_table(scheme: Scheme, altered: &Altered) {
    let shares = cached(scheme);
    let tasks = [task(&[1], 7), task(&[2, 3], 8)];
    for (round, _) in (1..).zip(altered) {
        for how in ALL {
            let ending = disturbed(start_signing(shares, &[1, 2], &tasks, 3), round, how);
            let case = format!("signing {} round {round} {how:?}", scheme.name());
            check(&case, expected(how, round, altered), &ending);
            check_notes(&case, how, &ending);
            if let Ok(signatures) = ending.result {
                tasks.iter().zip(&signatures).for_each(|(task, signature)| verify(&shares[0], task, signature));
            }
        }
    }
    still_signs(shares);
}

#[test]
fn s1_frost_keygen_and_refresh() {
    for scheme in [Scheme::Bip340, Scheme::Ed25519] {
        keygen_table(scheme, 3, FROST_KEYGEN, &ALL);
        refresh_table(cached(scheme), FROST_REFRESH, &ALL);
    }
}

#[test]
fn s1_frost_signing() {
    signing_table(Scheme::Bip340, FROST_SIGNING);
    signing_table(Scheme::Ed25519, FROST_SIGNING);
}

#[test]
fn s1_ecdsa_signing() {
    signing_table(Scheme::EcdsaSecp256k1, ECDSA_SIGNING);
}

#[test]
fn s1_ecdsa_keygen() {
    keygen_table(Scheme::EcdsaSecp256k1, 2, ECDSA_KEYGEN, &FEW);
}

#[test]
fn s1_ecdsa_refresh() {
    refresh_table(&dealt(2, 2), ECDSA_REFRESH, &FEW);
}

/// Every message twice: nothing happens.
#[test]
fn s1_repeats_are_nothing() {
    let mut twice = |_: PartyIndex, envelope: Envelope| vec![envelope.clone(), envelope];
    for ending in run(start_keygen(Scheme::EcdsaSecp256k1, 2, 2, 1), &mut twice).into_values() {
        assert!(ending.result.is_ok() && ending.notes.is_empty());
    }
    for ending in run(start_refresh(&dealt(2, 2), 1), &mut twice).into_values() {
        assert!(ending.result.is_ok() && ending.notes.is_empty());
    }
}

/// One party tells two others different things in one broadcast round: both honest ones stop, and suspect it.
#[test]
fn s1_equivocation_is_caught_by_the_echo() {
    for (scheme, round) in [
        (Scheme::EcdsaSecp256k1, 2),
        (Scheme::Bip340, 1),
        (Scheme::Bip340, 3),
        (Scheme::Ed25519, 1),
        (Scheme::Ed25519, 3),
    ] {
        let mut wire = |to: PartyIndex, envelope: Envelope| {
            let lie = envelope.from == party(1) && envelope.round == round && envelope.to.is_none() && to == party(3);
            if lie { vec![flip(&envelope, 20)] } else { vec![envelope] }
        };
        let endings = run(start_keygen(scheme, 2, 3, 1), &mut wire);
        for honest in [party(2), party(3)] {
            let Err(Fault::Suspects { set, reason }) = &endings[&honest].result else {
                panic!("{} round {round}: no suspicion", scheme.name());
            };
            assert!(set.contains(&party(1)) && *reason == "broadcasts differ");
        }
    }
}

/// G2, S1: parties with another order, size or task never get past the first round.
#[test]
fn s1_other_parameters_are_found_at_once() {
    let shares = cached(Scheme::Ed25519);
    let mut mixed = start_signing(shares, &[1, 2], &[task(&[1], 1)], 3);
    let other = start_signing(shares, &[1, 2], &[task(&[1], 2)], 3).remove(1);
    mixed[1] = other;
    for (me, ending) in run(mixed, &mut crate::net::honest) {
        let Err(Fault::Suspects { set, reason }) = ending.result else { panic!("no suspicion") };
        assert_eq!((set.len(), set.contains(&me), reason), (1, false, "other parameters"));
    }
}

/// An altered byte anywhere in dkls23's phases 1 and 2 blames its sender or, where a stale state of ours looks the same,
/// suspects it; most of the bytes belong to the oblivious transfer, and those must ban.
#[test]
fn altered_oblivious_transfer_bans() {
    let shares = cached(Scheme::EcdsaSecp256k1);
    let mut bans = [0; 2];
    const STEPS: usize = 24;
    for round in [1, 2] {
        for step in 0..STEPS {
            let mut wire = |to: PartyIndex, envelope: Envelope| {
                let hit = envelope.from == party(1) && to == party(2) && envelope.round == round;
                let at = (envelope.payload.len() - TRANSCRIPT_LEN) * step / STEPS;
                if hit { vec![flip(&envelope, at)] } else { vec![envelope] }
            };
            let ending = run(start_signing(shares, &[1, 2], &[task(&[], 1)], 3), &mut wire).remove(&party(2)).unwrap();
            match ending.result {
                Err(Fault::Peer { culprits, ban, .. }) => {
                    assert_eq!(culprits, BTreeSet::from([party(1)]));
                    assert!(ban.is_empty() || ban == culprits);
                    bans[usize::from(round) - 1] += ban.len();
                }
                other => panic!("round {round} step {step}: {:?}", other.err()),
            }
        }
    }
    assert!(bans.iter().all(|count| *count > STEPS * 3 / 4), "{bans:?}");
}

/// dkls23's messages name their sender and receiver (bytes 1 and 2); the channel's word counts.
#[test]
fn a_message_that_names_another_sender_or_receiver() {
    let shares = cached(Scheme::EcdsaSecp256k1);
    for round in [1, 2] {
        for (at, xor) in [(1, 2), (2, 1)] {
            let mut wire = |to: PartyIndex, mut envelope: Envelope| {
                if envelope.from == party(1) && to == party(2) && envelope.round == round {
                    envelope.payload[at] ^= xor;
                }
                vec![envelope]
            };
            let ending = run(start_signing(shares, &[1, 2], &[task(&[], 1)], 3), &mut wire).remove(&party(2)).unwrap();
            let Err(Fault::Peer { culprits, reason, .. }) = ending.result else { panic!("{:?}", ending.result.err()) };
            assert_eq!(culprits, BTreeSet::from([party(1)]));
            assert_eq!(reason, "message names another sender or receiver");
        }
    }
}
