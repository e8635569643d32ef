"""Release the holds whose time is over: looked for every second, released once."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime

from application.ledger.holds import ExpireHold
from application.ports.clock import Clock
from application.ports.commands import Caller, CommandBus
from application.ports.read_models import Narrowed, ReadModels
from application.views.rows import HoldRow
from domain.errors import DomainError
from domain.holds.hold import OPEN

log = logging.getLogger("evenkeel.holds")
ACTOR = "system:holds"
_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class ExpireHolds:
    """One look. Any number of processes may look at once: the hold says whether it was released."""

    views: ReadModels
    bus: CommandBus
    clock: Clock

    def __call__(self) -> int:
        """How many holds were released; a refused one is logged and tried again at the next look."""
        now, released = self.clock.now(), 0
        for row in self._over(now):
            # without a fingerprint only what appends takes the id: a look that is too early may come again
            name = f"expire:{row.hold_id}"
            caller = Caller(actor=ACTOR, command_id=name, correlation_id=name, scope=ACTOR)
            try:
                outcome = self.bus.execute(ExpireHold(hold_id=row.hold_id), caller)
                released += 1 if outcome.unwrap()["entries"] and not outcome.replayed else 0
            except DomainError as refusal:
                log.warning("a hold did not expire", extra={"hold_id": row.hold_id, "why": str(refusal)})
        return released

    def _over(self, now: datetime) -> list[HoldRow]:
        over = Narrowed(before={"expires_at_utc": now})
        return list(self.views.page(HoldRow, equal={"status": OPEN}, narrowed=over, limit=_AT_ONCE).rows)
