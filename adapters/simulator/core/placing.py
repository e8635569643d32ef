"""New orders: checked, paid for, accepted, begun."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from adapters.simulator.core import commands as c
from adapters.simulator.core.accounts import Account
from adapters.simulator.core.checks import check_client_id, check_composition, check_filters
from adapters.simulator.core.costs import Costs
from adapters.simulator.core.errors import (
    Rejected,
    duplicate_order,
    filter_failure,
    may_not_trade,
    would_take,
    would_trigger,
)
from adapters.simulator.core.matching import Matching
from adapters.simulator.core.orders import (
    CONDITIONAL,
    GTC,
    LIMIT,
    LIMIT_MAKER,
    MARKET,
    NEW,
    NewOrder,
    Order,
    snapshot,
)
from adapters.simulator.core.outcomes import (
    ListReport,
    OrderList,
)
from adapters.simulator.core.state import State
from adapters.simulator.core.symbols import Symbol
from domain.money import ZERO


def _reach(order: NewOrder) -> Decimal:
    """The price at which an OCO's leg acts."""
    return order.stop_price or order.price or ZERO


@dataclass(frozen=True, slots=True)
class Placing:
    """Refuses before anything changes; in the order in which Binance refuses."""

    _state: State
    _costs: Costs
    _matching: Matching

    def place(self, command: c.PlaceOrder) -> Order:
        self.check(command.account, command.order)
        order = self._made(command.account, command.order)
        self._lock(order)
        self._accept(order)
        self._matching.begin(order)
        self._matching.run_triggers(order.symbol)
        return snapshot(order)

    def check(self, account: str, order: NewOrder, *, in_list: bool = False) -> None:
        customer = self._state.customer(account)
        symbol = self._state.symbol(order.symbol)
        check_composition(order)
        last_price = self._state.tapes[order.symbol].last_price
        check_filters(order, symbol, last_price)
        if not customer.can_trade:
            raise may_not_trade()
        self._check_counts(customer, symbol, order)
        open_ids = customer.by_client_id
        if order.client_order_id in open_ids and open_ids[order.client_order_id].is_open:
            raise duplicate_order()
        draft = self._draft(account, order)
        best = self._state.books[order.symbol].against(order.side).best()
        if order.type == LIMIT_MAKER and best is not None and draft.crosses(best.price):
            raise would_take()
        if order.type in CONDITIONAL and last_price and draft.is_triggered_by(last_price):
            raise would_trigger()
        if not in_list:
            customer.require(*self._costs.cost(draft))

    @staticmethod
    def _check_counts(customer: Account, symbol: Symbol, order: NewOrder) -> None:
        mine = [one for one in customer.open_orders.values() if one.symbol == symbol.name]
        if len(mine) >= symbol.max_orders:
            raise filter_failure("MAX_NUM_ORDERS")
        waiting = sum(not one.is_working for one in mine)
        if order.type in CONDITIONAL and waiting >= symbol.max_stop_orders:
            raise filter_failure("MAX_NUM_ALGO_ORDERS")

    def _made(self, account: str, new: NewOrder) -> Order:
        """The next order, with an id of its own."""
        self._state.last_order_id += 1
        order = self._draft(account, new)
        order.order_id = self._state.last_order_id
        order.client_order_id = new.client_order_id or f"simulated-{order.order_id}"
        return order

    def _draft(self, account: str, new: NewOrder) -> Order:
        order = Order(
            order_id=0,
            client_order_id=new.client_order_id or "",
            account=account,
            symbol=new.symbol,
            side=new.side,
            type=new.type,
            time_in_force=new.time_in_force or GTC,
            price=new.price or ZERO,
            quantity=new.quantity or ZERO,
            quote_order_quantity=new.quote_order_quantity or ZERO,
            stop_price=new.stop_price or ZERO,
            created_at_ms=self._state.now_ms,
            updated_at_ms=self._state.now_ms,
            working_at_ms=None if new.type in CONDITIONAL else self._state.now_ms,
        )
        if order.quote_order_quantity:
            order.quantity = self._costs.quantity_worth(order)
        return order

    def _lock(self, order: Order) -> None:
        asset, amount = self._costs.cost(order)
        self._state.set_locked(order, asset, amount)

    def _accept(self, order: Order) -> None:
        account = self._state.accounts[order.account]
        account.orders[order.order_id] = order
        account.by_client_id[order.client_order_id] = order
        account.open_orders[order.order_id] = order
        self._state.report(order, NEW)

    def place_oco(self, command: c.PlaceOco) -> OrderList:
        above, below = command.above, command.below
        if (above.symbol, above.side, above.quantity) != (below.symbol, below.side, below.quantity):
            raise Rejected(-1165, "Invalid combination of aboveType and belowType.")
        check_client_id(command.list_client_id, "listClientOrderId")
        legs = {above.type in CONDITIONAL, below.type in CONDITIONAL}
        if MARKET in (above.type, below.type) or LIMIT in (above.type, below.type) or legs == {False}:
            raise Rejected(-1165, "Invalid combination of aboveType and belowType.")
        for leg in (above, below):
            self.check(command.account, leg, in_list=True)
        if above.client_order_id is not None and above.client_order_id == below.client_order_id:
            raise duplicate_order()
        drafts = [self._draft(command.account, leg) for leg in (above, below)]
        if _reach(above) <= _reach(below):
            raise Rejected(-2010, "The relationship of the prices for the orders is not correct.")
        costs = [self._costs.cost(draft) for draft in drafts]
        asset, most = max(costs, key=lambda cost: cost[1])
        self._state.accounts[command.account].require(asset, most)
        return self._listed(command, asset, most)

    def _listed(self, command: c.PlaceOco, asset: str, locked: Decimal) -> OrderList:
        first, second = (self._made(command.account, leg) for leg in (command.above, command.below))
        list_id = len(self._state.lists) + 1
        listed = OrderList(
            order_list_id=list_id,
            client_id=command.list_client_id or f"simulated-list-{list_id}",
            account=command.account,
            symbol=first.symbol,
            orders=(first, second),
            at_ms=self._state.now_ms,
        )
        self._state.lists[list_id] = listed
        self._state.outcome.reports.append(
            ListReport(account=command.account, order_list=replace(listed), at_ms=self._state.now_ms)
        )
        self._state.set_locked(first, asset, locked)  # one hold for both: the larger need
        for order in (first, second):
            order.order_list_id = list_id
            self._accept(order)
        for order in (first, second):
            self._matching.begin(order)
        return OrderList(
            order_list_id=list_id,
            client_id=listed.client_id,
            account=listed.account,
            symbol=listed.symbol,
            orders=(snapshot(first), snapshot(second)),
            at_ms=self._state.now_ms,
        )
