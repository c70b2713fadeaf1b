//! I1, I2, G3: people count and not keys, approvals are of exactly one envelope, and everything is looked up in what admins
//! signed.

use super::{SIGNED, pay, unsigned};
use crate::fields::Ground;
use crate::fields::envelope::other_envelopes;
use ringi_chain::KeySource;
use ringi_primitives::cbor;
use ringi_primitives::digest::{Digest, Domain};
use ringi_primitives::id::{PersonId, WalletId};
use ringi_primitives::limits;
use ringi_primitives::policy_set::{KeyPurpose, PersonKey};
use ringi_primitives::scheme::Scheme;
use ringi_primitives::wallet::{KeyPosition, WalletRef};
use ringi_primitives::wire::{FromCosigner, ToCosigner};
use ringi_sim::people::{Someone, signed};
use ringi_sim::requests::{CertifiedKeys, Draft, EVM, Standard, VAULT, approvers, initiator, outcomes};
use ringi_sim::world::{World, party};

fn said(world: &mut World, standard: &Standard, draft: &Draft) -> Vec<String> {
    outcomes(&world.sign(&draft.bytes(standard), &[1, 2]))
}

/// Two keys of one person are one vote; a second person's is the second.
#[test]
fn i1_two_keys_of_one_person_count_once() {
    let (mut world, mut standard) = Standard::world(91);
    let [amir, bea, _] = approvers();
    let second_key = || {
        let mut other = Someone::number(121, "Amir's other key");
        other.id = PersonId::from_bytes([111; 16]);
        other
    };
    standard.amend(&mut world, |policy| {
        let keys = &mut policy.people.iter_mut().find(|p| p.id == amir.id).unwrap().keys;
        keys.push(PersonKey { key: second_key().public(), purpose: KeyPurpose::Approve });
    });
    let mut draft = Draft::payment(&world, 1, 700_000, 0);
    draft.approvals = vec![amir, second_key()];
    assert_eq!(said(&mut world, &standard, &draft), ["approval.missing"; 2]);
    draft.approvals.push(bea);
    assert_eq!(said(&mut world, &standard, &draft), SIGNED);
}

/// A key speaks for its purpose only: who may approve does not thereby initiate, and the other way round.
#[test]
fn i1_keys_speak_for_one_purpose() {
    let (mut world, standard) = Standard::world(92);
    let mut request = Draft::payment(&world, 1, 1000, 0).request(&standard);
    approvers()[0].seal_request(&mut request.initiator, &request.intent);
    assert_eq!(outcomes(&world.sign(&cbor::encode(&request), &[1, 2])), ["intent.signature"; 2]);
    let mut draft = Draft::payment(&world, 1, 700_000, 0);
    draft.approvals = vec![initiator()];
    assert_eq!(said(&mut world, &standard, &draft), ["approval.unknown_key"; 2]);
}

/// An intent lives for a bounded time from its signature on, and not before it.
#[test]
fn i1_expiry_is_bounded_and_kept() {
    let (mut world, standard) = Standard::world(93);
    let day_ms = 86_400_000;
    let lasting = |world: &World, ms: u64| {
        let mut draft = Draft::payment(world, 1, 1000, 0);
        draft.intent["expires_at"] = serde_json::json!(world.now.plus_ms(ms));
        draft
    };
    world.now = ringi_primitives::time::UnixMs(world.now.0.div_ceil(1000) * 1000);
    let too_long = lasting(&world, 30 * day_ms + 1000);
    assert_eq!(said(&mut world, &standard, &too_long), ["intent.expired"; 2]);
    let mut early = lasting(&world, day_ms);
    early.created_s += 61;
    assert_eq!(said(&mut world, &standard, &early), ["intent.expired"; 2]);
    let mut soon = lasting(&world, day_ms);
    soon.created_s += 60;
    assert_eq!(said(&mut world, &standard, &soon), SIGNED, "clocks may differ by so much");
    let mut lasts = lasting(&world, day_ms).request(&standard);
    lasts.initiator.expires_s += 1;
    initiator().seal_request(&mut lasts.initiator, &lasts.intent);
    assert_eq!(outcomes(&world.sign(&cbor::encode(&lasts), &[1, 2])), ["intent.expired"; 2]);
    let longest = lasting(&world, 30 * day_ms);
    assert_eq!(said(&mut world, &standard, &longest), SIGNED);
    world.pass(30 * day_ms);
    assert_eq!(said(&mut world, &standard, &longest), ["intent.expired"; 2]);
}

/// I2: an approval of an envelope that differs in any part is none of this request.
#[test]
fn i2_an_approval_of_anything_else_is_refused() {
    let mut ground = Ground::new(94);
    let base = ground.coin.clone();
    let others = other_envelopes(&ground, &base);
    assert!(others.len() > 10);
    for envelope in others {
        let mut request = base.clone();
        request.approvals = approvers().iter().map(|a| a.approve(&envelope)).collect();
        let said = outcomes(&ground.world.sign(&cbor::encode(&request), &[1, 2]));
        assert_eq!(said, ["approval.bad_signature"; 2]);
    }
}

/// A request carries so many approvals and no more, whoever gave them.
#[test]
fn i2_approvals_are_bounded() {
    let (mut world, standard) = Standard::world(97);
    let [amir, bea, _] = approvers();
    let mut draft = Draft::payment(&world, 1, 700_000, 0);
    draft.approvals = vec![amir, bea];
    let mut request = draft.request(&standard);
    let two = request.approvals.clone();
    request.approvals = two.iter().cycle().take(limits::APPROVALS + 1).cloned().collect();
    assert_eq!(outcomes(&world.sign(&cbor::encode(&request), &[1, 2])), ["request.malformed"; 2]);
    request.approvals.pop();
    assert_eq!(outcomes(&world.sign(&cbor::encode(&request), &[1, 2])), SIGNED);
}

/// What is longer than a transaction may be is not even looked at.
#[test]
fn i2_unsigned_bytes_are_bounded() {
    let (mut world, standard) = Standard::world(98);
    let mut request = Draft::payment(&world, 1, 1000, 0).request(&standard);
    let mut details = |bytes: usize| {
        request.unsigned.bytes = vec![0; bytes];
        let answers = world.sign(&cbor::encode(&request), &[1, 2]);
        answers
            .into_iter()
            .map(|(_, said)| match said {
                FromCosigner::Refused { refusal, .. } => (refusal.code, refusal.detail == "too large"),
                other => panic!("{other:?}"),
            })
            .collect::<Vec<_>>()
    };
    let undecodable = |large| vec![("bytes.refused".to_string(), large); 2];
    assert_eq!(details(limits::UNSIGNED_BYTES + 1), undecodable(true));
    assert_eq!(details(limits::UNSIGNED_BYTES), undecodable(false));
}

/// An approval of the policy before is none under the next.
#[test]
fn i2_an_approval_names_the_policy_it_was_given_under() {
    let (mut world, mut standard) = Standard::world(95);
    let [a, b, _] = approvers();
    let mut draft = Draft::payment(&world, 1, 700_000, 0);
    draft.approvals = vec![a, b];
    let mut old = draft.request(&standard);
    standard.amend(&mut world, |policy| policy.vaults[0].rules[2].name = "fees".into());
    old.policy = standard.policy_digest();
    assert_eq!(outcomes(&world.sign(&cbor::encode(&old), &[1, 2])), ["approval.bad_signature"; 2]);
    assert_eq!(said(&mut world, &standard, &draft), SIGNED);
}

/// G3: a policy set is the quorum's, of this workspace, and follows the one in force.
#[test]
fn g3_a_policy_set_is_the_admin_quorums_and_the_next_one() {
    let (mut world, standard) = Standard::world(96);
    let mut next = standard.policy.clone();
    next.sequence += 1;
    next.previous = Some(standard.policy_digest());
    let refused = |world: &mut World, policy: &ringi_primitives::policy_set::PolicySet, admins: &[usize]| {
        let people: Vec<_> = admins.iter().map(|n| &world.admins[*n]).collect();
        let set = signed(Domain::PolicySet, policy, &people);
        world.take_said(party(1));
        world.tell(party(1), ToCosigner::InstallPolicy { set });
        let code = world.take_said(party(1)).into_iter().find_map(|f| match f {
            FromCosigner::DocumentRefused { refusal, .. } => Some(refusal.code),
            _ => None,
        });
        code.unwrap_or_default()
    };
    assert_eq!(refused(&mut world, &next, &[0]), "document.admin_quorum");
    assert_eq!(refused(&mut world, &next, &[1, 1]), "document.admin_quorum");
    let foreign = ringi_primitives::policy_set::PolicySet { genesis: Digest([1; 32]), ..next.clone() };
    assert_eq!(refused(&mut world, &foreign, &[0, 1]), "genesis.mismatch");
    let unchained = ringi_primitives::policy_set::PolicySet { previous: None, ..next.clone() };
    assert_eq!(refused(&mut world, &unchained, &[0, 1]), "policy.sequence");
    let mut same_place = standard.policy.clone();
    same_place.vaults[0].rules.pop();
    assert_eq!(refused(&mut world, &same_place, &[0, 1]), "policy.sequence");
    let mut senseless = next.clone();
    senseless.vaults[0].rules[1].when.networks = vec![ringi_primitives::network::NetworkId::Evm(5)];
    assert_eq!(refused(&mut world, &senseless, &[0, 1]), "document.invalid");
    assert_eq!(refused(&mut world, &next, &[0, 1]), "");
    assert_eq!(refused(&mut world, &standard.policy, &[0, 1]), "policy.sequence", "never back");
}

/// G3: vault, network, asset and recipient are what the signed set says; what it does not name is refused.
#[test]
fn g3_what_the_policy_set_does_not_name_is_refused() {
    let (mut world, standard) = Standard::world(97);
    let right = Draft::payment(&world, 1, 1000, 0).request(&standard);
    for (field, value, code) in [
        ("/vault", serde_json::json!("other"), "intent.malformed"),
        ("/network", serde_json::json!("eip155:1"), "bytes.refused"),
        ("/actions/0/asset", serde_json::json!("gold"), "bytes.refused"),
    ] {
        let mut intent: serde_json::Value = serde_json::from_slice(&right.intent).unwrap();
        *intent.pointer_mut(field).unwrap() = value;
        let mut request = right.clone();
        request.intent = serde_json::to_vec(&intent).unwrap();
        initiator().seal_request(&mut request.initiator, &request.intent);
        assert_eq!(outcomes(&world.sign(&cbor::encode(&request), &[1, 2])), [code; 2], "{field}");
    }
    // The host's view of the policy is compared, never used.
    let mut request = right;
    request.policy = Digest([1; 32]);
    assert_eq!(outcomes(&world.sign(&cbor::encode(&request), &[1, 2])), ["policy.mismatch"; 2]);
    let mut stranger = Draft::payment(&world, 1, 1000, 0);
    stranger.intent["actions"][0]["to"] = ringi_sim::requests::STRANGER.into();
    let denied = said(&mut world, &standard, &stranger);
    assert!(unsigned(&denied) && denied[0] == "policy.denied", "{denied:?}");
}

/// G3: the key that signs follows from the wallet the initiator signed, by the cosigner's own path.
#[test]
fn g3_the_key_follows_the_signed_wallet() {
    let (mut world, standard) = Standard::world(98);
    let mut draft = Draft::payment(&world, 1, 1000, 0);
    let other = WalletId::from_bytes([7; 16]);
    draft.intent["wallet"] = serde_json::json!(other);
    let request = draft.request(&standard);
    let answers = world.sign(&cbor::encode(&request), &[1, 2]);
    assert_eq!(outcomes(&answers), SIGNED);
    let signatures = answers.iter().find_map(|(_, f)| match f {
        FromCosigner::Signed { signatures, .. } => Some(signatures.clone()),
        _ => None,
    });
    let signatures = signatures.unwrap();
    let assemble =
        |keys: &dyn KeySource| ringi_chain::assemble(&standard.policy, keys, EVM, &request.unsigned, &signatures);
    let wallet = WalletRef { vault: VAULT, wallet: other };
    let own = CertifiedKeys { certificates: &standard.certificates, wallet };
    assert!(assemble(&own).is_ok());
    assert!(assemble(&standard.keys()).is_err(), "a signature under the first wallet's key");
    let key = |keys: &CertifiedKeys| keys.public_key(Scheme::EcdsaSecp256k1, KeyPosition::ACCOUNT).unwrap();
    assert_ne!(key(&own), key(&standard.keys()));
    // Each wallet has slots of its own.
    assert_eq!(pay(&mut world, &standard, 2, 1000, 0, &[1, 2]), SIGNED);
}
