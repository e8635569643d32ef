"""The stored bytes of the log, page by page, for those who take them away."""

from __future__ import annotations

from collections.abc import Iterator

from adapters.persistence.database import Database
from adapters.persistence.row_store import select

_PAGE = 5_000


def stored_events(db: Database, after: int) -> Iterator[tuple[int, bytes]]:
    """Id and exact bytes of the events after an id, in log order, up to what was the head at the start."""
    mark = "?" if db.is_sqlite else "%s"
    statement = (
        f"SELECT notification_id, state FROM stored_events"  # noqa: S608 - marks only
        f" WHERE notification_id > {mark} AND notification_id <= {mark} ORDER BY 1 LIMIT {_PAGE}"
    )
    with db.reading() as connection:
        (head,) = next(select(connection, "SELECT coalesce(max(notification_id), 0) FROM stored_events"))
    while after < head:
        with db.reading() as connection:
            page = [(id, bytes(state)) for id, state in select(connection, statement, (after, head))]
        if not page:
            return
        yield from page
        after = page[-1][0]


def count_events(db: Database) -> int:
    with db.reading() as connection:
        (events,) = next(select(connection, "SELECT count(*) FROM stored_events"))
    return int(events)
