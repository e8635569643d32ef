"""Closed candles as they become known to a bot."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from application.ports.candle_store import Series
from domain.market import Candle


class CandleFeed(Protocol):
    """Closed candles of one series, each once, oldest first.

    `follow` blocks between candles as the source demands (a replay at its speed, a live feed until the next
    close) and ends when the source is exhausted or the feed is closed from another thread.
    Errors: FeedUnavailable when the source cannot be reached; the caller decides when to follow again.
    """

    def history(self, series: Series, *, until_ms: int | None = None) -> Iterator[Candle]:
        """What is already known, without waiting: what a strategy warms up on."""
        ...

    def follow(self, series: Series, *, after_ms: int | None = None) -> Iterator[Candle]:
        """Candles that open after `after_ms` (all of them when None)."""
        ...

    def close(self) -> None: ...


class FeedUnavailable(Exception):
    """The source of a feed could not be reached; nothing is known about candles since the last one."""
