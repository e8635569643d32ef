"""The tables of the log: events, heads, command keys, outbox, snapshots, leases, balances.

The names are frozen. Tables, triggers and functions come from the migrations alone, none is made at start.
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

APPENDS_IN_ORDER = "SELECT pg_advisory_xact_lock(1801807212, 0)"  # "keel", the shard
"""PostgreSQL: whoever has it is the only one who appends, until the transaction ends (adr 0017).

A statement of its own, before all that checks or reads: they see what was committed when it was had.
"""


def of_shard(statement: str, shard: int) -> str:
    """SQL that takes the appends' lock, as another shard than the first takes its own."""
    return statement.replace(
        "pg_advisory_xact_lock(1801807212, 0)", f"pg_advisory_xact_lock(1801807212, {shard})"
    )


STALE_VERSION, LEASE_LOST = "EK001", "EK003"
"""SQLSTATEs that evenkeel_check_append (first migration) raises; the message names the stream or the lease.

It is called in the append's transaction, after the appends' lock was taken: nothing that it read can
change before the commit.
"""
