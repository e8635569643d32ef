"""The exchange: commands in, answers and reports out. Refuses before it changes anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal, localcontext
from typing import Any

from adapters.simulator.core import commands as c
from adapters.simulator.core.accounts import CROWD, HOUSE, INTERNAL, MAKER, Account, Key, Transfer
from adapters.simulator.core.book import OrderBook
from adapters.simulator.core.checks import check_client_id, check_composition, check_filters
from adapters.simulator.core.errors import (
    Rejected,
    bad_key,
    bad_symbol,
    cancel_restricted,
    duplicate_order,
    filter_failure,
    may_not_trade,
    no_such_order,
    unknown_to_cancel,
    would_take,
    would_trigger,
)
from adapters.simulator.core.orders import (
    AT_MARKET,
    BUY,
    CANCELED,
    CONDITIONAL,
    EXPIRED,
    FILLED,
    FOK,
    GTC,
    IOC,
    LIMIT,
    LIMIT_MAKER,
    MARKET,
    NEW,
    NO_LIST,
    PARTIALLY_FILLED,
    SELL,
    NewOrder,
    Order,
)
from adapters.simulator.core.outcomes import (
    Answer,
    ListReport,
    MoneyReport,
    OrderList,
    OrderReport,
    Outcome,
    PositionReport,
    Replaced,
)
from adapters.simulator.core.settlement import Settlement
from adapters.simulator.core.symbols import Symbol
from adapters.simulator.core.tape import Kline, Tape, Trade
from domain.errors import DomainError, InvalidValue
from domain.money import EXACT, ZERO, floor_to_step


class Exchange:
    """All state of the simulated exchange.

    `apply` is deterministic: the same commands at the same times give the same state and the same ids.
    Time never goes back: a command that comes with an earlier one happens when the last did.
    Errors: Rejected, or InvalidValue from what only an operator sends; nothing changed.
    """

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
        self._waiting: dict[str, dict[int, Order]] = {}  # stops by symbol, oldest first
        self._quoted: dict[str, dict[int, Order]] = {}  # the market's own resting orders
        self._settlement = Settlement(self.accounts, self.tapes)
        self._outcome = Outcome()
        self._moved: dict[tuple[str, str], None] = {}  # (account, asset) whose balance changed
        self._do: dict[type, Callable[[Any], Answer]] = {
            c.ListSymbol: self._list_symbol,
            c.OpenAccount: self._open_account,
            c.SetTerms: self._set_terms,
            c.IssueKey: self._issue_key,
            c.RevokeKey: self._revoke_key,
            c.MoveMoney: self._move_money,
            c.PlaceOrder: self._place_order,
            c.PlaceOco: self._place_oco,
            c.CancelOrder: self._cancel_order,
            c.CancelOpenOrders: self._cancel_open_orders,
            c.CancelList: self._cancel_list,
            c.ReplaceOrder: self._replace_order,
            c.MoveMarket: self._move_market,
            c.LoadCandles: self._load_candles,
        }

    def apply(self, command: c.Command, at_ms: int) -> Outcome:
        """Do it, or raise Rejected."""
        before_ms, self.now_ms = self.now_ms, max(self.now_ms, at_ms)
        self._outcome, self._moved = Outcome(), {}
        try:
            with localcontext(EXACT):
                self._outcome.answer = self._do[type(command)](command)
                self._report_positions()
                for book in self.books.values():
                    if change := book.take_change():
                        self._outcome.depth.append(change)
        except (Rejected, DomainError):
            self.now_ms = before_ms
            raise
        return self._outcome

    # -- what is asked about

    def account(self, name: str) -> Account:
        if name not in self.accounts:
            raise InvalidValue("account", f"there is no {name!r}; open it first")
        return self.accounts[name]

    def symbol(self, name: str) -> Symbol:
        if name not in self.symbols:
            raise bad_symbol()
        return self.symbols[name]

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

    # -- accounts and symbols

    def _list_symbol(self, command: c.ListSymbol) -> None:
        symbol = command.symbol
        if symbol.name in self.symbols:
            raise InvalidValue("symbol", f"{symbol.name} is listed already")
        symbol.check_price(command.price, ZERO)
        self.symbols[symbol.name] = symbol
        self.books[symbol.name] = OrderBook(symbol.name)
        self.tapes[symbol.name] = Tape(symbol.name, last_price=command.price)
        self._waiting[symbol.name], self._quoted[symbol.name] = {}, {}

    def _open_account(self, command: c.OpenAccount) -> None:
        if command.account in self.accounts:
            raise InvalidValue("account", f"{command.account!r} is taken; choose another name")
        self.accounts[command.account] = Account(name=command.account, uid=len(self.accounts))

    def _set_terms(self, command: c.SetTerms) -> None:
        account = self._customer(command.account)
        for rate in (command.maker_fee_rate, command.taker_fee_rate):
            if rate is not None and not Decimal("-0.01") <= rate < 1:
                raise InvalidValue("fee rate", f"{rate} is not between -0.01 and 1")
        account.maker_fee_rate, account.taker_fee_rate = command.maker_fee_rate, command.taker_fee_rate
        account.fee_asset = command.fee_asset
        account.can_trade, account.can_withdraw = command.can_trade, command.can_withdraw

    def _issue_key(self, command: c.IssueKey) -> None:
        self._customer(command.account)
        existing = self.keys.get(command.key)
        if existing is not None and existing.account != command.account:
            raise InvalidValue("key", "belongs to another account; choose another one")
        self.keys[command.key] = Key(
            key=command.key,
            secret=command.secret,
            account=command.account,
            can_trade=command.can_trade,
            can_withdraw=command.can_withdraw,
            created_at_ms=existing.created_at_ms if existing else self.now_ms,
        )

    def _revoke_key(self, command: c.RevokeKey) -> None:
        if command.key not in self.keys:
            raise bad_key()
        del self.keys[command.key]

    def _move_money(self, command: c.MoveMoney) -> None:
        account = self._customer(command.account)
        if not command.amount:
            raise InvalidValue("amount", "must not be zero")
        if command.amount < 0:
            account.require(command.asset, -command.amount)
        account.balance(command.asset).free += command.amount
        account.transfers.append(
            Transfer(
                transfer_id=command.transfer_id,
                account=command.account,
                asset=command.asset,
                amount=command.amount,
                network=command.network or command.asset,
                address=command.address,
                at_ms=self.now_ms,
            )
        )
        self._outcome.reports.append(
            MoneyReport(
                account=command.account, asset=command.asset, change=command.amount, at_ms=self.now_ms
            )
        )
        self._moved[command.account, command.asset] = None

    def _customer(self, name: str) -> Account:
        account = self.account(name)
        if account.is_internal:
            raise InvalidValue("account", f"{name!r} is the market's own")
        return account

    # -- placing

    def _place_order(self, command: c.PlaceOrder) -> Order:
        self._check_new(command.account, command.order)
        order = self._made(command.account, command.order)
        self._lock(order)
        self._accept(order)
        self._begin(order)
        self._run_triggers(order.symbol)
        return snapshot(order)

    def check_new(self, account: str, order: NewOrder) -> None:
        """What placing it would be refused with; changes nothing (order/test)."""
        with localcontext(EXACT):
            self._check_new(account, order)

    def _check_new(self, account: str, order: NewOrder, *, in_list: bool = False) -> None:
        customer = self._customer(account)
        symbol = self.symbol(order.symbol)
        check_composition(order)
        last_price = self.tapes[order.symbol].last_price
        check_filters(order, symbol, last_price)
        if not customer.can_trade:
            raise may_not_trade()
        self._check_counts(customer, symbol, order)
        open_ids = customer.by_client_id
        if order.client_order_id in open_ids and open_ids[order.client_order_id].is_open:
            raise duplicate_order()
        draft = self._draft(account, order)
        best = self.books[order.symbol].against(order.side).best()
        if order.type == LIMIT_MAKER and best is not None and draft.crosses(best.price):
            raise would_take()
        if order.type in CONDITIONAL and last_price and draft.is_triggered_by(last_price):
            raise would_trigger()
        if not in_list:
            customer.require(*self._cost(draft))

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
        self.last_order_id += 1
        order = self._draft(account, new)
        order.order_id = self.last_order_id
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
            created_at_ms=self.now_ms,
            updated_at_ms=self.now_ms,
            working_at_ms=None if new.type in CONDITIONAL else self.now_ms,
        )
        if order.quote_order_quantity:
            order.quantity = self._quantity_worth(order)
        return order

    def _quantity_worth(self, order: Order) -> Decimal:
        """How much base the book gives, or takes, for so much quote, cut to whole lots."""
        left, quantity = order.quote_order_quantity, ZERO
        for resting in self.books[order.symbol].against(order.side):
            with localcontext(EXACT) as context:
                context.prec = 120
                affordable = floor_to_step(left, resting.price * self.symbols[order.symbol].step_size)
                lots = affordable / resting.price if affordable else ZERO
            taken = min(resting.remaining, lots)
            quantity += taken
            left -= taken * resting.price
            if taken < resting.remaining:
                break
        return quantity

    def _cost(self, order: Order) -> tuple[str, Decimal]:
        """Asset and amount to set aside before it may trade."""
        symbol = self.symbols[order.symbol]
        if order.type not in AT_MARKET:
            return self._settlement.need(order, symbol, order.quantity, order.price)
        if not order.is_working:
            return self._settlement.need(order, symbol, order.quantity, order.stop_price)
        return self._cost_at_market(order, symbol)

    def _cost_at_market(self, order: Order, symbol: Symbol) -> tuple[str, Decimal]:
        asset, cost, left = symbol.base, ZERO, order.remaining
        if order.side == SELL:
            return asset, left
        for resting in self.books[order.symbol].asks:
            taken = min(left, resting.remaining)
            asset, part = self._settlement.need(order, symbol, taken, resting.price)
            cost, left = cost + part, left - taken
            if not left:
                break
        return symbol.quote, cost

    def _lock(self, order: Order) -> None:
        asset, amount = self._cost(order)
        self._set_locked(order, asset, amount)

    def _set_locked(self, order: Order, asset: str, amount: Decimal) -> None:
        account = self.accounts[order.account]
        account.lock(asset, amount - order.locked)
        order.locked = amount
        self._moved[order.account, asset] = None

    def _accept(self, order: Order) -> None:
        account = self.accounts[order.account]
        account.orders[order.order_id] = order
        account.by_client_id[order.client_order_id] = order
        account.open_orders[order.order_id] = order
        self._report(order, NEW)

    def _begin(self, order: Order) -> None:
        """Into the waiting room, or against the book and what is left of it to where it belongs."""
        if not order.is_working:
            self._waiting[order.symbol][order.order_id] = order
            return
        book = self.books[order.symbol]
        if order.time_in_force != FOK or self._is_fillable(order):
            self._match(order)
        if not order.is_open:
            return
        if not order.remaining and order.type in AT_MARKET:
            self._close(order, EXPIRED)  # a budget that bought no lot
        elif order.type in AT_MARKET or order.time_in_force in (IOC, FOK):
            self._close(order, EXPIRED)
        else:
            book.add(order)

    def _is_fillable(self, order: Order) -> bool:
        reachable = ZERO
        for resting in self.books[order.symbol].against(order.side):
            if not order.crosses(resting.price) or reachable >= order.quantity:
                break
            reachable += resting.remaining
        return reachable >= order.quantity

    # -- matching

    def _match(self, taker: Order) -> None:
        book, tape = self.books[taker.symbol], self.tapes[taker.symbol]
        against = book.against(taker.side)
        aggregate: tuple[Decimal, int] | None = None
        while taker.remaining and (maker := against.best()) and taker.crosses(maker.price):
            self._end_sibling(maker)
            if aggregate is None or aggregate[0] != maker.price:
                tape.last_aggregate_id += 1
                aggregate = maker.price, tape.last_aggregate_id
            self._trade(taker, maker, aggregate[1])

    def _trade(self, taker: Order, maker: Order, aggregate_id: int) -> None:
        symbol, tape, book = self.symbols[taker.symbol], self.tapes[taker.symbol], self.books[taker.symbol]
        tape.last_trade_id += 1
        trade = Trade(
            symbol=symbol.name,
            trade_id=tape.last_trade_id,
            price=maker.price,
            quantity=min(taker.remaining, maker.remaining),
            at_ms=self.now_ms,
            buyer_is_maker=maker.side == BUY,
            aggregate_id=aggregate_id,
        )
        tape.record(trade)
        self._outcome.trades.append(trade)
        fills = [
            (order, self._settlement.settle(order, symbol, trade, is_maker=order is maker))
            for order in (taker, maker)
        ]
        if maker.remaining:
            book.touch(maker)
        else:
            book.remove(maker)
            self._quoted[symbol.name].pop(maker.order_id, None)
        for order, fill in fills:
            self._moved.update(
                dict.fromkeys((order.account, asset) for asset in (symbol.base, symbol.quote, fill.fee_asset))
            )
            order.status = PARTIALLY_FILLED if order.remaining else FILLED
            order.updated_at_ms = self.now_ms
            self._release_surplus(order)
            if not order.remaining:
                self._forget_open(order)
            self._report(order, "TRADE", fill)
            if not order.remaining:
                self._finish_list(order)

    def _release_surplus(self, order: Order) -> None:
        """A limit order that traded better than its limit gives back what it needs no more."""
        if self.accounts[order.account].is_internal:
            return
        symbol = self.symbols[order.symbol]
        asset = symbol.quote if order.side == BUY else symbol.base
        if not order.remaining:
            self._set_locked(order, asset, ZERO)
        elif order.type not in AT_MARKET:
            _, needed = self._settlement.need(order, symbol, order.remaining, order.price)
            self._set_locked(order, asset, min(order.locked, needed))

    def _close(self, order: Order, status: str, cancel_id: str | None = None) -> None:
        """It trades no more; what it held is free."""
        order.status = status
        order.updated_at_ms = self.now_ms
        symbol = self.symbols[order.symbol]
        if not self.accounts[order.account].is_internal:
            self._set_locked(order, symbol.quote if order.side == BUY else symbol.base, ZERO)
        self._waiting[order.symbol].pop(order.order_id, None)
        if order in self.books[order.symbol].side(order.side):
            self.books[order.symbol].remove(order)
        self._forget_open(order)
        self._report(order, status, cancel_id=cancel_id)
        self._finish_list(order)

    def _forget_open(self, order: Order) -> None:
        self.accounts[order.account].open_orders.pop(order.order_id, None)

    # -- stops and lists

    def _run_triggers(self, symbol: str) -> None:
        """Every stop whose price was reached, oldest first; what they trade may reach others."""
        while due := self._due(symbol):
            del self._waiting[symbol][due.order_id]
            due.working_at_ms = due.updated_at_ms = self.now_ms
            self._end_sibling(due)
            if due.type not in AT_MARKET:
                self._report(due, NEW)
                self._begin(due)
                continue
            asset, cost = self._cost_at_market(due, self.symbols[symbol])
            if self.accounts[due.account].free(asset) + due.locked < cost:
                self._close(due, EXPIRED)
                continue
            self._set_locked(due, asset, cost)
            self._report(due, NEW)
            self._begin(due)

    def _due(self, symbol: str) -> Order | None:
        price = self.tapes[symbol].last_price
        return next((one for one in self._waiting[symbol].values() if one.is_triggered_by(price)), None)

    def _end_sibling(self, order: Order) -> None:
        """The other one of an OCO expires, and hands its hold over, before this one trades."""
        if order.order_list_id == NO_LIST:
            return
        pair = self.lists[order.order_list_id].orders
        sibling = pair[0] if pair[1] is order else pair[1]
        if not sibling.is_open:
            return
        order.locked, sibling.locked = order.locked + sibling.locked, ZERO
        self._close(sibling, EXPIRED)
        self._release_surplus(order)

    def _place_oco(self, command: c.PlaceOco) -> OrderList:
        above, below = command.above, command.below
        if (above.symbol, above.side, above.quantity) != (below.symbol, below.side, below.quantity):
            raise Rejected(-1165, "Invalid combination of aboveType and belowType.")
        check_client_id(command.list_client_id, "listClientOrderId")
        legs = {above.type in CONDITIONAL, below.type in CONDITIONAL}
        if MARKET in (above.type, below.type) or LIMIT in (above.type, below.type) or legs == {False}:
            raise Rejected(-1165, "Invalid combination of aboveType and belowType.")
        for leg in (above, below):
            self._check_new(command.account, leg, in_list=True)
        if above.client_order_id is not None and above.client_order_id == below.client_order_id:
            raise duplicate_order()
        drafts = [self._draft(command.account, leg) for leg in (above, below)]
        if _reach(above) <= _reach(below):
            raise Rejected(-2010, "The relationship of the prices for the orders is not correct.")
        costs = [self._cost(draft) for draft in drafts]
        asset, most = max(costs, key=lambda cost: cost[1])
        self.accounts[command.account].require(asset, most)
        return self._listed(command, asset, most)

    def _listed(self, command: c.PlaceOco, asset: str, locked: Decimal) -> OrderList:
        first, second = (self._made(command.account, leg) for leg in (command.above, command.below))
        list_id = len(self.lists) + 1
        listed = OrderList(
            order_list_id=list_id,
            client_id=command.list_client_id or f"simulated-list-{list_id}",
            account=command.account,
            symbol=first.symbol,
            orders=(first, second),
            at_ms=self.now_ms,
        )
        self.lists[list_id] = listed
        self._outcome.reports.append(
            ListReport(account=command.account, order_list=replace(listed), at_ms=self.now_ms)
        )
        self._set_locked(first, asset, locked)  # one hold for both: the larger need
        for order in (first, second):
            order.order_list_id = list_id
            order.list_client_id = listed.client_id
            self._accept(order)
        for order in (first, second):
            self._begin(order)
        return OrderList(
            order_list_id=list_id,
            client_id=listed.client_id,
            account=listed.account,
            symbol=listed.symbol,
            orders=(snapshot(first), snapshot(second)),
            at_ms=self.now_ms,
        )

    def _finish_list(self, order: Order) -> None:
        if order.order_list_id == NO_LIST:
            return
        listed = self.lists[order.order_list_id]
        if listed.is_done or any(one.is_open for one in listed.orders):
            return
        listed.is_done = True
        self._outcome.reports.append(
            ListReport(account=listed.account, order_list=replace(listed), at_ms=self.now_ms)
        )

    # -- canceling

    def _cancel_order(self, command: c.CancelOrder) -> Order:
        order = self._cancelable(command)
        if order.order_list_id != NO_LIST:  # as Binance does: both go
            self._cancel_pair(self.lists[order.order_list_id], command.cancel_id)
        else:
            self._close(order, CANCELED, command.cancel_id)
        return snapshot(order)

    def _cancelable(self, command: c.CancelOrder) -> Order:
        check_client_id(command.cancel_id)
        order = self.find(command.account, command.symbol, command.order_id, command.client_order_id)
        if order is None or not order.is_open:
            raise unknown_to_cancel()
        if command.only_status not in (None, order.status):
            raise cancel_restricted()
        return order

    def _cancel_pair(self, listed: OrderList, cancel_id: str | None = None) -> None:
        for order in listed.orders:
            if order.is_open:
                self._close(order, CANCELED, cancel_id)

    def _cancel_open_orders(self, command: c.CancelOpenOrders) -> tuple[Order, ...]:
        self.symbol(command.symbol)
        account = self._customer(command.account)
        mine = [one for one in account.open_orders.values() if one.symbol == command.symbol]
        if not mine:
            raise unknown_to_cancel()
        for order in mine:
            self._close(order, CANCELED)
        return tuple(snapshot(order) for order in mine)

    def _cancel_list(self, command: c.CancelList) -> OrderList:
        listed = self.lists.get(command.order_list_id)
        if (
            listed is None
            or (listed.account, listed.symbol) != (command.account, command.symbol)
            or listed.is_done
        ):
            raise unknown_to_cancel()
        self._cancel_pair(listed)
        first, second = listed.orders
        return replace(listed, orders=(snapshot(first), snapshot(second)))

    def _replace_order(self, command: c.ReplaceOrder) -> Replaced:
        canceled: Order | Rejected
        placed: Order | Rejected | None = None
        try:
            canceled = self._cancel_order(command.cancel)
        except Rejected as refusal:
            canceled = refusal
        if isinstance(canceled, Order) or command.even_if_not_canceled:
            try:
                placed = self._place_order(c.PlaceOrder(account=command.cancel.account, order=command.order))
            except Rejected as refusal:
                placed = refusal
        replaced = Replaced(canceled=canceled, placed=placed)
        if not isinstance(canceled, Order) and not isinstance(placed, Order):
            raise Rejected(-2022, "Order cancel-replace failed.", 400, replaced)
        return replaced

    # -- the market's own orders

    def _move_market(self, command: c.MoveMarket) -> None:
        symbol = self.symbol(command.symbol)
        book = self.books[command.symbol]
        for order in self._quoted[command.symbol].values():
            book.remove(order)
        self._quoted[command.symbol].clear()
        for bid, ask in _ladder(command, symbol):
            for side, price in ((BUY, bid), (SELL, ask)):
                if 0 < price <= symbol.max_price:
                    self._internal(MAKER, symbol, side, LIMIT, GTC, price, command.quantity)
        for take in command.takes:
            self._internal(CROWD, symbol, take.side, MARKET, GTC, ZERO, take.quantity)
        self._run_triggers(command.symbol)

    def _internal(
        self, account: str, symbol: Symbol, side: str, type_: str, tif: str, price: Decimal, quantity: Decimal
    ) -> None:
        self.last_order_id += 1
        order = Order(
            order_id=self.last_order_id,
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
            created_at_ms=self.now_ms,
            updated_at_ms=self.now_ms,
            working_at_ms=self.now_ms,
        )
        self._match(order)
        if order.remaining and type_ == LIMIT:
            self.books[symbol.name].add(order)
            self._quoted[symbol.name][order.order_id] = order

    def _load_candles(self, command: c.LoadCandles) -> None:
        tape = self.tapes[self.symbol(command.symbol).name]
        if tape.last_trade_id:
            raise InvalidValue(
                "candles", f"{command.symbol} has been traded already; history comes before that"
            )
        tape.load(
            Kline(
                open_time_ms=minute.open_time_ms,
                open=minute.open,
                high=minute.high,
                low=minute.low,
                close=minute.close,
                volume=minute.volume,
                quote_volume=minute.volume * minute.close,
            )
            for minute in command.minutes
        )

    # -- reports

    def _report(
        self, order: Order, execution: str, fill: Any = None, *, cancel_id: str | None = None
    ) -> None:
        if order.account in INTERNAL:
            return
        self._outcome.reports.append(
            OrderReport(
                order=snapshot(order), execution=execution, at_ms=self.now_ms, fill=fill, cancel_id=cancel_id
            )
        )

    def _report_positions(self) -> None:
        """One message per account, with every balance that the command changed."""
        changed: dict[str, list[str]] = {}
        for owner, asset in self._moved:
            changed.setdefault(owner, []).append(asset)
        for name, assets in changed.items():
            account = self.accounts[name]
            if account.is_internal:
                continue
            account.updated_at_ms = self.now_ms
            balances = tuple(
                (asset, account.balance(asset).free, account.balance(asset).locked) for asset in assets
            )
            self._outcome.reports.append(PositionReport(account=name, at_ms=self.now_ms, balances=balances))


def snapshot(order: Order) -> Order:
    """The order as it is now: what is told about it does not change with it."""
    return replace(order, fills=list(order.fills))


def _reach(order: NewOrder) -> Decimal:
    """The price at which an OCO's leg acts."""
    return order.stop_price or order.price or ZERO


def _ladder(command: c.MoveMarket, symbol: Symbol) -> Iterator[tuple[Decimal, Decimal]]:
    """Bid and ask of each level, best first, on the tick: bids cut down, asks up."""
    for level in range(command.levels):
        away = command.half_spread + command.gap * level
        bid = floor_to_step(max(command.price - away, ZERO), symbol.tick_size)
        ask = floor_to_step(command.price + away, symbol.tick_size)
        yield bid, ask if ask == command.price + away else ask + symbol.tick_size
