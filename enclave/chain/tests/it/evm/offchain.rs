//! Permits, typed data, messages and ownership proofs.

use super::world::*;
use ringi_chain::{ChainError, Decoded, assemble, decode, evm, plan};
use ringi_primitives::amount::Amount;
use ringi_primitives::effects::{Effect, OpaqueKind, Slot};
use ringi_primitives::intent::{Action, Message, Permit, Prove, TypedData};
use ringi_primitives::request::{PayloadKind, Unsigned};
use ringi_primitives::time::UnixMs;

const DEADLINE: &str = "2026-12-01T00:00:00Z";
const DEADLINE_S: u64 = 1_796_083_200;

fn permit(amount: Amount) -> Action {
    let deadline = UnixMs::parse_rfc3339(DEADLINE).unwrap();
    Action::Permit(Permit { asset: "usdc".into(), spender: text([0xbb; 20]), amount, deadline })
}

fn unsigned_permit(wallet: &Wallet) -> String {
    let intent = intent(permit(Amount::from_u64(5)));
    let plan = plan(&policy(), &intent).unwrap();
    let nonce = Amount::from_u64(3);
    let unsigned = evm::encode_message(&policy(), &plan, &intent, &wallet.account(), nonce).unwrap();
    assert_eq!(unsigned.kind, PayloadKind::TypedData);
    String::from_utf8(unsigned.bytes).unwrap()
}

fn decode_json(json: &str) -> Result<Decoded, ChainError> {
    decode_as(PayloadKind::TypedData, json)
}

fn decode_as(kind: PayloadKind, text: &str) -> Result<Decoded, ChainError> {
    decode(&policy(), &Wallet::new(1), NETWORK, &Unsigned { kind, bytes: text.into() })
}

#[test]
fn c2_permit_round_trips_with_its_bounds() {
    let wallet = Wallet::new(1);
    let intent = intent(permit(Amount::from_u64(5)));
    let plan = plan(&policy(), &intent).unwrap();
    assert_eq!(plan.max_fee, Amount::ZERO);
    let json = unsigned_permit(&wallet);
    let decoded = decode_json(&json).unwrap();
    assert_eq!(decoded.effects(), plan.effects);
    let [Effect::Permit { deadline_s, .. }] = decoded.effects() else { panic!() };
    assert_eq!(*deadline_s, DEADLINE_S);
    let Slot::Message { payload, .. } = decoded.slot() else { panic!() };
    assert_eq!(payload.0, digest_of(&decoded));
    let unsigned = Unsigned { kind: PayloadKind::TypedData, bytes: json.clone().into() };
    let signature = wallet.sign(&decoded.sighashes()[0]);
    let signed = assemble(&policy(), &wallet, NETWORK, &unsigned, &[signature]).unwrap();
    assert_eq!(signed.bytes.len(), 65);
    assert_eq!(signed.bytes[64], 27 + signature.recovery_id.unwrap());
    let same = plan_of_json(&json.replace("\"value\":\"5\"", "\"value\":5")).unwrap();
    assert_eq!(same, plan.effects, "other spellings plan to the same effect");
}

fn plan_of_json(json: &str) -> Result<Vec<Effect>, ChainError> {
    plan(&policy(), &intent(Action::TypedData(TypedData { json: json.into() }))).map(|plan| plan.effects)
}

#[test]
fn c2_permits_are_pinned_exactly() {
    let json = unsigned_permit(&Wallet::new(1));
    assert!(decode_json(&json).is_ok());
    let swap = |from: &str, to: &str| {
        assert!(json.contains(from), "{from}");
        json.replacen(from, to, 1)
    };
    let forbidden = [
        swap("\"name\":\"USD Coin\"", "\"name\":\"US Coin\""),
        swap("\"version\":\"2\"", "\"version\":\"1\""),
        swap("{\"name\":\"version\",\"type\":\"string\"},", "").replace("\"version\":\"2\",", ""),
        swap("\"value\",\"type\":\"uint256\"", "\"value\",\"type\":\"uint128\""),
        swap("\"deadline\",\"type\":\"uint256\"", "\"deadline\",\"type\":\"uint64\""),
        swap(
            "{\"name\":\"owner\",\"type\":\"address\"},{\"name\":\"spender\",\"type\":\"address\"}",
            "{\"name\":\"spender\",\"type\":\"address\"},{\"name\":\"owner\",\"type\":\"address\"}",
        ),
        swap("\"deadline\":\"1796083200\"", "\"deadline\":\"18446744073709551616\""),
        swap("\"value\":\"5\"", &format!("\"value\":\"{}\"", Amount::MAX)),
        swap("\"primaryType\":\"Permit\"", "\"primaryType\":\"PermitSingle\"")
            .replace("\"Permit\":[", "\"PermitSingle\":["),
        swap(&text(Wallet::new(1).account().raw().try_into().unwrap()), &text([0xee; 20])),
        swap("\"chainId\":31337,", "").replace("{\"name\":\"chainId\",\"type\":\"uint256\"},", ""),
        swap(&format!(",\"verifyingContract\":\"{}\"", text(TOKEN)), "")
            .replace(",{\"name\":\"verifyingContract\",\"type\":\"address\"}", ""),
        swap(&text(TOKEN), &text([0xab; 20])),
    ];
    for (i, case) in forbidden.iter().enumerate() {
        assert!(matches!(decode_json(case), Err(ChainError::Forbidden(_))), "case {i}: {:?}", decode_json(case));
    }
    assert_eq!(decode_json(&swap("31337", "1")), Err(ChainError::WrongChain));
    let spelled = [
        swap("\"value\":\"5\"", "\"value\":5"),
        swap("\"value\":\"5\"", "\"value\": \"5\""),
        swap(&text(TOKEN), &text(TOKEN).to_ascii_lowercase()),
        swap("\"chainId\":31337", "\"chainId\":\"31337\""),
        swap("\"message\":{", "\"message\":{\"nonce\":\"3\",").replacen(
            ",\"nonce\":\"3\",\"deadline\"",
            ",\"deadline\"",
            1,
        ),
        format!("{json} "),
    ];
    for case in &spelled {
        assert_eq!(decode_json(case), Err(ChainError::Undecodable("permit has another spelling")), "{case}");
    }
    // Another token nonce is another slot: rule I3 refuses it after the first.
    let other = decode_json(&swap("\"nonce\":\"3\"", "\"nonce\":\"4\"")).unwrap();
    assert_ne!(other.slot(), decode_json(&json).unwrap().slot());
}

#[test]
fn c2_permit_intents_need_a_named_domain_and_a_real_amount() {
    let unlimited = plan(&policy(), &intent(permit(Amount::MAX)));
    assert_eq!(unlimited, Err(ChainError::Forbidden("a permit of an unlimited amount")));
    let mut unnamed = policy();
    unnamed.permits.clear();
    let refused = plan(&unnamed, &intent(permit(Amount::from_u64(5))));
    assert_eq!(refused, Err(ChainError::Unknown("permit domain of the token")));
}

const MAIL: &str = concat!(
    r#"{"types":{"EIP712Domain":[{"name":"chainId","type":"uint256"},{"name":"verifyingContract","type":"address"}],"#,
    r#""Mail":[{"name":"to","type":"address"},{"name":"n","type":"uint8"}]},"primaryType":"Mail","#,
    r#""domain":{"chainId":31337,"verifyingContract":"0xcccccccccccccccccccccccccccccccccccccccc"},"#,
    r#""message":{"to":"0xbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb","n":1}}"#
);

/// The domain signed as if it were the message.
const DOMAIN_ONLY: &str = concat!(
    r#"{"types":{"EIP712Domain":[{"name":"chainId","type":"uint256"},{"name":"verifyingContract","type":"address"}]},"#,
    r#""primaryType":"EIP712Domain","domain":{"chainId":31337,"#,
    r#""verifyingContract":"0xcccccccccccccccccccccccccccccccccccccccc"},"#,
    r#""message":{"chainId":31337,"verifyingContract":"0xcccccccccccccccccccccccccccccccccccccccc"}}"#
);

#[test]
fn c2_other_typed_data_is_opaque_and_strict() {
    let decoded = decode_json(MAIL).unwrap();
    let [Effect::Opaque { kind, target, payload, .. }] = decoded.effects() else { panic!() };
    assert_eq!((*kind, *target), (OpaqueKind::TypedData, Some(address(VAULT_CONTRACT))));
    assert_eq!(payload.0, evm::keccak256(MAIL.as_bytes()));
    assert_eq!(plan_of_json(MAIL).unwrap(), decoded.effects());
    let cases = [
        ("\"n\":1", "\"n\":1,\"n\":1"),
        ("\"n\":1", "\"n\":256"),
        ("\"n\":1", "\"n\":-1"),
        ("\"n\":1", "\"n\":1.0"),
        ("\"n\":1", "\"n\":1e0"),
        ("\"n\":1", "\"n\":\"01\""),
        ("\"n\":1", "\"n\":null"),
        ("\"n\":1", "\"n\":true"),
        ("\"n\":1", "\"m\":1"),
        ("\"n\":1", "\"n\":1,\"memo\":\"hidden\""),
        (",\"n\":1", ""),
        ("uint8", "uint"),
        ("uint8", "uint7"),
        ("uint8", "Male"),
        ("uint8", "uint8[]"),
        ("uint8", "EIP712Domain"),
        ("\"Mail\":[", "\"Unused\":[{\"name\":\"x\",\"type\":\"bool\"}],\"Mail\":["),
        ("\"primaryType\":\"Mail\"", "\"primaryType\":\"EIP712Domain\""),
        ("\"primaryType\":\"Mail\"", "\"primaryType\":\"Male\""),
        ("{\"types\"", "{\"note\":\"x\",\"types\""),
        ("31337", "31337.0"),
        ("\"type\":\"uint8\"", "\"type\":\"uint8\",\"note\":\"x\""),
        ("\"name\":\"n\"", "\"name\":\"to\""),
        ("\"name\":\"n\"", "\"name\":\"n n\""),
    ];
    for (from, to) in cases {
        assert!(MAIL.contains(from));
        let case = MAIL.replacen(from, to, 1);
        assert!(matches!(decode_json(&case), Err(ChainError::Undecodable(_))), "{case}: {:?}", decode_json(&case));
    }
    let both = |from: &str, to: &str| MAIL.replace(from, to);
    let shapes = [
        both("\"n\"", "\"n n\""),
        both("\"type\":\"uint8\"", "\"type\":\"uint8[2]\"").replacen("\"n\":1", "\"n\":[1]", 1),
        both("\"type\":\"uint8\"", "\"type\":\"Pair[]\"").replacen("\"n\":1", "\"n\":[]", 1).replacen(
            "\"Mail\":[",
            "\"Pair\":[{\"name\":\"a\",\"type\":\"bool\"},{\"name\":\"a\",\"type\":\"bool\"}],\"Mail\":[",
            1,
        ),
        both("\"chainId\"", "\"chainID\"").replacen("]", ",{\"name\":\"chainId\",\"type\":\"uint256\"}]", 1),
        both("uint256", "uint64"),
        DOMAIN_ONLY.into(),
    ];
    for case in shapes {
        assert!(matches!(decode_json(&case), Err(ChainError::Undecodable(_))), "{case}: {:?}", decode_json(&case));
    }
    let unnamed = MAIL.replacen("0xcccccccccccccccccccccccccccccccccccccccc", &text([0xcd; 20]), 1);
    for refused in [decode_json(&unnamed).map(|_| ()), plan_of_json(&unnamed).map(|_| ())] {
        let named = "EIP-712 for a verifyingContract the policy set does not name";
        assert_eq!(refused, Err(ChainError::Forbidden(named)));
    }
    let unchecked = MAIL.replacen("0xbb", "0xBb", 1);
    assert!(matches!(decode_json(&unchecked), Err(ChainError::Address(_))));
    let long = MAIL.replacen("31337,", &format!("31337,{}", " ".repeat(40_000)), 1);
    assert_eq!(decode_json(&long), Err(ChainError::TooLarge("typed data")));
    let deep = MAIL.replacen("\"n\":1", &format!("\"n\":{}1{}", "[".repeat(4000), "]".repeat(4000)), 1);
    assert!(matches!(decode_json(&deep), Err(ChainError::Undecodable(_))));
}

#[test]
fn c2_ownership_proofs_have_one_form() {
    let wallet = Wallet::new(1);
    let intent_ = intent(Action::Prove(Prove { statement: "for the auditor".into() }));
    let plan_ = plan(&policy(), &intent_).unwrap();
    let unsigned = evm::encode_message(&policy(), &plan_, &intent_, &wallet.account(), Amount::ZERO).unwrap();
    let proof = String::from_utf8(unsigned.bytes.clone()).unwrap();
    let lines: Vec<&str> = proof.lines().collect();
    let account = evm::format_address(&wallet.account());
    assert_eq!(lines, ["Ringi ownership proof", &account, "eip155:31337", &"07".repeat(32), "for the auditor"]);
    assert_eq!(decode_as(unsigned.kind, &proof).unwrap().effects(), plan_.effects);
    let refused = [
        proof.replace("31337", "1"),
        proof.replace("0707", "0708"),
        proof.replace("for the auditor", ""),
        proof.replace("for the auditor", "two\nlines"),
        proof.replace("for the auditor", &"x".repeat(257)),
        proof.replace(&account, &account.to_ascii_lowercase()),
        "Ringi ownership proof".into(),
        "Ringi ownership proofs are nice".into(),
    ];
    for case in refused {
        assert!(matches!(decode_as(PayloadKind::Message, &case), Err(ChainError::Forbidden(_))), "{case}");
        let asked = plan(&policy(), &intent(Action::Message(Message { text: case })));
        assert!(matches!(asked, Err(ChainError::Forbidden(_))));
    }
    let two_lines = plan(&policy(), &intent(Action::Prove(Prove { statement: "two\nlines".into() })));
    assert!(matches!(two_lines, Err(ChainError::Forbidden(_))));
}

#[test]
fn c2_messages_are_opaque() {
    let wallet = Wallet::new(1);
    let intent = intent(Action::Message(Message { text: "hello world".into() }));
    let plan = plan(&policy(), &intent).unwrap();
    let unsigned = evm::encode_message(&policy(), &plan, &intent, &wallet.account(), Amount::ZERO).unwrap();
    let decoded = decode(&policy(), &wallet, NETWORK, &unsigned).unwrap();
    assert_eq!(decoded.effects(), plan.effects);
    assert!(matches!(decoded.effects(), [Effect::Opaque { kind: OpaqueKind::Message, .. }]));
    // EIP-191 of "hello world", as every wallet computes it.
    let hash = "d9eba16ed0ecae432b71fe008c98cc872bb4cc214d3220a36f365326cf807d68";
    assert_eq!(hex::encode(digest_of(&decoded)), hash);
    let broken = Unsigned { kind: PayloadKind::Message, bytes: vec![0xff] };
    assert!(matches!(decode(&policy(), &wallet, NETWORK, &broken), Err(ChainError::Undecodable(_))));
}
