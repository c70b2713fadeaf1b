//! From intents to plans: what is taken, and the refusal of everything else.

use super::fixture::*;
use ringi_chain::ChainError;
use ringi_chain::bitcoin::{AddressKind, assemble, decode, encode, plan};
use ringi_primitives::asset::{Asset, AssetKey};
use ringi_primitives::intent::Intent;
use ringi_primitives::limits;
use ringi_primitives::network::{BitcoinNetwork, NetworkId};
use serde_json::{Value, json};

const TO: &str = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";

fn transfer(asset: &str, to: &str, amount: &str) -> Value {
    json!({"type": "transfer", "asset": asset, "to": to, "amount": amount})
}

fn intent(actions: Vec<Value>) -> Intent {
    let body = json!({
        "version": 1, "id": "int_01arz3ndektsv4rrffq69g5fav", "genesis": "07".repeat(32), "vault": "treasury",
        "wallet": "wal_01arz3ndektsv4rrffq69g5fav", "network": "bitcoin:regtest", "actions": actions,
        "max_fee": "5000", "expires_at": "2026-11-24T00:00:00Z"
    });
    Intent::parse(body.to_string().as_bytes()).unwrap()
}

fn refusal(actions: Vec<Value>) -> ChainError {
    plan(&policy(), &intent(actions)).unwrap_err()
}

#[test]
fn payments_become_transfers_in_order() {
    let wallet = Wallet::new("planning");
    let own = wallet.address(AddressKind::P2tr, at(RECEIVE, 0));
    let own_text = ringi_chain::format_address(NETWORK, &own);
    let actions = vec![transfer("btc", TO, "1000"), transfer("btc", &own_text, "2000"), transfer("btc", TO, "1000")];
    let planned = plan(&policy(), &intent(actions)).unwrap();
    let to = ringi_chain::parse_address(NETWORK, TO).unwrap();
    assert_eq!(planned.effects, plan_of(&[(to, 1000), (own, 2000), (to, 1000)], 0).effects);
    assert_eq!(planned.max_fee.to_u64(), Some(5000));
    assert_eq!(planned.network, NETWORK);
    let most = vec![transfer("btc", TO, "1000"); limits::INTENT_ACTIONS];
    assert_eq!(plan(&policy(), &intent(most)).unwrap().effects.len(), limits::INTENT_ACTIONS);
}

#[test]
fn other_assets_amounts_and_addresses_are_refused() {
    let rows = [
        (transfer("doge", TO, "1000"), ChainError::Unknown("asset")),
        (transfer("eth", TO, "1000"), ChainError::Unsupported("an asset other than the network's coin")),
        (transfer("btc", TO, "293"), ChainError::Amounts("payment is below the dust limit")),
        (transfer("btc", TO, "2100000000000001"), ChainError::Amounts("more than all coins")),
        (transfer("btc", TO, "18446744073709551616"), ChainError::Amounts("more than all coins")),
        (
            transfer("btc", "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx", "1000"),
            ChainError::Address("belongs to another network"),
        ),
        (
            transfer("btc", "0x00000000000000000000000000000000000000AA", "1000"),
            ChainError::Address("not bech32, bech32m or base58check"),
        ),
    ];
    for (action, expected) in rows {
        assert_eq!(refusal(vec![action.clone()]), expected, "{action}");
    }
    assert!(plan(&policy(), &intent(vec![transfer("btc", TO, "294")])).is_ok());
    let all_coins_twice = vec![transfer("btc", TO, "2100000000000000"); 2];
    assert_eq!(refusal(all_coins_twice), ChainError::Amounts("more than all coins"));
}

#[test]
fn other_actions_are_unsupported() {
    let to = "0x00000000000000000000000000000000000000AA";
    let others = [
        json!({"type": "approve", "asset": "btc", "spender": to, "amount": "1"}),
        json!({"type": "transfer_from", "asset": "btc", "owner": to, "to": to, "amount": "1"}),
        json!({"type": "permit", "asset": "btc", "spender": to, "amount": "1", "deadline": "2026-11-24T00:00:00Z"}),
        json!({"type": "call", "to": to, "value": "0", "function": "f()", "arguments": []}),
        json!({"type": "raw_call", "to": to, "value": "0", "data": "0x"}),
        json!({"type": "delegate", "to": to}),
        json!({"type": "prove", "statement": "mine"}),
        json!({"type": "typed_data", "json": "{}"}),
        json!({"type": "message", "text": "hello"}),
    ];
    for other in others {
        let expected = ChainError::Unsupported("an action other than transfer or cancel");
        assert_eq!(refusal(vec![other.clone()]), expected, "{other}");
        assert_eq!(refusal(vec![transfer("btc", TO, "1000"), other.clone()]), expected, "{other}");
    }
}

#[test]
fn a_cancel_stands_alone_and_replaces_something() {
    let cancel = json!({"type": "cancel"});
    assert_eq!(refusal(vec![cancel.clone()]), ChainError::Unsupported("a cancel that replaces no intent"));
    let mut replacing = intent(vec![cancel.clone()]);
    replacing.replaces = Some(replacing.id);
    assert_eq!(plan(&policy(), &replacing).unwrap().effects[0].kind(), "self_cancel");
    let mut beside = intent(vec![cancel, transfer("btc", TO, "1000")]);
    beside.replaces = Some(beside.id);
    assert!(matches!(plan(&policy(), &beside), Err(ChainError::Unsupported(_))));
    let mut faster = intent(vec![transfer("btc", TO, "1000")]);
    faster.replaces = Some(faster.id);
    assert!(plan(&policy(), &faster).is_ok());
}

#[test]
fn g3_the_network_is_the_policy_sets() {
    let mut elsewhere = intent(vec![transfer("btc", TO, "1000")]);
    elsewhere.network = NetworkId::Bitcoin(BitcoinNetwork::Main);
    assert_eq!(plan(&policy(), &elsewhere), Err(ChainError::Unknown("network")));
}

/// G3: the bytes of a transaction do not name their network, and the wallet's keys are the same on each.
#[test]
fn g3_one_bitcoin_network_per_policy_set() {
    let wallet = Wallet::new("planning");
    let (good, choice) = mixed(&wallet);
    let unsigned = encode(&good, &choice, &wallet).unwrap();
    let main = NetworkId::Bitcoin(BitcoinNetwork::Main);
    let mut two = policy();
    two.networks.push(main);
    two.assets.push(Asset { id: "real".into(), key: AssetKey::native(main), decimals: 8 });
    let expected = ChainError::Forbidden("two Bitcoin networks in one policy set");
    assert_eq!(plan(&two, &intent(vec![transfer("btc", TO, "1000")])), Err(expected.clone()));
    assert_eq!(decode(&two, &wallet, NET, &unsigned), Err(expected.clone()));
    assert_eq!(assemble(&two, &wallet, NET, &unsigned, &[]), Err(expected));
}
