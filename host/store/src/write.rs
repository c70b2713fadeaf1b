//! One SQL statement per kind of write.

use crate::error::store;
use ringi_orchestrator::ports::{
    DepositRecord, DraftRecord, ReceiptRecord, RoleRecord, StoreError, TransferRecord, WalletRecord, Write,
};
use ringi_orchestrator::transfer::Transfer;
use ringi_primitives::address::Address;
use ringi_primitives::approval::Approval;
use ringi_primitives::brake::SignedBrake;
use ringi_primitives::cbor;
use ringi_primitives::certificate::SignedCertificate;
use ringi_primitives::decision::Spending;
use ringi_primitives::digest::{Digest, Domain};
use ringi_primitives::effects::Outpoint;
use ringi_primitives::fact::{Fact, SignedFact};
use ringi_primitives::id::{IntentId, WalletId};
use ringi_primitives::network::NetworkId;
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::signed::Signed;
use ringi_primitives::time::UnixMs;
use sqlx::SqliteConnection;

type Done = Result<(), StoreError>;

/// SQL integers are signed.
pub(crate) fn signed(value: u64) -> Result<i64, StoreError> {
    i64::try_from(value).map_err(|_| StoreError::Unavailable("a number is too large to store".into()))
}

pub(crate) async fn write(c: &mut SqliteConnection, write: Write) -> Done {
    match write {
        Write::InsertTransfer(record) => insert_transfer(c, &record).await,
        Write::UpdateTransfer { id, version, state, at } => update_transfer(c, id, version, &state, at).await,
        Write::RequestNonce { key, nonce, expires_at } => request_nonce(c, &key, &nonce, expires_at).await,
        Write::Approval { intent, envelope, approval } => approve(c, intent, envelope, &approval).await,
        Write::ReserveNonce { network, account, nonce, intent } => nonce_of(c, network, &account, nonce, intent).await,
        Write::ReserveOutpoints { network, outpoints, intent } => {
            for outpoint in outpoints {
                outpoint_of(c, network, outpoint, intent).await?;
            }
            Ok(())
        }
        Write::ReleaseSlots { intent } => release(c, intent).await,
        Write::SettleSlots { intent } => settle(c, intent).await,
        Write::Spend(spending) => spend(c, &spending).await,
        Write::Receipt(record) => receipt(c, &record).await,
        Write::InsertWallet(record) => wallet(c, &record).await,
        Write::AddressIndex { wallet, network, kind, next } => address_index(c, wallet, network, &kind, next).await,
        Write::Genesis { sequence, signed: document } => genesis(c, sequence, &document).await,
        Write::Policy { sequence, digest, signed: document } => policy(c, sequence, digest, &document).await,
        Write::Certificate(certificate) => self::certificate(c, &certificate).await,
        Write::Deposit(record) => deposit(c, &record).await,
        Write::Fact(record) => fact(c, &record).await,
        Write::Brake { digest, at, signed: document } => brake(c, digest, at, &document).await,
        Write::BrakeAnswer { brake, cosigner, code } => brake_answer(c, brake, cosigner, code).await,
        Write::BrakesEnded { digests } => brakes_ended(c, &digests).await,
        Write::Role(record) => role(c, &record).await,
        Write::Draft(record) => draft(c, &record).await,
        Write::DraftEnded { digest } => draft_ended(c, digest).await,
    }
}

async fn insert_transfer(c: &mut SqliteConnection, record: &TransferRecord) -> Done {
    let header = &record.header;
    sqlx::query(
        "INSERT INTO transfers (id, reference, wallet, status, ended, version, updated_at_ms, header, state)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(header.id.bytes().to_vec())
    .bind(header.reference.clone())
    .bind(header.wallet.wallet.bytes().to_vec())
    .bind(record.state.status().name())
    .bind(i64::from(record.state.is_ended()))
    .bind(signed(record.version)?)
    .bind(signed(record.updated_at.0)?)
    .bind(cbor::encode(header))
    .bind(cbor::encode(&record.state))
    .execute(c)
    .await
    .map_err(store)
    .map(|_| ())
}

async fn update_transfer(c: &mut SqliteConnection, id: IntentId, version: u64, state: &Transfer, at: UnixMs) -> Done {
    let updated = sqlx::query(
        "UPDATE transfers SET status = $1, ended = $2, version = $3, updated_at_ms = $4, state = $5
         WHERE id = $6 AND version = $3 - 1",
    )
    .bind(state.status().name())
    .bind(i64::from(state.is_ended()))
    .bind(signed(version)?)
    .bind(signed(at.0)?)
    .bind(cbor::encode(state))
    .bind(id.bytes().to_vec())
    .execute(c)
    .await
    .map_err(store)?;
    if updated.rows_affected() == 1 { Ok(()) } else { Err(StoreError::Stale) }
}

pub(crate) async fn request_nonce(c: &mut SqliteConnection, key: &str, nonce: &str, expires_at: UnixMs) -> Done {
    let query = sqlx::query("INSERT INTO request_nonces (key, nonce, expires_at_ms) VALUES ($1, $2, $3)")
        .bind(key)
        .bind(nonce)
        .bind(signed(expires_at.0)?);
    query.execute(c).await.map_err(store).map(|_| ())
}

async fn approve(c: &mut SqliteConnection, intent: IntentId, envelope: Digest, approval: &Approval) -> Done {
    sqlx::query(
        "INSERT INTO approvals (intent, person, envelope, approval) VALUES ($1, $2, $3, $4)
         ON CONFLICT (intent, person, envelope) DO NOTHING",
    )
    .bind(intent.bytes().to_vec())
    .bind(approval.person.bytes().to_vec())
    .bind(envelope.0.to_vec())
    .bind(cbor::encode(approval))
    .execute(c)
    .await
    .map_err(store)
    .map(|_| ())
}

/// I3: the primary key refuses a nonce that any intent ever had.
async fn nonce_of(
    c: &mut SqliteConnection,
    network: NetworkId,
    account: &Address,
    nonce: u64,
    intent: IntentId,
) -> Done {
    sqlx::query("INSERT INTO nonces (network, account, nonce, intent) VALUES ($1, $2, $3, $4)")
        .bind(network.to_string())
        .bind(account.raw().to_vec())
        .bind(signed(nonce)?)
        .bind(intent.bytes().to_vec())
        .execute(c)
        .await
        .map_err(store)
        .map(|_| ())
}

/// I3: the primary key refuses an outpoint of another intent; the same intent's own is kept.
async fn outpoint_of(c: &mut SqliteConnection, network: NetworkId, outpoint: Outpoint, intent: IntentId) -> Done {
    let own = "SELECT 1 FROM outpoints WHERE network = $1 AND txid = $2 AND vout = $3 AND intent = $4";
    let bound = sqlx::query(own)
        .bind(network.to_string())
        .bind(outpoint.txid.to_vec())
        .bind(i64::from(outpoint.vout))
        .bind(intent.bytes().to_vec());
    if bound.fetch_optional(&mut *c).await.map_err(store)?.is_some() {
        return Ok(());
    }
    sqlx::query("INSERT INTO outpoints (network, txid, vout, intent) VALUES ($1, $2, $3, $4)")
        .bind(network.to_string())
        .bind(outpoint.txid.to_vec())
        .bind(i64::from(outpoint.vout))
        .bind(intent.bytes().to_vec())
        .execute(c)
        .await
        .map_err(store)
        .map(|_| ())
}

async fn release(c: &mut SqliteConnection, intent: IntentId) -> Done {
    for query in [
        "DELETE FROM nonces WHERE intent = $1 AND settled = 0",
        "DELETE FROM outpoints WHERE intent = $1 AND settled = 0",
    ] {
        sqlx::query(query).bind(intent.bytes().to_vec()).execute(&mut *c).await.map_err(store)?;
    }
    Ok(())
}

async fn settle(c: &mut SqliteConnection, intent: IntentId) -> Done {
    for query in
        ["UPDATE nonces SET settled = 1 WHERE intent = $1", "UPDATE outpoints SET settled = 1 WHERE intent = $1"]
    {
        sqlx::query(query).bind(intent.bytes().to_vec()).execute(&mut *c).await.map_err(store)?;
    }
    Ok(())
}

/// Big-endian blobs of one length compare as the numbers do.
async fn spend(c: &mut SqliteConnection, spending: &Spending) -> Done {
    sqlx::query(
        "INSERT INTO spendings (limit_key, intent, amount, at_ms) VALUES ($1, $2, $3, $4)
         ON CONFLICT (limit_key, intent) DO UPDATE
         SET amount = max(amount, excluded.amount), at_ms = max(at_ms, excluded.at_ms)",
    )
    .bind(cbor::encode(&spending.limit))
    .bind(spending.intent.bytes().to_vec())
    .bind(spending.amount.to_be_bytes().to_vec())
    .bind(signed(spending.at.0)?)
    .execute(c)
    .await
    .map_err(store)
    .map(|_| ())
}

async fn receipt(c: &mut SqliteConnection, record: &ReceiptRecord) -> Done {
    sqlx::query("INSERT INTO receipts (intent, policy, body) VALUES ($1, $2, $3) ON CONFLICT (intent) DO NOTHING")
        .bind(record.intent.bytes().to_vec())
        .bind(record.policy.0.to_vec())
        .bind(record.body.clone())
        .execute(c)
        .await
        .map_err(store)
        .map(|_| ())
}

async fn wallet(c: &mut SqliteConnection, record: &WalletRecord) -> Done {
    sqlx::query("INSERT INTO wallets (id, vault, name, created_at_ms) VALUES ($1, $2, $3, $4)")
        .bind(record.wallet.wallet.bytes().to_vec())
        .bind(i64::from(record.wallet.vault.0))
        .bind(record.name.clone())
        .bind(signed(record.created_at.0)?)
        .execute(c)
        .await
        .map_err(store)
        .map(|_| ())
}

async fn address_index(c: &mut SqliteConnection, wallet: WalletId, network: NetworkId, kind: &str, next: u32) -> Done {
    sqlx::query(
        "INSERT INTO address_indices (wallet, network, kind, next) VALUES ($1, $2, $3, $4)
         ON CONFLICT (wallet, network, kind) DO UPDATE SET next = max(next, excluded.next)",
    )
    .bind(wallet.bytes().to_vec())
    .bind(network.to_string())
    .bind(kind)
    .bind(i64::from(next))
    .execute(c)
    .await
    .map_err(store)
    .map(|_| ())
}

async fn genesis(c: &mut SqliteConnection, sequence: u64, document: &Signed) -> Done {
    sqlx::query("INSERT INTO genesis (sequence, signed) VALUES ($1, $2)")
        .bind(signed(sequence)?)
        .bind(cbor::encode(document))
        .execute(c)
        .await
        .map_err(store)
        .map(|_| ())
}

async fn policy(c: &mut SqliteConnection, sequence: u64, digest: Digest, document: &Signed) -> Done {
    sqlx::query("INSERT INTO policies (sequence, digest, signed) VALUES ($1, $2, $3)")
        .bind(signed(sequence)?)
        .bind(digest.0.to_vec())
        .bind(cbor::encode(document))
        .execute(c)
        .await
        .map_err(store)
        .map(|_| ())
}

async fn certificate(c: &mut SqliteConnection, certificate: &SignedCertificate) -> Done {
    sqlx::query(
        "INSERT INTO certificates (key, epoch, signed) VALUES ($1, $2, $3)
         ON CONFLICT (key) DO UPDATE SET epoch = excluded.epoch, signed = excluded.signed
         WHERE excluded.epoch > epoch",
    )
    .bind(cbor::encode(&certificate.certificate.key))
    .bind(i64::from(certificate.certificate.epoch))
    .bind(cbor::encode(certificate))
    .execute(c)
    .await
    .map_err(store)
    .map(|_| ())
}

/// M1: an older statement never takes a newer one's place.
async fn fact(c: &mut SqliteConnection, record: &SignedFact) -> Done {
    let statement = &record.statement;
    let subject = match &statement.fact {
        Fact::Price { asset, .. } => cbor::encode(asset),
        Fact::Balance { wallet, asset, .. } => cbor::encode(&(wallet, asset)),
        Fact::Final { intent, .. } => cbor::encode(intent),
    };
    sqlx::query(
        "INSERT INTO facts (witness, kind, subject, at_ms, signed) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (witness, kind, subject) DO UPDATE SET at_ms = excluded.at_ms, signed = excluded.signed
         WHERE excluded.at_ms > at_ms",
    )
    .bind(statement.witness.text())
    .bind(statement.fact.kind().name())
    .bind(subject)
    .bind(signed(statement.at.0)?)
    .bind(cbor::encode(record))
    .execute(c)
    .await
    .map_err(store)
    .map(|_| ())
}

async fn draft(c: &mut SqliteConnection, record: &DraftRecord) -> Done {
    sqlx::query(
        "INSERT INTO policy_drafts (digest, drafted_by, at_ms, signed) VALUES ($1, $2, $3, $4)
         ON CONFLICT (digest) DO UPDATE SET signed = excluded.signed",
    )
    .bind(record.signed.digest(Domain::PolicySet).0.to_vec())
    .bind(record.by.bytes().to_vec())
    .bind(signed(record.at.0)?)
    .bind(cbor::encode(&record.signed))
    .execute(c)
    .await
    .map_err(store)
    .map(|_| ())
}

async fn draft_ended(c: &mut SqliteConnection, digest: Digest) -> Done {
    let query = sqlx::query("DELETE FROM policy_drafts WHERE digest = $1").bind(digest.0.to_vec());
    query.execute(c).await.map_err(store).map(|_| ())
}

async fn brake(c: &mut SqliteConnection, digest: Digest, at: UnixMs, document: &SignedBrake) -> Done {
    sqlx::query("INSERT INTO brakes (digest, at_ms, signed) VALUES ($1, $2, $3) ON CONFLICT (digest) DO NOTHING")
        .bind(digest.0.to_vec())
        .bind(signed(at.0)?)
        .bind(cbor::encode(document))
        .execute(c)
        .await
        .map_err(store)
        .map(|_| ())
}

async fn brake_answer(c: &mut SqliteConnection, brake: Digest, cosigner: PartyIndex, code: Option<String>) -> Done {
    sqlx::query(
        "INSERT INTO brake_answers (brake, cosigner, code) VALUES ($1, $2, $3)
         ON CONFLICT (brake, cosigner) DO UPDATE SET code = excluded.code",
    )
    .bind(brake.0.to_vec())
    .bind(i64::from(cosigner.number()))
    .bind(code)
    .execute(c)
    .await
    .map_err(store)
    .map(|_| ())
}

async fn brakes_ended(c: &mut SqliteConnection, digests: &[Digest]) -> Done {
    for digest in digests {
        let query = sqlx::query("UPDATE brakes SET ended = 1 WHERE digest = $1").bind(digest.0.to_vec());
        query.execute(&mut *c).await.map_err(store)?;
    }
    Ok(())
}

async fn deposit(c: &mut SqliteConnection, record: &DepositRecord) -> Done {
    let height = record.height.map(signed).transpose()?;
    sqlx::query(
        "INSERT INTO deposits (network, txid, place, wallet, address, asset, amount, height, confirmed, seen_at_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         ON CONFLICT (network, txid, place) DO UPDATE
         SET height = excluded.height, confirmed = excluded.confirmed WHERE confirmed = 0",
    )
    .bind(record.network.to_string())
    .bind(record.transaction.clone())
    .bind(signed(record.place)?)
    .bind(record.wallet.bytes().to_vec())
    .bind(record.address.clone())
    .bind(cbor::encode(&record.asset))
    .bind(record.amount.to_be_bytes().to_vec())
    .bind(height)
    .bind(i64::from(record.confirmed))
    .bind(signed(record.seen_at.0)?)
    .execute(c)
    .await
    .map_err(store)
    .map(|_| ())
}

async fn role(c: &mut SqliteConnection, record: &RoleRecord) -> Done {
    sqlx::query(
        "INSERT INTO roles (person, role, decided_by, at_ms) VALUES ($1, $2, $3, $4)
         ON CONFLICT (person) DO UPDATE
         SET role = excluded.role, decided_by = excluded.decided_by, at_ms = excluded.at_ms",
    )
    .bind(record.person.bytes().to_vec())
    .bind(record.role.map(|role| role.name()))
    .bind(record.by.clone())
    .bind(signed(record.at.0)?)
    .execute(c)
    .await
    .map_err(store)
    .map(|_| ())
}
