//! A document with signatures over the digest of its verbatim bytes.

use crate::cbor::{self, CborError};
use crate::digest::{Digest, Domain};
use crate::id::PersonId;
use crate::key::{PublicKey, SignatureBytes};
use minicbor::{Decode, Encode};
use std::collections::BTreeSet;

/// One person's signature over a document's digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct PersonSignature {
    /// Who.
    #[n(0)]
    pub person: PersonId,
    /// With which of their keys.
    #[n(1)]
    pub key: PublicKey,
    /// Over the digest.
    #[n(2)]
    pub signature: SignatureBytes,
}

/// A document's bytes, carried verbatim, and the signatures on them.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Signed {
    /// The document in deterministic CBOR.
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub body: Vec<u8>,
    /// Who signed its digest.
    #[n(1)]
    pub signatures: Vec<PersonSignature>,
}

impl Signed {
    /// The document's digest under its domain.
    pub fn digest(&self, domain: Domain) -> Digest {
        Digest::of(domain, &self.body)
    }

    /// Decodes the body, bounded and canonical. Says nothing about signatures.
    ///
    /// # Errors
    /// [`CborError`].
    pub fn decode_unverified<T: for<'b> Decode<'b, ()> + Encode<()>>(&self, bound: usize) -> Result<T, CborError> {
        cbor::decode(&self.body, bound)
    }

    /// The distinct people among the signers whose signature verifies with a key that `has_key` says is theirs.
    /// Rule I1: people count, not keys. One bad signature counts for nothing and spoils nothing.
    pub fn verified_people(
        &self,
        domain: Domain,
        has_key: impl Fn(&PersonId, &PublicKey) -> bool,
    ) -> BTreeSet<PersonId> {
        let digest = self.digest(domain);
        self.signatures
            .iter()
            .filter(|s| has_key(&s.person, &s.key) && s.key.verifies_digest(&digest, &s.signature))
            .map(|s| s.person)
            .collect()
    }
}
