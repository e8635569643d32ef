"""A simulated exchange of a test's own: on a free port, in a thread, with a hand on its control API."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx

from adapters.simulator.server.app import Server
from adapters.simulator.simulator import Customer, Options, opened

ANN = Customer(
    name="ann",
    key="ann-key",
    secret="ann-secret",
    balances={"BTC": Decimal(10), "USDT": Decimal(1_000_000), "ETH": Decimal(100), "BNB": Decimal(50)},
)
BOB = replace(ANN, name="bob", key="bob-key", secret="bob-secret")


class ControlRefused(AssertionError):
    """The control API said no."""


@dataclass
class Simulator:
    """`url` is what EVENKEEL_SIMULATORS names. Every method is one request to the control API."""

    url: str
    key: str = ANN.key
    secret: str = ANN.secret
    client: httpx.Client = field(default_factory=lambda: httpx.Client(trust_env=False, timeout=10))

    def get(self, path: str) -> Any:
        return self._asked("GET", path)

    def post(self, path: str, **body: Any) -> Any:
        return self._asked("POST", path, json=body)

    def delete(self, path: str) -> Any:
        return self._asked("DELETE", path)

    def price(self, symbol: str, price: str, **more: Any) -> None:
        """The market stands around it, with a spread of one tick to either side and 10 base at each level."""
        self.post("price", symbol=symbol, price=price, **more)

    def fault(self, do: str, **more: Any) -> int:
        fault_id: int = self.post("faults", do=do, **more)["id"]
        return fault_id

    def heal(self) -> None:
        """No fault is set any more."""
        self.delete("faults")

    def advance(self, ms: int) -> None:
        self.post("advance", ms=ms)

    def order(self, account: str, **order: str) -> Any:
        """Placed as another account, in the exchange's own words."""
        return self.post("orders", account=account, **order)

    def account(self, name: str = ANN.name) -> Any:
        """Balances, orders, trades, transfers: the truth."""
        return self.get(f"accounts/{name}")

    def asked(self) -> dict[str, int]:
        """How often each kind of request came."""
        counts: dict[str, int] = self.get("requests")["counts"]
        return counts

    def _asked(self, method: str, path: str, **more: Any) -> Any:
        answer = self.client.request(method, f"{self.url}/control/{path}", **more)
        if answer.status_code != 200:
            raise ControlRefused(answer.text)
        return answer.json()


@contextmanager
def simulator(
    journal: Path, *, customers: Sequence[Customer] = (ANN, BOB), priced: bool = True, **options: Any
) -> Iterator[Simulator]:
    """A still one: prices move when the test moves them.

    `priced`: BTC stands at 60000, ETH at 3000 and BNB at 600 to begin with.
    """
    started = Event()
    problems: list[BaseException] = []
    stops: list[Callable[[], object]] = []
    ports: list[int] = []

    async def serve() -> None:
        venue = opened(
            Options(journal=journal, customers=customers, **options), lambda: time.time_ns() // 1_000_000
        )
        server = Server(venue)
        try:
            await server.start("127.0.0.1", 0)
            over, loop = asyncio.Event(), asyncio.get_running_loop()
            stops.append(lambda: loop.call_soon_threadsafe(over.set))
            ports.append(server.port)
            started.set()
            await over.wait()
        finally:
            await server.stop()
            venue.journal.close()

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as problem:
            problems.append(problem)
            raise
        finally:
            started.set()

    thread = Thread(target=run, daemon=True)
    thread.start()
    assert started.wait(20)
    if problems:
        raise problems[0]
    handle = Simulator(f"http://127.0.0.1:{ports[0]}")
    try:
        if priced and not handle.get("state")["ids"]["updates"]:
            for symbol, price in (("BTCUSDT", "60000"), ("ETHUSDT", "3000"), ("BNBUSDT", "600")):
                handle.price(symbol, price)
        yield handle
    finally:
        handle.client.close()
        stops[0]()
        thread.join(10)
