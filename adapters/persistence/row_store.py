# ruff: noqa: S608 - statements are made of our own table and column names
"""Rows to columns and back, in bulk, on either engine's own driver.

The tables are those of tables.py; the statements are made here once per row class, because a projector writes
thousands of rows in a page and SQLAlchemy's own path costs more than the fold.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any, cast, get_type_hints

import psycopg
from sqlalchemy import Connection

from adapters.persistence.tables import table_name, utc_text
from domain.money import add, text

Row = Any
Key = tuple[Any, ...]
Convert = Callable[[Any], Any]

MANY = 50
"""Rows for which loading pays, which takes PostgreSQL more round trips than one statement."""

_PG_TYPES = {str: "text", int: "int8", Decimal: "numeric", datetime: "timestamptz"}


class RowTable:
    """One row class in one table: what to say to the engine, and how values travel."""

    def __init__(self, kind: type, dialect: str, table: str = "") -> None:
        self.kind = kind
        self.table = table or table_name(kind)
        self.columns = tuple(field.name for field in fields(kind))
        self.key_columns: tuple[str, ...] = kind.KEY  # type: ignore[attr-defined]  # every row class says it
        self.key_of: Callable[[Row], Key] = _key_getter(self.key_columns)
        hints = {name: _plain_type(hint) for name, hint in get_type_hints(kind).items()}
        self.types = tuple(_PG_TYPES[hints[name]] for name in self.columns)
        self._values_of = attrgetter(*self.columns)
        encode = _TO_SQLITE if dialect == "sqlite" else _TO_POSTGRES
        decode = _FROM_SQLITE if dialect == "sqlite" else _FROM_POSTGRES
        self._encoders = [
            (i, encode[hints[name]]) for i, name in enumerate(self.columns) if hints[name] in encode
        ]
        self._decoders = [(name, decode[hints[name]]) for name in self.columns if hints[name] in decode]
        self._encode_key = [encode.get(hints[name]) for name in self.key_columns]
        self._statements(dialect)

    def encode(self, row: Row) -> tuple[Any, ...]:
        if not self._encoders:
            unchanged: tuple[Any, ...] = self._values_of(row)
            return unchanged
        values = list(self._values_of(row))
        for i, convert in self._encoders:
            if values[i] is not None:
                values[i] = convert(values[i])
        return tuple(values)

    def decode(self, values: Sequence[Any]) -> Row:
        named = dict(zip(self.columns, values, strict=True))
        for name, convert in self._decoders:
            if named[name] is not None:
                named[name] = convert(named[name])
        return self.kind(**named)

    def get(self, connection: Connection, key: Key) -> Row | None:
        found = next(select(connection, self.select_one, key), None)
        return None if found is None else self.decode(found)

    def get_many(self, connection: Connection, keys: Sequence[Key]) -> Iterator[Row]:
        """The rows of these keys that exist, in any order."""
        if isinstance(driver(connection), sqlite3.Connection):
            yield from filter(None, (self.get(connection, key) for key in keys))
        elif keys:
            columns = [list(column) for column in zip(*keys, strict=True)]
            yield from map(self.decode, select(connection, self.select_many, columns))

    def upsert(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Insert rows, or replace those with the same key."""
        encoded = [self.encode(row) for row in rows]
        if isinstance(raw := driver(connection), sqlite3.Connection):
            raw.executemany(self.insert_or_replace, encoded)
        else:
            raw.execute(self.insert_or_replace, [list(column) for column in zip(*encoded, strict=True)])

    def delete(self, connection: Connection, keys: Sequence[Key]) -> None:
        if isinstance(raw := driver(connection), sqlite3.Connection):
            raw.executemany(self.delete_one, keys)
        else:
            raw.execute(self.delete_one, [list(column) for column in zip(*keys, strict=True)])

    def load(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Insert many rows whose keys should be new: the engine's fastest way."""
        if isinstance(raw := driver(connection), sqlite3.Connection):
            raw.executemany(self.insert_or_replace, map(self.encode, rows))
            return
        raw.execute("SAVEPOINT load")
        try:
            self._copy(raw, rows)
        except psycopg.errors.UniqueViolation:  # new they were not
            raw.execute("ROLLBACK TO load")
            self.upsert(connection, rows)
        raw.execute("RELEASE load")

    def _copy(self, raw: psycopg.Connection[Any], rows: Sequence[Row]) -> None:
        encode = self.encode
        with raw.cursor() as cursor, cursor.copy(self.copy) as copy:
            copy.set_types(self.types)
            write = copy.write_row
            for row in rows:
                write(encode(row))

    def _statements(self, dialect: str) -> None:
        columns, key = ", ".join(self.columns), ", ".join(self.key_columns)
        rest = [name for name in self.columns if name not in self.key_columns]
        replaced = ", ".join(f"{name} = excluded.{name}" for name in rest)
        conflict = f"ON CONFLICT ({key}) DO UPDATE SET {replaced}"
        into = f"INSERT INTO {self.table} ({columns})"
        mark = "?" if dialect == "sqlite" else "%s"
        wanted = " AND ".join(f"{name} = {mark}" for name in self.key_columns)
        self.select_all = f"SELECT {columns} FROM {self.table}"
        self.select_one = f"{self.select_all} WHERE {wanted}"
        if dialect == "sqlite":
            self.insert_or_replace = f"{into} VALUES ({', '.join('?' * len(self.columns))}) {conflict}"
            self.delete_one = f"DELETE FROM {self.table} WHERE {wanted}"
        else:
            kinds = dict(zip(self.columns, self.types, strict=True))
            arrays = ", ".join(f"%b::{kinds[name]}[]" for name in self.columns)
            keys = ", ".join(f"%b::{kinds[name]}[]" for name in self.key_columns)
            self.insert_or_replace = f"{into} SELECT * FROM unnest({arrays}) {conflict}"
            self.select_many = f"{self.select_all} WHERE ({key}) IN (SELECT * FROM unnest({keys}))"
            self.delete_one = f"DELETE FROM {self.table} WHERE ({key}) IN (SELECT * FROM unnest({keys}))"
            self.copy = f"COPY {self.table} ({columns}) FROM STDIN (FORMAT BINARY)"


def row_table(kind: type, dialect: str, prefix: str = "") -> RowTable:
    """The live table of a row class; with a prefix ("shadow_", "schema."), the one of that name."""
    try:
        return _made[kind, dialect, prefix]
    except KeyError:
        return _made.setdefault((kind, dialect, prefix), RowTable(kind, dialect, prefix + table_name(kind)))


_made: dict[tuple[type, str, str], RowTable] = {}


def driver(connection: Connection) -> sqlite3.Connection | psycopg.Connection[Any]:
    """The engine's own connection beneath SQLAlchemy's, in the same transaction."""
    return cast("sqlite3.Connection | psycopg.Connection[Any]", connection.connection.driver_connection)


def select(connection: Connection, statement: str, parameters: Sequence[Any] = ()) -> Iterator[Any]:
    """Rows of a statement, through the driver. PostgreSQL answers in binary."""
    raw = driver(connection)
    if isinstance(raw, sqlite3.Connection):
        return iter(raw.execute(statement, parameters))
    return iter(raw.cursor(binary=True).execute(statement, parameters or None))


def encoded(value: Any, dialect: str) -> Any:
    """A value as the engine compares it."""
    convert = (_TO_SQLITE if dialect == "sqlite" else _TO_POSTGRES).get(type(value))
    return value if convert is None else convert(value)


class _Kept:
    """One row class of StoredRows: its table, what is known of its rows, and which of them changed."""

    __slots__ = ("added", "changed", "complete", "key_of", "read_back", "rows", "sums", "table")

    def __init__(self, table: RowTable, *, complete: bool) -> None:
        self.table, self.key_of = table, table.key_of
        self.rows: dict[Key, Row | None] = {}  # None: there is no such row
        self.changed: dict[Key, Row | None] = {}
        self.added: list[Row] = []
        self.sums: dict[Key, Decimal] = {}  # to be added to the amounts of rows
        self.read_back = False  # a fold has asked for one
        self.complete = complete  # what is not in `rows` does not exist


class StoredRows:
    """Rows for a fold, cached, written in bulk when flushed; reads see what was put before.

    `fresh` says that the tables were empty when this began, so a row that is not cached does not exist and is
    not asked for: what makes a rebuild fast. What no fold reads back is not kept.
    """

    def __init__(self, dialect: str, *, prefix: str = "", fresh: bool = False) -> None:
        self._dialect, self._prefix, self._fresh = dialect, prefix, fresh
        self._connection: Connection | None = None
        self._kinds: dict[type, _Kept] = {}

    def use(self, connection: Connection) -> None:
        """Read and write through this connection from now on."""
        self._connection = connection

    def get(self, kind: type, *key: Any) -> Row | None:
        kept = self._kinds.get(kind) or self._keep(kind)
        kept.read_back = True
        if kept.sums:
            self._settle(kept)
        try:
            return kept.rows[key]
        except KeyError:
            if kept.complete:
                return None
        row = kept.rows[key] = kept.table.get(self._open(), key)
        return row

    def put(self, row: Row) -> None:
        kind = type(row)
        kept = self._kinds.get(kind) or self._keep(kind)
        key = kept.key_of(row)
        kept.changed[key] = kept.rows[key] = row

    def add(self, row: Row) -> None:
        kind = type(row)
        kept = self._kinds.get(kind) or self._keep(kind)
        kept.added.append(row)

    def increase(self, kind: type, key: Key, amount: Decimal) -> None:
        kept = self._kinds.get(kind) or self._keep(kind)
        sums = kept.sums
        if key not in sums:
            sums[key] = amount
        elif total := add(sums[key], amount):
            sums[key] = total
        else:
            del sums[key]  # what comes and goes, as holds do, is not kept

    def delete(self, kind: type, *key: Any) -> None:
        kept = self._kinds.get(kind) or self._keep(kind)
        kept.changed[key] = kept.rows[key] = None

    def prefetch(self, kind: type, keys: Iterable[Key]) -> None:
        """Read rows that will be asked for, all at once."""
        kept = self._kinds.get(kind) or self._keep(kind)
        if kept.complete:
            return
        unknown = [key for key in keys if key not in kept.rows]
        kept.rows.update(dict.fromkeys(unknown))
        kept.rows.update((kept.key_of(row), row) for row in kept.table.get_many(self._open(), unknown))

    def size(self) -> int:
        """How many rows are kept."""
        return sum(len(kept.rows) + len(kept.added) + len(kept.sums) for kept in self._kinds.values())

    def flush(self) -> None:
        """Write what changed."""
        for kept in self._kinds.values():
            if kept.sums:
                self._settle(kept)
            if kept.added:
                self._insert(kept, kept.added)
                kept.added = []
            if kept.changed:
                self._write(kept)

    def take_appended(self) -> list[tuple[RowTable, list[Row]]]:
        """Give away, and forget, what was added and new rows of kinds that no fold has read back."""
        taken = []
        for kept in self._kinds.values():
            if kept.added:
                taken.append((kept.table, kept.added))
                kept.added = []
            if kept.changed and not kept.read_back:
                taken.append((kept.table, [row for row in kept.changed.values() if row is not None]))
                kept.complete = False
                kept.rows, kept.changed = {}, {}
        return taken

    def forget(self) -> None:
        """Keep nothing; what was not flushed is lost."""
        for kept in self._kinds.values():
            kept.complete = False
            kept.rows, kept.changed, kept.added, kept.sums = {}, {}, [], {}

    def _settle(self, kept: _Kept) -> None:
        """Bring the sums into the rows."""
        kind, sums, kept.sums = kept.table.kind, kept.sums, {}
        self.prefetch(kind, sums)
        for key, summed in sums.items():
            row = self.get(kind, *key)
            amount = add(row.amount, summed) if row else summed
            if amount:
                self.put(kind(*key, amount))
            elif row:
                self.delete(kind, *key)

    def _insert(self, kept: _Kept, rows: Sequence[Row]) -> None:
        write = kept.table.load if self._fresh or len(rows) >= MANY else kept.table.upsert
        write(self._open(), rows)

    def _write(self, kept: _Kept) -> None:
        connection = self._open()
        present = [row for row in kept.changed.values() if row is not None]
        if kept.complete or (self._fresh and not kept.read_back):
            kept.table.load(connection, present)  # keys that the table does not have
            kept.complete = False
        else:
            gone = [key for key, row in kept.changed.items() if row is None]
            if present:
                kept.table.upsert(connection, present)
            if gone:
                kept.table.delete(connection, gone)
        kept.changed = {}

    def _keep(self, kind: type) -> _Kept:
        table = row_table(kind, self._dialect, self._prefix)
        kept = self._kinds[kind] = _Kept(table, complete=self._fresh)
        return kept

    def _open(self) -> Connection:
        if self._connection is None:
            raise RuntimeError("no connection to read from or write through")
        return self._connection


def _key_getter(columns: tuple[str, ...]) -> Callable[[Row], Key]:
    if len(columns) == 1:
        (only,) = columns
        return lambda row: (getattr(row, only),)
    return cast("Callable[[Row], Key]", attrgetter(*columns))


def _plain_type(hint: Any) -> type:
    for plain in (str, int, Decimal, datetime):
        if hint is plain or hint == plain | None:
            return plain
    return type(None)  # KEY itself


def _in_utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)


_TO_SQLITE: Mapping[type, Convert] = {Decimal: text, datetime: utc_text}
_FROM_SQLITE: Mapping[type, Convert] = {Decimal: Decimal, datetime: datetime.fromisoformat}
_TO_POSTGRES: Mapping[type, Convert] = {}  # NUMERIC compares by value, whatever zeros it ends in
_FROM_POSTGRES: Mapping[type, Convert] = {datetime: _in_utc}
