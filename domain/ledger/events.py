"""What happens to a book. Facts: corrected by later facts, never edited."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from domain.ledger.postings import Posting
from domain.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class BookOpened:
    """An owner's book in one purse came into being. Assets in it belong to that purse alone."""

    book_id: str
    owner_id: str
    purse: str  # PAPER, LIVE or CONNECTED
    venue_account: str  # the venue account whose holdings this book mirrors in custody:{venue_account}
    opened_at_utc: datetime
    venue_terms: Mapping[str, str] = field(default_factory=dict)  # of a paper account: how it fills, charges


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryPosted:
    """A journal entry: all its legs, the owner's and the platform's, summing to zero per asset."""

    entry_id: str  # unique in the book; derived from what caused it, never random
    kind: str  # deposit, allocation, hold, fill, settlement, release, reversal, …
    postings: tuple[Posting, ...]
    effective_at_utc: datetime  # when it happened in the world; the envelope has when it was recorded
    reference: str = ""  # the order, bot or transfer it belongs to
    venue_fee: Money | None = None  # what the venue charged (rebates are negative), so statements can sum it
    reverses: str = ""  # of a reversal: the id of the entry that it takes back; the reference is the same
    reason: str = ""  # why somebody corrected the books; what happens by itself needs none
    metadata: Mapping[str, str] = field(
        default_factory=dict
    )  # of who posted it, keys in order; see metadata.py


@dataclass(frozen=True, slots=True, kw_only=True)
class BookClosed:
    """The book takes no more entries but those that end what is open; it stays readable for ever."""

    book_id: str
    reason: str
    closed_at_utc: datetime


BookEvent = BookOpened | EntryPosted | BookClosed
