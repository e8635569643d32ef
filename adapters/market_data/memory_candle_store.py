"""Candles in memory, for tests and for the demo."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Sequence
from threading import Lock

from application.ports.candle_store import CandleConflict, SaveReport, Series, SeriesSummary
from domain.market import Candle, interval_ms
from domain.money import text


class MemoryCandleStore:
    """Closed candles by series, gone when the process ends; see CandleStore. Safe to share among threads."""

    def __init__(self) -> None:
        self._candles: dict[Series, dict[int, Candle]] = {}
        self._times: dict[Series, list[int]] = {}
        self._lock = Lock()

    def save(self, series: Series, candles: Iterable[Candle]) -> SaveReport:
        offered = list(candles)
        with self._lock:
            stored = self._candles.get(series, {})
            new: dict[int, Candle] = {}
            for candle in offered:
                known = stored.get(candle.open_time_ms) or new.get(candle.open_time_ms)
                if known is None:
                    new[candle.open_time_ms] = candle
                elif known != candle:
                    raise CandleConflict(
                        series=series,
                        open_time_ms=candle.open_time_ms,
                        stored=_shown(known),
                        offered=_shown(candle),
                    )
            if new:
                self._keep(series, new)
            return SaveReport(added=len(new), unchanged=len(offered) - len(new))

    def read(
        self, series: Series, *, from_ms: int | None = None, until_ms: int | None = None
    ) -> Iterator[Candle]:
        with self._lock:
            times = self._times.get(series, [])
            start = 0 if from_ms is None else bisect_left(times, from_ms)
            end = len(times) if until_ms is None else bisect_left(times, until_ms)
            wanted, candles = times[start:end], self._candles.get(series, {})
        for time in wanted:
            yield candles[time]

    def series(self) -> Sequence[SeriesSummary]:
        with self._lock:
            return [
                SeriesSummary(
                    series=series,
                    candles=len(times),
                    first_open_time_ms=times[0],
                    last_open_time_ms=times[-1],
                    missing=(times[-1] - times[0]) // interval_ms(series.interval) + 1 - len(times),
                )
                for series, times in sorted(self._times.items(), key=_by_name)
            ]

    def _keep(self, series: Series, new: dict[int, Candle]) -> None:
        self._candles.setdefault(series, {}).update(new)
        times = self._times.setdefault(series, [])
        if len(new) == 1:  # a live feed adds one at a time
            insort(times, *new)
        else:
            times.extend(new)
            times.sort()


def _by_name(entry: tuple[Series, object]) -> tuple[str, str, str]:
    return entry[0].source, entry[0].symbol, entry[0].interval


def _shown(candle: Candle) -> str:
    return (
        f"open {text(candle.open)} high {text(candle.high)} low {text(candle.low)} "
        f"close {text(candle.close)} volume {text(candle.volume)}"
    )
