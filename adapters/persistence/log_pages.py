"""The log as projections read it: pages of ids, only the events they fold, decoded once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from adapters.persistence.envelope import Envelopes
from adapters.persistence.row_store import select
from application.ports.event_log import SHARD, Metadata, Position, RecordedEvent

_COLUMNS = "SELECT notification_id, originator_id, originator_version, topic, state FROM stored_events"


class StoredEvent(NamedTuple):
    """One event as it stands in the log."""

    id: int
    stream: str
    version: int
    name: str
    state: bytes


def head_of_log(connection: Connection) -> int:
    """The newest event's id; 0 for an empty log. All ids up to it are committed: ids follow commit order."""
    (newest,) = next(select(connection, "SELECT max(notification_id) FROM stored_events"))
    return newest or 0


def read_page(connection: Connection, after: int, until: int, names: Sequence[str]) -> list[StoredEvent]:
    """The events with after < id <= until that have one of these names, in log order."""
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * len(names))
        statement = f"{_COLUMNS} WHERE notification_id > ? AND notification_id <= ? AND topic IN ({marks})"
        parameters: Sequence[Any] = (after, until, *names)
    else:
        statement = f"{_COLUMNS} WHERE notification_id > %s AND notification_id <= %s AND topic = ANY(%s)"
        parameters = (after, until, list(names))
    found = select(connection, statement + " ORDER BY notification_id", parameters)
    return list(map(StoredEvent._make, found))


class Decoder:
    """Stored events as domain events; the last one is kept, since several projections ask for it."""

    def __init__(self, envelopes: Envelopes | None = None, shard: int = SHARD) -> None:
        self._read = (envelopes or Envelopes()).read
        self._shard = shard
        self._last: tuple[StoredEvent, RecordedEvent] | None = None

    def __call__(self, stored: StoredEvent) -> RecordedEvent:
        """Raises UnknownEvent, or what the bytes' damage raises."""
        if self._last is not None and self._last[0] is stored:
            return self._last[1]
        id, stream, version, name, state = stored
        envelope = self._read(name, state)
        recorded = RecordedEvent(
            position=Position(self._shard, id),
            stream=stream,
            version=version,
            name=name,
            event=envelope.data,
            metadata=Metadata(
                recorded_at_utc=envelope.recorded_at,
                actor=envelope.actor,
                command_id=envelope.command_id,
                correlation_id=envelope.correlation_id,
                causation_id=envelope.causation_id,
            ),
        )
        self._last = (stored, recorded)
        return recorded
