-- Migration 0005 on SQLite: frozen. Later changes to a table are migrations of their own.

CREATE TABLE entry_tags (
    position INTEGER NOT NULL,
    name TEXT NOT NULL,
    book_id TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (position, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX entry_tags_book_id ON entry_tags (book_id, position);

CREATE TABLE reversals (
    book_id TEXT NOT NULL,
    entry_id TEXT NOT NULL,
    reference TEXT NOT NULL,
    position INTEGER NOT NULL,
    reversal_id TEXT NOT NULL,
    PRIMARY KEY (book_id, entry_id, reference)
) STRICT, WITHOUT ROWID;

CREATE TABLE holds (
    hold_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    version INTEGER NOT NULL,
    owner_id TEXT NOT NULL,
    book_id TEXT NOT NULL,
    asset TEXT NOT NULL,
    amount TEXT NOT NULL,
    status TEXT NOT NULL,
    reason TEXT NOT NULL,
    placed_at_utc TEXT NOT NULL,
    expires_at_utc TEXT,
    ended_at_utc TEXT,
    PRIMARY KEY (hold_id)
) STRICT;
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
