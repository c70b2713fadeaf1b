//! Every code the cosigner refuses with. Codes and public facts only, never a secret.

use ringi_chain::ChainError;
use ringi_mpc::Fault;
use ringi_primitives::approval::ApprovalError;
use ringi_primitives::brake::BrakeError;
use ringi_primitives::decision::{Decision, DenyReason};
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::weigh::FactError;
use ringi_primitives::wire::{Refusal, Retry};

/// Why nothing is signed, one variant per check. [`Code::text`] is stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The request is not a canonical signing request within its bound.
    RequestMalformed,
    /// Request, intent or document is of another workspace (rule G1).
    GenesisMismatch,
    /// No genesis installed, or it does not name this cosigner.
    GenesisMissing,
    /// A genesis, policy or order document does not verify.
    DocumentInvalid,
    /// A document lacks the admin quorum (rule G2).
    AdminQuorum,
    /// The host's policy digest is not the one in force here (rules I4, G3).
    PolicyMismatch,
    /// No policy set is installed.
    PolicyMissing,
    /// An older policy set than the one in force, or not its successor.
    PolicySequence,
    /// The next policy set is announced, and the delay of the set in force is not over (rule P1).
    PolicyPending,
    /// The intent does not parse.
    IntentMalformed,
    /// The initiator's signature does not verify, or the key is nobody's (rule I1).
    InitiatorSignature,
    /// Past its expiry, by the latest of the signers' clocks (rules I1, T1).
    IntentExpired,
    /// An approval does not verify or is not of a person who may approve (rules I2, P2).
    Approval(ApprovalError),
    /// A fact in the request is not a named witness's, or not of now (rules G3, M1).
    Fact(FactError),
    /// Approvals are missing (policy).
    ApprovalMissing,
    /// The bytes are not understood or are forbidden (rules C1, C2); the detail is the chain's code.
    Undecodable,
    /// The decoded effects are not the plan's (rule I2).
    EffectsDiffer,
    /// The bytes can cost more than the intent's maximum fee (rule I2).
    FeeAboveMaximum,
    /// A permit lives longer than the policy allows (rule C2).
    PermitLife,
    /// The policy denies; the detail is the rule.
    PolicyDenied(DenyReason),
    /// The intent is pinned to another slot (rule I3).
    PinOtherSlot,
    /// The slot belongs to another intent (rule I3).
    PinSlotTaken,
    /// The nonce would leave a gap (rule I3).
    PinNonceGap,
    /// The replaced intent was never pinned (rule I3).
    PinUnknownReplaced,
    /// A limit, slot or intent is busy in another session (rule L1).
    Busy,
    /// No key of that scheme and root.
    KeyMissing,
    /// Signers are not t distinct cosigners including this one.
    SignerSet,
    /// A signer is banned (rule K2).
    Banned,
    /// Too few peers know of a ban held here (rule K2).
    BanUnheard,
    /// This boot is not granted by peers (rule B1).
    BootUngranted,
    /// Peers remember more of this cosigner than its state holds (rule B1).
    BootRolledBack,
    /// The state was handed over to another image (rule E1).
    HandedOver,
    /// A document of an upgrade does not prove what it must (rule E1); the detail is the reason's code.
    HandOverUnproved,
    /// A peer's message names another boot, request, signer set or policy.
    PeerDisagrees,
    /// Signers' clocks differ by more than a minute (rule T1).
    ClockSkew,
    /// Signers hold different epochs of the key (rule K2); resynchronising.
    EpochDiffers,
    /// Signers recorded different reservations (rule L1).
    CommitmentDiffers,
    /// A peer refused.
    PeerRefused,
    /// A peer broke the protocol (verdict Peer).
    PeerFault,
    /// Some peer broke the protocol (verdict Suspects).
    PeerSuspects,
    /// A message was lost or the link broke (verdict Link).
    Link,
    /// The host gave up.
    Aborted,
    /// Too many sessions at once.
    TooMany,
    /// An order was used before, has expired or is not for now (rule G2).
    OrderSpent,
    /// An order for something that is already there or cannot be done.
    OrderSenseless,
    /// A recovery kit does not verify or is another one, or genesis names too few recipients (rule K3).
    RecoveryKit,
    /// The wallet, its vault or everything is frozen (rule P1).
    BrakeFrozen,
    /// The intent was vetoed (rule P1).
    BrakeVetoed,
    /// The initiator withdrew the intent (rule P1).
    BrakeWithdrawn,
    /// A brake is none (rule P1).
    Brake(BrakeError),
    /// The freeze was lifted: it never comes back (rule P1).
    BrakeLifted,
    /// The intent may be signed already: only an intent that replaces it can stop it (rule P1).
    BrakeTooLate,
    /// That person has as many brakes as one may have (rule P1).
    BrakeTooMany,
    /// A signer holds other freezes in force (rule P1); they are being exchanged.
    BrakesDiffer,
    /// Another policy set came into force while the session ran (rule P1).
    PolicyChanged,
    /// What recipients opened is too little, of another kit or for another cosigner (rule K3).
    RecoveryParts,
    /// In production a key signs only after a recovery drill of its share here (rule K3).
    RecoveryUndrilled,
    /// A document of ours could not be made: a bug here, never a permission.
    Bug,
}

impl Code {
    /// The stable text, `area.reason`.
    pub fn text(self) -> &'static str {
        match self {
            Code::RequestMalformed => "request.malformed",
            Code::GenesisMismatch => "genesis.mismatch",
            Code::GenesisMissing => "genesis.missing",
            Code::DocumentInvalid => "document.invalid",
            Code::AdminQuorum => "document.admin_quorum",
            Code::PolicyMismatch => "policy.mismatch",
            Code::PolicyMissing => "policy.missing",
            Code::PolicySequence => "policy.sequence",
            Code::PolicyPending => "policy.pending",
            Code::IntentMalformed => "intent.malformed",
            Code::InitiatorSignature => "intent.signature",
            Code::IntentExpired => "intent.expired",
            Code::Approval(error) => error.code(),
            Code::Fact(error) => error.code(),
            Code::ApprovalMissing => "approval.missing",
            Code::Undecodable => "bytes.refused",
            Code::EffectsDiffer => "bytes.effects_differ",
            Code::FeeAboveMaximum => "bytes.fee_above_maximum",
            Code::PermitLife => "bytes.permit_life",
            Code::PolicyDenied(reason) => reason.code(),
            Code::PinOtherSlot => "pin.other_slot",
            Code::PinSlotTaken => "pin.slot_taken",
            Code::PinNonceGap => "pin.nonce_gap",
            Code::PinUnknownReplaced => "pin.unknown_replaced",
            Code::Busy => "limit.busy",
            Code::KeyMissing => "key.missing",
            Code::SignerSet => "session.signer_set",
            Code::Banned => "session.banned",
            Code::BanUnheard => "session.ban_unheard",
            Code::BootUngranted => "boot.ungranted",
            Code::BootRolledBack => "boot.rolled_back",
            Code::HandedOver => "boot.handed_over",
            Code::HandOverUnproved => "upgrade.unproved",
            Code::PeerDisagrees => "session.peer_disagrees",
            Code::ClockSkew => "session.clock_skew",
            Code::EpochDiffers => "session.epoch_differs",
            Code::CommitmentDiffers => "session.commitment_differs",
            Code::PeerRefused => "session.peer_refused",
            Code::PeerFault => "session.peer_fault",
            Code::PeerSuspects => "session.suspects",
            Code::Link => "session.link",
            Code::Aborted => "session.aborted",
            Code::TooMany => "session.too_many",
            Code::OrderSpent => "order.spent",
            Code::OrderSenseless => "order.senseless",
            Code::RecoveryKit => "recovery.kit",
            Code::BrakeFrozen => "brake.frozen",
            Code::BrakeVetoed => "brake.vetoed",
            Code::BrakeWithdrawn => "brake.withdrawn",
            Code::Brake(error) => error.code(),
            Code::BrakeLifted => "brake.lifted",
            Code::BrakeTooLate => "brake.too_late",
            Code::BrakeTooMany => "brake.too_many",
            Code::BrakesDiffer => "brake.heads_differ",
            Code::PolicyChanged => "policy.changed",
            Code::RecoveryParts => "recovery.parts",
            Code::RecoveryUndrilled => "recovery.undrilled",
            Code::Bug => "cosigner.bug",
        }
    }

    /// Whether the same request may succeed later. Unknown means no.
    pub fn retry(self) -> Retry {
        match self {
            Code::Busy
            | Code::BanUnheard
            | Code::BootUngranted
            | Code::PeerDisagrees
            | Code::EpochDiffers
            | Code::PeerRefused
            | Code::PeerSuspects
            | Code::Link
            | Code::Aborted
            | Code::TooMany
            | Code::BrakeFrozen
            | Code::BrakesDiffer
            | Code::PolicyChanged
            | Code::PinNonceGap => Retry::Later,
            Code::Fact(error) if error.is_of_time() => Retry::Later,
            _ => Retry::Never,
        }
    }

    /// A refusal with this code.
    pub fn because(self, detail: impl Into<String>) -> Refusal {
        Refusal { code: self.text().into(), detail: detail.into(), retry: self.retry(), peers: Vec::new() }
    }

    /// A refusal that names peers.
    pub fn of_peers(self, detail: impl Into<String>, peers: impl IntoIterator<Item = PartyIndex>) -> Refusal {
        Refusal { peers: peers.into_iter().collect(), ..self.because(detail) }
    }
}

/// The chain's refusal, by its own code.
pub fn from_chain(error: &ChainError) -> Refusal {
    Code::Undecodable.because(format!("{}: {error}", error.code()))
}

/// A machine's verdict in a session (Peer, Suspects, Link).
pub fn from_fault(fault: &Fault) -> Refusal {
    match fault {
        Fault::Peer { culprits, reason, .. } => Code::PeerFault.of_peers(*reason, culprits.iter().copied()),
        Fault::Suspects { set, reason } => Code::PeerSuspects.of_peers(*reason, set.iter().copied()),
        Fault::Link { peers, reason } => Code::Link.of_peers(*reason, peers.iter().copied()),
        Fault::Misuse(reason) | Fault::Bug(reason) => Code::Bug.because(*reason),
    }
}

/// The refusal that a decision other than `Allow` means when bytes are to be signed.
pub fn from_decision(decision: &Decision) -> Option<Refusal> {
    match decision {
        Decision::Allow { .. } => None,
        Decision::Deny { rule, reason } => Some(Code::PolicyDenied(*reason).because(rule.clone())),
        Decision::NeedsApproval { missing, .. } => {
            let rules: Vec<_> = missing.iter().map(|m| format!("{} ({} of {})", m.rule, m.count, m.group)).collect();
            Some(Code::ApprovalMissing.because(rules.join(", ")))
        }
    }
}
