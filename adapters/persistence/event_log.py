"""The event store: the log to read and the bus to write, on whatever engine the database is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime

from adapters.persistence.commits import WriterObserver
from adapters.persistence.database import Database
from adapters.persistence.envelope import Envelopes, event_hash, recorded_at
from adapters.persistence.recorders.base import FACTS, Reader, Recorder, Row
from adapters.persistence.recorders.memory import MemoryRecorder
from adapters.persistence.recorders.postgres import PostgresReader, PostgresRecorder
from adapters.persistence.recorders.sqlite import SqliteReader, SqliteRecorder
from adapters.persistence.shards.elsewhere import Elsewhere, ShardStates
from adapters.persistence.snapshots import SNAPSHOT_EVERY, Loaded, fold, follows, load
from adapters.persistence.states import States
from adapters.persistence.writer import GroupCommitWriter
from application.ports.clock import Clock
from application.ports.commands import Caller, Command, Outcome
from application.ports.event_log import SHARD, EventLog, Metadata, Position, ReadOnlyLog, RecordedEvent
from application.work import Versioned

_START = Position()
PAGE = 2_000
"""Events that reading holds at a time."""


class StoredEventLog(EventLog):
    """Reads the log through a recorder's tables."""

    def __init__(
        self,
        reader: Reader,
        envelopes: Envelopes,
        *,
        peek: Callable[[str], Loaded | None] | None = None,
        others_append: bool = True,
        page: int | None = None,
        shard: int = SHARD,
    ) -> None:
        """`peek` gives a committed state of a stream, or None. Where others append it may have been
        overtaken: then only what came after it is read, and folded in.
        """
        self._reader, self._envelopes, self._peek, self._page = reader, envelopes, peek, page or PAGE
        self._others_append, self._shard = others_append, shard

    def load(self, stream: str) -> Versioned:
        loaded = self._peek(stream) if self._peek is not None else None
        if loaded is not None and self._others_append:
            loaded = self._brought_up(stream, loaded)
        if loaded is None:
            loaded = load(stream, self._reader, self._envelopes)
        return Versioned(loaded.version, loaded.state)

    def _brought_up(self, stream: str, known: Loaded) -> Loaded | None:
        """None where the log has another event than the one last known, or so many more that reading it all
        anew, from a snapshot, may be quicker.
        """
        if not known.version:
            return None
        rows = self._reader.stream(stream, known.version - 1, limit=SNAPSHOT_EVERY)
        if not 0 < len(rows) < SNAPSHOT_EVERY or event_hash(rows[0].state) != known.hash:
            return None
        newer = rows[1:]
        return fold(known, newer, self._envelopes) if follows(known, newer, self._envelopes) else None

    def stream(self, stream: str, *, after_version: int = 0, limit: int = -1) -> Sequence[RecordedEvent]:
        return [self._recorded(row) for row in self._reader.stream(stream, after_version, limit)]

    def newer(self, versions: Mapping[str, int]) -> Sequence[RecordedEvent]:
        return [self._recorded(row) for row in self._reader.newer(versions)]

    def read(
        self, *, after: Position = _START, until: Position | None = None, names: Sequence[str] = ()
    ) -> Iterator[RecordedEvent]:
        last = after.id
        end = self.head().id if until is None else until.id
        recorded = self._recorded
        while last < end:
            # A window of ids, not the next so many rows: an engine without statistics sorts all that is left.
            window = min(last + self._page, end)
            for row in self._reader.page(last, window, self._page, names):
                yield recorded(row)
            last = window

    def claimed(self, natural_keys: Iterable[str]) -> AbstractSet[str]:
        facts = {(FACTS, key) for key in natural_keys}
        return {key for _, key in self._reader.find_keys(facts)} if facts else frozenset()

    def head(self) -> Position:
        newest = self._reader.newest()
        return Position(self._shard, newest.id if newest else 0)

    def position_at(self, moment: datetime) -> Position:
        """By bisection: no process records a time before the newest that it knows of.

        Only processes that append to the same database at once may differ, by as much as their clocks do.
        """
        newest = self._reader.newest()
        if newest is None:
            return Position(self._shard)
        low, high = 0, newest.id  # low: recorded in time (or the start); above high: recorded later
        while low < high:
            middle = (low + high + 1) // 2
            row = self._reader.newest(middle)
            if row is None or row.id <= low:
                low = middle  # no event between: nothing here is too late
            elif recorded_at(row.state) <= moment:
                low = middle
            else:
                high = row.id - 1
        found = self._reader.newest(low)
        return Position(self._shard, found.id if found else 0)

    def of(self, owner_id: str) -> StoredEventLog:  # noqa: ARG002 - all owners are on this shard
        return self

    def home(self, stream: str) -> StoredEventLog:  # noqa: ARG002 - as are all streams
        return self

    def parts(self) -> Sequence[StoredEventLog]:
        return [self]

    def _recorded(self, row: Row) -> RecordedEvent:
        envelope = self._envelopes.read(row.name, row.state)
        return RecordedEvent(
            position=Position(self._shard, row.id),
            stream=row.stream,
            version=row.version,
            name=row.name,
            event=envelope.data,
            metadata=Metadata(
                recorded_at_utc=envelope.recorded_at,
                actor=envelope.actor,
                command_id=envelope.command_id,
                correlation_id=envelope.correlation_id,
                causation_id=envelope.causation_id,
            ),
        )


class ReadOnlyBus:
    """The command bus of a process that may only read: every command is refused, by name of who writes."""

    def __init__(self, holder: Callable[[], str]) -> None:
        self._holder = holder

    def submit(self, command: Command, caller: Caller) -> Future[Outcome]:  # noqa: ARG002 - the port's signature
        future: Future[Outcome] = Future()
        future.set_exception(ReadOnlyLog(holder=self._holder()))
        return future

    def execute(self, command: Command, caller: Caller) -> Outcome:
        return self.submit(command, caller).result()


@dataclass(frozen=True, slots=True)
class EventStore:
    """One open log. Close it before its database: what is queued is still answered."""

    log: StoredEventLog
    bus: GroupCommitWriter | ReadOnlyBus
    recorder: Recorder | None  # None where this process only reads
    shut: str = ""  # why nothing is written although the database could be

    def close(self) -> None:
        if isinstance(self.bus, GroupCommitWriter):
            self.bus.close()
        if self.recorder is not None:
            self.recorder.close()

    def __enter__(self) -> EventStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_event_store(
    db: Database,
    *,
    clock: Clock,
    observer: WriterObserver | None = None,
    inline: bool = False,
    shut: str = "",
    elsewhere: Elsewhere | None = None,
) -> EventStore:
    """The event store of an open database whose tables migrations made.

    `inline` commands run in their caller's thread, one commit each (demo, CLI); otherwise a thread gathers
    them. A database opened for reading only gives a bus that refuses (ReadOnlyLog), and so does a log that
    must not be written, for the reason that `shut` gives. `elsewhere` reads what commands of this shard may
    read of the others.
    """
    envelopes = Envelopes()
    reader: Reader = SqliteReader(db) if db.is_sqlite else PostgresReader(db)
    shard = db.shard.number
    if db.role == "reader" or shut:
        log = StoredEventLog(reader, envelopes, shard=shard)
        return EventStore(log, ReadOnlyBus(lambda: shut or db.holder()), None, shut)
    recorder: Recorder = SqliteRecorder(db) if db.is_sqlite else PostgresRecorder(db)
    states = None if elsewhere is None else ShardStates(recorder, envelopes, elsewhere)
    return _compose(reader, recorder, envelopes, clock, observer, inline, shard, states)


def memory_event_store(
    clock: Clock, *, observer: WriterObserver | None = None, inline: bool = True
) -> EventStore:
    """A log that ends with the process: for tests, backtests and simulations."""
    recorder = MemoryRecorder()
    return _compose(recorder, recorder, Envelopes(), clock, observer, inline, SHARD, None)


def _compose(
    reader: Reader,
    recorder: Recorder,
    envelopes: Envelopes,
    clock: Clock,
    observer: WriterObserver | None,
    inline: bool,
    shard: int,
    states: States | None,
) -> EventStore:
    writer = GroupCommitWriter(recorder, envelopes, clock, observer=observer, states=states, shard=shard)
    if not inline:
        writer.start()
    log = StoredEventLog(
        reader, envelopes, peek=writer.states.peek, others_append=not recorder.sole_writer, shard=shard
    )
    return EventStore(log, writer, recorder)
