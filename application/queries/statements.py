"""A book's statement for a period: what stood on each account, what moved, what stands there now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import islice

from application.ports.event_log import EventLog, RecordedEvent
from application.queries.asset_codes import shown_asset
from application.queries.books import UnknownBook
from application.queries.entries import book_events
from application.queries.entry_views import EntryFacts, entry_facts
from application.streams import book_stream, empty_state
from domain.errors import InvalidValue
from domain.ledger.book import Book
from domain.ledger.events import EntryPosted
from domain.ledger.postings import added
from domain.money import ZERO, add, text

RECORDED, EFFECTIVE = "recorded", "effective"

Standing = Mapping[tuple[str, str], Decimal]


@dataclass(frozen=True, slots=True)
class Period:
    """start <= time < end, on one of the axes: so that one statement closes with what the next opens with."""

    start: datetime
    end: datetime
    by: str = RECORDED

    def __post_init__(self) -> None:
        if self.by not in (RECORDED, EFFECTIVE):
            raise InvalidValue("by", f"{self.by!r} is neither {RECORDED} nor {EFFECTIVE}")
        if self.end < self.start:
            raise InvalidValue("to", "lies before from")

    def time_of(self, recorded: RecordedEvent) -> datetime:
        if self.by == RECORDED:
            return recorded.metadata.recorded_at_utc
        entry: EntryPosted = recorded.event
        return entry.effective_at_utc


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementLine:
    """One account and asset over the period; debit is positive, credit negative."""

    account: str
    asset: str
    opening: str
    movement: str
    closing: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedLeg:
    account: str
    asset: str
    amount: str
    balance: str  # of that account and asset, after this leg


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedEntry(EntryFacts):
    """One journal entry with all its legs, whichever account was asked for."""

    legs: Sequence[StatedLeg]


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A period of one book: its figures are made, its entries are gone through when they are asked for."""

    book_id: str
    purse: str
    account: str | None
    version: int  # of the book: what came later is not in it
    lines: Sequence[StatementLine]
    venue_fees: Mapping[str, str]  # by asset, of the entries shown; rebates are negative
    adds_up: bool  # on every account, opening and movements come to what the book's own fold closes with
    _opening: Standing
    _moves: Sequence[RecordedEvent]
    _reversed: Mapping[tuple[str, str], str]  # id and reference of what was taken back: by which entry

    def entries(self, offset: int = 0, limit: int | None = None) -> Iterator[StatedEntry]:
        """Oldest first, by the period's axis; of one time in the order of the log."""
        return islice(self._entries(), offset, None if limit is None else offset + limit)

    def _entries(self) -> Iterator[StatedEntry]:
        standing = dict(self._opening)
        for recorded in self._moves:
            entry: EntryPosted = recorded.event
            legs = []
            for leg in entry.postings:
                key = (leg.account, leg.asset)
                standing[key] = add(standing.get(key, ZERO), leg.amount)
                legs.append(
                    StatedLeg(
                        account=leg.account,
                        asset=shown_asset(leg.asset, self.purse),
                        amount=text(leg.amount),
                        balance=text(standing[key]),
                    )
                )
            if not _touches(entry, self.account):
                continue
            facts = entry_facts(
                recorded,
                self.purse,
                book_id=self.book_id,
                reversed_by=self._reversed.get((entry.entry_id, entry.reference), ""),
            )
            yield StatedEntry(**facts, legs=legs)


def statement_of(
    log: EventLog,
    book_id: str,
    period: Period,
    *,
    owner_id: str | None = None,
    account: str | None = None,
    version: int | None = None,
) -> Statement:
    """The statement, of an account or of all, as of a version of the book or of now.

    With an owner given, UnknownBook for somebody else's book, too.
    """
    book: Book = empty_state(book_stream(book_id))
    opening: dict[tuple[str, str], Decimal] = {}
    within: list[RecordedEvent] = []
    taken_back: dict[tuple[str, str], str] = {}
    at_version = 0
    for recorded in book_events(log, book_id, version):
        at_version = recorded.version
        if not isinstance(recorded.event, EntryPosted):
            book = book.evolve(recorded.event)
            continue
        entry: EntryPosted = recorded.event
        if entry.reverses:
            taken_back[entry.reverses, entry.reference] = entry.entry_id
        then = period.time_of(recorded)
        if then >= period.end:
            continue
        book = book.evolve(recorded.event)
        if then < period.start:
            opening = added(opening, recorded.event.postings)
        else:
            within.append(recorded)
    if not book.exists or (owner_id is not None and book.owner_id != owner_id):
        raise UnknownBook(book_id=book_id)
    within.sort(key=lambda recorded: (period.time_of(recorded), recorded.version))

    moved: dict[tuple[str, str], Decimal] = {}
    fees: dict[str, Decimal] = {}
    for recorded in within:
        for leg in recorded.event.postings:
            key = (leg.account, leg.asset)
            moved[key] = add(moved.get(key, ZERO), leg.amount)
        fee = recorded.event.venue_fee
        if fee and _touches(recorded.event, account):
            fees[fee.asset] = add(fees.get(fee.asset, ZERO), fee.amount)
    keys = sorted(key for key in {*opening, *moved} if account in (None, key[0]))
    closing = book.balances
    return Statement(
        book_id=book_id,
        purse=book.purse,
        account=account,
        version=at_version,
        lines=[
            StatementLine(
                account=key[0],
                asset=shown_asset(key[1], book.purse),
                opening=text(opening.get(key, ZERO)),
                movement=text(moved.get(key, ZERO)),
                closing=text(closing.get(key, ZERO)),
            )
            for key in keys
        ],
        venue_fees={shown_asset(asset, book.purse): text(fees[asset]) for asset in sorted(fees)},
        adds_up=all(
            add(opening.get(key, ZERO), moved.get(key, ZERO)) == closing.get(key, ZERO)
            for key in {*opening, *moved, *closing}
        ),
        _opening=opening,
        _moves=within,
        _reversed=taken_back,
    )


def _touches(entry: EntryPosted, account: str | None) -> bool:
    return account is None or any(leg.account == account for leg in entry.postings)
