//! Plain data of the service, as JSON shows it: ids and amounts as text, times RFC 3339, documents as base64 of their CBOR.

use crate::ports::Role;
use ringi_policy_tools::diff::Change;
use ringi_policy_tools::lint::Finding;
use ringi_policy_tools::preview::Preview;
use ringi_primitives::amount::Amount;
use ringi_primitives::digest::Digest;
use ringi_primitives::httpsig::RequestSignature;
use ringi_primitives::id::{BrakeId, IntentId, OrderId, PersonId, WalletId};
use ringi_primitives::key::PublicKey;
use ringi_primitives::network::NetworkId;
use ringi_primitives::signed::{PersonSignature, Signed};
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
    pub sub_status: &'static str,
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
    /// While it is not signed: what stops it (`brake.frozen`, `brake.vetoed`, `brake.withdrawn`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brake: Option<&'static str>,
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
    /// Whether they signed with a key of their own, and not on a page (rule P2).
    pub independent: bool,
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
    /// What the initiator can do.
    pub next: &'static str,
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
    /// `genesis`, `policy`, `order`, `recovery`, `freeze`, `veto` or `withdrawal`.
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
    /// Whether k is enough: n-t+1 for a policy set, brakes and what lifts them (rule P1), all for genesis and other orders.
    pub in_force: bool,
    /// Each answer.
    pub answers: Vec<PartyAnswer>,
    /// For key generation and refresh: base64 of the signed certificate's CBOR.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
}

/// A freeze that was handed in and not lifted (rule P1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FreezeView {
    /// What an order that lifts it names.
    pub digest: Digest,
    /// Its id.
    pub id: BrakeId,
    /// Who froze.
    pub by: PersonId,
    /// `workspace`, `vault` or `wallet`.
    pub of: &'static str,
    /// The vault's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vault: Option<String>,
    /// The wallet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wallet: Option<WalletId>,
    /// When it was signed.
    pub issued_at: UnixMs,
    /// k: cosigners that hold it.
    pub acknowledged: u32,
    /// n.
    pub cosigners: u32,
    /// Whether k is at least n-t+1.
    pub in_force: bool,
    /// base64 of the signed document's CBOR.
    pub document: String,
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
    /// Keys it holds shares of: scheme, root and epoch, with a slash between.
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

/// Who signed a draft.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DraftSignerView {
    /// Who.
    pub person: PersonId,
    /// Their name in genesis.
    pub name: String,
}

/// A draft of the next policy set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DraftView {
    /// The document's digest: what admins sign.
    pub id: Digest,
    /// The sequence it would have.
    pub sequence: u64,
    /// `open`, `ready` (a quorum signed) or `stale` (another set came in force).
    pub state: &'static str,
    /// Who drafted it.
    pub drafted_by: PersonId,
    /// Their name, if they have a key in the workspace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drafted_by_name: Option<String>,
    /// When.
    pub drafted_at: UnixMs,
    /// k: admins who signed it.
    pub signatures: Vec<DraftSignerView>,
    /// How many are needed.
    pub quorum: u32,
}

/// A draft with all that is known of it; advice, to be rebuilt from the document by whoever signs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DraftDetail {
    /// How it stands.
    pub draft: DraftView,
    /// base64 of the document's CBOR, with the signatures so far.
    pub document: String,
    /// What lint says; no errors.
    pub findings: Vec<Finding>,
    /// What changes from the set in force.
    pub changes: Vec<Change>,
    /// Verdicts on past transfers that would change.
    pub preview: Preview,
}

/// An admin's consent to a draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DraftSignatures {
    /// A signature alone.
    Detached(PersonSignature),
    /// The signed document.
    Document(Signed),
}

/// What witnesses have said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FactListing {
    /// The newest price or balance of each witness and topic.
    pub items: Vec<FactView>,
    /// Intents that were charged to a limit and are not proved final yet, oldest first; some of them, if there are many.
    pub wanted: Vec<WantedView>,
}

/// A price or a balance as a witness states it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FactView {
    /// The witness's name in the policy set.
    pub witness: String,
    /// `price` or `balance`.
    pub kind: &'static str,
    /// The asset's id in the policy set, if it has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asset: Option<String>,
    /// Of a balance: the wallet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wallet: Option<WalletId>,
    /// US dollars of one whole unit, or base units.
    pub value: String,
    /// When it was so, by the witness's clock.
    pub at: UnixMs,
    /// The signed fact's deterministic CBOR, base64.
    pub document: String,
}

/// An intent whose finality is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WantedView {
    /// The first intent of its replacement chain.
    pub intent: IntentId,
    /// The place that it takes, as the host says: CBOR, base64.
    pub slot: String,
}

/// Whose key it is and what it may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CallerView {
    /// Who; nobody's id for a witness.
    pub person: PersonId,
    /// Their name.
    pub name: String,
    /// `initiate`, `approve`, `admin` or `witness`.
    pub purpose: &'static str,
}

/// What a person is to the API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RoleView {
    /// Who.
    pub person: PersonId,
    /// Their name, where they have a key in the workspace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Their role, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Who decided it: a person's id, `genesis` or `development`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<UnixMs>,
}

/// Somebody was refused by the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// Who.
    pub person: PersonId,
    /// Their role, if any.
    pub role: Option<Role>,
    /// The operation.
    pub action: String,
    /// On what.
    pub resource: String,
    /// Stable code of the refusal.
    pub code: String,
    /// The access policies that decided.
    pub policies: Vec<String>,
    /// From where.
    pub address: Option<std::net::IpAddr>,
}

/// What an initiator sent and signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedFor {
    /// The intent's verbatim bytes.
    pub body: Vec<u8>,
    /// The signature of the request that carried it.
    pub signature: RequestSignature,
}

/// What came of asking a machine approver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallbackOutcome {
    /// The transfer.
    pub transfer: IntentId,
    /// The approver.
    pub person: PersonId,
    /// The envelope that it was asked about.
    pub envelope: Digest,
    /// Stable code: `callback.approved`, `callback.rejected`, or why there is no approval.
    pub code: String,
    /// Its reason, or what went wrong.
    pub detail: String,
}
