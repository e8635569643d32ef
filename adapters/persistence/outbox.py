"""What waits to be told to the outside world, in the order in which it was committed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select, update

from adapters.persistence.database import Database
from adapters.persistence.log_tables import outbox
from adapters.persistence.tables import utc_text
from application.ports.clock import Clock
from application.work import OutboxMessage


class SqlOutbox:
    """The outbox rows that appends wrote. Mark after telling: what was told twice has the same message id."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db, self._clock = db, clock

    def pending(self, limit: int = 100) -> Sequence[OutboxMessage]:
        """Messages not yet marked, oldest first."""
        statement = (
            select(outbox.c.message_id, outbox.c.topic, outbox.c.recipient, outbox.c.body)
            .where(outbox.c.delivered_at.is_(None))
            .order_by(outbox.c.id)
            .limit(limit)
        )
        with self._db.reading() as connection:
            return [_message(*row) for row in connection.execute(statement)]

    def mark_delivered(self, message_ids: Sequence[str]) -> int:
        """Not to be told again; how many were not marked before."""
        if not message_ids:
            return 0
        now = self._clock.now()
        statement = update(outbox).where(
            outbox.c.message_id.in_(message_ids), outbox.c.delivered_at.is_(None)
        )
        with self._db.transaction() as connection:
            marked = connection.execute(
                statement.values(delivered_at=utc_text(now) if self._db.is_sqlite else now)
            )
            return marked.rowcount


class MemoryOutbox:
    """The outbox of a log in memory; `rows` is its recorder's own mapping, by message id, oldest first."""

    def __init__(self, rows: Mapping[str, tuple[Any, int]]) -> None:
        self._rows = rows
        self._delivered: set[str] = set()

    def pending(self, limit: int = 100) -> Sequence[OutboxMessage]:
        waiting = [row for row, _ in list(self._rows.values()) if row.message_id not in self._delivered]
        return [_message(row.message_id, row.topic, row.recipient, row.body) for row in waiting[:limit]]

    def mark_delivered(self, message_ids: Sequence[str]) -> int:
        marked = {one for one in message_ids if one in self._rows} - self._delivered
        self._delivered |= marked
        return len(marked)


def _message(message_id: str, topic: str, recipient: str, body: str) -> OutboxMessage:
    return OutboxMessage(message_id=message_id, topic=topic, recipient=recipient, body=json.loads(body))
