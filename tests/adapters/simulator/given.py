"""An exchange in a known state, and orders for it, in few words."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from adapters.simulator.core import commands as c
from adapters.simulator.core.exchange import Exchange
from adapters.simulator.core.orders import NewOrder, Order
from adapters.simulator.core.outcomes import OrderReport, Outcome
from adapters.simulator.core.symbols import USUAL


def d(text: str) -> Decimal:
    return Decimal(text)


def new_order(side: str, quantity: str | None, price: str | None = None, **more: Any) -> NewOrder:
    """A limit order where it has a price, else a market order; BTCUSDT."""
    type_ = more.pop("type", "LIMIT" if price is not None else "MARKET")
    with_tif = type_ in ("LIMIT", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT")
    amounts: dict[str, Any] = {
        name: Decimal(more.pop(name)) for name in ("stop_price", "quote_order_quantity") if name in more
    }
    fields: dict[str, Any] = {
        "symbol": "BTCUSDT",
        "side": side,
        "type": type_,
        "quantity": None if quantity is None else Decimal(quantity),
        "price": None if price is None else Decimal(price),
        "time_in_force": "GTC" if with_tif else None,
        **amounts,
        **more,
    }
    return NewOrder(**fields)


class Given:
    """An exchange with symbols at their usual prices; two customers have 10 BTC and 1,000,000 USDT each."""

    def __init__(self, *symbols: str) -> None:
        self.exchange = Exchange()
        self.at_ms = 1_000
        for name in symbols or ("BTCUSDT",):
            symbol, price = USUAL[name]
            self.do(c.ListSymbol(symbol=symbol, price=price))
        for account in ("ann", "bob"):
            self.do(c.OpenAccount(account=account))
            self.deposit(account, "BTC", "10")
            self.deposit(account, "USDT", "1000000")

    def do(self, command: c.Command) -> Outcome:
        self.at_ms += 1
        return self.exchange.apply(command, self.at_ms)

    def deposit(self, account: str, asset: str, amount: str) -> Outcome:
        reference = f"{account}-{asset}-{self.at_ms}"
        return self.do(
            c.MoveMoney(account=account, asset=asset, amount=Decimal(amount), transfer_id=reference)
        )

    def placing(
        self, account: str, side: str, quantity: str | None, price: str | None = None, **more: Any
    ) -> Outcome:
        return self.do(c.PlaceOrder(account=account, order=new_order(side, quantity, price, **more)))

    def place(
        self, account: str, side: str, quantity: str | None, price: str | None = None, **more: Any
    ) -> Order:
        answer = self.placing(account, side, quantity, price, **more).answer
        assert isinstance(answer, Order)
        return answer

    def cancel(self, order: Order, **more: Any) -> Order:
        answer = self.do(
            c.CancelOrder(account=order.account, symbol=order.symbol, order_id=order.order_id, **more)
        ).answer
        assert isinstance(answer, Order)
        return answer

    def now(self, order: Order) -> Order:
        """As it stands by now."""
        return self.exchange.order(order.account, order.symbol, order.order_id, None)

    def balance(self, account: str, asset: str) -> tuple[Decimal, Decimal]:
        """Free, locked."""
        held = self.exchange.accounts[account].balance(asset)
        return held.free, held.locked


def executions(outcome: Outcome, account: str) -> list[tuple[str, str]]:
    """What one customer is told of their orders: execution, status."""
    return [
        (report.execution, report.order.status)
        for report in outcome.reports
        if isinstance(report, OrderReport) and report.account == account
    ]
