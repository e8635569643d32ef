"""What happens to the cases of a venue account, and to a reconciliation as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal

from domain.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseOpened:
    """A comparison found a break that no open case was about. A case that was closed may be opened again."""

    case_id: str  # derived from the account and the key
    venue_account: str
    key: str  # what it is about: trade:BTC/USDT:{trade id}, transfer:{id}, balance:USDT, cleared:…
    kind: str  # missing_here, external, missing_there, differing, balance or not_cleared
    here: tuple[Money, ...]  # what our books say, one an asset
    there: tuple[Money, ...]  # what the other side says
    purse: str
    book_id: str  # "" where it may concern several books, or none
    owner_id: str
    entry_id: str  # of our entry, where there is one
    client_order_id: str
    occurred_at_utc: datetime | None  # when it happened in the world, where that is known
    run_id: str
    opened_at_utc: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseChanged:
    """The break is still there, and is another one now."""

    case_id: str
    kind: str
    here: tuple[Money, ...]
    there: tuple[Money, ...]
    run_id: str
    changed_at_utc: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseClosed:
    """Nothing breaks any more, or an operator said why it may stand, or posted it to suspense."""

    case_id: str
    outcome: str  # agrees, accepted or posted
    reason: str
    entry_id: str  # of what was posted to suspense; "" otherwise
    closed_by: str
    closed_at_utc: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PurseTotal:
    """One purse and asset over all books. What is owed counts as positive, and so does what we hold."""

    purse: str
    asset: str
    wallets: Decimal  # owed: free and allocated to bots
    holds: Decimal  # owed: set aside for orders
    due: Decimal  # what owners owe us
    revenue: Decimal
    expense: Decimal
    clearing: Decimal  # in transit, suspense and rounding, debit positive
    other: Decimal  # equity and what else there is, debit positive
    custody: Decimal
    compared: Decimal  # of custody: what was held against the other side
    reported: Decimal  # what the other side says of that


AMOUNTS = tuple(one.name for one in fields(PurseTotal) if one.name not in ("purse", "asset"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconciliationRecorded:
    """The books were held against what a source reported; this is what it came to."""

    run_id: str
    source: str
    by: str
    accounts: int  # venue accounts compared
    not_compared: int  # of which the source is not the counterparty
    unanswered: int  # of which the source should have told, and did not
    lines_matched: int
    fills_booked: int  # proven missing fills that were booked
    breaks: Mapping[str, int]  # open cases of the accounts that were looked at, by kind
    cases_opened: int
    cases_closed: int
    totals: tuple[PurseTotal, ...]
    started_at_utc: datetime
    ended_at_utc: datetime


CaseEvent = CaseOpened | CaseChanged | CaseClosed
ReconciliationEvent = CaseEvent | ReconciliationRecorded
