"""A venue on loopback that answers the way Binance does, for the real ccxt client."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from adapters.exchanges.ccxt.candles import open_candle_client
from adapters.exchanges.ccxt.clients import VenueAddress
from domain.market import Candle


def venue_at(exchange: str) -> VenueAddress:
    """The venue itself, by its ccxt name."""
    return VenueAddress(name=exchange, exchange=exchange)


Fault = Callable[["_Handler"], None]


def status(code: int, body: str = '{"code": -1, "msg": "no"}', **headers: str) -> Fault:
    return lambda handler: handler.answer(code, body, "application/json", headers)


def html(handler: _Handler) -> None:
    handler.answer(200, "<html><body>Access denied</body></html>", "text/html", {})


def dropped(handler: _Handler) -> None:
    handler.close_connection = True
    handler.connection.close()


class StubVenue:
    """Serves hourly BTC/USDT candles. `faults` are answered first, one a request for candles."""

    def __init__(self, candles: Sequence[Candle], now_ms: int) -> None:
        self.candles, self.now_ms = list(candles), now_ms
        self.faults: deque[Fault] = deque()
        self.requests: list[tuple[str, dict[str, str]]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._server.daemon_threads = True
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def candle_requests(self) -> list[dict[str, str]]:
        return [query for path, query in self.requests if path == "/api/v3/klines"]

    def client(self) -> Any:
        """The real ccxt client, every address of it turned to this server."""
        client = open_candle_client(venue_at("binance"), timeout_ms=2_000)
        client.urls["api"] = {
            name: f"http://127.0.0.1:{self._server.server_port}/" + url.split("/", 3)[3]
            for name, url in client.urls["api"].items()
            if isinstance(url, str)
        }
        client.rateLimit = 1
        return client

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def page(self, query: dict[str, str]) -> list[list[object]]:
        start, limit = int(query.get("startTime", 0)), int(query["limit"])
        wanted = [c for c in self.candles if c.open_time_ms >= start][:limit]
        return [
            [c.open_time_ms, *(f"{n:f}" for n in (c.open, c.high, c.low, c.close, c.volume)),
             c.open_time_ms + 3_599_999, "1.0", 1, "1.0", "1.0", "0"]
            for c in wanted
        ]  # fmt: skip


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    venue: StubVenue

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = dict(parse_qsl(url.query))
        self.venue.requests.append((url.path, query))
        if url.path == "/api/v3/klines" and self.venue.faults:
            self.venue.faults.popleft()(self)
            return
        answers: dict[str, Callable[[], object]] = {
            "/api/v3/exchangeInfo": _exchange_info,
            "/api/v3/time": lambda: {"serverTime": self.venue.now_ms},
            "/api/v3/klines": lambda: self.venue.page(query),
        }
        found = answers.get(url.path)
        if found is None:
            self.answer(404, '{"code": -1000, "msg": "not here"}', "application/json", {})
        else:
            self.answer(200, json.dumps(found()), "application/json", {})

    def answer(self, code: int, body: str, kind: str, headers: dict[str, str]) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: a test's output is the test's."""


def _handler_of(venue: StubVenue) -> type[_Handler]:
    return type("Handler", (_Handler,), {"venue": venue})


def _exchange_info() -> object:
    symbol = {
        "symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "baseAssetPrecision": 8,
        "quoteAsset": "USDT", "quotePrecision": 8, "quoteAssetPrecision": 8, "orderTypes": ["LIMIT"],
        "isSpotTradingAllowed": True, "isMarginTradingAllowed": False, "permissions": [],
        "permissionSets": [["SPOT"]],
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000", "tickSize": "0.01"},
            {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000", "stepSize": "0.00001"},
        ],
    }  # fmt: skip
    return {"timezone": "UTC", "rateLimits": [], "exchangeFilters": [], "symbols": [symbol]}
