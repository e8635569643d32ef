"""What stands on every ledger account."""

from __future__ import annotations

from application.ports.event_log import RecordedEvent
from application.ports.read_models import Rows
from application.views.rows import BalanceRow

BOOK_STREAM = "book:"


class Balances:
    """One row an account and asset; an account at zero has none.

    In the append's own transaction these rows are written from the book's state; this fold is what a rebuild
    and a check hold them against.
    """

    name = "balances"
    rows: tuple[type, ...] = (BalanceRow,)
    names: tuple[str, ...] = ("ledger.entry_posted",)

    def fold(self, rows: Rows, recorded: RecordedEvent) -> None:
        book_id = recorded.stream.removeprefix(BOOK_STREAM)
        for posting in recorded.event.postings:
            rows.increase(BalanceRow, (book_id, posting.account, posting.asset), posting.amount)
