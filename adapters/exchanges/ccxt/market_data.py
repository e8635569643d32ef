"""A market asked for once, over REST: ticker, newest trades, book."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from adapters.exchanges.ccxt.budget import Priority
from adapters.exchanges.ccxt.connection import VenueConnection
from adapters.exchanges.ccxt.exact import NonsenseAnswer, above_zero, moment, synthetic_trade_id, word
from adapters.exchanges.ccxt.levels import levels_of, problem_of
from adapters.exchanges.ccxt.markets import market_of
from adapters.exchanges.ccxt.orders import oldest_first
from adapters.exchanges.ccxt.problems import RequestFailed
from application.ports.exchange import VenueRefused
from application.ports.market_view import BookView, MarketDataUnavailable, PublicTrade, Ticker
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
        bids, asks = levels_of(told.get("bids"), levels), levels_of(told.get("asks"), levels)
        if problem := problem_of(bids, asks):
            raise NonsenseAnswer(f"nobody can decide on this book: {problem}")
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


def _price(raw: object, name: str) -> Decimal | None:
    """Some venues write 0 where there is nothing."""
    return None if raw is None or raw in ("0", "0.00000000") else above_zero(raw, name)
