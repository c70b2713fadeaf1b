//! Durable memory as the orchestrator sees it: one atomic [`Commit`] per step, and reads.
//!
//! Whatever implements [`Store`] must pass [`crate::conformance`. A commit is all or nothing and durable when it returns;
//! uniqueness is the store's to enforce, so that no bug above can sign twice for one slot.

use super::role::RoleRecord;
use crate::transfer::{Header, Transfer};
use async_trait::async_trait;
use ringi_ledger::{Draft, Entry};
use ringi_primitives::address::Address;
use ringi_primitives::amount::Amount;
use ringi_primitives::approval::Approval;
use ringi_primitives::asset::AssetKey;
use ringi_primitives::brake::SignedBrake;
use ringi_primitives::certificate::SignedCertificate;
use ringi_primitives::decision::Spending;
use ringi_primitives::digest::Digest;
use ringi_primitives::effects::Outpoint;
use ringi_primitives::fact::SignedFact;
use ringi_primitives::id::{IntentId, PersonId, WalletId};
use ringi_primitives::network::NetworkId;
use ringi_primitives::order::KeyId;
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::signed::Signed;
use ringi_primitives::time::UnixMs;
use ringi_primitives::wallet::WalletRef;

/// Why the store cannot serve. Codes are `store.<name>`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Another instance holds the data folder.
    #[error("another instance is using this data folder")]
    Locked,
    /// No space left; the commit did not happen.
    #[error("the disk is full; nothing of this step was stored")]
    Full,
    /// The file is no database of ours, damaged, or from a newer version.
    #[error("the database is damaged or not ours: {0}")]
    Corrupt(String),
    /// A uniqueness rule refused the commit; says which.
    #[error("already used: {0}")]
    Unique(UniqueRule),
    /// The transfer has moved on since it was read; nothing was stored.
    #[error("the transfer has moved on since it was read")]
    Stale,
    /// The cursor is none of this list's.
    #[error("the cursor is not one that a page of this list gave")]
    Cursor,
    /// Busy or failing; the commit did not happen, or is not known to have happened.
    #[error("the store is not available: {0}")]
    Unavailable(String),
}

/// What must be unique for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UniqueRule {
    /// An intent's id.
    IntentId,
    /// The caller's reference.
    Reference,
    /// A nonce of an account (rule I3).
    Nonce,
    /// An outpoint (rule I3).
    Outpoint,
    /// A key's request-signature nonce while that signature lives.
    RequestNonce,
    /// A wallet's id.
    WalletId,
    /// A wallet's name in its vault.
    WalletName,
    /// A genesis or policy sequence, or an order's id.
    Document,
}

impl UniqueRule {
    /// The stable code of its violation.
    pub fn code(self) -> &'static str {
        match self {
            UniqueRule::IntentId => "store.intent_id_used",
            UniqueRule::Reference => "store.reference_used",
            UniqueRule::Nonce => "store.account_nonce_used",
            UniqueRule::Outpoint => "store.outpoint_used",
            UniqueRule::RequestNonce => "store.request_nonce_used",
            UniqueRule::WalletId => "store.wallet_id_used",
            UniqueRule::WalletName => "store.wallet_name_used",
            UniqueRule::Document => "store.document_used",
        }
    }
}

impl std::fmt::Display for UniqueRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            UniqueRule::IntentId => "intent id",
            UniqueRule::Reference => "reference",
            UniqueRule::Nonce => "account nonce",
            UniqueRule::Outpoint => "outpoint",
            UniqueRule::RequestNonce => "request nonce",
            UniqueRule::WalletId => "wallet id",
            UniqueRule::WalletName => "wallet name",
            UniqueRule::Document => "document",
        })
    }
}

impl StoreError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            StoreError::Locked => "store.locked",
            StoreError::Full => "store.full",
            StoreError::Corrupt(_) => "store.corrupt",
            StoreError::Unique(rule) => rule.code(),
            StoreError::Stale => "store.stale",
            StoreError::Cursor => "page.cursor",
            StoreError::Unavailable(_) => "store.unavailable",
        }
    }
}

/// A transfer as stored: what never changes, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferRecord {
    /// What never changes.
    pub header: Header,
    /// Where it stands.
    pub state: Transfer,
    /// 1 when inserted, one more with every update.
    pub version: u64,
    /// Last change.
    pub updated_at: UnixMs,
}

/// A wallet as the host knows it. Its keys follow from vault and id; the rest is for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalletRecord {
    /// Vault and id.
    pub wallet: WalletRef,
    /// Unique in its vault.
    pub name: String,
    /// When.
    pub created_at: UnixMs,
}

/// A deposit as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DepositRecord {
    /// The chain.
    pub network: NetworkId,
    /// Transaction id.
    pub transaction: String,
    /// Log index or output number.
    pub place: u64,
    /// Receiving wallet.
    pub wallet: WalletId,
    /// Receiving address, text form.
    pub address: String,
    /// What.
    pub asset: AssetKey,
    /// How much, base units.
    pub amount: Amount,
    /// Block height, if mined.
    pub height: Option<u64>,
    /// Whether it is final.
    pub confirmed: bool,
    /// When it was first seen.
    pub seen_at: UnixMs,
}

/// A receipt without its policy set, which many receipts share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptRecord {
    /// The intent.
    pub intent: IntentId,
    /// Digest of the policy set that belongs into it.
    pub policy: Digest,
    /// Canonical CBOR of the receipt with an empty policy.
    pub body: Vec<u8>,
}

/// A brake as stored, with what cosigners said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrakeRecord {
    /// With its proof.
    pub signed: SignedBrake,
    /// Who said what: nothing, or the code of a refusal.
    pub answers: Vec<(PartyIndex, Option<String>)>,
}

/// A draft of the next policy set. Its document's digest is its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DraftRecord {
    /// The document, with the signatures it has so far.
    pub signed: Signed,
    /// Who drafted it.
    pub by: PersonId,
    /// When.
    pub at: UnixMs,
}

/// An event to append to the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventDraft {
    /// When.
    pub at: UnixMs,
    /// Stable kind, e.g. `transfer.completed`.
    pub kind: String,
    /// The id of what it is about.
    pub subject: String,
    /// Public fields, a JSON object.
    pub data: String,
}

/// An event of the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRecord {
    /// 1, 2, 3, …: rises in commit order; the `Last-Event-ID`.
    pub sequence: u64,
    /// The event.
    pub event: EventDraft,
}

/// One change inside a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// A new transfer at version 1. Unique: intent id, reference.
    InsertTransfer(Box<TransferRecord>),
    /// A transfer's next state; `version` is the new one and must follow the stored one, else [`StoreError::Stale`].
    UpdateTransfer {
        /// Which.
        id: IntentId,
        /// The new version.
        version: u64,
        /// The new state.
        state: Box<Transfer>,
        /// When.
        at: UnixMs,
    },
    /// Remember a request signature's nonce until it expires. Unique: (key, nonce).
    RequestNonce {
        /// The key's text form.
        key: String,
        /// The nonce.
        nonce: String,
        /// When it may be forgotten.
        expires_at: UnixMs,
    },
    /// A verified approval of an envelope. One per (intent, person, envelope); the same again changes nothing.
    Approval {
        /// The intent.
        intent: IntentId,
        /// The envelope's digest.
        envelope: Digest,
        /// The evidence.
        approval: Box<Approval>,
    },
    /// Reserve an account's nonce for an intent (the first of its replacement chain). Unique for ever: (network, account, nonce).
    ReserveNonce {
        /// The chain.
        network: NetworkId,
        /// The account.
        account: Address,
        /// The nonce.
        nonce: u64,
        /// For whom.
        intent: IntentId,
    },
    /// Reserve outpoints for an intent (the first of its chain). Unique for ever; what the same intent holds already is kept.
    ReserveOutpoints {
        /// The chain.
        network: NetworkId,
        /// Which.
        outpoints: Vec<Outpoint>,
        /// For whom.
        intent: IntentId,
    },
    /// Give up all reservations of an intent for which nothing was ever handed to a cosigner.
    ReleaseSlots {
        /// Whose.
        intent: IntentId,
    },
    /// The slots of this intent are used up on chain: still unique, no longer loaded at start.
    SettleSlots {
        /// Whose.
        intent: IntentId,
    },
    /// Host's memory of what limits were charged, for advice. Keyed by (limit, intent): the larger amount stays.
    Spend(Box<Spending>),
    /// A receipt. One per intent; the first stays.
    Receipt(Box<ReceiptRecord>),
    /// A wallet.
    InsertWallet(WalletRecord),
    /// The next free index of a wallet's branch on a network (Bitcoin addresses); only rises.
    AddressIndex {
        /// The wallet.
        wallet: WalletId,
        /// The chain.
        network: NetworkId,
        /// `p2tr`, `p2wpkh` or `change`.
        kind: String,
        /// Next free index.
        next: u32,
    },
    /// A genesis version. Unique: sequence.
    Genesis {
        /// Its sequence.
        sequence: u64,
        /// The document.
        signed: Box<Signed>,
    },
    /// A policy set. Unique: sequence.
    Policy {
        /// Its sequence.
        sequence: u64,
        /// Its digest.
        digest: Digest,
        /// The document.
        signed: Box<Signed>,
    },
    /// A key certificate; a newer epoch takes the older one's place.
    Certificate(Box<SignedCertificate>),
    /// A deposit: inserted, or its height and confirmation updated. `seen_at` of the first stays; confirmed stays confirmed.
    Deposit(Box<DepositRecord>),
    /// A fact of a witness: the newest of each witness and topic stays, of finality one for each witness and intent.
    Fact(Box<SignedFact>),
    /// A freeze, veto or withdrawal (rule P1). The same again changes nothing.
    Brake {
        /// Its digest.
        digest: Digest,
        /// When it came.
        at: UnixMs,
        /// With its proof.
        signed: Box<SignedBrake>,
    },
    /// What a cosigner said of a brake; the newest word counts.
    BrakeAnswer {
        /// Which.
        brake: Digest,
        /// Who.
        cosigner: PartyIndex,
        /// The code of its refusal; `None`: it holds there.
        code: Option<String>,
    },
    /// These brakes stop nothing any more: no longer loaded at start.
    BrakesEnded {
        /// Which; unknown ones are nothing.
        digests: Vec<Digest>,
    },
    /// What was decided of a person's role; the newest stays.
    Role(RoleRecord),
    /// A draft of the next policy set; of the same document the newest stays.
    Draft(Box<DraftRecord>),
    /// A draft is one no more.
    DraftEnded {
        /// Which; an unknown one is nothing.
        digest: Digest,
    },
}

/// One atomic step: rows, feed, audit log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commit {
    /// Changes, applied in order.
    pub writes: Vec<Write>,
    /// Outbox: appended to the feed.
    pub events: Vec<EventDraft>,
    /// Appended to the hash-chained audit log.
    pub audit: Vec<Draft>,
}

/// What a commit made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Sequence of the feed's newest event.
    pub last_event: u64,
    /// Sequence of the audit log's newest entry.
    pub last_audit: u64,
}

/// Everything that is needed in memory, read once at start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// All genesis versions, first to newest.
    pub genesis: Vec<Signed>,
    /// What was decided of people's roles, one for each.
    pub roles: Vec<RoleRecord>,
    /// The newest policy set.
    pub policy: Option<Signed>,
    /// One certificate per key, the newest epoch.
    pub certificates: Vec<SignedCertificate>,
    /// Transfers that are not at an end.
    pub open: Vec<TransferRecord>,
    /// Reserved nonces that are not settled.
    pub nonces: Vec<(NetworkId, Address, u64, IntentId)>,
    /// Reserved outpoints that are not settled.
    pub outpoints: Vec<(NetworkId, Outpoint, IntentId)>,
    /// What limits were charged.
    pub spendings: Vec<Spending>,
    /// Next free indices: (wallet, network, kind, next).
    pub address_indices: Vec<(WalletId, NetworkId, String, u32)>,
    /// The newest facts of witnesses.
    pub facts: Vec<SignedFact>,
    /// Brakes that have not ended, oldest first.
    pub brakes: Vec<BrakeRecord>,
    /// Drafts of the next policy set, oldest first.
    pub drafts: Vec<DraftRecord>,
    /// Sequence of the feed's newest event.
    pub last_event: u64,
}

/// A page of a list, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The `next` of the page before; `None` for the first.
    pub cursor: Option<String>,
    /// At most this many; the store takes at most 200.
    pub limit: u32,
}

/// Which transfers to list. Empty means all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TransferFilter {
    /// Of this wallet.
    pub wallet: Option<WalletId>,
    /// With this API status.
    pub status: Option<String>,
    /// With this reference.
    pub reference: Option<String>,
}

/// One page and the cursor of the next.
pub type Paged<T> = (Vec<T>, Option<String>);

/// Durable memory.
#[async_trait]
pub trait Store: Send + Sync {
    /// Applies a step: all of it, durably, or nothing.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError>;

    /// Reads what is needed in memory.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn load(&self) -> Result<Snapshot, StoreError>;

    /// A transfer.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn transfer(&self, id: IntentId) -> Result<Option<TransferRecord>, StoreError>;

    /// Transfers, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn transfers(&self, filter: &TransferFilter, page: &Page) -> Result<Paged<TransferRecord>, StoreError>;

    /// All approvals of an intent with the digest of the envelope each is for, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn approvals(&self, intent: IntentId) -> Result<Vec<(Digest, Approval)>, StoreError>;

    /// A receipt.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn receipt(&self, intent: IntentId) -> Result<Option<ReceiptRecord>, StoreError>;

    /// A policy set by digest, in force or past.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn policy(&self, digest: Digest) -> Result<Option<Signed>, StoreError>;

    /// A wallet.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn wallet(&self, id: WalletId) -> Result<Option<WalletRecord>, StoreError>;

    /// Wallets, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn wallets(&self, page: &Page) -> Result<Paged<WalletRecord>, StoreError>;

    /// Deposits of a wallet or of all, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn deposits(&self, wallet: Option<WalletId>, page: &Page) -> Result<Paged<DepositRecord>, StoreError>;

    /// One deposit by what names it for ever.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn deposit(
        &self,
        network: NetworkId,
        transaction: &str,
        place: u64,
    ) -> Result<Option<DepositRecord>, StoreError>;

    /// Events after this sequence, ascending.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn events_after(&self, sequence: u64, limit: u32) -> Result<Vec<EventRecord>, StoreError>;

    /// Audit entries after this sequence, ascending.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn audit_after(&self, sequence: u64, limit: u32) -> Result<Vec<Entry>, StoreError>;

    /// The certificate of a key.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn certificate(&self, key: KeyId) -> Result<Option<SignedCertificate>, StoreError>;
}

/// A response kept for an `Idempotency-Key`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredResponse {
    /// HTTP status.
    pub status: u16,
    /// Verbatim body.
    pub body: Vec<u8>,
}

/// What the store says of an `Idempotency-Key`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdempotencyClaim {
    /// New: the caller carries the request out and calls `complete` (or `forget` after a 5xx).
    Fresh,
    /// Used for another request: 422.
    Mismatch,
    /// The same request is being carried out, or its process died in the middle: carry it out again, everything below is
    /// idempotent by its own ids.
    InProgress,
    /// Carried out: answer this.
    Done(StoredResponse),
}

/// The gateway's memory of requests.
#[async_trait]
pub trait RequestMemory: Send + Sync {
    /// Claims a key of a caller for a request's fingerprint (digest of method, path and body). Kept until `expires_at`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn claim(
        &self,
        caller: &str,
        key: &str,
        fingerprint: &[u8; 32],
        now: UnixMs,
        expires_at: UnixMs,
    ) -> Result<IdempotencyClaim, StoreError>;

    /// Keeps the response of a claimed key.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn complete(&self, caller: &str, key: &str, response: &StoredResponse) -> Result<(), StoreError>;

    /// Gives a claimed key up.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn forget(&self, caller: &str, key: &str) -> Result<(), StoreError>;

    /// Remembers a request signature's nonce for as long as the signature lives; whether it was new.
    /// `submit` does this itself in its own commit.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn fresh_nonce(&self, key: &str, nonce: &str, now: UnixMs, expires_at: UnixMs) -> Result<bool, StoreError>;
}
