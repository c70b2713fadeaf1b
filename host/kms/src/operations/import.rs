//! Imported key material: it travels under an RSA key of ours, and no other material follows it into the same key.

use super::{body, done};
use crate::error::{Code, Refusal};
use crate::kms::Turn;
use crate::limits::{CIPHERTEXT_BYTES, IMPORT_MS, IMPORT_VALID_MS};
use crate::record::{KeyRecord, Origin, invalid_state};
use crate::secret::Secret;
use crate::symmetric::{EncryptionContext, MATERIAL_BYTES};
use crate::wire::{self, Blob, ExpirationModel, ImportKeyMaterial, OfKey, ParametersForImport, seconds};
use crate::wrapping;
use ringi_primitives::time::UnixMs;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

pub(crate) fn parameters(turn: &mut Turn<'_>, request: &[u8]) -> Result<Vec<u8>, Refusal> {
    let request: ParametersForImport = wire::read(request)?;
    let key = external(turn, &request.key_id)?;
    let until = turn.now.plus_ms(IMPORT_MS);
    // Takes a moment: no lock is held.
    let (pending, public) = wrapping::prepare(request.wrapping_key_spec, until)?;
    let token = pending.token.clone();
    turn.change(&key, |key| {
        key.import = Some(pending);
        Ok(())
    })?;
    body(&json!({
        "KeyId": turn.kms.deployment.arn(&key.facts.id), "ImportToken": Blob::of(token.expose()),
        "PublicKey": Blob::of(&public), "ParametersValidTo": seconds(until.0),
    }))
}

/// A key whose material is imported, if the caller may.
fn external(turn: &mut Turn<'_>, id: &str) -> Result<KeyRecord, Refusal> {
    let key = turn.key(id)?;
    turn.authorize(&key, &EncryptionContext::new(), None)?;
    let arn = turn.kms.deployment.arn(&key.facts.id);
    if key.facts.origin != Origin::External {
        let message = format!("{arn} origin is AWS_KMS which is not valid for this operation.");
        return Err(Refusal::new(Code::UnsupportedOperation, message));
    }
    if key.facts.deletion_ms.is_some() {
        return Err(invalid_state(&arn, "is pending deletion."));
    }
    Ok(key)
}

pub(crate) fn import(turn: &mut Turn<'_>, request: &[u8]) -> Result<Vec<u8>, Refusal> {
    let request: ImportKeyMaterial = wire::read(request)?;
    let token = request.import_token.within(1..=CIPHERTEXT_BYTES, "ImportToken")?;
    let wrapped = request.encrypted_key_material.within(1..=CIPHERTEXT_BYTES, "EncryptedKeyMaterial")?;
    let key = external(turn, &request.key_id)?;
    let valid_to_ms = valid_to(&request, turn.now)?;
    let wrong = || Refusal::new(Code::InvalidImportToken, "The import token is not the newest one of this key.");
    let pending = key.import.as_ref().filter(|import| bool::from(import.token.expose().ct_eq(token)));
    let pending = pending.ok_or_else(wrong)?;
    if turn.now > pending.until {
        return Err(Refusal::new(Code::ExpiredImportToken, "The import token is expired."));
    }
    let material = pending.unwrap_material(wrapped)?;
    if material.expose().len() != MATERIAL_BYTES {
        return Err(Refusal::new(Code::IncorrectKeyMaterial, format!("The key material has {MATERIAL_BYTES} bytes.")));
    }
    let used = pending.token.clone();
    let digest = digest_of(&material);
    turn.change(&key, |key| {
        let same = key.import.as_ref().is_some_and(|import| import.token.expose() == used.expose());
        if !same {
            return Err(wrong());
        }
        if key.facts.imported_digest.as_ref().is_some_and(|first| *first != digest) {
            let message = "The key material is not that which was imported into this key first.";
            return Err(Refusal::new(Code::IncorrectKeyMaterial, message));
        }
        key.facts.imported_digest = Some(digest);
        key.facts.valid_to_ms = valid_to_ms;
        key.material = Some(material);
        key.import = None;
        Ok(())
    })?;
    done()
}

/// When the material expires.
fn valid_to(request: &ImportKeyMaterial, now: UnixMs) -> Result<Option<u64>, Refusal> {
    let wrong = |what: &str| Err(Refusal::validation(what));
    match (request.expiration_model, request.valid_to) {
        (ExpirationModel::KeyMaterialDoesNotExpire, None) => Ok(None),
        (ExpirationModel::KeyMaterialDoesNotExpire, Some(_)) => {
            wrong("ValidTo and KEY_MATERIAL_DOES_NOT_EXPIRE contradict each other")
        }
        (ExpirationModel::KeyMaterialExpires, None) => wrong("ValidTo is required for KEY_MATERIAL_EXPIRES"),
        (ExpirationModel::KeyMaterialExpires, Some(at)) => {
            // A float that is no number, negative or too large becomes a time that is out of the bounds.
            let at_ms = (at * 1000.0) as u64;
            let good = at_ms > now.0 && at_ms <= now.plus_ms(IMPORT_VALID_MS).0;
            if good { Ok(Some(at_ms)) } else { wrong("ValidTo must lie in the future, and within a year") }
        }
    }
}

/// Names a material without telling it: 32 random bytes cannot be found from their hash.
fn digest_of(material: &Secret) -> String {
    let mut hash = Sha256::new();
    hash.update(b"ringi-kms/v1/imported");
    hash.update(material.expose());
    hex::encode(hash.finalize())
}

pub(crate) fn delete(turn: &mut Turn<'_>, request: &[u8]) -> Result<Vec<u8>, Refusal> {
    let request: OfKey = wire::read(request)?;
    wire::without_grants(&request.grant_tokens)?;
    let key = external(turn, &request.key_id)?;
    turn.change(&key, |key| {
        key.material = None;
        key.facts.valid_to_ms = None;
        Ok(())
    })?;
    body(&json!({"KeyId": turn.kms.deployment.arn(&key.facts.id)}))
}
