"""Orders taken back, or replaced."""

from __future__ import annotations

from dataclasses import dataclass, replace

from adapters.simulator.core import commands as c
from adapters.simulator.core.checks import check_client_id
from adapters.simulator.core.errors import (
    Rejected,
    cancel_restricted,
    unknown_to_cancel,
)
from adapters.simulator.core.matching import Matching
from adapters.simulator.core.orders import (
    CANCELED,
    NO_LIST,
    Order,
    snapshot,
)
from adapters.simulator.core.outcomes import (
    OrderList,
    Replaced,
)
from adapters.simulator.core.placing import Placing
from adapters.simulator.core.state import State


@dataclass(frozen=True, slots=True)
class Canceling:
    """Refuses before anything changes; a replacement may do half of it, and says so."""

    _state: State
    _matching: Matching
    _placing: Placing

    def cancel(self, command: c.CancelOrder) -> Order:
        order = self._cancelable(command)
        if order.order_list_id != NO_LIST:  # as Binance does: both go
            self._cancel_pair(self._state.lists[order.order_list_id], command.cancel_id)
        else:
            self._matching.close(order, CANCELED, command.cancel_id)
        return snapshot(order)

    def _cancelable(self, command: c.CancelOrder) -> Order:
        check_client_id(command.cancel_id)
        order = self._state.find(command.account, command.symbol, command.order_id, command.client_order_id)
        if order is None or not order.is_open:
            raise unknown_to_cancel()
        if command.only_status not in (None, order.status):
            raise cancel_restricted()
        return order

    def _cancel_pair(self, listed: OrderList, cancel_id: str | None = None) -> None:
        for order in listed.orders:
            if order.is_open:
                self._matching.close(order, CANCELED, cancel_id)

    def cancel_open_orders(self, command: c.CancelOpenOrders) -> tuple[Order, ...]:
        self._state.symbol(command.symbol)
        account = self._state.customer(command.account)
        mine = [one for one in account.open_orders.values() if one.symbol == command.symbol]
        if not mine:
            raise unknown_to_cancel()
        for order in mine:
            self._matching.close(order, CANCELED)
        return tuple(snapshot(order) for order in mine)

    def cancel_list(self, command: c.CancelList) -> OrderList:
        listed = self._state.lists.get(command.order_list_id)
        if (
            listed is None
            or (listed.account, listed.symbol) != (command.account, command.symbol)
            or listed.is_done
        ):
            raise unknown_to_cancel()
        self._cancel_pair(listed)
        first, second = listed.orders
        return replace(listed, orders=(snapshot(first), snapshot(second)))

    def replace(self, command: c.ReplaceOrder) -> Replaced:
        canceled: Order | Rejected
        placed: Order | Rejected | None = None
        try:
            canceled = self.cancel(command.cancel)
        except Rejected as refusal:
            canceled = refusal
        if isinstance(canceled, Order) or command.even_if_not_canceled:
            try:
                placed = self._placing.place(
                    c.PlaceOrder(account=command.cancel.account, order=command.order)
                )
            except Rejected as refusal:
                placed = refusal
        replaced = Replaced(canceled=canceled, placed=placed)
        if not isinstance(canceled, Order) and not isinstance(placed, Order):
            raise Rejected(-2022, "Order cancel-replace failed.", 400, replaced)
        return replaced
