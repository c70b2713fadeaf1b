//! What somebody who verifies a document expects. An expectation that asks for nothing more still refuses debug mode.

use crate::pcr::{Pcr, PcrIndex};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// A trusted root certificate, named by the SHA-256 of its DER: a document brings the certificate itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Root(pub [u8; 32]);

impl Root {
    /// "AWS Nitro Enclaves Root-G1", valid to 2049, as AWS publishes its fingerprint beside the certificate.
    pub const AWS: Root = Root([
        0x64, 0x1a, 0x03, 0x21, 0xa3, 0xe2, 0x44, 0xef, 0xe4, 0x56, 0x46, 0x31, 0x95, 0xd6, 0x06, 0x31, 0x7e, 0xd7,
        0xcd, 0xcc, 0x3c, 0x17, 0x56, 0xe0, 0x98, 0x93, 0xf3, 0xc6, 0x8f, 0x79, 0xbb, 0x5b,
    ]);

    /// The root of this certificate.
    pub fn of_certificate(der: &[u8]) -> Root {
        Root(Sha256::digest(der).into())
    }
}

/// At which moment a document must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Now: its certificates are valid and it is at most so old, milliseconds. For decisions.
    Now {
        /// The oldest that is accepted.
        max_age_ms: u64,
    },
    /// When it was made: for logs and receipts. Says nothing of now.
    Document,
}

/// A field of the document that must have a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Pinned {
    /// Whatever it is.
    #[default]
    Any,
    /// Exactly this.
    To(Vec<u8>),
}

impl Pinned {
    pub(crate) fn accepts(&self, found: Option<&[u8]>) -> bool {
        match self {
            Pinned::Any => true,
            Pinned::To(wanted) => found == Some(wanted.as_slice()),
        }
    }
}

/// What a document must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// Trusted roots. Simulation roots are named only by images and people that say so (rule E3).
    pub roots: Vec<Root>,
    /// When it must hold.
    pub moment: Moment,
    /// For each register named: the values allowed.
    pub pcrs: BTreeMap<PcrIndex, BTreeSet<Pcr>>,
    /// The nonce.
    pub nonce: Pinned,
    /// The user data.
    pub user_data: Pinned,
    /// The public key.
    pub public_key: Pinned,
}

impl Expectation {
    /// These roots at this moment, and nothing more.
    pub fn of(roots: Vec<Root>, moment: Moment) -> Expectation {
        let (nonce, user_data, public_key) = Default::default();
        Expectation { roots, moment, pcrs: BTreeMap::new(), nonce, user_data, public_key }
    }

    /// And this register has this value (or another that was allowed before).
    #[must_use]
    pub fn with_pcr(mut self, index: PcrIndex, value: Pcr) -> Expectation {
        self.pcrs.entry(index).or_default().insert(value);
        self
    }

    /// And it answers this nonce.
    #[must_use]
    pub fn with_nonce(self, nonce: &[u8]) -> Expectation {
        Expectation { nonce: Pinned::To(nonce.to_vec()), ..self }
    }
}
