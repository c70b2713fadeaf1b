//! What a document says, before anybody believes it.

use crate::cose::Sign1;
use crate::error::AttestationError;
use crate::pcr::{PCRS, Pcr, PcrIndex};
use crate::read::{array, bytes, end, entries, malformed, optional_bytes, text_map};
use minicbor::Decoder;
use ringi_primitives::time::UnixMs;
use std::collections::BTreeMap;

/// A whole document: the NSM's answer buffer is 12 KiB; genuine ones are 4 to 5 KiB.
pub const DOCUMENT_BYTES: usize = 16 * 1024;
/// Keys of the payload: nine are known, an NSM may learn more.
const KEYS: usize = 32;
/// Certificates between root and leaf; AWS uses four.
const CABUNDLE: usize = 8;
/// One certificate in DER.
const CERTIFICATE_BYTES: usize = 4096;
/// `user_data`, `nonce` and `public_key`: AWS's text says 512, 512 and 1024; genuine user data is longer than 512.
const FIELD_BYTES: usize = 1024;
/// `module_id`.
const MODULE_BYTES: usize = 256;

/// An attestation document as read. Nothing in it is believed before [`crate::verify`] accepted the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Names the enclave's instance.
    pub module_id: String,
    /// The NSM's own time.
    pub timestamp: UnixMs,
    /// The locked registers, SHA-384.
    pub pcrs: BTreeMap<PcrIndex, Pcr>,
    /// The certificate whose key signed, DER.
    pub certificate: Vec<u8>,
    /// From the root towards the leaf, DER.
    pub cabundle: Vec<Vec<u8>>,
    /// What the program bound as its key.
    pub public_key: Option<Vec<u8>>,
    /// What the program bound besides.
    pub user_data: Option<Vec<u8>>,
    /// What whoever asks wants to see again.
    pub nonce: Option<Vec<u8>>,
}

/// Fields as they come.
#[derive(Default)]
struct Fields {
    module_id: Option<String>,
    digest: bool,
    timestamp: Option<UnixMs>,
    pcrs: BTreeMap<PcrIndex, Pcr>,
    certificate: Option<Vec<u8>>,
    cabundle: Vec<Vec<u8>>,
    public_key: Option<Vec<u8>>,
    user_data: Option<Vec<u8>>,
    nonce: Option<Vec<u8>>,
}

impl Document {
    /// Reads a document without checking its signature: to show it.
    ///
    /// # Errors
    /// [`AttestationError`] if it is none.
    pub fn read(bytes: &[u8]) -> Result<Document, AttestationError> {
        Document::of_payload(Sign1::read(bytes)?.payload)
    }

    pub(crate) fn of_payload(payload: &[u8]) -> Result<Document, AttestationError> {
        let mut decoder = Decoder::new(payload);
        let mut fields = Fields::default();
        text_map(&mut decoder, KEYS, |key, decoder| fields.take(key, decoder))?;
        end(&decoder)?;
        fields.complete()
    }
}

impl Fields {
    fn take(&mut self, key: &str, decoder: &mut Decoder<'_>) -> Result<(), AttestationError> {
        match key {
            "module_id" => self.module_id = Some(module(decoder)?),
            "digest" => self.digest = malformed("digest", decoder.str())? == "SHA384",
            "timestamp" => self.timestamp = Some(UnixMs(malformed("timestamp", decoder.u64())?)),
            "pcrs" => self.pcrs = pcrs(decoder)?,
            "certificate" => self.certificate = Some(bytes(decoder, CERTIFICATE_BYTES, "certificate")?),
            "cabundle" => array(decoder, CABUNDLE, |decoder| {
                self.cabundle.push(bytes(decoder, CERTIFICATE_BYTES, "cabundle")?);
                Ok(())
            })?,
            "public_key" => self.public_key = optional_bytes(decoder, FIELD_BYTES, "public_key")?,
            "user_data" => self.user_data = optional_bytes(decoder, FIELD_BYTES, "user_data")?,
            "nonce" => self.nonce = optional_bytes(decoder, FIELD_BYTES, "nonce")?,
            // A field that a later NSM adds changes nothing of what the others say; it is signed like them.
            _ => malformed("an unknown field", decoder.skip())?,
        }
        Ok(())
    }

    fn complete(self) -> Result<Document, AttestationError> {
        let missing = |what: &'static str| AttestationError::Malformed(what);
        if !self.digest {
            return Err(missing("digest is not SHA384"));
        }
        if self.pcrs.is_empty() || self.cabundle.is_empty() {
            return Err(missing("pcrs or cabundle is missing"));
        }
        Ok(Document {
            module_id: self.module_id.ok_or(missing("module_id is missing"))?,
            timestamp: self.timestamp.ok_or(missing("timestamp is missing"))?,
            pcrs: self.pcrs,
            certificate: self.certificate.ok_or(missing("certificate is missing"))?,
            cabundle: self.cabundle,
            public_key: self.public_key,
            user_data: self.user_data,
            nonce: self.nonce,
        })
    }
}

fn module(decoder: &mut Decoder<'_>) -> Result<String, AttestationError> {
    let text = malformed("module_id", decoder.str())?;
    if text.is_empty() || text.len() > MODULE_BYTES {
        return Err(AttestationError::Malformed("module_id"));
    }
    Ok(text.to_owned())
}

fn pcrs(decoder: &mut Decoder<'_>) -> Result<BTreeMap<PcrIndex, Pcr>, AttestationError> {
    let wrong = AttestationError::Malformed("pcrs");
    let mut found = BTreeMap::new();
    entries(decoder, usize::from(PCRS), |decoder| {
        let index = PcrIndex::new(malformed("pcrs", decoder.u8())?).ok_or(wrong)?;
        let value = malformed("pcrs", decoder.bytes())?;
        let value = Pcr(value.try_into().map_err(|_| wrong)?);
        if found.insert(index, value).is_some() {
            return Err(AttestationError::Malformed("a register stands twice"));
        }
        Ok(())
    })?;
    Ok(found)
}
