"""A venue says that it has no such order: when that is proof, and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from application.ports.commands import Result
from application.ports.exchange import Guarantees
from application.streams import book_stream, order_stream
from application.work import Work
from domain.ledger.postings import bot_account
from domain.orders.errors import UnknownOrder
from domain.orders.order import NO_PROOF, Order

REQUEST_LASTS = timedelta(seconds=5)
"""From an order's intent on; its one request is signed to be refused by the venue after that."""

CLOCKS_DIFFER = timedelta(seconds=2)
"""By how much a venue's clock, and another process's, may differ from ours."""

PATIENCE = timedelta(minutes=1)
"""How long an order may be in doubt, beyond what is proof, before a person is asked to look."""


def expires_at(intended_at_utc: datetime) -> datetime:
    """When the one request of an order is over. Derived from the intent, whoever sends it, so that it can be
    known by whoever recovers it.
    """
    return intended_at_utc + REQUEST_LASTS


def is_proof(intended_at_utc: datetime, asked_at_utc: datetime, guarantees: Guarantees) -> bool:
    """Whether "not found", asked at that moment and with an empty trade history, proves that the order never
    was and never will be: no request of it can arrive any more, and an order would be visible by now.
    """
    over = expires_at(intended_at_utc) + CLOCKS_DIFFER + guarantees.not_found_after
    return guarantees.requests_expire and asked_at_utc > over


@dataclass(frozen=True, slots=True)
class RecordNotFound:
    """What "not found" makes of an order (safety §3 #6, #7). It is never sent again.

    With proof an order that no venue ever showed ends, and its hold goes back. Without proof its outcome is
    unknown and its funds stay held; after PATIENCE a person is asked, and at once where the venue had shown
    the order before. Refusals: unknown_order.
    """

    client_order_id: str
    asked_at_utc: datetime
    has_trades: bool  # the account's trades name the order all the same
    guarantees: Guarantees

    def decide(self, work: Work) -> Result:
        order = work.order(self.client_order_id)
        if not order.exists or order.intended_at_utc is None:
            raise UnknownOrder(client_order_id=self.client_order_id)
        if not order.has_ended:
            self._judge(work, order, order.intended_at_utc)
        return {"client_order_id": self.client_order_id, "status": work.order(self.client_order_id).status}

    def _judge(self, work: Work, order: Order, intended_at_utc: datetime) -> None:
        stream = order_stream(order.client_order_id)
        if order.venue_order_id or order.trade_ids or self.has_trades:
            detail = "the venue has shown the order before, and says now that it has none"
            work.record(stream, order.flag(NO_PROOF, detail, at=work.now))
        elif is_proof(intended_at_utc, self.asked_at_utc, self.guarantees):
            reason = "the venue never had it: its request has expired and no trade names it"
            work.record(stream, order.refuse(reason=reason, at=work.now))
            released = work.book(order.book_id).release_hold(
                order.client_order_id, to=bot_account(order.bot_id), at=work.now
            )
            work.record(book_stream(order.book_id), released)
        else:
            work.record(stream, order.lose_track(problem="the venue does not show it", at=work.now))
            if self.asked_at_utc > expires_at(intended_at_utc) + PATIENCE:
                detail = "the venue does not show it, and nothing proves that it never will"
                work.record(stream, work.order(order.client_order_id).flag(NO_PROOF, detail, at=work.now))
