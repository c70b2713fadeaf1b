//! Recipient: a document that is exactly right opens a key for its enclave alone; every other is refused under AWS's name.

use crate::actions::key;
use crate::boto::{Boto, of_bytes};
use crate::enclave::{Enclave, IMAGE, MODULE, SIGNER, recipient};
use crate::raw::call;
use crate::world::{ADMIN, ENCLAVE, ENCLAVE_ARN, World};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ringi_attestation::{Document, Pcr, Root};
use ringi_kms::{Code, CosignerKey, Principal, Recipient, recommended_policy};
use ringi_primitives::digest::Digest;
use ringi_primitives::scheme::PartyIndex;
use serde_json::{Value, json};
use std::path::PathBuf;

const GENESIS: Digest = Digest([0x67; 32]);

fn cosigner() -> PartyIndex {
    PartyIndex::new(1).unwrap()
}

pub fn recommended() -> String {
    let key = CosignerKey {
        role: Principal::parse(ENCLAVE_ARN).unwrap(),
        readers: vec![],
        images: [IMAGE].into(),
        signer: Some(SIGNER),
        genesis: GENESIS,
        cosigner: cosigner(),
    };
    recommended_policy(&key).unwrap()
}

/// A world with a key under the recommended policy, and a data key that the right enclave made under it.
struct Scene {
    world: World,
    key: Value,
    blob: Value,
    data_key: Vec<u8>,
}

fn enclave(world: &World) -> Enclave {
    Enclave::of(world, IMAGE).with_genesis(&GENESIS.0)
}

fn context() -> Value {
    json!(ringi_attestation::kms::context(GENESIS, cosigner()))
}

impl Scene {
    fn new() -> Scene {
        let world = World::new();
        let body = json!({"Policy": recommended(), "BypassPolicyLockoutSafetyCheck": true});
        let key = call(&world, ADMIN, "CreateKey", body).body["KeyMetadata"]["Arn"].clone();
        let mut right = enclave(&world);
        let body = json!({
            "KeyId": key, "KeySpec": "AES_256", "EncryptionContext": context(), "Recipient": right.recipient(),
        });
        let made = call(&world, ENCLAVE, "GenerateDataKey", body).body;
        assert!(made.get("Plaintext").is_none(), "{made}");
        let sealed = STANDARD.decode(made["CiphertextForRecipient"].as_str().unwrap()).unwrap();
        let data_key = right.open(&sealed);
        assert_eq!(data_key.len(), 32);
        Scene { world, key, blob: made["CiphertextBlob"].clone(), data_key }
    }

    fn body(&self, recipient: Value) -> Value {
        json!({"CiphertextBlob": self.blob, "EncryptionContext": context(), "Recipient": recipient})
    }

    /// What Decrypt says to a recipient.
    #[track_caller]
    fn refused(&self, recipient: Value, name: &str, text: &str) {
        let reply = call(&self.world, ENCLAVE, "Decrypt", self.body(recipient));
        assert_eq!((reply.error(), reply.status), (name, 400), "{}", reply.body);
        assert!(reply.body["message"].as_str().unwrap().contains(text), "{}", reply.body);
        assert!(reply.body.get("Plaintext").is_none() && reply.body.get("CiphertextForRecipient").is_none());
    }
}

#[test]
fn the_measured_enclave_gets_its_key_back() {
    let scene = Scene::new();
    let mut again = enclave(&scene.world);
    let reply = call(&scene.world, ENCLAVE, "Decrypt", scene.body(again.recipient()));
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert!(reply.body.get("Plaintext").is_none(), "{}", reply.body);
    let sealed = STANDARD.decode(reply.body["CiphertextForRecipient"].as_str().unwrap()).unwrap();
    assert_eq!(again.open(&sealed), scene.data_key);
    assert_eq!(reply.body["KeyId"], scene.key);
    let text = std::fs::read_to_string(scene.world.path().join("audit.jsonl")).unwrap();
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(last["recipient"]["image"], IMAGE.hex());
    assert_eq!(last["recipient"]["module_id"], MODULE);
    assert_eq!(last["recipient"]["root"], hex::encode(scene.world.authority.root().0));
}

#[test]
fn boto3_reads_what_is_sealed_for_a_recipient() {
    let world = World::new();
    let Some(boto) = Boto::of(&world) else { return };
    let id = key(&boto, json!({}));
    let mut right = enclave(&world);
    let public = right.public();
    let document = right.document(Some(&public));
    let recipient = json!({
        "KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": crate::boto::bytes(&document),
    });
    let made = boto.good(ADMIN, "GenerateDataKey", json!({"KeyId": id, "KeySpec": "AES_256", "Recipient": recipient}));
    assert!(made.get("Plaintext").is_none(), "{made}");
    let data_key = right.open(&of_bytes(&made["CiphertextForRecipient"]));
    let opened = boto.good(ADMIN, "Decrypt", json!({"CiphertextBlob": made["CiphertextBlob"], "Recipient": recipient}));
    assert!(opened.get("Plaintext").is_none(), "{opened}");
    assert_eq!(right.open(&of_bytes(&opened["CiphertextForRecipient"])), data_key);
    let random = boto.good(ADMIN, "GenerateRandom", json!({"NumberOfBytes": 48, "Recipient": recipient}));
    assert_eq!(right.open(&of_bytes(&random["CiphertextForRecipient"])).len(), 48);
    let wrong =
        json!({"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_1", "AttestationDocument": recipient["AttestationDocument"]});
    let name = boto.bad(ADMIN, "GenerateRandom", json!({"NumberOfBytes": 48, "Recipient": wrong}));
    assert_eq!(name, "ValidationException");
}

#[test]
fn nobody_without_a_document_not_even_the_account() {
    let scene = Scene::new();
    let body = json!({"CiphertextBlob": scene.blob, "EncryptionContext": context()});
    for signer in [ENCLAVE, ADMIN] {
        assert_eq!(call(&scene.world, signer, "Decrypt", body.clone()).error(), "AccessDeniedException");
    }
    let mut right = enclave(&scene.world);
    let admin = call(&scene.world, ADMIN, "Decrypt", scene.body(right.recipient()));
    assert_eq!(admin.error(), "AccessDeniedException", "the document opens for another principal");
}

#[test]
fn another_image_register_or_genesis_is_denied() {
    let scene = Scene::new();
    let denied = "AccessDeniedException";
    let mut image = Enclave::of(&scene.world, Pcr([0xb1; 48])).with_genesis(&GENESIS.0);
    scene.refused(image.recipient(), denied, "explicit deny");
    let mut genesis = Enclave::of(&scene.world, IMAGE).with_genesis(&[0x68; 32]);
    scene.refused(genesis.recipient(), denied, "no resource-based policy allows");
    // Register 16 is not locked: the document does not hold it.
    let mut open = Enclave::of(&scene.world, IMAGE);
    scene.refused(open.recipient(), denied, "no resource-based policy allows");
    assert_eq!(Pcr::of_genesis(&GENESIS), Pcr::ZERO.extend(&GENESIS.0));
}

#[test]
fn another_context_is_denied_by_the_policy_and_by_the_ciphertext() {
    let scene = Scene::new();
    let mut right = enclave(&scene.world);
    let mut body = scene.body(right.recipient());
    body["EncryptionContext"]["cosigner"] = json!("2");
    assert_eq!(call(&scene.world, ENCLAVE, "Decrypt", body).error(), "AccessDeniedException");
    let mut body = scene.body(right.recipient());
    body["EncryptionContext"]["more"] = json!("x");
    assert_eq!(call(&scene.world, ENCLAVE, "Decrypt", body).error(), "InvalidCiphertextException");
}

#[test]
fn a_document_lives_five_minutes() {
    let scene = Scene::new();
    let mut right = enclave(&scene.world);
    let (early, invalid) = (right.recipient(), "ValidationException");
    scene.world.clock.by_ms(290_000);
    assert_eq!(call(&scene.world, ENCLAVE, "Decrypt", scene.body(early.clone())).status, 200);
    scene.world.clock.by_ms(10_001);
    scene.refused(early.clone(), invalid, "attestation.too_old");
    scene.world.clock.by_ms(4 * 3_600_000);
    scene.refused(early, invalid, "attestation.expired");
    let late = right.recipient();
    scene.world.clock.by_ms(-50_000);
    assert_eq!(call(&scene.world, ENCLAVE, "Decrypt", scene.body(late.clone())).status, 200);
    scene.world.clock.by_ms(-11_000);
    scene.refused(late, invalid, "attestation.future");
}

#[test]
fn a_document_that_is_not_genuine_is_invalid() {
    let scene = Scene::new();
    let (mut right, invalid) = (enclave(&scene.world), "ValidationException");
    let key = right.public();
    let good = right.document(Some(&key));
    let mut flipped = good.clone();
    let last = flipped.len() - 1;
    flipped[last] ^= 1;
    scene.refused(recipient(&flipped), invalid, "attestation.signature");
    let mut flipped = good.clone();
    // The image's register: 0xa1 48 times.
    let at = good.windows(48).position(|window| window == IMAGE.0).unwrap();
    flipped[at] ^= 1;
    scene.refused(recipient(&flipped), invalid, "attestation.signature");
    scene.refused(recipient(&good[..good.len() - 1]), invalid, "attestation.malformed");
    scene.refused(recipient(&[7; 200]), invalid, "attestation.malformed");
    scene.refused(recipient(b""), invalid, "AttestationDocument must have");
    scene.refused(recipient(&[0; 17_000]), invalid, "AttestationDocument must have");
    let mut foreign = Enclave::of_another_root(&scene.world).with_genesis(&GENESIS.0);
    scene.refused(foreign.recipient(), invalid, "attestation.root");
}

#[test]
fn an_enclave_in_debug_mode_is_denied_whatever_a_policy_says() {
    let scene = Scene::new();
    let mut debug = Enclave::debug(&scene.world);
    scene.refused(debug.recipient(), "AccessDeniedException", "attestation.debug");
    // A policy that names zeros, and one that asks for nothing.
    let zeros = json!({"StringEquals": {"kms:RecipientAttestation:ImageSha384": "0".repeat(96)}});
    for condition in [zeros, json!({})] {
        let policy = json!({"Statement": [
            {"Effect": "Allow", "Principal": {"AWS": ENCLAVE_ARN}, "Action": "kms:*", "Resource": "*", "Condition": condition},
        ]});
        let body = json!({"Policy": policy.to_string(), "BypassPolicyLockoutSafetyCheck": true});
        let id = call(&scene.world, ADMIN, "CreateKey", body).body["KeyMetadata"]["KeyId"].clone();
        let body = json!({"KeyId": id, "KeySpec": "AES_256", "Recipient": debug.recipient()});
        assert_eq!(call(&scene.world, ENCLAVE, "GenerateDataKey", body).error(), "AccessDeniedException");
    }
}

/// An element of 256 to 65535 bytes.
fn der(tag: u8, body: &[u8]) -> Vec<u8> {
    let [high, low] = (body.len() as u16).to_be_bytes();
    [&[tag, 0x82, high, low], body].concat()
}

/// SubjectPublicKeyInfo with an odd number of so many bits as modulus, and 65537 (RFC 3279 §2.3.1).
fn rsa(bits: usize) -> Vec<u8> {
    let modulus: Vec<u8> = [0].into_iter().chain((0..bits / 8).map(|_| 0xb5)).collect();
    let exponent = [0x02, 0x03, 0x01, 0x00, 0x01];
    let key = der(0x30, &[der(0x02, &modulus), exponent.to_vec()].concat());
    let algorithm = hex::decode("300d06092a864886f70d0101010500").unwrap();
    let packed = der(0x03, &[vec![0], key].concat());
    der(0x30, &[algorithm, packed].concat())
}

/// An RSA key of 1024 bits, made for this test: SubjectPublicKeyInfo.
const RSA_1024: &str = concat!(
    "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQD5HHFGezoPUiDoZaUZDNHWnA3QPF8emcwdXzXsofBaje4/qfjeAg7f6zz7ZDEptnjhq38k7kYk",
    "EdbwYsgmktxxqDPsVJSx0vSXih8tYsjVUjAa7auP2EpM8FFCOgUg6C7lJgGceKRroLOPPHTyhqAqjdlnieNPW9kZKgd0LI/u1QIDAQAB",
);

#[test]
fn the_key_in_the_document_is_rsa_of_2048_to_4096_bits() {
    let scene = Scene::new();
    let (mut right, invalid) = (enclave(&scene.world), "ValidationException");
    let without = recipient(&right.document(None));
    scene.refused(without, invalid, "has no public key");
    let ec = STANDARD.decode(P256).unwrap();
    for (what, der) in [("text", b"a key".to_vec()), ("ec", ec)] {
        let document = right.document(Some(&der));
        let reply = call(&scene.world, ENCLAVE, "Decrypt", scene.body(recipient(&document)));
        assert_eq!(reply.error(), invalid, "{what}");
        assert!(reply.body["message"].as_str().unwrap().contains("is no RSA key"), "{what}: {}", reply.body);
    }
    let small = STANDARD.decode(RSA_1024).unwrap();
    for wrong in [small, rsa(2040), rsa(4104), rsa(5120)] {
        let document = right.document(Some(&wrong));
        let reply = call(&scene.world, ENCLAVE, "Decrypt", scene.body(recipient(&document)));
        assert_eq!(reply.error(), invalid, "{} bytes: {}", wrong.len(), reply.body);
    }
    for good in [2048, 3072, 4096] {
        let document = right.document(Some(&rsa(good)));
        let reply = call(&scene.world, ENCLAVE, "Decrypt", scene.body(recipient(&document)));
        assert_eq!(reply.status, 200, "{good} bits: {}", reply.body);
    }
}

/// SubjectPublicKeyInfo of a P-256 key.
const P256: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE/77ncG01TyHs+ELNoaM+3IS1BD/0Tytcj+2cJ8s3eGWtOvNQwQRCJcrXALKVkNNRezHPeP21mpxKfcMpNq/5vg==";

/// Genuine documents of AWS, which are not part of the repository: RINGI_NITRO_DOCUMENTS names their folder. The good ones
/// verify, and are refused only for what their program left out: a key.
#[test]
fn genuine_documents_verify_at_their_time_and_not_later() {
    let beside = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/testdata/nitro"));
    let folder = std::env::var_os("RINGI_NITRO_DOCUMENTS").map_or_else(beside, PathBuf::from);
    let read = |name: &str| std::fs::read(folder.join(name)).ok();
    let at_its_time = |bytes: &[u8], later_ms: u64| {
        let made = Document::read(bytes).unwrap().timestamp;
        let result = Recipient::verify(bytes, &[Root::AWS], made.plus_ms(later_ms));
        result.map(|recipient| recipient.root()).map_err(|e| (e.code, e.message))
    };
    let mut seen = 0;
    for (name, code, text) in [
        ("evervault-debug-mode-attestation-doc-bytes-46591b92.cbor", Code::AccessDenied, "attestation.debug"),
        ("veracruz-project-aws_nitro_document_bad_sig-7df2cdc0.cbor", Code::Validation, "attestation.signature"),
        ("veracruz-project-aws_nitro_document-8ff485d8.cbor", Code::Validation, "has no public key"),
        ("Dstack-TEE-nitro_attestation-5e983e0b.cbor", Code::Validation, "has no public key"),
    ] {
        let Some(bytes) = read(name) else { continue };
        seen += 1;
        let found = at_its_time(&bytes, 0);
        assert!(found.as_ref().is_err_and(|(c, t)| *c == code && t.contains(text)), "{name}: {found:?}");
        let (_, later) = at_its_time(&bytes, 300_001).unwrap_err();
        let forged = text == "attestation.signature";
        assert!(later.contains(if forged { text } else { "attestation.too_old" }), "{name}: {later}");
    }
    if seen == 0 {
        eprintln!("SKIPPED: no folder of genuine documents; name it with RINGI_NITRO_DOCUMENTS");
    }
}
