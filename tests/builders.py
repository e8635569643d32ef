"""Short words for what tests are given: amounts, entries, books, callers and small commands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import reduce

from application.ports.commands import Caller, Fence, Result, fingerprint
from application.streams import PLATFORM, book_stream
from application.work import Work
from domain.ledger.book import PAPER, Book
from domain.ledger.events import BookEvent, BookOpened, EntryPosted
from domain.ledger.postings import AVAILABLE, Posting
from domain.money import Money

START = datetime(2024, 5, 1, 12, tzinfo=UTC)


def usdt(amount: str) -> Money:
    return Money(Decimal(amount), "USDT")


def btc(amount: str) -> Money:
    return Money(Decimal(amount), "BTC")


def leg(account: str, amount: Money) -> Posting:
    return Posting(account, amount.asset, amount.amount)


def entry(entry_id: str, *legs: Posting, kind: str = "adjustment") -> EntryPosted:
    return EntryPosted(entry_id=entry_id, kind=kind, postings=legs, effective_at_utc=START)


def book_opened(book_id: str = "book-1", *, owner_id: str = "acc-1", venue: str = "paper") -> BookOpened:
    return BookOpened(
        book_id=book_id, owner_id=owner_id, purse=PAPER, venue_account=venue, opened_at_utc=START
    )


def book_with(*events: BookEvent) -> Book:
    """An open book to which this has happened."""
    return reduce(Book.evolve, events, Book().evolve(book_opened()))


def caller(
    command_id: str, content: str | None = "", *, scope: str = "test", fence: Fence | None = None
) -> Caller:
    """Who asks; with content None the command carries no fingerprint, as the platform's own do."""
    return Caller(
        actor="acc-1",
        command_id=command_id,
        correlation_id=f"request-{command_id}",
        scope=scope,
        fingerprint="" if content is None else fingerprint(content),
        fence=fence,
    )


@dataclass(frozen=True, slots=True)
class Decide:
    """A command that is one function."""

    run: Callable[[Work], Result]

    def decide(self, work: Work) -> Result:
        return self.run(work)


@dataclass(frozen=True, slots=True)
class OpenBook:
    """A book with funds in it."""

    book_id: str
    funds: Money

    def decide(self, work: Work) -> Result:
        stream, book = book_stream(self.book_id), work.book(self.book_id)
        work.record(
            stream,
            book.open(
                book_id=self.book_id, owner_id="acc-1", purse=PAPER, venue_account="paper", at=work.now
            ),
        )
        work.record(
            stream, work.book(self.book_id).credit_deposit(self.funds, entry_id="opening", at=work.now)
        )
        return {"book_id": self.book_id}


@dataclass(frozen=True, slots=True)
class Allocate:
    """Give some of a book's free balance to a bot, unless trading is stopped."""

    book_id: str
    amount: Money
    entry_id: str
    bot_id: str = "bot-1"

    def decide(self, work: Work) -> Result:
        work.platform().require_trading()
        book = work.book(self.book_id)
        work.record(
            book_stream(self.book_id),
            book.allocate(self.amount, bot_id=self.bot_id, entry_id=self.entry_id, at=work.now),
        )
        left = work.book(self.book_id).owed(AVAILABLE, self.amount.asset)
        return {"left": str(left)}


@dataclass(frozen=True, slots=True)
class StopTrading:
    reason: str = "drill"

    def decide(self, work: Work) -> Result:
        work.record(PLATFORM, work.platform().engage_kill_switch(reason=self.reason, by="acc-1", at=work.now))
        return {}
