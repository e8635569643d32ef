"""May an order that was decided on earlier still be sent?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from application.orders.trade_signal import require_may_trade
from application.ports.commands import Result
from application.streams import book_stream, order_stream
from application.work import Work
from domain.bots.modes import OBSERVES
from domain.errors import DomainError
from domain.kill_switch.closing import is_closing
from domain.ledger.postings import bot_account
from domain.orders.errors import UnknownOrder
from domain.orders.order import BUY, INTENDED, UNKNOWN, Order

NOT_FOUND_IS_PROOF = timedelta(minutes=5)
"""After an outcome was lost track of: longer than a lease and any request to a venue lasts."""


@dataclass(frozen=True, slots=True)
class ConfirmLateOrder:
    """Asked when a venue proves that it has no such order, before the request is (again) made.

    Between decision and request the world may have changed: it is not sent once its end is intended, and the
    guardrails are asked once more: the bot still sends orders, and then as for a signal. Where
    one trips, an order that was never sent ends and its hold goes back; one whose request may still be under
    way stays unknown, its funds held, until that is so long ago that the venue would have it.
    Refusals: unknown_order.
    """

    client_order_id: str
    decided_on_candle_ms: int
    feed_now_ms: int

    def decide(self, work: Work) -> Result:
        order = work.order(self.client_order_id)
        if not order.exists:
            raise UnknownOrder(client_order_id=self.client_order_id)
        if order.has_ended:
            return {"send": False, "status": order.status}
        why_not = self._why_not(work, order)
        if not why_not:
            return {"send": True, "status": order.status}
        if order.status == INTENDED or _is_long_unknown(order, work.now):
            reason = f"not sent: {why_not}"
            work.record(order_stream(order.client_order_id), order.refuse(reason=reason, at=work.now))
        after = work.order(self.client_order_id)
        if after.has_ended:
            released = work.book(order.book_id).release_hold(
                order.client_order_id, to=bot_account(order.bot_id), at=work.now
            )
            work.record(book_stream(order.book_id), released)
        return {"send": False, "status": after.status}

    def _why_not(self, work: Work, order: Order) -> str:
        if order.is_to_cancel:
            return "it is to be canceled"
        if is_closing(order.client_order_id):
            return ""
        bot = work.bot(order.bot_id)
        if bot.observes:  # switched back since the order was decided on
            return OBSERVES
        try:
            require_may_trade(
                work,
                bot,
                order.terms.side if order.terms is not None else BUY,
                candle_open_time_ms=self.decided_on_candle_ms,
                feed_now_ms=self.feed_now_ms,
            )
        except DomainError as tripped:
            return str(tripped)
        return ""


def _is_long_unknown(order: Order, now: datetime) -> bool:
    """Whether a request that is not at the venue by now will not arrive any more."""
    since = order.unknown_since_utc
    return order.status == UNKNOWN and since is not None and now - since > NOT_FOUND_IS_PROOF
