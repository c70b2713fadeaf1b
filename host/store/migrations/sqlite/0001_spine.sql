-- The host's durable memory. Documents and states are deterministic CBOR; amounts are 32-byte big-endian blobs, never
-- summed in SQL; the constraints carry the invariants.

CREATE TABLE genesis (
    sequence INTEGER PRIMARY KEY CHECK (sequence >= 0),
    signed BLOB NOT NULL
) STRICT;

CREATE TABLE policies (
    sequence INTEGER PRIMARY KEY CHECK (sequence >= 1),
    digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
    signed BLOB NOT NULL
) STRICT;

CREATE TABLE certificates (
    key BLOB PRIMARY KEY,
    epoch INTEGER NOT NULL CHECK (epoch >= 0),
    signed BLOB NOT NULL
) STRICT;

CREATE TABLE wallets (
    ordinal INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    vault INTEGER NOT NULL CHECK (vault >= 0),
    name TEXT NOT NULL CHECK (name <> ''),
    created_at_ms INTEGER NOT NULL,
    UNIQUE (vault, name)
) STRICT;

CREATE TABLE address_indices (
    wallet BLOB NOT NULL CHECK (length(wallet) = 16),
    network TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('p2tr', 'p2wpkh', 'change')),
    next INTEGER NOT NULL CHECK (next >= 0),
    PRIMARY KEY (wallet, network, kind)
) STRICT;

CREATE TABLE transfers (
    ordinal INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    reference TEXT UNIQUE CHECK (reference <> ''),
    wallet BLOB NOT NULL CHECK (length(wallet) = 16),
    status TEXT NOT NULL CHECK (status <> ''),
    ended INTEGER NOT NULL CHECK (ended IN (0, 1)),
    version INTEGER NOT NULL CHECK (version >= 1),
    updated_at_ms INTEGER NOT NULL,
    header BLOB NOT NULL,
    state BLOB NOT NULL
) STRICT;
CREATE INDEX transfers_open ON transfers (ordinal) WHERE ended = 0;
CREATE INDEX transfers_by_wallet ON transfers (wallet, ordinal);
CREATE INDEX transfers_by_status ON transfers (status, ordinal);

-- Rule I3: one intent per nonce and per outpoint, for ever. The intent is the first of its replacement chain.
CREATE TABLE nonces (
    network TEXT NOT NULL,
    account BLOB NOT NULL CHECK (length(account) BETWEEN 1 AND 42),
    nonce INTEGER NOT NULL CHECK (nonce >= 0),
    intent BLOB NOT NULL CHECK (length(intent) = 16),
    settled INTEGER NOT NULL DEFAULT 0 CHECK (settled IN (0, 1)),
    PRIMARY KEY (network, account, nonce)
) STRICT;
CREATE INDEX nonces_by_intent ON nonces (intent);
CREATE INDEX nonces_open ON nonces (settled) WHERE settled = 0;

CREATE TABLE outpoints (
    network TEXT NOT NULL,
    txid BLOB NOT NULL CHECK (length(txid) = 32),
    vout INTEGER NOT NULL CHECK (vout >= 0),
    intent BLOB NOT NULL CHECK (length(intent) = 16),
    settled INTEGER NOT NULL DEFAULT 0 CHECK (settled IN (0, 1)),
    PRIMARY KEY (network, txid, vout)
) STRICT;
CREATE INDEX outpoints_by_intent ON outpoints (intent);
CREATE INDEX outpoints_open ON outpoints (settled) WHERE settled = 0;

CREATE TABLE approvals (
    ordinal INTEGER PRIMARY KEY AUTOINCREMENT,
    intent BLOB NOT NULL CHECK (length(intent) = 16),
    person BLOB NOT NULL CHECK (length(person) = 16),
    envelope BLOB NOT NULL CHECK (length(envelope) = 32),
    approval BLOB NOT NULL,
    UNIQUE (intent, person, envelope)
) STRICT;

CREATE TABLE receipts (
    intent BLOB PRIMARY KEY CHECK (length(intent) = 16),
    policy BLOB NOT NULL CHECK (length(policy) = 32),
    body BLOB NOT NULL
) STRICT;

CREATE TABLE spendings (
    limit_key BLOB NOT NULL,
    intent BLOB NOT NULL CHECK (length(intent) = 16),
    amount BLOB NOT NULL CHECK (length(amount) = 32),
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (limit_key, intent)
) STRICT;

CREATE TABLE deposits (
    ordinal INTEGER PRIMARY KEY AUTOINCREMENT,
    network TEXT NOT NULL,
    txid TEXT NOT NULL CHECK (txid <> ''),
    place INTEGER NOT NULL CHECK (place >= 0),
    wallet BLOB NOT NULL CHECK (length(wallet) = 16),
    address TEXT NOT NULL,
    asset BLOB NOT NULL,
    amount BLOB NOT NULL CHECK (length(amount) = 32),
    height INTEGER,
    confirmed INTEGER NOT NULL CHECK (confirmed IN (0, 1)),
    seen_at_ms INTEGER NOT NULL,
    UNIQUE (network, txid, place)
) STRICT;
CREATE INDEX deposits_by_wallet ON deposits (wallet, ordinal);

CREATE TABLE events (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms INTEGER NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    data TEXT NOT NULL
) STRICT;

CREATE TABLE audit (
    sequence INTEGER PRIMARY KEY CHECK (sequence >= 1),
    at_ms INTEGER NOT NULL,
    kind TEXT NOT NULL,
    fields TEXT NOT NULL,
    previous BLOB NOT NULL CHECK (length(previous) = 32),
    digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 32)
) STRICT;

CREATE TABLE request_nonces (
    key TEXT NOT NULL,
    nonce TEXT NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    PRIMARY KEY (key, nonce)
) STRICT, WITHOUT ROWID;
CREATE INDEX request_nonces_by_expiry ON request_nonces (expires_at_ms);

CREATE TABLE idempotency (
    caller TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32),
    status INTEGER,
    body BLOB,
    expires_at_ms INTEGER NOT NULL,
    PRIMARY KEY (caller, key),
    CHECK ((status IS NULL) = (body IS NULL))
) STRICT;
CREATE INDEX idempotency_by_expiry ON idempotency (expires_at_ms);
