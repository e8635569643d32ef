"""Orders, trades and balances as ccxt parses them, made ours: exact, checked, or refused as nonsense.

The client's numbers are text (`client.number = str`), so that every figure here is what the venue wrote, or
an exact product of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from adapters.exchanges.ccxt.exact import (
    NonsenseAnswer,
    above_zero,
    figure,
    moment,
    synthetic_trade_id,
    word,
)
from application.ports.exchange import AccountTrade, OpenOrder, OrderReport, VenueBalance
from domain.money import ZERO, Money, subtract
from domain.orders.errors import InvalidFill
from domain.orders.order import BUY, SELL, Fill, require_possible

OPEN, FILLED, CANCELED, REJECTED = "open", "filled", "canceled", "rejected"
_STATUS = {
    "open": OPEN,
    "canceling": OPEN,
    "closed": FILLED,
    "canceled": CANCELED,
    "expired": CANCELED,
    "rejected": REJECTED,
}
Parsed = Mapping[str, Any]


def report_of(order: Parsed, trades: Sequence[AccountTrade], client_order_id: str) -> OrderReport:
    """What the venue says of an order; raises NonsenseAnswer."""
    said = order.get("clientOrderId")
    if said is not None and said != client_order_id:
        raise NonsenseAnswer("the answer is about another order")
    raw = word(order.get("status"), "status")
    status = _STATUS.get(raw)
    if status is None:
        raise NonsenseAnswer(f"status is {raw[:40]!r}")
    if status != OPEN and order.get("filled") is None:  # what was matched before it ended is not told
        raise NonsenseAnswer("an order that has ended, and nothing of how much of it was matched")
    filled, amount = filled_of(order), order.get("amount")
    # a market order's amount may be told in quote
    whole = figure(amount, "amount") if order.get("type") == "limit" and amount is not None else ZERO
    if status == FILLED and (not filled or filled < whole):
        raise NonsenseAnswer("an order that is neither open, nor filled, nor canceled")
    return OrderReport(
        client_order_id=client_order_id,
        venue_order_id=word(order.get("id"), "order id"),
        status=status,
        fills=tuple(trade.fill for trade in trades),
        reason=_why(order, raw) if status in (CANCELED, REJECTED) else "",
        filled_base=filled,
    )


def open_order_of(order: Parsed, trades: Sequence[AccountTrade]) -> OpenOrder:
    """One of whoever's open orders; an order without a client id keeps an empty one."""
    said = order.get("clientOrderId")
    amount, price = order.get("amount"), order.get("price")
    return OpenOrder(
        report=report_of(order, trades, said if isinstance(said, str) else ""),
        symbol=word(order.get("symbol"), "symbol"),
        side=_side(order),
        base_quantity=None if amount is None else figure(amount, "amount"),
        limit_price=None if price is None else (figure(price, "price") or None),
    )


def filled_of(order: Parsed) -> Decimal:
    """What the venue matched of it in all."""
    filled = order.get("filled")
    return ZERO if filled is None else figure(filled, "filled quantity")


def trade_of(trade: Parsed, symbol: str) -> AccountTrade:
    """One match; raises NonsenseAnswer."""
    quote = symbol.partition("/")[2]
    if trade.get("symbol") not in (None, symbol):
        raise NonsenseAnswer("the answer is about another market")
    order_id, side = word(trade.get("order"), "order id"), _side(trade)
    quantity, price = above_zero(trade.get("amount"), "quantity"), above_zero(trade.get("price"), "price")
    at = moment(trade.get("timestamp"), "time of a trade")
    trade_id = trade.get("id") or synthetic_trade_id(order_id, side, quantity, price, trade.get("timestamp"))
    fill = Fill(
        venue_trade_id=word(trade_id, "trade id"),
        base_quantity=quantity,
        price_quote_per_base=price,
        quote_amount=figure(trade.get("cost"), "quote amount"),
        fee=_fee(trade, quote),
        traded_at_utc=at,
    )
    try:
        require_possible(fill)
    except InvalidFill as e:
        raise NonsenseAnswer(str(e)) from e
    client_id = trade.get("clientOrderId")
    return AccountTrade(
        fill=fill,
        symbol=symbol,
        side=side,
        venue_order_id=order_id,
        client_order_id=client_id if isinstance(client_id, str) else "",
    )


def trades_of(raw: object, symbol: str) -> Sequence[AccountTrade]:
    """Oldest first by the venue's time."""
    if not isinstance(raw, list):
        raise NonsenseAnswer("no list of trades")
    trades = [trade_of(one, symbol) for one in raw]
    return sorted(trades, key=lambda trade: (trade.fill.traded_at_utc, _by_number(trade.fill.venue_trade_id)))


def oldest_first(orders: object) -> list[Parsed]:
    """By the venue's time, and by its ids within a millisecond."""
    if not isinstance(orders, list) or not all(isinstance(order, dict) for order in orders):
        raise NonsenseAnswer("no list of orders")
    return sorted(orders, key=lambda order: (order.get("timestamp") or 0, _by_number(str(order.get("id")))))


def balances_of(answer: object, key: str) -> Mapping[str, VenueBalance]:
    """By asset, of those that there is something of; raises NonsenseAnswer.

    `key` is where the venue's own answer has them: without it, an answer about nothing would be an account
    with nothing in it.
    """
    if not isinstance(answer, dict) or not isinstance(answer.get("total"), dict):
        raise NonsenseAnswer("no balances")
    told = answer.get("info")
    if key:
        told = told.get(key) if isinstance(told, dict) else None
    if not isinstance(told, list | dict) or not all(isinstance(one, dict | str) for one in told):
        raise NonsenseAnswer("no balances")
    found = {}
    for asset in answer["total"]:
        parts = answer.get(asset)
        if not isinstance(parts, dict):
            raise NonsenseAnswer(f"no balance of {asset[:20]!r}")
        free, used, total = (parts.get(name) for name in ("free", "used", "total"))
        exact_free = figure(free, f"free {asset}") if free is not None else ZERO
        if used is not None:
            locked = figure(used, f"locked {asset}")
        else:
            locked = ZERO if total is None else subtract(figure(total, f"total {asset}"), exact_free)
        if locked < 0:
            raise NonsenseAnswer(f"locked {asset} is below zero")
        if exact_free or locked:
            found[word(asset, "asset")] = VenueBalance(exact_free, locked)
    return found


def _fee(trade: Parsed, quote: str) -> Money:
    """What the venue charged for one match: positive cost us, negative is a rebate."""
    fees = [fee for fee in (trade.get("fees") or [trade.get("fee")]) if fee and fee.get("cost") is not None]
    if not fees:
        return Money(ZERO, quote)
    if len(fees) > 1:
        raise NonsenseAnswer("a trade with fees in several assets")
    return Money(
        figure(fees[0]["cost"], "fee", negative=True), word(fees[0].get("currency"), "asset of a fee")
    )


def _side(parsed: Parsed) -> str:
    side = parsed.get("side")
    if side not in (BUY, SELL):
        raise NonsenseAnswer("neither buy nor sell")
    return str(side)


def _why(order: Parsed, status: str) -> str:
    info = order.get("info")
    raw = info.get("status") if isinstance(info, dict) else None
    return f"the venue says {str(raw or status).lower()[:40]}"


def _by_number(text: str) -> tuple[int, str]:
    return (int(text), "") if text.isascii() and text.isdigit() and len(text) < 40 else (0, text)
