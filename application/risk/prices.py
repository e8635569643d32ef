"""The newest price of a series, and until when it is one."""

from __future__ import annotations

from application.ports.candle_store import CandleStore, Series
from domain.market import Candle, interval_ms

_GAP = 500
"""Candles that may be missing before the newest one is taken for lost."""


def newest_candle(candles: CandleStore, series: Series) -> Candle | None:
    """The stored candle that closed last; None where there is none."""
    summary = next((each for each in candles.series() if each.series == series), None)
    if summary is None:
        return None
    newest, length = None, interval_ms(series.interval)
    last_ms = summary.last_open_time_ms
    for newest in candles.read(series, from_ms=last_ms - _GAP * length, until_ms=last_ms + 1):  # noqa: B007
        pass
    return newest
