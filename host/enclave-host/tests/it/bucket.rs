//! Records in a bucket: two instances, lost answers, a bucket that is away, objects that were touched, and what is said of it.

use crate::conformance::{change, open, sequences, snapshot, within_runtime};
use crate::moto::{Moto, Way};
use crate::scripted::scripted;
use ringi_enclave_host::{Backoff, EnclaveHandle, Event, Fault, Home, RecordError, RecordLog, StartError, supervise};
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::wire::ToCosigner;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(60);

fn home(moto: &Moto, folder: &Path) -> Home {
    Home { folder: folder.to_owned(), bucket: Some(moto.bucket()) }
}

fn name(first: u64) -> String {
    format!("{first:020}.blocks")
}

/// A store and a home with the records 1 to 5 in three objects.
fn five_records() -> Option<(Moto, tempfile::TempDir)> {
    let moto = Moto::start()?;
    let folder = tempfile::tempdir().unwrap();
    let (mut store, _) = open(&home(&moto, folder.path())).unwrap();
    for commit in [&[change(1), change(2)][..], &[change(3)], &[change(4), change(5)]] {
        store.append(commit).unwrap();
    }
    assert_eq!(moto.objects(), [name(1), name(3), name(4)]);
    Some((moto, folder))
}

#[test]
fn a_snapshot_is_put_before_older_objects_are_deleted() {
    within_runtime(|| {
        let Some((moto, folder)) = five_records() else { return };
        let left = moto.object(&format!("records/{}", name(3)));
        let (mut store, _) = open(&home(&moto, folder.path())).unwrap();
        store.append(&[snapshot(6)]).unwrap();
        assert_eq!(moto.objects(), [name(6)]);
        drop(store);
        // As if it had ended between the put and the last delete.
        moto.put(&format!("records/{}", name(3)), &left);
        let (mut store, records) = open(&home(&moto, folder.path())).unwrap();
        assert_eq!(records, [snapshot(6)]);
        store.append(&[change(7)]).unwrap();
        store.append(&[snapshot(8)]).unwrap();
        assert_eq!(moto.objects(), [name(8)]);
    });
}

#[test]
fn another_home_is_refused_until_the_records_are_given_free() {
    within_runtime(|| {
        let Some((moto, folder)) = five_records() else { return };
        let other = tempfile::tempdir().unwrap();
        let error = open(&home(&moto, other.path())).err().unwrap();
        assert_eq!((error.code(), error.fault()), ("records.locked", Fault::Caller));
        moto.delete("instance");
        let (_store, records) = open(&home(&moto, other.path())).unwrap();
        assert_eq!(sequences(&records), [1, 2, 3, 4, 5]);
        // The first home has lost them.
        assert_eq!(open(&home(&moto, folder.path())).err().unwrap().code(), "records.locked");
    });
}

/// Two that hold the same claim: a copied folder.
#[test]
fn of_two_instances_one_appends_and_the_other_is_refused() {
    within_runtime(|| {
        let Some((moto, folder)) = five_records() else { return };
        let copy = tempfile::tempdir().unwrap();
        std::fs::copy(folder.path().join("records.instance"), copy.path().join("records.instance")).unwrap();
        let (mut one, _) = open(&home(&moto, folder.path())).unwrap();
        let (mut two, _) = open(&home(&moto, copy.path())).unwrap();
        two.append(&[change(6)]).unwrap();
        let refused = |store: &mut Box<dyn RecordLog>, what: &str| {
            // The very same record: it still is not its own.
            let error = store.append(&[change(6)]).expect_err(what);
            assert_eq!((error.code(), error.fault()), ("records.locked", Fault::Caller), "{what}");
        };
        refused(&mut one, "a record that the other put");
        two.append(&[snapshot(7)]).unwrap();
        assert_eq!(moto.objects(), [name(7)]);
        refused(&mut one, "the name is free again");
        // It is not part of anything.
        drop((one, two));
        assert_eq!(open(&home(&moto, copy.path())).unwrap().1, [snapshot(7)]);
    });
}

#[test]
fn a_lost_answer_is_no_second_instance() {
    within_runtime(|| {
        let Some((moto, folder)) = five_records() else { return };
        let (mut store, _) = open(&home(&moto, folder.path())).unwrap();
        moto.set(Way::LosesOneAnswer);
        assert_eq!(store.append(&[change(6)]).unwrap_err().code(), "records.bucket");
        assert_eq!(moto.objects().last(), Some(&name(6)), "the put itself came through");
        // As the host does: the same again.
        store.append(&[change(6)]).unwrap();
        store.append(&[change(7)]).unwrap();
        drop(store);
        assert_eq!(sequences(&open(&home(&moto, folder.path())).unwrap().1), [1, 2, 3, 4, 5, 6, 7]);
    });
}

#[test]
fn a_torn_altered_missing_or_misplaced_object_is_refused_and_left_alone() {
    within_runtime(|| {
        let Some((moto, folder)) = five_records() else { return };
        let middle = format!("records/{}", name(3));
        let whole = moto.object(&middle);
        let refused = |what: &str| {
            let error = open(&home(&moto, folder.path())).err().unwrap_or_else(|| panic!("{what} was taken"));
            assert_eq!((error.code(), error.fault()), ("records.corrupt", Fault::Storage), "{what}");
            assert!(matches!(error, RecordError::Object { .. }), "{what}: {error:?}");
        };
        for cut in [0, 11, 12, 27, 40, whole.len() - 1] {
            moto.put(&middle, &whole[..cut]);
            refused(&format!("an object cut at {cut}"));
        }
        for at in [0, 30, 36, 45, whole.len() - 1] {
            let mut altered = whole.clone();
            altered[at] ^= 1;
            moto.put(&middle, &altered);
            refused(&format!("an object altered at {at}"));
        }
        moto.put(&middle, &[&whole[..], &[0]].concat());
        refused("an object with more behind it");
        moto.put(&middle, &moto.object(&format!("records/{}", name(4))));
        refused("another object in its place");
        // In order still, under a name that says something else.
        let (last, other) = (format!("records/{}", name(4)), format!("records/{}", name(5)));
        moto.put(&middle, &whole);
        moto.put(&other, &moto.object(&last));
        moto.delete(&last);
        refused("an object under another name");
        moto.put(&last, &moto.object(&other));
        moto.delete(&other);
        moto.delete(&middle);
        refused("a gap");
        moto.put(&middle, &whole);
        moto.delete(&format!("records/{}", name(1)));
        refused("a start that is missing");
        assert_eq!(moto.objects(), [name(3), name(4)], "something was written");
    });
}

#[test]
fn a_version_that_is_not_known_is_said() {
    within_runtime(|| {
        let Some((moto, folder)) = five_records() else { return };
        let mut later = moto.object(&format!("records/{}", name(4)));
        later[11] = 9;
        moto.put(&format!("records/{}", name(4)), &later);
        let error = open(&home(&moto, folder.path())).err().unwrap();
        assert!(matches!(error, RecordError::Version { found: 9 }), "{error}");
    });
}

#[test]
fn a_bucket_that_is_not_there_or_may_not_be_used_is_said_without_credentials() {
    within_runtime(|| {
        let Some((moto, folder)) = five_records() else { return };
        let told = |bucket, code, fault| {
            let error = open(&Home { folder: folder.path().into(), bucket: Some(bucket) }).err().unwrap();
            assert_eq!((error.code(), error.fault()), (code, fault), "{error}");
            let words = format!("{error} {error:?}");
            assert!(!words.contains("AKIATEST") && !words.contains("secret-of-the-test"), "{words}");
        };
        let mut bucket = moto.bucket();
        assert!(!format!("{bucket:?}").contains("AKIATEST") && !format!("{bucket:?}").contains("secret-of"));
        bucket.name = "no-such-bucket".into();
        told(bucket, "records.bucket_refused", Fault::Caller);
        moto.set(Way::Forbidden);
        told(moto.bucket(), "records.bucket_refused", Fault::Caller);
        moto.set(Way::Closed);
        told(moto.bucket(), "records.bucket", Fault::Host);
        let mut bucket = moto.bucket();
        bucket.root = Some(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_vec());
        told(bucket, "records.bucket_refused", Fault::Caller);
    });
}

/// A cosigner hears of no record that is not in the bucket, and goes on when the bucket is back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_bucket_a_cosigner_waits_and_then_goes_on() {
    let Some(moto) = Moto::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (enclave, mut seats) = scripted();
    let me = PartyIndex::new(1).unwrap();
    let (handle, mut events) = EnclaveHandle::start(&enclave, me, home(&moto, folder.path())).await.unwrap();
    let mut seat = seats.recv().await.unwrap();
    assert!(seat.start().await.is_empty());
    seat.stores(1, b"one").await;
    assert_eq!(seat.hears().await, ToCosigner::Stored { sequence: 1 });
    moto.set(Way::Closed);
    seat.stores(2, b"two").await;
    let Ok(Some(Event::Trouble { code, .. })) = timeout(PATIENCE, events.recv()).await else { panic!("no trouble") };
    assert_eq!(code, "records.bucket");
    assert!(timeout(Duration::from_millis(300), seat.hears()).await.is_err(), "acknowledged what is nowhere");
    moto.set(Way::Open);
    assert_eq!(timeout(PATIENCE, seat.hears()).await.unwrap(), ToCosigner::Stored { sequence: 2 });
    handle.stop().await;
    let (_handle, _events) = EnclaveHandle::start(&enclave, me, home(&moto, folder.path())).await.unwrap();
    assert_eq!(seats.recv().await.unwrap().start().await, [b"one".to_vec(), b"two".to_vec()]);
}

/// One that ended while the bucket is away is started when it is back; one whose records another home took is not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_waits_for_the_bucket_and_gives_way_to_another_home() {
    let Some(moto) = Moto::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (enclave, mut seats) = scripted();
    let me = PartyIndex::new(1).unwrap();
    let backoff = Backoff { first_ms: 20, most_ms: 200, healthy_ms: 60_000 };
    let home = home(&moto, folder.path());
    let (_supervised, mut events) = supervise(Arc::new(enclave), me, home, backoff).await.unwrap();
    let mut seat = seats.recv().await.unwrap();
    seat.start().await;
    seat.stores(1, b"one").await;
    assert_eq!(seat.hears().await, ToCosigner::Stored { sequence: 1 });
    moto.set(Way::Closed);
    seat.exits(1);
    let trouble = async |events: &mut ringi_enclave_host::Events| loop {
        match timeout(PATIENCE, events.recv()).await.unwrap() {
            Some(Event::Trouble { code, .. }) => return Some(code),
            Some(_) => {}
            None => return None,
        }
    };
    assert_eq!(trouble(&mut events).await, Some("records.bucket"));
    moto.set(Way::Open);
    let mut seat = timeout(PATIENCE, seats.recv()).await.unwrap().unwrap();
    assert_eq!(seat.start().await, [b"one".to_vec()]);
    moto.put("instance", b"another home");
    seat.exits(1);
    assert_eq!(trouble(&mut events).await, Some("records.locked"));
    assert_eq!(trouble(&mut events).await, None, "it was started again");
}

#[test]
fn errors_of_a_start_keep_their_codes() {
    let error = StartError::from(RecordError::Bucket("away".into()));
    assert_eq!((error.code(), error.fault()), ("records.bucket", Fault::Host));
}
