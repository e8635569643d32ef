"""Post several adjusting entries, of one book or many, in one append: all of them, or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from application.ledger.answers import told
from application.ports.commands import Refused, Result
from application.queries.asset_codes import parse_paper_asset
from application.queries.books import UnknownBook
from application.streams import book_stream
from application.work import Work
from domain.errors import DomainError, InvalidValue
from domain.ledger.adjustments import ADJUSTMENT, transfer_of
from domain.ledger.book import PAPER, Book
from domain.ledger.errors import PursesMixed, TransferUnfinished
from domain.ledger.postings import Posting
from domain.money import ZERO, Money, add, parse_asset

MOST_ENTRIES, MOST_LEGS = 500, 50
OVER_SHARDS = "one batch for books of several shards; send one for each"
"""What is refused, also of a dry run: one append is on one shard."""


@dataclass(frozen=True, slots=True)
class NewLeg:
    """One leg as it was asked for; the asset's code is read by the book's purse."""

    account: str
    asset: str
    amount: Decimal  # debit is positive


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEntry:
    """One adjusting entry as it was asked for."""

    book_id: str
    reason: str
    legs: Sequence[NewLeg]
    reference: str = ""
    effective_at: datetime | None = None  # None: now
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PostBatch:
    """Adjusting entries by an operator. A batch id is taken for ever: the same batch is posted once.

    Refusals, in order: account_frozen (of an account that asks), invalid_value (no entries, or too many);
    then entry by entry unknown_book, purses_mixed, invalid_value (a time to come, an asset), book_not_open,
    invalid_value (no reason), adjustment_not_allowed, invalid_posting, unbalanced_entry, insufficient_funds,
    each with the `index` of the first entry that is refused, from 0; at last transfer_unfinished, and
    fact_already_recorded (the batch was posted before). One refusal and nothing is posted.
    """

    batch_id: str
    entries: Sequence[NewEntry]
    asked_by: str = ""  # an account id; "" for who works on the machine itself

    @property
    def book_ids(self) -> AbstractSet[str]:
        return {entry.book_id for entry in self.entries}

    def decide(self, work: Work) -> Result:
        if self.asked_by:
            work.account(self.asked_by).require_active()
        if not 1 <= len(self.entries) <= MOST_ENTRIES:
            raise InvalidValue("entries", f"a batch has 1 to {MOST_ENTRIES}, this one {len(self.entries)}")
        purse, answers = "", []
        in_transit: dict[tuple[str, str], Decimal] = {}
        for index, entry in enumerate(self.entries):
            try:
                book = _book_of(work, entry.book_id, purse)
                purse = book.purse
                answers.append(self._post(work, book, entry, index))
            except DomainError as refusal:
                raise _at(index, refusal) from None
            for leg in entry.legs:
                if (transfer := transfer_of(leg.account)) is not None:
                    key = transfer, _asset(leg.asset, purse)
                    in_transit[key] = add(in_transit.get(key, ZERO), leg.amount)
        for (transfer, asset), amount in in_transit.items():
            if amount:
                raise TransferUnfinished(transfer=transfer, left_over=Money(amount, asset))
        work.claim(f"batch:{self.batch_id}")
        return {"batch_id": self.batch_id, "purse": purse, "entries": answers, "dry_run": False}

    def _post(self, work: Work, book: Book, entry: NewEntry, index: int) -> dict[str, Any]:
        if entry.effective_at is not None and entry.effective_at > work.now:
            raise InvalidValue(
                "effective_at", "lies in the future; entries take effect by the time of posting"
            )
        events = book.adjust(
            tuple(Posting(leg.account, _asset(leg.asset, book.purse), leg.amount) for leg in entry.legs),
            entry_id=f"{ADJUSTMENT}:{self.batch_id}:{index}",
            reason=entry.reason,
            at=entry.effective_at or work.now,
            reference=entry.reference,
            metadata=entry.metadata,
        )
        work.record(book_stream(entry.book_id), events)
        (posted,) = told(events)
        return {"book_id": entry.book_id, **posted}


def _book_of(work: Work, book_id: str, purse: str) -> Book:
    book = work.book(book_id)
    if not book.exists:
        raise UnknownBook(book_id=book_id)
    if purse and book.purse != purse:
        raise PursesMixed(book_id=book_id, purse=book.purse, other=purse)
    return book


def _asset(code: str, purse: str) -> str:
    """Paper money's own code is understood in a paper book alone."""
    return parse_paper_asset(code) if purse == PAPER else parse_asset(code)


def _at(index: int, refusal: DomainError) -> Refused:
    """The same refusal, and which entry it is about."""
    return Refused(refusal.code, f"entry {index}: {refusal}", {**refusal.data, "index": str(index)})
