"""Where a statement and our books differ, exactly; what no line explains is a break of its own."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from domain.money import ZERO, Money, add, subtract
from domain.reconciliation.statement import (
    TRADE,
    AccountLine,
    AccountStatement,
    Amounts,
    BookedAccount,
    BookedLine,
    WorkingOrder,
    kind_of,
)

MISSING_HERE, EXTERNAL, MISSING_THERE, DIFFERING, BALANCE, NOT_CLEARED = (
    "missing_here",  # the venue has it, our books don't
    "external",  # the venue has a trade of an order that is not ours
    "missing_there",  # our books have it, the venue doesn't
    "differing",  # both have it, with other amounts
    "balance",  # balances differ by more than the lines explain
    "not_cleared",  # an account of ours that should be at zero is not
)
LOCAL_ONLY, VENUE_ONLY, QUANTITY_DIFFERS = (
    "local_only",  # our books have an order open that the venue has not
    "venue_only",  # the venue has an order open that ours have not, or that is not ours
    "quantity_differs",  # both have it open, with another quantity left
)
ORDER_KINDS = (LOCAL_ONLY, VENUE_ONLY, QUANTITY_DIFFERS)
"""Of open orders: what is here and there is the base quantity left, and no money."""
KINDS = (MISSING_HERE, EXTERNAL, MISSING_THERE, DIFFERING, BALANCE, NOT_CLEARED, *ORDER_KINDS)
LINE_KINDS = frozenset({MISSING_HERE, EXTERNAL, MISSING_THERE, DIFFERING})

ORDER = "order"
_CASE_ID = re.compile(r"case-[0-9a-f]{24}")
_MOMENT = timedelta(microseconds=1)

Monies = tuple[Money, ...]
"""One an asset, by asset; none of them zero."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """One difference. `here` and `there` are what our books and the other side say."""

    key: str  # what it is about: the same again while it lasts
    kind: str
    here: Monies
    there: Monies
    purse: str = ""  # "" for an account that is in none of our books
    book_id: str = ""  # "" where it may concern several books, or none
    owner_id: str = ""
    entry_id: str = ""  # ours
    client_order_id: str = ""
    occurred_at_utc: datetime | None = None

    @property
    def difference(self) -> Monies:
        """What custody lacks to agree with the other side."""
        return monies(less(amounts(self.there), amounts(self.here)))


@dataclass(frozen=True, slots=True)
class Comparison:
    """Of one account: how many lines agree, and what does not."""

    matched: int
    breaks: Sequence[Break]


def compared(
    ours: BookedAccount,
    theirs: AccountStatement,
    *,
    is_ours: Callable[[str], bool],
    known: Sequence[Break] = (),
) -> Comparison:
    """Hold a statement against our side of the account.

    `is_ours` says whether a client order id is one of our orders on it. Where the statement has balances
    alone, `known` breaks of lines explain what they can of a difference.
    """
    found: list[Break] = []
    matched = 0
    if theirs.lines is not None:
        matched = _compare_lines(ours, theirs, theirs.lines, is_ours, found)
    if theirs.balances is not None:
        by_lines = known if theirs.lines is None else found
        found += _unexplained(ours, theirs, theirs.balances, by_lines)
    if theirs.working is not None:
        found += order_breaks(ours, theirs.working)
    return Comparison(matched, sorted(found, key=lambda one: one.key))


def _compare_lines(
    ours: BookedAccount,
    theirs: AccountStatement,
    lines: Sequence[AccountLine],
    is_ours: Callable[[str], bool],
    found: list[Break],
) -> int:
    matched, seen = 0, set[str]()
    for line in lines:
        if line.key in seen:  # told twice
            continue
        seen.add(line.key)
        booked = ours.lines.get(line.key)
        here = _here(ours, line.key, booked)
        if here == _without_zeros(line.moved):
            matched += 1
            continue
        foreign = line.kind == TRADE and not is_ours(line.client_order_id)
        missing = EXTERNAL if foreign else MISSING_HERE
        found.append(
            Break(
                key=line.key,
                kind=missing if booked is None else DIFFERING,
                here=monies(here),
                there=monies(line.moved),
                purse=ours.purse,
                book_id=booked.book_id if booked else ours.book_id,
                owner_id=booked.owner_id if booked else ours.owner_id,
                entry_id=booked.entry_id if booked else "",
                client_order_id=line.client_order_id,
                occurred_at_utc=line.at_utc,
            )
        )
    for key, booked in ours.lines.items():
        if key in seen or not theirs.covers(booked.at_utc) or kind_of(key) not in theirs.kinds:
            continue
        here = _here(ours, key, booked)
        if here:
            found.append(
                Break(
                    key=key,
                    kind=MISSING_THERE,
                    here=monies(here),
                    there=(),
                    purse=ours.purse,
                    book_id=booked.book_id,
                    owner_id=booked.owner_id,
                    entry_id=booked.entry_id,
                    client_order_id=booked.client_order_id,
                    occurred_at_utc=booked.at_utc,
                )
            )
    return matched


def _here(ours: BookedAccount, key: str, booked: BookedLine | None) -> dict[str, Decimal]:
    """What our books say of a line: its entry, and what was posted to suspense for its case."""
    here = dict(_without_zeros(booked.moved)) if booked else {}
    for asset, amount in ours.in_suspense.get(case_id(ours.venue_account, key), {}).items():
        here[asset] = add(here.get(asset, ZERO), amount)
    return _without_zeros(here)


def _unexplained(
    ours: BookedAccount, theirs: AccountStatement, balances: Amounts, by_lines: Sequence[Break]
) -> list[Break]:
    """Per asset: what the balances differ by, less what the lines differ by."""
    left = less(balances, ours.custody)
    for line in by_lines:
        if theirs.is_before_end(line.occurred_at_utc):
            for money in line.difference:
                left[money.asset] = subtract(left.get(money.asset, ZERO), money.amount)
    return [
        Break(
            key=f"{BALANCE}:{asset}",
            kind=BALANCE,
            here=monies({asset: subtract(balances.get(asset, ZERO), amount)}),
            there=monies({asset: balances.get(asset, ZERO)}),
            purse=ours.purse,
            book_id=ours.book_id,
            owner_id=ours.owner_id,
            occurred_at_utc=theirs.until_utc - _MOMENT if theirs.until_utc else None,
        )
        for asset, amount in sorted(left.items())
        if abs(amount) > theirs.dust.get(asset, ZERO)
    ]


def order_breaks(ours: BookedAccount, theirs: Sequence[WorkingOrder]) -> list[Break]:
    """Open orders that only one side has, or with different quantities left. One in doubt is no break."""
    there = {order.client_order_id: order for order in theirs}
    found = []
    for order_id in sorted({*there, *ours.working} - ours.in_doubt):
        here, known = ours.working.get(order_id), there.get(order_id)
        if here is None:
            kind = VENUE_ONLY
        elif known is None:
            kind = LOCAL_ONLY
        elif None not in (here.base_left, known.base_left) and here.base_left != known.base_left:
            kind = QUANTITY_DIFFERS
        else:
            continue
        found.append(
            Break(
                key=f"{ORDER}:{order_id}",
                kind=kind,
                here=_left_of(here),
                there=_left_of(known),
                purse=ours.purse,
                book_id=here.book_id if here else ours.book_id,
                owner_id=here.owner_id if here else ours.owner_id,
                client_order_id=order_id,
            )
        )
    return found


def _left_of(order: WorkingOrder | None) -> Monies:
    if order is None or order.base_left is None:
        return ()
    return monies({order.symbol.partition("/")[0]: order.base_left})


def was_compared(theirs: AccountStatement, found: Break) -> bool:
    """Whether a comparison with that statement would find this break again, if it still were one."""
    if found.kind == NOT_CLEARED:
        return True
    if found.kind == BALANCE:  # balances of an earlier moment say nothing of it
        known_by = theirs.until_utc is None or (
            found.occurred_at_utc is not None and found.occurred_at_utc < theirs.until_utc
        )
        return theirs.balances is not None and known_by
    if found.kind in ORDER_KINDS:
        return theirs.working is not None
    if kind_of(found.key) not in theirs.kinds:
        return False
    return theirs.lines is not None and theirs.covers(found.occurred_at_utc)


def case_id(venue_account: str, key: str) -> str:
    """The id of the case of a break: derived, so that the same break is the same case."""
    return "case-" + hashlib.sha256(f"{venue_account}|{key}".encode()).hexdigest()[:24]


def is_case_id(text: str) -> bool:
    """Whether it can be one: somebody's own "case-7" is none."""
    return _CASE_ID.fullmatch(text) is not None


def monies(by_asset: Amounts) -> Monies:
    return tuple(Money(amount, asset) for asset, amount in sorted(by_asset.items()) if amount)


def amounts(of: Monies) -> dict[str, Decimal]:
    return {money.asset: money.amount for money in of}


def less(left: Amounts, right: Amounts) -> dict[str, Decimal]:
    """left − right, by asset; zeros are left out."""
    after = {asset: subtract(left.get(asset, ZERO), right.get(asset, ZERO)) for asset in {*left, *right}}
    return _without_zeros(after)


def _without_zeros(of: Mapping[str, Decimal]) -> dict[str, Decimal]:
    return {asset: amount for asset, amount in of.items() if amount}
