//! An independent library writes the same transactions: bytes and digests agree, and its PSBTs are read.

use super::fixture::*;
use ::bitcoin::consensus;
use ringi_chain::bitcoin::{AddressKind, Change, Choice, Input, decode, encode, plan, txid};
use ringi_primitives::amount::Amount;
use ringi_primitives::digest::Digest;
use ringi_primitives::id::{IntentId, WalletId};
use ringi_primitives::intent::{Action, Intent, Transfer};
use ringi_primitives::request::{PayloadKind, Unsigned};
use ringi_primitives::time::UnixMs;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

const COUNT: usize = 2_000;
const SEED: &str = "ringi bitcoin oracle 1";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../oracles/bitcoin")
}

fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(folder()).output();
    let output = output.unwrap_or_else(|e| panic!("{program}: {e}; RINGI_SKIP_ORACLES=1 leaves this test out"));
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn number(value: &Value) -> u32 {
    u32::try_from(value.as_u64().unwrap()).unwrap()
}

fn kind(value: &Value) -> AddressKind {
    match text(value) {
        "p2wpkh" => AddressKind::P2wpkh,
        "p2tr" => AddressKind::P2tr,
        other => panic!("{other}"),
    }
}

fn intent(line: &Value) -> Intent {
    let transfer = |p: &Value| {
        let amount = Amount::parse_base_units(text(&p["amount"])).unwrap();
        Action::Transfer(Transfer { asset: "btc".into(), to: text(&p["address"]).into(), amount })
    };
    Intent {
        version: 1,
        id: IntentId::from_bytes([1; 16]),
        genesis: Digest([7; 32]),
        vault: "treasury".into(),
        wallet: WalletId::from_bytes([2; 16]),
        network: NETWORK,
        actions: line["payments"].as_array().unwrap().iter().map(transfer).collect(),
        max_fee: Amount::from_u64(100_000),
        expires_at: UnixMs(1),
        reference: None,
        replaces: None,
    }
}

fn choice(line: &Value) -> Choice {
    let input = |i: &Value| Input {
        previous_tx: hex::decode(text(&i["previous_tx"])).unwrap(),
        vout: number(&i["vout"]),
        position: at(number(&i["branch"]), number(&i["index"])),
        sequence: number(&i["sequence"]),
    };
    let change = |c: &Value| Change {
        position: at(CHANGE, number(&c["index"])),
        kind: kind(&c["kind"]),
        after: usize::try_from(number(&c["after"])).unwrap(),
    };
    Choice {
        inputs: line["inputs"].as_array().unwrap().iter().map(input).collect(),
        change: line.get("change").filter(|c| !c.is_null()).map(change),
        fee: Amount::parse_base_units(text(&line["fee"])).unwrap(),
        lock_time: number(&line["lock_time"]),
        version: i32::try_from(number(&line["version"])).unwrap(),
    }
}

/// Compares one transaction, and its PSBT where there is one; gives the number of digests compared.
fn agree(line: &Value, wallet: &Wallet) -> usize {
    let plan = plan(&policy(), &intent(line)).unwrap();
    let choice = choice(line);
    let unsigned = encode(&plan, &choice, wallet).unwrap();
    assert_eq!(hex::encode(consensus::serialize(&open(&unsigned).unsigned_tx)), text(&line["unsigned_tx"]));
    assert_eq!(txid(&unsigned).unwrap(), text(&line["txid"]));
    let decoded = decode(&policy(), wallet, NET, &unsigned).unwrap();
    assert_eq!(decoded.effects(), &plan.effects[..]);
    assert_eq!(decoded.max_fee(), choice.fee);
    let digests: Vec<String> = decoded.sighashes().iter().map(|s| hex::encode(s.expose_to_signer())).collect();
    let theirs: Vec<&str> = line["sighashes"].as_array().unwrap().iter().map(text).collect();
    assert_eq!(digests, theirs);

    if let Some(psbt) = line["psbt"].as_str() {
        let foreign = Unsigned { kind: PayloadKind::Transaction, bytes: hex::decode(psbt).unwrap() };
        assert_eq!(decode(&policy(), wallet, NET, &foreign).as_ref(), Ok(&decoded));
        assert_eq!(foreign, unsigned);
    }
    digests.len()
}

#[test]
fn an_independent_library_writes_the_same_bytes() {
    if std::env::var("RINGI_SKIP_ORACLES").as_deref() == Ok("1") {
        println!("left out: RINGI_SKIP_ORACLES=1");
        return;
    }
    if !folder().join("node_modules").is_dir() {
        run("npm", &["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
    }
    let lines = run("node", &["generate.mjs", SEED, &COUNT.to_string()]);
    let wallet = Wallet::new("oracle");
    let (mut transactions, mut digests, mut psbts) = (0, 0, 0);
    for line in lines.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        digests += agree(&line, &wallet);
        psbts += usize::from(line["psbt"].is_string());
        transactions += 1;
    }
    println!("{transactions} transactions, {digests} digests, {psbts} PSBTs");
    assert_eq!((transactions, psbts), (COUNT, COUNT / 8));
    assert!(digests > 3 * COUNT);
}

/// The lock file pins what runs and names no host.
#[test]
fn the_oracle_is_pinned() {
    let read = |name: &str| std::fs::read_to_string(folder().join(name)).unwrap();
    assert!(read(".npmrc").contains("omit-lockfile-registry-resolved=true"));
    let lock = read("package-lock.json");
    assert!(!lock.contains("://") && lock.contains("\"integrity\""));
    assert!(read("package.json").contains("\"@scure/btc-signer\": \"2.4.1\""));
}
