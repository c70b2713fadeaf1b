//! Records on disk: what was acknowledged is there, what is damaged is said, what is torn is dropped.

use ringi_enclave_host::{RecordError, RecordStore, StoredRecord};
use ringi_primitives::wire::RecordKind;
use std::fs;

fn change(sequence: u64) -> StoredRecord {
    StoredRecord { sequence, kind: RecordKind::Change, record: vec![sequence as u8; 100] }
}

fn snapshot(sequence: u64) -> StoredRecord {
    StoredRecord { kind: RecordKind::Snapshot, ..change(sequence) }
}

fn part(sequence: u64) -> StoredRecord {
    StoredRecord { kind: RecordKind::SnapshotPart, ..change(sequence) }
}

fn sequences(records: &[StoredRecord]) -> Vec<u64> {
    records.iter().map(|r| r.sequence).collect()
}

#[test]
fn what_was_appended_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, records) = RecordStore::open(folder.path()).unwrap();
    assert!(records.is_empty());
    store.append(&[change(1), change(2)]).unwrap();
    store.append(&[change(3)]).unwrap();
    assert_eq!(store.next_sequence(), 4);
    drop(store);
    let (mut store, records) = RecordStore::open(folder.path()).unwrap();
    assert_eq!(records, [change(1), change(2), change(3)]);
    store.append(&[change(4)]).unwrap();
    drop(store);
    assert_eq!(sequences(&RecordStore::open(folder.path()).unwrap().1), [1, 2, 3, 4]);
}

#[test]
fn a_snapshot_replaces_what_was_before_it_even_within_one_commit() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, _) = RecordStore::open(folder.path()).unwrap();
    store.append(&[change(1), change(2)]).unwrap();
    store.append(&[change(3), snapshot(4), change(5)]).unwrap();
    store.append(&[change(6)]).unwrap();
    drop(store);
    let (_, records) = RecordStore::open(folder.path()).unwrap();
    assert_eq!(records, [snapshot(4), change(5), change(6)]);
    assert!(!folder.path().join("records.new").exists());
}

#[test]
fn a_snapshot_of_several_records_replaces_what_was_before_all_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, _) = RecordStore::open(folder.path()).unwrap();
    store.append(&[change(1), change(2)]).unwrap();
    store.append(&[change(3), part(4), part(5), snapshot(6), change(7)]).unwrap();
    drop(store);
    let (mut store, records) = RecordStore::open(folder.path()).unwrap();
    assert_eq!(records, [part(4), part(5), snapshot(6), change(7)]);
    for cut in [vec![part(8)], vec![change(8), part(9)], vec![part(8), change(9), snapshot(10)]] {
        assert_eq!(store.append(&cut).unwrap_err().code(), "records.cut");
    }
    store.append(&[change(8)]).unwrap();
    drop(store);
    assert_eq!(sequences(&RecordStore::open(folder.path()).unwrap().1), [4, 5, 6, 7, 8]);
}

#[test]
fn gaps_and_repeats_are_refused_and_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, _) = RecordStore::open(folder.path()).unwrap();
    store.append(&[change(1)]).unwrap();
    for bad in [vec![change(1)], vec![change(3)], vec![change(2), change(2)], vec![snapshot(9)]] {
        let error = store.append(&bad).unwrap_err();
        assert_eq!(error.code(), "records.sequence");
    }
    drop(store);
    assert_eq!(sequences(&RecordStore::open(folder.path()).unwrap().1), [1]);
}

/// A state that was handed over goes on behind its last record: only with a whole snapshot, and only in an empty store.
#[test]
fn an_empty_store_begins_with_a_snapshot_of_any_number() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, _) = RecordStore::open(folder.path()).unwrap();
    assert!(store.append(&[change(41)]).is_err());
    assert!(store.append(&[part(41), snapshot(43)]).is_err());
    store.append(&[part(41), snapshot(42), change(43)]).unwrap();
    assert!(store.append(&[snapshot(50)]).is_err(), "it is not empty any more");
    store.append(&[change(44)]).unwrap();
    drop(store);
    let (_, records) = RecordStore::open(folder.path()).unwrap();
    assert_eq!(sequences(&records), [41, 42, 43, 44]);
}

#[test]
fn a_torn_last_commit_is_dropped_and_writing_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("records");
    let (mut store, _) = RecordStore::open(folder.path()).unwrap();
    store.append(&[change(1)]).unwrap();
    store.append(&[change(2)]).unwrap();
    drop(store);
    let bytes = fs::read(&file).unwrap();
    fs::write(&file, &bytes[..bytes.len() - 1]).unwrap();
    let (mut store, records) = RecordStore::open(folder.path()).unwrap();
    assert_eq!(sequences(&records), [1]);
    store.append(&[change(2)]).unwrap();
    drop(store);
    assert_eq!(sequences(&RecordStore::open(folder.path()).unwrap().1), [1, 2]);
}

#[test]
fn a_damaged_middle_is_an_error_and_the_file_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("records");
    let (mut store, _) = RecordStore::open(folder.path()).unwrap();
    store.append(&[change(1)]).unwrap();
    store.append(&[change(2)]).unwrap();
    drop(store);
    let mut bytes = fs::read(&file).unwrap();
    bytes[60] ^= 1;
    fs::write(&file, &bytes).unwrap();
    let error = RecordStore::open(folder.path()).err().unwrap();
    assert_eq!(error.code(), "records.corrupt");
    assert_eq!(fs::read(&file).unwrap(), bytes);
    fs::write(&file, b"something else").unwrap();
    assert_eq!(RecordStore::open(folder.path()).err().unwrap().code(), "records.corrupt");
    fs::write(&file, [&b"RINGIREC"[..], &9u32.to_be_bytes()].concat()).unwrap();
    assert!(matches!(RecordStore::open(folder.path()), Err(RecordError::Version { found: 9 })));
}

#[test]
fn a_second_instance_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let first = RecordStore::open(folder.path()).unwrap();
    assert_eq!(RecordStore::open(folder.path()).err().unwrap().code(), "records.locked");
    drop(first);
    RecordStore::open(folder.path()).unwrap();
}
