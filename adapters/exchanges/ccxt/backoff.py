"""How long to wait before a lost stream is opened again."""

from __future__ import annotations

from collections.abc import Callable
from secrets import SystemRandom

_chance = SystemRandom().random


class Backoff:
    """Doubling pauses up to a longest, each drawn between its half and its whole, lest all come at once."""

    def __init__(
        self, *, first_s: float = 0.5, longest_s: float = 30.0, chance: Callable[[], float] = _chance
    ) -> None:
        self._first_s, self._longest_s, self._chance = first_s, longest_s, chance
        self._next_s = first_s

    def next_s(self) -> float:
        pause, self._next_s = self._next_s, min(2 * self._next_s, self._longest_s)
        return pause * (0.5 + self._chance() / 2)

    def reset(self) -> None:
        """It works again."""
        self._next_s = self._first_s
