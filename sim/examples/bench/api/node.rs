//! An EVM node that has nothing to do: its chain stands still, it answers facts from memory and takes every broadcast.
//!
//! A real node that executes transactions would take its share of the two cores; here it is idle, as the figures demand.

use axum::extract::Json;
use axum::routing::post;
use ringi_chain::evm::keccak256;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// The chain.
pub const CHAIN_ID: u64 = 31337;
/// Its one block.
const BLOCK: &str = "0x1111111111111111111111111111111111111111111111111111111111111111";

/// Serves on a free port of this machine; gives its address.
pub async fn start() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let router = axum::Router::new().route("/", post(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

async fn answer(Json(call): Json<Value>) -> Json<Value> {
    let first = call["params"][0].as_str().unwrap_or_default();
    let result = match call["method"].as_str().unwrap_or_default() {
        "eth_chainId" => json!(format!("{CHAIN_ID:#x}")),
        "eth_getTransactionCount" => json!("0x0"),
        "eth_feeHistory" => json!({"oldestBlock": "0x1", "baseFeePerGas": ["0x1", "0x1"], "gasUsedRatio": [0.5]}),
        "eth_estimateGas" => json!("0x5208"),
        "eth_getBlockByNumber" => json!({"number": "0x1", "hash": BLOCK, "parentHash": BLOCK, "transactions": []}),
        "eth_sendRawTransaction" => {
            let bytes = hex::decode(first.trim_start_matches("0x")).unwrap_or_default();
            json!(format!("0x{}", hex::encode(keccak256(&bytes))))
        }
        "eth_getTransactionByHash" => json!({"hash": first}),
        _ => Value::Null,
    };
    Json(json!({"jsonrpc": "2.0", "id": call["id"], "result": result}))
}
