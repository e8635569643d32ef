"""Orders and their fills, folded the way the order itself folds (domain/orders/order.py)."""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

from application.ports.event_log import RecordedEvent
from application.ports.read_models import Rows
from application.views.changed import changed
from application.views.missing import the
from application.views.positions import after_fill, no_position
from application.views.rows import FillRow, OrderRow, PositionRow
from domain.money import ZERO, add
from domain.orders.events import (
    CancelIntended,
    OrderAccepted,
    OrderCanceled,
    OrderEvent,
    OrderFilled,
    OrderFlagged,
    OrderIntended,
    OrderPartiallyFilled,
    OrderRefused,
    OrderReviewed,
    OutcomeResolved,
    OutcomeUnknown,
)
from domain.orders.order import (
    CANCELED,
    ENDED,
    FILLED,
    INTENDED,
    PARTIALLY_FILLED,
    REFUSED,
    UNKNOWN,
    status_once_open,
)

NAMES = (
    "orders.order_intended",
    "orders.order_accepted",
    "orders.order_partially_filled",
    "orders.order_filled",
    "orders.cancel_intended",
    "orders.order_canceled",
    "orders.order_refused",
    "orders.outcome_unknown",
    "orders.outcome_resolved",
    "orders.order_flagged",
    "orders.order_reviewed",
)


def fold_order(rows: Rows, recorded: RecordedEvent, event: OrderEvent) -> None:
    if isinstance(event, OrderIntended):
        rows.put(_intended(recorded, event))
        return
    order = the(rows, OrderRow, event.client_order_id)
    version = recorded.version
    match event:
        case OrderAccepted():
            rows.put(
                changed(
                    order,
                    version=version,
                    status=status_once_open(event.venue_order_id, order.filled_base),
                    venue_order_id=event.venue_order_id,
                    updated_at_utc=event.accepted_at_utc,
                )
            )
        case OrderPartiallyFilled() | OrderFilled():
            _filled(rows, recorded, order, event)
        case CancelIntended():
            rows.put(changed(order, version=version, updated_at_utc=event.intended_at_utc))
        case OrderFlagged():
            said = f"{event.kind}: {event.detail}"
            at = event.flagged_at_utc
            rows.put(changed(order, version=version, needs_review=1, flagged_for=said, updated_at_utc=at))
        case OrderReviewed():
            rows.put(changed(order, version=version, needs_review=0, updated_at_utc=event.reviewed_at_utc))
        case OrderCanceled():
            rows.put(_became(CANCELED, order, version, event.reason, event.canceled_at_utc))
        case OrderRefused():
            rows.put(_became(REFUSED, order, version, event.reason, event.refused_at_utc))
        case OutcomeUnknown():
            rows.put(_became(UNKNOWN, order, version, event.problem, event.noticed_at_utc))
        case OutcomeResolved():
            proven = status_once_open(order.venue_order_id, order.filled_base)
            status = FILLED if event.outcome == FILLED else proven
            rows.put(_became(status, order, version, "", event.resolved_at_utc))
        case _:
            assert_never(event)


def _became(status: str, order: OrderRow, version: int, reason: str, at_utc: datetime) -> OrderRow:
    return changed(order, version=version, status=status, status_reason=reason, updated_at_utc=at_utc)


def _intended(recorded: RecordedEvent, event: OrderIntended) -> OrderRow:
    terms = event.terms
    return OrderRow(
        client_order_id=event.client_order_id,
        position=recorded.position.number,
        version=recorded.version,
        owner_id=event.owner_id,
        book_id=event.book_id,
        bot_id=event.bot_id,
        venue=event.venue,
        venue_account=event.venue_account,
        venue_order_id="",
        symbol=terms.symbol,
        side=terms.side,
        order_type=terms.order_type,
        base_quantity=terms.base_quantity,
        quote_budget=terms.quote_budget,
        limit_price=terms.limit_price,
        trigger_price=terms.trigger_price,
        time_in_force=terms.time_in_force,
        decision_price=event.decision_price,
        status=INTENDED,
        status_reason="",
        needs_review=0,
        flagged_for="",
        filled_base=ZERO,
        filled_quote=ZERO,
        fills=0,
        intended_at_utc=event.intended_at_utc,
        updated_at_utc=event.intended_at_utc,
    )


def _filled(
    rows: Rows, recorded: RecordedEvent, order: OrderRow, event: OrderPartiallyFilled | OrderFilled
) -> None:
    partly = order.status if order.status in ENDED else PARTIALLY_FILLED
    rows.put(
        changed(
            order,
            version=recorded.version,
            status=FILLED if isinstance(event, OrderFilled) else partly,
            filled_base=add(order.filled_base, event.base_quantity),
            filled_quote=add(order.filled_quote, event.quote_amount),
            fills=order.fills + 1,
            updated_at_utc=event.traded_at_utc,
        )
    )
    fill = FillRow(
        venue_account=order.venue_account,
        symbol=order.symbol,
        venue_trade_id=event.venue_trade_id,
        position=recorded.position.number,
        owner_id=order.owner_id,
        book_id=order.book_id,
        bot_id=order.bot_id,
        client_order_id=order.client_order_id,
        side=order.side,
        base_quantity=event.base_quantity,
        price_quote_per_base=event.price_quote_per_base,
        quote_amount=event.quote_amount,
        fee_asset=event.fee.asset,
        fee_amount=event.fee.amount,
        slippage_bps=event.slippage_bps,
        traded_at_utc=event.traded_at_utc,
    )
    rows.put(fill)
    if fill.bot_id:
        position = rows.get(PositionRow, fill.bot_id, fill.symbol) or no_position(fill)
        rows.put(after_fill(position, fill))
