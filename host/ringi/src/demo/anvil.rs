//! A real EVM node for the demo: anvil, as pinned in `oracles/anvil`. It ends with the demo.

use crate::failure::Failure;
use ringi_primitives::address::Address;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// The chain it runs.
pub const CHAIN_ID: u64 = 31337;
/// How often a receipt is asked for, every 20 ms.
const RECEIPT_TRIES: u32 = 250;

/// A running node whose first account is rich.
pub struct Anvil {
    /// Where it listens.
    pub url: String,
    http: reqwest::Client,
    _child: Child,
    _output: Lines<BufReader<ChildStdout>>,
}

fn broken(what: impl std::fmt::Display) -> Failure {
    Failure::new("demo.node", what, "run scripts/setup.sh, which installs the node, and try again")
}

impl Anvil {
    /// Starts it on a free port; each transaction is mined at once.
    pub async fn start(program: &Path) -> Result<Anvil, Failure> {
        let mut child = Command::new(program)
            .args(["--port", "0", "--accounts", "1", "--chain-id", &CHAIN_ID.to_string()])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|e| broken(format!("{}: {e}", program.display())))?;
        let stdout = child.stdout.take().ok_or_else(|| broken("the node has no output"))?;
        let mut output = BufReader::new(stdout).lines();
        let url = loop {
            let line = output.next_line().await.map_err(broken)?.ok_or_else(|| broken("the node ended"))?;
            if let Some(address) = line.strip_prefix("Listening on ") {
                break format!("http://{address}");
            }
        };
        Ok(Anvil { url, http: reqwest::Client::new(), _child: child, _output: output })
    }

    /// One JSON-RPC call.
    pub async fn call(&self, method: &str, params: Value) -> Result<Value, Failure> {
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let answer = self.http.post(&self.url).json(&call).send().await.map_err(broken)?;
        let answer: Value = answer.json().await.map_err(broken)?;
        match answer.get("error") {
            Some(error) => Err(broken(format!("{method}: {error}"))),
            None => Ok(answer["result"].clone()),
        }
    }

    /// Sends from the rich account; `value` in wei. Gives the receipt.
    pub async fn send(&self, to: Option<&Address>, value: u128, data: &[u8]) -> Result<Value, Failure> {
        let from = self.call("eth_accounts", json!([])).await?[0].clone();
        let mut tx = json!({
            "from": from,
            "value": format!("{value:#x}"),
            "data": format!("0x{}", hex::encode(data)),
            "gas": "0x1e8480",
        });
        if let Some(to) = to {
            tx["to"] = json!(format!("0x{}", hex::encode(to.raw())));
        }
        let id = self.call("eth_sendTransaction", json!([tx])).await?;
        // The node answers before it has mined: the receipt is there a moment later.
        let mut receipt = Value::Null;
        for _ in 0..RECEIPT_TRIES {
            receipt = self.call("eth_getTransactionReceipt", json!([id])).await?;
            if !receipt.is_null() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        if receipt["status"] == "0x1" { Ok(receipt) } else { Err(broken(format!("a transaction failed: {receipt}"))) }
    }

    /// Deploys a token (`contracts/test/Token.json`) with 6 decimals and a million units with the rich account.
    pub async fn deploy_token(&self) -> Result<Address, Failure> {
        let document: Value =
            serde_json::from_str(include_str!("../../../../contracts/test/Token.json")).map_err(broken)?;
        let code = document["bytecode"].as_str().unwrap_or_default().trim_start_matches("0x");
        let word = |n: u64| format!("{n:064x}");
        let text = |t: &str| format!("{}{:0<64}", word(t.len() as u64), hex::encode(t));
        // constructor(string name, string symbol, uint8 decimals, uint256 supply)
        let arguments =
            [word(128), word(192), word(6), word(1_000_000_000_000), text("Test Dollar"), text("TUSD")].concat();
        let bytes = hex::decode(format!("{code}{arguments}")).map_err(broken)?;
        let receipt = self.send(None, 0, &bytes).await?;
        let address = receipt["contractAddress"].as_str().unwrap_or_default().trim_start_matches("0x");
        let raw = hex::decode(address).map_err(broken)?;
        Address::new(&raw).ok_or_else(|| broken("the token has no address"))
    }

    /// Sends tokens of the rich account.
    pub async fn send_token(&self, token: &Address, to: &Address, amount: u64) -> Result<Value, Failure> {
        let data = hex::decode(format!("a9059cbb{:0>64}{amount:064x}", hex::encode(to.raw()))).map_err(broken)?;
        self.send(Some(token), 0, &data).await
    }

    /// An account's balance in wei, as the node says.
    pub async fn balance_wei(&self, account: &Address) -> Result<u128, Failure> {
        let account = format!("0x{}", hex::encode(account.raw()));
        number(&self.call("eth_getBalance", json!([account, "latest"])).await?)
    }

    /// An account's balance in a token's base units, as the contract says.
    pub async fn token_balance(&self, token: &Address, account: &Address) -> Result<u128, Failure> {
        // balanceOf(address)
        let data = format!("0x70a08231{:0>64}", hex::encode(account.raw()));
        let call = json!({"to": format!("0x{}", hex::encode(token.raw())), "data": data});
        number(&self.call("eth_call", json!([call, "latest"])).await?)
    }
}

fn number(found: &Value) -> Result<u128, Failure> {
    u128::from_str_radix(found.as_str().unwrap_or_default().trim_start_matches("0x"), 16).map_err(broken)
}
