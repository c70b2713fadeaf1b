//! An independent encoder (ethers, from npm) must agree with ours byte for byte.

use super::world::*;
use ringi_chain::evm::{self, AccessEntry, Choice, Fees, SignedAuthorization};
use ringi_chain::{assemble, decode, parse_address, plan};
use ringi_primitives::amount::Amount;
use ringi_primitives::asset::{Asset, AssetKey};
use ringi_primitives::effects::Effect;
use ringi_primitives::intent::{Action, Approve, Call, Delegate, Intent, Message, Permit, Transfer, TransferFrom};
use ringi_primitives::network::NetworkId;
use ringi_primitives::policy_set::{ContractFunction, PermitDomain, PolicySet};
use ringi_primitives::time::UnixMs;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

const LINES: usize = 4096;

/// What the oracle prints, installing it first where its folder has no packages.
fn oracle() -> Option<Vec<Value>> {
    if std::env::var("RINGI_SKIP_ORACLES").is_ok_and(|v| v == "1") {
        println!("skipped: RINGI_SKIP_ORACLES=1, EVM encoding was not compared with an independent encoder");
        return None;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../oracles/evm");
    if !folder.join("node_modules/ethers").exists() {
        let done = Command::new("npm").args(["ci", "--ignore-scripts"]).current_dir(&folder).status();
        assert!(done.expect("npm is needed (or RINGI_SKIP_ORACLES=1)").success(), "npm ci failed");
    }
    let seed = std::env::var("RINGI_ORACLE_SEED").unwrap_or_else(|_| "ringi".into());
    let run = Command::new("node").args(["generate.mjs", &seed, &LINES.to_string()]).current_dir(&folder).output();
    let output = run.expect("node is needed (or RINGI_SKIP_ORACLES=1)");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

fn string(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).into()
}

fn amount(value: &Value) -> Amount {
    Amount::parse_base_units(&string(value)).unwrap()
}

fn number(value: &Value) -> u128 {
    string(value).parse().unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(&string(value)[2..]).unwrap()
}

fn fixed<const N: usize>(value: &Value) -> [u8; N] {
    bytes(value).try_into().unwrap()
}

fn network(line: &Value) -> NetworkId {
    NetworkId::Evm(line["chainId"].as_u64().unwrap())
}

/// A policy set that knows the line's network and contract.
fn policy_of(line: &Value) -> PolicySet {
    let network = network(line);
    let asset = |id: &str, key| Asset { id: id.into(), key, decimals: 18 };
    let mut policy = PolicySet { networks: vec![network], functions: vec![], permits: vec![], ..policy() };
    policy.assets = vec![asset("coin", AssetKey::native(network))];
    let contract = line.get("contract").or(line.get("verifyingContract"));
    if let Some(contract) = contract {
        let contract = parse_address(network, contract.as_str().unwrap()).unwrap();
        let token = AssetKey::token(network, contract);
        policy.assets.push(asset("token", token));
        if line["kind"] == "permit" {
            let (name, version) = (string(&line["name"]), string(&line["version"]));
            policy.permits = vec![PermitDomain { asset: token, name, version, max_life_s: 1 }];
        }
        if line["kind"] == "call" {
            let signature = string(&line["function"]);
            policy.functions = vec![ContractFunction { network, contract, signature }];
        }
    }
    policy
}

fn intent_of(line: &Value, action: Action) -> Intent {
    Intent { network: network(line), max_fee: Amount::MAX, ..intent(action) }
}

fn action_of(line: &Value) -> Action {
    let to = string(&line["to"]);
    let (asset, amount) = ("token".to_owned(), amount(&line["amount"]));
    match line["action"].as_str().unwrap() {
        "native" => Action::Transfer(Transfer { asset: "coin".into(), to, amount }),
        "transfer" => Action::Transfer(Transfer { asset, to, amount }),
        "approve" => Action::Approve(Approve { asset, spender: to, amount }),
        "transferFrom" => Action::TransferFrom(TransferFrom { asset, owner: string(&line["other"]), to, amount }),
        other => panic!("{other}"),
    }
}

fn choice_of(choice: &Value, authorization: Option<SignedAuthorization>) -> Choice {
    let access_list = choice["accessList"].as_array().into_iter().flatten().map(|entry| AccessEntry {
        address: fixed(&entry["address"]),
        storage_keys: entry["storageKeys"].as_array().unwrap().iter().map(fixed).collect(),
    });
    let access_list = access_list.collect();
    let most = || (number(&choice["maxFeePerGas"]), number(&choice["maxPriorityFeePerGas"]));
    let fees = match choice["type"].as_u64().unwrap() {
        0 => Fees::Legacy { gas_price: number(&choice["gasPrice"]) },
        1 => Fees::Eip2930 { gas_price: number(&choice["gasPrice"]), access_list },
        2 => Fees::Eip1559 { max_fee_per_gas: most().0, max_priority_fee_per_gas: most().1, access_list },
        _ => Fees::Eip7702 {
            max_fee_per_gas: most().0,
            max_priority_fee_per_gas: most().1,
            access_list,
            authorization: authorization.unwrap(),
        },
    };
    let gas_limit = u64::try_from(number(&choice["gasLimit"])).unwrap();
    Choice { nonce: choice["nonce"].as_u64().unwrap(), gas_limit, fees }
}

/// Our bytes, digest, signed form and id are the oracle's.
fn check_transaction(line: &Value, wallet: &Wallet, action: Action, authorization: Option<SignedAuthorization>) {
    let (policy, intent) = (policy_of(line), intent_of(line, action));
    let plan = plan(&policy, &intent).unwrap();
    let choice = choice_of(&line["choice"], authorization);
    let unsigned = evm::encode(&plan, &intent, &wallet.account(), &choice).unwrap();
    assert_eq!(unsigned.bytes, bytes(&line["unsigned"]), "{line}");
    let decoded = decode(&policy, wallet, network(line), &unsigned).unwrap();
    assert_eq!(decoded.effects(), plan.effects);
    assert_eq!(digest_of(&decoded), fixed(&line["sighash"]));
    let signature = wallet.sign(&decoded.sighashes()[0]);
    let signed = assemble(&policy, wallet, network(line), &unsigned, &[signature]).unwrap();
    assert_eq!(signed.bytes, bytes(&line["signed"]), "{line}");
    assert_eq!(signed.id, string(&line["hash"]));
}

fn check_delegation(line: &Value, wallet: &Wallet) {
    let action = || Action::Delegate(Delegate { to: string(&line["delegate"]) });
    let (policy, intent) = (policy_of(line), intent_of(line, action()));
    let plan = plan(&policy, &intent).unwrap();
    let nonce = line["choice"]["nonce"].as_u64().unwrap();
    let unsigned = evm::encode_authorization(&plan, nonce).unwrap();
    let decoded = decode(&policy, wallet, network(line), &unsigned).unwrap();
    assert_eq!(digest_of(&decoded), fixed(&line["authorizationDigest"]));
    let signature = wallet.sign(&decoded.sighashes()[0]);
    let signed = assemble(&policy, wallet, network(line), &unsigned, &[signature]).unwrap();
    check_transaction(line, wallet, action(), Some(SignedAuthorization::parse(&signed.bytes).unwrap()));
}

fn check_message(line: &Value, wallet: &Wallet, action: Action, permit_nonce: Amount) {
    let (policy, intent) = (policy_of(line), intent_of(line, action));
    let plan = plan(&policy, &intent).unwrap();
    let unsigned = evm::encode_message(&policy, &plan, &intent, &wallet.account(), permit_nonce).unwrap();
    let decoded = decode(&policy, wallet, network(line), &unsigned).unwrap();
    assert_eq!(decoded.effects(), plan.effects);
    assert_eq!(digest_of(&decoded), fixed(&line["sighash"]), "{line}");
}

fn check_permit(line: &Value, wallet: &Wallet) {
    let deadline = UnixMs(u64::try_from(number(&line["deadline"])).unwrap() * 1000);
    let (spender, amount_) = (string(&line["spender"]), amount(&line["value"]));
    let action = Action::Permit(Permit { asset: "token".into(), spender, amount: amount_, deadline });
    check_message(line, wallet, action, amount(&line["nonce"]));
}

fn check_call(line: &Value) {
    let arguments = line["arguments"].as_array().unwrap().iter().map(string).collect();
    let (to, function) = (string(&line["contract"]), string(&line["function"]));
    let action = Action::Call(Call { to, value: Amount::ZERO, function, arguments });
    let plan = plan(&policy_of(line), &intent_of(line, action)).unwrap();
    let [Effect::Call { data, .. }] = plan.effects.as_slice() else { panic!("{line}") };
    assert_eq!(*data, bytes(&line["data"]), "{line}");
}

#[test]
fn an_independent_encoder_agrees() {
    let Some(lines) = oracle() else { return };
    let wallet = Wallet::new(1);
    let mut counts = BTreeMap::<String, usize>::new();
    for line in &lines {
        match line["kind"].as_str().unwrap() {
            "transaction" => check_transaction(line, &wallet, action_of(line), None),
            "delegation" => check_delegation(line, &wallet),
            "permit" => check_permit(line, &wallet),
            "message" => {
                let action = Action::Message(Message { text: string(&line["text"]) });
                check_message(line, &wallet, action, Amount::ZERO);
            }
            "call" => check_call(line),
            other => panic!("{other}"),
        }
        let kind = match line["choice"]["type"].as_u64() {
            Some(envelope) => format!("type {envelope}"),
            None => string(&line["kind"]),
        };
        *counts.entry(kind).or_default() += 1;
    }
    let expected = [
        ("call", 512),
        ("message", 512),
        ("permit", 512),
        ("type 0", 512),
        ("type 1", 512),
        ("type 2", 1024),
        ("type 4", 512),
    ];
    assert_eq!(counts, expected.map(|(kind, n)| (kind.to_owned(), n)).into());
}

#[test]
fn the_oracles_lock_file_names_no_host() {
    let lock = include_str!("../../../../../oracles/evm/package-lock.json");
    assert!(lock.contains("\"integrity\"") && !lock.contains("resolved") && !lock.contains("://"));
}
