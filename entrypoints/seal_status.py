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
    sinks_behind: dict[str, str] = field(default_factory=dict)

    @property
    def age_s(self) -> float | None:
        """Since the last round that went well."""
        return None if self.sealed_at is None else monotonic() - self.sealed_at

    def shown(self) -> tuple[int, float | None, int]:
        """Events under the newest checkpoint, its age in seconds, and sinks that have not got it."""
        return self.size, self.age_s, len(self.sinks_behind)


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

    def shown(self) -> tuple[int, float | None, int]:
        """As of one: its age is that of the oldest, None while one has no round behind it that went well."""
        ages = [one.age_s for one in self.parts]
        known = [age for age in ages if age is not None]
        return self.size, max(known) if len(known) == len(ages) else None, len(self.sinks_behind)
