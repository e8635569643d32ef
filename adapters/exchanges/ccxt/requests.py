"""Our terms of an order, in ccxt's words. What a venue would refuse for sure is not sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from adapters.exchanges.ccxt.profiles import VenueProfile
from application.ports.exchange import Guarantees, VenueRefused
from domain.market import Market
from domain.money import ZERO, divide_down, floor_to_step, multiply_down, text
from domain.orders.errors import InvalidOrder
from domain.orders.events import OrderTerms
from domain.orders.order import (
    AT_A_LIMIT,
    BUY,
    GTC,
    POST_ONLY,
    STOP,
    STOP_LIMIT,
    TRIGGERED,
    require_coherent,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CcxtOrder:
    """The arguments of create_order. Figures are text: ccxt is told them, and must not touch them."""

    symbol: str
    order_type: str  # market or limit
    side: str
    amount: str | None
    price: str | None
    params: dict[str, object] = field(default_factory=dict)


def ccxt_order(
    terms: OrderTerms, client_order_id: str, market: Market, profile: VenueProfile, taker_fee_rate: Decimal
) -> CcxtOrder:
    """Of terms that the venue takes, see require_takeable. VenueRefused: the budget is too small to spend."""
    params: dict[str, object] = {profile.client_id_param: client_order_id}
    if terms.time_in_force == POST_ONLY:
        params["postOnly"] = True
    elif terms.time_in_force != GTC:
        params["timeInForce"] = terms.time_in_force
    if terms.order_type in TRIGGERED:
        params[profile.stop_param if terms.order_type in (STOP, STOP_LIMIT) else "takeProfitPrice"] = _text(
            terms.trigger_price
        )
    if terms.quote_budget is not None:
        params["cost"] = text(_to_spend(terms.quote_budget, market, profile, taker_fee_rate))
    return CcxtOrder(
        symbol=terms.symbol,
        order_type="limit" if terms.order_type in AT_A_LIMIT else "market",
        side=terms.side,
        amount=_text(terms.base_quantity),
        price=_text(terms.limit_price),
        params=params,
    )


def _to_spend(budget: Decimal, market: Market, profile: VenueProfile, taker_fee_rate: Decimal) -> Decimal:
    """What a market buy is told to spend: less the fee, where that comes on top in the same asset."""
    rate = ZERO if profile.buys_pay_fee_in_base else max(taker_fee_rate, ZERO)
    spend = divide_down(budget, 1 + rate, market.quote_scale)
    if spend <= 0:
        raise VenueRefused(f"a budget of {text(budget)} {market.quote} is too small to spend")
    return spend


def require_takeable(terms: OrderTerms, guarantees: Guarantees, market: Market) -> None:
    """Raises VenueRefused for terms that the venue takes from nobody: nothing is sent."""
    try:
        require_coherent(terms)
    except InvalidOrder as e:
        raise VenueRefused(str(e)) from e
    if terms.order_type not in guarantees.order_types:
        known = ", ".join(sorted(guarantees.order_types))
        raise VenueRefused(f"the venue takes no {terms.order_type} orders; it takes {known}")
    if terms.time_in_force not in guarantees.times_in_force:
        known = ", ".join(sorted(guarantees.times_in_force))
        raise VenueRefused(f"the venue takes no {terms.time_in_force} orders; it takes {known}")
    _require_step(terms.base_quantity, market.lot_size, "base_quantity", "the lot")
    _require_step(terms.limit_price, market.tick_size, "limit_price", "the tick")
    _require_step(terms.trigger_price, market.tick_size, "trigger_price", "the tick")
    quantity, price = terms.base_quantity, terms.limit_price
    if quantity is not None and market.max_quantity and quantity > market.max_quantity:
        raise VenueRefused(f"base_quantity {text(quantity)} is above the most, {text(market.max_quantity)}")
    at_once = market.most_at_the_market
    if quantity is not None and terms.order_type not in AT_A_LIMIT and at_once and quantity > at_once:
        raise VenueRefused(f"base_quantity {text(quantity)} is above the most at once, {text(at_once)}")
    notional = terms.quote_budget
    if quantity is not None and price is not None:
        notional = multiply_down(quantity, price, 18)
    if notional is not None and market.min_notional and notional < market.min_notional:
        side = "budget" if terms.side == BUY and terms.quote_budget is not None else "notional"
        raise VenueRefused(f"a {side} of {text(notional)} is below the least, {text(market.min_notional)}")


def _require_step(value: Decimal | None, step: Decimal, name: str, of: str) -> None:
    if value is not None and step and floor_to_step(value, step) != value:
        raise VenueRefused(f"{name} {text(value)} is no multiple of {of}, {text(step)}")


def _text(value: Decimal | None) -> str | None:
    return None if value is None else text(value)
