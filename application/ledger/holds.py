"""Set some of an owner's free balance aside, settle it in parts, give back what is left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from application.ledger.answers import told
from application.ports.commands import Result
from application.queries.books import UnknownBook
from application.streams import book_stream, hold_stream
from application.work import Work
from domain.errors import InvalidValue
from domain.holds.hold import EXPIRED, OPEN, RELEASED, Hold
from domain.ledger.book import Book
from domain.ledger.events import BookEvent
from domain.ledger.postings import AVAILABLE, held_account
from domain.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceHold:
    """Hold some of what an owner is free to use.

    Refusals, in order: account_frozen (of an account that asks), unknown_book, invalid_value (the id was
    used, no reason, a time that is over), book_not_open, invalid_value (the amount), insufficient_funds.
    """

    hold_id: str
    book_id: str
    amount: Money
    reason: str
    expires_at: datetime | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    asked_by: str = ""  # an account id; "" for who works on the machine itself

    def decide(self, work: Work) -> Result:
        book = _book(work, self.book_id, self.asked_by)
        if work.order(self.hold_id).exists:
            raise InvalidValue("hold_id", f"{self.hold_id} is an order's; give a hold another id")
        placed = work.hold(self.hold_id).place(
            hold_id=self.hold_id,
            book_id=self.book_id,
            owner_id=book.owner_id,
            amount=self.amount,
            reason=self.reason,
            expires_at=self.expires_at,
            at=work.now,
        )
        held = book.place_hold(
            self.hold_id,
            self.amount,
            source=AVAILABLE,
            at=work.now,
            reason=self.reason,
            metadata=self.metadata,
        )
        work.record(hold_stream(self.hold_id), placed)
        work.record(book_stream(self.book_id), held)
        return _answer(work, self.hold_id, held)


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleHold:
    """Take some of a hold, or all that is left of it, to the account it was meant for.

    Refusals, in order: account_frozen, unknown_book, unknown_hold, hold_not_open, hold_expired,
    book_not_open, invalid_value (no reason, an account that is not paid, the amount), insufficient_funds.
    """

    hold_id: str
    book_id: str
    to: str
    reason: str
    amount: Money | None = None  # None: what is left
    metadata: Mapping[str, str] = field(default_factory=dict)
    asked_by: str = ""

    def decide(self, work: Work) -> Result:
        book = _book(work, self.book_id, self.asked_by)
        hold = work.hold(self.hold_id)
        hold.require_open(self.book_id)
        hold.require_in_time(work.now)
        amount = self.amount or _left(book, hold)
        entry_id = f"settlement:{self.hold_id}:{hold.settlements + 1}"
        entries = book.settle_hold(
            self.hold_id,
            amount,
            to=self.to,
            entry_id=entry_id,
            at=work.now,
            reason=self.reason,
            metadata=self.metadata,
        )
        work.record(book_stream(self.book_id), entries)
        left = _left(work.book(self.book_id), hold)
        work.record(
            hold_stream(self.hold_id),
            hold.settled(amount, to=self.to, left=left, entry_id=entry_id, at=work.now),
        )
        return _answer(work, self.hold_id, entries)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseHold:
    """Give back what is left of a hold; also after its time, and in a closed book: it ends what is open.

    Refusals, in order: account_frozen, unknown_book, unknown_hold, hold_not_open.
    """

    hold_id: str
    book_id: str
    reason: str = ""
    asked_by: str = ""

    def decide(self, work: Work) -> Result:
        _book(work, self.book_id, self.asked_by)
        work.hold(self.hold_id).require_open(self.book_id)
        return _answer(work, self.hold_id, _release(work, self.hold_id, RELEASED, self.reason))


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpireHold:
    """Give back what is left of a hold whose time is over; nothing where it has ended or has time left.

    However often it is asked for, and by however many processes, a hold is released once.
    """

    hold_id: str

    def decide(self, work: Work) -> Result:
        hold = work.hold(self.hold_id)
        if hold.status != OPEN or not hold.is_over(work.now):
            return {"hold_id": self.hold_id, "status": hold.status, "entries": []}
        return _answer(work, self.hold_id, _release(work, self.hold_id, EXPIRED, "its time was over"))


def _release(work: Work, hold_id: str, because: str, reason: str) -> list[BookEvent]:
    hold = work.hold(hold_id)
    book: Book = work.book(hold.book_id)
    left = _left(book, hold)
    entries = list(book.release_hold(hold_id, to=AVAILABLE, at=work.now))
    work.record(book_stream(hold.book_id), entries)
    work.record(hold_stream(hold_id), hold.released(left, because=because, reason=reason, at=work.now))
    return entries


def _book(work: Work, book_id: str, asked_by: str) -> Book:
    if asked_by:
        work.account(asked_by).require_active()
    book = work.book(book_id)
    if not book.exists:
        raise UnknownBook(book_id=book_id)
    return book


def _left(book: Book, hold: Hold) -> Money:
    return book.owed(held_account(hold.hold_id), hold.asset)


def _answer(work: Work, hold_id: str, entries: Any) -> dict[str, Any]:
    """The hold as it stands after the command, and what was posted."""
    hold = work.hold(hold_id)
    book = work.book(hold.book_id)
    expires = hold.expires_at_utc
    return {
        "hold_id": hold_id,
        "book_id": hold.book_id,
        "purse": book.purse,
        "status": hold.status,
        "left": str(_left(book, hold)),
        "expires_at": expires.isoformat() if expires else None,
        "entries": told(entries),
        "dry_run": False,
    }
