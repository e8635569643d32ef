"""The tables of the read models, generated from application/views/rows.py, and of the rows outside the log.

What a database really has is frozen in migrations/; a test compares the two on both engines.
"""

from __future__ import annotations

import re
import types
from dataclasses import fields
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Union, get_args, get_origin, get_type_hints

from sqlalchemy import (
    BigInteger,
    Column,
    Dialect,
    Index,
    Integer,
    MetaData,
    Numeric,
    Table,
    Text,
    TypeDecorator,
)
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.types import TypeEngine

from application.views.rows import ROWS
from domain import money

metadata = MetaData()

Int64 = BigInteger().with_variant(Integer(), "sqlite")
"""A whole number of 64 bits (SQLite's INTEGER is that, and its STRICT tables know no BIGINT)."""


class ExactDecimal(TypeDecorator[Decimal]):
    """NUMERIC without bounds on PostgreSQL, canonical text on SQLite: neither rounds."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return Numeric() if dialect.name == "postgresql" else Text()

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        plain = money.text(value)
        return Decimal(plain) if dialect.name == "postgresql" else plain

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:  # noqa: ARG002
        return None if value is None else Decimal(value)


class UtcTime(TypeDecorator[datetime]):
    """timestamptz on PostgreSQL, ISO text of fixed width on SQLite, so that it sorts. Aware times only."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return TIMESTAMP(timezone=True) if dialect.name == "postgresql" else Text()

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        in_utc = value.astimezone(UTC)
        return in_utc if dialect.name == "postgresql" else utc_text(in_utc)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        moment: datetime = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        return moment.astimezone(UTC)


def utc_text(moment: datetime) -> str:
    """2025-01-31T23:59:59.000000+00:00"""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


_TYPES: dict[type, TypeEngine[Any] | type[TypeEngine[Any]]] = {
    str: Text,
    int: Int64,
    Decimal: ExactDecimal,
    datetime: UtcTime,
}

_INDEXED_WITH_POSITION = ("owner_id", "book_id", "bot_id")


def table_name(row: type) -> str:
    """BalanceRow → balances, EntryRow → entries."""
    snake = re.sub(r"(?<!^)(?=[A-Z])", "_", row.__name__.removesuffix("Row")).lower()
    return snake[:-1] + "ies" if snake.endswith("y") else snake + "s"


def _column_type(hint: Any) -> tuple[Any, bool]:
    """The column's type, and whether it may be NULL."""
    if get_origin(hint) in (Union, types.UnionType):
        (inner,) = (argument for argument in get_args(hint) if argument is not type(None))
        return _TYPES[inner], True
    return _TYPES[hint], False


def _table_of(row: type) -> Table:
    hints = get_type_hints(row)
    key: tuple[str, ...] = row.KEY  # type: ignore[attr-defined]  # every row class says it
    columns = []
    for field in fields(row):
        column_type, nullable = _column_type(hints[field.name])
        is_key = field.name in key
        columns.append(
            Column(field.name, column_type, primary_key=is_key, nullable=nullable, autoincrement=False)
        )
    name = table_name(row)
    table = Table(name, metadata, *columns)
    for column in _INDEXED_WITH_POSITION:
        if column in table.c and key[0] != column:
            rest = [table.c.position] if "position" in table.c else []
            Index(f"{name}_{column}", table.c[column], *rest)
    for names in getattr(row, "INDEXES", ()):
        Index(f"{name}_{'_'.join(names)}", *(table.c[column] for column in names))
    return table


TABLES: dict[type, Table] = {row: _table_of(row) for row in ROWS}
"""The table of each row class."""

projection_positions = Table(
    "projection_positions",
    metadata,
    Column("name", Text, primary_key=True),
    Column("shard", Int64, primary_key=True, autoincrement=False),
    Column("position", Int64, nullable=False),
    Column("generation", Int64, nullable=False),  # grows when a rebuild swaps its tables
    Column("state", Text, nullable=False),  # folding or stopped
    Column("problem", Text, nullable=False),  # why it stopped, for people
)
"""How far each projection has folded; moved in the transaction that writes its rows (safety §3.35)."""

identities = Table(
    "identities",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("email", Text, nullable=False, unique=True),
    Column("password_hash", Text, nullable=False),
    Column("commitment_salt", Text, nullable=False),
    Column("created_at_utc", UtcTime, nullable=False),
)
"""Personal data: outside the log, so that it can be erased."""

sessions = Table(
    "sessions",
    metadata,
    Column("token_sha256", Text, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("created_at_utc", UtcTime, nullable=False),
    Column("last_seen_at_utc", UtcTime, nullable=False),
    Column("expires_at_utc", UtcTime, nullable=False),
    Column("user_agent", Text, nullable=False),
    Index("sessions_account_id", "account_id"),
)

venue_keys = Table(
    "venue_keys",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("venue_account_id", Text, nullable=False),
    Column("owner_id", Text, nullable=False),
    Column("venue", Text, nullable=False),
    Column("fingerprint", Text, nullable=False, unique=True),  # a key is in use once
    Column("master_id", Text, nullable=False),
    Column("wrapped_key", Text, nullable=False),
    Column("sealed", Text, nullable=False),
    Column("stored_at_utc", UtcTime, nullable=False),
)
"""Exchanges' keys, sealed (adapters/secrets/vault.py): outside the log, so that they can be removed."""

step_ups = Table(
    "step_ups",
    metadata,
    Column("step_up_id", Text, primary_key=True),
    Column("session_sha256", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("act_sha256", Text, nullable=False),
    Column("address", Text, nullable=False),  # personal data: of whoever entered the password
    Column("proved_at_utc", UtcTime, nullable=False),
    Index("step_ups_session_sha256", "session_sha256", "act_sha256"),
)
"""Passwords entered again, each for one act."""
