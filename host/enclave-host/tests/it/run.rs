//! One run: the first frame, storing, events in order, broken frames, a full disk, an end.

use crate::scripted::{Seat, scripted};
use ringi_enclave_host::{EnclaveHandle, Ending, Event, Events, Records};
use ringi_primitives::limits;
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::wire::{FromCosigner, RecordKind, ToCosigner};
use std::fs;
use std::path::Path;
use std::time::Duration;
use tokio::io::AsyncWriteExt;

async fn start(folder: &Path) -> (EnclaveHandle, Events, Seat) {
    let (enclave, mut seats) = scripted();
    let me = PartyIndex::new(2).unwrap();
    let (handle, events) = EnclaveHandle::start(&enclave, me, folder).await.unwrap();
    (handle, events, seats.recv().await.unwrap())
}

fn note(code: &str) -> FromCosigner {
    FromCosigner::Event { code: code.to_owned(), peer: None, intent: None }
}

async fn next(events: &mut Events) -> Event {
    tokio::time::timeout(Duration::from_secs(5), events.recv()).await.unwrap().unwrap()
}

async fn ending(events: &mut Events) -> Ending {
    loop {
        if let Event::Ended(ending) = next(events).await {
            return ending;
        }
    }
}

#[tokio::test]
async fn records_are_durable_before_they_are_acknowledged_and_come_back_in_the_first_frame() {
    let folder = tempfile::tempdir().unwrap();
    let (handle, _events, mut seat) = start(folder.path()).await;
    assert_eq!(seat.records, Records::None);
    assert!(seat.start().await.is_empty());
    for sequence in 1..=50 {
        seat.stores(sequence, &[sequence as u8; 8]).await;
    }
    let mut acknowledged = 0;
    while acknowledged < 50 {
        let ToCosigner::Stored { sequence } = seat.hears().await else { panic!("not an acknowledgement") };
        assert!(sequence > acknowledged);
        acknowledged = sequence;
        let file = fs::read(folder.path().join("records")).unwrap();
        assert!(file.windows(8).any(|w| w == [sequence as u8; 8]), "acknowledged before it was written");
    }
    handle.stop().await;
    let (_handle, _events, mut seat) = start(folder.path()).await;
    assert_eq!(seat.records, Records::Some);
    let expected: Vec<_> = (1..=50).map(|n| vec![n; 8]).collect();
    assert_eq!(seat.start().await, expected);
}

#[tokio::test]
async fn frames_and_events_keep_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let (handle, mut events, mut seat) = start(folder.path()).await;
    seat.start().await;
    let peer = PartyIndex::new(1).unwrap();
    for n in 0..100u8 {
        handle.send(ToCosigner::Peer { from: peer, frame: vec![n].into() }).await.unwrap();
        seat.says(note(&n.to_string())).await;
    }
    for n in 0..100u8 {
        assert_eq!(seat.hears().await, ToCosigner::Peer { from: peer, frame: vec![n].into() });
        let Event::Said(said) = next(&mut events).await else { panic!("not a frame") };
        assert_eq!(said, note(&n.to_string()));
    }
}

#[tokio::test]
async fn a_frame_that_is_no_frame_ends_the_run() {
    for bad in [vec![0, 0, 0, 2, 0xff, 0xff], (limits::FRAME_BYTES as u32 + 1).to_be_bytes().to_vec()] {
        let folder = tempfile::tempdir().unwrap();
        let (handle, mut events, mut seat) = start(folder.path()).await;
        seat.start().await;
        seat.stream.write_all(&bad).await.unwrap();
        seat.is_killed().await;
        assert_eq!(ending(&mut events).await.code(), "enclave.bad_frame");
        assert!(handle.send(ToCosigner::Status).await.is_err());
    }
}

#[tokio::test]
async fn a_cosigner_that_can_say_nothing_any_more_is_ended() {
    for last in [&[][..], &[0, 0, 0, 9, 1]] {
        let folder = tempfile::tempdir().unwrap();
        let (_handle, mut events, mut seat) = start(folder.path()).await;
        seat.start().await;
        seat.stream.write_all(last).await.unwrap();
        seat.stream.shutdown().await.unwrap();
        seat.is_killed().await;
        assert_eq!(ending(&mut events).await.code(), "enclave.mute");
    }
}

#[tokio::test]
async fn a_gap_in_the_records_ends_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let (_handle, mut events, mut seat) = start(folder.path()).await;
    seat.start().await;
    seat.stores(2, b"second").await;
    seat.is_killed().await;
    assert_eq!(ending(&mut events).await.code(), "records.sequence");
}

#[tokio::test]
async fn an_exit_is_seen_after_the_last_frames() {
    let folder = tempfile::tempdir().unwrap();
    let (handle, mut events, mut seat) = start(folder.path()).await;
    seat.start().await;
    seat.says(note("last")).await;
    seat.exits(3);
    assert!(matches!(next(&mut events).await, Event::Said(said) if said == note("last")));
    let exited = Ending::Exited { status: Some(3), last_words: "last words".into() };
    assert_eq!(ending(&mut events).await, exited);
    assert_eq!(handle.ended().await, exited);
}

#[tokio::test]
async fn dropping_the_handle_kills() {
    let folder = tempfile::tempdir().unwrap();
    let (handle, mut events, mut seat) = start(folder.path()).await;
    seat.start().await;
    drop(handle);
    seat.is_killed().await;
    assert_eq!(ending(&mut events).await, Ending::Stopped);
}

#[tokio::test]
async fn without_space_nothing_is_acknowledged_and_with_space_again_nothing_was_lost() {
    let folder = tempfile::tempdir().unwrap();
    let (_handle, mut events, mut seat) = start(folder.path()).await;
    seat.start().await;
    // A snapshot needs a new file: a folder in its place makes the disk refuse it.
    let blocked = folder.path().join("records.new");
    fs::create_dir(&blocked).unwrap();
    let kind = RecordKind::Snapshot;
    seat.says(FromCosigner::Store { sequence: 1, kind, record: b"whole".to_vec().into() }).await;
    let Event::Trouble { code, .. } = next(&mut events).await else { panic!("no trouble") };
    assert_eq!(code, "records.disk");
    let silence = tokio::time::timeout(Duration::from_millis(300), seat.hears()).await;
    assert!(silence.is_err(), "acknowledged what is not on disk");
    fs::remove_dir(&blocked).unwrap();
    assert_eq!(seat.hears().await, ToCosigner::Stored { sequence: 1 });
}

#[tokio::test]
async fn a_full_disk_is_called_so() {
    let folder = tempfile::tempdir().unwrap();
    let (_handle, mut events, mut seat) = start(folder.path()).await;
    seat.start().await;
    std::os::unix::fs::symlink("/dev/full", folder.path().join("records.new")).unwrap();
    let kind = RecordKind::Snapshot;
    seat.says(FromCosigner::Store { sequence: 1, kind, record: b"whole".to_vec().into() }).await;
    let Event::Trouble { code, .. } = next(&mut events).await else { panic!("no trouble") };
    assert_eq!(code, "records.disk_full");
    // The failed file is removed before the next try, here the link with it.
    assert_eq!(seat.hears().await, ToCosigner::Stored { sequence: 1 });
}

/// A snapshot in several records is durable with its last one, or not at all.
#[tokio::test]
async fn the_records_of_a_snapshot_become_durable_together() {
    let folder = tempfile::tempdir().unwrap();
    let (handle, mut events, mut seat) = start(folder.path()).await;
    seat.start().await;
    let part = |sequence, kind| FromCosigner::Store { sequence, kind, record: vec![7; 3_000_000].into() };
    seat.stores(1, b"a change").await;
    assert_eq!(seat.hears().await, ToCosigner::Stored { sequence: 1 });
    for sequence in 2..6 {
        seat.says(part(sequence, RecordKind::SnapshotPart)).await;
    }
    let silence = tokio::time::timeout(Duration::from_millis(300), seat.hears()).await;
    assert!(silence.is_err(), "acknowledged a snapshot that is not whole");
    seat.says(part(6, RecordKind::Snapshot)).await;
    assert_eq!(seat.hears().await, ToCosigner::Stored { sequence: 6 });
    seat.says(part(7, RecordKind::SnapshotPart)).await;
    seat.says(note("last")).await;
    assert!(matches!(next(&mut events).await, Event::Said(said) if said == note("last")));
    seat.exits(1);
    ending(&mut events).await;
    drop(handle);
    let (_handle, _events, mut seat) = start(folder.path()).await;
    // More than one frame carries, and without the snapshot that was cut off.
    assert_eq!(seat.start().await.len(), 5);
}
