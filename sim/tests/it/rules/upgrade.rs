//! Rule E1 attacked in emulated enclaves: a state goes to the image that an order names, whole, once, and to nobody else.

use super::{SIGNED, events, pay, restart, status, unsigned};
use ringi_attestation::Document;
use ringi_cosigner::core::Cosigner;
use ringi_nsm::Authority;
use ringi_primitives::digest::{Digest, Domain};
use ringi_primitives::genesis::Measurement;
use ringi_primitives::order::OrderAction;
use ringi_primitives::signed::Signed;
use ringi_primitives::upgrade::{HandOver, UpgradeStep, UpgradeWord};
use ringi_primitives::wire::{FromCosigner, ToCosigner};
use ringi_sim::enclaves::{DEBUG, measurements};
use ringi_sim::requests::Standard;
use ringi_sim::world::{World, party};
use std::sync::Arc;

/// The image that follows.
const NEXT: &[u8] = b"the next image";
/// A third one, which genesis allows too.
const THIRD: &[u8] = b"the third image";
/// What seals the records of an upgraded cosigner.
const KEY: u8 = 77;

/// A world whose genesis allows the next images, and an order to hand cosigner 1 over to [`NEXT`].
fn ordered(seed: u64) -> (World, Standard, Signed) {
    let (mut world, standard) = Standard::attested_world(seed);
    world.amend_genesis(|g| g.measurements.extend([measurements(NEXT), measurements(THIRD)].concat()));
    let order = upgrade(&mut world, 1, measurements(NEXT));
    (world, standard, order)
}

/// An order to hand a cosigner over to this image, under the genesis in force.
fn upgrade(world: &mut World, n: u8, measurements: Vec<Measurement>) -> Signed {
    let head = world.genesis().head_digest();
    world.order(OrderAction::Upgrade { cosigner: party(n), head, measurements })
}

/// A cosigner beside the one that runs, of this image.
fn newcomer(world: &mut World, n: u8, image: &[u8]) -> Cosigner {
    let images = &mut world.enclaves.as_mut().unwrap().images;
    let before = images.insert(party(n), image.to_vec());
    let newcomer = world.beside(party(n));
    let images = &mut world.enclaves.as_mut().unwrap().images;
    match before {
        Some(before) => images.insert(party(n), before),
        None => images.remove(&party(n)),
    };
    newcomer
}

/// What a cosigner outside of the world answers.
fn tell(world: &World, cosigner: &mut Cosigner, step: UpgradeStep) -> Vec<FromCosigner> {
    world.enclaves.iter().for_each(|e| e.set_time(world.now));
    cosigner.handle(ToCosigner::Upgrade { step }, world.now).expect("it runs on")
}

/// The word of an upgrade, or the code and detail of the refusal.
fn word(said: Vec<FromCosigner>) -> Result<Vec<UpgradeWord>, String> {
    let mut words = Vec::new();
    for frame in said {
        match frame {
            FromCosigner::DocumentRefused { refusal, .. } => {
                return Err(format!("{} {}", refusal.code, refusal.detail));
            }
            FromCosigner::Upgrade { word } => words.push(word),
            _ => {}
        }
    }
    Ok(words)
}

/// The document that a newcomer asks with.
fn ask(world: &World, newcomer: &mut Cosigner, order: &Signed) -> Result<Vec<u8>, String> {
    let step = UpgradeStep::Ask { genesis: world.genesis_versions(), order: order.clone() };
    match word(tell(world, newcomer, step))?.pop() {
        Some(UpgradeWord::Asked { document }) => Ok(document.into()),
        other => Err(format!("{other:?}")),
    }
}

/// What the running cosigner hands over for this document.
fn hand_over(world: &mut World, n: u8, order: &Signed, document: &[u8]) -> Result<(HandOver, Vec<Vec<u8>>), String> {
    world.take_said(party(n));
    let step = UpgradeStep::HandOver { order: order.clone(), document: document.to_vec().into() };
    world.tell(party(n), ToCosigner::Upgrade { step });
    let (mut head, mut records) = (None, Vec::new());
    for word in word(world.take_said(party(n)))? {
        match word {
            UpgradeWord::HandedOver { head: said } => head = Some(said),
            UpgradeWord::Record { record } => records.push(record.to_vec()),
            UpgradeWord::Asked { .. } => return Err("it asks".into()),
        }
    }
    let head = head.ok_or("nothing was handed over")?;
    assert_eq!(head.records as usize, records.len());
    Ok((head, records))
}

/// Gives a newcomer what was handed over.
fn give(world: &World, to: &mut Cosigner, head: &HandOver, records: &[Vec<u8>]) -> Result<(), String> {
    word(tell(world, to, UpgradeStep::Take { head: head.clone() }))?;
    for record in records {
        word(tell(world, to, UpgradeStep::Record { record: record.clone().into() }))?;
    }
    if to.wants_key() { Ok(()) } else { Err("it has no state".into()) }
}

/// Puts a newcomer that has the state in the place of the old one.
fn seat(world: &mut World, n: u8, newcomer: Cosigner, image: &[u8]) {
    world.enclaves.as_mut().unwrap().images.insert(party(n), image.to_vec());
    world.seat(party(n), newcomer, KEY);
    world.run();
    world.pass(1000);
}

/// The whole path to [`NEXT`].
fn upgraded(world: &mut World, n: u8, order: &Signed) {
    let mut next = newcomer(world, n, NEXT);
    let document = ask(world, &mut next, order).unwrap();
    let (head, records) = hand_over(world, n, order, &document).unwrap();
    give(world, &mut next, &head, &records).unwrap();
    seat(world, n, next, NEXT);
}

#[test]
fn e1_a_state_goes_to_the_image_that_an_order_names() {
    let (mut world, standard, order) = ordered(401);
    assert_eq!(pay(&mut world, &standard, 1, 1000, 0, &[1, 2]), SIGNED);
    let before = status(&mut world, 1);
    upgraded(&mut world, 1, &order);
    let done = |f: &FromCosigner| matches!(f, FromCosigner::OrderDone { .. });
    assert!(world.take_said(party(1)).iter().any(done), "nobody heard that it is durable");
    let after = status(&mut world, 1);
    assert!(after.ready && after.boot == before.boot + 1 && after.sequence > before.sequence, "{after:?}");
    assert_eq!((after.certificates, after.policy), (before.certificates, before.policy));
    // It remembers: the first intent's slot, and everything else that peers hold it to.
    assert!(unsigned(&pay(&mut world, &standard, 1, 1000, 7, &[1, 3])));
    assert_eq!(pay(&mut world, &standard, 2, 1000, 1, &[1, 2]), SIGNED);
    restart(&mut world, 1);
    assert_eq!(pay(&mut world, &standard, 3, 1000, 2, &[1, 3]), SIGNED);
    // The others follow, each by an order of its own.
    for n in [2, 3] {
        let order = upgrade(&mut world, n, measurements(NEXT));
        upgraded(&mut world, n, &order);
    }
    assert_eq!(pay(&mut world, &standard, 4, 1000, 3, &[2, 3]), SIGNED);
}
