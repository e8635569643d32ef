"""What a market shows right now: best prices, depth, last trades. Nothing is booked from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol


class MarketDataUnavailable(Exception):
    """There is nothing to decide on: no data, or none that is fresh. The message says why."""


@dataclass(frozen=True, slots=True)
class Level:
    """What is offered at one price."""

    price: Decimal  # quote per base
    quantity: Decimal  # base


@dataclass(frozen=True, slots=True, kw_only=True)
class BookView:
    """An order book at one moment, best prices first on both sides."""

    symbol: str
    bids: Sequence[Level]
    asks: Sequence[Level]
    age_s: float  # since the venue last told anything of it, on our monotonic clock

    @property
    def best_bid(self) -> Decimal:
        return self.bids[0].price

    @property
    def best_ask(self) -> Decimal:
        return self.asks[0].price


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticker:
    """A market's last prices. None: the venue does not tell."""

    symbol: str
    bid: Decimal | None
    ask: Decimal | None
    last: Decimal | None
    at_utc: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicTrade:
    """One match between others. `taker_side` is buy or sell."""

    trade_id: str
    taker_side: str
    price: Decimal
    quantity: Decimal
    at_utc: datetime


class OrderBooks(Protocol):
    """Order books kept up to date by a stream. Any thread may ask; nothing blocks."""

    def follow(self, symbol: str) -> None:
        """Keep this pair's book from now on; again: nothing."""
        ...

    def view(self, symbol: str) -> BookView:
        """The book as it stands. Raises MarketDataUnavailable where it is not followed, not complete, in the
        middle of a resync, crossed, or older than the longest age.
        """
        ...


class MarketView(Protocol):
    """A market, asked for once. Each raises MarketDataUnavailable."""

    def ticker(self, symbol: str) -> Ticker: ...

    def trades(self, symbol: str) -> Sequence[PublicTrade]:
        """The newest ones, oldest first."""
        ...

    def book(self, symbol: str, *, levels: int = 20) -> BookView: ...
