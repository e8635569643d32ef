"""All there is to know about the exchange, and how to find it."""

from __future__ import annotations

from decimal import Decimal, localcontext

from adapters.simulator.core.accounts import CROWD, HOUSE, INTERNAL, MAKER, Account, Key
from adapters.simulator.core.book import OrderBook
from adapters.simulator.core.errors import (
    Rejected,
    bad_symbol,
    no_such_order,
)
from adapters.simulator.core.orders import (
    Fill,
    Order,
    snapshot,
)
from adapters.simulator.core.outcomes import (
    OrderList,
    OrderReport,
    Outcome,
    PositionReport,
)
from adapters.simulator.core.symbols import Symbol
from adapters.simulator.core.tape import Tape
from domain.errors import InvalidValue
from domain.money import EXACT, ZERO


class State:
    """Everything that commands change, and nothing else: the same fields are the same exchange."""

    def __init__(self) -> None:
        self.symbols: dict[str, Symbol] = {}
        self.books: dict[str, OrderBook] = {}
        self.tapes: dict[str, Tape] = {}
        self.accounts: dict[str, Account] = {
            name: Account(name=name, uid=uid) for uid, name in enumerate((HOUSE, MAKER, CROWD))
        }
        self.keys: dict[str, Key] = {}
        self.lists: dict[int, OrderList] = {}
        self.now_ms = 0
        self.last_order_id = 0
        self.waiting: dict[str, dict[int, Order]] = {}  # stops by symbol, oldest first
        self.quoted: dict[str, dict[int, Order]] = {}  # the market's own resting orders
        self.outcome = Outcome()  # of the command that is being done
        self.moved: dict[tuple[str, str], None] = {}  # (account, asset) whose balance it changed

    def account(self, name: str) -> Account:
        if name not in self.accounts:
            raise InvalidValue("account", f"there is no {name!r}; open it first")
        return self.accounts[name]

    def symbol(self, name: str) -> Symbol:
        if name not in self.symbols:
            raise bad_symbol()
        return self.symbols[name]

    def customer(self, name: str) -> Account:
        account = self.account(name)
        if account.is_internal:
            raise InvalidValue("account", f"{name!r} is the market's own")
        return account

    def find(
        self, account: str, symbol: str, order_id: int | None, client_order_id: str | None
    ) -> Order | None:
        """By either id; with both, the order that has both."""
        self.symbol(symbol)
        if order_id is None and client_order_id is None:
            raise Rejected(
                -1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!"
            )
        customer = self.account(account)
        if order_id is not None:
            found = customer.orders.get(order_id)
            if found is not None and client_order_id not in (None, found.client_order_id):
                return None
        else:
            found = customer.by_client_id.get(client_order_id or "")
        return found if found is not None and found.symbol == symbol else None

    def order(self, account: str, symbol: str, order_id: int | None, client_order_id: str | None) -> Order:
        found = self.find(account, symbol, order_id, client_order_id)
        if found is None:
            raise no_such_order()
        return found

    def totals(self) -> dict[str, Decimal]:
        """Per asset what all accounts have, the market's own included: what came in minus what went out."""
        with localcontext(EXACT):
            totals: dict[str, Decimal] = {}
            for account in self.accounts.values():
                for asset, balance in account.balances.items():
                    totals[asset] = totals.get(asset, ZERO) + balance.free + balance.locked
            return totals

    def ids(self) -> list[int]:
        """How far the ids have come: orders, lists, trades, updates of the books."""
        return [
            self.last_order_id,
            len(self.lists),
            sum(tape.last_trade_id for tape in self.tapes.values()),
            sum(book.last_update_id for book in self.books.values()),
        ]

    def set_locked(self, order: Order, asset: str, amount: Decimal) -> None:
        account = self.accounts[order.account]
        account.lock(asset, amount - order.locked)
        order.locked = amount
        self.moved[order.account, asset] = None

    def report(
        self, order: Order, execution: str, fill: Fill | None = None, *, cancel_id: str | None = None
    ) -> None:
        if order.account in INTERNAL:
            return
        self.outcome.reports.append(
            OrderReport(
                order=snapshot(order), execution=execution, at_ms=self.now_ms, fill=fill, cancel_id=cancel_id
            )
        )

    def report_positions(self) -> None:
        """One message per account, with every balance that the command changed."""
        changed: dict[str, list[str]] = {}
        for owner, asset in self.moved:
            changed.setdefault(owner, []).append(asset)
        for name, assets in changed.items():
            account = self.accounts[name]
            if account.is_internal:
                continue
            account.updated_at_ms = self.now_ms
            balances = tuple(
                (asset, account.balance(asset).free, account.balance(asset).locked) for asset in assets
            )
            self.outcome.reports.append(PositionReport(account=name, at_ms=self.now_ms, balances=balances))
