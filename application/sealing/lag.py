"""How far the seal is behind the log, as every process can see it, whoever seals."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from application.ports.clock import Clock
from application.ports.event_log import EventLog, Position
from application.ports.seals import Seals
from application.sealing.seal_log import parsed


@dataclass(frozen=True, slots=True)
class SealLag:
    """Call it for (events under the newest checkpoint, age in seconds of the oldest event under none)."""

    seals: Seals
    log: EventLog
    clock: Clock

    def __call__(self) -> tuple[int, float]:
        """0 seconds where every event is under a checkpoint. Raises StoreUnavailable."""
        note = self.seals.newest()
        size = parsed(note).size if note else 0
        after = self.seals.position_of(size - 1) if size else Position()
        waiting = next((event.metadata.recorded_at_utc for event in self.log.read(after=after)), None)
        return size, 0.0 if waiting is None else self._age(waiting)

    def _age(self, moment: datetime) -> float:
        return max(0.0, (self.clock.now() - moment).total_seconds())
