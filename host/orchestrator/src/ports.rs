//! What the orchestrator needs from outside, as traits: store, cosigners, chain, clock, crash points.
//!
//! All of it is handed in ([`Ports`]); nothing in this crate opens a file or a socket or reads a clock. `store` implements
//! [`Store`] and [`RequestMemory`]; `ringi` wires the others; `sim` brings fakes.

mod chain;
mod cosigners;
mod role;
mod store;

pub use chain::{
    ChainPort, ChainPortError, DepositSeen, OwnAddress, PrepareAsk, SlotChoice, TxOutcome, TxStatus, Watch,
};
pub use cosigners::{
    Acknowledgement, CosignerHealth, Cosigners, Document, DocumentAnswer, Introduction, SignAttempt, SignEvent,
};
pub use role::{Role, RoleRecord};
pub use store::{
    BrakeRecord, Commit, Committed, DepositRecord, DraftRecord, EventDraft, EventRecord, IdempotencyClaim, Page, Paged,
    ReceiptRecord, RequestMemory, Snapshot, Store, StoreError, StoredResponse, TransferFilter, TransferRecord,
    UniqueRule, WalletRecord, Write,
};

use ringi_primitives::time::UnixMs;
use std::sync::Arc;

/// The host's clock. Proves nothing; cosigners use their own (rule T1).
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> UnixMs;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> UnixMs {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        UnixMs(since.map(|d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX)).unwrap_or(0))
    }
}

/// Places where a process may die and must be able to go on. `sim` kills it at each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CrashPoint {
    /// The intent is checked and decided, not stored.
    BeforeSubmitStored,
    /// The transfer is stored; the caller may not know it yet.
    AfterSubmitStored,
    /// An approval is stored.
    AfterApprovalStored,
    /// A nonce or coins are chosen in memory only.
    AfterSlotChosen,
    /// Unsigned bytes exist in memory only.
    BeforePreparedStored,
    /// Slot reservation and unsigned bytes are stored, in one commit.
    AfterPreparedStored,
    /// Just before an attempt goes to the cosigners.
    BeforeSign,
    /// All signers have recorded the reservation.
    AfterReserved,
    /// Signatures are here and verified, not stored.
    BeforeSignedStored,
    /// Signed bytes and receipt are stored.
    AfterSignedStored,
    /// The node took the bytes; that it did is not stored.
    AfterBroadcast,
    /// That the node took the bytes is stored.
    AfterBroadcastStored,
    /// The first inclusion in a block is stored.
    AfterIncludedStored,
    /// The end of the transfer is stored.
    AfterEndStored,
}

impl CrashPoint {
    /// Every crash point, in the order a transfer passes them.
    pub const ALL: [CrashPoint; 14] = [
        CrashPoint::BeforeSubmitStored,
        CrashPoint::AfterSubmitStored,
        CrashPoint::AfterApprovalStored,
        CrashPoint::AfterSlotChosen,
        CrashPoint::BeforePreparedStored,
        CrashPoint::AfterPreparedStored,
        CrashPoint::BeforeSign,
        CrashPoint::AfterReserved,
        CrashPoint::BeforeSignedStored,
        CrashPoint::AfterSignedStored,
        CrashPoint::AfterBroadcast,
        CrashPoint::AfterBroadcastStored,
        CrashPoint::AfterIncludedStored,
        CrashPoint::AfterEndStored,
    ];

    /// The stable name, as the environment of a kill test spells it.
    pub fn name(self) -> &'static str {
        match self {
            CrashPoint::BeforeSubmitStored => "before_submit_stored",
            CrashPoint::AfterSubmitStored => "after_submit_stored",
            CrashPoint::AfterApprovalStored => "after_approval_stored",
            CrashPoint::AfterSlotChosen => "after_slot_chosen",
            CrashPoint::BeforePreparedStored => "before_prepared_stored",
            CrashPoint::AfterPreparedStored => "after_prepared_stored",
            CrashPoint::BeforeSign => "before_sign",
            CrashPoint::AfterReserved => "after_reserved",
            CrashPoint::BeforeSignedStored => "before_signed_stored",
            CrashPoint::AfterSignedStored => "after_signed_stored",
            CrashPoint::AfterBroadcast => "after_broadcast",
            CrashPoint::AfterBroadcastStored => "after_broadcast_stored",
            CrashPoint::AfterIncludedStored => "after_included_stored",
            CrashPoint::AfterEndStored => "after_end_stored",
        }
    }
}

/// Told whenever a crash point is passed.
pub trait CrashPoints: Send + Sync {
    /// Must return at once, or never.
    fn reached(&self, point: CrashPoint);
}

/// Does nothing: for everybody but `sim`.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoCrash;

impl CrashPoints for NoCrash {
    fn reached(&self, _: CrashPoint) {}
}

/// Unpredictable bytes for attempt tags and wallet ids.
pub trait Random: Send + Sync {
    /// Sixteen of them.
    fn bytes16(&self) -> [u8; 16];
}

/// The operating system's, through UUIDs.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn bytes16(&self) -> [u8; 16] {
        uuid::Uuid::new_v4().into_bytes()
    }
}

/// Everything that is handed in.
#[derive(Clone)]
pub struct Ports {
    /// Durable memory.
    pub store: Arc<dyn Store>,
    /// The signers.
    pub cosigners: Arc<dyn Cosigners>,
    /// The chains.
    pub chain: Arc<dyn ChainPort>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// Kill switch of tests.
    pub crash: Arc<dyn CrashPoints>,
}
