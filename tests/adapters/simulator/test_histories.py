"""Whatever is sent to the simulated exchange: nothing is made, lost or owed, and its journal agrees."""

from __future__ import annotations

import tempfile
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from adapters.simulator.core import commands as c
from adapters.simulator.core.errors import Rejected
from adapters.simulator.core.exchange import Exchange
from adapters.simulator.core.orders import NewOrder
from adapters.simulator.core.symbols import USUAL
from adapters.simulator.journal import Journal
from domain.errors import InvalidValue

ACCOUNTS = st.sampled_from(["ann", "bob"])
SYMBOLS = st.sampled_from(["BTCUSDT", "BNBUSDT"])
SIDES = st.sampled_from(["BUY", "SELL"])
OPENING = {"BTC": Decimal(5), "USDT": Decimal(200_000), "BNB": Decimal(20)}
AWAY = st.integers(-60, 60)
"""Of the usual price, in ten-thousandths: near enough to trade."""
GOOD = ["0.01", "0.03", "0.5", "0.25", "1", "1", "1.2", "2.345", "0.07"]
QUANTITIES = st.sampled_from([*GOOD, *GOOD, "7", "0", "0.0000001", "99999", "-1"])
IDS = st.sampled_from([None, "a", "b", "c"])


def prices(symbol: str, away: int) -> Decimal:
    return round(USUAL[symbol][1] * (10_000 + away) / 10_000, 2)


class Histories(RuleBasedStateMachine):
    """Two customers and a market that moves."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.journal = Journal(Path(self.folder.name) / "journal")
        self.exchange = self.journal.replay()
        self.at_ms = 1_000_000
        self.put_in: dict[str, Decimal] = {}
        self.transfers = 0

    def teardown(self) -> None:
        self.journal.close()
        self.folder.cleanup()

    def do(self, command: c.Command) -> bool:
        """Whether it was accepted."""
        self.at_ms += 7
        try:
            self.exchange.apply(command, self.at_ms)
        except (Rejected, InvalidValue):
            return False
        self.journal.append(command, self.exchange, durable=False)
        return True

    @initialize()
    def open(self) -> None:
        for symbol in ("BTCUSDT", "BNBUSDT"):
            definition, price = USUAL[symbol]
            assert self.do(c.ListSymbol(symbol=definition, price=price))
        for account in ("ann", "bob"):
            assert self.do(c.OpenAccount(account=account))
            for asset, amount in OPENING.items():
                self.transfer(account, asset, amount)
        for symbol in ("BTCUSDT", "BNBUSDT"):
            self.market(symbol, 0, [("BUY", "0.01")])

    @rule(account=ACCOUNTS, asset=st.sampled_from(sorted(OPENING)), amount=st.decimals("-9", "9", places=8))
    def transfer(self, account: str, asset: str, amount: Decimal) -> None:
        self.transfers += 1
        if self.do(c.MoveMoney(account=account, asset=asset, amount=amount, transfer_id=str(self.transfers))):
            self.put_in[asset] = self.put_in.get(asset, Decimal(0)) + amount

    @rule(
        account=ACCOUNTS,
        fee_asset=st.sampled_from(["received", "quote", "BNB"]),
        maker=st.sampled_from([None, "0", "-0.0002", "0.0003"]),
        taker=st.sampled_from([None, "0", "0.01", "2"]),
    )
    def terms(self, account: str, fee_asset: Any, maker: str | None, taker: str | None) -> None:
        self.do(
            c.SetTerms(
                account=account,
                fee_asset=fee_asset,
                maker_fee_rate=None if maker is None else Decimal(maker),
                taker_fee_rate=None if taker is None else Decimal(taker),
            )
        )

    @rule(
        symbol=SYMBOLS,
        orders=st.lists(
            st.tuples(
                ACCOUNTS,
                SIDES,
                QUANTITIES,
                AWAY,
                st.sampled_from(["GTC", "GTC", "GTC", "IOC", "FOK", None]),
                IDS,
            ),
            min_size=1,
            max_size=8,
        ),
    )
    def limit(self, symbol: str, orders: list[tuple[str, str, str, int, str | None, str | None]]) -> None:
        for account, side, quantity, away, tif, client_id in orders:
            order = limit_order(symbol, side, quantity, away, tif, client_id)
            self.do(c.PlaceOrder(account=account, order=order))

    @rule(account=ACCOUNTS, symbol=SYMBOLS, side=SIDES, quantity=QUANTITIES, in_quote=st.booleans())
    def at_market(self, account: str, symbol: str, side: str, quantity: str, in_quote: bool) -> None:
        amount = Decimal(quantity) * (USUAL[symbol][1] if in_quote else 1)
        sized: dict[str, Any] = {"quote_order_quantity" if in_quote else "quantity": amount}
        self.do(
            c.PlaceOrder(account=account, order=NewOrder(symbol=symbol, side=side, type="MARKET", **sized))
        )

    @rule(
        account=ACCOUNTS,
        symbol=SYMBOLS,
        side=SIDES,
        quantity=QUANTITIES,
        away=AWAY,
        further=AWAY,
        kind=st.sampled_from(["STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"]),
    )
    def stop(
        self, account: str, symbol: str, side: str, quantity: str, away: int, further: int, kind: str
    ) -> None:
        self.do(c.PlaceOrder(account=account, order=stop_order(symbol, side, quantity, away, further, kind)))

    @rule(
        account=ACCOUNTS,
        symbol=SYMBOLS,
        side=SIDES,
        quantity=QUANTITIES,
        above=st.integers(1, 150),
        below=st.integers(-150, -1),
        limited=st.booleans(),
    )
    def oco(
        self, account: str, symbol: str, side: str, quantity: str, above: int, below: int, limited: bool
    ) -> None:
        kind = "STOP_LOSS_LIMIT" if limited else "STOP_LOSS"
        upper, lower = (above, below) if side == "SELL" else (below, above)
        limit = limit_order(symbol, side, quantity, upper, None, None, kind="LIMIT_MAKER")
        stop = stop_order(symbol, side, quantity, lower, lower * 2, kind)
        first, second = (limit, stop) if side == "SELL" else (stop, limit)
        self.do(c.PlaceOco(account=account, above=first, below=second))

    @rule(account=ACCOUNTS, data=st.data())
    def cancel(self, account: str, data: st.DataObject) -> None:
        open_orders = list(self.exchange.accounts[account].open_orders.values())
        if not open_orders:
            assert not self.do(c.CancelOrder(account=account, symbol="BTCUSDT", order_id=1))
            return
        order = data.draw(st.sampled_from(open_orders))
        if data.draw(st.booleans()):
            assert self.do(c.CancelOpenOrders(account=account, symbol=order.symbol))
            return
        assert self.do(c.CancelOrder(account=account, symbol=order.symbol, order_id=order.order_id))

    @rule(
        account=ACCOUNTS,
        symbol=SYMBOLS,
        side=SIDES,
        quantity=QUANTITIES,
        away=AWAY,
        client_id=IDS,
        force=st.booleans(),
    )
    def replace(
        self,
        account: str,
        symbol: str,
        side: str,
        quantity: str,
        away: int,
        client_id: str | None,
        force: bool,
    ) -> None:
        self.do(
            c.ReplaceOrder(
                cancel=c.CancelOrder(account=account, symbol=symbol, client_order_id=client_id),
                order=limit_order(symbol, side, quantity, away, "GTC", client_id),
                even_if_not_canceled=force,
            )
        )

    @rule(
        symbol=SYMBOLS,
        away=AWAY,
        takes=st.lists(st.tuples(SIDES, st.sampled_from(["0.001", "0.25", "3"])), max_size=3),
    )
    def market(self, symbol: str, away: int, takes: list[tuple[str, str]]) -> None:
        tick = USUAL[symbol][0].tick_size
        assert self.do(
            c.MoveMarket(
                symbol=symbol,
                price=prices(symbol, away),
                half_spread=tick,
                gap=tick * 3,
                levels=3,
                quantity=Decimal("1.75"),
                takes=tuple(c.Take(side=side, quantity=Decimal(quantity)) for side, quantity in takes),
            )
        )

    @precondition(lambda self: self.journal.lines > 20)
    @rule()
    def restart(self) -> None:
        """Its state is what the journal says, and goes on from there."""
        self.journal.close()
        self.journal = Journal(self.journal.path)
        replayed = self.journal.replay()
        assert state(replayed) == state(self.exchange)
        self.exchange = replayed

    @invariant()
    def nothing_is_made_or_lost(self) -> None:
        """Safety O3, O4: per asset all balances, the house's fees included, are what was put in."""
        totals = self.exchange.totals()
        assert {asset: total for asset, total in totals.items() if total} == {
            asset: amount for asset, amount in self.put_in.items() if amount
        }

    @invariant()
    def nobody_owes_and_holds_are_open_orders(self) -> None:
        for name in ("ann", "bob"):
            if name not in self.exchange.accounts:
                return
            account = self.exchange.accounts[name]
            held: dict[str, Decimal] = {}
            for order in account.open_orders.values():
                symbol = self.exchange.symbols[order.symbol]
                asset = symbol.quote if order.side == "BUY" else symbol.base
                held[asset] = held.get(asset, Decimal(0)) + order.locked
                assert order.locked > 0 or order.order_list_id > 0, order
                assert order.locked >= 0, order
            for asset, balance in account.balances.items():
                assert balance.free >= 0, (name, asset)
                assert balance.locked == held.get(asset, 0), (name, asset)

    @invariant()
    def fills_are_at_most_the_order_and_each_trade_has_two_sides(self) -> None:
        """Safety O6: one fill per side of a trade, and never more than was ordered."""
        for account in self.exchange.accounts.values():
            for order in account.orders.values():
                assert sum(fill.quantity for fill in order.fills) == order.executed <= order.quantity
                assert order.is_open == (order.order_id in account.open_orders)

    @invariant()
    def no_stop_waits_beyond_its_price(self) -> None:
        for account in self.exchange.accounts.values():
            for order in account.open_orders.values():
                last_price = self.exchange.tapes[order.symbol].last_price
                assert order.is_working or not order.is_triggered_by(last_price)

    @invariant()
    def an_oco_trades_on_one_leg(self) -> None:
        for listed in self.exchange.lists.values():
            first, second = listed.orders
            assert not (first.fills and second.fills)
            assert first.is_open == second.is_open or first.fills or second.fills or first.is_working

    @invariant()
    def the_book_is_not_crossed(self) -> None:
        for book in self.exchange.books.values():
            bid, ask = book.bids.best(), book.asks.best()
            assert bid is None or ask is None or bid.price < ask.price


def limit_order(
    symbol: str,
    side: str,
    quantity: str,
    away: int,
    tif: str | None,
    client_id: str | None,
    kind: str = "LIMIT",
) -> NewOrder:
    return NewOrder(
        symbol=symbol,
        side=side,
        type=kind,
        quantity=Decimal(quantity),
        price=prices(symbol, away),
        time_in_force=tif,
        client_order_id=client_id,
    )


def stop_order(symbol: str, side: str, quantity: str, away: int, further: int, kind: str) -> NewOrder:
    limited = kind.endswith("LIMIT")
    return NewOrder(
        symbol=symbol,
        side=side,
        type=kind,
        quantity=Decimal(quantity),
        stop_price=prices(symbol, away),
        price=prices(symbol, further) if limited else None,
        time_in_force="GTC" if limited else None,
    )


def state(exchange: Exchange) -> dict[str, Any]:
    """All that anybody could ask about."""
    return {
        "ids": exchange.ids(),
        "accounts": exchange.accounts,
        "books": exchange.books,
        "tapes": exchange.tapes,
        "lists": exchange.lists,
        "keys": exchange.keys,
        "now": exchange.now_ms,
        "symbols": exchange.symbols,
    }


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=30, stateful_step_count=40)


@pytest.mark.parametrize("seed", range(8))
def test_long_histories_keep_the_same_promises(seed: int) -> None:
    """Hundreds of commands on end, most of them right: full books, stops in a row, fees of all kinds."""
    random = Random(seed)
    machine = Histories()
    try:
        machine.open()
        for _ in range(400):
            _drawn(machine, random)
            for promise in PROMISES:
                promise(machine)
        machine.restart()
        trades = sum(tape.last_trade_id for tape in machine.exchange.tapes.values())
        assert trades > 200
    finally:
        machine.teardown()


PROMISES = (
    Histories.nothing_is_made_or_lost,
    Histories.nobody_owes_and_holds_are_open_orders,
    Histories.fills_are_at_most_the_order_and_each_trade_has_two_sides,
    Histories.no_stop_waits_beyond_its_price,
    Histories.an_oco_trades_on_one_leg,
    Histories.the_book_is_not_crossed,
)


def _drawn(machine: Histories, random: Random) -> None:
    """One random command."""
    account, symbol = random.choice(["ann", "bob"]), random.choice(["BTCUSDT", "BNBUSDT"])
    side, quantity = random.choice(["BUY", "SELL"]), random.choice(GOOD)
    away, client_id = random.randint(-40, 40), random.choice([None, "a", "b"])
    match random.randrange(10):
        case 0:
            machine.do(
                c.SetTerms(
                    account=account,
                    fee_asset=random.choice(["received", "quote", "BNB"]),
                    maker_fee_rate=Decimal(random.choice(["-0.0002", "0.0003"])),
                    taker_fee_rate=Decimal(random.choice(["0.001", "0.01"])),
                )
            )
        case 1:
            kind = random.choice(["STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"])
            order = stop_order(symbol, side, quantity, away, away + random.randint(-20, 20), kind)
            machine.do(c.PlaceOrder(account=account, order=order))
        case 2 | 3:
            upper, lower = (30, -30) if side == "SELL" else (-30, 30)
            limit = limit_order(symbol, side, quantity, upper, None, None, kind="LIMIT_MAKER")
            kind = random.choice(["STOP_LOSS", "STOP_LOSS_LIMIT"])
            stop = stop_order(symbol, side, quantity, lower, lower * 2, kind)
            above, below = (limit, stop) if side == "SELL" else (stop, limit)
            machine.do(c.PlaceOco(account=account, above=above, below=below))
        case 4:
            takes = [(random.choice(["BUY", "SELL"]), random.choice(["0.25", "3"])) for _ in range(2)]
            step = c.MoveMarket(
                symbol=symbol,
                price=prices(symbol, away),
                half_spread=Decimal("0.01"),
                gap=Decimal("0.05"),
                levels=3,
                quantity=Decimal("1.75"),
                takes=tuple(c.Take(side=one, quantity=Decimal(amount)) for one, amount in takes),
            )
            assert machine.do(step)
        case 5:
            if orders := list(machine.exchange.accounts[account].open_orders.values()):
                order_id = random.choice(orders).order_id
                symbol = machine.exchange.accounts[account].orders[order_id].symbol
                assert machine.do(c.CancelOrder(account=account, symbol=symbol, order_id=order_id))
        case 6:
            order = NewOrder(symbol=symbol, side=side, type="MARKET", quantity=Decimal(quantity))
            machine.do(c.PlaceOrder(account=account, order=order))
        case _:
            tif = random.choice(["GTC", "GTC", "GTC", "GTC", "IOC", "FOK"])
            order = limit_order(symbol, side, quantity, away, tif, client_id)
            machine.do(c.PlaceOrder(account=account, order=order))
