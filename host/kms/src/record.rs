//! A key: what is known of it, its material, and the state that follows.

use crate::error::{Code, Refusal};
use crate::identity::KeyId;
use crate::limits::IMPORT_MS;
use crate::secret::Secret;
use crate::wrapping::PendingImport;
use ringi_primitives::time::UnixMs;
use serde::{Deserialize, Serialize};

/// What a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeySpec {
    /// AES-256-GCM.
    #[serde(rename = "SYMMETRIC_DEFAULT")]
    SymmetricDefault,
    /// ECDSA over P-256.
    #[serde(rename = "ECC_NIST_P256")]
    EccNistP256,
    /// ECDSA over secp256k1.
    #[serde(rename = "ECC_SECG_P256K1")]
    EccSecgP256k1,
}

/// What a key is for; follows from what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyUsage {
    /// Encrypt, Decrypt, GenerateDataKey.
    #[serde(rename = "ENCRYPT_DECRYPT")]
    EncryptDecrypt,
    /// Sign, GetPublicKey.
    #[serde(rename = "SIGN_VERIFY")]
    SignVerify,
}

impl KeySpec {
    /// What it is for.
    pub fn usage(self) -> KeyUsage {
        match self {
            KeySpec::SymmetricDefault => KeyUsage::EncryptDecrypt,
            KeySpec::EccNistP256 | KeySpec::EccSecgP256k1 => KeyUsage::SignVerify,
        }
    }
}

/// Where a key's material comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    /// Made here.
    #[serde(rename = "AWS_KMS")]
    Here,
    /// Imported.
    #[serde(rename = "EXTERNAL")]
    External,
}

/// What may be done with a key now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum KeyState {
    /// It works.
    Enabled,
    /// It was switched off.
    Disabled,
    /// It will be deleted.
    PendingDeletion,
    /// It has no material: none was imported, or it expired.
    PendingImport,
}

/// What is known of a key, without secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// Its id.
    pub id: KeyId,
    /// When it was made, ms.
    pub created_ms: u64,
    /// For people.
    pub description: String,
    /// What it is.
    pub spec: KeySpec,
    /// Where its material comes from.
    pub origin: Origin,
    /// Whether it is switched on.
    pub enabled: bool,
    /// When it is deleted, ms.
    pub deletion_ms: Option<u64>,
    /// When imported material expires, ms.
    pub valid_to_ms: Option<u64>,
    /// SHA-256 of the material that was imported first, under a label: no other is taken later. Hex.
    pub imported_digest: Option<String>,
    /// The policy as it was given.
    pub policy: String,
}

/// A key.
#[derive(Clone)]
pub struct KeyRecord {
    /// What is known of it.
    pub facts: Facts,
    pub(crate) material: Option<Secret>,
    pub(crate) import: Option<PendingImport>,
}

impl KeyRecord {
    /// What may be done with it at this time.
    pub fn state(&self, now: UnixMs) -> KeyState {
        if self.facts.deletion_ms.is_some() {
            KeyState::PendingDeletion
        } else if self.living_material(now).is_none() {
            KeyState::PendingImport
        } else if self.facts.enabled {
            KeyState::Enabled
        } else {
            KeyState::Disabled
        }
    }

    /// Whether its time is over.
    pub(crate) fn is_deleted(&self, now: UnixMs) -> bool {
        self.facts.deletion_ms.is_some_and(|at| now.0 >= at)
    }

    /// The key without imported material and wrapping keys whose time is over; `None` where it has none.
    pub(crate) fn without_what_is_over(&self, now: UnixMs) -> Option<KeyRecord> {
        let dead_material = self.material.is_some() && self.living_material(now).is_none();
        // For another day, whoever is late is told that he is.
        let dead_import = self.import.as_ref().is_some_and(|import| now > import.until.plus_ms(IMPORT_MS));
        let mut rest = self.clone();
        if dead_material {
            (rest.material, rest.facts.valid_to_ms) = (None, None);
        }
        if dead_import {
            rest.import = None;
        }
        (dead_material || dead_import).then_some(rest)
    }

    fn living_material(&self, now: UnixMs) -> Option<&Secret> {
        let expired = self.facts.valid_to_ms.is_some_and(|at| now.0 >= at);
        self.material.as_ref().filter(|_| !expired)
    }

    /// Its material, if it may be used for this.
    ///
    /// # Errors
    /// `DisabledException`, `KMSInvalidStateException`, `InvalidKeyUsageException`.
    pub(crate) fn material_for(&self, usage: KeyUsage, arn: &str, now: UnixMs) -> Result<&Secret, Refusal> {
        match self.state(now) {
            KeyState::Enabled => {}
            KeyState::Disabled => return Err(Refusal::new(Code::Disabled, format!("{arn} is disabled."))),
            KeyState::PendingDeletion => return Err(invalid_state(arn, "is pending deletion.")),
            KeyState::PendingImport => return Err(invalid_state(arn, "is pending import.")),
        }
        if self.facts.spec.usage() != usage {
            let message = format!("{arn} key usage is not valid for this operation.");
            return Err(Refusal::new(Code::InvalidKeyUsage, message));
        }
        self.living_material(now).ok_or_else(|| invalid_state(arn, "is pending import."))
    }
}

/// `KMSInvalidStateException`.
pub(crate) fn invalid_state(arn: &str, what: &str) -> Refusal {
    Refusal::new(Code::InvalidState, format!("{arn} {what}"))
}
