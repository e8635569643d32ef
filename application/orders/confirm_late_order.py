"""May an order that was decided on earlier still be sent?"""

from __future__ import annotations

from dataclasses import dataclass

from application.ports.commands import Result
from application.streams import book_stream, order_stream
from application.work import Work
from domain.bots.bot import RUNNING
from domain.bots.errors import BotNotRunning
from domain.errors import DomainError
from domain.ledger.postings import bot_account
from domain.orders.errors import UnknownOrder
from domain.orders.order import INTENDED


@dataclass(frozen=True, slots=True)
class ConfirmLateOrder:
    """Asked when a venue proves that it has no such order, before the request is (again) made.

    Between decision and request the world may have changed: the guardrails are asked once more, in the order
    kill switch, account active, bot running, fresh candle. Where one trips, an order that was never sent ends
    and its hold goes back; one whose request may still be under way stays unknown, its funds held.
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
        try:
            self._require_still_wanted(work, order.owner_id, order.bot_id)
        except DomainError as tripped:
            if order.status == INTENDED:
                reason = f"not sent: {tripped}"
                work.record(order_stream(order.client_order_id), order.refuse(reason=reason, at=work.now))
                released = work.book(order.book_id).release_hold(
                    order.client_order_id, to=bot_account(order.bot_id), at=work.now
                )
                work.record(book_stream(order.book_id), released)
            return {"send": False, "status": work.order(self.client_order_id).status}
        return {"send": True, "status": order.status}

    def _require_still_wanted(self, work: Work, owner_id: str, bot_id: str) -> None:
        work.platform().require_trading()
        work.account(owner_id).require_active()
        bot = work.bot(bot_id)
        if bot.status != RUNNING:
            raise BotNotRunning(bot_id=bot_id, status=bot.status)
        bot.require_fresh(candle_open_time_ms=self.decided_on_candle_ms, feed_now_ms=self.feed_now_ms)
