"""How the sealing of the log goes, as health and metrics show it."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import monotonic


@dataclass(slots=True)
class SealingStatus:
    """What the sealer last did, for health and metrics."""

    size: int = 0
    sealed_at: float | None = None  # monotonic seconds of its last round that went well
    problem: str = ""
    sinks_behind: dict[str, str] = field(default_factory=dict)

    @property
    def age_s(self) -> float | None:
        """Since the last round that went well."""
        return None if self.sealed_at is None else monotonic() - self.sealed_at

    def shown(self) -> tuple[int, float | None, int]:
        """Events under the newest checkpoint, its age in seconds, and sinks that have not got it."""
        return self.size, self.age_s, len(self.sinks_behind)
