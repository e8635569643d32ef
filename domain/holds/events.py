"""What happens to a hold. The money itself moves by journal entries of its book, in the same append."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from domain.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldPlaced:
    """Some of an owner's free balance was set aside."""

    hold_id: str
    book_id: str
    owner_id: str
    amount: Money
    reason: str
    placed_at_utc: datetime
    expires_at_utc: datetime | None  # from then on nothing is settled; None: it never ends by itself


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldSettled:
    """Some of it, or all that was left, went where it was meant for."""

    hold_id: str
    entry_id: str  # of the journal entry in its book
    amount: Money
    to: str  # the ledger account
    left: Money  # zero: the hold has ended
    settled_at_utc: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldReleased:
    """What was left of it is the owner's to use again; the hold has ended."""

    hold_id: str
    amount: Money
    because: str  # released (somebody did it) or expired
    reason: str
    released_at_utc: datetime


HoldEvent = HoldPlaced | HoldSettled | HoldReleased
