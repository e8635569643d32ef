"""What the worker does for a bot, step by step: a signal, the venue's fill, the report."""

from __future__ import annotations

from decimal import Decimal

from application.orders.record_report import RecordReport
from application.orders.trade_signal import TradeSignal
from application.ports.candle_store import Series
from application.ports.exchange import OrderRequest
from application.streams import bot_stream, order_stream
from domain.market import Candle
from domain.orders.order import Order
from tests.adapters.http.stack import Stack

HOUR_MS = 3_600_000


def candle(number: int, price: str) -> Candle:
    """The candle of that hour, flat at one price."""
    at = Decimal(price)
    return Candle(number * HOUR_MS, at, at, at, at, Decimal(1000))


def intend(stack: Stack, bot_id: str, side: str, number: int, price: str) -> OrderRequest:
    """The bot signals on one candle: its order and the hold are in the log, and not at the venue yet."""
    bot = stack.services.log.load(bot_stream(bot_id)).state
    now_ms = (number + 1) * HOUR_MS
    market = stack.venue.market(bot.venue_account, bot.terms.symbol)
    signal = TradeSignal(bot_id, side, number * HOUR_MS, Decimal(price), "test", now_ms, market, "paper")
    placed = stack.command(signal).unwrap()
    client_order_id = str(placed["client_order_id"])
    order: Order = stack.services.log.load(order_stream(client_order_id)).state
    assert order.terms is not None, placed
    return OrderRequest(
        client_order_id=client_order_id,
        venue_account=bot.venue_account,
        terms=order.terms,
        sent_at_utc=stack.clock.now(),
    )


def trade(stack: Stack, bot_id: str, side: str, number: int, price: str) -> str:
    """The bot signals on one candle and is filled at the next one's open; its client order id."""
    request = intend(stack, bot_id, side, number, price)
    client_order_id = request.client_order_id
    bot = stack.services.log.load(bot_stream(bot_id)).state
    stack.command(RecordReport(stack.venue.submit(request))).unwrap()
    following = candle(number + 1, price)
    stack.venue.show(bot.terms.source, bot.terms.symbol, bot.terms.interval, following)
    stack.candles.save(Series(bot.terms.source, bot.terms.symbol, bot.terms.interval), [following])
    stack.command(
        RecordReport(stack.venue.report(bot.venue_account, bot.terms.symbol, client_order_id))
    ).unwrap()
    return client_order_id
