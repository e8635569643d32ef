"""An order is asked about beforehand: every rule, its figures, the verdict; nothing is placed or recorded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from application.orders.may_send import require_may_send
from application.orders.trade_signal import require_trading, sellable
from application.ports.commands import Result
from application.risk.entries import Entry, assess_entry
from application.work import Work
from domain.bots.bot import RUNNING, Bot
from domain.bots.errors import BotNotRunning, NothingAllocated, OrderStillOpen, OrderTooSmall, UnknownBot
from domain.errors import DomainError, InvalidValue
from domain.ledger.postings import bot_account
from domain.market import Market
from domain.money import ZERO, Money, multiply_down, text
from domain.orders.order import BUY, SELL
from domain.risk.assess import OK, REFUSED, SIZED


@dataclass(frozen=True, slots=True)
class CheckOrder:
    """What would come of the bot's order now. For a dry run (see rehearse): it is never put to the bus.

    The guardrails of TradeSignal come first, in its order, the candle's freshness apart: the price is given,
    or the newest known. Then, for a buy, every limit. Refusals: unknown_bot, invalid_value (a side that is
    neither buy nor sell).
    """

    bot_id: str
    owner_id: str  # empty: anybody's, for operators
    side: str
    price: Decimal
    closed_at_ms: int
    feed_now_ms: int
    market: Market
    amount: Decimal | None = None  # quote; None: all that is allocated, as a signal spends

    def decide(self, work: Work) -> Result:
        bot = work.bot(self.bot_id)
        if bot.terms is None or (self.owner_id and bot.owner_id != self.owner_id):
            raise UnknownBot(bot_id=self.bot_id)
        if self.side not in (BUY, SELL):
            raise InvalidValue("side", f"{self.side!r} is neither buy nor sell")
        rules = [
            _guardrail("kill_switch", lambda: require_trading(work, bot, self.side)),
            _guardrail("may_send", lambda: require_may_send(work, bot, self.side)),
            _guardrail("bot_running", lambda: _require_running(bot)),
            _guardrail("no_order_open", lambda: _require_nothing_open(work, bot)),
        ]
        if self.side == SELL:
            rules.append(_guardrail("something_to_sell", lambda: self._require_position(work, bot)))
            quantity = sellable(work.book(bot.book_id), self.bot_id, self.market).amount
            return self._answer(rules, base_quantity=text(quantity), notional="")
        budget = self._budget(work, bot)
        rules.append(_guardrail("something_to_spend", lambda: self._require_budget(budget)))
        assessment = assess_entry(work, bot, self._entry(budget))
        notional = budget
        if assessment is not None:
            notional = assessment.notional
            rules += [
                {
                    "rule": found.rule,
                    "layer": found.layer,
                    "figure": found.figure,
                    "limit": found.limit,
                    "verdict": found.verdict,
                    "detail": found.detail,
                }
                for found in assessment.findings
            ]
        return self._answer(rules, base_quantity="", notional=text(notional))

    def _answer(self, rules: list[dict[str, str]], *, base_quantity: str, notional: str) -> dict[str, Any]:
        verdicts = {rule["verdict"] for rule in rules}
        verdict = next((each for each in (REFUSED, SIZED) if each in verdicts), OK)
        return {
            "bot_id": self.bot_id,
            "side": self.side,
            "price": text(self.price),
            "verdict": verdict,
            "notional": "0" if verdict == REFUSED and notional else notional,
            "base_quantity": "0" if verdict == REFUSED and base_quantity else base_quantity,
            "rules": rules,
        }

    def _budget(self, work: Work, bot: Bot) -> Decimal:
        budget = work.book(bot.book_id).owed(bot_account(self.bot_id), self.market.quote).amount
        most = [self.amount, bot.terms.max_order_notional if bot.terms is not None else None]
        return min([budget, *(each for each in most if each is not None)])

    def _entry(self, budget: Decimal) -> Entry:
        return Entry(
            budget=budget,
            price=self.price,
            closed_at_ms=self.closed_at_ms,
            feed_now_ms=self.feed_now_ms,
            market=self.market,
        )

    def _require_budget(self, budget: Decimal) -> None:
        if budget <= ZERO:
            raise NothingAllocated(asset=self.market.quote)
        self._require_least(budget)

    def _require_position(self, work: Work, bot: Bot) -> None:
        quantity = sellable(work.book(bot.book_id), self.bot_id, self.market).amount
        if quantity <= ZERO:
            raise NothingAllocated(asset=self.market.base)
        self._require_least(multiply_down(quantity, self.price, self.market.quote_scale))

    def _require_least(self, notional: Decimal) -> None:
        if notional < self.market.min_notional:
            quote = self.market.quote
            raise OrderTooSmall(notional=Money(notional, quote), least=Money(self.market.min_notional, quote))


def _guardrail(name: str, check: Callable[[], None]) -> dict[str, str]:
    found = {"rule": name, "layer": "", "figure": "", "limit": "", "verdict": OK, "detail": ""}
    try:
        check()
    except DomainError as refusal:
        return {**found, "verdict": REFUSED, "detail": str(refusal)}
    return found


def _require_running(bot: Bot) -> None:
    if bot.status != RUNNING:
        raise BotNotRunning(bot_id=bot.bot_id, status=bot.status)


def _require_nothing_open(work: Work, bot: Bot) -> None:
    if bot.last_order_id and not work.order(bot.last_order_id).has_ended:
        raise OrderStillOpen(client_order_id=bot.last_order_id)
