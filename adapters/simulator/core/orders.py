"""Orders, fills, and what a client asks for."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal

from domain.money import ZERO

BUY, SELL = "BUY", "SELL"
NEW, PARTIALLY_FILLED = "NEW", "PARTIALLY_FILLED"
FILLED, CANCELED, EXPIRED = "FILLED", "CANCELED", "EXPIRED"
OPEN = frozenset({NEW, PARTIALLY_FILLED})

LIMIT, MARKET, LIMIT_MAKER = "LIMIT", "MARKET", "LIMIT_MAKER"
STOP_LOSS, STOP_LOSS_LIMIT = "STOP_LOSS", "STOP_LOSS_LIMIT"
TAKE_PROFIT, TAKE_PROFIT_LIMIT = "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"
STOPS = frozenset({STOP_LOSS, STOP_LOSS_LIMIT})
TAKES = frozenset({TAKE_PROFIT, TAKE_PROFIT_LIMIT})
CONDITIONAL = STOPS | TAKES
AT_MARKET = frozenset({MARKET, STOP_LOSS, TAKE_PROFIT})
ORDER_TYPES = (
    LIMIT, LIMIT_MAKER, MARKET, STOP_LOSS, STOP_LOSS_LIMIT, TAKE_PROFIT, TAKE_PROFIT_LIMIT,
)  # fmt: skip

GTC, IOC, FOK = "GTC", "IOC", "FOK"
NO_LIST = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOrder:
    """What a client asks for. Either quantity (base) or, of a market order, quote_order_quantity."""

    symbol: str
    side: str
    type: str
    quantity: Decimal | None = None
    quote_order_quantity: Decimal | None = None
    price: Decimal | None = None
    stop_price: Decimal | None = None
    time_in_force: str | None = None
    client_order_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """One side's part of a trade. `fee` may be negative (a rebate)."""

    trade_id: int
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_asset: str
    is_maker: bool
    at_ms: int


@dataclass(slots=True, kw_only=True)
class Order:
    """One order's life. `locked` is what it holds of its account: quote of a purchase, base of a sale."""

    order_id: int
    client_order_id: str
    account: str
    symbol: str
    side: str
    type: str
    time_in_force: str
    price: Decimal
    quantity: Decimal
    quote_order_quantity: Decimal
    stop_price: Decimal
    created_at_ms: int
    updated_at_ms: int
    working_at_ms: int | None = None  # None: a stop that waits for its price
    status: str = NEW
    executed: Decimal = ZERO
    executed_quote: Decimal = ZERO
    locked: Decimal = ZERO
    order_list_id: int = NO_LIST
    fills: list[Fill] = field(default_factory=list)

    @property
    def remaining(self) -> Decimal:
        return self.quantity - self.executed

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    @property
    def is_working(self) -> bool:
        return self.working_at_ms is not None

    def crosses(self, price: Decimal) -> bool:
        """Whether it would trade at a resting order's price."""
        if self.type in AT_MARKET:
            return True
        return price <= self.price if self.side == BUY else price >= self.price

    def is_triggered_by(self, price: Decimal) -> bool:
        """Whether a trade at this price sets a waiting stop or take-profit off."""
        rising = (self.side == BUY) == (self.type in STOPS)
        return price >= self.stop_price if rising else price <= self.stop_price


def snapshot(order: Order) -> Order:
    """The order as it is now: what is told about it does not change with it."""
    return replace(order, fills=list(order.fills))
