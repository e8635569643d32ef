"""What happens to orders, pushed by the venue: an OrderStream over ccxt.pro."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from adapters.exchanges.ccxt.backoff import Backoff
from adapters.exchanges.ccxt.binance_words import order_report
from adapters.exchanges.ccxt.clients import close_client
from adapters.exchanges.ccxt.connection import VenueConnection
from adapters.exchanges.ccxt.exact import NonsenseAnswer
from adapters.exchanges.ccxt.exchange import CcxtExchange
from adapters.exchanges.ccxt.loop import ended
from adapters.exchanges.ccxt.problems import stream_problem
from application.ports.exchange import OrderReport, StreamGap, VenueOrderNotFound, VenueOutcomeUnknown

MOST_WAITING = 10_000
"""News that the caller has not taken; beyond that it is told that it missed some."""

STREAM = "orders"
_CLOSED = object()
_SUBSCRIBED_WITHIN_S = 20.0
_SETTLED_S = 2.0  # a subscription that nothing confirms is taken to be there by then

News = OrderReport | StreamGap


@dataclass(slots=True)
class _Listening:
    """One caller's line."""

    news: queue.SimpleQueue[Any] = field(default_factory=queue.SimpleQueue)
    task: asyncio.Task[None] | None = None
    has_lost_some: bool = False

    def tell(self, news: News) -> None:
        if self.news.qsize() < MOST_WAITING:
            self.news.put(news)
        else:
            self.has_lost_some = True


class CcxtOrderStream:
    """An OrderStream; see there. Each `follow` has a socket of its own.

    A lost socket is opened again after growing pauses, with a StreamGap when it was lost and another once it
    is subscribed again: what happened in between must be asked for. Binance's reports are passed on as they
    come; at other venues news of an order are looked up by REST, and told as that tells them.
    """

    def __init__(
        self,
        connection: VenueConnection,
        *,
        backoff: Callable[[], Backoff] = Backoff,
    ) -> None:
        self._venue, self._backoff = connection, backoff
        self._exchange = CcxtExchange(connection)
        self._listening: list[_Listening] = []

    def follow(self, venue_account: str) -> Iterator[News]:
        line = _Listening()
        self._listening.append(line)
        self._venue.run(self._begin(venue_account, line))
        try:
            while (news := line.news.get()) is not _CLOSED:
                yield news
                if line.has_lost_some and line.news.empty():
                    line.has_lost_some = False
                    yield StreamGap(problem="more news than could be taken: some were dropped")
        finally:
            self._end(line)

    def close(self) -> None:
        for line in list(self._listening):
            self._end(line)

    def _end(self, line: _Listening) -> None:
        if line in self._listening:
            self._listening.remove(line)
        if line.task is not None and not line.task.done():
            self._venue.run(ended(line.task))
        line.news.put(_CLOSED)

    # -- on the venue's loop -------------------------------------------------------------------------------

    async def _begin(self, account: str, line: _Listening) -> None:
        line.task = asyncio.create_task(self._listen(account, line))

    async def _listen(self, account: str, line: _Listening) -> None:
        backoff, client = self._backoff(), None
        line.tell(StreamGap())
        try:
            while True:
                try:
                    client = await self._venue.stream_client(account)
                    await self._subscribed(client, account, line, backoff)
                except Exception as error:  # noqa: BLE001  # whatever ends it, it begins again
                    line.tell(StreamGap(problem=stream_problem(error)))
                self._venue.observer.stream_changed(self._venue.name, STREAM, False)
                await _closed(client)
                client = None
                await asyncio.sleep(backoff.next_s())
        finally:
            line.news.put(_CLOSED)
            await _closed(client)

    async def _subscribed(self, client: Any, account: str, line: _Listening, backoff: Backoff) -> None:
        """Until it breaks."""
        reports = self._venue.profile.streams_execution_reports
        if reports:
            client.on_order_event = lambda message: self._tell(client, message, line)
            await asyncio.wait_for(client.authenticate(), _SUBSCRIBED_WITHIN_S)
        watching = asyncio.ensure_future(client.watch_orders())
        try:
            if not reports:
                await asyncio.wait({watching}, timeout=_SETTLED_S)
            if not watching.done() or watching.exception() is None:
                backoff.reset()
                self._venue.observer.stream_changed(self._venue.name, STREAM, True)
                line.tell(StreamGap(problem="subscribed"))
            while True:
                orders = await watching
                watching = asyncio.ensure_future(client.watch_orders())
                if not reports:
                    await self._look_up(orders, account, line)
        finally:
            watching.cancel()

    def _tell(self, client: Any, message: Any, line: _Listening) -> None:
        try:
            quote = client.safe_market(message.get("s"), None, None, "spot")["quote"] or ""
            line.tell(order_report(message, quote))
        except (NonsenseAnswer, AttributeError, KeyError, TypeError, ValueError) as error:
            line.tell(StreamGap(problem=stream_problem(error)))

    async def _look_up(self, orders: Any, account: str, line: _Listening) -> None:
        """Each order of which there is news, once."""
        asked = {}
        for order in orders if isinstance(orders, list) else ():
            client_id, symbol = order.get("clientOrderId"), order.get("symbol")
            if isinstance(client_id, str) and client_id and isinstance(symbol, str):
                asked[client_id] = symbol
        for client_id, symbol in asked.items():
            try:
                line.tell(await self._exchange.report_later(account, symbol, client_id))
            except (VenueOrderNotFound, VenueOutcomeUnknown) as error:
                line.tell(StreamGap(problem=f"{client_id}: {error}"))


async def _closed(client: Any) -> None:
    if client is not None:
        await close_client(client)
