//! `lint`: every finding has a policy that shows it, and the recommended policy has none.

use crate::enclave::{IMAGE, SIGNER};
use crate::recipients::recommended;
use crate::world::{ADMIN_ARN, ENCLAVE_ARN};
use ringi_kms::lint::{Level, Named, lint};
use ringi_kms::policy::Policy;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const IMAGE_KEY: &str = "kms:RecipientAttestation:ImageSha384";
const CONTEXT_KEY: &str = "kms:EncryptionContext:genesis";

fn codes(policy: &str) -> BTreeSet<&'static str> {
    lint(&[Named { name: "p", text: policy }], 2).into_iter().map(|finding| finding.code).collect()
}

/// The recommended policy, changed.
fn changed(change: impl FnOnce(&mut Vec<Value>)) -> String {
    let mut policy: Value = serde_json::from_str(&recommended()).unwrap();
    change(policy["Statement"].as_array_mut().unwrap());
    let text = policy.to_string();
    Policy::parse(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
    text
}

fn allow(action: Value, condition: Value) -> Value {
    let mut one = json!({"Effect": "Allow", "Principal": {"AWS": ENCLAVE_ARN}, "Action": action, "Resource": "*"});
    if condition != json!({}) {
        one["Condition"] = condition;
    }
    one
}

fn without_denials(statements: &mut Vec<Value>) {
    statements.retain(|statement| statement["Effect"] == "Allow");
}

/// A policy of one allowing statement, with what rule E1 wants denied.
fn with_denials(one: Value) -> String {
    changed(|statements| {
        statements.retain(|statement| statement["Sid"] == "Never");
        statements.push(one);
    })
}

#[test]
fn the_recommended_policy_is_clean() {
    assert_eq!(lint(&[Named { name: "p", text: &recommended() }], 2), []);
}

#[test]
fn each_weakness_has_its_code() {
    let measured = |key: &str, value: &str| json!({"StringEquals": {key: value, CONTEXT_KEY: "ab"}});
    let image = IMAGE.hex();
    for (policy, wanted) in [
        (with_denials(allow(json!("kms:Decrypt"), json!({}))), "kms.unattested"),
        (with_denials(allow(json!("kms:GenerateDataKey"), json!({}))), "kms.unattested"),
        (with_denials(allow(json!("kms:*"), json!({}))), "kms.unattested"),
        (with_denials(allow(json!("kms:Decrypt"), json!({"StringEquals": {CONTEXT_KEY: "ab"}}))), "kms.unattested"),
        (
            with_denials(allow(json!("kms:Decrypt"), json!({"StringEqualsIfExists": {IMAGE_KEY: image}}))),
            "kms.optional_attestation",
        ),
        (
            with_denials(allow(json!("kms:Decrypt"), json!({"StringNotEquals": {IMAGE_KEY: image}}))),
            "kms.optional_attestation",
        ),
        (with_denials(allow(json!("kms:Decrypt"), json!({"Null": {IMAGE_KEY: "true"}}))), "kms.optional_attestation"),
        (with_denials(allow(json!("kms:Decrypt"), json!({"Null": {IMAGE_KEY: "false"}}))), "kms.any_image"),
        (with_denials(allow(json!("kms:Decrypt"), json!({"StringLike": {IMAGE_KEY: "*"}}))), "kms.any_image"),
        (
            with_denials(allow(json!("kms:Decrypt"), json!({"StringLike": {IMAGE_KEY: "a1*"}}))),
            "kms.wildcard_measurement",
        ),
        (
            with_denials(allow(json!("kms:Decrypt"), measured("kms:RecipientAttestation:PCR8", &SIGNER.hex()))),
            "kms.no_image",
        ),
        (
            with_denials(allow(json!("kms:Decrypt"), measured("kms:RecipientAttestation:PCR3", &SIGNER.hex()))),
            "kms.no_image",
        ),
        (with_denials(allow(json!("kms:Decrypt"), measured(IMAGE_KEY, &"0".repeat(96)))), "kms.zero_measurement"),
        (
            with_denials(allow(json!("kms:Decrypt"), measured(IMAGE_KEY, &image.to_uppercase()))),
            "kms.malformed_measurement",
        ),
        (with_denials(allow(json!("kms:Decrypt"), measured(IMAGE_KEY, &image[2..]))), "kms.malformed_measurement"),
        (with_denials(allow(json!("kms:Dec*"), measured(IMAGE_KEY, &image))), "kms.wildcard_action"),
        (with_denials(allow(json!("kms:Decrypt"), json!({"StringEquals": {IMAGE_KEY: image}}))), "kms.no_context"),
        (with_denials(allow(json!("kms:Sign"), json!({}))), "kms.unattested_sign"),
        (changed(|all| all[0]["Principal"] = json!("*")), "kms.any_principal"),
        (changed(|all| all[0]["Principal"] = json!({"AWS": "111122223333"})), "kms.account_decides"),
        (
            changed(|all| {
                without_denials(all);
                all.push(allow(json!("kms:PutKeyPolicy"), json!({})))
            }),
            "kms.policy_changeable",
        ),
        (
            changed(|all| {
                without_denials(all);
                all.push(allow(json!("kms:CreateGrant"), json!({})))
            }),
            "kms.grants",
        ),
        (
            changed(|all| {
                without_denials(all);
                all.push(allow(json!("kms:ReEncryptFrom"), json!({})))
            }),
            "kms.moves_ciphertext",
        ),
        (
            changed(|all| {
                without_denials(all);
                all.push(allow(json!("kms:ImportKeyMaterial"), json!({})))
            }),
            "kms.known_material",
        ),
        (
            changed(|all| {
                without_denials(all);
                all.push(allow(json!("kms:Encrypt"), json!({})))
            }),
            "kms.substitution",
        ),
        (changed(without_denials), "kms.not_denied"),
        ("{}".to_owned(), "kms.unreadable"),
        (
            json!({"Statement": {"Effect": "Allow", "NotPrincipal": "*", "Action": "kms:*", "Resource": "*"}})
                .to_string(),
            "kms.unreadable",
        ),
    ] {
        let found = codes(&policy);
        assert!(found.contains(wanted), "{wanted} is not among {found:?} of {policy}");
    }
}

#[test]
fn a_denial_to_everybody_heals_what_it_covers() {
    // The denial of unmeasured calls stands: an allowing statement without conditions is bound by it.
    let bare = changed(|all| all.push(allow(json!("kms:Decrypt"), json!({}))));
    let found = codes(&bare);
    assert!(!found.contains("kms.unattested") && !found.contains("kms.any_image"), "{found:?}");
    // Power over the policy that is denied to everybody is none.
    let denied = changed(|all| all.push(allow(json!(["kms:PutKeyPolicy", "kms:CreateGrant"]), json!({}))));
    assert_eq!(codes(&denied), BTreeSet::new());
    // A denial to one, to one key, or under a condition is not one to everybody.
    for weaker in [
        json!({"Principal": {"AWS": ADMIN_ARN}}),
        json!({"Resource": "arn:aws:kms:us-east-1:111122223333:key/1"}),
        json!({"Condition": {"StringEquals": {CONTEXT_KEY: "ab"}}}),
    ] {
        let policy = changed(|all| {
            all.retain(|statement| statement["Effect"] == "Allow");
            let mut deny = json!({
                "Effect": "Deny", "Principal": "*", "Resource": "*", "Action": ["kms:Decrypt", "kms:PutKeyPolicy"],
            });
            deny.as_object_mut().unwrap().extend(weaker.as_object().unwrap().clone());
            all.extend([deny, allow(json!(["kms:Decrypt", "kms:PutKeyPolicy"]), json!({}))]);
        });
        let found = codes(&policy);
        assert!(found.contains("kms.unattested") && found.contains("kms.policy_changeable"), "{weaker}: {found:?}");
    }
    // A denial with a second condition does not always pin the image.
    let denial = json!({"StringNotEquals": {IMAGE_KEY: IMAGE.hex(), "kms:ViaService": "x"}});
    let policy = with_denials(allow(json!("kms:Decrypt"), json!({"Null": {IMAGE_KEY: "false"}})));
    let mut policy: Value = serde_json::from_str(&policy).unwrap();
    policy["Statement"].as_array_mut().unwrap().push(json!({
        "Effect": "Deny", "Principal": "*", "Resource": "*", "Action": "kms:Decrypt", "Condition": denial,
    }));
    assert!(codes(&policy.to_string()).contains("kms.any_image"));
    // A list of images that are not wanted, where a document is asked for, lets every other image in.
    for operator in ["StringNotEquals", "StringEqualsIfExists"] {
        let key = "kms:RecipientAttestation:PCR16";
        let policy = changed(|all| {
            all.retain(|statement| statement["Sid"] == "Never");
            all.push(allow(json!("kms:Decrypt"), json!({operator: {key: IMAGE.hex()}})));
            all.push(json!({
                "Effect": "Deny", "Principal": "*", "Resource": "*", "Action": "kms:Decrypt",
                "Condition": {"Null": {IMAGE_KEY: "true"}},
            }));
        });
        assert!(codes(&policy).contains("kms.any_image"), "{operator}: {:?}", codes(&policy));
    }
}

#[test]
fn e1_no_account_and_no_principal_has_power_over_t_keys() {
    let of =
        |account: &str, role: &str| recommended().replace(ENCLAVE_ARN, &format!("arn:aws:iam::{account}:role/{role}"));
    let (one, two, three) = (of("111111111111", "a"), of("222222222222", "b"), of("333333333333", "c"));
    let all = |policies: [&str; 3], threshold: usize| -> Vec<_> {
        let named: Vec<_> = policies.iter().zip(["1", "2", "3"]).map(|(text, name)| Named { name, text }).collect();
        lint(&named, threshold).into_iter().map(|f| (f.code, f.policy, f.level)).collect()
    };
    assert_eq!(all([&one, &two, &three], 2), []);
    let same = of("111111111111", "b");
    assert_eq!(all([&one, &same, &three], 2), [("kms.same_account", "1, 2".to_owned(), Level::Error)]);
    assert_eq!(all([&one, &same, &three], 3), []);
    let found = all([&one, &one, &one], 3);
    let codes: Vec<_> = found.iter().map(|(code, policy, _)| (*code, policy.as_str())).collect();
    assert_eq!(codes, [("kms.same_account", "1, 2, 3"), ("kms.same_principal", "1, 2, 3")]);
    // Whoever only looks has no power.
    let looks = |text: &str| {
        let mut policy: Value = serde_json::from_str(text).unwrap();
        policy["Statement"][1]["Principal"] = json!({"AWS": "arn:aws:iam::999999999999:user/auditor"});
        policy.to_string()
    };
    assert_eq!(all([&looks(&one), &looks(&two), &looks(&three)], 2), []);
}
