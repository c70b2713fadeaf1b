//! Public vectors, with their counts. Each file names its source.

use super::world::*;
use ringi_chain::{ChainError, assemble, decode, evm, parse_address, plan};
use ringi_primitives::amount::Amount;
use ringi_primitives::effects::{Effect, OpaqueKind};
use ringi_primitives::intent::{Action, Call, Delegate};
use ringi_primitives::network::NetworkId;
use ringi_primitives::policy_set::{AllowEntry, AllowList, ContractFunction, PolicySet};
use ringi_primitives::request::{FinishedSignature, PayloadKind, Unsigned};
use serde_json::Value;

fn load(text: &str) -> Vec<Value> {
    serde_json::from_str::<Value>(text).unwrap()["vectors"].as_array().unwrap().clone()
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap().strip_prefix("0x").unwrap()).unwrap()
}

fn policy_for(network: NetworkId) -> PolicySet {
    PolicySet { networks: vec![network], ..policy() }
}

/// Every vector: the digest is that of the given payload, and assembling gives the given bytes. Gives how many of them
/// were understood; the others are calls of nothing, which are refused.
fn check_transactions(vectors: &[Value]) -> usize {
    let mut understood = 0;
    for vector in vectors {
        let network = NetworkId::Evm(vector["chain_id"].as_u64().unwrap());
        let (policy, wallet) = (policy_for(network), Wallet::from_key(&bytes(&vector["key"])));
        assert_eq!(wallet.account().raw(), bytes(&vector["account"]), "{}", vector["name"]);
        let unsigned = Unsigned { kind: PayloadKind::Transaction, bytes: bytes(&vector["unsigned"]) };
        match decode(&policy, &wallet, network, &unsigned) {
            Ok(decoded) => {
                let digest = digest_of(&decoded);
                assert_eq!(digest, evm::keccak256(&unsigned.bytes));
                // These signatures are deterministic (RFC 6979), so ours is the vector's.
                let signature = wallet.sign_digest(&digest);
                let signed = assemble(&policy, &wallet, network, &unsigned, &[signature]).unwrap();
                assert_eq!(signed.bytes, bytes(&vector["signed"]));
                understood += 1;
            }
            Err(ChainError::Forbidden("a transfer of nothing"))
            | Err(ChainError::Amounts("priority fee exceeds the fee per gas")) => {}
            Err(other) => panic!("{}: {other}", vector["name"]),
        }
    }
    understood
}

#[test]
fn eip155() {
    let vectors = load(include_str!("../../../vectors/evm/eip155.json"));
    assert_eq!(vectors.len(), 201);
    assert_eq!(check_transactions(&vectors), 194);
    let example = Unsigned { kind: PayloadKind::Transaction, bytes: bytes(&vectors[0]["unsigned"]) };
    let wallet = Wallet::from_key(&bytes(&vectors[0]["key"]));
    let decoded = decode(&policy(), &wallet, NetworkId::Evm(1), &example).unwrap();
    let hash = "daf5a779ae972f972197303d7b574746c7ef83eadac0f2791ad23db92e4c8e53";
    assert_eq!(hex::encode(digest_of(&decoded)), hash);
    let [Effect::Transfer { amount, .. }] = decoded.effects() else { panic!() };
    assert_eq!(*amount, Amount::from_u64(1_000_000_000_000_000_000));
}

#[test]
fn c2_legacy_without_chain_id_is_refused() {
    for vector in load(include_str!("../../../vectors/evm/eip155.json")) {
        let network = NetworkId::Evm(vector["chain_id"].as_u64().unwrap());
        let unsigned = Unsigned { kind: PayloadKind::Transaction, bytes: bytes(&vector["unprotected"]) };
        let refused = decode(&policy_for(network), &Wallet::new(1), network, &unsigned);
        assert_eq!(refused, Err(ChainError::Forbidden("legacy transaction without EIP-155")));
    }
}

#[test]
fn eip2930() {
    let vectors = load(include_str!("../../../vectors/evm/eip2930.json"));
    assert_eq!(vectors.len(), 200);
    assert_eq!(check_transactions(&vectors), 192);
}

#[test]
fn eip1559() {
    let vectors = load(include_str!("../../../vectors/evm/eip1559.json"));
    assert_eq!(vectors.len(), 200);
    assert_eq!(check_transactions(&vectors), 191);
}

#[test]
fn eip7702() {
    let vectors = load(include_str!("../../../vectors/evm/eip7702.json"));
    assert_eq!(vectors.len(), 3);
    for vector in &vectors {
        if let Some(signed) = vector["signed"].as_str() {
            assert!(evm::SignedAuthorization::parse(&hex::decode(&signed[2..]).unwrap()).is_ok());
            continue;
        }
        let network = NetworkId::Evm(vector["chain_id"].as_u64().unwrap());
        let policy = policy_for(network);
        let mut intent = intent(Action::Delegate(Delegate { to: vector["delegate"].as_str().unwrap().into() }));
        intent.network = network;
        let plan = plan(&policy, &intent).unwrap();
        let unsigned = evm::encode_authorization(&plan, vector["nonce"].as_u64().unwrap() - 1).unwrap();
        let wallet = vector["key"].as_str().map_or(Wallet::new(1), |_| Wallet::from_key(&bytes(&vector["key"])));
        let decoded = decode(&policy, &wallet, network, &unsigned).unwrap();
        assert_eq!(digest_of(&decoded).to_vec(), bytes(&vector["hash"]));
        if vector["signature"].is_string() {
            let expected = bytes(&vector["signature"]);
            let signature =
                FinishedSignature { bytes: expected[..64].try_into().unwrap(), recovery_id: Some(expected[64] - 27) };
            assert!(assemble(&policy, &wallet, network, &unsigned, &[signature]).is_ok());
        }
    }
}

#[test]
fn eip712() {
    let vectors = load(include_str!("../../../vectors/evm/eip712.json"));
    assert_eq!(vectors.len(), 201);
    for vector in &vectors {
        let network = NetworkId::Evm(vector["chain_id"].as_u64().unwrap());
        let contract = address(bytes(&vector["contract"]).try_into().unwrap());
        let entries = vec![AllowEntry { network, address: contract }];
        let named =
            AllowList { name: "contracts".into(), entries: entries.into_iter().collect(), tags: Default::default() };
        let policy = PolicySet { allow_lists: vec![named], ..policy_for(network) };
        let document = vector["document"].as_str().unwrap();
        let unsigned = Unsigned { kind: PayloadKind::TypedData, bytes: document.into() };
        let decoded = decode(&policy, &Wallet::new(1), network, &unsigned);
        let decoded = decoded.unwrap_or_else(|e| panic!("{}: {e}: {document}", vector["name"]));
        assert_eq!(digest_of(&decoded).to_vec(), bytes(&vector["digest"]), "{}", vector["name"]);
        let [Effect::Opaque { kind, target, .. }] = decoded.effects() else { panic!() };
        assert_eq!((*kind, *target), (OpaqueKind::TypedData, Some(contract)));
        // C2: the same document for a contract that nobody named.
        let refused = decode(&policy_for(network), &Wallet::new(1), network, &unsigned);
        assert!(matches!(refused, Err(ChainError::Forbidden(_))));
    }
}

#[test]
fn eip55() {
    let vectors = load(include_str!("../../../vectors/evm/eip55.json"));
    assert_eq!(vectors.len(), 208);
    for vector in &vectors {
        let text = vector.as_str().unwrap();
        let address = parse_address(NETWORK, text).unwrap();
        assert_eq!(evm::format_address(&address), text);
        for wrong in [text.to_ascii_lowercase(), format!("0x{}", text[2..].to_ascii_uppercase()), text[2..].into()] {
            assert_eq!(parse_address(NETWORK, &wrong).is_ok(), wrong == text, "{wrong}");
        }
        for i in 2..text.len() {
            let mut flipped = text.as_bytes().to_vec();
            flipped[i] ^= 0x20;
            let flipped = String::from_utf8(flipped).unwrap();
            assert!(parse_address(NETWORK, &flipped).is_err(), "{flipped}");
        }
    }
}

#[test]
fn abi() {
    let vectors = load(include_str!("../../../vectors/evm/abi.json"));
    assert_eq!(vectors.len(), 288);
    for vector in &vectors {
        let signature = vector["function"].as_str().unwrap();
        let arguments = vector["arguments"].as_array().unwrap().iter().map(|a| a.as_str().unwrap().into()).collect();
        let contract = address(VAULT_CONTRACT);
        let functions = vec![ContractFunction { network: NETWORK, contract, signature: signature.into() }];
        let policy = PolicySet { functions, ..policy() };
        let call = Call { to: text(VAULT_CONTRACT), value: Amount::ZERO, function: signature.into(), arguments };
        let plan = plan(&policy, &intent(Action::Call(call)));
        let plan = plan.unwrap_or_else(|e| panic!("{}: {e}", vector["name"]));
        let [Effect::Call { data, function, .. }] = plan.effects.as_slice() else { panic!() };
        assert_eq!(function, signature);
        assert_eq!(data[4..], bytes(&vector["encoded"]), "{}", vector["name"]);
        assert_eq!(data[..4], evm::keccak256(signature.as_bytes())[..4]);
    }
}
