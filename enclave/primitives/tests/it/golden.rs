//! The bytes of every stored or signed form, frozen in `golden/`. A changed byte fails: documents already signed with
//! these forms must decode for ever. New forms are added by `UPDATE_GOLDEN=1 cargo test -p ringi-primitives golden`.

use crate::census;
use crate::dice::Dice;
use crate::samples::{self as make, SCHEMES};
use minicbor::{Decode, Encode};
use ringi_primitives::cbor;
use ringi_primitives::digest::{Digest, Domain};
use ringi_primitives::genesis::Genesis;
use ringi_primitives::id::{BrakeId, EventId, IntentId, OrderId, PersonId, WalletId, WorkspaceId};
use ringi_primitives::intent::Intent;
use ringi_primitives::key::PublicKey;
use ringi_primitives::network::NetworkId;
use ringi_primitives::order::Order;
use ringi_primitives::policy_set::PolicySet;
use ringi_primitives::request::SigningRequest;
use ringi_primitives::signed::Signed;
use ringi_primitives::time::UnixMs;
use ringi_primitives::wallet::{KeyPosition, VaultIndex, WalletRef};
use std::path::Path;

/// A name, its bytes, and how bytes of this type are read and written again.
struct Form {
    name: String,
    bytes: Vec<u8>,
    again: fn(&[u8]) -> Option<Vec<u8>>,
}

fn form<T: Encode<()> + for<'b> Decode<'b, ()>>(name: &str, value: &T) -> Form {
    let again = |bytes: &[u8]| cbor::decode::<T>(bytes, usize::MAX).ok().map(|v| cbor::encode(&v));
    Form { name: name.into(), bytes: cbor::encode(value), again }
}

/// With everything in it, and with nothing that can be left out.
fn both<T: Encode<()> + for<'b> Decode<'b, ()>>(name: &str, value: impl Fn(&mut Dice) -> T) -> [Form; 2] {
    let (full, bare) = (value(&mut Dice::full()), value(&mut Dice::bare()));
    [form(&format!("{name}/full"), &full), form(&format!("{name}/bare"), &bare)]
}

/// Each variant, both ways, after checking that none is left out.
fn each<T: Encode<()> + for<'b> Decode<'b, ()>>(
    kind: &str,
    all: &[&str],
    name: fn(&T) -> &'static str,
    values: impl Fn(&mut Dice) -> Vec<T>,
) -> Vec<Form> {
    let mut forms = Vec::new();
    for (fill, dice) in [("full", &mut Dice::full()), ("bare", &mut Dice::bare())] {
        let values = values(dice);
        assert_eq!(values.iter().map(name).collect::<Vec<_>>(), all, "{kind}: a sample of each variant");
        forms.extend(values.iter().map(|v| form(&format!("{kind}::{}/{fill}", name(v)), v)));
    }
    forms
}

/// Each variant of an enum without content.
fn codes<T: Encode<()> + for<'b> Decode<'b, ()>>(
    kind: &str,
    all: &[&str],
    name: fn(&T) -> &'static str,
    values: &[T],
) -> Vec<Form> {
    assert_eq!(values.iter().map(name).collect::<Vec<_>>(), all, "{kind}: a sample of each variant");
    values.iter().map(|v| form(&format!("{kind}::{}", name(v)), v)).collect()
}

fn golden(file: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden").join(file)
}

/// Compares lines of `name value` with the stored ones, or stores them.
fn frozen(file: &str, count: usize, lines: &[(String, String)]) -> Vec<(String, String)> {
    let path = golden(file);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let text: String = lines.iter().map(|(name, value)| format!("{name} {value}\n")).collect();
        std::fs::write(&path, text).unwrap();
    }
    let text = std::fs::read_to_string(&path).unwrap();
    let stored: Vec<(String, String)> =
        text.lines().filter_map(|l| l.split_once(' ')).map(|(n, v)| (n.into(), v.into())).collect();
    for ((name, now), (stored_name, frozen)) in lines.iter().zip(&stored) {
        assert_eq!(name, stored_name, "{file}: order or name of a form changed");
        assert_eq!(now, frozen, "{file}: the form of {name} changed");
    }
    assert_eq!((lines.len(), stored.len()), (count, count), "{file}: number of forms, made and stored");
    stored
}

fn frozen_forms(file: &str, count: usize, forms: &[Form]) {
    let lines: Vec<_> = forms.iter().map(|f| (f.name.clone(), hex::encode(&f.bytes))).collect();
    let stored = frozen(file, count, &lines);
    for (form, (name, value)) in forms.iter().zip(stored) {
        let bytes = hex::decode(value).unwrap();
        assert_eq!((form.again)(&bytes), Some(bytes), "{name} no longer decodes and encodes to itself");
    }
}

#[test]
fn documents_are_frozen() {
    let mut forms = Vec::new();
    forms.extend(both("Genesis", make::genesis));
    forms.extend(both("PolicySet", make::policy_set));
    forms.extend(both("Signed", make::signed));
    forms.extend(each("Order", census::action::ALL, |o: &Order| census::action::name(&o.action), make::orders));
    forms.extend(both("KeyCertificate", make::key_certificate));
    forms.extend(both("SignedCertificate", make::signed_certificate));
    forms.extend(both("AddressStatement", make::address_statement));
    forms.extend(both("SignedDrill", make::signed_drill));
    forms.extend(both("BootCertificate", make::boot));
    forms.extend(both("SignedBoot", make::signed_boot));
    forms.extend(both("Claim", make::claim));
    forms.extend(both("Verdict", make::verdict));
    forms.extend(both("SignedVerdict", make::signed_verdict));
    forms.extend(both("Receipt", make::receipt));
    forms.extend(both("Plan", make::plan));
    forms.extend(both("Envelope", make::envelope));
    forms.extend(each(
        "Approval",
        census::evidence::ALL,
        |a: &ringi_primitives::approval::Approval| census::evidence::name(&a.evidence),
        make::approvals,
    ));
    forms.extend(both("RequestSignature", make::request_signature));
    forms.extend(both("SigningRequest", make::signing_request));
    forms.extend(both("FinishedSignature", make::finished));
    forms.extend(both("Spending", make::spending));
    forms.extend(both("RecoveryKit", make::recovery_kit));
    forms.extend(both("SealedPart", make::sealed_part));
    forms.extend(each(
        "SignedFact",
        census::fact::ALL,
        |f: &ringi_primitives::fact::SignedFact| census::fact::name(&f.statement.fact),
        make::signed_facts,
    ));
    forms.extend(each(
        "Brake",
        census::brake_action::ALL,
        |b: &ringi_primitives::brake::Brake| census::brake_action::name(&b.action),
        make::brakes,
    ));
    forms.extend(both("SignedBrake", make::signed_brake));
    frozen_forms("documents.hex", 76, &forms);
}

#[test]
fn wire_messages_are_frozen() {
    let mut forms = each("ToCosigner", census::to_cosigner::ALL, census::to_cosigner::name, make::to_cosigners);
    forms.extend(each("FromCosigner", census::from_cosigner::ALL, census::from_cosigner::name, make::from_cosigners));
    forms.extend(each("UpgradeStep", census::upgrade_step::ALL, census::upgrade_step::name, make::upgrade_steps));
    forms.extend(each("UpgradeWord", census::upgrade_word::ALL, census::upgrade_word::name, make::upgrade_words));
    frozen_forms("wire.hex", 94, &forms);
}

#[test]
fn every_variant_of_every_value_is_frozen() {
    let mut forms = each("Effect", census::effect::ALL, census::effect::name, make::effects);
    forms.extend(each("Slot", census::slot::ALL, census::slot::name, make::slots));
    forms.extend(each("Decision", census::decision::ALL, census::decision::name, make::decisions));
    forms.extend(each("Ruling", census::ruling::ALL, census::ruling::name, make::rulings));
    forms.extend(each("Destination", census::destination::ALL, census::destination::name, make::destinations));
    forms.extend(each("WordTest", census::word_test::ALL, census::word_test::name, make::word_tests));
    forms.extend(each("Cap", census::cap::ALL, census::cap::name, make::caps));
    forms.extend(each("Window", census::window::ALL, census::window::name, make::windows));
    forms.extend(each("Subject", census::subject::ALL, census::subject::name, make::subjects));
    forms.extend(each("PublicKey", census::public_key::ALL, census::public_key::name, make::public_keys));
    forms.extend(each("NetworkId", census::network::ALL, census::network::name, make::networks));
    forms.extend(each("Repetition", census::repetition::ALL, census::repetition::name, make::repetitions));
    let targets = make::freeze_targets;
    forms.extend(each("FreezeTarget", census::freeze_target::ALL, census::freeze_target::name, targets));
    frozen_forms("values.hex", 88, &forms);
}

#[test]
fn every_code_is_frozen() {
    let mut forms = codes("OpaqueKind", census::opaque_kind::ALL, census::opaque_kind::name, &make::OPAQUE_KINDS);
    forms.extend(codes("DenyReason", census::deny_reason::ALL, census::deny_reason::name, &make::REASONS));
    forms.extend(codes("KeyPurpose", census::key_purpose::ALL, census::key_purpose::name, &make::PURPOSES));
    forms.extend(codes("Temperature", census::temperature::ALL, census::temperature::name, &make::TEMPERATURES));
    forms.extend(codes("Scope", census::scope::ALL, census::scope::name, &make::SCOPES));
    forms.extend(codes("Period", census::period::ALL, census::period::name, &make::PERIODS));
    forms.extend(codes("Display", census::display::ALL, census::display::name, &make::DISPLAYS));
    let own_approvals = &make::OWN_APPROVALS;
    forms.extend(codes("OwnApproval", census::own_approval::ALL, census::own_approval::name, own_approvals));
    forms.extend(codes("Assurance", census::assurance::ALL, census::assurance::name, &make::ASSURANCES));
    forms.extend(codes("Scheme", census::scheme::ALL, census::scheme::name, &SCHEMES));
    let networks = &make::BITCOIN_NETWORKS;
    forms.extend(codes("BitcoinNetwork", census::bitcoin_network::ALL, census::bitcoin_network::name, networks));
    forms.extend(codes("PayloadKind", census::payload_kind::ALL, census::payload_kind::name, &make::PAYLOAD_KINDS));
    forms.extend(codes("RecordKind", census::record_kind::ALL, census::record_kind::name, &make::RECORD_KINDS));
    forms.extend(codes("Retry", census::retry::ALL, census::retry::name, &make::RETRIES));
    forms.extend(codes("FactKind", census::fact_kind::ALL, census::fact_kind::name, &make::FACT_KINDS));
    frozen_forms("codes.hex", 53, &forms);
}

/// Every kind of action, keys in the order they are written in.
const INTENT: &str = concat!(
    r#"{"version":1,"id":"int_01arz3ndektsv4rrffq69g5fav","genesis":""#,
    "0000000000000000000000000000000000000000000000000000000000000001",
    r#"","vault":"treasury","wallet":"wal_01arz3ndektsv4rrffq69g5fav","network":"eip155:31337","actions":["#,
    r#"{"type":"transfer","asset":"eth","to":"0xA","amount":"1000"},"#,
    r#"{"type":"approve","asset":"usdc","spender":"0xB","amount":"0"},"#,
    r#"{"type":"transfer_from","asset":"usdc","owner":"0xC","to":"0xD","amount":"2"},"#,
    r#"{"type":"permit","asset":"usdc","spender":"0xE","amount":"3","deadline":"2026-11-24T00:00:00Z"},"#,
    r#"{"type":"call","to":"0xF","value":"4","function":"f(uint256)","arguments":["5"]},"#,
    r#"{"type":"raw_call","to":"0x1","value":"6","data":"0x07"},"#,
    r#"{"type":"delegate","to":"0x2"},"#,
    r#"{"type":"cancel"},"#,
    r#"{"type":"prove","statement":"mine"},"#,
    r#"{"type":"typed_data","json":"{}"},"#,
    r#"{"type":"message","text":"hello"}],"#,
    r#""max_fee":"21000","expires_at":"2026-11-24T00:00:00Z","reference":"r-1","#,
    r#""replaces":"int_01arz3ndektsv4rrffq69g5faw"}"#
);

#[test]
fn an_intent_is_written_as_it_is_read() {
    let intent = Intent::parse(INTENT.as_bytes()).unwrap();
    assert_eq!(intent.actions.len(), 11);
    assert_eq!(serde_json::to_string(&intent).unwrap(), INTENT);
}

fn digest_lines() -> Vec<(String, String)> {
    let body = |bytes: Vec<u8>, domain| Signed { body: bytes, signatures: vec![] }.digest(domain).hex();
    let genesis: Genesis = make::genesis(&mut Dice::full());
    let policy: PolicySet = make::policy_set(&mut Dice::full());
    let order = make::order(&mut Dice::full());
    let request: SigningRequest = make::signing_request(&mut Dice::full());
    let lines = [
        ("digest/Genesis", body(cbor::encode(&genesis), Domain::Genesis)),
        ("digest/PolicySet", body(cbor::encode(&policy), Domain::PolicySet)),
        ("digest/Order", body(cbor::encode(&order), Domain::Order)),
        ("digest/KeyCertificate", make::key_certificate(&mut Dice::full()).digest().hex()),
        ("digest/Drill", make::drill(&mut Dice::full()).digest().hex()),
        ("digest/BootCertificate", make::boot(&mut Dice::full()).digest().hex()),
        ("digest/Verdict", make::verdict(&mut Dice::full()).digest().hex()),
        ("digest/Envelope", make::envelope(&mut Dice::full()).digest().hex()),
        ("digest/SigningRequest", SigningRequest::digest(&cbor::encode(&request)).hex()),
        ("digest/RecoveryKit", make::recovery_kit(&mut Dice::full()).digest().hex()),
        ("digest/Intent", Intent::digest(INTENT.as_bytes()).hex()),
        ("digest/Fact", make::signed_fact(&mut Dice::full()).statement.digest().hex()),
    ];
    let mut lines: Vec<_> = lines.map(|(n, v)| (n.to_string(), v)).into();
    lines.extend(Domain::ALL.map(|d| (format!("digest-of-nothing/{d:?}"), Digest::of(d, b"").hex())));
    lines
}

fn text_lines() -> Vec<(String, String)> {
    let b = [0x01, 0x90, 0, 0xff, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
    let mut lines: Vec<(String, String)> = vec![
        ("id/intent".into(), IntentId::from_bytes(b).to_string()),
        ("id/wallet".into(), WalletId::from_bytes(b).to_string()),
        ("id/person".into(), PersonId::from_bytes(b).to_string()),
        ("id/workspace".into(), WorkspaceId::from_bytes(b).to_string()),
        ("id/order".into(), OrderId::from_bytes(b).to_string()),
        ("id/brake".into(), BrakeId::from_bytes(b).to_string()),
        ("id/event".into(), EventId::from_bytes(b).to_string()),
        ("time".into(), UnixMs(1_795_473_992_123).to_string()),
        ("network/evm".into(), NetworkId::Evm(31_337).to_string()),
        ("key/ed25519".into(), PublicKey::Ed25519([0xab; 32]).text()),
        ("key/p256".into(), PublicKey::P256([2; 33]).text()),
    ];
    lines.extend(make::BITCOIN_NETWORKS.map(|n| (format!("network/{n:?}"), NetworkId::Bitcoin(n).to_string())));
    lines.extend(SCHEMES.map(|s| (format!("scheme/{s:?}"), s.name().to_string())));
    lines.extend(make::ASSURANCES.map(|a| (format!("assurance/{a:?}"), a.name().to_string())));
    lines.extend(make::REASONS.map(|r| (format!("reason/{r:?}"), r.code().to_string())));
    lines.extend(Domain::ALL.map(|d| (format!("domain/{d:?}"), d.tag().to_string())));
    let wallet = WalletRef { vault: VaultIndex(3), wallet: WalletId::from_bytes(b) };
    let position = KeyPosition { branch: 1, index: 9 };
    lines.push(("wallet-path".into(), format!("{:?}", wallet.path(position).unwrap())));
    let signature = make::request_signature(&mut Dice::full());
    lines.push(("signature-base".into(), signature.base(b"{}").replace('\n', "\\n")));
    lines.extend(signature.headers(b"{}").map(|(name, value)| (format!("header/{name}"), value)));
    lines
}

#[test]
fn texts_are_frozen() {
    frozen("texts.txt", 61, &text_lines());
}

#[test]
fn digests_are_frozen() {
    frozen("digests.hex", 36, &digest_lines());
}
