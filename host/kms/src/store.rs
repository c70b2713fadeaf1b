//! Where keys are kept: the interface, and a folder of sealed files.
//!
//! The folder is the root of trust: `master.key` opens every file in it. Whoever can read the folder has every key; an
//! operator's own server claims no more. A file that somebody changes is not taken; an older copy of the same file is.

use crate::identity::KeyId;
use crate::limits::{KEY_FILE_BYTES, KEYS};
use crate::record::KeyRecord;
use crate::sealed;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use zeroize::Zeroizing;

/// Why keys cannot be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another instance has the folder.
    #[error("another instance uses this folder")]
    Locked,
    /// The disk.
    #[error("the folder: {0}")]
    Io(#[from] io::Error),
    /// The master key.
    #[error("master.key: {0}")]
    MasterKey(&'static str),
    /// A key's file was changed, or is sealed under another master key.
    #[error("{0} does not open: it was changed, or master.key is another one")]
    Broken(String),
    /// More than the server takes.
    #[error("more than {KEYS} keys")]
    Full,
    /// No randomness.
    #[error("the operating system gives no random bytes")]
    Random,
}

/// Keeps keys, and a record of what was done with them.
pub trait Store: Send + Sync {
    /// Every key.
    ///
    /// # Errors
    /// [`StoreError`].
    fn read(&self) -> Result<Vec<KeyRecord>, StoreError>;

    /// Keeps a key, new or changed. `Ok` survives a loss of power.
    ///
    /// # Errors
    /// [`StoreError`]; the key is then as it was, or as it should be.
    fn write(&self, key: &KeyRecord) -> Result<(), StoreError>;

    /// Removes a key for good.
    ///
    /// # Errors
    /// [`StoreError`].
    fn remove(&self, key: &KeyId) -> Result<(), StoreError>;

    /// Adds one line to the audit log. `Ok` survives a loss of power.
    ///
    /// # Errors
    /// [`StoreError`].
    fn audit(&self, line: &str) -> Result<(), StoreError>;
}

const LOCK: &str = "kms.lock";
const MASTER: &str = "master.key";
const AUDIT: &str = "audit.jsonl";
const KEY_FOLDER: &str = "keys";
const EXTENSION: &str = "key";

/// Keys in a folder, one sealed file each. Holds the folder's lock while it lives.
pub struct FolderStore {
    keys: PathBuf,
    master: sealed::MasterKey,
    audit: Mutex<File>,
    _lock: File,
}

impl FolderStore {
    /// Opens a folder; makes it, mode 0700, and its master key, mode 0600, where there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open(folder: &Path) -> Result<FolderStore, StoreError> {
        let keys = folder.join(KEY_FOLDER);
        DirBuilder::new().recursive(true).mode(0o700).create(&keys)?;
        let lock = lock(&folder.join(LOCK))?;
        let master = master_key(folder, &keys)?;
        Ok(FolderStore { keys, master, audit: Mutex::new(open_audit(&folder.join(AUDIT))?), _lock: lock })
    }

    fn path(&self, key: &KeyId) -> PathBuf {
        self.keys.join(format!("{key}.{EXTENSION}"))
    }

    fn read_one(&self, path: &Path) -> Result<KeyRecord, StoreError> {
        let broken = || StoreError::Broken(path.display().to_string());
        let id = path.file_stem().and_then(|stem| stem.to_str()).and_then(KeyId::parse).ok_or_else(broken)?;
        let mut bytes = Vec::new();
        File::open(path)?.take(KEY_FILE_BYTES).read_to_end(&mut bytes)?;
        self.master.open(&id, &bytes).ok_or_else(broken)
    }
}

impl Store for FolderStore {
    fn read(&self) -> Result<Vec<KeyRecord>, StoreError> {
        let mut all = Vec::new();
        for entry in fs::read_dir(&self.keys)? {
            let path = entry?.path();
            // What a crash left half written was never acknowledged.
            if path.extension().is_some_and(|e| e == EXTENSION) {
                all.push(self.read_one(&path)?);
            }
            if all.len() > KEYS {
                return Err(StoreError::Full);
            }
        }
        Ok(all)
    }

    fn write(&self, key: &KeyRecord) -> Result<(), StoreError> {
        let bytes = self.master.seal(key).map_err(|_| StoreError::Random)?;
        replace(&self.keys, &self.path(&key.facts.id), &bytes)?;
        Ok(())
    }

    fn remove(&self, key: &KeyId) -> Result<(), StoreError> {
        match fs::remove_file(self.path(key)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e.into()),
            _ => Ok(File::open(&self.keys)?.sync_all()?),
        }
    }

    fn audit(&self, line: &str) -> Result<(), StoreError> {
        let mut file = self.audit.lock().unwrap_or_else(PoisonError::into_inner);
        let one_line = [line.as_bytes(), b"\n"].concat();
        file.write_all(&one_line)?;
        Ok(file.sync_data()?)
    }
}

/// One instance per folder; the lock ends with the process.
fn lock(path: &Path) -> Result<File, StoreError> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked),
        Err(TryLockError::Error(e)) => Err(e.into()),
    }
}

/// Reads the master key; makes one only where no key is kept yet.
fn master_key(folder: &Path, keys: &Path) -> Result<sealed::MasterKey, StoreError> {
    let path = folder.join(MASTER);
    let mut bytes = Zeroizing::new([0; sealed::MASTER_BYTES]);
    match File::open(&path) {
        Ok(mut file) => {
            if file.metadata()?.mode() & 0o077 != 0 {
                return Err(StoreError::MasterKey("others may read it: its mode must be 0600"));
            }
            let whole = file.read_exact(bytes.as_mut_slice()).is_ok() && file.read(&mut [0]).is_ok_and(|n| n == 0);
            if !whole {
                return Err(StoreError::MasterKey("it is not 32 bytes"));
            }
        }
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e.into()),
        Err(_) if fs::read_dir(keys)?.next().is_some() => {
            return Err(StoreError::MasterKey("it is missing, and there are keys that only it opens"));
        }
        Err(_) => {
            getrandom::getrandom(bytes.as_mut_slice()).map_err(|_| StoreError::Random)?;
            replace(folder, &path, bytes.as_slice())?;
        }
    }
    Ok(sealed::MasterKey::new(bytes))
}

/// Puts a whole new file in the place of the old one: written, confirmed, renamed, the rename confirmed.
pub(crate) fn replace(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let written = (|| {
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, path)
    })();
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    written?;
    File::open(folder)?.sync_all()
}

/// Opened to append only. A line that a crash cut short is ended, so that the next one stands alone.
fn open_audit(path: &Path) -> io::Result<File> {
    let mut file = OpenOptions::new().create(true).read(true).append(true).mode(0o600).open(path)?;
    let mut last = [b'\n'];
    if file.metadata()?.len() > 0 {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    if last != *b"\n" {
        file.write_all(b"\n")?;
        file.sync_data()?;
    }
    Ok(file)
}
