-- Migration 0001 on PostgreSQL: frozen. Later changes to a table are later migrations.

CREATE TABLE stored_events (
    originator_id text NOT NULL,
    originator_version bigint NOT NULL CHECK (originator_version > 0),
    topic text NOT NULL,
    state bytea NOT NULL,
    notification_id bigserial NOT NULL,
    PRIMARY KEY (originator_id, originator_version)
);

ALTER TABLE stored_events ALTER COLUMN state SET STORAGE EXTERNAL;
CREATE UNIQUE INDEX stored_events_notification_id_idx ON stored_events (notification_id);

CREATE FUNCTION evenkeel_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $BODY$
BEGIN
    RAISE EXCEPTION 'the log is append-only: % on % is refused', TG_OP, TG_TABLE_NAME;
END
$BODY$;

CREATE TRIGGER stored_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON stored_events
    FOR EACH STATEMENT EXECUTE FUNCTION evenkeel_refuse_change();

-- Ids are in commit order because only who holds this lock draws them. An append has it already (it takes it
-- first of all, before it checks); whoever else inserts waits for it here, before an id is drawn.
CREATE FUNCTION evenkeel_order_appends() RETURNS trigger LANGUAGE plpgsql AS $BODY$
BEGIN
    PERFORM pg_advisory_xact_lock(1801807212, 0);
    RETURN NULL;
END
$BODY$;

CREATE TRIGGER stored_events_in_order BEFORE INSERT ON stored_events
    FOR EACH STATEMENT EXECUTE FUNCTION evenkeel_order_appends();

CREATE TABLE stream_heads (
    stream text PRIMARY KEY,
    version bigint NOT NULL,
    hash bytea NOT NULL CHECK (length(hash) = 32)
) WITH (fillfactor = 80);

CREATE TABLE command_keys (
    scope text NOT NULL,
    command_id text NOT NULL,
    fingerprint text NOT NULL,
    outcome text NOT NULL,
    position bigint NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (scope, command_id)
);

CREATE TABLE outbox (
    id bigserial PRIMARY KEY,
    message_id text NOT NULL UNIQUE,
    topic text NOT NULL,
    recipient text NOT NULL,
    body text NOT NULL,
    position bigint NOT NULL,
    delivered_at timestamptz
);
CREATE INDEX outbox_undelivered_idx ON outbox (id) WHERE delivered_at IS NULL;

CREATE TABLE snapshots (
    stream text PRIMARY KEY,
    version bigint NOT NULL,
    hash bytea NOT NULL,
    code_version text NOT NULL,
    state bytea NOT NULL
);

CREATE TABLE leases (
    name text PRIMARY KEY,
    holder text NOT NULL,
    token bigint NOT NULL,
    expires_at timestamptz NOT NULL
);

CREATE TABLE balances (
    book_id text NOT NULL,
    account text NOT NULL,
    asset text NOT NULL,
    amount numeric NOT NULL CHECK (amount <> 0),
    -- what an owner has is never negative, owner:due apart (safety §2.45)
    CHECK (account NOT LIKE 'owner:%' OR account = 'owner:due' OR amount < 0),
    PRIMARY KEY (book_id, account, asset)
) WITH (fillfactor = 80);

CREATE FUNCTION evenkeel_check_append(
    streams text[], versions bigint[], lease_names text[], tokens bigint[]
) RETURNS void LANGUAGE plpgsql AS $BODY$
DECLARE
    bad text;
BEGIN
    SELECT expected.stream INTO bad
      FROM unnest(streams, versions) AS expected(stream, version)
      LEFT JOIN stream_heads AS head ON head.stream = expected.stream
     WHERE coalesce(head.version, 0) <> expected.version
     ORDER BY expected.stream LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'EK001', MESSAGE = bad;
    END IF;
    IF cardinality(lease_names) > 0 THEN
        -- the row stays locked until this append commits, so a takeover waits for it
        PERFORM 1 FROM leases WHERE name = ANY(lease_names) ORDER BY name FOR SHARE;
        SELECT held.name INTO bad
          FROM unnest(lease_names, tokens) AS held(name, token)
          LEFT JOIN leases AS lease ON lease.name = held.name
         WHERE lease.token IS DISTINCT FROM held.token
         ORDER BY held.name LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION USING ERRCODE = 'EK003', MESSAGE = bad;
        END IF;
    END IF;
END
$BODY$;

CREATE TABLE accounts (
    account_id text NOT NULL,
    position bigint NOT NULL,
    version bigint NOT NULL,
    roles text NOT NULL,
    status text NOT NULL,
    registered_at_utc timestamptz NOT NULL,
    PRIMARY KEY (account_id)
);

CREATE TABLE books (
    book_id text NOT NULL,
    position bigint NOT NULL,
    version bigint NOT NULL,
    owner_id text NOT NULL,
    purse text NOT NULL,
    venue_account text NOT NULL,
    status text NOT NULL,
    opened_at_utc timestamptz NOT NULL,
    closed_at_utc timestamptz,
    PRIMARY KEY (book_id)
);
CREATE INDEX books_owner_id ON books (owner_id, position);

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
    PRIMARY KEY (bot_id)
);
CREATE INDEX bots_book_id ON bots (book_id, position);
CREATE INDEX bots_owner_id ON bots (owner_id, position);

CREATE TABLE entries (
    position bigint NOT NULL,
    book_id text NOT NULL,
    owner_id text NOT NULL,
    entry_id text NOT NULL,
    kind text NOT NULL,
    reference text NOT NULL,
    fee_asset text NOT NULL,
    fee_amount numeric NOT NULL,
    effective_at_utc timestamptz NOT NULL,
    recorded_at_utc timestamptz NOT NULL,
    PRIMARY KEY (position)
);
CREATE INDEX entries_book_id ON entries (book_id, position);
CREATE INDEX entries_owner_id ON entries (owner_id, position);

CREATE TABLE fills (
    venue_account text NOT NULL,
    symbol text NOT NULL,
    venue_trade_id text NOT NULL,
    position bigint NOT NULL,
    owner_id text NOT NULL,
    book_id text NOT NULL,
    bot_id text NOT NULL,
    client_order_id text NOT NULL,
    side text NOT NULL,
    base_quantity numeric NOT NULL,
    price_quote_per_base numeric NOT NULL,
    fee_asset text NOT NULL,
    fee_amount numeric NOT NULL,
    slippage_bps numeric NOT NULL,
    traded_at_utc timestamptz NOT NULL,
    PRIMARY KEY (venue_account, symbol, venue_trade_id)
);
CREATE INDEX fills_book_id ON fills (book_id, position);
CREATE INDEX fills_bot_id ON fills (bot_id, position);
CREATE INDEX fills_owner_id ON fills (owner_id, position);

CREATE TABLE identities (
    account_id text NOT NULL,
    email text NOT NULL,
    password_hash text NOT NULL,
    commitment_salt text NOT NULL,
    created_at_utc timestamptz NOT NULL,
    PRIMARY KEY (account_id),
    UNIQUE (email)
);

CREATE TABLE orders (
    client_order_id text NOT NULL,
    position bigint NOT NULL,
    version bigint NOT NULL,
    owner_id text NOT NULL,
    book_id text NOT NULL,
    bot_id text NOT NULL,
    venue text NOT NULL,
    venue_account text NOT NULL,
    venue_order_id text NOT NULL,
    symbol text NOT NULL,
    side text NOT NULL,
    order_type text NOT NULL,
    base_quantity numeric,
    quote_budget numeric,
    limit_price numeric,
    decision_price numeric NOT NULL,
    status text NOT NULL,
    status_reason text NOT NULL,
    filled_base numeric NOT NULL,
    filled_quote numeric NOT NULL,
    fills bigint NOT NULL,
    intended_at_utc timestamptz NOT NULL,
    updated_at_utc timestamptz NOT NULL,
    PRIMARY KEY (client_order_id)
);
CREATE INDEX orders_book_id ON orders (book_id, position);
CREATE INDEX orders_bot_id ON orders (bot_id, position);
CREATE INDEX orders_owner_id ON orders (owner_id, position);

CREATE TABLE positions (
    bot_id text NOT NULL,
    symbol text NOT NULL,
    owner_id text NOT NULL,
    base_quantity numeric NOT NULL,
    cost_quote numeric NOT NULL,
    realised_quote numeric NOT NULL,
    fees_quote numeric NOT NULL,
    buys bigint NOT NULL,
    sells bigint NOT NULL,
    updated_at_utc timestamptz NOT NULL,
    PRIMARY KEY (bot_id, symbol)
);
CREATE INDEX positions_owner_id ON positions (owner_id);

CREATE TABLE postings (
    position bigint NOT NULL,
    leg bigint NOT NULL,
    book_id text NOT NULL,
    account text NOT NULL,
    asset text NOT NULL,
    amount numeric NOT NULL,
    PRIMARY KEY (position, leg)
);
CREATE INDEX postings_book_id ON postings (book_id, position);

CREATE TABLE projection_positions (
    name text NOT NULL,
    shard bigint NOT NULL,
    position bigint NOT NULL,
    generation bigint NOT NULL,
    state text NOT NULL,
    problem text NOT NULL,
    PRIMARY KEY (name, shard)
);

CREATE TABLE sessions (
    token_sha256 text NOT NULL,
    account_id text NOT NULL,
    created_at_utc timestamptz NOT NULL,
    last_seen_at_utc timestamptz NOT NULL,
    expires_at_utc timestamptz NOT NULL,
    user_agent text NOT NULL,
    PRIMARY KEY (token_sha256)
);
CREATE INDEX sessions_account_id ON sessions (account_id);

CREATE TABLE signals (
    signal_id text NOT NULL,
    position bigint NOT NULL,
    bot_id text NOT NULL,
    owner_id text NOT NULL,
    side text NOT NULL,
    candle_open_time_ms bigint NOT NULL,
    price numeric NOT NULL,
    why text NOT NULL,
    client_order_id text NOT NULL,
    guardrail text NOT NULL,
    guardrail_detail text NOT NULL,
    raised_at_utc timestamptz NOT NULL,
    PRIMARY KEY (signal_id)
);
CREATE INDEX signals_bot_id ON signals (bot_id, position);
CREATE INDEX signals_owner_id ON signals (owner_id, position);

CREATE TABLE totals (
    purse text NOT NULL,
    account_class text NOT NULL,
    asset text NOT NULL,
    amount numeric NOT NULL,
    PRIMARY KEY (purse, account_class, asset)
);

CREATE TABLE candles (
    source text NOT NULL,
    symbol text NOT NULL,
    interval text NOT NULL,
    open_time_ms bigint NOT NULL,
    open text NOT NULL,
    high text NOT NULL,
    low text NOT NULL,
    close text NOT NULL,
    volume text NOT NULL,
    PRIMARY KEY (source, symbol, interval, open_time_ms)
);

CREATE TABLE paper_accounts (
    venue_account text NOT NULL,
    terms text NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (venue_account)
);

CREATE TABLE paper_balances (
    venue_account text NOT NULL,
    asset text NOT NULL,
    free text NOT NULL,
    locked text NOT NULL,
    fees text NOT NULL,
    PRIMARY KEY (venue_account, asset)
);

CREATE TABLE paper_deposits (
    venue_account text NOT NULL,
    deposit_id text NOT NULL,
    asset text NOT NULL,
    amount text NOT NULL,
    PRIMARY KEY (venue_account, deposit_id)
);

CREATE TABLE paper_fills (
    venue_account text NOT NULL,
    client_order_id text NOT NULL,
    number bigint NOT NULL,
    venue_trade_id text NOT NULL,
    base_quantity text NOT NULL,
    price text NOT NULL,
    quote_amount text NOT NULL,
    fee_amount text NOT NULL,
    fee_asset text NOT NULL,
    traded_at_ms bigint NOT NULL,
    PRIMARY KEY (venue_account, client_order_id, number)
);
CREATE UNIQUE INDEX ux_paper_fills_trade ON paper_fills (venue_account, venue_trade_id);

CREATE TABLE paper_orders (
    venue_account text NOT NULL,
    client_order_id text NOT NULL,
    venue_order_id text NOT NULL,
    number bigint NOT NULL,
    symbol text NOT NULL,
    side text NOT NULL,
    order_type text NOT NULL,
    base_quantity text,
    quote_budget text,
    limit_price text,
    time_in_force text NOT NULL,
    sent_at_ms bigint NOT NULL,
    price_series text NOT NULL,
    status text NOT NULL,
    reason text NOT NULL,
    filled_base text NOT NULL,
    locked text NOT NULL,
    last_candle_ms bigint,
    PRIMARY KEY (venue_account, client_order_id)
);
CREATE INDEX ix_paper_orders_open_by_account ON paper_orders (venue_account) WHERE status = 'open';
CREATE INDEX ix_paper_orders_open_by_symbol ON paper_orders (symbol) WHERE status = 'open';

-- The role that processes run as, where an operator made one: it appends to the log and can do nothing else
-- to it (safety §2.60). Migrations and rebuilds run as the tables' owner.
DO $BODY$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'evenkeel_app') THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO evenkeel_app;
        GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO evenkeel_app;
        REVOKE UPDATE, DELETE, TRUNCATE ON stored_events FROM evenkeel_app;
        REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM evenkeel_app;
    END IF;
END
$BODY$;
