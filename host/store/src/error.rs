//! From SQLite's errors to ours: which rule was broken, full disk, damage, busy.

use ringi_orchestrator::ports::{StoreError, UniqueRule};

/// What the constraint's message names, and the rule that it carries.
const UNIQUE: [(&str, UniqueRule); 10] = [
    ("transfers.id", UniqueRule::IntentId),
    ("transfers.reference", UniqueRule::Reference),
    ("nonces.network", UniqueRule::Nonce),
    ("outpoints.network", UniqueRule::Outpoint),
    ("request_nonces.key", UniqueRule::RequestNonce),
    ("wallets.id", UniqueRule::WalletId),
    ("wallets.vault", UniqueRule::WalletName),
    ("genesis.sequence", UniqueRule::Document),
    ("policies.sequence", UniqueRule::Document),
    ("policies.digest", UniqueRule::Document),
];

pub(crate) fn store(error: sqlx::Error) -> StoreError {
    let Some(database) = error.as_database_error() else {
        return match error {
            sqlx::Error::Decode(e) | sqlx::Error::ColumnDecode { source: e, .. } => StoreError::Corrupt(e.to_string()),
            other => StoreError::Unavailable(other.to_string()),
        };
    };
    let message = database.message().to_string();
    // SQLite's extended result codes: the low byte is the primary code.
    let code = database.code().and_then(|c| c.parse::<i32>().ok()).unwrap_or(0) & 0xff;
    match code {
        13 => StoreError::Full,
        11 | 26 => StoreError::Corrupt(message),
        19 => match UNIQUE.iter().find(|(column, _)| message.contains(column)) {
            Some((_, rule)) if message.contains("UNIQUE") => StoreError::Unique(*rule),
            _ => StoreError::Corrupt(format!("a constraint refused it: {message}")),
        },
        _ => StoreError::Unavailable(message),
    }
}

pub(crate) fn corrupt(what: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt(what.to_string())
}
