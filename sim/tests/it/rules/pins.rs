//! I3: one slot per intent for ever; a slot is reused only by its own replacement, which charges the maximum.

use super::{SIGNED, dollar, dollar_permits, pay, permit, restart, unsigned};
use ringi_chain::bitcoin::AddressKind;
use ringi_chain::evm::Fees;
use ringi_primitives::id::IntentId;
use ringi_sim::coins::{CoinDraft, coin, receive};
use ringi_sim::requests::{Draft, Standard, limit_all, outcomes};
use ringi_sim::world::World;

fn sign(world: &mut World, standard: &Standard, draft: &Draft, signers: &[u8]) -> Vec<String> {
    outcomes(&world.sign(&draft.bytes(standard), signers))
}

fn id(n: u8) -> serde_json::Value {
    serde_json::json!(IntentId::from_bytes([n; 16]))
}

/// A payment in the place of another.
fn replacing(world: &World, n: u8, other: u8, amount: u64, nonce: u64) -> Draft {
    let mut draft = Draft::payment(world, n, amount, nonce);
    draft.intent["replaces"] = id(other);
    draft
}

/// A cancel of another intent.
fn cancelling(world: &World, n: u8, other: u8, nonce: u64) -> Draft {
    let mut draft = replacing(world, n, other, 0, nonce);
    draft.intent["actions"] = serde_json::json!([{"type": "cancel"}]);
    draft
}

#[test]
fn i3_an_intent_is_signed_for_one_slot_only() {
    let (mut world, standard) = Standard::world(61);
    assert_eq!(pay(&mut world, &standard, 1, 1000, 0, &[1, 2]), SIGNED);
    // Any pair, any time: the same slot again is fine, another never.
    for pair in [[1, 2], [2, 3], [1, 3]] {
        assert_eq!(pay(&mut world, &standard, 1, 1000, 0, &pair), SIGNED, "{pair:?}");
        let said = pay(&mut world, &standard, 1, 1000, 1, &pair);
        assert!(unsigned(&said) && said.contains(&"pin.other_slot".into()), "{said:?}");
    }
}

/// I1: an id is unique: other content under it takes no second slot either.
#[test]
fn i1_another_intent_of_the_same_id_takes_no_second_slot() {
    let (mut world, standard) = Standard::world(62);
    assert_eq!(pay(&mut world, &standard, 1, 1000, 0, &[1, 2]), SIGNED);
    let said = pay(&mut world, &standard, 1, 2000, 1, &[1, 2]);
    assert_eq!(said, ["pin.other_slot"; 2]);
}

#[test]
fn i3_a_nonce_is_reused_by_no_other_intent_and_pins_outlive_expiry() {
    let (mut world, standard) = Standard::world(63);
    assert_eq!(pay(&mut world, &standard, 1, 1000, 0, &[1, 2]), SIGNED);
    world.pass(400 * 86_400_000);
    [1, 2].iter().for_each(|n| restart(&mut world, *n));
    assert_eq!(pay(&mut world, &standard, 2, 1000, 0, &[1, 2]), ["pin.slot_taken"; 2]);
    // Cosigner 3 never saw it; the merge tells.
    let said = pay(&mut world, &standard, 2, 1000, 0, &[2, 3]);
    assert!(unsigned(&said) && said.contains(&"pin.slot_taken".into()), "{said:?}");
    // The first intent itself has expired and is signed no more, in no slot.
    let mut old = Draft::payment(&world, 1, 1000, 0);
    old.intent["expires_at"] = serde_json::json!(ringi_sim::world::START.plus_ms(3_600_000));
    assert_eq!(sign(&mut world, &standard, &old, &[1, 2]), ["intent.expired"; 2]);
    assert_eq!(pay(&mut world, &standard, 2, 1000, 1, &[1, 3]), SIGNED);
}

#[test]
fn i3_evm_nonces_have_no_gaps() {
    let (mut world, standard) = Standard::world(64);
    let gap = |said: Vec<String>| unsigned(&said) && said.contains(&"pin.nonce_gap".into());
    assert!(gap(pay(&mut world, &standard, 1, 1000, 1, &[1, 2])));
    assert_eq!(pay(&mut world, &standard, 1, 1000, 0, &[1, 2]), SIGNED);
    assert!(gap(pay(&mut world, &standard, 2, 1000, 2, &[1, 3])));
    assert_eq!(pay(&mut world, &standard, 2, 1000, 1, &[1, 3]), SIGNED);
    assert_eq!(pay(&mut world, &standard, 3, 1000, 2, &[2, 3]), SIGNED);
}

/// 500,000 replaced by 550,000 and by 100,000: 550,000 and one fee are charged, so 300,000 more fit and 500,000 do not.
#[test]
fn i3_replacements_charge_the_maximum_and_never_the_sum() {
    let (mut world, standard) = Standard::world(65);
    assert_eq!(pay(&mut world, &standard, 1, 500_000, 0, &[1, 2]), SIGNED);
    let dearer = replacing(&world, 2, 1, 550_000, 0);
    assert_eq!(sign(&mut world, &standard, &dearer, &[2, 3]), SIGNED);
    let cheaper = replacing(&world, 3, 2, 100_000, 0);
    assert_eq!(sign(&mut world, &standard, &cheaper, &[1, 3]), SIGNED);
    let said = pay(&mut world, &standard, 4, 500_000, 1, &[1, 2]);
    assert!(unsigned(&said) && said.contains(&"policy.limit_exceeded".into()), "{said:?}");
    assert_eq!(pay(&mut world, &standard, 4, 300_000, 1, &[1, 2]), SIGNED);
}

#[test]
fn i3_a_cancel_takes_its_intents_nonce_and_releases_nothing() {
    let (mut world, standard) = Standard::world(66);
    assert_eq!(pay(&mut world, &standard, 1, 550_000, 0, &[1, 2]), SIGNED);
    let elsewhere = cancelling(&world, 2, 1, 1);
    assert_eq!(sign(&mut world, &standard, &elsewhere, &[1, 2]), ["pin.other_slot"; 2]);
    let of_another = cancelling(&world, 2, 9, 0);
    let said = sign(&mut world, &standard, &of_another, &[1, 2]);
    assert!(unsigned(&said), "{said:?}");
    let right = cancelling(&world, 2, 1, 0);
    assert_eq!(sign(&mut world, &standard, &right, &[1, 3]), SIGNED);
    let said = pay(&mut world, &standard, 3, 550_000, 1, &[1, 2]);
    assert!(unsigned(&said) && said.contains(&"policy.limit_exceeded".into()), "{said:?}");
}

/// A replacement of what nobody has signed is none.
#[test]
fn i3_what_replaces_nothing_known_is_refused() {
    let (mut world, standard) = Standard::world(67);
    let draft = replacing(&world, 2, 1, 1000, 0);
    assert_eq!(sign(&mut world, &standard, &draft, &[1, 2])[0], "pin.unknown_replaced");
    assert_eq!(pay(&mut world, &standard, 1, 1000, 0, &[1, 2]), SIGNED);
    // Cosigner 3 has not seen the first; the merge tells.
    assert_eq!(sign(&mut world, &standard, &draft, &[2, 3]), SIGNED);
}

/// A permit and a transfer "in its place" would both take effect for one charge.
#[test]
fn i3_a_transaction_does_not_replace_a_permit() {
    let (mut world, mut standard) = Standard::world(68);
    let token = dollar();
    standard.amend(&mut world, |policy| {
        policy.permits.push(dollar_permits());
        limit_all(policy, "dollars", token, 100);
    });
    let bytes = permit(&world, &standard, 1, 100, 3_600_000);
    assert_eq!(outcomes(&world.sign(&bytes, &[1, 2])), SIGNED);
    let mut transfer = replacing(&world, 2, 1, 100, 0);
    transfer.intent["actions"][0]["asset"] = "usd".into();
    assert_eq!(sign(&mut world, &standard, &transfer, &[1, 2]), ["pin.other_slot"; 2]);
    // On its own it is one too many.
    transfer.intent.as_object_mut().unwrap().remove("replaces");
    assert_eq!(sign(&mut world, &standard, &transfer, &[1, 2]), ["policy.limit_exceeded"; 2]);
}

/// Every version of every replacement spends the first version's first coin.
#[test]
fn i3_the_anchor_is_an_input_of_every_version() {
    let (mut world, standard) = Standard::world(69);
    let first = CoinDraft::payment(&world, &standard, 1, 20_000);
    let sign = |world: &mut World, draft: &CoinDraft| outcomes(&world.sign(&draft.bytes(&standard), &[1, 2]));
    assert_eq!(sign(&mut world, &first), SIGNED);
    let other = |salt| coin(&standard, AddressKind::P2wpkh, receive(3), 60_000, salt);
    let anchor = first.choice.inputs[0].clone();
    let mut second = CoinDraft::payment(&world, &standard, 2, 30_000);
    second.intent["replaces"] = id(1);
    assert_eq!(sign(&mut world, &second), ["pin.other_slot"; 2]);
    second.choice.inputs = vec![other(100), anchor.clone()];
    assert_eq!(sign(&mut world, &second), SIGNED);
    second.choice.inputs = vec![other(100), other(101)];
    assert_eq!(sign(&mut world, &second), ["pin.other_slot"; 2]);
    second.choice.inputs = vec![other(102), anchor];
    assert_eq!(sign(&mut world, &second), SIGNED);
    // A coin that one intent may spend is no other's.
    let mut third = CoinDraft::payment(&world, &standard, 3, 20_000);
    third.choice.inputs[1] = other(100);
    assert_eq!(sign(&mut world, &third), ["pin.slot_taken"; 2]);
}

/// A fee bump is the same intent in the same slot.
#[test]
fn i3_the_same_intent_may_be_signed_again_with_other_fees() {
    let (mut world, standard) = Standard::world(70);
    let mut draft = Draft::payment(&world, 1, 1000, 0);
    assert_eq!(sign(&mut world, &standard, &draft, &[1, 2]), SIGNED);
    draft.choice.fees = Fees::Legacy { gas_price: 1 };
    assert_eq!(sign(&mut world, &standard, &draft, &[2, 3]), SIGNED);
}
