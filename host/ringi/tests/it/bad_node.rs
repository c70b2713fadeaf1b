//! A node that is wrong, slow, silent or lies, and then tells the truth again: every payment is on the real node once.

use crate::commands::{Scene, a_policy_is_installed_once_and_signed, a_wallet_is_made_and_funded};
use crate::node::Node;
use crate::platform::{INITIATOR, Platform};
use ringi_chain::evm::keccak256;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What the node does instead of its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Truth,
    /// Another node stands under this address.
    WrongChain,
    /// Every answer comes after the platform has given up.
    Slow,
    /// No answer comes.
    Silent,
    /// So many transactions that nobody sent.
    NonceTooHigh,
    /// No transaction was ever sent.
    NonceTooLow,
    /// It keeps transactions to itself and says that they are mined.
    FalseReceipt,
    /// Every account holds a thousand ether.
    Rich,
    /// No account holds anything.
    Poor,
}

/// Between platform and node.
struct Between {
    url: String,
    mood: Arc<Mutex<Mood>>,
}

impl Between {
    fn of(node: &Node, mood: Mood) -> Between {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mood = Arc::new(Mutex::new(mood));
        let (held, node) = (mood.clone(), node.url());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (held, node) = (held.clone(), node.clone());
                std::thread::spawn(move || answer(stream, &held, &node));
            }
        });
        Between { url, mood }
    }

    fn is(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }
}

/// One request and its answer.
fn answer(stream: TcpStream, mood: &Mutex<Mood>, node: &str) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim_end().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.trim().parse().ok()?,
            Some(_) => {}
            None if line.trim_end().is_empty() => break,
            None => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let request: Value = serde_json::from_slice(&body).ok()?;
    let mood = *mood.lock().unwrap();
    match mood {
        Mood::Slow => std::thread::sleep(Duration::from_millis(4_000)),
        Mood::Silent => std::thread::sleep(Duration::from_secs(60)),
        _ => {}
    }
    let mut answer = told(mood, &request, node)?;
    answer["id"] = request["id"].clone();
    let text = answer.to_string();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length:";
    let mut stream = stream;
    stream.write_all(format!("{head} {}\r\n\r\n{text}", text.len()).as_bytes()).ok()
}

/// What the node says in this mood; `None` ends the connection.
fn told(mood: Mood, request: &Value, node: &str) -> Option<Value> {
    let method = request["method"].as_str()?;
    Some(match lie(mood, method, request, node)? {
        Some(result) => json!({"jsonrpc": "2.0", "result": result}),
        None => Node::answer(node, method, request["params"].clone()),
    })
}

/// What it says in the place of the truth, if anything; `None` ends the connection.
fn lie(mood: Mood, method: &str, request: &Value, node: &str) -> Option<Option<Value>> {
    let first = request["params"][0].as_str().unwrap_or_default();
    Some(match (mood, method) {
        (Mood::WrongChain, "eth_chainId") => Some(json!("0x1")),
        // Nothing else is asked of it by who knows better.
        (Mood::WrongChain, _) => return None,
        (Mood::NonceTooHigh, "eth_getTransactionCount") => Some(json!("0x63")),
        (Mood::NonceTooLow, "eth_getTransactionCount") => Some(json!("0x0")),
        (Mood::Rich, "eth_getBalance") => Some(json!(format!("{:#x}", 1_000 * ETHER))),
        (Mood::Poor, "eth_getBalance") => Some(json!("0x0")),
        (Mood::FalseReceipt, "eth_sendRawTransaction") => {
            let bytes = hex::decode(first.trim_start_matches("0x")).ok()?;
            Some(json!(format!("0x{}", hex::encode(keccak256(&bytes)))))
        }
        (Mood::FalseReceipt, "eth_getTransactionReceipt") => {
            let block = Node::ask(node, "eth_getBlockByNumber", json!(["latest", false]));
            Some(json!({
                "transactionHash": first, "blockHash": block["hash"], "blockNumber": block["number"],
                "status": "0x1", "gasUsed": "0x5208", "effectiveGasPrice": "0x1",
            }))
        }
        _ => None,
    })
}

const ETHER: u128 = 1_000_000_000_000_000_000;
/// How long a mood lasts: several of the platform's looks.
const WHILE: Duration = Duration::from_secs(3);

impl Scene<'_> {
    fn status_of(&self, transfer: &str) -> Value {
        self.platform.good(&["transfer", "show", "--key", INITIATOR, transfer])
    }

    /// The payment waits as long as the mood lasts, and then ends once.
    fn pays_after(&self, between: &Between, mood: Mood, paid: u128) {
        between.is(mood);
        let transfer = self.pay(&format!("{mood:?}.json"), &[]);
        std::thread::sleep(WHILE);
        let now = self.status_of(&transfer);
        let lasting = ["queued", "signing", "broadcasting", "confirming"].contains(&now["status"].as_str().unwrap());
        assert!(lasting, "{mood:?}: {now}");
        assert_eq!(self.node.nonce(&self.account), paid, "{mood:?}: nothing is sent");
        self.told_the_truth(between, mood, &transfer, paid);
    }

    /// Balances are shown as the node says, and decide nothing: what cannot be paid waits with its nonce and says why, and what
    /// replaces it is paid, however poor the node says the account is.
    fn is_told_false_balances(&self, between: &Between) {
        let shown = || {
            let balances = self.platform.good(&["wallet", "balances", "--key", INITIATOR, &self.wallet]);
            balances["items"][0]["amount"].as_str().unwrap().to_string()
        };
        self.node.fund(&self.account, 1_000);
        between.is(Mood::Rich);
        assert_eq!(shown(), (1_000 * ETHER).to_string());
        let unpaid = self.pay("rich.json", &[]);
        let blocked = self.platform.until(&unpaid, "blocked");
        assert_eq!(blocked["error"]["code"], "broadcast.insufficient_funds", "{blocked}");
        assert_eq!(self.node.nonce(&self.account), 6, "nothing is sent");
        self.node.fund(&self.account, 10 * ETHER);
        between.is(Mood::Poor);
        assert_eq!(shown(), "0");
        let paid = self.pay("poor.json", &[("--replaces", &unpaid)]);
        self.told_the_truth(between, Mood::Poor, &paid, 6);
        self.platform.until(&unpaid, "cancelled");
    }

    fn told_the_truth(&self, between: &Between, mood: Mood, transfer: &str, paid: u128) {
        between.is(Mood::Truth);
        let began = Instant::now();
        loop {
            self.node.call("evm_mine", json!([]));
            let now = self.status_of(transfer);
            if now["status"] == "completed" {
                break;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "{mood:?}: {now}");
            std::thread::sleep(Duration::from_millis(200));
        }
        assert_eq!(self.node.nonce(&self.account), paid + 1, "{mood:?}: once");
    }
}

#[test]
fn i3_a_bad_node_delays_payments_and_doubles_none() {
    let (node, folder) = (Node::start(), tempfile::tempdir().unwrap());
    let folder = folder.path();
    let between = Between::of(&node, Mood::WrongChain);
    Platform::settle_at(folder, &between.url, 2);
    // On the wrong chain from the start: the platform is up, and says of the node what is wrong.
    let platform = Platform::up(folder);
    a_policy_is_installed_once_and_signed(folder, &platform);
    between.is(Mood::Truth);
    let scene = a_wallet_is_made_and_funded(&node, platform);
    let balances = ["wallet", "balances", "--key", INITIATOR, &scene.wallet];
    for mood in [Mood::WrongChain, Mood::Slow, Mood::Silent] {
        between.is(mood);
        scene.platform.refuses(&balances, "provider.unavailable");
    }
    for (mood, paid) in
        [Mood::WrongChain, Mood::Slow, Mood::Silent, Mood::NonceTooHigh, Mood::FalseReceipt].into_iter().zip(0..)
    {
        scene.pays_after(&between, mood, paid);
    }
    // Nonces that it has used itself the platform knows better, also after a restart.
    between.is(Mood::NonceTooLow);
    let transfer = scene.pay("low.json", &[]);
    std::thread::sleep(WHILE);
    scene.told_the_truth(&between, Mood::NonceTooLow, &transfer, 5);
    scene.is_told_false_balances(&between);
}
