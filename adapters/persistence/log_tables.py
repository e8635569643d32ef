"""The tables of the log: events, heads, command keys, outbox, snapshots, leases, balances.

The names are frozen; migrations create them from the statements below, once per engine. Nothing here runs
at start: tables come from migrations alone.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, DateTime, Integer, LargeBinary, MetaData, Numeric, Table, Text
from sqlalchemy.types import TypeEngine

metadata = MetaData()

_Id: TypeEngine[int] = BigInteger().with_variant(Integer, "sqlite")
_Amount = Numeric().with_variant(Text, "sqlite")
"""Exact on both: NUMERIC keeps every digit; SQLite has no exact number, so there it is canonical text."""

stored_events = Table(
    "stored_events",
    metadata,
    Column("notification_id", _Id, primary_key=True),
    Column("originator_id", Text, nullable=False),
    Column("originator_version", BigInteger, nullable=False),
    Column("topic", Text, nullable=False),
    Column("state", LargeBinary, nullable=False),
)
"""The log. originator_id is the stream's name, topic the event's; state holds the exact bytes, for ever."""

stream_heads = Table(
    "stream_heads",
    metadata,
    Column("stream", Text, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
)
"""Where each stream stands: its last event's version and hash, so that a cut tail is seen."""

command_keys = Table(
    "command_keys",
    metadata,
    Column("scope", Text, primary_key=True),
    Column("command_id", Text, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("recorded_at", DateTime(timezone=True).with_variant(Text, "sqlite"), nullable=False),
)
"""What each command came to (JSON), by idempotency key. Scope `fact` holds claimed external facts."""

outbox = Table(
    "outbox",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("message_id", Text, nullable=False, unique=True),
    Column("topic", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("delivered_at", DateTime(timezone=True).with_variant(Text, "sqlite"), nullable=True),
)
"""What the outside world is to be told; body is a JSON object of texts."""

snapshots = Table(
    "snapshots",
    metadata,
    Column("stream", Text, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("code_version", Text, nullable=False),
    Column("state", LargeBinary, nullable=False),
)
"""States of long streams: a cache that is believed only as far as the log confirms it."""

leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("expires_at", DateTime(timezone=True).with_variant(Text, "sqlite"), nullable=False),
)
"""Who runs what. The token only grows; an append under an older one is refused."""

balances = Table(
    "balances",
    metadata,
    Column("book_id", Text, primary_key=True),
    Column("account", Text, primary_key=True),
    Column("asset", Text, primary_key=True),
    Column("amount", _Amount, nullable=False),
)
"""Absolute ledger balances of every book, written in the append's own transaction; zero has no row."""

STALE_VERSION, LEASE_LOST = "EK001", "EK003"
"""SQLSTATEs that evenkeel_check_append raises; the message is the stream's or the lease's name."""

CHECK_APPEND = """
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
$BODY$
"""
"""Refuses an append whose decisions read an older version, or whose lease is another's.

To be called in the append's transaction, after the event table's lock was taken: nothing it read can
change before the commit."""

POSTGRESQL_DDL = (
    """
CREATE TABLE stored_events (
    originator_id text NOT NULL,
    originator_version bigint NOT NULL CHECK (originator_version > 0),
    topic text NOT NULL,
    state bytea NOT NULL,
    notification_id bigserial NOT NULL,
    PRIMARY KEY (originator_id, originator_version)
)""",
    "ALTER TABLE stored_events ALTER COLUMN state SET STORAGE EXTERNAL",
    "CREATE UNIQUE INDEX stored_events_notification_id_idx ON stored_events (notification_id)",
    """
CREATE FUNCTION evenkeel_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $BODY$
BEGIN
    RAISE EXCEPTION 'the log is append-only: % on % is refused', TG_OP, TG_TABLE_NAME;
END
$BODY$""",
    """
CREATE TRIGGER stored_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON stored_events
    FOR EACH STATEMENT EXECUTE FUNCTION evenkeel_refuse_change()""",
    """
CREATE TABLE stream_heads (
    stream text PRIMARY KEY,
    version bigint NOT NULL,
    hash bytea NOT NULL CHECK (length(hash) = 32)
) WITH (fillfactor = 80)""",
    """
CREATE TABLE command_keys (
    scope text NOT NULL,
    command_id text NOT NULL,
    fingerprint text NOT NULL,
    outcome text NOT NULL,
    position bigint NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (scope, command_id)
)""",
    """
CREATE TABLE outbox (
    id bigserial PRIMARY KEY,
    message_id text NOT NULL UNIQUE,
    topic text NOT NULL,
    recipient text NOT NULL,
    body text NOT NULL,
    position bigint NOT NULL,
    delivered_at timestamptz
)""",
    "CREATE INDEX outbox_undelivered_idx ON outbox (id) WHERE delivered_at IS NULL",
    """
CREATE TABLE snapshots (
    stream text PRIMARY KEY,
    version bigint NOT NULL,
    hash bytea NOT NULL,
    code_version text NOT NULL,
    state bytea NOT NULL
)""",
    """
CREATE TABLE leases (
    name text PRIMARY KEY,
    holder text NOT NULL,
    token bigint NOT NULL,
    expires_at timestamptz NOT NULL
)""",
    """
CREATE TABLE balances (
    book_id text NOT NULL,
    account text NOT NULL,
    asset text NOT NULL,
    amount numeric NOT NULL CHECK (amount <> 0),
    PRIMARY KEY (book_id, account, asset)
) WITH (fillfactor = 80)""",
    CHECK_APPEND,
)
"""What the first migration runs on PostgreSQL, in order."""

SQLITE_DDL = (
    """
CREATE TABLE stored_events (
    notification_id INTEGER PRIMARY KEY,
    originator_id TEXT NOT NULL,
    originator_version INTEGER NOT NULL CHECK (originator_version > 0),
    topic TEXT NOT NULL,
    state BLOB NOT NULL,
    UNIQUE (originator_id, originator_version)
) STRICT""",
    """
CREATE TRIGGER stored_events_no_update BEFORE UPDATE ON stored_events
BEGIN SELECT RAISE(ABORT, 'the log is append-only: UPDATE on stored_events is refused'); END""",
    """
CREATE TRIGGER stored_events_no_delete BEFORE DELETE ON stored_events
BEGIN SELECT RAISE(ABORT, 'the log is append-only: DELETE on stored_events is refused'); END""",
    """
CREATE TABLE stream_heads (
    stream TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT, WITHOUT ROWID""",
    """
CREATE TABLE command_keys (
    scope TEXT NOT NULL,
    command_id TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    outcome TEXT NOT NULL,
    position INTEGER NOT NULL,
    recorded_at TEXT NOT NULL,
    PRIMARY KEY (scope, command_id)
) STRICT, WITHOUT ROWID""",
    """
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY,
    message_id TEXT NOT NULL UNIQUE,
    topic TEXT NOT NULL,
    recipient TEXT NOT NULL,
    body TEXT NOT NULL,
    position INTEGER NOT NULL,
    delivered_at TEXT
) STRICT""",
    "CREATE INDEX outbox_undelivered_idx ON outbox (id) WHERE delivered_at IS NULL",
    """
CREATE TABLE snapshots (
    stream TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    hash BLOB NOT NULL,
    code_version TEXT NOT NULL,
    state BLOB NOT NULL
) STRICT""",
    """
CREATE TABLE leases (
    name TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    token INTEGER NOT NULL,
    expires_at TEXT NOT NULL
) STRICT, WITHOUT ROWID""",
    """
CREATE TABLE balances (
    book_id TEXT NOT NULL,
    account TEXT NOT NULL,
    asset TEXT NOT NULL,
    amount TEXT NOT NULL CHECK (amount <> '0'),
    PRIMARY KEY (book_id, account, asset)
) STRICT, WITHOUT ROWID""",
)
"""What the first migration runs on SQLite, in order."""
