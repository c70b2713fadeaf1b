//! The intent of the description against the one parser: what one takes the other takes, what one refuses the other refuses.

use crate::schema::faults;
use ringi_gateway::{model, openapi_json};
use ringi_primitives::intent::{Action, Intent};
use ringi_primitives::limits;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const ADDRESS: &str = "0x00000000000000000000000000000000000000AA";

fn document() -> Value {
    serde_json::from_str(&openapi_json()).unwrap()
}

/// One action of each kind.
fn actions() -> Vec<Value> {
    vec![
        json!({"type": "transfer", "asset": "eth", "to": ADDRESS, "amount": "1000"}),
        json!({"type": "approve", "asset": "usdc", "spender": ADDRESS, "amount": "1"}),
        json!({"type": "transfer_from", "asset": "usdc", "owner": ADDRESS, "to": ADDRESS, "amount": "1"}),
        json!({"type": "permit", "asset": "usdc", "spender": ADDRESS, "amount": "1", "deadline": "2026-11-24T00:00:00Z"}),
        json!({"type": "call", "to": ADDRESS, "value": "1", "function": "deposit(uint256)", "arguments": ["1"]}),
        json!({"type": "raw_call", "to": ADDRESS, "value": "1", "data": "0xabcd"}),
        json!({"type": "delegate", "to": ADDRESS}),
        json!({"type": "cancel"}),
        json!({"type": "prove", "statement": "ours"}),
        json!({"type": "typed_data", "json": "{}"}),
        json!({"type": "message", "text": "hello"}),
    ]
}

fn intent(action: &Value) -> Value {
    json!({
        "version": 1, "id": "int_01arz3ndektsv4rrffq69g5fav", "genesis": "0".repeat(63) + "1", "vault": "treasury",
        "wallet": "wal_01arz3ndektsv4rrffq69g5fav", "network": "eip155:31337", "actions": [action], "max_fee": "21000",
        "expires_at": "2026-11-24T00:00:00Z", "reference": "invoice 7", "replaces": "int_01arz3ndektsv4rrffq69g5fav",
    })
}

/// A new action must be given a sample here.
fn kind(action: &Action) -> &'static str {
    match action {
        Action::Transfer(_) => "transfer",
        Action::Approve(_) => "approve",
        Action::TransferFrom(_) => "transfer_from",
        Action::Permit(_) => "permit",
        Action::Call(_) => "call",
        Action::RawCall(_) => "raw_call",
        Action::Delegate(_) => "delegate",
        Action::Cancel(_) => "cancel",
        Action::Prove(_) => "prove",
        Action::TypedData(_) => "typed_data",
        Action::Message(_) => "message",
    }
}

/// The description and the parser, which must agree; whether they take it.
struct Both(Value, Value);

impl Both {
    fn new() -> Both {
        let document = document();
        let body = |path: &str| {
            document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"].clone()
        };
        let schema = body("/v1/transfers");
        assert_eq!(schema, body("/v1/transfers/dry-run"));
        Both(document, schema)
    }

    fn take(&self, value: &Value) -> bool {
        let faults = faults(&self.0, &self.1, value);
        let parsed = Intent::parse(value.to_string().as_bytes());
        assert_eq!(faults.is_empty(), parsed.is_ok(), "{value}\ndescription: {faults:?}\nparser: {parsed:?}");
        parsed.is_ok()
    }
}

/// The fields of an intent and of its action, as pointers.
fn fields(intent: &Value) -> Vec<String> {
    let of = |place: &str| {
        let object = intent.pointer(place).unwrap().as_object().unwrap();
        object.keys().map(|name| format!("{place}/{name}")).collect::<Vec<_>>()
    };
    [of(""), of("/actions/0")].concat()
}

/// The object that holds a field, and the field's name.
fn holder<'a>(intent: &'a mut Value, field: &'a str) -> (&'a mut serde_json::Map<String, Value>, &'a str) {
    let (place, name) = field.rsplit_once('/').unwrap();
    (intent.pointer_mut(place).unwrap().as_object_mut().unwrap(), name)
}

fn with(intent: &Value, field: &str, value: Value) -> Value {
    let mut changed = intent.clone();
    let (object, name) = holder(&mut changed, field);
    object.insert(name.to_owned(), value);
    changed
}

#[test]
fn the_description_knows_every_action_and_takes_what_the_parser_takes() {
    let both = Both::new();
    let mut kinds = BTreeSet::new();
    for action in actions() {
        let sample = intent(&action);
        assert!(both.take(&sample));
        let parsed = Intent::parse(sample.to_string().as_bytes()).unwrap();
        assert_eq!(kind(&parsed.actions[0]), action["type"]);
        kinds.insert(kind(&parsed.actions[0]));
        let mirrored: model::Intent = serde_json::from_value(sample.clone()).unwrap();
        assert_eq!(serde_json::to_value(&mirrored).unwrap(), sample);
    }
    let described = both.0["components"]["schemas"]["Action"]["oneOf"].as_array().unwrap().clone();
    let named: BTreeSet<&str> =
        described.iter().map(|one| one["properties"]["type"]["enum"][0].as_str().unwrap()).collect();
    assert_eq!((named, described.len()), (kinds, actions().len()));
    for object in described.iter().chain([&both.0["components"]["schemas"]["Intent"]]) {
        assert_eq!(object["additionalProperties"], false, "{object}");
    }
}

#[test]
fn a_field_left_out_added_or_of_another_type_is_refused_by_both() {
    let both = Both::new();
    let types = [Value::Null, json!(true), json!(7), json!(1.5), json!("?"), json!([]), json!([7]), json!({})];
    let mut refused = 0;
    for action in actions() {
        let sample = intent(&action);
        for place in ["/memo", "/Version", "/actions/0/memo", "/actions/0/Type"] {
            assert!(!both.take(&with(&sample, place, json!("x"))), "{place} added");
        }
        for field in fields(&sample) {
            let is_optional = ["/reference", "/replaces"].contains(&field.as_str());
            let mut without = sample.clone();
            let (object, name) = holder(&mut without, &field);
            object.remove(name);
            assert_eq!(both.take(&without), is_optional, "{field} left out of {action}");
            let was = sample.pointer(&field).unwrap();
            for other in types.iter().filter(|other| std::mem::discriminant(*other) != std::mem::discriminant(was)) {
                let is_absent = is_optional && other.is_null();
                assert_eq!(both.take(&with(&sample, &field, other.clone())), is_absent, "{field} is {other}");
                refused += usize::from(!is_absent);
            }
        }
        for other in [json!([sample]), action.clone(), json!("intent"), Value::Null] {
            assert!(!both.take(&other));
        }
    }
    assert!(refused > 1000, "only {refused} refusals");
}

#[test]
fn bounds_and_spellings_of_the_description_are_the_parsers() {
    let both = Both::new();
    let lengths = [limits::ADDRESS_TEXT_BYTES, limits::TEXT_BYTES, limits::HEADER_BYTES];
    let long = lengths.into_iter().flat_map(|bound| ["x".repeat(bound), "x".repeat(bound + 1)]);
    let spelt = ["", "x", "a\nb", "\u{85}", "0", "1", "-1", "+1", "007", "1.5", "0x1", "steal", "Transfer", "transfer"];
    let wrong = ["eip155:0", "eip155:01", "evm:1", "bitcoin:main", "int_1", "wal_01arz3ndektsv4rrffq69g5fav"];
    let times =
        ["2026-11-24T00:00:00Z", "2026-11-24 00:00:00Z", "2026-11-24T00:00:00.000Z", "2026-11-24T00:00:00+00:00"];
    let ids = ["int_81arz3ndektsv4rrffq69g5fav", "int_01ARZ3NDEKTSV4RRFFQ69G5FAV", "int_01arz3ndektsv4rrffq69g5fau"];
    let texts: Vec<String> =
        [&spelt[..], &wrong, &times, &ids].concat().into_iter().map(str::to_string).chain(long).collect();
    let (mut taken, mut refused) = (0, 0);
    for action in actions() {
        let sample = intent(&action);
        for field in fields(&sample).into_iter().filter(|f| sample.pointer(f).unwrap().is_string()) {
            for text in &texts {
                let is_taken = both.take(&with(&sample, &field, json!(text)));
                *if is_taken { &mut taken } else { &mut refused } += 1;
            }
        }
    }
    assert!(taken > 500 && refused > 2000, "{taken} taken, {refused} refused");
    let sample = intent(&actions()[0]);
    for (version, is_taken) in [(0, false), (1, true), (2, false), (256, false), (-1, false)] {
        assert_eq!(both.take(&with(&sample, "/version", json!(version))), is_taken);
    }
    for (count, is_taken) in
        [(0, false), (1, true), (limits::INTENT_ACTIONS, true), (limits::INTENT_ACTIONS + 1, false)]
    {
        assert_eq!(
            both.take(&with(&sample, "/actions", json!(vec![&actions()[0]; count]))),
            is_taken,
            "{count} actions"
        );
    }
}
