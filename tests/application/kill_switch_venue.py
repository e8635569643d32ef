"""A venue with a price, balances and resting orders, that can be unreachable or lose its answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from application.ports.clock import ManualClock
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
from domain.money import ZERO, Money
from domain.orders.order import MARKET, SELL, Fill
from domain.reconciliation.statement import AccountStatement


@dataclass
class DialVenue(Exchange):
    """Market sales fill at once at `price`; everything else rests until it is cancelled."""

    clock: ManualClock
    name: str = "fake"
    price: Decimal = Decimal(100)
    is_away: bool = False
    loses_answers: bool = False  # what is asked for is done, and nobody is told
    loses_requests: bool = False  # nothing is done, and nobody is told
    refuses: str = ""
    tells_client_ids: bool = True  # with trades
    holdings: dict[str, Decimal] = field(default_factory=dict)
    orders: dict[str, OrderReport] = field(default_factory=dict)
    submitted: list[OrderRequest] = field(default_factory=list)  # what reached it
    asked: int = 0

    @property
    def guarantees(self) -> Guarantees:
        return Guarantees(
            requests_expire=True,
            client_ids_unique=WHILE_OPEN,
            not_found_after=timedelta(seconds=1),
            order_types=frozenset({MARKET}),
            times_in_force=frozenset({"GTC"}),
        )

    def market(self, venue_account: str, symbol: str) -> Market:
        self._answer()
        return Market(symbol=symbol, lot_size=Decimal("0.01"), min_notional=Decimal(5), quote_scale=2)

    def taker_fee_rate(self, venue_account: str, symbol: str) -> Decimal:
        return ZERO

    def submit(self, request: OrderRequest) -> OrderReport:
        self._answer()
        if self.refuses:
            raise VenueRefused(self.refuses)
        if self.loses_requests:
            raise VenueOutcomeUnknown("timed out")
        self.submitted.append(request)
        quantity = request.terms.base_quantity
        fills: tuple[Fill, ...] = ()
        if request.terms.side == SELL and quantity is not None:
            base = request.terms.symbol.partition("/")[0]
            self.holdings[base] -= quantity
            fills = (
                Fill(
                    venue_trade_id=f"t-{len(self.submitted)}",
                    base_quantity=quantity,
                    price_quote_per_base=self.price,
                    quote_amount=quantity * self.price,
                    fee=Money(ZERO, "USDT"),
                    traded_at_utc=self.clock.now(),
                ),
            )
        report = OrderReport(
            client_order_id=request.client_order_id,
            venue_order_id=f"v-{len(self.submitted)}",
            status="filled" if fills else "open",
            fills=fills,
        )
        self.orders[request.client_order_id] = report
        return self._told(report)

    def rest(self, client_order_id: str) -> None:
        """An order that a bot had sent before."""
        self.orders[client_order_id] = OrderReport(
            client_order_id=client_order_id, venue_order_id=f"v-{client_order_id}", status="open", fills=()
        )

    def cancel(self, venue_account: str, symbol: str, client_order_id: str) -> OrderReport:
        found = self.report(venue_account, symbol, client_order_id)
        if found.status == "open":
            found = self.orders[client_order_id] = replace(found, status="canceled", reason="as asked")
        return self._told(found)

    def report(self, venue_account: str, symbol: str, client_order_id: str) -> OrderReport:
        self._answer()
        if client_order_id not in self.orders:
            raise VenueOrderNotFound(client_order_id)
        return self.orders[client_order_id]

    def open_orders(self, venue_account: str) -> Sequence[OpenOrder]:
        self._answer()
        still = [report for report in self.orders.values() if report.status == "open"]
        return [OpenOrder(report=report, symbol="BTC/USDT", side="buy") for report in still]

    def trades_since(self, venue_account: str, symbol: str, since_utc: datetime) -> Sequence[AccountTrade]:
        self._answer()
        return [
            AccountTrade(
                fill=fill,
                symbol=symbol,
                side=SELL,
                venue_order_id=report.venue_order_id,
                client_order_id=report.client_order_id if self.tells_client_ids else "",
            )
            for report in self.orders.values()
            for fill in report.fills
        ]

    def balances(self, venue_account: str) -> Mapping[str, VenueBalance]:
        self._answer()
        return {asset: VenueBalance(free=amount) for asset, amount in self.holdings.items() if amount}

    def statement(self, venue_account: str) -> AccountStatement:
        raise VenueRefused(venue_account)

    def _answer(self) -> None:
        self.asked += 1
        if self.is_away:
            raise VenueOutcomeUnknown("connection refused")

    def _told(self, report: OrderReport) -> OrderReport:
        if self.loses_answers:
            raise VenueOutcomeUnknown("timed out")
        return report
