"""A market asked for once, over REST: ticker, newest trades, book. Figures are the venue's own text."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from adapters.exchanges.ccxt.budget import Priority
from adapters.exchanges.ccxt.connection import VenueConnection
from adapters.exchanges.ccxt.exact import NonsenseAnswer, above_zero, moment, synthetic_trade_id, word
from adapters.exchanges.ccxt.markets import market_of
from adapters.exchanges.ccxt.orders import oldest_first
from adapters.exchanges.ccxt.problems import RequestFailed
from application.ports.exchange import VenueRefused
from application.ports.market_view import BookView, Level, MarketDataUnavailable, PublicTrade, Ticker
from domain.orders.order import BUY, SELL

T = TypeVar("T")


class CcxtMarketView:
    """A MarketView; see there."""

    def __init__(self, connection: VenueConnection) -> None:
        self._venue = connection

    def ticker(self, symbol: str) -> Ticker:
        return self._run(self._ticker(symbol))

    def trades(self, symbol: str) -> Sequence[PublicTrade]:
        return self._run(self._trades(symbol))

    def book(self, symbol: str, *, levels: int = 20) -> BookView:
        return self._run(self._book(symbol, levels))

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return self._venue.run(work)
        except (RequestFailed, NonsenseAnswer, VenueRefused) as e:
            problem = str(e)
        raise MarketDataUnavailable(f"{self._venue.name}: {problem}")

    async def _client(self, symbol: str) -> Any:
        client = await self._venue.public()
        market_of(client, symbol)  # VenueRefused, rather than what ccxt makes of an unknown name
        return client

    async def _ticker(self, symbol: str) -> Ticker:
        client = await self._client(symbol)
        told = await self._venue.read(lambda: client.fetch_ticker(symbol), Priority.MARKET_DATA)
        if not isinstance(told, dict) or told.get("symbol") != symbol:
            raise NonsenseAnswer("the answer is no ticker of this market")
        at = told.get("timestamp")
        return Ticker(
            symbol=symbol,
            bid=_price(told.get("bid"), "bid"),
            ask=_price(told.get("ask"), "ask"),
            last=_price(told.get("last"), "last price"),
            at_utc=None if at is None else moment(at, "time of a ticker"),
        )

    async def _trades(self, symbol: str) -> Sequence[PublicTrade]:
        client = await self._client(symbol)
        told = await self._venue.read(lambda: client.fetch_trades(symbol), Priority.MARKET_DATA)
        return [_trade(one) for one in oldest_first(told)]

    async def _book(self, symbol: str, levels: int) -> BookView:
        client = await self._client(symbol)
        told = await self._venue.read(lambda: client.fetch_order_book(symbol), Priority.MARKET_DATA)
        if not isinstance(told, dict):
            raise NonsenseAnswer("the answer is no order book")
        bids, asks = _side(told.get("bids"))[::-1][:levels], _side(told.get("asks"))[:levels]
        if not bids or not asks or bids[0].price >= asks[0].price:
            raise NonsenseAnswer("a book that is crossed, or has one side only")
        return BookView(symbol=symbol, bids=bids, asks=asks, age_s=0.0)


def _trade(told: Any) -> PublicTrade:
    side = told.get("side")
    if side not in (BUY, SELL):
        raise NonsenseAnswer("a trade of neither buyer nor seller")
    price, quantity = above_zero(told.get("price"), "price"), above_zero(told.get("amount"), "quantity")
    at = moment(told.get("timestamp"), "time of a trade")
    trade_id = told.get("id") or synthetic_trade_id(side, price, quantity, at)
    return PublicTrade(
        trade_id=word(trade_id, "trade id"), taker_side=side, price=price, quantity=quantity, at_utc=at
    )


def _side(levels: Any) -> tuple[Level, ...]:
    """The lowest price first: ccxt has sorted text."""
    if not isinstance(levels, list):
        raise NonsenseAnswer("one side of a book is no list")
    found = (
        Level(above_zero(level[0], "price"), above_zero(level[1], "quantity"))
        for level in levels
        if isinstance(level, list) and len(level) >= 2
    )
    return tuple(sorted(found, key=lambda level: level.price))


def _price(raw: object, name: str) -> Decimal | None:
    """Some venues write 0 where there is nothing."""
    return None if raw is None or raw in ("0", "0.00000000") else above_zero(raw, name)
