"""What a command led to: the answer to whoever sent it, and what everybody else gets to hear."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from adapters.simulator.core.book import DepthChange
from adapters.simulator.core.errors import Rejected
from adapters.simulator.core.orders import Fill, Order
from adapters.simulator.core.tape import Trade


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderReport:
    """One order's change as it was at that moment. `cancel_id` is the id the client gave its cancellation."""

    order: Order
    execution: str  # NEW, TRADE, CANCELED, EXPIRED
    at_ms: int
    fill: Fill | None = None
    cancel_id: str | None = None

    @property
    def account(self) -> str:
        return self.order.account


@dataclass(frozen=True, slots=True, kw_only=True)
class ListReport:
    """An OCO began or ended."""

    account: str
    order_list: OrderList
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionReport:
    """Balances that changed, as they are now: asset, free, locked."""

    account: str
    at_ms: int
    balances: tuple[tuple[str, Decimal, Decimal], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyReport:
    """A deposit or a withdrawal."""

    account: str
    asset: str
    change: Decimal
    at_ms: int


Report = OrderReport | ListReport | PositionReport | MoneyReport


@dataclass(slots=True, kw_only=True)
class OrderList:
    """Two orders of which one may trade."""

    order_list_id: int
    client_id: str
    account: str
    symbol: str
    orders: tuple[Order, Order]
    at_ms: int
    is_done: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaced:
    """Both parts of a cancelReplace; None: not attempted."""

    canceled: Order | Rejected | None
    placed: Order | Rejected | None


Answer = Order | OrderList | Replaced | tuple[Order, ...] | None


@dataclass(slots=True)
class Outcome:
    answer: Answer = None
    reports: list[Report] = field(default_factory=list)
    trades: list[Trade] = field(default_factory=list)
    depth: list[DepthChange] = field(default_factory=list)

    @property
    def touches_users(self) -> bool:
        """Whether somebody's money or orders changed, rather than the market's own."""
        return bool(self.reports)
