"""One trading venue, as the order life cycle needs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from domain.market import Candle, Market
from domain.orders.events import OrderTerms
from domain.orders.order import Fill
from domain.reconciliation.statement import AccountStatement


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """What is sent to a venue."""

    client_order_id: str
    venue_account: str
    terms: OrderTerms
    sent_at_utc: datetime  # on the feed's clock: the close of the candle it was decided on
    price_series: str = ""  # see price_series(); a venue with prices of its own ignores it


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderReport:
    """What a venue says of one order: where it stands and every fill so far, oldest first."""

    client_order_id: str
    venue_order_id: str
    status: str  # open, filled, canceled or rejected
    fills: Sequence[Fill]
    reason: str = ""  # why it was canceled or rejected


def price_series(source: str, interval: str) -> str:
    """Which candles of a symbol a candle-driven venue prices an order by: the ones the bot decides on."""
    return f"{source} {interval}"


class VenueRefused(Exception):
    """The venue proved that it did not open the order; its reason is the message."""


class VenueOutcomeUnknown(Exception):
    """The request may or may not have taken effect. Look before asking again."""


class VenueOrderNotFound(Exception):
    """The venue proves that it has no order of that client id (not: it could not be asked)."""


class Exchange(Protocol):
    """One trading venue.

    Units: quantity in base, price in quote per base, both exact Decimals; times are UTC.
    Idempotency: while an order is open, its client_order_id opens no second one; submitting the same request
    again answers with the order that is there.
    Ordering: fills come oldest first by venue time; one may come twice, same venue_trade_id.
    Errors: VenueRefused (nothing is open), VenueOutcomeUnknown (look before submitting again),
    VenueOrderNotFound (proof that there is none).
    """

    name: str

    def market(self, venue_account: str, symbol: str) -> Market:
        """The pair's filters and scales. Errors: VenueRefused when the venue does not list it."""
        ...

    def taker_fee_rate(self, venue_account: str, symbol: str) -> Decimal:
        """The share of the notional that a market order costs; what a hold must cover."""
        ...

    def submit(self, request: OrderRequest) -> OrderReport:
        """Open the order, or answer with the one that this id opened before."""
        ...

    def cancel(self, venue_account: str, client_order_id: str) -> OrderReport:
        """End what is open of an order; an order that has ended answers as it stands."""
        ...

    def report(self, venue_account: str, client_order_id: str) -> OrderReport:
        """What became of an order."""
        ...

    def open_orders(self, venue_account: str) -> Sequence[OrderReport]:
        """Every order the venue still works on, oldest first."""
        ...

    def statement(self, venue_account: str) -> AccountStatement:
        """Balances with every trade and transfer that led to them, oldest first, as of one moment.

        A trade names its client order id, if it was an order with one. Errors: VenueRefused where there is no
        such account, VenueOutcomeUnknown.
        """
        ...


class CandleDriven(Protocol):
    """A venue that trades on the candles it is shown: the paper venue."""

    def show(self, source: str, symbol: str, interval: str, candle: Candle) -> None:
        """A candle closed: match against it the open orders of that symbol that are priced by this series, or
        by none in particular. Showing one again changes nothing.
        """
        ...
