"""What one append holds, what the log gives back, and how a recorder refuses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple, Protocol

from eventsourcing.persistence import StoredEvent

FACTS = "fact"
"""The scope of command keys that are claimed external facts."""

Key = tuple[str, str]
"""(scope, command id)."""

BalanceKey = tuple[str, str, str]
"""(book id, account, asset)."""


class Row(NamedTuple):
    """One stored event as it stands in the log."""

    id: int
    stream: str
    version: int
    name: str
    state: bytes


class Head(NamedTuple):
    """A stream's last event."""

    version: int
    hash: bytes


class KeyRow(NamedTuple):
    """A command's outcome under its key. Its position is the id of the batch's nth event; 0 for none."""

    scope: str
    command_id: str
    fingerprint: str
    outcome: str  # JSON
    nth: int


class StoredKey(NamedTuple):
    """A command's outcome as it was committed."""

    fingerprint: str
    outcome: str
    position: int


class OutboxRow(NamedTuple):
    message_id: str
    topic: str
    recipient: str
    body: str  # JSON
    nth: int


class SnapshotRow(NamedTuple):
    stream: str
    version: int
    hash: bytes
    code_version: str
    state: bytes


@dataclass(slots=True)
class Append:
    """Everything that commits together."""

    events: list[StoredEvent] = field(default_factory=list)
    expected: dict[str, int] = field(default_factory=dict)  # versions of all streams read or written
    heads: dict[str, Head] = field(default_factory=dict)  # of the streams written
    fences: set[tuple[str, int]] = field(default_factory=set)  # lease, token
    keys: list[KeyRow] = field(default_factory=list)
    outbox: list[OutboxRow] = field(default_factory=list)
    balances: dict[BalanceKey, Decimal | None] = field(default_factory=dict)  # None: the row goes
    snapshots: list[SnapshotRow] = field(default_factory=list)
    recorded_at: datetime | None = None

    @property
    def writes(self) -> bool:
        return bool(self.events or self.keys or self.outbox)


class StaleVersion(Exception):
    """A stream stands at another version than the decision read; read again and decide again."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self.stream = stream


class DuplicateKey(Exception):
    """A command id or a fact in this append is in the log already: someone else's commit, or our own."""


class Reader(Protocol):
    """Reading the log's tables: what is committed. Errors: StoreUnavailable."""

    def find_keys(self, keys: Iterable[Key]) -> dict[Key, StoredKey]: ...

    def heads(self, streams: Iterable[str]) -> dict[str, Head]:
        """Where streams stand; those without events are left out."""
        ...

    def stream(self, stream: str, after_version: int = 0, limit: int = -1) -> Sequence[Row]:
        """One stream's events, oldest first; all of them, or the first `limit`."""
        ...

    def newer(self, versions: Mapping[str, int]) -> Sequence[Row]:
        """What was appended to each of these streams after its version, in log order, by one query."""
        ...

    def page(self, after: int, until: int, limit: int, names: Sequence[str] = ()) -> Sequence[Row]:
        """Events with after < id <= until, in log order, at most `limit`."""
        ...

    def newest(self, at_most: int | None = None) -> Row | None:
        """The last event, or the last one with id <= at_most."""
        ...

    def snapshot(self, stream: str) -> SnapshotRow | None: ...


class Sent(Protocol):
    """An append on its way into the log."""

    def ids(self) -> Sequence[int]:
        """Wait for its commit: the events' ids. Call it once; raises as Recorder.append does."""
        ...


class Lookup(Protocol):
    """Keys that are being looked up."""

    def found(self) -> dict[Key, StoredKey]:
        """Wait for the answer. Call it once; raises StoreUnavailable."""
        ...


class Found(NamedTuple):
    """Keys that were looked up before anybody asked."""

    keys: dict[Key, StoredKey]

    def found(self) -> dict[Key, StoredKey]:
        return self.keys


class Done(NamedTuple):
    """An append that was committed before anybody asked."""

    committed: Sequence[int]

    def ids(self) -> Sequence[int]:
        return self.committed


class Recorder(Reader, Protocol):
    """Appending to the log on one engine."""

    sole_writer: bool
    """No other process can append: what this one has cached is the truth."""

    commits_alone: bool
    """What was sent commits while this process does other things, reading the log among them."""

    def look_up(self, keys: Iterable[Key]) -> Lookup:
        """Begin what find_keys does; one at a time."""
        ...

    def send(self, append: Append) -> Sent:
        """Begin what append does; one at a time."""
        ...

    def append(self, append: Append) -> Sequence[int]:
        """Commit all of it and return the events' ids, or nothing of it.

        Raises StaleVersion, DuplicateKey, LeaseLost. After StoreUnavailable it is unknown which: look the
        keys up.
        """
        ...

    def close(self) -> None: ...


def position_of(nth: int, ids: Sequence[int]) -> int:
    """The id of the nth event of an append; 0 stands for none."""
    return ids[nth - 1] if nth else 0
