"""What a bot holds, at average cost."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal, Inexact

from application.views.changed import changed
from application.views.rows import FillRow, PositionRow
from domain.money import DEFAULT_SCALE, EXACT, ZERO, add, divide_down, multiply_down, subtract
from domain.orders.order import BUY

EXACT_SCALE = 2 * DEFAULT_SCALE
"""Places of a product of two amounts."""


def no_position(fill: FillRow) -> PositionRow:
    return PositionRow(
        bot_id=fill.bot_id,
        symbol=fill.symbol,
        owner_id=fill.owner_id,
        base_quantity=ZERO,
        cost_quote=ZERO,
        realised_quote=ZERO,
        fees_quote=ZERO,
        buys=0,
        sells=0,
        opened_at_utc=None,
        updated_at_utc=fill.traded_at_utc,
    )


def _notional(base_quantity: Decimal, price_quote_per_base: Decimal) -> Decimal:
    """Quantity × price, exact: two amounts of 18 places have a product of at most 36."""
    try:
        return EXACT.multiply(base_quantity, price_quote_per_base)
    except Inexact:  # more than 60 digits
        return multiply_down(base_quantity, price_quote_per_base, EXACT_SCALE)


def after_fill(position: PositionRow, fill: FillRow) -> PositionRow:
    """The position after one more fill.

    A fee in quote is part of what a buy costs and of what a sale brings; a fee in base is quantity that is
    gone. So once nothing is held, realised is what came in minus what went out, in quote. The share of the
    cost that a sale takes is cut to 18 places; the rest stays with what is still held, so nothing gets lost.
    """
    base, _, quote = fill.symbol.partition("/")
    base_fee = fill.fee_amount if fill.fee_asset == base else ZERO
    quote_fee = fill.fee_amount if fill.fee_asset == quote else ZERO
    fees = add(position.fees_quote, add(quote_fee, _notional(base_fee, fill.price_quote_per_base)))
    value = fill.quote_amount
    seen_at: datetime = max(position.updated_at_utc, fill.traded_at_utc)
    if fill.side == BUY:
        return changed(
            position,
            base_quantity=add(position.base_quantity, subtract(fill.base_quantity, base_fee)),
            cost_quote=add(position.cost_quote, add(value, quote_fee)),
            fees_quote=fees,
            buys=position.buys + 1,
            opened_at_utc=position.opened_at_utc or fill.traded_at_utc,
            updated_at_utc=seen_at,
        )
    gone = add(fill.base_quantity, base_fee)
    cost = _share(position.cost_quote, gone, position.base_quantity)
    proceeds = subtract(value, quote_fee)
    left = subtract(position.base_quantity, gone)
    return changed(
        position,
        base_quantity=left,
        cost_quote=subtract(position.cost_quote, cost),
        realised_quote=add(position.realised_quote, subtract(proceeds, cost)),
        fees_quote=fees,
        sells=position.sells + 1,
        opened_at_utc=position.opened_at_utc if left > ZERO else None,
        updated_at_utc=seen_at,
    )


def _share(cost: Decimal, gone: Decimal, held: Decimal) -> Decimal:
    """What `gone` of `held` had cost; all of it when nothing, or less than nothing, is left."""
    if gone >= held:
        return cost
    return divide_down(multiply_down(cost, gone, 2 * EXACT_SCALE), held, DEFAULT_SCALE)
