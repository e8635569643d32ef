-- Migration 0003 on PostgreSQL: frozen. Later changes to a table are migrations of their own.

CREATE TABLE seal_state (
    shard bigint PRIMARY KEY,
    size bigint NOT NULL CHECK (size >= 0),
    last_id bigint NOT NULL
);
INSERT INTO seal_state VALUES (0, 0, 0);

CREATE TABLE seal_tiles (
    level bigint NOT NULL,
    number bigint NOT NULL,
    hashes bytea NOT NULL,
    PRIMARY KEY (level, number)
) WITH (fillfactor = 50);
ALTER TABLE seal_tiles ALTER COLUMN hashes SET STORAGE EXTERNAL;

CREATE TABLE seal_ids (
    number bigint PRIMARY KEY,
    first_id bigint NOT NULL,
    ids bytea NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX ix_seal_ids_first_id ON seal_ids (first_id);
ALTER TABLE seal_ids ALTER COLUMN ids SET STORAGE EXTERNAL;

CREATE TABLE checkpoints (
    size bigint PRIMARY KEY,
    root bytea NOT NULL CHECK (length(root) = 32),
    note text NOT NULL
);
CREATE TRIGGER checkpoints_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON checkpoints
    FOR EACH STATEMENT EXECUTE FUNCTION evenkeel_refuse_change();

DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'evenkeel_app') THEN
        GRANT SELECT, INSERT, UPDATE ON seal_state, seal_tiles, seal_ids TO evenkeel_app;
        GRANT SELECT, INSERT ON checkpoints TO evenkeel_app;
    END IF;
END $$;
