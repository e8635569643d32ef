"""Stop all trading, and let it go on."""

from __future__ import annotations

from dataclasses import dataclass

from application.ports.commands import Result
from application.streams import PLATFORM
from application.work import Work


@dataclass(frozen=True, slots=True)
class EngageKillSwitch:
    """No bot places an order from here on. Refusals: invalid_value (no reason given)."""

    reason: str
    by: str

    def decide(self, work: Work) -> Result:
        work.record(PLATFORM, work.platform().engage_kill_switch(reason=self.reason, by=self.by, at=work.now))
        return {"engaged": True, "reason": work.platform().kill_switch_reason}


@dataclass(frozen=True, slots=True)
class ReleaseKillSwitch:
    """Bots may place orders again. Refusals: invalid_value (no reason given)."""

    reason: str
    by: str

    def decide(self, work: Work) -> Result:
        work.record(
            PLATFORM, work.platform().release_kill_switch(reason=self.reason, by=self.by, at=work.now)
        )
        return {"engaged": False, "reason": self.reason}
