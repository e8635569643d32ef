"""The real ccxt clients, pointed at a simulator, and a signing client without ccxt."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode, urlsplit

import ccxt.pro  # type: ignore[import-untyped]
import httpx

from adapters.simulator.server.signing import signed
from tests.simulators import ANN, Simulator

_OPTIONS = {
    "defaultType": "spot",
    "fetchMarkets": {"types": ["spot"]},
    "fetchCurrencies": False,
    "fetchMargins": False,
    "warnOnFetchOpenOrdersWithoutSymbol": False,
}


def pointed_at(exchange: Any, url: str) -> Any:
    """No address of the real exchange is left in it."""
    exchange.urls["api"] = _moved(exchange.urls["api"], url)
    sockets = url.replace("http", "ws", 1)
    exchange.urls["api"]["ws"]["spot"] = f"{sockets}/stream/ws"
    exchange.urls["api"]["ws"]["ws-api"] = {"spot": f"{sockets}/ws-api/v3"}
    return exchange


def _moved(addresses: Any, url: str) -> Any:
    if isinstance(addresses, dict):
        return {name: _moved(inner, url) for name, inner in addresses.items()}
    return url + urlsplit(addresses).path


def hosts(addresses: Any) -> set[str | None]:
    """Every host that a client could reach."""
    if isinstance(addresses, dict):
        return {host for inner in addresses.values() for host in hosts(inner)}
    return {urlsplit(addresses).hostname}


@asynccontextmanager
async def ccxt_client(simulator: Simulator, **changes: Any) -> AsyncIterator[Any]:
    settings = {
        "apiKey": simulator.key,
        "secret": simulator.secret,
        "enableRateLimit": False,
        "options": dict(_OPTIONS),
        "timeout": 5_000,
        **changes,
    }
    exchange = pointed_at(ccxt.pro.binance(settings), simulator.url)
    assert hosts(exchange.urls["api"]) == {"127.0.0.1"}
    try:
        yield exchange
    finally:
        await exchange.close()


class Plain:
    """Signed requests by hand: what ccxt would never send can be sent too."""

    def __init__(self, simulator: Simulator, *, key: str = ANN.key, secret: str = ANN.secret) -> None:
        self._simulator, self._key, self._secret = simulator, key, secret

    def open(self, path: str, **given: Any) -> httpx.Response:
        return self._simulator.client.get(self._simulator.url + path, params=given)

    def signed(self, method: str, path: str, **given: Any) -> httpx.Response:
        """`timestamp` is now unless it is given; None leaves a parameter out."""
        sent = {"timestamp": time.time_ns() // 1_000_000, **given}
        payload = urlencode({name: value for name, value in sent.items() if value is not None})
        return self.raw(method, path, f"{payload}&signature={signed(self._secret, payload)}")

    def raw(self, method: str, path: str, query: str) -> httpx.Response:
        headers = {"X-MBX-APIKEY": self._key} if self._key else {}
        url = f"{self._simulator.url}{path}"
        if method == "POST":
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            return self._simulator.client.request(method, url, content=query, headers=headers)
        return self._simulator.client.request(method, f"{url}?{query}", headers=headers)

    def place(self, **changes: Any) -> httpx.Response:
        order = {
            "symbol": "BTCUSDT",
            "side": "BUY",
            "type": "LIMIT",
            "timeInForce": "GTC",
            "quantity": "0.1",
            "price": "50000",
        }
        return self.signed("POST", "/api/v3/order", **{**order, **changes})


async def until(holds: Callable[[], object]) -> None:
    """The simulator has seen it."""
    for _ in range(500):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came")
