//! The load: clients that each submit a signed intent over HTTP, wait until its signed bytes are stored, and begin again.
//!
//! What the platform does is heard from its own feed of events, which tells of a step once its commit is durable.

use super::stage::{PAYEE, Stage};
use ringi::fresh;
use ringi_gateway::client::Client;
use ringi_gateway::model::Event;
use ringi_primitives::amount::Amount;
use ringi_primitives::digest::Digest;
use ringi_primitives::id::{IntentId, WalletId};
use ringi_primitives::intent::{Action, Intent, Transfer};
use ringi_primitives::network::NetworkId;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// A transfer that takes longer is lost.
const PATIENCE: Duration = Duration::from_secs(30);

/// When what was known of one transfer, from the moment its request was sent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Times {
    /// The answer to the request had come.
    pub accepted: Duration,
    /// Its unsigned bytes were stored: the cosigners are asked next.
    pub prepared: Duration,
    /// Its signed bytes were stored.
    pub signed: Duration,
}

struct Waiting {
    sent: Instant,
    times: Times,
    done: oneshot::Sender<Times>,
}

/// The clients of one platform.
pub struct Load {
    client: Client,
    genesis: Digest,
    waiting: Mutex<HashMap<String, Waiting>>,
    signed: AtomicU64,
    over: AtomicBool,
}

impl Load {
    /// Begins to listen to the platform's events.
    pub async fn on(stage: &Stage) -> Arc<Load> {
        let load = Arc::new(Load {
            client: stage.client.clone(),
            genesis: stage.genesis,
            waiting: Mutex::default(),
            signed: AtomicU64::new(0),
            over: AtomicBool::new(false),
        });
        tokio::spawn(load.clone().listen(stage.newest_event()));
        load
    }

    async fn listen(self: Arc<Load>, after: u64) {
        let mut stream = self.client.events(after).await.expect("the event stream");
        while let Ok(Some(event)) = stream.next().await {
            self.hear(&event);
        }
    }

    fn hear(&self, event: &Event) {
        let mut waiting = self.waiting.lock().expect("no panic under this lock");
        let Some(found) = waiting.get_mut(&event.subject) else { return };
        let since = found.sent.elapsed();
        match event.data["sub_status"].as_str().unwrap_or_default() {
            "prepared" => found.times.prepared = since,
            "signed" => {
                found.times.signed = since;
                self.signed.fetch_add(1, Ordering::Relaxed);
                let found = waiting.remove(&event.subject).expect("it was there");
                let _ = found.done.send(found.times);
            }
            _ if ["transfer.failed", "transfer.rejected", "transfer.blocked"].contains(&event.kind.as_str()) => {
                panic!("a transfer came to a bad end: {}", event.data);
            }
            _ => {}
        }
    }

    /// One transfer from a wallet, from request to signed bytes.
    pub async fn one(&self, vault: &str, wallet: WalletId) -> Times {
        let intent = Intent {
            version: 1,
            id: IntentId::from_bytes(fresh::id().expect("randomness")),
            genesis: self.genesis,
            vault: vault.into(),
            wallet,
            network: NetworkId::Evm(super::node::CHAIN_ID),
            actions: vec![Action::Transfer(Transfer {
                asset: "eth".into(),
                to: PAYEE.into(),
                amount: Amount::from_u64(1_000),
            })],
            max_fee: Amount::from_u128(9_000_000_000_000_000),
            expires_at: fresh::now_whole_s().plus_ms(3_600_000),
            reference: None,
            replaces: None,
        };
        let body = serde_json::to_vec(&intent).expect("JSON");
        let (done, signed) = oneshot::channel();
        let sent = Instant::now();
        let waiting = Waiting { sent, times: Times::default(), done };
        self.waiting.lock().expect("no panic under this lock").insert(intent.id.to_string(), waiting);
        self.client.submit(&body).await.expect("a good intent is accepted");
        let accepted = sent.elapsed();
        let times = tokio::time::timeout(PATIENCE, signed).await.expect("signed in time").expect("the feed goes on");
        Times { accepted, ..times }
    }

    /// One client: as many transfers one after the other.
    pub async fn alone(&self, vault: &str, wallet: WalletId, count: usize) -> Vec<Times> {
        let mut all = Vec::with_capacity(count);
        for _ in 0..count {
            all.push(self.one(vault, wallet).await);
        }
        all
    }

    /// A client per wallet, all at once, for a warm-up and then this long. `at_edges` is called when the counted time begins
    /// and when it ends. Signed transfers per second.
    pub async fn together(
        self: &Arc<Load>,
        vault: &'static str,
        wallets: &[WalletId],
        length: Duration,
        mut at_edges: impl FnMut(u64),
    ) -> f64 {
        self.over.store(false, Ordering::Relaxed);
        let clients: Vec<_> = wallets.iter().map(|wallet| tokio::spawn(self.clone().client(vault, *wallet))).collect();
        tokio::time::sleep(Duration::from_millis(700)).await;
        let (began, before) = (Instant::now(), self.signed.load(Ordering::Relaxed));
        at_edges(before);
        tokio::time::sleep(length).await;
        let (took, after) = (began.elapsed(), self.signed.load(Ordering::Relaxed));
        at_edges(after);
        self.over.store(true, Ordering::Relaxed);
        for client in clients {
            client.await.expect("a client that came to its end");
        }
        (after - before) as f64 / took.as_secs_f64()
    }

    async fn client(self: Arc<Load>, vault: &'static str, wallet: WalletId) {
        while !self.over.load(Ordering::Relaxed) {
            self.one(vault, wallet).await;
        }
    }
}
