"""What an order may cost, before anybody's money moves."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, localcontext

from adapters.simulator.core.orders import (
    AT_MARKET,
    SELL,
    Order,
)
from adapters.simulator.core.settlement import Settlement
from adapters.simulator.core.state import State
from adapters.simulator.core.symbols import Symbol
from domain.money import EXACT, ZERO, floor_to_step


@dataclass(frozen=True, slots=True)
class Costs:
    """Reads the books and the accounts' terms."""

    _state: State
    _settlement: Settlement

    def cost(self, order: Order) -> tuple[str, Decimal]:
        """Asset and amount to set aside before it may trade."""
        symbol = self._state.symbols[order.symbol]
        if order.type not in AT_MARKET:
            return self._settlement.need(order, symbol, order.quantity, order.price)
        if not order.is_working:
            return self._settlement.need(order, symbol, order.quantity, order.stop_price)
        return self.cost_at_market(order, symbol)

    def cost_at_market(self, order: Order, symbol: Symbol) -> tuple[str, Decimal]:
        asset, cost, left = symbol.base, ZERO, order.remaining
        if order.side == SELL:
            return asset, left
        for resting in self._state.books[order.symbol].asks:
            taken = min(left, resting.remaining)
            asset, part = self._settlement.need(order, symbol, taken, resting.price)
            cost, left = cost + part, left - taken
            if not left:
                break
        return symbol.quote, cost

    def quantity_worth(self, order: Order) -> Decimal:
        """How much base the book gives, or takes, for so much quote, cut to whole lots."""
        left, quantity = order.quote_order_quantity, ZERO
        for resting in self._state.books[order.symbol].against(order.side):
            with localcontext(EXACT) as context:
                context.prec = 120
                affordable = floor_to_step(left, resting.price * self._state.symbols[order.symbol].step_size)
                lots = affordable / resting.price if affordable else ZERO
            taken = min(resting.remaining, lots)
            quantity += taken
            left -= taken * resting.price
            if taken < resting.remaining:
                break
        return quantity
