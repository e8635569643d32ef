"""Download candles of a venue into the store, from where the last download stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from application.market_data.candle_rules import require_possible
from application.market_data.import_candles import Progress
from application.ports.candle_source import CandleSource
from application.ports.candle_store import CandleStore, Series
from application.ports.clock import Clock
from domain.errors import InvalidValue
from domain.market import interval_ms, parse_symbol

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WORTH_A_REQUEST = 1_000
"""Stretches that are stored between two missing ones are asked for again where they are shorter than this: a
venue's halts must not cost a request each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadReport:
    """What a download did."""

    series: Series
    added: int
    unchanged: int
    already_stored: int  # candles in the range that needed no download
    missing: int  # intervals of the range for which the venue has no candle
    seconds: float


@dataclass(frozen=True, slots=True)
class DownloadCandles:
    """Fetch what is missing of a range, page by page, each page saved as it comes.

    An interruption loses nothing: what was saved stays, and the next run asks for the rest. Only closed
    candles are stored.
    Errors: those of CandleSource; CandleConflict where the venue now says other numbers than are stored;
    ImpossibleCandle where it says nonsense. The pages before the error stay saved.
    """

    store: CandleStore
    source: CandleSource
    clock: Clock
    monotonic_s: Callable[[], float]  # time.monotonic, for the report's seconds

    def __call__(
        self,
        symbol: str,
        interval: str,
        *,
        from_ms: int,
        until_ms: int | None = None,
        progress: Progress | None = None,
    ) -> DownloadReport:
        """Candles with from_ms <= open time < until_ms (UTC; until now when None)."""
        started = self.monotonic_s()
        step = interval_ms(interval)
        series = Series(self.source.name, parse_symbol(symbol), interval)
        now_ms = (self.clock.now() - _EPOCH) // timedelta(milliseconds=1)
        start, until = _up(from_ms, step), now_ms // step * step  # the running candle is none
        if until_ms is not None:
            until = min(until, _up(until_ms, step))
        if start >= until:
            raise InvalidValue("from_ms", "no candle of that interval has opened and closed since")
        expected = (until - start) // step
        present, absent = self._compare(series, start, until, step)
        done, added, unchanged = present, 0, 0
        for begin, end in absent:
            for page in self.source.closed_candles(series.symbol, interval, from_ms=begin, until_ms=end):
                for candle in page:
                    require_possible(candle, where=f"{series.source} {series.symbol} {interval}")
                saved = self.store.save(series, page)
                added, unchanged, done = added + saved.added, unchanged + saved.unchanged, done + saved.added
                if progress is not None:
                    progress(done, expected)
        return DownloadReport(
            series=series,
            added=added,
            unchanged=unchanged,
            already_stored=present,
            missing=max(0, expected - present - added),
            seconds=self.monotonic_s() - started,
        )

    def _compare(
        self, series: Series, start: int, until: int, step: int
    ) -> tuple[int, list[tuple[int, int]]]:
        """How many candles of the range are stored, and the stretches that are not."""
        present = 0
        stretches: list[tuple[int, int]] = []
        for begin, end, before in self._stretches(series, start, until, step):
            present += before
            if end <= begin:
                continue
            if stretches and begin - stretches[-1][1] < _WORTH_A_REQUEST * step:
                stretches[-1] = stretches[-1][0], end
            else:
                stretches.append((begin, end))
        return present, stretches

    def _stretches(self, series: Series, start: int, until: int, step: int) -> Iterator[tuple[int, int, int]]:
        """(begin, end, candles stored before begin) of each stretch without any; the last may be empty."""
        expected_ms, run = start, 0
        for candle in self.store.read(series, from_ms=start, until_ms=until):
            if candle.open_time_ms > expected_ms:
                yield expected_ms, candle.open_time_ms, run
                run = 0
            expected_ms, run = candle.open_time_ms + step, run + 1
        yield expected_ms, until, run


def _up(time_ms: int, step: int) -> int:
    return -(-time_ms // step) * step
