//! A platform as a process of its own, and a patient client that starts it again whenever it is gone.

use super::FOLDER;
use crate::repository::root;
use ringi::approver::Proposal;
use ringi::demo::anvil::{Anvil, CHAIN_ID};
use ringi::documents::add_signature;
use ringi::keys::SecretKey;
use ringi::order::order;
use ringi::platform::development::Development;
use ringi_chain::parse_address;
use ringi_gateway::client::Client;
use ringi_gateway::model;
use ringi_primitives::address::Address;
use ringi_primitives::amount::Amount;
use ringi_primitives::cbor;
use ringi_primitives::digest::Domain;
use ringi_primitives::id::{IntentId, WalletId};
use ringi_primitives::intent::{Action, Intent, Transfer};
use ringi_primitives::key::PublicKey;
use ringi_primitives::network::NetworkId;
use ringi_primitives::order::OrderAction;
use ringi_primitives::signed::Signed;
use ringi_primitives::time::UnixMs;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

const SUPPLIER: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
const PATIENCE: Duration = Duration::from_secs(60);
const POLICY: &str = r#"
networks = ["eip155:31337"]
people = [{ name = "Ines", initiate = ["@initiator@"] }, { name = "Amir", approve = ["@approver@"] }]
groups = [{ name = "treasurers", members = ["Amir"] }]
assets = [{ id = "eth", network = "eip155:31337", decimals = 18 }]
allow_lists = [{ name = "suppliers", entries = [{ network = "eip155:31337", address = "@supplier@" }] }]
[[vaults]]
index = 1
name = "treasury"
temperature = "hot"
limits = [{ name = "per-day", of = "eth", most = "1", window = { rolling_s = 86400 }, per = "vault" }]
[[vaults.rules]]
name = "payments"
kinds = ["transfer"]
to = ["list:suppliers"]
allow = { limits = ["per-day"], approvals = "1 of treasurers" }
"#;

/// The EVM node's program.
pub fn anvil() -> PathBuf {
    let found = Command::new(root().join("scripts/anvil.sh")).stderr(Stdio::inherit()).output().unwrap();
    PathBuf::from(String::from_utf8(found.stdout).unwrap().trim())
}

/// The cosigner's program.
pub fn cosigner() -> PathBuf {
    let cosigner = root().join("target/enclave/debug/ringi-cosigner");
    assert!(cosigner.exists(), "no cosigner program: run scripts/build-cosigner.sh dev");
    cosigner
}

/// A payment of `number` gwei-sized steps to the supplier.
pub struct Payment {
    id: IntentId,
    amount: u64,
}

impl Payment {
    /// The payment with this number; each has its own amount.
    pub fn of(number: u64) -> Payment {
        let mut id = [7; 16];
        id[8..].copy_from_slice(&number.to_be_bytes());
        Payment { id: IntentId::from_bytes(id), amount: amount(number) }
    }
}

fn amount(number: u64) -> u64 {
    1_000_000_000_000 + number
}

/// A data folder with its platform.
pub struct Life {
    folder: PathBuf,
    _own: Option<TempDir>,
    url: String,
    process: Child,
    client: Client,
    approver: Arc<SecretKey>,
    development: Development,
    wallet: WalletId,
    account: Address,
    /// How often the platform was found gone.
    pub deaths: u32,
}

impl Life {
    /// A new workspace on this node, with a rich wallet.
    pub async fn found(anvil: &Anvil) -> Life {
        let own = tempfile::tempdir().unwrap();
        let mut life = Life::found_in(anvil, own.path()).await;
        life._own = Some(own);
        life
    }

    /// The same with attested cosigners.
    pub async fn found_attested(anvil: &Anvil) -> Life {
        let own = tempfile::tempdir().unwrap();
        let mut life = Life::found_as(anvil, own.path(), "process").await;
        life._own = Some(own);
        life
    }

    /// The same in a folder that somebody else keeps.
    pub async fn found_in(anvil: &Anvil, folder: &Path) -> Life {
        Life::found_as(anvil, folder, "plain").await
    }

    async fn found_as(anvil: &Anvil, folder: &Path, enclave: &str) -> Life {
        let url = settle(folder, &anvil.url, enclave);
        let key = |name| Arc::new(Development::key(folder, name).unwrap());
        let (initiator, approver) = (key("initiator"), key("approver"));
        let text = POLICY.replace("@initiator@", &initiator.public().text()).replace("@supplier@", SUPPLIER);
        let text = text.replace("@approver@", &approver.public().text());
        std::fs::write(folder.join("policy.toml"), text).unwrap();
        let process = start(folder);
        let client = Client::new(&url, initiator).unwrap();
        let genesis = Development::genesis_path(folder);
        ready(&client, folder).await;
        assert!(genesis.exists());
        let wanted = model::NewWallet { id: None, vault: "treasury".into(), name: "operations".into() };
        let wallet = client.create_wallet(&wanted).await.unwrap().id;
        let address = client.addresses(wallet).await.unwrap().items.remove(0).address;
        anvil.call("anvil_setBalance", json!([address, "0xde0b6b3a7640000"])).await.unwrap();
        let account = parse_address(NetworkId::Evm(CHAIN_ID), &address).unwrap();
        let development = Development::load(folder).unwrap();
        let folder = folder.to_owned();
        Life { folder, _own: None, url, process, client, approver, development, wallet, account, deaths: 0 }
    }

    /// The data folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Asks for a payment, approves it, and waits for its end, however often the platform dies on the way.
    pub async fn carry_out(&mut self, anvil: &Anvil, payment: &Payment) {
        let body = self.body(payment);
        let began = Instant::now();
        loop {
            assert!(began.elapsed() < PATIENCE, "it did not end; the log is {}", self.log());
            if self.process.try_wait().unwrap().is_some() {
                self.deaths += 1;
                self.process = start(self.folder());
                ready(&self.client, &self.folder).await;
            }
            match self.advance(payment.id, &body).await.as_deref() {
                Some("completed") => return,
                Some(ended @ ("failed" | "rejected" | "cancelled" | "blocked")) => {
                    panic!("{} is {ended}; the log is {}", payment.id, self.log())
                }
                Some("confirming") => {
                    // Final with the second block.
                    anvil.call("evm_mine", json!([])).await.unwrap();
                    tokio::time::sleep(Duration::from_millis(60)).await;
                }
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    /// One patient step; every call is safe to repeat, and any may fail because the platform is gone.
    async fn advance(&self, id: IntentId, body: &[u8]) -> Option<String> {
        let transfer = match self.client.transfer(id).await {
            Ok(transfer) => transfer,
            Err(_) => self.client.submit(body).await.ok()?.transfer,
        };
        if transfer.status == "awaiting_approval" {
            let client = Client::new(&self.url, self.approver.clone()).unwrap();
            let proposal = Proposal::fetch(&client, &self.development.chain, id).await.ok()?;
            let (_, given) = proposal.approve(&self.approver).unwrap();
            client.approve(id, &given).await.ok()?;
        }
        Some(transfer.status)
    }

    /// The node's word: so many transactions from the account, and exactly what was asked for at the supplier.
    pub async fn check(&self, anvil: &Anvil, carried_out: u64) {
        let account = format!("0x{}", hex(&self.account));
        let nonce = anvil.call("eth_getTransactionCount", json!([account, "latest"])).await.unwrap();
        assert_eq!(nonce, json!(format!("{carried_out:#x}")), "the log is {}", self.log());
        let supplier = parse_address(NetworkId::Evm(CHAIN_ID), SUPPLIER).unwrap();
        let paid: u64 = (1..=carried_out).map(amount).sum();
        assert_eq!(anvil.balance_wei(&supplier).await.unwrap(), u128::from(paid));
    }

    /// Kills the platform with its cosigners, lets `meanwhile` do something to the folder, and starts it again. Returns
    /// when the API answers.
    pub async fn restart(&mut self, meanwhile: impl FnOnce(&Path)) {
        let cosigners = children(self.process.id());
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        // They end with their stream; their records must be closed before anybody touches them.
        while cosigners.iter().any(|pid| Path::new(&format!("/proc/{pid}")).exists()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        meanwhile(&self.folder);
        self.process = start(self.folder());
        let began = Instant::now();
        while self.client.cosigners().await.is_err() {
            assert!(began.elapsed() < PATIENCE, "the API is not up: {}", self.output());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Until the audit log holds an incident of this cosigner.
    pub async fn audit_says(&self, cosigner: u64, code: &str) {
        let began = Instant::now();
        while !self.audit_has(cosigner, code).await {
            assert!(began.elapsed() < PATIENCE, "no {code} of cosigner {cosigner}; the log is {}", self.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Whether the audit log holds an incident of this cosigner.
    pub async fn audit_has(&self, cosigner: u64, code: &str) -> bool {
        let admin = Development::key(self.folder(), "admin-1").unwrap();
        let entries = Client::new(&self.url, Arc::new(admin)).unwrap().audit(0, 1000).await.unwrap().items;
        let incidents = entries.iter().filter(|e| e.kind == "cosigner.incident");
        let mut fields = incidents.map(|e| serde_json::from_str::<serde_json::Value>(&e.fields).unwrap());
        fields.any(|f| f["cosigner"] == cosigner && f["code"] == code)
    }

    /// Until every cosigner is up and let in.
    pub async fn until_all_are_ready(&self) {
        let began = Instant::now();
        while !self.client.cosigners().await.is_ok_and(|c| c.items.iter().all(|c| c.ready)) {
            assert!(began.elapsed() < PATIENCE, "not all are ready; the log is {}", self.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What the platform printed.
    pub fn output(&self) -> String {
        std::fs::read_to_string(self.folder().join("output")).unwrap_or_default()
    }

    /// The API as the initiator calls it.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Submits a payment and gives the transfer as it stands after a while.
    pub async fn submit(&self, payment: &Payment) -> model::Transfer {
        let body = self.body(payment);
        for _ in 0..100 {
            let status = self.advance(payment.id, &body).await;
            if status.as_deref().is_some_and(|s| ["completed", "rejected", "failed", "blocked"].contains(&s)) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.client.transfer(payment.id).await.unwrap()
    }

    /// Asks for a payment where it may not be possible to ask.
    pub async fn try_submit(&self, payment: &Payment) -> Option<model::Transfer> {
        let body = self.body(payment);
        for _ in 0..50 {
            self.advance(payment.id, &body).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.client.transfer(payment.id).await.ok()
    }

    /// Kills the platform's cosigner at this place, from 0, with SIGKILL.
    pub fn kill_cosigner(&self, place: usize) {
        let mut cosigners = children(self.process.id());
        cosigners.sort_unstable();
        kill(cosigners[place]);
    }

    /// A resume of these boots, signed by two admins, handed in by one (rule B1).
    pub async fn resume(&self, boot_keys: Vec<PublicKey>) -> model::Installation {
        let admins = ["admin-1", "admin-2"].map(|name| Development::key(self.folder(), name).unwrap());
        let order = order(self.development.chain.root(), OrderAction::Resume { boot_keys }).unwrap();
        let mut signed = Signed { body: cbor::encode(&order), signatures: vec![] };
        for admin in &admins {
            add_signature(&mut signed, Domain::Order, admin, self.development.chain.head()).unwrap();
        }
        let [admin, _] = admins;
        Client::new(&self.url, Arc::new(admin)).unwrap().submit_order(&signed).await.unwrap()
    }

    /// Kills one of the platform's cosigners after a while, with SIGKILL.
    pub fn kill_cosigner_after(&self, number: u64, wait: Duration) {
        let platform = self.process.id();
        std::thread::spawn(move || {
            std::thread::sleep(wait);
            let cosigners = children(platform);
            if let Some(place) = usize::try_from(number).ok().filter(|_| !cosigners.is_empty()) {
                kill(cosigners[place % cosigners.len()]);
            }
        });
    }

    /// Kills the platform after a while, with SIGKILL.
    pub fn kill_platform_after(&self, wait: Duration) {
        let platform = self.process.id();
        std::thread::spawn(move || {
            std::thread::sleep(wait);
            kill(platform);
        });
    }

    fn body(&self, payment: &Payment) -> Vec<u8> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let transfer = Transfer { asset: "eth".into(), to: SUPPLIER.into(), amount: Amount::from_u64(payment.amount) };
        let intent = Intent {
            version: 1,
            id: payment.id,
            genesis: self.development.chain.root(),
            vault: "treasury".into(),
            wallet: self.wallet,
            network: NetworkId::Evm(CHAIN_ID),
            actions: vec![Action::Transfer(transfer)],
            max_fee: Amount::from_u64(1_000_000_000_000_000),
            expires_at: UnixMs((now + 3_600) * 1_000),
            reference: None,
            replaces: None,
        };
        serde_json::to_vec(&intent).unwrap()
    }

    /// The platform's log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder().join("log.json")).unwrap_or_default()
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn hex(address: &Address) -> String {
    address.raw().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes the settings; gives the API's address.
fn settle(folder: &Path, node: &str, enclave: &str) -> String {
    let cosigner = cosigner();
    let listen = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let text = format!(
        "enclave = \"{enclave}\"\nlisten = \"{listen}\"\ncosigner = {:?}\n[[evm]]\nurl = \"{node}\"\nchain_id = {CHAIN_ID}\nconfirmations = 2\npoll_ms = 50\n",
        cosigner.display().to_string()
    );
    std::fs::write(folder.join("ringi.toml"), text).unwrap();
    format!("http://{listen}")
}

fn start(folder: &Path) -> Child {
    let output = std::fs::File::options().create(true).append(true).open(folder.join("output")).unwrap();
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "processes::the_platform", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(output.try_clone().unwrap())
        .stderr(output)
        .spawn()
        .unwrap()
}

/// Until the API answers and a quorum of cosigners may sign.
async fn ready(client: &Client, folder: &Path) {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        if client.cosigners().await.is_ok_and(|c| c.items.iter().filter(|c| c.ready && !c.keys.is_empty()).count() >= 2)
        {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the platform is not up: {}", std::fs::read_to_string(folder.join("output")).unwrap_or_default());
}

/// Processes whose parent is this one (proc(5): the fourth field of stat, behind the name in brackets).
fn children(parent: u32) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let is_child = |pid: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let after_name = stat.rsplit_once(')').map(|(_, rest)| rest.to_owned()).unwrap_or_default();
        after_name.split_whitespace().nth(1).is_some_and(|ppid| ppid == parent.to_string())
    };
    numbers.filter(is_child).collect()
}

fn kill(pid: u32) {
    let _ = Command::new("sh").args(["-c", &format!("kill -9 {pid}")]).status();
}
