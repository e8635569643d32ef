"""Where candles are downloaded from: a venue's public data, no account needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from domain.errors import DomainError
from domain.market import Candle


class CandleSourceUnavailable(DomainError, code="candle_source_unavailable"):
    """The venue could not be reached or answered something that is no candles; try again later."""

    def __init__(self, *, source: str, problem: str) -> None:
        super().__init__(f"{source} gives no candles: {problem}")
        self.source, self.problem = source, problem


class UnknownExchange(DomainError, code="unknown_exchange"):
    """No exchange of that name is known."""

    def __init__(self, *, exchange: str, did_you_mean: Sequence[str]) -> None:
        hint = f"; did you mean {' or '.join(did_you_mean)}?" if did_you_mean else ""
        super().__init__(f"no exchange is called {exchange!r}{hint}")
        self.exchange = exchange
        self.did_you_mean = ", ".join(did_you_mean)


class UnknownSymbol(DomainError, code="unknown_symbol"):
    """The venue does not trade that pair."""

    def __init__(self, *, source: str, symbol: str) -> None:
        super().__init__(f"{source} does not trade {symbol}; pairs are written as 'BTC/USDT'")
        self.source, self.symbol = source, symbol


class CandleSource(Protocol):
    """Public candles of one venue.

    Units: open times in UTC milliseconds, from_ms <= open time < until_ms; numbers are exactly what the
    venue wrote. Only closed candles are answered: the running one is not.
    Ordering: pages come oldest first, candles within a page too; no candle comes twice in one call.
    An interval without trades may be absent.
    Errors: CandleSourceUnavailable, UnknownSymbol, InvalidValue for an interval the venue does not have.
    What was yielded before an error stands.
    """

    @property
    def name(self) -> str:
        """What its candles are stored under, as `Series.source`."""
        ...

    def closed_candles(
        self, symbol: str, interval: str, *, from_ms: int, until_ms: int
    ) -> Iterator[Sequence[Candle]]:
        """Pages of candles. Each page is asked for only when the one before was taken."""
        ...

    def close(self) -> None:
        """Give the connections back; from any thread, and more than once."""
        ...
