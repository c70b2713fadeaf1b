-- The newest fact of each witness and topic (rule M1); of finality (rule L3) one for each witness and intent.
CREATE TABLE facts (
    witness TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('price', 'balance', 'final')),
    subject BLOB NOT NULL,
    at_ms INTEGER NOT NULL,
    signed BLOB NOT NULL,
    PRIMARY KEY (witness, kind, subject)
) STRICT, WITHOUT ROWID;
