//! Arguments in text form, and call data that is almost right.

use super::world::*;
use ringi_chain::{ChainError, decode, evm, plan};
use ringi_primitives::amount::Amount;
use ringi_primitives::effects::Effect;
use ringi_primitives::intent::{Action, Call};
use ringi_primitives::policy_set::{ContractFunction, PolicySet};
use ringi_primitives::request::{PayloadKind, Unsigned};

fn naming(signature: &str) -> PolicySet {
    let contract = address(VAULT_CONTRACT);
    let functions = vec![ContractFunction { network: NETWORK, contract, signature: signature.into() }];
    PolicySet { functions, ..policy() }
}

/// The arguments' encoding, as words in hex.
fn encode(signature: &str, arguments: &[&str]) -> Result<Vec<u8>, ChainError> {
    let arguments = arguments.iter().map(|a| (*a).to_owned()).collect();
    let call = Call { to: text(VAULT_CONTRACT), value: Amount::ZERO, function: signature.into(), arguments };
    let plan = plan(&naming(signature), &intent(Action::Call(call)))?;
    let [Effect::Call { data, .. }] = plan.effects.as_slice() else { panic!() };
    Ok(data[4..].to_vec())
}

/// What a cosigner says to a call with these words.
fn check(signature: &str, words: &[&str]) -> Result<(), ChainError> {
    let words = words.iter().flat_map(|word| hex::decode(format!("{word:0>64}")).unwrap());
    let data: Vec<u8> = evm::keccak256(signature.as_bytes()).into_iter().take(4).chain(words).collect();
    let mut items: Vec<Rlp> = [CHAIN.into(), 1, 1, 1, 1].into_iter().map(Rlp::number).collect();
    items.extend([Rlp::Bytes(VAULT_CONTRACT.to_vec()), Rlp::number(0), Rlp::Bytes(data), Rlp::List(vec![])]);
    let bytes = [vec![2], Rlp::List(items).encode()].concat();
    let unsigned = Unsigned { kind: PayloadKind::Transaction, bytes };
    decode(&naming(signature), &Wallet::new(1), NETWORK, &unsigned).map(|_| ())
}

fn left(head: &str) -> String {
    format!("{head:0<64}")
}

#[test]
fn every_word_is_clean() {
    let (ones, abc, one_byte) = ("f".repeat(64), left("616263"), left("61"));
    let negative = format!("{}8000", "f".repeat(60));
    let good: [(&str, &[&str]); 12] = [
        ("f(bool)", &["1"]),
        ("f(uint8)", &["ff"]),
        ("f(int16)", &["7fff"]),
        ("f(int16)", &[&negative]),
        ("f(bytes3)", &[&abc]),
        ("f(bytes32)", &[&ones]),
        ("f(string)", &["20", "3", &abc]),
        ("f(bytes)", &["20", "0"]),
        ("f(uint8[2])", &["1", "2"]),
        ("f(uint8[])", &["20", "0"]),
        ("f((bool,bytes),bool)", &["40", "1", "1", "40", "1", &one_byte]),
        ("f()", &[]),
    ];
    for (signature, words) in good {
        assert_eq!(check(signature, words), Ok(()), "{signature}");
    }
    let long = format!("1{}", "0".repeat(56));
    let (dirty_tail, not_text) = (left("61626364"), left("ff"));
    let bad: [(&str, &[&str]); 26] = [
        ("f(bool)", &["2"]),
        ("f(bool)", &[&ones]),
        ("f(bool)", &[]),
        ("f(bool)", &["1", "1"]),
        ("f(uint8)", &["100"]),
        ("f(int16)", &["8000"]),
        ("f(int16)", &["18000"]),
        ("f(int16)", &[&ones[1..]]),
        ("f(bytes3)", &[&dirty_tail]),
        ("f(bytes3)", &["616263"]),
        ("f(address)", &[&ones[..42]]),
        ("f(string)", &["20", "3", &dirty_tail]),
        ("f(string)", &["20", "1", &not_text]),
        ("f(string)", &["20", "3"]),
        ("f(string)", &["20", "21", &abc]),
        ("f(string)", &["40", "0", "0"]),
        ("f(string)", &["0"]),
        ("f(bytes)", &["20", &long]),
        ("f(bytes)", &[&format!("{}20", &long[..57]), "0"]),
        ("f(bytes)", &["20", "0", "0"]),
        ("f(bytes)", &["20", &ones]),
        ("f(bytes,bytes)", &["40", "40", "0"]),
        ("f(bytes,bytes)", &["60", "40", "0", "0"]),
        ("f(uint8[])", &["20", "2", "1"]),
        ("f(uint8[2])", &["1", "100"]),
        ("f((bool,uint8))", &["1", "100"]),
    ];
    for (signature, words) in bad {
        assert!(matches!(check(signature, words), Err(ChainError::Undecodable(_))), "{signature} {words:?}");
    }
}

#[test]
fn texts_are_read_strictly() {
    let word = |hex: &str| hex::decode(format!("{hex:0>64}")).unwrap();
    assert_eq!(encode("f(int8)", &["-128"]).unwrap(), word(&format!("{}80", "f".repeat(62))));
    assert_eq!(encode("f(int8)", &["127"]).unwrap(), word("7f"));
    assert_eq!(encode("f(bool)", &["true"]).unwrap(), word("1"));
    assert_eq!(encode("f(bytes2)", &["0x0102"]).unwrap(), hex::decode(left("0102")).unwrap());
    let bad: [(&str, &[&str]); 24] = [
        ("f(int8)", &["-129"]),
        ("f(int8)", &["128"]),
        ("f(int8)", &["-0"]),
        ("f(int8)", &["+1"]),
        ("f(uint8)", &["256"]),
        ("f(uint8)", &["1.0"]),
        ("f(uint8)", &["1e1"]),
        ("f(uint8)", &[" 1"]),
        ("f(uint8)", &[""]),
        ("f(bool)", &["1"]),
        ("f(bool)", &["True"]),
        ("f(bytes2)", &["0x01"]),
        ("f(bytes2)", &["0x010203"]),
        ("f(bytes2)", &["0xABCD"]),
        ("f(bytes)", &["0x0"]),
        ("f(bytes)", &["00"]),
        ("f(uint8[])", &["1"]),
        ("f(uint8[])", &["[1]"]),
        ("f(uint8[])", &["{\"0\":\"1\"}"]),
        ("f(uint8[2])", &["[\"1\"]"]),
        ("f(uint8[2])", &["[\"1\",\"2\",\"3\"]"]),
        ("f((uint8,bool))", &["[\"1\"]"]),
        ("f((uint8,bool))", &["[\"1\",\"true\",\"1\"]"]),
        ("f(uint8[][])", &["[\"1\"]"]),
    ];
    for (signature, arguments) in bad {
        let refused = encode(signature, arguments);
        assert!(matches!(refused, Err(ChainError::Undecodable(_))), "{signature} {arguments:?}: {refused:?}");
    }
}

#[test]
fn signatures_are_canonical() {
    for bad in [
        "f(uint)",
        "f(uint256 a)",
        "f( uint256)",
        "f(uint256,)",
        "f(uint256",
        "f(uint256))",
        "f",
        "(uint256)",
        "1f()",
        "f(uint7)",
        "f(uint08)",
        "f(bytes0)",
        "f(bytes33)",
        "f(uint256[0])",
        "f(uint256[01])",
        "f(())",
        "f(function)",
        "f(uint256[2000000000])",
        "f(uint256[1000][1000])",
        "f((((((((((uint8))))))))))",
        "f()()",
    ] {
        assert!(matches!(encode(bad, &[]), Err(ChainError::Unsupported(_))), "{bad}");
    }
}
