"""How series and venue accounts are spread over workers: whoever has two more than another gives one up."""

from __future__ import annotations

from datetime import datetime, timedelta

from application.ports.commands import Fence
from application.ports.leases import Leases

PRESENT = "present:"
LASTS = timedelta(seconds=8)
"""Of a worker's presence: over before what the worker had, should it die, is free for others to take."""
LOOK = timedelta(seconds=5)
"""One is given up at a time, so that nothing swings back and forth."""


class FairShare:
    """One worker's view. Each worker says that it is there by a lease of its own; what it has, it has by
    leases as well, so all see the same. A worker that dies is absent once its lease has run out, and nobody
    gives anything up to one that has not been seen for longer than that: it may have died already.
    """

    def __init__(self, leases: Leases, worker_id: str, *units: str) -> None:
        """`units`: how the names of leases begin that are shared out, each as much work as another."""
        self._leases, self._worker_id, self._units = leases, worker_id, units
        self._present: Fence | None = None
        self._looked_at: datetime | None = None
        self._seen_since: dict[str, datetime] = {}

    def too_many(self, now: datetime) -> str | None:
        """The name of the lease to give up now; None, mostly. Errors: StoreUnavailable."""
        if self._looked_at is not None and now - self._looked_at < LOOK:
            return None
        self._looked_at = now
        name = f"{PRESENT}{self._worker_id}"
        self._present = self._leases.acquire(name, holder=self._worker_id, lasts=LASTS)
        present = self._leases.holders(PRESENT).values()
        self._seen_since = {worker: self._seen_since.get(worker, now) for worker in present}
        held: dict[str, list[str]] = {
            worker: []
            for worker, since in self._seen_since.items()
            if worker == self._worker_id or now - since > LASTS
        }
        for prefix in self._units:
            for unit, holder in self._leases.holders(prefix).items():
                if holder in held:
                    held[holder].append(unit)
        mine = sorted(held.get(self._worker_id, ()))
        fewest = min((len(units) for units in held.values()), default=0)
        return mine[-1] if len(mine) - fewest >= 2 else None

    def leave(self) -> None:
        """The worker stops: the others need not wait until it is missed."""
        if self._present is not None:
            self._leases.release(self._present)
            self._present = None
