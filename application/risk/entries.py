"""An order that would add to a position, held against its owner's, its bot's and the platform's limits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from application.streams import bot_stream, risk_stream
from application.work import Work
from domain.bots.bot import RUNNING, STALE_GRACE_MS, Bot
from domain.bots.errors import UnknownBot
from domain.bots.events import BotTerms
from domain.ledger.book import PAPER, Book
from domain.ledger.postings import bot_account
from domain.market import Market, interval_ms
from domain.money import ZERO, add
from domain.risk.assess import Assessment, Counts, Proposal, Standing, assess
from domain.risk.equity import equity
from domain.risk.errors import LossesInARow
from domain.risk.events import EquityMarked, Mark, OrderCounted
from domain.risk.exposure import worth
from domain.risk.risk import DAY, HOUR, CountedOrder, Risk

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What would be bought, before limits."""

    budget: Decimal  # quote, fees included
    price: Decimal  # the decision candle's close
    closed_at_ms: int  # of that candle
    feed_now_ms: int
    market: Market
    reference: Decimal | None = None  # an earlier price to hold it against; None: the last one known here


def assess_entry(work: Work, bot: Bot, entry: Entry) -> Assessment | None:
    """Every rule's finding; None where the purse is not followed: paper without limits.

    The book is valued on the way, at the candle's close for the bot's own pair and at the last known prices
    for all else, and that is recorded whatever comes of the order; so is a drawdown that is reached by it.
    """
    terms, book, risk = _terms(bot), work.book(bot.book_id), work.risk(bot.owner_id)
    if not risk.follows(book.purse):
        return None
    now = _now(work, book, entry.feed_now_ms)
    known = risk.price(book.book_id, terms.symbol)
    reference = entry.reference
    if reference is None and known is not None and known.good_until_utc >= now:
        reference = known.price
    mark_equity(work, bot, {terms.symbol: mark_of(entry.price, entry.closed_at_ms, terms.interval)}, now)
    proposal = Proposal(
        bot_id=bot.bot_id,
        strategy=terms.strategy,
        notional=entry.budget,
        price=entry.price,
        price_age_s=max((entry.feed_now_ms - entry.closed_at_ms) // 1000, 0),
        reference=reference,
        stop_bps=stop_distance_bps(terms),
        target_bps=terms.take_profit_bps,
        quote_scale=entry.market.quote_scale,
        least_notional=entry.market.min_notional,
    )
    layers = risk.layers(
        bot_id=bot.bot_id, strategy=terms.strategy, purse=book.purse, platform=work.platform().limits
    )
    return assess(proposal, _standing(work, bot, entry.price, now), layers)


def count_entry(work: Work, bot: Bot, entry: Entry, *, client_order_id: str, notional: Decimal) -> None:
    """Count an order that adds to a position, in the append of its intent."""
    terms, book, risk = _terms(bot), work.book(bot.book_id), work.risk(bot.owner_id)
    if not risk.follows(book.purse):
        return
    counted = OrderCounted(
        client_order_id=client_order_id,
        bot_id=bot.bot_id,
        book_id=bot.book_id,
        purse=book.purse,
        strategy=terms.strategy,
        symbol=terms.symbol,
        notional=notional,
        price=entry.price,
        lot_size=entry.market.lot_size,
        ended=tuple(_ended(work, risk)),
        counted_at_utc=_now(work, book, entry.feed_now_ms),
    )
    work.record(risk_stream(bot.owner_id), [counted])


def mark_equity(work: Work, bot: Bot, marks: Mapping[str, Mark], now: datetime) -> None:
    """Value the bot's book at these prices and else the last known ones, and stop the account where that
    shows more drawdown than allowed (its kill switch, by the limit).
    """
    terms, stream = _terms(bot), risk_stream(bot.owner_id)
    risk, book, quote = work.risk(bot.owner_id), work.book(bot.book_id), terms.symbol.partition("/")[2]
    marked = EquityMarked(
        book_id=bot.book_id,
        purse=book.purse,
        quote=quote,
        marks=dict(marks),
        equity=equity(book, quote, {**risk.marks.get(bot.book_id, {}), **marks}),
        profit=risk.profit(bot.book_id, quote, marks),
        marked_at_utc=now,
    )
    work.record(stream, [marked])
    risk = work.risk(bot.owner_id)
    limits = risk.layers(bot_id="", strategy="", purse=book.purse, platform=work.platform().limits)
    tripped = risk.trip_drawdown(
        bot.book_id,
        quote,
        limits.get("max_drawdown_bps", {}),
        switch_id=f"drawdown:{bot.owner_id}:{work.versions[stream]}",
        at=work.now,
    )
    work.record(stream, tripped)


def pause_after_losses(work: Work, bot_id: str) -> None:
    """Pause the bot where it lost as often in a row as its limits allow; it counts anew then."""
    bot = work.bot(bot_id)
    terms, book, risk = _terms(bot), work.book(bot.book_id), work.risk(bot.owner_id)
    layers = risk.layers(
        bot_id=bot_id, strategy=terms.strategy, purse=book.purse, platform=work.platform().limits
    )
    tripped = risk.trip_losses(bot_id, layers.get("max_losses_in_a_row", {}), at=work.now)
    if not tripped:
        return
    losses = risk.losses_in_a_row.get(bot_id, 0)
    work.record(risk_stream(bot.owner_id), tripped)
    if bot.status == RUNNING or bot.waits_for_candles:
        paused = bot.pause(reason=f"{losses} losses in a row", at=work.now)
        work.record(bot_stream(bot_id), paused)


def follow_refusal(work: Work, bot_id: str, refusal: Exception) -> None:
    """What a refused order leads to, beyond its own end."""
    if isinstance(refusal, LossesInARow):  # the limit was lowered after the bot's last trade
        pause_after_losses(work, bot_id)


def mark_of(price: Decimal, closed_at_ms: int, interval: str) -> Mark:
    """A candle's close as a price: good until the next but one candle should have closed."""
    good_until_ms = closed_at_ms + 2 * interval_ms(interval) + STALE_GRACE_MS
    return Mark(price=price, good_until_utc=_EPOCH + timedelta(milliseconds=good_until_ms))


def stop_distance_bps(terms: BotTerms) -> int | None:
    """How far the nearer of the bot's stops is from where it buys; None without one."""
    stops = [bps for bps in (terms.stop_loss_bps, terms.trailing_stop_bps) if bps is not None]
    return min(stops) if stops else None


# -- inside ------------------------------------------------------------------------------------------------


def _standing(work: Work, bot: Bot, price: Decimal, now: datetime) -> Standing:
    terms, book, risk = _terms(bot), work.book(bot.book_id), work.risk(bot.owner_id)
    quote = terms.symbol.partition("/")[2]
    curve, is_real = risk.curve(bot.book_id, quote), book.purse != PAPER
    counted = [order for order in risk.orders.values() if order.is_real == is_real]
    still_open = {
        order_id: order
        for order_id, order in risk.open_orders.items()
        if order.is_real == is_real and not work.order(order_id).has_ended
    }
    in_market = {order.bot_id for order in still_open.values()} | {
        bot_id
        for bot_id, exposure in risk.exposures.items()
        if exposure.is_open and risk.is_real(exposure) == is_real
    }
    own = [order for order in counted if order.bot_id == bot.bot_id]
    own_open = [order for order in still_open.values() if order.bot_id == bot.bot_id]
    return Standing(
        now=now,
        equity=curve.equity,
        position_notional=_position(risk, book, bot, price),
        daily_loss_bps=curve.daily_loss_bps,
        drawdown_bps=curve.drawdown_bps,
        losses_in_a_row=risk.losses_in_a_row.get(bot.bot_id, 0),
        strategy_used=_used(risk, terms.strategy, quote, is_real, still_open.values()),
        old_marks=_old_marks(risk, bot.book_id, quote, now),
        bot=_counts(own, len(own_open), 0, now),
        account=_counts(counted, len(still_open), len(in_market - {bot.bot_id}), now),
    )


def _counts(orders: list[CountedOrder], open_orders: int, open_positions: int, now: datetime) -> Counts:
    return Counts(
        orders_last_hour=sum(order.at_utc > now - HOUR for order in orders),
        orders_last_day=sum(order.at_utc > now - DAY for order in orders),
        open_orders=open_orders,
        open_positions=open_positions,
        last_order_at_utc=max((order.at_utc for order in orders), default=None),
    )


def _position(risk: Risk, book: Book, bot: Bot, price: Decimal) -> Decimal:
    """What the bot holds: by the ledger, or by its counted fills where more of it is on order to be sold."""
    base = _terms(bot).symbol.partition("/")[0]
    held = book.owed(bot_account(bot.bot_id), base).amount
    exposure = risk.exposures.get(bot.bot_id)
    return worth(held if exposure is None else max(held, exposure.base_quantity), price)


def _used(
    risk: Risk, strategy: str, quote: str, is_real: bool, still_open: Iterable[CountedOrder]
) -> Decimal:
    used = ZERO
    for exposure in risk.exposures.values():
        if exposure.strategy == strategy and risk.is_real(exposure) == is_real:
            used = add(used, exposure.cost_quote) if exposure.symbol.endswith(f"/{quote}") else used
    for order in still_open:
        used = add(used, order.notional) if (order.strategy, order.quote) == (strategy, quote) else used
    return used


def _old_marks(risk: Risk, book_id: str, quote: str, now: datetime) -> tuple[str, ...]:
    old = set()
    for exposure in risk.of_book(book_id, quote):
        mark = risk.price(book_id, exposure.symbol)
        if exposure.is_open and (mark is None or mark.good_until_utc < now):
            old.add(exposure.symbol)
    return tuple(sorted(old))


def _ended(work: Work, risk: Risk) -> Iterable[str]:
    return (order_id for order_id in sorted(risk.open_orders) if work.order(order_id).has_ended)


def _now(work: Work, book: Book, feed_now_ms: int) -> datetime:
    """Real money goes by our clock, paper by the feed's: in a replay that is the candles' time."""
    return work.now if book.purse != PAPER else _EPOCH + timedelta(milliseconds=feed_now_ms)


def _terms(bot: Bot) -> BotTerms:
    if bot.terms is None:
        raise UnknownBot(bot_id=bot.bot_id)
    return bot.terms
