"""Limits and checks of orders as the faces show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from application.orders.check_order import CheckOrder
from application.paper.terms import terms_from_text
from application.ports.candle_store import Series
from application.ports.event_log import EventLog
from application.rehearsal import rehearse
from application.risk.limits_text import limits_to_text
from application.risk.prices import newest_candle
from application.services import Services
from application.streams import PLATFORM, book_stream, bot_stream, risk_stream
from domain.bots.bot import Bot
from domain.bots.errors import UnknownBot
from domain.bots.events import BotTerms
from domain.errors import InvalidValue
from domain.ledger.book import PAPER, Book
from domain.market import Market, interval_ms
from domain.platform.platform import Platform
from domain.risk.limits import HARD_BOUNDS, NO_LIMITS
from domain.risk.risk import Risk


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountLimitsView:
    """What the account set, and what binds it besides: with real money always, on paper where asked for."""

    account_id: str
    limits: Mapping[str, Any]
    hard_bounds_on_paper: bool
    platform_limits: Mapping[str, Any]
    hard_bounds: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class BotLimitsView:
    bot_id: str
    limits: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleView:
    """One rule of one layer: what was measured against what, and ok, sized, refused or no_limit."""

    rule: str
    layer: str
    figure: str
    limit: str
    verdict: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckView:
    """What would come of an order: ok, sized (it would spend `notional`), or refused."""

    bot_id: str
    side: str
    price: str
    verdict: str
    notional: str  # quote, for a buy
    base_quantity: str  # for a sell
    rules: Sequence[RuleView]


def account_limits(log: EventLog, account_id: str) -> AccountLimitsView:
    risk: Risk = log.load(risk_stream(account_id)).state
    platform: Platform = log.load(PLATFORM).state
    return AccountLimitsView(
        account_id=account_id,
        limits=limits_to_text(risk.limits),
        hard_bounds_on_paper=risk.hard_bounds_on_paper,
        platform_limits=limits_to_text(platform.limits),
        hard_bounds=limits_to_text(HARD_BOUNDS),
    )


def bot_limits(log: EventLog, bot_id: str, owner_id: str = "") -> BotLimitsView:
    """Of one's own bot, or (no owner given) of anybody's. Raises UnknownBot."""
    bot: Bot = log.load(bot_stream(bot_id)).state
    if not bot.exists or (owner_id and bot.owner_id != owner_id):
        raise UnknownBot(bot_id=bot_id)
    risk: Risk = log.load(risk_stream(bot.owner_id)).state
    return BotLimitsView(bot_id=bot_id, limits=limits_to_text(risk.bot_limits.get(bot_id, NO_LIMITS)))


def check_order(
    services: Services,
    bot_id: str,
    *,
    side: str,
    owner_id: str = "",
    price: Decimal | None = None,
    amount: Decimal | None = None,
) -> CheckView:
    """Every rule's answer to an order of the bot now; nothing is placed, counted or recorded.

    Without a price at the newest stored close of the bot's series. Of a real venue's filters nothing is known
    here: they are asked for when an order is decided on. Refusals: unknown_bot, invalid_value.
    """
    bot: Bot = services.log.load(bot_stream(bot_id)).state
    if bot.terms is None or (owner_id and bot.owner_id != owner_id):
        raise UnknownBot(bot_id=bot_id)
    book: Book = services.log.load(book_stream(bot.book_id)).state
    price, closed_at_ms, now_ms = _price(services, bot.terms, price)
    command = CheckOrder(
        bot_id=bot_id,
        owner_id=owner_id,
        side=side,
        price=price,
        closed_at_ms=closed_at_ms,
        feed_now_ms=now_ms,
        market=_market(bot.terms, book),
        amount=amount,
    )
    told = dict(rehearse(services.log, services.clock, command))
    del told["dry_run"]
    return CheckView(**{**told, "rules": [RuleView(**rule) for rule in told["rules"]]})


def _price(services: Services, terms: BotTerms, price: Decimal | None) -> tuple[Decimal, int, int]:
    """The price, when its candle closed, and the feed's clock: in a replay that is the newest candle's."""
    now_ms = int(services.clock.now().timestamp() * 1000)
    newest = newest_candle(services.candles, Series(terms.source, terms.symbol, terms.interval))
    if newest is None:
        if price is None:
            raise InvalidValue("price", f"no candle of {terms.symbol} is stored; name a price")
        return price, now_ms, now_ms
    closed_ms = newest.open_time_ms + interval_ms(terms.interval)
    if terms.source not in services.wall_clock_sources:
        now_ms = closed_ms
    return (newest.close, closed_ms, now_ms) if price is None else (price, now_ms, now_ms)


def _market(terms: BotTerms, book: Book) -> Market:
    if book.purse != PAPER:
        return Market(symbol=terms.symbol)
    paper = terms_from_text(book.venue_terms)
    return Market(
        symbol=terms.symbol,
        tick_size=paper.tick_size,
        lot_size=paper.lot_size,
        min_notional=paper.min_notional,
        base_scale=paper.base_scale,
        quote_scale=paper.quote_scale,
    )
