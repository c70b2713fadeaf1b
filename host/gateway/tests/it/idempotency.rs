//! The same key and request give the same answer, for ever as far as the request goes; another request under it is refused.

use crate::desk::{ADMIN, Desk, INITIATOR, fresh, intent, submission};
use crate::http::Ask;
use crate::world;
use ringi_gateway::Config;
use serde_json::json;
use std::time::Duration;

fn wallet(name: &str) -> Ask {
    Ask::json("/v1/wallets", json!({"vault": "hot", "name": name}).to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_and_request_give_the_same_answer_even_after_a_restart() {
    let desk = Desk::ready().await;
    let (name, key) = (fresh("w"), fresh("key"));
    let first = desk.send(&wallet(&name).under(INITIATOR, &key)).await;
    assert_eq!((first.status, first.header("idempotency-replayed")), (201, None));
    let kept = desk.kept().await;
    let again = desk.send(&wallet(&name).under(INITIATOR, &key)).await;
    assert_eq!((again.status, &again.body, again.header("idempotency-replayed")), (201, &first.body, Some("true")));
    // The same bytes each time: an intent made in another second is another.
    let pay = Ask::json("/v1/transfers", intent(1, 5_000_000));
    let paid = desk.send(&pay.clone().under(INITIATOR, "pay")).await;
    assert_eq!(paid.status, 201);
    let desk = desk.restarted().await;
    let late = desk.send(&wallet(&name).under(INITIATOR, &key)).await;
    assert_eq!((late.status, &late.body), (201, &first.body));
    let late = desk.send(&pay.clone().under(INITIATOR, "pay")).await;
    assert_eq!((late.status, &late.body), (201, &paid.body), "the answer of then");
    // Under another key the intent's own id says that it is the same: the transfer of now.
    let now = desk.send(&pay.under(INITIATOR, "pay-2")).await;
    assert_eq!((now.status, now.value()["outcome"].as_str().unwrap()), (200, "repeated"));
    assert_ne!(desk.kept().await, kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_for_another_request_is_refused() {
    let desk = Desk::ready().await;
    desk.good(&wallet("one").under(INITIATOR, "key")).await;
    desk.refuses(&wallet("two").under(INITIATOR, "key"), 422, "idempotency.mismatch").await;
    // Another path with the same body is another request.
    let body = intent(1, 5_000_000);
    desk.good(&Ask::json("/v1/transfers", body.clone()).under(INITIATOR, "pay")).await;
    desk.refuses(&Ask::json("/v1/wallets", body).under(INITIATOR, "pay"), 422, "idempotency.mismatch").await;
    // A key is a caller's own.
    desk.good(&wallet("two").under(ADMIN, "key")).await;
    let desk = desk.restarted().await;
    desk.refuses(&wallet("three").under(INITIATOR, "key"), 422, "idempotency.mismatch").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_gives_the_key_up() {
    let desk = Desk::ready().await;
    let bad = Ask::json("/v1/wallets", r#"{"vault":"tepid","name":"w"}"#).under(INITIATOR, "key");
    desk.refuses(&bad, 404, "vault.not_found").await;
    desk.good(&wallet("w").under(INITIATOR, "key")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_there_and_well_formed() {
    let desk = Desk::ready().await;
    let good = wallet("w").by(INITIATOR);
    desk.refuses(&good.clone().without("idempotency-key"), 400, "idempotency.missing").await;
    desk.refuses(&Ask::get("/v1/wallets").by(INITIATOR).without("idempotency-key"), 400, "idempotency.missing").await;
    for bad in ["", "a b", "a\"b", "a\\b", "a\tb", &"k".repeat(129)] {
        desk.refuses(&wallet("w").under(INITIATOR, bad), 400, "idempotency.malformed").await;
    }
    let other = good.changed("idempotency-key", |_| "\u{e9}".into());
    desk.refuses(&other, 400, "idempotency.malformed").await;
    desk.good(&wallet("w").under(INITIATOR, &"k".repeat(128))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_at_once_under_one_key_make_one() {
    let desk = Desk::ready().await;
    let asks: Vec<Ask> = (0..8).map(|_| wallet("once").under(INITIATOR, "key")).collect();
    let replies = futures::future::join_all(asks.iter().map(|ask| desk.send(ask))).await;
    for reply in &replies {
        assert!(matches!((reply.status, reply.code().as_str()), (201, "") | (409, "idempotency.in_progress")));
    }
    let made: Vec<_> = replies.iter().filter(|r| r.status == 201).map(|r| r.body.clone()).collect();
    assert!(!made.is_empty() && made.iter().all(|b| *b == made[0]));
    let listed = desk.good(&Ask::get("/v1/wallets").by(INITIATOR)).await;
    assert_eq!(listed["items"].as_array().unwrap().iter().filter(|w| w["name"] == "once").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_forgotten_after_its_life() {
    let desk = Desk::ready_with(Config { idempotency_life: Duration::from_millis(1), ..Config::default() }).await;
    desk.good(&wallet("one").under(INITIATOR, "key")).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    desk.good(&wallet("two").under(INITIATOR, "key")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_and_references_are_unique_for_ever() {
    let desk = Desk::ready().await;
    let with_reference = |n: u8, amount: u64| {
        let (body, _) = world::transfer_to(n, amount, 0x11, r#","reference":"invoice 7""#);
        submission(body)
    };
    desk.good(&with_reference(1, 5_000_000)).await;
    desk.refuses(&with_reference(2, 5), 409, "intent.reference_used").await;
    desk.refuses(&submission(intent(1, 6)), 409, "intent.id_used").await;
    let cancel = Ask::new("POST", &format!("/v1/transfers/{}/cancel", world::intent_id(1))).by(INITIATOR);
    desk.good(&cancel).await;
    let desk = desk.restarted().await;
    desk.refuses(&with_reference(2, 5), 409, "intent.reference_used").await;
    desk.refuses(&submission(intent(1, 6)), 409, "intent.id_used").await;
    let found = desk.good(&Ask::get("/v1/transfers").query("reference=invoice%207").by(INITIATOR)).await;
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
}
