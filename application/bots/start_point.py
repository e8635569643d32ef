"""On which candles a bot that starts now may trade."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from application.ports.candle_store import CandleStore
from domain.bots.events import BotTerms


def start_after(candles: CandleStore, terms: BotTerms, live_sources: AbstractSet[str]) -> int | None:
    """The open time of the last candle it only warms up on; None to trade from the first one on.

    A live series is traded from now on. A series that was imported is history: it is replayed from its start,
    or, where another bot's replay of it is under way in the same worker, from where that one is.
    """
    if terms.source not in live_sources:
        return None
    for summary in candles.series():
        series = summary.series
        if (series.source, series.symbol, series.interval) == (terms.source, terms.symbol, terms.interval):
            return summary.last_open_time_ms
    return None
