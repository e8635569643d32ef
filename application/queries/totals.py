"""What the platform owes, holds and earned: over all books of a purse, per asset, now or at a past moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal

from application.ports.event_log import EventLog, OneShardOnly, Position
from application.ports.read_models import ReadModels
from application.queries.asset_codes import shown_asset
from application.queries.moments import Moment
from application.views.balances import BOOK_STREAM
from application.views.rows import BookRow, TotalRow
from application.views.totals import account_class
from domain.errors import DomainError
from domain.ledger.book import PURSES
from domain.money import ZERO, add, negate, subtract, text

_TRIES = 5
_ENTRIES = ("ledger.book_opened", "ledger.entry_posted")
_Sums = dict[tuple[str, str, str], Decimal]
"""Ledger amounts by purse, asset and column."""

_COLUMNS = {
    "owner:available": "available",
    "owner:bot": "bots",
    "owner:held": "held",
    "owner:due": "due",
    "custody": "custody",
    "in_transit": "in_transit",
    "suspense": "suspense",
    "rounding": "rounding",
}
_CREDITS = frozenset({"available", "bots", "held", "revenue", "equity"})
"""Shown as what is owed or was earned: minus the ledger amount."""


class TotalsMoved(DomainError, code="totals_moved"):
    """The totals were written again and again while they were read; ask once more."""

    def __init__(self) -> None:
        super().__init__("the totals changed while they were read; ask again")


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetTotals:
    """One asset in one purse. What owners have and what the platform earned is shown as owed (a credit is
    positive), the rest as it is kept (a debit is positive); so custody + due + expense + in_transit +
    suspense + rounding + other = owed + revenue + equity.
    """

    purse: str
    asset: str
    owed: str  # available + bots + held
    available: str
    bots: str
    held: str
    due: str  # what owners owe
    custody: str
    revenue: str
    expense: str
    equity: str
    in_transit: str
    suspense: str
    rounding: str
    other: str
    balanced: bool


AMOUNTS = tuple(one.name for one in fields(AssetTotals) if one.name not in ("purse", "asset", "balanced"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """As of a place in the log."""

    position: str
    totals: Sequence[AssetTotals]
    balanced: bool


def totals_of(log: EventLog, views: ReadModels, moment: Moment | None = None) -> Totals:
    """The read model's totals, with the entries between its place in the log and the moment's folded in or
    out again: what is near costs little. Without a moment it is the log's end. Raises TotalsMoved, and
    OneShardOnly where the log has several shards, which end at no common place.
    """
    if len(log.parts()) > 1:
        raise OneShardOnly(what="totals as of a place in the log; the trial balance is of all shards")
    at = log.head() if moment is None else moment.position
    start, sums = _kept(views)
    if at.id < start.id - at.id:  # nearer to the log's beginning than to where the totals stand
        start, sums = Position(), {}
    _fold_between(log, views, sums, start, at)
    lines = _lines(sums)
    return Totals(position=str(at), totals=lines, balanced=all(line.balanced for line in lines))


def _kept(views: ReadModels) -> tuple[Position, _Sums]:
    """The totals as they are kept, and up to where the log is in them."""
    for _ in range(_TRIES):
        before = views.position("ledger")
        rows = [row for purse in PURSES for row in views.where(TotalRow, purse=purse)]
        if views.position("ledger") == before:
            sums: _Sums = {}
            for row in rows:
                _add(sums, (row.purse, row.asset, _column(row.account_class)), row.amount)
            return before, sums
    raise TotalsMoved


def _fold_between(log: EventLog, views: ReadModels, sums: _Sums, start: Position, at: Position) -> None:
    back = at < start
    purses: dict[str, str] = {}
    for recorded in log.read(after=min(start, at), until=max(start, at), names=_ENTRIES):
        book_id = recorded.stream.removeprefix(BOOK_STREAM)
        if recorded.name == "ledger.book_opened":
            purses[book_id] = recorded.event.purse
            continue
        if book_id not in purses:  # opened before, so its row is there
            purses[book_id] = _purse(views, book_id)
        for leg in recorded.event.postings:
            key = (purses[book_id], leg.asset, _column(account_class(leg.account)))
            _add(sums, key, negate(leg.amount) if back else leg.amount)


def _purse(views: ReadModels, book_id: str) -> str:
    book = views.get(BookRow, book_id)
    if book is None:
        raise TotalsMoved  # its row is not there yet, or is being folded again
    return book.purse


def _column(of_class: str) -> str:
    known = _COLUMNS.get(of_class)
    if known is None:
        head = of_class.partition(":")[0]
        known = head if head in ("revenue", "expense", "equity") else "other"
    return known


def _add(sums: _Sums, key: tuple[str, str, str], amount: Decimal) -> None:
    """At zero there is no key, as the read model has no row."""
    total = add(sums.get(key, ZERO), amount)
    if total:
        sums[key] = total
    else:
        sums.pop(key, None)


def _lines(sums: _Sums) -> list[AssetTotals]:
    by_asset: dict[tuple[str, str], dict[str, Decimal]] = {}
    for (purse, asset, column), amount in sums.items():
        by_asset.setdefault((purse, asset), {})[column] = amount
    return [_line(purse, asset, of) for (purse, asset), of in sorted(by_asset.items())]


def _line(purse: str, asset: str, ledger: Mapping[str, Decimal]) -> AssetTotals:
    total = owed = ZERO
    for column, amount in ledger.items():
        total = add(total, amount)
        if column in ("available", "bots", "held"):
            owed = subtract(owed, amount)
    shown = {"owed": text(owed)}
    for name in AMOUNTS[1:]:
        amount = ledger.get(name, ZERO)
        shown[name] = text(negate(amount) if name in _CREDITS else amount)
    return AssetTotals(purse=purse, asset=shown_asset(asset, purse), balanced=not total, **shown)
