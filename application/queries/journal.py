"""Every book's journal entries, in log order: the books as an accountant takes them away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from application.ports.event_log import EventLog, Position
from application.records import record
from application.streams import book_stream
from domain.ledger.events import BookOpened, EntryPosted
from domain.ledger.postings import Posting
from domain.money import Money

NAMES = ("ledger.book_opened", "ledger.entry_posted")


@record
class JournalEntry:
    """One journal entry, with whose it is."""

    position: Position
    recorded_at_utc: datetime
    effective_at_utc: datetime
    book_id: str
    owner_id: str
    purse: str
    entry_id: str
    kind: str
    reference: str
    venue_fee: Money | None
    reverses: str  # of a reversal: the id of the entry that it takes back
    reason: str
    metadata: Mapping[str, str]
    postings: tuple[Posting, ...]


def journal(log: EventLog, *, until: Position, book_id: str | None = None) -> Iterator[JournalEntry]:
    """The entries up to a position, of every book or one. Streams: in memory are the books' names alone."""
    only = book_stream(book_id) if book_id is not None else None
    opened: dict[str, BookOpened] = {}
    for recorded in log.read(until=until, names=NAMES):
        if only is not None and recorded.stream != only:
            continue
        event = recorded.event
        if isinstance(event, BookOpened):
            opened[recorded.stream] = event
        elif isinstance(event, EntryPosted):
            book = opened[recorded.stream]
            yield JournalEntry(
                position=recorded.position,
                recorded_at_utc=recorded.metadata.recorded_at_utc,
                effective_at_utc=event.effective_at_utc,
                book_id=book.book_id,
                owner_id=book.owner_id,
                purse=book.purse,
                entry_id=event.entry_id,
                kind=event.kind,
                reference=event.reference,
                venue_fee=event.venue_fee,
                reverses=event.reverses,
                reason=event.reason,
                metadata=event.metadata,
                postings=event.postings,
            )
