//! An authenticator in software and the browser before it (rule P2): makes assertions as WebAuthn Level 2 says, and wrong ones.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use ringi_primitives::approval::{Approval, Envelope, Evidence};
use ringi_primitives::digest::Digest;
use ringi_primitives::id::PersonId;
use ringi_primitives::key::PublicKey;
use ringi_primitives::passkey::Passkey;
use sha2::{Digest as _, Sha256};

/// The relying party of a world's genesis.
pub const RP_ID: &str = "approve.example";
/// Its one origin.
pub const ORIGIN: &str = "https://approve.example";

/// User present, user verified.
pub const VERIFIED: u8 = 0b101;

/// An authenticator with one passkey. Copies are clones.
#[derive(Clone)]
pub struct Authenticator {
    key: SigningKey,
    credential: Vec<u8>,
    /// The next assertion's counter; 0 for one that keeps none.
    pub counter: u32,
}

/// What the browser and the authenticator say, before it is signed.
#[derive(Clone)]
pub struct Said {
    /// Client data: type.
    pub kind: String,
    /// Client data: challenge, base64url.
    pub challenge: String,
    /// Client data: origin.
    pub origin: String,
    /// Client data: what else is in it, JSON members with a comma before each.
    pub more: String,
    /// The RP id whose hash stands in the authenticator data.
    pub rp_id: String,
    /// Flags.
    pub flags: u8,
    /// Behind the counter.
    pub extensions: Vec<u8>,
}

impl Authenticator {
    /// The authenticator of this number: always the same.
    ///
    /// # Panics
    /// For 0.
    pub fn number(n: u8) -> Authenticator {
        let key = SigningKey::from_slice(&[n; 32]).expect("a key");
        Authenticator { key, credential: vec![n; 16], counter: 1 }
    }

    /// Its passkey as it was registered.
    ///
    /// # Panics
    /// Never: a point of 33 bytes has 33 bytes.
    pub fn passkey(&self) -> Passkey {
        let point = self.key.verifying_key().to_sec1_point(true);
        Passkey {
            credential: self.credential.clone(),
            key: PublicKey::P256(point.as_bytes().try_into().expect("33 bytes")),
            relying_party: RP_ID.into(),
            backup_eligible: false,
        }
    }

    /// An approval of this envelope, after `change`; the counter moves on.
    pub fn approve(&mut self, person: PersonId, envelope: &Envelope, change: impl FnOnce(&mut Said)) -> Approval {
        Approval { person, evidence: self.assert(&envelope.digest(), change) }
    }

    /// An assertion over this digest, after `change`; the counter moves on.
    pub fn assert(&mut self, digest: &Digest, change: impl FnOnce(&mut Said)) -> Evidence {
        let mut said = Said {
            kind: "webauthn.get".into(),
            challenge: URL_SAFE_NO_PAD.encode(digest.0),
            origin: ORIGIN.into(),
            more: r#","crossOrigin":false"#.into(),
            rp_id: RP_ID.into(),
            flags: VERIFIED,
            extensions: vec![],
        };
        change(&mut said);
        let client_data = format!(
            r#"{{"type":"{}","challenge":"{}","origin":"{}"{}}}"#,
            said.kind, said.challenge, said.origin, said.more
        );
        let mut authenticator_data = Sha256::digest(said.rp_id.as_bytes()).to_vec();
        authenticator_data.push(said.flags);
        authenticator_data.extend(self.counter.to_be_bytes());
        authenticator_data.extend(said.extensions);
        self.counter += u32::from(self.counter != 0);
        let mut signed = authenticator_data.clone();
        signed.extend_from_slice(&Sha256::digest(client_data.as_bytes()));
        let signature: Signature = self.key.sign(&signed);
        Evidence::WebAuthn {
            credential: self.credential.clone(),
            authenticator_data,
            client_data: client_data.into_bytes(),
            signature: signature.to_der().as_bytes().to_vec(),
        }
    }
}
