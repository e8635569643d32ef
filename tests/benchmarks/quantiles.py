"""How long things took, one by one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Latencies:
    """In seconds, shortest first."""

    seconds: tuple[float, ...]

    @classmethod
    def of(cls, seconds: Iterable[float]) -> Latencies:
        found = tuple(sorted(seconds))
        if not found:
            raise AssertionError("nothing was measured")
        return cls(found)

    def __len__(self) -> int:
        return len(self.seconds)

    def ms(self, share: float) -> float:
        """The quantile: 0.5 the median, 1 the longest."""
        return self.seconds[min(len(self) - 1, int(share * len(self)))] * 1_000
