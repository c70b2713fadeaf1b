//! Made-up people and the documents they sign.

use ed25519_dalek::{Signer, SigningKey};
use ringi_primitives::approval::{Approval, Envelope, Evidence};
use ringi_primitives::brake::{Brake, SignedBrake};
use ringi_primitives::cbor;
use ringi_primitives::digest::{Digest, Domain};
use ringi_primitives::httpsig::RequestSignature;
use ringi_primitives::id::PersonId;
use ringi_primitives::key::{PublicKey, SignatureBytes};
use ringi_primitives::signed::{PersonSignature, Signed};

/// A person with one key.
pub struct Someone {
    /// Their id.
    pub id: PersonId,
    /// For display.
    pub name: &'static str,
    key: SigningKey,
}

impl Someone {
    /// The person of this number: always the same.
    pub fn number(n: u8, name: &'static str) -> Someone {
        Someone { id: PersonId::from_bytes([n; 16]), name, key: SigningKey::from_bytes(&[n; 32]) }
    }

    /// Their public key.
    pub fn public(&self) -> PublicKey {
        PublicKey::Ed25519(self.key.verifying_key().to_bytes())
    }

    /// Signs a digest.
    pub fn sign(&self, digest: &Digest) -> SignatureBytes {
        SignatureBytes(self.key.sign(&digest.0).to_bytes())
    }

    /// Signs an intent's bytes as the HTTP request that carries them.
    pub fn sign_request(&self, body: &[u8], created_s: u64, nonce: &str) -> RequestSignature {
        let mut signature = RequestSignature {
            method: "POST".into(),
            path: "/v1/transfers".into(),
            idempotency_key: nonce.into(),
            key: self.public(),
            created_s,
            expires_s: created_s + 300,
            nonce: nonce.into(),
            signature: SignatureBytes([0; 64]),
        };
        self.seal_request(&mut signature, body);
        signature
    }

    /// Signs a request as its typed fields stand, with this person's key.
    pub fn seal_request(&self, request: &mut RequestSignature, body: &[u8]) {
        request.key = self.public();
        request.signature = SignatureBytes(self.key.sign(request.base(body).as_bytes()).to_bytes());
    }

    /// Approves an envelope.
    pub fn approve(&self, envelope: &Envelope) -> Approval {
        let evidence = Evidence::Signature { key: self.public(), signature: self.sign(&envelope.digest()) };
        Approval { person: self.id, evidence }
    }
}

/// A brake signed by this person, whoever it says brakes.
pub fn braked(brake: &Brake, by: &Someone) -> SignedBrake {
    let body = cbor::encode(brake);
    let signature = by.sign(&Digest::of(Domain::Brake, &body));
    SignedBrake { body, evidence: Evidence::Signature { key: by.public(), signature } }
}

/// A document signed by these people.
pub fn signed<T: minicbor::Encode<()>>(domain: Domain, document: &T, people: &[&Someone]) -> Signed {
    let body = cbor::encode(document);
    let digest = Digest::of(domain, &body);
    let signature = |p: &&Someone| PersonSignature { person: p.id, key: p.public(), signature: p.sign(&digest) };
    Signed { signatures: people.iter().map(signature).collect(), body }
}
