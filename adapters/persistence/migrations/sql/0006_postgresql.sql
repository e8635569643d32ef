-- Migration 0006 on PostgreSQL: frozen. Later changes to a table are migrations of their own.

CREATE TABLE venue_accounts (
    venue_account_id text NOT NULL,
    position bigint NOT NULL,
    version bigint NOT NULL,
    owner_id text NOT NULL,
    kind text NOT NULL,
    venue text NOT NULL,
    name text NOT NULL,
    book_id text NOT NULL,
    status text NOT NULL,
    key_id text NOT NULL,
    fingerprint text NOT NULL,
    rights text NOT NULL,
    is_ip_restricted bigint NOT NULL,
    key_since_utc timestamptz,
    opened_at_utc timestamptz NOT NULL,
    PRIMARY KEY (venue_account_id)
);
CREATE INDEX venue_accounts_book_id ON venue_accounts (book_id, position);
CREATE INDEX venue_accounts_owner_id ON venue_accounts (owner_id, position);

-- Exchanges' keys, sealed: what wraps their data keys is in a file, never here.
CREATE TABLE venue_keys (
    key_id text NOT NULL,
    venue_account_id text NOT NULL,
    owner_id text NOT NULL,
    venue text NOT NULL,
    fingerprint text NOT NULL,
    master_id text NOT NULL,
    wrapped_key text NOT NULL,
    sealed text NOT NULL,
    stored_at_utc timestamptz NOT NULL,
    PRIMARY KEY (key_id),
    UNIQUE (fingerprint)
);

CREATE TABLE step_ups (
    step_up_id text NOT NULL,
    session_sha256 text NOT NULL,
    account_id text NOT NULL,
    act_sha256 text NOT NULL,
    address text NOT NULL,
    proved_at_utc timestamptz NOT NULL,
    PRIMARY KEY (step_up_id)
);
CREATE INDEX step_ups_session_sha256 ON step_ups (session_sha256, act_sha256);

-- Accounts say whether they may trade live, bots in which mode they are: both are folded again from the log.
DROP TABLE accounts;
CREATE TABLE accounts (
    account_id text NOT NULL,
    position bigint NOT NULL,
    version bigint NOT NULL,
    roles text NOT NULL,
    status text NOT NULL,
    registered_at_utc timestamptz NOT NULL,
    live_trading text NOT NULL,
    PRIMARY KEY (account_id)
);

DELETE FROM signals;
DELETE FROM orders;
DELETE FROM fills;
DELETE FROM positions;
DROP TABLE bots;
CREATE TABLE bots (
    bot_id text NOT NULL,
    position bigint NOT NULL,
    version bigint NOT NULL,
    owner_id text NOT NULL,
    book_id text NOT NULL,
    venue_account text NOT NULL,
    name text NOT NULL,
    strategy text NOT NULL,
    parameters text NOT NULL,
    venue text NOT NULL,
    symbol text NOT NULL,
    interval text NOT NULL,
    source text NOT NULL,
    allocation_asset text NOT NULL,
    allocation_amount numeric NOT NULL,
    max_order_notional numeric,
    status text NOT NULL,
    status_reason text NOT NULL,
    run bigint NOT NULL,
    signals bigint NOT NULL,
    guardrails_tripped bigint NOT NULL,
    last_signal_at_utc timestamptz,
    created_at_utc timestamptz NOT NULL,
    mode text NOT NULL,
    PRIMARY KEY (bot_id)
);
CREATE INDEX bots_book_id ON bots (book_id, position);
CREATE INDEX bots_owner_id ON bots (owner_id, position);

UPDATE projection_positions SET position = 0, generation = generation + 1, state = 'folding', problem = ''
 WHERE name IN ('accounts', 'trading');

DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'evenkeel_app') THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON venue_accounts, venue_keys, step_ups, accounts, bots TO evenkeel_app;
    END IF;
END $$;
