"""What fills and the ends of orders mean for risk, counted in the append that books them."""

from __future__ import annotations

from application.risk.entries import mark_equity, mark_of, pause_after_losses
from application.streams import risk_stream
from application.work import Work
from domain.ledger.book import PAPER, Settlement
from domain.market import interval_ms
from domain.money import ZERO, add, divide_down, negate
from domain.orders.order import BUY, Order
from domain.risk.events import FillCounted

_PRICE_SCALE = 18


def count_fill(work: Work, order: Order, booked: Settlement) -> None:
    """Count one fill that was just booked. A fee in a third asset is left out, as in performance."""
    book = work.book(order.book_id)
    if not work.risk(order.owner_id).follows(book.purse):
        return
    bot = work.bot(order.bot_id)
    if order.terms is None or bot.terms is None:
        return
    base, _, quote = order.terms.symbol.partition("/")
    change = {base: ZERO, quote: ZERO}
    for amount, sign in (
        (booked.received, 1),
        (booked.paid, -1),
        (booked.venue_fee, -1),
        (booked.platform_fee, -1),
    ):
        if amount.asset in change:
            figure = amount.amount if sign > 0 else negate(amount.amount)
            change[amount.asset] = add(change[amount.asset], figure)
    counted = FillCounted(
        client_order_id=order.client_order_id,
        bot_id=order.bot_id,
        book_id=order.book_id,
        purse=book.purse,
        symbol=order.terms.symbol,
        base_change=change[base],
        quote_change=change[quote],
        traded_at_utc=booked.traded_at_utc,
    )
    work.record(risk_stream(order.owner_id), [counted])
    in_base, in_quote = (
        (booked.received, booked.paid) if order.terms.side == BUY else (booked.paid, booked.received)
    )
    traded_ms = int(booked.traded_at_utc.timestamp()) * 1000
    closed_ms = traded_ms - interval_ms(bot.terms.interval)
    price = divide_down(in_quote.amount, in_base.amount, _PRICE_SCALE)
    now = booked.traded_at_utc if book.purse == PAPER else work.now
    mark_equity(work, bot, {order.terms.symbol: mark_of(price, closed_ms, bot.terms.interval)}, now)


def count_end(work: Work, order: Order) -> None:
    """The order has ended: count what its sale came to, and pause a bot that lost too often in a row."""
    risk = work.risk(order.owner_id)
    counted = risk.count_trade(order.client_order_id, bot_id=order.bot_id, at=work.now)
    if counted:
        work.record(risk_stream(order.owner_id), counted)
        pause_after_losses(work, order.bot_id)
