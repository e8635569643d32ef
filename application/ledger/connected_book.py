"""The book of an owner's own venue account: it mirrors the venue, and is filled from its statements."""

from __future__ import annotations

import re
from dataclasses import dataclass

from application.ports.commands import Result, derived_id
from application.queries.books import UnknownBook
from application.streams import book_stream
from application.work import Work
from domain.errors import DomainError, InvalidValue
from domain.ledger.book import CONNECTED, Book

_VENUE_ACCOUNT = re.compile(r"[a-z0-9][a-z0-9_.&+-]{0,63}", re.ASCII)


class BookNotConnected(DomainError, code="book_not_connected"):
    """Statements are taken by the book of an owner's own venue account, and by no other."""

    def __init__(self, *, book_id: str) -> None:
        super().__init__(
            f"book {book_id} is not of an owner's own venue account; import into one that is, or leave it out"
        )
        self.book_id = book_id


@dataclass(frozen=True, slots=True)
class OpenConnectedBook:
    """The owner's book of one venue account; the same again is answered with the book that there is.

    Refusals, in order: unknown_account, account_frozen, invalid_value.
    """

    owner_id: str
    venue_account: str

    def decide(self, work: Work) -> Result:
        book = opened_book(work, connected_book_id(self.owner_id, self.venue_account), self)
        return {"book_id": book.book_id, "venue_account": book.venue_account}


def connected_book_id(owner_id: str, venue_account: str) -> str:
    """One book an owner and venue account. Raises InvalidValue for a name that none can have."""
    if not _VENUE_ACCOUNT.fullmatch(venue_account):
        raise InvalidValue(
            "venue_account",
            f"{venue_account!r} is no name for one; write up to 64 small letters, digits, - or _, as in "
            "'kraken'",
        )
    return derived_id("connected", owner_id, venue_account)


def opened_book(work: Work, book_id: str, whose: OpenConnectedBook) -> Book:
    """The book, opened with this work where it was not. As OpenConnectedBook refuses, and then:

    unknown_book (somebody else's), book_not_connected, book_not_open.
    """
    work.account(whose.owner_id).require_active()
    book = work.book(book_id)
    if not book.exists:
        opened = book.open(
            book_id=book_id,
            owner_id=whose.owner_id,
            purse=CONNECTED,
            venue_account=whose.venue_account,
            at=work.now,
        )
        work.record(book_stream(book_id), opened)
        return work.book(book_id)
    if book.owner_id != whose.owner_id:
        raise UnknownBook(book_id=book_id)
    if book.purse != CONNECTED:
        raise BookNotConnected(book_id=book_id)
    book.require_open()
    return book
