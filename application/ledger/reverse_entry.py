"""Correct the books: take a journal entry back by a new one, once."""

from __future__ import annotations

import re
from dataclasses import dataclass

from application.ledger.answers import told
from application.ports.commands import FactClaimed, Result
from application.ports.event_log import EventLog, Position
from application.queries.books import UnknownBook
from application.queries.entries import book_events
from application.streams import book_stream
from application.work import Work
from domain.errors import DomainError, InvalidValue
from domain.ledger.book import SETTLEMENT, Book, reversal_id
from domain.ledger.events import BookEvent, EntryPosted
from domain.ledger.postings import AVAILABLE, bot_account

_POSITION = re.compile(r"[0-9]{1,4}-[0-9]{1,18}", re.ASCII)


class UnknownEntry(DomainError, code="unknown_entry"):
    """The book has no such journal entry."""

    def __init__(self, *, entry_id: str) -> None:
        super().__init__(f"no entry {entry_id} in that book; name one by its id or its log position")
        self.entry_id = entry_id


@dataclass(frozen=True, slots=True)
class ReverseEntry:
    """Post an entry's legs the other way round, with a link to it.

    What a reversed fill puts back on the hold of an order that has ended is released to its bot at once, and
    what a reversed settlement puts back on a hold that has ended to its owner.
    Refusals, in order: account_frozen (of an account that asks), unknown_book, book_not_open, invalid_value
    (no reason given), entry_not_reversible, fact_already_recorded (reversed before), insufficient_funds.
    """

    book_id: str
    entry: EntryPosted  # a fact of that book: as it was read it stays
    reason: str
    asked_by: str = ""  # an account id; "" for who works on the machine itself

    @property
    def natural_key(self) -> str:
        return f"reversal:{self.book_id}:{reversal_id(self.entry).removeprefix('reversal:')}"

    def decide(self, work: Work) -> Result:
        if self.asked_by:
            work.account(self.asked_by).require_active()
        book, stream = work.book(self.book_id), book_stream(self.book_id)
        if not book.exists:
            raise UnknownBook(book_id=self.book_id)
        book.require_reversible(self.entry, reason=self.reason)
        if book.has_reversed(self.entry):
            raise FactClaimed(natural_key=self.natural_key)
        reversal = book.reverse(self.entry, reason=self.reason, at=work.now)
        work.claim(self.natural_key)
        work.record(stream, reversal)
        released = self._release(work)
        work.record(stream, released)
        return {
            "book_id": self.book_id,
            "purse": book.purse,
            "reverses": self.entry.entry_id,
            "reason": self.reason,
            "entries": told((*reversal, *released)),
            "dry_run": False,
        }

    def _release(self, work: Work) -> list[BookEvent]:
        """Nothing stays held for what has ended."""
        to = self._whose(work)
        if to is None:
            return []
        book: Book = work.book(self.book_id)
        entry_id = f"release:{reversal_id(self.entry)}"
        return list(book.release_hold(self.entry.reference, to=to, at=work.now, entry_id=entry_id))

    def _whose(self, work: Work) -> str | None:
        """The account that gets what the reversal puts back on hold; None where it may stay there."""
        if self.entry.kind == "fill" and (order := work.order(self.entry.reference)).has_ended:
            return bot_account(order.bot_id)
        if self.entry.kind == SETTLEMENT and work.hold(self.entry.reference).has_ended:
            return AVAILABLE
        return None


def posted_entry(log: EventLog, book_id: str, named: str) -> EntryPosted:
    """A book's entry by its id, or by its log position such as 0-1234.

    Raises UnknownBook, UnknownEntry, and InvalidValue for an id that two entries have: trades of two symbols.
    """
    if not log.stream(book_stream(book_id), limit=1):
        raise UnknownBook(book_id=book_id)
    if _POSITION.fullmatch(named):
        position = Position.parse(named, "entry")
        before = Position(position.shard, max(position.id - 1, 0))
        for recorded in log.read(after=before, until=position):
            if recorded.stream == book_stream(book_id) and isinstance(recorded.event, EntryPosted):
                return recorded.event
        raise UnknownEntry(entry_id=named)
    found = [
        recorded.event
        for recorded in book_events(log, book_id)
        if isinstance(recorded.event, EntryPosted) and recorded.event.entry_id == named
    ]
    if not found:
        raise UnknownEntry(entry_id=named)
    if len(found) > 1:
        raise InvalidValue("entry", f"{len(found)} entries are called {named}; name one by its log position")
    return found[0]
