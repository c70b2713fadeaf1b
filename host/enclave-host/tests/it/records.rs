//! Records in a folder, beside what every place does (conformance.rs): what is damaged is said, what is torn is dropped.

use crate::conformance::{change, sequences, snapshot};
use ringi_enclave_host::{RecordError, RecordStore};
use std::fs;

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
fn a_snapshot_leaves_no_file_behind() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, _) = RecordStore::open(folder.path()).unwrap();
    store.append(&[change(1), snapshot(2)]).unwrap();
    assert!(!folder.path().join("records.new").exists());
}
