"""A log in a database, written row by row: what projections read, without the writer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import insert

from adapters.persistence.database import Database, open_database
from adapters.persistence.envelope import NO_EVENT, Envelopes
from adapters.persistence.log_tables import stored_events
from adapters.persistence.migrations import upgrade
from adapters.persistence.row_store import StoredRows
from application.ports.event_log import RecordedEvent
from application.views.projections import BALANCES


@contextmanager
def sqlite_database(directory: Path) -> Iterator[Database]:
    url = f"sqlite:///{directory / 'evenkeel.db'}"
    upgrade(url)
    with open_database(url, synchronous="OFF") as database:
        yield database


@contextmanager
def postgres_database(url: str) -> Iterator[Database]:
    with open_database(url) as database:
        yield database


def append(db: Database, events: Iterable[RecordedEvent]) -> None:
    """Events with their balance rows, in one transaction, as an append writes them."""
    envelopes, rows = Envelopes(), StoredRows(db.dialect)
    with db.transaction() as connection:
        rows.use(connection)
        for recorded in events:
            name, state = envelopes.write(
                recorded.event, recorded.stream, recorded.version, NO_EVENT, recorded.metadata
            )
            connection.execute(
                insert(stored_events).values(
                    notification_id=recorded.position.id,
                    originator_id=recorded.stream,
                    originator_version=recorded.version,
                    topic=name,
                    state=state,
                )
            )
            if name in BALANCES.names:
                BALANCES.fold(rows, recorded)
        rows.flush()


def append_poison(db: Database, position: int, name: str, stream: str = "bot:ann") -> None:
    """An event whose bytes no program can read."""
    with db.transaction() as connection:
        connection.execute(
            insert(stored_events).values(
                notification_id=position,
                originator_id=stream,
                originator_version=1_000_000 + position,
                topic=name,
                state=b'{"not": "an envelope"}',
            )
        )
