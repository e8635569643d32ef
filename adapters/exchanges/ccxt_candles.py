"""Public candles of any venue that ccxt speaks to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from functools import partial
from typing import Any, TypeVar

import ccxt  # type: ignore[import-untyped]  # ships no py.typed
import stamina

from application.ports.candle_source import CandleSourceUnavailable, UnknownExchange, UnknownSymbol
from application.ports.clock import Clock
from domain.errors import InvalidValue
from domain.market import Candle, interval_ms

T = TypeVar("T")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_USUAL_PAGE = 300
"""Candles a page where ccxt knows no limit of the venue: what the most frugal ones give."""

_SETTLING_MS = 2_000
"""A venue may still count late trades into a candle just after its close; such a candle is not closed yet."""

_CLOCKS_AGREE_MS = 120_000
"""Candles that closed longer ago are closed by any clock; for younger ones the venue's own is asked."""

_LONGEST_PAUSE_S = 60.0
_NO_CANDLES = (TypeError, ValueError, KeyError, IndexError, AttributeError, InvalidOperation)
"""How ccxt fails on an answer that has another shape, such as a page of HTML with status 200."""


def open_client(exchange: str, *, timeout_ms: int = 10_000) -> Any:
    """A ccxt client for public data, with the venue's rate limit on; raises UnknownExchange."""
    if exchange not in ccxt.exchanges:
        near = get_close_matches(exchange.lower(), ccxt.exchanges, n=3, cutoff=0.7)
        raise UnknownExchange(exchange=exchange, did_you_mean=near)
    client = getattr(ccxt, exchange)(
        {
            "enableRateLimit": True,
            "timeout": timeout_ms,
            "options": {
                "defaultType": "spot",
                "fetchMarkets": {"types": ["spot"]},  # Binance: not its two futures venues as well
                "fetchCurrencies": False,  # needs a key where it needs anything
                "fetchMargins": False,
            },
        }
    )
    client.on_json_response = partial(json.loads, parse_float=str)  # the venue's digits, not a float's
    return client


class CcxtCandles:
    """Candles of one venue; see CandleSource. Translates words, decides nothing.

    Every request waits for the venue's rate limit. Transient failures (timeouts, dropped connections, 429,
    5xx) are tried again a few times with growing pauses, or after the pause the venue asks for; then
    CandleSourceUnavailable. Anything else a venue refuses is not tried again.
    """

    def __init__(self, exchange: str, clock: Clock, *, client: Any = None, attempts: int = 5) -> None:
        self._client = client or open_client(exchange)
        self._clock = clock
        self._attempts = attempts
        self._name = exchange

    @property
    def name(self) -> str:
        return self._name

    def closed_candles(
        self, symbol: str, interval: str, *, from_ms: int, until_ms: int
    ) -> Iterator[Sequence[Candle]]:
        step = interval_ms(interval)
        limit = self._prepare(symbol, interval)
        cursor = from_ms
        while cursor < until_ms:
            answer = self._fetch(symbol, interval, cursor, limit)
            page = [candle for candle in answer if cursor <= candle.open_time_ms < until_ms]
            closed = self._closed(page, step)
            if closed:
                yield closed
            if len(closed) < len(page):
                return  # the running candle: there is nothing after it
            if page:
                cursor = page[-1].open_time_ms + step
            elif answer and answer[-1].open_time_ms >= until_ms:
                return  # the venue skipped to its next candle, behind the range
            else:
                cursor += limit * step

    def _prepare(self, symbol: str, interval: str) -> int:
        """Loads the venue's markets once; candles a page."""
        client = self._client
        if not client.has.get("fetchOHLCV"):
            raise InvalidValue("exchange", f"{self._name} offers no candles")
        if interval not in client.timeframes:
            known = ", ".join(client.timeframes)
            raise InvalidValue("interval", f"{self._name} has no candles of {interval}; it has {known}")
        if not client.markets:
            self._ask(client.load_markets)
        # only now: while it loads markets ccxt does arithmetic with its numbers
        client.number = str
        if symbol not in client.markets:
            raise UnknownSymbol(source=self._name, symbol=symbol)
        limit = client.feature_value(symbol, "fetchOHLCV", "limit")
        return int(limit) if limit else _USUAL_PAGE

    def _fetch(self, symbol: str, interval: str, since_ms: int, limit: int) -> Sequence[Candle]:
        rows = self._ask(lambda: _candles(self._client.fetch_ohlcv(symbol, interval, since_ms, limit)))
        return sorted({candle.open_time_ms: candle for candle in rows}.values(), key=_by_time)

    def _closed(self, page: Sequence[Candle], step: int) -> Sequence[Candle]:
        now_ms = _milliseconds(self._clock.now())
        fresh = bool(page) and page[-1].open_time_ms + step > now_ms - _CLOCKS_AGREE_MS
        if fresh and self._client.has.get("fetchTime"):
            now_ms = min(now_ms, int(self._ask(self._client.fetch_time)))
        return [candle for candle in page if candle.open_time_ms + step <= now_ms - _SETTLING_MS]

    def _ask(self, request: Callable[[], T]) -> T:
        """The venue's answer; raises CandleSourceUnavailable."""
        try:
            for attempt in stamina.retry_context(
                on=self._pause, attempts=self._attempts, timeout=None, wait_initial=0.5, wait_max=20.0
            ):
                with attempt:
                    return request()
        except ccxt.BaseError as e:
            raise CandleSourceUnavailable(source=self._name, problem=_short(e)) from e
        except _NO_CANDLES as e:
            raise CandleSourceUnavailable(
                source=self._name, problem=f"its answer is no candles ({_short(e)})"
            ) from e
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _pause(self, error: Exception) -> bool | float:
        """Whether to try again; seconds where the venue says after how long."""
        if not isinstance(error, ccxt.NetworkError):
            return False
        if isinstance(error, ccxt.DDoSProtection | ccxt.RateLimitExceeded):
            asked = str((self._client.last_response_headers or {}).get("Retry-After", ""))
            if asked.isdigit():
                return min(float(asked), _LONGEST_PAUSE_S)
        return True


def _candles(rows: Any) -> list[Candle]:
    """ccxt's rows, numbers as text, as candles. Raises one of _NO_CANDLES."""
    if not isinstance(rows, list):
        raise TypeError("no list")
    return [Candle(int(time), *(Decimal(_text(number)) for number in numbers)) for time, *numbers in rows]


def _text(number: object) -> str:
    if not isinstance(number, str):
        raise TypeError(f"{number!r} where a number should be")
    return number


def _by_time(candle: Candle) -> int:
    return candle.open_time_ms


def _milliseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def _short(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
