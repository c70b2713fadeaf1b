//! B1, G1: a started cosigner takes part only with its peers' grant, and only in the workspace it was made for.

use super::{SIGNED, acknowledge, events, pay, relink, restart, status, unsigned};
use ringi_cosigner::keys::OwnKey;
use ringi_primitives::cbor;
use ringi_primitives::digest::{Digest, Domain};
use ringi_primitives::genesis::{Assurance, Genesis, Measurement};
use ringi_primitives::order::{KeyId, OrderAction};
use ringi_primitives::policy_set::RootIndex;
use ringi_primitives::scheme::Scheme;
use ringi_primitives::signed::Signed;
use ringi_primitives::wire::{FromCosigner, ToCosigner};
use ringi_sim::people::signed;
use ringi_sim::requests::{Draft, Standard, outcomes};
use ringi_sim::world::{World, party};

/// Nothing reaches or leaves this cosigner any more.
fn cut_off(world: &mut World, n: u8) {
    world.relay = Box::new(move |frame| match [frame.from, frame.to].contains(&party(n)) {
        true => vec![],
        false => vec![frame],
    });
}

fn reconnected(world: &mut World) {
    world.relay = Box::new(|frame| vec![frame]);
    relink(world);
}

#[test]
fn b1_nothing_is_signed_or_generated_before_peers_grant_the_boot() {
    let (mut world, standard) = Standard::world(81);
    cut_off(&mut world, 1);
    restart(&mut world, 1);
    assert!(!status(&mut world, 1).ready);
    assert_eq!(pay(&mut world, &standard, 1, 1000, 0, &[1, 2])[0], "boot.ungranted");
    let key = KeyId { scheme: Scheme::Bip340, root: RootIndex(0) };
    let order = world.order(OrderAction::Refresh { key, epoch: 1, clear_bans: vec![] });
    world.take_said(party(1));
    world.tell(party(1), ToCosigner::Order { order });
    let refused = world.take_said(party(1));
    assert!(
        refused
            .iter()
            .any(|f| matches!(f, FromCosigner::DocumentRefused { refusal, .. } if refusal.code == "boot.ungranted"))
    );
    reconnected(&mut world);
    assert_eq!(pay(&mut world, &standard, 1, 1000, 0, &[1, 2]), SIGNED);
}

/// 2-of-3: one peer's grant is not enough.
#[test]
fn b1_a_grant_takes_both_peers() {
    let (mut world, standard) = Standard::world(82);
    world.kill(party(3));
    restart(&mut world, 1);
    world.pass(1000);
    assert_eq!(pay(&mut world, &standard, 1, 1000, 0, &[1, 2])[0], "boot.ungranted");
    restart(&mut world, 3);
    relink(&mut world);
    assert_eq!(pay(&mut world, &standard, 1, 1000, 0, &[1, 2]), SIGNED);
}

/// What peers remember of limits and pins comes back with the grant.
#[test]
fn b1_a_started_cosigner_adopts_what_its_peers_remember() {
    let (mut world, standard) = Standard::world(83);
    assert_eq!(pay(&mut world, &standard, 1, 550_000, 0, &[2, 3]), SIGNED);
    restart(&mut world, 1);
    world.kill(party(2));
    world.kill(party(3));
    // Alone it knows: the very first check refuses, before any peer says a word.
    assert_eq!(pay(&mut world, &standard, 2, 550_000, 1, &[1, 2])[0], "policy.limit_exceeded");
    assert_eq!(pay(&mut world, &standard, 3, 1000, 0, &[1, 2])[0], "pin.slot_taken");
}

/// A state blob rolled back: peers know that this cosigner has recorded more.
#[test]
fn b1_an_old_blob_gets_no_grant() {
    let (mut world, standard) = Standard::world(84);
    let old = world.blob(party(1));
    assert_eq!(pay(&mut world, &standard, 1, 550_000, 0, &[1, 2]), SIGNED);
    world.kill(party(1));
    world.set_blob(party(1), old);
    world.take_said(party(1));
    restart(&mut world, 1);
    assert!(events(&mut world, 1).contains(&"boot.rolled_back".to_string()));
    world.pass(5000);
    assert_eq!(pay(&mut world, &standard, 2, 550_000, 0, &[1, 3])[0], "boot.rolled_back");
    assert_eq!(pay(&mut world, &standard, 2, 1000, 1, &[2, 3]), SIGNED);
}

/// What refused boots record does not make a journal that was cut back whole again, however often it starts.
#[test]
fn b1_a_refused_boot_stays_refused_when_it_starts_again() {
    let (mut world, standard) = Standard::world(92);
    let old = world.blob(party(1));
    assert_eq!(pay(&mut world, &standard, 1, 1000, 0, &[1, 2]), SIGNED);
    world.kill(party(1));
    world.set_blob(party(1), old.clone());
    for start in 0..20 {
        world.take_said(party(1));
        restart(&mut world, 1);
        world.pass(5000);
        assert!(!status(&mut world, 1).ready, "granted at start {start}");
    }
    assert!(world.blob(party(1)).len() > old.len() + 20, "it recorded too little to try");
    assert_eq!(pay(&mut world, &standard, 2, 1000, 1, &[2, 3]), SIGNED);
}

/// How far a peer's journal reaches is not forgotten by a restart.
#[test]
fn b1_a_restart_forgets_no_peers_journal() {
    let (mut world, standard) = Standard::world(91);
    let old = world.blob(party(1));
    assert_eq!(pay(&mut world, &standard, 1, 550_000, 0, &[1, 2]), SIGNED);
    restart(&mut world, 2);
    world.kill(party(1));
    world.set_blob(party(1), old);
    world.take_said(party(1));
    restart(&mut world, 1);
    assert!(events(&mut world, 1).contains(&"boot.rolled_back".to_string()));
    assert_eq!(pay(&mut world, &standard, 2, 1000, 1, &[1, 3])[0], "boot.rolled_back");
}

/// Two copies of one state: the boot number was granted to the first one's key, the second gets nothing.
#[test]
fn b1_a_second_copy_of_a_boot_gets_no_grant() {
    let (mut world, standard) = Standard::world(85);
    let copy = world.blob(party(1));
    restart(&mut world, 1);
    assert_eq!(pay(&mut world, &standard, 1, 1000, 0, &[1, 2]), SIGNED);
    let first = status(&mut world, 1).boot;
    world.kill(party(1));
    world.set_blob(party(1), copy);
    restart(&mut world, 1);
    world.pass(1000);
    assert_eq!(status(&mut world, 1).boot, first, "the copy wants the same number");
    assert!(!status(&mut world, 1).ready);
    assert_eq!(pay(&mut world, &standard, 2, 1000, 1, &[1, 3])[0], "boot.rolled_back");
}

/// A second copy of a granter may answer a peer that restarts: its grant counts for nothing, for the number is another key's.
#[test]
fn b1_a_second_copy_grants_nothing_to_a_peer_that_restarts() {
    let (mut world, _) = Standard::world(88);
    let copy = world.blob(party(1));
    restart(&mut world, 1);
    let first = status(&mut world, 1).boot;
    // The copy takes the same number; it is not durable, so the copy asks for nothing and answers all the same.
    world.kill(party(1));
    world.set_blob(party(1), copy);
    world.acknowledges = false;
    restart(&mut world, 1);
    assert_eq!(status(&mut world, 1).boot, first);
    restart(&mut world, 2);
    acknowledge(&mut world, &[2]);
    world.run();
    (0..10).for_each(|_| world.pass(1_000));
    assert!(!status(&mut world, 2).ready, "granted by a copy");
}

/// The first copy has recorded nothing more that its peers know of, so that only the key tells the two apart.
#[test]
fn b1_a_boot_number_is_granted_to_one_key() {
    let (mut world, standard) = Standard::world(90);
    let copy = world.blob(party(1));
    restart(&mut world, 1);
    let (first, granted) = (status(&mut world, 1), world.blob(party(1)));
    assert!(first.ready && granted.len() > copy.len());
    world.kill(party(1));
    world.set_blob(party(1), copy);
    restart(&mut world, 1);
    let second = status(&mut world, 1);
    assert_eq!((second.boot, second.ready), (first.boot, false));
    assert_ne!(second.boot_key, first.boot_key);
    assert_eq!(pay(&mut world, &standard, 1, 1000, 0, &[1, 3])[0], "boot.rolled_back");
}

/// The same key asking again is a lost answer, and a number that storage does not hold yet is asked for by nobody.
#[test]
fn b1_a_lost_grant_is_given_again_and_a_number_is_durable_before_it_is_asked_for() {
    let (mut world, standard) = Standard::world(86);
    world.acknowledges = false;
    let before = world.blob(party(1));
    restart(&mut world, 1);
    world.pass(5000);
    assert!(!status(&mut world, 1).ready);
    // The number was never durable: a start from what is left may take it again.
    world.kill(party(1));
    world.set_blob(party(1), before);
    world.acknowledges = true;
    world.relay = Box::new(|frame| if frame.to == party(1) { vec![] } else { vec![frame] });
    restart(&mut world, 1);
    reconnected(&mut world);
    world.pass(1000);
    assert_eq!(pay(&mut world, &standard, 1, 1000, 0, &[1, 2]), SIGNED);
}

/// What a boot's key will be: the first 32 bytes of the start's randomness. The restored world has started three.
fn boot_key(seed: u64, start: u64) -> OwnKey {
    use rand_chacha::rand_core::SeedableRng;
    OwnKey::generate(&mut rand_chacha::ChaCha20Rng::seed_from_u64(seed * 1000 + start))
}

/// Too few peers live: the admin quorum resumes named boots, once; earlier intents are void, windows are exhausted.
#[test]
fn b1_a_resume_names_its_boots_voids_what_was_and_exhausts_windows() {
    let (mut world, standard) = Standard::world(87);
    world.kill(party(3));
    let earlier = Draft::payment(&world, 1, 1000, 0).bytes(&standard);
    restart(&mut world, 1);
    restart(&mut world, 2);
    relink(&mut world);
    assert!(unsigned(&outcomes(&world.sign(&earlier, &[1, 2]))));
    let keys = |starts: [u64; 2]| starts.map(|start| boot_key(87, start).public()).to_vec();
    let other = world.order(OrderAction::Resume { boot_keys: keys([1, 2]) });
    world.tell_all(&ToCosigner::Order { order: other });
    assert!(!status(&mut world, 1).ready, "an order that names other boots");
    let order = world.order(OrderAction::Resume { boot_keys: keys([4, 5]) });
    let unsigned_order = Signed { signatures: order.signatures[..1].to_vec(), ..order.clone() };
    world.tell_all(&ToCosigner::Order { order: unsigned_order });
    assert!(!status(&mut world, 1).ready);
    world.tell_all(&ToCosigner::Order { order: order.clone() });
    assert!(status(&mut world, 1).ready && status(&mut world, 2).ready);
    assert_eq!(outcomes(&world.sign(&earlier, &[1, 2])), ["intent.expired"; 2]);
    world.pass(2000);
    let said = pay(&mut world, &standard, 2, 1, 0, &[1, 2]);
    assert!(unsigned(&said) && said.iter().all(|s| s.starts_with("policy.")), "{said:?}");
    world.pass(86_400_000);
    assert_eq!(pay(&mut world, &standard, 3, 1000, 0, &[1, 2]), SIGNED);
    // Used once: the same order lets no later boot in.
    restart(&mut world, 1);
    world.tell(party(1), ToCosigner::Order { order });
    assert!(!status(&mut world, 1).ready);
}

/// What a cosigner says to another genesis than its own.
fn answer(world: &mut World, versions: Vec<Signed>) -> String {
    world.take_said(party(1));
    world.tell(party(1), ToCosigner::InstallGenesis { versions });
    let said = world.take_said(party(1));
    let word = said.into_iter().find_map(|f| match f {
        FromCosigner::DocumentRefused { refusal, .. } => Some(refusal.code),
        FromCosigner::GenesisInstalled { .. } => Some("installed".into()),
        _ => None,
    });
    word.expect("an answer")
}

#[test]
fn g1_genesis_is_every_admins_names_this_cosigner_and_stays() {
    let (mut world, _) = Standard::world(88);
    let right = world.genesis_versions();
    let genesis: Genesis = right[0].decode_unverified(usize::MAX).unwrap();
    let sign = |world: &World, genesis: &Genesis, admins: &[usize]| {
        let people: Vec<_> = admins.iter().map(|n| &world.admins[*n]).collect();
        vec![signed(Domain::Genesis, genesis, &people)]
    };
    assert_eq!(answer(&mut world, right.clone()), "installed", "the same again is nothing new");
    // Not every admin; another workspace; other keys; a better assurance than a process can have.
    let all = [0, 1, 2];
    let lacking = sign(&world, &genesis, &[0, 1]);
    assert_eq!(answer(&mut world, lacking), "document.invalid");
    let other = Genesis { created_at: genesis.created_at.plus_ms(1), ..genesis.clone() };
    let versions = sign(&world, &other, &all);
    assert_eq!(answer(&mut world, versions), "genesis.mismatch");
    let mut stranger = genesis.clone();
    stranger.cosigners[0].identity_key = boot_key(1, 1).public();
    let versions = sign(&world, &stranger, &all);
    assert_eq!(answer(&mut world, versions), "genesis.missing");
    let measurements = vec![Measurement { pcr: 0, value: vec![1; 48] }];
    let nitro = Genesis { assurance: Assurance::Nitro, measurements, ..genesis.clone() };
    let versions = sign(&world, &nitro, &all);
    assert_eq!(answer(&mut world, versions), "document.invalid");
    // A next version by the quorum is taken; the one before it is then too old.
    let mut next = Genesis { sequence: 1, previous: Some(right[0].digest(Domain::Genesis)), ..genesis };
    next.admins[0].name = "Ada again".into();
    let both = [right.clone(), sign(&world, &next, &[0, 1])].concat();
    let alone = [right.clone(), sign(&world, &next, &[2])].concat();
    assert_eq!(answer(&mut world, alone), "document.invalid");
    assert_eq!(answer(&mut world, both), "installed");
    assert_eq!(answer(&mut world, right), "genesis.mismatch");
}

/// Certificates, boots, verdicts and policy answers all name the workspace.
#[test]
fn g1_what_a_cosigner_says_names_the_workspace() {
    let (mut world, standard) = Standard::world(89);
    let root = world.root();
    assert!(status(&mut world, 1).certificates.iter().all(|c| c.certificate.genesis == root));
    let bytes = Draft::payment(&world, 1, 1000, 0).bytes(&standard);
    let verdicts = super::verdicts(&world.sign(&bytes, &[1, 2]));
    assert!(verdicts.len() == 2 && verdicts.iter().all(|v| v.verdict.genesis == root));
    // A request and an intent of another workspace, truly signed, are nobody's here.
    let mut request = Draft::payment(&world, 2, 1000, 1).request(&standard);
    request.genesis = Digest([5; 32]);
    assert_eq!(outcomes(&world.sign(&cbor::encode(&request), &[1, 2])), ["genesis.mismatch"; 2]);
    let mut foreign = Draft::payment(&world, 2, 1000, 1);
    foreign.intent["genesis"] = serde_json::json!(Digest([5; 32]));
    assert_eq!(outcomes(&world.sign(&foreign.bytes(&standard), &[1, 2])), ["genesis.mismatch"; 2]);
}
