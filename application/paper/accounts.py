"""Paper accounts: a book in the log and an account at the paper venue, opened, funded and reset together."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from application.paper.terms import require_valid, terms_from_text, terms_to_text
from application.ports.commands import Caller, CommandBus, Outcome, Result
from application.ports.event_log import EventLog
from application.ports.paper_accounts import PaperAccounts, PaperTerms, VenueDeposit
from application.streams import book_stream
from application.work import Work
from domain.errors import DomainError, InvalidValue
from domain.ledger.book import PAPER, TRANSFER_RECEIVED, TRANSFER_SETTLED, Book
from domain.ledger.events import EntryPosted
from domain.money import Money

FUNDING = "paper_funding"
_AT_VENUE = (FUNDING, TRANSFER_RECEIVED, TRANSFER_SETTLED)
"""Entries that bring money to the venue account, or take it away from there, of the owner's own doing."""

BOOKS_REMEMBERED = 20_000
"""Books whose venue accounts are known to be level up to a version; others are followed from their start."""


class UnknownPaperAccount(DomainError, code="unknown_paper_account"):
    """The owner has no paper account of that id."""

    def __init__(self, *, paper_account_id: str) -> None:
        super().__init__(f"no paper account {paper_account_id}")
        self.paper_account_id = paper_account_id


@dataclass(frozen=True, slots=True)
class OpenPaperBook:
    """The books of a new paper account: its venue account has the book's id.

    Refusals, in order: unknown_account, account_frozen, invalid_value, book_already_open.
    """

    book_id: str
    owner_id: str
    balances: tuple[Money, ...]
    terms: PaperTerms

    def decide(self, work: Work) -> Result:
        work.account(self.owner_id).require_active()
        require_valid(self.terms)
        open_paper_book(work, self.book_id, self.owner_id, self.balances, self.terms)
        return {"paper_account_id": self.book_id, "balances": _as_text(self.balances)}


@dataclass(frozen=True, slots=True)
class FundPaperBook:
    """More paper money, once per deposit_id.

    Refusals, in order: unknown_account, account_frozen, unknown_paper_account, book_not_open, invalid_value,
    fact_already_recorded.
    """

    book_id: str
    owner_id: str
    amount: Money
    deposit_id: str

    def decide(self, work: Work) -> Result:
        work.account(self.owner_id).require_active()
        owned_paper_book(work, self.book_id, self.owner_id)
        _fund(work, self.book_id, self.amount, self.deposit_id)
        available = work.book(self.book_id).owed("owner:available", self.amount.asset)
        return {"paper_account_id": self.book_id, "amount": str(self.amount), "available": str(available)}


@dataclass(frozen=True, slots=True)
class ResetPaperBook:
    """Close the book, which stays readable, and open a new one on the same terms with chosen balances.

    Refusals, in order: unknown_account, account_frozen, unknown_paper_account, book_not_open (it was reset
    before), invalid_value, book_already_open.
    """

    book_id: str
    new_book_id: str
    owner_id: str
    balances: tuple[Money, ...]

    def decide(self, work: Work) -> Result:
        work.account(self.owner_id).require_active()
        book = owned_paper_book(work, self.book_id, self.owner_id)
        book.require_open()
        work.record(book_stream(self.book_id), book.close(reason="reset by its owner", at=work.now))
        terms = terms_from_text(book.venue_terms)
        open_paper_book(work, self.new_book_id, self.owner_id, self.balances, terms)
        return {
            "paper_account_id": self.new_book_id,
            "previous_paper_account_id": self.book_id,
            "balances": _as_text(self.balances),
        }


@dataclass(frozen=True, slots=True)
class _Followed:
    """A book whose account is open at the venue, and the version up to which its deposits are made there."""

    book_id: str
    venue_account: str
    custody: str
    version: int = 0


@dataclass(frozen=True, slots=True)
class PaperAccountService:
    """Runs the commands above and then makes the venue follow the log; both are idempotent.

    A crash in between leaves the venue behind; `make_venue_follow` catches it up at the next use or start.
    """

    bus: CommandBus
    log: EventLog
    venue: PaperAccounts
    _followed: OrderedDict[str, _Followed] = field(default_factory=OrderedDict, init=False, repr=False)

    def open(self, command: OpenPaperBook, caller: Caller) -> Outcome:
        return self._run(command, command.book_id, caller)

    def fund(self, command: FundPaperBook, caller: Caller) -> Outcome:
        return self._run(command, command.book_id, caller)

    def reset(self, command: ResetPaperBook, caller: Caller) -> Outcome:
        return self._run(command, command.new_book_id, caller)

    def make_venue_follow(self, *book_ids: str) -> None:
        """Open the books' accounts at the paper venue and make their deposits, as far as they are missing.

        The first time in this process a whole book is gone through, later only what it has got since. The
        deposits of all these books are made together: all or none.
        """
        known = {}
        for book_id in book_ids:
            if followed := self._followed.get(book_id) or self._open_at_venue(book_id):
                known[book_stream(book_id)] = followed
        deposits = []
        for recorded in self.log.newer({stream: followed.version for stream, followed in known.items()}):
            followed, entry = known[recorded.stream], recorded.event
            if isinstance(entry, EntryPosted) and entry.kind in _AT_VENUE:
                custody = next(leg for leg in entry.postings if leg.account == followed.custody)
                amount = Money(custody.amount, custody.asset)
                deposits.append(VenueDeposit(followed.venue_account, entry.entry_id, amount))
            known[recorded.stream] = replace(followed, version=recorded.version)
        self.venue.deposit(deposits)
        # another thread may have got further, or less far: a deposit is made once, however often it is asked
        for followed in known.values():
            self._followed[followed.book_id] = followed
        while len(self._followed) > BOOKS_REMEMBERED:
            self._followed.popitem(last=False)

    def _open_at_venue(self, book_id: str) -> _Followed | None:
        book: Book = self.log.load(book_stream(book_id)).state
        if book.purse != PAPER:
            return None
        self.venue.open_account(book.venue_account, terms_from_text(book.venue_terms))
        return _Followed(book_id, book.venue_account, book.custody)

    def _run(
        self, command: OpenPaperBook | FundPaperBook | ResetPaperBook, book_id: str, caller: Caller
    ) -> Outcome:
        outcome = self.bus.execute(command, caller)
        if outcome.refusal is None:
            self.make_venue_follow(book_id)
        return outcome


def open_paper_book(
    work: Work, book_id: str, owner_id: str, balances: Sequence[Money], terms: PaperTerms
) -> None:
    """Record a new paper book and its opening balances; a book that is there already is left as it is."""
    stream = book_stream(book_id)
    opened = work.book(book_id).open(
        book_id=book_id,
        owner_id=owner_id,
        purse=PAPER,
        venue_account=book_id,
        at=work.now,
        venue_terms=terms_to_text(terms),
    )
    work.record(stream, opened)
    if not opened:
        return
    assets = [amount.asset for amount in balances]
    if len(set(assets)) < len(assets):
        raise InvalidValue("balances", "names an asset twice")
    for amount in balances:
        _fund(work, book_id, amount, f"opening:{amount.asset}")


def owned_paper_book(work: Work, book_id: str, owner_id: str) -> Book:
    """The owner's paper book, or UnknownPaperAccount (also when it is somebody else's)."""
    book = work.book(book_id)
    if not book.exists or book.owner_id != owner_id or book.purse != PAPER:
        raise UnknownPaperAccount(paper_account_id=book_id)
    return book


def _fund(work: Work, book_id: str, amount: Money, deposit_id: str) -> None:
    """Book a deposit whose id is taken for ever: the venue makes it once, so the book must, too."""
    credited = work.book(book_id).credit_deposit(amount, entry_id=deposit_id, at=work.now, kind=FUNDING)
    work.claim(f"deposit:{book_id}:{deposit_id}")
    work.record(book_stream(book_id), credited)


def _as_text(balances: Sequence[Money]) -> list[str]:
    return [str(amount) for amount in balances]
