//! Transfers, decisions, envelopes.

use ringi_primitives::amount::Amount;
use ringi_primitives::digest::Digest;
use ringi_primitives::id::{IntentId, PersonId, WalletId};
use ringi_primitives::network::NetworkId;
use ringi_primitives::time::UnixMs;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The answer to a submission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Submission {
    /// The transfer.
    pub transfer: Transfer,
    /// What the policy says of it now (advice: cosigners decide).
    pub decision: Decision,
    /// `created`, `repeated` (the same bytes were taken before) or `dry_run`.
    pub outcome: String,
}

/// A decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Decision {
    /// `allow`, `deny` or `needs_approval`.
    pub verdict: String,
    /// The rules that matched, or the one that denied.
    pub rules: Vec<String>,
    /// For `deny`: the stable code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// For `needs_approval`: what is missing.
    pub missing: Vec<Missing>,
}

/// Approvals still missing for a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Missing {
    /// The rule.
    pub rule: String,
    /// Whose approvals count.
    pub group: String,
    /// How many distinct people are still needed.
    pub count: u32,
}

/// A transfer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Transfer {
    /// The intent's id.
    #[schema(value_type = String, example = "int_01k9z0000000000000000000000")]
    pub id: IntentId,
    /// `submitted`, `screening`, `awaiting_approval`, `queued`, `signing`, `broadcasting`, `confirming`, `completed`,
    /// `cancelled`, `rejected`, `blocked` or `failed`.
    pub status: String,
    /// More exactly; stable.
    pub sub_status: String,
    /// The wallet.
    #[schema(value_type = String)]
    pub wallet: WalletId,
    /// The vault's name.
    pub vault: String,
    /// The chain.
    #[schema(value_type = String, example = "eip155:1")]
    pub network: NetworkId,
    /// Who asked.
    #[schema(value_type = String)]
    pub initiator: PersonId,
    /// The intent, as submitted.
    #[schema(value_type = Object)]
    pub intent: serde_json::Value,
    /// Digest of the intent's verbatim bytes.
    #[schema(value_type = String)]
    pub intent_digest: Digest,
    /// The caller's reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The intent it replaces.
    #[schema(value_type = Option<String>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<IntentId>,
    /// The intent that took its place.
    #[schema(value_type = Option<String>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced_by: Option<IntentId>,
    /// The rules that allowed it or want approval, or the one that denied it.
    pub rules: Vec<String>,
    /// What approvers still have to give.
    pub missing: Vec<Missing>,
    /// While approvals count: base64 of the envelope's CBOR (rule I2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub envelope: Option<String>,
    /// What approvers sign.
    #[schema(value_type = Option<String>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub envelope_digest: Option<Digest>,
    /// Approvals given for this envelope.
    pub approvals: Vec<GivenApproval>,
    /// The transaction, once signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction: Option<Transaction>,
    /// Why it ended badly or is stuck.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<TransferError>,
    /// While it is not signed: what stops it (`brake.frozen`, `brake.vetoed`, `brake.withdrawn`; rule P1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brake: Option<String>,
    /// When it was accepted.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: UnixMs,
    /// Last change.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: UnixMs,
    /// After this nothing is signed for it.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: UnixMs,
}

/// An approval given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GivenApproval {
    /// Who.
    #[schema(value_type = String)]
    pub person: PersonId,
    /// Whether they signed with a key of their own, and not on a page (rule P2).
    pub independent: bool,
    /// Their name in the policy set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A signed transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Transaction {
    /// As explorers show it.
    pub id: String,
    /// The signed bytes, hex; for a message the signature.
    pub bytes: String,
    /// EVM: the nonce.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<u64>,
    /// Block height.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u64>,
    /// Block hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block: Option<String>,
    /// When last looked at.
    pub confirmations: u64,
}

/// Why a transfer ended badly or is stuck.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TransferError {
    /// Stable code.
    pub code: String,
    /// The rule that decided, or what happened.
    pub detail: String,
    /// What the initiator can do.
    pub next: String,
}

/// What an approver signs (rule I2), and the same in words. The words are the host's: an approver who trusts nothing
/// decodes `envelope` and computes the digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EnvelopeView {
    /// base64 of the envelope's deterministic CBOR.
    pub envelope: String,
    /// What approvers sign: the 32 bytes of H("ringi/approval/v1" ‖ envelope).
    #[schema(value_type = String)]
    pub digest: Digest,
    /// The workspace.
    #[schema(value_type = String)]
    pub genesis: Digest,
    /// Digest of the intent's verbatim bytes.
    #[schema(value_type = String)]
    pub intent: Digest,
    /// Number of the vault.
    pub vault_index: u32,
    /// The wallet.
    #[schema(value_type = String)]
    pub wallet: WalletId,
    /// Digest of the policy set.
    #[schema(value_type = String)]
    pub policy: Digest,
    /// The chain.
    #[schema(value_type = String)]
    pub network: NetworkId,
    /// What it does, in order.
    pub effects: Vec<EnvelopeEffect>,
    /// The most that may be paid in fees, base units of the network's coin.
    #[schema(value_type = String)]
    pub max_fee: Amount,
    /// After this nothing is signed.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: UnixMs,
}

/// One effect of an envelope. Which fields are there depends on the kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EnvelopeEffect {
    /// `transfer`, `approve`, `transfer_from`, `permit`, `call`, `delegate`, `self_cancel`, `ownership_proof`, `typed_message`, `raw_call`,
    /// `raw_typed_data`, `raw_message` or `deploy`.
    pub kind: String,
    /// Asset id in the policy set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asset: Option<String>,
    /// Token contract, raw hex; absent for the network's coin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Recipient, spender, contract or delegate: raw hex (20 bytes on EVM, the scriptPubKey on Bitcoin).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Whose token, for `transfer_from`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Base units.
    #[schema(value_type = Option<String>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Amount>,
    /// The amount in human form, by the asset's decimals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_decimal: Option<String>,
    /// Function, statement, message type, or kind of opaque bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub what: Option<String>,
    /// Call data or digest of opaque bytes, hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// Unix seconds after which a permit is void.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_s: Option<u64>,
    /// The fields of a typed message.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<EnvelopeField>,
}

/// One field of a typed message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EnvelopeField {
    /// Its path, such as `order.maker`.
    pub path: String,
    /// Its value as text; an array is counted.
    pub value: String,
}
