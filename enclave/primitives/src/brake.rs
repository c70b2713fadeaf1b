//! Brakes (rule P1): what one person may stop at once. Freezes of a wallet, a vault or everything, vetoes, withdrawals.
//!
//! A brake only ever takes away. It names no state it builds on, so any two may be taken in any order, twice, by anybody
//! who carries them; what ends a freeze is an order of the admin quorum that names its digest ([`crate::order`]).

use crate::approval::{ApprovalError, Counted, Evidence};
use crate::cbor;
use crate::digest::{Digest, Domain};
use crate::genesis::GenesisChain;
use crate::id::{BrakeId, IntentId, PersonId};
use crate::limits;
use crate::policy_set::PolicySet;
use crate::time::UnixMs;
use crate::wallet::{VaultIndex, WalletRef};
use minicbor::{Decode, Encode};

/// A brake's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Brake {
    /// Always 1.
    #[n(0)]
    pub version: u8,
    /// The workspace.
    #[n(1)]
    pub genesis: Digest,
    /// Unique: the same freeze again after it was lifted is another one.
    #[n(2)]
    pub id: BrakeId,
    /// Who brakes.
    #[n(3)]
    pub by: PersonId,
    /// When it was written.
    #[n(4)]
    pub issued_at: UnixMs,
    /// What it stops.
    #[n(5)]
    pub action: BrakeAction,
}

/// What a brake stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum BrakeAction {
    /// Nothing of this is signed until the admin quorum lifts it. By a member of [`PolicySet::freezers`].
    #[n(0)]
    Freeze {
        /// Of what.
        #[n(0)]
        target: FreezeTarget,
    },
    /// This intent is never signed. By a member of [`PolicySet::vetoers`].
    #[n(1)]
    Veto {
        /// Which.
        #[n(0)]
        intent: IntentId,
    },
    /// This intent of the person who brakes is never signed. An intent of anybody else under the same id is untouched.
    #[n(2)]
    Withdraw {
        /// Which.
        #[n(0)]
        intent: IntentId,
    },
}

/// What a freeze is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub enum FreezeTarget {
    /// All wallets of the workspace.
    #[n(0)]
    Workspace,
    /// All wallets of a vault.
    #[n(1)]
    Vault(#[n(0)] VaultIndex),
    /// One wallet.
    #[n(2)]
    Wallet(#[n(0)] WalletRef),
}

impl FreezeTarget {
    /// Whether a freeze of this holds for that wallet.
    pub fn covers(&self, wallet: &WalletRef) -> bool {
        match self {
            FreezeTarget::Workspace => true,
            FreezeTarget::Vault(vault) => *vault == wallet.vault,
            FreezeTarget::Wallet(frozen) => frozen == wallet,
        }
    }
}

impl BrakeAction {
    /// The stable name.
    pub fn name(&self) -> &'static str {
        match self {
            BrakeAction::Freeze { .. } => "freeze",
            BrakeAction::Veto { .. } => "veto",
            BrakeAction::Withdraw { .. } => "withdrawal",
        }
    }
}

/// A brake's verbatim bytes and the proof that its person signed their digest.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SignedBrake {
    /// A [`Brake`] in deterministic CBOR.
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub body: Vec<u8>,
    /// By a key of that person, of whatever purpose, or a passkey; over the digest.
    #[n(1)]
    pub evidence: Evidence,
}

/// A brake whose signature and authority were checked ([`SignedBrake::verify`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedBrake {
    digest: Digest,
    brake: Brake,
    counted: Option<Counted>,
}

impl VerifiedBrake {
    /// Its digest.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// What it says.
    pub fn brake(&self) -> &Brake {
        &self.brake
    }

    /// Of a passkey that counts: which, and its counter (rule P2).
    pub fn counted(&self) -> Option<&Counted> {
        self.counted.as_ref()
    }
}

/// Why a brake is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BrakeError {
    /// Not a canonical document within its bound, or another version than 1.
    #[error("not a canonical document of version 1")]
    Malformed,
    /// Of another workspace (rule G1).
    #[error("it is for another workspace")]
    Genesis,
    /// Its person may not do this: not in the group that the policy set names for it.
    #[error("its person is not in the group that may do this")]
    NotMember,
    /// Signed longer ago than it may be, or in the future.
    #[error("it is outside its time")]
    Time,
    /// The signature or assertion is not its person's over this digest.
    #[error("{0}")]
    Evidence(#[from] ApprovalError),
}

impl BrakeError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            BrakeError::Malformed => "brake.malformed",
            BrakeError::Genesis => "brake.genesis",
            BrakeError::NotMember => "brake.not_member",
            BrakeError::Time => "brake.time",
            BrakeError::Evidence(_) => "brake.signature",
        }
    }
}

impl SignedBrake {
    /// What is signed: H("ringi/brake/v1" ‖ body); also the WebAuthn challenge.
    pub fn digest(&self) -> Digest {
        Digest::of(Domain::Brake, &self.body)
    }

    /// Its content, bounded and canonical. Says nothing about the signature.
    ///
    /// # Errors
    /// [`BrakeError::Malformed`].
    pub fn read_unverified(&self) -> Result<Brake, BrakeError> {
        if cbor::encode(self).len() > limits::BRAKE_BYTES {
            return Err(BrakeError::Malformed);
        }
        let brake: Brake = cbor::decode(&self.body, limits::BRAKE_BYTES).map_err(|_| BrakeError::Malformed)?;
        if brake.version == 1 { Ok(brake) } else { Err(BrakeError::Malformed) }
    }

    /// P1: whether its person signed it and may do it, by this policy set and genesis. Says nothing about its age.
    ///
    /// # Errors
    /// [`BrakeError`].
    pub fn verify(&self, policy: &PolicySet, genesis: &GenesisChain) -> Result<VerifiedBrake, BrakeError> {
        let brake = self.read_unverified()?;
        if brake.genesis != genesis.root() {
            return Err(BrakeError::Genesis);
        }
        let digest = self.digest();
        let counted = self.verify_evidence(&brake, &digest, policy, genesis)?;
        // P1: freezes and vetoes are by any one of a named group; an initiator is whoever signed the intent.
        let may = |group: &Option<String>| group.as_ref().is_some_and(|g| policy.is_member(brake.by, g));
        let allowed = match brake.action {
            BrakeAction::Freeze { .. } => may(&policy.freezers),
            BrakeAction::Veto { .. } => may(&policy.vetoers),
            BrakeAction::Withdraw { .. } => true,
        };
        if allowed { Ok(VerifiedBrake { digest, brake, counted }) } else { Err(BrakeError::NotMember) }
    }

    fn verify_evidence(
        &self,
        brake: &Brake,
        digest: &Digest,
        policy: &PolicySet,
        genesis: &GenesisChain,
    ) -> Result<Option<Counted>, BrakeError> {
        match &self.evidence {
            Evidence::Signature { key, signature } => {
                let person = policy.person(brake.by).ok_or(ApprovalError::Key)?;
                if !person.keys.iter().any(|k| k.key == *key) {
                    return Err(ApprovalError::Key.into());
                }
                let verifies = key.verifies_digest(digest, signature);
                verifies.then_some(None).ok_or_else(|| ApprovalError::Signature.into())
            }
            evidence => {
                let consent = evidence.verify_passkey(brake.by, digest, policy, genesis.head())?;
                Ok(consent.counted)
            }
        }
    }
}

impl Brake {
    /// P1: whether it may be handed in at this time: signed within a month, and not in the future.
    ///
    /// # Errors
    /// [`BrakeError::Time`].
    pub fn check_age(&self, now: UnixMs) -> Result<(), BrakeError> {
        let early = self.issued_at > now.plus_ms(limits::CLOCK_SKEW_MS);
        let late = now > self.issued_at.plus_ms(limits::BRAKE_LIFE_MS);
        if early || late { Err(BrakeError::Time) } else { Ok(()) }
    }

    /// From when on no intent is left that it could stop: of a veto or withdrawal.
    pub fn outlived_at(&self) -> UnixMs {
        self.issued_at.plus_ms(limits::BRAKE_LIFE_MS).plus_ms(limits::CLOCK_SKEW_MS.saturating_mul(2))
    }
}

/// The head of these freezes (rule P1): equal at two cosigners exactly if they hold the same ones in force.
pub fn head_of(freezes: impl Iterator<Item = Digest>) -> Digest {
    let mut all: Vec<Digest> = freezes.collect();
    all.sort_unstable();
    all.dedup();
    Digest::of(Domain::Freezes, &cbor::encode(&all))
}

#[cfg(test)]
mod tests;
