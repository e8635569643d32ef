"""Time comes in through a port."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Now, as the caller's world sees it: the wall clock in production, candle time in `demo`."""

    def now(self) -> datetime:
        """An aware UTC datetime."""
        ...


class ManualClock:
    """A clock that its owner moves: replays set it to candle time, tests to whatever they need."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    def move_to(self, moment: datetime) -> None:
        self._now = moment
