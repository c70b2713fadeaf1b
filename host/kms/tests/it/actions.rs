//! Every action, as boto3 sends it and reads its answer.

use crate::boto::{Boto, bytes, of_bytes};
use crate::raw;
use crate::world::{ACCOUNT, ADMIN, World};
use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, ECDSA_P256K1_SHA256_ASN1, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const DAY_MS: i64 = 24 * 3600 * 1000;

/// A fresh key's id.
pub fn key(boto: &Boto, parameters: Value) -> String {
    let made = boto.good(ADMIN, "CreateKey", parameters);
    made["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned()
}

#[test]
fn a_symmetric_key_encrypts_and_makes_data_keys() {
    let world = World::new();
    let Some(boto) = Boto::of(&world) else { return };
    let made = boto.good(ADMIN, "CreateKey", json!({"Description": "cosigner 1"}));
    let facts = &made["KeyMetadata"];
    let id = facts["KeyId"].as_str().unwrap();
    let arn = format!("arn:aws:kms:us-east-1:{ACCOUNT}:key/{id}");
    for (name, wanted) in [
        ("Arn", json!(arn)),
        ("AWSAccountId", json!(ACCOUNT)),
        ("Enabled", json!(true)),
        ("KeyState", json!("Enabled")),
        ("KeySpec", json!("SYMMETRIC_DEFAULT")),
        ("KeyUsage", json!("ENCRYPT_DECRYPT")),
        ("Origin", json!("AWS_KMS")),
        ("EncryptionAlgorithms", json!(["SYMMETRIC_DEFAULT"])),
    ] {
        assert_eq!(facts[name], wanted, "{name}");
    }
    assert_eq!(boto.good(ADMIN, "DescribeKey", json!({"KeyId": arn}))["KeyMetadata"], *facts);

    let context = json!({"genesis": "ab", "cosigner": "1"});
    let sealed = boto.good(
        ADMIN,
        "Encrypt",
        json!({
            "KeyId": id, "Plaintext": bytes(b"share"), "EncryptionContext": context,
        }),
    );
    assert_eq!((&sealed["KeyId"], &sealed["EncryptionAlgorithm"]), (&json!(arn), &json!("SYMMETRIC_DEFAULT")));
    let blob = &sealed["CiphertextBlob"];
    let opened = boto.good(ADMIN, "Decrypt", json!({"CiphertextBlob": blob, "EncryptionContext": context}));
    assert_eq!((of_bytes(&opened["Plaintext"]), &opened["KeyId"]), (b"share".to_vec(), &json!(arn)));
    let longest = vec![7; 4096];
    let sealed = boto.good(ADMIN, "Encrypt", json!({"KeyId": id, "Plaintext": bytes(&longest)}));
    let opened = boto.good(ADMIN, "Decrypt", json!({"CiphertextBlob": sealed["CiphertextBlob"], "KeyId": id}));
    assert_eq!(of_bytes(&opened["Plaintext"]), longest);

    for (asked, length) in
        [(json!({"KeySpec": "AES_256"}), 32), (json!({"KeySpec": "AES_128"}), 16), (json!({"NumberOfBytes": 64}), 64)]
    {
        let mut parameters = json!({"KeyId": id, "EncryptionContext": context});
        parameters.as_object_mut().unwrap().extend(asked.as_object().unwrap().clone());
        let made = boto.good(ADMIN, "GenerateDataKey", parameters);
        let data_key = of_bytes(&made["Plaintext"]);
        assert_eq!(data_key.len(), length);
        let blob = json!({"CiphertextBlob": made["CiphertextBlob"], "EncryptionContext": context});
        assert_eq!(of_bytes(&boto.good(ADMIN, "Decrypt", blob)["Plaintext"]), data_key);
    }
    let random = |n: usize| of_bytes(&boto.good(ADMIN, "GenerateRandom", json!({"NumberOfBytes": n}))["Plaintext"]);
    assert_eq!(random(1024).len(), 1024);
    assert_ne!(random(32), random(32));
}

#[test]
fn keys_are_listed_page_by_page() {
    let world = World::new();
    let Some(boto) = Boto::of(&world) else { return };
    let mut made: Vec<_> = (0..5).map(|_| key(&boto, json!({}))).collect();
    made.sort();
    let (mut listed, mut marker) = (Vec::new(), None);
    for wanted in [2, 2, 1] {
        let mut parameters = json!({"Limit": 2});
        if let Some(marker) = marker {
            parameters["Marker"] = marker;
        }
        let page = boto.good(ADMIN, "ListKeys", parameters);
        let keys = page["Keys"].as_array().unwrap();
        assert_eq!(keys.len(), wanted);
        listed.extend(keys.iter().map(|key| key["KeyId"].as_str().unwrap().to_owned()));
        assert_eq!(page["Truncated"], wanted == 2 && listed.len() < 5);
        marker = page.get("NextMarker").cloned();
    }
    assert_eq!((listed, marker), (made, None));
}

#[test]
fn signing_keys_sign_messages_and_digests() {
    let world = World::new();
    let Some(boto) = Boto::of(&world) else { return };
    for (spec, algorithm) in
        [("ECC_NIST_P256", &ECDSA_P256_SHA256_ASN1), ("ECC_SECG_P256K1", &ECDSA_P256K1_SHA256_ASN1)]
    {
        let id = key(&boto, json!({"KeySpec": spec, "KeyUsage": "SIGN_VERIFY"}));
        let public = boto.good(ADMIN, "GetPublicKey", json!({"KeyId": id}));
        assert_eq!((&public["KeySpec"], &public["KeyUsage"]), (&json!(spec), &json!("SIGN_VERIFY")));
        let public = UnparsedPublicKey::new(algorithm, of_bytes(&public["PublicKey"]));
        let sign = |message: &[u8], kind: &str| {
            let parameters = json!({
                "KeyId": id, "Message": bytes(message), "MessageType": kind, "SigningAlgorithm": "ECDSA_SHA_256",
            });
            of_bytes(&boto.good(ADMIN, "Sign", parameters)["Signature"])
        };
        let digest: [u8; 32] = Sha256::digest(b"message").into();
        for signature in [sign(b"message", "RAW"), sign(&digest, "DIGEST")] {
            assert!(public.verify(b"message", &signature).is_ok(), "{spec}");
            assert!(public.verify(b"massage", &signature).is_err(), "{spec}");
        }
    }
}

#[test]
fn keys_are_switched_off_and_on() {
    let world = World::new();
    let Some(boto) = Boto::of(&world) else { return };
    let id = key(&boto, json!({}));
    let signer = key(&boto, json!({"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"}));
    let blob = boto.good(ADMIN, "Encrypt", json!({"KeyId": id, "Plaintext": bytes(b"x")}))["CiphertextBlob"].clone();
    let uses = [
        ("Encrypt", json!({"KeyId": id, "Plaintext": bytes(b"x")})),
        ("Decrypt", json!({"CiphertextBlob": blob})),
        ("GenerateDataKey", json!({"KeyId": id, "KeySpec": "AES_256"})),
        ("Sign", json!({"KeyId": signer, "Message": bytes(b"x"), "SigningAlgorithm": "ECDSA_SHA_256"})),
        ("GetPublicKey", json!({"KeyId": signer})),
    ];
    for id in [&id, &signer] {
        boto.good(ADMIN, "DisableKey", json!({"KeyId": id}));
        let facts = boto.good(ADMIN, "DescribeKey", json!({"KeyId": id}));
        assert_eq!(facts["KeyMetadata"]["KeyState"], "Disabled");
        assert_eq!(facts["KeyMetadata"]["Enabled"], false);
    }
    for (operation, parameters) in &uses {
        assert_eq!(boto.bad(ADMIN, operation, parameters.clone()), "DisabledException", "{operation}");
    }
    for id in [&id, &signer] {
        boto.good(ADMIN, "EnableKey", json!({"KeyId": id}));
    }
    for (operation, parameters) in uses {
        boto.good(ADMIN, operation, parameters);
    }
}

#[test]
fn a_key_is_deleted_when_its_days_are_over() {
    let mut world = World::new();
    let Some(boto) = Boto::of(&world) else { return };
    let id = key(&boto, json!({}));
    let parameters = json!({"KeyId": id, "Plaintext": bytes(b"x")});
    let blob = boto.good(ADMIN, "Encrypt", parameters.clone())["CiphertextBlob"].clone();
    for days in [6, 31] {
        let parameters = json!({"KeyId": id, "PendingWindowInDays": days});
        assert_eq!(boto.bad(ADMIN, "ScheduleKeyDeletion", parameters), "ValidationException");
    }
    let scheduled = boto.good(ADMIN, "ScheduleKeyDeletion", json!({"KeyId": id, "PendingWindowInDays": 7}));
    assert_eq!((&scheduled["KeyState"], &scheduled["PendingWindowInDays"]), (&json!("PendingDeletion"), &json!(7)));
    for (operation, parameters) in [
        ("Encrypt", parameters.clone()),
        ("Decrypt", json!({"CiphertextBlob": blob})),
        ("EnableKey", json!({"KeyId": id})),
        ("DisableKey", json!({"KeyId": id})),
        ("ScheduleKeyDeletion", json!({"KeyId": id})),
    ] {
        assert_eq!(boto.bad(ADMIN, operation, parameters), "KMSInvalidStateException", "{operation}");
    }
    boto.good(ADMIN, "CancelKeyDeletion", json!({"KeyId": id}));
    assert_eq!(boto.bad(ADMIN, "CancelKeyDeletion", json!({"KeyId": id})), "KMSInvalidStateException");
    assert_eq!(boto.bad(ADMIN, "Encrypt", parameters.clone()), "DisabledException");
    boto.good(ADMIN, "EnableKey", json!({"KeyId": id}));
    boto.good(ADMIN, "Encrypt", parameters);
    boto.good(ADMIN, "ScheduleKeyDeletion", json!({"KeyId": id, "PendingWindowInDays": 7}));

    let describe = |world: &World| raw::call(world, ADMIN, "DescribeKey", json!({"KeyId": id}));
    world.clock.by_ms(7 * DAY_MS - 60_000);
    assert_eq!(describe(&world).body["KeyMetadata"]["KeyState"], "PendingDeletion");
    world.clock.by_ms(60_001);
    assert_eq!(raw::call(&world, ADMIN, "ListKeys", json!({})).body["Keys"], json!([]));
    assert_eq!(describe(&world).error(), "NotFoundException");
    let files = std::fs::read_dir(world.path().join("keys")).unwrap().count();
    assert_eq!(files, 0, "the key's file is still there");
    world.restart();
    let opened = raw::call(&world, ADMIN, "Decrypt", json!({"CiphertextBlob": blob["$bytes"]}));
    assert_eq!(opened.error(), "AccessDeniedException");
}

/// Wraps material as an importer does.
pub fn wrapped(parameters: &Value, material: &[u8]) -> Value {
    let key = PublicEncryptingKey::from_der(&of_bytes(&parameters["PublicKey"])).unwrap();
    let key = OaepPublicEncryptingKey::new(key).unwrap();
    let mut room = vec![0; key.ciphertext_size()];
    bytes(key.encrypt(&OAEP_SHA256_MGF1SHA256, material, &mut room, None).unwrap())
}

#[test]
fn key_material_is_imported_once_and_again_only_the_same() {
    let mut world = World::new();
    let Some(boto) = Boto::of(&world) else { return };
    let id = key(&boto, json!({"Origin": "EXTERNAL"}));
    let encrypt = json!({"KeyId": id, "Plaintext": bytes(b"x")});
    assert_eq!(boto.bad(ADMIN, "Encrypt", encrypt.clone()), "KMSInvalidStateException");
    let parameters = |spec: &str| {
        boto.good(
            ADMIN,
            "GetParametersForImport",
            json!({
                "KeyId": id, "WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": spec,
            }),
        )
    };
    let import = |parameters: &Value, material: Value, more: Value| {
        let mut all = json!({
            "KeyId": id, "ImportToken": parameters["ImportToken"], "EncryptedKeyMaterial": material,
            "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE",
        });
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        boto.call(ADMIN, "ImportKeyMaterial", all)
    };
    let name = |outcome: Result<Value, (String, String)>| outcome.err().map(|(name, _)| name).unwrap_or_default();
    let (old, new) = (parameters("RSA_2048"), parameters("RSA_3072"));
    let good = wrapped(&new, &[7; 32]);
    assert_eq!(name(import(&old, wrapped(&old, &[7; 32]), json!({}))), "InvalidImportTokenException");
    assert_eq!(name(import(&new, wrapped(&old, &[7; 32]), json!({}))), "InvalidCiphertextException");
    assert_eq!(name(import(&new, wrapped(&new, &[7; 31]), json!({}))), "IncorrectKeyMaterialException");
    let ends = json!({"ExpirationModel": "KEY_MATERIAL_EXPIRES"});
    assert_eq!(name(import(&new, good.clone(), ends)), "ValidationException");
    assert_eq!(name(import(&new, good.clone(), json!({"ValidTo": 4_000_000_000_u64}))), "ValidationException");
    import(&new, good.clone(), json!({})).unwrap();
    assert_eq!(name(import(&new, good, json!({}))), "InvalidImportTokenException", "a token was taken twice");
    let facts = boto.good(ADMIN, "DescribeKey", json!({"KeyId": id}))["KeyMetadata"].clone();
    assert_eq!((&facts["KeyState"], &facts["Origin"]), (&json!("Enabled"), &json!("EXTERNAL")));
    assert_eq!(facts["ExpirationModel"], "KEY_MATERIAL_DOES_NOT_EXPIRE");
    let blob = boto.good(ADMIN, "Encrypt", encrypt.clone())["CiphertextBlob"].clone();

    boto.good(ADMIN, "DeleteImportedKeyMaterial", json!({"KeyId": id}));
    assert_eq!(boto.bad(ADMIN, "Decrypt", json!({"CiphertextBlob": blob})), "KMSInvalidStateException");
    let again = parameters("RSA_2048");
    assert_eq!(name(import(&again, wrapped(&again, &[8; 32]), json!({}))), "IncorrectKeyMaterialException");
    let until = (world.clock.now().0 / 1000) + 3600;
    let ends = json!({"ExpirationModel": "KEY_MATERIAL_EXPIRES", "ValidTo": until});
    import(&again, wrapped(&again, &[7; 32]), ends).unwrap();
    assert_eq!(of_bytes(&boto.good(ADMIN, "Decrypt", json!({"CiphertextBlob": blob}))["Plaintext"]), b"x");
    let facts = boto.good(ADMIN, "DescribeKey", json!({"KeyId": id}))["KeyMetadata"].clone();
    assert_eq!(facts["ValidTo"].as_f64(), Some(until as f64));

    world.restart();
    world.clock.by_ms(3_601_000);
    let expired = raw::call(&world, ADMIN, "Decrypt", json!({"CiphertextBlob": blob["$bytes"]}));
    assert_eq!(expired.error(), "KMSInvalidStateException");
}

#[test]
fn an_import_token_ends_after_a_day_and_outlives_a_restart() {
    let mut world = World::new();
    let made = raw::call(&world, ADMIN, "CreateKey", json!({"Origin": "EXTERNAL"}));
    let id = made.body["KeyMetadata"]["KeyId"].clone();
    let prepare = json!({"KeyId": id, "WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"});
    let parameters = raw::call(&world, ADMIN, "GetParametersForImport", prepare).body;
    let public = json!({"PublicKey": {"$bytes": parameters["PublicKey"]}});
    world.restart();
    let import = |world: &World| {
        let body = json!({
            "KeyId": id, "ImportToken": parameters["ImportToken"],
            "EncryptedKeyMaterial": wrapped(&public, &[7; 32])["$bytes"],
            "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE",
        });
        raw::call(world, ADMIN, "ImportKeyMaterial", body)
    };
    world.clock.by_ms(DAY_MS + 1000);
    assert_eq!(import(&world).error(), "ExpiredImportTokenException");
    world.clock.by_ms(-2000);
    assert_eq!(import(&world).status, 200);
    let token = parameters["ImportToken"].as_str().unwrap();
    assert_eq!(STANDARD.decode(token).unwrap().len(), 32);
}
