"""Let a log go on that lost what was signed before."""

from __future__ import annotations

from dataclasses import dataclass

from application.ports.commands import Result
from application.streams import PLATFORM
from application.work import Work


@dataclass(frozen=True, slots=True)
class AcceptLoss:
    """Record which signed checkpoint this log contradicts, and why it goes on. Refusals: invalid_value."""

    checkpoint: str
    problem: str
    reason: str
    by: str

    def decide(self, work: Work) -> Result:
        accepted = work.platform().accept_loss(
            checkpoint=self.checkpoint, problem=self.problem, reason=self.reason, by=self.by, at=work.now
        )
        work.record(PLATFORM, accepted)
        return {"problem": self.problem}
