"""Public candles of any venue that ccxt speaks to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any, TypeVar

import ccxt  # type: ignore[import-untyped]  # ships no py.typed
import stamina

from adapters.exchanges.ccxt.clients import VenueAddress, open_client, point
from application.ports.candle_source import CandleSourceUnavailable, UnknownSymbol
from application.ports.clock import Clock
from domain.errors import InvalidValue
from domain.market import Candle, interval_ms

T = TypeVar("T")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_USUAL_PAGE = 300
"""Candles a page where ccxt knows no limit of the venue: what the most frugal ones give."""

_SETTLING_MS = 2_000
"""A venue may still count late trades into a candle just after its close; such a candle is not closed yet."""

_LONGEST_PAUSE_S = 60.0
_NO_CANDLES = (TypeError, ValueError, KeyError, IndexError, AttributeError, InvalidOperation)
"""How ccxt fails on an answer that has another shape, such as a page of HTML with status 200."""


def open_candle_client(address: VenueAddress, *, timeout_ms: int = 10_000) -> Any:
    """A client that passes over no row; raises UnknownExchange."""
    client = open_client(address.exchange, timeout_ms=timeout_ms)
    point(client, address)
    client.enableLastJsonResponse = True
    client.parse_ohlcvs = partial(_parse_rows, client)
    return client


def require_candles_of(address: VenueAddress) -> None:
    """Raises UnknownExchange, or InvalidValue where ccxt cannot get candles of that exchange."""
    client = open_candle_client(address)
    try:
        _require_candles(client, address.name)
    finally:
        client.session.close()


def _require_candles(client: Any, exchange: str) -> None:
    if not client.has.get("fetchOHLCV"):
        raise InvalidValue("exchange", f"{exchange} offers no candles")


class CcxtCandles:
    """Candles of one venue; see CandleSource. Translates words, decides nothing.

    Every request waits for the venue's rate limit. Transient failures (timeouts, dropped connections, 429,
    5xx) are tried again a few times with growing pauses, or after the pause the venue asks for; then
    CandleSourceUnavailable. Anything else a venue refuses is not tried again.
    """

    def __init__(
        self,
        address: VenueAddress,
        clock: Clock,
        *,
        loaded: MutableMapping[str, Any] | None = None,
        client: Any = None,
        attempts: int = 5,
    ) -> None:
        """`loaded`, where sources share it: a client by exchange whose markets the next ones take over."""
        self._client = client or open_candle_client(address)
        self._loaded = {} if loaded is None else loaded
        self._clock = clock
        self._attempts = attempts
        self._name = address.name

    @property
    def name(self) -> str:
        return self._name

    def close(self) -> None:
        """Gives the connections back."""
        self._client.session.close()

    def closed_candles(
        self, symbol: str, interval: str, *, from_ms: int, until_ms: int
    ) -> Iterator[Sequence[Candle]]:
        step = interval_ms(interval)
        limit = self._prepare(symbol, interval)
        ahead_ms = self._our_clock_is_ahead_ms()
        cursor = from_ms
        while cursor < until_ms:
            answer = self._fetch(symbol, interval, cursor, limit)
            page = [candle for candle in answer if cursor <= candle.open_time_ms < until_ms]
            closed = self._closed(page, step, ahead_ms)
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
        """Sees to the venue's markets, once; candles a page."""
        client = self._client
        _require_candles(client, self._name)
        if interval not in client.timeframes:
            known = ", ".join(client.timeframes)
            raise InvalidValue("interval", f"{self._name} has no candles of {interval}; it has {known}")
        if not client.markets:
            self._find_markets(symbol)
        # The venue's digits, not a float's. Only now: ccxt calculates with numbers while it loads markets.
        client.number = str
        client.on_json_response = partial(json.loads, parse_float=str)
        if symbol not in client.markets:
            raise UnknownSymbol(source=self._name, symbol=symbol)
        limit = client.feature_value(symbol, "fetchOHLCV", "limit")
        return int(limit) if limit else _USUAL_PAGE

    def _find_markets(self, symbol: str) -> None:
        """Those that are loaded already, unless the pair has been listed since."""
        known = self._loaded.get(self._name)
        if known is not None and symbol in known.markets:
            self._client.set_markets_from_exchange(known)
            return
        self._ask(self._client.load_markets)
        if not self._client.markets:  # so does ccxt read a page of HTML
            raise CandleSourceUnavailable(source=self._name, problem="it lists no markets")
        self._loaded[self._name] = self._client

    def _fetch(self, symbol: str, interval: str, since_ms: int, limit: int) -> Sequence[Candle]:
        def request() -> list[Candle]:
            rows = self._client.fetch_ohlcv(symbol, interval, since_ms, limit)
            if self._client.last_json_response is None:
                raise TypeError("no JSON")
            return [Candle(int(time), *map(Decimal, numbers)) for time, *numbers in rows]

        return sorted({candle.open_time_ms: candle for candle in self._ask(request)}.values(), key=_by_time)

    def _our_clock_is_ahead_ms(self) -> int:
        """Of the venue's, which says when a candle is closed; zero where it tells no time."""
        if not self._client.has.get("fetchTime"):
            return 0
        venue_ms = self._ask(lambda: int(self._client.fetch_time()))
        return max(0, _milliseconds(self._clock.now()) - venue_ms)

    def _closed(self, page: Sequence[Candle], step: int, ahead_ms: int) -> Sequence[Candle]:
        until_ms = _milliseconds(self._clock.now()) - ahead_ms - _SETTLING_MS
        return [candle for candle in page if candle.open_time_ms + step <= until_ms]

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
        if not isinstance(error, ccxt.OperationFailed):
            return False
        if isinstance(error, ccxt.DDoSProtection | ccxt.RateLimitExceeded):
            asked = str((self._client.last_response_headers or {}).get("Retry-After", ""))
            if asked.isdigit():
                return min(float(asked), _LONGEST_PAUSE_S)
        return True


def _parse_rows(client: Any, rows: Any, market: Any = None, *_: object, **__: object) -> list[list[Any]]:
    """In place of ccxt's own parse_ohlcvs, which passes over whatever is no candle without a word."""
    if not isinstance(rows, list):
        raise TypeError("no list of candles")
    parsed = [list(client.parse_ohlcv(row, market)) for row in rows]
    for row in parsed:
        if len(row) != 6 or not isinstance(row[0], int) or not all(isinstance(n, str) for n in row[1:]):
            raise TypeError(f"{row!r} is no candle")
    return parsed


def _by_time(candle: Candle) -> int:
    return candle.open_time_ms


def _milliseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def _short(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
