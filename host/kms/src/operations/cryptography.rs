//! Encrypting, decrypting, data keys, random bytes, signatures.

use super::body;
use crate::asymmetric;
use crate::error::{Code, Refusal};
use crate::kms::Turn;
use crate::limits::{CIPHERTEXT_BYTES, MESSAGE_BYTES, PLAINTEXT_BYTES, RANDOM_BYTES};
use crate::recipient::Recipient;
use crate::record::{KeyRecord, KeyUsage};
use crate::secret::Secret;
use crate::symmetric::{self, EncryptionContext};
use crate::wire::{
    self, Blob, DataKeySpec, Decrypt, Encrypt, GenerateDataKey, GenerateRandom, MessageType, OfKey, Sign,
};
use serde::Serialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};

/// The material that blobs are made under. A key has one: it is never rotated.
const MATERIAL: u32 = 0;
const ALGORITHM: &str = "SYMMETRIC_DEFAULT";

/// What bytes become on the wire: the plaintext, or sealed for a recipient. Never both.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
enum Released {
    Plaintext(Blob),
    CiphertextForRecipient(Blob),
}

impl Released {
    fn of(bytes: &Secret, recipient: Option<&Recipient>) -> Result<Released, Refusal> {
        Ok(match recipient {
            None => Released::Plaintext(Blob::of(bytes.expose())),
            Some(recipient) => Released::CiphertextForRecipient(Blob::of(&recipient.seal(bytes.expose())?)),
        })
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Decrypted<'a> {
    key_id: &'a str,
    #[serde(flatten)]
    released: Released,
    encryption_algorithm: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct DataKey<'a> {
    key_id: &'a str,
    ciphertext_blob: Blob,
    #[serde(flatten)]
    released: Released,
}

/// Whoever only asks is told that it may.
fn dry(only_asks: bool) -> Result<(), Refusal> {
    let message = "The request would have succeeded, but the DryRun option is set.";
    if only_asks { Err(Refusal::new(Code::DryRun, message)) } else { Ok(()) }
}

pub(crate) fn encrypt(turn: &mut Turn<'_>, request: &[u8]) -> Result<Vec<u8>, Refusal> {
    let request: Encrypt = wire::read(request)?;
    wire::check(&request.encryption_context, &request.grant_tokens)?;
    let plaintext = request.plaintext.within(1..=PLAINTEXT_BYTES, "Plaintext")?;
    let key = turn.key(&request.key_id)?;
    turn.authorize(&key, &request.encryption_context, None)?;
    let arn = turn.kms.deployment.arn(&key.facts.id);
    let material = key.material_for(KeyUsage::EncryptDecrypt, &arn, turn.now)?;
    dry(request.dry_run)?;
    let blob = symmetric::seal(&key.facts.id, MATERIAL, material, &request.encryption_context, plaintext)?;
    body(&json!({"KeyId": arn, "CiphertextBlob": Blob::of(&blob), "EncryptionAlgorithm": ALGORITHM}))
}

pub(crate) fn decrypt(turn: &mut Turn<'_>, request: &[u8]) -> Result<Vec<u8>, Refusal> {
    let request: Decrypt = wire::read(request)?;
    wire::check(&request.encryption_context, &request.grant_tokens)?;
    let blob = request.ciphertext_blob.within(1..=CIPHERTEXT_BYTES, "CiphertextBlob")?;
    let named = request.key_id.as_deref().map(|id| turn.key(id)).transpose()?;
    let blob = symmetric::Blob::parse(blob).ok_or_else(|| Refusal::new(Code::InvalidCiphertext, ""))?;
    let key = key_of(turn, &blob, named)?;
    let recipient = turn.recipient(request.recipient.as_ref())?;
    turn.authorize(&key, &request.encryption_context, recipient.as_ref())?;
    let arn = turn.kms.deployment.arn(&key.facts.id);
    let material = key.material_for(KeyUsage::EncryptDecrypt, &arn, turn.now)?;
    if blob.material != MATERIAL {
        return Err(Refusal::new(Code::InvalidCiphertext, ""));
    }
    let plaintext = blob.open(material, &request.encryption_context)?;
    dry(request.dry_run)?;
    let released = Released::of(&plaintext, recipient.as_ref())?;
    body(&Decrypted { key_id: &arn, released, encryption_algorithm: ALGORITHM })
}

/// The key that a blob names, which must be the one that the caller names.
fn key_of(turn: &mut Turn<'_>, blob: &symmetric::Blob<'_>, named: Option<KeyRecord>) -> Result<KeyRecord, Refusal> {
    if let Some(key) = named {
        let message = "The key ID in the request does not identify a CMK that can perform this operation.";
        let same = key.facts.id == blob.key;
        return if same { Ok(key) } else { Err(Refusal::new(Code::IncorrectKey, message)) };
    }
    let message = "The ciphertext refers to a customer master key that does not exist, does not exist in this region, \
                   or you are not allowed to access.";
    turn.find(&blob.key).ok_or_else(|| Refusal::new(Code::AccessDenied, message))
}

pub(crate) fn generate_data_key(turn: &mut Turn<'_>, request: &[u8]) -> Result<Vec<u8>, Refusal> {
    let request: GenerateDataKey = wire::read(request)?;
    wire::check(&request.encryption_context, &request.grant_tokens)?;
    let length = match (request.key_spec, request.number_of_bytes) {
        (Some(DataKeySpec::Aes256), None) => 32,
        (Some(DataKeySpec::Aes128), None) => 16,
        (None, Some(length)) => bounded(length)?,
        _ => return Err(Refusal::validation("Please specify either number of bytes or key spec.")),
    };
    let key = turn.key(&request.key_id)?;
    let recipient = turn.recipient(request.recipient.as_ref())?;
    turn.authorize(&key, &request.encryption_context, recipient.as_ref())?;
    let arn = turn.kms.deployment.arn(&key.facts.id);
    let material = key.material_for(KeyUsage::EncryptDecrypt, &arn, turn.now)?;
    dry(request.dry_run)?;
    let data_key = Secret::random(length)?;
    let context = &request.encryption_context;
    let blob = symmetric::seal(&key.facts.id, MATERIAL, material, context, data_key.expose())?;
    let released = Released::of(&data_key, recipient.as_ref())?;
    body(&DataKey { key_id: &arn, ciphertext_blob: Blob::of(&blob), released })
}

pub(crate) fn generate_random(turn: &mut Turn<'_>, request: &[u8]) -> Result<Vec<u8>, Refusal> {
    let request: GenerateRandom = wire::read(request)?;
    let length = request.number_of_bytes.ok_or_else(|| Refusal::validation("NumberOfBytes is required"))?;
    let length = bounded(length)?;
    let recipient = turn.recipient(request.recipient.as_ref())?;
    turn.authorize_account()?;
    body(&Released::of(&Secret::random(length)?, recipient.as_ref())?)
}

fn bounded(length: usize) -> Result<usize, Refusal> {
    let good = (1..=RANDOM_BYTES).contains(&length);
    if good { Ok(length) } else { Err(Refusal::validation(format!("NumberOfBytes is 1 to {RANDOM_BYTES}"))) }
}

pub(crate) fn sign(turn: &mut Turn<'_>, request: &[u8]) -> Result<Vec<u8>, Refusal> {
    let request: Sign = wire::read(request)?;
    wire::without_grants(&request.grant_tokens)?;
    let message = request.message.within(1..=MESSAGE_BYTES, "Message")?;
    let key = turn.key(&request.key_id)?;
    turn.authorize(&key, &EncryptionContext::new(), None)?;
    let arn = turn.kms.deployment.arn(&key.facts.id);
    let material = key.material_for(KeyUsage::SignVerify, &arn, turn.now)?;
    let digest: [u8; 32] = match request.message_type {
        MessageType::Raw => Sha256::digest(message).into(),
        MessageType::Digest => message
            .try_into()
            .map_err(|_| Refusal::validation("Digest is invalid length for algorithm ECDSA_SHA_256."))?,
    };
    dry(request.dry_run)?;
    let signature = asymmetric::sign(key.facts.spec, material, &digest)?;
    body(&json!({"KeyId": arn, "Signature": Blob::of(&signature), "SigningAlgorithm": "ECDSA_SHA_256"}))
}

pub(crate) fn public_key(turn: &mut Turn<'_>, request: &[u8]) -> Result<Vec<u8>, Refusal> {
    let request: OfKey = wire::read(request)?;
    wire::without_grants(&request.grant_tokens)?;
    let key = turn.key(&request.key_id)?;
    turn.authorize(&key, &EncryptionContext::new(), None)?;
    let arn = turn.kms.deployment.arn(&key.facts.id);
    if key.facts.spec.usage() == KeyUsage::EncryptDecrypt {
        let message = format!("{arn} is a symmetric key: it has no public key.");
        return Err(Refusal::new(Code::UnsupportedOperation, message));
    }
    let material = key.material_for(KeyUsage::SignVerify, &arn, turn.now)?;
    let public = asymmetric::public_key(key.facts.spec, material)?;
    body(&json!({
        "KeyId": arn, "PublicKey": Blob::of(&public), "KeySpec": key.facts.spec,
        "CustomerMasterKeySpec": key.facts.spec, "KeyUsage": KeyUsage::SignVerify,
        "SigningAlgorithms": ["ECDSA_SHA_256"],
    }))
}
