"""An order asks for a person's eye, and gets it."""

from __future__ import annotations

from dataclasses import dataclass

from application.ports.commands import Result
from application.streams import book_stream, order_stream
from application.work import Work
from domain.ledger.postings import bot_account


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
    """A person says what came of an order that was flagged.

    `never_opened`: they looked at the venue and it never had the order, which nothing else can prove there:
    it ends, and its hold goes back. A fill that comes all the same is booked, as after every end.
    Refusals: unknown_order, invalid_value (no reason; never_opened of an order that is not in doubt).
    """

    client_order_id: str
    reason: str
    by: str
    never_opened: bool = False

    def decide(self, work: Work) -> Result:
        if self.never_opened:
            self._end(work)
        reviewed = work.order(self.client_order_id).review(reason=self.reason, by=self.by, at=work.now)
        work.record(order_stream(self.client_order_id), reviewed)
        return {"client_order_id": self.client_order_id, "needs_review": False}

    def _end(self, work: Work) -> None:
        order = work.order(self.client_order_id)
        ended = order.never_opened(reason=self.reason, by=self.by, at=work.now)
        work.record(order_stream(self.client_order_id), ended)
        released = work.book(order.book_id).release_hold(
            order.client_order_id, to=bot_account(order.bot_id), at=work.now
        )
        work.record(book_stream(order.book_id), released)
