"""The log and the command bus of several shards."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import Future
from datetime import datetime

from adapters.persistence.shards.routing import Directory
from application.ports.commands import Caller, Command, CommandBus, Outcome
from application.ports.event_log import EventLog, OneShardOnly, Position, RecordedEvent, StoreUnavailable
from application.work import Versioned

_START = Position()


class ShardedLog(EventLog):
    """Reads each stream where it is. The log as a whole is read shard by shard, in the order of positions."""

    def __init__(self, logs: Sequence[EventLog], directory: Directory) -> None:
        self._logs, self._directory = logs, directory

    def load(self, stream: str) -> Versioned:
        return self.home(stream).load(stream)

    def stream(self, stream: str, *, after_version: int = 0, limit: int = -1) -> Sequence[RecordedEvent]:
        return self.home(stream).stream(stream, after_version=after_version, limit=limit)

    def newer(self, versions: Mapping[str, int]) -> Sequence[RecordedEvent]:
        asked: dict[int, dict[str, int]] = {}
        for stream, version in versions.items():
            asked.setdefault(self._directory.of_stream(stream), {})[stream] = version
        return [one for shard in sorted(asked) for one in self._logs[shard].newer(asked[shard])]

    def read(
        self, *, after: Position = _START, until: Position | None = None, names: Sequence[str] = ()
    ) -> Iterator[RecordedEvent]:
        end = self.head() if until is None else until
        for shard in range(after.shard, min(end.shard + 1, len(self._logs))):
            begin = after if shard == after.shard else Position(shard)
            last = end if shard == end.shard else None
            yield from self._logs[shard].read(after=begin, until=last, names=names)

    def claimed(self, natural_keys: Iterable[str]) -> AbstractSet[str]:
        asked = frozenset(natural_keys)
        return frozenset().union(*(log.claimed(asked) for log in self._logs))

    def head(self) -> Position:
        return self._logs[-1].head()

    def position_at(self, moment: datetime) -> Position:  # noqa: ARG002 - the port's signature
        raise OneShardOnly(what="a past moment")

    def of(self, owner_id: str) -> EventLog:
        return self._logs[self._directory.of_owner(owner_id)]

    def home(self, stream: str) -> EventLog:
        return self._logs[self._directory.of_stream(stream)]

    def parts(self) -> Sequence[EventLog]:
        return self._logs


class ShardedBus:
    """A CommandBus that sends each command to its owner's shard, whose writer runs it as any other."""

    def __init__(self, buses: Sequence[CommandBus], directory: Directory) -> None:
        self._buses, self._directory = buses, directory

    def submit(self, command: Command, caller: Caller) -> Future[Outcome]:
        try:
            bus = self._of(command)
        except (StoreUnavailable, OneShardOnly) as problem:
            failed: Future[Outcome] = Future()
            failed.set_exception(problem)
            return failed
        return bus.submit(command, caller)

    def execute(self, command: Command, caller: Caller) -> Outcome:
        return self._of(command).execute(command, caller)

    def _of(self, command: Command) -> CommandBus:
        return self._buses[self._directory.of_command(command)]
