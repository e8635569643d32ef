"""Querying the read models, on either engine; and the same in memory, folded as they are read."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar, cast

from adapters.persistence.database import Database
from adapters.persistence.log_pages import head_of_log
from adapters.persistence.projector import STOPPED, read_progress
from adapters.persistence.row_store import RowTable, encoded, row_table, select
from application.ports.event_log import EventLog, Position
from application.ports.read_models import EVERYTHING, Narrowed, Page, Projection
from application.views.projections import BALANCES, FOLLOWERS, PROJECTIONS
from domain.money import add

R = TypeVar("R")
Columns = tuple[str, ...]
Shape = tuple[Columns, Columns, Columns, tuple[tuple[type, Columns], ...]]
MOST_ROWS = 500
"""The longest page; asking for more gives this many."""
POLL_S = 0.02


class SqlReadModels:
    """ReadModels on the tables that the projector (and, for balances, the append) writes.

    Statements are made once for each set of columns and go straight to the driver: SQLAlchemy's path costs
    three times what the query does.
    """

    def __init__(self, db: Database, projections: Sequence[Projection] = FOLLOWERS) -> None:
        self._db = db
        self._followers = {projection.name for projection in projections}
        self._made: dict[tuple[object, ...], str] = {}

    def get(self, kind: type[R], *key: Any) -> R | None:
        with self._db.reading() as connection:
            return cast("R | None", row_table(kind, self._db.dialect).get(connection, key))

    def where(self, kind: type[R], /, **equal: Any) -> Sequence[R]:
        """Every row whose columns equal the given values, by key."""
        table = row_table(kind, self._db.dialect)
        by_key = self._statement("by_key", table, _shape(equal))
        with self._db.reading() as connection:
            return [table.decode(values) for values in select(connection, by_key, tuple(equal.values()))]

    def page(
        self,
        kind: type[R],
        *,
        equal: Mapping[str, Any],
        narrowed: Narrowed = EVERYTHING,
        before: Position | None = None,
        limit: int = 50,
    ) -> Page[R]:
        """Newest first. Rows that share a position (an entry's postings) are never split between pages."""
        table = row_table(kind, self._db.dialect)
        limit = max(1, min(limit, MOST_ROWS))
        shape, values = _shape(equal, narrowed), _values(equal, narrowed, self._db.dialect)
        newest = self._statement("newest" if before is None else "older", table, shape)
        wanted = (*values, limit + 1) if before is None else (*values, before.number, limit + 1)
        with self._db.reading() as connection:
            rows = [table.decode(found) for found in select(connection, newest, wanted)]
            if len(rows) <= limit:
                return Page(rows, None)
            last, next_one = _position(rows[limit - 1]), _position(rows[limit])
            if next_one < last:
                return Page(rows[:limit], Position.of(last))
            at_last = self._statement("at", table, shape)
            rows = [row for row in rows if _position(row) > last]
            rows += [table.decode(found) for found in select(connection, at_last, (*values, last))]
            older = self._statement("older", table, shape)
            more = next(select(connection, older, (*values, last, 1)), None) is not None
            return Page(rows, Position.of(last) if more else None)

    def _statement(self, what: str, table: RowTable, shape: Shape) -> str:
        try:
            return self._made[what, table.kind, shape]
        except KeyError:
            made = _statements(table, shape, self._db.dialect)
            self._made.update({(name, table.kind, shape): text for name, text in made.items()})
            return self._made[what, table.kind, shape]

    def position(self, projection: str) -> Position:
        with self._db.reading() as connection:
            if projection == BALANCES.name:
                return Position(self._db.shard.number, head_of_log(connection))
            found = {progress.name: progress.position for progress in read_progress(connection)}
        return Position(self._db.shard.number, found.get(projection, 0))

    def wait_for(self, position: int, *, timeout_s: float) -> bool:
        """Block until every projection has folded so far; False when it took too long or one stopped."""
        deadline = time.monotonic() + timeout_s
        while True:
            with self._db.progress:  # held while looking, so that no notice comes between look and wait
                reached, hopeless = self._reached(Position.of(position).id)
                left = deadline - time.monotonic()
                if reached or hopeless or left <= 0:
                    return reached
                self._db.progress.wait(min(left, POLL_S))  # a projector elsewhere notifies nobody here

    def _reached(self, position: int) -> tuple[bool, bool]:
        with self._db.reading() as connection:
            found = [p for p in read_progress(connection) if p.name in self._followers]
        behind = [p for p in found if p.position < position]
        reached = not behind and len(found) == len(self._followers)
        return reached, any(p.state == STOPPED for p in behind)


class MemoryReadModels:
    """Rows and ReadModels in memory, of a log in memory. Folds what is new whenever it is asked: never lags.

    With no log it is just rows to fold into.
    """

    def __init__(self, log: EventLog | None = None, projections: Sequence[Projection] = PROJECTIONS) -> None:
        self._log = log
        self._projections = projections
        self._tables: dict[type, dict[tuple[Any, ...], Any]] = {}
        self._folded = Position()
        self._lock = threading.RLock()

    # -- Rows ----------------------------------------------------------------------------------------------

    def put(self, row: Any) -> None:
        self._of(type(row))[row_table(type(row), "sqlite").key_of(row)] = row

    def add(self, row: Any) -> None:
        self.put(row)

    def increase(self, kind: type, key: tuple[Any, ...], amount: Decimal) -> None:
        rows = self._of(kind)
        total = add(rows[key].amount, amount) if key in rows else amount
        if total:
            rows[key] = kind(*key, total)
        else:
            rows.pop(key, None)

    def delete(self, kind: type, *key: Any) -> None:
        self._of(kind).pop(key, None)

    def get(self, kind: type[R], *key: Any) -> R | None:
        with self._lock:
            self.catch_up()
            return cast("R | None", self._of(kind).get(key))

    # -- ReadModels ----------------------------------------------------------------------------------------

    def where(self, kind: type[R], /, **equal: Any) -> Sequence[R]:
        with self._lock:
            self.catch_up()
            rows = sorted(self._of(kind).items(), key=lambda item: item[0])
        return [row for _, row in rows if _equals(row, equal)]

    def page(
        self,
        kind: type[R],
        *,
        equal: Mapping[str, Any],
        narrowed: Narrowed = EVERYTHING,
        before: Position | None = None,
        limit: int = 50,
    ) -> Page[R]:
        limit = max(1, min(limit, MOST_ROWS))
        rows = [row for row in self.where(kind, **equal) if before is None or _position(row) < before.number]
        rows = self._narrow(rows, narrowed)
        rows.sort(key=_position, reverse=True)  # stable: rows of one position stay in key order
        if len(rows) <= limit:
            return Page(rows, None)
        last = _position(rows[limit - 1])
        shown = [row for row in rows if _position(row) >= last]
        return Page(shown, Position.of(last) if len(shown) < len(rows) else None)

    def _narrow(self, rows: list[R], narrowed: Narrowed) -> list[R]:
        for name, since in narrowed.since.items():
            rows = [row for row in rows if (value := getattr(row, name)) is not None and value >= since]
        for name, before in narrowed.before.items():
            rows = [row for row in rows if (value := getattr(row, name)) is not None and value < before]
        for kind, equal in narrowed.beside:
            others: Sequence[Any] = self.where(kind, **equal)
            positions = {_position(other) for other in others}
            rows = [row for row in rows if _position(row) in positions]
        return rows

    def position(self, projection: str) -> Position:
        with self._lock:
            self.catch_up()
            known = any(one.name == projection for one in self._projections)
            return self._folded if known else Position()

    def wait_for(self, position: int, *, timeout_s: float) -> bool:
        deadline = time.monotonic() + timeout_s
        while True:
            with self._lock:
                self.catch_up()
                if self._folded.number >= position:
                    return True
            if time.monotonic() >= deadline:
                return False
            time.sleep(min(POLL_S, max(0.0, deadline - time.monotonic())))

    def catch_up(self) -> None:
        """Fold all that is in the log into the rows; while folding, reads see the fold's own writes."""
        with self._lock:
            log, self._log = self._log, None
            if log is None:
                return
            try:
                for recorded in log.read(after=self._folded):
                    for projection in self._projections:
                        if recorded.name in projection.names:
                            projection.fold(self, recorded)
                    self._folded = recorded.position
            finally:
                self._log = log

    def _of(self, kind: type) -> dict[tuple[Any, ...], Any]:
        return self._tables.setdefault(kind, {})


def _shape(equal: Mapping[str, Any], narrowed: Narrowed = EVERYTHING) -> Shape:
    """What a statement depends on: columns by comparison, and the same of the kinds beside."""
    beside = tuple((kind, tuple(columns)) for kind, columns in narrowed.beside)
    return tuple(equal), tuple(narrowed.since), tuple(narrowed.before), beside


def _values(equal: Mapping[str, Any], narrowed: Narrowed, dialect: str) -> tuple[Any, ...]:
    """In the order of the statement's marks."""
    given = [*equal.values(), *narrowed.since.values(), *narrowed.before.values()]
    for _, columns in narrowed.beside:
        given += columns.values()
    return tuple(encoded(value, dialect) for value in given)


def _statements(table: RowTable, shape: Shape, dialect: str) -> dict[str, str]:
    """What SqlReadModels asks of such rows. Raises KeyError for columns that there are not."""
    mark = "?" if dialect == "sqlite" else "%s"
    columns, since, before, beside = shape
    known = _known(table, (*columns, *since, *before))
    equal = [
        *(f"{name} = {mark}" for name in columns),
        *(f"{name} >= {mark}" for name in since),
        *(f"{name} < {mark}" for name in before),
    ]
    for kind, of_kind in beside:
        other = row_table(kind, dialect)
        _known(other, of_kind)
        same = " AND ".join(f"beside.{name} = {mark}" for name in of_kind)
        place = f"beside.position = {table.table}.position"
        found = f"SELECT 1 FROM {other.table} AS beside WHERE {place} AND {same}"  # noqa: S608 - our own names
        equal.append(f"EXISTS ({found})")

    def asking(*more: str) -> str:
        conditions = " AND ".join([*equal, *more])
        return f"{table.select_all} WHERE {conditions}" if conditions else table.select_all

    key = ", ".join(table.key_columns)
    made = {"by_key": f"{asking()} ORDER BY {key}"}
    if "position" in known:
        by_age = f"ORDER BY position DESC, {key}"
        made["newest"] = f"{asking()} {by_age} LIMIT {mark}"
        made["older"] = f"{asking(f'position < {mark}')} {by_age} LIMIT {mark}"
        made["at"] = f"{asking(f'position = {mark}')} {by_age}"
    return made


def _known(table: RowTable, columns: tuple[str, ...]) -> set[str]:
    known = set(table.columns)
    if unknown := [name for name in columns if name not in known]:
        raise KeyError(f"{table.table} has no column {unknown[0]}")
    return known


def _position(row: Any) -> int:
    position: int = row.position
    return position


def _equals(row: Any, equal: Mapping[str, Any]) -> bool:
    return all(getattr(row, name) == value for name, value in equal.items())
