//! RFC 9421: whatever is not signed exactly so, by whom it must be, in its time and for the first time, is refused.

use crate::desk::{ADMIN, APPROVER, Desk, INITIATOR, STRANGER, fresh, intent, submission};
use crate::http::Ask;
use crate::world;
use serde_json::json;

/// A good write.
fn wallet() -> Ask {
    Ask::json("/v1/wallets", json!({"vault": "hot", "name": fresh("w")}).to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn i1_a_request_without_its_signature_is_refused() {
    let desk = Desk::ready().await;
    let good = wallet().by(INITIATOR);
    desk.refuses(&good.clone().without("signature").without("signature-input"), 401, "auth.unsigned").await;
    for header in ["signature", "signature-input", "content-digest"] {
        desk.refuses(&good.clone().without(header), 401, "auth.malformed").await;
    }
    desk.refuses(&Ask::get("/v1/wallets").with("idempotency-key", "k"), 401, "auth.unsigned").await;
    desk.good(&good).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i1_only_a_key_of_the_workspace_that_may_do_it() {
    let desk = Desk::ready().await;
    desk.refuses(&wallet().by(STRANGER), 401, "auth.unknown_key").await;
    // Another's name under one's own signature.
    desk.refuses(&wallet().signed(APPROVER, |s| s.key = world::public(INITIATOR)), 401, "auth.bad_signature").await;
    desk.refuses(&wallet().by(APPROVER), 403, "auth.key_purpose").await;
    desk.refuses(&Ask::json("/v1/transfers", intent(1, 5)).by(APPROVER), 403, "auth.key_purpose").await;
    desk.refuses(&Ask::json("/v1/transfers", intent(1, 5)).by(ADMIN), 403, "auth.key_purpose").await;
    let policy = ringi_primitives::cbor::encode(&world::policy(2, None));
    desk.refuses(&Ask::cbor("/v1/policy", policy).by(INITIATOR), 403, "auth.key_purpose").await;
    let other = world::public(INITIATOR).text().replace("ed25519", "p256");
    let claims = wallet().by(INITIATOR).changed("signature-input", |v| v.replace(&world::public(1).text(), &other));
    desk.refuses(&claims, 401, "auth.malformed").await;
    desk.good(&wallet().by(ADMIN)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i1_only_the_fixed_components_and_parameters() {
    let desk = Desk::ready().await;
    let good = wallet().by(INITIATOR);
    let input = |from: &'static str, to: &'static str| {
        good.clone().changed("signature-input", move |v| v.replacen(from, to, 1))
    };
    for bad in [
        input("\"@method\" ", ""),
        input("\"content-digest\" ", ""),
        input(" \"idempotency-key\"", ""),
        input("\"@method\" \"@path\"", "\"@path\" \"@method\""),
        input("\"@path\"", "\"@path\" \"@query\""),
        input("\"@path\"", "\"@target-uri\""),
        input(";tag=\"ringi/v1\"", ""),
        input("ringi/v1", "ringi/v2"),
        input(";nonce", ";alg=\"ed25519\";nonce"),
        input(";created=", ";created=0"),
        input("ringi=(", "sig1=("),
        input("ringi=(", "ringi= ("),
        good.clone().changed("signature-input", |v| format!("{v};x=1")),
        good.clone().changed("signature-input", |v| format!("{v}, {}", v.replacen("ringi=", "sig2=", 1))),
        good.clone().changed("signature", |v| format!("{v}, {}", v.replacen("ringi=", "sig2=", 1))),
        good.clone().changed("signature", |v| v.replacen("ringi=:", "ringi=:AAAA", 1)),
        good.clone().changed("signature", |_| "ringi=::".into()),
        wallet().signed(INITIATOR, |s| s.nonce = "n".repeat(2000)),
        wallet().signed(INITIATOR, |s| s.nonce = "n\\".into()),
    ] {
        desk.refuses(&bad, 401, "auth.malformed").await;
    }
    desk.good(&good).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i1_every_signed_part_is_held_to_the_signature() {
    let desk = Desk::ready().await;
    let good = wallet().by(INITIATOR);
    let mut body = good.clone();
    body.body = String::from_utf8(body.body).unwrap().replace("hot", "hut").into_bytes();
    desk.refuses(&body, 401, "auth.content_digest").await;
    let digest = ringi_primitives::httpsig::content_digest(&body.body);
    desk.refuses(&body.changed("content-digest", |_| digest.clone()), 401, "auth.bad_signature").await;
    let other = good.clone().changed("content-digest", |v| v.replace("sha-256", "sha-512"));
    desk.refuses(&other, 401, "auth.content_digest").await;
    desk.refuses(&good.clone().changed("idempotency-key", |k| format!("{k}x")), 401, "auth.bad_signature").await;
    for (from, to) in [("created=1", "created=2"), ("nonce=\"n", "nonce=\"m")] {
        let bad = good.clone().changed("signature-input", |v| v.replacen(from, to, 1));
        let code = if from.starts_with("created") { "auth.expired" } else { "auth.bad_signature" };
        desk.refuses(&bad, 401, code).await;
    }
    let flipped = good.clone().changed("signature", |v| {
        let digit = if v.as_bytes()[20] == b'A' { "B" } else { "A" };
        format!("{}{digit}{}", &v[..20], &v[21..])
    });
    desk.refuses(&flipped, 401, "auth.bad_signature").await;
    desk.good(&good).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i1_a_signature_serves_one_method_and_path_and_no_query_on_writes() {
    let desk = Desk::ready().await;
    let intent = intent(1, 5);
    // A dry run's signature is not a payment's, and the other way round.
    for (signed, sent) in [("/v1/transfers/dry-run", "/v1/transfers"), ("/v1/transfers", "/v1/transfers/dry-run")] {
        let bad = Ask { path: sent.into(), ..Ask::json(signed, intent.clone()).by(INITIATOR) };
        desk.refuses(&bad, 401, "auth.bad_signature").await;
    }
    let read = Ask::get("/v1/wallets").by(INITIATOR);
    let write = Ask { method: "POST".into(), ..read.clone() }.with("content-type", "application/json");
    desk.refuses(&write, 401, "auth.bad_signature").await;
    let path = format!("/v1/wallets/{}/addresses", world::wallet().wallet);
    let bad = Ask { path: format!("{path}/"), ..Ask::get(&path).by(INITIATOR) };
    assert_eq!(desk.send(&bad).await.code(), "request.path");
    desk.refuses(&wallet().by(INITIATOR).query("dry=1"), 400, "request.query").await;
    desk.refuses(&submission(intent).query("limit=1"), 400, "request.query").await;
    desk.refuses(&read.query("colour=red"), 400, "request.query").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i1_a_signature_has_its_time() {
    let desk = Desk::ready().await;
    for (created, life, fine) in [
        (0i64, 300u64, true),
        (-299, 300, true),
        (50, 60, true),
        (0, 301, false),
        (-301, 300, false),
        (-120, 60, false),
        (120, 60, false),
        (4_000_000_000, 60, false),
    ] {
        let ask = wallet().signed(INITIATOR, |s| {
            s.created_s = s.created_s.saturating_add_signed(created);
            s.expires_s = s.created_s + life;
        });
        match fine {
            true => assert_eq!(desk.send(&ask).await.status, 201, "{created} {life}"),
            false => drop(desk.refuses(&ask, 401, "auth.expired").await),
        }
    }
    let backwards = wallet().signed(INITIATOR, |s| s.expires_s = s.created_s - 1);
    desk.refuses(&backwards, 401, "auth.expired").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i1_a_signature_is_taken_once_even_after_a_restart() {
    let desk = Desk::ready().await;
    let (write, read) = (wallet().by(INITIATOR), Ask::get("/v1/wallets").by(INITIATOR));
    let payment = submission(intent(1, 5_000_000));
    for ask in [&write, &read, &payment] {
        desk.good(ask).await;
        desk.refuses(ask, 401, "auth.nonce_reused").await;
    }
    let nonce = |nonce: &str, who| wallet().signed(who, |s| s.nonce = nonce.into());
    desk.good(&nonce("same", INITIATOR)).await;
    desk.refuses(&nonce("same", INITIATOR), 401, "auth.nonce_reused").await;
    // A nonce is a key's own.
    desk.good(&nonce("same", ADMIN)).await;
    let desk = desk.restarted().await;
    desk.refuses(&write, 401, "auth.nonce_reused").await;
    // A payment again is the payment that there is.
    let before = desk.kept().await;
    let again = desk.send(&payment).await;
    assert!(matches!(again.status, 200 | 201 | 401), "{}", again.value());
    assert_eq!(desk.kept().await, before);
    let other = Ask::json("/v1/transfers", intent(2, 5_000_000)).signed(INITIATOR, |s| {
        s.nonce = payment.header("signature-input").split("nonce=\"").nth(1).unwrap().split('"').next().unwrap().into();
    });
    desk.refuses(&other, 401, "auth.nonce_reused").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_that_counts_comes_once() {
    let desk = Desk::ready().await;
    let good = wallet().by(INITIATOR);
    for name in ["content-type", "content-digest", "idempotency-key", "signature-input", "signature"] {
        let twice = good.clone().with(name, &good.header(name));
        desk.refuses(&twice, 400, "request.duplicate_header").await;
        let two = good.clone().with(name, "other");
        desk.refuses(&two, 400, "request.duplicate_header").await;
    }
    let feed = Ask::get("/v1/events").by(INITIATOR).with("last-event-id", "0").with("last-event-id", "5");
    desk.refuses(&feed, 400, "request.duplicate_header").await;
    desk.good(&good).await;
}
