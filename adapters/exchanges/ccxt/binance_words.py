"""Binance's own words about an order: over its user stream, a fill at a time, and in answer to a new one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from functools import reduce

from adapters.exchanges.ccxt.exact import NonsenseAnswer, above_zero, figure, moment, word
from adapters.exchanges.ccxt.orders import CANCELED, FILLED, OPEN, REJECTED, Parsed
from application.ports.exchange import OrderReport
from domain.money import EXACT, ZERO, AmountOutOfRange, Money, add
from domain.orders.errors import InvalidFill
from domain.orders.order import Fill, require_possible

_STATUS = {
    "NEW": OPEN,
    "PENDING_NEW": OPEN,
    "PARTIALLY_FILLED": OPEN,
    "PENDING_CANCEL": OPEN,
    "FILLED": FILLED,
    "CANCELED": CANCELED,
    "EXPIRED": CANCELED,
    "EXPIRED_IN_MATCH": CANCELED,
    "REJECTED": REJECTED,
}


def order_report(message: Mapping[str, object], quote: str) -> OrderReport:
    """An executionReport; raises NonsenseAnswer. A cancel has an id of its own: the order's stands beside it.

    `quote`: the market's, of a fee that there was none of.
    """
    raw = word(message.get("X"), "status")
    if raw not in _STATUS:
        raise NonsenseAnswer(f"status is {raw[:40]!r}")
    original = message.get("C")
    client_id = original if isinstance(original, str) and original not in ("", "null") else message.get("c")
    if not isinstance(client_id, str) or len(client_id) > 128:
        raise NonsenseAnswer("no client order id")
    status = _STATUS[raw]
    return OrderReport(
        client_order_id=client_id,  # "" of an order that somebody placed without one
        venue_order_id=_number(message.get("i"), "order id"),
        status=status,
        fills=_fill(message, quote),
        reason=_why(raw) if status in (CANCELED, REJECTED) else "",
        filled_base=figure(message.get("z"), "filled quantity"),
    )


def fills_at_once(order: Parsed, quote: str) -> tuple[Fill, ...] | None:
    """What a new order matched as it came, where the answer to it tells (newOrderRespType FULL).

    `order`: the answer as ccxt parsed it. None unless its fills are all of what was matched, to the last
    unit: then the trades must be asked for. Raises NonsenseAnswer.
    """
    info = order.get("info")
    told = info.get("fills") if isinstance(info, dict) else None
    if not isinstance(info, dict) or not isinstance(told, list):
        return None
    at = moment(order.get("timestamp"), "time of an order")
    fills = [_matched(one, quote, at) for one in told]
    sums = (
        ("executedQty", [fill.base_quantity for fill in fills]),
        ("cummulativeQuoteQty", [fill.quote_amount for fill in fills]),
    )
    try:
        is_all = all(reduce(add, parts, ZERO) == figure(info.get(whole), whole) for whole, parts in sums)
    except AmountOutOfRange:
        return None
    return tuple(fills) if is_all else None


def _matched(told: object, quote: str, at: datetime) -> Fill:
    if not isinstance(told, dict):
        raise NonsenseAnswer("a fill that is none")
    quantity, price = above_zero(told.get("qty"), "quantity"), above_zero(told.get("price"), "price")
    fill = Fill(
        venue_trade_id=_number(told.get("tradeId"), "trade id"),
        base_quantity=quantity,
        price_quote_per_base=price,
        quote_amount=_product(quantity, price),
        fee=_fee(told.get("commission"), told.get("commissionAsset"), quote),
        traded_at_utc=at,
    )
    return _possible(fill)


def _fill(message: Mapping[str, object], quote: str) -> tuple[Fill, ...]:
    """The match it tells of, if it does."""
    if message.get("x") != "TRADE" or not figure(message.get("l"), "quantity"):
        return ()
    fill = Fill(
        venue_trade_id=_number(message.get("t"), "trade id"),
        base_quantity=above_zero(message.get("l"), "quantity"),
        price_quote_per_base=above_zero(message.get("L"), "price"),
        quote_amount=_quote_amount(message),
        fee=_fee(message.get("n"), message.get("N"), quote),
        traded_at_utc=moment(message.get("T"), "time of a trade"),
    )
    return (_possible(fill),)


def _possible(fill: Fill) -> Fill:
    try:
        require_possible(fill)
    except InvalidFill as e:
        raise NonsenseAnswer(str(e)) from e
    return fill


def _fee(amount: object, asset: object, quote: str) -> Money:
    fee = figure(amount, "fee", negative=True)
    return Money(fee, word(asset, "asset of a fee")) if fee or asset else Money(ZERO, quote)


def _quote_amount(message: Mapping[str, object]) -> Decimal:
    """As the venue booked it; the exact product where it does not tell."""
    if message.get("Y") is not None:
        return figure(message["Y"], "quote amount")
    return _product(figure(message.get("l"), "quantity"), figure(message.get("L"), "price"))


def _product(quantity: Decimal, price: Decimal) -> Decimal:
    try:
        return EXACT.multiply(quantity, price)
    except ArithmeticError as e:
        raise NonsenseAnswer("a quantity and a price of too many digits") from e


def _number(raw: object, name: str) -> str:
    if isinstance(raw, bool) or not isinstance(raw, int) or not 0 <= raw < 10**20:
        raise NonsenseAnswer(f"{name} is no number of the venue's")
    return str(raw)


def _why(status: str) -> str:
    """As a report that was asked for words it."""
    return f"the venue says {status.lower()}"
