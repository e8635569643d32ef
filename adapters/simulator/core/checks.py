"""What an order must look like, and the filters it must pass, before anybody's money is looked at.

In this order, as Binance answers: side and type, parameters that are missing or too many, time in force,
precision, then the symbol's filters.
"""

from __future__ import annotations

import re
from decimal import Decimal

from adapters.simulator.core.errors import Rejected, illegal, missing, not_required
from adapters.simulator.core.orders import (
    AT_MARKET,
    BUY,
    FOK,
    GTC,
    IOC,
    LIMIT,
    LIMIT_MAKER,
    MARKET,
    ORDER_TYPES,
    SELL,
    STOP_LOSS,
    STOP_LOSS_LIMIT,
    TAKE_PROFIT,
    TAKE_PROFIT_LIMIT,
    NewOrder,
)
from adapters.simulator.core.symbols import Symbol
from domain.money import ZERO

_NEEDS: dict[str, frozenset[str]] = {
    LIMIT: frozenset({"timeInForce", "quantity", "price"}),
    LIMIT_MAKER: frozenset({"quantity", "price"}),
    MARKET: frozenset(),
    STOP_LOSS: frozenset({"quantity", "stopPrice"}),
    STOP_LOSS_LIMIT: frozenset({"timeInForce", "quantity", "price", "stopPrice"}),
    TAKE_PROFIT: frozenset({"quantity", "stopPrice"}),
    TAKE_PROFIT_LIMIT: frozenset({"timeInForce", "quantity", "price", "stopPrice"}),
}
_MAY: dict[str, frozenset[str]] = {MARKET: frozenset({"quantity", "quoteOrderQty"})}
LEGAL_ID = r"^[\.A-Z\:/a-z0-9_-]{1,36}$"
_CLIENT_ID = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}", re.ASCII)


def check_client_id(client_order_id: str | None, parameter: str = "newClientOrderId") -> None:
    if client_order_id is not None and not _CLIENT_ID.fullmatch(client_order_id):
        raise illegal(parameter, LEGAL_ID)


def check_composition(order: NewOrder) -> None:
    """The right parameters for its type, neither too few nor too many."""
    if order.side not in (BUY, SELL):
        raise Rejected(-1117, "Invalid side.")
    if order.type not in ORDER_TYPES:
        raise Rejected(-1116, "Invalid orderType.")
    check_client_id(order.client_order_id)
    sent = {
        "timeInForce": order.time_in_force,
        "quantity": order.quantity,
        "quoteOrderQty": order.quote_order_quantity,
        "price": order.price,
        "stopPrice": order.stop_price,
    }
    needed = _NEEDS[order.type]
    allowed = needed | _MAY.get(order.type, frozenset())
    for name, value in sent.items():
        if value is None and name in needed:
            raise missing(name)
        if value is not None and name not in allowed:
            raise not_required(name)
    if order.type == MARKET:
        _check_one_quantity(order)
    if order.time_in_force not in (None, GTC, IOC, FOK):
        raise Rejected(-1115, "Invalid timeInForce.")


def _check_one_quantity(order: NewOrder) -> None:
    if order.quantity is None and order.quote_order_quantity is None:
        raise missing("quantity")
    if order.quantity is not None and order.quote_order_quantity is not None:
        raise Rejected(-1128, "Combination of optional parameters invalid.")


def check_filters(order: NewOrder, symbol: Symbol, last_price: Decimal) -> None:
    """Precision, then PRICE_FILTER, PERCENT_PRICE, LOT_SIZE, MARKET_LOT_SIZE and NOTIONAL."""
    symbol.check_scale(
        quantity=order.quantity,
        quoteOrderQty=order.quote_order_quantity,
        price=order.price,
        stopPrice=order.stop_price,
    )
    if order.price is not None:
        symbol.check_price(order.price, last_price)
    if order.stop_price is not None:
        symbol.check_price(order.stop_price, ZERO)
    market = order.type in AT_MARKET
    if order.quote_order_quantity is not None:
        symbol.check_notional(order.quote_order_quantity, market=market)
        return
    quantity = order.quantity or ZERO  # check_composition saw to it that there is one
    symbol.check_quantity(quantity, market=market)
    price = order.price or order.stop_price or last_price
    if price:
        symbol.check_notional(price * quantity, market=market)
