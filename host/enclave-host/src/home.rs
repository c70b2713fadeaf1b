//! Where a cosigner's things are: a folder of this machine, and its sealed records there or in a bucket.

use crate::bucket_store::{self, BucketStore};
use crate::{Bucket, RecordError, RecordStore, StoredRecord};
use ringi_primitives::scheme::PartyIndex;
use std::path::{Path, PathBuf};

/// A cosigner's sealed records, wherever they are. Blocking.
pub trait RecordLog: Send + 'static {
    /// The sequence that must come next.
    fn next_sequence(&self) -> u64;

    /// Makes these records durable, all or none. Records before the newest snapshot among them are dropped, together with
    /// everything older. A snapshot's records come together, in one call.
    ///
    /// # Errors
    /// [`RecordError::Sequence`] unless they continue without gap; [`RecordError::Cut`] for a snapshot without its last
    /// record. After an error that may pass the same call may be tried again; after others reopen.
    fn append(&mut self, records: &[StoredRecord]) -> Result<(), RecordError>;
}

/// The home of one cosigner, or of all of this machine: a bucket keeps them apart by their numbers.
#[derive(Clone, Debug)]
pub struct Home {
    /// Of this machine; holds its lock, and the keys that are kept for it.
    pub folder: PathBuf,
    /// Where its records are instead of the folder.
    pub bucket: Option<Bucket>,
}

impl<P: AsRef<Path> + ?Sized> From<&P> for Home {
    /// With the records in the folder.
    fn from(folder: &P) -> Home {
        Home { folder: folder.as_ref().to_owned(), bucket: None }
    }
}

impl Home {
    /// For a cosigner that has a home already: a new one beside it, whose records get a place of their own in the bucket.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn apart(folder: &Path, bucket: Option<Bucket>) -> Result<Home, RecordError> {
        if bucket.is_some() {
            bucket_store::set_apart(folder)?;
        }
        Ok(Home { folder: folder.to_owned(), bucket })
    }

    /// Opens this cosigner's records and reads them, oldest first. Of a bucket, within a runtime, on a thread that may block.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn open(&self, me: PartyIndex) -> Result<(Box<dyn RecordLog>, Vec<StoredRecord>), RecordError> {
        match &self.bucket {
            None => {
                let (store, records) = RecordStore::open(&self.folder)?;
                Ok((Box::new(store), records))
            }
            Some(bucket) => {
                let (store, records) = BucketStore::open(bucket, me, &self.folder)?;
                Ok((Box::new(store), records))
            }
        }
    }
}
