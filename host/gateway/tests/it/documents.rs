//! Documents of the admins: only whole ones, signed by the quorum, in their order.

use crate::desk::{ADMIN, Desk, INITIATOR, STRANGER, order, recovery, recovery_order};
use crate::http::Ask;
use crate::world;
use ringi_gateway::Config;
use ringi_primitives::cbor;
use ringi_primitives::digest::Domain;
use ringi_primitives::signed::Signed;

fn genesis(versions: &Vec<Signed>) -> Ask {
    Ask::cbor("/v1/genesis", cbor::encode(versions))
}

#[tokio::test(flavor = "multi_thread")]
async fn g1_before_genesis_only_a_genesis_is_taken() {
    let desk = Desk::new(Config::default()).await;
    for ask in
        [Ask::get("/v1/wallets"), Ask::get("/v1/genesis"), Ask::get("/v1/events"), Ask::json("/v1/wallets", "{}")]
    {
        desk.refuses(&ask.by(INITIATOR), 409, "genesis.none").await;
    }
    let keyed = |ask: Ask| ask.with("idempotency-key", "k");
    // What cosigners say of themselves is for whoever writes it: nobody is known yet.
    let cosigners = || Ask::get("/v1/cosigners");
    let attestation = || Ask::get("/v1/attestation").query("cosigner=1&nonce=00112233445566778899aabbccddeeff");
    desk.good(&keyed(cosigners())).await;
    desk.good(&cosigners().by(STRANGER)).await;
    assert_ne!(desk.send(&keyed(attestation())).await.code(), "auth.unsigned");
    desk.refuses(&genesis(&vec![world::genesis()]), 400, "idempotency.missing").await;
    desk.refuses(&keyed(genesis(&vec![])), 400, "genesis.malformed").await;
    let mut unsigned = world::genesis();
    unsigned.signatures.clear();
    desk.refuses(&keyed(genesis(&vec![unsigned])), 400, "genesis.signatures").await;
    let mut changed = world::genesis();
    let at = changed.body.len() / 2;
    changed.body[at] ^= 1;
    assert!(desk.send(&keyed(genesis(&vec![changed]))).await.code().starts_with("genesis."));
    desk.refuses(&keyed(Ask::cbor("/v1/genesis", b"\xff".to_vec())), 400, "request.body").await;
    desk.refuses(&keyed(Ask::cbor("/v1/genesis", vec![])), 400, "request.body").await;
    desk.good(&keyed(genesis(&vec![world::genesis()]))).await;
    for ask in [cosigners(), attestation()] {
        desk.refuses(&keyed(ask.clone()), 401, "auth.unsigned").await;
        desk.refuses(&ask.by(STRANGER), 401, "auth.unknown_key").await;
    }
    // From now on it takes an admin.
    desk.refuses(&keyed(genesis(&vec![world::genesis()])), 401, "auth.unsigned").await;
    desk.refuses(&Ask::get("/v1/wallets").by(ADMIN), 409, "policy.none").await;
    desk.good(&genesis(&vec![world::genesis()]).by(ADMIN)).await;
    let mut other = world::genesis();
    other = world::by_admin(
        cbor::encode(&ringi_primitives::genesis::Genesis {
            created_at: ringi_primitives::time::UnixMs(2),
            ..other.decode_unverified(1 << 20).unwrap()
        }),
        Domain::Genesis,
    );
    desk.refuses(&genesis(&vec![other]).by(ADMIN), 409, "genesis.other").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn g2_p1_a_policy_set_follows_the_one_in_force_and_is_signed() {
    let desk = Desk::ready().await;
    let policy = |signed: &Signed| Ask::cbor("/v1/policy", cbor::encode(signed)).by(ADMIN);
    let first = world::policy(1, None);
    let digest = first.digest(Domain::PolicySet);
    let kept = desk.kept().await;
    desk.good(&policy(&first)).await;
    assert_eq!(desk.kept().await, kept, "the set in force again changes nothing");
    for out_of_line in [world::policy(2, None), world::policy(3, Some(digest)), world::policy(1, Some(digest))] {
        desk.refuses(&policy(&out_of_line), 409, "policy.succession").await;
    }
    let second = world::policy(2, Some(digest));
    let unsigned = Signed { signatures: vec![], ..second.clone() };
    desk.refuses(&policy(&unsigned), 400, "policy.signatures").await;
    let mut forged = second.clone();
    forged.signatures[0].signature.0[5] ^= 1;
    desk.refuses(&policy(&forged), 400, "policy.signatures").await;
    let wrong_purpose = world::by_admin(second.body.clone(), Domain::Order);
    desk.refuses(&policy(&wrong_purpose), 400, "policy.signatures").await;
    let torn = Signed { body: second.body[..9].to_vec(), ..second.clone() };
    desk.refuses(&policy(&torn), 400, "policy.malformed").await;
    desk.refuses(&Ask::cbor("/v1/policy", vec![0x80]).by(ADMIN), 400, "request.body").await;
    let mut long = cbor::encode(&second);
    long.push(0);
    desk.refuses(&Ask::cbor("/v1/policy", long).by(ADMIN), 400, "request.body").await;
    desk.refuses(&Ask::cbor("/v1/policy", cbor::encode(&second)).by(STRANGER), 401, "auth.unknown_key").await;
    assert_eq!(desk.good(&policy(&second)).await["in_force"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn g2_an_order_is_signed_timely_and_for_this_workspace() {
    use ringi_primitives::order::Order;
    let desk = Desk::ready().await;
    let send = |signed: &Signed| Ask::cbor("/v1/orders", cbor::encode(signed)).by(ADMIN);
    let good: Order = order(2).decode_unverified(1 << 16).unwrap();
    let signed = |order: &Order| world::by_admin(cbor::encode(order), Domain::Order);
    let unsigned = Signed { signatures: vec![], ..signed(&good) };
    desk.refuses(&send(&unsigned), 400, "order.signatures").await;
    desk.refuses(&send(&world::by_admin(cbor::encode(&good), Domain::PolicySet)), 400, "order.signatures").await;
    desk.refuses(&send(&signed(&Order { version: 2, ..good.clone() })), 400, "order.version").await;
    let other = ringi_primitives::digest::Digest([7; 32]);
    desk.refuses(&send(&signed(&Order { genesis: other, ..good.clone() })), 400, "order.genesis").await;
    let past = Order { expires_at: good.issued_at, ..good.clone() };
    desk.refuses(&send(&signed(&past)), 422, "order.expired").await;
    let long = Order { expires_at: good.issued_at.plus_ms(25 * 3_600_000), ..good.clone() };
    desk.refuses(&send(&signed(&long)), 422, "order.expired").await;
    desk.good(&send(&signed(&good))).await;
}

/// G3: a witness's key sends facts and reads them, and nothing else; who carries a fact does not matter.
#[tokio::test(flavor = "multi_thread")]
async fn g3_a_witness_may_send_and_read_facts_and_nothing_else() {
    const WITNESS: u8 = 20;
    let desk = Desk::ready().await;
    let at = || ringi_orchestrator::ports::Clock::now(&ringi_orchestrator::ports::SystemClock);
    let price = |n: u64| ringi_primitives::fact::Fact::Price {
        asset: ringi_primitives::asset::AssetKey::native(world::EVM),
        price: ringi_primitives::amount::Amount::from_u64(n),
    };
    let send = |facts: Vec<ringi_primitives::fact::SignedFact>| Ask::cbor("/v1/facts", cbor::encode(&facts));
    let said = desk.good(&send(vec![world::says(WITNESS, &price(5_000_000_000), at())]).by(WITNESS)).await;
    assert_eq!(said["items"][0]["value"], "0.005");
    let listed = desk.good(&Ask::get("/v1/facts").by(WITNESS)).await;
    assert_eq!(listed["items"], said["items"]);
    desk.good(&send(vec![world::says(21, &price(7), at())]).by(INITIATOR)).await;
    desk.refuses(&send(vec![world::says(21, &price(7), at())]).by(STRANGER), 401, "auth.unknown_key").await;
    desk.refuses(&send(vec![world::says(STRANGER, &price(7), at())]).by(WITNESS), 403, "fact.witness").await;
    desk.refuses(&Ask::cbor("/v1/facts", vec![0x82]).by(WITNESS), 400, "request.body").await;
    for path in ["/v1/transfers", "/v1/wallets", "/v1/cosigners", "/v1/policy", "/v1/caller", "/v1/audit"] {
        desk.refuses(&Ask::get(path).by(WITNESS), 403, "auth.key_purpose").await;
    }
    let wallet = serde_json::json!({"vault": "hot", "name": "theirs"}).to_string();
    desk.refuses(&Ask::json("/v1/wallets", wallet).by(WITNESS), 403, "auth.key_purpose").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn k3_a_recovery_takes_an_order_of_the_admins_for_one() {
    let desk = Desk::ready().await;
    let send = |order: Signed| recovery(order).by(ADMIN);
    let signed = recovery_order(3);
    desk.refuses(&send(Signed { signatures: vec![], ..signed.clone() }), 400, "order.signatures").await;
    desk.refuses(&send(order(3)), 400, "order.malformed").await;
    desk.refuses(&Ask::cbor("/v1/recoveries", cbor::encode(&signed)).by(ADMIN), 400, "request.body").await;
    desk.refuses(&recovery(signed.clone()).by(INITIATOR), 403, "auth.key_purpose").await;
    let done = desk.good(&send(signed)).await;
    assert_eq!((&done["document"], &done["acknowledged"]), (&"recovery".into(), &1.into()));
}
