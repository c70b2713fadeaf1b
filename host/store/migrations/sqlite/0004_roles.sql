-- What people may ask of the API. A row without a role says that it was taken away.
CREATE TABLE roles (
    person BLOB PRIMARY KEY CHECK (length(person) = 16),
    role TEXT CHECK (role <> ''),
    decided_by TEXT NOT NULL CHECK (decided_by <> ''),
    at_ms INTEGER NOT NULL
) STRICT;
