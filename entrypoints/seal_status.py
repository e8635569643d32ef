"""How the sealing of the log goes, as health and metrics show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


@dataclass(frozen=True, slots=True)
class SealingOfShards:
    """Several shards' sealing as one: as good as the worst of them."""

    parts: Sequence[SealingStatus]

    @property
    def size(self) -> int:
        return sum(one.size for one in self.parts)

    @property
    def problem(self) -> str:
        problems = [f"shard {shard}: {one.problem}" for shard, one in enumerate(self.parts) if one.problem]
        return "; ".join(problems)

    @property
    def sinks_behind(self) -> Mapping[str, str]:
        return {name: problem for one in self.parts for name, problem in one.sinks_behind.items()}

    @property
    def is_running(self) -> bool:
        return any(one.is_running for one in self.parts)

    @property
    def age_s(self) -> float | None:
        """That of the oldest; None while one has no round behind it that went well."""
        ages = [one.age_s for one in self.parts]
        known = [age for age in ages if age is not None]
        return max(known) if len(known) == len(ages) else None

    @property
    def silent_s(self) -> float:
        """Of those that run, the longest."""
        return max((one.silent_s for one in self.parts if one.is_running), default=0.0)

    def lags_s(self) -> dict[str, float | None]:
        """Of each sink, for how long a shard has been without it; None for one that all have."""
        lags: dict[str, float | None] = {}
        for one in self.parts:
            for name, lag in one.lags_s().items():
                known = lags.get(name)
                lags[name] = lag if known is None or lag is None else max(known, lag)
                lags[name] = known if lag is None else lags[name]
        return lags

    def shown(self) -> tuple[int, float | None, dict[str, float | None]]:
        """As of one."""
        return self.size, self.age_s, self.lags_s()
