"""What a venue, a chain or a file says of one account, and what our books say of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from domain.ledger.book import CONNECTED

TRADE, TRANSFER = "trade", "transfer"
KINDS = (TRADE, TRANSFER)

Amounts = Mapping[str, Decimal]
"""By asset; an asset of which there is nothing is left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountLine:
    """One thing that changed an account's balances, as its venue reports it."""

    kind: str  # trade, or transfer: a deposit, a withdrawal, anything else that came or went
    line_id: str  # the venue's: a trade id is unique per symbol, any other id per account
    symbol: str = ""  # of a trade
    client_order_id: str = ""  # of a trade, where the venue tells
    moved: Amounts  # what it did to the balances, fees included: positive came in
    at_utc: datetime | None = None  # the venue's time, where it tells

    @property
    def key(self) -> str:
        return line_key(self.kind, self.symbol, self.line_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkingOrder:
    """An order that is open: at a venue, or in our books."""

    client_order_id: str  # what the venue calls it where it is no order of ours
    symbol: str
    base_left: Decimal | None  # not matched yet; None where that is not known, as of an order by its budget
    book_id: str = ""  # in our books
    owner_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountStatement:
    """Balances and lines of one account at one moment: no line is in the balances and missing here.

    `since_utc` <= time < `until_utc` is the period that the lines are complete for; None: from the account's
    beginning, until that moment; `kinds` are those that they are told of. Balances are total, what is locked
    in orders included, and are those of `until_utc` where that is given.
    """

    venue_account: str
    balances: Amounts | None  # None: not told
    lines: Sequence[AccountLine] | None  # None: not told
    since_utc: datetime | None = None
    until_utc: datetime | None = None
    kinds: frozenset[str] = frozenset(KINDS)
    working: Sequence[WorkingOrder] | None = None  # open orders, whoever placed them; None: not told
    dust: Amounts = field(default_factory=dict)  # by asset: a balance that differs by no more agrees

    def covers(self, at: datetime | None) -> bool:
        """Whether a line of that time would stand here; of a time that is not known: for sure."""
        if at is None:
            return self.since_utc is None and self.until_utc is None
        return (self.since_utc is None or self.since_utc <= at) and self.is_before_end(at)

    def is_before_end(self, at: datetime | None) -> bool:
        """Whether what happened then is in the balances."""
        return self.until_utc is None or at is None or at < self.until_utc


@dataclass(frozen=True, slots=True, kw_only=True)
class BookedLine:
    """What our books say of one such thing: one entry, with whatever corrected it since."""

    moved: Amounts  # on custody
    book_id: str
    owner_id: str
    entry_id: str
    client_order_id: str = ""
    at_utc: datetime  # when it took effect


@dataclass(frozen=True, slots=True, kw_only=True)
class BookedAccount:
    """Our side of one venue account: every line on its custody by key, and what they come to.

    `venue_account` is its account_name.

    `in_suspense` is what an operator posted for a case, against suspense or whatever explains it, by case.
    """

    venue_account: str
    purse: str
    lines: Mapping[str, BookedLine]
    custody: Amounts
    in_suspense: Mapping[str, Amounts] = field(default_factory=dict)
    working: Mapping[str, WorkingOrder] = field(default_factory=dict)  # by client order id
    in_doubt: frozenset[str] = frozenset()  # orders that may be open: nobody knows yet
    book_id: str = ""  # the one book of the account; "" where there are several, or none
    owner_id: str = ""


def account_name(venue_account: str, book_id: str, purse: str) -> str:
    """What an account is called here. A connected one is its owner's: another owner may call theirs the same,
    and so may somebody else's paper account be called.
    """
    return f"{venue_account}@{book_id}" if purse == CONNECTED else venue_account


def venue_account_of(name: str, book_id: str) -> str:
    """The other way round, for the account's only book."""
    return name.removesuffix(f"@{book_id}")


def line_key(kind: str, symbol: str, line_id: str) -> str:
    """What makes a line the same on both sides."""
    return f"{kind}:{symbol}:{line_id}" if kind == TRADE else f"{kind}:{line_id}"


def kind_of(key: str) -> str:
    """The kind of the line of that key."""
    return key.partition(":")[0]
