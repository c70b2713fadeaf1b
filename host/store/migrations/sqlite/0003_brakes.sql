-- Freezes, vetoes and withdrawals (rule P1): kept until they stop nothing any more, with what each cosigner said.
CREATE TABLE brakes (
    digest BLOB PRIMARY KEY CHECK (length(digest) = 32),
    at_ms INTEGER NOT NULL,
    signed BLOB NOT NULL,
    ended INTEGER NOT NULL DEFAULT 0 CHECK (ended IN (0, 1))
) STRICT, WITHOUT ROWID;

-- No code: it holds there.
CREATE TABLE brake_answers (
    brake BLOB NOT NULL REFERENCES brakes (digest),
    cosigner INTEGER NOT NULL CHECK (cosigner BETWEEN 1 AND 9),
    code TEXT,
    PRIMARY KEY (brake, cosigner)
) STRICT, WITHOUT ROWID;
