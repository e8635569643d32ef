-- Migration 0003 on SQLite: frozen. Later changes to a table are migrations of their own.

CREATE TABLE seal_state (
    shard INTEGER NOT NULL PRIMARY KEY,
    size INTEGER NOT NULL CHECK (size >= 0),
    last_id INTEGER NOT NULL
) STRICT;
INSERT INTO seal_state VALUES (0, 0, 0);

CREATE TABLE seal_tiles (
    level INTEGER NOT NULL,
    number INTEGER NOT NULL,
    hashes BLOB NOT NULL,
    PRIMARY KEY (level, number)
) STRICT;

CREATE TABLE seal_ids (
    number INTEGER NOT NULL PRIMARY KEY,
    first_id INTEGER NOT NULL,
    ids BLOB NOT NULL
) STRICT;
CREATE INDEX ix_seal_ids_first_id ON seal_ids (first_id);

CREATE TABLE checkpoints (
    size INTEGER NOT NULL PRIMARY KEY,
    root BLOB NOT NULL CHECK (length(root) = 32),
    note TEXT NOT NULL
) STRICT;
CREATE TRIGGER checkpoints_no_update BEFORE UPDATE ON checkpoints
BEGIN SELECT RAISE(ABORT, 'signed checkpoints are append-only'); END;
CREATE TRIGGER checkpoints_no_delete BEFORE DELETE ON checkpoints
BEGIN SELECT RAISE(ABORT, 'signed checkpoints are append-only'); END;
