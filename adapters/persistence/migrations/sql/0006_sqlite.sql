-- Migration 0006 on SQLite: frozen. Later changes to a table are migrations of their own.

CREATE TABLE venue_accounts (
    venue_account_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    version INTEGER NOT NULL,
    owner_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    venue TEXT NOT NULL,
    name TEXT NOT NULL,
    book_id TEXT NOT NULL,
    status TEXT NOT NULL,
    key_id TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    rights TEXT NOT NULL,
    is_ip_restricted INTEGER NOT NULL,
    key_since_utc TEXT,
    opened_at_utc TEXT NOT NULL,
    PRIMARY KEY (venue_account_id)
) STRICT;
CREATE INDEX venue_accounts_book_id ON venue_accounts (book_id, position);
CREATE INDEX venue_accounts_owner_id ON venue_accounts (owner_id, position);

-- Exchanges' keys, sealed: what wraps their data keys is in a file, never here.
CREATE TABLE venue_keys (
    key_id TEXT NOT NULL,
    venue_account_id TEXT NOT NULL,
    owner_id TEXT NOT NULL,
    venue TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    master_id TEXT NOT NULL,
    wrapped_key TEXT NOT NULL,
    sealed TEXT NOT NULL,
    stored_at_utc TEXT NOT NULL,
    PRIMARY KEY (key_id),
    UNIQUE (fingerprint)
) STRICT;

CREATE TABLE step_ups (
    step_up_id TEXT NOT NULL,
    session_sha256 TEXT NOT NULL,
    account_id TEXT NOT NULL,
    act_sha256 TEXT NOT NULL,
    address TEXT NOT NULL,
    proved_at_utc TEXT NOT NULL,
    PRIMARY KEY (step_up_id)
) STRICT;
CREATE INDEX step_ups_session_sha256 ON step_ups (session_sha256, act_sha256);

-- Accounts say whether they may trade live, bots in which mode they are: both are folded again from the log.
DROP TABLE accounts;
CREATE TABLE accounts (
    account_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    version INTEGER NOT NULL,
    roles TEXT NOT NULL,
    status TEXT NOT NULL,
    registered_at_utc TEXT NOT NULL,
    live_trading TEXT NOT NULL,
    PRIMARY KEY (account_id)
) STRICT;

DELETE FROM signals;
DELETE FROM orders;
DELETE FROM fills;
DELETE FROM positions;
DROP TABLE bots;
CREATE TABLE bots (
    bot_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    version INTEGER NOT NULL,
    owner_id TEXT NOT NULL,
    book_id TEXT NOT NULL,
    venue_account TEXT NOT NULL,
    name TEXT NOT NULL,
    strategy TEXT NOT NULL,
    parameters TEXT NOT NULL,
    venue TEXT NOT NULL,
    symbol TEXT NOT NULL,
    interval TEXT NOT NULL,
    source TEXT NOT NULL,
    allocation_asset TEXT NOT NULL,
    allocation_amount TEXT NOT NULL,
    max_order_notional TEXT,
    status TEXT NOT NULL,
    status_reason TEXT NOT NULL,
    run INTEGER NOT NULL,
    signals INTEGER NOT NULL,
    guardrails_tripped INTEGER NOT NULL,
    last_signal_at_utc TEXT,
    created_at_utc TEXT NOT NULL,
    mode TEXT NOT NULL,
    PRIMARY KEY (bot_id)
) STRICT;
CREATE INDEX bots_book_id ON bots (book_id, position);
CREATE INDEX bots_owner_id ON bots (owner_id, position);

UPDATE projection_positions SET position = 0, generation = generation + 1, state = 'folding', problem = ''
 WHERE name IN ('accounts', 'trading');
