//! The two calls a cosigner makes: a new data key, and the one it sealed its state under.

use super::http::{Answer, request};
use super::place::KmsKey;
use super::recipient::RecipientKey;
use super::sigv4::{Credentials, Request, authorization};
use super::tls;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ringi_primitives::digest::Digest;
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::time::UnixMs;
use serde_json::{Value, json};
use std::io::{Read, Write};
use zeroize::Zeroizing;

/// Bytes of a data key.
const KEY_BYTES: usize = 32;
/// A wrapped key: AWS's are under 200 bytes, the API allows 6,144.
const WRAPPED_BYTES: usize = 6144;
/// What is shown of a server's error.
const ERROR_BYTES: usize = 64;

/// What a wrapped key is bound to: the same names and values open it again, and nothing else does.
pub type Context = std::collections::BTreeMap<String, String>;

/// The context of a cosigner's data key: no host can put another workspace's or another cosigner's in its place.
pub fn context(genesis: Digest, cosigner: PartyIndex) -> Context {
    let pairs = [("genesis", genesis.to_string()), ("cosigner", cosigner.to_string())];
    pairs.into_iter().map(|(name, value)| (name.to_string(), value)).collect()
}

/// A data key and the form in which the host keeps it.
pub struct DataKey {
    /// The key.
    pub key: Zeroizing<[u8; KEY_BYTES]>,
    /// Opened only by the key service, for a measured program, with the same context.
    pub wrapped: Vec<u8>,
}

/// Why a key service gave no key. Codes are `kms.<name>`; nothing secret is in them.
#[derive(Debug, thiserror::Error)]
pub enum KmsError {
    /// The service cannot be reached, or what came is not its.
    #[error("kms.unreachable: {0}")]
    Unreachable(String),
    /// It refuses; its own name of the reason.
    #[error("kms.refused: {0}")]
    Refused(String),
    /// Its answer makes no sense, or was not made for this program.
    #[error("kms.answer: {0}")]
    Answer(&'static str),
}

/// One call's surroundings.
pub struct Client<'a> {
    /// The key, as genesis names it.
    pub key: &'a KmsKey,
    /// The host's.
    pub credentials: &'a Credentials,
    /// The NSM's time.
    pub now: UnixMs,
}

impl Client<'_> {
    /// A fresh data key under the service's key. The document binds `recipient`'s public key.
    ///
    /// # Errors
    /// [`KmsError`].
    pub fn generate(
        &self,
        stream: impl Read + Write,
        context: &Context,
        recipient: &RecipientKey,
        document: &[u8],
    ) -> Result<DataKey, KmsError> {
        let fields = json!({ "KeySpec": "AES_256" });
        let answer = self.call(stream, "GenerateDataKey", fields, context, document)?;
        let wrapped = bytes(&answer, "CiphertextBlob")?;
        if wrapped.is_empty() || wrapped.len() > WRAPPED_BYTES {
            return Err(KmsError::Answer("no wrapped key of a sound length"));
        }
        Ok(DataKey { key: opened(&answer, recipient)?, wrapped })
    }

    /// The data key in its wrapped form.
    ///
    /// # Errors
    /// [`KmsError`]; [`KmsError::Refused`] for another program, another context or another key.
    pub fn decrypt(
        &self,
        stream: impl Read + Write,
        context: &Context,
        recipient: &RecipientKey,
        document: &[u8],
        wrapped: &[u8],
    ) -> Result<Zeroizing<[u8; KEY_BYTES]>, KmsError> {
        let fields = json!({ "CiphertextBlob": STANDARD.encode(wrapped) });
        let answer = self.call(stream, "Decrypt", fields, context, document)?;
        opened(&answer, recipient)
    }

    fn call(
        &self,
        mut stream: impl Read + Write,
        action: &str,
        mut fields: Value,
        context: &Context,
        document: &[u8],
    ) -> Result<Value, KmsError> {
        if let Some(fields) = fields.as_object_mut() {
            let recipient = json!({
                "KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256",
                "AttestationDocument": STANDARD.encode(document),
            });
            fields.insert("KeyId".into(), json!(self.key.arn));
            fields.insert("EncryptionContext".into(), json!(context));
            fields.insert("Recipient".into(), recipient);
        }
        let body = fields.to_string();
        let host = self.authority();
        let (region, target) = (self.key.region.as_str(), format!("TrentService.{action}"));
        let signed = Request { host: &host, region, service: "kms", target: &target, body: body.as_bytes() };
        let headers = authorization(&signed, self.credentials, self.now);
        let unreachable = |e: &dyn std::fmt::Display| KmsError::Unreachable(e.to_string());
        let mut connection = tls::connect(self.key, self.now).map_err(|e| unreachable(&e))?;
        let mut tls = rustls::Stream::new(&mut connection, &mut stream);
        tls.write_all(&request(&host, &headers, body.as_bytes())).map_err(|e| unreachable(&e))?;
        let answer = Answer::read(&mut tls).map_err(|e| unreachable(&e))?;
        let value: Value = serde_json::from_slice(&answer.body).map_err(|_| KmsError::Answer("not JSON"))?;
        if answer.status == 200 { Ok(value) } else { Err(KmsError::Refused(reason(answer.status, &value))) }
    }

    /// As in the Host header: the port only where it is not HTTPS's own.
    fn authority(&self) -> String {
        if self.key.port == 443 { self.key.host.clone() } else { format!("{}:{}", self.key.host, self.key.port) }
    }
}

/// The service's own name of a refusal, letters only: it goes to a log.
fn reason(status: u16, answer: &Value) -> String {
    let name = answer.get("__type").and_then(Value::as_str).unwrap_or_default();
    let name: String = name.chars().filter(char::is_ascii_alphanumeric).take(ERROR_BYTES).collect();
    format!("{status} {name}")
}

fn bytes(answer: &Value, field: &str) -> Result<Vec<u8>, KmsError> {
    let text = answer.get(field).and_then(Value::as_str).ok_or(KmsError::Answer("a field is missing"))?;
    STANDARD.decode(text).map_err(|_| KmsError::Answer("a field is not base64"))
}

fn opened(answer: &Value, recipient: &RecipientKey) -> Result<Zeroizing<[u8; KEY_BYTES]>, KmsError> {
    let plain = recipient.open(&bytes(answer, "CiphertextForRecipient")?);
    let plain = plain.ok_or(KmsError::Answer("it was not encrypted to this program"))?;
    let key: [u8; KEY_BYTES] = plain.as_slice().try_into().map_err(|_| KmsError::Answer("no key of 32 bytes"))?;
    Ok(Zeroizing::new(key))
}
