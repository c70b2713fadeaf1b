//! The cosigners as the orchestrator sees them: health, signing attempts, documents.

use async_trait::async_trait;
use ringi_primitives::brake::SignedBrake;
use ringi_primitives::certificate::SignedCertificate;
use ringi_primitives::digest::Digest;
use ringi_primitives::fact::SignedFact;
use ringi_primitives::key::PublicKey;
use ringi_primitives::receipt::{SignedBoot, SignedVerdict};
use ringi_primitives::request::FinishedSignature;
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::signed::Signed;
use ringi_primitives::wire::{CosignerStatus, Recovery, Refusal, Tag};
use std::collections::BTreeMap;
use tokio::sync::{mpsc, watch};

/// What a cosigner says of itself when it starts: what genesis names it by. The host's word until a document or genesis says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Introduction {
    /// X25519 key of its channel.
    pub channel_key: [u8; 32],
    /// Ed25519 identity.
    pub identity_key: PublicKey,
}

/// What the host knows of one cosigner now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CosignerHealth {
    /// Its number.
    pub party: PartyIndex,
    /// Whether its process or enclave is connected to the host.
    pub connected: bool,
    /// The newest status it gave; `None` before the first.
    pub status: Option<CosignerStatus>,
    /// Its boot certificate, once peers have granted the boot; receipts carry it (rule R1).
    pub boot: Option<SignedBoot>,
    /// How it introduced itself.
    pub introduction: Option<Introduction>,
}

/// One attempt: `ToCosigner::Sign` to exactly these signers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignAttempt {
    /// Fresh and random.
    pub tag: Tag,
    /// A `SigningRequest`'s exact bytes.
    pub request: Vec<u8>,
    /// Exactly t, ascending.
    pub signers: Vec<PartyIndex>,
}

/// What comes back of an attempt, from one signer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignEvent {
    /// `FromCosigner::Reserved`.
    Reserved {
        /// Who.
        from: PartyIndex,
    },
    /// `FromCosigner::Signed`.
    Signed {
        /// Who.
        from: PartyIndex,
        /// In order of the sighashes.
        signatures: Vec<FinishedSignature>,
        /// Its verdict.
        verdict: Box<SignedVerdict>,
    },
    /// `FromCosigner::Refused`.
    Refused {
        /// Who.
        from: PartyIndex,
        /// Why.
        refusal: Refusal,
    },
    /// The connection to it was lost: nothing more will come from it.
    Gone {
        /// Who.
        from: PartyIndex,
    },
}

/// A document of the admins for the cosigners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Document {
    /// All versions of genesis.
    Genesis(Vec<Signed>),
    /// A policy set.
    Policy(Signed),
    /// An order.
    Order(Signed),
    /// A recovery order with what it takes (rule K3); answered as an order.
    Recovery(Box<Recovery>),
    /// A freeze, veto or withdrawal (rule P1).
    Brake(Box<SignedBrake>),
    /// An order that hands one cosigner over to another image, with the genesis that it names (rule E1): the host's to arrange,
    /// the two images' to check.
    Upgrade {
        /// All versions.
        genesis: Vec<Signed>,
        /// The order.
        order: Signed,
    },
}

/// One cosigner's answer to a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DocumentAnswer {
    /// Genesis is installed.
    Genesis {
        /// The workspace.
        root: Digest,
        /// Version in force.
        head: Digest,
    },
    /// The policy set is in force there.
    Policy {
        /// Its digest.
        digest: Digest,
        /// Its sequence.
        sequence: u64,
    },
    /// The order is carried out.
    Order {
        /// For key generation and refresh.
        certificate: Option<SignedCertificate>,
    },
    /// Its state is with the other image now.
    Upgraded {
        /// Registers of the old image as it proved them, hex.
        from: BTreeMap<u8, String>,
        /// Registers of the new one likewise.
        to: BTreeMap<u8, String>,
    },
    /// The brake holds there, durably.
    Brake,
    /// Refused, or its ceremony failed.
    Refused(Refusal),
    /// Not connected, or no answer in time.
    Unreachable,
}

/// Who answered what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledgement {
    /// Who.
    pub party: PartyIndex,
    /// What.
    pub answer: DocumentAnswer,
}

/// The way to all cosigners of the workspace.
#[async_trait]
pub trait Cosigners: Send + Sync {
    /// All of them, ascending.
    fn health(&self) -> Vec<CosignerHealth>;

    /// Changes whenever any health changes.
    fn changed(&self) -> watch::Receiver<u64>;

    /// Sends an attempt to its signers. The events of this tag arrive on the receiver, which closes once every signer has
    /// ended (signed, refused or gone). Dropping the receiver does not abort.
    async fn sign(&self, attempt: SignAttempt) -> mpsc::Receiver<SignEvent>;

    /// Tells these signers to give the attempt up. Never fails: a signer that is gone has given up.
    async fn abort(&self, tag: Tag, signers: &[PartyIndex]);

    /// Sends a document to these cosigners and waits for every answer, bounded by a time of the implementation's choosing
    /// (key generation takes seconds). One answer per party, ascending.
    async fn install(&self, document: Document, to: &[PartyIndex]) -> Vec<Acknowledgement>;

    /// Hands facts of witnesses to these cosigners, beside any request. They answer nothing: what they do not hear now they hear
    /// when they start.
    async fn tell_facts(&self, facts: Vec<SignedFact>, to: &[PartyIndex]);

    /// A cosigner's fresh attestation document that answers this nonce; `None` from a plain process, or one that is away.
    async fn attest(&self, party: PartyIndex, nonce: &[u8]) -> Option<Vec<u8>>;
}
