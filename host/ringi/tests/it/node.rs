//! A real EVM node for the command line to pay on, and a JSON-RPC call to look at it.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// The chain it runs.
pub const CHAIN_ID: u64 = 31337;

/// The repository's root.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A running node. Ends with its test.
pub struct Node {
    address: String,
    child: Child,
}

impl Node {
    /// Each transaction is mined at once, until told otherwise.
    pub fn start() -> Node {
        let found = Command::new(root().join("scripts/anvil.sh")).stderr(Stdio::inherit()).output().unwrap();
        assert!(found.status.success(), "scripts/anvil.sh found no node: run scripts/setup.sh");
        let mut child = Command::new(String::from_utf8(found.stdout).unwrap().trim())
            .args(["--port", "0", "--accounts", "1", "--chain-id", &CHAIN_ID.to_string()])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = loop {
            let line = lines.next().expect("the node ended").unwrap();
            if let Some(address) = line.strip_prefix("Listening on ") {
                break address.to_string();
            }
        };
        // The node goes on talking: somebody must listen.
        std::thread::spawn(move || lines.for_each(drop));
        Node { address, child }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn call(&self, method: &str, params: Value) -> Value {
        Node::ask(&self.url(), method, params)
    }

    /// Asks the node under this address.
    pub fn ask(url: &str, method: &str, params: Value) -> Value {
        let answer = Node::answer(url, method, params);
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// Its whole answer, which may be a refusal.
    pub fn answer(url: &str, method: &str, params: Value) -> Value {
        let address = url.trim_start_matches("http://");
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
        let head = format!(
            "POST / HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            address,
            body.len()
        );
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        serde_json::from_str(text.split_once("\r\n\r\n").unwrap().1).unwrap()
    }

    fn number(&self, method: &str, account: &str) -> u128 {
        let found = self.call(method, json!([account, "latest"]));
        u128::from_str_radix(found.as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
    }

    /// Transactions of an account that are in the chain.
    pub fn nonce(&self, account: &str) -> u128 {
        self.number("eth_getTransactionCount", account)
    }

    /// Wei.
    pub fn balance(&self, account: &str) -> u128 {
        self.number("eth_getBalance", account)
    }

    pub fn fund(&self, account: &str, wei: u128) {
        self.call("anvil_setBalance", json!([account, format!("{wei:#x}")]));
    }

    /// From now on transactions wait.
    pub fn hold(&self) {
        self.call("evm_setAutomine", json!([false]));
    }

    /// What waits is mined, and from now on each at once.
    pub fn release(&self) {
        self.call("evm_setAutomine", json!([true]));
        self.call("evm_mine", json!([]));
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
