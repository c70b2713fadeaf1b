//! The feed: events with ids, resumed without gap or repetition.

use crate::description::hold;
use crate::desk::{ADMIN, APPROVER, Desk, INITIATOR, intent, role_of, submission};
use crate::http::{Ask, PATIENCE, Reply};
use crate::world;
use ringi_gateway::Config;
use ringi_gateway::client::Client;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One server-sent event as it came.
#[derive(Debug)]
pub struct Sent {
    pub id: u64,
    pub name: String,
    pub data: Value,
}

fn parse(block: &str) -> Option<Sent> {
    let field = |name: &str| block.lines().find_map(|l| l.strip_prefix(name)).map(str::trim);
    Some(Sent {
        id: field("id:")?.parse().ok()?,
        name: field("event:")?.into(),
        data: serde_json::from_str(field("data:")?).ok()?,
    })
}

/// A stream that was opened, byte by byte.
pub struct Feed {
    stream: TcpStream,
    heard: String,
    head: String,
}

impl Feed {
    pub async fn open(desk: &Desk, ask: Ask) -> Feed {
        let mut stream = TcpStream::connect(desk.address).await.unwrap();
        stream.write_all(format!("{}\r\n", ask.head()).as_bytes()).await.unwrap();
        let mut feed = Feed { stream, heard: String::new(), head: String::new() };
        while !feed.heard.contains("\r\n\r\n") {
            assert!(feed.more().await, "the stream ended before its head");
        }
        let (head, rest) = feed.heard.split_once("\r\n\r\n").unwrap();
        hold(&ask.method, &ask.path, &Reply::parse(format!("{head}\r\n\r\n").as_bytes()).unwrap());
        (feed.head, feed.heard) = (head.to_lowercase(), rest.to_string());
        feed
    }

    async fn more(&mut self) -> bool {
        let mut buffer = [0; 4096];
        let read = tokio::time::timeout(PATIENCE, self.stream.read(&mut buffer)).await.expect("no event in time");
        let count = read.unwrap_or(0);
        // Lines of a chunk's length stand between blocks; an event is found by its fields.
        self.heard.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
        count > 0
    }

    /// The next event; comments that keep an idle stream alive are no event.
    pub async fn next(&mut self) -> Sent {
        tokio::time::timeout(PATIENCE, self.following()).await.expect("no event in time")
    }

    async fn following(&mut self) -> Sent {
        loop {
            while let Some((block, rest)) = self.heard.split_once("\n\n") {
                let (block, rest) = (block.to_string(), rest.to_string());
                self.heard = rest;
                if let Some(sent) = parse(&block) {
                    return sent;
                }
            }
            assert!(self.more().await, "the stream ended");
        }
    }

    pub async fn take(&mut self, count: usize) -> Vec<Sent> {
        let mut all = Vec::new();
        while all.len() < count {
            all.push(self.next().await);
        }
        all
    }
}

fn follow() -> Ask {
    Ask::get("/v1/events").by(INITIATOR)
}

#[tokio::test(flavor = "multi_thread")]
async fn events_have_ids_and_a_stream_is_resumed_where_it_broke() {
    let desk = Desk::ready().await;
    let mut feed = Feed::open(&desk, follow()).await;
    assert!(
        feed.head.starts_with("http/1.1 200") && feed.head.contains("content-type: text/event-stream"),
        "{}",
        feed.head
    );
    let past = feed.take(8).await;
    assert_eq!(past.iter().map(|e| e.id).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7, 8]);
    let kinds: Vec<&str> = past.iter().map(|e| e.name.as_str()).collect();
    let roles = ["access.granted"; 4];
    let [founded, key] = [["genesis.installed", "policy.installed"], ["order.done", "wallet.created"]];
    assert_eq!(kinds, [&founded[..], &roles, &key].concat());
    // What happens now arrives now.
    desk.good(&submission(intent(1, 5_000_000))).await;
    let live = feed.next().await;
    assert_eq!(
        (live.id, live.name.as_str(), live.data["subject"].as_str()),
        (9, "transfer.awaiting_approval", Some(world::intent_id(1).to_string()).as_deref())
    );
    drop(feed);
    desk.good(&submission(intent(2, 5_000_000))).await;
    let schema = serde_json::json!({"$ref": "#/components/schemas/Event"});
    let document: Value = serde_json::from_str(&ringi_gateway::openapi_json()).unwrap();
    for last in 0..=5u64 {
        let mut again = Feed::open(&desk, follow().with("last-event-id", &last.to_string())).await;
        let missing = again.take(10 - usize::try_from(last).unwrap()).await;
        assert_eq!(missing.iter().map(|e| e.id).collect::<Vec<_>>(), (last + 1..=10).collect::<Vec<_>>());
        for event in &missing {
            assert_eq!(
                (event.data["sequence"].as_u64(), event.data["kind"].as_str()),
                (Some(event.id), Some(event.name.as_str()))
            );
            assert_eq!(crate::schema::faults(&document, &schema, &event.data), Vec::<String>::new());
        }
    }
    // Up to date: it waits, and the next event is the next number.
    let mut tail = Feed::open(&desk, follow().with("last-event-id", "10")).await;
    desk.good(&submission(intent(3, 5_000_000))).await;
    assert_eq!(tail.next().await.id, 11);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_with_the_server_and_goes_on_with_the_next() {
    let desk = Desk::ready().await;
    let mut feed = Feed::open(&desk, follow()).await;
    let seen = feed.take(4).await.last().unwrap().id;
    let desk = desk.restarted().await;
    while feed.more().await {}
    desk.good(&submission(intent(1, 5_000_000))).await;
    let mut again = Feed::open(&desk, follow().with("last-event-id", &seen.to_string())).await;
    assert_eq!(again.next().await.id, seen + 1);
}

/// Who may see a wallet, but not its transfers, hears of the wallet only.
#[tokio::test(flavor = "multi_thread")]
async fn h1_the_feed_leaves_out_transfers_that_may_not_be_read() {
    let own = "forbid (principal in Role::\"approver\", action == Action::\"readTransfer\", resource);";
    let access = Some(Arc::new(ringi_access::Access::new(Some(own)).unwrap()));
    let desk = Desk::ready_with(Config { access, ..Config::default() }).await;
    desk.good(&submission(intent(1, 5_000_000))).await;
    desk.good(&role_of(3, "viewer").by(ADMIN)).await;
    let mut feed = Feed::open(&desk, Ask::get("/v1/events").by(APPROVER)).await;
    let names: Vec<String> = feed.take(9).await.into_iter().map(|e| e.name).collect();
    assert_eq!(names.last().map(String::as_str), Some("access.granted"), "{names:?}");
    assert!(names.contains(&"wallet.created".to_string()) && !names.iter().any(|n| n.starts_with("transfer.")));
}

/// Who loses their role loses the stream, and is not told of that either.
#[tokio::test(flavor = "multi_thread")]
async fn h1_a_stream_ends_with_the_role_that_may_follow_it() {
    let desk = Desk::ready().await;
    let mut feed = Feed::open(&desk, Ask::get("/v1/events").by(APPROVER)).await;
    feed.take(8).await;
    desk.good(&Ask::new("POST", &format!("/v1/access/{}/revoke", world::person(APPROVER))).by(ADMIN)).await;
    let to_its_end = async { while feed.more().await {} };
    tokio::time::timeout(PATIENCE, to_its_end).await.expect("the stream goes on");
    assert!(!feed.heard.contains("event:"), "{}", feed.heard);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_last_event_id_is_a_sequence_number() {
    let desk = Desk::ready().await;
    for bad in [
        "x",
        "",
        "-1",
        "+1",
        "1.5",
        "0x1",
        "1 2",
        "18446744073709551616",
        "18446744073709551615",
        "9223372036854775808",
    ] {
        desk.refuses(&follow().with("last-event-id", bad), 400, "events.last_event_id").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_are_bounded_and_kept_alive() {
    let config = Config { streams: 2, heartbeat: Duration::from_millis(20), ..Config::default() };
    let desk = Desk::ready_with(config).await;
    let mut first = Feed::open(&desk, follow().with("last-event-id", "4")).await;
    let second = Feed::open(&desk, follow()).await;
    let reply = desk.refuses(&follow(), 503, "rate.busy").await;
    assert!(reply.header("retry-after").is_some());
    while !first.heard.contains(":alive") && !first.heard.contains(": alive") {
        assert!(first.more().await);
    }
    drop(second);
    for _ in 0..200 {
        let mut stream = TcpStream::connect(desk.address).await.unwrap();
        stream.write_all(format!("{}\r\n", follow().head()).as_bytes()).await.unwrap();
        let mut head = [0; 12];
        stream.read_exact(&mut head).await.unwrap();
        if head.ends_with(b"200") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("a closed stream keeps its place");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_follows_the_same_feed() {
    let desk = Desk::ready().await;
    let client = Client::new(&format!("http://{}", desk.address), Arc::new(world::key(INITIATOR))).unwrap();
    let mut stream = client.events(6).await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap().sequence, 7);
    assert_eq!(stream.next().await.unwrap().unwrap().kind, "wallet.created");
    let refused = client.transfer(world::intent_id(1)).await.unwrap_err();
    assert_eq!(refused.code(), "transfer.not_found");
}
