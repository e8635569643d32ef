"""The one append-only log: every fact, in commit order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from application.records import record
from application.work import Versioned as Versioned
from domain.errors import DomainError, InvalidValue

SHARD = 0
"""The first shard: the platform's own, and the only one of a database that was not created with more."""

_ID_BITS = 48

_POSITION = re.compile(r"([0-9]{1,4}-)?[0-9]{1,18}", re.ASCII)  # more digits than any database counts up to


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in the log. Ids grow in commit order within a shard and may have holes; (0, 0) is the start."""

    shard: int = SHARD
    id: int = 0

    def __str__(self) -> str:
        return f"{self.shard}-{self.id}"

    @property
    def number(self) -> int:
        """As one number, as rows keep it: on the first shard the id itself; in the order of positions."""
        return (self.shard << _ID_BITS) + self.id

    @classmethod
    def of(cls, number: int) -> Position:
        """The position that a number stands for."""
        return cls(number >> _ID_BITS, number & (1 << _ID_BITS) - 1)

    @classmethod
    def parse(cls, text: str, field: str = "position") -> Position:
        """ "0-1234", or just "1234"; raises InvalidValue."""
        if not _POSITION.fullmatch(text):
            raise InvalidValue(field, f"{text!r} is not a log position; write it as '0-1234'")
        shard, _, number = text.rpartition("-")
        return cls(int(shard or SHARD), int(number))


@record
class Metadata:
    """Who caused an event, by which command, and when it was recorded."""

    recorded_at_utc: datetime
    actor: str  # an account id, or system:{role}
    command_id: str
    correlation_id: str  # one request or one bot decision and all that follows from it
    causation_id: str  # the command or event that led to this one


@record
class RecordedEvent:
    """One event as it stands in the log."""

    position: Position
    stream: str
    version: int  # counts from 1 within the stream
    name: str  # stable: ledger.entry_posted
    event: Any  # the domain event, upcast to today's class
    metadata: Metadata


class StoreUnavailable(Exception):
    """The store cannot answer now; nothing is known to have been written. Try again."""


class ReadOnlyLog(DomainError, code="read_only"):
    """This process opened the log for reading only."""

    def __init__(self, *, holder: str) -> None:
        super().__init__(f"the log is open read-only here: {holder}")
        self.holder = holder


class OneShardOnly(DomainError, code="one_shard_only"):
    """This cannot be answered for all shards of the log at once; ask shard by shard, or about one owner."""

    def __init__(self, *, what: str) -> None:
        super().__init__(f"{what}: this log has several shards, and this is of one shard only")
        self.what = what


class EventLog(Protocol):
    """Reading the log. Everything read is committed. Errors: StoreUnavailable."""

    def load(self, stream: str) -> Versioned:
        """An aggregate's newest state, from a snapshot and the events after it."""
        ...

    def stream(self, stream: str, *, after_version: int = 0, limit: int = -1) -> Sequence[RecordedEvent]:
        """One stream's events, oldest first, or the first `limit`; empty when there is no such stream."""
        ...

    def newer(self, versions: Mapping[str, int]) -> Sequence[RecordedEvent]:
        """What was appended to each of these streams after the version given with it, in log order."""
        ...

    def read(
        self, *, after: Position = Position(), until: Position | None = None, names: Sequence[str] = ()
    ) -> Iterator[RecordedEvent]:
        """Events with after < position <= until, in log order, only of those names when any are given.

        Streams: holds a page at a time. Without `until` it ends at what was the head when it got there.
        """
        ...

    def claimed(self, natural_keys: Iterable[str]) -> AbstractSet[str]:
        """Which of these external facts were recorded before (Work.claim)."""
        ...

    def head(self) -> Position:
        """The newest event's position."""
        ...

    def of(self, owner_id: str) -> EventLog:
        """The shard that all streams of that owner are on; this log itself where there is one shard."""
        ...

    def home(self, stream: str) -> EventLog:
        """The shard that a stream is on; the first one for a stream that is nowhere."""
        ...

    def parts(self) -> Sequence[EventLog]:
        """The log shard by shard. One log where there is one shard.

        Of several, `head` is the last shard's, `read` goes shard by shard, and `position_at` is refused
        (OneShardOnly): a moment of several shards is a position on each.
        """
        ...

    def position_at(self, moment: datetime) -> Position:
        """The newest event recorded at or before a moment; the start when there is none."""
        ...
