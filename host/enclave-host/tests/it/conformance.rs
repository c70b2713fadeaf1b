//! What every place for records must do, run over a folder and over a bucket.

use crate::moto::Moto;
use ringi_enclave_host::{Home, RecordError, RecordLog, StoredRecord};
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::wire::RecordKind;

pub fn change(sequence: u64) -> StoredRecord {
    StoredRecord { sequence, kind: RecordKind::Change, record: vec![sequence as u8; 100] }
}

pub fn snapshot(sequence: u64) -> StoredRecord {
    StoredRecord { kind: RecordKind::Snapshot, ..change(sequence) }
}

pub fn part(sequence: u64) -> StoredRecord {
    StoredRecord { kind: RecordKind::SnapshotPart, ..change(sequence) }
}

pub fn sequences(records: &[StoredRecord]) -> Vec<u64> {
    records.iter().map(|r| r.sequence).collect()
}

type Opened = Result<(Box<dyn RecordLog>, Vec<StoredRecord>), RecordError>;

/// Of cosigner 1.
pub fn open(home: &Home) -> Opened {
    home.open(PartyIndex::new(1).unwrap())
}

/// Runs a test on a thread that may block, with a runtime around it.
pub fn within_runtime(test: impl FnOnce() + Send + 'static) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async { tokio::task::spawn_blocking(test).await.unwrap() });
}

/// Each test over both places.
macro_rules! over_both {
    ($($name:ident => $test:ident;)*) => {
        mod folder {
            $(#[test]
            fn $name() {
                let folder = tempfile::tempdir().unwrap();
                super::$test(&ringi_enclave_host::Home::from(folder.path()));
            })*
        }

        mod bucket {
            $(#[test]
            fn $name() {
                super::within_runtime(|| {
                    let Some(moto) = super::Moto::start() else { return };
                    let folder = tempfile::tempdir().unwrap();
                    let bucket = Some(moto.bucket());
                    super::$test(&ringi_enclave_host::Home { folder: folder.path().into(), bucket });
                });
            })*
        }
    };
}

over_both! {
    what_was_appended_is_read_again => appended_is_read;
    a_snapshot_replaces_what_was_before_it_even_within_one_commit => a_snapshot_replaces;
    a_snapshot_of_several_records_replaces_what_was_before_all_of_them => a_long_snapshot_replaces;
    gaps_and_repeats_are_refused_and_change_nothing => gaps_are_refused;
    an_empty_store_begins_with_a_snapshot_of_any_number => begins_anywhere;
    a_second_instance_is_refused => second_is_refused;
    cosigners_do_not_see_each_other => cosigners_are_apart;
}

fn appended_is_read(home: &Home) {
    let (mut store, records) = open(home).unwrap();
    assert!(records.is_empty());
    store.append(&[change(1), change(2)]).unwrap();
    store.append(&[change(3)]).unwrap();
    assert_eq!(store.next_sequence(), 4);
    drop(store);
    let (mut store, records) = open(home).unwrap();
    assert_eq!(records, [change(1), change(2), change(3)]);
    store.append(&[change(4)]).unwrap();
    drop(store);
    assert_eq!(sequences(&open(home).unwrap().1), [1, 2, 3, 4]);
}

fn a_snapshot_replaces(home: &Home) {
    let (mut store, _) = open(home).unwrap();
    store.append(&[change(1), change(2)]).unwrap();
    store.append(&[change(3), snapshot(4), change(5)]).unwrap();
    store.append(&[change(6)]).unwrap();
    drop(store);
    let (mut store, records) = open(home).unwrap();
    assert_eq!(records, [snapshot(4), change(5), change(6)]);
    store.append(&[snapshot(7)]).unwrap();
    drop(store);
    assert_eq!(open(home).unwrap().1, [snapshot(7)]);
}

fn a_long_snapshot_replaces(home: &Home) {
    let (mut store, _) = open(home).unwrap();
    store.append(&[change(1), change(2)]).unwrap();
    store.append(&[change(3), part(4), part(5), snapshot(6), change(7)]).unwrap();
    drop(store);
    let (mut store, records) = open(home).unwrap();
    assert_eq!(records, [part(4), part(5), snapshot(6), change(7)]);
    for cut in [vec![part(8)], vec![change(8), part(9)], vec![part(8), change(9), snapshot(10)]] {
        assert_eq!(store.append(&cut).unwrap_err().code(), "records.cut");
    }
    store.append(&[change(8)]).unwrap();
    drop(store);
    assert_eq!(sequences(&open(home).unwrap().1), [4, 5, 6, 7, 8]);
}

fn gaps_are_refused(home: &Home) {
    let (mut store, _) = open(home).unwrap();
    store.append(&[change(1)]).unwrap();
    for bad in [vec![change(1)], vec![change(3)], vec![change(2), change(2)], vec![snapshot(9)]] {
        let error = store.append(&bad).unwrap_err();
        assert_eq!(error.code(), "records.sequence");
    }
    drop(store);
    assert_eq!(sequences(&open(home).unwrap().1), [1]);
}

/// A state that was handed over goes on behind its last record: only with a whole snapshot, and only in an empty store.
fn begins_anywhere(home: &Home) {
    let (mut store, _) = open(home).unwrap();
    assert!(store.append(&[change(41)]).is_err());
    assert!(store.append(&[part(41), snapshot(43)]).is_err());
    store.append(&[part(41), snapshot(42), change(43)]).unwrap();
    assert!(store.append(&[snapshot(50)]).is_err(), "it is not empty any more");
    store.append(&[change(44)]).unwrap();
    drop(store);
    assert_eq!(sequences(&open(home).unwrap().1), [41, 42, 43, 44]);
}

fn second_is_refused(home: &Home) {
    let first = open(home).unwrap();
    assert_eq!(open(home).err().unwrap().code(), "records.locked");
    drop(first);
    open(home).unwrap();
}

fn cosigners_are_apart(home: &Home) {
    let two = Home { folder: home.folder.join("2"), bucket: home.bucket.clone() };
    let (mut store, _) = open(home).unwrap();
    store.append(&[change(1)]).unwrap();
    assert!(two.open(PartyIndex::new(2).unwrap()).unwrap().1.is_empty());
}
