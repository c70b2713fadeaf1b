//! SigV4: whatever is not signed exactly so, by a known key, for here and now, is refused under AWS's name.

use crate::raw::{Raw, Reply, amz_date};
use crate::world::{ADMIN, ENCLAVE, FOREIGNER, NOBODY, Signer, World};
use ringi_primitives::time::UnixMs;
use serde_json::json;

fn good(world: &World) -> Raw {
    Raw::of(world, "GenerateRandom", json!({"NumberOfBytes": 8}))
}

#[track_caller]
fn refused(reply: &Reply, name: &str) {
    assert_eq!((reply.error(), reply.status), (name, 400), "{}", reply.body);
    assert_eq!(reply.headers["content-type"], "application/x-amz-json-1.1");
    assert!(reply.headers.contains_key("x-amzn-requestid"));
}

#[test]
fn a_signed_request_is_answered() {
    let world = World::new();
    let reply = good(&world).signed(ADMIN).send(&world);
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(reply.headers["content-type"], "application/x-amz-json-1.1");
    assert!(reply.headers.contains_key("x-amzn-requestid"));
    assert_eq!(reply.body.as_object().unwrap().len(), 1);
    // The hash of the body may stand in a header too, and more headers may be signed.
    let hash = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&good(&world).body));
    let more = good(&world).with("x-amz-content-sha256", &hash).with("user-agent", "a b").signed(ADMIN);
    assert_eq!(more.send(&world).status, 200);
}

#[test]
fn an_unsigned_request_is_refused() {
    let world = World::new();
    refused(&good(&world).send(&world), "MissingAuthenticationTokenException");
}

#[test]
fn an_incomplete_signature_is_refused() {
    let world = World::new();
    let signed = || good(&world).signed(ADMIN);
    let changed = |from: &'static str, to: &'static str| {
        signed().changed("authorization", move |value| value.replacen(from, to, 1))
    };
    for (what, bad) in [
        ("scheme", changed("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1")),
        ("no credential", changed("Credential=", "Credentials=")),
        ("no signature", changed(", Signature=", ", Signatur=")),
        ("no signed headers", changed("SignedHeaders=", "Headers=")),
        ("twice", signed().changed("authorization", |v| format!("{v}, Credential=x"))),
        ("scope", changed("/aws4_request", "/aws5_request")),
        ("host unsigned", changed("content-type;host;", "content-type;")),
        ("date unsigned", changed("x-amz-date;", "")),
        ("target unsigned", changed(";x-amz-target", "")),
        ("content type unsigned", changed("content-type;", "")),
        ("unordered", changed("content-type;host", "host;content-type")),
        ("absent header", changed("host;", "host;x-absent;")),
        ("no date", signed().without("x-amz-date")),
        ("another header of ours", signed().with("x-amz-security-token", "x")),
        ("two dates", signed().with("x-amz-date", &amz_date(&world))),
        ("two targets", signed().with("x-amz-target", "TrentService.ListKeys")),
        ("path", Raw { path: "/x", ..good(&world) }.signed(ADMIN)),
        ("query", Raw { path: "/?a=b", ..good(&world) }.signed(ADMIN)),
    ] {
        let reply = bad.send(&world);
        // Two targets are signed as one value that is no operation; everything else has no whole signature.
        assert!(
            ["IncompleteSignatureException", "InvalidSignatureException"].contains(&reply.error()),
            "{what}: {}",
            reply.body
        );
        if what != "two targets" {
            refused(&reply, "IncompleteSignatureException");
        }
    }
}

#[test]
fn a_wrong_signature_is_refused() {
    let world = World::new();
    let signed = || good(&world).signed(ADMIN);
    let mut body = signed();
    body.body = json!({"NumberOfBytes": 9}).to_string().into_bytes();
    let other_secret = Signer { secret: NOBODY.secret, ..ADMIN };
    for (what, bad) in [
        ("body", body),
        ("secret", good(&world).signed(other_secret)),
        ("another's name", signed().changed("authorization", |v| v.replace(ADMIN.id, NOBODY.id))),
        ("operation", signed().changed("x-amz-target", |v| v.replace("GenerateRandom", "ListKeys"))),
        ("host", signed().changed("host", |v| v.replace("127.0.0.1", "localhost"))),
        ("method", Raw { method: "PUT", ..signed() }),
        ("region", good(&world).signed_for(ADMIN, "eu-west-1", "kms")),
        ("service", good(&world).signed_for(ADMIN, "us-east-1", "s3")),
        ("hash", good(&world).with("x-amz-content-sha256", "UNSIGNED-PAYLOAD").signed(ADMIN)),
        ("short", signed().changed("authorization", |v| v[..v.len() - 2].to_owned())),
        ("one digit", signed().changed("authorization", flip_last)),
        ("empty", signed().changed("authorization", |v| v[..v.len() - 64].to_owned())),
    ] {
        let reply = bad.send(&world);
        assert_eq!(reply.error(), "InvalidSignatureException", "{what}: {}", reply.body);
    }
}

fn flip_last(value: &str) -> String {
    let (rest, last) = value.split_at(value.len() - 1);
    format!("{rest}{}", if last == "0" { "1" } else { "0" })
}

#[test]
fn a_signature_lives_five_minutes() {
    let world = World::new();
    let signed = good(&world).signed(ADMIN);
    world.clock.by_ms(290_000);
    assert_eq!(signed.clone().send(&world).status, 200);
    world.clock.by_ms(11_000);
    let reply = signed.clone().send(&world);
    refused(&reply, "InvalidSignatureException");
    assert!(reply.body["message"].as_str().unwrap().starts_with("Signature expired"));
    world.clock.by_ms(-602_000);
    let reply = signed.send(&world);
    assert!(reply.body["message"].as_str().unwrap().starts_with("Signature not yet current"));
    // A date that is not that of the credential's scope.
    let yesterday = UnixMs(world.clock.now().0 - 86_400_000).to_string()[..10].replace('-', "");
    let today = amz_date(&world)[..8].to_owned();
    let other = good(&world).signed(ADMIN).changed("authorization", |v| v.replacen(&today, &yesterday, 1));
    refused(&other.send(&world), "InvalidSignatureException");
}

#[test]
fn an_unknown_key_or_a_wrong_session_is_refused() {
    let world = World::new();
    let stranger = Signer { id: "RKMSSTRANGER0001", ..ADMIN };
    refused(&good(&world).signed(stranger).send(&world), "UnrecognizedClientException");
    for wrong in [
        Signer { token: None, ..ENCLAVE },
        Signer { token: Some("session-token-of-the-enclavf"), ..ENCLAVE },
        Signer { token: Some("session-token-of-the-enclave"), ..ADMIN },
    ] {
        refused(&good(&world).signed(wrong).send(&world), "UnrecognizedClientException");
    }
    // Known, and lets nobody do anything: the account gave nothing.
    for known in [ENCLAVE, NOBODY, FOREIGNER] {
        refused(&good(&world).signed(known).send(&world), "AccessDeniedException");
    }
}

#[test]
fn a_body_is_bounded() {
    let world = World::new();
    let mut large = good(&world);
    large.body = vec![b' '; 200_000];
    let reply = large.signed(ADMIN).send(&world);
    assert_eq!((reply.status, reply.error()), (413, "RequestEntityTooLargeException"));
}

#[test]
fn an_operation_that_is_not_there_is_refused() {
    let world = World::new();
    for operation in ["ReEncrypt", "CreateGrant", "decrypt", "", "x y"] {
        refused(&Raw::of(&world, operation, json!({})).signed(ADMIN).send(&world), "UnknownOperationException");
    }
    let other = good(&world).changed("x-amz-target", |_| "DynamoDB_20120810.ListTables".into());
    refused(&other.signed(ADMIN).send(&world), "UnknownOperationException");
    refused(&good(&world).without("x-amz-target").signed(ADMIN).send(&world), "UnknownOperationException");
}
