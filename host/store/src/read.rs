//! Reads, beside the writer.

use crate::error::store;
use crate::row::{blob, bytes, document, number, parsed, small, text};
use crate::sqlite::SqliteStore;
use crate::write::signed;
use async_trait::async_trait;
use ringi_ledger::Entry;
use ringi_orchestrator::ports::{
    BrakeRecord, Commit, Committed, DepositRecord, DraftRecord, EventDraft, EventRecord, Page, Paged, ReceiptRecord,
    Role, RoleRecord, Snapshot, Store, StoreError, TransferFilter, TransferRecord, WalletRecord,
};
use ringi_primitives::address::Address;
use ringi_primitives::amount::Amount;
use ringi_primitives::approval::Approval;
use ringi_primitives::cbor;
use ringi_primitives::certificate::SignedCertificate;
use ringi_primitives::decision::Spending;
use ringi_primitives::digest::Digest;
use ringi_primitives::effects::Outpoint;
use ringi_primitives::id::{IntentId, PersonId, WalletId};
use ringi_primitives::network::NetworkId;
use ringi_primitives::order::KeyId;
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::signed::Signed;
use ringi_primitives::time::UnixMs;
use ringi_primitives::wallet::{VaultIndex, WalletRef};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqlitePool};
use std::collections::BTreeMap;

/// The longest page.
const PAGE: u32 = 200;

const TRANSFER: &str = "SELECT ordinal, header, state, version, updated_at_ms FROM transfers WHERE id = $1";

fn transfer(row: &SqliteRow) -> Result<TransferRecord, StoreError> {
    let (header, state) = (document(row, 1)?, document(row, 2)?);
    Ok(TransferRecord { header, state, version: number(row, 3)?, updated_at: UnixMs(number(row, 4)?) })
}

fn wallet(row: &SqliteRow) -> Result<WalletRecord, StoreError> {
    let wallet = WalletRef { vault: VaultIndex(small(row, 2)?), wallet: WalletId::from_bytes(bytes(row, 1)?) };
    Ok(WalletRecord { wallet, name: text(row, 3)?, created_at: UnixMs(number(row, 4)?) })
}

fn role(row: &SqliteRow) -> Result<RoleRecord, StoreError> {
    let name: Option<String> = row.try_get(1).map_err(store)?;
    let known = |n: String| Role::from_name(&n).ok_or_else(|| StoreError::Corrupt(format!("{n} is no role")));
    let role = name.map(known).transpose()?;
    Ok(RoleRecord {
        person: PersonId::from_bytes(bytes(row, 0)?),
        role,
        by: text(row, 2)?,
        at: UnixMs(number(row, 3)?),
    })
}

fn deposit(row: &SqliteRow) -> Result<DepositRecord, StoreError> {
    let height: Option<i64> = row.try_get(8).map_err(store)?;
    Ok(DepositRecord {
        network: parsed(row, 1)?,
        transaction: text(row, 2)?,
        place: number(row, 3)?,
        wallet: WalletId::from_bytes(bytes(row, 4)?),
        address: text(row, 5)?,
        asset: document(row, 6)?,
        amount: Amount::from_be_bytes(bytes(row, 7)?),
        height: height.and_then(|h| u64::try_from(h).ok()),
        confirmed: number(row, 9)? == 1,
        seen_at: UnixMs(number(row, 10)?),
    })
}

/// Where a page begins and how many rows it takes: one more than asked, to know whether there is a next page.
fn bounds(page: &Page) -> Result<(i64, i64), StoreError> {
    let before = match &page.cursor {
        None => i64::MAX,
        Some(cursor) => cursor.parse().ok().filter(|n: &i64| *n > 0).ok_or(StoreError::Cursor)?,
    };
    Ok((before, i64::from(page.limit.clamp(1, PAGE)) + 1))
}

/// The rows of a page and the cursor of the next: the ordinal, which is column 0, of the last row given.
fn paged<T>(
    rows: &[SqliteRow],
    take: i64,
    read: fn(&SqliteRow) -> Result<T, StoreError>,
) -> Result<Paged<T>, StoreError> {
    let most = usize::try_from(take - 1).unwrap_or(0);
    let given = rows.get(..most).unwrap_or(rows);
    let next = match given.last() {
        Some(last) if rows.len() > most => Some(number(last, 0)?.to_string()),
        _ => None,
    };
    Ok((given.iter().map(read).collect::<Result<_, _>>()?, next))
}

async fn all(pool: &SqlitePool, query: &'static str) -> Result<Vec<SqliteRow>, StoreError> {
    sqlx::query(query).fetch_all(pool).await.map_err(store)
}

fn each<T>(rows: &[SqliteRow], read: impl Fn(&SqliteRow) -> Result<T, StoreError>) -> Result<Vec<T>, StoreError> {
    rows.iter().map(read).collect()
}

/// Brakes with what cosigners said of each.
fn with_answers(brakes: &[SqliteRow], answers: &[SqliteRow]) -> Result<Vec<BrakeRecord>, StoreError> {
    let mut said: BTreeMap<[u8; 32], Vec<(PartyIndex, Option<String>)>> = BTreeMap::new();
    for row in answers {
        let party = u8::try_from(number(row, 1)?).ok().and_then(PartyIndex::new);
        let party = party.ok_or(StoreError::Corrupt("a cosigner's number".into()))?;
        said.entry(bytes(row, 0)?).or_default().push((party, row.try_get(2).map_err(store)?));
    }
    each(brakes, |row| {
        let answers = said.get(&bytes::<32>(row, 0)?).cloned().unwrap_or_default();
        Ok(BrakeRecord { signed: document(row, 1)?, answers })
    })
}

async fn snapshot(pool: &SqlitePool) -> Result<Snapshot, StoreError> {
    let genesis = all(pool, "SELECT signed FROM genesis ORDER BY sequence").await?;
    let policy = all(pool, "SELECT signed FROM policies ORDER BY sequence DESC LIMIT 1").await?;
    let certificates = all(pool, "SELECT signed FROM certificates ORDER BY key").await?;
    let roles = all(pool, "SELECT person, role, decided_by, at_ms FROM roles ORDER BY person").await?;
    let open = "SELECT ordinal, header, state, version, updated_at_ms FROM transfers WHERE ended = 0 ORDER BY ordinal";
    let open = all(pool, open).await?;
    let nonces = all(pool, "SELECT network, account, nonce, intent FROM nonces WHERE settled = 0").await?;
    let outpoints = all(pool, "SELECT network, txid, vout, intent FROM outpoints WHERE settled = 0").await?;
    let spendings = all(pool, "SELECT limit_key, intent, amount, at_ms FROM spendings").await?;
    let indices = all(pool, "SELECT wallet, network, kind, next FROM address_indices").await?;
    let facts = all(pool, "SELECT signed FROM facts ORDER BY witness, kind, subject").await?;
    let brakes = all(pool, "SELECT digest, signed FROM brakes WHERE ended = 0 ORDER BY at_ms, digest").await?;
    let answers = all(pool, "SELECT brake, cosigner, code FROM brake_answers ORDER BY brake, cosigner").await?;
    let drafts = "SELECT drafted_by, at_ms, signed FROM policy_drafts ORDER BY at_ms, digest";
    let drafts = all(pool, drafts).await?;
    let last = all(pool, "SELECT coalesce(max(sequence), 0) FROM events").await?;
    Ok(Snapshot {
        genesis: each(&genesis, |r| document(r, 0))?,
        brakes: with_answers(&brakes, &answers)?,
        drafts: each(&drafts, |r| {
            Ok(DraftRecord {
                signed: document(r, 2)?,
                by: PersonId::from_bytes(bytes(r, 0)?),
                at: UnixMs(number(r, 1)?),
            })
        })?,
        policy: each(&policy, |r| document(r, 0))?.pop(),
        roles: each(&roles, role)?,
        certificates: each(&certificates, |r| document(r, 0))?,
        open: each(&open, transfer)?,
        nonces: each(&nonces, |r| {
            let account = Address::new(&blob(r, 1)?).ok_or(StoreError::Corrupt("an account".into()))?;
            Ok((parsed(r, 0)?, account, number(r, 2)?, IntentId::from_bytes(bytes(r, 3)?)))
        })?,
        outpoints: each(&outpoints, |r| {
            let outpoint = Outpoint { txid: bytes(r, 1)?, vout: small(r, 2)? };
            Ok((parsed(r, 0)?, outpoint, IntentId::from_bytes(bytes(r, 3)?)))
        })?,
        spendings: each(&spendings, |r| {
            let (limit, intent) = (document(r, 0)?, IntentId::from_bytes(bytes(r, 1)?));
            Ok(Spending { limit, intent, amount: Amount::from_be_bytes(bytes(r, 2)?), at: UnixMs(number(r, 3)?) })
        })?,
        address_indices: each(&indices, |r| {
            Ok((WalletId::from_bytes(bytes(r, 0)?), parsed(r, 1)?, text(r, 2)?, small(r, 3)?))
        })?,
        facts: each(&facts, |r| document(r, 0))?,
        last_event: last.first().map(|r| number(r, 0)).transpose()?.unwrap_or(0),
    })
}

#[async_trait]
impl Store for SqliteStore {
    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        self.commit_order(commit).await
    }

    async fn load(&self) -> Result<Snapshot, StoreError> {
        snapshot(&self.readers).await
    }

    async fn transfer(&self, id: IntentId) -> Result<Option<TransferRecord>, StoreError> {
        let query = sqlx::query(TRANSFER).bind(id.bytes().to_vec());
        query.fetch_optional(&self.readers).await.map_err(store)?.map(|r| transfer(&r)).transpose()
    }

    async fn transfers(&self, filter: &TransferFilter, page: &Page) -> Result<Paged<TransferRecord>, StoreError> {
        let (before, take) = bounds(page)?;
        let query = sqlx::query(
            "SELECT ordinal, header, state, version, updated_at_ms FROM transfers
             WHERE ordinal < $1 AND ($2 IS NULL OR wallet = $2) AND ($3 IS NULL OR status = $3)
             AND ($4 IS NULL OR reference = $4) ORDER BY ordinal DESC LIMIT $5",
        )
        .bind(before)
        .bind(filter.wallet.map(|w| w.bytes().to_vec()))
        .bind(filter.status.clone())
        .bind(filter.reference.clone())
        .bind(take);
        paged(&query.fetch_all(&self.readers).await.map_err(store)?, take, transfer)
    }

    async fn approvals(&self, intent: IntentId) -> Result<Vec<(Digest, Approval)>, StoreError> {
        let query = sqlx::query("SELECT envelope, approval FROM approvals WHERE intent = $1 ORDER BY ordinal")
            .bind(intent.bytes().to_vec());
        let rows = query.fetch_all(&self.readers).await.map_err(store)?;
        each(&rows, |r| Ok((Digest(bytes(r, 0)?), document(r, 1)?)))
    }

    async fn receipt(&self, intent: IntentId) -> Result<Option<ReceiptRecord>, StoreError> {
        let query = sqlx::query("SELECT policy, body FROM receipts WHERE intent = $1").bind(intent.bytes().to_vec());
        let row = query.fetch_optional(&self.readers).await.map_err(store)?;
        row.map(|r| Ok(ReceiptRecord { intent, policy: Digest(bytes(&r, 0)?), body: blob(&r, 1)? })).transpose()
    }

    async fn policy(&self, digest: Digest) -> Result<Option<Signed>, StoreError> {
        let query = sqlx::query("SELECT signed FROM policies WHERE digest = $1").bind(digest.0.to_vec());
        query.fetch_optional(&self.readers).await.map_err(store)?.map(|r| document(&r, 0)).transpose()
    }

    async fn wallet(&self, id: WalletId) -> Result<Option<WalletRecord>, StoreError> {
        let query = sqlx::query("SELECT ordinal, id, vault, name, created_at_ms FROM wallets WHERE id = $1")
            .bind(id.bytes().to_vec());
        query.fetch_optional(&self.readers).await.map_err(store)?.map(|r| wallet(&r)).transpose()
    }

    async fn wallets(&self, page: &Page) -> Result<Paged<WalletRecord>, StoreError> {
        let (before, take) = bounds(page)?;
        let query = sqlx::query(
            "SELECT ordinal, id, vault, name, created_at_ms FROM wallets WHERE ordinal < $1
             ORDER BY ordinal DESC LIMIT $2",
        )
        .bind(before)
        .bind(take);
        paged(&query.fetch_all(&self.readers).await.map_err(store)?, take, wallet)
    }

    async fn deposits(&self, wallet: Option<WalletId>, page: &Page) -> Result<Paged<DepositRecord>, StoreError> {
        let (before, take) = bounds(page)?;
        let query = sqlx::query(
            "SELECT ordinal, network, txid, place, wallet, address, asset, amount, height, confirmed, seen_at_ms
             FROM deposits WHERE ordinal < $1 AND ($2 IS NULL OR wallet = $2) ORDER BY ordinal DESC LIMIT $3",
        )
        .bind(before)
        .bind(wallet.map(|w| w.bytes().to_vec()))
        .bind(take);
        paged(&query.fetch_all(&self.readers).await.map_err(store)?, take, deposit)
    }

    async fn deposit(
        &self,
        network: NetworkId,
        transaction: &str,
        place: u64,
    ) -> Result<Option<DepositRecord>, StoreError> {
        let query = sqlx::query(
            "SELECT ordinal, network, txid, place, wallet, address, asset, amount, height, confirmed, seen_at_ms
             FROM deposits WHERE network = $1 AND txid = $2 AND place = $3",
        )
        .bind(network.to_string())
        .bind(transaction)
        .bind(signed(place)?);
        query.fetch_optional(&self.readers).await.map_err(store)?.map(|r| deposit(&r)).transpose()
    }

    async fn events_after(&self, sequence: u64, limit: u32) -> Result<Vec<EventRecord>, StoreError> {
        let query = sqlx::query(
            "SELECT sequence, at_ms, kind, subject, data FROM events WHERE sequence > $1 ORDER BY sequence LIMIT $2",
        )
        .bind(i64::try_from(sequence).unwrap_or(i64::MAX))
        .bind(i64::from(limit));
        each(&query.fetch_all(&self.readers).await.map_err(store)?, |r| {
            let event =
                EventDraft { at: UnixMs(number(r, 1)?), kind: text(r, 2)?, subject: text(r, 3)?, data: text(r, 4)? };
            Ok(EventRecord { sequence: number(r, 0)?, event })
        })
    }

    async fn audit_after(&self, sequence: u64, limit: u32) -> Result<Vec<Entry>, StoreError> {
        let query = sqlx::query(
            "SELECT sequence, at_ms, kind, fields, previous FROM audit WHERE sequence > $1 ORDER BY sequence LIMIT $2",
        )
        .bind(i64::try_from(sequence).unwrap_or(i64::MAX))
        .bind(i64::from(limit));
        each(&query.fetch_all(&self.readers).await.map_err(store)?, |r| {
            let (sequence, at, previous) = (number(r, 0)?, UnixMs(number(r, 1)?), Digest(bytes(r, 4)?));
            Ok(Entry { sequence, at, kind: text(r, 2)?, fields: text(r, 3)?, previous })
        })
    }

    async fn certificate(&self, key: KeyId) -> Result<Option<SignedCertificate>, StoreError> {
        let query = sqlx::query("SELECT signed FROM certificates WHERE key = $1").bind(cbor::encode(&key));
        query.fetch_optional(&self.readers).await.map_err(store)?.map(|r| document(&r, 0)).transpose()
    }
}
