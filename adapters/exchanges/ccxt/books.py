"""Order books kept by ccxt.pro: a gap in them is a resync, and nobody decides on a stale one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock
from time import monotonic
from typing import Any

from adapters.exchanges.ccxt.backoff import Backoff
from adapters.exchanges.ccxt.clients import close_client
from adapters.exchanges.ccxt.connection import VenueConnection
from adapters.exchanges.ccxt.levels import levels_of, problem_of
from adapters.exchanges.ccxt.loop import ended
from adapters.exchanges.ccxt.problems import stream_problem
from application.ports.market_view import BookView, Level, MarketDataUnavailable

STREAM = "book"
LEVELS = 20
LONGEST_AGE_S = 10.0


@dataclass(slots=True)
class _Kept:
    """One pair's book: None, and why, where there is none to decide on."""

    bids: Sequence[Level] = ()
    asks: Sequence[Level] = ()
    heard_at_s: float = 0.0
    problem: str = "no snapshot yet"
    resyncs: int = 0
    task: asyncio.Task[None] | None = field(default=None, repr=False)


class CcxtOrderBooks:
    """OrderBooks; see there. All pairs of a venue share one client and its sockets.

    ccxt checks the venue's sequence numbers; when one is missing it drops the book, and so do we, until a new
    snapshot has come.
    """

    def __init__(
        self,
        connection: VenueConnection,
        *,
        longest_age_s: float = LONGEST_AGE_S,
        backoff: Callable[[], Backoff] = Backoff,
        now_s: Callable[[], float] = monotonic,
    ) -> None:
        self._venue, self._longest_age_s = connection, longest_age_s
        self._backoff, self._now_s = backoff, now_s
        self._books: dict[str, _Kept] = {}
        self._lock = Lock()
        self._client: Any = None
        self._opening: asyncio.Lock | None = None

    def follow(self, symbol: str) -> None:
        with self._lock:
            if symbol in self._books:
                return
            kept = self._books[symbol] = _Kept()
        self._venue.run(self._begin(symbol, kept))

    def view(self, symbol: str) -> BookView:
        kept = self._books.get(symbol)
        if kept is None:
            raise MarketDataUnavailable(f"the book of {symbol} is not followed")
        with self._lock:
            bids, asks, heard_at_s, problem = kept.bids, kept.asks, kept.heard_at_s, kept.problem
        age_s = self._now_s() - heard_at_s
        if problem:
            raise MarketDataUnavailable(f"the book of {symbol} is not complete: {problem}")
        if age_s > self._longest_age_s:
            raise MarketDataUnavailable(f"the book of {symbol} is {age_s:.0f} s old")
        return BookView(symbol=symbol, bids=bids, asks=asks, age_s=age_s)

    def resyncs(self, symbol: str) -> int:
        """How often the book was lost and built anew."""
        return self._books[symbol].resyncs

    def close(self) -> None:
        with self._lock:
            kept = list(self._books.values())
            self._books.clear()
        if kept:
            self._venue.run(self._end(kept))

    # -- on the venue's loop -------------------------------------------------------------------------------

    async def _begin(self, symbol: str, kept: _Kept) -> None:
        kept.task = asyncio.create_task(self._keep(symbol, kept))

    async def _end(self, kept: Sequence[_Kept]) -> None:
        await ended(*(one.task for one in kept if one.task is not None))
        client, self._client = self._client, None
        if client is not None:
            await close_client(client)

    async def _keep(self, symbol: str, kept: _Kept) -> None:
        backoff = self._backoff()
        while True:
            try:
                client = await self._shared_client()
                while True:
                    book = await client.watch_order_book(symbol)
                    self._take(book, kept)
                    backoff.reset()
            except Exception as error:  # noqa: BLE001  # whatever ends it, it begins again
                self._lose(kept, stream_problem(error))
            await asyncio.sleep(backoff.next_s())

    async def _shared_client(self) -> Any:
        if self._opening is None:
            self._opening = asyncio.Lock()
        async with self._opening:
            if self._client is None:
                self._client = await self._venue.stream_client(None)
        return self._client

    def _take(self, book: Any, kept: _Kept) -> None:
        bids, asks = levels_of(book["bids"], LEVELS), levels_of(book["asks"], LEVELS)
        problem = problem_of(bids, asks)
        with self._lock:
            was, kept.problem = kept.problem, problem
            kept.bids, kept.asks, kept.heard_at_s = bids, asks, self._now_s()
        if was and not problem:
            self._venue.observer.stream_changed(self._venue.name, STREAM, True)

    def _lose(self, kept: _Kept, problem: str) -> None:
        with self._lock:
            was, kept.problem = kept.problem, problem
            kept.resyncs += 1
        if not was:
            self._venue.observer.stream_changed(self._venue.name, STREAM, False)
