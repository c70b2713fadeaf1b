//! Durable memory in SQL: implements the storage traits of the orchestrator over SQLite.
//!
//! Writes go through one writer that joins waiting commits into one transaction, so that many share one disk flush; each
//! keeps its own savepoint, so that one that is refused leaves the others alone. Reads run beside it (WAL).

mod error;
mod lock;
mod read;
mod requests;
mod row;
mod sqlite;
mod write;
mod writer;

pub use lock::FolderLock;
pub use sqlite::SqliteStore;
