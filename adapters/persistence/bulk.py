"""What makes a long fold fast: reading the next page and loading the last one while this one is folded."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from sqlalchemy import Connection

from adapters.persistence.database import Database
from adapters.persistence.log_pages import StoredEvent, head_of_log, read_page
from adapters.persistence.row_store import RowTable

Page = tuple[Sequence[StoredEvent], int, int]


@contextmanager
def unhurried(db: Database) -> Iterator[Connection]:
    """A transaction without a request's time limit."""
    with db.transaction() as connection:
        if not db.is_sqlite:
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        yield connection


def pages(db: Database, names: Sequence[str], size: int) -> Iterator[Page]:
    """From the log's start: events of these names, the id they reach to, and the head then.

    Ends at what was the head when it got there.
    """

    def read(after: int) -> Page:
        with db.reading() as connection:
            head = head_of_log(connection)
            until = min(after + size, head)
            return read_page(connection, after, until, names), until, head

    with ThreadPoolExecutor(1, "log-reader") as reader:
        coming: Future[Page] | None = reader.submit(read, 0)
        while coming is not None:
            events, until, head = coming.result()
            coming = reader.submit(read, until) if until < head else None
            yield events, until, head


class Loader:
    """Loads rows in a thread of its own, a page behind the fold, each page in its own transaction."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._thread = ThreadPoolExecutor(1, "row-loader")
        self._loading: Future[None] | None = None

    def load(self, appended: list[tuple[RowTable, list[Any]]]) -> None:
        """Begin to load rows, once those before are loaded; raises what went wrong with those."""
        self.wait()
        if appended:
            self._loading = self._thread.submit(self._load, appended)

    def wait(self) -> None:
        """Until all is loaded."""
        if self._loading is not None:
            loading, self._loading = self._loading, None
            loading.result()

    def _load(self, appended: list[tuple[RowTable, list[Any]]]) -> None:
        with unhurried(self._db) as connection:
            for table, rows in appended:
                table.load(connection, rows)

    def __enter__(self) -> Loader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown(wait=True)


@contextmanager
def rarer_collections() -> Iterator[None]:
    """Let the garbage collector look less often: a fold keeps many rows alive and makes no cycles."""
    before = gc.get_threshold()
    gc.set_threshold(100_000, 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)
