//! Rule E1 attacked in emulated enclaves: a state goes to the image that an order names, whole, once, and to nobody else.

use super::{SIGNED, pay, restart, status, unsigned};
use ringi_attestation::Document;
use ringi_cosigner::core::Cosigner;
use ringi_nsm::Authority;
use ringi_primitives::digest::{Digest, Domain};
use ringi_primitives::genesis::{Assurance, Genesis, Measurement};
use ringi_primitives::order::{Order, OrderAction};
use ringi_primitives::signed::Signed;
use ringi_primitives::time::UnixMs;
use ringi_primitives::upgrade::{HandOver, UpgradeStep, UpgradeWord};
use ringi_primitives::wire::{FromCosigner, ToCosigner};
use ringi_sim::enclaves::{DEBUG, Enclaves, measurements};
use ringi_sim::people::signed;
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

/// A document of a machine that says what a thief likes: this image, this workspace, this nonce, a key of the thief's.
fn forged(enclaves: &Enclaves, now: UnixMs, image: &[u8], root: Digest, nonce: &[u8]) -> Vec<u8> {
    let mut enclaves = enclaves.clone();
    enclaves.images.insert(party(1), image.to_vec());
    let mut enclosure = enclaves.enclosure_at(party(1), now);
    enclosure.bind_genesis(root).unwrap();
    enclosure.document(Some(nonce), None, Some(&[9; 32])).unwrap()
}

/// E1: whoever asks is of the order's image, of this workspace, fresh, and answers this very hand-over.
#[test]
fn e1_nobody_else_is_handed_a_state() {
    let (mut world, standard, order) = ordered(402);
    let root = world.root();
    let mut next = newcomer(&mut world, 1, NEXT);
    let honest = ask(&world, &mut next, &order).unwrap();
    let nonce = Document::read(&honest).unwrap().nonce.unwrap();
    let third = upgrade(&mut world, 1, measurements(THIRD));
    let here = world.enclaves.clone().unwrap();
    let mut elsewhere = here.clone();
    elsewhere.authorities.insert(party(1), Arc::new(Authority::generate().unwrap()));
    let forged = |enclaves: &Enclaves, image, root, nonce: &[u8]| forged(enclaves, world.now, image, root, nonce);
    let attempts = [
        (&order, forged(&here, THIRD, root, &nonce), "upgrade.unproved attestation.pcr"),
        (&third, honest.clone(), "upgrade.unproved attestation.pcr"),
        (&order, forged(&here, DEBUG, root, &nonce), "upgrade.unproved attestation.debug"),
        (&order, forged(&here, NEXT, Digest([7; 32]), &nonce), "upgrade.unproved attestation.pcr"),
        (&order, forged(&elsewhere, NEXT, root, &nonce), "upgrade.unproved attestation.root"),
        (&order, forged(&here, NEXT, root, &[7; 32]), "upgrade.unproved attestation.nonce"),
        (&order, b"no document".to_vec(), "upgrade.unproved attestation.malformed"),
    ];
    for (order, document, wanted) in attempts {
        assert_eq!(hand_over(&mut world, 1, order, &document).unwrap_err(), wanted);
    }
    // A document is asked with at once.
    world.pass(301_000);
    assert_eq!(hand_over(&mut world, 1, &order, &honest).unwrap_err(), "upgrade.unproved attestation.too_old");
    // Nothing of it left a trace.
    assert_eq!(pay(&mut world, &standard, 1, 1000, 0, &[1, 2]), SIGNED);
    let fresh = ask(&world, &mut next, &order).unwrap();
    assert!(hand_over(&mut world, 1, &order, &fresh).is_ok());
}

/// G2, E1: an order is the admin quorum's, of this workspace and the version in force, in time, for this cosigner, and names
/// one allowed image. Neither the old image nor the new one moves for another.
#[test]
fn e1_only_the_quorum_s_order_moves_a_state() {
    let (mut world, _, order) = ordered(404);
    let next_of = |world: &mut World| newcomer(world, 1, NEXT);
    let mut next = next_of(&mut world);
    let document = ask(&world, &mut next, &order).unwrap();
    let head = world.genesis().head_digest();
    let action =
        |cosigner: u8, head, measurements| OrderAction::Upgrade { cosigner: party(cosigner), head, measurements };
    let unlisted = measurements(b"an image that genesis does not allow");
    let both = [measurements(NEXT), measurements(THIRD)].concat();
    let pcr0_missing = measurements(NEXT).split_off(1);
    let alone = Signed { signatures: order.signatures[..1].to_vec(), ..order.clone() };
    let mut orders = vec![(alone, "document.admin_quorum order")];
    for (action, wanted) in [
        (action(2, head, measurements(NEXT)), "order.senseless it names another cosigner"),
        (action(1, world.root(), measurements(NEXT)), "genesis.mismatch another version of genesis is in force"),
        (action(1, head, unlisted), "document.invalid measurements of the new image"),
        (action(1, head, both), "document.invalid measurements of the new image"),
        (action(1, head, vec![]), "upgrade.unproved attestation.workspace"),
        (action(1, head, pcr0_missing), "upgrade.unproved attestation.workspace"),
        (OrderAction::Resume { boot_keys: vec![] }, "order.senseless it is no upgrade"),
    ] {
        orders.push((world.order(action), wanted));
    }
    for (order, wanted) in &orders {
        assert_eq!(hand_over(&mut world, 1, order, &document).unwrap_err(), *wanted);
        let mut next = next_of(&mut world);
        assert_eq!(ask(&world, &mut next, order).unwrap_err(), *wanted);
    }
    // An image asks as itself only.
    let mut third = newcomer(&mut world, 1, THIRD);
    assert_eq!(ask(&world, &mut third, &order).unwrap_err(), "upgrade.unproved attestation.pcr");
    // The order alone does nothing; a cosigner with a past asks for no other.
    assert!(world.carry_out(order.clone()).is_none());
    let step = UpgradeStep::Ask { genesis: world.genesis_versions(), order: order.clone() };
    world.take_said(party(2));
    world.tell(party(2), ToCosigner::Upgrade { step });
    assert_eq!(word(world.take_said(party(2))).unwrap_err(), "order.senseless it has a state of its own");
    // Past its time.
    world.now = world.now.plus_ms(3_600_000);
    let mut late = next_of(&mut world);
    assert_eq!(ask(&world, &mut late, &order).unwrap_err(), "order.spent outside its time");
    assert_eq!(hand_over(&mut world, 1, &order, &document).unwrap_err(), "order.spent outside its time");
    assert!(status(&mut world, 1).ready);
}

/// E1: the new image takes a state only from an allowed image of this very cosigner, as it was asked for, unaltered and whole.
#[test]
fn e1_the_new_image_takes_nothing_else() {
    let (mut world, _, order) = ordered(405);
    let mut next = newcomer(&mut world, 1, NEXT);
    let document = ask(&world, &mut next, &order).unwrap();
    let blob = world.blob(party(1));
    let (head, records) = hand_over(&mut world, 1, &order, &document).unwrap();
    // Nobody asked.
    let mut mute = newcomer(&mut world, 1, NEXT);
    assert_eq!(give(&world, &mut mute, &head, &records).unwrap_err(), "order.senseless nothing was asked for");
    // Another one asked; another cosigner did.
    let mut second = newcomer(&mut world, 1, NEXT);
    ask(&world, &mut second, &order).unwrap();
    assert_eq!(give(&world, &mut second, &head, &records).unwrap_err(), "upgrade.unproved attestation.nonce");
    let order_2 = upgrade(&mut world, 2, measurements(NEXT));
    let mut next_2 = newcomer(&mut world, 2, NEXT);
    let document_2 = ask(&world, &mut next_2, &order_2).unwrap();
    assert!(give(&world, &mut next_2, &head, &records).is_err());
    let nonce_2 = hand_over(&mut world, 1, &order_2, &document_2).unwrap_err();
    assert_eq!(nonce_2, "order.senseless it names another cosigner");
    // Altered: the key, its number of records, a record, their order, their end.
    let mut flipped = head.clone();
    let last = flipped.sealed_key.len() - 1;
    flipped.sealed_key[last] ^= 1;
    assert_eq!(give(&world, &mut next, &flipped, &records).unwrap_err(), "upgrade.unproved attestation.nonce");
    let fewer = HandOver { records: head.records + 1, ..head.clone() };
    assert_eq!(give(&world, &mut next, &fewer, &records).unwrap_err(), "upgrade.unproved attestation.nonce");
    let mut altered = records.clone();
    let middle = altered[0].len() / 2;
    altered[0][middle] ^= 1;
    assert!(give(&world, &mut next, &head, &altered).unwrap_err().starts_with("document.invalid"));
    // Its own sealed records instead: another key's.
    let own: Vec<Vec<u8>> = blob.into_iter().take(records.len()).map(|(_, _, r)| r).collect();
    assert!(give(&world, &mut next, &head, &own).unwrap_err().starts_with("document.invalid"));
    // An image that genesis does not allow, with the cosigner's own key, hands over.
    restart_as(&mut world, b"a thief's image");
    let (stolen, taken) = hand_over(&mut world, 1, &order, &document).unwrap();
    assert_eq!(give(&world, &mut next, &stolen, &taken).unwrap_err(), "upgrade.unproved attestation.pcr");
    // After all that, what was handed over is taken.
    give(&world, &mut next, &head, &records).unwrap();
}

/// Starts cosigner 1 again in another image; this world's host has its sealing key.
fn restart_as(world: &mut World, image: &[u8]) {
    world.enclaves.as_mut().unwrap().images.insert(party(1), image.to_vec());
    restart(world, 1);
}

/// E1: once it has handed over, the old one signs nothing, grants nothing and takes no order, however often it starts.
#[test]
fn e1_after_a_hand_over_the_old_one_does_nothing() {
    let (mut world, standard, order) = ordered(406);
    let mut next = newcomer(&mut world, 1, NEXT);
    let document = ask(&world, &mut next, &order).unwrap();
    hand_over(&mut world, 1, &order, &document).unwrap();
    for start in 0..2 {
        let now = status(&mut world, 1);
        assert_eq!((now.ready, now.refusal.as_deref()), (false, Some("boot.handed_over")));
        let said = pay(&mut world, &standard, 1 + start, 1000, 0, &[1, 2]);
        assert!(said.contains(&"boot.handed_over".to_string()) && unsigned(&said), "{said:?}");
        let give_back =
            world.order(OrderAction::GiveBack { intent: ringi_primitives::id::IntentId::from_bytes([1; 16]) });
        world.take_said(party(1));
        world.tell(party(1), ToCosigner::Order { order: give_back });
        world.tell(party(1), ToCosigner::InstallPolicy { set: standard.signed.clone() });
        let refused = |f: &FromCosigner| matches!(f, FromCosigner::DocumentRefused { refusal, .. } if refusal.code == "boot.handed_over");
        assert_eq!(world.take_said(party(1)).iter().filter(|f| refused(f)).count(), 2);
        // A peer that starts needs two grants, and gets one.
        restart(&mut world, 2);
        world.pass(5000);
        assert!(!status(&mut world, 2).ready, "it granted a boot");
        restart(&mut world, 1);
    }
    // The new one grants.
    let document = ask(&world, &mut next, &order).unwrap();
    let (head, records) = hand_over(&mut world, 1, &order, &document).unwrap();
    give(&world, &mut next, &head, &records).unwrap();
    seat(&mut world, 1, next, NEXT);
    world.pass(5000);
    assert!(status(&mut world, 1).ready && status(&mut world, 2).ready);
    world.pass(120_000);
    assert_eq!(pay(&mut world, &standard, 9, 1000, 0, &[1, 2]), SIGNED);
}

/// E1: no record of the state leaves before the record that the old one stopped is durable.
#[test]
fn e1_a_hand_over_is_durable_before_anything_leaves() {
    let (mut world, standard, order) = ordered(407);
    let mut next = newcomer(&mut world, 1, NEXT);
    let document = ask(&world, &mut next, &order).unwrap();
    world.acknowledges = false;
    assert_eq!(hand_over(&mut world, 1, &order, &document).unwrap_err(), "nothing was handed over");
    assert_eq!(status(&mut world, 1).refusal.as_deref(), Some("boot.handed_over"), "it stops at once");
    world.acknowledges = true;
    world.acknowledge(party(1));
    let leaves = |f: &FromCosigner| matches!(f, FromCosigner::Upgrade { word: UpgradeWord::HandedOver { .. } });
    assert!(world.take_said(party(1)).iter().any(leaves));
    assert!(unsigned(&pay(&mut world, &standard, 1, 1000, 0, &[1, 2])));
}

/// E1: what is lost on its way is handed over again, to the same image under the same order, even after the order's time;
/// another image needs another order.
#[test]
fn e1_a_lost_hand_over_is_made_again() {
    let (mut world, standard, order) = ordered(408);
    let mut lost = newcomer(&mut world, 1, NEXT);
    let document = ask(&world, &mut lost, &order).unwrap();
    hand_over(&mut world, 1, &order, &document).unwrap();
    drop(lost);
    restart(&mut world, 1);
    let mut next = newcomer(&mut world, 1, NEXT);
    let document = ask(&world, &mut next, &order).unwrap();
    let nonce = Document::read(&document).unwrap().nonce.unwrap();
    let third = forged(world.enclaves.as_ref().unwrap(), world.now, THIRD, world.root(), &nonce);
    assert_eq!(hand_over(&mut world, 1, &order, &third).unwrap_err(), "upgrade.unproved attestation.pcr");
    hand_over(&mut world, 1, &order, &document).unwrap();
    // The first order's image does not start: the quorum orders another.
    let instead = upgrade(&mut world, 1, measurements(THIRD));
    let mut third = newcomer(&mut world, 1, THIRD);
    let document = ask(&world, &mut third, &instead).unwrap();
    let (head, records) = hand_over(&mut world, 1, &instead, &document).unwrap();
    give(&world, &mut third, &head, &records).unwrap();
    seat(&mut world, 1, third, THIRD);
    assert_eq!(pay(&mut world, &standard, 1, 1000, 0, &[1, 2]), SIGNED);
    // G2: neither order moves the state once more from where it is now.
    let mut again = newcomer(&mut world, 1, NEXT);
    let document = ask(&world, &mut again, &order).unwrap();
    assert_eq!(hand_over(&mut world, 1, &order, &document).unwrap_err(), "order.spent carried out before");
}

/// B1, E1: the old image from before the hand-over, started in the new one's place, is fenced by the peers.
#[test]
fn e1_an_old_copy_is_fenced() {
    let (mut world, standard, order) = ordered(409);
    assert_eq!(pay(&mut world, &standard, 1, 1000, 0, &[1, 2]), SIGNED);
    let before = world.blob(party(1));
    upgraded(&mut world, 1, &order);
    let after = world.blob(party(1));
    // Nothing was signed since: only what the new one said of itself when it started tells them apart.
    world.kill(party(1));
    world.set_blob(party(1), before);
    world.set_key(party(1), None);
    world.enclaves.as_mut().unwrap().images.remove(&party(1));
    for _ in 0..3 {
        restart(&mut world, 1);
        assert_eq!(status(&mut world, 1).refusal.as_deref(), Some("boot.rolled_back"));
        assert!(unsigned(&pay(&mut world, &standard, 2, 1000, 1, &[1, 3])));
        world.pass(120_000);
    }
    world.kill(party(1));
    world.set_blob(party(1), after);
    world.set_key(party(1), Some(KEY));
    restart_as(&mut world, NEXT);
    world.pass(1000);
    assert_eq!(pay(&mut world, &standard, 3, 1000, 1, &[1, 2]), SIGNED);
}

/// E3: a plain process has nothing to prove with, and nothing to hand over to.
#[test]
fn e1_a_plain_process_hands_nothing_over() {
    let (mut world, _) = Standard::world(410);
    let order = upgrade(&mut world, 1, vec![]);
    let said = hand_over(&mut world, 1, &order, b"no document").unwrap_err();
    assert_eq!(said, "order.senseless a plain process proves nothing");
    assert!(status(&mut world, 1).ready);
}

/// E3: the new image asks under no genesis that claims more than it runs in.
#[test]
fn e3_a_new_image_claims_no_more_than_is_true() {
    let (mut world, _, _) = ordered(411);
    let head = world.genesis().head().clone();
    let nitro = Genesis { sequence: 0, previous: None, assurance: Assurance::Nitro, ..head };
    let admins: Vec<_> = world.admins.iter().collect();
    let genesis = vec![signed(Domain::Genesis, &nitro, &admins)];
    let root = genesis[0].digest(Domain::Genesis);
    let action = OrderAction::Upgrade { cosigner: party(1), head: root, measurements: measurements(NEXT) };
    let order = world.order(action).decode_unverified::<Order>(usize::MAX).unwrap();
    let admins: Vec<_> = world.admins.iter().collect();
    let order = signed(Domain::Order, &Order { genesis: root, ..order }, &admins);
    let mut next = newcomer(&mut world, 1, NEXT);
    let said = word(tell(&world, &mut next, UpgradeStep::Ask { genesis, order }));
    assert_eq!(said.unwrap_err(), "document.invalid another assurance (E3)");
}
