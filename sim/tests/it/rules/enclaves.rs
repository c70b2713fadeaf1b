//! Rules E2, E3, G1 and R1 in emulated enclaves: who may be spoken with, and what a document proves to whom.

use super::{SIGNED, events, pay, restart, status};
use ringi_attestation::{AttestationError, CosignerIs, Moment, Root};
use ringi_cosigner::message::PeerMessage;
use ringi_nsm::Authority;
use ringi_primitives::digest::Domain;
use ringi_primitives::genesis::{Assurance, Genesis, Measurement};
use ringi_primitives::receipt::SignedBoot;
use ringi_primitives::wire::{FromCosigner, ToCosigner};
use ringi_sim::enclaves::Enclaves;
use ringi_sim::inside::Inside;
use ringi_sim::people::signed;
use ringi_sim::requests::Standard;
use ringi_sim::world::{World, party};
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

/// Peers that have proved themselves to this one.
fn proved(world: &mut World, n: u8) -> Vec<u8> {
    status(world, n).proved.iter().map(|p| p.number()).collect()
}

/// The boot certificate that a restarted cosigner says.
fn certified(world: &mut World, n: u8) -> SignedBoot {
    restart(world, n);
    let ready = |f: FromCosigner| match f {
        FromCosigner::Ready { boot } => Some(boot),
        _ => None,
    };
    world.take_said(party(n)).into_iter().find_map(ready).expect("a granted boot")
}

#[test]
fn e2_cosigners_that_prove_their_image_sign() {
    let (mut world, standard) = Standard::attested_world(301);
    assert_eq!(pay(&mut world, &standard, 1, 1000, 0, &[1, 2]), SIGNED);
    assert_eq!(proved(&mut world, 1), [2, 3]);
    restart(&mut world, 2);
    assert_eq!(pay(&mut world, &standard, 2, 1000, 1, &[2, 3]), SIGNED);
}

/// E2: an image that genesis does not allow is told nothing and heard in nothing, whatever keys it opened.
#[test]
fn e2_another_image_is_told_nothing() {
    let (mut world, standard) = Standard::attested_world(302);
    let enclaves = world.enclaves.as_mut().unwrap();
    enclaves.images.insert(party(2), b"the image, one bit changed".to_vec());
    restart(&mut world, 2);
    assert!(!status(&mut world, 2).ready);
    assert!(events(&mut world, 1).contains(&"attestation.pcr".to_string()));
    assert_eq!((proved(&mut world, 1), proved(&mut world, 3)), (vec![3], vec![1]));
    assert!(pay(&mut world, &standard, 1, 1000, 0, &[1, 2]).iter().all(|o| o != "signed"));
    world.pass(120_000);
    assert_eq!(pay(&mut world, &standard, 2, 1000, 0, &[1, 3]), SIGNED);
    world.enclaves.as_mut().unwrap().images.clear();
    restart(&mut world, 2);
    assert_eq!(pay(&mut world, &standard, 3, 1000, 1, &[1, 2]), SIGNED);
}

/// E3: a document under another root, a simulation's under a production image's eyes, proves nothing.
#[test]
fn e3_another_root_proves_nothing() {
    let (mut world, standard) = Standard::attested_world(303);
    let other = Arc::new(Authority::generate().unwrap());
    world.enclaves.as_mut().unwrap().authorities.insert(party(3), other);
    restart(&mut world, 3);
    assert!(!status(&mut world, 3).ready);
    assert!(events(&mut world, 1).contains(&"attestation.root".to_string()));
    assert!(pay(&mut world, &standard, 1, 1000, 0, &[2, 3]).iter().all(|o| o != "signed"));
    world.pass(120_000);
    assert_eq!(pay(&mut world, &standard, 2, 1000, 0, &[1, 2]), SIGNED);
}

/// E2: whoever has stolen both channel keys can sit between two cosigners, but their proofs answer other handshakes.
#[test]
fn e2_a_proof_is_worth_nothing_in_another_channel() {
    let (mut world, standard) = Standard::attested_world(304);
    let inside = Inside::of(&mut world, party(1), party(2));
    let (proofs, others) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let seen = (proofs.clone(), others.clone());
    inside.meddle(move |_, _, message| {
        let kind = if matches!(message, PeerMessage::Proof { .. }) { &seen.0 } else { &seen.1 };
        kind.set(kind.get() + 1);
        vec![message]
    });
    // Channels made anew, through the thief.
    restart(&mut world, 1);
    assert!(pay(&mut world, &standard, 1, 1000, 0, &[1, 2]).iter().all(|o| o != "signed"));
    assert!(proofs.get() > 0, "the thief carried no proof");
    assert_eq!(others.get(), 0, "something was said to a thief");
    assert!(events(&mut world, 1).contains(&"attestation.nonce".to_string()));
    assert!(!proved(&mut world, 2).contains(&1));
}

/// E2: a proof given in an earlier channel does not hold in the next: a thief who says nothing of an image is not heard.
#[test]
fn e2_a_channel_without_a_proof_of_its_own_is_not_heard() {
    let (mut world, _) = Standard::attested_world(311);
    assert_eq!(proved(&mut world, 1), [2, 3]);
    // The cosigner itself is away; the thief has its keys.
    world.kill(party(2));
    let inside = Inside::of(&mut world, party(1), party(2));
    world.take_said(party(1));
    let lie = inside.say(party(2), party(1), &PeerMessage::Ban { parties: vec![party(3)] });
    assert!(!lie.is_empty(), "the thief has no channel");
    lie.into_iter().for_each(|frame| world.deliver(frame));
    world.run();
    assert!(events(&mut world, 1).contains(&"link.unproved".to_string()));
    assert!(status(&mut world, 1).banned.is_empty());
}

/// E2: a proof ends after an hour; until a new one comes nothing is said.
#[test]
fn e2_a_proof_holds_for_an_hour() {
    let (mut world, standard) = Standard::attested_world(305);
    assert_eq!(pay(&mut world, &standard, 1, 1000, 0, &[1, 2]), SIGNED);
    world.now = world.now.plus_ms(3_600_001);
    assert_eq!(proved(&mut world, 1), [0; 0]);
    world.pass(1);
    assert_eq!(proved(&mut world, 1), [2, 3]);
    assert_eq!(pay(&mut world, &standard, 2, 1000, 1, &[1, 2]), SIGNED);
}

/// E2: after a new policy a peer proves itself again, or is spoken with no longer.
#[test]
fn e2_a_new_policy_asks_for_new_proofs() {
    let (mut world, mut standard) = Standard::attested_world(306);
    let from = party(2);
    world.relay = Box::new(move |frame| if frame.from == from { vec![] } else { vec![frame] });
    standard.amend(&mut world, |_| {});
    world.run();
    assert_eq!(proved(&mut world, 1), [2, 3], "it has ten seconds");
    world.now = world.now.plus_ms(10_001);
    assert_eq!(proved(&mut world, 1), [3]);
    world.relay = Box::new(|frame| vec![frame]);
    world.pass(60_000);
    world.pass(1000);
    assert_eq!(proved(&mut world, 1), [2, 3]);
    assert_eq!(pay(&mut world, &standard, 1, 1000, 0, &[1, 2]), SIGNED);
}

/// Why cosigner 1 refuses this genesis, signed by every admin.
fn refused_genesis(world: &mut World, change: impl FnOnce(&mut Genesis)) -> String {
    let mut genesis = world.genesis().head().clone();
    change(&mut genesis);
    let admins: Vec<_> = world.admins.iter().collect();
    let versions = vec![signed(Domain::Genesis, &genesis, &admins)];
    world.take_said(party(1));
    world.tell(party(1), ToCosigner::InstallGenesis { versions });
    let refused = |f: FromCosigner| match f {
        FromCosigner::DocumentRefused { refusal, .. } => Some(refusal.detail),
        _ => None,
    };
    world.take_said(party(1)).into_iter().find_map(refused).expect("a refusal")
}

/// E2, E3: an enclave takes no genesis that allows every image, a plain process none that asks for proofs, and neither one
/// that claims more than is true.
#[test]
fn e3_genesis_claims_what_its_cosigners_run_in() {
    let image = || vec![Measurement { pcr: 0, value: vec![1; 48] }];
    let nitro = |g: &mut Genesis| (g.assurance, g.measurements) = (Assurance::Nitro, image());
    let (mut attested, mut plain) = (World::attested(2, 3, 307, Enclaves::new()), World::new(2, 3, 308));
    assert_eq!(refused_genesis(&mut attested, nitro), "another assurance (E3)");
    assert_eq!(refused_genesis(&mut plain, nitro), "another assurance (E3)");
    assert_eq!(refused_genesis(&mut attested, |g| g.measurements.clear()), "measurements of images (E2)");
    assert_eq!(refused_genesis(&mut plain, |g| g.measurements = image()), "measurements of images (E2)");
}

/// R1, E2: a boot certificate carries a document that answers it, so a receipt tells what signed it.
#[test]
fn r1_a_boot_certificate_is_attested() {
    let (mut world, _) = Standard::attested_world(309);
    let boot = certified(&mut world, 2);
    let document = boot.certificate.attestation.clone().expect("a document");
    let mut answered = boot.certificate.clone();
    answered.attestation = None;
    let genesis = world.genesis();
    let (root, now) = (world.enclaves.as_ref().unwrap().root(), world.now);
    let is = |cosigner: u8, roots: &[Root], nonce: &[u8]| {
        let is = CosignerIs { genesis: &genesis, cosigner: party(cosigner), roots, moment: Moment::Document, nonce };
        is.verify(&document, now).map(|(_, claim)| claim)
    };
    let claim = is(2, &[root], &answered.digest().0).unwrap();
    assert_eq!((claim.receipt_key, claim.boot), (boot.certificate.receipt_key, boot.certificate.boot));
    assert_eq!(is(2, &[Root::AWS], &answered.digest().0), Err(AttestationError::Root));
    assert_eq!(is(2, &[root], &boot.certificate.digest().0), Err(AttestationError::Nonce));
    assert_eq!(is(1, &[root], &answered.digest().0), Err(AttestationError::Pcr(ringi_attestation::PcrIndex::CHANNEL)));
}

/// G1: admins see a fresh document of each cosigner before they sign genesis; it names the keys that genesis will name.
#[test]
fn g1_a_fresh_document_is_given_to_whoever_asks() {
    let (mut world, _) = Standard::attested_world(312);
    let genesis = world.genesis();
    for (nonce, given) in [(vec![7; 32], true), (vec![], false), (vec![7; 65], false)] {
        world.take_said(party(1));
        world.tell(party(1), ToCosigner::Attest { nonce: nonce.clone().into() });
        let document = world.take_said(party(1)).into_iter().find_map(|f| match f {
            FromCosigner::Attested { document } => Some(document),
            _ => None,
        });
        let document = document.expect("an answer");
        assert_eq!(document.is_some(), given);
        if let Some(document) = document {
            let roots = [world.enclaves.as_ref().unwrap().root()];
            let moment = Moment::Now { max_age_ms: 1000 };
            let is = CosignerIs { genesis: &genesis, cosigner: party(1), roots: &roots, moment, nonce: &nonce };
            assert!(is.verify(&document, world.now).is_ok());
        }
    }
    let mut plain = World::new(2, 3, 311);
    plain.take_said(party(1));
    plain.tell(party(1), ToCosigner::Attest { nonce: vec![7; 32].into() });
    assert!(plain.take_said(party(1)).contains(&FromCosigner::Attested { document: None }));
}
