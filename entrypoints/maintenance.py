"""Verifying the log, folding and rebuilding the read models: one port over the database's own functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from adapters.persistence import rebuild as rebuilding
from adapters.persistence.database import Database
from adapters.persistence.projector import Projector
from adapters.persistence.seals import SqlSeals
from adapters.persistence.verify import EventLink, verify_event, verify_log
from application.ports.event_log import Position, ReadOnlyLog
from application.ports.maintenance import ChainVerdict, Progress, RebuildVerdict
from application.sealing.seal_log import parsed
from domain.sealing.merkle import ProofFailed


def _silent(_done: int, _total: int) -> None: ...


class DatabaseMaintenance:
    """A Maintenance. Without a projector (a database opened for reading) it can verify and look only."""

    def __init__(self, database: Database, projector: Projector | None) -> None:
        self._database, self._projector = database, projector

    def catch_up(self) -> None:
        self._writing().catch_up()

    def verify(self, progress: Progress | None = None) -> ChainVerdict:
        tell = progress or _silent
        report = verify_log(self._database, lambda done: tell(done, 0))
        problem = self._unlike_the_sealed() if report.ok else str(report.first_bad)
        return ChainVerdict(report.events, problem)

    def link(self, position: Position) -> EventLink | None:
        """One event's place in its stream's hash chain; None where there is no such event."""
        return (
            verify_event(self._database, position.id)
            if position.shard == self._database.shard.number
            else None
        )

    def rebuild(self, progress: Progress | None = None, names: Sequence[str] = ()) -> RebuildVerdict:
        self._writing().catch_up()
        report = rebuilding.rebuild(self._database, names, progress)
        return RebuildVerdict(report.events, report.difference)

    def check(self, progress: Progress | None = None, names: Sequence[str] = ()) -> dict[str, Any]:
        """Fold afresh and compare, changing nothing."""
        self._writing().catch_up()
        report = rebuilding.check(self._database, names, progress)
        return {"events": report.events, "identical": report.identical, "difference": report.difference}

    def status(self) -> list[dict[str, Any]]:
        """Every projection's position, lag and state."""
        return [asdict(one) for one in rebuilding.status(self._database)]

    def lags(self) -> dict[str, int]:
        """Log ids each projection is behind."""
        return {one.name: one.lag for one in rebuilding.status(self._database)}

    def _unlike_the_sealed(self) -> str:
        """A log that was rewritten whole has chains that hold; its newest checkpoint knows better."""
        seals = SqlSeals(self._database)
        if (note := seals.newest()) is None:
            return ""
        checkpoint = parsed(note)
        try:
            same = seals.recomputed_root(checkpoint.size) == checkpoint.root
        except ProofFailed as problem:
            return str(problem)
        return "" if same else f"the first {checkpoint.size} events are not those that were signed for"

    def _writing(self) -> Projector:
        if self._projector is None:
            raise ReadOnlyLog(holder=self._database.holder())
        return self._projector


class ShardedMaintenance(DatabaseMaintenance):
    """A Maintenance over all shards, one after the other; what is found names its shard."""

    def __init__(self, parts: Sequence[DatabaseMaintenance]) -> None:
        self._parts = parts

    def catch_up(self) -> None:
        for part in self._parts:
            part.catch_up()

    def verify(self, progress: Progress | None = None) -> ChainVerdict:
        events, problem = 0, ""
        for shard, part in enumerate(self._parts):
            found = part.verify(_further(progress, events))
            events += found.events
            problem = problem or _on(shard, found.problem)
        return ChainVerdict(events, problem)

    def link(self, position: Position) -> EventLink | None:
        return self._parts[position.shard].link(position) if position.shard < len(self._parts) else None

    def rebuild(self, progress: Progress | None = None, names: Sequence[str] = ()) -> RebuildVerdict:
        events, difference = 0, ""
        for shard, part in enumerate(self._parts):
            found = part.rebuild(_further(progress, events), names)
            events += found.events
            difference = difference or _on(shard, found.difference)
        return RebuildVerdict(events, difference)

    def check(self, progress: Progress | None = None, names: Sequence[str] = ()) -> dict[str, Any]:
        events, difference = 0, ""
        for shard, part in enumerate(self._parts):
            found = part.check(_further(progress, events), names)
            events += found["events"]
            difference = difference or _on(shard, found["difference"])
        return {"events": events, "identical": not difference, "difference": difference}

    def status(self) -> list[dict[str, Any]]:
        """Each shard follows its own log: `bots/1` is the second's."""
        return [
            {**row, "name": f"{row['name']}/{shard}"}
            for shard, part in enumerate(self._parts)
            for row in part.status()
        ]

    def lags(self) -> dict[str, int]:
        return {row["name"]: row["lag"] for row in self.status()}


def _on(shard: int, problem: str) -> str:
    return problem and f"shard {shard}: {problem}"


def _further(progress: Progress | None, before: int) -> Progress:
    """Told on from where the shards before it ended; how much there is in all is not known."""
    return lambda done, _total: (progress or _silent)(before + done, 0)
