"""The paper venue's storage in memory: for tests and backtests. Gone with the process."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence

from application.ports.paper_accounts import PaperTerms
from application.ports.paper_store import (
    OPEN,
    AccountChange,
    AccountHistory,
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

    def load_all(self, venue_accounts: Iterable[str]) -> Mapping[str, AccountState]:
        return {account: self._states[account] for account in venue_accounts if account in self._states}

    def accounts(self) -> Sequence[AccountState]:
        return [state for _, state in sorted(self._states.items())]

    def order(self, venue_account: str, client_order_id: str) -> PaperOrder | None:
        return self._orders.get((venue_account, client_order_id))

    def deposits(self, wanted: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], Money]:
        return {key: self._deposits[key] for key in wanted if key in self._deposits}

    def history(self, venue_account: str) -> AccountHistory | None:
        with self._lock:
            state = self._states.get(venue_account)
            if state is None:
                return None
            orders = [order for (account, _), order in self._orders.items() if account == venue_account]
            return AccountHistory(
                version=state.version,
                balances=dict(state.balances),
                deposits={
                    id: amount for (account, id), amount in self._deposits.items() if account == venue_account
                },
                orders=sorted(orders, key=lambda order: order.number),
            )

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

    def save(self, *changes: AccountChange) -> None:
        with self._lock:
            for change in changes:
                self._require_possible(change)
            for change in changes:
                account = change.after.venue_account
                for order in (*change.new_orders, *change.updated_orders):
                    self._orders[account, order.client_order_id] = order
                for deposit_id, amount in change.deposits:
                    self._deposits[account, deposit_id] = amount
                self._states[account] = change.after

    def _require_possible(self, change: AccountChange) -> None:
        account = change.after.venue_account
        stored = self._states.get(account)
        if stored is None or stored.version != change.after.version - 1:
            raise StaleAccount(account)
        for order in change.new_orders:
            if (account, order.client_order_id) in self._orders:
                raise OrderIdTaken(order.client_order_id)
