"""Books with their journal entries and holds, and the totals over all books."""

from __future__ import annotations

from typing import Any, assert_never

from application.ports.event_log import RecordedEvent
from application.ports.read_models import Rows
from application.views import holds
from application.views.balances import BOOK_STREAM
from application.views.changed import changed
from application.views.missing import the
from application.views.rows import (
    BookRow,
    EntryRow,
    EntryTagRow,
    HoldRow,
    PostingRow,
    ReversalRow,
    TotalRow,
)
from application.views.totals import add_to_totals
from domain.ledger.events import BookClosed, BookEvent, BookOpened, EntryPosted
from domain.money import ZERO

OPEN, CLOSED = "open", "closed"


class Ledger:
    """One row a book, an entry, a posting, a pair of metadata, a reversal, a hold and a total."""

    name = "ledger"
    rows: tuple[type, ...] = (BookRow, EntryRow, PostingRow, EntryTagRow, ReversalRow, HoldRow, TotalRow)
    names: tuple[str, ...] = (
        "ledger.book_opened",
        "ledger.entry_posted",
        "ledger.book_closed",
        *holds.NAMES,
    )

    def fold(self, rows: Rows, recorded: RecordedEvent) -> None:
        if recorded.name in _HOLD_EVENTS:
            fact: Any = recorded.event
            holds.fold_hold(rows, recorded, fact)
            return
        event: BookEvent = recorded.event
        book_id = recorded.stream.removeprefix(BOOK_STREAM)
        match event:
            case EntryPosted():
                book = the(rows, BookRow, book_id)
                rows.put(changed(book, version=recorded.version))
                _entry(rows, recorded, event, book)
            case BookOpened():
                rows.put(
                    BookRow(
                        book_id=book_id,
                        position=recorded.position.number,
                        version=recorded.version,
                        owner_id=event.owner_id,
                        purse=event.purse,
                        venue_account=event.venue_account,
                        status=OPEN,
                        opened_at_utc=event.opened_at_utc,
                        closed_at_utc=None,
                    )
                )
            case BookClosed():
                book = the(rows, BookRow, book_id)
                rows.put(
                    changed(book, version=recorded.version, status=CLOSED, closed_at_utc=event.closed_at_utc)
                )
            case _:
                assert_never(event)


_HOLD_EVENTS = frozenset(holds.NAMES)


def _entry(rows: Rows, recorded: RecordedEvent, event: EntryPosted, book: BookRow) -> None:
    fee = event.venue_fee
    position = recorded.position.number
    rows.add(
        EntryRow(
            position=position,
            book_id=book.book_id,
            owner_id=book.owner_id,
            entry_id=event.entry_id,
            kind=event.kind,
            reference=event.reference,
            fee_asset=fee.asset if fee else "",
            fee_amount=fee.amount if fee else ZERO,
            effective_at_utc=event.effective_at_utc,
            recorded_at_utc=recorded.metadata.recorded_at_utc,
        )
    )
    for leg, posting in enumerate(event.postings):
        rows.add(
            PostingRow(
                position=position,
                leg=leg,
                book_id=book.book_id,
                account=posting.account,
                asset=posting.asset,
                amount=posting.amount,
            )
        )
    for name, value in event.metadata.items():
        rows.add(EntryTagRow(position=position, name=name, book_id=book.book_id, value=value))
    if event.reverses:
        rows.put(
            ReversalRow(
                book_id=book.book_id,
                entry_id=event.reverses,
                reference=event.reference,
                position=position,
                reversal_id=event.entry_id,
            )
        )
    add_to_totals(rows, book.purse, event.postings)
