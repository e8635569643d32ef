"""The real ccxt client at the simulated exchange: 1,000 USDT and 2 BTC in one account, a market at 100."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from adapters.exchanges.ccxt.clients import VenueAddress
from adapters.exchanges.ccxt.connection import VenueConnection
from adapters.exchanges.ccxt.exchange import CcxtExchange
from adapters.exchanges.ccxt.profiles import BINANCE
from application.ports.exchange import OrderRequest
from application.ports.venue_credentials import Credentials, NoCredentials
from application.ports.venue_observer import VenueObserver
from domain.orders.events import OrderTerms
from tests.loopback import keep_to_loopback
from tests.simulators import ANN, BOB, Simulator, simulator

SYMBOL, MARKET = "BTC/USDT", "BTCUSDT"
UNHURRIED = replace(BINANCE, budget_per_s=1e6, orders_per_10s=None, ccxt_weight=0)
"""So that a test does not wait for its turn; the budget has tests of its own."""


@dataclass
class SimulatorBench:
    """See Bench in tests/contracts/test_exchange.py."""

    venue: Simulator
    options: dict[str, Any]
    account: str = ANN.name
    symbol: str = SYMBOL
    observer: VenueObserver | None = None
    _exchange: CcxtExchange | None = field(default=None, repr=False)
    _connection: VenueConnection | None = field(default=None, repr=False)

    @property
    def connection(self) -> VenueConnection:
        if self._connection is None:
            self._connection = VenueConnection(
                VenueAddress(name="simulator", exchange="binance", url=self.venue.url),
                self._key_of,
                observer=self.observer,
                **self.options,
            )
        return self._connection

    @property
    def exchange(self) -> CcxtExchange:
        if self._exchange is None:
            self._exchange = CcxtExchange(self.connection)
        return self._exchange

    def request(self, terms: OrderTerms, order_id: str = "o-1") -> OrderRequest:
        """A market order meets a market whose best price is exactly 100."""
        if terms.order_type == "market":
            self.venue.price(MARKET, "99.99" if terms.side == "buy" else "100.01")
        now = datetime.now(UTC)
        return OrderRequest(
            client_order_id=order_id,
            venue_account=self.account,
            terms=terms,
            sent_at_utc=now,
            expires_at_utc=now + timedelta(seconds=5),
        )

    def trade_at(self, price: str) -> None:
        self.venue.price(MARKET, price)

    def reopen(self) -> None:
        self.close()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = self._exchange = None

    def _key_of(self, account: str) -> Credentials:
        for customer in (ANN, BOB):
            if customer.name == account:
                return Credentials(api_key=customer.key, secret=customer.secret)
        raise NoCredentials(f"nobody has connected {account!r}")


@contextmanager
def simulator_bench(
    folder: Path, *, observer: VenueObserver | None = None, **options: Any
) -> Iterator[SimulatorBench]:
    funded = replace(ANN, balances={"USDT": Decimal(1_000), "BTC": Decimal(2)})
    with (
        pytest.MonkeyPatch.context() as monkeypatch,
        simulator(folder / "journal", customers=(funded, BOB), priced=False) as venue,
    ):
        keep_to_loopback(monkeypatch)
        venue.price(MARKET, "100")
        bench = SimulatorBench(
            venue, {"profile": UNHURRIED, "timeout_ms": 2_000} | options, observer=observer
        )
        try:
            yield bench
        finally:
            bench.close()
