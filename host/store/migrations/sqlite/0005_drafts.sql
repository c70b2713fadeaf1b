-- Drafts of the next policy set, with the signatures that they have so far.
CREATE TABLE policy_drafts (
    digest BLOB PRIMARY KEY CHECK (length(digest) = 32),
    drafted_by BLOB NOT NULL CHECK (length(drafted_by) = 16),
    at_ms INTEGER NOT NULL,
    signed BLOB NOT NULL
) STRICT, WITHOUT ROWID;
