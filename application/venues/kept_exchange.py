"""A real venue as bots see it: each order's one request is sent in time, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from application.failpoints import failpoint
from application.orders.not_found import expires_at
from application.ports.clock import Clock
from application.ports.event_log import EventLog
from application.ports.exchange import (
    AccountTrade,
    Exchange,
    Guarantees,
    OpenOrder,
    OrderReport,
    OrderRequest,
    VenueBalance,
    VenueOutcomeUnknown,
)
from application.streams import order_stream
from application.venues.keep_orders import OrderKeeper
from domain.market import Market
from domain.orders.order import INTENDED, Order
from domain.reconciliation.statement import AccountStatement

BEFORE_SUBMIT, AFTER_SUBMIT = "before_submit", "after_submit"


class KeptExchange(Exchange):
    """The exchange, for one account that this process has the lease of.

    A request is made while the lease lasts and the order's intent is fresh, and is signed to be refused by
    the venue after that, so a worker that was paused in between changes nothing (safety §3 #31). Only an
    order that was never asked for is: an id whose order is not just intended is answered with what the venue
    has. The keeper watches it from before the request on.
    """

    def __init__(
        self,
        exchange: Exchange,
        keeper: OrderKeeper,
        *,
        log: EventLog,
        clock: Clock,
        lease_until: Callable[[], datetime],
    ) -> None:
        self._exchange, self.keeper, self._log, self._clock = exchange, keeper, log, clock
        self._lease_until = lease_until
        self.name = exchange.name

    @property
    def guarantees(self) -> Guarantees:
        return self._exchange.guarantees

    def submit(self, request: OrderRequest) -> OrderReport:
        """As Exchange. VenueOutcomeUnknown, too, where it is too late to ask: nothing was sent."""
        order: Order = self._log.load(order_stream(request.client_order_id)).state
        if order.intended_at_utc is None or order.status != INTENDED:
            return self.report(request.venue_account, request.terms.symbol, request.client_order_id)
        until = min(expires_at(order.intended_at_utc), self._lease_until())
        self.keeper.watch(request.client_order_id, request.terms.symbol)
        if self._clock.now() >= until:
            raise VenueOutcomeUnknown("not sent: its time is over")
        failpoint(BEFORE_SUBMIT)
        report = self._exchange.submit(replace(request, expires_at_utc=until))
        failpoint(AFTER_SUBMIT)
        return report

    def cancel(self, venue_account: str, symbol: str, client_order_id: str) -> OrderReport:
        return self._exchange.cancel(venue_account, symbol, client_order_id)

    def report(self, venue_account: str, symbol: str, client_order_id: str) -> OrderReport:
        return self._exchange.report(venue_account, symbol, client_order_id)

    def open_orders(self, venue_account: str) -> Sequence[OpenOrder]:
        return self._exchange.open_orders(venue_account)

    def trades_since(self, venue_account: str, symbol: str, since_utc: datetime) -> Sequence[AccountTrade]:
        return self._exchange.trades_since(venue_account, symbol, since_utc)

    def balances(self, venue_account: str) -> Mapping[str, VenueBalance]:
        return self._exchange.balances(venue_account)

    def statement(self, venue_account: str) -> AccountStatement:
        return self._exchange.statement(venue_account)

    def market(self, venue_account: str, symbol: str) -> Market:
        return self._exchange.market(venue_account, symbol)

    def taker_fee_rate(self, venue_account: str, symbol: str) -> Decimal:
        return self._exchange.taker_fee_rate(venue_account, symbol)
