//! Requests and answers as they stand on the wire (KMS API reference). A parameter that is not known is refused, not ignored.

use crate::error::{Code, Refusal};
use crate::limits::{CONTEXT_BYTES, CONTEXT_PAIRS};
use crate::record::{KeySpec, KeyUsage, Origin};
use crate::symmetric::EncryptionContext;
use crate::wrapping::WrappingKeySpec;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{DeserializeOwned, Deserializer, Error as _};
use serde::{Deserialize, Serialize, Serializer};
use zeroize::Zeroizing;

/// Bytes, base64 on the wire. Wiped when dropped: some are plaintext.
pub(crate) struct Blob(pub(crate) Zeroizing<Vec<u8>>);

impl Blob {
    pub(crate) fn of(bytes: &[u8]) -> Blob {
        Blob(Zeroizing::new(bytes.to_vec()))
    }

    /// The bytes, if their number is within these bounds.
    pub(crate) fn within(&self, bounds: std::ops::RangeInclusive<usize>, name: &str) -> Result<&[u8], Refusal> {
        let message = || format!("{name} must have {} to {} bytes", bounds.start(), bounds.end());
        if bounds.contains(&self.0.len()) { Ok(&self.0) } else { Err(Refusal::validation(message())) }
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Blob, D::Error> {
        let text = Zeroizing::new(String::deserialize(from)?);
        // The decoder's error would quote a byte of it.
        let bytes = STANDARD.decode(text.as_bytes()).map_err(|_| D::Error::custom("a blob is no base64"))?;
        Ok(Blob(Zeroizing::new(bytes)))
    }
}

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(Zeroizing::new(STANDARD.encode(self.0.as_slice())).as_str())
    }
}

/// Reads a request's body.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    // What serde says could quote a value; its place and its kind are enough.
    serde_json::from_slice(body).map_err(|e| match e.classify() {
        serde_json::error::Category::Data => Refusal::validation(told(&e)),
        _ => Refusal::new(Code::Serialization, "The request body is no JSON object."),
    })
}

/// A parser's message where it names a field, which is ours; otherwise only the place.
fn told(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let field = ["missing field `", "unknown field `", "duplicate field `", "unknown variant `", "a blob is no base64"];
    if field.iter().any(|begin| text.starts_with(begin)) {
        return crate::identity::printable(&text);
    }
    format!("A parameter has a value of the wrong kind (line {} column {})", error.line(), error.column())
}

/// `Recipient`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(crate) struct RecipientForm {
    pub(crate) attestation_document: Blob,
    #[serde(rename = "KeyEncryptionAlgorithm")]
    pub(crate) _algorithm: OaepSha256,
}

/// The one algorithm there is.
#[derive(Clone, Copy, Deserialize)]
pub(crate) enum OaepSha256 {
    #[serde(rename = "RSAES_OAEP_SHA_256")]
    OaepSha256,
}

/// The one symmetric algorithm there is.
#[derive(Clone, Copy, Deserialize)]
pub(crate) enum SymmetricAlgorithm {
    #[serde(rename = "SYMMETRIC_DEFAULT")]
    SymmetricDefault,
}

/// The one signing algorithm there is.
#[derive(Clone, Copy, Deserialize, Serialize)]
pub(crate) enum SigningAlgorithm {
    #[serde(rename = "ECDSA_SHA_256")]
    EcdsaSha256,
}

/// What is signed.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum MessageType {
    #[default]
    Raw,
    Digest,
}

/// The size of a data key.
#[derive(Clone, Copy, Deserialize)]
pub(crate) enum DataKeySpec {
    #[serde(rename = "AES_256")]
    Aes256,
    #[serde(rename = "AES_128")]
    Aes128,
}

/// Whether imported material ends.
#[derive(Clone, Copy, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum ExpirationModel {
    #[default]
    KeyMaterialExpires,
    KeyMaterialDoesNotExpire,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(crate) struct CreateKey {
    pub(crate) policy: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) key_usage: Option<KeyUsage>,
    pub(crate) key_spec: Option<KeySpec>,
    pub(crate) customer_master_key_spec: Option<KeySpec>,
    pub(crate) origin: Option<Origin>,
    #[serde(default)]
    pub(crate) bypass_policy_lockout_safety_check: bool,
    #[serde(default)]
    pub(crate) multi_region: bool,
    #[serde(default)]
    pub(crate) tags: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(crate) struct OfKey {
    pub(crate) key_id: String,
    #[serde(default)]
    pub(crate) grant_tokens: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(crate) struct PutKeyPolicy {
    pub(crate) key_id: String,
    pub(crate) policy_name: Option<String>,
    pub(crate) policy: String,
    #[serde(default)]
    pub(crate) bypass_policy_lockout_safety_check: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(crate) struct ReadKeyPolicy {
    pub(crate) key_id: String,
    pub(crate) policy_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(crate) struct ListKeys {
    pub(crate) limit: Option<usize>,
    pub(crate) marker: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(crate) struct ScheduleKeyDeletion {
    pub(crate) key_id: String,
    pub(crate) pending_window_in_days: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(crate) struct Encrypt {
    pub(crate) key_id: String,
    pub(crate) plaintext: Blob,
    #[serde(default)]
    pub(crate) encryption_context: EncryptionContext,
    #[serde(default)]
    pub(crate) grant_tokens: Vec<String>,
    #[serde(rename = "EncryptionAlgorithm")]
    pub(crate) _algorithm: Option<SymmetricAlgorithm>,
    #[serde(default)]
    pub(crate) dry_run: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(crate) struct Decrypt {
    pub(crate) ciphertext_blob: Blob,
    pub(crate) key_id: Option<String>,
    #[serde(default)]
    pub(crate) encryption_context: EncryptionContext,
    #[serde(default)]
    pub(crate) grant_tokens: Vec<String>,
    #[serde(rename = "EncryptionAlgorithm")]
    pub(crate) _algorithm: Option<SymmetricAlgorithm>,
    pub(crate) recipient: Option<RecipientForm>,
    #[serde(default)]
    pub(crate) dry_run: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(crate) struct GenerateDataKey {
    pub(crate) key_id: String,
    #[serde(default)]
    pub(crate) encryption_context: EncryptionContext,
    pub(crate) number_of_bytes: Option<usize>,
    pub(crate) key_spec: Option<DataKeySpec>,
    #[serde(default)]
    pub(crate) grant_tokens: Vec<String>,
    pub(crate) recipient: Option<RecipientForm>,
    #[serde(default)]
    pub(crate) dry_run: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(crate) struct GenerateRandom {
    pub(crate) number_of_bytes: Option<usize>,
    pub(crate) recipient: Option<RecipientForm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(crate) struct Sign {
    pub(crate) key_id: String,
    pub(crate) message: Blob,
    #[serde(default)]
    pub(crate) message_type: MessageType,
    #[serde(default)]
    pub(crate) grant_tokens: Vec<String>,
    #[serde(rename = "SigningAlgorithm")]
    pub(crate) _algorithm: SigningAlgorithm,
    #[serde(default)]
    pub(crate) dry_run: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(crate) struct ParametersForImport {
    pub(crate) key_id: String,
    #[serde(rename = "WrappingAlgorithm")]
    pub(crate) _algorithm: OaepSha256,
    pub(crate) wrapping_key_spec: WrappingKeySpec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(crate) struct ImportKeyMaterial {
    pub(crate) key_id: String,
    pub(crate) import_token: Blob,
    pub(crate) encrypted_key_material: Blob,
    pub(crate) valid_to: Option<f64>,
    #[serde(default)]
    pub(crate) expiration_model: ExpirationModel,
}

/// A context within its bounds. There are no grants here: a token of one proves nothing.
pub(crate) fn check(context: &EncryptionContext, grant_tokens: &[String]) -> Result<(), Refusal> {
    let bytes: usize = context.iter().map(|(key, value)| key.len().saturating_add(value.len())).sum();
    if context.len() > CONTEXT_PAIRS || bytes > CONTEXT_BYTES || context.keys().any(String::is_empty) {
        let message = format!("EncryptionContext has at most {CONTEXT_PAIRS} pairs and {CONTEXT_BYTES} bytes");
        return Err(Refusal::validation(message));
    }
    without_grants(grant_tokens)
}

/// There are no grants here.
pub(crate) fn without_grants(grant_tokens: &[String]) -> Result<(), Refusal> {
    if grant_tokens.is_empty() { Ok(()) } else { Err(Refusal::validation("GrantTokens are not supported")) }
}

/// Milliseconds as the wire has times: seconds, with a fraction.
pub(crate) fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}
