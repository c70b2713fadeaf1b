//! What the interface refuses, and what may not leave before its time.

use std::collections::BTreeSet;

use rand_core::OsRng;
use ringi_mpc::{
    Ceremony, Envelope, Fault, Keygen, KeygenParams, MAX_TASKS, Progress, SessionId, SignTask, Signing, Tweak,
};
use ringi_primitives::scheme::{PartyIndex, Scheme};

use crate::ceremonies::task;
use crate::net::{cached, party, refresh, run, start_keygen, start_signing};

fn params(scheme: Scheme, t: u8, n: u8, me: u8) -> KeygenParams {
    KeygenParams { scheme, session: SessionId([1; 32]), threshold: t, parties: n, me: party(me), transcript: [0; 32] }
}

/// Two disjoint quorums must not exist: 2t > n.
#[test]
fn only_majorities() {
    for scheme in Scheme::ALL {
        for n in 0..=11 {
            for t in 0..=11 {
                let allowed = t >= 2 && t <= n && n <= 9 && 2 * t > n;
                if allowed && scheme == Scheme::EcdsaSecp256k1 && n > 3 {
                    continue;
                }
                let started = Keygen::start(params(scheme, t, n, 1), &mut OsRng);
                assert_eq!(started.is_ok(), allowed, "{t} of {n}");
                assert!(started.is_ok() || matches!(started.err(), Some(Fault::Misuse(_))));
            }
        }
        assert!(Keygen::start(params(scheme, 2, 3, 4), &mut OsRng).is_err());
    }
}

fn refused(scheme: Scheme, signers: &[u8], tasks: Vec<SignTask<'_>>) -> bool {
    let signers: Vec<PartyIndex> = signers.iter().map(|n| party(*n)).collect();
    let started = Signing::start(&cached(scheme)[0], SessionId([1; 32]), &signers, tasks, &mut OsRng);
    matches!(started.err(), Some(Fault::Misuse(_)))
}

#[test]
fn signing_requests_that_are_refused() {
    for scheme in Scheme::ALL {
        for signers in [&[1][..], &[1, 1], &[2, 3], &[1, 2, 3], &[1, 4], &[]] {
            assert!(refused(scheme, signers, vec![task(&[], 0)]), "{signers:?}");
        }
        assert!(refused(scheme, &[1, 2], vec![]));
        assert!(refused(scheme, &[1, 2], (0..=MAX_TASKS).map(|_| task(&[], 0)).collect()));
        assert!(refused(scheme, &[1, 2], vec![task(&[1 << 31], 0)]));
        let odd = SignTask { path: &[], tweak: Tweak::None, message: vec![0; 31] };
        assert_eq!(refused(scheme, &[1, 2], vec![odd]), scheme != Scheme::Ed25519);
        let tweaked = SignTask { path: &[], tweak: Tweak::TaprootKeyPath, message: vec![0; 32] };
        assert_eq!(refused(scheme, &[1, 2], vec![tweaked]), scheme != Scheme::Bip340);
    }
}

/// S1, L1: until `release`, nothing of the last round has left, and it comes once.
#[test]
fn s1_nothing_leaves_before_release() {
    for scheme in Scheme::ALL {
        let last = if scheme == Scheme::EcdsaSecp256k1 { 3 } else { 2 };
        let mut started = start_signing(cached(scheme), &[1, 2], &[task(&[1], 1)], 3);
        let (_, mut two, mut to_one) = started.pop().unwrap();
        let (_, mut one, mut to_two) = started.pop().unwrap();
        assert!(matches!(one.release(), Err(Fault::Misuse(_))));
        let mut held = 0;
        while held < 2 {
            let pass = |machine: &mut Signing, inbox: &mut Vec<Envelope>| {
                let (mut sent, mut holds) = (Vec::new(), 0);
                for envelope in inbox.drain(..) {
                    assert!(envelope.round < last, "{} left early", envelope.round);
                    match machine.receive(envelope).unwrap() {
                        Progress::Send(more) => sent.extend(more),
                        Progress::Hold => holds += 1,
                        Progress::Waiting => {}
                        Progress::Done(..) => panic!("done without release"),
                    }
                }
                (sent, holds)
            };
            let (from_one, held_one) = pass(&mut one, &mut to_one);
            let (from_two, held_two) = pass(&mut two, &mut to_two);
            to_two.extend(from_one);
            to_one.extend(from_two);
            held += held_one + held_two;
        }
        assert!(one.missing().is_empty() && matches!(one.blame_missing(), Fault::Misuse(_)));
        let Progress::Send(sent) = one.release().unwrap() else { panic!("no last round") };
        assert!(sent.iter().all(|e| e.round == last && e.to.is_none()));
        assert!(matches!(one.release(), Err(Fault::Misuse(_))), "released twice");
        // A peer's last message may come while we still hold.
        assert!(matches!(two.receive(sent[0].clone()).unwrap(), Progress::Waiting));
        assert!(matches!(two.release().unwrap(), Progress::Done(_, signatures) if signatures.len() == 1));
        assert!(matches!(two.receive(sent[0].clone()), Err(Fault::Misuse(_))));
    }
}

/// K2: shares of different epochs do not sign, and nobody is called a cheat for it.
#[test]
fn k2_unequal_epochs_are_no_misbehaviour() {
    for scheme in [Scheme::Bip340, Scheme::Ed25519] {
        let mut mixed = start_signing(cached(scheme), &[1, 2], &[task(&[], 1)], 3);
        mixed[1] = start_signing(&refresh(cached(scheme)), &[1, 2], &[task(&[], 1)], 3).remove(1);
        for ending in run(mixed, &mut crate::net::honest).into_values() {
            assert!(matches!(ending.result, Err(Fault::Suspects { reason: "other parameters", .. })));
        }
    }
}

/// G2, S1: a party with another order is found in the first round, before any share is made.
#[test]
fn s1_key_generation_binds_the_order() {
    for scheme in Scheme::ALL {
        let mut mixed = start_keygen(scheme, 2, 2, 1);
        let other = KeygenParams { transcript: [0x55; 32], ..params(scheme, 2, 2, 2) };
        let (machine, sent) = Keygen::start(KeygenParams { session: SessionId([1; 32]), ..other }, &mut OsRng).unwrap();
        mixed[1] = (party(2), machine, sent);
        for (me, ending) in run(mixed, &mut crate::net::honest) {
            let Err(Fault::Suspects { set, reason }) = ending.result else { panic!("no suspicion") };
            assert!(set.len() == 1 && !set.contains(&me) && reason == "other parameters");
        }
    }
}

/// A time-out names exactly the silent.
#[test]
fn time_out_names_the_silent() {
    let (_, mut one, _) = start_keygen(Scheme::Ed25519, 2, 3, 1).remove(0);
    assert_eq!(one.missing(), BTreeSet::from([party(2), party(3)]));
    let from_three = start_keygen(Scheme::Ed25519, 2, 3, 1).remove(2).2.remove(0);
    assert!(matches!(one.receive(from_three).unwrap(), Progress::Waiting));
    assert_eq!(one.blame_missing(), Fault::Link { peers: BTreeSet::from([party(2)]), reason: "time-out" });
}
