//! A platform as `ringi up` wires it: SQLite with synchronous FULL, three cosigner processes, the API on a real socket.

use super::node::CHAIN_ID;
use crate::progress::Progress;
use ed25519_dalek::SigningKey;
use ringi::platform::development::Development;
use ringi::platform::settings::{EvmSettings, Settings};
use ringi::platform::start::Platform;
use ringi::policy::PolicyForm;
use ringi_gateway::client::{Client, RequestSigner};
use ringi_gateway::model::NewWallet;
use ringi_primitives::digest::Digest;
use ringi_primitives::id::WalletId;
use ringi_primitives::scheme::Scheme;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Who is paid.
pub const PAYEE: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
/// Wallets of this vault have a limit each.
pub const MANY_LIMITS: &str = "many";
/// Wallets of this vault share one limit.
pub const ONE_LIMIT: &str = "one";
/// After a stop the folder is free as soon as the last commit is done.
const TRIES: u32 = 100;

/// A running platform and a client of its API.
pub struct Stage {
    /// Cosigners, store, orchestrator.
    platform: Platform,
    /// The initiator's client.
    pub client: Client,
    /// The workspace, as intents name it.
    pub genesis: Digest,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

fn initiator() -> SigningKey {
    SigningKey::from_bytes(&[42; 32])
}

fn settings(cosigner: &Path, node: &str) -> Settings {
    let evm = EvmSettings { url: node.into(), chain_id: CHAIN_ID, confirmations: 1, poll_ms: 2_000 };
    Settings { cosigner: cosigner.to_owned(), evm: vec![evm], ..Settings::default() }
}

fn policy() -> PolicyForm {
    let text = include_str!("policy.toml").replace("@payee@", PAYEE);
    toml::from_str(&text.replace("@initiator@", &initiator().public().text())).expect("a sound policy file")
}

impl Stage {
    /// A new workspace in an empty folder: genesis, policy, a key of every scheme.
    pub async fn found(folder: &Path, cosigner: &Path, node: &str, progress: &Progress) -> Stage {
        let _ = std::fs::remove_dir_all(folder);
        std::fs::create_dir_all(folder).expect("a folder for the data");
        let platform = Platform::start(folder, &settings(cosigner, node)).await.expect("the platform starts");
        let development = Development::found(folder, &platform, 2).await.expect("a workspace");
        development.install_policy(&platform, &policy()).await.expect("a policy in force");
        ready(&platform).await;
        for scheme in Scheme::ALL {
            progress.step(&format!("generating the {} key in three cosigner processes", scheme.name()));
            development.generate_key(&platform, scheme).await.expect("a key");
        }
        Stage::serve(platform).await
    }

    /// The workspace of this folder again.
    pub async fn resume(folder: &Path, cosigner: &Path, node: &str) -> Stage {
        let mut tries = 0;
        let platform = loop {
            match Platform::start(folder, &settings(cosigner, node)).await {
                Ok(platform) => break platform,
                Err(failure) if tries == TRIES => panic!("the platform does not start again: {failure}"),
                Err(_) => tries += 1,
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        Stage::serve(platform).await
    }

    async fn serve(platform: Platform) -> Stage {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (stop, stopped) = oneshot::channel::<()>();
        let service = platform.service.clone();
        let served = tokio::spawn(async move {
            let until = async { drop(stopped.await) };
            ringi_gateway::serve(listener, service, ringi_gateway::Config::default(), until).await.expect("served");
        });
        let client = Client::new(&url, Arc::new(initiator())).expect("a client");
        let genesis = platform.service.genesis().expect("a genesis").root;
        let stage = Stage { platform, client, genesis, stop, served };
        ready(&stage.platform).await;
        stage
    }

    /// The newest event of the feed.
    pub fn newest_event(&self) -> u64 {
        *self.platform.service.subscribe().borrow()
    }

    /// New wallets of a vault, made one after the other; how long each took from request to answer.
    pub async fn wallets(&self, vault: &str, count: usize) -> (Vec<WalletId>, Vec<Duration>) {
        let (mut ids, mut times) = (Vec::new(), Vec::new());
        for n in 0..count {
            let new = NewWallet { id: None, vault: vault.into(), name: format!("wallet {n} {:?}", Instant::now()) };
            let began = Instant::now();
            ids.push(self.client.create_wallet(&new).await.expect("a wallet").id);
            times.push(began.elapsed());
        }
        (ids, times)
    }

    /// The same without HTTP: from the call of the service to the durable row.
    pub async fn wallets_inside(&self, vault: &str, count: usize) -> Vec<Duration> {
        let mut times = Vec::new();
        for n in 0..count {
            let name = format!("inner wallet {n} {:?}", Instant::now());
            let new = ringi_orchestrator::service::NewWallet { id: None, vault: vault.into(), name };
            let began = Instant::now();
            self.platform.service.create_wallet(new).await.expect("a wallet");
            times.push(began.elapsed());
        }
        times
    }

    /// Stops API, orchestrator and cosigners.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        let _ = self.served.await;
        self.platform.stop().await;
    }
}

/// A cosigner's own folder.
pub fn home(folder: &Path, number: u8) -> PathBuf {
    folder.join("cosigners").join(number.to_string())
}

/// Until every cosigner is ready and reaches both others.
async fn ready(platform: &Platform) {
    let began = Instant::now();
    while !platform.service.cosigners().iter().all(|c| c.ready && c.peers.len() == 2) {
        let state: Vec<_> = platform.service.cosigners().into_iter().map(|c| (c.ready, c.peers)).collect();
        assert!(began.elapsed() < Duration::from_secs(60), "the cosigners do not get ready: {state:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
