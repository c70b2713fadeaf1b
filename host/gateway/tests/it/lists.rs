//! Pages: bounded, without gap or repetition, and only from cursors that the server gave.

use crate::desk::{ADMIN, Desk, INITIATOR, intent, submission};
use crate::http::Ask;
use crate::world;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const LISTS: [&str; 4] = ["/v1/transfers", "/v1/wallets", "/v1/deposits", "/v1/audit"];

fn page(path: &str, query: &str) -> Ask {
    Ask::get(path).query(query).by(if path == "/v1/audit" { ADMIN } else { INITIATOR })
}

/// Every item of a list by pages of this size.
async fn walked(desk: &Desk, path: &str, limit: usize) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let found = desk.good(&page(path, &format!("limit={limit}{cursor}"))).await;
        let items = found["items"].as_array().unwrap();
        assert!(items.len() <= limit);
        all.extend(items.clone());
        match found["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_have_neither_gap_nor_repetition() {
    let desk = Desk::ready().await;
    for n in 1..=7u8 {
        let name = json!({"vault": "hot", "name": format!("w{n}")});
        desk.good(&Ask::json("/v1/wallets", name.to_string()).by(INITIATOR)).await;
        desk.good(&submission(intent(n, 5_000_000))).await;
    }
    for (path, count, key) in [("/v1/wallets", 8, "id"), ("/v1/transfers", 7, "id"), ("/v1/audit", 22, "sequence")] {
        let whole = walked(&desk, path, 200).await;
        assert_eq!(whole.len(), count, "{path}");
        for limit in [1, 3, count - 1, count] {
            let found = walked(&desk, path, limit).await;
            assert_eq!(found, whole, "{path} by {limit}");
        }
        let unique: BTreeSet<String> = whole.iter().map(|item| item[key].to_string()).collect();
        assert_eq!(unique.len(), count);
    }
    let first = desk.good(&page("/v1/transfers", "limit=2")).await;
    assert_eq!(first["items"][0]["id"], world::intent_id(7).to_string(), "newest first");
    let waiting = desk.good(&page("/v1/transfers", "status=awaiting_approval&limit=3")).await;
    assert_eq!(waiting["items"].as_array().unwrap().len(), 3);
    let none = desk.good(&page("/v1/transfers", "status=completed")).await;
    assert_eq!(none["items"].as_array().unwrap().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_cursors_and_names_are_checked() {
    let desk = Desk::ready().await;
    for path in LISTS {
        for query in [
            "limit=0",
            "limit=-1",
            "limit=1001",
            "limit=x",
            "limit=",
            "limit=4294967296",
            "limit=1.5",
            "limit=1&limit=2",
            "offset=3",
            "colour=red",
        ] {
            desk.refuses(&page(path, query), 400, "request.query").await;
        }
        for cursor in ["x", "0x10", "-1", "", "1.5", "99999999999999999999999", "'%20or%201=1", "%00"] {
            let reply = desk.send(&page(path, &format!("cursor={cursor}"))).await;
            let code = if path == "/v1/audit" { "request.query" } else { "page.cursor" };
            assert_eq!((reply.status, reply.code().as_str()), (400, code), "{path} {cursor}");
        }
        // A cursor behind the end is an empty page, whatever its size.
        let code = desk.send(&page(path, "cursor=18446744073709551615")).await;
        assert!(code.status == 200 || code.status == 400, "{path}: {}", code.value());
    }
    for path in ["/v1/transfers", "/v1/wallets", "/v1/deposits"] {
        desk.refuses(&page(path, "limit=201"), 400, "request.query").await;
        assert_eq!(desk.send(&page(path, "limit=200")).await.status, 200);
    }
    desk.refuses(&page("/v1/transfers", "wallet=x"), 400, "request.query").await;
    desk.refuses(&page("/v1/deposits", "wallet=int_01arz3ndektsv4rrffq69g5fav"), 400, "request.query").await;
    let addresses = format!("/v1/wallets/{}/addresses", world::wallet().wallet);
    desk.refuses(&page(&addresses, "network=solana"), 400, "request.query").await;
    desk.refuses(&page("/v1/transfers", "status=finished"), 400, "request.query").await;
}
