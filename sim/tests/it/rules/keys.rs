//! G2, K1, K2: share material moves under a single-use order only, in two phases; bans are durable and end by order.

use super::{SIGNED, pay, relink, restart, status, unsigned};
use ringi_cosigner::message::{PeerMessage, Round};
use ringi_primitives::order::{KeyId, OrderAction};
use ringi_primitives::policy_set::RootIndex;
use ringi_primitives::scheme::{PartyIndex, Scheme};
use ringi_primitives::signed::Signed;
use ringi_primitives::wire::{FromCosigner, ToCosigner};
use ringi_sim::coins::CoinDraft;
use ringi_sim::inside::Inside;
use ringi_sim::requests::{Draft, Standard, outcomes};
use ringi_sim::world::{World, party};
use std::cell::Cell;
use std::rc::Rc;

const ECDSA: KeyId = KeyId { scheme: Scheme::EcdsaSecp256k1, root: RootIndex(0) };
const BIP340: KeyId = KeyId { scheme: Scheme::Bip340, root: RootIndex(0) };
/// Longer than a ceremony waits for a message.
const TOO_LONG_MS: u64 = 121_000;

fn refresh(world: &mut World, key: KeyId, epoch: u32, clear_bans: Vec<PartyIndex>) -> Signed {
    world.order(OrderAction::Refresh { key, epoch, clear_bans })
}

fn epoch(world: &mut World, n: u8, key: KeyId) -> u32 {
    let certificates = status(world, n).certificates;
    certificates.iter().find(|c| c.certificate.key == key).map_or(0, |c| c.certificate.epoch)
}

fn epochs(world: &mut World, key: KeyId) -> [u32; 3] {
    [1, 2, 3].map(|n| epoch(world, n, key))
}

/// The codes that every cosigner refuses an order with.
fn refused(world: &mut World, order: &Signed) -> Vec<String> {
    (1..=3).for_each(|n| drop(world.take_said(party(n))));
    world.tell_all(&ToCosigner::Order { order: order.clone() });
    let code = |f| match f {
        FromCosigner::DocumentRefused { refusal, .. } => Some(refusal.code),
        _ => None,
    };
    (1..=3).flat_map(|n| world.take_said(party(n))).filter_map(code).collect()
}

#[test]
fn g2_an_order_below_the_quorum_or_changed_moves_nothing() {
    let (mut world, _) = Standard::world(21);
    let order = refresh(&mut world, BIP340, 1, vec![]);
    let one = Signed { signatures: order.signatures[..1].to_vec(), ..order.clone() };
    let twice = Signed { signatures: vec![order.signatures[0]; 2], ..order.clone() };
    let none = Signed { signatures: vec![], ..order.clone() };
    // A valid refresh to another epoch, under the signatures of this one.
    let other = Signed { body: refresh(&mut world, ECDSA, 1, vec![]).body, ..order };
    for forged in [one, twice, none, other] {
        assert_eq!(refused(&mut world, &forged), ["document.admin_quorum"; 3]);
    }
    assert_eq!(epochs(&mut world, BIP340), [0; 3]);
}

#[test]
fn g2_an_order_of_another_workspace_or_outside_its_time_is_refused() {
    let (mut world, _) = Standard::world(22);
    let change = |world: &mut World, change: &dyn Fn(&mut ringi_primitives::order::Order)| {
        let order = refresh(world, BIP340, 1, vec![]);
        let mut body: ringi_primitives::order::Order = order.decode_unverified(usize::MAX).unwrap();
        change(&mut body);
        let admins = [&world.admins[0], &world.admins[1]];
        ringi_sim::people::signed(ringi_primitives::digest::Domain::Order, &body, &admins)
    };
    let foreign = change(&mut world, &|o| o.genesis = ringi_primitives::digest::Digest([7; 32]));
    assert_eq!(refused(&mut world, &foreign), ["genesis.mismatch"; 3]);
    let long = change(&mut world, &|o| o.expires_at = o.issued_at.plus_ms(24 * 3_600_000 + 1));
    let early = change(&mut world, &|o| o.issued_at = o.issued_at.plus_ms(61_000));
    let over = change(&mut world, &|o| o.expires_at = o.issued_at);
    for order in [long, early, over] {
        assert_eq!(refused(&mut world, &order), ["order.spent"; 3]);
    }
    let skipped = refresh(&mut world, BIP340, 2, vec![]);
    assert_eq!(refused(&mut world, &skipped), ["order.senseless"; 3]);
    assert_eq!(epochs(&mut world, BIP340), [0; 3]);
}

/// The same order again is answered again, never carried out again; neither is one that a restart lies between.
#[test]
fn g2_an_order_is_carried_out_once() {
    let (mut world, standard) = Standard::world(23);
    let order = refresh(&mut world, ECDSA, 1, vec![]);
    let first = world.carry_out(order.clone()).expect("refreshed");
    assert_eq!(first.certificate.epoch, 1);
    assert_eq!(world.carry_out(order.clone()), Some(first.clone()));
    restart(&mut world, 2);
    assert_eq!(world.carry_out(order), Some(first));
    assert_eq!(epochs(&mut world, ECDSA), [1; 3]);
    let back = world.order(OrderAction::GiveBack { intent: ringi_primitives::id::IntentId::from_bytes([1; 16]) });
    assert_eq!(refused(&mut world, &back), [""; 0]);
    assert_eq!(refused(&mut world, &back), ["order.spent"; 3]);
    assert_eq!(pay(&mut world, &standard, 1, 1000, 0, &[2, 3]), SIGNED);
}

#[test]
fn k1_a_scheme_and_root_have_one_key_for_ever() {
    let (mut world, _) = Standard::world(24);
    for key in [ECDSA, BIP340] {
        let again = world.order(OrderAction::KeyGeneration { key });
        assert_eq!(refused(&mut world, &again), ["order.senseless"; 3]);
    }
    let apart = world.generate(KeyId { scheme: Scheme::Ed25519, root: RootIndex(1) }).expect("another root");
    let certificates = status(&mut world, 1).certificates;
    let same = certificates.iter().filter(|c| c.certificate.public_key == apart.certificate.public_key);
    assert_eq!((certificates.len(), same.count()), (4, 1), "no two keys are one");
}

/// A refresh that stops at any point leaves the old epoch signing.
#[test]
fn k2_the_old_epoch_signs_until_all_have_the_new_one() {
    let (mut world, standard) = Standard::world(25);
    world.acknowledges = false;
    let order = refresh(&mut world, ECDSA, 1, vec![]);
    world.tell_all(&ToCosigner::Order { order });
    // Two have it durable and have signed so; the third never does.
    super::acknowledge(&mut world, &[1, 2]);
    world.run();
    assert_eq!(epochs(&mut world, ECDSA), [0; 3]);
    let sign = |world: &mut World, id: u8, nonce: u64| {
        let tag = world.open(&Draft::payment(world, id, 1000, nonce).bytes(&standard), &[1, 2]);
        world.run();
        super::acknowledge(world, &[1, 2]);
        world.run();
        outcomes(&world.answers_of(tag, &[1, 2]))
    };
    assert_eq!(sign(&mut world, 1, 0), SIGNED);
    // A restart in between loses neither share.
    restart(&mut world, 1);
    super::acknowledge(&mut world, &[1]);
    world.run();
    assert_eq!(sign(&mut world, 2, 1), SIGNED);
    // The third has it durable too: the new epoch goes into use, and the one that restarted learns of it.
    world.acknowledges = true;
    super::acknowledge(&mut world, &[3]);
    world.run();
    assert_eq!(epochs(&mut world, ECDSA), [0, 1, 1]);
    assert_eq!(pay(&mut world, &standard, 3, 1000, 2, &[1, 2]), ["session.epoch_differs"; 2]);
    assert_eq!(epochs(&mut world, ECDSA), [1; 3]);
    assert_eq!(pay(&mut world, &standard, 3, 1000, 2, &[1, 2]), SIGNED);
}

/// An interrupted key generation leaves no key, and the same order makes one afterwards.
#[test]
fn k2_an_interrupted_key_generation_leaves_nothing_behind() {
    let (mut world, _) = Standard::world(26);
    let key = KeyId { scheme: Scheme::Ed25519, root: RootIndex(2) };
    let order = world.order(OrderAction::KeyGeneration { key });
    world.tell_all(&ToCosigner::Order { order: order.clone() });
    let before = status(&mut world, 1).certificates.len();
    assert_eq!(before, 4, "undisturbed it makes a key at once");
    let key = KeyId { scheme: Scheme::Ed25519, root: RootIndex(3) };
    let order = world.order(OrderAction::KeyGeneration { key });
    for p in world.parties() {
        world.tell(p, ToCosigner::Order { order: order.clone() });
    }
    for _ in 0..9 {
        world.step();
    }
    restart(&mut world, 3);
    world.pass(TOO_LONG_MS);
    assert_eq!([1, 2, 3].map(|n| status(&mut world, n).certificates.len()), [4; 3]);
    assert!(world.carry_out(order).is_some());
}

/// "Durable" of an earlier attempt says nothing of a later attempt's shares: the certificates of both are the same.
#[test]
fn k2_a_durable_signature_counts_for_its_own_attempt_only() {
    let (mut world, standard) = Standard::world(27);
    world.acknowledges = false;
    let order = refresh(&mut world, BIP340, 1, vec![]);
    world.tell_all(&ToCosigner::Order { order: order.clone() });
    super::acknowledge(&mut world, &[1, 2]);
    world.run();
    let first_attempt = [1, 2].map(|n| world.blob(party(n)));
    world.pass(TOO_LONG_MS);
    // The second attempt: only cosigner 3 has its share durable; the others lose theirs.
    world.tell_all(&ToCosigner::Order { order });
    super::acknowledge(&mut world, &[3]);
    world.run();
    assert_eq!(epoch(&mut world, 3, BIP340), 0, "1 and 2 have not said that these shares are durable");
    world.acknowledges = true;
    for (n, blob) in [1, 2].into_iter().zip(first_attempt) {
        world.kill(party(n));
        world.set_blob(party(n), blob);
    }
    [1, 2].iter().for_each(|n| restart(&mut world, *n));
    relink(&mut world);
    // All three still hold shares of one polynomial.
    for (id, pair) in [(1, [1, 2]), (2, [2, 3]), (3, [1, 3])] {
        let bytes = CoinDraft::payment(&world, &standard, id, 20_000).bytes(&standard);
        assert_eq!(outcomes(&world.sign(&bytes, &pair)), SIGNED, "{pair:?}");
    }
}

/// Unequal epochs resynchronise: the one behind gets the proof, nobody is banned, and the next attempt signs.
#[test]
fn k2_unequal_epochs_resynchronise_and_ban_nobody() {
    let (mut world, standard) = Standard::world(28);
    let inside = Inside::of(&mut world, party(1), party(3));
    // Cosigner 3 is not told that 1 has the new share durable.
    inside.meddle(|from, _, message| match message {
        PeerMessage::Durable { .. } if from == party(1) => vec![],
        other => vec![other],
    });
    let order = refresh(&mut world, ECDSA, 1, vec![]);
    world.tell_all(&ToCosigner::Order { order });
    assert_eq!(epochs(&mut world, ECDSA), [1, 1, 0]);
    assert_eq!(pay(&mut world, &standard, 1, 1000, 0, &[2, 3]), ["session.epoch_differs"; 2]);
    assert_eq!(epochs(&mut world, ECDSA), [1; 3]);
    assert_eq!([1, 2, 3].map(|n| status(&mut world, n).banned.len()), [0; 3]);
    assert_eq!(pay(&mut world, &standard, 1, 1000, 0, &[2, 3]), SIGNED);
    assert_eq!(pay(&mut world, &standard, 2, 1000, 1, &[1, 3]), SIGNED);
}

/// A proof of an epoch that not all n have signed, or that is of another share, moves nothing.
#[test]
fn k2_a_proof_of_an_epoch_needs_all_n() {
    let (mut world, _) = Standard::world(29);
    let inside = Inside::of(&mut world, party(1), party(3));
    let kept = Rc::new(std::cell::RefCell::new(None));
    inside.meddle(|from, _, message| match message {
        PeerMessage::Durable { .. } if from == party(1) => vec![],
        other => vec![other],
    });
    let order = refresh(&mut world, BIP340, 1, vec![]);
    world.tell_all(&ToCosigner::Order { order });
    let proof = status(&mut world, 1).certificates.into_iter().find(|c| c.certificate.key == BIP340).unwrap();
    *kept.borrow_mut() = Some(proof.clone());
    let mut short = proof.clone();
    short.signatures.pop();
    let mut twice = proof.clone();
    twice.signatures[2] = twice.signatures[1];
    let mut later = proof.clone();
    later.certificate.epoch = 2;
    for forged in [short, twice, later] {
        let frames = inside.say(party(1), party(3), &PeerMessage::EpochProof(Box::new(forged)));
        frames.into_iter().for_each(|f| world.deliver(f));
        world.run();
        assert_eq!(epoch(&mut world, 3, BIP340), 0);
    }
    let frames = inside.say(party(1), party(3), &PeerMessage::EpochProof(Box::new(proof)));
    frames.into_iter().for_each(|f| world.deliver(f));
    assert_eq!(epoch(&mut world, 3, BIP340), 1);
}

/// Cosigner 2 sends 1 an ECDSA round 2 that fails a consistency check of dkls23.
fn cheat(inside: &Inside) -> Rc<Cell<bool>> {
    let done = Rc::new(Cell::new(false));
    let told = done.clone();
    inside.meddle(move |from, _, message| match message {
        PeerMessage::Round(Round { round: 2, broadcast: false, mut payload, session, machine })
            if from == party(2) && !told.get() =>
        {
            told.set(true);
            let middle = payload.len() / 2;
            payload[middle] ^= 1;
            vec![PeerMessage::Round(Round { session, machine, round: 2, broadcast: false, payload })]
        }
        other => vec![other],
    });
    done
}

/// A counterparty caught by a failed consistency check is excluded durably, by all, until a refresh under an order.
#[test]
fn k2_a_failed_check_bans_durably_until_a_refresh_under_an_order() {
    let (mut world, standard) = Standard::world(30);
    let inside = Inside::of(&mut world, party(1), party(2));
    let cheated = cheat(&inside);
    let said = pay(&mut world, &standard, 1, 1000, 0, &[1, 2]);
    assert!(cheated.get() && said[0] == "session.peer_fault" && unsigned(&said), "{said:?}");
    inside.meddle(|_, _, message| vec![message]);
    // Nobody signs with the banned one; the other two go on.
    assert_eq!([1, 2, 3].map(|n| status(&mut world, n).banned), [vec![party(2)], vec![], vec![party(2)]]);
    assert!(unsigned(&pay(&mut world, &standard, 1, 1000, 0, &[1, 2])));
    assert!(unsigned(&pay(&mut world, &standard, 1, 1000, 0, &[2, 3])));
    assert_eq!(pay(&mut world, &standard, 2, 1000, 0, &[1, 3]), SIGNED);
    // Restarts, of the one who banned and of the one who was told, change nothing.
    [1, 3].iter().for_each(|n| restart(&mut world, *n));
    assert_eq!(status(&mut world, 1).banned, [party(2)]);
    assert_eq!(pay(&mut world, &standard, 1, 1000, 1, &[1, 2])[0], "session.banned");
    // A refresh that does not name the ban leaves it; only one of this key's order ends it.
    let order = refresh(&mut world, ECDSA, 1, vec![]);
    assert!(world.carry_out(order).is_some());
    assert_eq!(status(&mut world, 1).banned, [party(2)]);
    let order = refresh(&mut world, ECDSA, 2, vec![party(2)]);
    assert!(world.carry_out(order).is_some());
    assert_eq!([1, 2, 3].map(|n| status(&mut world, n).banned.len()), [0; 3]);
    assert_eq!(pay(&mut world, &standard, 3, 1000, 1, &[1, 2]), SIGNED);
}

/// Where the transcript is not agreed nobody can tell who lied: suspects, and no ban.
#[test]
fn k2_a_disagreement_on_the_transcript_bans_nobody() {
    let (mut world, standard) = Standard::world(31);
    let inside = Inside::of(&mut world, party(1), party(2));
    inside.meddle(|from, _, message| match message {
        PeerMessage::Round(mut round) if from == party(2) && round.round == 2 => {
            let last = round.payload.len() - 1;
            round.payload[last] ^= 1;
            vec![PeerMessage::Round(round)]
        }
        other => vec![other],
    });
    let said = pay(&mut world, &standard, 1, 1000, 0, &[1, 2]);
    assert_eq!(said[0], "session.suspects");
    assert_eq!([1, 2, 3].map(|n| status(&mut world, n).banned.len()), [0; 3]);
    inside.meddle(|_, _, message| vec![message]);
    assert_eq!(pay(&mut world, &standard, 1, 1000, 0, &[1, 2]), SIGNED);
}

/// Before n - t + 1 peers (or all that are not banned) have acknowledged a ban, whoever banned signs nothing.
#[test]
fn k2_nothing_is_signed_before_the_ban_has_reached_its_peers() {
    let (mut world, standard) = Standard::world(32);
    let inside = Inside::of(&mut world, party(1), party(2));
    cheat(&inside);
    let bytes = Draft::payment(&world, 1, 1000, 0).bytes(&standard);
    // Nothing between 1 and 3 arrives.
    let open = Rc::new(Cell::new(false));
    let mut carry = std::mem::replace(&mut world.relay, Box::new(|f| vec![f]));
    let gate = open.clone();
    world.relay = Box::new(move |frame| {
        let cut = [frame.from, frame.to].contains(&party(3)) && !gate.get();
        if cut { vec![] } else { carry(frame) }
    });
    assert!(unsigned(&outcomes(&world.sign(&bytes, &[1, 2]))));
    assert_eq!(status(&mut world, 1).banned, [party(2)]);
    let next = Draft::payment(&world, 2, 1000, 0).bytes(&standard);
    world.take_said(party(1));
    let tag = world.open(&next, &[1, 3]);
    let said = outcomes(&world.answers_of(tag, &[1]));
    assert_eq!(said, ["session.ban_unheard"]);
    // A restart forgets no ban that has not been heard.
    restart(&mut world, 1);
    open.set(true);
    relink(&mut world);
    world.pass(1000);
    assert_eq!(status(&mut world, 3).banned, [party(2)]);
    // Cosigner 2 had sent its last message and remembers nonce 0 as taken.
    assert_eq!(pay(&mut world, &standard, 2, 1000, 1, &[1, 3]), SIGNED);
}

/// A ban ends every session with the banned, those that run beside the one it was caught in too; and a session of others
/// that was about to end waits for the peers to hear of it.
#[test]
fn k2_a_ban_ends_every_session_with_the_banned() {
    let (mut world, standard) = Standard::world(34);
    let inside = Inside::of(&mut world, party(1), party(2));
    world.acknowledges = false;
    let other = CoinDraft::payment(&world, &standard, 7, 20_000).bytes(&standard);
    let beside = world.open(&other, &[1, 2]);
    world.run();
    cheat(&inside);
    let caught = world.open(&Draft::payment(&world, 1, 1000, 0).bytes(&standard), &[1, 2]);
    world.run();
    let said = |world: &mut World, tag| outcomes(&world.answers_of(tag, &[1]));
    assert_eq!(said(&mut world, caught), ["session.peer_fault"]);
    super::acknowledge(&mut world, &[1, 2]);
    world.run();
    assert_eq!(said(&mut world, beside), ["session.link"]);
}

/// Nobody can talk a cosigner into excluding itself, and nobody excludes by naming himself.
#[test]
fn k2_a_ban_never_names_its_receiver() {
    let (mut world, standard) = Standard::world(33);
    let inside = Inside::of(&mut world, party(1), party(2));
    let ban = PeerMessage::Ban { parties: vec![party(1), party(2)] };
    let frames = inside.say(party(2), party(1), &ban);
    frames.into_iter().for_each(|f| world.deliver(f));
    world.run();
    assert_eq!(status(&mut world, 1).banned, []);
    assert_eq!(pay(&mut world, &standard, 1, 1000, 0, &[1, 2]), SIGNED);
}
