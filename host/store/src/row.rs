//! Reading columns: types and ranges are checked, anything else is damage.

use crate::error::{corrupt, store};
use minicbor::{Decode, Encode};
use ringi_orchestrator::ports::StoreError;
use ringi_primitives::cbor;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use std::str::FromStr;

/// Documents of ours are bounded where they enter; here the bound only stops damage.
const DOCUMENT_BYTES: usize = 64 * 1024 * 1024;

pub(crate) fn number(row: &SqliteRow, at: usize) -> Result<u64, StoreError> {
    let value: i64 = row.try_get(at).map_err(store)?;
    u64::try_from(value).map_err(|_| corrupt("a negative number"))
}

pub(crate) fn small(row: &SqliteRow, at: usize) -> Result<u32, StoreError> {
    u32::try_from(number(row, at)?).map_err(|_| corrupt("a number out of range"))
}

pub(crate) fn blob(row: &SqliteRow, at: usize) -> Result<Vec<u8>, StoreError> {
    row.try_get(at).map_err(store)
}

pub(crate) fn text(row: &SqliteRow, at: usize) -> Result<String, StoreError> {
    row.try_get(at).map_err(store)
}

/// A blob of exactly N bytes.
pub(crate) fn bytes<const N: usize>(row: &SqliteRow, at: usize) -> Result<[u8; N], StoreError> {
    blob(row, at)?.try_into().map_err(|_| corrupt("a blob of the wrong length"))
}

/// A text that parses.
pub(crate) fn parsed<T: FromStr>(row: &SqliteRow, at: usize) -> Result<T, StoreError> {
    text(row, at)?.parse().map_err(|_| corrupt("a text that does not parse"))
}

/// A document in deterministic CBOR.
pub(crate) fn document<T: for<'b> Decode<'b, ()> + Encode<()>>(row: &SqliteRow, at: usize) -> Result<T, StoreError> {
    cbor::decode(&blob(row, at)?, DOCUMENT_BYTES).map_err(corrupt)
}
