"""The market's own orders: a ladder around a price, and a crowd that takes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from adapters.simulator.core import commands as c
from adapters.simulator.core.accounts import CROWD, MAKER
from adapters.simulator.core.matching import Matching
from adapters.simulator.core.orders import (
    BUY,
    GTC,
    LIMIT,
    MARKET,
    SELL,
    Order,
)
from adapters.simulator.core.state import State
from adapters.simulator.core.symbols import Symbol
from domain.errors import InvalidValue
from domain.money import ZERO, floor_to_step, text


def _ladder(command: c.MoveMarket, symbol: Symbol) -> Iterator[tuple[Decimal, Decimal]]:
    """Bid and ask of each level, best first, on the tick: bids cut down, asks up."""
    for level in range(command.levels):
        away = command.half_spread + command.gap * level
        bid = floor_to_step(max(command.price - away, ZERO), symbol.tick_size)
        ask = floor_to_step(command.price + away, symbol.tick_size)
        yield bid, ask if ask == command.price + away else ask + symbol.tick_size


def _check(command: c.MoveMarket, symbol: Symbol) -> None:
    if command.price <= 0 or command.half_spread < 0 or command.gap < 0 or command.levels < 0:
        raise InvalidValue("price", "must be above zero; half_spread, gap and levels not below it")
    for quantity in (command.quantity, *(take.quantity for take in command.takes)):
        if quantity <= 0 or quantity % symbol.step_size:
            raise InvalidValue("quantity", f"{text(quantity)} is no multiple of {text(symbol.step_size)}")
    if any(take.side not in (BUY, SELL) for take in command.takes):
        raise InvalidValue("takes", "side must be BUY or SELL")


@dataclass(frozen=True, slots=True)
class Quoting:
    """Its accounts may be overdrawn, and hold nothing back."""

    _state: State
    _matching: Matching

    def move_market(self, command: c.MoveMarket) -> None:
        symbol = self._state.symbol(command.symbol)
        _check(command, symbol)
        book = self._state.books[command.symbol]
        for order in self._state.quoted[command.symbol].values():
            book.remove(order)
        self._state.quoted[command.symbol].clear()
        for bid, ask in _ladder(command, symbol):
            for side, price in ((BUY, bid), (SELL, ask)):
                if 0 < price <= symbol.max_price:
                    self._internal(MAKER, symbol, side, LIMIT, GTC, price, command.quantity)
        for take in command.takes:
            self._internal(CROWD, symbol, take.side, MARKET, GTC, ZERO, take.quantity)
        self._matching.run_triggers(command.symbol)

    def _internal(
        self, account: str, symbol: Symbol, side: str, type_: str, tif: str, price: Decimal, quantity: Decimal
    ) -> None:
        self._state.last_order_id += 1
        order = Order(
            order_id=self._state.last_order_id,
            client_order_id="",
            account=account,
            symbol=symbol.name,
            side=side,
            type=type_,
            time_in_force=tif,
            price=price,
            quantity=quantity,
            quote_order_quantity=ZERO,
            stop_price=ZERO,
            created_at_ms=self._state.now_ms,
            updated_at_ms=self._state.now_ms,
            working_at_ms=self._state.now_ms,
        )
        self._matching.match(order)
        if order.remaining and type_ == LIMIT:
            self._state.books[symbol.name].add(order)
            self._state.quoted[symbol.name][order.order_id] = order
