//! AWS's error names for calls that make no sense, as boto3 reads them.

use crate::actions::key;
use crate::boto::{Boto, bytes};
use crate::raw::{self, Raw};
use crate::world::{ADMIN, World};
use serde_json::{Value, json};

const ABSENT: &str = "00000000-0000-4000-8000-000000000000";

#[test]
fn keys_that_are_not_there() {
    let world = World::new();
    let Some(boto) = Boto::of(&world) else { return };
    for id in [
        ABSENT,
        "alias/cosigner",
        "nonsense",
        "../../master",
        "arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-4000-8000-000000000000",
    ] {
        for (operation, more) in [
            ("DescribeKey", json!({})),
            ("Encrypt", json!({"Plaintext": bytes(b"x")})),
            ("GenerateDataKey", json!({"KeySpec": "AES_256"})),
            ("GetKeyPolicy", json!({"PolicyName": "default"})),
            ("DisableKey", json!({})),
            ("ScheduleKeyDeletion", json!({})),
        ] {
            let mut parameters = json!({"KeyId": id});
            parameters.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            assert_eq!(boto.bad(ADMIN, operation, parameters), "NotFoundException", "{operation} {id}");
        }
    }
}

#[test]
fn ciphertexts_that_do_not_open() {
    let world = World::new();
    let Some(boto) = Boto::of(&world) else { return };
    let (id, other) = (key(&boto, json!({})), key(&boto, json!({})));
    let context = json!({"genesis": "ab"});
    let sealed = boto.good(
        ADMIN,
        "Encrypt",
        json!({
            "KeyId": id, "Plaintext": bytes(b"share"), "EncryptionContext": context,
        }),
    );
    let blob = crate::boto::of_bytes(&sealed["CiphertextBlob"]);
    let open = |blob: &[u8], more: Value| {
        let mut parameters = json!({"CiphertextBlob": bytes(blob), "EncryptionContext": context});
        parameters.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        boto.call(ADMIN, "Decrypt", parameters).err().map(|(name, _)| name)
    };
    let invalid = Some("InvalidCiphertextException".to_owned());
    assert_eq!(open(&blob, json!({})), None);
    for wrong in [json!({}), json!({"genesis": "ac"}), json!({"Genesis": "ab"}), json!({"genesis": "ab", "x": "y"})] {
        assert_eq!(open(&blob, json!({"EncryptionContext": wrong})), invalid);
    }
    // Version, material, salt, nonce, ciphertext, tag. The key's id follows.
    for at in [0, 20, 21, 37, 49, blob.len() - 1] {
        let mut changed = blob.clone();
        changed[at] ^= 1;
        assert_eq!(open(&changed, json!({})), invalid, "byte {at}");
    }
    let mut moved = blob.clone();
    moved[1] ^= 1;
    assert_eq!(open(&moved, json!({})).as_deref(), Some("AccessDeniedException"));
    assert_eq!(open(&blob[..40], json!({})), invalid);
    assert_eq!(open(&blob, json!({"KeyId": other})).as_deref(), Some("IncorrectKeyException"));
    assert_eq!(open(&[7; 7000], json!({})).as_deref(), Some("ValidationException"));
    assert_eq!(open(b"", json!({})).as_deref(), Some("ValidationException"));
}

#[test]
fn parameters_out_of_bounds() {
    let world = World::new();
    let Some(boto) = Boto::of(&world) else { return };
    let id = key(&boto, json!({}));
    let long: String = "x".repeat(9000);
    for (operation, parameters) in [
        ("Encrypt", json!({"KeyId": id, "Plaintext": bytes(&[0; 4097])})),
        ("Encrypt", json!({"KeyId": id, "Plaintext": bytes(b"")})),
        ("Encrypt", json!({"KeyId": id})),
        ("Encrypt", json!({"KeyId": id, "Plaintext": bytes(b"x"), "EncryptionContext": {"a": long}})),
        ("Encrypt", json!({"KeyId": id, "Plaintext": bytes(b"x"), "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"})),
        ("Encrypt", json!({"KeyId": id, "Plaintext": bytes(b"x"), "GrantTokens": ["t"]})),
        ("GenerateDataKey", json!({"KeyId": id})),
        ("GenerateDataKey", json!({"KeyId": id, "KeySpec": "AES_256", "NumberOfBytes": 32})),
        ("GenerateDataKey", json!({"KeyId": id, "KeySpec": "AES_512"})),
        ("GenerateDataKey", json!({"KeyId": id, "NumberOfBytes": 0})),
        ("GenerateDataKey", json!({"KeyId": id, "NumberOfBytes": 1025})),
        ("GenerateRandom", json!({})),
        ("GenerateRandom", json!({"NumberOfBytes": 1025})),
        ("GenerateRandom", json!({"NumberOfBytes": 8, "CustomKeyStoreId": "x"})),
        ("ListKeys", json!({"Limit": 0})),
        ("ListKeys", json!({"Limit": 1001})),
        ("CreateKey", json!({"KeySpec": "ECC_NIST_P256"})),
        ("CreateKey", json!({"KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY"})),
        ("CreateKey", json!({"KeyUsage": "SIGN_VERIFY"})),
        ("CreateKey", json!({"MultiRegion": true})),
        ("CreateKey", json!({"Tags": [{"TagKey": "a", "TagValue": "b"}]})),
        ("CreateKey", json!({"Description": long})),
        ("CreateKey", json!({"Origin": "AWS_CLOUDHSM"})),
    ] {
        assert_eq!(boto.bad(ADMIN, operation, parameters.clone()), "ValidationException", "{operation} {parameters}");
    }
    assert_eq!(boto.bad(ADMIN, "ListKeys", json!({"Marker": "x"})), "InvalidMarkerException");
}

#[test]
fn keys_of_another_kind() {
    let world = World::new();
    let Some(boto) = Boto::of(&world) else { return };
    let id = key(&boto, json!({}));
    let signer = key(&boto, json!({"KeySpec": "ECC_SECG_P256K1", "KeyUsage": "SIGN_VERIFY"}));
    let sign = |id: &str, message: &[u8], kind: &str| {
        boto.bad(
            ADMIN,
            "Sign",
            json!({
                "KeyId": id, "Message": bytes(message), "MessageType": kind, "SigningAlgorithm": "ECDSA_SHA_256",
            }),
        )
    };
    assert_eq!(sign(&id, b"x", "RAW"), "InvalidKeyUsageException");
    assert_eq!(sign(&signer, &[0; 31], "DIGEST"), "ValidationException");
    assert_eq!(sign(&signer, &[0; 4097], "RAW"), "ValidationException");
    let encrypt = json!({"KeyId": signer, "Plaintext": bytes(b"x")});
    assert_eq!(boto.bad(ADMIN, "Encrypt", encrypt), "InvalidKeyUsageException");
    let data_key = json!({"KeyId": signer, "KeySpec": "AES_256"});
    assert_eq!(boto.bad(ADMIN, "GenerateDataKey", data_key), "InvalidKeyUsageException");
    assert_eq!(boto.bad(ADMIN, "GetPublicKey", json!({"KeyId": id})), "UnsupportedOperationException");
    let import = json!({"KeyId": id, "WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"});
    assert_eq!(boto.bad(ADMIN, "GetParametersForImport", import), "UnsupportedOperationException");
    let external = json!({"Origin": "EXTERNAL", "KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"});
    assert_eq!(boto.bad(ADMIN, "CreateKey", external), "UnsupportedOperationException");
}

#[test]
fn whoever_only_asks_is_told() {
    let world = World::new();
    let Some(boto) = Boto::of(&world) else { return };
    let id = key(&boto, json!({}));
    let sealed = boto.good(ADMIN, "Encrypt", json!({"KeyId": id, "Plaintext": bytes(b"x")}));
    for (operation, parameters) in [
        ("Encrypt", json!({"KeyId": id, "Plaintext": bytes(b"x"), "DryRun": true})),
        ("Decrypt", json!({"CiphertextBlob": sealed["CiphertextBlob"], "DryRun": true})),
        ("GenerateDataKey", json!({"KeyId": id, "KeySpec": "AES_256", "DryRun": true})),
    ] {
        assert_eq!(boto.bad(ADMIN, operation, parameters), "DryRunOperationException", "{operation}");
    }
}

#[test]
fn bodies_that_are_no_request() {
    let world = World::new();
    for (body, name) in [
        ("", "SerializationException"),
        ("{", "SerializationException"),
        ("[]", "ValidationException"),
        ("null", "ValidationException"),
        ("{\"NumberOfBytes\": \"8\"}", "ValidationException"),
        ("{\"NumberOfBytes\": 8, \"NumberOfBytes\": 9}", "ValidationException"),
    ] {
        let mut request = Raw::of(&world, "GenerateRandom", json!({}));
        request.body = body.as_bytes().to_vec();
        assert_eq!(request.signed(ADMIN).send(&world).error(), name, "{body}");
    }
    // A message never tells a value back.
    let secret = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE";
    let id = raw::call(&world, ADMIN, "CreateKey", json!({})).body["KeyMetadata"]["KeyId"].clone();
    for bad in [json!([secret]), json!(format!("{secret}!"))] {
        let reply = raw::call(&world, ADMIN, "Encrypt", json!({"KeyId": id, "Plaintext": bad}));
        assert_eq!(reply.error(), "ValidationException");
        assert!(!reply.body.to_string().contains("QUFB"), "{}", reply.body);
    }
}
