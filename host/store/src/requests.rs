//! The gateway's memory: idempotency keys and request nonces. Expired ones are dropped as new ones come.

use crate::error::store;
use crate::row::{blob, bytes};
use crate::sqlite::SqliteStore;
use crate::write::{request_nonce, signed};
use crate::writer::{Claim, Order};
use async_trait::async_trait;
use ringi_orchestrator::ports::{IdempotencyClaim, RequestMemory, StoreError, StoredResponse, UniqueRule};
use ringi_primitives::time::UnixMs;
use sqlx::{Row, SqliteConnection};

pub(crate) async fn claim(c: &mut SqliteConnection, claim: Claim) -> Result<IdempotencyClaim, StoreError> {
    let now = signed(claim.now.0)?;
    let expired = sqlx::query("DELETE FROM idempotency WHERE expires_at_ms <= $1").bind(now);
    expired.execute(&mut *c).await.map_err(store)?;
    let query = sqlx::query("SELECT fingerprint, status, body FROM idempotency WHERE caller = $1 AND key = $2")
        .bind(claim.caller.clone())
        .bind(claim.key.clone());
    let Some(row) = query.fetch_optional(&mut *c).await.map_err(store)? else {
        let insert = "INSERT INTO idempotency (caller, key, fingerprint, expires_at_ms) VALUES ($1, $2, $3, $4)";
        let query = sqlx::query(insert)
            .bind(claim.caller)
            .bind(claim.key)
            .bind(claim.fingerprint.to_vec())
            .bind(signed(claim.expires_at.0)?);
        return query.execute(c).await.map_err(store).map(|_| IdempotencyClaim::Fresh);
    };
    if bytes::<32>(&row, 0)? != claim.fingerprint {
        return Ok(IdempotencyClaim::Mismatch);
    }
    let status: Option<i64> = row.try_get(1).map_err(store)?;
    match status.and_then(|s| u16::try_from(s).ok()) {
        Some(status) => Ok(IdempotencyClaim::Done(StoredResponse { status, body: blob(&row, 2)? })),
        None => Ok(IdempotencyClaim::InProgress),
    }
}

pub(crate) async fn answered(
    c: &mut SqliteConnection,
    caller: &str,
    key: &str,
    response: Option<StoredResponse>,
) -> Result<(), StoreError> {
    let query = match response {
        Some(response) => sqlx::query("UPDATE idempotency SET status = $3, body = $4 WHERE caller = $1 AND key = $2")
            .bind(caller)
            .bind(key)
            .bind(i64::from(response.status))
            .bind(response.body),
        None => sqlx::query("DELETE FROM idempotency WHERE caller = $1 AND key = $2").bind(caller).bind(key),
    };
    query.execute(c).await.map_err(store).map(|_| ())
}

pub(crate) async fn nonce(
    c: &mut SqliteConnection,
    key: &str,
    nonce: &str,
    now: UnixMs,
    expires_at: UnixMs,
) -> Result<bool, StoreError> {
    let expired = sqlx::query("DELETE FROM request_nonces WHERE expires_at_ms <= $1").bind(signed(now.0)?);
    expired.execute(&mut *c).await.map_err(store)?;
    match request_nonce(c, key, nonce, expires_at).await {
        Ok(()) => Ok(true),
        Err(StoreError::Unique(UniqueRule::RequestNonce)) => Ok(false),
        Err(error) => Err(error),
    }
}

#[async_trait]
impl RequestMemory for SqliteStore {
    async fn claim(
        &self,
        caller: &str,
        key: &str,
        fingerprint: &[u8; 32],
        now: UnixMs,
        expires_at: UnixMs,
    ) -> Result<IdempotencyClaim, StoreError> {
        let (caller, key, fingerprint) = (caller.to_string(), key.to_string(), *fingerprint);
        let claim = Claim { caller, key, fingerprint, now, expires_at };
        self.order(|answer| Order::Claim(claim, answer)).await?
    }

    async fn complete(&self, caller: &str, key: &str, response: &StoredResponse) -> Result<(), StoreError> {
        let (caller, key, response) = (caller.to_string(), key.to_string(), Some(response.clone()));
        self.order(|answer| Order::Answered { caller, key, response, answer }).await?
    }

    async fn forget(&self, caller: &str, key: &str) -> Result<(), StoreError> {
        let (caller, key) = (caller.to_string(), key.to_string());
        self.order(|answer| Order::Answered { caller, key, response: None, answer }).await?
    }

    async fn fresh_nonce(&self, key: &str, nonce: &str, now: UnixMs, expires_at: UnixMs) -> Result<bool, StoreError> {
        let (key, nonce) = (key.to_string(), nonce.to_string());
        self.order(|answer| Order::Nonce { key, nonce, now, expires_at, answer }).await?
    }
}
