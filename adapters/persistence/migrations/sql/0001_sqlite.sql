-- Migration 0001 on SQLite: frozen. Later changes to a table are later migrations.

CREATE TABLE stored_events (
    notification_id INTEGER NOT NULL PRIMARY KEY,
    originator_id TEXT NOT NULL,
    originator_version INTEGER NOT NULL CHECK (originator_version > 0),
    topic TEXT NOT NULL,
    state BLOB NOT NULL,
    UNIQUE (originator_id, originator_version)
) STRICT;

CREATE TRIGGER stored_events_no_update BEFORE UPDATE ON stored_events
BEGIN SELECT RAISE(ABORT, 'the log is append-only: UPDATE on stored_events is refused'); END;

CREATE TRIGGER stored_events_no_delete BEFORE DELETE ON stored_events
BEGIN SELECT RAISE(ABORT, 'the log is append-only: DELETE on stored_events is refused'); END;

CREATE TABLE stream_heads (
    stream TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT, WITHOUT ROWID;

CREATE TABLE command_keys (
    scope TEXT NOT NULL,
    command_id TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    outcome TEXT NOT NULL,
    position INTEGER NOT NULL,
    recorded_at TEXT NOT NULL,
    PRIMARY KEY (scope, command_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE outbox (
    id INTEGER NOT NULL PRIMARY KEY,
    message_id TEXT NOT NULL UNIQUE,
    topic TEXT NOT NULL,
    recipient TEXT NOT NULL,
    body TEXT NOT NULL,
    position INTEGER NOT NULL,
    delivered_at TEXT
) STRICT;
CREATE INDEX outbox_undelivered_idx ON outbox (id) WHERE delivered_at IS NULL;

CREATE TABLE snapshots (
    stream TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    hash BLOB NOT NULL,
    code_version TEXT NOT NULL,
    state BLOB NOT NULL
) STRICT;

CREATE TABLE leases (
    name TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    token INTEGER NOT NULL,
    expires_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE balances (
    book_id TEXT NOT NULL,
    account TEXT NOT NULL,
    asset TEXT NOT NULL,
    amount TEXT NOT NULL CHECK (amount <> '0'),
    -- what an owner has is never negative, owner:due apart (safety §2.45)
    CHECK (substr(account, 1, 6) <> 'owner:' OR account = 'owner:due' OR substr(amount, 1, 1) = '-'),
    PRIMARY KEY (book_id, account, asset)
) STRICT, WITHOUT ROWID;

CREATE TABLE accounts (
    account_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    version INTEGER NOT NULL,
    roles TEXT NOT NULL,
    status TEXT NOT NULL,
    registered_at_utc TEXT NOT NULL,
    PRIMARY KEY (account_id)
) STRICT;

CREATE TABLE books (
    book_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    version INTEGER NOT NULL,
    owner_id TEXT NOT NULL,
    purse TEXT NOT NULL,
    venue_account TEXT NOT NULL,
    status TEXT NOT NULL,
    opened_at_utc TEXT NOT NULL,
    closed_at_utc TEXT,
    PRIMARY KEY (book_id)
) STRICT;
CREATE INDEX books_owner_id ON books (owner_id, position);

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
    PRIMARY KEY (bot_id)
) STRICT;
CREATE INDEX bots_book_id ON bots (book_id, position);
CREATE INDEX bots_owner_id ON bots (owner_id, position);

CREATE TABLE entries (
    position INTEGER NOT NULL,
    book_id TEXT NOT NULL,
    owner_id TEXT NOT NULL,
    entry_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    reference TEXT NOT NULL,
    fee_asset TEXT NOT NULL,
    fee_amount TEXT NOT NULL,
    effective_at_utc TEXT NOT NULL,
    recorded_at_utc TEXT NOT NULL,
    PRIMARY KEY (position)
) STRICT;
CREATE INDEX entries_book_id ON entries (book_id, position);
CREATE INDEX entries_owner_id ON entries (owner_id, position);

CREATE TABLE fills (
    venue_account TEXT NOT NULL,
    symbol TEXT NOT NULL,
    venue_trade_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    owner_id TEXT NOT NULL,
    book_id TEXT NOT NULL,
    bot_id TEXT NOT NULL,
    client_order_id TEXT NOT NULL,
    side TEXT NOT NULL,
    base_quantity TEXT NOT NULL,
    price_quote_per_base TEXT NOT NULL,
    fee_asset TEXT NOT NULL,
    fee_amount TEXT NOT NULL,
    slippage_bps TEXT NOT NULL,
    traded_at_utc TEXT NOT NULL,
    PRIMARY KEY (venue_account, symbol, venue_trade_id)
) STRICT;
CREATE INDEX fills_book_id ON fills (book_id, position);
CREATE INDEX fills_bot_id ON fills (bot_id, position);
CREATE INDEX fills_owner_id ON fills (owner_id, position);

CREATE TABLE identities (
    account_id TEXT NOT NULL,
    email TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    commitment_salt TEXT NOT NULL,
    created_at_utc TEXT NOT NULL,
    PRIMARY KEY (account_id),
    UNIQUE (email)
) STRICT;

CREATE TABLE orders (
    client_order_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    version INTEGER NOT NULL,
    owner_id TEXT NOT NULL,
    book_id TEXT NOT NULL,
    bot_id TEXT NOT NULL,
    venue TEXT NOT NULL,
    venue_account TEXT NOT NULL,
    venue_order_id TEXT NOT NULL,
    symbol TEXT NOT NULL,
    side TEXT NOT NULL,
    order_type TEXT NOT NULL,
    base_quantity TEXT,
    quote_budget TEXT,
    limit_price TEXT,
    decision_price TEXT NOT NULL,
    status TEXT NOT NULL,
    status_reason TEXT NOT NULL,
    filled_base TEXT NOT NULL,
    filled_quote TEXT NOT NULL,
    fills INTEGER NOT NULL,
    intended_at_utc TEXT NOT NULL,
    updated_at_utc TEXT NOT NULL,
    PRIMARY KEY (client_order_id)
) STRICT;
CREATE INDEX orders_book_id ON orders (book_id, position);
CREATE INDEX orders_bot_id ON orders (bot_id, position);
CREATE INDEX orders_owner_id ON orders (owner_id, position);

CREATE TABLE positions (
    bot_id TEXT NOT NULL,
    symbol TEXT NOT NULL,
    owner_id TEXT NOT NULL,
    base_quantity TEXT NOT NULL,
    cost_quote TEXT NOT NULL,
    realised_quote TEXT NOT NULL,
    fees_quote TEXT NOT NULL,
    buys INTEGER NOT NULL,
    sells INTEGER NOT NULL,
    updated_at_utc TEXT NOT NULL,
    PRIMARY KEY (bot_id, symbol)
) STRICT;
CREATE INDEX positions_owner_id ON positions (owner_id);

CREATE TABLE postings (
    position INTEGER NOT NULL,
    leg INTEGER NOT NULL,
    book_id TEXT NOT NULL,
    account TEXT NOT NULL,
    asset TEXT NOT NULL,
    amount TEXT NOT NULL,
    PRIMARY KEY (position, leg)
) STRICT, WITHOUT ROWID;
CREATE INDEX postings_book_id ON postings (book_id, position);

CREATE TABLE projection_positions (
    name TEXT NOT NULL,
    shard INTEGER NOT NULL,
    position INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    state TEXT NOT NULL,
    problem TEXT NOT NULL,
    PRIMARY KEY (name, shard)
) STRICT;

CREATE TABLE sessions (
    token_sha256 TEXT NOT NULL,
    account_id TEXT NOT NULL,
    created_at_utc TEXT NOT NULL,
    last_seen_at_utc TEXT NOT NULL,
    expires_at_utc TEXT NOT NULL,
    user_agent TEXT NOT NULL,
    PRIMARY KEY (token_sha256)
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_account_id ON sessions (account_id);

CREATE TABLE signals (
    signal_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    bot_id TEXT NOT NULL,
    owner_id TEXT NOT NULL,
    side TEXT NOT NULL,
    candle_open_time_ms INTEGER NOT NULL,
    price TEXT NOT NULL,
    why TEXT NOT NULL,
    client_order_id TEXT NOT NULL,
    guardrail TEXT NOT NULL,
    guardrail_detail TEXT NOT NULL,
    raised_at_utc TEXT NOT NULL,
    PRIMARY KEY (signal_id)
) STRICT;
CREATE INDEX signals_bot_id ON signals (bot_id, position);
CREATE INDEX signals_owner_id ON signals (owner_id, position);

CREATE TABLE totals (
    purse TEXT NOT NULL,
    account_class TEXT NOT NULL,
    asset TEXT NOT NULL,
    amount TEXT NOT NULL,
    PRIMARY KEY (purse, account_class, asset)
) STRICT, WITHOUT ROWID;

CREATE TABLE candles (
    source TEXT NOT NULL,
    symbol TEXT NOT NULL,
    interval TEXT NOT NULL,
    open_time_ms INTEGER NOT NULL,
    open TEXT NOT NULL,
    high TEXT NOT NULL,
    low TEXT NOT NULL,
    close TEXT NOT NULL,
    volume TEXT NOT NULL,
    PRIMARY KEY (source, symbol, interval, open_time_ms)
) STRICT, WITHOUT ROWID;

CREATE TABLE paper_accounts (
    venue_account TEXT NOT NULL,
    terms TEXT NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (venue_account)
) STRICT, WITHOUT ROWID;

CREATE TABLE paper_balances (
    venue_account TEXT NOT NULL,
    asset TEXT NOT NULL,
    free TEXT NOT NULL,
    locked TEXT NOT NULL,
    fees TEXT NOT NULL,
    PRIMARY KEY (venue_account, asset)
) STRICT, WITHOUT ROWID;

CREATE TABLE paper_deposits (
    venue_account TEXT NOT NULL,
    deposit_id TEXT NOT NULL,
    asset TEXT NOT NULL,
    amount TEXT NOT NULL,
    PRIMARY KEY (venue_account, deposit_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE paper_fills (
    venue_account TEXT NOT NULL,
    client_order_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    venue_trade_id TEXT NOT NULL,
    base_quantity TEXT NOT NULL,
    price TEXT NOT NULL,
    quote_amount TEXT NOT NULL,
    fee_amount TEXT NOT NULL,
    fee_asset TEXT NOT NULL,
    traded_at_ms INTEGER NOT NULL,
    PRIMARY KEY (venue_account, client_order_id, number)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX ux_paper_fills_trade ON paper_fills (venue_account, venue_trade_id);

CREATE TABLE paper_orders (
    venue_account TEXT NOT NULL,
    client_order_id TEXT NOT NULL,
    venue_order_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    symbol TEXT NOT NULL,
    side TEXT NOT NULL,
    order_type TEXT NOT NULL,
    base_quantity TEXT,
    quote_budget TEXT,
    limit_price TEXT,
    time_in_force TEXT NOT NULL,
    sent_at_ms INTEGER NOT NULL,
    price_series TEXT NOT NULL,
    status TEXT NOT NULL,
    reason TEXT NOT NULL,
    filled_base TEXT NOT NULL,
    locked TEXT NOT NULL,
    last_candle_ms INTEGER,
    PRIMARY KEY (venue_account, client_order_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX ix_paper_orders_open_by_account ON paper_orders (venue_account) WHERE status = 'open';
CREATE INDEX ix_paper_orders_open_by_symbol ON paper_orders (symbol) WHERE status = 'open';
