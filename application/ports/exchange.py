"""One trading venue, as the order life cycle needs it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from domain.market import Candle, Market
from domain.money import ZERO, add
from domain.orders.events import OrderTerms
from domain.orders.order import Fill
from domain.reconciliation.statement import AccountStatement

FOREVER, WHILE_OPEN, NEVER = "forever", "while_open", "never"
"""How long a venue refuses a client order id that it has seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarantees:
    """What a venue promises about orders. What it does not promise, we do not rely on.

    `not_found_after`: an order that was accepted may be missing from the venue's answers for that long.
    """

    requests_expire: bool  # it refuses a request that reaches it after expires_at_utc
    client_ids_unique: str  # FOREVER, WHILE_OPEN or NEVER
    not_found_after: timedelta
    order_types: frozenset[str]
    times_in_force: frozenset[str]
    has_oco: bool = False  # two orders of which one ends the other; emulated where it has none
    streams_orders: bool = False  # it pushes what happens to orders; else it is asked
    is_candle_driven: bool = False  # it trades on the candles it is shown, at their times


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """What is sent to a venue."""

    client_order_id: str
    venue_account: str
    terms: OrderTerms
    sent_at_utc: datetime  # on the feed's clock: the close of the candle it was decided on
    expires_at_utc: datetime | None = (
        None  # wall clock; the venue takes it no more, where it can promise that
    )
    price_series: str = ""  # see price_series(); a venue with prices of its own ignores it


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderReport:
    """What a venue says of one order: where it stands and the fills it tells, oldest first.

    `filled_base` is what the venue says it matched in all: where the fills told come to less, some are
    missing and come later, and an end is not an end before they did. None: the fills are all there are.
    """

    client_order_id: str
    venue_order_id: str
    status: str  # open, filled, canceled or rejected
    fills: Sequence[Fill]
    reason: str = ""  # why it was canceled or rejected
    filled_base: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOrder:
    """An order that a venue works on: ours, or, with an id that no order of ours has, somebody else's."""

    report: OrderReport
    symbol: str
    side: str
    base_quantity: Decimal | None = None
    limit_price: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountTrade:
    """One match of an account, with the order that it was a fill of."""

    fill: Fill
    symbol: str
    side: str
    venue_order_id: str
    client_order_id: str = ""  # where the venue tells


@dataclass(frozen=True, slots=True)
class VenueBalance:
    """What an account has of one asset."""

    free: Decimal = ZERO
    locked: Decimal = ZERO  # in open orders

    @property
    def total(self) -> Decimal:
        return add(self.free, self.locked)


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
    again answers with the order that is there. Afterwards: see its guarantees.
    Ordering: fills come oldest first by venue time; one may come twice, same venue_trade_id.
    Errors: VenueRefused (nothing is open), VenueOutcomeUnknown (look before submitting again),
    VenueOrderNotFound (it says that it has none; see Guarantees.not_found_after).
    Every method may block up to the venue's time limit, and may be called from any thread.
    """

    name: str

    @property
    def guarantees(self) -> Guarantees: ...

    def market(self, venue_account: str, symbol: str) -> Market:
        """The pair's filters and scales. Errors: VenueRefused when the venue does not list it."""
        ...

    def taker_fee_rate(self, venue_account: str, symbol: str) -> Decimal:
        """The share of the notional that a market order costs; what a hold must cover."""
        ...

    def submit(self, request: OrderRequest) -> OrderReport:
        """Open the order, or answer with the one that this id opened before."""
        ...

    def cancel(self, venue_account: str, symbol: str, client_order_id: str) -> OrderReport:
        """End what is open of an order; an order that has ended answers as it stands."""
        ...

    def report(self, venue_account: str, symbol: str, client_order_id: str) -> OrderReport:
        """What became of an order."""
        ...

    def open_orders(self, venue_account: str) -> Sequence[OpenOrder]:
        """Every order the venue still works on, oldest first, whoever placed it."""
        ...

    def trades_since(self, venue_account: str, symbol: str, since_utc: datetime) -> Sequence[AccountTrade]:
        """The account's matches of one pair from then on, oldest first, whoever's order it was."""
        ...

    def balances(self, venue_account: str) -> Mapping[str, VenueBalance]:
        """What the account has now, by asset; an asset of which there is nothing may be left out."""
        ...

    def statement(self, venue_account: str) -> AccountStatement:
        """Balances with every trade and transfer that led to them, oldest first, as of one moment.

        A trade names its client order id, if it was an order with one. Errors: VenueRefused where there is no
        such account, VenueOutcomeUnknown.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamGap:
    """The stream was away: what happened meanwhile must be asked for. Also the first thing it says."""

    problem: str = ""  # why; "" at the beginning


class OrderStream(Protocol):
    """What happens to an account's orders, pushed by the venue.

    Anything may come twice, late, out of order or not at all: it is a reason to look, never the only proof.
    """

    def follow(self, venue_account: str) -> Iterator[OrderReport | StreamGap]:
        """Blocks between news and reconnects by itself; ends when the stream is closed. A report may tell
        the newest fill alone: `filled_base` says what is missing.
        """
        ...

    def close(self) -> None:
        """From any thread; the iterators end."""
        ...


class CandleDriven(Protocol):
    """A venue that trades on the candles it is shown: the paper venue."""

    def show(self, source: str, symbol: str, interval: str, candle: Candle) -> None:
        """A candle closed: match against it the open orders of that symbol that are priced by this series, or
        by none in particular. Showing one again changes nothing.
        """
        ...
