"""Follows the log and folds it into the read models, page by page, each event exactly once.

A page's rows and the new position commit together (safety §3.35). An event that a projection cannot fold
stops that projection, at the event before, and no other (§3.40). Balances are not here: the append writes
them.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects import postgresql, sqlite

from adapters.persistence.database import Database, is_unavailable
from adapters.persistence.envelope import Envelopes
from adapters.persistence.log_pages import Decoder, StoredEvent, head_of_log, read_page
from adapters.persistence.row_store import StoredRows
from adapters.persistence.tables import projection_positions
from application.failpoints import failpoint
from application.ports.event_log import SHARD, StoreUnavailable
from application.ports.read_models import Projection
from application.views.projections import FOLLOWERS

FOLDING, STOPPED = "folding", "stopped"
CACHED_ROWS = 50_000
PATIENCE_S = 10.0
GATHERING_S = 0.025
"""What is appended within this time after news came is folded in one transaction. Under load a fold for every
commit would take the writer's processor time, and on SQLite its connection, away from it."""
_LOOK_AGAIN_S = 0.02
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one projection is. `generation` grows when a rebuild swaps its tables."""

    name: str
    position: int
    generation: int
    state: str
    problem: str


class Projector:
    """Keeps projections up to date: in a thread of its own (start, stop, poke), or when told (catch_up).

    Several processes may run one on the same PostgreSQL database: a projection's position row is locked while
    it is folded, and who finds it locked leaves it alone.
    """

    def __init__(
        self,
        db: Database,
        projections: Sequence[Projection] = FOLLOWERS,
        *,
        envelopes: Envelopes | None = None,
        page: int = 500,
        poll_s: float = 0.1,
    ) -> None:
        self._db = db
        self._projections = {projection.name: projection for projection in projections}
        self._decode = Decoder(envelopes, db.shard.number)
        self._page, self._poll_s = page, poll_s
        self._rows: dict[str, StoredRows] = {}
        self._committed: dict[str, tuple[int, int]] = {}  # position, generation that _rows are good for
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        with db.transaction() as connection:
            register(connection, self._projections)

    # -- in a thread ---------------------------------------------------------------------------------------

    def start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="projector", daemon=True)
            self._thread.start()

    def poke(self) -> None:
        """There is news in the log; called by the writer after each commit. Never blocks."""
        self._wake.set()

    def stop(self) -> None:
        """Finish the page at hand and end the thread."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    @property
    def is_alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    # -- when told -----------------------------------------------------------------------------------------

    def catch_up(self, *, patience_s: float = PATIENCE_S) -> None:
        """Until everything that is in the log now is folded, by whomever; except into stopped projections.

        Raises StoreUnavailable when others keep projections locked and nothing has moved for so long.
        """
        with self._db.reading() as connection:
            head = head_of_log(connection)
        seen: list[Progress] = []
        deadline = 0.0
        while behind := self._behind(head):
            if self.fold_some():
                continue
            if behind != seen:
                seen, deadline = behind, time.monotonic() + patience_s
            elif time.monotonic() >= deadline:
                names = ", ".join(one.name for one in behind)
                raise StoreUnavailable(f"another process holds {names}, which stays behind the log")
            with self._db.progress:
                self._db.progress.wait(_LOOK_AGAIN_S)

    def fold_some(self) -> bool:
        """Fold at most one page into each projection, in one transaction; whether there is more to fold."""
        with self._db.folding:
            if not self._has_news():
                return False
            try:
                with self._db.transaction() as connection:
                    after = self._fold_pages(connection)
                    failpoint("mid_projection")
            except BaseException:
                for rows in self._rows.values():
                    rows.forget()
                self._committed.clear()
                raise
            for progress in after:
                self._committed[progress.name] = (progress.position, progress.generation)
                if self._rows[progress.name].size() > CACHED_ROWS:
                    self._rows[progress.name].forget()
        with self._db.progress:
            self._db.progress.notify_all()
        return bool(after)

    # -- inside --------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                more = self.fold_some()
            except StoreUnavailable as e:
                log.warning("the projector waits for the store: %s", e)
                more = False
            except Exception:  # the thread must outlive whatever it was
                log.exception("the projector failed and tries again")
                more = False
            if not more:
                self._wake.wait(self._poll_s)
                self._stopping.wait(GATHERING_S)
                self._wake.clear()

    def _has_news(self) -> bool:
        with self._db.reading() as connection:
            return bool(self._behind(head_of_log(connection)))

    def _behind(self, head: int) -> list[Progress]:
        with self._db.reading() as connection:
            return [p for p in self._progress(connection) if p.state == FOLDING and p.position < head]

    def _progress(self, connection: Connection, *, lock: bool = False) -> list[Progress]:
        found = lock_progress(connection, wait=False) if lock else read_progress(connection)
        return [progress for progress in found if progress.name in self._projections]

    def _fold_pages(self, connection: Connection) -> list[Progress]:
        head = head_of_log(connection)
        behind = [
            p for p in self._progress(connection, lock=True) if p.state == FOLDING and p.position < head
        ]
        after = []
        for position, group in groupby(sorted(behind, key=_position), key=_position):
            together = list(group)
            until = min(position + self._page, head)
            names = sorted({name for p in together for name in self._projections[p.name].names})
            events = read_page(connection, position, until, names)
            for progress in together:
                after.append(self._fold(connection, progress, events, until))
        return after

    def _fold(
        self, connection: Connection, progress: Progress, events: Sequence[StoredEvent], until: int
    ) -> Progress:
        projection = self._projections[progress.name]
        rows = self._rows.setdefault(progress.name, StoredRows(self._db.dialect))
        if self._committed.get(progress.name) != (progress.position, progress.generation):
            rows.forget()  # another process, or a rebuild, wrote since
        rows.use(connection)
        mine = [event for event in events if event.name in projection.names]
        poison, problem = fold_events(connection, projection, rows, mine, self._decode)
        if poison is None:
            moved = Progress(progress.name, until, progress.generation, FOLDING, "")
        else:
            last = max((e.id for e in mine if e.id < poison.id), default=progress.position)
            moved = Progress(progress.name, last, progress.generation, STOPPED, problem)
            log.error("projection %s stopped: %s", progress.name, problem)
        write_progress(connection, moved)
        return moved


def fold_events(
    connection: Connection,
    projection: Projection,
    rows: StoredRows,
    events: Sequence[StoredEvent],
    decode: Decoder,
) -> tuple[StoredEvent | None, str]:
    """Fold events in and write the rows; of a poison event and all after it, nothing.

    The event that could not be folded and why, or None.
    """
    if _fold_all(connection, projection, rows, events, decode) is None:
        return None, ""
    for event in events:  # again, one by one: only now is it known that one of them is poison
        if error := _fold_all(connection, projection, rows, [event], decode):
            return event, f"event {event.id} ({event.name}): {type(error).__name__}: {error}"
    return None, ""


def _fold_all(
    connection: Connection,
    projection: Projection,
    rows: StoredRows,
    events: Iterable[StoredEvent],
    decode: Decoder,
) -> Exception | None:
    """All of them or nothing; the error that prevented it. What is the store's fault is raised."""
    try:
        with connection.begin_nested():
            for event in events:
                projection.fold(rows, decode(event))
            rows.flush()
    except Exception as e:  # whatever a fold can raise makes its event poison
        rows.forget()
        if isinstance(e, StoreUnavailable) or is_unavailable(e):
            raise
        return e
    return None


# -- positions ---------------------------------------------------------------------------------------------

_OF_THIS_SHARD = projection_positions.c.shard == SHARD
"""In each shard's own tables: which of how many it is, its schema says (shard_layout.py)."""

_READ = (
    select(
        projection_positions.c.name,
        projection_positions.c.position,
        projection_positions.c.generation,
        projection_positions.c.state,
        projection_positions.c.problem,
    )
    .where(_OF_THIS_SHARD)
    .order_by(projection_positions.c.name)
)


def register(connection: Connection, names: Iterable[str]) -> None:
    """Give each projection a position; one that stopped tries again (a new program may know the event)."""
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    start = {"shard": SHARD, "position": 0, "generation": 0}
    folding = {"state": FOLDING, "problem": ""}
    for name in sorted(names):
        statement = insert(projection_positions).values(name=name, **start, **folding)
        connection.execute(statement.on_conflict_do_update(index_elements=["name", "shard"], set_=folding))


def read_progress(connection: Connection) -> list[Progress]:
    """Every projection's progress, by name."""
    return [Progress(*row) for row in connection.execute(_READ)]


def lock_progress(connection: Connection, *, wait: bool) -> list[Progress]:
    """As read_progress, and nobody else moves them until this transaction ends (SQLite's is alone anyway).

    Those that somebody else has locked are waited for, or left out.
    """
    return [Progress(*row) for row in connection.execute(_READ.with_for_update(skip_locked=not wait))]


def write_progress(connection: Connection, progress: Progress) -> None:
    connection.execute(
        update(projection_positions)
        .where(_OF_THIS_SHARD, projection_positions.c.name == progress.name)
        .values(
            position=progress.position,
            generation=progress.generation,
            state=progress.state,
            problem=progress.problem,
        )
    )


def _position(progress: Progress) -> int:
    return progress.position
