"""What an operator sets: symbols, accounts, keys, money, history."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from adapters.simulator.core import commands as c
from adapters.simulator.core.accounts import Account, Key, Transfer
from adapters.simulator.core.book import OrderBook
from adapters.simulator.core.errors import (
    bad_key,
)
from adapters.simulator.core.outcomes import (
    MoneyReport,
)
from adapters.simulator.core.state import State
from adapters.simulator.core.symbols import SCALE, places
from adapters.simulator.core.tape import Kline, Tape
from domain.errors import InvalidValue
from domain.money import ZERO


@dataclass(frozen=True, slots=True)
class Office:
    """Refuses with InvalidValue: it is an operator who asks."""

    _state: State

    def list_symbol(self, command: c.ListSymbol) -> None:
        symbol = command.symbol
        if symbol.name in self._state.symbols:
            raise InvalidValue("symbol", f"{symbol.name} is listed already")
        symbol.check_price(command.price, ZERO)
        self._state.symbols[symbol.name] = symbol
        self._state.books[symbol.name] = OrderBook(symbol.name)
        self._state.tapes[symbol.name] = Tape(symbol.name, last_price=command.price)
        self._state.waiting[symbol.name], self._state.quoted[symbol.name] = {}, {}

    def open_account(self, command: c.OpenAccount) -> None:
        if command.account in self._state.accounts:
            raise InvalidValue("account", f"{command.account!r} is taken; choose another name")
        self._state.accounts[command.account] = Account(name=command.account, uid=len(self._state.accounts))

    def set_terms(self, command: c.SetTerms) -> None:
        account = self._state.customer(command.account)
        for rate in (command.maker_fee_rate, command.taker_fee_rate):
            if rate is not None and not Decimal("-0.01") <= rate < 1:
                raise InvalidValue("fee rate", f"{rate} is not between -0.01 and 1")
        account.maker_fee_rate, account.taker_fee_rate = command.maker_fee_rate, command.taker_fee_rate
        account.fee_asset = command.fee_asset
        account.can_trade, account.can_withdraw = command.can_trade, command.can_withdraw

    def issue_key(self, command: c.IssueKey) -> None:
        self._state.customer(command.account)
        existing = self._state.keys.get(command.key)
        if existing is not None and existing.account != command.account:
            raise InvalidValue("key", "belongs to another account; choose another one")
        self._state.keys[command.key] = Key(
            key=command.key,
            secret=command.secret,
            account=command.account,
            can_trade=command.can_trade,
            can_withdraw=command.can_withdraw,
            created_at_ms=existing.created_at_ms if existing else self._state.now_ms,
        )

    def revoke_key(self, command: c.RevokeKey) -> None:
        if command.key not in self._state.keys:
            raise bad_key()
        del self._state.keys[command.key]

    def move_money(self, command: c.MoveMoney) -> None:
        account = self._state.customer(command.account)
        if not command.amount:
            raise InvalidValue("amount", "must not be zero")
        if -places(command.amount) > SCALE:
            raise InvalidValue("amount", f"{command.amount} has more than {SCALE} decimal places")
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
                at_ms=self._state.now_ms,
            )
        )
        self._state.outcome.reports.append(
            MoneyReport(
                account=command.account, asset=command.asset, change=command.amount, at_ms=self._state.now_ms
            )
        )
        self._state.moved[command.account, command.asset] = None

    def load_candles(self, command: c.LoadCandles) -> None:
        tape = self._state.tapes[self._state.symbol(command.symbol).name]
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
