"""Who pays whom at a trade, and the fee. Every movement is between two accounts: nothing is made or lost."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from adapters.simulator.core.accounts import HOUSE, Account
from adapters.simulator.core.orders import BUY, Fill, Order
from adapters.simulator.core.symbols import SCALE, Symbol
from adapters.simulator.core.tape import Tape, Trade
from domain.money import ZERO, divide_down, multiply_down, multiply_up

BNB = "BNB"
BNB_SHARE = Decimal("0.75")
"""Of the fee, where it is paid in BNB."""


@dataclass(slots=True)
class Settlement:
    """Moves the money of trades. It reads the tapes for what BNB is worth."""

    accounts: dict[str, Account]
    tapes: dict[str, Tape]

    def need(self, order: Order, symbol: Symbol, remaining: Decimal, price: Decimal) -> tuple[str, Decimal]:
        """Asset and amount that so much of the order may cost at that price, with a fee that is on top."""
        if order.side != BUY:
            return symbol.base, remaining
        notional = price * remaining
        return symbol.quote, notional + multiply_up(notional, self._reserved_rate(order, symbol), SCALE)

    def _reserved_rate(self, order: Order, symbol: Symbol) -> Decimal:
        account = self.accounts[order.account]
        if account.fee_asset != "quote" or account.is_internal:
            return ZERO
        return max(
            self._rate(account, symbol, is_maker=True), self._rate(account, symbol, is_maker=False), ZERO
        )

    @staticmethod
    def _rate(account: Account, symbol: Symbol, *, is_maker: bool) -> Decimal:
        if account.is_internal:
            return ZERO
        own, usual = (
            (account.maker_fee_rate, symbol.maker_fee_rate)
            if is_maker
            else (account.taker_fee_rate, symbol.taker_fee_rate)
        )
        return usual if own is None else own

    def settle(self, order: Order, symbol: Symbol, trade: Trade, *, is_maker: bool) -> Fill:
        """One side of a trade: it pays from what it holds, receives, and pays its fee to the house."""
        account = self.accounts[order.account]
        notional = trade.price * trade.quantity
        buys = order.side == BUY
        pays, cost = (symbol.quote, notional) if buys else (symbol.base, trade.quantity)
        gets, amount = (symbol.base, trade.quantity) if buys else (symbol.quote, notional)
        if account.is_internal:
            account.balance(pays).free -= cost
        else:
            account.balance(pays).locked -= cost
            order.locked -= cost
        account.balance(gets).free += amount
        order.executed += trade.quantity
        order.executed_quote += notional
        fee, fee_asset = self._charge(order, symbol, trade, gets, amount, is_maker=is_maker)
        fill = Fill(
            trade_id=trade.trade_id,
            price=trade.price,
            quantity=trade.quantity,
            fee=fee,
            fee_asset=fee_asset,
            is_maker=is_maker,
            at_ms=trade.at_ms,
        )
        order.fills.append(fill)
        return fill

    def _charge(
        self, order: Order, symbol: Symbol, trade: Trade, gets: str, amount: Decimal, *, is_maker: bool
    ) -> tuple[Decimal, str]:
        account, house = self.accounts[order.account], self.accounts[HOUSE]
        rate = self._rate(account, symbol, is_maker=is_maker)
        notional = trade.price * trade.quantity
        in_bnb = self._in_bnb(notional * rate * BNB_SHARE, symbol.quote)
        if account.fee_asset == "BNB" and rate > 0 and in_bnb is not None and account.free(BNB) >= in_bnb:
            fee, asset = in_bnb, BNB
            account.balance(asset).free -= fee
        elif (on_top := multiply_down(notional, rate, SCALE)) and self._is_on_top(order, trade, on_top):
            fee, asset = on_top, symbol.quote
            account.balance(asset).locked -= fee
            order.locked -= fee
        else:
            fee, asset = multiply_down(amount, rate, SCALE), gets
            account.balance(asset).free -= fee
        house.balance(asset).free += fee
        return fee, asset

    def _is_on_top(self, order: Order, trade: Trade, fee: Decimal) -> bool:
        """A purchase's fee in quote comes out of its hold, if that was made large enough for it."""
        account = self.accounts[order.account]
        if account.fee_asset != "quote" or order.side != BUY or account.is_internal:
            return False
        price = order.price or trade.price
        return order.locked - fee >= (price * order.remaining if order.price else ZERO)

    def _in_bnb(self, quote_amount: Decimal, quote: str) -> Decimal | None:
        """What an amount of quote is in BNB at its last price; None where nobody knows."""
        if quote == BNB:
            return multiply_down(quote_amount, Decimal(1), SCALE)
        tape = self.tapes.get(BNB + quote)
        if tape is None or not tape.last_price:
            return None
        return divide_down(quote_amount, tape.last_price, SCALE)
