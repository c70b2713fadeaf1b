//! A real node: anvil from the pinned npm package, one per test, mining when told.

use ringi_primitives::address::Address;
use ringi_provider::evm::{Node, NodeConfig};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// A running node. Ends with its test.
pub struct Anvil {
    pub url: String,
    http: reqwest::Client,
    _child: Child,
    _output: Lines<BufReader<ChildStdout>>,
}

impl Anvil {
    /// Chain 31337; blocks are mined by [`Anvil::mine`] only.
    pub async fn start() -> Anvil {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let found = Command::new(root.join("scripts/anvil.sh")).stderr(Stdio::inherit()).output().await.unwrap();
        let program = String::from_utf8(found.stdout).unwrap();
        let mut child = Command::new(program.trim())
            .args(["--port", "0", "--accounts", "2", "--no-mining", "--order", "fifo"])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
        let url = loop {
            let line = output.next_line().await.unwrap().expect("anvil ended");
            if let Some(address) = line.strip_prefix("Listening on ") {
                break format!("http://{address}");
            }
        };
        Anvil { url, http: reqwest::Client::new(), _child: child, _output: output }
    }

    pub fn node(&self) -> Node {
        Node::new(NodeConfig {
            fee_cache_ms: 0,
            nonce_cache_ms: 0,
            gas_cache_ms: 0,
            ..NodeConfig::new(&self.url, 31337)
        })
        .unwrap()
    }

    pub async fn call(&self, method: &str, params: Value) -> Value {
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let answer: Value = self.http.post(&self.url).json(&call).send().await.unwrap().json().await.unwrap();
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].clone()
    }

    pub async fn mine(&self, blocks: u64) {
        for _ in 0..blocks {
            self.call("evm_mine", json!([])).await;
        }
    }

    /// The account that anvil signs for.
    pub async fn rich(&self) -> String {
        self.call("eth_accounts", json!([])).await[0].as_str().unwrap().to_owned()
    }

    /// Sends from the rich account; `value` in wei.
    pub async fn send(&self, to: Option<&Address>, value: u64, data: &[u8]) -> String {
        let mut tx = json!({
            "from": self.rich().await,
            "value": format!("{value:#x}"),
            "data": format!("0x{}", hex::encode(data)),
            "gas": "0x1e8480",
        });
        if let Some(to) = to {
            tx["to"] = json!(format!("0x{}", hex::encode(to.raw())));
        }
        self.call("eth_sendTransaction", json!([tx])).await.as_str().unwrap().to_owned()
    }

    /// Deploys the test token, all of its supply with the rich account; mines one block.
    pub async fn deploy_token(&self) -> Address {
        let document: Value = serde_json::from_str(include_str!("../../../../contracts/test/Token.json")).unwrap();
        let code = hex::decode(document["bytecode"].as_str().unwrap().trim_start_matches("0x")).unwrap();
        let word = |n: u64| format!("{n:064x}");
        let text = |t: &str| format!("{}{:0<64}", word(t.len() as u64), hex::encode(t));
        // constructor(string name, string symbol, uint8 decimals, uint256 supply)
        let arguments =
            [word(128), word(192), word(6), word(1_000_000_000_000), text("Test Dollar"), text("TUSD")].concat();
        let id = self.send(None, 0, &[code, hex::decode(arguments).unwrap()].concat()).await;
        self.mine(1).await;
        let receipt = self.call("eth_getTransactionReceipt", json!([id])).await;
        assert_eq!(receipt["status"], "0x1");
        let address = receipt["contractAddress"].as_str().unwrap().trim_start_matches("0x");
        Address::new(&hex::decode(address).unwrap()).unwrap()
    }

    /// Sends tokens of the rich account.
    pub async fn send_token(&self, token: &Address, to: &Address, amount: u64) -> String {
        let data = format!("a9059cbb{:0>64}{amount:064x}", hex::encode(to.raw()));
        self.send(Some(token), 0, &hex::decode(data).unwrap()).await
    }
}
