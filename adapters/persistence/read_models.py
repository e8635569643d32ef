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
from adapters.persistence.row_store import RowTable, row_table, select
from application.ports.event_log import SHARD, EventLog, Position
from application.ports.read_models import Page, Projection
from application.views.projections import BALANCES, FOLLOWERS, PROJECTIONS
from domain.money import add

R = TypeVar("R")
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

    def where(self, kind: type[R], **equal: Any) -> Sequence[R]:
        """Every row whose columns equal the given values, by key."""
        table = row_table(kind, self._db.dialect)
        by_key = self._statement("by_key", table, tuple(equal))
        with self._db.reading() as connection:
            return [table.decode(values) for values in select(connection, by_key, tuple(equal.values()))]

    def page(
        self, kind: type[R], *, equal: Mapping[str, Any], before: Position | None = None, limit: int = 50
    ) -> Page[R]:
        """Newest first. Rows that share a position (an entry's postings) are never split between pages."""
        table = row_table(kind, self._db.dialect)
        limit = max(1, min(limit, MOST_ROWS))
        columns, values = tuple(equal), tuple(equal.values())
        newest = self._statement("newest" if before is None else "older", table, columns)
        wanted = (*values, limit + 1) if before is None else (*values, before.id, limit + 1)
        with self._db.reading() as connection:
            rows = [table.decode(found) for found in select(connection, newest, wanted)]
            if len(rows) <= limit:
                return Page(rows, None)
            last, next_one = _position(rows[limit - 1]), _position(rows[limit])
            if next_one < last:
                return Page(rows[:limit], Position(SHARD, last))
            at_last = self._statement("at", table, columns)
            rows = [row for row in rows if _position(row) > last]
            rows += [table.decode(found) for found in select(connection, at_last, (*values, last))]
            older = self._statement("older", table, columns)
            more = next(select(connection, older, (*values, last, 1)), None) is not None
            return Page(rows, Position(SHARD, last) if more else None)

    def _statement(self, what: str, table: RowTable, columns: tuple[str, ...]) -> str:
        try:
            return self._made[what, table.kind, columns]
        except KeyError:
            made = _statements(table, columns, "?" if self._db.dialect == "sqlite" else "%s")
            self._made.update({(name, table.kind, columns): text for name, text in made.items()})
            return self._made[what, table.kind, columns]

    def position(self, projection: str) -> Position:
        with self._db.reading() as connection:
            if projection == BALANCES.name:
                return Position(SHARD, head_of_log(connection))
            found = {progress.name: progress.position for progress in read_progress(connection)}
        return Position(SHARD, found.get(projection, 0))

    def wait_for(self, position: int, *, timeout_s: float) -> bool:
        """Block until every projection has folded that log id; False when it took too long or one stopped."""
        deadline = time.monotonic() + timeout_s
        while True:
            with self._db.progress:  # held while looking, so that no notice comes between look and wait
                reached, hopeless = self._reached(position)
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

    def where(self, kind: type[R], **equal: Any) -> Sequence[R]:
        with self._lock:
            self.catch_up()
            rows = sorted(self._of(kind).items(), key=lambda item: item[0])
        return [row for _, row in rows if _equals(row, equal)]

    def page(
        self, kind: type[R], *, equal: Mapping[str, Any], before: Position | None = None, limit: int = 50
    ) -> Page[R]:
        limit = max(1, min(limit, MOST_ROWS))
        rows = [row for row in self.where(kind, **equal) if before is None or _position(row) < before.id]
        rows.sort(key=_position, reverse=True)  # stable: rows of one position stay in key order
        if len(rows) <= limit:
            return Page(rows, None)
        last = _position(rows[limit - 1])
        shown = [row for row in rows if _position(row) >= last]
        return Page(shown, Position(SHARD, last) if len(shown) < len(rows) else None)

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
                if self._folded.id >= position:
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


def _statements(table: RowTable, columns: tuple[str, ...], mark: str) -> dict[str, str]:
    """What SqlReadModels asks of rows that are equal in some columns. Raises KeyError for unknown columns."""
    known = set(table.columns)
    if unknown := [name for name in columns if name not in known]:
        raise KeyError(f"{table.table} has no column {unknown[0]}")
    equal = [f"{name} = {mark}" for name in columns]

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


def _position(row: Any) -> int:
    position: int = row.position
    return position


def _equals(row: Any, equal: Mapping[str, Any]) -> bool:
    return all(getattr(row, name) == value for name, value in equal.items())
