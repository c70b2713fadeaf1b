//! Nodes that are down, slow, on the wrong chain, or lying.

use crate::fake_node::{FakeNode, Reply};
use ringi_chain::SignedTx;
use ringi_chain::evm::keccak256;
use ringi_primitives::address::Address;
use ringi_primitives::asset::AssetKey;
use ringi_primitives::network::NetworkId;
use ringi_provider::evm::{
    BlockRef, BroadcastError, DepositEvent, FeeFacts, Inclusion, Node, NodeConfig, NodeError, ScanError, ScanRules,
    WatchState, Watched,
};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn account() -> Address {
    Address::new(&[7; 20]).unwrap()
}

#[tokio::test]
async fn a_node_on_the_wrong_chain_is_refused_before_anything_is_asked() {
    let fake = FakeNode::start(|method, _| match method {
        "eth_chainId" => Reply::Result(json!("0x1")),
        _ => panic!("asked a node of another chain for {method}"),
    })
    .await;
    let node = fake.node();
    let wrong = NodeError::WrongChain { expected: 31337, found: 1 };
    assert_eq!(node.nonces(&account()).await, Err(wrong.clone()));
    assert_eq!(wrong.code(), "node.wrong_chain");
    let bytes = vec![1, 2, 3];
    let id = format!("0x{}", hex::encode(keccak256(&bytes)));
    assert_eq!(node.broadcast(&SignedTx { bytes, id }).await, Err(BroadcastError::Node(wrong)));
}

#[tokio::test]
async fn a_node_that_moves_to_another_chain_is_noticed_after_a_failure() {
    let fake = FakeNode::start(|method, n| match (method, n) {
        ("eth_chainId", 0) => Reply::Result(json!("0x7a69")),
        ("eth_chainId", _) => Reply::Result(json!("0x1")),
        _ => Reply::Body(b"oops".to_vec()),
    })
    .await;
    let node = fake.node();
    assert_eq!(node.head().await, Err(NodeError::Malformed("not JSON-RPC")));
    assert_eq!(node.head().await.unwrap_err().code(), "node.wrong_chain");
}

#[tokio::test]
async fn a_silent_node_costs_the_configured_time_only() {
    let fake = FakeNode::start(|_, _| Reply::Silence).await;
    let began = Instant::now();
    let error = fake.node().head().await.unwrap_err();
    assert_eq!(error.code(), "node.unavailable");
    assert!(began.elapsed() < Duration::from_millis(2000));
    assert_eq!(fake.calls(), 2, "tried again once");
    let nobody = Node::new(NodeConfig { attempts: 1, ..NodeConfig::new("http://127.0.0.1:1", 1) }).unwrap();
    assert_eq!(nobody.head().await.unwrap_err().code(), "node.unavailable");
}

#[tokio::test]
async fn a_node_that_comes_back_in_time_is_not_an_error() {
    for failure in [503, 429, 0] {
        let fake = FakeNode::on_chain(move |_, n| match n {
            0 | 1 if failure == 0 => Reply::HangUp,
            0 | 1 => Reply::Status(failure),
            _ => Reply::Result(json!({"number": "0x5", "hash": format!("0x{}", "ab".repeat(32))})),
        })
        .await;
        let head = Node::new(NodeConfig { attempts: 3, ..fake.config() }).unwrap().head().await.unwrap();
        assert_eq!(head.number, 5);
    }
}

#[tokio::test]
async fn garbage_and_oversized_answers_are_errors_of_the_node() {
    let header = json!({"number": "0x5", "hash": format!("0x{}", "ab".repeat(32))});
    let other_call = json!({"jsonrpc": "2.0", "id": 999_999, "result": header}).to_string().into_bytes();
    let cases: [(Vec<u8>, &str); 6] = [
        (b"<html>".to_vec(), "node.malformed"),
        (vec![b' '; 10_001], "node.oversized"),
        (other_call, "node.malformed"),
        (br#"{"jsonrpc":"2.0","id":2,"result":{"number":"five"}}"#.to_vec(), "node.malformed"),
        (br#"{"jsonrpc":"2.0","id":2,"result":null}"#.to_vec(), "node.malformed"),
        (br#"{"jsonrpc":"2.0","id":2,"result":1,"error":{"code":1,"message":"x"}}"#.to_vec(), "node.malformed"),
    ];
    for (body, code) in cases {
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        let fake = FakeNode::on_chain(move |_, _| Reply::Body(body.clone())).await;
        assert_eq!(fake.node().head().await.unwrap_err().code(), code, "{shown}");
    }
}

#[tokio::test]
async fn the_node_s_secret_address_is_never_shown() {
    let config = NodeConfig { attempts: 1, ..NodeConfig::new("http://127.0.0.1:1/v3/secret-key", 1) };
    let error = Node::new(config).unwrap().head().await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("secret-key"));
    for bad in ["ftp://x", "https://x", "secret", "http://"] {
        assert_eq!(Node::new(NodeConfig::new(bad, 1)).err(), Some(NodeError::Address), "{bad}");
    }
}

#[tokio::test]
async fn facts_are_used_again_for_their_time() {
    let fake = FakeNode::on_chain(|method, _| match method {
        "eth_feeHistory" => Reply::Result(json!({
            "oldestBlock": "0x1", "gasUsedRatio": [0.5],
            "baseFeePerGas": ["0x1", "0x64"], "reward": [["0x5f5e101"]],
        })),
        _ => Reply::Result(json!("0x9")),
    })
    .await;
    let node = Node::new(NodeConfig { fee_cache_ms: 200, nonce_cache_ms: 200, ..fake.config() }).unwrap();
    let market = FeeFacts::Market { base_fee_per_gas: 100, priority_fee_per_gas: 100_000_001 };
    for _ in 0..5 {
        assert_eq!(node.fees().await, Ok(market));
        assert_eq!(node.nonces(&account()).await.unwrap().latest, 9);
    }
    assert_eq!(fake.calls(), 4, "chain id, fees, latest, pending");
    tokio::time::sleep(Duration::from_millis(250)).await;
    node.fees().await.unwrap();
    assert_eq!(fake.calls(), 5);
}

#[tokio::test]
async fn a_broadcast_is_checked_before_and_after() {
    let bytes = vec![2, 0xc0];
    let id = format!("0x{}", hex::encode(keccak256(&bytes)));
    let tx = SignedTx { bytes, id: id.clone() };
    let fake = FakeNode::on_chain(|_, _| Reply::Result(json!(format!("0x{}", "11".repeat(32))))).await;
    assert_eq!(fake.node().broadcast(&tx).await.unwrap_err().code(), "node.malformed");
    let other = SignedTx { id: format!("0x{}", "22".repeat(32)), ..tx.clone() };
    assert_eq!(fake.node().broadcast(&other).await, Err(BroadcastError::Id));
    for (words, code) in [
        ("nonce too low: next nonce 5", "broadcast.nonce_taken"),
        ("insufficient funds for gas * price + value", "broadcast.insufficient_funds"),
        ("replacement transaction underpriced", "broadcast.underpriced"),
        ("already known", "node.refused"),
    ] {
        let fake = FakeNode::on_chain(move |method, _| match method {
            "eth_sendRawTransaction" => Reply::Error(-32000, words),
            _ => Reply::Result(json!(null)),
        })
        .await;
        let error = fake.node().broadcast(&tx).await.unwrap_err();
        assert_eq!(error.code(), code, "{words}: the node does not know the transaction, whatever it says");
    }
    let fake = FakeNode::on_chain(move |method, _| match method {
        "eth_sendRawTransaction" => Reply::Error(-32000, "anything at all"),
        _ => Reply::Result(json!({"hash": id})),
    })
    .await;
    assert!(fake.node().broadcast(&tx).await.is_ok());
}

#[tokio::test]
async fn a_receipt_of_a_block_that_the_chain_does_not_have_is_no_inclusion() {
    let (id, hash) = (format!("0x{}", "33".repeat(32)), format!("0x{}", "44".repeat(32)));
    let asked = id.clone();
    let fake = FakeNode::on_chain(move |method, _| match method {
        "eth_getTransactionReceipt" => Reply::Result(json!({
            "transactionHash": id, "blockHash": hash, "blockNumber": "0x5", "status": "0x1",
            "gasUsed": "0x5208", "effectiveGasPrice": "0x1",
        })),
        _ => Reply::Result(json!({"number": "0x5", "hash": format!("0x{}", "55".repeat(32))})),
    })
    .await;
    let node = fake.node();
    assert_eq!(node.confirm(&asked, None).await.unwrap().inclusion, Inclusion::Pending);
    let other = format!("0x{}", "66".repeat(32));
    assert_eq!(node.confirm(&other, None).await.unwrap_err().code(), "node.malformed");
}

#[tokio::test]
async fn a_chain_that_was_rewritten_below_everything_remembered_stops_the_watcher() {
    let fake =
        FakeNode::on_chain(|_, _| Reply::Result(json!({"number": "0x5", "hash": format!("0x{}", "55".repeat(32))})))
            .await;
    let state = WatchState::after(BlockRef { number: 5, hash: format!("0x{}", "77".repeat(32)) });
    let error = fake.node().scan(&Watched::default(), &state, ScanRules::default()).await.unwrap_err();
    assert_eq!(error, ScanError::DeepReorg { oldest: 5 });
}

#[tokio::test]
async fn balances_of_another_chain_are_not_asked() {
    let fake = FakeNode::on_chain(|_, _| Reply::Result(json!("0x10"))).await;
    let node = fake.node();
    assert_eq!(node.balance(&AssetKey::native(node.network()), &account()).await.unwrap().to_u64(), Some(16));
    let error = node.balance(&AssetKey::native(NetworkId::Evm(1)), &account()).await.unwrap_err();
    assert_eq!(error.code(), "node.wrong_chain");
    let token = AssetKey::token(node.network(), account());
    assert_eq!(node.balance(&token, &account()).await.unwrap_err().code(), "node.malformed");
}

/// A node whose filter lets everything through: block 6 on block 5, and these logs in it.
async fn scan_logs(watched: &Watched, logs: Value) -> Vec<DepositEvent> {
    let hash = |byte: &str| format!("0x{}", byte.repeat(32));
    let fake = FakeNode::on_chain(move |method, n| match (method, n) {
        ("eth_getLogs", _) => Reply::Result(logs.clone()),
        (_, 2) => Reply::Result(json!({"number": "0x5", "hash": hash("05")})),
        _ => Reply::Result(json!({
            "number": "0x6", "hash": hash("06"), "parentHash": hash("05"), "transactions": [],
        })),
    })
    .await;
    let state = WatchState::after(BlockRef { number: 5, hash: format!("0x{}", "05".repeat(32)) });
    fake.node().scan(watched, &state, ScanRules::default()).await.unwrap().events
}

#[tokio::test]
async fn logs_that_were_not_asked_for_are_no_deposits() {
    let (own, token, other) = ("07".repeat(20), "aa".repeat(20), "bb".repeat(20));
    let raw = |text: &str| Address::new(&hex::decode(text).unwrap()).unwrap();
    let watched = Watched { accounts: [raw(&own)].into(), tokens: [raw(&token)].into() };
    let transfer = "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef";
    let log = |token: &str, event: &str, to: String, block: &str, amount: u64| {
        json!({
            "address": format!("0x{token}"), "data": format!("0x{amount:064x}"), "logIndex": "0x0",
            "topics": [format!("0x{event}"), format!("0x{:0>64}", other), format!("0x{to}")],
            "blockHash": format!("0x{}", block.repeat(32)), "transactionHash": format!("0x{}", "cc".repeat(32)),
        })
    };
    let padded = |account: &str| format!("{account:0>64}");
    let good = log(&token, transfer, padded(&own), "06", 5);
    assert_eq!(scan_logs(&watched, json!([good])).await.len(), 1);
    let bad = [
        log(&other, transfer, padded(&own), "06", 5),
        log(&token, transfer, padded(&other), "06", 5),
        log(&token, &"11".repeat(32), padded(&own), "06", 5),
        log(&token, transfer, padded(&own), "09", 5),
        log(&token, transfer, format!("{}{own}", "01".repeat(12)), "06", 5),
        log(&token, transfer, padded(&own), "06", 0),
    ];
    for log in bad {
        assert_eq!(scan_logs(&watched, json!([log])).await, [], "{log}");
    }
}
