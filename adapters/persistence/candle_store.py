"""Candles in SQL: SQLite and PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from decimal import Decimal
from itertools import islice
from operator import lt
from tempfile import SpooledTemporaryFile
from typing import Any, Protocol

import msgspec
from sqlalchemy import Connection, func, select
from sqlalchemy import text as sql

from adapters.persistence.candle_tables import candles as table
from application.ports.candle_store import CandleConflict, SaveReport, Series, SeriesSummary
from domain.market import Candle, interval_ms
from domain.money import text

PAGE = 5_000
"""Candles read at a time, and written by one statement."""

_KEYS_PER_QUERY = 1_000
_IN_MEMORY = 16 << 20  # bytes of a save; more are laid aside in a file
_COLUMNS = ("open_time_ms", "open", "high", "low", "close", "volume")

# One statement with arrays: a row each would cost a round trip or a statement of thousands of parameters.
_POSTGRESQL_INSERT = sql(
    "INSERT INTO candles (source, symbol, interval, open_time_ms, open, high, low, close, volume) "
    "SELECT :source, :symbol, :interval, * FROM unnest("
    "CAST(:open_time_ms AS bigint[]), CAST(:open AS text[]), CAST(:high AS text[]), CAST(:low AS text[]), "
    "CAST(:close AS text[]), CAST(:volume AS text[])) ON CONFLICT DO NOTHING"
)

_SQLITE_INSERT = (
    "INSERT INTO candles (source, symbol, interval, open_time_ms, open, high, low, close, volume) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
)

_Row = tuple[int, str, str, str, str, str]


class Connections(Protocol):
    """The part of a Database that this store needs."""

    @property
    def is_sqlite(self) -> bool: ...

    def transaction(self) -> AbstractContextManager[Connection]: ...

    def reading(self) -> AbstractContextManager[Connection]: ...


class SqlCandleStore:
    """Closed candles by series; see CandleStore.

    No transaction is open while the iterable of a save is consumed: it is laid aside first, in a file when it
    is long. On SQLite, where everybody else waits for the one who writes, each page of a long save is then a
    transaction of its own, once all are known to contradict nothing; candles are saved by one process and one
    call at a time there. Numbers are exact text without trailing zeros, so equal ones compare equal.
    """

    def __init__(self, database: Connections) -> None:
        self._database = database
        self._saving = threading.Lock()

    def save(self, series: Series, candles: Iterable[Candle]) -> SaveReport:
        with SpooledTemporaryFile(_IN_MEMORY) as file:
            spool = _Spool(file, map(_row, candles))
            with self._saving if self._database.is_sqlite else nullcontext():
                if self._database.is_sqlite and spool.pages > 1 and spool.ascending:
                    with self._database.reading() as connection:
                        for page in spool:
                            _require_equal(connection, series, page)
                    added = sum(self._save(series, [page]) for page in spool)
                else:
                    added = self._save(series, spool)
            return SaveReport(added=added, unchanged=spool.rows - added)

    def _save(self, series: Series, pages: Iterable[Sequence[_Row]]) -> int:
        """In one transaction; how many were new."""
        added = 0
        with self._database.transaction() as connection:
            insert = _insert_of(connection)
            for page in pages:
                new = insert(connection, series, page)
                if new < len(page):
                    _require_equal(connection, series, page)
                added += new
        return added

    def read(
        self, series: Series, *, from_ms: int | None = None, until_ms: int | None = None
    ) -> Iterator[Candle]:
        """Each page is a read transaction of its own: a slow reader holds nothing up."""
        query = _of(series).order_by(table.c.open_time_ms).limit(PAGE)
        if until_ms is not None:
            query = query.where(table.c.open_time_ms < until_ms)
        start = from_ms
        while True:
            page = query if start is None else query.where(table.c.open_time_ms >= start)
            with self._database.reading() as connection:
                rows = connection.execute(page).all()
            for time, open_, high, low, close, volume in rows:
                yield Candle(
                    time, Decimal(open_), Decimal(high), Decimal(low), Decimal(close), Decimal(volume)
                )
            if len(rows) < PAGE:
                return
            start = rows[-1][0] + 1

    def series(self) -> Sequence[SeriesSummary]:
        key = (table.c.source, table.c.symbol, table.c.interval)
        time = table.c.open_time_ms
        query = select(*key, func.count(), func.min(time), func.max(time)).group_by(*key)
        with self._database.reading() as connection:
            return [
                SeriesSummary(
                    series=Series(source, symbol, interval),
                    candles=count,
                    first_open_time_ms=first,
                    last_open_time_ms=last,
                    missing=(last - first) // interval_ms(interval) + 1 - count,
                )
                for source, symbol, interval, count, first, last in sorted(
                    map(tuple, connection.execute(query))
                )
            ]


class _Spool:
    """Rows laid aside page by page, to be read more than once."""

    def __init__(self, file: SpooledTemporaryFile[bytes], rows: Iterator[_Row]) -> None:
        self._file = file
        self.rows = self.pages = 0
        self.ascending = True  # so no time is there twice
        last = -1
        while page := list(islice(rows, PAGE)):
            times = [last, *(row[0] for row in page)]
            self.ascending = self.ascending and all(map(lt, times, times[1:]))
            last = times[-1]
            packed = msgspec.msgpack.encode(page)
            file.write(len(packed).to_bytes(8) + packed)
            self.rows += len(page)
            self.pages += 1

    def __iter__(self) -> Iterator[list[_Row]]:
        self._file.seek(0)
        decode = msgspec.msgpack.Decoder(list[_Row]).decode
        while size := self._file.read(8):
            yield decode(self._file.read(int.from_bytes(size)))


def _row(candle: Candle) -> _Row:
    return (
        candle.open_time_ms,
        _exact(candle.open),
        _exact(candle.high),
        _exact(candle.low),
        _exact(candle.close),
        _exact(candle.volume),
    )


def _exact(number: Decimal) -> str:
    """As domain.money.text, which most numbers need no more than this for."""
    plain = str(number)
    return text(number) if plain[-1] == "0" or "E" in plain else plain


def _of(series: Series) -> Any:
    return select(*(table.c[name] for name in _COLUMNS)).where(
        table.c.source == series.source,
        table.c.symbol == series.symbol,
        table.c.interval == series.interval,
    )


def _insert_of(connection: Connection) -> Callable[[Connection, Series, Sequence[_Row]], int]:
    """Inserts what is new and answers how many rows that were; rows whose key is taken are passed over."""
    return _insert_postgresql if connection.dialect.name == "postgresql" else _insert_sqlite


def _insert_sqlite(connection: Connection, series: Series, rows: Sequence[_Row]) -> int:
    key = series.source, series.symbol, series.interval
    return connection.exec_driver_sql(_SQLITE_INSERT, [key + row for row in rows]).rowcount


def _insert_postgresql(connection: Connection, series: Series, rows: Sequence[_Row]) -> int:
    values: dict[str, object] = {
        "source": series.source,
        "symbol": series.symbol,
        "interval": series.interval,
    }
    values |= {name: list(column) for name, column in zip(_COLUMNS, zip(*rows, strict=True), strict=True)}
    return connection.execute(_POSTGRESQL_INSERT, values).rowcount


def _require_equal(connection: Connection, series: Series, offered: Sequence[_Row]) -> None:
    """Raises CandleConflict for the first row that is stored with other numbers."""
    stored = _stored(connection, series, [row[0] for row in offered])
    for row in offered:
        found = stored.get(row[0], row)
        if found != row:
            raise CandleConflict(
                series=series, open_time_ms=row[0], stored=_shown(found), offered=_shown(row)
            )


def _stored(connection: Connection, series: Series, times: Sequence[int]) -> Mapping[int, _Row]:
    """The stored rows of those times: by their range where it holds little else, by their keys otherwise."""
    first, last = min(times), max(times)
    time = table.c.open_time_ms
    if last - first < 2 * len(times) * interval_ms(series.interval):
        queries = [_of(series).where(time.between(first, last))]
    else:
        pages = (times[start : start + _KEYS_PER_QUERY] for start in range(0, len(times), _KEYS_PER_QUERY))
        queries = [_of(series).where(time.in_(keys)) for keys in pages]
    return {row[0]: tuple(row) for query in queries for row in connection.execute(query)}


def _shown(row: _Row) -> str:
    return "open {} high {} low {} close {} volume {}".format(*row[1:])
