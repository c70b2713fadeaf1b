//! Whole transfers on a real node: facts, choice, broadcast of the same bytes, confirmations, reorganisations.

use crate::anvil::Anvil;
use crate::chain::{NETWORK, Wallet};
use ringi_chain::evm::Fees;
use ringi_primitives::address::Address;
use ringi_primitives::amount::Amount;
use ringi_primitives::asset::AssetKey;
use ringi_provider::evm::{Broadcast, BroadcastError, Confirmation, Inclusion, Mined, Node, Outbid, choose_nonce};
use serde_json::json;
use std::collections::BTreeSet;

const ETHER: u64 = 1_000_000_000_000_000_000;
const MAX_FEE: u64 = ETHER / 100;

fn receiver() -> Address {
    Address::new(&[0x42; 20]).unwrap()
}

async fn funded(anvil: &Anvil, token: Option<Address>) -> Wallet {
    let wallet = Wallet::new(0x11, token);
    anvil.send(Some(&wallet.address), ETHER, &[]).await;
    if let Some(token) = token {
        anvil.send_token(&token, &wallet.address, 5_000_000).await;
    }
    anvil.mine(1).await;
    wallet
}

fn mined(confirmation: &Confirmation) -> &Mined {
    match &confirmation.inclusion {
        Inclusion::Mined(mined) => mined,
        other => panic!("{other:?}"),
    }
}

async fn next_nonce(node: &Node, wallet: &Wallet) -> u64 {
    choose_nonce(node.nonces(&wallet.address).await.unwrap(), &BTreeSet::new()).unwrap()
}

#[tokio::test]
async fn coin_and_token_transfers_are_mined_and_cost_what_was_chosen() {
    let anvil = Anvil::start().await;
    let node = anvil.node();
    let token = anvil.deploy_token().await;
    let wallet = funded(&anvil, Some(token)).await;
    assert_eq!(wallet.holds(&node, "eth").await, Amount::from_u64(ETHER));
    assert_eq!(wallet.holds(&node, "usd").await, Amount::from_u64(5_000_000));
    assert!(!node.code(&token).await.unwrap().is_empty() && node.code(&wallet.address).await.unwrap().is_empty());
    let coin = wallet.pay("eth", &receiver(), 1234, MAX_FEE);
    let usd = wallet.pay("usd", &receiver(), 777, MAX_FEE);
    let (first, choice) = wallet.sign(&node, &coin, 0, None).await.unwrap();
    assert_eq!(choice.gas_limit, 21_000);
    assert_eq!(node.broadcast(&first).await, Ok(Broadcast::Accepted));
    assert_eq!(next_nonce(&node, &wallet).await, 1, "the pool counts");
    let (second, choice) = wallet.sign(&node, &usd, 1, None).await.unwrap();
    assert!((40_000..90_000).contains(&choice.gas_limit), "{}", choice.gas_limit);
    assert_eq!(node.broadcast(&second).await, Ok(Broadcast::Accepted));
    assert_eq!(node.confirm(&second.id, None).await.unwrap().inclusion, Inclusion::Pending);
    anvil.mine(1).await;
    let mut fees = Amount::ZERO;
    for tx in [&first, &second] {
        let confirmation = node.confirm(&tx.id, None).await.unwrap();
        let mined = mined(&confirmation);
        assert!(mined.success && mined.confirmations == 1 && !confirmation.reorged);
        fees = fees.checked_add(mined.fee).unwrap();
    }
    let left = Amount::from_u64(ETHER - 1234).checked_sub(fees).unwrap();
    assert_eq!(wallet.holds(&node, "eth").await, left);
    assert_eq!(wallet.holds(&node, "usd").await, Amount::from_u64(5_000_000 - 777));
    let received = node.balance(&AssetKey::token(NETWORK, token), &receiver()).await.unwrap();
    assert_eq!(received, Amount::from_u64(777));
    anvil.mine(4).await;
    assert_eq!(mined(&node.confirm(&first.id, None).await.unwrap()).confirmations, 5);
}

#[tokio::test]
async fn the_same_bytes_can_be_sent_any_number_of_times() {
    let anvil = Anvil::start().await;
    let node = anvil.node();
    let wallet = funded(&anvil, None).await;
    let (tx, _) = wallet.sign(&node, &wallet.pay("eth", &receiver(), 1, MAX_FEE), 0, None).await.unwrap();
    assert_eq!(node.confirm(&tx.id, None).await.unwrap().inclusion, Inclusion::Unknown);
    assert_eq!(node.broadcast(&tx).await, Ok(Broadcast::Accepted));
    assert_eq!(node.broadcast(&tx).await, Ok(Broadcast::Known), "waiting");
    anvil.mine(1).await;
    assert_eq!(node.broadcast(&tx).await, Ok(Broadcast::Known), "mined");
    // Other bytes for the same nonce can never be mined.
    let (late, _) = wallet.sign(&node, &wallet.pay("eth", &receiver(), 2, MAX_FEE), 0, None).await.unwrap();
    assert_eq!(node.broadcast(&late).await, Err(BroadcastError::NonceTaken));
    assert_eq!(node.balance(&AssetKey::native(NETWORK), &receiver()).await, Ok(Amount::from_u64(1)));
}

#[tokio::test]
async fn a_replacement_that_outbids_takes_the_nonce() {
    let anvil = Anvil::start().await;
    let node = anvil.node();
    let wallet = funded(&anvil, None).await;
    let (slow, choice) = wallet.sign(&node, &wallet.pay("eth", &receiver(), 1, MAX_FEE), 0, None).await.unwrap();
    assert_eq!(node.broadcast(&slow).await, Ok(Broadcast::Accepted));
    let Fees::Eip1559 { max_fee_per_gas, max_priority_fee_per_gas, .. } = choice.fees else { panic!("{choice:?}") };
    let same = wallet.pay("eth", &receiver(), 2, MAX_FEE);
    let (no_more, _) = wallet.sign(&node, &same, 0, None).await.unwrap();
    assert_eq!(node.broadcast(&no_more).await, Err(BroadcastError::Underpriced));
    let outbid = Some(Outbid { max_fee_per_gas, max_priority_fee_per_gas });
    let (quick, _) = wallet.sign(&node, &same, 0, outbid).await.unwrap();
    assert_eq!(node.broadcast(&quick).await, Ok(Broadcast::Accepted));
    anvil.mine(1).await;
    assert!(mined(&node.confirm(&quick.id, None).await.unwrap()).success);
    assert_eq!(node.confirm(&slow.id, None).await.unwrap().inclusion, Inclusion::Unknown);
    assert_eq!(node.balance(&AssetKey::native(NETWORK), &receiver()).await, Ok(Amount::from_u64(2)));
}

#[tokio::test]
async fn a_reorganisation_takes_a_transfer_back_and_the_same_bytes_bring_it_in_again() {
    let anvil = Anvil::start().await;
    let node = anvil.node();
    let wallet = funded(&anvil, None).await;
    let (tx, _) = wallet.sign(&node, &wallet.pay("eth", &receiver(), 9, MAX_FEE), 0, None).await.unwrap();
    node.broadcast(&tx).await.unwrap();
    anvil.mine(2).await;
    let before = node.confirm(&tx.id, None).await.unwrap();
    let block = mined(&before).block.clone();
    assert_eq!(mined(&before).confirmations, 2);
    assert!(!node.confirm(&tx.id, Some(&block)).await.unwrap().reorged);
    // The last two blocks are replaced by two empty ones.
    anvil.call("anvil_reorg", json!([2, []])).await;
    let after = node.confirm(&tx.id, Some(&block)).await.unwrap();
    assert!(after.reorged, "{after:?}");
    assert!(matches!(after.inclusion, Inclusion::Unknown | Inclusion::Pending), "{after:?}");
    node.broadcast(&tx).await.unwrap();
    anvil.mine(1).await;
    let again = node.confirm(&tx.id, None).await.unwrap();
    assert!(mined(&again).success && mined(&again).block != block);
}

#[tokio::test]
async fn what_cannot_work_is_refused_by_the_node_before_anything_is_signed() {
    let anvil = Anvil::start().await;
    let node = anvil.node();
    let token = anvil.deploy_token().await;
    let wallet = funded(&anvil, Some(token)).await;
    let too_much = wallet.pay("usd", &receiver(), 5_000_001, MAX_FEE);
    assert_eq!(wallet.sign(&node, &too_much, 0, None).await.unwrap_err().code(), "node.refused");
}
