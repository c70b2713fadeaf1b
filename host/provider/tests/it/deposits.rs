//! Deposits on a real node: seen, confirmed, gone with their block.

use crate::anvil::Anvil;
use crate::chain::NETWORK;
use ringi_primitives::address::Address;
use ringi_primitives::amount::Amount;
use ringi_provider::evm::{Deposit, DepositEvent, DepositSource, Node, ScanRules, WatchState, Watched};
use serde_json::json;

const RULES: ScanRules = ScanRules { confirmations: 3, max_blocks: 64 };

fn account(n: u8) -> Address {
    Address::new(&[n; 20]).unwrap()
}

/// What a deposit says, without its place.
fn told(deposit: &Deposit) -> (Option<Address>, Address, Amount) {
    assert_eq!(deposit.network, NETWORK);
    (deposit.token, deposit.to, deposit.amount)
}

fn seen(events: &[DepositEvent]) -> Vec<Deposit> {
    let of = |event: &DepositEvent| match event {
        DepositEvent::Seen(deposit) => deposit.clone(),
        other => panic!("{other:?}"),
    };
    events.iter().map(of).collect()
}

/// Scans, and sends the state through its stored form.
async fn scan(node: &Node, watched: &Watched, state: &mut WatchState) -> Vec<DepositEvent> {
    let scan = node.scan(watched, state, RULES).await.unwrap();
    let stored = serde_json::to_string(&scan.state).unwrap();
    *state = serde_json::from_str(&stored).unwrap();
    assert_eq!(*state, scan.state);
    scan.events
}

#[tokio::test]
async fn coin_and_listed_tokens_are_seen_once_and_confirmed_once() {
    let anvil = Anvil::start().await;
    let node = anvil.node();
    let (token, unlisted) = (anvil.deploy_token().await, anvil.deploy_token().await);
    let watched = Watched { accounts: [account(1), account(2)].into(), tokens: [token].into() };
    let mut state = WatchState::after(node.head().await.unwrap());
    anvil.send(Some(&account(1)), 1000, &[]).await;
    anvil.send(Some(&account(3)), 1000, &[]).await;
    anvil.send(Some(&account(2)), 0, &[]).await;
    let token_tx = anvil.send_token(&token, &account(2), 55).await;
    anvil.send_token(&token, &account(3), 56).await;
    anvil.send_token(&token, &account(2), 0).await;
    anvil.send_token(&unlisted, &account(1), 57).await;
    assert!(scan(&node, &watched, &mut state).await.is_empty(), "nothing is mined yet");
    anvil.mine(1).await;
    let found = seen(&scan(&node, &watched, &mut state).await);
    let expected = [(None, account(1), Amount::from_u64(1000)), (Some(token), account(2), Amount::from_u64(55))];
    assert_eq!(found.iter().map(told).collect::<Vec<_>>(), expected);
    assert_eq!(found[0].source, DepositSource::Value);
    assert!(matches!(found[1].source, DepositSource::Log(_)) && found[1].txid == token_tx);
    assert!(scan(&node, &watched, &mut state).await.is_empty(), "seen once");
    anvil.mine(1).await;
    assert!(scan(&node, &watched, &mut state).await.is_empty(), "two of three confirmations");
    anvil.mine(1).await;
    let confirmed: Vec<_> = found.iter().cloned().map(DepositEvent::Confirmed).collect();
    assert_eq!(scan(&node, &watched, &mut state).await, confirmed);
    anvil.mine(1).await;
    assert!(scan(&node, &watched, &mut state).await.is_empty(), "confirmed once");
}

#[tokio::test]
async fn a_failed_payment_is_no_deposit() {
    let anvil = Anvil::start().await;
    let node = anvil.node();
    // PUSH0 PUSH0 REVERT
    let reverting = account(9);
    anvil.call("anvil_setCode", json!([format!("0x{}", hex::encode(reverting.raw())), "0x5f5ffd"])).await;
    let watched = Watched { accounts: [reverting].into(), ..Watched::default() };
    let mut state = WatchState::after(node.head().await.unwrap());
    let id = anvil.send(Some(&reverting), 1000, &[]).await;
    anvil.mine(1).await;
    assert_eq!(anvil.call("eth_getTransactionReceipt", json!([id])).await["status"], "0x0");
    assert!(scan(&node, &watched, &mut state).await.is_empty());
}

#[tokio::test]
async fn many_blocks_are_read_in_portions() {
    let anvil = Anvil::start().await;
    let node = anvil.node();
    let watched = Watched { accounts: [account(1)].into(), ..Watched::default() };
    let state = WatchState::after(node.head().await.unwrap());
    anvil.mine(5).await;
    let rules = ScanRules { max_blocks: 2, ..RULES };
    let scan = node.scan(&watched, &state, rules).await.unwrap();
    assert_eq!((scan.state.newest().unwrap().number, scan.behind_blocks), (2, 3));
}

#[tokio::test]
async fn a_deposit_goes_with_its_block_even_after_it_was_confirmed() {
    let anvil = Anvil::start().await;
    let node = anvil.node();
    let token = anvil.deploy_token().await;
    let watched = Watched { accounts: [account(1)].into(), tokens: [token].into() };
    let mut state = WatchState::after(node.head().await.unwrap());
    anvil.send(Some(&account(1)), 1000, &[]).await;
    anvil.send_token(&token, &account(1), 55).await;
    anvil.mine(3).await;
    let found = scan(&node, &watched, &mut state).await;
    assert_eq!(found.len(), 4, "two seen, two confirmed: {found:?}");
    let deposits = seen(&found[..2]);
    anvil.call("anvil_reorg", json!([3, []])).await;
    anvil.mine(1).await;
    let mut gone = scan(&node, &watched, &mut state).await;
    // Anvil puts the transactions of dropped blocks back into its pool: they may be mined again, as other deposits.
    let again = gone.split_off(2);
    assert_eq!(gone, deposits.iter().cloned().map(DepositEvent::Gone).collect::<Vec<_>>());
    for deposit in seen(&again) {
        assert!(deposits.iter().all(|old| old.block != deposit.block));
    }
    assert_eq!(state.newest(), Some(&node.head().await.unwrap()));
}

#[tokio::test]
async fn a_node_that_is_behind_changes_nothing() {
    let anvil = Anvil::start().await;
    let node = anvil.node();
    let watched = Watched { accounts: [account(1)].into(), ..Watched::default() };
    let mut state = WatchState::after(node.head().await.unwrap());
    let snapshot = anvil.call("evm_snapshot", json!([])).await;
    anvil.send(Some(&account(1)), 1000, &[]).await;
    anvil.mine(2).await;
    let found = seen(&scan(&node, &watched, &mut state).await);
    let ahead = state.clone();
    anvil.call("evm_revert", json!([snapshot])).await;
    assert!(scan(&node, &watched, &mut state).await.is_empty());
    assert_eq!(state, ahead);
    // Another chain grows from there: now the deposit is gone.
    anvil.call("evm_increaseTime", json!([1000])).await;
    anvil.mine(2).await;
    assert_eq!(scan(&node, &watched, &mut state).await, [DepositEvent::Gone(found[0].clone())]);
}
