//! Below the API: junk, slow clients, too many of them. Whatever they do, the next good request is answered.

use crate::desk::{Desk, INITIATOR, intent};
use crate::http::{Ask, PATIENCE, exchange};
use crate::world;
use ringi_gateway::Config;
use ringi_orchestrator::ports::{Clock, SystemClock};
use ringi_primitives::time::UnixMs;
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn wallets() -> Ask {
    Ask::get("/v1/wallets").by(INITIATOR)
}

async fn well(desk: &Desk) {
    assert_eq!(desk.send(&wallets()).await.status, 200);
    let health = exchange(desk.address, &Ask::get("/v1/healthz").bytes()).await.unwrap();
    assert_eq!(health.value()["status"], "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn junk_is_answered_or_closed_and_the_server_goes_on() {
    let desk = Desk::ready().await;
    let many = |n: usize| (0..n).map(|i| format!("x-{i}: y\r\n")).collect::<String>();
    let junk: Vec<Vec<u8>> = vec![
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        b"GET\r\n\r\n".to_vec(),
        b"GET /v1/wallets\r\n\r\n".to_vec(),
        b"GET /v1/wallets HTTP/9.9\r\n\r\n".to_vec(),
        b"GET /v1/wal lets HTTP/1.1\r\n\r\n".to_vec(),
        b"G\x00T / HTTP/1.1\r\n\r\n".to_vec(),
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n".to_vec(),
        b"GET / HTTP/1.1\r\nbad\x01name: x\r\n\r\n".to_vec(),
        format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(200_000)).into_bytes(),
        format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "a".repeat(200_000)).into_bytes(),
        format!("GET / HTTP/1.1\r\n{}\r\n", many(1000)).into_bytes(),
        b"POST /v1/wallets HTTP/1.1\r\ncontent-length: -1\r\n\r\n".to_vec(),
        b"POST /v1/wallets HTTP/1.1\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nabcdef".to_vec(),
        b"POST /v1/wallets HTTP/1.1\r\ncontent-length: 99999999999999999999\r\n\r\n".to_vec(),
        b"POST /v1/wallets HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzzz\r\n".to_vec(),
        b"POST /v1/wallets HTTP/1.1\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n".to_vec(),
        [b"POST /v1/transfers HTTP/1.1\r\n".to_vec(), vec![0xff; 4096]].concat(),
        vec![0; 65_536],
    ];
    let kept = desk.kept().await;
    for bytes in junk {
        // The rest of a half request never comes.
        let mut stream = TcpStream::connect(desk.address).await.unwrap();
        let _ = stream.write_all(&bytes).await;
        let _ = stream.shutdown().await;
        let mut heard = Vec::new();
        let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut heard)).await;
        assert!(
            read.is_ok(),
            "{:?} is neither answered nor closed",
            String::from_utf8_lossy(&bytes[..bytes.len().min(40)])
        );
        let text = String::from_utf8_lossy(&heard).into_owned();
        assert!(heard.is_empty() || text.starts_with("HTTP/1.1 4"), "{text}");
    }
    well(&desk).await;
    assert_eq!(desk.kept().await, kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_paths_and_methods_are_named() {
    let desk = Desk::ready().await;
    for path in
        ["/", "/v1", "/v1/", "/v2/wallets", "/v1/wallets/", "//v1/wallets", "/v1/%77allets", "/v1/../v1/wallets"]
    {
        desk.refuses(&Ask::get(path).by(INITIATOR), 404, "request.path").await;
    }
    for (method, path) in
        [("DELETE", "/v1/wallets"), ("PUT", "/v1/transfers"), ("POST", "/v1/healthz"), ("BREW", "/v1/audit")]
    {
        desk.refuses(&Ask::new(method, path).by(INITIATOR), 405, "request.method").await;
    }
    // No proxy: an absolute target is no path of ours, or the same path.
    let absolute = wallets().bytes();
    let absolute = String::from_utf8(absolute).unwrap().replacen("GET /v1", "GET http://elsewhere/v1", 1);
    let reply = exchange(desk.address, absolute.as_bytes()).await.unwrap();
    assert!(matches!(reply.status, 200 | 400 | 404), "{}", reply.status);
    well(&desk).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_client_is_let_go_and_holds_nobody_up() {
    let config = Config {
        header_timeout: Duration::from_millis(300),
        body_timeout: Duration::from_millis(300),
        ..Config::default()
    };
    let desk = Desk::ready_with(config).await;
    let mut head = TcpStream::connect(desk.address).await.unwrap();
    head.write_all(b"GET /v1/wallets HTTP/1.1\r\nhost: x\r\n").await.unwrap();
    let ask = Ask::json("/v1/wallets", json!({"vault": "hot", "name": "slow"}).to_string()).by(INITIATOR);
    let whole = ask.bytes();
    let mut body = TcpStream::connect(desk.address).await.unwrap();
    body.write_all(&whole[..whole.len() - 5]).await.unwrap();
    well(&desk).await;
    let began = Instant::now();
    let mut heard = Vec::new();
    tokio::time::timeout(PATIENCE, body.read_to_end(&mut heard)).await.unwrap().unwrap();
    let heard = String::from_utf8(heard).unwrap();
    assert!(heard.starts_with("HTTP/1.1 408") && heard.contains("request.timeout"), "{heard}");
    tokio::time::timeout(PATIENCE, head.read_to_end(&mut Vec::new())).await.unwrap().unwrap();
    assert!(began.elapsed() < Duration::from_secs(10));
    let listed = desk.good(&wallets()).await;
    assert!(listed["items"].as_array().unwrap().iter().all(|w| w["name"] != "slow"));
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_bounded_and_the_server_stops_in_time() {
    let config = Config {
        connections: 4,
        header_timeout: Duration::from_millis(400),
        shutdown_grace: Duration::from_millis(300),
        ..Config::default()
    };
    let desk = Desk::ready_with(config).await;
    let mut idle = Vec::new();
    for _ in 0..16 {
        idle.push(TcpStream::connect(desk.address).await.unwrap());
    }
    // They wait their turn: the silent ones are let go.
    well(&desk).await;
    drop(idle);
    let mut held = TcpStream::connect(desk.address).await.unwrap();
    held.write_all(b"GET /v1/wallets HTTP/1.1\r\n").await.unwrap();
    let began = Instant::now();
    desk.stopped().await;
    assert!(began.elapsed() < Duration::from_secs(5), "the server does not stop");
}

/// A clock that stands still.
struct Still(UnixMs);

impl Clock for Still {
    fn now(&self) -> UnixMs {
        self.0
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_asks_too_often_waits() {
    let clock = Arc::new(Still(SystemClock.now()));
    let desk = Desk::ready_with(Config { rate_burst: 5, rate_per_second: 1, clock, ..Config::default() }).await;
    // One request of the initiator was the wallet.
    for _ in 0..4 {
        assert_eq!(desk.send(&wallets()).await.status, 200);
    }
    let reply = desk.refuses(&wallets(), 429, "rate.limited").await;
    assert_eq!((reply.header("retry-after"), reply.value()["retry_after_s"].as_u64()), (Some("1"), Some(1)));
    let write = Ask::json("/v1/transfers", intent(1, 5)).by(INITIATOR);
    desk.refuses(&write, 429, "rate.limited").await;
    // Others are not held up, and a stranger uses nobody's rate.
    assert_eq!(desk.send(&Ask::get("/v1/wallets").by(2)).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_does_not_stop_its_write() {
    let desk = Desk::ready().await;
    let ask = Ask::json("/v1/wallets", json!({"vault": "hot", "name": "left"}).to_string()).under(INITIATOR, "left");
    let mut stream = TcpStream::connect(desk.address).await.unwrap();
    stream.write_all(&ask.bytes()).await.unwrap();
    drop(stream);
    let again =
        || Ask { headers: vec![], ..ask.clone() }.with("content-type", "application/json").under(INITIATOR, "left");
    for _ in 0..200 {
        let reply = desk.send(&again()).await;
        if reply.status == 201 {
            let listed = desk.good(&wallets()).await;
            assert_eq!(listed["items"].as_array().unwrap().iter().filter(|w| w["name"] == "left").count(), 1);
            return;
        }
        assert_eq!(reply.code(), "idempotency.in_progress");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the write {} has no end", world::wallet().wallet);
}
