"""Checking and rebuilding what is derived from the log, and the log itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

Progress = Callable[[int, int], None]
"""Called with how much is done and how much there is in all (0 when that is not known)."""


@dataclass(frozen=True, slots=True)
class ChainVerdict:
    """Whether every stream's hash chain holds; `problem` names the first bad event and why."""

    events: int
    problem: str = ""

    @property
    def is_intact(self) -> bool:
        return not self.problem


@dataclass(frozen=True, slots=True)
class RebuildVerdict:
    """Whether the rows folded afresh from the log equal the live ones, byte for byte."""

    events: int
    difference: str = ""  # the first row that differs

    @property
    def is_identical(self) -> bool:
        return not self.difference


class Maintenance(Protocol):
    """What auditors and operators run against a log."""

    def catch_up(self) -> None:
        """Fold everything that is in the log into the read models."""
        ...

    def verify(self, progress: Progress | None = None) -> ChainVerdict: ...

    def rebuild(self, progress: Progress | None = None, names: Sequence[str] = ()) -> RebuildVerdict:
        """Fold projections, those named or all, afresh beside the live ones, compare, and swap."""
        ...
