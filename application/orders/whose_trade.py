"""Which of our orders a venue's trade is of."""

from __future__ import annotations

from datetime import timedelta

from application.orders.not_found import CLOCKS_DIFFER
from application.ports.exchange import AccountTrade
from application.ports.read_models import ReadModels
from application.views.rows import OrderRow
from domain.orders.order import Order

OVERLAP = timedelta(minutes=5)
"""From how long before the newest known trade: late ones are listed by their own time."""


def order_id_of(views: ReadModels, venue_account: str, trade: AccountTrade) -> str:
    """Our id of the order, where the venue tells it or the order is known by the venue's; else empty."""
    if trade.client_order_id or not trade.venue_order_id:
        return trade.client_order_id
    known = views.where(OrderRow, venue_account=venue_account, venue_order_id=trade.venue_order_id)
    return known[0].client_order_id if known else ""


def may_be_of(views: ReadModels, trade: AccountTrade, order: Order) -> bool:
    """Whether a trade cannot be excluded to be a fill of that order, which the venue never showed."""
    if order_id := order_id_of(views, order.venue_account, trade):
        return order_id == order.client_order_id
    if order.terms is None or order.intended_at_utc is None:
        return False
    is_after = trade.fill.traded_at_utc >= order.intended_at_utc - CLOCKS_DIFFER
    return trade.side == order.terms.side and is_after
