//! K3: every share can be restored by enough of its recipients, into the cosigner that an order names, and by nobody else.

use super::{SIGNED, pay, restart, status, unsigned};
use ringi_cosigner::message::PeerMessage;
use ringi_primitives::cbor;
use ringi_primitives::certificate::drilled_by_all;
use ringi_primitives::digest::Digest;
use ringi_primitives::genesis::Assurance;
use ringi_primitives::kit::RecoveryKit;
use ringi_primitives::order::{KeyId, NextNonce, OrderAction};
use ringi_primitives::policy_set::RootIndex;
use ringi_primitives::scheme::{PartyIndex, Scheme};
use ringi_primitives::signed::Signed;
use ringi_primitives::wire::{FromCosigner, LostShare, ToCosigner};
use ringi_sim::coins::CoinDraft;
use ringi_sim::enclaves::Enclaves;
use ringi_sim::inside::Inside;
use ringi_sim::recipients::{KeptKit, lost, parts, recipients};
use ringi_sim::requests::{EVM, Standard, outcomes};
use ringi_sim::world::{World, party};

/// A recovery on its way: what the host holds in its hands.
struct Recovery {
    order: Signed,
    shares: Vec<LostShare>,
}

/// An order for these kits, and what two of three recipients opened of each.
fn recovery(world: &mut World, standard: &Standard, kits: &[KeptKit]) -> Recovery {
    let nonces = vec![NextNonce { network: EVM, account: standard.account(), nonce: 1 }];
    let order = world.recovery_order(kits, standard.policy_digest(), nonces);
    let channel_key = world.genesis().head().cosigner(kits[0].kit.cosigner).unwrap().channel_key;
    let share = |k: &KeptKit| lost(k, &standard.certificates, parts(&k.kit, &order, channel_key, &[3, 1]));
    let shares = kits.iter().map(share).collect();
    Recovery { order, shares }
}

/// What a cosigner answers: the code of its refusal, or `restored`.
fn restore(world: &mut World, n: u8, recovery: &Recovery) -> String {
    world.take_said(party(n));
    let (order, shares) = (recovery.order.clone(), recovery.shares.clone());
    world.tell(party(n), ToCosigner::Restore { order, shares });
    let word = world.take_said(party(n)).into_iter().find_map(|f| match f {
        FromCosigner::DocumentRefused { refusal, .. } => Some(refusal.code),
        FromCosigner::OrderDone { .. } => Some("restored".into()),
        _ => None,
    });
    word.expect("an answer")
}

fn policy(world: &mut World, standard: &Standard) {
    world.tell_all(&ToCosigner::InstallPolicy { set: standard.signed.clone() });
}

/// The admins let these boots in.
fn resume(world: &mut World, numbers: &[u8]) {
    let boot_keys = numbers.iter().map(|n| status(world, *n).boot_key).collect();
    let order = world.order(OrderAction::Resume { boot_keys });
    world.tell_all(&ToCosigner::Order { order });
}

fn certified(world: &mut World, n: u8) -> usize {
    status(world, n).certificates.len()
}

/// The drill: a workspace that has paid loses all its cosigners. Their kits and two of three recipients of each bring back
/// every share; they sign for the same addresses.
#[test]
fn k3_drill_all_cosigners_come_back_from_their_kits() {
    let (mut world, standard) = Standard::recoverable_world(301);
    assert_eq!(pay(&mut world, &standard, 1, 1000, 0, &[1, 2]), SIGNED);
    let kits: Vec<Vec<KeptKit>> = world.parties().into_iter().map(|p| world.kits(p)).collect();
    assert!(kits.iter().all(|of_one| of_one.len() == Scheme::ALL.len()), "a kit of every key");
    world.replace(&[party(1), party(2), party(3)]);
    world.pass(5000);
    // B1: none of them remembers anything, so none lets the others in.
    assert!((1..=3).all(|n| !status(&mut world, n).ready && certified(&mut world, n) == 0));
    policy(&mut world, &standard);
    let early = recovery(&mut world, &standard, &kits[0]);
    assert_eq!(restore(&mut world, 1, &early), "boot.ungranted");
    resume(&mut world, &[1, 2, 3]);
    for (n, of_one) in (1..).zip(&kits) {
        let recovery = recovery(&mut world, &standard, of_one);
        assert_eq!(restore(&mut world, n, &recovery), "restored");
        assert_eq!(restore(&mut world, n, &recovery), "order.spent", "an order is used once");
    }
    // B1: nobody knows what was spent, so every window counts as exhausted.
    let said = pay(&mut world, &standard, 2, 1000, 1, &[1, 2]);
    assert!(unsigned(&said), "{said:?}");
    world.pass(86_400_000);
    assert_eq!(pay(&mut world, &standard, 2, 1000, 0, &[1, 2])[0], "pin.slot_taken", "the order says that it is used");
    for (nonce, signers) in (1..).zip([[1, 2], [2, 3], [1, 3]]) {
        assert_eq!(pay(&mut world, &standard, 10 + nonce, 1000, nonce.into(), &signers), SIGNED, "{signers:?}");
    }
    let coins = CoinDraft::payment(&world, &standard, 9, 40_000).bytes(&standard);
    assert_eq!(outcomes(&world.sign(&coins, &[1, 3])), SIGNED);
    // What came back survives a restart, and moves on like any share.
    restart(&mut world, 2);
    world.pass(1000);
    for certificate in &standard.certificates {
        let key = certificate.certificate.key;
        let order = world.order(OrderAction::Refresh { key, epoch: 1, clear_bans: vec![] });
        let refreshed = world.carry_out(order).expect("refreshed");
        assert_eq!(refreshed.certificate.public_key, certificate.certificate.public_key);
    }
    assert_eq!(pay(&mut world, &standard, 7, 1000, 4, &[2, 3]), SIGNED);
}

/// One cosigner is lost: its peers let its replacement in and hand over what they remember, and nothing has to wait.
#[test]
fn k3_one_lost_cosigner_comes_back_beside_its_peers() {
    let (mut world, standard) = Standard::recoverable_world(302);
    assert_eq!(pay(&mut world, &standard, 1, 550_000, 0, &[1, 2]), SIGNED);
    let kits = world.kits(party(1));
    world.replace(&[party(1)]);
    world.pass(1000);
    assert!(status(&mut world, 1).ready, "granted by both peers");
    assert_eq!(pay(&mut world, &standard, 2, 1000, 1, &[2, 3]), SIGNED, "the others go on");
    assert!(unsigned(&pay(&mut world, &standard, 3, 1000, 2, &[1, 2])), "without a share");
    let recovery = recovery(&mut world, &standard, &kits);
    assert_eq!(restore(&mut world, 2, &recovery), "order.senseless", "another cosigner");
    assert_eq!(restore(&mut world, 1, &recovery), "restored");
    assert_eq!(
        pay(&mut world, &standard, 4, 550_000, 2, &[1, 3])[0],
        "policy.limit_exceeded",
        "it remembers with them"
    );
    assert_eq!(pay(&mut world, &standard, 5, 1000, 2, &[1, 3]), SIGNED);
}

/// Whatever of a recovery is somebody else's, nothing is restored; then the right one is.
#[test]
fn k3_a_share_comes_back_from_its_kit_order_and_people_alone() {
    let (mut world, standard) = Standard::recoverable_world(303);
    let (kits, others) = (world.kits(party(1)), world.kits(party(2)));
    let again = world.kits(party(1));
    world.replace(&[party(1)]);
    world.pass(1000);
    let right = recovery(&mut world, &standard, &kits);
    let channel_key = world.genesis().head().cosigner(party(1)).unwrap().channel_key;
    let with = |change: &dyn Fn(&mut LostShare)| {
        let mut shares = right.shares.clone();
        change(&mut shares[1]);
        Recovery { order: right.order.clone(), shares }
    };
    let opened = |people: &[u8], order: &Signed, key| parts(&kits[1].kit, order, key, people);
    let other_order = world.recovery_order(&kits, standard.policy_digest(), vec![]);
    let changed = [
        ("recovery.parts", "too few people", with(&|s| s.parts = opened(&[2], &right.order, channel_key))),
        ("recovery.parts", "one person twice", with(&|s| s.parts = opened(&[2, 2], &right.order, channel_key))),
        ("recovery.parts", "sealed to somebody else", with(&|s| s.parts = opened(&[1, 2], &right.order, [9; 32]))),
        ("recovery.parts", "for another order", with(&|s| s.parts = opened(&[1, 2], &other_order, channel_key))),
        ("recovery.parts", "of another kit", with(&|s| s.parts.clone_from(&right.shares[0].parts))),
        ("recovery.kit", "another key's kit", with(&|s| s.kit.clone_from(&right.shares[0].kit))),
        ("recovery.kit", "another certificate", with(&|s| s.certificate = right.shares[0].certificate.clone())),
        ("recovery.kit", "another sealed share", with(&|s| s.sealed.clone_from(&right.shares[0].sealed))),
        ("recovery.kit", "a byte of the kit", with(&|s| s.kit[700] ^= 1)),
        ("recovery.kit", "a byte of the sealed share", with(&|s| s.sealed[100] ^= 1)),
        ("recovery.kit", "a certificate that not all signed", with(&|s| s.certificate.signatures.truncate(2))),
        ("recovery.kit", "one kit less", Recovery { order: right.order.clone(), shares: right.shares[1..].to_vec() }),
    ];
    for (code, what, recovery) in changed {
        assert_eq!(restore(&mut world, 1, &recovery), code, "{what}");
    }
    // The kits of another cosigner, and those of the right one that the order does not name.
    let foreign = recovery_of(&mut world, &standard, &others, party(1));
    assert_eq!(restore(&mut world, 1, &foreign), "recovery.kit");
    let unnamed = recovery(&mut world, &standard, &again);
    assert_eq!(
        restore(&mut world, 1, &Recovery { order: right.order.clone(), shares: unnamed.shares }),
        "recovery.kit"
    );
    assert_eq!(certified(&mut world, 1), 0, "nothing was restored");
    assert_eq!(restore(&mut world, 1, &right), "restored");
    assert_eq!(certified(&mut world, 1), 3);
    // A share that is there is not overwritten.
    let second = recovery(&mut world, &standard, &again);
    assert_eq!(restore(&mut world, 1, &second), "order.senseless");
}

/// An order for the kits of one cosigner that names another.
fn recovery_of(world: &mut World, standard: &Standard, kits: &[KeptKit], cosigner: PartyIndex) -> Recovery {
    let channel_key = world.genesis().head().cosigner(cosigner).unwrap().channel_key;
    let digests = kits.iter().map(|k| k.kit.digest()).collect();
    let policy = standard.policy_digest();
    let order = world.order(OrderAction::Recovery { cosigner, channel_key, kits: digests, policy, nonces: vec![] });
    let share = |k: &KeptKit| lost(k, &standard.certificates, parts(&k.kit, &order, channel_key, &[1, 2]));
    let shares = kits.iter().map(share).collect();
    Recovery { order, shares }
}

/// G2: of the admin quorum, for this replacement, with this policy in force; never as a plain order.
#[test]
fn k3_only_an_order_for_this_replacement_restores() {
    let (mut world, standard) = Standard::recoverable_world(304);
    assert_eq!(pay(&mut world, &standard, 1, 1000, 0, &[1, 2]), SIGNED);
    let kits = world.kits(party(1));
    world.replace(&[party(1)]);
    world.pass(1000);
    let mut below = recovery(&mut world, &standard, &kits);
    below.order.signatures.pop();
    assert_eq!(restore(&mut world, 1, &below), "document.admin_quorum");
    let mut none = recovery(&mut world, &standard, &kits);
    none.order = world.order(OrderAction::Resume { boot_keys: vec![] });
    assert_eq!(restore(&mut world, 1, &none), "order.senseless");
    let mut old = recovery(&mut world, &standard, &kits);
    old.order = world.recovery_order(&kits, Digest([1; 32]), vec![]);
    assert_eq!(restore(&mut world, 1, &old), "policy.mismatch");
    let earlier = recovery(&mut world, &standard, &kits);
    world.tell_all(&ToCosigner::Order { order: earlier.order.clone() });
    assert_eq!(certified(&mut world, 1), 0);
    // The replacement is lost in its turn: an order for the first one does not serve the second.
    world.replace(&[party(1)]);
    world.pass(1000);
    assert_eq!(restore(&mut world, 1, &earlier), "order.senseless");
    let right = recovery(&mut world, &standard, &kits);
    assert_eq!(restore(&mut world, 1, &right), "restored");
    assert_eq!(pay(&mut world, &standard, 2, 1000, 1, &[1, 2]), SIGNED);
}

/// In production a key signs nothing before recipients have opened a kit of its share, for the cosigner that holds it.
#[test]
fn k3_production_signs_nothing_before_a_drill() {
    let mut enclaves = Enclaves::new();
    enclaves.assurance = Assurance::Nitro;
    let mut world = World::attested(2, 3, 308, enclaves);
    let standard = Standard::undrilled(&mut world, &[Scheme::EcdsaSecp256k1]);
    assert_eq!(pay(&mut world, &standard, 1, 1000, 0, &[1, 2]), ["recovery.undrilled"; 2]);
    let certificates = &standard.certificates;
    assert_eq!(world.drill(party(1), certificates, &[3]), "recovery.parts", "one person alone");
    let (own, others) = (world.kits(party(1)), world.kits(party(2)));
    let order = world.drill_order(party(1), &others);
    let key = world.genesis().head().cosigner(party(1)).unwrap().channel_key;
    let foreign = lost(&others[0], certificates, parts(&others[0].kit, &order, key, &[1, 2]));
    assert_eq!(world.hand_in(party(1), order.clone(), vec![foreign.clone()]), "recovery.kit", "of another cosigner");
    assert_eq!(world.hand_in(party(2), order, vec![foreign]), "order.senseless", "for another cosigner");
    let mut below = world.drill_order(party(1), &own);
    below.signatures.pop();
    assert_eq!(world.hand_in(party(1), below, vec![]), "document.admin_quorum");
    let empty = world.drill_order(party(1), &own);
    assert_eq!(world.hand_in(party(1), empty, vec![]), "recovery.kit", "nothing was opened");
    assert!((1..=3).all(|n| status(&mut world, n).drills.is_empty()));
    assert_eq!(world.drill(party(1), certificates, &[1, 3]), "passed");
    assert!(unsigned(&pay(&mut world, &standard, 2, 1000, 0, &[1, 2])), "2 has seen nothing");
    assert_eq!(world.drill(party(2), certificates, &[2, 3]), "passed");
    assert_eq!(pay(&mut world, &standard, 3, 1000, 0, &[1, 2]), SIGNED);
    // Durable, and each cosigner's own word; an address wants that of all.
    restart(&mut world, 1);
    world.pass(5000);
    let key = certificates[0].certificate.key;
    let told = |world: &mut World| (1..=3).flat_map(|n| status(world, n).drills).collect::<Vec<_>>();
    let two = told(&mut world);
    assert_eq!(two.iter().map(|d| d.drill.cosigner.number()).collect::<Vec<_>>(), [1, 2]);
    assert!(!drilled_by_all(&two, &key, &world.genesis()));
    assert_eq!(world.drill(party(3), certificates, &[1, 2]), "passed");
    let three = told(&mut world);
    assert!(drilled_by_all(&three, &key, &world.genesis()));
    let mut forged = three.clone();
    forged[1].drill.at = forged[1].drill.at.plus_ms(1);
    assert!(!drilled_by_all(&forged, &key, &world.genesis()), "not what it signed");
    assert_eq!(pay(&mut world, &standard, 4, 1000, 1, &[1, 3]), SIGNED);
}

/// A kit of the epoch before gives back a share that is no longer in use: the drill is of the present one.
#[test]
fn k3_a_drill_brings_back_the_very_share_in_use() {
    let (mut world, standard) = Standard::recoverable_world(309);
    let old = world.kits(party(1));
    let key = standard.certificates[0].certificate.key;
    let order = world.order(OrderAction::Refresh { key, epoch: 1, clear_bans: vec![] });
    world.carry_out(order).expect("refreshed");
    let kit = old.iter().find(|k| k.kit.certificate.key == key).unwrap().clone();
    let order = world.drill_order(party(1), std::slice::from_ref(&kit));
    let channel = world.genesis().head().cosigner(party(1)).unwrap().channel_key;
    let share = lost(&kit, &standard.certificates, parts(&kit.kit, &order, channel, &[1, 2]));
    assert_eq!(world.hand_in(party(1), order, vec![share]), "recovery.kit");
    assert!(status(&mut world, 1).drills.is_empty());
}

/// B1: of two lost cosigners and one that lives, the one alone is too few; a replacement lets nobody in.
#[test]
fn k3_a_replacement_that_remembers_nothing_grants_no_boot() {
    let (mut world, standard) = Standard::recoverable_world(305);
    assert_eq!(pay(&mut world, &standard, 1, 550_000, 0, &[1, 2]), SIGNED);
    world.replace(&[party(1), party(2)]);
    (0..5).for_each(|_| world.pass(5000));
    assert!(!status(&mut world, 1).ready && !status(&mut world, 2).ready);
    assert!(status(&mut world, 3).ready);
    resume(&mut world, &[1]);
    world.pass(5000);
    assert!(status(&mut world, 1).ready, "by the admins");
    assert!(status(&mut world, 2).ready, "by 3, which lives, and 1, which the admins let in");
}

/// What becomes of a kit on its way.
type Lie = fn(&mut RecoveryKit);

/// Where genesis names recipients, no key is certified before the kits of all n have come to all n and verify.
#[test]
fn k3_no_key_goes_into_use_without_every_kit() {
    let (mut world, _) = Standard::recoverable_world(306);
    let key = KeyId { scheme: Scheme::Ed25519, root: RootIndex(1) };
    let inside = Inside::of(&mut world, party(1), party(2));
    let generate = |world: &mut World| {
        (1..=3).for_each(|n| drop(world.take_said(party(n))));
        let order = world.order(OrderAction::KeyGeneration { key });
        world.tell_all(&ToCosigner::Order { order });
        let said: Vec<FromCosigner> = (1..=3).flat_map(|n| world.take_said(party(n))).collect();
        let code = |f: &FromCosigner| match f {
            FromCosigner::DocumentRefused { refusal, .. } => Some((refusal.code.clone(), refusal.peers.clone())),
            _ => None,
        };
        let made = said.iter().filter(|f| matches!(f, FromCosigner::RecoveryKit { .. })).count();
        assert!((1..=3).all(|n| certified(world, n) == 3 + made / 3), "certified without kits");
        (made, said.iter().find_map(code))
    };
    let lie = |lie: Option<Lie>| {
        inside.meddle(move |from, _, message| match (message, lie) {
            (PeerMessage::Kit { .. }, None) if from == party(1) => vec![],
            (PeerMessage::Kit { session, kit }, Some(lie)) if from == party(1) => {
                let mut kit: RecoveryKit = cbor::decode(&kit, usize::MAX).unwrap();
                lie(&mut kit);
                vec![PeerMessage::Kit { session, kit: cbor::encode(&kit).into() }]
            }
            (other, _) => vec![other],
        });
    };
    lie(None);
    assert_eq!(generate(&mut world), (0, None), "a kit that did not come");
    world.pass(121_000);
    let lies: [(&str, Lie); 5] = [
        ("another epoch", |k| k.certificate.epoch = 7),
        ("another cosigner", |k| k.cosigner = party(3)),
        ("other recipients", |k| k.recipients.truncate(2)),
        ("fewer needed", |k| k.commitments.truncate(1)),
        ("false encryptions", |k| k.recipients[0].repetitions.swap(0, 1)),
    ];
    for (what, false_kit) in lies {
        lie(Some(false_kit));
        let told = generate(&mut world);
        assert_eq!(told, (0, Some(("recovery.kit".into(), vec![party(1)]))), "{what}");
        world.pass(121_000);
    }
    lie(Some(|_| ()));
    assert_eq!(generate(&mut world), (3, None));
}

/// Recipients for some cosigners and none for others: shares would be made that nobody can restore.
#[test]
fn k3_every_cosigner_has_recipients_or_none_has() {
    let some: Vec<_> = recipients().into_iter().filter(|r| r.cosigner != party(3)).collect();
    let mut world = World::recoverable(2, 3, 307, some);
    let key = KeyId { scheme: Scheme::Ed25519, root: RootIndex(0) };
    let order = world.order(OrderAction::KeyGeneration { key });
    (1..=3).for_each(|n| drop(world.take_said(party(n))));
    world.tell_all(&ToCosigner::Order { order });
    for n in 1..=3 {
        let refused = |f: &FromCosigner| match f {
            FromCosigner::DocumentRefused { refusal, .. } => Some(refusal.code.clone()),
            _ => None,
        };
        assert_eq!(world.take_said(party(n)).iter().find_map(refused), Some("recovery.kit".into()));
    }
}
