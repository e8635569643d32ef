"""The log in a SQLite file: one writing connection, shared under one lock (adr 0003)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

import msgspec
from eventsourcing.persistence import IntegrityError, Notification, StoredEvent
from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteCursor, SQLiteDatastore

from adapters.persistence.database import Database
from adapters.persistence.recorders.base import (
    Append,
    Done,
    DuplicateKey,
    Found,
    Head,
    Key,
    Row,
    SnapshotRow,
    StaleVersion,
    StoredKey,
    position_of,
)
from adapters.persistence.unavailable import translated
from application.ports.commands import LeaseLost
from domain.money import text

_EVENTS = "SELECT notification_id, originator_id, originator_version, topic, state FROM stored_events "

_ROOM = 2**63 - 1

_STALE = """
SELECT expected.key FROM json_each(?) AS expected
  LEFT JOIN stream_heads AS head ON head.stream = expected.key
 WHERE coalesce(head.version, 0) <> expected.value ORDER BY 1 LIMIT 1"""

_LOST = """
SELECT held.value ->> 0 FROM json_each(?) AS held
  LEFT JOIN leases AS lease ON lease.name = held.value ->> 0
 WHERE lease.token IS NOT held.value ->> 1 ORDER BY 1 LIMIT 1"""

_NEWER = """
SELECT e.notification_id, e.originator_id, e.originator_version, e.topic, e.state
  FROM json_each(?) AS seen
  JOIN stored_events AS e ON e.originator_id = seen.key AND e.originator_version > seen.value
 ORDER BY 1"""

_FIND_KEYS = """
SELECT k.scope, k.command_id, k.fingerprint, k.outcome, k.position
  FROM json_each(?) AS wanted
  JOIN command_keys AS k ON k.scope = wanted.value ->> 0 AND k.command_id = wanted.value ->> 1"""

_FIND_KEY = """
SELECT scope, command_id, fingerprint, outcome, position FROM command_keys
 WHERE scope = ? AND command_id = ?"""

_UPSERT_HEAD = """
INSERT INTO stream_heads VALUES (?, ?, ?)
    ON CONFLICT (stream) DO UPDATE SET version = excluded.version, hash = excluded.hash"""

_UPSERT_BALANCE = """
INSERT INTO balances VALUES (?, ?, ?, ?)
    ON CONFLICT (book_id, account, asset) DO UPDATE SET amount = excluded.amount"""


def _json(value: Any) -> str:
    """A whole set of parameters as one, for json_each."""
    return msgspec.json.encode(value).decode()


class SqliteReader:
    """Reads what is committed, through the database's read-only connections."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def find_keys(self, keys: Iterable[Key]) -> dict[Key, StoredKey]:
        wanted = list(keys)
        if len(wanted) == 1:  # one command at a time: the demo, the CLI
            found = self._select(_FIND_KEY, wanted[0])
        else:
            found = self._select(_FIND_KEYS, (_json(wanted),))
        return {(scope, command_id): StoredKey(*rest) for scope, command_id, *rest in found}

    def heads(self, streams: Iterable[str]) -> dict[str, Head]:
        found = self._select(
            "SELECT stream, version, hash FROM json_each(?) JOIN stream_heads ON stream = value",
            (_json(list(streams)),),
        )
        return {stream: Head(version, hash) for stream, version, hash in found}

    def stream(self, stream: str, after_version: int = 0, limit: int = -1) -> Sequence[Row]:
        where = "WHERE originator_id = ? AND originator_version > ? ORDER BY originator_version LIMIT ?"
        return list(map(Row._make, self._select(_EVENTS + where, (stream, after_version, limit))))

    def newer(self, versions: Mapping[str, int]) -> Sequence[Row]:
        return list(map(Row._make, self._select(_NEWER, (_json(versions),))))

    def page(self, after: int, until: int, limit: int, names: Sequence[str] = ()) -> Sequence[Row]:
        where = "WHERE notification_id > ? AND notification_id <= ?"
        if names:
            where += " AND topic IN (SELECT value FROM json_each(?))"
        where += " ORDER BY notification_id LIMIT ?"
        chosen = (_json(list(names)),) if names else ()
        return list(map(Row._make, self._select(_EVENTS + where, (after, until, *chosen, limit))))

    def newest(self, at_most: int | None = None) -> Row | None:
        where = "WHERE notification_id <= ? ORDER BY notification_id DESC LIMIT 1"
        found = self._select(_EVENTS + where, (_ROOM if at_most is None else at_most,))
        return Row._make(found[0]) if found else None

    def snapshot(self, stream: str) -> SnapshotRow | None:
        found = self._select(
            "SELECT stream, version, hash, code_version, state FROM snapshots WHERE stream = ?", (stream,)
        )
        return SnapshotRow._make(found[0]) if found else None

    def _select(self, statement: str, parameters: Sequence[Any]) -> list[Any]:
        with self.db.reading() as connection:
            raw = cast(sqlite3.Connection, connection.connection.driver_connection)
            return raw.execute(statement, parameters).fetchall()


class SharedConnection(SQLiteDatastore):
    """The library's datastore on the one writing connection that this process shares under a lock."""

    def __init__(self, db: Database) -> None:  # no pool: the connection is another's, and so is closing it
        self.db = db
        self.originator_id_type = "text"
        self.single_row_tracking = True

    @contextmanager
    def transaction(self, *, commit: bool) -> Iterator[SQLiteCursor]:
        try:
            with self.db.raw_transaction(commit=commit) as connection:
                cursor = connection.cursor()
                cursor.row_factory = sqlite3.Row
                yield SQLiteCursor(cursor)
        except sqlite3.IntegrityError as e:
            raise IntegrityError(e) from e

    def close(self) -> None:
        """The connection stays open for the others."""


class SqliteRecorder(SqliteReader, SQLiteApplicationRecorder):
    """Appends through the writing connection, and reads through it too: the writer holds it anyway."""

    sole_writer = True
    commits_alone = False

    def __init__(self, db: Database) -> None:
        SqliteReader.__init__(self, db)
        SQLiteApplicationRecorder.__init__(self, SharedConnection(db))
        self.insert_events_statement = (
            "INSERT INTO stored_events"
            "(notification_id, originator_id, originator_version, topic, state) VALUES (?, ?, ?, ?, ?)"
        )
        self.select_max_notification_id_statement = "SELECT MAX(notification_id) FROM stored_events"

    def look_up(self, keys: Iterable[Key]) -> Found:
        return Found(self.find_keys(keys))

    def send(self, append: Append) -> Done:
        return Done(self.append(append))

    def append(self, append: Append) -> Sequence[int]:
        try:
            with translated():
                return self.insert_events(append.events, append=append) or ()
        except IntegrityError as e:
            if "command_keys" in str(e):
                raise DuplicateKey from e
            if "stored_events" in str(e):
                raise StaleVersion("") from e
            raise

    def _insert_events(
        self,
        c: SQLiteCursor,
        stored_events: Sequence[StoredEvent],
        *,
        append: Append | None = None,
        **_: Any,
    ) -> Sequence[int] | None:
        """All of the append: it refuses here, before the commit, or not at all."""
        cursor = c.sqlite_cursor
        if append is not None:
            _check(cursor, append)
        newest = cursor.execute(self.select_max_notification_id_statement).fetchone()[0]
        first = (newest or 0) + 1
        ids = range(first, first + len(stored_events))
        cursor.executemany(
            self.insert_events_statement,
            [
                (id, str(e.originator_id), e.originator_version, e.topic, e.state)
                for id, e in zip(ids, stored_events, strict=True)
            ],
        )
        if append is not None:
            _insert_rows(cursor, append, ids)
        return list(ids)

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """The library's own `SELECT rowid, *` does not find rowid under our explicit column's name."""
        after = 0 if start is None else start - inclusive_of_start
        rows = self.page(after, _ROOM if stop is None else stop, limit, topics)
        return [
            Notification(
                id=row.id,
                originator_id=row.stream,
                originator_version=row.version,
                topic=row.name,
                state=row.state,
            )
            for row in rows
        ]

    def _select(self, statement: str, parameters: Sequence[Any]) -> list[Any]:
        with translated(), self.db.lock:
            return self.db.sqlite_connection.execute(statement, parameters).fetchall()

    def close(self) -> None:
        """The database is closed by whoever opened it."""


def _check(c: sqlite3.Cursor, append: Append) -> None:
    if append.expected and (stale := c.execute(_STALE, (_json(append.expected),)).fetchone()):
        raise StaleVersion(stale[0])
    if append.fences and (lost := c.execute(_LOST, (_json(sorted(append.fences)),)).fetchone()):
        raise LeaseLost(name=lost[0])


def _insert_rows(c: sqlite3.Cursor, append: Append, ids: Sequence[int]) -> None:
    if append.keys:
        recorded_at = append.recorded_at.isoformat() if append.recorded_at else ""
        c.executemany(
            "INSERT INTO command_keys VALUES (?, ?, ?, ?, ?, ?)",
            [
                (k.scope, k.command_id, k.fingerprint, k.outcome, position_of(k.nth, ids), recorded_at)
                for k in append.keys
            ],
        )
    if append.outbox:
        c.executemany(
            "INSERT INTO outbox (message_id, topic, recipient, body, position) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (message_id) DO NOTHING",
            [(m.message_id, m.topic, m.recipient, m.body, position_of(m.nth, ids)) for m in append.outbox],
        )
    if append.heads:
        c.executemany(_UPSERT_HEAD, [(stream, h.version, h.hash) for stream, h in append.heads.items()])
    if append.balances:
        kept = [(*key, text(amount)) for key, amount in append.balances.items() if amount]
        gone = [key for key, amount in append.balances.items() if not amount]
        c.executemany(_UPSERT_BALANCE, kept)
        if gone:
            c.executemany("DELETE FROM balances WHERE book_id = ? AND account = ? AND asset = ?", gone)
    if append.snapshots:
        c.executemany("INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?, ?, ?)", append.snapshots)
