"""An account's trades of one pair since a moment: all of them, or a doubt. Each venue pages in its way."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from adapters.exchanges.ccxt.budget import Priority
from adapters.exchanges.ccxt.connection import VenueConnection
from adapters.exchanges.ccxt.exact import NonsenseAnswer, milliseconds
from adapters.exchanges.ccxt.orders import trades_of
from adapters.exchanges.ccxt.problems import RequestFailed
from adapters.exchanges.ccxt.profiles import BY_OFFSET, BY_UNTIL, FORWARD
from adapters.exchanges.ccxt.verdicts import Verdict
from adapters.exchanges.ccxt.wire import exchanged
from application.ports.exchange import AccountTrade

MOST_PAGES = 200

Page = Sequence[AccountTrade]


async def trades_from(
    venue: VenueConnection, client: Any, symbol: str, since_ms: int, priority: Priority = Priority.QUERY
) -> list[AccountTrade]:
    """Oldest first, each once. Raises RequestFailed: UNKNOWN where the venue shows only a part of them.

    A match of two orders of the same account is told once for each of them, under one trade id.
    """
    pages = {FORWARD: _forward, BY_UNTIL: _by_until, BY_OFFSET: _by_offset}.get(
        venue.profile.trades_paging, _one_page
    )
    found: dict[tuple[str, str], AccountTrade] = {}
    number = 0
    async for page in pages(venue, client, symbol, since_ms, priority):
        found |= {(trade.fill.venue_trade_id, trade.venue_order_id): trade for trade in page}
        number += 1
        if number > MOST_PAGES:
            raise RequestFailed(Verdict.UNKNOWN, f"more trades than fit in {MOST_PAGES} pages")
    return sorted(found.values(), key=lambda trade: trade.fill.traded_at_utc)


async def _forward(
    venue: VenueConnection, client: Any, symbol: str, since_ms: int, priority: Priority
) -> AsyncIterator[Page]:
    """From the oldest on: Binance."""
    size, last = venue.profile.trades_a_page, ""
    while True:
        page = trades_of(await venue.read(_asking(client, symbol, since_ms, size), priority), symbol)
        yield page
        if len(page) < size:
            return
        if page[-1].fill.venue_trade_id == last:
            raise RequestFailed(Verdict.UNKNOWN, "more trades at one moment than fit in a page")
        last, since_ms = page[-1].fill.venue_trade_id, milliseconds(page[-1].fill.traded_at_utc)


async def _by_until(
    venue: VenueConnection, client: Any, symbol: str, since_ms: int, priority: Priority
) -> AsyncIterator[Page]:
    """From the newest back: Coinbase."""
    size, params, first = venue.profile.trades_a_page, dict[str, object](), ""
    while True:
        page = trades_of(await venue.read(_asking(client, symbol, since_ms, size, params), priority), symbol)
        yield page
        if len(page) < size:
            return
        if page[0].fill.venue_trade_id == first:
            raise RequestFailed(Verdict.UNKNOWN, "more trades at one moment than fit in a page")
        first, params = page[0].fill.venue_trade_id, {"until": milliseconds(page[0].fill.traded_at_utc)}


async def _by_offset(
    venue: VenueConnection, client: Any, symbol: str, since_ms: int, priority: Priority
) -> AsyncIterator[Page]:
    """Kraken lists the trades of all pairs, and says how many there are: ccxt picks those of one."""
    offset = 0
    while True:
        params: dict[str, object] = {"ofs": offset} if offset else {}
        page = await venue.read(_asking(client, symbol, since_ms, None, params), priority)
        answer = exchanged().answer
        result = answer.get("result") if isinstance(answer, dict) else None
        listed = result.get("trades") if isinstance(result, dict) else None
        count = result.get("count") if isinstance(result, dict) else None
        if not isinstance(listed, dict) or not isinstance(count, int):
            raise NonsenseAnswer("no list of trades that says how many there are")
        yield trades_of(page, symbol)
        offset += len(listed)
        if offset >= count:
            return
        if not listed:
            raise RequestFailed(Verdict.UNKNOWN, "the venue lists fewer trades than it says there are")


async def _one_page(
    venue: VenueConnection, client: Any, symbol: str, since_ms: int, priority: Priority
) -> AsyncIterator[Page]:
    """Where nothing is known of pages, a full one is a doubt: there may be more."""
    size = venue.profile.trades_a_page
    page = trades_of(await venue.read(_asking(client, symbol, since_ms, size), priority), symbol)
    if len(page) >= size:
        raise RequestFailed(Verdict.UNKNOWN, f"{size} trades or more, of which the venue shows a part")
    yield page


def _asking(
    client: Any, symbol: str, since_ms: int, limit: int | None, params: dict[str, object] | None = None
) -> Callable[[], Any]:
    return lambda: client.fetch_my_trades(symbol, since_ms, limit, dict(params or {}))
