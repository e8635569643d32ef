"""The paper venue's storage in memory: for tests and backtests. Gone with the process."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from application.ports.paper_accounts import PaperTerms
from application.ports.paper_store import (
    OPEN,
    AccountChange,
    AccountState,
    OrderIdTaken,
    PaperOrder,
    PaperStore,
    StaleAccount,
)
from domain.money import Money


class MemoryPaperStore(PaperStore):
    """Keeps the promises of PaperStore, durability apart.

    Pass exclusive=False to let several venues share it, as several processes share a database.
    """

    def __init__(self, *, exclusive: bool = True) -> None:
        self.exclusive = exclusive
        self._states: dict[str, AccountState] = {}
        self._orders: dict[tuple[str, str], PaperOrder] = {}
        self._deposits: dict[tuple[str, str], Money] = {}
        self._lock = threading.Lock()

    def create(self, venue_account: str, terms: PaperTerms) -> bool:
        with self._lock:
            if venue_account in self._states:
                return False
            self._states[venue_account] = AccountState(venue_account=venue_account, terms=terms, version=1)
            return True

    def load(self, venue_account: str) -> AccountState | None:
        return self._states.get(venue_account)

    def accounts(self) -> Sequence[AccountState]:
        return [state for _, state in sorted(self._states.items())]

    def order(self, venue_account: str, client_order_id: str) -> PaperOrder | None:
        return self._orders.get((venue_account, client_order_id))

    def deposit(self, venue_account: str, deposit_id: str) -> Money | None:
        return self._deposits.get((venue_account, deposit_id))

    def accounts_with_open_orders(self, symbol: str) -> Sequence[str]:
        with self._lock:
            return sorted(
                {
                    state.venue_account
                    for state in self._states.values()
                    for order in state.orders.values()
                    if order.status == OPEN and order.terms.symbol == symbol
                }
            )

    def save(self, change: AccountChange) -> None:
        account = change.after.venue_account
        with self._lock:
            stored = self._states.get(account)
            if stored is None or stored.version != change.after.version - 1:
                raise StaleAccount(account)
            for order in change.new_orders:
                if (account, order.client_order_id) in self._orders:
                    raise OrderIdTaken(order.client_order_id)
            for order in (*change.new_orders, *change.updated_orders):
                self._orders[account, order.client_order_id] = order
            if change.deposit is not None:
                deposit_id, amount = change.deposit
                self._deposits[account, deposit_id] = amount
            self._states[account] = change.after
