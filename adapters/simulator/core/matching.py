"""Orders against the book: trades, stops that are set off, what ends an order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from adapters.simulator.core.costs import Costs
from adapters.simulator.core.orders import (
    AT_MARKET,
    BUY,
    EXPIRED,
    FILLED,
    FOK,
    IOC,
    NEW,
    NO_LIST,
    PARTIALLY_FILLED,
    Order,
)
from adapters.simulator.core.outcomes import (
    ListReport,
)
from adapters.simulator.core.settlement import Settlement
from adapters.simulator.core.state import State
from adapters.simulator.core.tape import Trade
from domain.money import ZERO


@dataclass(frozen=True, slots=True)
class Matching:
    """Whoever was accepted trades here, until the order has ended."""

    _state: State
    _settlement: Settlement
    _costs: Costs

    def begin(self, order: Order) -> None:
        """Into the waiting room, or against the book and what is left of it to where it belongs."""
        if not order.is_working:
            self._state.waiting[order.symbol][order.order_id] = order
            return
        book = self._state.books[order.symbol]
        if order.time_in_force != FOK or self._is_fillable(order):
            self.match(order)
        if not order.is_open:
            return
        if order.type in AT_MARKET or order.time_in_force in (IOC, FOK):
            self.close(order, EXPIRED)
        else:
            book.add(order)

    def _is_fillable(self, order: Order) -> bool:
        reachable = ZERO
        for resting in self._state.books[order.symbol].against(order.side):
            if not order.crosses(resting.price) or reachable >= order.quantity:
                break
            reachable += resting.remaining
        return reachable >= order.quantity

    def match(self, taker: Order) -> None:
        book, tape = self._state.books[taker.symbol], self._state.tapes[taker.symbol]
        against = book.against(taker.side)
        aggregate: tuple[Decimal, int] | None = None
        while taker.remaining and (maker := against.best()) and taker.crosses(maker.price):
            self._end_sibling(maker)
            if aggregate is None or aggregate[0] != maker.price:
                tape.last_aggregate_id += 1
                aggregate = maker.price, tape.last_aggregate_id
            self._trade(taker, maker, aggregate[1])

    def _trade(self, taker: Order, maker: Order, aggregate_id: int) -> None:
        state, name = self._state, taker.symbol
        symbol, tape, book = state.symbols[name], state.tapes[name], state.books[name]
        tape.last_trade_id += 1
        trade = Trade(
            symbol=symbol.name,
            trade_id=tape.last_trade_id,
            price=maker.price,
            quantity=min(taker.remaining, maker.remaining),
            at_ms=self._state.now_ms,
            buyer_is_maker=maker.side == BUY,
            aggregate_id=aggregate_id,
        )
        tape.record(trade)
        self._state.outcome.trades.append(trade)
        fills = [
            (order, self._settlement.settle(order, symbol, trade, is_maker=order is maker))
            for order in (taker, maker)
        ]
        if maker.remaining:
            book.touch(maker)
        else:
            book.remove(maker)
            self._state.quoted[symbol.name].pop(maker.order_id, None)
        for order, fill in fills:
            self._state.moved.update(
                dict.fromkeys((order.account, asset) for asset in (symbol.base, symbol.quote, fill.fee_asset))
            )
            order.status = PARTIALLY_FILLED if order.remaining else FILLED
            order.updated_at_ms = self._state.now_ms
            self._release_surplus(order)
            if not order.remaining:
                self._forget_open(order)
            self._state.report(order, "TRADE", fill)
            if not order.remaining:
                self._finish_list(order)

    def _release_surplus(self, order: Order) -> None:
        """A limit order that traded better than its limit gives back what it needs no more."""
        if self._state.accounts[order.account].is_internal:
            return
        symbol = self._state.symbols[order.symbol]
        asset = symbol.quote if order.side == BUY else symbol.base
        if not order.remaining:
            self._state.set_locked(order, asset, ZERO)
        elif order.type not in AT_MARKET:
            _, needed = self._settlement.need(order, symbol, order.remaining, order.price)
            self._state.set_locked(order, asset, min(order.locked, needed))

    def close(self, order: Order, status: str, cancel_id: str | None = None) -> None:
        """It trades no more; what it held is free."""
        order.status = status
        order.updated_at_ms = self._state.now_ms
        symbol = self._state.symbols[order.symbol]
        if not self._state.accounts[order.account].is_internal:
            self._state.set_locked(order, symbol.quote if order.side == BUY else symbol.base, ZERO)
        self._state.waiting[order.symbol].pop(order.order_id, None)
        if order in self._state.books[order.symbol].side(order.side):
            self._state.books[order.symbol].remove(order)
        self._forget_open(order)
        self._state.report(order, status, cancel_id=cancel_id)
        self._finish_list(order)

    def _forget_open(self, order: Order) -> None:
        self._state.accounts[order.account].open_orders.pop(order.order_id, None)

    def run_triggers(self, symbol: str) -> None:
        """Every stop whose price was reached, oldest first; what they trade may reach others."""
        while due := self._due(symbol):
            del self._state.waiting[symbol][due.order_id]
            due.working_at_ms = due.updated_at_ms = self._state.now_ms
            self._end_sibling(due)
            if due.type not in AT_MARKET:
                self._state.report(due, NEW)
                self.begin(due)
                continue
            asset, cost = self._costs.cost_at_market(due, self._state.symbols[symbol])
            if self._state.accounts[due.account].free(asset) + due.locked < cost:
                self.close(due, EXPIRED)
                continue
            self._state.set_locked(due, asset, cost)
            self._state.report(due, NEW)
            self.begin(due)

    def _due(self, symbol: str) -> Order | None:
        price = self._state.tapes[symbol].last_price
        return next((one for one in self._state.waiting[symbol].values() if one.is_triggered_by(price)), None)

    def _end_sibling(self, order: Order) -> None:
        """The other one of an OCO expires, and hands its hold over, before this one trades."""
        if order.order_list_id == NO_LIST:
            return
        pair = self._state.lists[order.order_list_id].orders
        sibling = pair[0] if pair[1] is order else pair[1]
        if not sibling.is_open:
            return
        order.locked, sibling.locked = order.locked + sibling.locked, ZERO
        self.close(sibling, EXPIRED)
        self._release_surplus(order)

    def _finish_list(self, order: Order) -> None:
        if order.order_list_id == NO_LIST:
            return
        listed = self._state.lists[order.order_list_id]
        if listed.is_done or any(one.is_open for one in listed.orders):
            return
        listed.is_done = True
        self._state.outcome.reports.append(
            ListReport(account=listed.account, order_list=replace(listed), at_ms=self._state.now_ms)
        )
