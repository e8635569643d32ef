"""Resting orders of one symbol, best price first, within a price in order of arrival."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from adapters.simulator.core.orders import BUY, Order
from domain.money import ZERO

Level = tuple[Decimal, Decimal]
"""Price, and how much rests there (0: nothing any more)."""


@dataclass(slots=True)
class Side:
    """Buyers (`is_bids`) or sellers."""

    is_bids: bool
    _prices: list[Decimal] = field(default_factory=list)  # ascending
    _orders: dict[Decimal, dict[int, Order]] = field(default_factory=dict)

    def add(self, order: Order) -> None:
        if order.price not in self._orders:
            insort(self._prices, order.price)
            self._orders[order.price] = {}
        self._orders[order.price][order.order_id] = order

    def remove(self, order: Order) -> None:
        level = self._orders[order.price]
        del level[order.order_id]
        if not level:
            del self._orders[order.price]
            del self._prices[bisect_left(self._prices, order.price)]

    def __contains__(self, order: Order) -> bool:
        return order.order_id in self._orders.get(order.price, ())

    def best(self) -> Order | None:
        """The order that trades next."""
        if not self._prices:
            return None
        return next(iter(self._orders[self._prices[-1 if self.is_bids else 0]].values()))

    def resting(self, price: Decimal) -> Decimal:
        return sum((order.remaining for order in self._orders.get(price, {}).values()), ZERO)

    def __iter__(self) -> Iterator[Order]:
        for price in reversed(self._prices) if self.is_bids else self._prices:
            yield from self._orders[price].values()

    def levels(self, limit: int) -> list[Level]:
        prices = self._prices[::-1][:limit] if self.is_bids else self._prices[:limit]
        return [(price, self.resting(price)) for price in prices]


@dataclass(frozen=True, slots=True)
class DepthChange:
    """Levels that one command changed. Ids are dense: the next change begins at `last_id` + 1."""

    symbol: str
    first_id: int
    last_id: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


@dataclass(slots=True)
class OrderBook:
    symbol: str
    bids: Side = field(default_factory=lambda: Side(is_bids=True))
    asks: Side = field(default_factory=lambda: Side(is_bids=False))
    last_update_id: int = 0
    _changed: dict[tuple[str, Decimal], None] = field(default_factory=dict)

    def side(self, side: str) -> Side:
        return self.bids if side == BUY else self.asks

    def against(self, side: str) -> Side:
        """What an order of this side trades with."""
        return self.asks if side == BUY else self.bids

    def add(self, order: Order) -> None:
        self.side(order.side).add(order)
        self.touch(order)

    def remove(self, order: Order) -> None:
        self.side(order.side).remove(order)
        self.touch(order)

    def touch(self, order: Order) -> None:
        """What rests at this order's price is no longer what it was."""
        self._changed[order.side, order.price] = None

    def take_change(self) -> DepthChange | None:
        """What changed since the last call, with update ids of its own."""
        if not self._changed:
            return None
        first = self.last_update_id + 1
        self.last_update_id += len(self._changed)
        levels: dict[str, list[Level]] = {"bids": [], "asks": []}
        for side, price in self._changed:
            levels["bids" if side == BUY else "asks"].append((price, self.side(side).resting(price)))
        self._changed.clear()
        return DepthChange(
            self.symbol, first, self.last_update_id, tuple(levels["bids"]), tuple(levels["asks"])
        )
