//! Machine approvers: a customer's service that the platform asks, and that answers with an approval signed by a key of the
//! policy set, or with a reason why not. No answer is no approval.
//!
//! [`desk`] asks, on the host; [`serve`] is a service of the kind that a customer runs, and [`judge`] its judgement: from the
//! bytes that the initiator signed alone, with plan and envelope made here and not by the host.

mod connection;
pub mod desk;
pub mod judge;
mod rules;
pub mod serve;

pub use rules::ApproverRules;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ringi_gateway::model::NewApproval;
use ringi_primitives::digest::Digest;
use ringi_primitives::id::{IntentId, PersonId};
use serde::{Deserialize, Serialize};

/// A question at most, bytes: intent and policy set, in base64.
pub const QUESTION_BYTES: usize = 2 * 1024 * 1024;
/// An answer at most, bytes.
pub const ANSWER_BYTES: usize = 16 * 1024;

/// What the platform asks. Everything that counts is in bytes that others signed; `effects` is for people and logs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallbackQuestion {
    /// Always 1.
    pub version: u8,
    /// The transfer.
    pub transfer: IntentId,
    /// Who is asked to approve.
    pub person: PersonId,
    /// base64 of the envelope's CBOR (rule I2).
    pub envelope: String,
    /// Its digest: what an approval signs.
    pub envelope_digest: Digest,
    /// base64 of the intent's verbatim bytes (rule I1).
    pub intent: String,
    /// base64 of the initiator's request signature, CBOR.
    pub initiator: String,
    /// Digest of the policy set in force.
    pub policy: Digest,
    /// base64 of the signed policy set, CBOR.
    pub policy_set: String,
    /// Each effect, in words and as data.
    pub effects: Vec<CallbackEffect>,
    /// The most that it may cost in fees, in words.
    pub max_fee: String,
}

/// An effect as the platform decodes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallbackEffect {
    /// In words.
    pub words: String,
    /// `transfer`, `call` and so on.
    pub kind: String,
    /// The chain.
    pub network: String,
    /// The asset's id, where the policy set names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asset: Option<String>,
    /// Who gets it, in the chain's form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// How much, base units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<String>,
}

/// What a machine approver answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "snake_case", deny_unknown_fields)]
pub enum CallbackAnswer {
    /// It consents.
    Approve {
        /// Its signature over the envelope's digest.
        approval: NewApproval,
    },
    /// It does not.
    Reject {
        /// Stable code.
        code: String,
        /// Why, for people.
        reason: String,
    },
}

pub(crate) fn encoded(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

pub(crate) fn decoded(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}
