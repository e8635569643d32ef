"""An order's end is asked for: the intent is stored first, and only the venue's report ends the order."""

from __future__ import annotations

from dataclasses import dataclass

from application.orders.trade_signal import require_may_trade
from application.ports.commands import Result
from application.streams import order_stream
from application.work import Work
from domain.errors import DomainError


@dataclass(frozen=True, slots=True)
class IntendCancel:
    """The order's run is over, so what is open of it is to end. Refusals: unknown_order."""

    client_order_id: str
    reason: str

    def decide(self, work: Work) -> Result:
        order = work.order(self.client_order_id)
        intended = order.intend_cancel(reason=self.reason, candle_open_time_ms=None, at=work.now)
        work.record(order_stream(self.client_order_id), intended)
        after = work.order(self.client_order_id)
        return {"cancel": after.is_to_cancel and not after.has_ended, "status": after.status}


@dataclass(frozen=True, slots=True)
class MakeWay:
    """A signal wants the opposite of the order that is still open: what is open of that is to end first.

    It is not when the signal would not be traded: where a guardrail of TradeSignal trips, the order lives on.
    Refusals: unknown_order.
    """

    client_order_id: str
    side: str  # of the signal
    candle_open_time_ms: int
    feed_now_ms: int

    def decide(self, work: Work) -> Result:
        order = work.order(self.client_order_id)
        try:
            require_may_trade(
                work,
                work.bot(order.bot_id),
                self.side,
                candle_open_time_ms=self.candle_open_time_ms,
                feed_now_ms=self.feed_now_ms,
            )
        except DomainError:
            return {"cancel": False, "status": order.status}
        intended = order.intend_cancel(
            reason=f"makes way for a {self.side}", candle_open_time_ms=self.candle_open_time_ms, at=work.now
        )
        work.record(order_stream(self.client_order_id), intended)
        after = work.order(self.client_order_id)
        return {"cancel": after.is_to_cancel and not after.has_ended, "status": after.status}
