"""Where imported and downloaded candles are kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from domain.errors import DomainError
from domain.market import Candle


@dataclass(frozen=True, slots=True)
class Series:
    """One run of candles: where they come from, which pair, which interval."""

    source: str  # "binance", or "synthetic" for candles that Evenkeel generates
    symbol: str  # "BTC/USDT"
    interval: str  # "1h"


@dataclass(frozen=True, slots=True)
class SeriesSummary:
    """What the store holds of one series; times are candle opens, UTC milliseconds."""

    series: Series
    candles: int
    first_open_time_ms: int
    last_open_time_ms: int
    missing: int  # intervals between first and last without a candle


@dataclass(frozen=True, slots=True)
class SaveReport:
    """What saving changed: new candles, and candles that were already there with equal numbers."""

    added: int
    unchanged: int


class CandleConflict(DomainError, code="candle_conflict"):
    """A stored candle has the same open time and other numbers; the first such is named, nothing is saved."""

    def __init__(self, *, series: Series, open_time_ms: int, stored: str, offered: str) -> None:
        super().__init__(
            f"{series.source} {series.symbol} {series.interval}: the candle opening at {open_time_ms} ms is "
            f"stored as {stored} and was offered as {offered}"
        )
        self.series, self.open_time_ms, self.stored, self.offered = series, open_time_ms, stored, offered


class CandleStore(Protocol):
    """Closed candles by series.

    Idempotency: saving the same candles again changes nothing. A candle is never rewritten: other numbers
    at a stored open time raise CandleConflict and the whole call saves nothing. A process that dies, or a
    store that becomes unavailable, may leave the first candles of a long call saved: saving again goes on.
    Ordering: read yields by open time, oldest first.
    """

    def save(self, series: Series, candles: Iterable[Candle]) -> SaveReport: ...

    def read(
        self, series: Series, *, from_ms: int | None = None, until_ms: int | None = None
    ) -> Iterator[Candle]:
        """Candles with from_ms <= open time < until_ms. Streams: holds one page at a time."""
        ...

    def series(self) -> Sequence[SeriesSummary]:
        """Every stored series, by source, symbol and interval."""
        ...
