//! Keeps a second instance out of a data folder.

use fs4::fs_std::FileExt;
use ringi_orchestrator::ports::StoreError;
use std::fs::{File, OpenOptions};
use std::path::Path;
use std::time::Duration;

/// A lock that is held is tried again so often, every [`PAUSE`]: an instance that is just ending, or a program that is just being
/// started, lets go of it in a moment.
const TRIES: u32 = 25;
const PAUSE: Duration = Duration::from_millis(20);

/// Held as long as the process works in the folder; the system drops it when the process dies.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Takes the lock of this folder.
    ///
    /// # Errors
    /// [`StoreError::Locked`] if another process or instance holds it; [`StoreError::Unavailable`] if the file cannot be made.
    pub fn take(folder: &Path) -> Result<FolderLock, StoreError> {
        let unavailable = |e: std::io::Error| StoreError::Unavailable(format!("data folder: {e}"));
        std::fs::create_dir_all(folder).map_err(unavailable)?;
        let open = OpenOptions::new().create(true).truncate(false).write(true).open(folder.join("lock"));
        let file = open.map_err(unavailable)?;
        for _ in 0..TRIES {
            match FileExt::try_lock_exclusive(&file) {
                Ok(true) => return Ok(FolderLock { _file: file }),
                Ok(false) => std::thread::sleep(PAUSE),
                Err(error) => return Err(unavailable(error)),
            }
        }
        Err(StoreError::Locked)
    }
}
