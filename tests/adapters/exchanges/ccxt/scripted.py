"""A venue on loopback that says what a test tells it to, for the real ccxt clients."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from time import time
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from adapters.exchanges.ccxt.clients import VenueAddress
from adapters.exchanges.ccxt.connection import VenueConnection
from adapters.exchanges.ccxt.exchange import CcxtExchange
from application.ports.exchange import OrderRequest
from application.ports.venue_credentials import Credentials
from application.ports.venue_observer import VenueObserver
from domain.orders.events import OrderTerms

ACCOUNT = "main"
KEY, SECRET = "account-the-api-key-of-main", "dGhlLXNlY3JldC1vZi1tYWlu"  # as Gemini and Kraken want them
NEVER_ANSWERED = object()


@dataclass(frozen=True, slots=True)
class Said:
    """One answer. A body that is no text is sent as JSON; NEVER_ANSWERED hangs up instead."""

    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    kind: str = "application/json"


@dataclass(frozen=True, slots=True)
class Heard:
    """One request, as it came over the wire."""

    method: str
    path: str
    params: dict[str, str]
    headers: dict[str, str]
    body: str


Answer = Said | Callable[[Heard], Said]


class ScriptedVenue:
    """`says[...]` are used up one a request, the last one stays. Everything heard is in `heard`."""

    def __init__(self, exchange: str) -> None:
        self.exchange = exchange
        self.heard: list[Heard] = []
        self._answers: dict[str, deque[Answer]] = {
            what: deque([answer]) for what, answer in GREETINGS.get(exchange, {}).items()
        }
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._server.daemon_threads = True
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._connections: list[VenueConnection] = []

    def __enter__(self) -> ScriptedVenue:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for connection in self._connections:
            connection.close()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def says(self, what: str, *answers: Answer) -> None:
        """What it answers to "POST /api/v3/order" from now on, one after the other."""
        self._answers[what] = deque(answers)

    def asked(self, what: str) -> list[Heard]:
        """The requests of that kind, oldest first."""
        return [heard for heard in self.heard if f"{heard.method} {heard.path}" == what]

    def answer(self, heard: Heard) -> Said:
        self.heard.append(heard)
        script = self._answers.get(f"{heard.method} {heard.path}")
        if not script:
            return Said({"code": -1000, "msg": f"no script for {heard.method} {heard.path}"}, 404)
        answer = script.popleft() if len(script) > 1 else script[0]
        return answer if isinstance(answer, Said) else answer(heard)

    def connection(
        self, observer: VenueObserver | None = None, *, name: str = "simulator", **options: Any
    ) -> VenueConnection:
        connection = VenueConnection(
            VenueAddress(name=name, exchange=self.exchange, url=self.url),
            lambda account: Credentials(api_key=KEY, secret=SECRET),
            observer=observer,
            timeout_ms=2_000,
            **options,
        )
        self._connections.append(connection)
        return connection

    def open(self, observer: VenueObserver | None = None, **options: Any) -> CcxtExchange:
        """Our adapter, the real client behind it, turned to this venue."""
        return CcxtExchange(self.connection(observer, **options))


def limit_buy(quantity: str = "1", price: str = "50", **more: Any) -> OrderTerms:
    return OrderTerms(
        symbol=more.pop("symbol", "BTC/USDT"),
        side="buy",
        order_type="limit",
        base_quantity=Decimal(quantity),
        limit_price=Decimal(price),
        **more,
    )


def request(terms: OrderTerms, order_id: str = "o-1", *, expires_in_s: float | None = None) -> OrderRequest:
    now = datetime.now(UTC)
    expires = None if expires_in_s is None else now + timedelta(seconds=expires_in_s)
    return OrderRequest(
        client_order_id=order_id, venue_account=ACCOUNT, terms=terms, sent_at_utc=now, expires_at_utc=expires
    )


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 65_536  # head and body in one piece: in two, the second waits for an acknowledgement
    disable_nagle_algorithm = True
    venue: ScriptedVenue

    def _any(self) -> None:
        url = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode()
        params = dict(parse_qsl(url.query)) | (dict(parse_qsl(body)) if "=" in body else {})
        said = self.venue.answer(Heard(self.command, url.path, params, dict(self.headers), body))
        if said.body is NEVER_ANSWERED:
            self.close_connection = True
            self.connection.close()
            return
        answer = said.body if isinstance(said.body, bytes) else _text(said.body).encode()
        self.send_response(said.status)
        self.send_header("Content-Type", said.kind)
        self.send_header("Content-Length", str(len(answer)))
        for name, value in said.headers.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            self.wfile.write(answer)
        except OSError:
            self.close_connection = True  # the client had read enough

    do_GET = do_POST = do_DELETE = do_PUT = _any  # noqa: N815  # the base class's names

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: a test's output is the test's."""


def _text(body: object) -> str:
    return body if isinstance(body, str) else json.dumps(body)


def _handler_of(venue: ScriptedVenue) -> type[_Handler]:
    return type("Handler", (_Handler,), {"venue": venue})


def binance_symbol(base: str, quote: str, **more: Any) -> dict[str, Any]:
    return {
        "symbol": base + quote, "status": "TRADING", "baseAsset": base, "baseAssetPrecision": 8,
        "quoteAsset": quote, "quotePrecision": 8, "quoteAssetPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT",
                       "TAKE_PROFIT_LIMIT"],
        "isSpotTradingAllowed": True, "isMarginTradingAllowed": False, "permissions": [],
        "permissionSets": [["SPOT"]],
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000", "tickSize": "0.01"},
            {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000.00", "stepSize": "0.00001"},
            {"filterType": "MARKET_LOT_SIZE", "minQty": "0.0", "maxQty": "120.50000000", "stepSize": "0.0"},
            {"filterType": "NOTIONAL", "minNotional": "5.00000000"},
        ],
        **more,
    }  # fmt: skip


def binance_order(order_id: int = 7, client_id: str = "o-1", **more: Any) -> dict[str, Any]:
    """An open order of 1 BTC at 50, as Binance tells it."""
    return {
        "symbol": "BTCUSDT", "orderId": order_id, "orderListId": -1, "clientOrderId": client_id,
        "price": "50.00000000", "origQty": "1.00000000", "executedQty": "0.00000000",
        "cummulativeQuoteQty": "0.00000000", "status": "NEW", "timeInForce": "GTC", "type": "LIMIT",
        "side": "BUY", "stopPrice": "0.00000000", "icebergQty": "0.00000000", "time": 1732500000000,
        "updateTime": 1732500000000, "transactTime": 1732500000000, "isWorking": True,
        "origQuoteOrderQty": "0.00000000", **more,
    }  # fmt: skip


def binance_trade(trade_id: int = 1, order_id: int = 7, **more: Any) -> dict[str, Any]:
    """A match of that order, as Binance tells it."""
    return {
        "symbol": "BTCUSDT", "id": trade_id, "orderId": order_id, "orderListId": -1, "price": "50.00000000",
        "qty": "0.40000000", "quoteQty": "20.00000000", "commission": "0.00040000",
        "commissionAsset": "BTC", "time": 1732500001000, "isBuyer": True, "isMaker": True,
        "isBestMatch": True, **more,
    }  # fmt: skip


def _now(heard: Heard) -> Said:  # an answer is told what was asked
    return Said({"serverTime": int(time() * 1_000)})


GREETINGS: dict[str, dict[str, Answer]] = {
    "binance": {
        "GET /api/v3/exchangeInfo": Said(
            {
                "timezone": "UTC",
                "rateLimits": [],
                "exchangeFilters": [],
                "symbols": [
                    binance_symbol("BTC", "USDT"),
                    binance_symbol("OLD", "USDT", status="BREAK"),
                    binance_symbol("LTC", "BTC"),
                ],
            }
        ),
        "GET /api/v3/time": _now,
        "GET /sapi/v1/asset/tradeFee": Said(
            [{"symbol": "BTCUSDT", "makerCommission": "0.00075", "takerCommission": "0.00085"}]
        ),
    },
}
"""What a client asks first, and how each venue answers."""
