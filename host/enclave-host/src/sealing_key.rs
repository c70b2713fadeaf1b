//! The development sealing key: 32 random bytes in the cosigner's own folder.
//!
//! For back ends without a key service only. Whoever reads this file reads the cosigner's share: that is why it is
//! labelled development (SECURITY.md).

use crate::{Records, StartError};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use zeroize::Zeroizing;

const FILE: &str = "development-sealing.key";
const KEY_BYTES: usize = 32;

/// A sealing key on its way to the cosigner.
pub(crate) struct SealingKey(Zeroizing<[u8; KEY_BYTES]>);

impl SealingKey {
    /// The bytes, for the descriptor that the cosigner inherits.
    pub(crate) fn expose(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// Reads the folder's key; makes one only where nothing is sealed yet.
    pub(crate) fn load_or_make(folder: &Path, records: Records) -> Result<SealingKey, StartError> {
        let path = folder.join(FILE);
        match File::open(&path) {
            Ok(file) => SealingKey::read(file),
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(StartError::Prepare(e)),
            Err(_) if records == Records::Some => Err(StartError::SealingKeyMissing),
            Err(_) => SealingKey::make(folder, &path),
        }
    }

    fn read(mut file: File) -> Result<SealingKey, StartError> {
        let mode = file.metadata().map_err(StartError::Prepare)?.mode();
        if mode & 0o077 != 0 {
            return Err(StartError::SealingKeyUnusable("others may read it: its mode must be 0600"));
        }
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        let whole = file.read_exact(key.as_mut_slice()).is_ok() && file.read(&mut [0]).is_ok_and(|n| n == 0);
        if whole { Ok(SealingKey(key)) } else { Err(StartError::SealingKeyUnusable("it is not 32 bytes")) }
    }

    fn make(folder: &Path, path: &Path) -> Result<SealingKey, StartError> {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        getrandom::getrandom(key.as_mut_slice()).map_err(|e| StartError::Prepare(io::Error::other(e.to_string())))?;
        let new = path.with_extension("new");
        let written = (|| {
            let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&new)?;
            file.write_all(key.as_slice())?;
            file.sync_all()?;
            std::fs::rename(&new, path)?;
            File::open(folder)?.sync_all()
        })();
        written.map_err(StartError::Prepare)?;
        Ok(SealingKey(key))
    }
}
