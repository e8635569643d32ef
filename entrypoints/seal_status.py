"""How the sealing of the log goes, as health and metrics show it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic


@dataclass(slots=True)
class SealingStatus:
    """What the sealer last did, for health and metrics."""

    size: int = 0
    sealed_at: float | None = None  # monotonic seconds of its last round that went well
    problem: str = ""
    is_running: bool = False  # not where there is no key to sign with
    sinks: tuple[str, ...] = ()
    sinks_behind: dict[str, str] = field(default_factory=dict)
    """What went wrong, by the name of each sink that has not got the newest checkpoint."""
    _behind_since: dict[str, float] = field(default_factory=dict)
    _started_at: float = field(default_factory=monotonic)

    @property
    def age_s(self) -> float | None:
        """Since the last round that went well."""
        return None if self.sealed_at is None else monotonic() - self.sealed_at

    @property
    def silent_s(self) -> float:
        """The same, or since the start where none went well yet."""
        return monotonic() - (self._started_at if self.sealed_at is None else self.sealed_at)

    def sinks_are(self, behind: Mapping[str, str]) -> None:
        now = monotonic()
        self.sinks_behind = dict(behind)
        self._behind_since = {name: self._behind_since.get(name, now) for name in behind}

    def lags_s(self) -> dict[str, float | None]:
        """Of each sink, for how long it has been behind; None for one that is not."""
        since, now = self._behind_since, monotonic()
        return {name: now - since[name] if name in since else None for name in self.sinks}

    def shown(self) -> tuple[int, float | None, dict[str, float | None]]:
        """Events under the newest checkpoint, its age in seconds, and the sinks."""
        return self.size, self.age_s, self.lags_s()
