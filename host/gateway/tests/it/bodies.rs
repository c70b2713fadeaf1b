//! Bodies: size, type, form, amounts, names. Each wrong one is refused under its own code and leaves nothing.

use crate::desk::{ADMIN, APPROVER, Desk, INITIATOR, intent, submission};
use crate::http::Ask;
use crate::world;
use ringi_primitives::limits;
use serde_json::json;

const WALLET: &str = r#"{"vault":"hot","name":"w"}"#;

fn wallet(body: impl Into<Vec<u8>>) -> Ask {
    Ask::json("/v1/wallets", body).by(INITIATOR)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_over_its_bound_is_refused_announced_or_not() {
    let desk = Desk::ready().await;
    let (small, large) = (" ".repeat(16 * 1024 + 1), " ".repeat(limits::INTENT_BYTES + 1));
    for ask in [wallet(small), submission(large.clone()), Ask::json("/v1/transfers/dry-run", large).by(INITIATOR)] {
        desk.refuses(&ask, 413, "request.too_large").await;
        desk.refuses_bytes(&ask, &ask.chunked(), 413, "request.too_large").await;
    }
    // What takes no body takes no byte.
    let path = format!("/v1/transfers/{}/cancel", world::intent_id(1));
    let cancel = Ask { body: b"x".to_vec(), ..Ask::new("POST", &path) }.by(INITIATOR);
    desk.refuses(&cancel, 413, "request.too_large").await;
    let read = Ask { body: b"{}".to_vec(), ..Ask::get("/v1/wallets") }.by(INITIATOR);
    desk.refuses(&read, 413, "request.too_large").await;
    // The largest that fits is read to its end.
    let padded = format!("{}{}", intent(1, 5), " ".repeat(limits::INTENT_BYTES - intent(1, 5).len()));
    desk.good(&Ask::json("/v1/transfers/dry-run", padded).by(INITIATOR)).await;
    let chunked = wallet(WALLET);
    assert_eq!(desk.send_bytes(&chunked, &chunked.chunked()).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_another_type_is_refused() {
    let desk = Desk::ready().await;
    for media in ["text/plain", "application/cbor", "application/jsonp", "multipart/form-data", ""] {
        let ask = wallet(WALLET).changed("content-type", |_| media.into());
        desk.refuses(&ask, 415, "request.media_type").await;
        let ask = submission(intent(1, 5)).changed("content-type", |_| media.into());
        desk.refuses(&ask, 415, "request.media_type").await;
    }
    desk.refuses(&wallet(WALLET).without("content-type"), 415, "request.media_type").await;
    desk.refuses(&Ask::json("/v1/policy", "{}").by(ADMIN), 415, "request.media_type").await;
    desk.good(&wallet(WALLET).changed("content-type", |_| "Application/JSON; charset=utf-8".into())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_another_form_is_refused() {
    let desk = Desk::ready().await;
    let deep = |open: &str, n: usize| format!(r#"{{"vault":"hot","name":{}"#, open.repeat(n)).into_bytes();
    let bad: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b"{".to_vec(),
        b"null".to_vec(),
        b"[]".to_vec(),
        br#"["hot","w"]"#.to_vec(),
        br#"[null,"hot","w"]"#.to_vec(),
        br#""w""#.to_vec(),
        b"\xef\xbb\xbf{\"vault\":\"hot\",\"name\":\"w\"}".to_vec(),
        b"{\"vault\":\"hot\",\"name\":\"\xff\"}".to_vec(),
        br#"{"vault":"hot","name":"w"}{}"#.to_vec(),
        br#"{"vault":"hot","name":"w",}"#.to_vec(),
        br#"{"vault":"hot","name":"w","name":"v"}"#.to_vec(),
        br#"{"vault":"hot","name":"w","colour":"red"}"#.to_vec(),
        br#"{"vault":"hot","name":7}"#.to_vec(),
        br#"{"vault":"hot"}"#.to_vec(),
        br#"{"vault":"hot","name":"w","id":"wal_x"}"#.to_vec(),
        br#"{"vault":"hot","name":"\ud800"}"#.to_vec(),
        deep("[", 8_000),
        deep("{\"a\":", 3_000),
    ];
    for body in bad {
        desk.refuses(&wallet(body), 400, "request.body").await;
    }
    let text = intent(1, 5);
    let changed = |from: &str, to: &str| {
        let bad = text.replacen(from, to, 1);
        assert_ne!(bad, text, "{from}");
        bad
    };
    let bad = vec![
        String::new(),
        text[..text.len() - 1].to_string(),
        format!("{text}{text}"),
        format!("[{text}]"),
        changed("\"version\":1", "\"version\":1,\"version\":1"),
        changed("\"version\":1", "\"version\":1,\"memo\":\"x\""),
        changed("\"version\":1", "\"version\":\"1\""),
        changed("\"type\":\"transfer\"", "\"type\":\"transfer\",\"type\":\"transfer\""),
        changed("\"asset\":\"eth\"", "\"asset\":\"eth\",\"asset\":\"eth\""),
        changed("\"asset\":\"eth\"", "\"asset\":\"eth\",\"gas\":\"1\""),
        changed("\"type\":\"transfer\"", "\"type\":\"steal\""),
        changed("\"max_fee\":\"100000\",", ""),
        changed("\"actions\":[", &format!("\"actions\":[{}", "[".repeat(20_000))),
        changed("\"id\":\"int_", "\"id\":\"wal_"),
    ];
    for body in bad {
        desk.refuses(&submission(body.clone()), 400, "intent.malformed").await;
        desk.refuses(&Ask::json("/v1/transfers/dry-run", body).by(INITIATOR), 400, "intent.malformed").await;
    }
    // A list of the fields is no object, though a careless parser takes it for one.
    let fields: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
    let field = |name: &str| fields[name].to_string();
    let names = ["version", "id", "genesis", "vault", "wallet", "network", "actions", "max_fee", "expires_at"];
    let listed = names.map(field).join(",");
    desk.refuses(&submission(format!("[{listed},null,null]")), 400, "intent.malformed").await;
    let mut action = fields.clone();
    action["actions"] = json!([["transfer", fields["actions"][0]]]);
    desk.refuses(&submission(json!(action).to_string()), 400, "intent.malformed").await;
    for (from, to, code) in [
        ("\"version\":1", "\"version\":2", "intent.version"),
        ("\"vault\":\"hot\"", "\"vault\":\"\"", "intent.text"),
        ("\"vault\":\"hot\"", "\"vault\":\"h\\u0000t\"", "intent.text"),
        ("\"asset\":\"eth\"", "\"asset\":\"\"", "intent.text"),
    ] {
        desk.refuses(&submission(changed(from, to)), 400, code).await;
    }
    let none = format!("{}[]{}", text.split("[").next().unwrap(), text.split("]").nth(1).unwrap());
    desk.refuses(&submission(none), 400, "intent.actions").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_amount_is_a_whole_positive_number_in_its_one_spelling() {
    let desk = Desk::ready().await;
    let text = intent(1, 5);
    let most = "115792089237316195423570985008687907853269984665640564039457584007913129639935";
    let over = "115792089237316195423570985008687907853269984665640564039457584007913129639936";
    let long = "1".repeat(1000);
    let wrong = [
        "\"\"",
        "\"-1\"",
        "\"+1\"",
        "\"1.5\"",
        "\"1.0\"",
        "\".5\"",
        "\"1e3\"",
        "\"01\"",
        "\"00\"",
        "\" 1\"",
        "\"1 \"",
        "\"0x10\"",
        "\"1_000\"",
        "\"1,000\"",
        "\"NaN\"",
        "\"\u{ff11}\"",
        "1",
        "1.5",
        "-1",
        "1e3",
        "null",
        "[\"1\"]",
        "{}",
    ];
    for amount in wrong.map(str::to_string).into_iter().chain([format!("\"{over}\""), format!("\"{long}\"")]) {
        let paid = text.replacen("\"amount\":\"5\"", &format!("\"amount\":{amount}"), 1);
        desk.refuses(&submission(paid), 400, "intent.malformed").await;
        let fee = text.replacen("\"max_fee\":\"100000\"", &format!("\"max_fee\":{amount}"), 1);
        desk.refuses(&submission(fee), 400, "intent.malformed").await;
    }
    let zero = text.replacen("\"amount\":\"5\"", "\"amount\":\"0\"", 1);
    desk.refuses(&submission(zero), 400, "intent.zero_amount").await;
    // The largest number there is: well-formed, and denied rather than wrapped round.
    let all = text.replacen("\"amount\":\"5\"", &format!("\"amount\":\"{most}\""), 1);
    let dry = desk.good(&Ask::json("/v1/transfers/dry-run", all).by(INITIATOR)).await;
    assert_eq!(dry["decision"]["verdict"], "deny", "{dry}");
    assert_eq!(dry["decision"]["code"], "policy.overflow", "{dry}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_document_names_is_refused() {
    let desk = Desk::ready().await;
    let text = intent(1, 5);
    let own = format!("{}", world::wallet().wallet);
    let known = ringi_chain::evm::format_address(&ringi_primitives::address::Address::new(&[0x11; 20]).unwrap());
    for (from, to, status, code) in [
        ("eip155:31337", "eip155:1", 422, "chain.unknown"),
        ("eip155:31337", "solana:mainnet", 400, "intent.malformed"),
        ("\"asset\":\"eth\"", "\"asset\":\"doge\"", 422, "chain.unknown"),
        ("\"vault\":\"hot\"", "\"vault\":\"cold\"", 404, "vault.not_found"),
        (own.as_str(), "wal_01arz3ndektsv4rrffq69g5fav", 404, "wallet.not_found"),
        (known.as_str(), "0x12", 422, "chain.address"),
        (known.as_str(), "0x52908400098527886E0F7030069857D2E4169Ee7", 422, "chain.address"),
        (known.as_str(), "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", 422, "chain.address"),
    ] {
        let bad = text.replacen(from, to, 1);
        assert_ne!(bad, text, "{from}");
        desk.refuses(&submission(bad.clone()), status, code).await;
        desk.refuses(&Ask::json("/v1/transfers/dry-run", bad).by(INITIATOR), status, code).await;
    }
    desk.good(&submission(intent(2, 5_000_000))).await;
    let unsigned = Ask::get(&format!("/v1/transfers/{}/receipt", world::intent_id(2))).by(APPROVER);
    desk.refuses(&unsigned, 404, "receipt.not_found").await;
    let (id, nobody) = (world::intent_id(1), "wal_01arz3ndektsv4rrffq69g5fav");
    for path in [format!("/v1/transfers/{id}"), format!("/v1/transfers/{id}/approval-envelope")] {
        desk.refuses(&Ask::get(&path).by(APPROVER), 404, "transfer.not_found").await;
    }
    desk.refuses(&Ask::get(&format!("/v1/transfers/{id}/receipt")).by(APPROVER), 404, "transfer.not_found").await;
    let cancel = Ask::new("POST", &format!("/v1/transfers/{id}/cancel")).by(INITIATOR);
    desk.refuses(&cancel, 404, "transfer.not_found").await;
    for tail in ["", "/addresses", "/balances"] {
        desk.refuses(&Ask::get(&format!("/v1/wallets/{nobody}{tail}")).by(APPROVER), 404, "wallet.not_found").await;
        desk.refuses(&Ask::get(&format!("/v1/wallets/x{tail}")).by(APPROVER), 400, "request.id").await;
    }
    for id in ["x", "int_", "INT_01arz3ndektsv4rrffq69g5fav", nobody, "%2e%2e"] {
        desk.refuses(&Ask::get(&format!("/v1/transfers/{id}")).by(APPROVER), 400, "request.id").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wallets_and_addresses_have_their_rules() {
    let desk = Desk::ready().await;
    let new = |name: &str, vault: &str| wallet(json!({"vault": vault, "name": name}).to_string());
    for name in ["", "a\nb", &"n".repeat(257)] {
        desk.refuses(&new(name, "hot"), 400, "wallet.name").await;
    }
    desk.refuses(&new("w", "tepid"), 404, "vault.not_found").await;
    desk.refuses(&new("ops", "hot"), 409, "wallet.name_used").await;
    let id = world::wallet().wallet;
    let taken = json!({"id": id, "vault": "hot", "name": "other"}).to_string();
    desk.refuses(&wallet(taken), 409, "wallet.id_used").await;
    // The same wallet again is the wallet there is.
    let same = desk.kept().await;
    desk.good(&wallet(json!({"id": id, "vault": "hot", "name": "ops"}).to_string())).await;
    assert_eq!(desk.kept().await, same);
    let path = format!("/v1/wallets/{id}/addresses");
    let address = |network: &str, kind: &str| {
        Ask::json(&path, json!({"network": network, "kind": kind}).to_string()).by(INITIATOR)
    };
    desk.refuses(&address("eip155:31337", "p2sh"), 400, "request.body").await;
    desk.refuses(&address("eip155:31337", "p2tr"), 422, "address.kind").await;
    desk.refuses(&address("eip155:1", "account"), 404, "network.not_found").await;
    desk.refuses(&address("eip155:x", "account"), 400, "request.body").await;
    desk.good(&address("eip155:31337", "account")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i2_an_approval_counts_only_over_this_envelope_by_who_may() {
    use base64::Engine as _;
    use ed25519_dalek::Signer as _;
    let desk = Desk::ready().await;
    let path = |n: u8| format!("/v1/transfers/{}/approvals", world::intent_id(n));
    desk.good(&submission(intent(1, 5_000_000))).await;
    let envelope =
        desk.good(&Ask::get(&format!("/v1/transfers/{}/approval-envelope", world::intent_id(1))).by(APPROVER)).await;
    let digest: [u8; 32] = hex::decode(envelope["digest"].as_str().unwrap()).unwrap().try_into().unwrap();
    let base64 = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    let approval = |person: u8, key: u8, digest: [u8; 32]| {
        let signature = base64(&world::key(key).sign(&digest).to_bytes());
        json!({"person": world::person(person), "key": world::public(key).text(), "signature": signature})
    };
    let send = |body: serde_json::Value| Ask::json(&path(1), body.to_string()).by(APPROVER);
    desk.refuses(&send(approval(2, 2, [1; 32])), 422, "approval.bad_signature").await;
    desk.refuses(&send(approval(2, 3, digest)), 403, "approval.unknown_key").await;
    desk.refuses(&send(approval(1, 1, digest)), 403, "approval.unknown_key").await;
    desk.refuses(&send(approval(9, 9, digest)), 403, "approval.unknown_key").await;
    let mut short = approval(2, 2, digest);
    short["signature"] = json!(base64(&[1; 63]));
    desk.refuses(&send(short.clone()), 400, "request.body").await;
    short["signature"] = json!("*");
    desk.refuses(&send(short), 400, "request.body").await;
    desk.refuses(&send(json!({"person": world::person(2)})), 400, "request.body").await;
    let other = Ask::json(&path(9), approval(2, 2, digest).to_string()).by(APPROVER);
    desk.refuses(&other, 404, "transfer.not_found").await;
    assert_eq!(desk.good(&send(approval(2, 2, digest))).await["status"], "awaiting_approval");
    let kept = desk.kept().await;
    assert_eq!(desk.good(&send(approval(2, 2, digest))).await["approvals"].as_array().unwrap().len(), 1);
    assert_eq!(desk.kept().await, kept, "the same approval again changes nothing");
    desk.good(&send(approval(3, 3, digest))).await;
    desk.until(1, "completed").await;
    desk.refuses(&send(approval(4, 4, digest)), 409, "transfer.ended").await;
}
