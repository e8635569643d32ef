"""What WebSocket clients hear: market streams by name, user streams by account, through the dials."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from aiohttp import WSCloseCode, web

from adapters.simulator.core.book import DepthChange, Level
from adapters.simulator.core.outcomes import Outcome
from adapters.simulator.core.tape import INTERVALS_MS, Kline, Trade
from adapters.simulator.server import wire
from adapters.simulator.server.faults import STREAM_FAULTS, Faults, hostile
from adapters.simulator.server.venue import Venue

FLUSH_S = 0.1
_FLUSHES_A_SECOND = 10
_PARTIAL = {f"depth{count}{rate}": count for count in (5, 10, 20) for rate in ("", "@100ms", "@1000ms")}


class Connection:
    """One WebSocket. Messages leave in the order in which they were pushed."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self.socket = socket
        self.streams: dict[str, None] = {}
        self.is_combined = False
        self.accounts: dict[int, str] = {}  # user streams: subscription id -> account
        self._queue: asyncio.Queue[str] = asyncio.Queue()
        self._writer = asyncio.create_task(self._write())

    def push(self, message: Any) -> None:
        self._queue.put_nowait(json.dumps(message))

    async def close(self) -> None:
        self._writer.cancel()
        await self.socket.close(code=WSCloseCode.GOING_AWAY)

    async def _write(self) -> None:
        try:
            while True:
                await self.socket.send_str(await self._queue.get())
        except ConnectionError:
            return  # the other side is gone; whoever reads from it notices


@dataclass(slots=True)
class _Pending:
    """Depth of one symbol since the last flush of one stream."""

    first_id: int
    last_id: int
    bids: dict[Any, Level] = field(default_factory=dict)
    asks: dict[Any, Level] = field(default_factory=dict)

    def add(self, change: DepthChange) -> None:
        self.last_id = change.last_id
        self.bids.update({level[0]: level for level in change.bids})
        self.asks.update({level[0]: level for level in change.asks})


class Hub:
    """All connections. Its `listen` hangs on the venue; its `run` sends what goes by the clock."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self.connections: dict[Connection, None] = {}
        self._through = _Dials(venue.faults)
        self._last_subscription = -1
        self._pending: dict[tuple[str, str], _Pending] = {}
        self._kline_open_ms: dict[tuple[str, str], int] = {}
        self._kline_sent: dict[tuple[str, str], Kline] = {}

    def subscribe_user(self, connection: Connection, account: str) -> int:
        self._last_subscription += 1
        connection.accounts[self._last_subscription] = account
        return self._last_subscription

    def listen(self, outcome: Outcome) -> None:
        """Told of every command's outcome, once it is written."""
        for trade in outcome.trades:
            self._send(trade.symbol, "trade", partial(_trade_event, trade))
        for group in wire.aggregates(outcome.trades):
            self._send(group[0].symbol, "aggTrade", partial(_aggregate_event, group))
        for change in outcome.depth:
            self._gather(change)
            self._send(change.symbol, "bookTicker", partial(self._book_ticker_event, change))
        for report in outcome.reports:
            self._send_user(report.account, wire.report(report))

    async def run(self) -> None:
        """Until it is canceled."""
        beats = 0
        while True:
            await asyncio.sleep(FLUSH_S)
            beats += 1
            self.flush(every_second=beats % _FLUSHES_A_SECOND == 0)

    def flush(self, *, every_second: bool) -> None:
        """Send what was gathered: depth, candles and, once a second, tickers."""
        self._flush_depth("depth@100ms")
        if every_second:
            self._flush_depth("depth")
        for symbol in self._venue.exchange.symbols:
            for suffix, limit in _PARTIAL.items():
                if every_second or suffix.endswith("@100ms"):
                    self._send(symbol, suffix, partial(self._partial, symbol, limit))
            for interval in INTERVALS_MS:
                if self._is_wanted(symbol, f"kline_{interval}"):
                    self._send_klines(symbol, interval)
                else:
                    self._kline_open_ms.pop((symbol, interval), None)
            if every_second:
                self._send(symbol, "ticker", partial(self._ticker_event, symbol))
                self._send(symbol, "miniTicker", partial(self._mini_ticker_event, symbol))

    async def disconnect(self, *, users: bool, markets: bool) -> int:
        """Close the connections that carry such streams."""
        hit = [one for one in self.connections if (users and one.accounts) or (markets and one.streams)]
        for one in hit:
            await one.close()
        return len(hit)

    # -- what goes where

    def _is_wanted(self, symbol: str, suffix: str) -> bool:
        name = f"{symbol.lower()}@{suffix}"
        return any(name in one.streams for one in self.connections)

    def _send(self, symbol: str, suffix: str, payload: Callable[[], Any]) -> None:
        name = f"{symbol.lower()}@{suffix}"
        listening = [one for one in self.connections if name in one.streams]
        if not listening:
            return
        data = payload()
        kind = data.get("e", suffix)

        def push(message: Any) -> None:
            for one in listening:
                one.push({"stream": name, "data": message} if one.is_combined else message)

        self._through.send(kind, data, push)

    def _send_user(self, account: str, event: dict[str, Any]) -> None:
        listening = [
            (one, subscription)
            for one in self.connections
            for subscription, whose in one.accounts.items()
            if whose == account
        ]
        if not listening:
            return

        def push(message: Any) -> None:
            for one, subscription in listening:
                one.push({"subscriptionId": subscription, "event": message})

        self._through.send(event["e"], event, push)

    # -- depth

    def _gather(self, change: DepthChange) -> None:
        for suffix in ("depth@100ms", "depth"):
            if not self._is_wanted(change.symbol, suffix):
                continue
            key = (change.symbol, suffix)
            pending = self._pending.setdefault(key, _Pending(change.first_id, change.last_id))
            pending.add(change)

    def _flush_depth(self, suffix: str) -> None:
        for symbol in self._venue.exchange.symbols:
            pending = self._pending.pop((symbol, suffix), None)
            if pending is not None:
                self._send(symbol, suffix, partial(self._depth_event, symbol, pending))

    def _depth_event(self, symbol: str, pending: _Pending) -> dict[str, Any]:
        return {
            "e": "depthUpdate",
            "E": self._venue.now_ms(),
            "s": symbol,
            "U": pending.first_id,
            "u": pending.last_id,
            "b": wire.levels(pending.bids.values()),
            "a": wire.levels(pending.asks.values()),
        }

    def _partial(self, symbol: str, limit: int) -> dict[str, Any]:
        return wire.depth(self._venue.book(symbol), limit)

    def _book_ticker_event(self, change: DepthChange) -> dict[str, Any]:
        shown = wire.book_ticker(self._venue.book(change.symbol))
        return {
            "u": change.last_id,
            "s": shown["symbol"],
            "b": shown["bidPrice"],
            "B": shown["bidQty"],
            "a": shown["askPrice"],
            "A": shown["askQty"],
        }

    # -- candles and tickers

    def _send_klines(self, symbol: str, interval: str) -> None:
        """The candle that closed since, then the one that is open, if it changed."""
        now_ms, key = self._venue.now_ms(), (symbol, interval)
        tape = self._venue.exchange.tapes[symbol]
        latest = tape.latest(interval, now_ms)
        if latest is None:
            return
        before_ms = self._kline_open_ms.get(key)
        if before_ms is not None and before_ms < latest.open_time_ms:
            for closed in tape.klines(interval, now_ms):
                if before_ms <= closed.open_time_ms < latest.open_time_ms:
                    self._send_kline(symbol, interval, closed, is_closed=True)
        if self._kline_sent.get(key) != latest:
            self._send_kline(symbol, interval, latest, is_closed=False)
        self._kline_open_ms[key], self._kline_sent[key] = latest.open_time_ms, latest

    def _send_kline(self, symbol: str, interval: str, one: Kline, *, is_closed: bool) -> None:
        event = _kline_event(symbol, interval, one, self._venue.now_ms(), is_closed=is_closed)
        self._send(symbol, f"kline_{interval}", lambda: event)

    def _ticker_event(self, symbol: str) -> dict[str, Any]:
        book, tape = self._venue.book(symbol), self._venue.exchange.tapes[symbol]
        day = wire.day_ticker(book, tape, self._venue.now_ms())
        names = {
            "p": "priceChange", "P": "priceChangePercent", "w": "weightedAvgPrice", "x": "prevClosePrice",
            "c": "lastPrice", "Q": "lastQty", "b": "bidPrice", "B": "bidQty", "a": "askPrice", "A": "askQty",
            "o": "openPrice", "h": "highPrice", "l": "lowPrice", "v": "volume", "q": "quoteVolume",
            "O": "openTime", "C": "closeTime", "F": "firstId", "L": "lastId", "n": "count",
        }  # fmt: skip
        event = {"e": "24hrTicker", "E": self._venue.now_ms(), "s": symbol}
        return event | {short: day[long] for short, long in names.items()}

    def _mini_ticker_event(self, symbol: str) -> dict[str, Any]:
        whole = self._ticker_event(symbol)
        return {
            "e": "24hrMiniTicker",
            **{name: whole[name] for name in ("E", "s", "c", "o", "h", "l", "v", "q")},
        }


class _Dials:
    """Between an event and its listeners: twice, late, out of order, not at all."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._held: dict[str, Callable[[], None]] = {}

    def send(self, kind: str, event: Any, push: Callable[[Any], None]) -> None:
        held = self._held.pop(kind, None)
        for fault in self._faults.drawn(kind, *STREAM_FAULTS):
            if fault.do == "lose":
                self._release(held)
                return
            if fault.do == "hostile":
                event = hostile(event, fault.what)
            elif fault.do == "duplicate":
                push(event)
            elif fault.do == "reorder":
                self._held[kind] = partial(push, event)
                self._release(held)
                return
            else:
                asyncio.get_running_loop().call_later(fault.ms / 1_000, push, event)
                self._release(held)
                return
        push(event)
        self._release(held)

    @staticmethod
    def _release(held: Callable[[], None] | None) -> None:
        if held is not None:
            held()


def _trade_event(one: Trade) -> dict[str, Any]:
    return {
        "e": "trade",
        "E": one.at_ms,
        "s": one.symbol,
        "t": one.trade_id,
        "p": wire.amount(one.price),
        "q": wire.amount(one.quantity),
        "T": one.at_ms,
        "m": one.buyer_is_maker,
        "M": True,
    }


def _aggregate_event(group: list[Trade]) -> dict[str, Any]:
    return {"e": "aggTrade", "E": group[-1].at_ms, "s": group[0].symbol, **wire.aggregate(group)}


def _kline_event(symbol: str, interval: str, one: Kline, now_ms: int, *, is_closed: bool) -> dict[str, Any]:
    (opened, open_, high, low, close, volume, closes, quote_volume, count, taker, taker_quote, nothing) = (
        wire.kline(one, interval)
    )
    return {
        "e": "kline",
        "E": now_ms,
        "s": symbol,
        "k": {
            "t": opened, "T": closes, "s": symbol, "i": interval, "f": one.first_trade_id,
            "L": one.last_trade_id, "o": open_, "c": close, "h": high, "l": low, "v": volume, "n": count,
            "x": is_closed, "q": quote_volume, "V": taker, "Q": taker_quote, "B": nothing,
        },
    }  # fmt: skip


def known(names: Iterable[str], symbols: Iterable[str]) -> bool:
    """Whether each is a stream of a listed symbol."""
    listed = {symbol.lower() for symbol in symbols}
    kinds = {
        "trade", "aggTrade", "depth", "depth@100ms", "ticker", "miniTicker", "bookTicker", *_PARTIAL,
        *(f"kline_{interval}" for interval in INTERVALS_MS),
    }  # fmt: skip
    return all(
        symbol in listed and kind in kinds for symbol, _, kind in (name.partition("@") for name in names)
    )
