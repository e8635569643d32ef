"""A strategy's signal becomes an intended order with its hold, or a tripped guardrail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from application.orders.may_send import require_may_send
from application.ports.commands import Result
from application.risk.entries import Entry, assess_entry, count_entry, follow_refusal
from application.streams import book_stream, bot_stream, order_stream
from application.work import Work
from domain.bots.bot import RUNNING, Bot
from domain.bots.errors import BotNotRunning, NothingAllocated, OrderStillOpen, OrderTooSmall, UnknownBot
from domain.bots.events import BotEvent, BotTerms
from domain.errors import DomainError
from domain.ledger.book import Book
from domain.ledger.postings import bot_account
from domain.market import Market, interval_ms
from domain.money import ZERO, Money, floor_to_step, multiply_down, text
from domain.orders.events import OrderTerms
from domain.orders.order import BUY, MARKET, SELL


@dataclass(frozen=True, slots=True)
class TradeSignal:
    """Check the signal, hold the funds, store the intent: one decision, one commit, before any call.

    Guardrails, in order: kill switch (platform, venue, account, bot), for a buy the account active, what the
    bot's mode wants, fresh candle, no order open, something to spend, the market's least notional; for a buy
    then the limits, in the order of domain/risk/assess.py. One that trips is recorded with the signal and its
    figures, and no order follows. A buy spends what is allocated, at most `max_order_notional`, and less
    where a limit leaves less; a sell sells all of the base asset, in whole lots, or what one order may: no
    limit holds it back. What is counted for the limits is in the same append (safety §3 #4, #5).
    Refusals: unknown_bot, bot_not_running.
    """

    bot_id: str
    side: str
    candle_open_time_ms: int
    price: Decimal  # the candle's close: what the decision rests on
    why: str
    feed_now_ms: int  # the feed's clock: candle time in a replay
    market: Market
    venue: str
    reference: Decimal | None = None  # an earlier price of the pair, for the collar

    def decide(self, work: Work) -> Result:
        bot = work.bot(self.bot_id)
        raised = bot.raise_signal(
            side=self.side,
            candle_open_time_ms=self.candle_open_time_ms,
            price=self.price,
            why=self.why,
            at=work.now,
            epoch=work.platform().epoch,
        )
        if not raised:
            return {"signal_id": bot.signal_id(self.candle_open_time_ms), "client_order_id": ""}
        signal = raised[0]
        try:
            terms, hold = self._order(work, bot)
            if bot.observes:
                return self._observed(work, bot, raised, terms)
            client_order_id = str(getattr(signal, "client_order_id", ""))
            held = work.book(bot.book_id).place_hold(
                client_order_id, hold, source=bot_account(self.bot_id), at=work.now
            )
            intended = work.order(client_order_id).intend(
                client_order_id=client_order_id,
                owner_id=bot.owner_id,
                book_id=bot.book_id,
                bot_id=self.bot_id,
                signal_id=bot.signal_id(self.candle_open_time_ms),
                venue=self.venue,
                venue_account=bot.venue_account,
                terms=terms,
                decision_price=self.price,
                at=work.now,
            )
            self._count(work, bot, client_order_id, terms)
        except DomainError as refusal:
            follow_refusal(work, self.bot_id, refusal)
            tripped = bot.trip(refusal, candle_open_time_ms=self.candle_open_time_ms, at=work.now)
            work.record(bot_stream(self.bot_id), [*raised, *tripped])
            return {
                "signal_id": bot.signal_id(self.candle_open_time_ms),
                "client_order_id": "",
                "guardrail": refusal.code,
            }
        work.record(bot_stream(self.bot_id), raised)
        work.record(order_stream(client_order_id), intended)
        work.record(book_stream(bot.book_id), held)
        return {
            "signal_id": bot.signal_id(self.candle_open_time_ms),
            "client_order_id": client_order_id,
            "quote_budget": text(terms.quote_budget) if terms.quote_budget is not None else "",
            "base_quantity": text(terms.base_quantity) if terms.base_quantity is not None else "",
        }

    def _observed(self, work: Work, bot: Bot, raised: Sequence[BotEvent], terms: OrderTerms) -> Result:
        """Write down what would have been ordered: nothing is held, nothing intended."""
        observed = bot.observe(
            side=self.side,
            candle_open_time_ms=self.candle_open_time_ms,
            base_quantity=terms.base_quantity,
            quote_budget=terms.quote_budget,
            price=self.price,
            at=work.now,
        )
        work.record(bot_stream(self.bot_id), [*raised, *observed])
        signal_id = bot.signal_id(self.candle_open_time_ms)
        return {"signal_id": signal_id, "client_order_id": "", "observed": self.side}

    def _order(self, work: Work, bot: Bot) -> tuple[OrderTerms, Money]:
        """The order's terms and what it must hold; raises the first guardrail that trips."""
        require_may_trade(
            work, bot, self.side, candle_open_time_ms=self.candle_open_time_ms, feed_now_ms=self.feed_now_ms
        )
        if bot.last_order_id and not work.order(bot.last_order_id).has_ended:
            raise OrderStillOpen(client_order_id=bot.last_order_id)
        book = work.book(bot.book_id)
        return self._buy(work, bot, book) if self.side == BUY else self._sell(bot, book)

    def _buy(self, work: Work, bot: Bot, book: Book) -> tuple[OrderTerms, Money]:
        if bot.terms is None:
            raise UnknownBot(bot_id=self.bot_id)
        budget = book.owed(bot_account(self.bot_id), self.market.quote)
        most = bot.terms.max_order_notional
        if most is not None and budget.amount > most:
            budget = Money(most, budget.asset)
        if budget.amount <= 0:
            raise NothingAllocated(asset=self.market.quote)
        self._require_least_notional(budget.amount)
        assessment = assess_entry(work, bot, self._entry(bot.terms, budget.amount))
        if assessment is not None:
            if assessment.refusal is not None:
                raise assessment.refusal
            budget = Money(assessment.notional, budget.asset)
        terms = OrderTerms(symbol=self.market.symbol, side=BUY, order_type=MARKET, quote_budget=budget.amount)
        return terms, budget

    def _sell(self, bot: Bot, book: Book) -> tuple[OrderTerms, Money]:
        quantity = sellable(book, self.bot_id, self.market)
        if bot.observes and bot.observed_base:
            quantity = in_lots(Money(bot.observed_base, self.market.base), self.market)
        if quantity.amount <= 0:
            raise NothingAllocated(asset=self.market.base)
        self._require_least_notional(multiply_down(quantity.amount, self.price, self.market.quote_scale))
        terms = OrderTerms(
            symbol=self.market.symbol, side=SELL, order_type=MARKET, base_quantity=quantity.amount
        )
        return terms, quantity

    def _entry(self, terms: BotTerms, budget: Decimal) -> Entry:
        return Entry(
            budget=budget,
            price=self.price,
            closed_at_ms=self.candle_open_time_ms + interval_ms(terms.interval),
            feed_now_ms=self.feed_now_ms,
            market=self.market,
            reference=self.reference,
        )

    def _count(self, work: Work, bot: Bot, client_order_id: str, terms: OrderTerms) -> None:
        if terms.quote_budget is not None and bot.terms is not None:
            entry = self._entry(bot.terms, terms.quote_budget)
            count_entry(work, bot, entry, client_order_id=client_order_id, notional=terms.quote_budget)

    def _require_least_notional(self, notional: Decimal) -> None:
        if notional < self.market.min_notional:
            raise OrderTooSmall(
                notional=Money(notional, self.market.quote),
                least=Money(self.market.min_notional, self.market.quote),
            )


def require_may_trade(work: Work, bot: Bot, side: str, *, candle_open_time_ms: int, feed_now_ms: int) -> None:
    """Raises the first guardrail that trips: kill switch (platform, venue, account, bot), for a buy the
    account active, what the bot's mode wants, bot running, fresh candle.
    """
    require_trading(work, bot, side)
    require_may_send(work, bot, side)
    if bot.status != RUNNING:
        raise BotNotRunning(bot_id=bot.bot_id, status=bot.status)
    bot.require_fresh(candle_open_time_ms=candle_open_time_ms, feed_now_ms=feed_now_ms)


def require_trading(work: Work, bot: Bot, side: str = BUY) -> None:
    """Raises KillSwitchIsEngaged: of the platform, the bot's venue, its owner, or the bot itself.

    A limit's keeps nobody from selling: what reduces a position is never held back by a limit.
    """
    work.platform().require_trading(bot.terms.venue if bot.terms is not None else "")
    work.risk(bot.owner_id).require_trading(bot.bot_id, to_sell=side == SELL)


def sellable(book: Book, bot_id: str, market: Market) -> Money:
    """What one order can sell of what the bot holds, in whole lots: below one lot it is dust, no position."""
    held = in_lots(book.owed(bot_account(bot_id), market.base), market)
    most = market.most_at_the_market
    return held if most is None or held.amount <= most else Money(most, held.asset)


def in_lots(held: Money, market: Market) -> Money:
    """As many whole lots as there are in it."""
    if market.lot_size and held.amount > ZERO:
        return Money(floor_to_step(held.amount, market.lot_size), held.asset)
    return held
