//! A cosigner's sealed records on disk: append, group commit, replace by snapshot.
//!
//! Blocking; callers run it on a thread that may block. What [`RecordStore::append`] returned `Ok` for survives a loss of
//! power, as far as the disk keeps its word. It never reads what is inside a record.

use crate::record_format::{self, Contents, HEADER_BYTES, StoredRecord};
use crate::{RecordError, RecordLog};
use ringi_primitives::wire::RecordKind;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

const FILE: &str = "records";
const LOCK: &str = "records.lock";

/// The open records of one cosigner. Holds the folder's lock while it lives.
pub struct RecordStore {
    folder: PathBuf,
    file: File,
    durable_bytes: u64,
    next_sequence: u64,
    _lock: File,
}

impl RecordStore {
    /// Opens or creates the records in `folder` (made with mode 0700 where missing) and reads them, oldest first.
    /// A torn last commit is cut off.
    ///
    /// # Errors
    /// [`RecordError::Locked`] for a second instance; [`RecordError::Corrupt`] and [`RecordError::Version`] leave the file
    /// untouched; [`RecordError::Full`], [`RecordError::Disk`].
    pub fn open(folder: &Path) -> Result<(RecordStore, Vec<StoredRecord>), RecordError> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(RecordError::of_io)?;
        let lock = lock(folder)?;
        let path = folder.join(FILE);
        if !path.try_exists().map_err(RecordError::of_io)? {
            replace(folder, FILE, &record_format::header())?;
        }
        let mut file = open_file(&path).map_err(RecordError::of_io)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(RecordError::of_io)?;
        let Contents { records, whole_bytes, torn_bytes } = record_format::parse(&bytes)?;
        let durable_bytes = whole_bytes as u64;
        if torn_bytes > 0 {
            tracing::warn!(code = "records.torn", torn_bytes, "cutting off a commit that was never acknowledged");
            file.set_len(durable_bytes).and_then(|()| file.sync_all()).map_err(RecordError::Unconfirmed)?;
        }
        let next_sequence = records.last().map_or(1, |r| r.sequence.saturating_add(1));
        Ok((RecordStore { folder: folder.to_owned(), file, durable_bytes, next_sequence, _lock: lock }, records))
    }

    /// The sequence that must come next.
    pub fn next_sequence(&self) -> u64 {
        self.next_sequence
    }

    /// Makes these records durable with one confirmation, all or none. Records before the newest snapshot among them are
    /// dropped, together with everything older. A snapshot's records come together, in one call.
    ///
    /// # Errors
    /// [`RecordError::Sequence`] unless they continue without gap; [`RecordError::Cut`] for a snapshot without its last record. [`RecordError::Full`] and [`RecordError::Disk`] leave the
    /// store as it was: the same call may be tried again. After [`RecordError::Unconfirmed`] reopen.
    pub fn append(&mut self, records: &[StoredRecord]) -> Result<(), RecordError> {
        let next_sequence = sequence_after(self.next_sequence, records)?;
        match newest_snapshot(records)? {
            Some(at) => self.replace_by(&records[at..])?,
            None => self.append_block(&record_format::block(records)?)?,
        }
        self.next_sequence = next_sequence;
        Ok(())
    }

    fn append_block(&mut self, block: &[u8]) -> Result<(), RecordError> {
        if let Err(e) = self.file.write_all_at(block, self.durable_bytes) {
            self.file.set_len(self.durable_bytes).map_err(RecordError::Unconfirmed)?;
            return Err(RecordError::of_io(e));
        }
        if let Err(e) = self.file.sync_data() {
            // The kernel may have dropped the pages: take them out of the file before anybody reads them back.
            let _ = self.file.set_len(self.durable_bytes);
            return Err(RecordError::Unconfirmed(e));
        }
        self.durable_bytes += block.len() as u64;
        Ok(())
    }

    fn replace_by(&mut self, records: &[StoredRecord]) -> Result<(), RecordError> {
        let bytes = [record_format::header(), record_format::block(records)?].concat();
        replace(&self.folder, FILE, &bytes)?;
        self.file = open_file(&self.folder.join(FILE)).map_err(RecordError::Unconfirmed)?;
        self.durable_bytes = bytes.len() as u64;
        debug_assert!(self.durable_bytes > HEADER_BYTES as u64);
        Ok(())
    }
}

impl RecordLog for RecordStore {
    fn next_sequence(&self) -> u64 {
        RecordStore::next_sequence(self)
    }

    fn append(&mut self, records: &[StoredRecord]) -> Result<(), RecordError> {
        RecordStore::append(self, records)
    }
}

/// The sequence after these records, which must continue from `next` without gap. E1: what was handed over goes on behind its
/// last record, with a snapshot, where there is nothing yet.
pub(crate) fn sequence_after(next: u64, records: &[StoredRecord]) -> Result<u64, RecordError> {
    let handed_over = records.first().filter(|r| next == 1 && r.kind != RecordKind::Change);
    let first = handed_over.map_or(next, |r| r.sequence);
    records.iter().try_fold(first, |expected, r| {
        let next = expected.checked_add(1).filter(|_| r.sequence == expected);
        next.ok_or(RecordError::Sequence { expected, found: r.sequence })
    })
}

/// Where the newest snapshot among these records begins.
pub(crate) fn newest_snapshot(records: &[StoredRecord]) -> Result<Option<usize>, RecordError> {
    let mut newest = None;
    let mut begun = None;
    for (at, record) in records.iter().enumerate() {
        match (record.kind, begun) {
            (RecordKind::SnapshotPart, _) => begun = begun.or(Some(at)),
            (RecordKind::Snapshot, _) => newest = Some(begun.take().unwrap_or(at)),
            (RecordKind::Change, None) => {}
            (RecordKind::Change, Some(_)) => return Err(RecordError::Cut { last: record.sequence }),
        }
    }
    match (begun, records.last()) {
        (Some(_), Some(last)) => Err(RecordError::Cut { last: last.sequence }),
        _ => Ok(newest),
    }
}

fn open_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(path)
}

/// A lock that is held is tried again so often, every [`LOCK_PAUSE`]: an instance that is just ending, or a program that is just
/// being started, lets go of it in a moment.
const LOCK_TRIES: u32 = 25;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// One instance per folder; the lock ends with the process.
pub(crate) fn lock(folder: &Path) -> Result<File, RecordError> {
    let path = folder.join(LOCK);
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path);
    let file = file.map_err(RecordError::of_io)?;
    for _ in 0..LOCK_TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
            Err(TryLockError::Error(e)) => return Err(RecordError::of_io(e)),
        }
    }
    Err(RecordError::Locked)
}

/// Puts a whole new file in the place of the old one: written, confirmed, renamed, the rename confirmed.
///
/// # Errors
/// [`RecordError::Unconfirmed`] if the disk did not confirm the rename; else the old file is still there.
pub(crate) fn replace(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), RecordError> {
    let new = folder.join(format!("{name}.new"));
    let written = (|| {
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&new)?;
        file.write_all(bytes)?;
        file.sync_all()
    })();
    if let Err(e) = written {
        let _ = fs::remove_file(&new);
        return Err(RecordError::of_io(e));
    }
    fs::rename(&new, folder.join(name)).map_err(RecordError::of_io)?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(RecordError::Unconfirmed)
}
