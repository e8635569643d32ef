-- Migration 0005 on PostgreSQL: frozen. Later changes to a table are migrations of their own.

CREATE TABLE entry_tags (
    position bigint NOT NULL,
    name text NOT NULL,
    book_id text NOT NULL,
    value text NOT NULL,
    PRIMARY KEY (position, name)
);
CREATE INDEX entry_tags_book_id ON entry_tags (book_id, position);

CREATE TABLE reversals (
    book_id text NOT NULL,
    entry_id text NOT NULL,
    reference text NOT NULL,
    position bigint NOT NULL,
    reversal_id text NOT NULL,
    PRIMARY KEY (book_id, entry_id, reference)
);

CREATE TABLE holds (
    hold_id text NOT NULL,
    position bigint NOT NULL,
    version bigint NOT NULL,
    owner_id text NOT NULL,
    book_id text NOT NULL,
    asset text NOT NULL,
    amount numeric NOT NULL,
    status text NOT NULL,
    reason text NOT NULL,
    placed_at_utc timestamptz NOT NULL,
    expires_at_utc timestamptz,
    ended_at_utc timestamptz,
    PRIMARY KEY (hold_id)
);
CREATE INDEX holds_book_id ON holds (book_id, position);
CREATE INDEX holds_owner_id ON holds (owner_id, position);
CREATE INDEX holds_status ON holds (status, expires_at_utc);

-- Entries are folded again, for what was taken back before: the projector begins at the log's start.
DELETE FROM books;
DELETE FROM entries;
DELETE FROM postings;
DELETE FROM totals;
UPDATE projection_positions SET position = 0, generation = generation + 1, state = 'folding', problem = ''
 WHERE name = 'ledger';

DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'evenkeel_app') THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON entry_tags, reversals, holds TO evenkeel_app;
    END IF;
END $$;
