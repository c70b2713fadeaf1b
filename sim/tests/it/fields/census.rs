//! Rule I4: the table lists every field there is. The structs are taken apart field by field: a new field does not compile
//! here until it is named, and does not pass until the table has it.

use ringi_chain::bitcoin::{Change, Choice as Coins, Input};
use ringi_chain::evm::{AccessEntry, Choice, Fees, Target};
use ringi_primitives::approval::{Approval, Evidence};
use ringi_primitives::fact::SignedFact;
use ringi_primitives::httpsig::RequestSignature;
use ringi_primitives::request::{Binding, FIELDS, SigningRequest, Unsigned};

/// The names of a struct's fields; the pattern without `..` makes the list complete.
macro_rules! names {
    ($prefix:literal, $type:path { $($field:ident),* $(,)? }) => {{
        #[allow(dead_code, reason = "compiled for its pattern")]
        fn complete(whole: &$type) {
            use $type as Whole;
            let Whole { $($field: _),* } = whole;
        }
        vec![$(concat!($prefix, stringify!($field))),*]
    }};
}

fn listed(name: &str) -> bool {
    FIELDS.iter().any(|(field, _)| *field == name || field.starts_with(&format!("{name}.")))
}

#[test]
fn i4_every_field_of_the_request_is_in_the_table() {
    let names = [
        names!("", SigningRequest { version, genesis, intent, initiator, approvals, policy, unsigned, facts }),
        names!(
            "initiator.",
            RequestSignature { method, path, idempotency_key, key, created_s, expires_s, nonce, signature }
        ),
        names!("approvals.", Approval { person, evidence }),
        names!("facts.", SignedFact { statement, signature }),
    ];
    for name in names.concat() {
        assert!(listed(name), "{name} is not in the table of rule I4");
    }
    // The unsigned bytes are listed by what is in them.
    assert_eq!(names!("unsigned.", Unsigned { kind, bytes }), ["unsigned.kind", "unsigned.bytes"]);
    assert!(listed("unsigned.kind"));
    // Evidence is one field: both forms are refused when changed.
    let _ = |evidence: &Evidence| match evidence {
        Evidence::Signature { key: _, signature: _ } => (),
        Evidence::WebAuthn { credential: _, authenticator_data: _, client_data: _, signature: _ } => (),
    };
}

/// Where each choice of the host on the EVM chain stands in the table.
#[test]
fn i4_every_field_of_the_evm_payload_is_in_the_table() {
    assert_eq!(names!("", Choice { nonce, gas_limit, fees }), ["nonce", "gas_limit", "fees"]);
    assert_eq!(names!("", Target { to, value, data }), ["to", "value", "data"]);
    assert_eq!(names!("", AccessEntry { address, storage_keys }), ["address", "storage_keys"]);
    let fields_of = |fees: &Fees| match fees {
        Fees::Legacy { gas_price: _ } => vec!["max_fee_per_gas"],
        Fees::Eip2930 { gas_price: _, access_list: _ } => vec!["max_fee_per_gas", "access_list"],
        Fees::Eip1559 { max_fee_per_gas: _, max_priority_fee_per_gas: _, access_list: _ } => {
            vec!["max_fee_per_gas", "max_priority_fee_per_gas", "access_list"]
        }
        Fees::Eip7702 { max_fee_per_gas: _, max_priority_fee_per_gas: _, access_list: _, authorization: _ } => {
            vec!["max_fee_per_gas", "max_priority_fee_per_gas", "access_list", "authorization"]
        }
    };
    let mut names = vec!["type", "chain_id", "nonce", "gas_limit", "to", "value", "data", "authorization"];
    names.extend(fields_of(&Fees::Legacy { gas_price: 0 }));
    let fees = Fees::Eip1559 { max_fee_per_gas: 0, max_priority_fee_per_gas: 0, access_list: vec![] };
    names.extend(fields_of(&fees));
    for name in names {
        assert!(listed(&format!("unsigned.evm.{name}")), "{name} is not in the table of rule I4");
    }
}

/// A PSBT's transaction is taken apart as the library has it; its other fields are `input.hint`, `change.script` (the
/// output's hint) and `other`.
#[test]
fn i4_every_field_of_the_bitcoin_payload_is_in_the_table() {
    use ::bitcoin::{Transaction, TxIn, TxOut};
    assert_eq!(names!("", Coins { inputs, change, fee, lock_time, version }).len(), 5);
    assert_eq!(names!("", Input { previous_tx, vout, position, sequence }).len(), 4);
    assert_eq!(names!("", Change { position, kind, after }).len(), 3);
    assert_eq!(
        names!("", Transaction { version, lock_time, input, output }),
        ["version", "lock_time", "input", "output"]
    );
    assert_eq!(names!("", TxIn { previous_output, script_sig, sequence, witness }).len(), 4);
    assert_eq!(names!("", TxOut { value, script_pubkey }).len(), 2);
    let names = ["version", "lock_time", "input.outpoint", "input.sequence", "input.previous", "input.hint"];
    let more = ["input.sighash_type", "output.script", "output.value", "change.script", "change.value", "other"];
    for name in names.into_iter().chain(more) {
        assert!(listed(&format!("unsigned.bitcoin.{name}")), "{name} is not in the table of rule I4");
    }
}

#[test]
fn i4_a_bound_says_what_it_is() {
    for (name, binding) in FIELDS {
        if let Binding::Bounded(bound) = binding {
            assert!(!bound.is_empty(), "{name}");
        }
    }
}
