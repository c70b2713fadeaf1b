//! Recovery kits: a cosigner's share, verifiably encrypted to the recovery recipients that genesis names (rule K3).
//!
//! Forms only; what makes and verifies them is `ringi-mpc`. A kit is public: whoever holds it learns nothing of the share
//! without more than half of its recipients.

use crate::cbor;
use crate::certificate::KeyCertificate;
use crate::digest::{Digest, Domain};
use crate::genesis::GenesisChain;
use crate::id::PersonId;
use crate::scheme::PartyIndex;
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

/// How often each recipient's encryption is cut and chosen: a false one passes with probability 2^-128.
pub const REPETITIONS: usize = 128;

/// A kit of one share: of one key, of one epoch, of one cosigner.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RecoveryKit {
    /// Always 1.
    #[n(0)]
    pub version: u8,
    /// The key, its epoch and its workspace.
    #[n(1)]
    pub certificate: KeyCertificate,
    /// Whose share it is.
    #[n(2)]
    pub cosigner: PartyIndex,
    /// Commitments to the polynomial whose value at 0 is the share and whose value at j is the j-th recipient's part, as points
    /// of the key's curve. There are as many as recipients are needed; the first is the share's public point.
    #[n(3)]
    pub commitments: Vec<ByteVec>,
    /// What each recipient can open.
    #[n(4)]
    pub recipients: Vec<KitRecipient>,
    /// Digest of the sealed share that is kept beside it.
    #[n(5)]
    pub sealed: Digest,
}

/// One recipient's part, encrypted.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct KitRecipient {
    /// The person, as genesis names them.
    #[n(0)]
    pub person: PersonId,
    /// Their X25519 key.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub key: [u8; 32],
    /// [`REPETITIONS`] of them.
    #[n(2)]
    pub repetitions: Vec<Repetition>,
}

/// The part as a sum of two values, each encrypted; the challenge opened one of them.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Repetition {
    /// The blinding value is open: its seed gives value and encryption.
    #[n(0)]
    Blinding {
        /// The seed.
        #[n(0)]
        #[cbor(with = "minicbor::bytes")]
        seed: [u8; 32],
        /// The rest, encrypted.
        #[n(1)]
        rest: ByteVec,
    },
    /// The rest is open.
    #[n(1)]
    Rest {
        /// The value.
        #[n(0)]
        #[cbor(with = "minicbor::bytes")]
        value: [u8; 32],
        /// The seed of its encryption.
        #[n(1)]
        #[cbor(with = "minicbor::bytes")]
        seed: [u8; 32],
        /// The blinding value, encrypted.
        #[n(2)]
        blinding: ByteVec,
    },
}

/// A part that its recipient opened and sealed to the cosigner that takes the lost one's place.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SealedPart {
    /// Digest of the kit.
    #[n(0)]
    pub kit: Digest,
    /// Digest of the recovery order that it was opened for.
    #[n(1)]
    pub order: Digest,
    /// Whose part.
    #[n(2)]
    pub person: PersonId,
    /// The part, encrypted to the channel key that the order names.
    #[n(3)]
    pub part: ByteVec,
}

impl RecoveryKit {
    /// What an order and sealed parts call it by.
    pub fn digest(&self) -> Digest {
        Digest::of(Domain::RecoveryKit, &cbor::encode(self))
    }

    /// K3: whether it is of this workspace and encrypted to exactly the recipients that the version in force names, more than
    /// half of whom open it. Says nothing about what is encrypted.
    pub fn is_of(&self, genesis: &GenesisChain) -> bool {
        let named = genesis.head().recovery_recipients(self.cosigner).map(|r| (r.person, r.key));
        let quorum = genesis.head().recovery_quorum(self.cosigner);
        self.version == 1
            && self.certificate.genesis == genesis.root()
            && quorum > 0
            && self.commitments.len() == quorum
            && self.recipients.iter().map(|r| (r.person, r.key)).eq(named)
    }
}
