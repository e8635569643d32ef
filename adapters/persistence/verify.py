"""Checking the log against itself: every stored byte, every chain, every head.

Finds a changed byte, a changed column, an event removed, inserted or swapped within its stream, a tail cut
off, a stream gone. Moving events of different streams past each other, and rewriting a stream with its head,
only the sealed tree and its signed checkpoints can show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import msgspec
import psycopg
from sqlalchemy import Connection, text

from adapters.persistence.database import Database
from adapters.persistence.envelope import NO_EVENT, read_header

Progress = Callable[[int], None]
"""Told, now and then, how many events have been checked."""

_PAGE = 10_000
_EVENTS = (
    "SELECT notification_id, originator_id, originator_version, topic, state"
    " FROM stored_events ORDER BY notification_id"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BadEvent:
    """The first place where the log contradicts itself, and how.

    For an event that is missing: the last one of its stream that is there, or position 0 when none is.
    """

    position: int
    stream: str
    version: int
    name: str
    reason: str

    def __str__(self) -> str:
        return f"event {self.position}, {self.stream} version {self.version} ({self.name}): {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyReport:
    """What was checked, and the first thing that is wrong, if any."""

    events: int
    streams: int
    first_bad: BadEvent | None

    @property
    def ok(self) -> bool:
        return self.first_bad is None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventLink:
    """One event's place in its stream's hash chain, and what is wrong there; "" for nothing."""

    stream: str
    version: int
    name: str
    hash: str  # of its stored bytes
    previous_hash: str  # of the event before it in the stream, as stored; zeros for none
    problem: str


def verify_event(db: Database, position: int) -> EventLink | None:
    """Recompute one event's links: to the event before it, and to what follows, the next one or the head."""
    with db.reading() as connection:
        row = connection.execute(_EVENT_AT, {"id": position}).one_or_none()
        if row is None:
            return None
        stream, version, name, state = row
        before = _hash_in(connection, stream, version - 1)
        link = sha256(b"\x00" + state).digest()
        last = None if before is None else (version - 1, before, 0, "")
        problem = _fault(stream, version, name, state, last)
        if problem is None:
            problem = _broken_after(connection, stream, version, link)
        previous = NO_EVENT if before is None else before
        return EventLink(
            stream=stream,
            version=version,
            name=name,
            hash=link.hex(),
            previous_hash=previous.hex(),
            problem=problem or "",
        )


_EVENT_AT = text(
    "SELECT originator_id, originator_version, topic, state FROM stored_events WHERE notification_id = :id"
)
_STATE_IN = text(
    "SELECT state FROM stored_events WHERE originator_id = :stream AND originator_version = :version"
)
_HEAD_OF = text("SELECT version, hash FROM stream_heads WHERE stream = :stream")


def _hash_in(connection: Connection, stream: str, version: int) -> bytes | None:
    state = connection.execute(_STATE_IN, {"stream": stream, "version": version}).scalar_one_or_none()
    return None if state is None else sha256(b"\x00" + state).digest()


def _broken_after(connection: Connection, stream: str, version: int, link: bytes) -> str | None:
    following = connection.execute(_STATE_IN, {"stream": stream, "version": version + 1}).scalar_one_or_none()
    if following is not None:
        try:
            holds = read_header(following).prev == link.hex()
        except (msgspec.MsgspecError, ValueError):
            return None  # the next event's own fault
        return None if holds else "it was changed: the event after it was made from another one"
    head = connection.execute(_HEAD_OF, {"stream": stream}).one_or_none()
    if head is None:
        return "the stream has no head"
    if head.version != version:
        return f"the stream ends here, its head says version {head.version}"
    return None if bytes(head.hash) == link else "it was changed: it is not the event its head was made from"


def verify_log(db: Database, progress: Progress = lambda _: None) -> VerifyReport:
    """Recompute every chain over the exact stored bytes; stops at the first fault.

    Reads one consistent view, a page at a time, beside running writers. Memory: one small entry a stream.
    """
    with db.reading() as connection:
        if not db.is_sqlite:
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        seen: dict[str, tuple[int, bytes, int, str]] = {}  # version, hash, position, name of the last event
        events = 0
        last_id = 0
        for page in _pages(connection, _EVENTS):
            for id, stream, version, name, state in page:
                before = seen.get(stream)
                reason = _fault(stream, version, name, state, before)
                if reason is None and id <= last_id:
                    reason = f"its id does not follow {last_id}"
                if reason is not None:
                    bad = BadEvent(position=id, stream=stream, version=version, name=name, reason=reason)
                    return VerifyReport(events=events, streams=len(seen), first_bad=bad)
                seen[stream] = version, sha256(b"\x00" + state).digest(), id, name
                last_id = id
                events += 1
            progress(events)
        bad_head = _first_bad_head(connection, seen)
        return VerifyReport(events=events, streams=len(seen), first_bad=bad_head)


def _fault(
    stream: str, version: int, name: str, state: bytes, before: tuple[int, bytes, int, str] | None
) -> str | None:
    try:
        header = read_header(state)
    except (msgspec.MsgspecError, ValueError) as e:
        return f"its bytes are no event: {e}"
    last, prev = (before[0], before[1]) if before is not None else (0, NO_EVENT)
    if header.stream != stream:
        return f"its bytes say stream {header.stream}"
    if header.version != version:
        return f"its bytes say version {header.version}"
    if header.name != name:
        return f"its bytes say {header.name}"
    if version != last + 1:
        return f"version {last + 1} should stand here"
    if header.prev != prev.hex():
        return "the event before it was changed, or replaced" if last else "it claims an event before it"
    return None


def _first_bad_head(connection: Connection, seen: dict[str, tuple[int, bytes, int, str]]) -> BadEvent | None:
    """Compare where each stream ends with its head; of several faults, the one earliest in the log."""
    unclaimed = dict(seen)
    faults: list[BadEvent] = []
    for page in _pages(connection, "SELECT stream, version, hash FROM stream_heads ORDER BY stream"):
        for stream, version, hash in page:
            last = unclaimed.pop(stream, None)
            if last is None:
                reason = f"all {version} events of the stream are missing"
                faults.append(BadEvent(position=0, stream=stream, version=version, name="", reason=reason))
            elif last[0] != version:
                word = "are missing" if version > last[0] else "are not in its head"
                reason = f"the stream ends here, its head says version {version}: events {word}"
                faults.append(_at(stream, last, reason))
            elif last[1] != bytes(hash):
                faults.append(_at(stream, last, "it was changed: it is not the event its head was made from"))
    faults += [_at(stream, last, "the stream has no head") for stream, last in unclaimed.items()]
    return min(faults, key=lambda fault: (fault.position, fault.stream), default=None)


def _at(stream: str, last: tuple[int, bytes, int, str], reason: str) -> BadEvent:
    version, _, position, name = last
    return BadEvent(position=position, stream=stream, version=version, name=name, reason=reason)


def _pages(connection: Connection, statement: str) -> Iterator[list[Any]]:
    """The rows of a query, a page at a time, in the driver's own tuples."""
    raw: Any = connection.connection.driver_connection
    if isinstance(raw, psycopg.Connection):
        with raw.cursor("verify", binary=True) as cursor:  # named: the server keeps what was not fetched yet
            cursor.itersize = _PAGE
            cursor.execute(statement)
            while page := cursor.fetchmany(_PAGE):
                yield page
    else:
        rows = raw.execute(statement)
        while page := rows.fetchmany(_PAGE):
            yield page
