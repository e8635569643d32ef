"""What happens to an order. Facts: corrected by later facts, never edited."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from domain.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderTerms:
    """What is asked of the venue. A market buy has a quote_budget (fees included) and no base_quantity.

    An order with a trigger price is worked on once the market trades there: a stop above (buy) or below
    (sell) the market, a take-profit on the other side; then it is a market order, or a limit order.
    """

    symbol: str
    side: str  # buy or sell
    order_type: str  # market, limit, stop, stop_limit, take_profit or take_profit_limit
    base_quantity: Decimal | None = None
    quote_budget: Decimal | None = None
    limit_price: Decimal | None = None  # quote per base
    time_in_force: str = "GTC"  # GTC, IOC, FOK, or PO: post only, refused where it would take
    trigger_price: Decimal | None = None  # quote per base


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderIntended:
    """We are about to ask a venue for this order. Stored, with its hold, before any call."""

    client_order_id: str
    owner_id: str
    book_id: str
    bot_id: str
    signal_id: str
    venue: str
    venue_account: str
    terms: OrderTerms
    decision_price: Decimal  # quote per base: what slippage is measured against
    intended_at_utc: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAccepted:
    """The venue has the order in its book."""

    client_order_id: str
    venue_order_id: str
    accepted_at_utc: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPartiallyFilled:
    """The venue matched part of one order and the rest is still open."""

    client_order_id: str
    venue_trade_id: str  # what makes a fill reported twice harmless
    base_quantity: Decimal
    price_quote_per_base: Decimal
    quote_amount: Decimal  # quantity × price as the venue booked it, in whole units of the quote asset
    fee: Money  # in whatever asset the venue charged; a rebate is negative
    slippage_bps: Decimal  # against the decision price; positive cost us
    traded_at_utc: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFilled:
    """The venue matched the last part of an order: nothing of it is open any more."""

    client_order_id: str
    venue_trade_id: str
    base_quantity: Decimal
    price_quote_per_base: Decimal
    quote_amount: Decimal  # quantity × price as the venue booked it, in whole units of the quote asset
    fee: Money
    slippage_bps: Decimal
    traded_at_utc: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelIntended:
    """We are about to ask the venue to end what is open of the order. Stored before any call."""

    client_order_id: str
    reason: str
    candle_open_time_ms: int | None  # of the signal that it makes way for; None where the run is over
    intended_at_utc: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCanceled:
    """The venue says that nothing of the order is open any more; what was filled stays filled."""

    client_order_id: str
    reason: str
    canceled_at_utc: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRefused:
    """The venue proved that it never opened the order."""

    client_order_id: str
    reason: str
    refused_at_utc: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeUnknown:
    """We asked and do not know what the venue did; the funds stay held until it proves an end."""

    client_order_id: str
    problem: str
    noticed_at_utc: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeResolved:
    """The venue proved what became of an order whose outcome was unknown."""

    client_order_id: str
    outcome: str  # open, filled, canceled or never_opened
    resolved_at_utc: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFlagged:
    """Something about the order needs a person's eye: booked as the venue says it, or not at all."""

    client_order_id: str
    kind: str  # overfill, fill_after_end, impossible_fill, fill_of_another_order or no_proof
    detail: str
    flagged_at_utc: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderReviewed:
    """A person looked at what the order was flagged for, and says what came of it."""

    client_order_id: str
    reason: str
    reviewed_by: str
    reviewed_at_utc: datetime


OrderEvent = (
    OrderIntended
    | OrderAccepted
    | OrderPartiallyFilled
    | OrderFilled
    | CancelIntended
    | OrderCanceled
    | OrderRefused
    | OutcomeUnknown
    | OutcomeResolved
    | OrderFlagged
    | OrderReviewed
)
