//! A second instance, a damaged file, a full disk: a clear error with a stable code, nothing lost.

use ringi_orchestrator::conformance::record;
use ringi_orchestrator::ports::{Commit, Store, StoreError, Write};
use ringi_store::{FolderLock, SqliteStore};
use std::io::{Seek, SeekFrom, Write as _};

fn insert(n: u8) -> Commit {
    Commit { writes: vec![Write::InsertTransfer(Box::new(record(n, None)))], ..Commit::default() }
}

#[tokio::test]
async fn a_second_instance_is_kept_out() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path()).await.unwrap();
    assert_eq!(SqliteStore::open(folder.path()).await.err(), Some(StoreError::Locked));
    assert_eq!(StoreError::Locked.code(), "store.locked");
    store.commit(insert(1)).await.unwrap();
    assert_eq!(FolderLock::take(folder.path()).err(), Some(StoreError::Locked));
}

#[tokio::test]
async fn what_is_no_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ringi.db"), vec![0x5a; 8192]).unwrap();
    let error = SqliteStore::open(folder.path()).await.err().unwrap();
    assert_eq!(error.code(), "store.corrupt", "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ringi.db");
    {
        let store = SqliteStore::open(folder.path()).await.unwrap();
        for n in 1..=60 {
            store.commit(insert(n)).await.unwrap();
        }
        store.close().await;
    }
    let length = std::fs::metadata(&path).unwrap().len();
    let mut file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.seek(SeekFrom::Start(length / 4)).unwrap();
    file.write_all(&vec![0xee; usize::try_from(length / 2).unwrap()]).unwrap();
    drop(file);
    let error = SqliteStore::open(folder.path()).await.err().unwrap();
    assert_eq!(error.code(), "store.corrupt", "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_the_commit_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path()).await.unwrap();
    store.commit(insert(1)).await.unwrap();
    store.limit_pages(Some(1)).await.unwrap();
    let mut big = record(2, None);
    big.header.body = vec![7; 1 << 20];
    let commit = Commit { writes: vec![Write::InsertTransfer(Box::new(big.clone()))], ..Commit::default() };
    assert_eq!(store.commit(commit.clone()).await, Err(StoreError::Full));
    assert_eq!(store.transfer(big.header.id).await.unwrap(), None);
    assert!(store.transfer(record(1, None).header.id).await.unwrap().is_some());
    store.limit_pages(None).await.unwrap();
    store.commit(commit).await.unwrap();
    assert_eq!(store.transfer(big.header.id).await.unwrap(), Some(big));
}
