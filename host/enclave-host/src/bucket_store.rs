//! A cosigner's sealed records in a bucket: one object for each commit, put only where none is.
//!
//! `PREFIX/cosigner-N/records/FIRST.blocks` holds the records of one commit from the sequence `FIRST` on, twenty digits, so
//! that the names' order is the records'. A commit is durable when its put is acknowledged. A snapshot's object is put before
//! older ones are deleted; whatever of those is left is deleted later.
//!
//! A home that was set apart has `PREFIX/cosigner-N.PLACE/` instead, where PLACE is of its own (rule E1: a cosigner that moves
//! to another image has two homes for a while).
//!
//! `PREFIX/cosigner-N/instance` names the home whose records these are, and its last opening. Another home is refused
//! (`records.locked`) until somebody deletes that object. Two copies of one home are told apart so: an opening writes its name
//! there before it lists the objects, and reads it again after each put, before it acknowledges. So either the older opening
//! sees the newer one's name, and ends, or the newer one lists what the older one put. Puts are conditional besides: no object
//! is ever replaced.

use crate::presentation::random;
use crate::record_format::{self, StoredRecord, Writer};
use crate::record_store::{lock, newest_snapshot, replace, sequence_after};
use crate::{Bucket, RecordError, RecordLog};
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::aws::AmazonS3;
use object_store::path::Path as Name;
use object_store::{ObjectMeta, ObjectStore as _, ObjectStoreExt as _, PutMode, PutPayload};
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::wire::RecordKind;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use tokio::runtime::Handle;

/// The home's name, in its folder.
const INSTANCE: &str = "records.instance";
/// The name of its place in the bucket, in its folder, where that is not the cosigner's first.
const PLACE: &str = "records.place";
/// Objects that are read at the same time.
const READS: usize = 8;
/// A longer object is none of ours: a snapshot in one commit, and what came with it.
const OBJECT_BYTES: u64 = (1 << 30) + (64 << 20);

/// The open records of one cosigner. Holds the folder's lock while it lives.
pub(crate) struct BucketStore {
    objects: Objects,
    writer: Writer,
    claim: String,
    next_sequence: u64,
    /// Where the present objects begin, and where those that a snapshot has replaced.
    live: Vec<u64>,
    stale: Vec<u64>,
    runtime: Handle,
    _lock: File,
}

impl BucketStore {
    /// Opens the records, makes this home theirs where they are nobody's, and reads them, oldest first.
    pub(crate) fn open(
        bucket: &Bucket,
        me: PartyIndex,
        folder: &Path,
    ) -> Result<(BucketStore, Vec<StoredRecord>), RecordError> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(RecordError::of_io)?;
        let lock = lock(folder)?;
        let instance = instance(folder)?;
        let runtime = Handle::try_current().map_err(|e| RecordError::Disk(io::Error::other(e)))?;
        let objects = Objects::new(bucket, &place(me, folder)?)?;
        let writer = random_bytes()?;
        let claim = format!("{instance} {}", hex::encode(writer));
        let (live, stale, records) = runtime.block_on(async {
            objects.claim(&instance, &claim).await?;
            objects.read().await
        })?;
        let next_sequence = records.last().map_or(1, |r| r.sequence.saturating_add(1));
        Ok((BucketStore { objects, writer, claim, next_sequence, live, stale, runtime, _lock: lock }, records))
    }

    /// What is left of older objects is no harm: the next snapshot, or the next start, tries again.
    fn delete_stale(&mut self) {
        let (objects, stale) = (&self.objects, std::mem::take(&mut self.stale));
        self.stale = self.runtime.block_on(async {
            let mut left = Vec::new();
            for first in stale {
                if let Err(e) = objects.delete(first).await {
                    tracing::warn!(code = e.code(), first, "a replaced object is not deleted: {e}");
                    left.push(first);
                }
            }
            left
        });
    }
}

impl RecordLog for BucketStore {
    fn next_sequence(&self) -> u64 {
        self.next_sequence
    }

    fn append(&mut self, records: &[StoredRecord]) -> Result<(), RecordError> {
        let next_sequence = sequence_after(self.next_sequence, records)?;
        let snapshot = newest_snapshot(records)?;
        let kept = records.get(snapshot.unwrap_or(0)..).unwrap_or_default();
        let Some(first) = kept.first().map(|r| r.sequence) else { return Ok(()) };
        let object = record_format::object(&self.writer, kept)?;
        self.runtime.block_on(async {
            self.objects.put(first, object).await?;
            self.objects.check_claim(&self.claim).await
        })?;
        if snapshot.is_some() {
            self.stale.append(&mut self.live);
        }
        self.live.push(first);
        self.next_sequence = next_sequence;
        if snapshot.is_some() {
            self.delete_stale();
        }
        Ok(())
    }
}

fn random_bytes() -> Result<Writer, RecordError> {
    random().map_err(|e| RecordError::Disk(io::Error::other(e.to_string())))
}

/// This home's name, made where it has none.
fn instance(folder: &Path) -> Result<String, RecordError> {
    match fs::read_to_string(folder.join(INSTANCE)) {
        Ok(name) => Ok(name),
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            let name = hex::encode(random_bytes()?);
            replace(folder, INSTANCE, name.as_bytes())?;
            Ok(name)
        }
        Err(e) => Err(RecordError::of_io(e)),
    }
}

/// Gives the home in this folder, new or made now, a place of its own in the bucket.
pub(crate) fn set_apart(folder: &Path) -> Result<(), RecordError> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(RecordError::of_io)?;
    replace(folder, PLACE, hex::encode(random_bytes()?).as_bytes())
}

/// What this home's place in the bucket is called.
fn place(me: PartyIndex, folder: &Path) -> Result<String, RecordError> {
    match fs::read_to_string(folder.join(PLACE)) {
        Ok(own) => Ok(format!("cosigner-{me}.{own}")),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(format!("cosigner-{me}")),
        Err(e) => Err(RecordError::of_io(e)),
    }
}

/// Present objects, replaced ones, and the records of the present ones.
type Read = (Vec<u64>, Vec<u64>, Vec<StoredRecord>);

/// The objects of one cosigner.
struct Objects {
    store: AmazonS3,
    instance: Name,
    records: Name,
}

impl Objects {
    fn new(bucket: &Bucket, place: &str) -> Result<Objects, RecordError> {
        let wrong = |e: object_store::path::Error| RecordError::BucketRefused(e.to_string());
        let home = Name::parse(&bucket.prefix).map_err(wrong)?.join(place);
        let store = bucket.store()?;
        Ok(Objects { store, instance: home.clone().join("instance"), records: home.join("records") })
    }

    fn name(&self, first: u64) -> Name {
        self.records.clone().join(format!("{first:020}.blocks"))
    }

    /// Makes the records this opening's, if they are this home's or nobody's.
    async fn claim(&self, instance: &str, claim: &str) -> Result<(), RecordError> {
        match self.create(&self.instance, claim.as_bytes()).await? {
            Created::New => Ok(()),
            Created::There(other) if other.starts_with(instance.as_bytes()) => {
                let put = self.store.put(&self.instance, PutPayload::from(claim.to_owned())).await;
                put.map(drop).map_err(of_store)
            }
            Created::There(_) => Err(RecordError::Locked),
        }
    }

    /// Whether no other opening has claimed the records since.
    async fn check_claim(&self, claim: &str) -> Result<(), RecordError> {
        let there = match self.store.get(&self.instance).await {
            Ok(there) => there.bytes().await.map_err(of_store)?,
            Err(object_store::Error::NotFound { .. }) => return Err(RecordError::Locked),
            Err(e) => return Err(of_store(e)),
        };
        if there == claim.as_bytes() { Ok(()) } else { Err(RecordError::Locked) }
    }

    /// Puts a commit.
    async fn put(&self, first: u64, object: Vec<u8>) -> Result<(), RecordError> {
        match self.create(&self.name(first), &object).await? {
            Created::New => Ok(()),
            // An answer to an earlier try was lost: only this opening writes these bytes.
            Created::There(same) if same == object => Ok(()),
            Created::There(_) => Err(RecordError::Locked),
        }
    }

    /// Puts an object where there is none; else what is there.
    async fn create(&self, name: &Name, bytes: &[u8]) -> Result<Created, RecordError> {
        let put = self.store.put_opts(name, PutPayload::from(bytes.to_vec()), PutMode::Create.into()).await;
        match put {
            Ok(_) => Ok(Created::New),
            Err(object_store::Error::AlreadyExists { .. }) => {
                let there = self.store.get(name).await.map_err(of_store)?;
                Ok(Created::There(there.bytes().await.map_err(of_store)?.to_vec()))
            }
            Err(e) => Err(of_store(e)),
        }
    }

    async fn delete(&self, first: u64) -> Result<(), RecordError> {
        match self.store.delete(&self.name(first)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(e) => Err(of_store(e)),
        }
    }

    /// All records from the newest snapshot on.
    async fn read(&self) -> Result<Read, RecordError> {
        let listed: Vec<ObjectMeta> = self.store.list(Some(&self.records)).try_collect().await.map_err(of_store)?;
        let mut names: Vec<(u64, ObjectMeta)> = Vec::new();
        for meta in listed {
            match self.sequence_of(&meta.location) {
                Some(first) => names.push((first, meta)),
                None => tracing::warn!(code = "records.alien", name = %meta.location, "an object that is no record's"),
            }
        }
        names.sort_by_key(|(first, _)| *first);
        let firsts = names.iter().map(|(first, _)| *first).collect();
        let read = futures::stream::iter(names).map(|(first, meta)| self.object(first, meta)).buffered(READS);
        arrange(firsts, read.try_collect().await?)
    }

    fn sequence_of(&self, name: &Name) -> Option<u64> {
        let digits = name.filename()?.strip_suffix(".blocks")?;
        digits.parse().ok().filter(|first| self.name(*first) == *name)
    }

    async fn object(&self, first: u64, meta: ObjectMeta) -> Result<Vec<StoredRecord>, RecordError> {
        let damaged = |what: String| RecordError::Object { first, what };
        if meta.size > OBJECT_BYTES {
            return Err(damaged("it is longer than any commit".into()));
        }
        let object = match self.store.get(&meta.location).await {
            Ok(object) => object.bytes().await.map_err(of_store)?,
            Err(object_store::Error::NotFound { .. }) => return Err(damaged("it is gone".into())),
            Err(e) => return Err(of_store(e)),
        };
        let records = record_format::parse_object(&object).map_err(|e| match e {
            RecordError::Corrupt { what, .. } => damaged(what.into()),
            other => other,
        })?;
        match records.first() {
            Some(record) if record.sequence == first => Ok(records),
            _ => Err(damaged("it holds other records than its name says".into())),
        }
    }
}

enum Created {
    New,
    There(Vec<u8>),
}

/// Objects in order: from the newest one that begins with a snapshot on, without gap.
fn arrange(firsts: Vec<u64>, objects: Vec<Vec<StoredRecord>>) -> Result<Read, RecordError> {
    let is_snapshot = |records: &Vec<StoredRecord>| records.first().is_some_and(|r| r.kind != RecordKind::Change);
    let newest = objects.iter().rposition(is_snapshot).unwrap_or(0);
    let (stale, live) = firsts.split_at(newest.min(firsts.len()));
    let records: Vec<StoredRecord> = objects.into_iter().skip(newest).flatten().collect();
    if let Some(pair) = records.windows(2).find(|pair| pair[0].sequence.checked_add(1) != Some(pair[1].sequence)) {
        let what = format!("record {} is due there", pair[0].sequence.saturating_add(1));
        return Err(RecordError::Object { first: pair[1].sequence, what });
    }
    record_format::check_start(&records)
        .map_err(|_| RecordError::Object { first: 1, what: "the start is missing".into() })?;
    Ok((live.to_vec(), stale.to_vec(), records))
}

/// An error of the store, in words that hold no credentials: those of the protocol's answer.
fn of_store(error: object_store::Error) -> RecordError {
    use object_store::Error as Store;
    match error {
        Store::PermissionDenied { .. } | Store::Unauthenticated { .. } | Store::NotFound { .. } => {
            RecordError::BucketRefused(words(&error))
        }
        _ => RecordError::Bucket(words(&error)),
    }
}

/// At most so much of an error's text is shown.
const WORDS: usize = 400;

fn words(error: &object_store::Error) -> String {
    error.to_string().chars().filter(|c| !c.is_control()).take(WORDS).collect()
}
