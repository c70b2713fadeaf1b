//! Passkeys that approve (rule P2): a WebAuthn assertion over an envelope's digest.
//!
//! Source: W3C Web Authentication Level 2, section 7.2 and section 6.1 (authenticator data), 5.8.1 (client data). The
//! signature is ECDSA P-256 with SHA-256 over authenticator data and the digest of the client data, verbatim.

use crate::digest::Digest;
use crate::genesis::RelyingParty;
use crate::key::PublicKey;
use crate::limits;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use minicbor::{Decode, Encode};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// A person's passkey for approvals. It logs nobody in, and its key signs nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Passkey {
    /// Credential id, 1 to [`limits::CREDENTIAL_BYTES`] bytes; unique in the set.
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub credential: Vec<u8>,
    /// P-256 key; unique in the set, never also a plain key.
    #[n(1)]
    pub key: PublicKey,
    /// RP id, one of genesis.
    #[n(2)]
    pub relying_party: String,
    /// Whether it may be synchronised to other devices; as it was when it was registered, and never otherwise.
    #[n(3)]
    pub backup_eligible: bool,
}

/// An assertion, every part verbatim.
#[derive(Clone, Copy, Debug)]
pub struct Assertion<'a> {
    /// Authenticator data.
    pub authenticator_data: &'a [u8],
    /// Client data JSON.
    pub client_data: &'a [u8],
    /// DER signature.
    pub signature: &'a [u8],
}

/// Why an assertion is no consent. Codes are `approval.passkey_<name>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum PasskeyError {
    /// The authenticator data or client data is none, or is too long.
    #[error("the assertion is malformed")]
    Malformed,
    /// Not `webauthn.get`.
    #[error("the client data is of another type")]
    Type,
    /// Not this envelope's digest.
    #[error("the challenge is not this envelope's digest")]
    Challenge,
    /// Not an origin that genesis names.
    #[error("the origin is not one of the relying party's")]
    Origin,
    /// Asked from within a page of another origin.
    #[error("it was asked from within another page")]
    CrossOrigin,
    /// Another RP id, or one that genesis does not name.
    #[error("the relying party is not the passkey's")]
    RelyingParty,
    /// Nobody touched the authenticator, or it did not verify who did.
    #[error("the user was not verified")]
    Unverified,
    /// Backup flags that contradict each other or the registration.
    #[error("the backup flags are not as registered")]
    Backup,
    /// The signature does not verify.
    #[error("the assertion's signature does not verify")]
    Signature,
    /// The signature counter was used for something else before, or is too old: a clone.
    #[error("the signature counter was used before")]
    Counter,
}

impl PasskeyError {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            PasskeyError::Malformed => "approval.passkey_malformed",
            PasskeyError::Type => "approval.passkey_type",
            PasskeyError::Challenge => "approval.passkey_challenge",
            PasskeyError::Origin => "approval.passkey_origin",
            PasskeyError::CrossOrigin => "approval.passkey_cross_origin",
            PasskeyError::RelyingParty => "approval.passkey_relying_party",
            PasskeyError::Unverified => "approval.passkey_unverified",
            PasskeyError::Backup => "approval.passkey_backup",
            PasskeyError::Signature => "approval.passkey_signature",
            PasskeyError::Counter => "approval.passkey_counter",
        }
    }
}

/// RP id hash, flags, counter.
const FIXED_BYTES: usize = 37;
const USER_PRESENT: u8 = 1;
const USER_VERIFIED: u8 = 1 << 2;
const BACKUP_ELIGIBLE: u8 = 1 << 3;
const BACKED_UP: u8 = 1 << 4;
const ATTESTED_CREDENTIAL: u8 = 1 << 6;
const EXTENSIONS: u8 = 1 << 7;

/// What is read of client data; a client may add more.
#[derive(Deserialize)]
struct ClientData {
    #[serde(rename = "type")]
    kind: String,
    challenge: String,
    origin: String,
    #[serde(default, rename = "crossOrigin")]
    cross_origin: bool,
    #[serde(default, rename = "topOrigin")]
    top_origin: Option<String>,
}

impl Passkey {
    /// P2: whether the assertion is consent to the envelope of this digest. Gives the signature counter, 0 from
    /// authenticators that keep none.
    ///
    /// # Errors
    /// [`PasskeyError`]; never [`PasskeyError::Counter`], which needs a memory.
    pub fn verify(
        &self,
        assertion: &Assertion<'_>,
        envelope: &Digest,
        parties: &[RelyingParty],
    ) -> Result<u32, PasskeyError> {
        if assertion.client_data.len() > limits::CLIENT_DATA_BYTES {
            return Err(PasskeyError::Malformed);
        }
        let party = parties.iter().find(|p| p.id == self.relying_party).ok_or(PasskeyError::RelyingParty)?;
        check_client_data(assertion.client_data, envelope, party)?;
        let counter = self.check_authenticator(assertion.authenticator_data, party)?;
        let mut signed = assertion.authenticator_data.to_vec();
        signed.extend_from_slice(&Sha256::digest(assertion.client_data));
        if self.key.verifies_der(&signed, assertion.signature) { Ok(counter) } else { Err(PasskeyError::Signature) }
    }

    fn check_authenticator(&self, data: &[u8], party: &RelyingParty) -> Result<u32, PasskeyError> {
        let (fixed, rest) = data.split_first_chunk::<FIXED_BYTES>().ok_or(PasskeyError::Malformed)?;
        let (party_hash, after) = fixed.split_first_chunk::<32>().ok_or(PasskeyError::Malformed)?;
        let (flags, counter) = after.split_first().ok_or(PasskeyError::Malformed)?;
        let counter = <[u8; 4]>::try_from(counter).map_err(|_| PasskeyError::Malformed)?;
        let has = |flag: u8| flags & flag != 0;
        // Only a registration carries a credential; what extensions say is not used.
        let sound = !has(ATTESTED_CREDENTIAL) && has(EXTENSIONS) != rest.is_empty();
        if !sound || data.len() > limits::AUTHENTICATOR_DATA_BYTES {
            return Err(PasskeyError::Malformed);
        }
        if !bool::from(Sha256::digest(party.id.as_bytes()).as_slice().ct_eq(party_hash)) {
            return Err(PasskeyError::RelyingParty);
        }
        if !has(USER_PRESENT) || !has(USER_VERIFIED) {
            return Err(PasskeyError::Unverified);
        }
        if has(BACKUP_ELIGIBLE) != self.backup_eligible || (has(BACKED_UP) && !has(BACKUP_ELIGIBLE)) {
            return Err(PasskeyError::Backup);
        }
        Ok(u32::from_be_bytes(counter))
    }
}

fn check_client_data(json: &[u8], envelope: &Digest, party: &RelyingParty) -> Result<(), PasskeyError> {
    let data: ClientData = serde_json::from_slice(json).map_err(|_| PasskeyError::Malformed)?;
    if data.kind != "webauthn.get" {
        return Err(PasskeyError::Type);
    }
    if data.challenge != URL_SAFE_NO_PAD.encode(envelope.0) {
        return Err(PasskeyError::Challenge);
    }
    if !party.origins.contains(&data.origin) {
        return Err(PasskeyError::Origin);
    }
    if data.cross_origin || data.top_origin.is_some() {
        return Err(PasskeyError::CrossOrigin);
    }
    Ok(())
}
