//! Opening the database and giving commits to its writer.

use crate::error::{corrupt, store};
use crate::lock::FolderLock;
use crate::writer::{self, Order};
use ringi_ledger::Head;
use ringi_orchestrator::ports::{Commit, Committed, StoreError};
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use std::path::Path;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// The database's file in the data folder.
const FILE: &str = "ringi.db";
/// Commits that may wait for the writer; more wait outside.
const QUEUE: usize = 1024;
/// Connections for reading.
const READERS: u32 = 4;

/// The embedded store. Cheap to clone; all clones share one writer and one folder lock.
#[derive(Clone)]
pub struct SqliteStore {
    pub(crate) readers: SqlitePool,
    orders: mpsc::Sender<Order>,
}

impl SqliteStore {
    /// Locks the folder, opens or makes the database in it, brings it to the newest form and checks that it is whole.
    ///
    /// # Errors
    /// [`StoreError`]: `Locked`, `Corrupt` (also for a database of a newer version), `Full`, `Unavailable`.
    pub async fn open(folder: &Path) -> Result<SqliteStore, StoreError> {
        let lock = FolderLock::take(folder)?;
        let options = SqliteConnectOptions::new()
            .filename(folder.join(FILE))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(5));
        let writer = SqlitePoolOptions::new().max_connections(1).connect_with(options.clone()).await.map_err(store)?;
        migrate(&writer).await?;
        let head = begin(&writer).await?;
        let readers = options.read_only(true).create_if_missing(false);
        let readers = SqlitePoolOptions::new().max_connections(READERS).connect_with(readers).await.map_err(store)?;
        let (orders, inbox) = mpsc::channel(QUEUE);
        tokio::spawn(writer::run(writer, head, inbox, lock));
        Ok(SqliteStore { readers, orders })
    }

    /// Ends the writer after what it has been given and frees the folder; later commits answer `Unavailable`.
    pub async fn close(&self) {
        // The writer last: who closes last folds the write-ahead log into the database.
        self.readers.close().await;
        let _ = self.order(Order::Close).await;
    }

    /// Lets the database grow to this many pages and no further (not below its present size); `None` lifts the bound.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn limit_pages(&self, most: Option<u32>) -> Result<(), StoreError> {
        self.order(|answer| Order::LimitPages(most, answer)).await?
    }

    pub(crate) async fn order<T>(&self, make: impl FnOnce(oneshot::Sender<T>) -> Order) -> Result<T, StoreError> {
        let (answer, wait) = oneshot::channel();
        let gone = || StoreError::Unavailable("the store's writer has stopped".into());
        self.orders.send(make(answer)).await.map_err(|_| gone())?;
        wait.await.map_err(|_| gone())
    }

    pub(crate) async fn commit_order(&self, commit: Commit) -> Result<Committed, StoreError> {
        self.order(|answer| Order::Commit(Box::new(commit), answer)).await?
    }
}

async fn migrate(pool: &SqlitePool) -> Result<(), StoreError> {
    sqlx::migrate!("./migrations/sqlite").run(pool).await.map_err(|error| match error {
        sqlx::migrate::MigrateError::Execute(e) => store(e),
        other => corrupt(format!("not a database of this version: {other}")),
    })
}

/// Checks the file and reads the end of the audit log under the write lock: a commit that a dying predecessor still had
/// under way is then either in or out for good.
async fn begin(pool: &SqlitePool) -> Result<Head, StoreError> {
    let mut connection = pool.acquire().await.map_err(store)?;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await.map_err(store)?;
    let found = sqlx::query_scalar::<_, String>("PRAGMA quick_check(1)").fetch_one(&mut *connection).await;
    let head = writer::head(&mut connection).await;
    sqlx::query("COMMIT").execute(&mut *connection).await.map_err(store)?;
    match found.map_err(store)? {
        ok if ok == "ok" => head,
        damage => Err(corrupt(damage)),
    }
}
