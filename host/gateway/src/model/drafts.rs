//! Drafts of the next policy set. What is said of one is the host's word: whoever signs rebuilds it from the document.

use ringi_primitives::digest::Digest;
use ringi_primitives::id::{IntentId, PersonId};
use ringi_primitives::time::UnixMs;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The drafts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyDrafts {
    /// Oldest first.
    pub items: Vec<PolicyDraft>,
}

/// A draft of the next policy set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyDraft {
    /// The document's digest, hex: what admins sign.
    #[schema(value_type = String)]
    pub id: Digest,
    /// The sequence it would have.
    pub sequence: u64,
    /// `open`, `ready` (a quorum signed) or `stale` (another set came in force: plan it anew).
    pub state: String,
    /// Who drafted it.
    #[schema(value_type = String)]
    pub drafted_by: PersonId,
    /// Their name, if they have a key in the workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drafted_by_name: Option<String>,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub drafted_at: UnixMs,
    /// k: admins whose signature it has.
    pub signatures: Vec<DraftSigner>,
    /// How many are needed.
    pub quorum: u32,
}

/// An admin who signed a draft.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DraftSigner {
    /// Who.
    #[schema(value_type = String)]
    pub person: PersonId,
    /// Their name in genesis.
    pub name: String,
}

/// A draft with all that is known of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyDraftDetail {
    /// How it stands.
    pub draft: PolicyDraft,
    /// base64 of the document's deterministic CBOR, with the signatures so far.
    pub document: String,
    /// What lint says; a draft has no errors.
    pub findings: Vec<PolicyFinding>,
    /// What changes from the set in force, entry by entry.
    pub changes: Vec<PolicyChange>,
    /// Verdicts on past transfers that would change.
    pub preview: PolicyPreview,
}

/// A finding of lint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyFinding {
    /// `warning`, or `error` where a set came in force before it was one.
    pub severity: String,
    /// The vault.
    pub vault: String,
    /// The rule or limit.
    pub rule: String,
    /// A stable name of the kind of finding.
    pub code: String,
    /// In words.
    pub text: String,
}

/// A change from one policy set to the next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyChange {
    /// Where, such as `vaults.treasury.rules.small.amounts`.
    pub at: String,
    /// Before; absent if it is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// After; absent if it is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// The last transfers, replayed under both sets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyPreview {
    /// Transfers that both sets gave a verdict of.
    pub compared: u64,
    /// Those with another verdict, oldest first.
    pub changed: Vec<ChangedVerdict>,
    /// Those of which nobody can tell, oldest first: prices and balances of the past are not kept.
    pub not_compared: Vec<NotCompared>,
}

/// A verdict that would change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangedVerdict {
    /// The transfer.
    #[schema(value_type = String)]
    pub intent: IntentId,
    /// When it was asked.
    #[schema(value_type = String, format = DateTime)]
    pub at: UnixMs,
    /// What the set in force says.
    pub before: String,
    /// What the draft says.
    pub after: String,
}

/// A transfer whose verdicts could not be compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotCompared {
    /// The transfer.
    #[schema(value_type = String)]
    pub intent: IntentId,
    /// When it was asked.
    #[schema(value_type = String, format = DateTime)]
    pub at: UnixMs,
    /// What is missing.
    pub why: String,
}
