"""A kill switch sells what one bot holds: the intent first, only ever as much as is held."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from application.orders.trade_signal import sellable
from application.ports.commands import Result
from application.streams import PLATFORM, book_stream, bot_stream, order_stream, risk_stream
from application.work import Work
from domain.bots.bot import RUNNING, Bot
from domain.bots.errors import UnknownBot
from domain.kill_switch.closing import closing_order_id
from domain.kill_switch.errors import NoSuchKillSwitch
from domain.kill_switch.events import HeldAtVenue
from domain.kill_switch.switches import ACCOUNT as ACCOUNT_SCOPE
from domain.kill_switch.switches import BOT, CLOSE_ALL, VENUE, Switch
from domain.ledger.postings import bot_account
from domain.market import Market
from domain.money import ZERO, multiply_down, text
from domain.orders.events import OrderTerms
from domain.orders.order import MARKET, SELL


@dataclass(frozen=True, slots=True)
class ClosePosition:
    """Hold all of the base asset that the bot has, in whole lots, and intend its sale at the market.

    The bot is paused with it: it starts from what it then has. What is less than a lot, or worth less than
    the market's least, no order can sell: it stays, and counts as nothing. Refusals: unknown_bot,
    no_such_kill_switch (it was released, or does not close this bot).
    """

    bot_id: str
    scope: str
    target: str
    switch_id: str
    attempt: int
    market: Market

    def decide(self, work: Work) -> Result:
        bot = work.bot(self.bot_id)
        if bot.terms is None:
            raise UnknownBot(bot_id=self.bot_id)
        switch = _closing_switch(work, bot, self.scope, self.target, self.switch_id)
        book = work.book(bot.book_id)
        quantity = sellable(book, self.bot_id, self.market)
        price = last_price(work, bot)
        if not can_be_sold(quantity.amount, price, self.market):
            return {"client_order_id": "", "base_quantity": text(quantity.amount)}
        order_id = closing_order_id(self.switch_id, self.bot_id, self.attempt, epoch=work.platform().epoch)
        why = f"the kill switch of the {switch.scope} closes all: {switch.reason}"
        raised = bot.signal_close(client_order_id=order_id, price=price, why=why, at=work.now)
        work.record(bot_stream(self.bot_id), raised)
        signalled = work.bot(self.bot_id)
        if bot.status == RUNNING or bot.waits_for_candles:
            work.record(bot_stream(self.bot_id), signalled.pause(reason=why, at=work.now))
        terms = OrderTerms(
            symbol=self.market.symbol, side=SELL, order_type=MARKET, base_quantity=quantity.amount
        )
        intended = work.order(order_id).intend(
            client_order_id=order_id,
            owner_id=bot.owner_id,
            book_id=bot.book_id,
            bot_id=self.bot_id,
            signal_id=bot.signal_id(signalled.last_signal_candle_ms or 0),
            venue=bot.terms.venue,
            venue_account=bot.venue_account,
            terms=terms,
            decision_price=price,
            at=work.now,
        )
        work.record(order_stream(order_id), intended)
        held = book.place_hold(order_id, quantity, source=bot_account(self.bot_id), at=work.now)
        work.record(book_stream(bot.book_id), held)
        return {"client_order_id": order_id, "base_quantity": text(quantity.amount)}


@dataclass(frozen=True, slots=True)
class ProveFlat:
    """Record that nothing is left of what a kill switch was to close, and what shows it.

    Refusals: no_such_kill_switch.
    """

    scope: str
    target: str
    switch_id: str
    owner_id: str  # empty for venues and the platform
    held: tuple[HeldAtVenue, ...]

    def decide(self, work: Work) -> Result:
        switch = _switch(work, self.owner_id, self.scope, self.target, self.switch_id)
        if self.owner_id:
            events = work.risk(self.owner_id).prove_flat(switch, held=self.held, at=work.now)
            work.record(risk_stream(self.owner_id), events)
        else:
            work.record(PLATFORM, work.platform().prove_flat(switch, held=self.held, at=work.now))
        return {"flat": True}


def can_be_sold(quantity: Decimal, price: Decimal, market: Market) -> bool:
    """Whether it is more than dust, as far as the last price tells."""
    if quantity <= ZERO or (market.lot_size and quantity < market.lot_size):
        return False
    return not price or multiply_down(quantity, price, market.quote_scale) >= market.min_notional


def last_price(work: Work, bot: Bot) -> Decimal:
    """The newest price of the bot's pair that the log knows; zero where it knows none."""
    if bot.terms is None:
        return ZERO
    mark = work.risk(bot.owner_id).price(bot.book_id, bot.terms.symbol)
    if mark is not None:
        return mark.price
    return work.order(bot.last_order_id).decision_price if bot.last_order_id else ZERO


def _closing_switch(work: Work, bot: Bot, scope: str, target: str, switch_id: str) -> Switch:
    covers = {BOT: bot.bot_id, ACCOUNT_SCOPE: bot.owner_id}
    if bot.terms is not None:
        covers[VENUE] = bot.terms.venue
    owner_id = bot.owner_id if scope in (BOT, ACCOUNT_SCOPE) else ""
    switch = _switch(work, owner_id, scope, target, switch_id)
    if switch.mode != CLOSE_ALL or covers.get(scope, "") != target:
        raise NoSuchKillSwitch(scope=scope, target=target)
    return switch


def _switch(work: Work, owner_id: str, scope: str, target: str, switch_id: str) -> Switch:
    switches = work.risk(owner_id).switches if owner_id else work.platform().switches
    found = switches.find(scope, target)
    if found is None or found.switch_id != switch_id:
        raise NoSuchKillSwitch(scope=scope, target=target)
    return found
