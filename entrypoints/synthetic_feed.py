"""Generated candles as they "close": a market that is always open, in accelerated time, and labelled so."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice

from adapters.market_data.synthetic import generate
from application.ports.candle_store import CandleStore, Series
from application.ports.clock import Clock
from domain.market import Candle, interval_ms

HISTORY_CANDLES = 300
SEED = 7
_FOREVER = 10_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class SyntheticFeed:
    """A CandleFeed that never ends: stored candles first, then new ones at a steady pace, each stored.

    A series that is not stored yet begins with 300 candles of history. The same series goes on where it
    stopped, with the candles it would have had anyway: they depend on its name and its first candle only.
    """

    def __init__(self, store: CandleStore, clock: Clock, *, candles_per_s: float) -> None:
        self._store, self._clock, self._pause_s = store, clock, 1 / candles_per_s
        self._closed = threading.Event()

    def history(self, series: Series, *, until_ms: int | None = None) -> Iterator[Candle]:
        self.begin(series)
        return self._store.read(series, until_ms=until_ms)

    def follow(self, series: Series, *, after_ms: int | None = None) -> Iterator[Candle]:
        first_ms, count = self.begin(series)
        for candle in self._store.read(series, from_ms=None if after_ms is None else after_ms + 1):
            if self._closed.is_set():
                return
            yield candle
        coming = generate(series.symbol, series.interval, first_ms, _FOREVER, SEED)
        for candle in islice(coming, count, None):
            if self._closed.wait(self._pause_s):
                return
            self._store.save(series, (candle,))
            yield candle

    def close(self) -> None:
        self._closed.set()

    def begin(self, series: Series) -> tuple[int, int]:
        """Make sure that there is history; the first candle's open time and how many are stored."""
        for summary in self._store.series():
            if summary.series == series:
                return summary.first_open_time_ms, summary.candles
        length = interval_ms(series.interval)
        now_ms = (self._clock.now() - _EPOCH) // timedelta(milliseconds=1)
        first_ms = (now_ms // length - HISTORY_CANDLES) * length
        history = generate(series.symbol, series.interval, first_ms, HISTORY_CANDLES, SEED)
        self._store.save(series, history)
        return first_ms, HISTORY_CANDLES
