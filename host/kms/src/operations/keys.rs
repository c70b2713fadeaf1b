//! Keys: made, described, listed, switched, deleted.

use super::{body, done};
use crate::asymmetric;
use crate::error::{Code, Refusal};
use crate::identity::KeyId;
use crate::kms::Turn;
use crate::limits::{DAY_MS, DELETION_DAYS, DELETION_DAYS_DEFAULT, DESCRIPTION_BYTES, KEYS, LISTED};
use crate::policy::Policy;
use crate::record::{Facts, KeyRecord, KeySpec, KeyState, KeyUsage, Origin, invalid_state};
use crate::secret::{Secret, random};
use crate::symmetric::{EncryptionContext, MATERIAL_BYTES};
use crate::wire::{self, CreateKey, ListKeys, OfKey, ScheduleKeyDeletion, seconds};
use serde_json::{Value, json};

pub(crate) fn create(turn: &mut Turn<'_>, request: &[u8]) -> Result<Vec<u8>, Refusal> {
    let request: CreateKey = wire::read(request)?;
    turn.authorize_account()?;
    let (spec, origin) = kind(&request)?;
    let id = KeyId::of_random(random()?);
    let arn = turn.kms.deployment.arn(&id);
    let policy = request.policy.unwrap_or_else(|| default_policy(turn.kms.deployment.account()));
    let parsed = Policy::parse(&policy)?;
    if !request.bypass_policy_lockout_safety_check {
        super::policies::check_lockout(turn, &parsed, &arn)?;
    }
    let material = match (origin, spec) {
        (Origin::External, _) => None,
        (Origin::Here, KeySpec::SymmetricDefault) => Some(Secret::random(MATERIAL_BYTES)?),
        (Origin::Here, _) => Some(asymmetric::generate(spec)?),
    };
    let facts = Facts {
        id,
        created_ms: turn.now.0,
        description: request.description.unwrap_or_default(),
        spec,
        origin,
        enabled: true,
        deletion_ms: None,
        valid_to_ms: None,
        imported_digest: None,
        policy,
    };
    let key = KeyRecord { facts, material, import: None };
    let mut keys = turn.kms.keys();
    if keys.len() >= KEYS {
        return Err(Refusal::new(Code::LimitExceeded, format!("This server keeps at most {KEYS} keys")));
    }
    turn.kms.store.write(&key).map_err(|e| Refusal::internal(&e))?;
    keys.insert(id, key.clone());
    drop(keys);
    turn.trail.key = Some(arn);
    body(&json!({"KeyMetadata": metadata(turn, &key)}))
}

/// What is to be made.
fn kind(request: &CreateKey) -> Result<(KeySpec, Origin), Refusal> {
    let wrong = |what: &str| Err(Refusal::validation(what));
    if request.multi_region || !request.tags.is_empty() {
        return wrong("MultiRegion and Tags are not supported");
    }
    if request.description.as_ref().is_some_and(|text| text.len() > DESCRIPTION_BYTES) {
        return wrong("Description is too long");
    }
    let spec = match (request.key_spec, request.customer_master_key_spec) {
        (Some(_), Some(_)) => return wrong("KeySpec and CustomerMasterKeySpec are the same parameter"),
        (one, other) => one.or(other).unwrap_or(KeySpec::SymmetricDefault),
    };
    let usage = request.key_usage.unwrap_or(KeyUsage::EncryptDecrypt);
    if usage != spec.usage() {
        return wrong("KeyUsage does not fit KeySpec; for ECC keys it is SIGN_VERIFY");
    }
    let origin = request.origin.unwrap_or(Origin::Here);
    if origin == Origin::External && spec != KeySpec::SymmetricDefault {
        let message = "Only SYMMETRIC_DEFAULT keys are imported";
        return Err(Refusal::new(Code::UnsupportedOperation, message));
    }
    Ok((spec, origin))
}

/// AWS's default: the account decides. It asks for no attestation; `ringi kms lint` says so.
fn default_policy(account: &str) -> String {
    let root = format!("arn:aws:iam::{account}:root");
    let statement =
        json!({"Sid": "Account", "Effect": "Allow", "Principal": {"AWS": root}, "Action": "kms:*", "Resource": "*"});
    json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
}

fn metadata(turn: &Turn<'_>, key: &KeyRecord) -> Value {
    let (facts, state) = (&key.facts, key.state(turn.now));
    let mut all = json!({
        "AWSAccountId": turn.kms.deployment.account(),
        "KeyId": facts.id.to_string(),
        "Arn": turn.kms.deployment.arn(&facts.id),
        "CreationDate": seconds(facts.created_ms),
        "Enabled": state == KeyState::Enabled,
        "Description": facts.description,
        "KeyUsage": facts.spec.usage(),
        "KeyState": state,
        "Origin": facts.origin,
        "KeyManager": "CUSTOMER",
        "KeySpec": facts.spec,
        "CustomerMasterKeySpec": facts.spec,
        "MultiRegion": false,
    });
    let Some(fields) = all.as_object_mut() else { return all };
    match facts.spec.usage() {
        KeyUsage::EncryptDecrypt => fields.insert("EncryptionAlgorithms".into(), json!(["SYMMETRIC_DEFAULT"])),
        KeyUsage::SignVerify => fields.insert("SigningAlgorithms".into(), json!(["ECDSA_SHA_256"])),
    };
    if let Some(at) = facts.deletion_ms {
        fields.insert("DeletionDate".into(), json!(seconds(at)));
    }
    if facts.origin == Origin::External && key.material.is_some() {
        let model = if facts.valid_to_ms.is_some() { "KEY_MATERIAL_EXPIRES" } else { "KEY_MATERIAL_DOES_NOT_EXPIRE" };
        fields.insert("ExpirationModel".into(), json!(model));
        fields.extend(facts.valid_to_ms.map(|at| ("ValidTo".to_owned(), json!(seconds(at)))));
    }
    all
}

pub(crate) fn describe(turn: &mut Turn<'_>, request: &[u8]) -> Result<Vec<u8>, Refusal> {
    let key = plain(turn, request)?;
    body(&json!({"KeyMetadata": metadata(turn, &key)}))
}

/// The key of a request that names nothing else, if the caller may.
fn plain(turn: &mut Turn<'_>, request: &[u8]) -> Result<KeyRecord, Refusal> {
    let request: OfKey = wire::read(request)?;
    wire::without_grants(&request.grant_tokens)?;
    let key = turn.key(&request.key_id)?;
    turn.authorize(&key, &EncryptionContext::new(), None)?;
    Ok(key)
}

pub(crate) fn list(turn: &mut Turn<'_>, request: &[u8]) -> Result<Vec<u8>, Refusal> {
    let request: ListKeys = wire::read(request)?;
    turn.authorize_account()?;
    let limit = request.limit.unwrap_or(100);
    if !(1..=LISTED).contains(&limit) {
        return Err(Refusal::validation(format!("Limit is 1 to {LISTED}")));
    }
    let after = match request.marker {
        None => None,
        Some(text) => Some(KeyId::parse(&text).ok_or_else(|| Refusal::new(Code::InvalidMarker, "Marker is none"))?),
    };
    let keys = turn.kms.keys();
    let living = keys.values().filter(|key| !key.is_deleted(turn.now)).map(|key| key.facts.id);
    let mut found: Vec<_> = living.filter(|id| after.is_none_or(|after| *id > after)).take(limit + 1).collect();
    let truncated = found.len() > limit;
    found.truncate(limit);
    let entry = |id: &KeyId| json!({"KeyId": id.to_string(), "KeyArn": turn.kms.deployment.arn(id)});
    let mut answer = json!({"Keys": found.iter().map(entry).collect::<Vec<_>>(), "Truncated": truncated});
    if let (true, Some(last), Some(fields)) = (truncated, found.last(), answer.as_object_mut()) {
        fields.insert("NextMarker".into(), json!(last.to_string()));
    }
    body(&answer)
}

pub(crate) fn enable(turn: &mut Turn<'_>, request: &[u8]) -> Result<Vec<u8>, Refusal> {
    switch(turn, request, true)
}

pub(crate) fn disable(turn: &mut Turn<'_>, request: &[u8]) -> Result<Vec<u8>, Refusal> {
    switch(turn, request, false)
}

fn switch(turn: &mut Turn<'_>, request: &[u8], enabled: bool) -> Result<Vec<u8>, Refusal> {
    let key = plain(turn, request)?;
    let (arn, now) = (turn.kms.deployment.arn(&key.facts.id), turn.now);
    turn.change(&key, |key| match key.state(now) {
        KeyState::PendingDeletion => Err(invalid_state(&arn, "is pending deletion.")),
        KeyState::PendingImport => Err(invalid_state(&arn, "is pending import.")),
        KeyState::Enabled | KeyState::Disabled => {
            key.facts.enabled = enabled;
            Ok(())
        }
    })?;
    done()
}

pub(crate) fn schedule_deletion(turn: &mut Turn<'_>, request: &[u8]) -> Result<Vec<u8>, Refusal> {
    let request: ScheduleKeyDeletion = wire::read(request)?;
    let key = turn.key(&request.key_id)?;
    turn.authorize(&key, &EncryptionContext::new(), None)?;
    let days = request.pending_window_in_days.unwrap_or(DELETION_DAYS_DEFAULT);
    if !DELETION_DAYS.contains(&days) {
        return Err(Refusal::validation("PendingWindowInDays is 7 to 30"));
    }
    let arn = turn.kms.deployment.arn(&key.facts.id);
    let at = turn.now.plus_ms(days.saturating_mul(DAY_MS)).0;
    turn.change(&key, |key| match key.facts.deletion_ms {
        Some(_) => Err(invalid_state(&arn, "is pending deletion.")),
        None => {
            key.facts.deletion_ms = Some(at);
            Ok(())
        }
    })?;
    let state = KeyState::PendingDeletion;
    body(&json!({"KeyId": arn, "DeletionDate": seconds(at), "KeyState": state, "PendingWindowInDays": days}))
}

pub(crate) fn cancel_deletion(turn: &mut Turn<'_>, request: &[u8]) -> Result<Vec<u8>, Refusal> {
    let key = plain(turn, request)?;
    let arn = turn.kms.deployment.arn(&key.facts.id);
    turn.change(&key, |key| match key.facts.deletion_ms.take() {
        None => Err(invalid_state(&arn, "is not pending deletion.")),
        Some(_) => {
            key.facts.enabled = false;
            Ok(())
        }
    })?;
    body(&json!({"KeyId": arn}))
}
