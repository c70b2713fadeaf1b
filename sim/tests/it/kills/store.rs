//! The database of the kill runs' orchestrator: real, and asked one thing at a time, so that the seed alone says in which order.

use super::office::Desk;
use async_trait::async_trait;
use ringi_ledger::Entry;
use ringi_orchestrator::ports::{
    Commit, Committed, DepositRecord, EventRecord, Page, Paged, ReceiptRecord, Snapshot, Store, StoreError,
    TransferFilter, TransferRecord, WalletRecord,
};
use ringi_primitives::approval::Approval;
use ringi_primitives::certificate::SignedCertificate;
use ringi_primitives::digest::Digest;
use ringi_primitives::id::{IntentId, WalletId};
use ringi_primitives::network::NetworkId;
use ringi_primitives::order::KeyId;
use ringi_primitives::signed::Signed;
use ringi_store::SqliteStore;
use std::sync::Arc;
use tokio::sync::{Mutex, MutexGuard};

/// The store of one life.
pub struct OneAtATime {
    store: Mutex<SqliteStore>,
    desk: Arc<Desk>,
}

/// A turn at the store; while there is one the world waits.
struct Turn<'a> {
    store: MutexGuard<'a, SqliteStore>,
    desk: &'a Desk,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.desk.chain.lock().unwrap().stored -= 1;
    }
}

impl OneAtATime {
    /// Over this store.
    pub fn new(store: SqliteStore, desk: Arc<Desk>) -> OneAtATime {
        OneAtATime { store: Mutex::new(store), desk }
    }

    async fn turn(&self) -> Turn<'_> {
        self.desk.alive().await;
        let store = self.store.lock().await;
        self.desk.chain.lock().unwrap().stored += 1;
        Turn { store, desk: &self.desk }
    }
}

#[async_trait]
impl Store for OneAtATime {
    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        self.turn().await.store.commit(commit).await
    }

    async fn load(&self) -> Result<Snapshot, StoreError> {
        self.turn().await.store.load().await
    }

    async fn transfer(&self, id: IntentId) -> Result<Option<TransferRecord>, StoreError> {
        self.turn().await.store.transfer(id).await
    }

    async fn transfers(&self, filter: &TransferFilter, page: &Page) -> Result<Paged<TransferRecord>, StoreError> {
        self.turn().await.store.transfers(filter, page).await
    }

    async fn approvals(&self, intent: IntentId) -> Result<Vec<(Digest, Approval)>, StoreError> {
        self.turn().await.store.approvals(intent).await
    }

    async fn receipt(&self, intent: IntentId) -> Result<Option<ReceiptRecord>, StoreError> {
        self.turn().await.store.receipt(intent).await
    }

    async fn policy(&self, digest: Digest) -> Result<Option<Signed>, StoreError> {
        self.turn().await.store.policy(digest).await
    }

    async fn wallet(&self, id: WalletId) -> Result<Option<WalletRecord>, StoreError> {
        self.turn().await.store.wallet(id).await
    }

    async fn wallets(&self, page: &Page) -> Result<Paged<WalletRecord>, StoreError> {
        self.turn().await.store.wallets(page).await
    }

    async fn deposits(&self, wallet: Option<WalletId>, page: &Page) -> Result<Paged<DepositRecord>, StoreError> {
        self.turn().await.store.deposits(wallet, page).await
    }

    async fn deposit(
        &self,
        network: NetworkId,
        transaction: &str,
        place: u64,
    ) -> Result<Option<DepositRecord>, StoreError> {
        self.turn().await.store.deposit(network, transaction, place).await
    }

    async fn events_after(&self, sequence: u64, limit: u32) -> Result<Vec<EventRecord>, StoreError> {
        self.turn().await.store.events_after(sequence, limit).await
    }

    async fn audit_after(&self, sequence: u64, limit: u32) -> Result<Vec<Entry>, StoreError> {
        self.turn().await.store.audit_after(sequence, limit).await
    }

    async fn certificate(&self, key: KeyId) -> Result<Option<SignedCertificate>, StoreError> {
        self.turn().await.store.certificate(key).await
    }
}
