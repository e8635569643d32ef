"""The log as several processes share it: one store in memory, and each process's own writer over it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from eventsourcing.persistence import StoredEvent

from adapters.persistence.envelope import Envelopes
from adapters.persistence.event_log import StoredEventLog
from adapters.persistence.leases import MemoryLeases
from adapters.persistence.read_models import MemoryReadModels
from adapters.persistence.recorders.base import Append, Done, Found, Head, Key, Row, SnapshotRow, StoredKey
from adapters.persistence.recorders.memory import MemoryRecorder
from application.ports.commands import Fence
from application.ports.event_log import Position, RecordedEvent, StoreUnavailable
from application.ports.read_models import Page, ReadModels
from application.streams import empty_state
from application.work import Versioned
from tests.simulation.faults import Faults
from tests.simulation.scheduler import Life, Scheduler

R = TypeVar("R")

ENVELOPES = Envelopes()
Listener = Callable[[Sequence[RecordedEvent], Append], None]


class SharedStore(MemoryRecorder):
    """What all processes append to. Every commit is folded once, for all readers, and told to `listeners`."""

    sole_writer = False

    def __init__(self) -> None:
        super().__init__()
        self.states: dict[str, Versioned] = {}
        self.recorded: dict[int, RecordedEvent] = {}
        self.listeners: list[Listener] = []
        self._reading = StoredEventLog(self, ENVELOPES)

    def _update_table(
        self, stored_events: Sequence[StoredEvent], *, append: Append | None = None, **kwargs: Any
    ) -> Sequence[int] | None:
        ids = super()._update_table(stored_events, append=append, **kwargs)
        new = [self._fold(row) for row in self._rows[len(self._rows) - len(stored_events) :]]
        if append is not None:
            for listener in self.listeners:
                listener(new, append)
        return ids

    def _fold(self, row: Row) -> RecordedEvent:
        recorded = self._reading._recorded(row)
        self.recorded[row.id] = recorded
        before = self.states.get(row.stream)
        state = empty_state(row.stream) if before is None else before.state
        self.states[row.stream] = Versioned(row.version, state.evolve(recorded.event))
        return recorded

    def state(self, stream: str) -> Any:
        known = self.states.get(stream)
        return empty_state(stream) if known is None else known.state

    def keys(self) -> Mapping[Key, StoredKey]:
        """Every command that has an outcome."""
        return self._keys

    def streams(self) -> Mapping[str, Sequence[Row]]:
        return self._streams


class Connection:
    """One process's way to the store; it may be cut, and a commit's answer may be lost on it."""

    sole_writer = False
    commits_alone = False

    def __init__(self, shared: SharedStore, life: Life, scheduler: Scheduler, faults: Faults) -> None:
        self._shared, self._life, self._scheduler, self._faults = shared, life, scheduler, faults
        self.away_until_ms = 0

    def reach(self) -> SharedStore:
        """The store; raises StoreUnavailable."""
        self._life.require()
        if self._scheduler.now_ms < self.away_until_ms:
            raise StoreUnavailable("the store is away")
        return self._shared

    def look_up(self, keys: Iterable[Key]) -> Found:
        return Found(self.find_keys(keys))

    def send(self, append: Append) -> Done:
        return Done(self.append(append))

    def append(self, append: Append) -> Sequence[int]:
        shared = self.reach()
        if self._faults.strikes("commit_lost"):
            raise StoreUnavailable("the connection broke before the commit")
        ids = shared.append(append)
        if self._faults.strikes("commit_unanswered"):
            self._scheduler.note(f"{self._life.name}: a commit's answer is lost")
            raise StoreUnavailable("the connection broke at the commit")
        return ids

    def find_keys(self, keys: Iterable[Key]) -> dict[Key, StoredKey]:
        return self.reach().find_keys(keys)

    def heads(self, streams: Iterable[str]) -> dict[str, Head]:
        return self.reach().heads(streams)

    def stream(self, stream: str, after_version: int = 0, limit: int = -1) -> Sequence[Row]:
        return self.reach().stream(stream, after_version, limit)

    def newer(self, versions: Mapping[str, int]) -> Sequence[Row]:
        return self.reach().newer(versions)

    def page(self, after: int, until: int, limit: int, names: Sequence[str] = ()) -> Sequence[Row]:
        return self.reach().page(after, until, limit, names)

    def newest(self, at_most: int | None = None) -> Row | None:
        return self.reach().newest(at_most)

    def snapshot(self, stream: str) -> SnapshotRow | None:
        return self.reach().snapshot(stream)

    def close(self) -> None: ...


class SharedLog(StoredEventLog):
    """A process's log. What every process would fold for itself is folded once: see SharedStore."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection, ENVELOPES)
        self._connection = connection

    def load(self, stream: str) -> Versioned:
        return self._connection.reach().states.get(stream) or Versioned(0, empty_state(stream))

    def _recorded(self, row: Row) -> RecordedEvent:
        return self._connection.reach().recorded[row.id]


class SharedViews(MemoryReadModels):
    """The read models as the store keeps them; what was found is found again until something is folded."""

    def __init__(self, log: StoredEventLog) -> None:
        super().__init__(log)
        self._found: dict[Any, Sequence[Any]] = {}
        self._found_at = self._folded

    def where(self, kind: type[R], /, **equal: Any) -> Sequence[R]:
        self.catch_up()
        if self._found_at != self._folded:
            self._found.clear()
            self._found_at = self._folded
        asked = (kind, *equal.items())
        if asked not in self._found:
            self._found[asked] = super().where(kind, **equal)
        return self._found[asked]

    def copied(self) -> MemoryReadModels:
        """As they are now, and as they stay."""
        copy = MemoryReadModels()
        copy._tables = {kind: dict(rows) for kind, rows in self._tables.items()}
        copy._folded = self._folded
        return copy


class LaggingViews(ReadModels):
    """One process's sight of the read models: for a while, what they were when the projector fell behind."""

    def __init__(self, shared: SharedViews, connection: Connection, scheduler: Scheduler) -> None:
        self._shared, self._connection, self._scheduler = shared, connection, scheduler
        self._old: MemoryReadModels | None = None
        self.behind_until_ms = 0

    def fall_behind(self, until_ms: int) -> None:
        self.behind_until_ms, self._old = until_ms, self._shared.copied()

    def _now(self) -> MemoryReadModels:
        self._connection.reach()
        if self._old is not None and self._scheduler.now_ms >= self.behind_until_ms:
            self._old = None
        return self._old or self._shared

    def get(self, kind: type[R], *key: Any) -> R | None:
        return self._now().get(kind, *key)

    def where(self, kind: type[R], /, **equal: Any) -> Sequence[R]:
        return self._now().where(kind, **equal)

    def page(self, kind: type[R], **asked: Any) -> Page[R]:
        return self._now().page(kind, **asked)

    def position(self, projection: str) -> Position:
        return self._now().position(projection)

    def wait_for(self, position: int, *, timeout_s: float) -> bool:
        views = self._now()
        views.catch_up()
        return views._folded.number >= position


class SharedLeases:
    """The store's leases, through one process's connection."""

    def __init__(self, leases: MemoryLeases, connection: Connection, faults: Faults) -> None:
        self._leases, self._connection, self._faults = leases, connection, faults

    def acquire(self, name: str, *, holder: str, lasts: timedelta) -> Fence | None:
        self._connection.reach()
        if self._faults.strikes("lease_lost"):
            fence = self._leases.acquire(name, holder=holder, lasts=lasts)
            if fence is not None:  # taken away from whoever had it
                self._leases.release(fence)
                self._leases.acquire(name, holder="nobody", lasts=timedelta(seconds=5))
            return None
        return self._leases.acquire(name, holder=holder, lasts=lasts)

    def holders(self, prefix: str) -> Mapping[str, str]:
        self._connection.reach()
        return self._leases.holders(prefix)

    def release(self, fence: Fence) -> None:
        self._connection.reach()
        self._leases.release(fence)
