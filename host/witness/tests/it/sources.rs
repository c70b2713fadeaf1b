//! Prices from sources that answer well, badly, slowly, without end, or not at all; and what a round makes of them.

use crate::server::Server;
use ringi_witness::{Ask, Config, Fetcher, Witness, WitnessError, at, decimal};
use std::sync::Arc;
use std::time::{Duration, Instant};

const ASK: Ask = Ask { timeout_ms: 1_000, max_bytes: 4096 };

async fn read(url: &str, ask: Ask) -> Result<String, WitnessError> {
    let json = Fetcher::new(None).unwrap().url(url, ask).await?;
    let text = at(&json, "/result/price")?;
    decimal::price(&text).map(|p| p.to_decimal(12))
}

async fn code(url: &str) -> String {
    read(url, ASK).await.unwrap_or_else(|e| e.code().to_string())
}

#[tokio::test]
async fn m1_a_price_is_read_as_it_is_written() {
    let server = Server::start();
    for path in ["/quoted", "/number", "/exponent", "/here", "/twice"] {
        assert_eq!(code(&server.at(path)).await, "3012.55", "{path}");
    }
    let whole = Fetcher::new(None).unwrap().url(&server.at("/text"), ASK).await.unwrap();
    assert_eq!(at(&whole, "").unwrap(), "3012.55");
}

#[tokio::test]
async fn m1_a_source_that_answers_badly_states_nothing() {
    let server = Server::start();
    for (path, expected) in [
        ("/negative", "witness.number"),
        ("/zero", "witness.number"),
        ("/quoted-nan", "witness.number"),
        ("/nan", "witness.malformed"),
        ("/other", "witness.malformed"),
        ("/html", "witness.malformed"),
        ("/empty", "witness.malformed"),
        ("/behind", "witness.malformed"),
        ("/500", "witness.status"),
        ("/404", "witness.status"),
        ("/partial", "witness.status"),
        ("/loop", "witness.redirect"),
        ("/nowhere", "witness.redirect"),
        ("/cut", "witness.unavailable"),
        ("/garbage", "witness.unavailable"),
    ] {
        assert_eq!(code(&server.at(path)).await, expected, "{path}");
    }
    // Nobody listens there any more.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(code(&format!("http://{gone}/number")).await, "witness.unavailable");
}

#[tokio::test]
async fn m1_a_redirect_to_another_host_is_not_followed() {
    let (server, other) = (Server::start(), Server::start());
    assert_eq!(code(&other.at("/number")).await, "3012.55");
    let port = other.url.rsplit(':').next().unwrap();
    let elsewhere =
        [other.at("/number"), format!("//127.0.0.1:{port}/number"), format!("http://localhost:{port}/number")];
    for to in elsewhere {
        assert_eq!(code(&server.at(&format!("/elsewhere?to={to}"))).await, "witness.redirect", "{to}");
    }
    let same = server.at("/number");
    assert_eq!(code(&server.at(&format!("/elsewhere?to={same}"))).await, "3012.55");
}

#[tokio::test]
async fn m1_a_source_takes_neither_time_nor_memory_without_end() {
    let server = Server::start();
    for path in ["/slow", "/drip"] {
        let begun = Instant::now();
        assert_eq!(code(&server.at(path)).await, "witness.unavailable", "{path}");
        assert!(begun.elapsed() < Duration::from_secs(3), "{path}");
    }
    assert_eq!(code(&server.at("/endless")).await, "witness.oversized");
    let exact = Ask { max_bytes: 30, ..ASK };
    assert_eq!(read(&server.at("/quoted"), exact).await.unwrap(), "3012.55", "exactly as long as it may be");
    let short = Ask { max_bytes: 29, ..ASK };
    assert_eq!(read(&server.at("/quoted"), short).await.unwrap_err().code(), "witness.oversized");
}

/// What a round could not read is not stated; what it could is signed by the pinned workspace's witness, though nobody takes it
/// here.
#[tokio::test]
async fn m1_one_bad_source_is_that_sources_alone() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("price.json");
    std::fs::write(&file, "[1.25]").unwrap();
    let url = &server.url;
    let text = format!(
        r#"
        platform = "{url}"
        key = "unused"
        genesis = "{}"
        [[prices]]
        network = "eip155:1"
        url = "{url}/number"
        pointer = "/result/price"
        [[prices]]
        network = "eip155:2"
        url = "{url}/500"
        pointer = "/result/price"
        [[prices]]
        network = "eip155:3"
        file = "{}"
        pointer = "/0"
        [[prices]]
        network = "eip155:4"
        file = "{}.gone"
        pointer = "/0"
        "#,
        "01".repeat(32),
        file.display(),
        file.display(),
    );
    let config: Config = toml::from_str(&text).unwrap();
    let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
    let witness = Witness::new(config, Arc::new(key), None).unwrap();
    let report = witness.round().await;
    let mut failures: Vec<String> = report.failures.iter().map(|(what, e)| format!("{what}: {}", e.code())).collect();
    failures.sort();
    // The server is no platform: what was signed could not be handed over.
    let (refused, read): (Vec<_>, Vec<_>) = failures.into_iter().partition(|f| f.starts_with("price: client."));
    assert_eq!(refused.len(), 2, "{refused:?}");
    assert_eq!(read, ["price on eip155:2: witness.status", "price on eip155:4: witness.unavailable"]);
    assert!(report.sent.is_empty());
}

#[test]
fn an_address_that_is_none_is_refused_at_the_start() {
    let text = |platform: &str| format!("platform = \"{platform}\"\nkey = \"k\"\ngenesis = \"{}\"", "01".repeat(32));
    let key = || Arc::new(ed25519_dalek::SigningKey::from_bytes(&[7; 32]));
    let made = |platform: &str| Witness::new(toml::from_str(&text(platform)).unwrap(), key(), None).map(drop);
    assert!(made("http://127.0.0.1:1").is_ok());
    assert!(made("not a url").is_err());
    let root = Witness::new(
        toml::from_str(&text("http://127.0.0.1:1")).unwrap(),
        key(),
        Some(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
    );
    assert_eq!(root.map(drop).unwrap_err().code(), "witness.config");
}
