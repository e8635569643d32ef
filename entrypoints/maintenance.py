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
from application.ports.event_log import SHARD, Position, ReadOnlyLog
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
        return verify_event(self._database, position.id) if position.shard == SHARD else None

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
