"""A conformance card: what is done at a venue, and what must come of it. Data only; the runner does it.

Every step says one line, or none. A line may allow for alternatives: "o-1 open|filled".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from domain.orders.events import OrderTerms
from domain.orders.order import BUY, GTC, LIMIT, MARKET, SELL

# what a bench must be able to do, and a venue must take, for a card to be drawn there
BOOK = "order book"  # a test can put orders of others into the book
FAULTS = "fault dials"  # a test can make the venue fail
LISTED = "list of pairs"
OTHERS = "orders of others"  # a test can place orders on the same account beside us
QUOTES = "market data"  # the venue has quotes of its own
EXPIRY = "expiring requests"
UNIQUE_WHILE_OPEN = "client ids unique while open"
REAL_TIME = "real time"  # the venue trades when asked, not when it is shown a candle


@dataclass(frozen=True, slots=True)
class Submit:
    """Says "o-1 open", "o-1 open 0.4" once part of it is filled, "o-1 refused" or "o-1 unknown"."""

    order_id: str
    terms: OrderTerms
    expires_in_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Report:
    """Says what Submit says, or "o-1 not found"."""

    order_id: str


@dataclass(frozen=True, slots=True)
class Cancel:
    """Says what Report says."""

    order_id: str


@dataclass(frozen=True, slots=True)
class TradeAt:
    """Others trade at that price, in any quantity. Says nothing."""

    price: str


@dataclass(frozen=True, slots=True)
class Offer:
    """All others leave the book; then one of them offers so much. Says nothing."""

    side: str
    quantity: str
    price: str


@dataclass(frozen=True, slots=True)
class EmptyBook:
    """All others leave the book. Says nothing."""


@dataclass(frozen=True, slots=True)
class Fault:
    """The venue misbehaves, by a name that the bench knows. Says nothing."""

    name: str


@dataclass(frozen=True, slots=True)
class Heal:
    """No more faults. Says nothing."""


@dataclass(frozen=True, slots=True)
class Reopen:
    """Our side is killed and starts again. Says nothing."""


@dataclass(frozen=True, slots=True)
class PlaceElsewhere:
    """The same account places an order that is not ours. Says nothing."""

    terms: OrderTerms


@dataclass(frozen=True, slots=True)
class OpenOrders:
    """Says "open: o-1 o-2", oldest first; an order that is not ours is "foreign"."""


@dataclass(frozen=True, slots=True)
class Trades:
    """Says "trades: o-1 0.4, o-1 0.6": the account's matches of the pair, each once, oldest first."""


@dataclass(frozen=True, slots=True)
class Fills:
    """Says "o-1 fills 0.4 0.6": those that a report of the order tells, oldest first."""

    order_id: str


@dataclass(frozen=True, slots=True)
class Cost:
    """Says "o-1 cost within 100", or what it was: quote paid, fees in quote included."""

    order_id: str
    budget: str


@dataclass(frozen=True, slots=True)
class Locked:
    """Says "locked 50 USDT"."""

    asset: str


@dataclass(frozen=True, slots=True)
class MarketOf:
    """Says "market has tick, lot, least notional", or "market refused"."""

    symbol: str


@dataclass(frozen=True, slots=True)
class Quote:
    """Says "quote bid < ask" of the book asked for once."""


Step = (
    Submit | Report | Cancel | TradeAt | Offer | EmptyBook | Fault | Heal | Reopen | PlaceElsewhere
    | OpenOrders | Trades | Fills | Cost | Locked | MarketOf | Quote
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """`expected`: the lines that the steps say, in order. `needs`: what a venue without is not asked for.

    Every card begins with an account of 1,000 of quote and 2 of base, and a market around 100.
    """

    id: str
    group: str
    title: str
    steps: tuple[Step, ...]
    expected: tuple[str, ...]
    needs: frozenset[str] = field(default_factory=frozenset)

    @property
    def order_types(self) -> frozenset[str]:
        return frozenset(step.terms.order_type for step in self.steps if isinstance(step, Submit))

    @property
    def times_in_force(self) -> frozenset[str]:
        return frozenset(step.terms.time_in_force for step in self.steps if isinstance(step, Submit))


# -- words for terms ---------------------------------------------------------------------------------------

SYMBOL = "BTC/USDT"


def market_buy(budget: str) -> OrderTerms:
    return OrderTerms(symbol=SYMBOL, side=BUY, order_type=MARKET, quote_budget=Decimal(budget))


def market_sell(quantity: str) -> OrderTerms:
    return OrderTerms(symbol=SYMBOL, side=SELL, order_type=MARKET, base_quantity=Decimal(quantity))


def limit(
    side: str, quantity: str, price: str, time_in_force: str = GTC, *, symbol: str = SYMBOL
) -> OrderTerms:
    return OrderTerms(
        symbol=symbol,
        side=side,
        order_type=LIMIT,
        base_quantity=Decimal(quantity),
        limit_price=Decimal(price),
        time_in_force=time_in_force,
    )


def buy(quantity: str, price: str, time_in_force: str = GTC) -> OrderTerms:
    return limit(BUY, quantity, price, time_in_force)


def sell(quantity: str, price: str, time_in_force: str = GTC) -> OrderTerms:
    return limit(SELL, quantity, price, time_in_force)


def triggered(order_type: str, quantity: str, trigger: str, price: str | None = None) -> OrderTerms:
    """Always a sale: what protects a position."""
    return OrderTerms(
        symbol=SYMBOL,
        side=SELL,
        order_type=order_type,
        base_quantity=Decimal(quantity),
        trigger_price=Decimal(trigger),
        limit_price=None if price is None else Decimal(price),
    )
