//! Plain data of the service, as JSON shows it: ids and amounts as text, times RFC 3339, documents as base64 of their CBOR.

use ringi_primitives::amount::Amount;
use ringi_primitives::digest::Digest;
use ringi_primitives::id::{IntentId, OrderId, PersonId, WalletId};
use ringi_primitives::key::PublicKey;
use ringi_primitives::network::NetworkId;
use ringi_primitives::signed::Signed;
use ringi_primitives::time::UnixMs;
use serde::Serialize;

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listing<T> {
    /// Newest first.
    pub items: Vec<T>,
    /// Cursor of the next page; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// The answer to a submission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Submission {
    /// The transfer.
    pub transfer: TransferView,
    /// What the policy says of it now (advice: cosigners decide).
    pub decision: DecisionView,
    /// `created`, `repeated` (the same bytes were taken before) or `dry_run`.
    pub outcome: &'static str,
}

/// A decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DecisionView {
    /// `allow`, `deny` or `needs_approval`.
    pub verdict: &'static str,
    /// The rules that matched, or the one that denied.
    pub rules: Vec<String>,
    /// For `deny`: the stable code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// For `needs_approval`: what is missing.
    pub missing: Vec<MissingView>,
}

/// Approvals still missing for a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MissingView {
    /// The rule.
    pub rule: String,
    /// Whose approvals count.
    pub group: String,
    /// How many distinct people are still needed.
    pub count: u32,
}

/// A transfer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TransferView {
    /// The intent's id.
    pub id: IntentId,
    /// One of the statuses of the API.
    pub status: &'static str,
    /// More exactly; stable.
    pub sub_status: String,
    /// The wallet.
    pub wallet: WalletId,
    /// The vault's name.
    pub vault: String,
    /// The chain.
    pub network: NetworkId,
    /// Who asked.
    pub initiator: PersonId,
    /// The intent, as submitted.
    pub intent: serde_json::Value,
    /// Digest of the intent's verbatim bytes.
    pub intent_digest: Digest,
    /// The caller's reference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The intent it replaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaces: Option<IntentId>,
    /// The intent that took its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaced_by: Option<IntentId>,
    /// The rules that allowed it or want approval, or the one that denied it.
    pub rules: Vec<String>,
    /// What approvers still have to give.
    pub missing: Vec<MissingView>,
    /// While approvals count: base64 of the envelope's CBOR (rule I2). Approvers decode it and sign its digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub envelope: Option<String>,
    /// What approvers sign.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub envelope_digest: Option<Digest>,
    /// Approvals given for this envelope.
    pub approvals: Vec<ApprovalView>,
    /// The transaction, once signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction: Option<TransactionView>,
    /// Why it ended badly or is stuck.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorView>,
    /// When it was accepted.
    pub created_at: UnixMs,
    /// Last change.
    pub updated_at: UnixMs,
    /// After this nothing is signed for it.
    pub expires_at: UnixMs,
}

/// An approval given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ApprovalView {
    /// Who.
    pub person: PersonId,
    /// Their name in the policy set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A signed transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TransactionView {
    /// As explorers show it.
    pub id: String,
    /// The signed bytes, hex; for a message the signature.
    pub bytes: String,
    /// EVM: the nonce.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nonce: Option<u64>,
    /// Block height.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u64>,
    /// Block hash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block: Option<String>,
    /// When last looked at.
    pub confirmations: u64,
}

/// Why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ErrorView {
    /// Stable code, `area.reason`.
    pub code: String,
    /// The rule that decided, or what happened.
    pub detail: String,
}

/// A receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptDocument {
    /// Canonical CBOR of a [`ringi_primitives::receipt::Receipt`].
    pub bytes: Vec<u8>,
}

/// A wallet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WalletView {
    /// Its id.
    pub id: WalletId,
    /// The vault's name.
    pub vault: String,
    /// Number of the vault.
    pub vault_index: u32,
    /// Unique in the vault.
    pub name: String,
    /// When.
    pub created_at: UnixMs,
}

/// An address with its proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AddressView {
    /// The chain.
    pub network: NetworkId,
    /// `account`, `p2tr` or `p2wpkh`.
    pub kind: String,
    /// The chain's checksummed text form.
    pub address: String,
    /// Branch of its key.
    pub branch: u32,
    /// Index of its key.
    pub index: u32,
    /// base64 of the address statement's CBOR (rule A1).
    pub statement: String,
}

/// A balance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BalanceView {
    /// Asset id in the policy set.
    pub asset: String,
    /// The chain.
    pub network: NetworkId,
    /// Base units.
    pub amount: Amount,
    /// Digits after the point in human form.
    pub decimals: u8,
}

/// A deposit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DepositView {
    /// `pending` or `confirmed`.
    pub status: &'static str,
    /// The chain.
    pub network: NetworkId,
    /// Transaction id.
    pub transaction: String,
    /// Log index or output number.
    pub place: u64,
    /// Receiving wallet.
    pub wallet: WalletId,
    /// Receiving address.
    pub address: String,
    /// Asset id in the policy set; absent for an unknown token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asset: Option<String>,
    /// Base units.
    pub amount: Amount,
    /// Block height.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u64>,
    /// When it was first seen.
    pub seen_at: UnixMs,
}

/// An event of the feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EventView {
    /// Rises in commit order; the SSE id.
    pub sequence: u64,
    /// When.
    pub at: UnixMs,
    /// Stable kind, e.g. `transfer.completed`, `deposit.confirmed`, `policy.installed`.
    pub kind: String,
    /// The id of what it is about.
    pub subject: String,
    /// Public fields.
    pub data: serde_json::Value,
}

/// One cosigner's answer to a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PartyAnswer {
    /// Its number.
    pub cosigner: u8,
    /// `installed`, `refused` or `unreachable`.
    pub answer: &'static str,
    /// For `refused`: the stable code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// For `refused`: which rule or field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// What became of a document of the admins: k of n.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Installation {
    /// `genesis`, `policy` or `order`.
    pub document: &'static str,
    /// Its digest.
    pub digest: Digest,
    /// The order's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderId>,
    /// k: cosigners that have it.
    pub acknowledged: u32,
    /// n.
    pub cosigners: u32,
    /// Whether k is enough: n-t+1 for a policy set (rule P1), all for genesis and orders.
    pub in_force: bool,
    /// Each answer.
    pub answers: Vec<PartyAnswer>,
    /// For key generation and refresh: base64 of the signed certificate's CBOR.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
}

/// A cosigner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CosignerView {
    /// Its number.
    pub index: u8,
    /// Its name in genesis.
    pub name: String,
    /// Whether the host reaches it.
    pub connected: bool,
    /// Whether peers have granted its boot.
    pub ready: bool,
    /// Its boot number.
    pub boot: u64,
    /// While it is connected and not ready: why, a stable code; `boot.ungranted` passes when its peers are there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// The receipt key of this boot: what `ringi order resume` names (rule B1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub boot_key: Option<PublicKey>,
    /// X25519 key of its channel, hex, as it says itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel_key: Option<String>,
    /// Its identity, as it says itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity_key: Option<PublicKey>,
    /// Peers it has a channel with.
    pub peers: Vec<u8>,
    /// Cosigners it excludes.
    pub banned: Vec<u8>,
    /// Policy set in force there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<Digest>,
    /// Signing sessions in progress there.
    pub sessions: u32,
    /// Keys it holds shares of: `scheme/root/epoch`.
    pub keys: Vec<String>,
}

/// Genesis in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenesisView {
    /// Names the workspace.
    pub root: Digest,
    /// Version in force.
    pub head: Digest,
    /// All versions, first to newest.
    pub versions: Vec<Signed>,
}

/// The policy set in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyView {
    /// Its digest.
    pub digest: Digest,
    /// Its sequence.
    pub sequence: u64,
    /// The document.
    pub signed: Signed,
}

/// Whose key it is and what it may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CallerView {
    /// Who.
    pub person: PersonId,
    /// Their name.
    pub name: String,
    /// `initiate`, `approve` or `admin`.
    pub purpose: &'static str,
}
