"""A candle source whose candles close when the test says so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from application.ports.candle_source import CandleSourceUnavailable
from application.ports.clock import ManualClock
from domain.market import Candle, interval_ms
from tests.adapters.market_data.candle_files import HOUR_MS, START_MS

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ManualVenue:
    """Keeps CandleSource's promises over a list of hourly candles, in pages of four."""

    name = "binance"

    def __init__(self, candles: Sequence[Candle]) -> None:
        self.candles = list(candles)
        self.clock = ManualClock(EPOCH + timedelta(milliseconds=START_MS))
        self.unreachable = False
        self.asked_from: list[int] = []
        self.closed = False

    def close_until(self, hour: int, minutes: int = 1) -> None:
        """Moves the clock to shortly after that many candles have closed."""
        self.clock.move_to(EPOCH + timedelta(milliseconds=START_MS + hour * HOUR_MS, minutes=minutes))

    def close(self) -> None:
        self.closed = True

    def closed_candles(
        self, symbol: str, interval: str, *, from_ms: int, until_ms: int
    ) -> Iterator[Sequence[Candle]]:
        self.asked_from.append((from_ms - START_MS) // HOUR_MS)
        now_ms = (self.clock.now() - EPOCH) // timedelta(milliseconds=1)
        step = interval_ms(interval)
        found = [
            c
            for c in self.candles
            if from_ms <= c.open_time_ms < until_ms and c.open_time_ms + step <= now_ms
        ]
        for start in range(0, max(1, len(found)), 4):
            if self.unreachable:
                raise CandleSourceUnavailable(source=self.name, problem="the line is dead")
            yield found[start : start + 4]
