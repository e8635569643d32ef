"""Pages of the log, the next one being read while this one is folded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from adapters.persistence.database import Database
from adapters.persistence.log_pages import StoredEvent, head_of_log, read_page


def pages(db: Database, names: Sequence[str], size: int) -> Iterator[tuple[Sequence[StoredEvent], int, int]]:
    """From the log's start: events of these names, the id they reach to, and the head then.

    Ends where fewer than a page of ids are left.
    """

    def read(after: int) -> tuple[Sequence[StoredEvent], int, int]:
        with db.reading() as connection:
            head = head_of_log(connection)
            until = min(after + size, head)
            return read_page(connection, after, until, names), until, head

    with ThreadPoolExecutor(1, "log-reader") as reader:
        coming = reader.submit(read, 0)
        while True:
            events, until, head = coming.result()
            full = head - until > 0
            if full:
                coming = reader.submit(read, until)
            yield events, until, head
            if not full:
                return
