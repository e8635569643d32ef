"""A real venue in memory, which loses requests and answers when it is told to, and never loses an order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeVar

from application.ports.clock import Clock
from application.ports.exchange import (
    WHILE_OPEN,
    AccountTrade,
    Exchange,
    Guarantees,
    OpenOrder,
    OrderReport,
    OrderRequest,
    VenueBalance,
    VenueOrderNotFound,
    VenueOutcomeUnknown,
    VenueRefused,
)
from domain.market import Market
from domain.orders.order import GTC, LIMIT, MARKET, Fill
from domain.reconciliation.statement import AccountStatement
from tests.builders import START, fill

T = TypeVar("T")

ACCOUNT, SYMBOL = "paper", "BTC/USDT"
GUARANTEES = Guarantees(
    requests_expire=True,
    client_ids_unique=WHILE_OPEN,
    not_found_after=timedelta(seconds=3),
    order_types=frozenset({MARKET, LIMIT}),
    times_in_force=frozenset({GTC}),
    streams_orders=True,
)


@dataclass
class RealVenue(Exchange):
    """`on_submit` says what becomes of the next requests: accepted, filled, partly filled or rejected.

    `lost_requests` and `lost_answers` count down; while `is_away` no request arrives.
    """

    clock: Clock
    name: str = "elsewhere"
    guarantees: Guarantees = GUARANTEES
    on_submit: str = "accepted"
    lost_requests: int = 0
    lost_answers: int = 0
    is_away: bool = False
    orders: dict[str, OrderReport] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)  # orders that it does not show yet
    without_fills: set[str] = field(default_factory=set)  # trades that it does not tell yet
    requests: list[OrderRequest] = field(default_factory=list)
    trades_asked: int = 0  # how often

    # -- what tests do to it -------------------------------------------------------------------------------

    def fill(self, order_id: str, trade_id: str, quantity: str, *, ends: bool = False) -> OrderReport:
        """Match part of an order; the report tells this fill alone, as a stream does."""
        known = self.orders[order_id]
        new = fill(trade_id, quantity, seconds=self._seconds())
        fills = [*known.fills, new]
        total = sum((one.base_quantity for one in fills), Decimal(0))
        status = "filled" if ends else known.status
        self.orders[order_id] = replace(known, status=status, fills=fills, filled_base=total)
        return replace(self.orders[order_id], fills=[new])

    def _seconds(self) -> float:
        return (self.clock.now() - START).total_seconds()

    # -- Exchange ------------------------------------------------------------------------------------------

    def submit(self, request: OrderRequest) -> OrderReport:
        self.requests.append(request)
        self._arrives()
        if request.expires_at_utc is not None and self.clock.now() >= request.expires_at_utc:
            raise VenueRefused("the request has expired")
        order_id = request.client_order_id
        if self.on_submit == "rejected":
            self._answers(lambda: None)
            raise VenueRefused("insufficient balance")
        if order_id in self.orders:
            raise VenueRefused("duplicate order sent")
        self.orders[order_id] = OrderReport(
            client_order_id=order_id,
            venue_order_id=f"v-{order_id}",
            status="open",
            fills=[],
            filled_base=Decimal(0),
        )
        if self.on_submit == "filled":
            self.fill(order_id, f"t-{order_id}", "0.01", ends=True)
        elif self.on_submit == "partly filled":
            self.fill(order_id, f"t-{order_id}", "0.004")
        return self._answers(lambda: self._told(order_id))

    def cancel(self, venue_account: str, symbol: str, client_order_id: str) -> OrderReport:
        self._arrives()
        known = self.orders.get(client_order_id)
        if known is None:
            raise VenueOrderNotFound(client_order_id)
        if known.status == "open":
            self.orders[client_order_id] = replace(known, status="canceled", reason="on request")
        return self._answers(lambda: self._told(client_order_id))

    def report(self, venue_account: str, symbol: str, client_order_id: str) -> OrderReport:
        self._arrives()
        if client_order_id not in self.orders or client_order_id in self.hidden:
            raise VenueOrderNotFound(client_order_id)
        return self._answers(lambda: self._told(client_order_id))

    def open_orders(self, venue_account: str) -> Sequence[OpenOrder]:
        self._arrives()
        return [
            OpenOrder(report=one, symbol=SYMBOL, side="buy")
            for one in self.orders.values()
            if one.status == "open"
        ]

    def trades_since(self, venue_account: str, symbol: str, since_utc: datetime) -> Sequence[AccountTrade]:
        self._arrives()
        self.trades_asked += 1
        return [
            AccountTrade(fill=each, symbol=symbol, side="buy", venue_order_id=order.venue_order_id)
            for order in self.orders.values()
            for each in order.fills
            if each.traded_at_utc >= since_utc and each.venue_trade_id not in self.without_fills
        ]

    def balances(self, venue_account: str) -> Mapping[str, VenueBalance]:
        self._arrives()
        return {}

    def statement(self, venue_account: str) -> AccountStatement:
        raise NotImplementedError("an order keeper asks for no statement: reconciliation does")

    def market(self, venue_account: str, symbol: str) -> Market:
        return Market(symbol=symbol)

    def taker_fee_rate(self, venue_account: str, symbol: str) -> Decimal:
        return Decimal(0)

    # -- the wire ------------------------------------------------------------------------------------------

    def _told(self, order_id: str) -> OrderReport:
        known = self.orders[order_id]
        fills: list[Fill] = [one for one in known.fills if one.venue_trade_id not in self.without_fills]
        return replace(known, fills=fills)

    def _arrives(self) -> None:
        if self.is_away:
            raise VenueOutcomeUnknown("no route to the venue")
        if self.lost_requests:
            self.lost_requests -= 1
            raise VenueOutcomeUnknown("timed out")

    def _answers(self, answer: Callable[[], T]) -> T:
        if self.lost_answers:
            self.lost_answers -= 1
            raise VenueOutcomeUnknown("timed out")
        return answer()
