"""What the paper venue checks before it takes an order: the same things a real venue checks."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import Decimal

from adapters.exchanges.paper.matching import EPOCH, lock_of_limit_buy
from adapters.exchanges.paper.terms import fits
from application.ports.exchange import OrderRequest, VenueRefused
from application.ports.paper_accounts import CLOSE, PaperTerms
from domain.errors import DomainError
from domain.market import Candle, parse_symbol
from domain.money import AmountOutOfRange, floor_to_step, multiply_down, text
from domain.orders.events import OrderTerms
from domain.orders.order import BUY, GTC, LIMIT, MARKET, require_coherent

LONGEST_ID = 64
_CLIENT_ORDER_ID = re.compile(rf"[A-Za-z0-9_.:-]{{1,{LONGEST_ID}}}", re.ASCII)


def require_symbol(symbol: str) -> None:
    """Every pair of two assets is listed. Raises VenueRefused for what is none."""
    try:
        parse_symbol(symbol)
    except DomainError as e:
        raise VenueRefused(f"not listed: {e}") from e


def milliseconds(at: datetime) -> int:
    """UTC milliseconds since the epoch, cut. Raises VenueRefused for a time without a zone."""
    if at.tzinfo is None:
        raise VenueRefused("sent_at_utc has no time zone")
    return (at - EPOCH) // timedelta(milliseconds=1)


def require_acceptable(request: OrderRequest, terms: PaperTerms, last: Candle | None) -> Decimal:
    """What the order locks: quote on a buy, base on a sell. `last` is the candle of its symbol shown last.

    Raises VenueRefused. Checked in this order: ids and times, symbol, coherence, time in force, digits, tick,
    lot, least notional, a price to fill at.
    """
    if not _CLIENT_ORDER_ID.fullmatch(request.client_order_id):
        raise VenueRefused(
            f"client order id must have 1 to {LONGEST_ID} of the characters A-Z a-z 0-9 _ . : -"
        )
    milliseconds(request.sent_at_utc)
    order = request.terms
    require_symbol(order.symbol)
    for name in ("base_quantity", "quote_budget", "limit_price"):
        amount = getattr(order, name)
        if amount is not None and not fits(amount):
            raise VenueRefused(f"{name} {amount} must have at most 18 digits before and after the point")
    try:
        require_coherent(order)
        _require_filters(order, terms, last)
        return _lock(order, terms)
    except (DomainError, AmountOutOfRange) as e:
        raise VenueRefused(str(e)) from e


def _require_filters(order: OrderTerms, terms: PaperTerms, last: Candle | None) -> None:
    if order.order_type not in (MARKET, LIMIT):
        raise VenueRefused(f"order type {order.order_type!r} is not offered, {MARKET} and {LIMIT} are")
    if order.time_in_force != GTC:
        raise VenueRefused(f"time in force {order.time_in_force!r} is not offered, {GTC} is")
    price, quantity = order.limit_price, order.base_quantity
    if price is not None and terms.tick_size and floor_to_step(price, terms.tick_size) != price:
        raise VenueRefused(f"price {text(price)} is not a multiple of the tick {text(terms.tick_size)}")
    if quantity is not None and terms.lot_size and floor_to_step(quantity, terms.lot_size) != quantity:
        raise VenueRefused(f"quantity {text(quantity)} is not a multiple of the lot {text(terms.lot_size)}")
    if order.side == BUY and quantity is not None and _places(quantity) > terms.base_scale:
        raise VenueRefused(f"quantity {text(quantity)} is finer than {terms.base_scale} decimal places")
    notional = order.quote_budget
    reference = price if price is not None else last.close if last is not None else None
    if quantity is not None and reference is not None:
        notional = multiply_down(quantity, reference, terms.quote_scale)
    if notional is not None and notional < terms.min_notional:
        raise VenueRefused(f"worth {text(notional)}, the least notional is {text(terms.min_notional)}")
    if order.order_type == MARKET and terms.fill_convention == CLOSE and last is None:
        raise VenueRefused(f"no candle of {order.symbol} has been shown yet, so there is no close to fill at")


def _lock(order: OrderTerms, terms: PaperTerms) -> Decimal:
    if order.quote_budget is not None:
        return order.quote_budget
    if order.base_quantity is None:
        raise VenueRefused("an order needs a base_quantity or a quote_budget")
    if order.side == BUY and order.order_type == LIMIT and order.limit_price is not None:
        return lock_of_limit_buy(order.base_quantity, order.limit_price, terms)
    return order.base_quantity


def _places(amount: Decimal) -> int:
    return len(text(amount).partition(".")[2])
