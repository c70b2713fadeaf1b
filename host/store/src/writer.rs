//! The one writer: joins waiting orders into one transaction, each in its savepoint, and answers after the flush.

use crate::error::store;
use crate::lock::FolderLock;
use crate::requests;
use crate::row::{bytes, number};
use crate::write;
use ringi_ledger::{Draft, Head};
use ringi_orchestrator::ports::{Commit, Committed, EventDraft, IdempotencyClaim, StoreError, StoredResponse};
use ringi_primitives::digest::Digest;
use ringi_primitives::time::UnixMs;
use sqlx::{SqliteConnection, SqlitePool};
use tokio::sync::{mpsc, oneshot};

type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// What the writer is asked to do.
pub(crate) enum Order {
    /// A step of the orchestrator.
    Commit(Box<Commit>, Answer<Committed>),
    /// See `RequestMemory::claim`.
    Claim(Claim, Answer<IdempotencyClaim>),
    /// See `RequestMemory::complete`; `None` forgets.
    Answered { caller: String, key: String, response: Option<StoredResponse>, answer: Answer<()> },
    /// See `RequestMemory::fresh_nonce`.
    Nonce { key: String, nonce: String, now: UnixMs, expires_at: UnixMs, answer: Answer<bool> },
    /// Grow to this many pages and no further.
    LimitPages(Option<u32>, Answer<()>),
    /// Finish and free the folder.
    Close(oneshot::Sender<()>),
}

/// An idempotency key and the request it stands for.
pub(crate) struct Claim {
    pub(crate) caller: String,
    pub(crate) key: String,
    pub(crate) fingerprint: [u8; 32],
    pub(crate) now: UnixMs,
    pub(crate) expires_at: UnixMs,
}

/// Orders that share one flush.
const BATCH: usize = 64;

/// What an order will be told once the transaction is durable.
type Reply = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// The end of the audit log.
pub(crate) async fn head(connection: &mut SqliteConnection) -> Result<Head, StoreError> {
    let row = sqlx::query("SELECT sequence, digest FROM audit ORDER BY sequence DESC LIMIT 1");
    match row.fetch_optional(connection).await.map_err(store)? {
        None => Ok(Head::EMPTY),
        Some(row) => Ok(Head { sequence: number(&row, 0)?, digest: Digest(bytes(&row, 1)?) }),
    }
}

pub(crate) async fn run(pool: SqlitePool, mut head: Head, mut inbox: mpsc::Receiver<Order>, lock: FolderLock) {
    let mut orders = Vec::new();
    while inbox.recv_many(&mut orders, BATCH).await > 0 {
        if let Some(done) = taken_out(&pool, &mut orders).await {
            pool.close().await;
            drop(lock);
            let _ = done.send(());
            return;
        }
        let mut replies = Vec::with_capacity(orders.len());
        let mut next = head;
        let done = batch(&pool, &mut orders, &mut next, &mut replies).await;
        orders.clear();
        match done {
            Ok(()) => {
                head = next;
                replies.into_iter().for_each(|reply| reply(Ok(())));
            }
            Err(error) => {
                tracing::error!(code = error.code(), %error, "a transaction was not committed");
                replies.into_iter().for_each(|reply| reply(Err(error.clone())));
                if let Ok(mut connection) = pool.acquire().await {
                    head = self::head(&mut connection).await.unwrap_or(head);
                }
            }
        }
    }
}

/// Orders that no transaction carries: done at once. Gives who waits for the end, if it was ordered.
async fn taken_out(pool: &SqlitePool, orders: &mut Vec<Order>) -> Option<oneshot::Sender<()>> {
    let mut close = None;
    for order in std::mem::take(orders) {
        match order {
            Order::Close(done) => close = Some(done),
            Order::LimitPages(most, answer) => {
                // SQLite takes no parameters in a PRAGMA; this is its own way to say "as large as may be".
                let most = most.unwrap_or(u32::MAX - 1);
                let query = sqlx::query(sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {most}")));
                let _ = answer.send(query.execute(pool).await.map_err(store).map(|_| ()));
            }
            other => orders.push(other),
        }
    }
    close
}

async fn batch(
    pool: &SqlitePool,
    orders: &mut Vec<Order>,
    head: &mut Head,
    replies: &mut Vec<Reply>,
) -> Result<(), StoreError> {
    // The replies of orders that were not reached answer with the same error as the transaction.
    let mut waiting = orders.drain(..);
    let mut connection = match pool.acquire().await.map_err(store) {
        Ok(connection) => connection,
        Err(error) => return refuse_all(waiting, error),
    };
    if let Err(error) = sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await.map_err(store) {
        return refuse_all(waiting, error);
    }
    while let Some(order) = waiting.next() {
        let (reply, fatal) = carry_out(&mut connection, order, head).await;
        replies.push(reply);
        // On a full disk SQLite gives up the whole transaction: nobody's step happened.
        if let Some(error) = fatal {
            let _ = sqlx::query("ROLLBACK").execute(&mut *connection).await;
            return refuse_all(waiting, error);
        }
    }
    let committed = sqlx::query("COMMIT").execute(&mut *connection).await.map_err(store);
    if committed.is_err() {
        let _ = sqlx::query("ROLLBACK").execute(&mut *connection).await;
    }
    committed.map(|_| ())
}

fn refuse_all(waiting: impl Iterator<Item = Order>, error: StoreError) -> Result<(), StoreError> {
    for order in waiting {
        match order {
            Order::Commit(_, answer) => drop(answer.send(Err(error.clone()))),
            Order::Claim(_, answer) => drop(answer.send(Err(error.clone()))),
            Order::Answered { answer, .. } => drop(answer.send(Err(error.clone()))),
            Order::Nonce { answer, .. } => drop(answer.send(Err(error.clone()))),
            Order::LimitPages(_, answer) => drop(answer.send(Err(error.clone()))),
            Order::Close(done) => _ = done.send(()),
        }
    }
    Err(error)
}

/// One order in its savepoint; what it is told depends on the whole transaction.
async fn carry_out(connection: &mut SqliteConnection, order: Order, head: &mut Head) -> (Reply, Option<StoreError>) {
    let begun = sqlx::query("SAVEPOINT step").execute(&mut *connection).await.map_err(store).map(|_| ());
    match order {
        Order::Commit(commit, answer) => {
            let mut next = *head;
            let done = match begun {
                Ok(()) => apply(connection, *commit, &mut next).await,
                Err(error) => Err(error),
            };
            let done = end(connection, done).await;
            if done.is_ok() {
                *head = next;
            }
            reply(answer, done)
        }
        Order::Claim(claim, answer) => {
            let done = match begun {
                Ok(()) => requests::claim(connection, claim).await,
                Err(error) => Err(error),
            };
            reply(answer, end(connection, done).await)
        }
        Order::Answered { caller, key, response, answer } => {
            let done = match begun {
                Ok(()) => requests::answered(connection, &caller, &key, response).await,
                Err(error) => Err(error),
            };
            reply(answer, end(connection, done).await)
        }
        Order::Nonce { key, nonce, now, expires_at, answer } => {
            let done = match begun {
                Ok(()) => requests::nonce(connection, &key, &nonce, now, expires_at).await,
                Err(error) => Err(error),
            };
            reply(answer, end(connection, done).await)
        }
        Order::LimitPages(_, answer) => reply(answer, end(connection, begun).await),
        Order::Close(done) => (Box::new(move |_| _ = done.send(())), None),
    }
}

/// Closes the savepoint: an error undoes this order only.
async fn end<T>(connection: &mut SqliteConnection, done: Result<T, StoreError>) -> Result<T, StoreError> {
    if let Err(error) = done {
        if !is_fatal(&error) {
            sqlx::query("ROLLBACK TO step").execute(&mut *connection).await.map_err(store)?;
            sqlx::query("RELEASE step").execute(&mut *connection).await.map_err(store)?;
        }
        return Err(error);
    }
    sqlx::query("RELEASE step").execute(&mut *connection).await.map_err(store)?;
    done
}

/// Whether an error ends the transaction and not only the step.
fn is_fatal(error: &StoreError) -> bool {
    matches!(error, StoreError::Full | StoreError::Unavailable(_))
}

fn reply<T: Send + 'static>(answer: Answer<T>, done: Result<T, StoreError>) -> (Reply, Option<StoreError>) {
    let fatal = done.as_ref().err().filter(|e| is_fatal(e)).cloned();
    let reply = Box::new(move |flushed: Result<(), StoreError>| {
        let _ = answer.send(flushed.and(done));
    });
    (reply, fatal)
}

async fn apply(connection: &mut SqliteConnection, commit: Commit, head: &mut Head) -> Result<Committed, StoreError> {
    for write in commit.writes {
        write::write(connection, write).await?;
    }
    for event in commit.events {
        append_event(connection, event).await?;
    }
    for draft in commit.audit {
        append_audit(connection, draft, head).await?;
    }
    let last = sqlx::query("SELECT coalesce(max(sequence), 0) FROM events").fetch_one(connection).await;
    Ok(Committed { last_event: number(&last.map_err(store)?, 0)?, last_audit: head.sequence })
}

async fn append_event(connection: &mut SqliteConnection, event: EventDraft) -> Result<(), StoreError> {
    let query = sqlx::query("INSERT INTO events (at_ms, kind, subject, data) VALUES ($1, $2, $3, $4)")
        .bind(write::signed(event.at.0)?)
        .bind(event.kind)
        .bind(event.subject)
        .bind(event.data);
    query.execute(connection).await.map_err(store).map(|_| ())
}

async fn append_audit(connection: &mut SqliteConnection, draft: Draft, head: &mut Head) -> Result<(), StoreError> {
    let (entry, next) = head.append(draft);
    let query = "INSERT INTO audit (sequence, at_ms, kind, fields, previous, digest) VALUES ($1, $2, $3, $4, $5, $6)";
    sqlx::query(query)
        .bind(write::signed(entry.sequence)?)
        .bind(write::signed(entry.at.0)?)
        .bind(entry.kind)
        .bind(entry.fields)
        .bind(entry.previous.0.to_vec())
        .bind(next.digest.0.to_vec())
        .execute(connection)
        .await
        .map_err(store)?;
    *head = next;
    Ok(())
}
