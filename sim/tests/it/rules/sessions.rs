//! S1, R1: what a session id binds, what of other sessions does nothing, and verdicts that are chained before they matter.

use super::{SIGNED, abort, acknowledge, pay, restart, status, unsigned, verdicts};
use ringi::verify::{VerifyError, verify_receipt};
use ringi_cosigner::message::{Hello, PeerMessage};
use ringi_cosigner::state::Record;
use ringi_primitives::cbor;
use ringi_primitives::certificate::SignedCertificate;
use ringi_primitives::digest::Digest;
use ringi_primitives::intent::Intent;
use ringi_primitives::key::PublicKey;
use ringi_primitives::policy_set::RootIndex;
use ringi_primitives::receipt::{Receipt, SignedBoot, Verdict};
use ringi_primitives::request::SigningRequest;
use ringi_primitives::scheme::{PartyIndex, Scheme};
use ringi_primitives::wire::FromCosigner;
use ringi_sim::inside::{Inside, opened};
use ringi_sim::requests::{Draft, EVM, Standard, outcomes};
use ringi_sim::world::{World, party};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

/// Longer than a session waits for a message.
const TOO_LONG_MS: u64 = 31_000;

/// What cosigner 1 says after 2's hello was changed on its way, and after the wait.
fn after_hello(change: impl Fn(&mut Hello) + 'static) -> Vec<String> {
    let (mut world, standard) = Standard::world(51);
    let inside = Inside::of(&mut world, party(1), party(2));
    inside.meddle(move |from, _, message| match message {
        PeerMessage::Hello(mut hello) if from == party(2) => {
            change(&mut hello);
            vec![PeerMessage::Hello(hello)]
        }
        other => vec![other],
    });
    let tag = world.open(&Draft::payment(&world, 1, 1000, 0).bytes(&standard), &[1, 2]);
    world.run();
    world.pass(TOO_LONG_MS);
    let said = outcomes(&world.answers_of(tag, &[1, 2]));
    assert!(unsigned(&said), "{said:?}");
    said
}

#[test]
fn s1_signers_agree_on_request_signers_policy_and_boots() {
    assert_eq!(after_hello(|h| h.request.0[0] ^= 1)[0], "session.peer_disagrees");
    assert_eq!(after_hello(|h| h.signers = vec![party(1), party(3)])[0], "session.peer_disagrees");
    assert_eq!(after_hello(|h| h.policy.0[0] ^= 1)[0], "session.peer_disagrees");
    assert_eq!(after_hello(|h| h.boot += 1)[0], "session.peer_disagrees");
    assert_eq!(after_hello(|h| h.boot -= 1)[0], "session.peer_disagrees");
    assert_eq!(after_hello(|h| h.epochs[0].1 = 1)[0], "session.epoch_differs");
    assert_eq!(after_hello(|h| h.epochs[0].0.root = RootIndex(1))[0], "session.epoch_differs");
    assert_eq!(after_hello(|h| h.banned.push(party(1)))[0], "session.banned");
}

/// Other randomness makes another session: its messages find none here.
#[test]
fn s1_other_randomness_is_another_session() {
    let said = after_hello(|h| h.randomness[0] ^= 1);
    assert_eq!(said, ["session.link", "session.link"]);
}

/// A session of the same request again has another id, and all that was said in the first does nothing in it.
#[test]
fn s1_messages_of_another_session_do_nothing() {
    let (mut world, standard) = Standard::world(52);
    let inside = Inside::of(&mut world, party(1), party(2));
    let (heard, sessions) = (Rc::new(RefCell::new(Vec::new())), Rc::new(RefCell::new(BTreeSet::new())));
    let (kept, seen) = (heard.clone(), sessions.clone());
    inside.meddle(move |from, _, message| {
        match &message {
            PeerMessage::Commit { session, .. } => drop(seen.borrow_mut().insert(*session)),
            PeerMessage::Round(round) => drop(seen.borrow_mut().insert(round.session)),
            _ => {}
        }
        if from == party(2) {
            kept.borrow_mut().push(message.clone());
        }
        vec![message]
    });
    let bytes = Draft::payment(&world, 1, 1000, 0).bytes(&standard);
    assert_eq!(outcomes(&world.sign(&bytes, &[1, 2])), SIGNED);
    assert_eq!(sessions.borrow().len(), 1, "one id in every message");
    // Again, with 2's words of the first time in place of its own.
    let old = heard.borrow().clone();
    inside.meddle(move |from, _, message| match message {
        PeerMessage::Hello(own) if from == party(2) => {
            let words = old.iter().filter(|m| !matches!(m, PeerMessage::Head { .. })).cloned();
            let retagged = words.map(|m| match m {
                PeerMessage::Hello(mut hello) => {
                    hello.tag = own.tag;
                    PeerMessage::Hello(hello)
                }
                other => other,
            });
            retagged.collect()
        }
        PeerMessage::Commit { .. } | PeerMessage::Round(_) if from == party(2) => vec![],
        other => vec![other],
    });
    let tag = world.open(&bytes, &[1, 2]);
    world.run();
    world.pass(TOO_LONG_MS);
    let said = outcomes(&world.answers_of(tag, &[1, 2]));
    assert!(unsigned(&said), "{said:?}");
    // The right words in the wrong session, or of a machine that is none, do nothing either.
    inside.meddle(|from, _, message| match message {
        PeerMessage::Round(mut round) if from == party(2) => {
            let mut stray = round.clone();
            stray.machine = 7;
            round.session.0[0] ^= 1;
            vec![PeerMessage::Round(stray), PeerMessage::Round(round)]
        }
        other => vec![other],
    });
    let tag = world.open(&bytes, &[1, 2]);
    world.run();
    world.pass(TOO_LONG_MS);
    assert!(unsigned(&outcomes(&world.answers_of(tag, &[1, 2]))));
    inside.meddle(|_, _, message| vec![message]);
    assert_eq!(outcomes(&world.sign(&bytes, &[1, 2])), SIGNED);
}

/// A message of somebody who is no signer of the session is nothing to it.
#[test]
fn s1_only_signers_speak_in_a_session() {
    let (mut world, standard) = Standard::world(53);
    let inside = Inside::of(&mut world, party(1), party(3));
    let (outside, heard) = (Inside::clone(&inside), Rc::new(RefCell::new(None)));
    let kept = heard.clone();
    inside.meddle(move |from, _, message| {
        if let (PeerMessage::Hello(hello), true) = (&message, from == party(3)) {
            kept.borrow_mut().get_or_insert_with(|| Hello::clone(hello));
        }
        vec![message]
    });
    assert_eq!(pay(&mut world, &standard, 1, 1000, 0, &[1, 3]), SIGNED);
    let bytes = Draft::payment(&world, 2, 1000, 1).bytes(&standard);
    let tag = world.open(&bytes, &[1, 2]);
    // The third's hello as the second's would be, ahead of it, and its refusal.
    let hello = heard.take().expect("it was a signer before");
    let (request, signers) = (SigningRequest::digest(&bytes), vec![party(1), party(2)]);
    let hello = Hello { tag, request, signers, now: world.now, ..hello };
    for message in [PeerMessage::Hello(Box::new(hello)), PeerMessage::Refuse { tag, code: "x.y".into() }] {
        outside.say(party(3), party(1), &message).into_iter().for_each(|f| world.deliver(f));
    }
    world.run();
    assert_eq!(outcomes(&world.answers_of(tag, &[1, 2])), SIGNED);
}

/// A peer's last message makes the signature whole here; it is handed out all the same only after the own record is durable.
#[test]
fn s1_no_signature_is_handed_out_before_its_own_record_is_durable() {
    let (mut world, standard) = Standard::world(57);
    world.acknowledges = false;
    let tag = world.open(&Draft::payment(&world, 1, 1000, 0).bytes(&standard), &[1, 2]);
    world.run();
    acknowledge(&mut world, &[2]);
    world.run();
    assert_eq!(outcomes(&world.answers_of(tag, &[1, 2])), Vec::<String>::new());
    acknowledge(&mut world, &[1]);
    world.run();
    assert_eq!(outcomes(&world.answers_of(tag, &[1, 2])), SIGNED);
}

/// Until its record is durable a signer's last message stays; the record holds the very verdict that is then handed out.
#[test]
fn s1_the_verdict_is_chained_before_the_last_message_leaves() {
    let (mut world, standard) = Standard::world(54);
    let last = Rc::new(RefCell::new(BTreeSet::new()));
    let inside = Inside::of(&mut world, party(1), party(2));
    let seen = last.clone();
    inside.meddle(move |from, _, message| {
        if matches!(&message, PeerMessage::Round(round) if round.round == 3) {
            seen.borrow_mut().insert(from);
        }
        vec![message]
    });
    world.acknowledges = false;
    let tag = world.open(&Draft::payment(&world, 1, 1000, 0).bytes(&standard), &[1, 2]);
    world.run();
    assert!(last.borrow().is_empty(), "nothing of the last round leaves before its record is durable");
    acknowledge(&mut world, &[1]);
    world.run();
    assert_eq!(*last.borrow(), BTreeSet::from([party(1)]));
    acknowledge(&mut world, &[2]);
    world.run();
    let answers = world.answers_of(tag, &[1, 2]);
    for (n, verdict) in (1..).zip(verdicts(&answers)) {
        let chained = opened(&world, party(n)).into_iter().rev().find_map(|r| match r {
            Record::Verdict { sequence, digest } => Some((sequence, digest)),
            _ => None,
        });
        assert_eq!(chained, Some((verdict.verdict.sequence, verdict.verdict.digest())));
    }
    assert_eq!(outcomes(&answers), SIGNED);
}

fn signed(world: &mut World, standard: &Standard, id: u8, nonce: u64, signers: &[u8]) -> Vec<Verdict> {
    let bytes = Draft::payment(world, id, 1000, nonce).bytes(standard);
    let verdicts = verdicts(&world.sign(&bytes, signers));
    assert_eq!(verdicts.len(), signers.len());
    verdicts.into_iter().map(|v| v.verdict).collect()
}

/// Verdicts are numbered without gaps and each names the one before, through restarts and attempts that failed.
#[test]
fn r1_verdicts_are_numbered_and_chained() {
    let (mut world, standard) = Standard::world(55);
    let first = signed(&mut world, &standard, 1, 0, &[1, 2]).remove(0);
    assert_eq!((first.sequence, first.previous), (1, Digest::ZERO));
    let second = signed(&mut world, &standard, 2, 1, &[1, 3]).remove(0);
    assert_eq!((second.sequence, second.previous), (2, first.digest()));
    restart(&mut world, 1);
    let third = signed(&mut world, &standard, 3, 2, &[1, 2]).remove(0);
    assert_eq!((third.sequence, third.previous), (3, second.digest()));
    assert!(third.boot > second.boot);
    // One that came to nothing keeps its place: its digest is in the chain, its content is nobody's.
    world.acknowledges = false;
    let tag = world.open(&Draft::payment(&world, 4, 1000, 3).bytes(&standard), &[1, 2]);
    world.run();
    assert!(unsigned(&abort(&mut world, tag, &[1, 2])));
    world.acknowledges = true;
    acknowledge(&mut world, &[1, 2]);
    let fifth = signed(&mut world, &standard, 5, 3, &[1, 2]).remove(0);
    assert_eq!(fifth.sequence, 5);
    assert_ne!(fifth.previous, third.digest());
}

/// The boot a cosigner is in, as it said when it became ready.
fn ready(world: &mut World, n: u8) -> SignedBoot {
    let said = world.take_said(party(n));
    let boot = said.into_iter().find_map(|f| match f {
        FromCosigner::Ready { boot } => Some(boot),
        _ => None,
    });
    boot.expect("it became ready")
}

/// A receipt key is the boot's own: signed by the identity key, never sealed, gone with a restart.
#[test]
fn r1_receipt_keys_live_for_one_boot() {
    let (mut world, standard) = Standard::world(56);
    let mut keys: Vec<PublicKey> = Vec::new();
    for (id, nonce) in [(1, 0), (2, 1)] {
        restart(&mut world, 1);
        let boot = ready(&mut world, 1);
        let genesis = world.genesis();
        let identity = genesis.head().cosigner(party(1)).unwrap().identity_key;
        assert!(identity.verifies_digest(&boot.certificate.digest(), &boot.signature));
        assert_eq!((boot.certificate.genesis, boot.certificate.boot), (world.root(), status(&mut world, 1).boot));
        let bytes = Draft::payment(&world, id, 1000, nonce).bytes(&standard);
        let verdict = verdicts(&world.sign(&bytes, &[1, 2])).remove(0);
        assert_eq!(verdict.verdict.boot, boot.certificate.boot);
        assert!(boot.certificate.receipt_key.verifies_digest(&verdict.verdict.digest(), &verdict.signature));
        keys.push(boot.certificate.receipt_key);
    }
    assert_ne!(keys[0], keys[1], "a restart has another key");
}

/// A receipt of what these signers said of a request.
fn receipt(standard: &Standard, request: &SigningRequest, said: &[(PartyIndex, FromCosigner)]) -> Receipt {
    let signatures = said.iter().find_map(|(_, f)| match f {
        FromCosigner::Signed { signatures, .. } => Some(signatures.clone()),
        _ => None,
    });
    let signatures = signatures.expect("it was signed");
    let keys = standard.keys();
    let signed = ringi_chain::assemble(&standard.policy, &keys, EVM, &request.unsigned, &signatures).unwrap();
    let signing = |c: &&SignedCertificate| c.certificate.key.scheme == Scheme::EcdsaSecp256k1;
    Receipt {
        version: 1,
        policy: standard.signed.clone(),
        request: cbor::encode(request),
        plan: ringi_chain::plan(&standard.policy, &Intent::parse(&request.intent).unwrap()).unwrap(),
        verdicts: verdicts(said),
        boots: vec![],
        certificates: standard.certificates.iter().filter(signing).cloned().collect(),
        signatures,
        transaction: signed.bytes,
        transaction_id: signed.id,
    }
}

/// The same request signed twice: two true receipts, whose verdicts do not mix though boots, request and all else are equal.
#[test]
fn r1_a_receipt_is_of_one_session() {
    let (mut world, standard) = Standard::world(58);
    let boots = [1, 2].map(|n| {
        restart(&mut world, n);
        ready(&mut world, n)
    });
    let request = Draft::payment(&world, 1, 1000, 0).request(&standard);
    let [first, second] = [(); 2].map(|()| {
        let said = world.sign(&cbor::encode(&request), &[1, 2]);
        Receipt { boots: boots.to_vec(), ..receipt(&standard, &request, &said) }
    });
    let verify =
        |receipt: &Receipt| verify_receipt(&cbor::encode(receipt), &world.genesis(), &world.genesis_versions(), &[]);
    assert!(verify(&first).is_ok() && verify(&second).is_ok(), "{:?}", verify(&first));
    assert_ne!(first.verdicts[0].verdict.session, second.verdicts[0].verdict.session);
    let mut mixed = first;
    mixed.verdicts[1] = second.verdicts[1].clone();
    assert_eq!(verify(&mixed).err(), Some(VerifyError::Verdict { cosigner: 2, what: "of another session" }));
}

/// The three schemes' keys are in the id by their epochs: a Bitcoin request with two keys names both.
#[test]
fn s1_a_session_of_two_keys_names_both() {
    let (mut world, standard) = Standard::world(57);
    let inside = Inside::of(&mut world, party(1), party(2));
    let named = Rc::new(RefCell::new(Vec::new()));
    let seen = named.clone();
    inside.meddle(move |_, _, message| {
        if let PeerMessage::Hello(hello) = &message {
            seen.borrow_mut().push(hello.epochs.iter().map(|(key, _)| key.scheme).collect::<Vec<_>>());
        }
        vec![message]
    });
    let bytes = ringi_sim::coins::CoinDraft::payment(&world, &standard, 1, 20_000).bytes(&standard);
    assert_eq!(outcomes(&world.sign(&bytes, &[1, 2])), SIGNED);
    assert_eq!(*named.borrow(), vec![vec![Scheme::EcdsaSecp256k1, Scheme::Bip340]; 2]);
    assert_eq!(pay(&mut world, &standard, 2, 1000, 0, &[1, 2]), SIGNED);
}
