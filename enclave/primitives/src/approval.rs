//! Approvals: what an approver signs (rule I2) and the evidence that they did.
//!
//! The envelope holds what the intent asks for, known before nonce and inputs are chosen; cosigners hold the bytes to it.

use crate::cbor;
use crate::digest::{Digest, Domain};
use crate::id::PersonId;
use crate::key::{PublicKey, SignatureBytes};
use crate::plan::Plan;
use crate::wallet::WalletRef;
use minicbor::{Decode, Encode};

/// The document an approver signs: `{genesis, intent, wallet, plan, policy}`. The plan holds the chain, exact
/// recipients, assets, amounts, calls, the maximum total fee and the expiry.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Envelope {
    /// Always 1.
    #[n(0)]
    pub version: u8,
    /// The workspace (rule G1).
    #[n(1)]
    pub genesis: Digest,
    /// Digest of the intent's verbatim bytes.
    #[n(2)]
    pub intent: Digest,
    /// The wallet that acts.
    #[n(3)]
    pub wallet: WalletRef,
    /// What is asked, in the chain's own terms.
    #[n(4)]
    pub plan: Plan,
    /// Digest of the policy set under which it was asked.
    #[n(5)]
    pub policy: Digest,
}

impl Envelope {
    /// What approvers sign: H("ringi/approval/v1" ‖ envelope bytes); also the WebAuthn challenge (rule P2).
    pub fn digest(&self) -> Digest {
        Digest::of(Domain::Approval, &cbor::encode(self))
    }
}

/// One person's consent to an envelope.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Approval {
    /// Who says so; only counts if the key is theirs.
    #[n(0)]
    pub person: PersonId,
    /// How they said it.
    #[n(1)]
    pub evidence: Evidence,
}

/// The proof that a person consented.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Evidence {
    /// A signature over the envelope's digest.
    #[n(0)]
    Signature {
        /// The key.
        #[n(0)]
        key: PublicKey,
        /// Over the digest's 32 bytes.
        #[n(1)]
        signature: SignatureBytes,
    },
    /// A WebAuthn assertion (rule P2). The format is fixed; until that rule is enforced cosigners refuse it.
    #[n(1)]
    WebAuthn {
        /// The credential's public key.
        #[n(0)]
        key: PublicKey,
        /// Credential id.
        #[n(1)]
        #[cbor(with = "minicbor::bytes")]
        credential: Vec<u8>,
        /// Authenticator data, verbatim.
        #[n(2)]
        #[cbor(with = "minicbor::bytes")]
        authenticator_data: Vec<u8>,
        /// Client data JSON, verbatim.
        #[n(3)]
        #[cbor(with = "minicbor::bytes")]
        client_data: Vec<u8>,
        /// DER signature, verbatim.
        #[n(4)]
        #[cbor(with = "minicbor::bytes")]
        signature: Vec<u8>,
    },
}
