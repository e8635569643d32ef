"""Folding the log afresh beside what stands, and comparing: check. And putting it in its place: rebuild.

Beside the live tables, shadow tables are folded from the log's start, in transactions of a page. Then one
transaction holds the followers still, compares, takes the appends' lock, folds the tail, compares the
balances, and swaps (safety §3.36). Killed at any point, the live tables are what they were. Nothing here has
an effect outside the database.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from adapters.persistence.bulk import Loader, pages, rarer_collections, unhurried
from adapters.persistence.database import Database
from adapters.persistence.envelope import Envelopes
from adapters.persistence.fast_balances import FastBalances
from adapters.persistence.log_pages import Decoder, StoredEvent, head_of_log, read_page
from adapters.persistence.log_tables import APPENDS_IN_ORDER, of_shard
from adapters.persistence.projector import (
    FOLDING,
    STOPPED,
    fold_events,
    lock_progress,
    read_progress,
    register,
    write_progress,
)
from adapters.persistence.row_store import StoredRows
from adapters.persistence.shadow import Shadow
from application.failpoints import failpoint
from application.ports.read_models import Projection
from application.views.projections import BALANCES, PROJECTIONS
from domain.errors import DomainError, InvalidValue

Report = Callable[[int, int], None]
"""Called with the events folded and the events there are."""

PAGE = 5_000
KEPT_ROWS = 50_000
"""Rows that a rebuild keeps in memory, some 80 MB of them, before it writes them all and starts over."""


class PoisonEvent(DomainError, code="poison_event"):
    """An event of the log cannot be folded; nothing was changed. Verify the log, or upgrade the program."""

    def __init__(self, stored: StoredEvent, error: Exception) -> None:
        super().__init__(
            f"event {stored.id} ({stored.name}) cannot be folded: {type(error).__name__}: {error}"
        )
        self.position, self.stream, self.name = stored.id, stored.stream, stored.name


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """One projection, folded afresh. `difference` names the first row that stood otherwise before."""

    name: str
    difference: str = ""

    @property
    def identical(self) -> bool:
        return not self.difference


@dataclass(frozen=True, slots=True)
class RebuildReport:
    """What a rebuild or a check folded, and what it found."""

    projections: tuple[Rebuilt, ...]
    position: int  # the log id up to which it folded and compared
    events: int
    rows: int
    seconds: float
    locked_seconds: float  # for which nobody could append
    swapped: bool

    @property
    def identical(self) -> bool:
        return all(one.identical for one in self.projections)

    @property
    def difference(self) -> str:
        """The first difference found; "" for none."""
        return next((one.difference for one in self.projections if one.difference), "")


CheckReport = RebuildReport


@dataclass(frozen=True, slots=True)
class ProjectionStatus:
    """Where a projection stands: inline (written by the append), folding, or stopped and why."""

    name: str
    position: int
    lag: int  # log ids behind the head
    state: str
    problem: str


def rebuild(
    db: Database, names: Sequence[str] | None = None, progress: Report | None = None
) -> RebuildReport:
    """Fold projections (all, or those named) from the log's start and swap them in, while serving.

    Raises InvalidValue for an unknown name, RebuildRunning beside another rebuild or check, and what a fold
    raises: then nothing was changed.
    """
    return _Rebuild(db, chosen(names), progress).run(swap=True)


def check(db: Database, names: Sequence[str] | None = None, progress: Report | None = None) -> CheckReport:
    """As rebuild, but change nothing: does every row equal what the log gives?"""
    return _Rebuild(db, chosen(names), progress).run(swap=False)


def status(db: Database) -> tuple[ProjectionStatus, ...]:
    """Every projection's position, lag and state."""
    with db.reading() as connection:
        head = head_of_log(connection)
        found = {one.name: one for one in read_progress(connection)}
    rows = [ProjectionStatus(BALANCES.name, head, 0, "inline", "")]
    for projection in PROJECTIONS:
        if projection.name in found:
            one = found[projection.name]
            rows.append(ProjectionStatus(one.name, one.position, head - one.position, one.state, one.problem))
    return tuple(rows)


def chosen(names: Sequence[str] | None) -> tuple[Projection, ...]:
    """The projections of these names; raises InvalidValue for one that does not exist."""
    known = {projection.name: projection for projection in PROJECTIONS}
    for name in names or ():
        if name not in known:
            raise InvalidValue("projection", f"{name!r} is not one of {', '.join(known)}")
    return tuple(known[name] for name in dict.fromkeys(names)) if names else PROJECTIONS


class _Rebuild:
    def __init__(self, db: Database, projections: tuple[Projection, ...], progress: Report | None) -> None:
        self._db = db
        self._projections = projections
        self._followers = {one.name: one for one in projections if one is not BALANCES}
        self._names = sorted({name for one in projections for name in one.names})
        self._folds = {name: [one.fold for one in projections if name in one.names] for name in self._names}
        self._report = progress or (lambda _done, _all: None)
        self._shadow = Shadow(db, [kind for one in projections for kind in one.rows])
        self._rows = StoredRows(db.dialect, prefix=self._shadow.prefix, fresh=True)
        self._decode = Decoder(Envelopes(), db.shard.number)
        self._balances = FastBalances()
        self._folded = 0
        self._events = 0

    def run(self, *, swap: bool) -> RebuildReport:
        """Raises RebuildRunning: there is one set of shadow tables."""
        started = time.monotonic()
        with self._db.rebuilding() as confirm_alone:
            self._shadow.create()
            try:
                self._fold_the_bulk()
                with self._db.folding, self._db.transaction() as connection:
                    report = self._finish(connection, swap=swap)
                    confirm_alone()
                    failpoint("mid_rebuild")
            finally:
                with self._db.transaction() as connection:
                    self._shadow.drop(connection)
        return replace(report, seconds=time.monotonic() - started)

    # -- beside --------------------------------------------------------------------------------------------

    def _fold_the_bulk(self) -> None:
        """Up to what was the head a moment ago; the last transaction is left with the tail."""
        with rarer_collections(), Loader(self._db) as loader:
            for events, until, head in pages(self._db, self._names, PAGE):
                with self._db.reading() as connection:  # for what a spill has put into the tables
                    self._rows.use(connection)
                    self._fold(events, until)
                loader.load(self._rows.take_appended())
                if self._rows.size() > KEPT_ROWS:
                    loader.wait()
                    self._spill()
                self._report(until, head)
                failpoint("mid_rebuild")
            loader.wait()
            self._spill()
        with unhurried(self._db) as connection:
            self._shadow.index(connection)

    def _spill(self) -> None:
        """Write the rows that are kept in memory, and keep none."""
        with unhurried(self._db) as connection:
            self._rows.use(connection)
            self._rows.flush()
            self._rows.forget()

    def _fold(self, events: Sequence[StoredEvent], until: int) -> None:
        rows, decode = self._rows, self._decode
        if not self._followers:
            for stored in events:
                try:
                    self._balances.fold(rows, stored)
                except Exception as e:
                    raise PoisonEvent(stored, e) from e
        else:
            for stored in events:
                try:
                    recorded = decode(stored)
                    for fold in self._folds[stored.name]:
                        fold(rows, recorded)
                except Exception as e:
                    raise PoisonEvent(stored, e) from e
        self._events += len(events)
        self._folded = until

    # -- in place ------------------------------------------------------------------------------------------

    def _finish(self, connection: Connection, *, swap: bool) -> RebuildReport:
        if not self._db.is_sqlite:
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            connection.exec_driver_sql("SET LOCAL lock_timeout = '10s'")
        self._rows.use(connection)
        register(connection, set(self._followers) - {one.name for one in read_progress(connection)})
        lock_progress(connection, wait=True)
        self._fold_tail(connection)
        found = [Rebuilt(name, self._compare_follower(connection, name)) for name in self._followers]
        locked = time.monotonic()
        if not self._db.is_sqlite:
            connection.exec_driver_sql(of_shard(APPENDS_IN_ORDER, self._db.shard.number))
        self._fold_tail(connection)
        if BALANCES in self._projections:
            found.insert(0, Rebuilt(BALANCES.name, self._compare(connection, BALANCES)))
        rows = self._shadow.count(connection) if self._db.is_sqlite or not swap else 0
        if swap:
            self._shadow.swap(connection)
            for progress in read_progress(connection):
                if progress.name in self._followers:
                    write_progress(
                        connection,
                        replace(
                            progress,
                            position=self._folded,
                            generation=progress.generation + 1,
                            state=FOLDING,
                            problem="",
                        ),
                    )
        return RebuildReport(
            projections=tuple(found),
            position=self._folded,
            events=self._events,
            rows=rows,
            seconds=0.0,
            locked_seconds=time.monotonic() - locked,
            swapped=swap,
        )

    def _fold_tail(self, connection: Connection) -> None:
        head = head_of_log(connection)
        while self._folded < head:
            until = min(self._folded + PAGE, head)
            self._fold(read_page(connection, self._folded, until, self._names), until)
        self._rows.flush()

    def _compare_follower(self, connection: Connection, name: str) -> str:
        """Bring the live projection to where the shadow stands, then compare."""
        projection = self._followers[name]
        (progress,) = (one for one in read_progress(connection) if one.name == name)
        if progress.state == STOPPED:
            return f"{name} stands still at {progress.position}: {progress.problem}"
        rows = StoredRows(self._db.dialect)
        rows.use(connection)
        position = progress.position
        while position < self._folded:
            until = min(position + PAGE, self._folded)
            events = read_page(connection, position, until, projection.names)
            poison, problem = fold_events(connection, projection, rows, events, self._decode)
            if poison is not None:
                return f"{name} cannot fold on from {position}: {problem}"
            position = until
        write_progress(connection, replace(progress, position=position, generation=progress.generation + 1))
        return self._compare(connection, projection)

    def _compare(self, connection: Connection, projection: Projection) -> str:
        differences = (self._shadow.difference(connection, kind) for kind in projection.rows)
        return next(filter(None, differences), "")
