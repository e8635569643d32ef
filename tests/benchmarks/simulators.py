"""Simulated exchanges in a process of their own that say when an order reached them, or a book left them.

`python -m tests.benchmarks.simulators FOLDER COUNT` prints their addresses as JSON and serves until its
standard input ends. Each line read is a command: `moves N PAUSE_S` moves every market so often and then says
"moved", `stamps` prints what was seen since. Times are of CLOCK_MONOTONIC, which all processes share.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import ccxt.pro as ccxt_pro  # type: ignore[import-untyped]  # ships no py.typed
from aiohttp import web

from adapters.exchanges.ccxt.clients import turn_to
from adapters.simulator.server.rest import Rest
from adapters.simulator.server.streams import Connection
from adapters.simulator.simulator import Customer
from tests.benchmarks.bench import CHECKOUT
from tests.simulators import ANN, simulator

CASH = Decimal(10_000_000)
PRICE = Decimal(50_000)
STEP = Decimal("0.01")
NO_LIMIT = 900_000_000
MARKET = "BTCUSDT"

_stamps: dict[str, int] = {}


class Simulators:
    """The other end: a child process, asked over its pipes."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.urls: list[str] = self._answer()

    def move(self, times: int, pause_s: float) -> None:
        """Blocks until every market has moved that often."""
        self._ask(f"moves {times} {pause_s}")

    def stamps(self) -> dict[str, int]:
        """Nanoseconds by client order id, and by the best bid that a depth message told; each once."""
        found: dict[str, int] = self._ask("stamps")
        return found

    def _ask(self, command: str) -> Any:
        assert self._process.stdin is not None
        print(command, file=self._process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())


@contextmanager
def simulators(folder: Path, count: int = 1) -> Iterator[Simulators]:
    command = [sys.executable, "-m", "tests.benchmarks.simulators", str(folder), str(count)]
    with subprocess.Popen(
        command, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Simulators(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(20)


def bare_client(url: str) -> Any:
    """ccxt.pro as it comes, pointed at one: a baseline. On the running loop; its user closes it."""
    options = {"fetchMargins": False, "fetchMarkets": {"types": ["spot"]}}
    client = ccxt_pro.binance(
        {"apiKey": ANN.key, "secret": ANN.secret, "enableRateLimit": False, "options": options}
    )
    client.has["fetchCurrencies"] = False
    turn_to(client, url)
    return client


# -- in the child ------------------------------------------------------------------------------------------


def main(folder: Path, count: int) -> None:
    sys.setswitchinterval(0.0002)  # several simulators share this process; none is to wait for another
    _watch()
    customer = Customer(name=ANN.name, key=ANN.key, secret=ANN.secret, balances={"USDT": CASH})
    with ExitStack() as stack:
        venues = [
            stack.enter_context(
                simulator(
                    folder / f"journal-{number}",
                    customers=(customer,),
                    weight_a_minute=NO_LIMIT,
                    orders_in_ten_seconds=NO_LIMIT // 1_000,
                )
            )
            for number in range(count)
        ]
        for number, venue in enumerate(venues):
            venue.price(MARKET, str(PRICE + number * 1_000))
        _say([venue.url for venue in venues])
        moved = 0
        for line in sys.stdin:
            what, *how = line.split()
            if what == "stamps":
                _say(dict(_stamps))
                _stamps.clear()
                continue
            for _ in range(int(how[0])):
                moved += 1
                for number, venue in enumerate(venues):
                    venue.price(MARKET, str(PRICE + number * 1_000 + moved * STEP))
                time.sleep(float(how[1]))  # the load itself
            _say("moved")


def _watch() -> None:
    """Note the time before the simulator does anything itself."""
    handle, push = Rest.handle, Connection.push

    async def noted_handle(self: Rest, request: web.Request) -> web.StreamResponse:
        if request.method == "POST" and request.path == "/api/v3/order":
            now = time.monotonic_ns()
            for order_id in parse_qs(await request.text()).get("newClientOrderId", ()):
                _stamps.setdefault(order_id, now)
        return await handle(self, request)

    def noted_push(self: Connection, message: Any) -> None:
        event = message.get("data", message)
        if event.get("e") == "depthUpdate":
            bids = [Decimal(price) for price, quantity in event["b"] if Decimal(quantity)]
            if bids:
                _stamps[str(max(bids))] = time.monotonic_ns()
        push(self, message)

    Rest.handle = noted_handle  # type: ignore[method-assign]
    Connection.push = noted_push  # type: ignore[method-assign]


def _say(what: object) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
