//! Approvals: what an approver signs (rule I2) and the evidence that they did.
//!
//! The envelope holds what the intent asks for, known before nonce and inputs are chosen; cosigners hold the bytes to it.

use crate::cbor;
use crate::digest::{Digest, Domain};
use crate::genesis::Genesis;
use crate::id::PersonId;
use crate::key::{PublicKey, SignatureBytes};
use crate::passkey::{Assertion, PasskeyError};
use crate::plan::Plan;
use crate::policy_set::{Display, KeyPurpose, PolicySet};
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
    /// A WebAuthn assertion whose challenge is the envelope's digest (rule P2).
    #[n(1)]
    WebAuthn {
        /// Credential id; its key is the policy set's (rule G3).
        #[n(0)]
        #[cbor(with = "minicbor::bytes")]
        credential: Vec<u8>,
        /// Authenticator data, verbatim.
        #[n(1)]
        #[cbor(with = "minicbor::bytes")]
        authenticator_data: Vec<u8>,
        /// Client data JSON, verbatim.
        #[n(2)]
        #[cbor(with = "minicbor::bytes")]
        client_data: Vec<u8>,
        /// DER signature, verbatim.
        #[n(3)]
        #[cbor(with = "minicbor::bytes")]
        signature: Vec<u8>,
    },
}

/// What an approval proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    /// Who consents.
    pub person: PersonId,
    /// Whether they did with a key of their own or on a page (rule P2).
    pub display: Display,
    /// Of a passkey that counts: which, and its counter; whoever has a memory holds it to be used once (rule P2).
    pub counted: Option<Counted>,
}

/// One use of a passkey's signature counter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct Counted {
    /// Credential id.
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub credential: Vec<u8>,
    /// The counter, never 0.
    #[n(1)]
    pub counter: u32,
    /// The envelope that it was used for.
    #[n(2)]
    pub envelope: Digest,
}

/// Why an approval is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum ApprovalError {
    /// The key or passkey is not this person's for approving.
    #[error("the key is not that person's for approving")]
    Key,
    /// The signature does not verify over the envelope.
    #[error("the signature does not verify over the envelope")]
    Signature,
    /// Not as a passkey must be.
    #[error("{0}")]
    Passkey(#[from] PasskeyError),
}

impl ApprovalError {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            ApprovalError::Key => "approval.unknown_key",
            ApprovalError::Signature => "approval.bad_signature",
            ApprovalError::Passkey(error) => error.code(),
        }
    }
}

impl Approval {
    /// I1, I2, I4, P2: whether it is its person's consent to the envelope of this digest, by the keys of this policy set and the
    /// relying parties of this genesis.
    ///
    /// # Errors
    /// [`ApprovalError`].
    pub fn verify(&self, envelope: &Digest, policy: &PolicySet, genesis: &Genesis) -> Result<Consent, ApprovalError> {
        match &self.evidence {
            Evidence::Signature { key, signature } => {
                let person = policy.person_by_key(key, KeyPurpose::Approve).filter(|p| p.id == self.person);
                let person = person.ok_or(ApprovalError::Key)?;
                let verifies = key.verifies_digest(envelope, signature);
                let consent = Consent { person: person.id, display: Display::Independent, counted: None };
                verifies.then_some(consent).ok_or(ApprovalError::Signature)
            }
            Evidence::WebAuthn { .. } => self.evidence.verify_passkey(self.person, envelope, policy, genesis),
        }
    }
}

impl Evidence {
    /// P2: whether it is an assertion of a passkey of this person over this digest.
    pub(crate) fn verify_passkey(
        &self,
        person: PersonId,
        digest: &Digest,
        policy: &PolicySet,
        genesis: &Genesis,
    ) -> Result<Consent, ApprovalError> {
        let Evidence::WebAuthn { credential, authenticator_data, client_data, signature } = self else {
            return Err(ApprovalError::Key);
        };
        let person = policy.people.iter().find(|p| p.id == person).ok_or(ApprovalError::Key)?;
        let passkey = person.passkeys.iter().find(|k| k.credential == *credential).ok_or(ApprovalError::Key)?;
        let assertion = Assertion { authenticator_data, client_data, signature };
        let counter = passkey.verify(&assertion, digest, &genesis.relying_parties)?;
        let used = || Counted { credential: credential.clone(), counter, envelope: *digest };
        Ok(Consent { person: person.id, display: Display::Any, counted: (counter != 0).then(used) })
    }
}
