//! L1, L2: one session per limit until all have merged; a reservation is given back only while nothing of it can be signed.

use super::{SIGNED, abort, acknowledge, dollar, dollar_permits, pay, permit, refusals, restart, status, unsigned};
use ringi_cosigner::message::PeerMessage;
use ringi_primitives::amount::Amount;
use ringi_primitives::decision::{LimitKey, Spending, Subject};
use ringi_primitives::id::IntentId;
use ringi_primitives::order::OrderAction;
use ringi_primitives::policy_set::{Limit, Measure, PolicySet, Ruling, Terms};
use ringi_primitives::time::UnixMs;
use ringi_primitives::wire::{Retry, Tag, ToCosigner};
use ringi_sim::inside::Inside;
use ringi_sim::requests::{Draft, EVM, Standard, VAULT, limit_all, outcomes};
use ringi_sim::world::{World, party};
use std::cell::RefCell;
use std::rc::Rc;

fn day_limit() -> LimitKey {
    let asset = ringi_primitives::asset::AssetKey::native(EVM);
    LimitKey { vault: VAULT, name: "day".into(), measure: Measure::Asset(asset), subject: Subject::Vault }
}

/// Two attempts under one limit at once: the second is busy, and may come again.
#[test]
fn l1_a_busy_limit_is_a_retryable_refusal() {
    let (mut world, standard) = Standard::world(11);
    let first = world.open(&Draft::payment(&world, 1, 1000, 0).bytes(&standard), &[1, 2]);
    // Another nonce and another intent: only the limit is the same.
    let other = Draft::payment(&world, 2, 1000, 1).bytes(&standard);
    let second = world.open(&other, &[1, 2]);
    let refused = refusals(&world.answers_of(second, &[1, 2]));
    assert_eq!(refused.len(), 2);
    assert!(refused.iter().all(|r| r.code == "limit.busy" && r.retry == Retry::Later), "{refused:?}");
    world.run();
    assert_eq!(outcomes(&world.answers_of(first, &[1, 2])), SIGNED);
    assert_eq!(outcomes(&world.sign(&other, &[1, 2])), SIGNED);
}

/// So much a day by one rule, a little more by the next. A signer that was away believes that the first still has room: what it
/// hears moves the intent to the second, whose limit nobody merged. It may come again, and then both know.
#[test]
fn l1_another_rule_after_the_merge_is_a_retryable_refusal() {
    let (mut world, mut standard) = Standard::world(10);
    standard.amend(&mut world, |policy| {
        let coin = ringi_primitives::asset::AssetKey::native(EVM);
        limit_all(policy, "rest", coin, 1_000_000);
        let vault = &mut policy.vaults[0];
        let alone = Limit { name: "alone".into(), most: Amount::from_u64(500_000), ..vault.limits[0].clone() };
        vault.limits.push(alone);
        let mut first = vault.rules.iter().find(|r| r.name == "pay").expect("the standard set has one").clone();
        first.name = "alone".into();
        first.when.within = vec!["alone".into()];
        first.then = Ruling::Allow(Terms::default());
        vault.rules.insert(1, first);
    });
    assert_eq!(pay(&mut world, &standard, 1, 400_000, 0, &[1, 2]), SIGNED, "within what is alone");
    let second = Draft::payment(&world, 2, 300_000, 1).bytes(&standard);
    let attempt = world.sign(&second, &[2, 3]);
    let refused = refusals(&attempt);
    assert!(unsigned(&outcomes(&attempt)), "{refused:?}");
    assert!(refused.iter().any(|r| r.code == "limit.busy" && r.retry == Retry::Later), "{refused:?}");
    assert_eq!(outcomes(&world.sign(&second, &[2, 3])), SIGNED);
}

/// The lock is held until the reservation sets are merged, and no longer: storage is not waited for.
#[test]
fn l1_the_limit_is_free_once_all_signers_have_recorded() {
    let (mut world, standard) = Standard::world(12);
    world.acknowledges = false;
    let first = world.open(&Draft::payment(&world, 1, 400_000, 0).bytes(&standard), &[1, 2]);
    world.run();
    let second = world.open(&Draft::payment(&world, 2, 400_000, 1).bytes(&standard), &[1, 2]);
    world.run();
    let third = world.open(&Draft::payment(&world, 3, 400_000, 2).bytes(&standard), &[1, 2]);
    world.run();
    let refused = outcomes(&world.answers_of(third, &[1, 2]));
    assert_eq!(refused, ["policy.limit_exceeded", "policy.limit_exceeded"], "what is reserved counts");
    acknowledge(&mut world, &[1, 2]);
    world.run();
    assert_eq!(outcomes(&world.answers_of(first, &[1, 2])), SIGNED);
    assert_eq!(outcomes(&world.answers_of(second, &[1, 2])), SIGNED);
}

/// A signer that recorded something else than the others does not sign with them.
#[test]
fn l1_unequal_commitments_sign_nothing() {
    let (mut world, standard) = Standard::world(13);
    let inside = Inside::of(&mut world, party(1), party(2));
    inside.meddle(|from, _, message| match message {
        PeerMessage::Commit { session, mut commitment } if from == party(2) => {
            commitment.0[0] ^= 1;
            vec![PeerMessage::Commit { session, commitment }]
        }
        other => vec![other],
    });
    let said = pay(&mut world, &standard, 1, 1000, 0, &[1, 2]);
    assert_eq!(said[0], "session.commitment_differs");
    assert!(unsigned(&said), "{said:?}");
}

/// A corrupted signer cannot make an honest one forget: entries it hands over from the far future push nothing out.
#[test]
fn l1_foreign_entries_never_push_out_own_ones() {
    for at in [UnixMs(u64::MAX), ringi_sim::world::START.plus_ms(400 * 86_400_000)] {
        let (mut world, standard) = Standard::world(14);
        assert_eq!(pay(&mut world, &standard, 1, 500_000, 0, &[1, 2]), SIGNED);
        assert_eq!(pay(&mut world, &standard, 2, 300_000, 1, &[1, 2]), SIGNED);
        let inside = Inside::of(&mut world, party(1), party(2));
        let entry = Spending { limit: day_limit(), intent: IntentId::from_bytes([99; 16]), amount: Amount::ZERO, at };
        inside.meddle(move |from, _, message| match message {
            PeerMessage::Hello(mut hello) if from == party(2) => {
                hello.spending.push(entry.clone());
                vec![PeerMessage::Hello(hello)]
            }
            other => vec![other],
        });
        // Small enough for what is left, so that the hello is merged. Cosigner 3 knows only what 1 tells it.
        assert_eq!(pay(&mut world, &standard, 3, 1, 2, &[1, 2]), SIGNED);
        let said = pay(&mut world, &standard, 4, 500_000, 3, &[1, 3]);
        assert!(unsigned(&said) && said.contains(&"policy.limit_exceeded".into()), "{said:?}");
    }
}

/// Before the last message has left, an attempt that ends gives everything back.
#[test]
fn l2_an_attempt_that_ends_before_the_last_round_gives_back() {
    let (mut world, standard) = Standard::world(15);
    world.acknowledges = false;
    let tag = world.open(&Draft::payment(&world, 1, 550_000, 0).bytes(&standard), &[1, 2]);
    world.run();
    assert_eq!(abort(&mut world, tag, &[1, 2]).len(), 2);
    acknowledge(&mut world, &[1, 2]);
    world.acknowledges = true;
    // Charge, slot and intent are free: another intent takes the same nonce and the whole cap.
    assert_eq!(pay(&mut world, &standard, 2, 550_000, 0, &[1, 2]), SIGNED);
}

/// Once one signer's last message has left, its charge stays, whatever host and peer say.
#[test]
fn l2_after_the_last_message_the_charge_stays() {
    let (mut world, standard) = Standard::world(16);
    world.acknowledges = false;
    let tag = world.open(&Draft::payment(&world, 1, 550_000, 0).bytes(&standard), &[1, 2]);
    world.run();
    // Cosigner 1 hears that its record is durable and sends its last message; 2 never does.
    world.acknowledge(party(1));
    world.acknowledges = true;
    assert_eq!(abort(&mut world, tag, &[1, 2]), ["session.aborted", "session.aborted"]);
    world.acknowledge(party(2));
    let said = pay(&mut world, &standard, 2, 550_000, 1, &[1, 3]);
    assert!(unsigned(&said) && said.contains(&"policy.limit_exceeded".into()), "{said:?}");
    // Neither a restart nor a long wait within the window changes that.
    restart(&mut world, 1);
    world.pass(3_600_000);
    let said = pay(&mut world, &standard, 3, 550_000, 1, &[1, 2]);
    assert!(unsigned(&said) && said.contains(&"policy.limit_exceeded".into()), "{said:?}");
}

/// The nonces of an attempt that gave back are gone: an acknowledgement that comes late releases nothing.
#[test]
fn l2_what_was_given_back_cannot_be_released_later() {
    let (mut world, standard) = Standard::world(17);
    world.acknowledges = false;
    let tag = world.open(&Draft::payment(&world, 1, 1000, 0).bytes(&standard), &[1, 2]);
    world.run();
    world.tell(party(1), ToCosigner::Abort { tag });
    let frames = world.take_frames();
    acknowledge(&mut world, &[1, 2]);
    world.put_frames(frames);
    world.run();
    assert!(unsigned(&outcomes(&world.answers_of(tag, &[1]))));
    assert!(unsigned(&outcomes(&world.answers_of(tag, &[2]))));
}

/// Only an order of the admin quorum gives a spent charge back, once.
#[test]
fn l2_only_an_admin_order_gives_back() {
    let (mut world, standard) = Standard::world(18);
    assert_eq!(pay(&mut world, &standard, 1, 550_000, 0, &[1, 2]), SIGNED);
    assert!(unsigned(&pay(&mut world, &standard, 2, 550_000, 1, &[1, 2])));
    let order = world.order(OrderAction::GiveBack { intent: IntentId::from_bytes([1; 16]) });
    let mut forged = order.clone();
    forged.signatures.truncate(1);
    world.tell_all(&ToCosigner::Order { order: forged });
    assert!(unsigned(&pay(&mut world, &standard, 2, 550_000, 1, &[1, 2])));
    world.tell_all(&ToCosigner::Order { order });
    assert_eq!(pay(&mut world, &standard, 2, 550_000, 1, &[1, 2]), SIGNED);
}

/// The token's permits, of which a vault may sign so many dollars a day.
pub(super) fn limit_policy(policy: &mut PolicySet, cap: u64) {
    policy.permits.push(dollar_permits());
    limit_all(policy, "dollars", dollar(), cap);
}

/// A permit of this many dollars as intent `id`, recorded by both signers and released by neither.
fn reserve(world: &mut World, standard: &Standard, id: u8, dollars: u64, signers: [u8; 2]) -> (Tag, [u8; 2]) {
    world.acknowledges = false;
    let tag = world.open(&permit(world, standard, id, dollars, 3_600_000), &signers);
    world.run();
    world.acknowledges = true;
    (tag, signers)
}

/// Its last message leaves where the record is durable; the others give back.
fn end(world: &mut World, (tag, signers): (Tag, [u8; 2]), durable: &[u8]) {
    world.acknowledges = false;
    acknowledge(world, durable);
    assert_eq!(abort(world, tag, &signers).len(), 2);
    acknowledge(world, &signers);
    world.run();
    world.acknowledges = true;
}

fn sign(world: &mut World, standard: &Standard, id: u8, signers: [u8; 2]) -> Vec<String> {
    let bytes = permit(world, standard, id, 100, 3_600_000);
    outcomes(&world.sign(&bytes, &signers))
}

/// Both of the day's permits are signed. Cosigner 1 knows of the first, 3 of the second.
fn no_third(world: &mut World, standard: &Standard) {
    let said = sign(world, standard, 3, [1, 3]);
    assert!(unsigned(&said) && said.contains(&"policy.limit_exceeded".into()), "{said:?}");
}

/// What one signer recorded, another may take back: a signer that took it for known there would pass the limit with it.
#[test]
fn l1_what_a_peer_gave_back_is_told_to_it_again() {
    let (mut world, mut standard) = Standard::world(19);
    standard.amend(&mut world, |policy| limit_policy(policy, 200));
    for (id, signers, out) in [(1, [1, 3], 1), (1, [2, 3], 2)] {
        let attempt = reserve(&mut world, &standard, id, 100, signers);
        end(&mut world, attempt, &[out]);
    }
    assert_eq!(sign(&mut world, &standard, 1, [1, 2]), SIGNED);
    let attempt = reserve(&mut world, &standard, 2, 100, [1, 3]);
    end(&mut world, attempt, &[3]);
    assert_eq!(sign(&mut world, &standard, 2, [2, 3]), SIGNED);
    no_third(&mut world, &standard);
}

/// The same if it was heard of in a hello: what its sender may yet take back is not known to the sender.
#[test]
fn l1_what_a_hello_says_may_be_taken_back() {
    let (mut world, mut standard) = Standard::world(20);
    standard.amend(&mut world, |policy| limit_policy(policy, 210));
    // One that both record; meanwhile one of them says so to the third. It is released at `out` alone.
    let told = |world: &mut World, id: u8, with: [u8; 2], other: [u8; 2], out: &[u8]| {
        let attempt = reserve(world, &standard, id, 100, with);
        let (word, signers) = reserve(world, &standard, 9, 1, other);
        // Storage says nothing of what is recorded meanwhile, or the first would be released.
        world.acknowledges = false;
        assert_eq!(abort(world, word, &signers).len(), 2);
        end(world, attempt, out);
    };
    told(&mut world, 1, [1, 3], [2, 3], &[]);
    told(&mut world, 1, [2, 3], [1, 3], &[2]);
    assert_eq!(sign(&mut world, &standard, 1, [1, 2]), SIGNED);
    told(&mut world, 2, [1, 2], [1, 3], &[]);
    assert_eq!(sign(&mut world, &standard, 2, [2, 3]), SIGNED);
    no_third(&mut world, &standard);
}

/// The same if it was handed over with a boot: the started one tells its granter of it again.
#[test]
fn l1_what_a_grant_hands_over_may_be_taken_back() {
    let (mut world, mut standard) = Standard::world(21);
    standard.amend(&mut world, |policy| limit_policy(policy, 200));
    let attempt = reserve(&mut world, &standard, 1, 100, [2, 3]);
    world.acknowledges = false;
    restart(&mut world, 1);
    (0..4).for_each(|_| {
        acknowledge(&mut world, &[1]);
        world.run();
    });
    assert!(status(&mut world, 1).ready);
    end(&mut world, attempt, &[]);
    let inside = Inside::of(&mut world, party(1), party(3));
    let (told, seen) = (Rc::new(RefCell::new(Vec::new())), IntentId::from_bytes([1; 16]));
    let kept = told.clone();
    inside.meddle(move |from, _, message| {
        if let (PeerMessage::Hello(hello), true) = (&message, from == party(1)) {
            kept.borrow_mut().extend(hello.spending.iter().map(|s| s.intent));
        }
        vec![message]
    });
    assert_eq!(sign(&mut world, &standard, 2, [1, 3]), SIGNED);
    assert_eq!(*told.borrow(), [seen]);
}
