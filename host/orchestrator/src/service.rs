//! What the gateway and the command line call: one trait, plain data in and out, implemented by [`crate::Orchestrator`].
//!
//! Authentication is the caller's: whoever calls has verified the request signature (submit verifies it again). Every
//! write is safe to repeat: its own id makes it idempotent.

mod views;

pub use views::{
    AddressView, ApprovalView, AskedFor, BalanceView, CallbackOutcome, CallerView, CosignerView, DecisionView, Denial,
    DepositView, DraftDetail, DraftSignatures, DraftSignerView, DraftView, ErrorView, EventView, FactListing, FactView,
    FreezeView, GenesisView, Installation, Listing, MissingView, PartyAnswer, PolicyView, ReceiptDocument, RoleView,
    Submission, TransactionView, TransferView, WalletView, WantedView,
};

use crate::error::ServiceError;
use crate::ports::{DepositSeen, Page, RequestMemory, Role, TransferFilter};
use async_trait::async_trait;
use ringi_ledger::Entry;
use ringi_primitives::approval::Approval;
use ringi_primitives::brake::SignedBrake;
use ringi_primitives::digest::Digest;
use ringi_primitives::fact::SignedFact;
use ringi_primitives::httpsig::RequestSignature;
use ringi_primitives::id::{IntentId, PersonId, WalletId};
use ringi_primitives::key::PublicKey;
use ringi_primitives::network::NetworkId;
use ringi_primitives::order::KeyId;
use ringi_primitives::signed::Signed;
use ringi_primitives::wire::Recovery;
use std::sync::Arc;
use tokio::sync::watch;

/// Whether a submission is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubmitMode {
    /// Stored and carried out.
    Keep,
    /// Planned and decided only; stores nothing, uses up no id.
    DryRun,
}

/// A wallet to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewWallet {
    /// The caller's choice (safe to repeat); `None` lets the service choose.
    pub id: Option<WalletId>,
    /// Name of the vault in the policy set.
    pub vault: String,
    /// Unique in the vault.
    pub name: String,
}

/// Which new address to issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressKind {
    /// EVM: the one account.
    Account,
    /// Bitcoin taproot.
    P2tr,
    /// Bitcoin segwit version 0.
    P2wpkh,
}

/// The platform as its API and command line see it.
#[async_trait]
pub trait Service: Send + Sync {
    /// Takes an intent: strict parse, rules G1 and I1, plan, advisory decision; answers at once. The same id and bytes
    /// again give the transfer as it stands now; the same id with other bytes is a conflict. Remembers the signature's
    /// nonce in its own commit.
    ///
    /// # Errors
    /// `intent.*`, `auth.*`, `chain.*`, `transfer.*`, `store.*`.
    async fn submit(
        &self,
        body: &[u8],
        signature: &RequestSignature,
        mode: SubmitMode,
    ) -> Result<Submission, ServiceError>;

    /// Adds an approval of the transfer's envelope (rule I2). The same approval again changes nothing.
    ///
    /// # Errors
    /// `approval.*`, `transfer.*`, `store.*`.
    async fn approve(&self, id: IntentId, approval: Approval) -> Result<TransferView, ServiceError>;

    /// Withdraws a transfer that no cosigner has seen yet; only its initiator may. Later ones need an intent that `replaces`.
    ///
    /// # Errors
    /// `transfer.*`, `store.*`.
    async fn cancel(&self, id: IntentId, by: PersonId) -> Result<TransferView, ServiceError>;

    /// A transfer.
    ///
    /// # Errors
    /// `transfer.not_found`, `store.*`.
    async fn transfer(&self, id: IntentId) -> Result<TransferView, ServiceError>;

    /// What a transfer's initiator sent and signed: the intent's verbatim bytes and the request's signature (rule I1).
    ///
    /// # Errors
    /// `transfer.not_found`, `store.*`.
    async fn asked(&self, id: IntentId) -> Result<AskedFor, ServiceError>;

    /// Writes down, in feed and audit log, what came of asking a machine approver.
    ///
    /// # Errors
    /// `store.*`.
    async fn record_callback(&self, outcome: &CallbackOutcome) -> Result<(), ServiceError>;

    /// Transfers, newest first.
    ///
    /// # Errors
    /// `page.cursor`, `store.*`.
    async fn transfers(&self, filter: &TransferFilter, page: &Page) -> Result<Listing<TransferView>, ServiceError>;

    /// A transfer's receipt, canonical CBOR (rule R1).
    ///
    /// # Errors
    /// `receipt.not_found` until it is signed; `store.*`.
    async fn receipt(&self, id: IntentId) -> Result<ReceiptDocument, ServiceError>;

    /// Makes a wallet: no ceremony, one row.
    ///
    /// # Errors
    /// `wallet.*`, `store.*`.
    async fn create_wallet(&self, wallet: NewWallet) -> Result<WalletView, ServiceError>;

    /// A wallet.
    ///
    /// # Errors
    /// `wallet.not_found`, `store.*`.
    async fn wallet(&self, id: WalletId) -> Result<WalletView, ServiceError>;

    /// Wallets, newest first.
    ///
    /// # Errors
    /// `page.cursor`, `store.*`.
    async fn wallets(&self, page: &Page) -> Result<Listing<WalletView>, ServiceError>;

    /// The wallet's issued addresses with their statements (rule A1), on one network or all. The first of each kind
    /// exists from the beginning.
    ///
    /// # Errors
    /// `wallet.not_found`, `key.none`, `store.*`.
    async fn addresses(&self, id: WalletId, network: Option<NetworkId>) -> Result<Vec<AddressView>, ServiceError>;

    /// Issues the next receiving address (EVM: the one there is).
    ///
    /// # Errors
    /// `wallet.not_found`, `key.none`, `address.kind`, `store.*`.
    async fn new_address(
        &self,
        id: WalletId,
        network: NetworkId,
        kind: AddressKind,
    ) -> Result<AddressView, ServiceError>;

    /// The wallet's balances of every asset of the policy set on configured networks, as the nodes say.
    ///
    /// # Errors
    /// `wallet.not_found`, `provider.*`, `store.*`.
    async fn balances(&self, id: WalletId) -> Result<Vec<BalanceView>, ServiceError>;

    /// Deposits, newest first.
    ///
    /// # Errors
    /// `page.cursor`, `store.*`.
    async fn deposits(&self, wallet: Option<WalletId>, page: &Page) -> Result<Listing<DepositView>, ServiceError>;

    /// The feed after a sequence (`Last-Event-ID`; 0 for the beginning), ascending, at most 1000.
    ///
    /// # Errors
    /// `store.*`.
    async fn events_after(&self, sequence: u64, limit: u32) -> Result<Vec<EventView>, ServiceError>;

    /// Sequence of the newest event; changes wake followers of the feed.
    fn subscribe(&self) -> watch::Receiver<u64>;

    /// Checks and stores genesis versions (all of them, first to newest) and hands them to every cosigner (rule G1).
    ///
    /// # Errors
    /// `genesis.*`, `store.*`.
    async fn install_genesis(&self, versions: Vec<Signed>) -> Result<Installation, ServiceError>;

    /// Checks and stores a policy set and hands it to every cosigner; says k of n (rule P1). Undecided and unsigned
    /// transfers are decided again.
    ///
    /// # Errors
    /// `policy.*`, `store.*`.
    async fn install_policy(&self, set: Signed) -> Result<Installation, ServiceError>;

    /// Keeps a draft of the next policy set: unsigned, in order, on the set in force, without an error of lint. The same again
    /// says how it stands.
    ///
    /// # Errors
    /// `policy.*`, `draft.*`, `store.*`.
    async fn draft_policy(&self, set: Signed, by: PersonId) -> Result<DraftView, ServiceError>;

    /// The drafts, oldest first.
    ///
    /// # Errors
    /// `workspace.not_ready`.
    fn drafts(&self) -> Result<Vec<DraftView>, ServiceError>;

    /// A draft with its document and what would change, also of the verdicts of the last transfers, at most 200.
    ///
    /// # Errors
    /// `draft.not_found`, `store.*`.
    async fn draft(&self, id: Digest, last: u32) -> Result<DraftDetail, ServiceError>;

    /// Adds admins' signatures, each verified at once. A draft that does not follow the set in force takes none.
    ///
    /// # Errors
    /// `draft.*`, `store.*`.
    async fn sign_draft(&self, id: Digest, given: DraftSignatures) -> Result<DraftView, ServiceError>;

    /// Installs a draft that the admin quorum signed, as [`Service::install_policy`] does; it is a draft no more.
    ///
    /// # Errors
    /// `draft.*`, `policy.*`, `store.*`.
    async fn publish_draft(&self, id: Digest) -> Result<Installation, ServiceError>;

    /// Forgets a draft; says what it was.
    ///
    /// # Errors
    /// `draft.not_found`, `store.*`.
    async fn discard_draft(&self, id: Digest, by: PersonId) -> Result<DraftView, ServiceError>;

    /// Hands an order to every cosigner and waits for its end; key certificates are checked and stored (rules G2, K2).
    ///
    /// # Errors
    /// `order.*`, `store.*`.
    async fn submit_order(&self, order: Signed) -> Result<Installation, ServiceError>;

    /// Hands a recovery order and what recipients opened to the cosigner that it names (rule K3).
    ///
    /// # Errors
    /// `order.*`, `recovery.*`, `store.*`.
    async fn recover(&self, recovery: Recovery) -> Result<Installation, ServiceError>;

    /// Keeps facts of witnesses, requests carry those that they need; proofs of finality go to every cosigner (rules M1, L3).
    /// One that is not right spoils them all; the same again changes nothing.
    ///
    /// # Errors
    /// `fact.*`, `store.*`.
    async fn submit_facts(&self, facts: Vec<SignedFact>) -> Result<FactListing, ServiceError>;

    /// The newest facts, and the intents whose finality is wanted.
    ///
    /// # Errors
    /// `store.*`.
    async fn facts(&self) -> Result<FactListing, ServiceError>;

    /// Freezes a wallet, a vault or everything: stored, handed to every cosigner, retried until each has answered; says k of
    /// n (rule P1). The same freeze again says how it stands.
    ///
    /// # Errors
    /// `brake.*`, `vault.not_found`, `store.*`.
    async fn freeze(&self, brake: SignedBrake) -> Result<Installation, ServiceError>;

    /// The freezes that were handed in and not lifted, oldest first.
    fn freezes(&self) -> Vec<FreezeView>;

    /// Carries out an order that lifts freezes (rules G2, P1); in force at n-t+1, the others hear it from their peers.
    ///
    /// # Errors
    /// `order.*`, `store.*`.
    async fn lift_freezes(&self, order: Signed) -> Result<Installation, ServiceError>;

    /// Stops an intent that is not signed, for good (rule P1).
    ///
    /// # Errors
    /// `brake.*`, `transfer.*`, `store.*`.
    async fn veto(&self, id: IntentId, brake: SignedBrake) -> Result<Installation, ServiceError>;

    /// The same by its own initiator: also where cosigners may have seen it, unlike [`Service::cancel`].
    ///
    /// # Errors
    /// `brake.*`, `transfer.*`, `store.*`.
    async fn withdraw(&self, id: IntentId, brake: SignedBrake) -> Result<Installation, ServiceError>;

    /// All cosigners.
    fn cosigners(&self) -> Vec<CosignerView>;

    /// A cosigner's fresh attestation document that answers this nonce. The host's word for nothing: whoever asked verifies it.
    ///
    /// # Errors
    /// `cosigner.unattested`.
    async fn attest(&self, cosigner: u8, nonce: &[u8]) -> Result<Vec<u8>, ServiceError>;

    /// The genesis in force.
    fn genesis(&self) -> Option<GenesisView>;

    /// Keys that all cosigners certified once, whoever holds shares of them now.
    fn certified(&self) -> Vec<KeyId>;

    /// The policy set in force.
    fn policy(&self) -> Option<PolicyView>;

    /// Whose key this is: of a person in the policy set, or of an admin.
    fn caller(&self, key: &PublicKey) -> Option<CallerView>;

    /// What this person is to the API.
    fn role(&self, person: PersonId) -> Option<Role>;

    /// Everybody who has a key in the workspace, or was once decided of, with their role: the mightiest first.
    fn roles(&self) -> Vec<RoleView>;

    /// Gives a person a role in place of the one they have; `None` takes it away. `by` says who decided. Whether they may
    /// decide is the caller's to know.
    ///
    /// # Errors
    /// `person.not_found`, `access.last_owner`, `store.*`.
    async fn set_role(&self, person: PersonId, role: Option<Role>, by: &str) -> Result<RoleView, ServiceError>;

    /// Writes into the audit log that the API refused somebody.
    ///
    /// # Errors
    /// `store.*`.
    async fn record_denial(&self, denial: &Denial) -> Result<(), ServiceError>;

    /// Audit entries after a sequence, ascending, at most 1000.
    ///
    /// # Errors
    /// `store.*`.
    async fn audit_after(&self, sequence: u64, limit: u32) -> Result<Vec<Entry>, ServiceError>;

    /// The gateway's memory of idempotency keys and nonces.
    fn requests(&self) -> Arc<dyn RequestMemory>;

    /// A watcher saw a deposit, or saw it again deeper. For the wiring, not for the API.
    ///
    /// # Errors
    /// `store.*`.
    async fn deposit_seen(&self, deposit: DepositSeen) -> Result<(), ServiceError>;

    /// A watcher saw a new block: transfers in flight on this network are looked at. For the wiring, not for the API.
    fn block_seen(&self, network: NetworkId);
}
