"""An order asks for a person's eye, and gets it."""

from __future__ import annotations

from dataclasses import dataclass

from application.ports.commands import Result
from application.streams import order_stream
from application.work import Work


@dataclass(frozen=True, slots=True)
class FlagOrder:
    """Something about an order is to be looked at; see OrderFlagged. Refusals: unknown_order."""

    client_order_id: str
    kind: str
    detail: str

    def decide(self, work: Work) -> Result:
        flagged = work.order(self.client_order_id).flag(self.kind, self.detail, at=work.now)
        work.record(order_stream(self.client_order_id), flagged)
        return {"client_order_id": self.client_order_id, "needs_review": True}


@dataclass(frozen=True, slots=True)
class ReviewOrder:
    """A person says what came of an order that was flagged. Refusals: unknown_order, invalid_value."""

    client_order_id: str
    reason: str
    by: str

    def decide(self, work: Work) -> Result:
        reviewed = work.order(self.client_order_id).review(reason=self.reason, by=self.by, at=work.now)
        work.record(order_stream(self.client_order_id), reviewed)
        return {"client_order_id": self.client_order_id, "needs_review": False}
