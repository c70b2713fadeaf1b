//! The policy of a cosigner's key in production: the measured image of this workspace's cosigner, and nobody else.

use crate::identity::Principal;
use ringi_attestation::Pcr;
use ringi_attestation::kms::context;
use ringi_primitives::digest::Digest;
use ringi_primitives::scheme::PartyIndex;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What a cosigner's key is for.
pub struct CosignerKey {
    /// The role that the enclave's host calls with. It proves nothing; the measurements do.
    pub role: Principal,
    /// Who may look at the key and its policy besides.
    pub readers: Vec<Principal>,
    /// Register 0 of every image that may have the key: the one that runs, and its successor before an upgrade.
    pub images: BTreeSet<Pcr>,
    /// Register 8: the certificate that signs the images. It adds to the images and never stands for them.
    pub signer: Option<Pcr>,
    /// The workspace, by its genesis.
    pub genesis: Digest,
    /// Which cosigner.
    pub cosigner: PartyIndex,
}

/// The policy as text, for CreateKey with BypassPolicyLockoutSafetyCheck: nobody changes it afterwards.
///
/// `None` without an image, or with a register that is zero.
pub fn recommended_policy(key: &CosignerKey) -> Option<String> {
    let registers = key.images.iter().chain(&key.signer);
    if key.images.is_empty() || registers.into_iter().any(|value| *value == Pcr::ZERO) {
        return None;
    }
    let images: Vec<_> = key.images.iter().map(Pcr::hex).collect();
    let mut measured = json!({
        "kms:RecipientAttestation:ImageSha384": images,
        "kms:RecipientAttestation:PCR16": Pcr::of_genesis(&key.genesis).hex(),
    });
    if let (Some(fields), Some(signer)) = (measured.as_object_mut(), key.signer) {
        fields.insert("kms:RecipientAttestation:PCR8".to_owned(), json!(signer.hex()));
    }
    let context = context(key.genesis, key.cosigner).into_iter();
    let context: serde_json::Map<_, _> =
        context.map(|(name, value)| (format!("kms:EncryptionContext:{name}"), json!(value))).collect();
    let readers: BTreeSet<_> = [&key.role].into_iter().chain(&key.readers).map(Principal::arn).collect();
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [
            allow("MeasuredEnclave", &json!(key.role.arn()), &["kms:Decrypt", "kms:GenerateDataKey"],
                json!({"StringEqualsIgnoreCase": measured, "StringEquals": context})),
            allow("Look", &json!(readers), &["kms:DescribeKey", "kms:GetKeyPolicy"], json!({})),
            deny("NoOtherImage", &["kms:Decrypt", "kms:GenerateDataKey"],
                json!({"StringNotEqualsIgnoreCase": {"kms:RecipientAttestation:ImageSha384": images}})),
            deny("Never", NEVER, json!({})),
        ],
    });
    serde_json::to_string_pretty(&policy).ok()
}

/// What nobody may, so that nobody can let himself: other policies, grants, ciphertexts that move or are put in place of
/// the enclave's own, material that somebody knows, and plaintext without a document.
const NEVER: &[&str] = &[
    "kms:PutKeyPolicy",
    "kms:CreateGrant",
    "kms:ReEncrypt*",
    "kms:ReplicateKey",
    "kms:Encrypt",
    "kms:GenerateDataKeyPair*",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:DeriveSharedSecret",
    "kms:GetParametersForImport",
    "kms:ImportKeyMaterial",
    "kms:DeleteImportedKeyMaterial",
];

fn allow(sid: &str, principal: &Value, actions: &[&str], condition: Value) -> Value {
    statement(
        json!({
            "Sid": sid, "Effect": "Allow", "Principal": {"AWS": principal}, "Action": actions, "Resource": "*",
        }),
        condition,
    )
}

fn deny(sid: &str, actions: &[&str], condition: Value) -> Value {
    statement(
        json!({
            "Sid": sid, "Effect": "Deny", "Principal": "*", "Action": actions, "Resource": "*",
        }),
        condition,
    )
}

fn statement(mut statement: Value, condition: Value) -> Value {
    let is_empty = condition.as_object().is_none_or(serde_json::Map::is_empty);
    if let (Some(fields), false) = (statement.as_object_mut(), is_empty) {
        fields.insert("Condition".to_owned(), condition);
    }
    statement
}
