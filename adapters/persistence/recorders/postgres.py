"""The log on PostgreSQL: one pipelined transaction an append, under the appends' lock (adr 0003, 0017)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from typing import Any, cast
from weakref import WeakKeyDictionary

import psycopg
from eventsourcing.persistence import PersistenceError, StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from psycopg import Connection, Cursor
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import DictRow, dict_row, tuple_row

from adapters.persistence.database import Database
from adapters.persistence.log_tables import APPENDS_IN_ORDER, LEASE_LOST, STALE_VERSION, of_shard
from adapters.persistence.recorders.arrays import blobs, numbers, texts
from adapters.persistence.recorders.base import (
    Append,
    DuplicateKey,
    Head,
    Key,
    Row,
    SnapshotRow,
    StaleVersion,
    StoredKey,
)
from adapters.persistence.recorders.trip import Parameter, Trip
from adapters.persistence.unavailable import is_unavailable
from application.ports.commands import LeaseLost
from application.ports.event_log import StoreUnavailable
from domain.money import text

IDLE_IN_TRANSACTION_S = 10.0
"""A writer that hangs between two statements loses its transaction, and with it the lock, after this."""

_BY_KEY = "-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off"
"""All that an append reads it finds by key. Of a young table the server knows nothing: it would plan to scan
it, once and for good, and every append would wait for a scan of a table that grows with each."""

_EVENTS = "SELECT notification_id, originator_id, originator_version, topic, state FROM stored_events "

_CHECK = "SELECT evenkeel_check_append(%b::text[], %t::bigint[], %b::text[], %t::bigint[])"

_LAST_ID = "(SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM stored_events_notification_id_seq)"
"""Under the appends' lock nobody else draws ids, so the batch's nth event will get this plus n."""

_INSERT_KEYS = f"""
INSERT INTO command_keys (scope, command_id, fingerprint, outcome, position, recorded_at)
SELECT scope, command_id, fingerprint, outcome,
       CASE WHEN nth = 0 THEN 0 ELSE {_LAST_ID} + nth END, %t::timestamptz
  FROM unnest(%b::text[], %b::text[], %b::text[], %b::text[], %t::bigint[])
       AS keys(scope, command_id, fingerprint, outcome, nth)
 ORDER BY scope, command_id"""  # noqa: S608 - a constant of this module

_INSERT_OUTBOX = f"""
INSERT INTO outbox (message_id, topic, recipient, body, position)
SELECT message_id, topic, recipient, body, CASE WHEN nth = 0 THEN 0 ELSE {_LAST_ID} + nth END
  FROM unnest(%b::text[], %b::text[], %b::text[], %b::text[], %t::bigint[])
       AS messages(message_id, topic, recipient, body, nth)
 ORDER BY message_id
    ON CONFLICT (message_id) DO NOTHING"""  # noqa: S608 - a constant of this module

_UPSERT_HEADS = """
INSERT INTO stream_heads (stream, version, hash)
SELECT * FROM unnest(%b::text[], %t::bigint[], %b::bytea[]) AS heads(stream, version, hash)
    ON CONFLICT (stream) DO UPDATE SET version = excluded.version, hash = excluded.hash"""

_UPSERT_BALANCES = """
INSERT INTO balances (book_id, account, asset, amount)
SELECT * FROM unnest(%b::text[], %b::text[], %b::text[], %t::numeric[])
       AS kept(book_id, account, asset, amount)
    ON CONFLICT (book_id, account, asset) DO UPDATE SET amount = excluded.amount"""

_DELETE_BALANCES = """
DELETE FROM balances USING unnest(%b::text[], %b::text[], %b::text[]) AS gone(book_id, account, asset)
 WHERE (balances.book_id, balances.account, balances.asset) = (gone.book_id, gone.account, gone.asset)"""

_UPSERT_SNAPSHOT = """
INSERT INTO snapshots (stream, version, hash, code_version, state) VALUES (%t, %t, %b, %t, %b)
    ON CONFLICT (stream) DO UPDATE SET version = excluded.version, hash = excluded.hash,
       code_version = excluded.code_version, state = excluded.state"""

_INSERT_EVENTS = """
INSERT INTO stored_events (originator_id, originator_version, topic, state)
SELECT * FROM unnest(%b::text[], %t::bigint[], %b::text[], %b::bytea[]) RETURNING notification_id"""

_NEWER = """
SELECT notification_id, originator_id, originator_version, topic, state
  FROM unnest(%b::text[], %t::bigint[]) AS seen(stream, version)
  JOIN stored_events ON originator_id = seen.stream AND originator_version > seen.version
 ORDER BY 1"""

_FIND_KEYS = """
SELECT scope, command_id, fingerprint, outcome, position
  FROM unnest(%b::text[], %b::text[]) AS wanted(scope, command_id)
  JOIN command_keys USING (scope, command_id)"""


class PostgresReader:
    """Reads what is committed, through the database's pool."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def find_keys(self, keys: Iterable[Key]) -> dict[Key, StoredKey]:
        found = self._select(_FIND_KEYS, _wanted(keys))
        return {(scope, command_id): StoredKey(*rest) for scope, command_id, *rest in found}

    def heads(self, streams: Iterable[str]) -> dict[str, Head]:
        found = self._select(
            "SELECT stream, version, hash FROM stream_heads WHERE stream = ANY(%b)", (texts(streams),)
        )
        return {stream: Head(version, hash) for stream, version, hash in found}

    def stream(self, stream: str, after_version: int = 0, limit: int = -1) -> Sequence[Row]:
        where = "WHERE originator_id = %b AND originator_version > %t ORDER BY originator_version LIMIT %t"
        found = self._select(_EVENTS + where, (stream, after_version, None if limit < 0 else limit))
        return list(map(Row._make, found))

    def newer(self, versions: Mapping[str, int]) -> Sequence[Row]:
        return list(map(Row._make, self._select(_NEWER, (texts(versions), numbers(versions.values())))))

    def page(self, after: int, until: int, limit: int, names: Sequence[str] = ()) -> Sequence[Row]:
        where = "WHERE notification_id > %t AND notification_id <= %t"
        if names:
            where += " AND topic = ANY(%b)"
        where += " ORDER BY notification_id LIMIT %t"
        chosen = (texts(names),) if names else ()
        return list(map(Row._make, self._select(_EVENTS + where, (after, until, *chosen, limit))))

    def newest(self, at_most: int | None = None) -> Row | None:
        where = "WHERE notification_id <= %t ORDER BY notification_id DESC LIMIT 1"
        found = self._select(_EVENTS + where, (2**63 - 1 if at_most is None else at_most,))
        return Row._make(found[0]) if found else None

    def snapshot(self, stream: str) -> SnapshotRow | None:
        found = self._select(
            "SELECT stream, version, hash, code_version, state FROM snapshots WHERE stream = %s", (stream,)
        )
        return SnapshotRow._make(found[0]) if found else None

    def _select(self, statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        with self.db.asking() as connection:
            raw = cast("Connection[Any]", connection.connection.driver_connection)
            return _fetch(raw, statement, parameters)


class LogDatastore(PostgresDatastore):
    """The library's pool, opened by our own DSN and its time limits.

    Three connections: an append may be under way, and keys looked up, while a state is loaded.
    """

    def __init__(self, dsn: str) -> None:
        given = {name: str(value) for name, value in conninfo_to_dict(dsn).items()}
        given["options"] = f"{given.get('options', '')} {_BY_KEY}".strip()
        super().__init__(
            *(given.get(name, "") for name in ("dbname", "host", "port", "user", "password")),
            idle_in_transaction_session_timeout=IDLE_IN_TRANSACTION_S,
            pool_size=3,
            max_overflow=0,
            originator_id_type="text",
        )
        self.pool.kwargs = {**given, "row_factory": dict_row}


class PostgresRecorder(PostgresReader, PostgresApplicationRecorder):
    """Appends and reads through connections of its own.

    Any number of processes may append. The library's retries are bypassed: a lock that is not had within its
    timeout is the caller's to hear of, and an ambiguous commit is ours to look up.
    """

    sole_writer = False
    commits_alone = True

    def __init__(self, db: Database) -> None:
        PostgresReader.__init__(self, db)
        with _translated():
            PostgresApplicationRecorder.__init__(self, LogDatastore(db.dsn))
        self._in_order = of_shard(APPENDS_IN_ORDER, db.shard.number)
        self._prepared: WeakKeyDictionary[Connection[Any], dict[str, bytes]] = WeakKeyDictionary()

    def look_up(self, keys: Iterable[Key]) -> _Lookup:
        with ExitStack() as opened:
            trip = self._trip(opened)
            trip.say(_FIND_KEYS, _wanted(keys))
            trip.depart()
            return _Lookup(trip, opened.pop_all())

    def send(self, append: Append) -> _Sent:
        """All in one trip, BEGIN to COMMIT, so that the appends' lock is held no longer than need be.

        The library's own insert_events waits for six answers, four of them about nothing.
        """
        with ExitStack() as opened:
            trip = self._trip(opened)
            trip.say("BEGIN")
            trip.say(self._in_order)
            _check(trip, append)
            _insert_rows(trip, append)
            if append.events:
                trip.say(_INSERT_EVENTS, _columns(append.events))
            trip.say("COMMIT")
            trip.depart()
            return _Sent(trip, opened.pop_all(), has_events=bool(append.events))

    def append(self, append: Append) -> Sequence[int]:
        return self.send(append).ids()

    def _trip(self, opened: ExitStack) -> Trip:
        """A trip on a connection that is its own until `opened` closes."""
        connection = opened.enter_context(self._connection())
        return opened.enter_context(Trip(connection, self._prepared.setdefault(connection, {})))

    def _insert_events(
        self,
        curs: Cursor[DictRow],
        stored_events: Sequence[StoredEvent],  # noqa: ARG002 - the library's signature
        **_: Any,
    ) -> None:
        """Where the library itself inserts, its events take their turn among the appends.

        An exception of ours in one of its later hooks would be raised after its commit.
        """
        curs.execute(self._in_order, prepare=True)

    def _insert_stored_events(
        self, curs: Cursor[DictRow], stored_events: Sequence[StoredEvent], **_: Any
    ) -> None:
        """By binary arrays; the library's composite array is dumped as text, byte by byte.

        No NOTIFY: it takes an instance-wide lock for the length of the commit.
        """
        curs.execute(_INSERT_EVENTS, _columns(stored_events), prepare=True)

    def _select(self, statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        with self._connection() as connection:
            return _fetch(connection, statement, parameters)

    @contextmanager
    def _connection(self) -> Iterator[Connection[Any]]:
        """One of the pool's. Where it turns out dead the others are tried: an outage is told once."""
        try:
            with _translated(), self.datastore.get_connection() as connection:
                yield connection
        except StoreUnavailable:
            self.datastore.pool.check()
            raise

    def close(self) -> None:
        self.datastore.close()


class _Lookup:
    """Keys asked for on a connection that is theirs until the answer is here."""

    def __init__(self, trip: Trip, opened: ExitStack) -> None:
        self._trip, self._opened = trip, opened

    def found(self) -> dict[Key, StoredKey]:
        with self._opened:
            (answer,) = self._trip.arrive()
        rows = [
            [(answer.get_value(row, column) or b"").decode() for column in range(answer.nfields)]
            for row in range(answer.ntuples)
        ]
        return {
            (scope, command_id): StoredKey(fingerprint, outcome, int(position))
            for scope, command_id, fingerprint, outcome, position in rows
        }


class _Sent:
    """An append that departed on a connection that is its own until it arrives."""

    def __init__(self, trip: Trip, opened: ExitStack, *, has_events: bool) -> None:
        self._trip, self._opened, self._has_events = trip, opened, has_events

    def ids(self) -> Sequence[int]:
        with self._opened:
            answers = self._trip.arrive()
        if not self._has_events:
            return ()
        inserted = answers[-2]
        return [int(inserted.get_value(row, 0) or 0) for row in range(inserted.ntuples)]


def _fetch(connection: Connection[Any], statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor(binary=True, row_factory=tuple_row) as cursor:
        return cursor.execute(statement, parameters, prepare=True).fetchall()


def _wanted(keys: Iterable[Key]) -> tuple[Parameter, ...]:
    wanted = list(keys)
    return texts(scope for scope, _ in wanted), texts(command_id for _, command_id in wanted)


def _check(trip: Trip, append: Append) -> None:
    fences = sorted(append.fences)
    trip.say(
        _CHECK,
        (
            texts(append.expected),
            numbers(append.expected.values()),
            texts(name for name, _ in fences),
            numbers(token for _, token in fences),
        ),
    )


def _insert_rows(trip: Trip, append: Append) -> None:
    if append.keys:
        *columns, nths = zip(*append.keys, strict=True)
        recorded_at = append.recorded_at.isoformat() if append.recorded_at else None
        trip.say(_INSERT_KEYS, (recorded_at, *map(texts, columns), numbers(nths)))
    if append.outbox:
        *columns, nths = zip(*append.outbox, strict=True)
        trip.say(_INSERT_OUTBOX, (*map(texts, columns), numbers(nths)))
    if append.heads:
        versions, hashes = zip(*append.heads.values(), strict=True)
        trip.say(_UPSERT_HEADS, (texts(append.heads), numbers(versions), blobs(hashes)))
    if append.balances:
        kept = {key: amount for key, amount in append.balances.items() if amount}
        gone = [key for key, amount in append.balances.items() if not amount]
        if kept:
            keys = map(texts, zip(*kept, strict=True))
            trip.say(_UPSERT_BALANCES, (*keys, _amounts(kept.values())))
        if gone:
            trip.say(_DELETE_BALANCES, tuple(map(texts, zip(*gone, strict=True))))
    for snapshot in append.snapshots:
        trip.say(_UPSERT_SNAPSHOT, snapshot)


def _columns(events: Sequence[StoredEvent]) -> tuple[Parameter, ...]:
    return (
        texts(str(e.originator_id) for e in events),
        numbers(e.originator_version for e in events),
        texts(e.topic for e in events),
        blobs(e.state for e in events),
    )


def _amounts(amounts: Iterable[Decimal]) -> str:
    return "{" + ",".join(map(text, amounts)) + "}"


@contextmanager
def _translated() -> Iterator[None]:
    """Our words for what the server or the library says."""
    try:
        yield
    except PersistenceError as e:
        cause = e.__cause__ if isinstance(e.__cause__, psycopg.Error) else None
        sqlstate = cause.sqlstate if cause is not None else None
        about = cause.diag.message_primary or "" if cause is not None else ""
        if sqlstate == STALE_VERSION:
            raise StaleVersion(about) from e
        if sqlstate == LEASE_LOST:
            raise LeaseLost(name=about) from e
        if isinstance(cause, psycopg.errors.UniqueViolation):
            constraint = cause.diag.constraint_name or ""
            if constraint.startswith("stored_events"):
                raise StaleVersion("") from e
            if constraint == "command_keys_pkey":
                raise DuplicateKey from e
        if cause is None or is_unavailable(cause):
            raise StoreUnavailable(str(e).strip()) from e
        raise
