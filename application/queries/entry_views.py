"""A journal entry as people see it: in a list, and in a statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from application.ports.event_log import EventLog, Position, RecordedEvent
from application.ports.read_models import ReadModels
from application.queries.asset_codes import shown_asset
from application.views.rows import BookRow, EntryRow, ReversalRow
from domain.ledger.events import EntryPosted
from domain.money import text


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryFacts:
    """What is told of an entry wherever it is shown; its legs come besides."""

    position: str
    book_id: str
    entry_id: str
    kind: str
    reference: str
    venue_fee: str
    venue_fee_asset: str
    reverses: str  # of a reversal: the id of the entry that it takes back
    reversed_by: str  # of an entry that was taken back: the id of its reversal
    reason: str
    metadata: Mapping[str, str]
    effective_at: datetime
    recorded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PostingView:
    account: str
    asset: str
    amount: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryView(EntryFacts):
    """One journal entry, all its legs."""

    postings: Sequence[PostingView]


def entry_facts(recorded: RecordedEvent, purse: str, *, book_id: str, reversed_by: str) -> dict[str, Any]:
    """The fields of EntryFacts, for whichever record is made of them."""
    entry: EntryPosted = recorded.event
    fee = entry.venue_fee
    return {
        "position": str(recorded.position),
        "book_id": book_id,
        "entry_id": entry.entry_id,
        "kind": entry.kind,
        "reference": entry.reference,
        "venue_fee": text(fee.amount) if fee else "0",
        "venue_fee_asset": shown_asset(fee.asset, purse) if fee else "",
        "reverses": entry.reverses,
        "reversed_by": reversed_by,
        "reason": entry.reason,
        "metadata": dict(entry.metadata),
        "effective_at": entry.effective_at_utc,
        "recorded_at": recorded.metadata.recorded_at_utc,
    }


def entry_views(log: EventLog, views: ReadModels, rows: Sequence[EntryRow]) -> list[EntryView]:
    """Journal entries with their legs, as they stand in the log; the rows only say which."""
    purses: dict[str, str] = {}
    shown = []
    for row in rows:
        if row.book_id not in purses:
            book = views.get(BookRow, row.book_id)
            purses[row.book_id] = book.purse if book else ""
        purse = purses[row.book_id]
        reversal = views.get(ReversalRow, row.book_id, row.entry_id, row.reference)
        (recorded,) = log.read(after=Position.of(row.position - 1), until=Position.of(row.position))
        facts = entry_facts(
            recorded, purse, book_id=row.book_id, reversed_by=reversal.reversal_id if reversal else ""
        )
        postings = [
            PostingView(account=leg.account, asset=shown_asset(leg.asset, purse), amount=text(leg.amount))
            for leg in recorded.event.postings
        ]
        shown.append(EntryView(**facts, postings=postings))
    return shown
