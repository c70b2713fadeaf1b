//! The embedded store passes the suite that every store passes.

use ringi_orchestrator::conformance as suite;
use ringi_orchestrator::ports::{IdempotencyClaim, RequestMemory, StoredResponse};
use ringi_primitives::time::UnixMs;
use ringi_store::SqliteStore;

macro_rules! conforms {
    ($($name:ident),* $(,)?) => {$(
        #[tokio::test]
        async fn $name() {
            let folder = tempfile::tempdir().unwrap();
            suite::$name(&SqliteStore::open(folder.path()).await.unwrap()).await;
        }
    )*};
}

conforms!(
    commits_are_all_or_nothing,
    names_are_unique_for_ever,
    m1_the_newest_facts_are_kept,
    i3_slots_have_one_owner,
    approvals_and_spendings_are_kept,
    pages_cover_everything_once,
    roles_are_kept,
    drafts_are_kept,
    the_audit_log_chains,
);

#[tokio::test]
async fn idempotency_keys_answer_the_same_request_and_refuse_another() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path()).await.unwrap();
    let (now, later) = (UnixMs(1000), UnixMs(2000));
    let claim = async |key: &str, print: u8, at| store.claim("alice", key, &[print; 32], at, later).await.unwrap();
    assert_eq!(claim("k", 1, now).await, IdempotencyClaim::Fresh);
    assert_eq!(claim("k", 1, now).await, IdempotencyClaim::InProgress);
    assert_eq!(claim("k", 2, now).await, IdempotencyClaim::Mismatch);
    let response = StoredResponse { status: 201, body: b"{}".to_vec() };
    store.complete("alice", "k", &response).await.unwrap();
    assert_eq!(claim("k", 1, now).await, IdempotencyClaim::Done(response));
    assert_eq!(store.claim("bob", "k", &[2; 32], now, later).await.unwrap(), IdempotencyClaim::Fresh);
    store.forget("bob", "k").await.unwrap();
    assert_eq!(store.claim("bob", "k", &[3; 32], now, later).await.unwrap(), IdempotencyClaim::Fresh);
    assert_eq!(claim("k", 9, later).await, IdempotencyClaim::Fresh, "expired keys are forgotten");
    assert!(store.fresh_nonce("key", "n", now, later).await.unwrap());
    assert!(!store.fresh_nonce("key", "n", now, later).await.unwrap());
    assert!(store.fresh_nonce("other", "n", now, later).await.unwrap());
    assert!(store.fresh_nonce("key", "n", later, UnixMs(3000)).await.unwrap(), "its signature has expired");
}
