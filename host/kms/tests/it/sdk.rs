//! The AWS SDK for Rust as a second client that nobody here wrote.

use crate::enclave::{Enclave, IMAGE};
use crate::world::{ADMIN, ENCLAVE, Signer, World};
use aws_sdk_kms::Client;
use aws_sdk_kms::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_kms::error::ProvideErrorMetadata as _;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{
    DataKeySpec, KeyEncryptionMechanism, KeySpec, KeyUsageType, RecipientInfo, SigningAlgorithmSpec,
};

fn client(world: &World, signer: Signer) -> Client {
    let credentials = Credentials::new(signer.id, signer.secret, signer.token.map(str::to_owned), None, "test");
    let config = aws_sdk_kms::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(world.url())
        .credentials_provider(credentials)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    Client::from_conf(config)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn the_sdk_encrypts_signs_and_reads_errors() {
    let world = World::new();
    let kms = client(&world, ADMIN);
    runtime().block_on(async {
        let made = kms.create_key().description("by the SDK").send().await.unwrap();
        let facts = made.key_metadata().unwrap();
        assert!(facts.enabled());
        assert!(facts.creation_date().is_some());
        let id = facts.key_id();
        let sealed = kms.encrypt().key_id(id).plaintext(Blob::new(*b"share")).encryption_context("genesis", "ab");
        let blob = sealed.send().await.unwrap().ciphertext_blob.unwrap();
        let open = || kms.decrypt().ciphertext_blob(blob.clone());
        let opened = open().encryption_context("genesis", "ab").send().await.unwrap();
        assert_eq!(opened.plaintext.unwrap().as_ref(), b"share");
        let error = open().encryption_context("genesis", "ac").send().await.unwrap_err().into_service_error();
        assert!(error.is_invalid_ciphertext_exception(), "{error:?}");
        kms.disable_key().key_id(id).send().await.unwrap();
        let error = open().encryption_context("genesis", "ab").send().await.unwrap_err().into_service_error();
        assert!(error.is_disabled_exception(), "{error:?}");
        let listed = kms.list_keys().send().await.unwrap();
        assert_eq!(listed.keys().len(), 1);

        let signer = kms.create_key().key_spec(KeySpec::EccSecgP256K1).key_usage(KeyUsageType::SignVerify);
        let signer = signer.send().await.unwrap().key_metadata.unwrap();
        let sign = kms.sign().key_id(signer.key_id()).message(Blob::new(*b"message"));
        let signature = sign.signing_algorithm(SigningAlgorithmSpec::EcdsaSha256).send().await.unwrap();
        let public = kms.get_public_key().key_id(signer.key_id()).send().await.unwrap().public_key.unwrap();
        let algorithm = &aws_lc_rs::signature::ECDSA_P256K1_SHA256_ASN1;
        let public = aws_lc_rs::signature::UnparsedPublicKey::new(algorithm, public);
        public.verify(b"message", signature.signature.unwrap().as_ref()).unwrap();
    });
}

#[test]
fn the_sdk_brings_a_document_and_gets_a_sealed_key() {
    let world = World::new();
    let mut enclave = Enclave::of(&world, IMAGE);
    let public = enclave.public();
    let document = enclave.document(Some(&public));
    let recipient = RecipientInfo::builder()
        .key_encryption_algorithm(KeyEncryptionMechanism::RsaesOaepSha256)
        .attestation_document(Blob::new(document))
        .build();
    let kms = client(&world, ADMIN);
    runtime().block_on(async {
        let id = kms.create_key().send().await.unwrap().key_metadata.unwrap().key_id;
        let made = kms.generate_data_key().key_id(&id).key_spec(DataKeySpec::Aes256).recipient(recipient.clone());
        let made = made.send().await.unwrap();
        assert!(made.plaintext.is_none_or(|plaintext| plaintext.as_ref().is_empty()));
        let data_key = enclave.open(made.ciphertext_for_recipient.unwrap().as_ref());
        let opened = kms.decrypt().ciphertext_blob(made.ciphertext_blob.unwrap()).recipient(recipient.clone());
        let opened = opened.send().await.unwrap().ciphertext_for_recipient.unwrap();
        assert_eq!(enclave.open(opened.as_ref()), data_key);
        let stranger = client(&world, ENCLAVE);
        let denied = stranger.generate_data_key().key_id(&id).key_spec(DataKeySpec::Aes256).recipient(recipient);
        let error = denied.send().await.unwrap_err().into_service_error();
        assert_eq!(error.code(), Some("AccessDeniedException"));
    });
}
